#include "vault/store/escrow.hpp"
#include "vault/store/audit_body.hpp"

#include <fmt/format.h>
#include <sodium.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

#include "vault/store/rows.hpp"
#include "vault/store/sqlcipher_store.hpp"

namespace bmcvault::vault {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr std::size_t kMuch = 1 << 20;  // of lines that are not in the file yet
constexpr std::size_t kMostHashes = 1 << 20;
// SQLite keeps what a savepoint may have to put back in memory. Repeated, a replay goes on where it has stopped.
constexpr std::size_t kLinesPerCommit = 1000;

std::unexpected<Error> escrow_error(const Error& error) {
    return fail(error.code, fmt::format("escrow log: {}; nothing was stored, and nothing is sent", error.detail));
}

Bytes sealed_to(const PublicKeys& keys, const EscrowPlain& plain) {
    return plain.expose([&](ByteView bytes) {
        Bytes sealed(crypto_box_SEALBYTES + bytes.size());
        const int code = crypto_box_seal(sealed.data(), bytes.data(), bytes.size(), keys.exchange.data());
        BMCVAULT_CHECK(code == 0);
        return sealed;
    });
}

Result<Escrowed> unsealed(const EscrowLine& line, const IdentityKeys& identity) {
    if (line.sealed.size() < crypto_box_SEALBYTES || line.sealed.size() - crypto_box_SEALBYTES > kMaxEscrowPlain)
        return fail(ErrorCode::kDamaged, "escrow log: a seal of another size");
    const auto size = line.sealed.size() - crypto_box_SEALBYTES;
    Secret<kMaxEscrowPlain> plain;
    const auto keys = public_keys(identity);
    const int code = plain.expose_mutable([&](auto out) {
        return identity.exchange.expose([&](auto secret) {
            return crypto_box_seal_open(out.data(), line.sealed.data(), line.sealed.size(), keys.exchange.data(),
                                        secret.data());
        });
    });
    if (code != 0) return fail(ErrorCode::kWrongKey, "escrow log: sealed to another key");
    return plain.expose(
        [&](auto bytes) { return parse_escrow_plain({reinterpret_cast<const char*>(bytes.data()), size}, line.key); });
}

// An empty file, or one whose lines are of this vault: it goes on.
Result<void> check_log(const fs::path& file, const VaultId& vault_id) {
    auto reader = EscrowReader::open(file);
    if (!reader) return std::unexpected(reader.error());
    const auto line = reader->next();
    if (!line) return std::unexpected(line.error());
    if (!*line) return {};
    const auto first = parse_escrow_line(**line);
    if (!first || first->key.vault_id != vault_id)
        return fail(ErrorCode::kAlreadyExists,
                    fmt::format("{} is there already, and is no escrow log of this vault", file.string()));
    return {};
}

struct KeptLog {
    std::int64_t row = 0;
    Escrow escrow;
    std::optional<EscrowEnd> left;
};

Result<std::optional<KeptLog>> kept_log(Database& database) {
    std::optional<KeptLog> kept;
    auto done = database.query(
        "SELECT e.id,e.file,e.slot,e.since,n.size,n.tail FROM escrow e LEFT JOIN escrow_end n ON n.escrow_id=e.id "
        "WHERE e.until IS NULL",
        {}, [&](const Row& row) {
            kept.emplace();
            kept->row = row.integer(0);
            kept->escrow = {row.text(1), static_cast<std::uint32_t>(row.integer(2)), {row.integer(3)}, {}};
            if (!row.is_null(4)) kept->left = EscrowEnd{static_cast<std::uint64_t>(row.integer(4)), row.bytes<32>(5)};
            return Result<void>();
        });
    if (!done) return std::unexpected(done.error());
    return kept;
}

// Tells secrets apart without keeping them.
class SecretHash {
public:
    using Value = std::array<std::uint8_t, crypto_generichash_BYTES_MIN>;

