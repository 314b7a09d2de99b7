#include "rotate/engine/rescue.hpp"

#include <algorithm>

#include "rotate/engine/learned_facts.hpp"

namespace bmcvault::rotate {
namespace {

using vault::StoredSize;

Result<std::optional<vault::CredentialVersion>> pending_of(const vault::Store& store, const vault::Bmc& bmc) {
    const auto versions = store.versions(bmc.id);
    if (!versions) return std::unexpected(versions.error());
    const auto pending = std::ranges::find_if(*versions, [&](const auto& version) {
        return version.subject == bmc.own_password() && version.state == vault::VersionState::kPending;
    });
    return pending == versions->end() ? std::nullopt : std::optional(*pending);
}

}  // namespace

Result<StagedRescue> stage_rescue(vault::Store& store, BmcId id, const RunOptions& options, const std::string& via,
                                  vault::RandomBytes& random, UnixTime now) {
    auto lock = vault::BmcLock::try_acquire(store.directory(), id);
    if (!lock) return std::unexpected(lock.error());
    auto bmc = store.bmc(id);
    if (!bmc) return std::unexpected(bmc.error());
    const bool held = bmc->hold && (!bmc->hold->until || *bmc->hold->until > now);
    if (bmc->retired || held) return fail(ErrorCode::kConflict, held ? "it is on hold" : "it was removed");
    const auto pending = pending_of(store, *bmc);
    if (!pending) return std::unexpected(pending.error());
    const auto learned = LearnedFacts::read(store, *bmc);
    if (!learned) return std::unexpected(learned.error());

    StagedRescue staged{std::move(*lock), *bmc, {}, learned->keeps_only_16 ? StoredSize::k16 : StoredSize::k20};
    staged.bmc.quarantine.reset();
    const auto work = [&](vault::Transaction& transaction) -> Result<void> {
        if (auto updated = transaction.update_bmc(staged.bmc); !updated) return updated;
        if (*pending) {
            staged.version = (*pending)->version;
            staged.size = (*pending)->size;
        } else {
            const auto secret =
                vault::generate_password(staged.size, vault::Alphabet::kShellSafe, bmc->user_name, random);
            const auto version = transaction.stage(id, bmc->own_password(), secret, staged.size,
                                                   vault::Provenance::kGenerated, "in-band rescue");
            if (!version) return std::unexpected(version.error());
            staged.version = *version;
        }
        if (auto sent = transaction.mark_sent(id, bmc->own_password(), staged.version); !sent) return sent;
        return transaction.audit("rescue.staged", id,
                                 audit_body(options.purpose, {{"version", staged.version.value}, {"via", via}}));
    };
    if (auto done = store.transact(options.actor, now, work); !done) return std::unexpected(done.error());
    return staged;
}

}  // namespace bmcvault::rotate
