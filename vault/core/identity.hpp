// The identity file of a member, and the public line that is given to an owner of the vault. (docs/vault-format.md)
// The file is on the member's machine; what it protects is sealed under a passphrase of its own. Pure.
#pragma once

#include <string>
#include <string_view>

#include "vault/core/header.hpp"
#include "vault/core/keys.hpp"

namespace bmcvault::vault {

inline constexpr std::size_t kMaxIdentitySize = 2048;

struct IdentityFile {
    Argon2idSlot kdf;  // its cost, salt and commitment; compartments and keys stay empty
    PublicKeys keys;
    Bytes sealed;  // both secret keys
    friend bool operator==(const IdentityFile&, const IdentityFile&) = default;
};

// kDamaged: not canonical, or a cost outside the bounds; kUnsupported: a newer format.
[[nodiscard]] Result<IdentityFile> parse_identity(std::string_view text);
[[nodiscard]] std::string format_identity(const IdentityFile&);

[[nodiscard]] Bytes seal_identity(const IdentityKeys&, const Key32& slot_key, const Nonce&);
// kDamaged when the secrets are not those of the file's public keys.
[[nodiscard]] Result<IdentityKeys> open_identity(const IdentityFile&, const Key32& slot_key);

// One line: "bmcvault-member/1 pk=... sign=... proof=...", the proof being a signature over both keys.
[[nodiscard]] std::string format_public_line(const IdentityKeys&);
[[nodiscard]] Result<PublicKeys> parse_public_line(std::string_view text);
// To be compared over another way than the file came: 32 hexadecimal digits in groups of four.
[[nodiscard]] std::string fingerprint(const PublicKeys&);

}  // namespace bmcvault::vault
