// The key chain over libsodium: crypto_kdf (BLAKE2b), XChaCha20-Poly1305, Ed25519.
#include "vault/core/keys.hpp"

#include <sodium.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace bmcvault::vault {
namespace {

constexpr const char* kMasterContext = "bmcvmstr";
constexpr const char* kSlotContext = "bmcvslot";
constexpr const char* kCompartmentContext = "bmcvcomp";
enum MasterSubkey : std::uint64_t {
    kSqlcipherSubkey = 1,
    kHeaderMacSubkey = 2,
    kBackupMacSubkey = 3,
    kStateSubkey = 4
};
enum SlotSubkey : std::uint64_t {
    kBundleSubkey = 1,
    kCommitmentSubkey = 2,
    kExchangeSubkey = 3,
    kSigningSubkey = 4,
    kIdentitySubkey = 5
};
enum CompartmentSubkey : std::uint64_t { kWrapSubkey = 1 };

constexpr std::size_t kCompartmentEntrySize = 4 + 32;
constexpr std::size_t kMaxBundleSize = 64 + kMaxCompartments * kCompartmentEntrySize;

template <std::size_t N>
Secret<N> derive(const Key32& key, const char* context, std::uint64_t id) {
    Secret<N> out;
    key.expose([&](auto from) {
        out.expose_mutable(
            [&](auto to) { BMCVAULT_CHECK(crypto_kdf_derive_from_key(to.data(), N, id, context, from.data()) == 0); });
    });
    return out;
}

Bytes encrypt(ByteView plain, ByteView associated, const Key32& key, const Nonce& nonce) {
    Bytes out(kSealOverhead + plain.size());
    std::ranges::copy(nonce, out.begin());
    key.expose([&](auto k) {
        crypto_aead_xchacha20poly1305_ietf_encrypt(out.data() + nonce.size(), nullptr, plain.data(), plain.size(),
                                                   associated.data(), associated.size(), nullptr, nonce.data(),
                                                   k.data());
    });
    return out;
}

bool decrypt(MutableByteView plain, ByteView sealed, ByteView associated, const Key32& key) {
    BMCVAULT_CHECK(sealed.size() == kSealOverhead + plain.size());
    return key.expose([&](auto k) {
        return crypto_aead_xchacha20poly1305_ietf_decrypt(plain.data(), nullptr, nullptr, sealed.data() + sizeof(Nonce),
                                                          sealed.size() - sizeof(Nonce), associated.data(),
                                                          associated.size(), sealed.data(), k.data()) == 0;
    });
}

std::optional<Key20> open_key20(ByteView sealed, ByteView associated, const Key32& data_key) {
    Key20 secret;
    const bool opened = sealed.size() == kSealOverhead + kKeySize &&
                        secret.expose_mutable([&](auto plain) { return decrypt(plain, sealed, associated, data_key); });
    if (!opened) return std::nullopt;
    return secret;
}

Digest keyed_hash(std::string_view text, const Key32& key) {
    Digest mac{};
    key.expose([&](auto k) {
        crypto_generichash(mac.data(), mac.size(), as_bytes(text).data(), text.size(), k.data(), k.size());
    });
    return mac;
}

Bytes bundle_associated_data(const VaultId& vault_id, std::uint64_t generation, std::uint32_t slot) {
    Bytes out;
    append(out, as_bytes("bmcvault-s1"));
    append(out, vault_id);
    append_u64_le(out, generation);
    append_u32_le(out, slot);
    return out;
}

Bytes data_key_associated_data(const VaultId& vault_id, std::uint32_t compartment, std::uint32_t epoch) {
    Bytes out;
    append(out, as_bytes("bmcvault-k1"));
    append(out, vault_id);
    append_u32_le(out, compartment);
    append_u32_le(out, epoch);
    return out;
}

std::array<std::uint8_t, 4> u32_le(std::uint32_t value) {
    return {static_cast<std::uint8_t>(value), static_cast<std::uint8_t>(value >> 8),
            static_cast<std::uint8_t>(value >> 16), static_cast<std::uint8_t>(value >> 24)};
}

using ExchangeKey = std::array<std::uint8_t, crypto_scalarmult_BYTES>;

// The key that two X25519 keys have in common, bound to both public halves. nullopt: a public key of small order.
std::optional<Key32> exchanged_key(const Key32& secret, const ExchangeKey& theirs, const ExchangeKey& sender,
                                   const ExchangeKey& receiver) {
    Key32 shared;
    const bool agreed = shared.expose_mutable([&](auto out) {
        return secret.expose([&](auto own) { return crypto_scalarmult(out.data(), own.data(), theirs.data()) == 0; });
    });
    if (!agreed) return std::nullopt;
    Bytes both;
    append(both, as_bytes("bmcvault-x1"));
    append(both, sender);
    append(both, receiver);
    Key32 key;
    key.expose_mutable([&](auto out) {
        shared.expose([&](auto with) {
            crypto_generichash(out.data(), out.size(), both.data(), both.size(), with.data(), with.size());
        });
    });
    return key;
}

using SigningKey = Secret<crypto_sign_SECRETKEYBYTES>;
using SigningPublicKey = std::array<std::uint8_t, crypto_sign_PUBLICKEYBYTES>;

SigningKey signing_key(const Key32& seed, SigningPublicKey& public_key) {
    SigningKey key;
    key.expose_mutable([&](auto to) {
        seed.expose([&](auto from) { crypto_sign_seed_keypair(public_key.data(), to.data(), from.data()); });
    });
    return key;
}

Key32 key_at(ByteView bytes, std::size_t offset) {
    return Key32(bytes.subspan(offset).first<32>());
}

std::unexpected<Error> slot_damaged() {
    return fail(ErrorCode::kDamaged, "vault header: the slot's keys do not verify");
}

Result<Bundle> open_body(const Slot& slot, ByteView body, const Key32& slot_key, const VaultId& vault_id,
                         std::uint64_t generation) {
    const auto& granted = compartments_of(slot);
    const auto size = 64 + granted.size() * kCompartmentEntrySize;
    if (body.size() != size + kSealOverhead) return slot_damaged();
    Secret<kMaxBundleSize> plain;
    return plain.expose_mutable([&](auto all) -> Result<Bundle> {
        const auto bytes = all.first(size);
        if (!decrypt(bytes, body, bundle_associated_data(vault_id, generation, slot.number),
                     derive<32>(slot_key, kSlotContext, kBundleSubkey)))
            return slot_damaged();
        Bundle bundle{key_at(bytes, 0), key_at(bytes, 32), {}};
        for (std::size_t i = 0; i < granted.size(); ++i) {
            const auto entry = bytes.subspan(64 + i * kCompartmentEntrySize, kCompartmentEntrySize);
            if (!std::ranges::equal(entry.first(4), u32_le(granted[i]))) return slot_damaged();
            bundle.compartments.push_back({granted[i], key_at(entry, 4)});
        }
        return bundle;
    });
}

}  // namespace