    [[nodiscard]] Value of(BmcId bmc, Subject subject, StoredSize size, const Key20& secret) const {
        constexpr std::size_t kHead = sizeof bmc.uuid + 3;
        Secret<kHead + kKeySize> message;
        message.expose_mutable([&](auto out) {
            auto at = std::ranges::copy(bmc.uuid, out.begin()).out;
            *at++ = static_cast<std::uint8_t>(subject.kind);
            *at++ = subject.index;
            *at++ = static_cast<std::uint8_t>(size);
            secret.expose([&](auto bytes) { std::ranges::copy(bytes, at); });
        });
        Value hash{};
        message.expose([&](auto bytes) {
            key_.expose([&](auto key) {
                crypto_generichash(hash.data(), hash.size(), bytes.data(), bytes.size(), key.data(), key.size());
            });
        });
        return hash;
    }

private:
    Key32 key_ = random_key();
};

}  // namespace

Result<void> EscrowLog::add(EscrowKey key, const EscrowedPlace& place, const Key20& secret) {
    if (!file_.is_open())
        if (auto opened = file_.open(); !opened) return escrow_error(opened.error());
    key.slot = slot_;
    if (lines_.empty() && file_.ends_within_a_line()) lines_ = "\n";
    lines_ += format_escrow_line({key, sealed_to(keys_, EscrowPlain(key, place, secret))}) + "\n";
    return lines_.size() < kMuch ? Result<void>() : append_lines();
}

void EscrowLog::rewind(std::uint64_t place) {
    lines_.resize(place > appended_ ? static_cast<std::size_t>(place - appended_) : 0);
}

Result<void> EscrowLog::append_lines() {
    if (auto done = file_.append(lines_); !done) return escrow_error(done.error());
    appended_ += lines_.size();
    lines_.clear();
    return {};
}

Result<void> EscrowLog::write() {
    if (!file_.is_open()) return {};
    if (auto done = append_lines(); !done) return done;
    if (auto done = file_.sync(); !done) return escrow_error(done.error());
    return {};
}

void StoreTransaction::rewind(const Place& place) {
    head_ = place.head;
    if (escrow_ != nullptr) escrow_->rewind(place.escrowed);
}

Result<void> StoreTransaction::escrow(BmcId id, Subject subject, VersionNumber version, StoredSize size,
                                      const Key20& secret) {
    if (escrow_ == nullptr) return {};
    static const std::string select = std::string(kSelectBmc) + "WHERE uuid=?";
    auto done = database_.query(select, {id.uuid}, [&](const Row& row) {
        const auto bmc = bmc_from_row(row);
        return escrow_->add({keyring_.header().vault_id, 0, id, subject, version, now_},
                            {bmc.name, bmc.address, bmc.port, bmc.user_name, bmc.channel, size}, secret);
    });
    return done ? remember_escrow_end(escrow_->row(), escrow_->end()) : done;
}

Result<void> StoreTransaction::escrow_anew(const Bmc& bmc) {
    if (escrow_ == nullptr) return {};
    struct Sealed {
        SealContext context;
        std::uint32_t compartment = 0;
        StoredSize size = StoredSize::k20;
        Bytes sealed;
    };
    std::vector<Sealed> all;
    auto done = database_.query(
        "SELECT c.kind,c.subject,c.version,c.epoch,b.compartment_id,c.stored_size,c.sealed FROM credential c "
        "JOIN bmc b ON b.id=c.bmc_id WHERE b.uuid=? AND c.state "
        "IN('pending','observed','current','previous','unknown') "
        "ORDER BY c.kind,c.subject,c.version",
        {bmc.id.uuid}, [&](const Row& row) {
            const Subject subject{static_cast<Kind>(row.integer(0)), static_cast<std::uint8_t>(row.integer(1))};
            all.push_back({{keyring_.header().vault_id,
                            bmc.id,
                            subject,
                            {static_cast<std::uint32_t>(row.integer(2))},
                            static_cast<std::uint32_t>(row.integer(3))},
                           static_cast<std::uint32_t>(row.integer(4)),
                           row.integer(5) == 16 ? StoredSize::k16 : StoredSize::k20,
                           row.blob(6)});
            return Result<void>();
        });
    for (const auto& version : all) {
        if (!done) return done;
        const auto* key = keyring_.data_key(version.compartment, version.context.epoch);
        if (key == nullptr)
            return fail(ErrorCode::kNotPermitted, "your slot does not open the compartment of this BMC");
        const auto secret = unseal(version.sealed, version.context, *key);
        if (!secret) return std::unexpected(secret.error());
        done = escrow(bmc.id, version.context.subject, version.context.version, version.size, *secret);
    }
    return done;
}

