// Bringing the tables of a vault that an older bmcvault made up to date. Internal to vault/store.
#pragma once

#include <filesystem>

#include "vault/store/keyring.hpp"
#include "vault/store/sqlite.hpp"

namespace bmcvault::vault {

// kUnsupported: made by a newer bmcvault.
[[nodiscard]] Result<int> read_schema_version(Database&);

// All steps that are missing, in one BEGIN IMMEDIATE transaction on a connection of its own: the tables are those of
// the old version or those of the new one, whatever happens in between. Of several processes that come here at once one
// does it, the others wait and find it done. Holding the vault lock shared is enough, as steps only add.
[[nodiscard]] Result<void> migrate(const std::filesystem::path& store_file, const Keyring&);

}  // namespace bmcvault::vault
