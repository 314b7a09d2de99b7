// Which other ways into a BMC change with the password of an IPMI user, and which do not and are seen by nobody over
// IPMI. By manufacturer, with sources in docs/vendor-defaults.md. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace bmcvault::rotate {

// Of a kind, "MANUFACTURER/PRODUCT/FIRMWARE".
[[nodiscard]] std::optional<std::uint32_t> manufacturer_of(std::string_view kind);

// For people. `manufacturer`: the IANA enterprise number of Get Device ID. "Expected": inferred from a source, and not
// seen.
[[nodiscard]] std::string_view other_logins(std::optional<std::uint32_t> manufacturer);

}  // namespace bmcvault::rotate
