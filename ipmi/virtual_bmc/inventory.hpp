// The inventory of a practice fleet as `bmcvault import` reads it. Test passwords: not secrets.
#pragma once

#include <string>
#include <vector>

#include "ipmi/virtual_bmc/virtual_bmc.hpp"

namespace bmcvault::virtual_bmc {

// One line per BMC with its administrator account as configured; addresses[i] belongs to bmcs[i].
[[nodiscard]] std::string inventory_csv(const std::vector<Config>& bmcs, const std::vector<std::string>& addresses,
                                        std::uint16_t port);

}  // namespace bmcvault::virtual_bmc