Result<void> StoreTransaction::remember_escrow_end(std::int64_t row, const EscrowEnd& end) {
    auto done = database_.run("UPDATE escrow_end SET size=?,tail=? WHERE escrow_id=?", {end.size, end.tail, row});
    if (!done || database_.changed_rows() > 0) return done;
    return database_.run("INSERT INTO escrow_end(escrow_id,size,tail) VALUES(?,?,?)", {row, end.size, end.tail});
}

Result<void> StoreTransaction::end_escrow() {
    return database_.run("UPDATE escrow SET until=? WHERE until IS NULL", {now_});
}

namespace {

bool has_room(const fs::path& file) {
    std::error_code error;
    const auto space = fs::space(file, error);
    return error || (geteuid() == 0 ? space.free : space.available) >= kMaxEscrowLine;
}

}  // namespace

Result<std::optional<Escrow>> SqlcipherStore::escrow() const {
    const auto connection = database();
    if (!connection) return std::unexpected(connection.error());
    auto kept = kept_log(**connection);
    if (!kept) return std::unexpected(kept.error());
    if (!*kept) return std::optional<Escrow>();
    const auto access = check_directory(directory_);
    if (!access) return std::unexpected(access.error());
    auto& escrow = (*kept)->escrow;
    if (auto opened = EscrowFile(escrow.file, *access, (*kept)->left).open(); !opened)
        escrow.problem = opened.error().detail;
    else if (!has_room(escrow.file))
        escrow.problem = fmt::format("{}: its disk has no room", escrow.file);
    return std::move(escrow);
}

// The key is the one of the header, which only an owner can sign: a row of the table could name anybody's. The slot may
// have been made after this process had read the header.
Result<std::optional<EscrowLog>> SqlcipherStore::escrow_log(Database& database) const {
    const auto kept = kept_log(database);
    if (!kept) return std::unexpected(kept.error());
    if (!*kept) return std::optional<EscrowLog>();
    const auto access = check_directory(directory_);
    if (!access) return std::unexpected(access.error());
    auto header = keyring_->header();
    if (break_glass_slot_of(header) == nullptr) {
        const auto fresh = read_header(directory_, *access);
        if (!fresh) return std::unexpected(fresh.error());
        if (fresh->admin_public_key != header.admin_public_key || !check_mac(*fresh, keyring_->bundle().master_key))
            return fail(ErrorCode::kDamaged, "vault header: changed by someone who does not hold the vault's keys");
        header = *fresh;
    }
    const auto* slot = break_glass_slot_of(header);
    if (slot == nullptr || slot->number != (*kept)->escrow.slot)
        return fail(ErrorCode::kDamaged, "the header has not the break-glass slot that the escrow log is sealed to");
    return EscrowLog(EscrowFile((*kept)->escrow.file, *access, (*kept)->left), (*kept)->row, slot->number,
                     *public_keys_of(*slot));
}

namespace {

// All that the vault holds, also what only a factory reset brings back.
Result<std::uint64_t> add_everything(const SqlcipherStore& store, EscrowLog& log, const VaultId& vault_id) {
    const auto bmcs = store.bmcs(true);
    if (!bmcs) return std::unexpected(bmcs.error());
    std::uint64_t count = 0;
    for (const auto& bmc : *bmcs) {
        auto versions = store.versions(bmc.id);
        if (!versions) return std::unexpected(versions.error());
        std::erase_if(*versions, [](const auto& version) { return version.state == VersionState::kDestroyed; });
        const auto secrets = store.unseal(*versions);
        if (!secrets) return std::unexpected(secrets.error());
        for (std::size_t i = 0; i < versions->size(); ++i) {
            const auto& version = (*versions)[i];
            auto added =
                log.add({vault_id, 0, bmc.id, version.subject, version.version, version.created_at},
                        {bmc.name, bmc.address, bmc.port, bmc.user_name, bmc.channel, version.size}, (*secrets)[i]);
            if (!added) return std::unexpected(added.error());
        }
        count += versions->size();
    }
    return count;
}

}  // namespace

