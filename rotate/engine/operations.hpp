// One BMC from start to report: rotate, recover, check. (What happens to many is fan_out.hpp.)
#pragma once

#include <asio/awaitable.hpp>
#include <filesystem>
#include <optional>
#include <set>
#include <string>

#include "rotate/core/password_machine.hpp"
#include "rotate/engine/bmc_visit.hpp"
#include "rotate/engine/ports.hpp"

namespace bmcvault::rotate {

// Never throws and never fails as a whole: whatever happened is in the report. Sessions are closed, the per-BMC lock is
// released, the result is stored when it returns.
[[nodiscard]] asio::awaitable<BmcReport> rotate_bmc(OperationContext& context, const vault::Bmc& bmc, Goal goal);
// Before a recovery: the report of a BMC that does not answer. An empty outcome: it does, or was not asked (held,
// busy).
[[nodiscard]] asio::awaitable<BmcReport> ask_for_life(OperationContext& context, const vault::Bmc& bmc);
[[nodiscard]] asio::awaitable<BmcReport> check_bmc(OperationContext& context, const vault::Bmc& bmc);

// What rotate_bmc would do, from the vault alone: nothing is sent.
[[nodiscard]] BmcReport plan_bmc(const vault::Bmc& bmc, const RunOptions& options, Goal goal, UnixTime now);

}  // namespace bmcvault::rotate
