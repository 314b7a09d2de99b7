// The tables of one vault generation, and the triggers that keep their rules whoever writes.
#pragma once

namespace bmcvault::vault {

inline constexpr int kSchemaVersion = 1;
inline constexpr unsigned kDefaultCompartment = 1;
inline constexpr unsigned kFirstEpoch = 1;

[[nodiscard]] const char* schema_sql();

}  // namespace bmcvault::vault
