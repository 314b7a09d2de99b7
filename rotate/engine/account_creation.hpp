// Makes an account of ours in a free slot, or gives one of ours a fresh password: staged first, proved by a login of
// its own, and only then counted on. The account that we are in as is not touched (I9). A run that was interrupted goes
// on in the same slot with the same password. Or puts our own account right, in the session of another one.
#pragma once

#include <asio/awaitable.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "rotate/core/accounts.hpp"
#include "rotate/engine/account_passwords.hpp"
#include "rotate/engine/bmc_contact.hpp"

namespace bmcvault::rotate {

// Where an interrupted run has begun (the slot that carries the name), else a free one.
[[nodiscard]] std::optional<UserId> slot_for(const AccountTable& table, std::string_view name);

struct CreationEnd {
    Outcome outcome{};
    std::string detail;
    bool has_written = false;  // to the slot, or tried to
};

struct AccountToMake {
    AccountSlot slot;  // as it was read
    std::string name;
    ipmi::PrivilegeLevel privilege = ipmi::PrivilegeLevel::kAdministrator;
    bool is_ours = false;  // one of contact.role_accounts(): its name is no stranger's, and its password is replaced
    // The accounts beside our own one when this is done, for the vault. nullopt: they stay as they are.
    std::optional<std::vector<RoleAccount>> beside{};
    std::optional<UserId> former_slot{};  // where it was before: what the vault has of that one is not live any more
};

class AccountCreation {
public:
    AccountCreation(BmcContact& contact, AccountToMake account, std::string note);

    // Order of writes as every vendor takes it: name, password, both read back, enable, privilege limit with messaging,
    // payload access (§22.26 to §22.30, §24.6). A refusal ends it; what is on the BMC then is in the vault as pending.
    // make_own: the account is our own one from then on, and the kept session is one of it.
    [[nodiscard]] asio::awaitable<CreationEnd> make_own();
    // It stands beside our own one, in whose session it was made.
    [[nodiscard]] asio::awaitable<CreationEnd> make_beside();
    // The same writes for the account that is ours already, with its own pending password: what remains is to prove it,
    // as after any crash. kAdopted: everything was taken.
    [[nodiscard]] asio::awaitable<CreationEnd> put_right();

    // make_own: what the login of the new own account showed.
    [[nodiscard]] Seen& seen() { return seen_; }

private:
    struct Step {
        std::string_view name;
        asio::awaitable<std::string> (AccountCreation::*perform)();  // empty: done; else why not
    };
    asio::awaitable<CreationEnd> make(Step last);
    asio::awaitable<CreationEnd> perform(std::span<const Step> steps);
    asio::awaitable<std::string> stage();
    asio::awaitable<std::string> set_name();
    asio::awaitable<std::string> set_password();
    asio::awaitable<std::string> enable();
    asio::awaitable<std::string> give_rights();
    asio::awaitable<std::string> allow_sol();
    asio::awaitable<std::string> read_back();
    asio::awaitable<std::string> prove();
    asio::awaitable<std::string> log_in_as_it();
    asio::awaitable<std::string> take_over();
    asio::awaitable<std::string> stand_beside();
    Result<void> settle(vault::Transaction& transaction) const;
    Result<void> keep_former(vault::Transaction& transaction) const;

    asio::awaitable<std::string> send(const ipmi::Request& request, std::string_view what);
    asio::awaitable<std::string> stage_new(vault::StoredSize size);
    [[nodiscard]] asio::awaitable<bool> load();
    asio::awaitable<std::string> send_password();
    asio::awaitable<void> abandon_what_is_not_held();
    asio::awaitable<std::string> stage_another(vault::StoredSize size, std::string_view why);
    [[nodiscard]] const vault::CredentialVersion* staged() const;
    [[nodiscard]] bool is_of_no_use(const vault::CredentialVersion& pending) const;
    [[nodiscard]] bool own_went_back() const;
    [[nodiscard]] bool is_refuted() const;
    [[nodiscard]] bool has_its_rights(const ChannelRights& rights) const;
    [[nodiscard]] bool is_our_own() const { return subject_.value == vault::Subject::kOwnAccount; }

    BmcContact& contact_;
    AccountToMake account_;
    std::string note_;
    UserId subject_;  // whose password is staged
    AccountPasswords known_;
    Seen seen_;
    std::uint8_t last_code_ = 0;
    vault::Alphabet alphabet_;
    bool has_written_ = false;
    bool refused_by_policy_ = false;
    bool refused_for_its_size_ = false;
    bool lost_its_rights_ = false;
    bool keeps_less_ = false;  // the BMC stored another password than 20 bytes that were sent
};

}  // namespace bmcvault::rotate
