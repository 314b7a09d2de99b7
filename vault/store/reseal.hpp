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
// One sealed value, with its compartment's old keys; `context` has the old epoch.
[[nodiscard]] Result<Bytes> seal_anew(const Keyring& before, std::uint32_t compartment, const SealContext& context,
                                      ByteView sealed, const NewSeal& after);
[[nodiscard]] Result<Bytes> seal_anew(const Keyring& before, std::uint32_t compartment, const ListSealContext& context,
                                      ByteView sealed, const NewSeal& after);
// The epoch that comes after all that were.
[[nodiscard]] Result<std::uint32_t> next_epoch(Database&);

}  // namespace bmcvault::vault
