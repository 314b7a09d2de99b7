// Group commit, and what a COMMIT that did not say OK means (I5).
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "vault/store/audit_body.hpp"
#include "vault/store/audit_log.hpp"
#include "vault/store/sqlcipher_store.hpp"
#include "vault/store/state.hpp"

namespace bmcvault::vault {
namespace {

// Also when a work throws: nothing of a transaction that was not committed stays.
class Rollback {
public:
    explicit Rollback(Database& database) : database_(&database) {}
    ~Rollback() {
        if (database_ != nullptr && database_->in_transaction()) std::ignore = database_->run("ROLLBACK");
    }
    Rollback(const Rollback&) = delete;
    Rollback& operator=(const Rollback&) = delete;
    void dismiss() { database_ = nullptr; }

private:
    Database* database_;
};

// The work's own error stays inside its savepoint; an error of the storage is left to the caller to see.
Result<void> run_in_savepoint(Database& database, StoreTransaction& transaction, const Store::Work& work) {
    if (auto begun = database.run("SAVEPOINT work"); !begun) return begun;
    const auto before = transaction.place();
    auto done = work(transaction);
    if (database.broken() || !database.in_transaction()) return done;
    if (!done) {
        if (auto undone = database.run("ROLLBACK TO work"); !undone) return undone;
        transaction.rewind(before);
    }
    if (auto released = database.run("RELEASE work"); !released) return released;
    return done;
}

}  // namespace

Result<void> SqlcipherStore::transact(const std::string& actor, UnixTime now, const Work& work) {
    return transact_group(actor, now, std::span(&work, 1)).front();
}

std::vector<Result<void>> SqlcipherStore::transact_group(const std::string& actor, UnixTime now,
                                                         std::span<const Work> works) {
    std::vector<Result<void>> results(works.size());
    const auto all_fail = [&](const Error& error) {
        return std::vector<Result<void>>(works.size(), Result<void>(std::unexpected(error)));
    };
    if (role_of(keyring_->own_slot()) == Role::kAuditor)
        return all_fail(Error{ErrorCode::kNotPermitted, "an auditor may only look", std::nullopt});
    if (!seen_.refusal.empty()) return all_fail(Error{ErrorCode::kRolledBack, seen_.refusal, std::nullopt});
    auto connection = database();
    if (!connection) return all_fail(connection.error());
    Database& database = **connection;
    BMCVAULT_CHECK(!database.in_transaction());
    if (auto begun = database.run("BEGIN IMMEDIATE"); !begun) return all_fail(begun.error());
    Rollback rollback(database);
    if (auto whole = check_state(database); !whole) return all_fail(whole.error());
    const auto before = read_audit_head(database);
    if (!before) return all_fail(before.error());
    const auto who = acting_name(actor);
    StoreTransaction transaction(database, *keyring_, who, now, *before);
    auto log = escrow_log(database);
    if (!log) return all_fail(log.error());
    if (*log) transaction.escrow_to(&**log);
    bool any = false;
    for (std::size_t i = 0; i < works.size(); ++i) {
        results[i] = run_in_savepoint(database, transaction, works[i]);
        if (database.broken() || !database.in_transaction())
            return all_fail(results[i] ? fail(ErrorCode::kIo, "database: the transaction was lost").error()
                                       : results[i].error());
        any = any || results[i].has_value();
    }
    if (!any) return results;
    if (auto ended = transaction.end_with_state(); !ended) return all_fail(ended.error());
    // First there, then here: what is staged here may be sent.
    if (auto written = *log ? (*log)->write() : Result<void>(); !written) return all_fail(written.error());
    rollback.dismiss();
    *seen_.wrote = true;
    if (auto committed = commit(*before, transaction.head()); !committed) return all_fail(committed.error());
    return results;
}

Result<void> SqlcipherStore::commit(const AuditHead& before, const AuditHead& after) {
    const auto committed = database_->run("COMMIT");
    if (committed) {
        // The vault may be ahead of the head file: what counts is stored, and the next commit brings the head along.
        if (seen_.file) std::ignore = seen_.file->advance(head_at(after));
        return {};
    }
    const Error& why = committed.error();
    const bool rolled_back = !database_->in_transaction() || database_->run("ROLLBACK");
    database_.reset();
    const bool definite = why.code == ErrorCode::kNoSpace || why.code == ErrorCode::kBusy;
    if (definite && rolled_back && is_absent(before, after)) return std::unexpected(why);
    return fail(ErrorCode::kCommitUnknown,
                fmt::format("it is not known whether this was stored ({}); read again before going on", why.detail));
}

// A passphrase may be known to several; an identity or shares say who it was, whatever the login name.
std::string SqlcipherStore::acting_name(const std::string& actor) const {
    const auto& slot = keyring_->own_slot();
    return std::holds_alternative<Argon2idSlot>(slot.kind) ? actor : fmt::format("{} ({})", slot.name, actor);
}

Head SqlcipherStore::head_at(const AuditHead& audit) const {
    const auto& header = keyring_->header();
    return {header.vault_id, header.generation, audit.sequence, audit.hash, pin_of(header)};
}

Result<void> SqlcipherStore::accept_restore(const Acting& acting) {
    if (seen_.refusal.empty())
        return fail(ErrorCode::kInvalidArgument, "this vault is not rolled back: there is nothing to accept");
    const auto refused = std::exchange(seen_.refusal, {});
    database_.reset();  // tables of an older bmcvault are brought up to date only now
    AuditHead head;
    auto done = transact(acting.actor, acting.now, [&](Transaction& transaction) {
        auto& steps = static_cast<StoreTransaction&>(transaction);
        auto distrusted =
            steps.distrust_all(audit_body(acting, {{"state", refused}, {"generation", keyring_->header().generation}}));
        head = steps.head();
        return distrusted;
    });
    if (done) done = seen_.file->reset(head_at(head));
    if (done) done = seen_.file->keep_place(directory_);
    if (!done) {
        seen_.refusal = refused;
        return done;
    }
    seen_.other_copy.clear();
    seen_.newer_generation.reset();
    return done;
}

// Asks the file itself, on a new connection. Every change has an audit record, so the first one's place tells.
bool SqlcipherStore::is_absent(const AuditHead& before, const AuditHead& after) const {
    if (before == after) return true;
    const auto connection = database();
    if (!connection) return false;
    const auto found = find_audit_record(**connection, after.sequence);
    return found && !(*found && (*found)->record.hash == after.hash);
}

}  // namespace bmcvault::vault
