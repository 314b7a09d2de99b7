// Published default accounts, with their sources in docs/vendor-defaults.md. Not secrets: they stand in manuals.
#pragma once

#include <span>
#include <string_view>

namespace bmcvault::rotate {

struct VendorDefault {
    std::string_view vendor;     // as people say it
    std::string_view user_name;  // at most 16 bytes
    std::string_view published;  // the password: at most 20 bytes
};

[[nodiscard]] std::span<const VendorDefault> vendor_defaults();

}  // namespace bmcvault::rotate
