// Every user slot of a BMC as values: who could get in, what has changed since a person accepted the table, what has to
// be closed. Pure. (IPMI 2.0 §6.9, §22.26 to §22.30; IPMI++ Security Best Practices §4.7 to §4.10)
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ipmi/spec/spec.hpp"
#include "rotate/core/words.hpp"
#include "vault/base/ids.hpp"

namespace bmcvault::rotate {

struct ChannelRights {
    Channel channel;
    ipmi::ChannelMedium medium = ipmi::ChannelMedium::kLan8023;
    ipmi::PrivilegeLevel privilege_limit = ipmi::PrivilegeLevel::kNoAccess;
    bool ipmi_messaging = false;
    bool link_authentication = false;
    bool callback_only = false;
    std::optional<bool> sol{};  // Serial over LAN allowed; nullopt: the BMC does not say
    friend bool operator==(const ChannelRights&, const ChannelRights&) = default;
};

// Whose password opened the account, as RAKP 2 named it.
struct OpenedBy {
    enum class Source : std::uint8_t {
        kNothing,        // the null password
        kVendorDefault,  // a published one
        kOurs,           // made by bmcvault for this very account
        kElsewhere,      // of another account or BMC, or of an imported list
    };
    Source source{};
    std::string label;  // "default of Dell", "version 3 of slot 4"; never a secret
    friend bool operator==(const OpenedBy&, const OpenedBy&) = default;
};

struct AccountSlot {
    UserId id;
    std::optional<std::string> name;  // nullopt: the BMC refuses to say, as many do for an empty slot
    std::optional<bool> enabled;      // nullopt: "unspecified"
    bool fixed_name = false;
    std::vector<ChannelRights> channels;
    std::optional<Answer> asked;        // by RAKP 2, under this name; nullopt: not asked
    std::optional<OpenedBy> opened_by;  // kMatched
    friend bool operator==(const AccountSlot&, const AccountSlot&) = default;
};

struct AccountTable {
    bool anonymous_login = false;      // what Get Channel Authentication Capabilities says; it lies on some boards
    std::optional<bool> suite_0_open;  // nullopt: not asked
    std::vector<AccountSlot> slots;    // by id
    friend bool operator==(const AccountTable&, const AccountTable&) = default;
};

// What an account is for that bmcvault keeps on a BMC beside our own one.
enum class AccountRole : std::uint8_t {
    kSpare,    // ADMINISTRATOR: takes turns with our own account, so that one of both stays as it is in a rotation
    kMonitor,  // USER or OPERATOR: for programs that look at sensors
};
struct RoleAccount {
    AccountRole role{};
    UserId slot;
    std::string name;  // as why_not_a_user_name() allows
    ipmi::PrivilegeLevel privilege = ipmi::PrivilegeLevel::kAdministrator;
    bool follows = false;  // a rotation was begun, and its password has still to be changed
    friend bool operator==(const RoleAccount&, const RoleAccount&) = default;
};
[[nodiscard]] std::string_view word(AccountRole role);  // "spare"
[[nodiscard]] std::optional<AccountRole> account_role_from(std::string_view text);
// Null: none of that name.
[[nodiscard]] const RoleAccount* find_named(std::span<const RoleAccount> accounts, std::string_view name);
// Null: none of that role.
[[nodiscard]] const RoleAccount* find_role(std::span<const RoleAccount> accounts, AccountRole role);

// Our own account and those beside it, which are never targets.
struct OwnAccount {
    UserId id;
    std::string name;
    std::map<UserId, std::string> beside{};  // a slot is ours as long as it bears the name that we gave it

