// The hash that ties each audit record to all before it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "vault/base/ids.hpp"
#include "vault/core/header.hpp"

namespace bmcvault::vault {

struct AuditEntry {
    std::uint64_t sequence = 0;  // 1 upwards, without gaps
    UnixTime at;
    std::string_view actor;
    std::string_view event;
    std::optional<BmcId> bmc;
    std::string_view body;
    // Since schema version 5: what the tables held right after the record, and whether the record has a signature.
    struct State {
        Digest root{};
        bool is_signed = false;
    };
    std::optional<State> state{};
};

// A record that says nothing but "this is the state", and is signed.
inline constexpr std::string_view kCheckpointEvent = "checkpoint";

// Disclosures, changes of who can read what and checkpoints are signed one by one.
[[nodiscard]] bool must_be_signed(std::string_view event);
// What is signed of record `sequence`: "bmcvault-d1" || vault id || u64 sequence || its hash.
[[nodiscard]] Bytes audit_signed_bytes(const VaultId&, std::uint64_t sequence, const Digest& hash);

// BLAKE2b-256("bmcvault-a1" || previous || u64 sequence || i64 at || actor || event || u8 has bmc [|| uuid] || body),
// or "bmcvault-a2" and at the end || root || u8 is signed; integers little endian, texts led by their u32 length. The
// record before the first has hash zero.
[[nodiscard]] Digest audit_hash(const Digest& previous, const AuditEntry& entry);

}  // namespace bmcvault::vault
