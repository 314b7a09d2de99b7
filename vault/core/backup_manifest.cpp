#include "vault/core/backup_manifest.hpp"

#include <fmt/format.h>
#include <sodium.h>

#include "vault/core/line_reader.hpp"

namespace bmcvault::vault {
namespace {

constexpr std::string_view kMagic = "bmcvault-backup/1";

std::string text_under_mac(const BackupManifest& manifest) {
    return fmt::format(
        "{}\nvault-id {}\ngeneration {}\naudit-count {}\naudit-head {}\ntaken {}\nheader-size {}\nheader {}\n"
        "store-size {}\nstore {}\n",
        kMagic, to_base64(manifest.vault_id), manifest.generation, manifest.audit_count, to_base64(manifest.audit_head),
        manifest.taken_at, manifest.header_size, to_base64(manifest.header_digest), manifest.store_size,
        to_base64(manifest.store_digest));
}

}  // namespace

Result<BackupManifest> parse_manifest(std::string_view text) {
    BackupManifest manifest;
    LineReader reader("backup", text);
    if (const auto magic = reader.line(); magic != kMagic) {
        const bool newer = magic.starts_with("bmcvault-backup/");
        reader.mistake(newer ? "another version of the backup format" : "not a backup of a bmcvault vault",
                       newer ? ErrorCode::kUnsupported : ErrorCode::kDamaged);
    }
    manifest.vault_id = reader.fixed_bytes<16>(reader.value_of("vault-id "));
    manifest.generation = reader.number<std::uint64_t>(reader.value_of("generation "));
    manifest.audit_count = reader.number<std::uint64_t>(reader.value_of("audit-count "));
    manifest.audit_head = reader.fixed_bytes<32>(reader.value_of("audit-head "));
    manifest.taken_at = reader.number<std::int64_t>(reader.value_of("taken "));
    manifest.header_size = reader.number<std::uint64_t>(reader.value_of("header-size "));
    manifest.header_digest = reader.fixed_bytes<32>(reader.value_of("header "));
    manifest.store_size = reader.number<std::uint64_t>(reader.value_of("store-size "));
    manifest.store_digest = reader.fixed_bytes<32>(reader.value_of("store "));
    manifest.mac = reader.fixed_bytes<32>(reader.value_of("--- mac "));
    if (!reader.failed() && (manifest.header_size > kMaxHeaderSize || manifest.store_size % kPageSize != 0))
        reader.mistake("the sizes can not be");
    if (reader.failed()) return reader.error();
    if (!text.starts_with(format_manifest(manifest)))
        return fail(ErrorCode::kDamaged, "backup: the manifest is not in canonical form");
    return manifest;
}

std::string format_manifest(const BackupManifest& manifest) {
    return fmt::format("{}--- mac {}\n", text_under_mac(manifest), to_base64(manifest.mac));
}

void authenticate_manifest(BackupManifest& manifest, const Key32& master_key) {
    manifest.mac = backup_mac(text_under_mac(manifest), master_key);
}

bool check_mac(const BackupManifest& manifest, const Key32& master_key) {
    const auto expected = backup_mac(text_under_mac(manifest), master_key);
    return sodium_memcmp(manifest.mac.data(), expected.data(), expected.size()) == 0;
}

}  // namespace bmcvault::vault
