// What root runs on the server itself to give its BMC the password that the vault has staged.
#pragma once

#include <string>

#include "vault/core/model.hpp"

namespace bmcvault::cli {

// A POSIX script without a secret: the password is the first line of its standard input. It needs root, ipmitool and
// the kernel's driver; it sets name (of an empty slot), password, rights and access of the BMC's account.
[[nodiscard]] std::string rescue_script(const vault::Bmc& bmc, vault::StoredSize size);

}  // namespace bmcvault::cli
