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
enum MasterSubkey : std::uint64_t { kSqlcipherSubkey = 1, kHeaderMacSubkey = 2, kBackupMacSubkey = 3 };
enum SlotSubkey : std::uint64_t { kBundleSubkey = 1, kCommitmentSubkey = 2 };
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

Key32 key_at(ByteView bytes, std::size_t offset) {
    return Key32(bytes.subspan(offset).first<32>());
}

}  // namespace

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
    BMCVAULT_CHECK(!bundle.compartments.empty() && bundle.compartments.size() <= kMaxCompartments);
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

Result<Bundle> open_bundle(const Slot& slot, const Key32& slot_key, const VaultId& vault_id, std::uint64_t generation) {
    const auto* argon2id = std::get_if<Argon2idSlot>(&slot.kind);
    BMCVAULT_CHECK(argon2id != nullptr);
    const auto size = 64 + argon2id->compartments.size() * kCompartmentEntrySize;
    const auto damaged = [&] { return fail(ErrorCode::kDamaged, "vault header: the slot's keys do not verify"); };
    if (slot.body.size() != size + kSealOverhead) return damaged();
    Secret<kMaxBundleSize> plain;
    return plain.expose_mutable([&](auto all) -> Result<Bundle> {
        const auto bytes = all.first(size);
        if (!decrypt(bytes, slot.body, bundle_associated_data(vault_id, generation, slot.number),
                     derive<32>(slot_key, kSlotContext, kBundleSubkey)))
            return damaged();
        Bundle bundle{key_at(bytes, 0), key_at(bytes, 32), {}};
        for (std::size_t i = 0; i < argon2id->compartments.size(); ++i) {
            const auto entry = bytes.subspan(64 + i * kCompartmentEntrySize, kCompartmentEntrySize);
            if (!std::ranges::equal(entry.first(4), u32_le(argon2id->compartments[i]))) return damaged();
            bundle.compartments.push_back({argon2id->compartments[i], key_at(entry, 4)});
        }
        return bundle;
    });
}

Secret<kSqlcipherKeySize> derive_sqlcipher_key(const Key32& master_key) {
    return derive<kSqlcipherKeySize>(master_key, kMasterContext, kSqlcipherSubkey);
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

void authenticate_header(Header& header, const Key32& master_key, const Key32& signing_seed) {
    Secret<crypto_sign_SECRETKEYBYTES> secret_key;
    secret_key.expose_mutable([&](auto to) {
        signing_seed.expose(
            [&](auto seed) { crypto_sign_seed_keypair(header.admin_public_key.data(), to.data(), seed.data()); });
    });
    header.mac = header_mac(header, master_key);
    const auto text = header_text_under_signature(header);
    secret_key.expose([&](auto key) {
        crypto_sign_detached(header.signature.data(), nullptr, as_bytes(text).data(), text.size(), key.data());
    });
}

bool signs_for(const Header& header, const Key32& signing_seed) {
    Secret<crypto_sign_SECRETKEYBYTES> secret_key;
    std::array<std::uint8_t, crypto_sign_PUBLICKEYBYTES> public_key{};
    secret_key.expose_mutable([&](auto to) {
        signing_seed.expose([&](auto seed) { crypto_sign_seed_keypair(public_key.data(), to.data(), seed.data()); });
    });
    return public_key == header.admin_public_key;
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
