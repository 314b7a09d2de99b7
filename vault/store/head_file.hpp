// The head file of this host: HEADS/VAULT-ID, beside a lock. Internal to vault/store.
#pragma once

#include <filesystem>
#include <optional>

#include "vault/core/head.hpp"

namespace bmcvault::vault {

class HeadFile {
public:
    HeadFile(std::filesystem::path directory, const VaultId& vault_id);

    // nullopt: nothing seen yet. kDamaged, kUnsafeFile: there is one that can't be trusted.
    [[nodiscard]] Result<std::optional<Head>> read() const;
    // Keeps the later of the two, also against other processes. Makes the directory (0700) where there is none.
    [[nodiscard]] Result<void> advance(const Head&) const;
    // Whatever stands there: a person has accepted this state of the vault.
    [[nodiscard]] Result<void> reset(const Head&) const;

private:
    [[nodiscard]] Result<void> write(const Head&, bool even_if_older) const;

    std::filesystem::path directory_;
    std::filesystem::path file_;
};

}  // namespace bmcvault::vault