SigningPublicKey signing_public_key(const Key32& seed) {
    SigningPublicKey public_key{};
    const auto secret = signing_key(seed, public_key);
    return public_key;
}

Bytes endorsed_bytes(const VaultId& vault_id, std::uint64_t generation, const SigningPublicKey& admin_public_key) {
    Bytes out;
    append(out, as_bytes("bmcvault-e1"));
    append(out, vault_id);
    append_u64_le(out, generation);
    append(out, admin_public_key);
    return out;
}

Bundle Bundle::clone() const {
    Bundle copy{master_key.clone(), signing_seed.clone(), {}};
    for (const auto& entry : compartments) copy.compartments.push_back({entry.compartment, entry.key.clone()});
    return copy;
}

Digest slot_commitment(const Key32& slot_key) {
    Digest digest{};
    derive<32>(slot_key, kSlotContext, kCommitmentSubkey).expose([&](auto key) {
        std::ranges::copy(key, digest.begin());
    });
    return digest;
}

Bytes seal_bundle(const Bundle& bundle, const Key32& slot_key, const VaultId& vault_id, std::uint64_t generation,
                  std::uint32_t slot, const Nonce& nonce) {
    BMCVAULT_CHECK(bundle.compartments.size() <= kMaxCompartments);
    Secret<kMaxBundleSize> plain;
    return plain.expose_mutable([&](auto bytes) {
        std::size_t size = 0;
        const auto put = [&](ByteView part) {
            std::ranges::copy(part, bytes.begin() + static_cast<std::ptrdiff_t>(size));
            size += part.size();
        };
        bundle.master_key.expose(put);
        bundle.signing_seed.expose(put);
        for (const auto& entry : bundle.compartments) {
            put(u32_le(entry.compartment));
            entry.key.expose(put);
        }
        return encrypt(ByteView(bytes).first(size), bundle_associated_data(vault_id, generation, slot),
                       derive<32>(slot_key, kSlotContext, kBundleSubkey), nonce);
    });
}