Result<std::uint64_t> SqlcipherStore::enable_escrow(const Acting& acting, const fs::path& file) {
    const auto header = header_to_change();
    if (!header) return std::unexpected(header.error());
    const auto* slot = break_glass_slot_of(*header);
    if (slot == nullptr)
        return fail(ErrorCode::kConflict, "an escrow log is sealed to the break-glass slot, and the vault has none");
    const auto access = check_directory(directory_);
    if (!access) return std::unexpected(access.error());
    const auto target = fs::absolute(file).lexically_normal();
    std::error_code error;
    if (!fs::exists(fs::symlink_status(target, error))) {
        if (auto made = make_empty_file(target, *access); !made) return std::unexpected(made.error());
        if (auto synced = sync_directory(target.parent_path()); !synced) return std::unexpected(synced.error());
    }
    if (auto safe = check_file(target, *access); !safe) return std::unexpected(safe.error());
    if (auto ours = check_log(target, header->vault_id); !ours) return std::unexpected(ours.error());
    EscrowLog log(EscrowFile(target, *access, {}), 0, slot->number, *public_keys_of(*slot));
    std::uint64_t count = 0;
    auto done = transact(acting.actor, acting.now, [&](Transaction& transaction) -> Result<void> {
        auto& steps = static_cast<StoreTransaction&>(transaction);
        const auto kept = escrow();
        if (!kept) return std::unexpected(kept.error());
        if (*kept) return fail(ErrorCode::kConflict, fmt::format("an escrow log is kept already: {}", (*kept)->file));
        const auto added = add_everything(*this, log, header->vault_id);
        if (!added) return std::unexpected(added.error());
        count = *added;
        if (auto written = log.write(); !written) return written;
        auto inserted = steps.database().run("INSERT INTO escrow(file,slot,since) VALUES(?,?,?)",
                                             {target.string(), slot->number, acting.now});
        if (inserted) inserted = steps.remember_escrow_end(steps.database().last_row_id(), log.end());
        if (!inserted) return inserted;
        return steps.audit(
            "escrow.enabled", std::nullopt,
            audit_body(acting, {{"file", target.string()}, {"slot", slot->number}, {"versions", count}}));
    });
    if (!done) return std::unexpected(done.error());
    return count;
}

Result<void> SqlcipherStore::disable_escrow(const Acting& acting) {
    const auto header = header_to_change();
    if (!header) return std::unexpected(header.error());
    return transact(acting.actor, acting.now, [&](Transaction& transaction) -> Result<void> {
        auto& steps = static_cast<StoreTransaction&>(transaction);
        if (auto ended = steps.end_escrow(); !ended) return ended;
        if (steps.database().changed_rows() == 0) return fail(ErrorCode::kNotFound, "no escrow log is kept");
        return steps.audit("escrow.disabled", std::nullopt, audit_body(acting, nlohmann::json::object()));
    });
}

namespace {

// What the vault holds, as hashes: the versions of a BMC are unsealed once, however often its lines come.
class KnownSecrets {
public:
    explicit KnownSecrets(const SqlcipherStore& store) : store_(store) {}

    Result<bool> holds(const EscrowKey& key, const Escrowed& escrowed) {
        const auto hashes = of(key.bmc);
        if (!hashes) return std::unexpected(hashes.error());
        return (*hashes)->contains(hash_.of(key.bmc, key.subject, escrowed.place.size, escrowed.secret));
    }
    Result<void> add(const EscrowKey& key, const Escrowed& escrowed) {
        const auto hashes = of(key.bmc);
        if (!hashes) return std::unexpected(hashes.error());
        const auto hash = hash_.of(key.bmc, key.subject, escrowed.place.size, escrowed.secret);
        kept_ += (*hashes)->insert(hash).second ? 1 : 0;
        return {};
    }

private:
    using Hashes = std::set<SecretHash::Value>;

