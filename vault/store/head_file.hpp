// The head file of this host, HEADS/VAULT-ID, and where the vault is that it goes on with, HEADS/VAULT-ID.place.
// Internal to vault/store.
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
    // The directory that keep_place was given last; empty: not known. A copy of the vault elsewhere is told by it.
    [[nodiscard]] std::filesystem::path place() const;
    [[nodiscard]] Result<void> keep_place(const std::filesystem::path& vault_directory) const;

private:
    [[nodiscard]] Result<void> write(const Head&, bool even_if_older) const;

    std::filesystem::path directory_;
    std::filesystem::path file_;
    std::filesystem::path place_;
};

}  // namespace bmcvault::vault