PublicKeys public_keys(const IdentityKeys& identity) {
    PublicKeys keys;
    identity.exchange.expose([&](auto secret) { crypto_scalarmult_base(keys.exchange.data(), secret.data()); });
    keys.signing = signing_public_key(identity.signing);
    return keys;
}

IdentityKeys identity_of_slot_key(const Key32& slot_key) {
    return {derive<32>(slot_key, kSlotContext, kExchangeSubkey), derive<32>(slot_key, kSlotContext, kSigningSubkey)};
}

Bytes seal_secrets(const IdentityKeys& identity, ByteView associated, const Key32& slot_key, const Nonce& nonce) {
    Secret<64> plain;
    return plain.expose_mutable([&](auto bytes) {
        identity.exchange.expose([&](auto key) { std::ranges::copy(key, bytes.begin()); });
        identity.signing.expose([&](auto key) { std::ranges::copy(key, bytes.begin() + 32); });
        return encrypt(bytes, associated, derive<32>(slot_key, kSlotContext, kIdentitySubkey), nonce);
    });
}

Result<IdentityKeys> open_secrets(ByteView sealed, ByteView associated, const Key32& slot_key) {
    Secret<64> plain;
    return plain.expose_mutable([&](auto bytes) -> Result<IdentityKeys> {
        if (sealed.size() != kSealOverhead + bytes.size() ||
            !decrypt(bytes, sealed, associated, derive<32>(slot_key, kSlotContext, kIdentitySubkey)))
            return fail(ErrorCode::kDamaged, "sealed keys do not verify");
        return IdentityKeys{key_at(bytes, 0), key_at(bytes, 32)};
    });
}

Signature sign(ByteView message, const Key32& signing_seed) {
    std::array<std::uint8_t, 32> ignored{};
    Signature signature{};
    signing_key(signing_seed, ignored).expose([&](auto key) {
        crypto_sign_detached(signature.data(), nullptr, message.data(), message.size(), key.data());
    });
    return signature;
}

bool verify_signature(ByteView message, const Signature& signature, const std::array<std::uint8_t, 32>& public_key) {
    return crypto_sign_verify_detached(signature.data(), message.data(), message.size(), public_key.data()) == 0;
}

Bytes seal_bundle_to(const Bundle& bundle, const PublicKeys& to, const Key32& ephemeral, const VaultId& vault_id,
                     std::uint64_t generation, std::uint32_t slot, const Nonce& nonce) {
    ExchangeKey sender{};
    ephemeral.expose([&](auto secret) { crypto_scalarmult_base(sender.data(), secret.data()); });
    const auto key = exchanged_key(ephemeral, to.exchange, sender, to.exchange);
    BMCVAULT_CHECK(key.has_value());
    Bytes body(sender.begin(), sender.end());
    append(body, seal_bundle(bundle, *key, vault_id, generation, slot, nonce));
    return body;
}

Result<Bundle> open_bundle(const Slot& slot, const IdentityKeys& identity, const VaultId& vault_id,
                           std::uint64_t generation) {
    if (slot.body.size() < sizeof(ExchangeKey)) return slot_damaged();
    ExchangeKey sender{};
    std::copy_n(slot.body.begin(), sender.size(), sender.begin());
    const auto key = exchanged_key(identity.exchange, sender, sender, public_keys(identity).exchange);
    if (!key) return slot_damaged();
    return open_body(slot, ByteView(slot.body).subspan(sender.size()), *key, vault_id, generation);
}

Result<Bundle> open_bundle(const Slot& slot, const Key32& slot_key, const VaultId& vault_id, std::uint64_t generation) {
    return open_body(slot, slot.body, slot_key, vault_id, generation);
}

Secret<kSqlcipherKeySize> derive_sqlcipher_key(const Key32& master_key) {
    return derive<kSqlcipherKeySize>(master_key, kMasterContext, kSqlcipherSubkey);
}

