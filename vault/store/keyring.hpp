// All keys of an unlocked vault generation, and how a passphrase leads to them. Internal to vault/store.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "vault/base/secret.hpp"
#include "vault/core/header.hpp"
#include "vault/core/keys.hpp"
#include "vault/store/store.hpp"

namespace bmcvault::vault {

// kNoMemory when Argon2id can't have its memory: never reported as a wrong passphrase.
[[nodiscard]] Result<Key32> derive_slot_key(const Passphrase&, const Argon2idSlot&);
// Tries each passphrase slot. kWrongKey when none is opened; kDamaged when one is, but header or keys do not verify.
[[nodiscard]] Result<Bundle> unlock(const Header&, const Passphrase&);

[[nodiscard]] Key32 random_key();
[[nodiscard]] Nonce random_nonce();

// Shared, read-only, by all connections of one opened vault.
class Keyring {
public:
    Keyring(Header header, Bundle bundle);

    void add_data_key(std::uint32_t compartment, std::uint32_t epoch, bool active, Key32 key);
    [[nodiscard]] const Key32* data_key(std::uint32_t compartment, std::uint32_t epoch) const;
    [[nodiscard]] std::uint32_t active_epoch(std::uint32_t compartment) const;

    [[nodiscard]] const Header& header() const { return header_; }
    [[nodiscard]] const Bundle& bundle() const { return bundle_; }
    [[nodiscard]] const Secret<kSqlcipherKeySize>& sqlcipher_key() const { return sqlcipher_key_; }

private:
    Header header_;
    Bundle bundle_;
    Secret<kSqlcipherKeySize> sqlcipher_key_;
    std::map<std::pair<std::uint32_t, std::uint32_t>, Key32> data_keys_;  // by compartment and epoch
    std::map<std::uint32_t, std::uint32_t> active_epochs_;
};

}  // namespace bmcvault::vault
