// All rows of one store into the empty file of the next generation. Internal to vault/store.
#pragma once

#include <functional>

#include "vault/store/keyring.hpp"
#include "vault/store/reseal.hpp"
#include "vault/store/sqlite.hpp"

namespace bmcvault::vault {

struct CopyStore {
    const Keyring& before;
    NewSealOf after;
    std::function<bool(const BmcId&)> keeps_seals;  // of a BMC whose versions are to be destroyed
};

// Before the transaction: what the tables of `from` have kept of their rows is not asked again for each of them.
[[nodiscard]] Result<void> begin_copy(Database& to);
// In the open transaction of `to`: the tables, each row with its credential sealed anew on the way, the older audit
// records in packs, then the triggers. The root is left to sum_rows_anew(). kDamaged: what was read is not the state
// that the last audit record speaks of.
[[nodiscard]] Result<void> copy_store(Database& from, Database& to, const CopyStore& how);

}  // namespace bmcvault::vault
