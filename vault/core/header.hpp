// The vault header: a small text file that says which store file is in force and how it can be opened.
// (docs/vault-format.md) Pure: bytes in, bytes out. Parsing trusts nothing: sizes and Argon2 costs are bounded before
// any derivation can run, and only the one canonical spelling of a header is accepted.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
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
inline constexpr std::uint32_t kReaderVersion = 2;  // what this program understands: 2 has slots with public keys

using Digest = std::array<std::uint8_t, 32>;
using VaultId = std::array<std::uint8_t, 16>;

enum class Role : std::uint8_t {
    kOwner,     // everything; holds the signing seed and every compartment
    kOperator,  // works with the BMCs of the compartments granted
    kAuditor,   // looks, and opens no credential
};
[[nodiscard]] std::string_view to_word(Role);
[[nodiscard]] std::optional<Role> role_from_word(std::string_view);

// Whom a slot is sealed to, and who signs with it.
struct PublicKeys {
    std::array<std::uint8_t, 32> exchange{};  // X25519
    std::array<std::uint8_t, 32> signing{};   // Ed25519
    friend bool operator==(const PublicKeys&, const PublicKeys&) = default;
};

// A passphrase slot: Argon2id over salt, and a commitment to the derived key (Poly1305 alone commits to nothing).
struct Argon2idSlot {
    std::uint32_t operations = 0;
    std::uint64_t memory_bytes = 0;
    std::vector<std::uint32_t> compartments;  // granted, ascending, at least one
    std::array<std::uint8_t, 16> salt{};
    Digest commitment{};
    // Made from the derived key: others can seal to the slot without knowing the passphrase. The first vaults had none;
    // their slot body is sealed under the derived key itself.
    std::optional<PublicKeys> keys{};
    friend bool operator==(const Argon2idSlot&, const Argon2idSlot&) = default;
};

// A slot that the identity file of a person ("x25519") or of a program ("service") opens.
struct MemberSlot {
    bool service = false;
    Role role = Role::kOperator;
    std::vector<std::uint32_t> compartments;  // granted, ascending; none for an auditor
    PublicKeys keys;
    friend bool operator==(const MemberSlot&, const MemberSlot&) = default;
};

inline constexpr std::uint32_t kMinThreshold = 2;
inline constexpr std::uint32_t kMaxShares = 16;

// A slot that a random key opens of which nobody has more than a share. (share.hpp) Its keys come from that key as
// those of a passphrase slot do, so it is sealed anew without the shares.
struct BreakGlassSlot {
    std::uint32_t threshold = 0;              // so many shares open it ...
    std::uint32_t shares = 0;                 // ... of so many
    std::vector<std::uint32_t> compartments;  // granted, ascending, at least one
    PublicKeys keys;
    friend bool operator==(const BreakGlassSlot&, const BreakGlassSlot&) = default;
};

// A slot type of a newer program (tpm2): kept byte for byte, never opened.
struct UnknownSlot {
    std::string type;
    std::string arguments;  // all after id=, verbatim
    friend bool operator==(const UnknownSlot&, const UnknownSlot&) = default;
};

struct Slot {
    std::uint32_t number = 0;  // unique in a header, 1 upwards, never reused
    std::string name;          // 1 to 64 of A-Z a-z 0-9 . _ @ + -
    std::variant<Argon2idSlot, MemberSlot, BreakGlassSlot, UnknownSlot> kind;
    Bytes body;  // the sealed bundle (keys.hpp)
    friend bool operator==(const Slot&, const Slot&) = default;
};

struct Header {
    VaultId vault_id{};
    std::uint64_t generation = 1;
    std::string store_file;  // store-NNNNNN.db of this generation
    std::uint32_t sqlcipher_format = kSqlcipherFormat;
    std::uint32_t page_size = kPageSize;
    std::uint32_t min_reader = 1;
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

// "argon2id", "x25519", "service", "break-glass", or what a newer program calls it.
[[nodiscard]] std::string_view slot_type(const Slot&);
[[nodiscard]] Role role_of(const Slot&);  // a passphrase or shares open the vault as an owner
[[nodiscard]] const std::vector<std::uint32_t>& compartments_of(const Slot&);
[[nodiscard]] const PublicKeys* public_keys_of(const Slot&);   // null: it has none
[[nodiscard]] const Slot* break_glass_slot_of(const Header&);  // null: there is none
// 1 to 64 of A-Z a-z 0-9 . _ @ + -
[[nodiscard]] bool is_slot_name(std::string_view);

[[nodiscard]] std::string store_file_name(std::uint64_t generation);

}  // namespace bmcvault::vault
