// What an audit record can be of. docs/audit-log.md says of each what was done.
#pragma once

#include <span>
#include <string_view>

namespace bmcvault::vault {

// In alphabetical order.
[[nodiscard]] std::span<const std::string_view> audit_events();

}  // namespace bmcvault::vault
