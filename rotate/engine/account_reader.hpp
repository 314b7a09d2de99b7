// Reads every user slot of one BMC in the kept session, and asks by RAKP 2 which known password opens each account.
#pragma once

#include <asio/awaitable.hpp>
#include <functional>

#include "rotate/core/accounts.hpp"
#include "rotate/engine/account_passwords.hpp"
#include "rotate/engine/bmc_contact.hpp"

namespace bmcvault::rotate {

// §22.24 to §22.29, §24.7: name, state, and the rights on every LAN and serial channel. Some 30 round trips for 16
// slots. kNoAnswer: the kept session was lost; kUnsupported: the BMC does not list its users.
[[nodiscard]] asio::awaitable<Result<AccountTable>> read_accounts(BmcContact& contact);

// State and rights of one slot, read anew on the channels that it was read on before. nullopt: the BMC does not say.
[[nodiscard]] asio::awaitable<std::optional<bool>> shows_way_in(BmcContact& contact, const AccountSlot& before);

// One handshake per name, one after the other: what RAKP 1 refuses costs two round trips, what no candidate opens also
// a wait until the BMC has forgotten the handshake. Names like our own are not asked: the answer would be about us.
[[nodiscard]] asio::awaitable<void> ask_accounts(BmcContact& contact, AccountTable& table,
                                                 const AccountPasswords& known, const OwnAccount& own,
                                                 const std::function<bool(const AccountSlot&)>& wanted);
// The same for one slot.
asio::awaitable<AccountAnswer> ask_account(BmcContact& contact, AccountSlot& slot, const AccountPasswords& known);

}  // namespace bmcvault::rotate
