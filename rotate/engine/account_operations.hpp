// One BMC's accounts from start to report: list them, close those that are nobody's, make one of our own.
#pragma once

#include <asio/awaitable.hpp>

#include "rotate/engine/bmc_visit.hpp"

namespace bmcvault::rotate {

// Reads (and asks, unless RunOptions::ask_accounts is off) every account, compares with the accepted table, stores what
// was seen. Changes nothing on the BMC.
[[nodiscard]] asio::awaitable<BmcReport> list_accounts(OperationContext& context, const vault::Bmc& bmc);
// Our own account proved first; then suite 0, anonymous and vendors' accounts are closed and proved closed (I9).
[[nodiscard]] asio::awaitable<BmcReport> secure_accounts(OperationContext& context, const vault::Bmc& bmc);
// After a reset, within the visit that brought our own account back: what secure_accounts() closed there once is closed
// again, and no other account is touched.
[[nodiscard]] asio::awaitable<void> close_accounts_again(OperationContext& context, BmcVisit& visit);
// Accounts that are closed, and whose random password somebody knows who should not, get another one.
[[nodiscard]] asio::awaitable<void> close_exposed_accounts(OperationContext& context, BmcVisit& visit);
// RunOptions::adopted_name in a free slot, proved at ADMINISTRATOR before the vault calls it ours. The account used
// until then stays as it is.
[[nodiscard]] asio::awaitable<BmcReport> adopt_account(OperationContext& context, const vault::Bmc& bmc);

// What `check --accounts` adds, in a kept session: the table as read, and what has changed since it was accepted.
struct AccountDrift {
    AccountTable table;
    std::vector<Finding> findings;
};
[[nodiscard]] asio::awaitable<Result<AccountDrift>> read_drift(BmcContact& contact);

}  // namespace bmcvault::rotate
