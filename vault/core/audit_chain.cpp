#include "vault/core/audit_chain.hpp"

#include <sodium.h>

#include <algorithm>
#include <array>

namespace bmcvault::vault {
namespace {

constexpr std::size_t kFixedSize = 160;  // and a bit: all but the three texts

void append_text(Bytes& out, std::string_view text) {
    append_u32_le(out, static_cast<std::uint32_t>(text.size()));
    append(out, as_bytes(text));
}

}  // namespace

bool must_be_signed(std::string_view event) {
    constexpr auto kFamilies =
        std::to_array<std::string_view>({"reveal", "exec", "export", "hook", "member.", "compartment.", "departure.",
                                         "holder.", "vault.", "plan.", "break-glass.", "escrow.", kCheckpointEvent});
    return std::ranges::any_of(kFamilies, [&](auto family) { return event.starts_with(family); });
}

Bytes audit_signed_bytes(const VaultId& vault_id, std::uint64_t sequence, const Digest& hash) {
    Bytes out;
    append(out, as_bytes("bmcvault-d1"));
    append(out, vault_id);
    append_u64_le(out, sequence);
    append(out, hash);
    return out;
}

Digest audit_hash(const Digest& previous, const AuditEntry& entry) {
    Bytes row;
    row.reserve(kFixedSize + entry.actor.size() + entry.event.size() + entry.body.size());
    append(row, as_bytes(entry.state ? "bmcvault-a2" : "bmcvault-a1"));
    append(row, previous);
    append_u64_le(row, entry.sequence);
    append_u64_le(row, static_cast<std::uint64_t>(entry.at.value));
    append_text(row, entry.actor);
    append_text(row, entry.event);
    row.push_back(entry.bmc ? 1 : 0);
    if (entry.bmc) append(row, entry.bmc->uuid);
    append_text(row, entry.body);
    if (entry.state) {
        append(row, entry.state->root);
        row.push_back(entry.state->is_signed ? 1 : 0);
    }
    Digest hash{};
    crypto_generichash(hash.data(), hash.size(), row.data(), row.size(), nullptr, 0);
    return hash;
}

}  // namespace bmcvault::vault