    [[nodiscard]] bool is_ours(const AccountSlot& slot) const;
};

[[nodiscard]] bool has_null_name(const AccountSlot& slot);
[[nodiscard]] bool is_empty(const AccountSlot& slot);  // no name, and no way in
// By what the BMC says of its rights: enabled (or unspecified), with messaging and a privilege on a session channel.
[[nodiscard]] bool has_a_way_in(const AccountSlot& slot);
[[nodiscard]] bool is_vendor_name(std::string_view name);  // of the table in docs/vendor-defaults.md
// Highest limit over all channels where messages are allowed; nullopt: none.
[[nodiscard]] std::optional<ipmi::PrivilegeLevel> highest_privilege(const AccountSlot& slot);

enum class FindingKind : std::uint8_t {
    kAnonymousLogin,
    kVendorAccount,
    kDefaultPassword,
    kKnownPassword,
    kDisabledButOpen,
    kDuplicateName,
    kSuite0Open,
    kOwnIsVendorAccount,  // a hint: no reason for attention
    // since the table was accepted
    kNewAccount,
    kAccountGone,
    kRenamed,
    kEnabledAgain,
    kPrivilegeRaised,
    kRightsChanged,
    kPasswordChanged,
};

struct Finding {
    FindingKind kind{};
    std::optional<UserId> slot;
    std::string detail;  // never a secret
    friend bool operator==(const Finding&, const Finding&) = default;
};

[[nodiscard]] std::string_view word(FindingKind kind);       // "anonymous-login"
[[nodiscard]] std::string_view next_step(FindingKind kind);  // what a person does next
[[nodiscard]] bool needs_attention(FindingKind kind);
[[nodiscard]] bool is_drift(FindingKind kind);

// What is wrong with the table as it is.
[[nodiscard]] std::vector<Finding> findings_in(const AccountTable& seen, const OwnAccount& own);
// What has changed. Our own slot's password is bmcvault's business, not drift.
[[nodiscard]] std::vector<Finding> drift_between(const AccountTable& accepted, const AccountTable& seen,
                                                 const OwnAccount& own);

struct ClosingChoice {
    std::set<std::string> keep;  // names that stay as they are
    bool close_unknown = false;  // named accounts that are nobody's default, too
};

// An anonymous or a vendor's account, or whatever else is chosen; never our own, nor one that carries our own name:
// what a handshake would say of that is about ours (I9).
[[nodiscard]] bool may_be_closed(const AccountSlot& slot, const OwnAccount& own, const ClosingChoice& choice);
// Those of them that are not shown to be closed already.
[[nodiscard]] std::vector<AccountSlot> slots_to_close(const AccountTable& seen, const OwnAccount& own,
                                                      const ClosingChoice& choice);

// Neither ours nor to be closed nor kept by choice, and not shown to be shut to those who know what the vault knows: a
// known password opens it, or it has not answered (locked by somebody's guesses, no session slot, a name twice).
[[nodiscard]] std::vector<AccountSlot> left_open(const AccountTable& seen, const OwnAccount& own,
                                                 const ClosingChoice& choice);

// A slot for a new account: the lowest without name and without a way in, from 2 up. nullopt: all are taken.
[[nodiscard]] std::optional<UserId> free_slot(const AccountTable& seen);

// Where one of ours beside our own account is, or is to be made again: a reset takes accounts away.
struct RolePlace {
    std::optional<UserId> slot;
    std::string why_not;  // without a slot
};
[[nodiscard]] RolePlace place_of(const AccountTable& seen, const RoleAccount& account);

// Our account opens nowhere, or has lost its rights: through another account of the board it can be put right.
[[nodiscard]] bool may_be_put_right(Answer answer, bool administrator);

// Where our account is, or is to be made again.
struct OwnPlace {
    std::optional<UserId> certain;  // it bears our name, or nobody's
    std::optional<UserId> renamed;  // our slot, under another name: ours only where our password opens it
    bool ambiguous = false;         // several slots bear our name
};
// `helper`: the name of the account that we are in as; its slots are left alone (I9).
[[nodiscard]] OwnPlace place_of_own(const AccountTable& seen, std::optional<UserId> own, std::string_view name,
                                    std::string_view helper);

// At most 16 bytes, a letter first, then letters, digits, '_' and '-': what every vendor takes. Empty: fine; else why
// not.
[[nodiscard]] std::string_view why_not_a_user_name(std::string_view name);

}  // namespace bmcvault::rotate
