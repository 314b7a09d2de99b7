// What was learned of one BMC and of its kind, without secrets: the vault's table `fact`, as values.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rotate/core/accounts.hpp"
#include "vault/core/password_policy.hpp"
#include "vault/store/store.hpp"

namespace bmcvault::rotate {

// "manufacturer/product/firmware", under which the facts of a kind stand; empty when not seen yet.
[[nodiscard]] std::string card_key(const vault::Bmc& bmc);
// Under which those of one BMC stand.
[[nodiscard]] std::string facts_key(const vault::Bmc& bmc);

// Of a kind: how many bytes of a password it really keeps ("16"); whether a K_G that was set can be used.
inline constexpr std::string_view kPasswordSizeFact = "password-size";
inline constexpr std::string_view kAlphabetFact = "password-alphabet";  // "shell-safe": what it refused had @ or !
inline constexpr std::string_view kShellSafeAlphabet = "shell-safe";
inline constexpr std::string_view kKgFact = "k_g";
inline constexpr std::string_view kUsable = "usable";
inline constexpr std::string_view kNotUsable = "not-usable";
inline constexpr std::string_view kMinimumIntervalFact = "minimum-interval";  // whole hours: "24"
inline constexpr std::chrono::hours kLongestInterval{240};  // that a vendor's interface lets one set (Lenovo)
// Of one BMC.
inline constexpr std::string_view kNotBeforeFact = "not-before";        // Unix time: it refused a change before
inline constexpr std::string_view kSuite0Fact = "suite-0";              // "open", "not-offered"
inline constexpr std::string_view kLockOutFact = "lock-out";            // "BAD_PASSWORDS RESET_INTERVAL_S"
inline constexpr std::string_view kSessionSlotsFact = "session-slots";  // how many, by Get Session Info
inline constexpr std::string_view kDueFact = "due";                     // the version that has to be replaced
inline constexpr std::string_view kOfferedFact = "offered";  // two numbers, as in Offered, when it was quarantined
inline constexpr std::string_view kMadePasswordFact = "made-password";  // "CAMPAIGN VERSION", the last that was staged
inline constexpr std::string_view kMadeKgFact = "made-k_g";             // likewise
inline constexpr std::string_view kResetFact = "reset";                 // "unfinished", "settled"
inline constexpr std::string_view kFailedLoginsFact = "failed-logins";  // "COUNT AT": without proof, by us
inline constexpr std::string_view kFormerAccountFact = "former-account";  // "SLOT NAME": ours before adoption

inline constexpr std::string_view kRoleAccountsFact = "role-accounts";  // a line each: "ROLE SLOT PRIVILEGE TURN NAME"

// What was proved now is of another size or shape than what was refused: the next board of this kind is spared the
// detour. Nothing where its kind is not known.
[[nodiscard]] Result<void> learn_refusals(vault::Transaction& transaction, const vault::Bmc& bmc, bool for_its_size,
                                          bool by_policy);

// A BMC refused a change as too early (D5h) so long after the last one: its interval is that many hours at least, for
// they are set in whole hours. nullopt: no interval that can be set explains it.
[[nodiscard]] std::optional<std::chrono::hours> interval_shown_by(std::chrono::seconds since_last_change);
// It is left alone until then; nullopt: nothing is learned of its kind.
[[nodiscard]] Result<void> learn_too_early(vault::Transaction& transaction, const vault::Bmc& bmc, UnixTime not_before,
                                           std::optional<std::chrono::hours> interval);
// A board of this kind took a change so long after the last one: what was known of a longer interval is no longer.
[[nodiscard]] Result<void> learn_change_taken(vault::Transaction& transaction, const vault::Bmc& bmc,
                                              std::chrono::hours known, std::chrono::seconds since_last_change);

// The accounts of ours beside our own one.
[[nodiscard]] std::string role_accounts_text(std::span<const RoleAccount> accounts);
// kDamaged: that is no such text.
[[nodiscard]] Result<std::vector<RoleAccount>> role_accounts_from(std::string_view text);
[[nodiscard]] Result<std::vector<RoleAccount>> role_accounts(const vault::Store& store, const vault::Bmc& bmc);
[[nodiscard]] Result<void> record_role_accounts(vault::Transaction& transaction, const vault::Bmc& bmc,
                                                std::span<const RoleAccount> accounts);
// Those of these that have any.
[[nodiscard]] Result<std::set<BmcId>> with_role_accounts(const vault::Store& store, std::span<const vault::Bmc> bmcs);
// Those of these that have an account which follows.
[[nodiscard]] Result<std::set<BmcId>> with_followers(const vault::Store& store, std::span<const vault::Bmc> bmcs);

// The name of that account; empty: none.
[[nodiscard]] Result<std::string> former_account(const vault::Store& store, const vault::Bmc& bmc);

// Clients of a BMC that were told before a rotation and are owed the word after it (client_hooks.hpp).
[[nodiscard]] Result<void> owe(vault::Transaction& transaction, const vault::Bmc& bmc);
[[nodiscard]] Result<void> no_longer_owed(vault::Transaction& transaction, const vault::Bmc& bmc);
// Those of these whose clients are owed it.
[[nodiscard]] Result<std::vector<vault::Bmc>> owed(const vault::Store& store, std::span<const vault::Bmc> bmcs);

// LAN configuration parameter 26 (§23.1, Table 23-4). Where the BMC did not say: a threshold that is common, and a
// count that is never forgotten.
struct LockOut {
    int bad_passwords = 3;                   // so many lock the account; 0: never
    std::chrono::seconds reset_interval{0};  // after so long they are forgotten; 0: never
};

// A version that was staged by a campaign.
struct MadeBy {
    std::int64_t campaign = 0;
    VersionNumber version;
    friend bool operator==(const MadeBy&, const MadeBy&) = default;
};

// How many candidates a BMC was asked with. Apart, as the history of other BMCs is offered on request only.
struct Offered {
    std::size_t own_and_listed = 0;  // own versions, lists, published defaults
    std::size_t of_other_bmcs = 0;

    [[nodiscard]] bool exceeds(const Offered& other) const {
        return own_and_listed > other.own_and_listed || of_other_bmcs > other.of_other_bmcs;
    }
};

struct LearnedFacts {
    // Two queries. Errors are the store's.
    [[nodiscard]] static Result<LearnedFacts> read(const vault::Store& store, const vault::Bmc& bmc);

    bool keeps_only_16 = false;
    vault::Alphabet alphabet = vault::Alphabet::kFull;  // of new passwords
    std::optional<bool> kind_uses_k_g;
    std::chrono::hours minimum_interval{0};  // between two changes, at least; 0: none was ever refused as too early
    UnixTime not_before;                     // this BMC refused a change before
    std::optional<bool> suite_0_open;        // nullopt: never asked
    LockOut lock_out;
    bool lock_out_is_said = false;  // by the BMC
    int session_slots = 0;          // 0: it did not say
    std::optional<VersionNumber> due_version;
    std::optional<MadeBy> made_password;
    std::optional<MadeBy> made_k_g;
    std::vector<RoleAccount> role_accounts;
    bool reset_unfinished = false;
    int failed_logins = 0;
    UnixTime failed_logins_at;
    Offered offered;  // when it was quarantined
};

}  // namespace bmcvault::rotate
