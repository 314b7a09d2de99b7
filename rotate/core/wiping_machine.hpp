// De-provisioning one BMC as a pure function, in the manner of password_machine.hpp. Every password becomes a random
// one before a name is cleared, K_G a random one before it is zero; our own account goes last, and only when the vault
// has written down what was done so far and the password that our account was left with. Then the BMC is asked who
// still gets in. (IPMI++ Security Best Practices §3.8 and §6)
#pragma once

#include <compare>
#include <cstdint>
#include <string_view>
#include <variant>

#include "rotate/core/closing_machine.hpp"

namespace bmcvault::rotate {

struct WipingSituation {
    bool own_was_closing = false;  // the record of an interrupted run says that our account was about to be closed
    bool factory_reset = false;    // by the vendor's own command, before our account is closed
    friend auto operator<=>(const WipingSituation&, const WipingSituation&) = default;
};

struct EnterAsOwn {  // -> OwnEntered
    friend auto operator<=>(const EnterAsOwn&, const EnterAsOwn&) = default;
};
struct ReadAccounts {  // -> AccountsRead
    friend auto operator<=>(const ReadAccounts&, const ReadAccounts&) = default;
};
struct CloseAccount {  // -> AccountClosed. The closing machine: random password, disabled, NO ACCESS, asked
    std::uint8_t index;
    friend auto operator<=>(const CloseAccount&, const CloseAccount&) = default;
};
struct ReplaceKg {  // -> KgReplaced
    friend auto operator<=>(const ReplaceKg&, const ReplaceKg&) = default;
};
struct ClearKg {  // -> Done
    friend auto operator<=>(const ClearKg&, const ClearKg&) = default;
};
struct EraseSettings {  // -> Done
    friend auto operator<=>(const EraseSettings&, const EraseSettings&) = default;
};
struct ClearName {  // -> NameCleared. Of an account that CloseAccount has dealt with
    std::uint8_t index;
    friend auto operator<=>(const ClearName&, const ClearName&) = default;
};
struct RenewOwn {  // -> OwnRenewed. The last password of our account: random, proved, shown to nobody
    friend auto operator<=>(const RenewOwn&, const RenewOwn&) = default;
};
struct RecordWipe {  // -> Stored. All that was done, and that our account is closed next
    friend auto operator<=>(const RecordWipe&, const RecordWipe&) = default;
};
struct ResetToFactory {  // -> ResetSeen. Sent by our account, which is not closed yet: it needs the right to
    friend auto operator<=>(const ResetToFactory&, const ResetToFactory&) = default;
};
struct CloseOwn {  // -> NameCleared. Disabled, NO ACCESS; the name too, unless that is known to revive accounts
    bool clear_name;
    friend auto operator<=>(const CloseOwn&, const CloseOwn&) = default;
};
struct CloseOwnAgain {  // -> Done. Its cleared name brought an account back: the last password again, disabled
    friend auto operator<=>(const CloseOwnAgain&, const CloseOwnAgain&) = default;
};
struct AskEverybody {  // -> EverybodyAsked. RAKP 1 and 2 under every name ever known here
    friend auto operator<=>(const AskEverybody&, const AskEverybody&) = default;
};

enum class WipeResult : std::uint8_t {
    kProved,      // nobody gets in with anything that was ever known
    kStillOpen,   // something that a person may know still opens an account
    kUnproved,    // it could not be asked, or what it says proves nothing
    kUnfinished,  // the run ended on the way: the same command goes on
    kNotDone,     // nothing was changed
    kVaultNotWritten,
};
[[nodiscard]] std::string_view word(WipeResult);

struct WipeFinish {
    WipeResult result;
    friend auto operator<=>(const WipeFinish&, const WipeFinish&) = default;
};

using WipingAction =
    std::variant<EnterAsOwn, ReadAccounts, CloseAccount, ReplaceKg, ClearKg, EraseSettings, ClearName, RenewOwn,
                 RecordWipe, ResetToFactory, CloseOwn, CloseOwnAgain, AskEverybody, WipeFinish>;

struct OwnEntered {
    enum class How : std::uint8_t {
        kIn,       // administrator, with the password that the vault holds, on the pinned board; the session is kept
        kGone,     // it answers, and there is no such account, or its password is none that we gave it
        kOfNoUse,  // it answers, and this account can't be used or is not known to be ours
        kNoAnswer,
    };
    How how;
};
struct AccountsRead {
    bool known;             // false: the BMC does not list them, or the session is lost
    std::uint8_t to_close;  // accounts but our own, by index from 0
    bool k_g_is_set;        // by what the login proved
};
struct AccountClosed {
    ClosingOutcome outcome;
    bool kept_session;
};
struct KgReplaced {
    bool was_replaced;  // random bytes are live and proved
    bool kept_session;
    bool vault_written;
};
struct NameCleared {
    bool revived;  // a name is there again: the factory account's
    bool kept_session;
};
struct OwnRenewed {
    bool proved;
    bool kept_session;
};
struct ResetSeen {
    enum class Own : std::uint8_t {
        kIsIn,             // still as we left it; the session is kept
        kIsGone,           // or has a password of before the wipe
        kSilent,           // the BMC does not answer, or not in a way that shows it
        kVaultNotWritten,  // nothing was sent
    };
    Own own;
};
struct Done {
    bool kept_session;
};
struct EverybodyAsked {
    bool opened;      // by something that a person may know
    bool all_proved;  // every answer proves what it says
};

using WipingEvent = std::variant<OwnEntered, AccountsRead, AccountClosed, KgReplaced, NameCleared, OwnRenewed,
                                 ResetSeen, Done, EverybodyAsked, Stored>;

struct WipingState {
    WipingSituation situation;
    WipingAction asked;
    WipingAction interrupted;  // done again when we are back
    std::uint8_t to_close = 0;
    std::uint8_t returns = 0;
    bool returning = false;
    bool k_g_is_set = false;
    bool names_revive = false;  // a cleared one brought an account back: no other name is cleared
    friend auto operator<=>(const WipingState&, const WipingState&) = default;
};

struct WipingStep {
    WipingState state;
    WipingAction action;
};

// With at most 62 accounts to close, every run ends within.
inline constexpr int kMaxWipingSteps = 300;

[[nodiscard]] WipingStep start(const WipingSituation& situation);
[[nodiscard]] WipingStep step(WipingState state, const WipingEvent& event);

}  // namespace bmcvault::rotate