    Result<Hashes*> of(BmcId bmc) {
        if (const auto found = known_.find(bmc); found != known_.end()) return &found->second;
        if (kept_ > kMostHashes) {
            known_.clear();
            kept_ = 0;
        }
        auto versions = store_.versions(bmc);
        if (!versions) return std::unexpected(versions.error());
        std::erase_if(*versions, [](const auto& version) { return version.state == VersionState::kDestroyed; });
        const auto secrets = store_.unseal(*versions);
        if (!secrets) return std::unexpected(secrets.error());
        auto& hashes = known_[bmc];
        for (std::size_t i = 0; i < versions->size(); ++i)
            hashes.insert(hash_.of(bmc, (*versions)[i].subject, (*versions)[i].size, (*secrets)[i]));
        kept_ += hashes.size();
        return &hashes;
    }

    const SqlcipherStore& store_;
    SecretHash hash_;
    std::map<BmcId, Hashes> known_;
    std::size_t kept_ = 0;
};

void put(const EscrowedPlace& place, Bmc& bmc) {
    bmc.name = place.name;
    bmc.address = place.address;
    bmc.port = place.port;
    bmc.user_name = place.user_name;
    bmc.channel = place.channel;
}

EscrowedPlace place_of(const Bmc& bmc) {
    return {bmc.name, bmc.address, bmc.port, bmc.user_name, bmc.channel};
}

bool is_same_place(const EscrowedPlace& a, const EscrowedPlace& b) {
    return std::tie(a.address, a.port, a.user_name, a.channel) == std::tie(b.address, b.port, b.user_name, b.channel);
}

constexpr std::string_view kFromLog = "from the escrow log";

// Brings back what is in the lines of one escrow log.
class Replaying {
public:
    Replaying(const SqlcipherStore& store, EscrowReplay& result, std::optional<UnixTime> last_whole)
        : store_(store), result_(result), last_whole_(last_whole), known_(store) {}

    Result<void> take(Transaction& transaction, const EscrowLine& line, const Escrowed& escrowed) {
        const auto there = is_there(transaction, line.key.bmc, escrowed.place);
        if (!there) return std::unexpected(there.error());
        if (!*there) return {};
        const auto known = known_.holds(line.key, escrowed);
        if (!known) return std::unexpected(known.error());
        if (*known) {
            ++result_.known;
            return {};
        }
        auto added = transaction.add_version(line.key.bmc, line.key.subject, escrowed.secret, escrowed.place.size,
                                             VersionState::kUnknown, Provenance::kRestored, std::string(kFromLog));
        if (!added) return std::unexpected(added.error());
        ++result_.added;
        return known_.add(line.key, escrowed);
    }

private:
    struct Added {
        EscrowedPlace at;
        bool reached = false;  // the lines have come to where it is
    };

    // A BMC that the vault does not know is added as its last line says.
    Result<bool> is_there(Transaction& transaction, BmcId id, const EscrowedPlace& place) {
        if (here_before_.contains(id)) return true;
        if (const auto added = added_.find(id); added != added_.end())
            return follow(transaction, id, place, added->second);
        const auto found = store_.bmc(id);
        if (!found && found.error().code != ErrorCode::kNotFound) return std::unexpected(found.error());
        if (!found) return add(transaction, id, place);
        if (found->retired) return left_out(place);
        const auto by_replay = is_by_replay(id);
        if (!by_replay) return std::unexpected(by_replay.error());
        if (!*by_replay) {
            here_before_.insert(id);
            return true;
        }
        return follow(transaction, id, place, added_.emplace(id, Added{place_of(*found), false}).first->second);
    }

    Result<bool> add(Transaction& transaction, BmcId id, const EscrowedPlace& place) {
        Bmc bmc;
        bmc.id = id;
        put(place, bmc);
        const auto added = transaction.add_bmc(bmc);
        if (!added)
            return added.error().code == ErrorCode::kAlreadyExists ? left_out(place) : std::unexpected(added.error());
        added_.emplace(id, Added{place, true});
        result_.bmcs_added.push_back(place.name);
        return true;
    }

