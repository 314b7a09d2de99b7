// Sealed values under other keys: when BMCs move to another compartment, and in a new generation. Internal to
// vault/store.
#pragma once

#include <functional>

#include "vault/store/keyring.hpp"
#include "vault/store/sqlite.hpp"

namespace bmcvault::vault {

struct NewSeal {
    const Key32* key = nullptr;  // borrowed
    std::uint32_t epoch = 0;     // above every epoch before
};
using NewSealOf = std::function<NewSeal(std::uint32_t compartment)>;

// Every version of one BMC; with its compartment's old keys.
[[nodiscard]] Result<void> reseal_bmc(Database&, const Keyring& before, BmcId bmc, const NewSeal& after);
// Every version of every BMC and every listed password, in the open transaction.
[[nodiscard]] Result<void> reseal_all(Database&, const Keyring& before, const NewSealOf& after);
// The epoch that comes after all that were.
[[nodiscard]] Result<std::uint32_t> next_epoch(Database&);

}  // namespace bmcvault::vault
