#include "vault/core/audit_events.hpp"

#include <algorithm>
#include <array>

namespace bmcvault::vault {
namespace {

constexpr auto kEvents = std::to_array<std::string_view>({
    "accounts.accepted",
    "accounts.released",
    "bmc.added",
    "bmc.changed",
    "bmc.deprovisioned",
    "bmc.held",
    "bmc.identity-accepted",
    "bmc.imported",
    "bmc.released",
    "bmc.removed",
    "bmc.replaced-not-wiped",
    "bmc.set",
    "break-glass.created",
    "break-glass.drilled",
    "break-glass.used",
    "campaign.begun",
    "campaign.bmc-done",
    "campaign.finished",
    "candidates.offered",
    "card.forgotten",
    "card.imported",
    "checkpoint",
    "checkpoint-not-kept",
    "commit.unknown",
    "compartment.added",
    "compartment.bmc-moved",
    "credential.abandoned",
    "credential.added",
    "credential.committed",
    "credential.destroyed",
    "credential.found-live",
    "credential.none-live",
    "credential.observed",
    "credential.proved",
    "credential.sent",
    "credential.staged",
    "departure.begun",
    "departure.bmc-exposed",
    "departure.exposed",
    "departure.finished",
    "escrow.disabled",
    "escrow.enabled",
    "escrow.replayed",
    "exec",
    "export",
    "fact.learned",
    "first-contact.vouched",
    "holder.added",
    "hook",
    "login.attempted",
    "member.added",
    "member.granted",
    "passwords.import-reason",
    "passwords.imported",
    "plan.approved",
    "plan.run",
    "rescue.staged",
    "reveal",
    "vault.backup",
    "vault.created",
    "vault.generation",
    "vault.migrated",
    "vault.restore-accepted",
    "vault.unlocked",
});
static_assert(std::ranges::is_sorted(kEvents));

}  // namespace

std::span<const std::string_view> audit_events() {
    return kEvents;
}

}  // namespace bmcvault::vault
