#include "vault/store/keyring.hpp"

#include <fmt/format.h>
#include <sodium.h>

#include <utility>

namespace bmcvault::vault {

Result<Key32> derive_slot_key(const Passphrase& passphrase, const Argon2idSlot& slot) {
    BMCVAULT_CHECK(slot.memory_bytes >= kMinArgon2Memory && slot.memory_bytes <= kMaxArgon2Memory);
    Key32 key;
    const int code = key.expose_mutable([&](auto out) {
        return passphrase.expose([&](ByteView text) {
            return crypto_pwhash(out.data(), out.size(), reinterpret_cast<const char*>(text.data()), text.size(),
                                 slot.salt.data(), slot.operations, slot.memory_bytes, crypto_pwhash_ALG_ARGON2ID13);
        });
    });
    if (code != 0)
        return fail(ErrorCode::kNoMemory,
                    fmt::format("no memory for the key derivation: it needs {} MiB", slot.memory_bytes >> 20));
    return key;
}

Result<Bundle> unlock(const Header& header, const Passphrase& passphrase) {
    for (const auto& slot : header.slots) {
        const auto* argon2id = std::get_if<Argon2idSlot>(&slot.kind);
        if (argon2id == nullptr) continue;
        const auto key = derive_slot_key(passphrase, *argon2id);
        if (!key) return std::unexpected(key.error());
        const auto commitment = slot_commitment(*key);
        if (sodium_memcmp(commitment.data(), argon2id->commitment.data(), commitment.size()) != 0) continue;
        auto bundle = open_bundle(slot, *key, header.vault_id, header.generation);
        if (!bundle) return bundle;
        if (!check_mac(header, bundle->master_key))
            return fail(ErrorCode::kDamaged, "vault header: changed by someone who does not hold the vault's keys");
        if (!bundle->signing_seed.equals(Key32()) && !signs_for(header, bundle->signing_seed))
            return fail(ErrorCode::kDamaged, "vault header: signed by another administrator than this vault's");
        return bundle;
    }
    return fail(ErrorCode::kWrongKey, "the passphrase does not open this vault");
}

Key32 random_key() {
    Key32 key;
    key.expose_mutable([](auto bytes) { randombytes_buf(bytes.data(), bytes.size()); });
    return key;
}

Nonce random_nonce() {
    Nonce nonce;
    randombytes_buf(nonce.data(), nonce.size());
    return nonce;
}

Keyring::Keyring(Header header, Bundle bundle)
    : header_(std::move(header)),
      bundle_(std::move(bundle)),
      sqlcipher_key_(derive_sqlcipher_key(bundle_.master_key)) {}

void Keyring::add_data_key(std::uint32_t compartment, std::uint32_t epoch, bool active, Key32 key) {
    data_keys_.insert_or_assign({compartment, epoch}, std::move(key));
    if (active) active_epochs_[compartment] = epoch;
}

const Key32* Keyring::data_key(std::uint32_t compartment, std::uint32_t epoch) const {
    const auto found = data_keys_.find({compartment, epoch});
    return found == data_keys_.end() ? nullptr : &found->second;
}

std::uint32_t Keyring::active_epoch(std::uint32_t compartment) const {
    const auto found = active_epochs_.find(compartment);
    return found == active_epochs_.end() ? 0 : found->second;
}

}  // namespace bmcvault::vault
