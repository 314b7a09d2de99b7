// A new generation: new keys for everything, in a new store file beside the old one. Whatever happens, the header names
// a whole store: the old one until it is replaced by rename, the new one from then on.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "vault/store/audit_body.hpp"
#include "vault/store/copy_store.hpp"
#include "vault/store/reseal.hpp"
#include "vault/store/rows.hpp"
#include "vault/store/schema.hpp"
#include "vault/store/slots.hpp"
#include "vault/store/sqlcipher_store.hpp"
#include "vault/store/state.hpp"

namespace bmcvault::vault {
namespace {

namespace fs = std::filesystem;

struct Next {
    Header header;
    Bundle bundle;
    std::map<std::uint32_t, Key32> data_keys;  // by compartment
    std::uint32_t epoch = 0;                   // of all of them
};

Next next_keys(const Header& before, const Bundle& bundle, std::uint32_t epoch) {
    Next next{before, {random_key(), random_key(), {}}, {}, epoch};
    for (const auto& entry : bundle.compartments) {
        next.bundle.compartments.push_back({entry.compartment, random_key()});
        next.data_keys.emplace(entry.compartment, random_key());
    }
    next.header.generation += 1;
    next.header.store_file = store_file_name(next.header.generation);
    next.header.previous_header = header_digest(before);
    next.header.min_reader = kReaderVersion;
    return next;
}

Result<void> replace_data_keys(Database& database, const Next& next, UnixTime now) {
    auto done = database.run("UPDATE data_key SET state='destroyed',wrapped=NULL WHERE state<>'destroyed'");
    for (const auto& entry : next.bundle.compartments) {
        if (!done) return done;
        const auto wrapped = wrap_data_key(next.data_keys.at(entry.compartment), entry.key, next.header.vault_id,
                                           entry.compartment, next.epoch, random_nonce());
        // A compartment whose making was interrupted has keys and no row.
        done = database.run(
            "INSERT INTO data_key(compartment_id,epoch,wrapped,state,created_at) "
            "SELECT id,?,?,'active',? FROM compartment WHERE id=?",
            {next.epoch, wrapped, now, entry.compartment});
    }
    return done;
}

// So that a host that has seen the key of before accepts the next one.
Result<void> endorse_administrator(Database& database, const Keyring& before, const Next& next) {
    const auto key = signing_public_key(next.bundle.signing_seed);
    const auto message = endorsed_bytes(next.header.vault_id, next.header.generation, key);
    return database.run("INSERT INTO admin_key(generation,public_key,endorsement) VALUES(?,?,?)",
                        {next.header.generation, key, sign(message, before.bundle().signing_seed)});
}

// The rows stay: what there was, and when.
Result<void> destroy_versions(StoreTransaction& steps, BmcId bmc, const Acting& acting) {
    auto done = steps.database().run(
        "UPDATE credential SET state='destroyed',sealed=NULL WHERE state<>'destroyed' AND "
        "bmc_id=(SELECT id FROM bmc WHERE uuid=?)",
        {bmc.uuid});
    if (!done) return done;
    return steps.audit("credential.destroyed", bmc,
                       audit_body(acting, {{"versions", steps.database().changed_rows()}}));
}

Result<void> write_anew(Database& source, Database& database, const Keyring& before, const Next& next,
                        const Acting& acting, std::span<const BmcId> to_destroy, AuditHead& head) {
    if (auto done = begin_copy(database); !done) return done;
    if (auto done = database.run("BEGIN IMMEDIATE"); !done) return done;
    const auto after = [&](std::uint32_t compartment) -> NewSeal {
        const auto key = next.data_keys.find(compartment);
        return {key == next.data_keys.end() ? nullptr : &key->second, next.epoch};
    };
    const std::set<BmcId> destroyed(to_destroy.begin(), to_destroy.end());
    const auto keeps_seals = [&](const BmcId& bmc) { return destroyed.contains(bmc); };
    if (auto done = copy_store(source, database, {before, after, keeps_seals}); !done) return done;
    acting.pass("generation-copied");
    if (auto done = sum_rows_anew(database); !done) return done;
    const auto found = read_audit_head(database);
    if (!found) return std::unexpected(found.error());
    StoreTransaction steps(database, before, acting.actor, acting.now, *found);
    for (const auto& bmc : to_destroy)
        if (auto done = destroy_versions(steps, bmc, acting); !done) return done;
    if (auto done = replace_data_keys(database, next, acting.now); !done) return done;
    Bytes generation;
    append_u64_le(generation, next.header.generation);
    if (auto done = database.run("UPDATE meta SET v=? WHERE k='generation'", {generation}); !done) return done;
    if (auto done = endorse_administrator(database, before, next); !done) return done;
    if (auto done = steps.mark_until_now(); !done) return done;
    auto done = database.run(
        "UPDATE departure SET revoked_at=? WHERE revoked_at IS NULL AND type='member' AND slot IN "
        "(SELECT slot FROM member WHERE removed_at IS NOT NULL)",
        {acting.now});
    if (!done) return done;
    done = steps.audit("vault.generation", std::nullopt, audit_body(acting, {{"generation", next.header.generation}}));
    if (!done) return done;
    head = steps.head();
    return database.run("COMMIT");
}

void add_data_keys(const Next& next, Keyring& keyring) {
    for (const auto& [compartment, key] : next.data_keys)
        keyring.add_data_key(compartment, next.epoch, true, key.clone());
}

bool is_store_file(const std::string& name) {
    return name.starts_with("store-") && (name.ends_with(".db") || name.ends_with(".db-journal"));
}

}  // namespace

void remove_other_stores(const fs::path& directory, const Header& header) {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(directory, ignored)) {
        const auto name = entry.path().filename().string();
        if (is_store_file(name) && !name.starts_with(header.store_file)) fs::remove(entry.path(), ignored);
    }
}

