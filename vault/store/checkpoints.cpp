// Signed checkpoints of the log, and a vault against one that was kept elsewhere.
#include <fmt/format.h>

#include "vault/store/audit_log.hpp"
#include "vault/store/sqlcipher_store.hpp"

namespace bmcvault::vault {
namespace {

Result<std::optional<Checkpoint>> last_record_if_signed(Database& database, const Header& header) {
    std::optional<Checkpoint> found;
    auto done = database.query(
        "SELECT a.seq,a.hash,a.root,s.signer,s.signature FROM audit a JOIN audit_signature s ON s.seq=a.seq "
        "WHERE a.seq=(SELECT max(seq) FROM audit)",
        {}, [&](const Row& row) {
            found = Checkpoint{header.vault_id,  header.generation, static_cast<std::uint64_t>(row.integer(0)),
                               row.bytes<32>(1), row.bytes<32>(2),  row.bytes<32>(3),
                               row.bytes<64>(4)};
            return Result<void>();
        });
    if (!done) return std::unexpected(done.error());
    return found;
}

}  // namespace

Result<std::optional<Checkpoint>> SqlcipherStore::checkpoint(const std::string& actor, UnixTime now) {
    std::optional<Checkpoint> made;
    if (!*seen_.wrote || !keyring_->unlocked().identity) return made;
    auto done = transact(actor, now, [&](Transaction& transaction) -> Result<void> {
        auto& steps = static_cast<StoreTransaction&>(transaction);
        const auto is_signed = steps.ends_signed();
        if (!is_signed) return std::unexpected(is_signed.error());
        if (auto ended = *is_signed ? Result<void>() : steps.checkpoint(); !ended) return ended;
        auto last = last_record_if_signed(steps.database(), keyring_->header());
        if (!last) return std::unexpected(last.error());
        made = *last;
        return {};
    });
    if (!done) return std::unexpected(done.error());
    *seen_.wrote = false;
    return made;
}

Result<Freshness> SqlcipherStore::compare_with(const Checkpoint& kept) const {
    if (kept.vault_id != keyring_->header().vault_id)
        return fail(ErrorCode::kInvalidArgument, "the checkpoint is of another vault");
    auto connection = database();
    if (!connection) return std::unexpected(connection.error());
    const auto found = find_audit_record(**connection, kept.audit_count);
    if (!found) return std::unexpected(found.error());
    const auto hash = found->transform([](const LoggedRecord& logged) { return logged.record.hash; });
    const auto freshness = compare({kept.vault_id, 1, kept.audit_count, kept.audit_head}, 1, hash);
    const auto root = *found && (*found)->state ? (*found)->state->root : Digest();
    if (freshness == Freshness::kFresh && root != kept.root)
        return fail(ErrorCode::kRolledBack, "the checkpoint names another state than its audit record: it was changed");
    const auto known = has_rows("SELECT 1 FROM member WHERE signing_key=?", {kept.signer});
    if (!known) return std::unexpected(known.error());
    if (*known) return freshness;
    return fail(ErrorCode::kRolledBack,
                "the checkpoint is signed by nobody who is or was a member of this vault as it stands here: an older "
                "copy may not know the signer yet; compare the signer with the keys of your members");
}

}  // namespace bmcvault::vault
