#include "vault/store/keyring.hpp"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <utility>

#include "vault/core/identity.hpp"

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

namespace {

bool commits_to(const Key32& slot_key, const Digest& commitment) {
    return sodium_memcmp(slot_commitment(slot_key).data(), commitment.data(), commitment.size()) == 0;
}

// Header and keys that a slot opened belong together.
Result<Unlocked> checked(const Header& header, Result<Unlocked> unlocked) {
    if (!unlocked) return unlocked;
    if (!check_mac(header, unlocked->bundle.master_key))
        return fail(ErrorCode::kDamaged, "vault header: changed by someone who does not hold the vault's keys");
    if (!unlocked->bundle.signing_seed.equals(Key32()) && !signs_for(header, unlocked->bundle.signing_seed))
        return fail(ErrorCode::kDamaged, "vault header: signed by another administrator than this vault's");
    return unlocked;
}

Result<Unlocked> open_with(const Header& header, const Slot& slot, IdentityKeys identity) {
    auto bundle = open_bundle(slot, identity, header.vault_id, header.generation);
    if (!bundle) return std::unexpected(bundle.error());
    return Unlocked{std::move(*bundle), slot.number, std::move(identity), std::nullopt};
}

Result<Unlocked> open_with(const Header& header, const Slot& slot, Key32 slot_key) {
    if (std::get<Argon2idSlot>(slot.kind).keys) return open_with(header, slot, identity_of_slot_key(slot_key));
    auto bundle = open_bundle(slot, slot_key, header.vault_id, header.generation);
    if (!bundle) return std::unexpected(bundle.error());
    return Unlocked{std::move(*bundle), slot.number, std::nullopt, std::move(slot_key)};
}

Result<Unlocked> unlock_by_identity(const Header& header, const Passphrase& passphrase, const std::string& text) {
    const auto file = parse_identity(text);
    if (!file) return std::unexpected(file.error());
    const auto key = derive_slot_key(passphrase, file->kdf);
    if (!key) return std::unexpected(key.error());
    if (!commits_to(*key, file->kdf.commitment))
        return fail(ErrorCode::kWrongKey, "wrong passphrase: it does not open this identity");
    auto identity = open_identity(*file, *key);
    if (!identity) return std::unexpected(identity.error());
    return unlock(header, identity);
}

}  // namespace

Result<Unlocked> unlock(const Header& header, const Result<IdentityKeys>& identity) {
    if (!identity) return std::unexpected(identity.error());
    const auto keys = public_keys(*identity);
    for (const auto& slot : header.slots) {
        const auto* theirs = public_keys_of(slot);
        if (theirs != nullptr && *theirs == keys) return checked(header, open_with(header, slot, identity->clone()));
    }
    return fail(ErrorCode::kNotPermitted, "this identity is no member of this vault");
}

Result<Unlocked> unlock(const Header& header, const Passphrase& passphrase,
                        const std::optional<std::string>& identity) {
    if (identity) return unlock_by_identity(header, passphrase, *identity);
    for (const auto& slot : header.slots) {
        const auto* argon2id = std::get_if<Argon2idSlot>(&slot.kind);
        if (argon2id == nullptr) continue;
        auto key = derive_slot_key(passphrase, *argon2id);
        if (!key) return std::unexpected(key.error());
        if (commits_to(*key, argon2id->commitment)) return checked(header, open_with(header, slot, std::move(*key)));
    }
    return fail(ErrorCode::kWrongKey, "wrong passphrase, or not that of this vault");
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

Keyring::Keyring(Header header, Unlocked unlocked)
    : header_(std::move(header)),
      unlocked_(std::move(unlocked)),
      database_keys_(DatabaseKeys::of(unlocked_.bundle.master_key)) {}

const Slot& Keyring::own_slot() const {
    const auto slot = std::ranges::find(header_.slots, unlocked_.slot, &Slot::number);
    BMCVAULT_CHECK(slot != header_.slots.end());
    return *slot;
}

bool Keyring::sees(std::uint32_t compartment) const {
    const auto& slot = own_slot();
    return role_of(slot) != Role::kOperator || std::ranges::count(compartments_of(slot), compartment) > 0;
}

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