    Result<bool> left_out(const EscrowedPlace& place) {
        if (left_out_.insert(place.name).second) result_.not_in_vault.push_back(place.name);
        return false;
    }

    // An interrupted replay has added it: nothing is known of it but what lines have said, since the last one that came
    // to its end.
    [[nodiscard]] Result<bool> is_by_replay(BmcId id) const {
        const auto versions = store_.versions(id);
        if (!versions) return std::unexpected(versions.error());
        return !versions->empty() && std::ranges::all_of(*versions, [&](const CredentialVersion& version) {
            return version.provenance == Provenance::kRestored && version.state == VersionState::kUnknown &&
                   version.note == kFromLog && (!last_whole_ || version.created_at > *last_whole_);
        });
    }

    // One that was added before goes on from the line that it has come to; where a person has put it, no line leads.
    Result<bool> follow(Transaction& transaction, BmcId id, const EscrowedPlace& place, Added& added) {
        if (!added.reached && is_same_place(place, added.at)) added = {place, true};  // a person may have renamed it
        if (!added.reached || (place.name == added.at.name && is_same_place(place, added.at))) return true;
        auto bmc = store_.bmc(id);
        if (!bmc) return std::unexpected(bmc.error());
        const auto name = bmc->name;
        put(place, *bmc);
        if (place.name == added.at.name) bmc->name = name;
        auto moved = transaction.update_bmc(*bmc);
        // Its name stays where another BMC has the new one.
        if (!moved && moved.error().code == ErrorCode::kAlreadyExists) {
            bmc->name = name;
            moved = transaction.update_bmc(*bmc);
        }
        if (!moved) return std::unexpected(moved.error());
        added.at = place;
        return true;
    }

    const SqlcipherStore& store_;
    EscrowReplay& result_;
    std::optional<UnixTime> last_whole_;  // replay that came to its end
    KnownSecrets known_;
    std::map<BmcId, Added> added_;  // by this replay, or by an earlier one that was interrupted
    std::set<BmcId> here_before_;
    std::set<std::string> left_out_;
};

// kDamaged, kWrongKey: it can't be read, and others may.
Result<std::pair<EscrowLine, Escrowed>> opened_line(std::string_view text, const VaultId& vault_id,
                                                    const IdentityKeys& identity) {
    auto line = parse_escrow_line(text);
    if (!line) return std::unexpected(line.error());
    if (line->key.vault_id != vault_id) return fail(ErrorCode::kWrongKey, "escrow log: a line of another vault");
    auto escrowed = unsealed(*line, identity);
    if (!escrowed) return std::unexpected(escrowed.error());
    return std::pair(std::move(*line), std::move(*escrowed));
}

constexpr int kFirstLines = 100;  // some may be torn

std::unexpected<Error> only_the_shares() {
    return fail(ErrorCode::kNotPermitted, "only the shares open an escrow log");
}

// The newest password of each BMC, held against what was found in a log.
Result<void> count_newest(const SqlcipherStore& store, const SecretHash& hash, const std::set<BmcId>& bmcs_found,
                          const std::set<SecretHash::Value>& found, EscrowSample& sample) {
    const auto bmcs = store.bmcs(false);
    if (!bmcs) return std::unexpected(bmcs.error());
    for (const auto& bmc : *bmcs) {
        const auto versions = store.versions(bmc.id);
        if (!versions) return std::unexpected(versions.error());
        const CredentialVersion* newest = nullptr;
        for (const auto& version : *versions)
            if (version.subject == Subject{Kind::kPassword, Subject::kOwnAccount} &&
                version.state != VersionState::kDestroyed)
                newest = &version;
        if (newest == nullptr) continue;
        ++sample.bmcs;
        if (!bmcs_found.contains(bmc.id)) continue;
        const auto secret = store.unseal(*newest);
        if (!secret) return std::unexpected(secret.error());
        if (found.contains(hash.of(bmc.id, newest->subject, newest->size, *secret))) ++sample.newest;
    }
    return {};
}

}  // namespace

