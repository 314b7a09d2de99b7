// Makes an account of our own in a free slot: staged first, proved at ADMINISTRATOR, and only then ours. The account
// used until then is not touched (I9). A run that was interrupted goes on in the same slot with the same password.
// Or puts our own account right, in the session of another one.
#pragma once

#include <asio/awaitable.hpp>
#include <optional>
#include <span>
#include <string>

#include "rotate/core/accounts.hpp"
#include "rotate/engine/account_passwords.hpp"
#include "rotate/engine/bmc_contact.hpp"

namespace bmcvault::rotate {

// Where an interrupted run has begun (the slot that carries the name), else a free one.
[[nodiscard]] std::optional<UserId> slot_for_own(const AccountTable& table, std::string_view name);

struct CreationEnd {
    Outcome outcome{};
    std::string detail;
};

class AccountCreation {
public:
    AccountCreation(BmcContact& contact, AccountSlot slot, std::string name, std::string note);

    // Order of writes as every vendor takes it: name, password, enable, privilege limit with messaging, payload access
    // (§22.26 to §22.30, §24.6). A refusal ends it; what is on the BMC then is in the vault as pending.
    [[nodiscard]] asio::awaitable<CreationEnd> run();
    // The same writes for the account that is ours already, with its own pending password: what remains is to prove it,
    // as after any crash. kAdopted: everything was taken.
    [[nodiscard]] asio::awaitable<CreationEnd> put_right();

private:
    struct Step {
        std::string_view name;
        asio::awaitable<std::string> (AccountCreation::*perform)();  // empty: done; else why not
    };
    asio::awaitable<CreationEnd> perform(std::span<const Step> steps);
    asio::awaitable<std::string> stage();
    asio::awaitable<std::string> set_name();
    asio::awaitable<std::string> set_password();
    asio::awaitable<std::string> enable();
    asio::awaitable<std::string> give_rights();
    asio::awaitable<std::string> allow_sol();
    asio::awaitable<std::string> read_back();
    asio::awaitable<std::string> prove();
    asio::awaitable<std::string> take_over();

    asio::awaitable<std::string> send(const ipmi::Request& request, std::string_view what);
    asio::awaitable<std::string> stage_new(vault::StoredSize size);
    [[nodiscard]] asio::awaitable<bool> load();
    [[nodiscard]] const vault::CredentialVersion* staged() const;
    [[nodiscard]] bool is_our_own() const { return subject_.value == vault::Subject::kOwnAccount; }

    BmcContact& contact_;
    AccountSlot slot_;
    std::string name_;
    std::string note_;
    UserId subject_;  // whose password is staged
    AccountPasswords known_;
    std::uint8_t last_code_ = 0;
};

}  // namespace bmcvault::rotate
