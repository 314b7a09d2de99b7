// Opening a vault and reading it. Making one is in create.cpp, writing in commit.cpp and transaction.cpp.
#include "vault/store/store.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "vault/store/audit_log.hpp"
#include "vault/store/migrate.hpp"
#include "vault/store/rows.hpp"
#include "vault/store/schema.hpp"
#include "vault/store/sqlcipher_store.hpp"

namespace bmcvault::vault {
namespace {

namespace fs = std::filesystem;

// The store file is the one this header speaks of, and not older than when the header was written.
Result<void> check_against_header(Database& database, const Header& header) {
    Bytes generation;
    append_u64_le(generation, header.generation);
    const auto is = [&](std::string_view key, ByteView expected) -> Result<bool> {
        const auto value = read_meta(database, key);
        if (!value) return std::unexpected(value.error());
        return std::ranges::equal(*value, expected);
    };
    for (const auto& [key, expected] : {std::pair<std::string_view, ByteView>{"vault-id", header.vault_id},
                                        std::pair<std::string_view, ByteView>{"generation", generation}}) {
        const auto same = is(key, expected);
        if (!same) return std::unexpected(same.error());
        if (!*same)
            return fail(ErrorCode::kDamaged, fmt::format("{} is not the store of this header", header.store_file));
    }
    const auto head = find_audit_record(database, header.audit_count);
    if (!head) return std::unexpected(head.error());
    if (!*head || (*head)->record.hash != header.audit_head)
        return fail(ErrorCode::kRolledBack,
                    fmt::format("{} is older than the header, or of another history", header.store_file));
    return {};
}

Result<std::unique_ptr<Database>> connect_restricted(const fs::path& file, const Keyring& keyring) {
    auto database = Database::open(file, keyring.database_keys());
    if (!database) return database;
    (*database)->restrict();
    if (auto same = check_against_header(**database, keyring.header()); !same) return std::unexpected(same.error());
    return database;
}

constexpr std::string_view kSelectVersion =
    "SELECT b.uuid,c.kind,c.subject,c.version,c.state,c.provenance,c.stored_size,c.created_at,c.sent_at,c.proved_at,"
    "c.superseded_at,c.note FROM credential c JOIN bmc b ON b.id=c.bmc_id ";

// Of "bmc b" that "campaign_bmc d" calls done, where something was exposed: the live password of our own account is one
// of those, or was not made by bmcvault and came after that. ?2, ?3: its kind and its subject.
constexpr std::string_view kIsToDoAgain =
    "EXISTS(SELECT 1 FROM credential c JOIN exposure e ON e.bmc_id=c.bmc_id AND e.kind=c.kind AND e.subject=c.subject "
    "WHERE c.bmc_id=b.id AND c.kind=?2 AND c.subject=?3 AND c.state='current' AND (c.version<=e.version OR "
    "(c.provenance<>'generated' AND c.created_at>d.done_at)))";

void keep_head(Database& database, const fs::path& directory, const Header& header, Seen& seen) {
    const auto head = read_audit_head(database);
    const auto kept =
        head ? seen.file->advance({header.vault_id, header.generation, head->sequence, head->hash, pin_of(header)})
             : std::unexpected(head.error());
    const auto placed = kept ? seen.file->keep_place(directory) : kept;
    if (!placed) seen.problem = placed.error().detail;
}

// Where the host has the same vault and goes on with it. One that was moved away or deleted does not count.
fs::path find_other_copy(const HeadFile& file, const fs::path& directory, const Header& header) {
    const auto place = file.place();
    std::error_code error;
    if (place.empty() || fs::equivalent(place, directory, error)) return {};
    const auto access = check_directory(place);
    if (!access) return {};
    const auto found = read_header(place, *access);
    return found && found->vault_id == header.vault_id ? place : fs::path();
}

// The key of the administrator whom this host has seen, or one that was signed over to from there, generation by
// generation.
Result<bool> is_endorsed(Database& database, const Head& head, const Header& header) {
    auto key = head.pin->admin;
    bool unbroken = true;
    std::uint64_t generation = head.generation;
    auto done = database.query(
        "SELECT generation,public_key,endorsement FROM admin_key WHERE generation>? AND generation<=? ORDER BY "
        "generation",
        {head.generation, header.generation}, [&](const Row& row) {
            const auto next = row.bytes<32>(1);
            const auto message = endorsed_bytes(header.vault_id, ++generation, next);
            unbroken = unbroken && static_cast<std::uint64_t>(row.integer(0)) == generation &&
                       verify_signature(message, row.bytes<64>(2), key);
            key = next;
            return Result<void>();
        });
    if (!done) return std::unexpected(done.error());
    return unbroken && key == header.admin_public_key;
}

// Empty: the header is the one that this host has seen, or a later one of the same administrators.
std::string problem_of_header(Database& database, const Head& head, const Header& header) {
    if (!head.pin) return {};
    if (is_downgraded(head, header)) return "downgraded: the header is older than the one that this host has seen";
    const auto endorsed = is_endorsed(database, head, header);
    if (endorsed && *endorsed) return {};
    return "another administrator: the key that signed the header is not the one that this host has seen, nor was it "
           "handed over by that one";
}

struct KeptHead {
    HeadFile file;
    Result<std::optional<Head>> head;
};

// Before the header and the database are read: another process may bring all three on meanwhile, the head last.
std::optional<KeptHead> read_kept_head(const std::optional<fs::path>& heads, const VaultId& vault_id) {
    if (!heads) return std::nullopt;
    HeadFile file(*heads, vault_id);
    auto head = file.read();
    return KeptHead{std::move(file), std::move(head)};
}

// Has the host seen more of this vault than what stands here? A head file that can't be read is no reason to write.
Seen compare_with_head(Database& database, const fs::path& directory, const Header& header,
                       const std::optional<KeptHead>& kept) {
    if (!kept) return {};
    Seen seen;
    seen.file = kept->file;
    const auto& head = kept->head;
    if (!head) {
        seen.refusal = head.error().detail;
        return seen;
    }
    if (!*head) return seen;
    if ((*head)->generation > header.generation) seen.newer_generation = (*head)->generation;
    std::optional<Digest> found;
    const auto asked = find_audit_record(database, (*head)->audit_count);
    if (asked && *asked) found = (*asked)->record.hash;
    const auto freshness = compare(**head, header.generation, found);
    if (!asked) {
        seen.refusal = asked.error().detail;
    } else if (freshness == Freshness::kRolledBack) {
        seen.refusal = fmt::format("rolled back: this host has seen generation {} and {} audit records of it",
                                   (*head)->generation, (*head)->audit_count);
    } else if (freshness == Freshness::kForked) {
        seen.refusal = fmt::format("forked: audit record {} is another than this host has seen", (*head)->audit_count);
    } else {
        seen.refusal = problem_of_header(database, **head, header);
    }
    seen.other_copy = find_other_copy(*seen.file, directory, header);
    if (seen.other_copy.empty()) return seen;
    seen.refusal += fmt::format("{}: this host goes on with the vault in {}", seen.refusal.empty() ? "a copy" : "",
                                seen.other_copy.string());
    return seen;
}

}  // namespace

Result<std::unique_ptr<Database>> connect_as_it_is(const fs::path& directory, const Keyring& keyring) {
    const auto file = directory / keyring.header().store_file;
    std::error_code ignored;
    if (fs::file_size(file, ignored) == 0)  // SQLCipher would take any key for it
        return fail(ErrorCode::kDamaged, fmt::format("{} is empty", file.string()));
    return connect_restricted(file, keyring);
}

Result<std::unique_ptr<Database>> connect(const fs::path& directory, const Keyring& keyring) {
    const auto file = directory / keyring.header().store_file;
    auto database = connect_as_it_is(directory, keyring);
    if (!database) return database;
    const auto version = read_schema_version(**database);
    if (!version) return std::unexpected(version.error());
    if (*version != kSchemaVersion) {
        database->reset();
        if (auto migrated = migrate(file, keyring); !migrated) return std::unexpected(migrated.error());
        database = connect_restricted(file, keyring);
    }
    if (!database) return database;
    if (auto checked = check_schema(**database); !checked) return std::unexpected(checked.error());
    return database;
}

Result<void> load_data_keys(Database& database, Keyring& keyring) {
    const auto& granted_keys = keyring.bundle().compartments;
    return database.query(
        "SELECT compartment_id,epoch,wrapped,state FROM data_key WHERE wrapped IS NOT NULL", {},
        [&](const Row& row) -> Result<void> {
            const auto compartment = static_cast<std::uint32_t>(row.integer(0));
            const auto epoch = static_cast<std::uint32_t>(row.integer(1));
            const auto granted = std::ranges::find(granted_keys, compartment, &CompartmentKey::compartment);
            if (granted == granted_keys.end()) return {};
            auto key = unwrap_data_key(row.blob(2), granted->key, keyring.header().vault_id, compartment, epoch);
            if (!key) return std::unexpected(key.error());
            keyring.add_data_key(compartment, epoch, row.text(3) == "active", std::move(*key));
            return {};
        });
}

Result<Header> read_header(const fs::path& directory, const Access& access) {
    const auto file = directory / kHeaderFile;
    if (auto safe = check_file(file, access); !safe) {
        if (safe.error().code == ErrorCode::kNotFound)
            return fail(ErrorCode::kNotFound,
                        fmt::format("there is no vault at {} (bmcvault init makes one)", directory.string()));
        return std::unexpected(safe.error());
    }
    const auto text = read_small_file(file, kMaxHeaderSize);
    if (!text) return std::unexpected(text.error());
    return parse_header(*text);
}

std::vector<std::string> describe_slots(const Header& header) {
    std::vector<std::string> slots;
    std::ranges::transform(header.slots, std::back_inserter(slots),
                           [](const Slot& slot) { return fmt::format("{} {}", slot_type(slot), slot.name); });
    return slots;
}

Result<std::uint64_t> count_rows(Database& database, std::string_view sql) {
    std::uint64_t count = 0;
    auto done = database.query(sql, {}, [&](const Row& row) {
        count = static_cast<std::uint64_t>(row.integer(0));
        return Result<void>();
    });
    if (!done) return std::unexpected(done.error());
    return count;
}

namespace {

Result<std::unique_ptr<Store>> open_by(const fs::path& directory, const UnlockHeader& unlock_header,
                                       const OpenOptions& options) {
    if (auto library = check_library(); !library) return std::unexpected(library.error());
    const auto access = check_directory(directory);
    if (!access) return std::unexpected(access.error());
    const auto header = read_header(directory, *access);
    if (!header) return std::unexpected(header.error());
    for (const auto& name : {fs::path(kLockFile), fs::path(header->store_file)})
        if (auto safe = check_file(directory / name, *access); !safe) return std::unexpected(safe.error());
    auto lock = VaultLock::acquire(directory, VaultLock::Mode::kShared);
    if (!lock) return std::unexpected(lock.error());
    const auto kept_head = read_kept_head(options.heads, header->vault_id);
    const auto locked_header = read_header(directory, *access);  // a change of generation may have come in between
    if (!locked_header) return std::unexpected(locked_header.error());
    if (locked_header->vault_id != header->vault_id)
        return fail(ErrorCode::kBusy, "another vault was put here meanwhile; run the same command again");
    auto unlocked = unlock_header(*locked_header);
    if (!unlocked) return std::unexpected(unlocked.error());
    auto keyring = std::make_shared<Keyring>(*locked_header, std::move(*unlocked));
    auto database = connect_as_it_is(directory, *keyring);
    if (!database) return std::unexpected(database.error());
    auto seen = compare_with_head(**database, directory, *locked_header, kept_head);
    if (seen.refusal.empty()) database = connect(directory, *keyring);  // else not a byte is written
    if (!database) return std::unexpected(database.error());
    if (seen.file && seen.refusal.empty()) {
        remove_older_stores(directory, *locked_header);
        keep_head(**database, directory, *locked_header, seen);
    }
    if (auto loaded = load_data_keys(**database, *keyring); !loaded) return std::unexpected(loaded.error());
    return std::make_unique<SqlcipherStore>(directory, std::move(*lock), std::move(keyring), std::move(*database),
                                            std::move(seen));
}

}  // namespace

Result<std::unique_ptr<Store>> Store::open(const fs::path& directory, const Passphrase& passphrase,
                                           const OpenOptions& options) {
    return open_by(
        directory, [&](const Header& header) { return unlock(header, passphrase, options.identity); }, options);
}

Result<std::unique_ptr<Store>> Store::open(const fs::path& directory, const KeysFor& keys, const OpenOptions& options) {
    return open_by(directory, [&](const Header& header) { return unlock(header, keys(header)); }, options);
}

Result<IdentityKeys> SqlcipherStore::identity() const {
    const auto& identity = keyring_->unlocked().identity;
    if (!identity)
        return fail(ErrorCode::kConflict,
                    "this passphrase slot is one of the first vaults', and has no keys of its own");
    return identity->clone();
}

Result<std::unique_ptr<Store>> SqlcipherStore::clone() const {
    auto lock = VaultLock::acquire(directory_, VaultLock::Mode::kShared);
    if (!lock) return std::unexpected(lock.error());
    auto database = connect(directory_, *keyring_);
    if (!database) return std::unexpected(database.error());
    return std::make_unique<SqlcipherStore>(directory_, std::move(*lock), keyring_, std::move(*database), seen_);
}

Result<Database*> SqlcipherStore::database() const {
    if (database_ && database_->broken() && !database_->in_transaction()) database_.reset();
    if (!database_) {
        auto fresh = connect(directory_, *keyring_);
        if (!fresh) return std::unexpected(fresh.error());
        database_ = std::move(*fresh);
    }
    return database_.get();
}

Result<void> SqlcipherStore::query(std::string_view sql, const Database::Values& values,
                                   const Database::EachRow& each) const {
    auto connection = database();
    if (!connection) return std::unexpected(connection.error());
    return (*connection)->query(sql, values, each);
}

// Where it can't begin, each read says why by itself.
void SqlcipherStore::at_one_moment(const std::function<void()>& reads) const {
    if (const auto connection = database()) std::ignore = (*connection)->run("BEGIN");
    reads();
    if (!database_ || !database_->in_transaction()) return;
    if (!database_->run("COMMIT") || database_->broken()) database_.reset();
}

Result<std::vector<Bmc>> SqlcipherStore::bmcs_where(std::string_view sql, const Database::Values& values) const {
    std::vector<Bmc> all;
    auto done = query(sql, values, [&](const Row& row) {
        auto bmc = bmc_from_row(row);
        if (keyring_->sees(bmc.compartment)) all.push_back(std::move(bmc));
        return Result<void>();
    });
    if (!done) return std::unexpected(done.error());
    return all;
}

Result<std::vector<Bmc>> SqlcipherStore::bmcs(bool with_retired) const {
    static const std::string sql = std::string(kSelectBmc) + "WHERE retired<=? ORDER BY name,id";
    return bmcs_where(sql, {with_retired});
}

Result<Bmc> SqlcipherStore::one_bmc(std::string_view sql, const Value& key, std::string_view name) const {
    std::optional<Bmc> found;
    auto done = query(sql, {key}, [&](const Row& row) {
        auto bmc = bmc_from_row(row);
        if (keyring_->sees(bmc.compartment)) found = std::move(bmc);
        return Result<void>();
    });
    if (!done) return std::unexpected(done.error());
    if (!found) return fail(ErrorCode::kNotFound, fmt::format("no BMC \"{}\" in the vault", name));
    return std::move(*found);
}

Result<Bmc> SqlcipherStore::bmc(BmcId id) const {
    static const std::string sql = std::string(kSelectBmc) + "WHERE uuid=?";
    return one_bmc(sql, id.uuid, to_hex(id.uuid));
}

Result<Bmc> SqlcipherStore::bmc(std::string_view name) const {
    static const std::string sql = std::string(kSelectBmc) + "WHERE name=? AND retired=0";
    return one_bmc(sql, name, name);
}

Result<std::vector<CredentialVersion>> SqlcipherStore::read_versions(std::string_view sql,
                                                                     const Database::Values& values) const {
    std::vector<CredentialVersion> all;
    auto done = query(sql, values, [&](const Row& row) -> Result<void> {
        auto version = version_from_row(row);
        if (!version) return std::unexpected(version.error());
        all.push_back(std::move(*version));
        return {};
    });
    if (!done) return std::unexpected(done.error());
    return all;
}

Result<std::vector<CredentialVersion>> SqlcipherStore::versions(BmcId id) const {
    static const std::string sql = std::string(kSelectVersion) + "WHERE b.uuid=? ORDER BY c.kind,c.subject,c.version";
    return read_versions(sql, {id.uuid});
}

Result<std::vector<CredentialVersion>> SqlcipherStore::current_versions() const {
    static const std::string sql =
        std::string(kSelectVersion) + "WHERE c.state='current' ORDER BY c.bmc_id,c.kind,c.subject";
    return read_versions(sql, {});
}

Result<std::vector<CredentialVersion>> SqlcipherStore::pending_versions() const {
    static const std::string sql =
        std::string(kSelectVersion) + "WHERE c.state='pending' ORDER BY c.bmc_id,c.kind,c.subject";
    return read_versions(sql, {});
}

Result<Key20> SqlcipherStore::unseal(const CredentialVersion& version) const {
    auto secrets = unseal(std::span(&version, 1));
    if (!secrets) return std::unexpected(secrets.error());
    return std::move(secrets->front());
}

Result<Key20> SqlcipherStore::unseal_row(const CredentialVersion& version, const SealedRow& row) const {
    if (row.sealed.empty()) return fail(ErrorCode::kNotFound, "no such credential version, or destroyed");
    const auto* key = keyring_->data_key(row.compartment, row.epoch);
    if (key == nullptr) return fail(ErrorCode::kNotPermitted, "your slot does not open the compartment of this BMC");
    const SealContext context{keyring_->header().vault_id, version.bmc, version.subject, version.version, row.epoch};
    return vault::unseal(row.sealed, context, *key);
}

Result<std::vector<Key20>> SqlcipherStore::unseal(std::span<const CredentialVersion> versions) const {
    std::map<std::pair<Subject, VersionNumber>, SealedRow> rows;
    const auto read = [&](const Row& row) -> Result<void> {
        const Subject subject{static_cast<Kind>(row.integer(0)), static_cast<std::uint8_t>(row.integer(1))};
        const VersionNumber version{static_cast<std::uint32_t>(row.integer(2))};
        rows[{subject, version}] = {row.blob(3), static_cast<std::uint32_t>(row.integer(4)),
                                    static_cast<std::uint32_t>(row.integer(5))};
        return {};
    };
    constexpr std::string_view kSelect =
        "SELECT c.kind,c.subject,c.version,c.sealed,c.epoch,b.compartment_id FROM credential c "
        "JOIN bmc b ON b.id=c.bmc_id WHERE b.uuid=? ";
    auto done = Result<void>();
    if (versions.size() == 1) {
        const auto& only = versions.front();
        static const std::string one = std::string(kSelect) + "AND c.kind=? AND c.subject=? AND c.version=?";
        done = query(one, {only.bmc.uuid, static_cast<int>(only.subject.kind), only.subject.index, only.version.value},
                     read);
    } else if (!versions.empty()) {
        done = query(kSelect, {versions.front().bmc.uuid}, read);
    }
    if (!done) return std::unexpected(done.error());
    std::vector<Key20> secrets;
    secrets.reserve(versions.size());
    for (const auto& version : versions) {
        BMCVAULT_CHECK(version.bmc == versions.front().bmc);
        auto secret = unseal_row(version, rows[{version.subject, version.version}]);
        if (!secret) return std::unexpected(secret.error());
        secrets.push_back(std::move(*secret));
    }
    return secrets;
}

Result<std::vector<ListedPassword>> SqlcipherStore::listed_passwords() const {
    std::vector<ListedPassword> all;
    auto done = query(
        "SELECT p.list_id,p.entry,l.name,p.label,p.stored_size,p.used_from,p.used_until,l.created_at "
        "FROM listed_password p JOIN password_list l ON l.id=p.list_id "
        "ORDER BY p.list_id DESC,p.used_from IS NOT NULL AND p.used_until IS NULL DESC,p.used_until DESC,"
        "p.used_from DESC,p.entry",
        {}, [&](const Row& row) {
            all.push_back(listed_password_from_row(row));
            return Result<void>();
        });
    if (!done) return std::unexpected(done.error());
    return all;
}

Result<Key20> SqlcipherStore::unseal(const ListedPassword& password) const {
    Bytes sealed;
    std::uint32_t compartment = 0;
    std::uint32_t epoch = 0;
    auto done = query(
        "SELECT p.sealed,p.epoch,l.compartment_id FROM listed_password p JOIN password_list l ON l.id=p.list_id "
        "WHERE p.list_id=? AND p.entry=?",
        {password.list, password.entry}, [&](const Row& row) {
            sealed = row.blob(0);
            epoch = static_cast<std::uint32_t>(row.integer(1));
            compartment = static_cast<std::uint32_t>(row.integer(2));
            return Result<void>();
        });
    if (!done) return std::unexpected(done.error());
    if (sealed.empty()) return fail(ErrorCode::kNotFound, "no such listed password");
    const auto* key = keyring_->data_key(compartment, epoch);
    if (key == nullptr) return fail(ErrorCode::kNotPermitted, "your slot does not open the compartment of this list");
    const ListSealContext context{keyring_->header().vault_id, password.list, password.entry, epoch};
    return vault::unseal(sealed, context, *key);
}

Result<Store::Facts> SqlcipherStore::facts(const std::string& card_key) const {
    Facts all;
    auto done = query("SELECT fact,value FROM fact WHERE card=?", {card_key}, [&](const Row& row) {
        all.emplace(row.text(0), row.text(1));
        return Result<void>();
    });
    if (!done) return std::unexpected(done.error());
    return all;
}

Result<std::optional<Campaign>> SqlcipherStore::unfinished_campaign(const std::string& command,
                                                                    const std::string& selection) const {
    std::optional<Campaign> found;
    auto done = query("SELECT id,started_at FROM campaign WHERE command=? AND selection=? AND finished_at IS NULL",
                      {command, selection}, [&](const Row& row) {
                          found = Campaign{row.integer(0), command, selection, UnixTime{row.integer(1)}, std::nullopt};
                          return Result<void>();
                      });
    if (!done) return std::unexpected(done.error());
    return found;
}

Result<std::optional<Store::AcceptedRestore>> SqlcipherStore::accepted_restore() const {
    auto connection = database();
    if (!connection) return std::unexpected(connection.error());
    std::optional<AcceptedRestore> found;
    std::uint64_t sequence = 0;
    auto done = (*connection)
                    ->query("SELECT seq,at FROM audit WHERE event='vault.restore-accepted' ORDER BY seq DESC LIMIT 1",
                            {}, [&](const Row& row) {
                                sequence = static_cast<std::uint64_t>(row.integer(0));
                                found = AcceptedRestore{UnixTime{row.integer(1)}, UnixTime{row.integer(1)}};
                                return Result<void>();
                            });
    if (!done) return std::unexpected(done.error());
    if (!found) return found;
    const auto before = find_audit_record(**connection, sequence - 1);
    if (!before) return std::unexpected(before.error());
    if (*before) found->state_of = (*before)->record.at;
    return found;
}

Result<std::vector<BmcId>> SqlcipherStore::campaign_done(std::int64_t campaign) const {
    std::vector<BmcId> all;
    static const std::string sql = fmt::format(
        "SELECT b.uuid FROM campaign_bmc d JOIN bmc b ON b.id=d.bmc_id WHERE d.campaign_id=?1 AND NOT {} "
        "ORDER BY b.id",
        kIsToDoAgain);
    auto done = query(sql, {campaign, static_cast<int>(Kind::kPassword), Subject::kOwnAccount}, [&](const Row& row) {
        all.push_back(BmcId{row.bytes<16>(0)});
        return Result<void>();
    });
    if (!done) return std::unexpected(done.error());
    return all;
}

Result<bool> SqlcipherStore::has_rows(std::string_view sql, const Database::Values& values) const {
    bool any = false;
    auto done = query(sql, values, [&](const Row&) -> Result<void> {
        any = true;
        return {};
    });
    if (!done) return std::unexpected(done.error());
    return any;
}

Result<bool> SqlcipherStore::is_done(std::int64_t campaign, BmcId bmc) const {
    static const std::string sql = fmt::format(
        "SELECT 1 FROM bmc b JOIN campaign_bmc d ON d.bmc_id=b.id WHERE d.campaign_id=?1 AND b.uuid=?4 AND NOT {}",
        kIsToDoAgain);
    return has_rows(sql, {campaign, static_cast<int>(Kind::kPassword), Subject::kOwnAccount, bmc.uuid});
}

Result<std::vector<std::uint8_t>> SqlcipherStore::exposed_accounts(BmcId bmc) const {
    std::vector<std::uint8_t> accounts;
    auto done = query(
        "SELECT DISTINCT c.subject FROM bmc b JOIN credential c ON c.bmc_id=b.id JOIN exposure e ON e.bmc_id=c.bmc_id "
        "AND e.kind=c.kind AND e.subject=c.subject WHERE b.uuid=? AND c.kind=? AND ((c.version<=e.version AND "
        "c.state IN('current','pending')) OR (c.state='current' AND c.provenance<>'generated')) ORDER BY c.subject",
        {bmc.uuid, static_cast<int>(Kind::kPassword)}, [&](const Row& row) {
            accounts.push_back(static_cast<std::uint8_t>(row.integer(0)));
            return Result<void>();
        });
    if (!done) return std::unexpected(done.error());
    return accounts;
}

Result<std::vector<AuditRecord>> SqlcipherStore::audit_log(std::uint64_t after, std::size_t limit) const {
    auto connection = database();
    if (!connection) return std::unexpected(connection.error());
    return read_audit_log(**connection, after, limit);
}

Result<Store::Info> SqlcipherStore::info() const {
    const auto& header = keyring_->header();
    Info info;
    info.vault_id = header.vault_id;
    info.generation = header.generation;
    info.sqlcipher_version = sqlcipher_version();
    info.slots = describe_slots(header);
    auto connection = database();
    if (!connection) return std::unexpected(connection.error());
    for (const auto& [sql, into] :
         {std::pair<std::string_view, std::uint64_t*>{"SELECT coalesce(max(seq),0) FROM audit", &info.audit_records},
          {"SELECT count(*) FROM credential", &info.credential_versions},
          {"SELECT count(*) FROM listed_password", &info.listed_passwords}}) {
        const auto count = count_rows(**connection, sql);
        if (!count) return std::unexpected(count.error());
        *into = *count;
    }
    return info;
}

Result<void> SqlcipherStore::verify() const {
    auto fresh = connect(directory_, *keyring_);
    if (!fresh) return std::unexpected(fresh.error());
    return verify_database(**fresh, *keyring_);
}

}  // namespace bmcvault::vault
