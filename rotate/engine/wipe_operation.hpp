// De-provisioning one BMC from start to report.
#pragma once

#include <asio/awaitable.hpp>

#include "rotate/engine/bmc_visit.hpp"

namespace bmcvault::rotate {

// Users and keys wiped, asked for, written down (wipe_record.hpp). Goes on where an earlier run was interrupted.
[[nodiscard]] asio::awaitable<BmcReport> deprovision_bmc(OperationContext& context, const vault::Bmc& bmc);

}  // namespace bmcvault::rotate