Result<std::optional<EscrowSample>> SqlcipherStore::sample_escrow(std::size_t most) const {
    const auto& identity = keyring_->unlocked().identity;
    if (!std::holds_alternative<BreakGlassSlot>(own_slot().kind) || !identity) return only_the_shares();
    const auto kept = escrow();
    if (!kept) return std::unexpected(kept.error());
    if (!*kept) return std::optional<EscrowSample>();
    if (!(*kept)->problem.empty()) return fail(ErrorCode::kNoEscrow, (*kept)->problem);
    constexpr std::uint64_t kUsualLine = 1024;
    auto reader = EscrowReader::open_end((*kept)->file, most * kUsualLine);
    if (!reader) return std::unexpected(reader.error());
    EscrowSample sample{(*kept)->file, 0, 0, 0, 0, reader->from_the_start()};
    std::deque<std::string> lines;
    for (;;) {
        const auto line = reader->next();
        if (!line) return std::unexpected(line.error());
        if (!*line) break;
        lines.emplace_back(**line);
        if (lines.size() <= most) continue;
        lines.pop_front();
        sample.whole = false;
    }
    const SecretHash hash;
    std::set<BmcId> bmcs;
    std::set<SecretHash::Value> found;
    for (const auto& text : lines) {
        ++sample.lines;
        const auto line = opened_line(text, keyring_->header().vault_id, *identity);
        if (!line) continue;
        ++sample.opened;
        const auto& [clear, escrowed] = *line;
        bmcs.insert(clear.key.bmc);
        found.insert(hash.of(clear.key.bmc, clear.key.subject, escrowed.place.size, escrowed.secret));
    }
    if (auto counted = count_newest(*this, hash, bmcs, found, sample); !counted)
        return std::unexpected(counted.error());
    return sample;
}

Result<void> Store::check_escrow_log(const fs::path& file) {
    auto reader = EscrowReader::open(file);
    if (!reader) return std::unexpected(reader.error());
    for (int i = 0; i < kFirstLines; ++i) {
        const auto line = reader->next();
        if (!line) return std::unexpected(line.error());
        if (!*line) break;
        if (parse_escrow_line(**line)) return {};
    }
    return fail(ErrorCode::kInvalidArgument, fmt::format("{} is no escrow log", file.string()));
}

Result<EscrowReplay> SqlcipherStore::replay_escrow(const Acting& acting, const fs::path& file) {
    const auto& identity = keyring_->unlocked().identity;
    if (!std::holds_alternative<BreakGlassSlot>(own_slot().kind) || !identity) return only_the_shares();
    auto reader = EscrowReader::open(file);
    if (!reader) return std::unexpected(reader.error());
    EscrowReplay result;
    std::optional<UnixTime> last_whole;
    auto read = query("SELECT max(at) FROM audit WHERE event='escrow.replayed'", {}, [&](const Row& row) {
        last_whole = row.maybe_time(0);
        return Result<void>();
    });
    if (!read) return std::unexpected(read.error());
    Replaying replaying(*this, result, last_whole);
    bool more = true;
    const auto some_lines = [&](Transaction& transaction) -> Result<void> {
        for (std::size_t i = 0; i < kLinesPerCommit; ++i) {
            const auto text = reader->next();
            if (!text) return std::unexpected(text.error());
            more = text->has_value();
            if (!more) break;
            ++result.lines;
            const auto line = opened_line(**text, keyring_->header().vault_id, *identity);
            if (!line) {
                ++result.unread;
                if (result.unread_lines.size() < kMostUnreadLines) result.unread_lines.push_back(result.lines);
                continue;
            }
            if (auto taken = replaying.take(transaction, line->first, line->second); !taken) return taken;
        }
        if (more) return {};
        return transaction.audit(
            "escrow.replayed", std::nullopt,
            audit_body(acting,
                       {{"file", file.string()}, {"added", result.added}, {"bmcs_added", result.bmcs_added.size()}}));
    };
    while (more) {
        if (auto done = transact(acting.actor, acting.now, some_lines); !done) return std::unexpected(done.error());
        acting.pass("escrow-part-replayed");
    }
    return result;
}

}  // namespace bmcvault::vault