// A newer one is left alone: header and store may have been put back by hand, and it is all there is of what came
// after.
void remove_older_stores(const fs::path& directory, const Header& header) {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(directory, ignored)) {
        const auto name = entry.path().filename().string();
        if (is_store_file(name) && name < header.store_file) fs::remove(entry.path(), ignored);
    }
}

Result<void> SqlcipherStore::drop_removed_slots(Header& header) const {
    const auto known = members();
    if (!known) return std::unexpected(known.error());
    std::erase_if(header.slots, [&](const Slot& slot) {
        const auto member = std::ranges::find(*known, slot.number, &Member::slot);
        return member != known->end() && member->removed_at.has_value();
    });
    const bool ours_stays = std::ranges::count(header.slots, keyring_->unlocked().slot, &Slot::number) > 0;
    if (!ours_stays) return fail(ErrorCode::kConflict, "your own slot would be gone: another owner has to do this");
    return {};
}

// The exclusive lock is had by giving up the shared one, so the header may have changed in between.
Result<void> SqlcipherStore::lock_for_generation() {
    database_.reset();
    if (auto locked = lock_.change(VaultLock::Mode::kExclusive); !locked) return locked;
    const auto header = header_to_change();
    return header ? Result<void>() : std::unexpected(header.error());
}

Result<void> SqlcipherStore::destroy(const Acting& acting, std::span<const BmcId> wiped) {
    if (!seen_.refusal.empty()) return fail(ErrorCode::kRolledBack, seen_.refusal);
    if (keyring_->bundle().signing_seed.equals(Key32()))
        return fail(ErrorCode::kNotPermitted, "only an owner may do this: your slot does not hold the signing key");
    auto done = lock_for_generation();
    if (done) done = change_generation(acting, wiped);
    const auto shared = lock_.change(VaultLock::Mode::kShared);
    return done ? shared : done;
}

Result<void> SqlcipherStore::change_generation(const Acting& acting, std::span<const BmcId> to_destroy) {
    const auto access = check_directory(directory_);
    if (!access) return std::unexpected(access.error());
    remove_other_stores(directory_, keyring_->header());
    auto source = connect(directory_, *keyring_);
    if (!source) return std::unexpected(source.error());
    if (auto made = check_schema(**source); !made) return made;    // what somebody has added would be taken over
    if (auto whole = check_state(**source); !whole) return whole;  // new keys would make an old page a new one
    const auto epoch = next_epoch(**source);
    if (!epoch) return std::unexpected(epoch.error());
    auto next = next_keys(keyring_->header(), keyring_->bundle(), *epoch);
    if (auto done = drop_removed_slots(next.header); !done) return done;
    if (auto done = seal_slots(next.header, next.bundle, keyring_->unlocked()); !done) return done;

    const auto file = directory_ / next.header.store_file;
    if (auto done = make_empty_file(file, *access); !done) return done;
    acting.pass("generation-file-made");
    AuditHead head;
    {
        auto fresh = Database::open(file, DatabaseKeys::of(next.bundle.master_key));
        if (!fresh) return std::unexpected(fresh.error());
        // Until the header names it nobody needs this file, so nothing is ever rolled back in it; COMMIT syncs it all
        // the same. A journal would encrypt each page once more per row.
        if (auto done = (*fresh)->run_script("PRAGMA journal_mode=OFF"); !done) return done;
        if (auto done = write_anew(**source, **fresh, *keyring_, next, acting, to_destroy, head); !done) return done;
    }
    next.header.audit_count = head.sequence;
    next.header.audit_head = head.hash;
    authenticate_header(next.header, next.bundle.master_key, next.bundle.signing_seed);
    return put_in_force(acting, std::move(next.header), std::move(next.bundle),
                        [&](Keyring& keyring) { add_data_keys(next, keyring); });
}

Result<void> SqlcipherStore::put_in_force(const Acting& acting, Header header, Bundle bundle,
                                          const std::function<void(Keyring&)>& add_keys) {
    const auto& self = keyring_->unlocked();
    Unlocked unlocked{std::move(bundle), self.slot, std::nullopt, std::nullopt};
    if (self.identity) unlocked.identity = self.identity->clone();
    if (self.slot_key) unlocked.slot_key = self.slot_key->clone();
    const AuditHead head{header.audit_count, header.audit_head};
    const auto text = format_header(header);
    auto keyring = std::make_shared<Keyring>(std::move(header), std::move(unlocked));
    add_keys(*keyring);
    {
        auto fresh = connect_as_it_is(directory_, *keyring);
        if (!fresh) return std::unexpected(fresh.error());
        if (auto verified = verify_database(**fresh, *keyring); !verified) return verified;
    }
    const auto access = check_directory(directory_);
    if (!access) return std::unexpected(access.error());
    if (auto done = sync_directory(directory_); !done) return done;
    acting.pass("generation-before-header");
    if (auto done = replace_file(directory_ / kHeaderFile, text, *access); !done) return done;
    acting.pass("generation-after-header");
    keyring_ = std::move(keyring);
    database_.reset();
    remove_other_stores(directory_, keyring_->header());
    *seen_.wrote = true;
    if (seen_.file) std::ignore = seen_.file->advance(head_at(head));
    acting.pass("generation-done");
    return {};
}

}  // namespace bmcvault::vault
