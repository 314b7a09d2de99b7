// Around a rotation: who is told, and who is still owed it. That a BMC's clients are owed the second call is written
// down before the first one is made, so that a run that dies in between is made up for by the next one.
#pragma once

#include <asio/awaitable.hpp>

#include "rotate/engine/bmc_visit.hpp"

namespace bmcvault::rotate {

// Both do nothing without hooks. An error of before: nothing may be sent to this BMC.
[[nodiscard]] asio::awaitable<Result<void>> tell_before(OperationContext& context, const vault::Bmc& bmc);
[[nodiscard]] asio::awaitable<Result<void>> tell_after(OperationContext& context, const vault::Bmc& bmc,
                                                       const BmcReport& report);

// What is owed to the clients of one BMC, from the vault alone. The report's outcome is empty when they know now, or
// when another process is at work on it.
[[nodiscard]] asio::awaitable<BmcReport> tell_owed(OperationContext& context, const vault::Bmc& bmc);

}  // namespace bmcvault::rotate
