// A rotation of a BMC that has a spare: two accounts of ours at ADMINISTRATOR take turns, so that at every instant one
// of both opens the BMC with a password that its clients know. First the spare gets a fresh password, in the session of
// our own account, is proved, and is our own account from then on. When the clients have been told, the other one
// follows: it gets a fresh password, too, and is the spare.
#pragma once

#include <asio/awaitable.hpp>
#include <functional>
#include <optional>
#include <string>

#include "rotate/engine/account_passwords.hpp"
#include "rotate/engine/password_rotation.hpp"

namespace bmcvault::rotate {

class Alternation {
public:
    // `clients_know`: what our own account is now; nobody waits to be told since an earlier run.
    Alternation(BmcContact& contact, std::string note, bool clients_know)
        : contact_(contact), note_(std::move(note)), clients_know_(clients_know) {}

    // nullopt: there is no spare, or the turn can't be made now: our own account is changed alone (PasswordRotation).
    // The kept session stays open. What this campaign has begun, before a crash, is not begun again.
    [[nodiscard]] asio::awaitable<std::optional<PasswordEnd>> change();

    // Durable: accounts of that role have to follow. False: it was not written.
    [[nodiscard]] asio::awaitable<bool> mark_followers(AccountRole role);
    // The same of a spare whose password is older than that of our own account, which was changed alone.
    [[nodiscard]] asio::awaitable<bool> mark_older_spare();

    // Accounts of that role that have still to follow get a fresh password each, in a session of our own account.
    // Empty: done, or none; else why not, for people. Where the vault could be read no session is left open.
    [[nodiscard]] asio::awaitable<std::string> follow(AccountRole role);

    // A login as each account beside our own one. Empty: the vault's password opens all of them, and none has to
    // follow; else which do not, for people.
    [[nodiscard]] asio::awaitable<std::string> check();

private:
    [[nodiscard]] asio::awaitable<std::string> check_one(const RoleAccount& account, const AccountPasswords& known);
    [[nodiscard]] asio::awaitable<bool> log_in();
    [[nodiscard]] asio::awaitable<std::string> renew(RoleAccount account);
    [[nodiscard]] asio::awaitable<std::optional<AccountSlot>> find_slot(const RoleAccount& account);
    [[nodiscard]] asio::awaitable<bool> is_ready_for_a_turn();
    [[nodiscard]] asio::awaitable<bool> mark(const std::function<bool(const RoleAccount&)>& wanted);

    BmcContact& contact_;
    std::string note_;
    bool clients_know_;
    Seen seen_;
    std::string why_not_;
};

}  // namespace bmcvault::rotate
