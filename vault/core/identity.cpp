#include "vault/core/identity.hpp"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>

#include "vault/core/line_reader.hpp"

namespace bmcvault::vault {
namespace {

constexpr std::size_t kSecretsSize = 64;

Bytes both(std::string_view label, const PublicKeys& keys) {
    Bytes out;
    append(out, as_bytes(label));
    append(out, keys.exchange);
    append(out, keys.signing);
    return out;
}

constexpr std::string_view kProofLabel = "bmcvault-p1";

std::string public_line(const PublicKeys& keys, const Signature& proof) {
    return fmt::format("bmcvault-member/1 pk={} sign={} proof={}\n", to_base64(keys.exchange), to_base64(keys.signing),
                       to_base64(proof));
}

std::string_view next_word(std::string_view& rest) {
    const auto end = std::min(rest.find(' '), rest.size());
    const auto word = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return word;
}

std::string_view value(LineReader& reader, std::string_view& rest, std::string_view key) {
    const auto word = next_word(rest);
    if (!word.starts_with(key)) {
        reader.mistake(fmt::format("\"{}\" expected", key));
        return {};
    }
    return word.substr(key.size());
}

Argon2idSlot read_kdf(LineReader& reader) {
    Argon2idSlot kdf;
    auto rest = reader.value_of("kdf argon2id ");
    kdf.operations = reader.number<std::uint32_t>(value(reader, rest, "ops="));
    kdf.memory_bytes = reader.number<std::uint64_t>(value(reader, rest, "mem="));
    kdf.salt = reader.fixed_bytes<16>(value(reader, rest, "salt="));
    kdf.commitment = reader.fixed_bytes<32>(value(reader, rest, "commit="));
    if (kdf.operations < kMinArgon2Operations || kdf.operations > kMaxArgon2Operations ||
        kdf.memory_bytes < kMinArgon2Memory || kdf.memory_bytes > kMaxArgon2Memory)
        reader.mistake("Argon2 cost outside 64 MiB to 2 GiB and 1 to 16 operations");
    return kdf;
}

}  // namespace

Result<IdentityFile> parse_identity(std::string_view text) {
    IdentityFile file;
    LineReader reader("identity file", text.substr(0, kMaxIdentitySize));
    if (const auto magic = reader.line(); magic != "bmcvault-identity/1") {
        const bool newer = magic.starts_with("bmcvault-identity/");
        reader.mistake(newer ? "another version of the format" : "not a bmcvault identity",
                       newer ? ErrorCode::kUnsupported : ErrorCode::kDamaged);
    }
    file.kdf = read_kdf(reader);
    file.keys.exchange = reader.fixed_bytes<32>(reader.value_of("x25519 "));
    file.keys.signing = reader.fixed_bytes<32>(reader.value_of("ed25519 "));
    const auto sealed = reader.fixed_bytes<kSealOverhead + kSecretsSize>(reader.value_of("sealed "));
    file.sealed.assign(sealed.begin(), sealed.end());
    if (reader.failed()) return reader.error();
    if (format_identity(file) != text) return fail(ErrorCode::kDamaged, "identity file: not in canonical form");
    return file;
}

std::string format_identity(const IdentityFile& file) {
    return fmt::format(
        "bmcvault-identity/1\nkdf argon2id ops={} mem={} salt={} commit={}\nx25519 {}\ned25519 {}\nsealed {}\n",
        file.kdf.operations, file.kdf.memory_bytes, to_base64(file.kdf.salt), to_base64(file.kdf.commitment),
        to_base64(file.keys.exchange), to_base64(file.keys.signing), to_base64(file.sealed));
}

Bytes seal_identity(const IdentityKeys& identity, const Key32& slot_key, const Nonce& nonce) {
    return seal_secrets(identity, both("bmcvault-i1", public_keys(identity)), slot_key, nonce);
}

Result<IdentityKeys> open_identity(const IdentityFile& file, const Key32& slot_key) {
    auto identity = open_secrets(file.sealed, both("bmcvault-i1", file.keys), slot_key);
    if (!identity || public_keys(*identity) != file.keys)
        return fail(ErrorCode::kDamaged, "identity file: its keys do not verify");
    return identity;
}

std::string format_public_line(const IdentityKeys& identity) {
    const auto keys = public_keys(identity);
    return public_line(keys, sign(both(kProofLabel, keys), identity.signing));
}

Result<PublicKeys> parse_public_line(std::string_view text) {
    LineReader reader("public key", text);
    auto rest = reader.value_of("bmcvault-member/1 ");
    PublicKeys keys;
    keys.exchange = reader.fixed_bytes<32>(value(reader, rest, "pk="));
    keys.signing = reader.fixed_bytes<32>(value(reader, rest, "sign="));
    const auto proof = reader.fixed_bytes<64>(value(reader, rest, "proof="));
    if (reader.failed()) return reader.error();
    if (public_line(keys, proof) != text || !verify_signature(both(kProofLabel, keys), proof, keys.signing))
        return fail(ErrorCode::kDamaged, "public key: it was changed on its way");
    return keys;
}

std::string fingerprint(const PublicKeys& keys) {
    std::array<std::uint8_t, 16> digest{};
    const auto bytes = both("bmcvault-f1", keys);
    crypto_generichash(digest.data(), digest.size(), bytes.data(), bytes.size(), nullptr, 0);
    const auto hex = to_hex(digest);
    std::string groups;
    for (std::size_t i = 0; i < hex.size(); i += 4) groups += (i == 0 ? "" : " ") + hex.substr(i, 4);
    return groups;
}

}  // namespace bmcvault::vault
