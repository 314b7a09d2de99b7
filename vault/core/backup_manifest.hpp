// The first lines of a backup: what it holds, how long each part is, and a MAC that only the vault's keys make. Header
// and store follow it as they are. (docs/vault-format.md) Pure.
#pragma once

#include <string>
#include <string_view>

#include "vault/core/header.hpp"
#include "vault/core/keys.hpp"

namespace bmcvault::vault {

inline constexpr std::size_t kMaxManifestSize = 1024;

struct BackupManifest {
    VaultId vault_id{};
    std::uint64_t generation = 1;
    std::uint64_t audit_count = 0;  // head of the audit chain in this backup
    Digest audit_head{};
    std::int64_t taken_at = 0;  // seconds since 1970
    std::uint64_t header_size = 0;
    Digest header_digest{};  // BLAKE2b-256
    std::uint64_t store_size = 0;
    Digest store_digest{};
    Digest mac{};
    friend bool operator==(const BackupManifest&, const BackupManifest&) = default;
};

// The manifest at the beginning of `text`, which may go on. kDamaged; kUnsupported: a newer format. Whether it is one
// of *our* vault is told by check_mac after unlocking.
[[nodiscard]] Result<BackupManifest> parse_manifest(std::string_view text);
[[nodiscard]] std::string format_manifest(const BackupManifest&);
void authenticate_manifest(BackupManifest&, const Key32& master_key);
[[nodiscard]] bool check_mac(const BackupManifest&, const Key32& master_key);  // constant time

}  // namespace bmcvault::vault
