// From a slot to the sealed credentials: the key chain of the vault, as functions of bytes. (docs/vault-format.md)
//
//   slot key --opens--> bundle {master key, signing seed, compartment keys}
//   master key --> SQLCipher key and salt, header MAC        compartment key --> wrapped data key (by epoch) -->
//   secrets
// Pure: nonces and salts come in as values. Argon2id itself, which needs time and memory, is in vault/store.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "vault/base/ids.hpp"
#include "vault/base/secret.hpp"
#include "vault/core/header.hpp"
#include "vault/core/model.hpp"

namespace bmcvault::vault {

using Key32 = Secret<32>;
using Nonce = std::array<std::uint8_t, 24>;  // XChaCha20-Poly1305: random ones never repeat

inline constexpr std::size_t kSealOverhead = sizeof(Nonce) + 16;
inline constexpr std::size_t kSqlcipherKeySize = 48;  // AES key 32, file salt 16

struct CompartmentKey {
    std::uint32_t compartment = 0;
    Key32 key;
};

// What a slot opens. An all-zero signing seed: this slot may not sign headers.
struct Bundle {
    Key32 master_key;
    Key32 signing_seed;                        // Ed25519
    std::vector<CompartmentKey> compartments;  // ascending

    [[nodiscard]] Bundle clone() const;
};

[[nodiscard]] Digest slot_commitment(const Key32& slot_key);
// Body of a slot: nonce, then master key || signing seed || (u32 compartment || key)*, sealed, bound to vault,
// generation and slot number.
[[nodiscard]] Bytes seal_bundle(const Bundle&, const Key32& slot_key, const VaultId&, std::uint64_t generation,
                                std::uint32_t slot, const Nonce&);
// The secret half of an identity.
struct IdentityKeys {
    Key32 exchange;  // X25519
    Key32 signing;   // Ed25519 seed

    [[nodiscard]] IdentityKeys clone() const { return {exchange.clone(), signing.clone()}; }
};
[[nodiscard]] PublicKeys public_keys(const IdentityKeys&);
// Those of a passphrase slot come from the key derived from the passphrase.
[[nodiscard]] IdentityKeys identity_of_slot_key(const Key32& slot_key);
// The same body sealed to a public key, behind the public half of `ephemeral`, which is used once.
[[nodiscard]] Bytes seal_bundle_to(const Bundle&, const PublicKeys&, const Key32& ephemeral, const VaultId&,
                                   std::uint64_t generation, std::uint32_t slot, const Nonce&);
[[nodiscard]] Result<Bundle> open_bundle(const Slot&, const IdentityKeys&, const VaultId&, std::uint64_t generation);

// Both secret keys under a key derived from the passphrase of an identity file.
[[nodiscard]] Bytes seal_secrets(const IdentityKeys&, ByteView associated, const Key32& slot_key, const Nonce&);
[[nodiscard]] Result<IdentityKeys> open_secrets(ByteView sealed, ByteView associated, const Key32& slot_key);

using Signature = std::array<std::uint8_t, 64>;
[[nodiscard]] Signature sign(ByteView message, const Key32& signing_seed);  // Ed25519
[[nodiscard]] bool verify_signature(ByteView message, const Signature&, const std::array<std::uint8_t, 32>& public_key);

// kDamaged when the body is not this slot's or does not hold exactly the compartments the slot was granted.
[[nodiscard]] Result<Bundle> open_bundle(const Slot&, const Key32& slot_key, const VaultId&, std::uint64_t generation);

[[nodiscard]] Secret<kSqlcipherKeySize> derive_sqlcipher_key(const Key32& master_key);
[[nodiscard]] Key32 derive_state_key(const Key32& master_key);  // of state_root.hpp
[[nodiscard]] Digest header_mac(const Header&, const Key32& master_key);
[[nodiscard]] bool check_mac(const Header&, const Key32& master_key);  // constant time
// Of the first lines of a backup (backup_manifest.hpp).
[[nodiscard]] Digest header_digest(const Header&);  // BLAKE2b-256 of the whole file: prev-header of the next one
[[nodiscard]] Digest backup_mac(std::string_view text, const Key32& master_key);
// Fills in admin_public_key, mac and signature.
void authenticate_header(Header&, const Key32& master_key, const Key32& signing_seed);
// What the administrator's key of one generation signs of the next one: "bmcvault-e1" || vault id || u64 generation of
// the next key || that key.
[[nodiscard]] Bytes endorsed_bytes(const VaultId&, std::uint64_t generation,
                                   const std::array<std::uint8_t, 32>& admin_public_key);
[[nodiscard]] std::array<std::uint8_t, 32> signing_public_key(const Key32& seed);
// The administrator's key in the header belongs to this seed.
[[nodiscard]] bool signs_for(const Header&, const Key32& signing_seed);

[[nodiscard]] Bytes wrap_data_key(const Key32& data_key, const Key32& compartment_key, const VaultId&,
                                  std::uint32_t compartment, std::uint32_t epoch, const Nonce&);
[[nodiscard]] Result<Key32> unwrap_data_key(ByteView wrapped, const Key32& compartment_key, const VaultId&,
                                            std::uint32_t compartment, std::uint32_t epoch);

// What a sealed credential is bound to: it opens nowhere else.
struct SealContext {
    VaultId vault_id{};
    BmcId bmc;
    Subject subject;
    VersionNumber version;
    std::uint32_t epoch = 0;
};
[[nodiscard]] Bytes associated_data(const SealContext&);
[[nodiscard]] Bytes seal(const Key20&, const SealContext&, const Key32& data_key, const Nonce&);
[[nodiscard]] Result<Key20> unseal(ByteView sealed, const SealContext&, const Key32& data_key);

// The same for a password of a list, which belongs to no BMC.
struct ListSealContext {
    VaultId vault_id{};
    std::uint32_t list = 0;
    std::uint32_t entry = 0;
    std::uint32_t epoch = 0;
};
[[nodiscard]] Bytes associated_data(const ListSealContext&);
[[nodiscard]] Bytes seal(const Key20&, const ListSealContext&, const Key32& data_key, const Nonce&);
[[nodiscard]] Result<Key20> unseal(ByteView sealed, const ListSealContext&, const Key32& data_key);

}  // namespace bmcvault::vault
