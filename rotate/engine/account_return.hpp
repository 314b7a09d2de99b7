// Our account is gone, locked, renamed, or without its rights: in through another account of the pinned board whose
// password the vault holds, and ours is put right. Asked by RAKP 2 only: no login fails.
#pragma once

#include <asio/awaitable.hpp>
#include <optional>
#include <set>
#include <string>

#include "rotate/core/accounts.hpp"
#include "rotate/engine/account_passwords.hpp"
#include "rotate/engine/bmc_contact.hpp"

namespace bmcvault::rotate {

struct ReturnEnd {
    bool put_right = false;  // everything was taken: what remains is the proof, as our own account
    std::string detail;      // how, or why not; empty: there was no other account to ask
};

class AccountReturn {
public:
    AccountReturn(BmcContact& contact, std::string note);

    // No session is kept afterwards.
    [[nodiscard]] asio::awaitable<ReturnEnd> run();

private:
    [[nodiscard]] asio::awaitable<bool> load();
    [[nodiscard]] asio::awaitable<bool> get_in();
    [[nodiscard]] asio::awaitable<Result<AccountSlot>> find_place();
    [[nodiscard]] asio::awaitable<bool> opens_with_ours(const AccountSlot& slot);
    [[nodiscard]] asio::awaitable<bool> move_to(UserId slot);
    [[nodiscard]] asio::awaitable<ReturnEnd> write();

    BmcContact& contact_;
    std::string note_;
    std::set<std::string> names_;  // of accounts that the vault may have a password for
    AccountPasswords known_;
    std::string helper_;
};

}  // namespace bmcvault::rotate
