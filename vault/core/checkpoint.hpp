// The head of a vault's audit log, signed, as one line to be kept where nobody who can write the vault can write: a
// vault that does not hold it any more was put back, or has gone another way. Pure.
#pragma once

#include <string>
#include <string_view>

#include "vault/core/header.hpp"
#include "vault/core/keys.hpp"

namespace bmcvault::vault {

struct Checkpoint {
    VaultId vault_id{};
    std::uint64_t generation = 1;
    std::uint64_t audit_count = 0;
    Digest audit_head{};
    Digest root{};  // of the state; part of what audit_head is the hash of
    std::array<std::uint8_t, 32> signer{};
    Signature signature{};  // over audit_signed_bytes(), by a slot's key
    friend bool operator==(const Checkpoint&, const Checkpoint&) = default;
};

// One line without its line feed.
[[nodiscard]] std::string format_checkpoint(const Checkpoint&);
// kDamaged: anything but what format_checkpoint writes, with or without a line feed, or another signature than the
// signer's.
[[nodiscard]] Result<Checkpoint> parse_checkpoint(std::string_view text);

}  // namespace bmcvault::vault
