// A vault opened with keys that are known already: deriving them is what takes most of the time of an opening.
#pragma once

#include <filesystem>
#include <memory>

#include "vault/store/keyring.hpp"
#include "vault/store/store.hpp"

namespace bmcvault::vault::test {

// As Store::open, but without a head.
[[nodiscard]] Result<std::unique_ptr<Store>> open_unlocked(const std::filesystem::path& directory, Header header,
                                                           const Unlocked& unlocked);
// The slot of these keys.
[[nodiscard]] Result<Unlocked> unlock_slot(const Header& header, const IdentityKeys& identity);

}  // namespace bmcvault::vault::test
