// All keys of an unlocked vault generation, and how a passphrase leads to them. Internal to vault/store.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "vault/base/secret.hpp"
#include "vault/core/header.hpp"
#include "vault/core/keys.hpp"
#include "vault/store/sqlite.hpp"
#include "vault/store/store.hpp"

namespace bmcvault::vault {

// kNoMemory when Argon2id can't have its memory: never reported as a wrong passphrase.
[[nodiscard]] Result<Key32> derive_slot_key(const Passphrase&, const Argon2idSlot&);
// The slot that was opened, and what it gives.
struct Unlocked {
    Bundle bundle;
    std::uint32_t slot = 0;
    std::optional<IdentityKeys> identity;  // signs; none for the passphrase slots of the first vaults ...
    std::optional<Key32> slot_key;         // ... of which this is the derived key
};
// With an identity file the passphrase opens that, and it the vault; else each passphrase slot is tried. kWrongKey when
// none is opened; kNotPermitted when the identity is no member; kDamaged when one is, but header or keys do not verify.
[[nodiscard]] Result<Unlocked> unlock(const Header&, const Passphrase&,
                                      const std::optional<std::string>& identity = {});

// By the keys of a slot. kNotPermitted when no slot has them.
[[nodiscard]] Result<Unlocked> unlock(const Header&, const Result<IdentityKeys>&);
// One of these, for whoever has read the header.
using UnlockHeader = std::function<Result<Unlocked>(const Header&)>;

[[nodiscard]] Key32 random_key();
[[nodiscard]] Nonce random_nonce();

// Shared, read-only, by all connections of one opened vault.
class Keyring {
public:
    Keyring(Header header, Unlocked unlocked);

    void add_data_key(std::uint32_t compartment, std::uint32_t epoch, bool active, Key32 key);
    [[nodiscard]] const Key32* data_key(std::uint32_t compartment, std::uint32_t epoch) const;
    [[nodiscard]] std::uint32_t active_epoch(std::uint32_t compartment) const;

    [[nodiscard]] const Header& header() const { return header_; }
    [[nodiscard]] const Bundle& bundle() const { return unlocked_.bundle; }
    [[nodiscard]] const Unlocked& unlocked() const { return unlocked_; }
    [[nodiscard]] const Slot& own_slot() const;
    // Owners and auditors see the whole inventory, an operator the compartments granted.
    [[nodiscard]] bool sees(std::uint32_t compartment) const;
    void replace_header(Header header) { header_ = std::move(header); }
    void replace_bundle(Bundle bundle) { unlocked_.bundle = std::move(bundle); }
    [[nodiscard]] const DatabaseKeys& database_keys() const { return database_keys_; }

private:
    Header header_;
    Unlocked unlocked_;
    DatabaseKeys database_keys_;
    std::map<std::pair<std::uint32_t, std::uint32_t>, Key32> data_keys_;  // by compartment and epoch
    std::map<std::uint32_t, std::uint32_t> active_epochs_;
};

}  // namespace bmcvault::vault
