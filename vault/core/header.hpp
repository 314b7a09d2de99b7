// The vault header: a small text file that says which store file is in force and how it can be opened.
// (docs/vault-format.md) Pure: bytes in, bytes out. Parsing trusts nothing: sizes and Argon2 costs are bounded before
// any derivation can run, and only the one canonical spelling of a header is accepted.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "vault/base/bytes.hpp"
#include "vault/base/error.hpp"

namespace bmcvault::vault {

inline constexpr std::size_t kMaxHeaderSize = 256 * 1024;
inline constexpr std::size_t kMaxSlots = 128;
inline constexpr std::size_t kMaxCompartments = 32;
inline constexpr std::size_t kMaxSlotBodySize = 4096;
inline constexpr std::uint64_t kMinArgon2Memory = 64ull << 20;
inline constexpr std::uint64_t kMaxArgon2Memory = 2ull << 30;
inline constexpr std::uint32_t kMinArgon2Operations = 1;
inline constexpr std::uint32_t kMaxArgon2Operations = 16;
inline constexpr std::uint32_t kSqlcipherFormat = 3;
inline constexpr std::uint32_t kPageSize = 4096;
inline constexpr std::uint32_t kReaderVersion = 1;  // what this program understands

using Digest = std::array<std::uint8_t, 32>;
using VaultId = std::array<std::uint8_t, 16>;

// A passphrase slot: Argon2id over salt, and a commitment to the derived key (Poly1305 alone commits to nothing).
struct Argon2idSlot {
    std::uint32_t operations = 0;
    std::uint64_t memory_bytes = 0;
    std::vector<std::uint32_t> compartments;  // granted, ascending, at least one
    std::array<std::uint8_t, 16> salt{};
    Digest commitment{};
    friend bool operator==(const Argon2idSlot&, const Argon2idSlot&) = default;
};

// A slot type of a newer program (x25519, service, shamir): kept byte for byte, never opened.
struct UnknownSlot {
    std::string type;
    std::string arguments;  // all after id=, verbatim
    friend bool operator==(const UnknownSlot&, const UnknownSlot&) = default;
};

struct Slot {
    std::uint32_t number = 0;  // unique in a header, 1 upwards, never reused
    std::string name;          // 1 to 64 of A-Z a-z 0-9 . _ @ + -
    std::variant<Argon2idSlot, UnknownSlot> kind;
    Bytes body;  // the sealed bundle (keys.hpp)
    friend bool operator==(const Slot&, const Slot&) = default;
};

struct Header {
    VaultId vault_id{};
    std::uint64_t generation = 1;
    std::string store_file;  // store-NNNNNN.db of this generation
    std::uint32_t sqlcipher_format = kSqlcipherFormat;
    std::uint32_t page_size = kPageSize;
    std::uint32_t min_reader = kReaderVersion;
    Digest previous_header{};       // BLAKE2b-256 of the header before this one; zero for the first
    std::uint64_t audit_count = 0;  // head of the audit chain when this header was written
    Digest audit_head{};
    std::int64_t created_at = 0;
    std::array<std::uint8_t, 32> admin_public_key{};  // Ed25519
    std::vector<Slot> slots;
    Digest mac{};
    std::array<std::uint8_t, 64> signature{};
    friend bool operator==(const Header&, const Header&) = default;
};

// Whole header file. kDamaged: not a canonical header, a bound broken, or the signature is not the one of the admin key
// in it; kUnsupported: newer format. Whether the header is *ours* is told by check_mac (keys.hpp) after unlocking.
[[nodiscard]] Result<Header> parse_header(std::string_view text);
// As parse_header, without looking at the signature.
[[nodiscard]] Result<Header> parse_unverified_header(std::string_view text);

[[nodiscard]] std::string format_header(const Header&);
// What the MAC covers (all before its line) and what the signature covers (all before its line).
[[nodiscard]] std::string header_text_under_mac(const Header&);
[[nodiscard]] std::string header_text_under_signature(const Header&);

[[nodiscard]] std::string store_file_name(std::uint64_t generation);

}  // namespace bmcvault::vault