Key32 derive_state_key(const Key32& master_key) {
    return derive<32>(master_key, kMasterContext, kStateSubkey);
}

Digest header_mac(const Header& header, const Key32& master_key) {
    return keyed_hash(header_text_under_mac(header), derive<32>(master_key, kMasterContext, kHeaderMacSubkey));
}

Digest backup_mac(std::string_view text, const Key32& master_key) {
    return keyed_hash(text, derive<32>(master_key, kMasterContext, kBackupMacSubkey));
}

bool check_mac(const Header& header, const Key32& master_key) {
    return sodium_memcmp(header.mac.data(), header_mac(header, master_key).data(), header.mac.size()) == 0;
}

Digest header_digest(const Header& header) {
    const auto text = format_header(header);
    Digest digest{};
    crypto_generichash(digest.data(), digest.size(), as_bytes(text).data(), text.size(), nullptr, 0);
    return digest;
}

void authenticate_header(Header& header, const Key32& master_key, const Key32& signing_seed) {
    header.admin_public_key = signing_public_key(signing_seed);
    header.mac = header_mac(header, master_key);
    header.signature = sign(as_bytes(header_text_under_signature(header)), signing_seed);
}

bool signs_for(const Header& header, const Key32& signing_seed) {
    return signing_public_key(signing_seed) == header.admin_public_key;
}

Bytes wrap_data_key(const Key32& data_key, const Key32& compartment_key, const VaultId& vault_id,
                    std::uint32_t compartment, std::uint32_t epoch, const Nonce& nonce) {
    return data_key.expose([&](auto plain) {
        return encrypt(plain, data_key_associated_data(vault_id, compartment, epoch),
                       derive<32>(compartment_key, kCompartmentContext, kWrapSubkey), nonce);
    });
}

Result<Key32> unwrap_data_key(ByteView wrapped, const Key32& compartment_key, const VaultId& vault_id,
                              std::uint32_t compartment, std::uint32_t epoch) {
    Key32 data_key;
    const bool opened = wrapped.size() == kSealOverhead + Key32::kSize && data_key.expose_mutable([&](auto plain) {
        return decrypt(plain, wrapped, data_key_associated_data(vault_id, compartment, epoch),
                       derive<32>(compartment_key, kCompartmentContext, kWrapSubkey));
    });
    if (!opened) return fail(ErrorCode::kDamaged, "a wrapped data key does not verify");
    return data_key;
}

Bytes associated_data(const SealContext& context) {
    Bytes out;
    append(out, as_bytes("bmcvault-c1"));
    append(out, context.vault_id);
    append(out, context.bmc.uuid);
    append_u32_le(out, static_cast<std::uint32_t>(context.subject.kind));
    append_u32_le(out, context.subject.index);
    append_u32_le(out, context.version.value);
    append_u32_le(out, context.epoch);
    return out;
}

Bytes associated_data(const ListSealContext& context) {
    Bytes out;
    append(out, as_bytes("bmcvault-l1"));
    append(out, context.vault_id);
    append_u32_le(out, context.list);
    append_u32_le(out, context.entry);
    append_u32_le(out, context.epoch);
    return out;
}

Bytes seal(const Key20& secret, const SealContext& context, const Key32& data_key, const Nonce& nonce) {
    return secret.expose([&](auto plain) { return encrypt(plain, associated_data(context), data_key, nonce); });
}

Bytes seal(const Key20& secret, const ListSealContext& context, const Key32& data_key, const Nonce& nonce) {
    return secret.expose([&](auto plain) { return encrypt(plain, associated_data(context), data_key, nonce); });
}

Result<Key20> unseal(ByteView sealed, const SealContext& context, const Key32& data_key) {
    auto secret = open_key20(sealed, associated_data(context), data_key);
    if (!secret) return fail(ErrorCode::kDamaged, "a sealed credential does not verify");
    return std::move(*secret);
}

Result<Key20> unseal(ByteView sealed, const ListSealContext& context, const Key32& data_key) {
    auto secret = open_key20(sealed, associated_data(context), data_key);
    if (!secret) return fail(ErrorCode::kDamaged, "a sealed password of a list does not verify");
    return std::move(*secret);
}

}  // namespace bmcvault::vault
