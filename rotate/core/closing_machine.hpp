// Closing one account slot as a pure function, in the manner of password_machine.hpp: its password becomes a random one
// that the vault holds first (I1), the user is disabled, every channel gets NO ACCESS without messaging; that is read
// back; then a handshake as that account shows whether it is closed, and another one that we still get in (I9). The
// name stays: a cleared one has been seen to bring the factory account back. (IPMI 2.0 §22.26, §22.27, §22.30)
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

#include "rotate/core/password_machine.hpp"

namespace bmcvault::rotate {

struct ClosingSituation {
    std::optional<VersionNumber> pending;  // of this slot: staged by an interrupted run, sent again (I2)
    std::uint8_t channels = 1;             // on which the slot has rights to lose: at least 1
    bool small_first = false;              // the card says that this kind keeps 16 bytes
    friend auto operator<=>(const ClosingSituation&, const ClosingSituation&) = default;
};

struct StageSlot {  // -> Staged
    vault::StoredSize size;
    friend auto operator<=>(const StageSlot&, const StageSlot&) = default;
};
struct SetSlotPassword {  // -> Told
    VersionNumber version;
    friend auto operator<=>(const SetSlotPassword&, const SetSlotPassword&) = default;
};
struct TestSlotPassword {  // -> Told: kRefused says that the BMC does not hold it
    VersionNumber version;
    friend auto operator<=>(const TestSlotPassword&, const TestSlotPassword&) = default;
};
struct DisableSlot {  // -> Told
    friend auto operator<=>(const DisableSlot&, const DisableSlot&) = default;
};
struct CloseChannel {  // -> Told. Messaging off and the lowest limit: NO ACCESS, or CALLBACK where that is refused
    std::uint8_t index;
    bool callback;
    friend auto operator<=>(const CloseChannel&, const CloseChannel&) = default;
};
struct ReadSlot {  // -> SlotRead
    friend auto operator<=>(const ReadSlot&, const ReadSlot&) = default;
};
struct CommitSlot {  // -> Stored. Only what a handshake has named, or what keeps people out of an account that is
                     // closed
    VersionNumber version;
    friend auto operator<=>(const CommitSlot&, const CommitSlot&) = default;
};
struct AbandonSlot {  // -> Stored
    VersionNumber version;
    friend auto operator<=>(const AbandonSlot&, const AbandonSlot&) = default;
};
struct AskSlot {  // -> SlotAsked: does any password that anybody may know still open it?
    friend auto operator<=>(const AskSlot&, const AskSlot&) = default;
};
struct ReturnToOwn {  // -> OwnSeen: the kept session is lost; log in anew as ourselves, and keep that one
    friend auto operator<=>(const ReturnToOwn&, const ReturnToOwn&) = default;
};
struct LookAtOwn {  // -> OwnSeen: a fresh handshake as ourselves; the kept session stays
    friend auto operator<=>(const LookAtOwn&, const LookAtOwn&) = default;
};
struct ReopenSlot {  // -> Told: rights and state as they were; the random password stays
    friend auto operator<=>(const ReopenSlot&, const ReopenSlot&) = default;
};

enum class ClosingOutcome : std::uint8_t {
    kClosed,     // the BMC shows no way in and refuses the account, and we still get in
    kOnlyOurs,   // it still answers for the account, but only the random password that the vault holds opens it
    kStillOpen,  // a password that others know still opens it
    kUnproved,   // everything was sent; the BMC could not be asked, or what it said proves nothing
    kUndone,     // closing it took our own account away: it was opened again
    kOwnLost,    // ... and we do not get in any more: a person is needed at once
    kVaultNotWritten,
    kUnreachable,
};
[[nodiscard]] std::string_view word(ClosingOutcome);
struct ClosingFinish {
    ClosingOutcome outcome;
    friend auto operator<=>(const ClosingFinish&, const ClosingFinish&) = default;
};

using ClosingAction = std::variant<StageSlot, SetSlotPassword, TestSlotPassword, DisableSlot, CloseChannel, ReadSlot,
                                   CommitSlot, AbandonSlot, AskSlot, ReturnToOwn, LookAtOwn, ReopenSlot, ClosingFinish>;

enum class Telling : std::uint8_t { kDone, kRefused, kRefusedSize, kNoReply };
struct Told {
    Telling result;
    bool kept_session;
};
struct SlotRead {
    std::optional<bool> way_in;  // by state and rights; nullopt: the BMC does not say
    bool kept_session;
};
struct SlotAsked {
    Answer answer{};
    bool by_ours = false;                    // kMatched: with a version that was made for this slot, in whatever form
    std::optional<VersionNumber> version{};  // ... which one, where its bytes are exactly those that the vault holds
    friend auto operator<=>(const SlotAsked&, const SlotAsked&) = default;
};
struct OwnSeen {
    bool administrator = false;
    bool answered = true;  // false: nothing was heard, and nothing is known
    bool kept_session = false;
};

using ClosingEvent = std::variant<Staged, Told, Stored, SlotRead, SlotAsked, OwnSeen>;

struct ClosingState {
    ClosingSituation situation;
    ClosingAction asked;
    ClosingAction interrupted;  // done again when we are back
    std::optional<VersionNumber> version;
    std::uint8_t returns = 0;
    bool last_value = false;  // no other password is made for this slot
    bool reopened = false;
    bool tested = false;               // the BMC says that it holds `version`
    bool disabled = false;             // ... or so the BMC said
    std::uint8_t channels_closed = 0;  // likewise
    std::optional<bool> way_in{};      // as it was read back
    SlotAsked heard{};
    friend auto operator<=>(const ClosingState&, const ClosingState&) = default;
};

struct ClosingStep {
    ClosingState state;
    ClosingAction action;
};

inline constexpr int kMaxClosingSteps = 50;  // for at most 12 channels; every run ends within

[[nodiscard]] ClosingStep start(const ClosingSituation& situation);
[[nodiscard]] ClosingStep step(ClosingState state, const ClosingEvent& event);

}  // namespace bmcvault::rotate
