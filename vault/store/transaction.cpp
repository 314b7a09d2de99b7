// Each method is one durable step of the rotation: the rows it changes, and its audit record.
#include "vault/store/transaction.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "vault/core/audit_chain.hpp"
#include "vault/core/audit_pack.hpp"
#include "vault/core/version_chain.hpp"
#include "vault/store/audit_body.hpp"
#include "vault/store/audit_log.hpp"
#include "vault/store/rows.hpp"
#include "vault/store/schema.hpp"
#include "vault/store/state.hpp"

namespace bmcvault::vault {
namespace {

using Json = nlohmann::json;  // keys sorted: one spelling of each body

constexpr std::int64_t kNone = 0;
constexpr std::uint64_t kMostUnsignedRecords = 1000;
constexpr std::size_t kMostPacksPerCommit = 20;  // of the log of an older program
constexpr std::array<std::string_view, 5> kPlaceOfBmc{"name", "address", "port", "user_name", "channel"};

std::string describe(Subject subject, VersionNumber version) {
    return fmt::format("{} {} version {}", to_word(subject.kind), subject.index, version.value);
}

// "UPDATE bmc SET name=?, ... WHERE uuid=?" and "INSERT INTO bmc(...)", from the one list of columns.
std::string update_bmc_sql() {
    std::string columns;
    for (const auto column : kBmcColumns) columns += fmt::format("{}{}=?", columns.empty() ? "" : ",", column);
    return fmt::format("UPDATE bmc SET {} WHERE uuid=?", columns);
}

std::string insert_bmc_sql() {
    std::string columns;
    std::string marks;
    for (const auto column : kBmcColumns) {
        columns += fmt::format(",{}", column);
        marks += ",?";
    }
    return fmt::format("INSERT INTO bmc(uuid,compartment_id,created_at{}) VALUES(?,?,?{})", columns, marks);
}

Database::Values key_of(std::int64_t bmc_row, Subject subject) {
    return {bmc_row, static_cast<int>(subject.kind), subject.index};
}

}  // namespace

Result<AuditHead> read_audit_head(Database& database) {
    AuditHead head;
    auto done = database.query("SELECT seq,hash FROM audit ORDER BY seq DESC LIMIT 1", {}, [&](const Row& row) {
        head = {static_cast<std::uint64_t>(row.integer(0)), row.bytes<32>(1)};
        return Result<void>();
    });
    if (!done) return std::unexpected(done.error());
    return head;
}

Result<void> StoreTransaction::audit(std::string event, std::optional<BmcId> bmc, std::string json_body) {
    if (json_body.size() > kMaxAuditBody)
        return fail(ErrorCode::kInvalidArgument, "an audit record would be longer than 1 MiB: do less at a time");
    const auto root = read_state_root(database_);
    if (!root) return std::unexpected(root.error());
    // A vault whose only slot is a passphrase of the first program has nobody who could sign.
    const auto& identity = keyring_.unlocked().identity;
    const bool is_signed = identity && must_be_signed(event);
    const auto sequence = head_.sequence + 1;
    const AuditEntry entry{sequence, now_, actor_, event, bmc, json_body, AuditEntry::State{*root, is_signed}};
    const auto hash = audit_hash(head_.hash, entry);
    std::optional<ByteView> uuid;
    if (bmc) uuid = bmc->uuid;
    auto done = database_.run(
        "INSERT INTO audit(seq,at,actor,event,bmc_uuid,body,prev,hash,root,is_signed) VALUES(?,?,?,?,?,?,?,?,?,?)",
        {sequence, now_, actor_, event, uuid, json_body, head_.hash, hash, *root, is_signed});
    if (!done) return done;
    head_ = {sequence, hash};
    return is_signed ? sign_record(*identity) : Result<void>();
}

Result<void> StoreTransaction::sign_record(const IdentityKeys& identity) {
    const auto signed_bytes = audit_signed_bytes(keyring_.header().vault_id, head_.sequence, head_.hash);
    return database_.run("INSERT INTO audit_signature(seq,signer,signature) VALUES(?,?,?)",
                         {head_.sequence, public_keys(identity).signing, sign(signed_bytes, identity.signing)});
}

Result<void> StoreTransaction::end_with_state() {
    const auto last_signed = number("SELECT coalesce(max(seq),0) FROM audit_signature");
    if (!last_signed) return std::unexpected(last_signed.error());
    const bool is_long = head_.sequence >= static_cast<std::uint64_t>(*last_signed) + kMostUnsignedRecords;
    const auto spoken_of =
        number("SELECT count(*) FROM state WHERE root=(SELECT root FROM audit WHERE seq=?)", {head_.sequence});
    if (!spoken_of) return std::unexpected(spoken_of.error());
    if (auto ended = is_long || *spoken_of == 0 ? checkpoint() : Result<void>(); !ended) return ended;
    return pack_audit_log(database_, kMostPacksPerCommit);
}

Result<bool> StoreTransaction::ends_signed() {
    const auto signatures = number("SELECT count(*) FROM audit_signature WHERE seq=?", {head_.sequence});
    if (!signatures) return std::unexpected(signatures.error());
    return *signatures > 0;
}

Result<void> StoreTransaction::insert_member(const Slot& slot) {
    const auto* keys = public_keys_of(slot);
    auto done = database_.run(
        "INSERT INTO member(slot,name,type,role,exchange_key,signing_key,added_at) VALUES(?,?,?,?,?,?,?)",
        {slot.number, slot.name, slot_type(slot), to_word(role_of(slot)),
         keys != nullptr ? Value(keys->exchange) : Value(), keys != nullptr ? Value(keys->signing) : Value(), now_});
    if (!done) return done;
    const auto member = database_.last_row_id();
    for (const auto compartment : compartments_of(slot)) {
        done = database_.run("INSERT INTO access_span(member_id,compartment_id,from_at) VALUES(?,?,?)",
                             {member, compartment, now_});
        if (!done) return done;
    }
    return {};
}

// Since their row was read.
Result<void> StoreTransaction::refuse_left(const Slot& slot) {
    const auto there = number("SELECT count(*) FROM member WHERE slot=? AND removed_at IS NULL", {slot.number});
    if (!there) return std::unexpected(there.error());
    return *there == 1 ? Result<void>() : fail(ErrorCode::kConflict, fmt::format("{} has left meanwhile", slot.name));
}

Result<void> StoreTransaction::widen_access(const Slot& slot) {
    for (const auto compartment : compartments_of(slot)) {
        auto done = database_.run(
            "INSERT INTO access_span(member_id,compartment_id,from_at) SELECT m.id,?1,?2 FROM member m WHERE m.slot=?3 "
            "AND m.removed_at IS NULL AND NOT EXISTS(SELECT 1 FROM access_span s WHERE s.member_id=m.id AND "
            "s.compartment_id=?1 AND s.to_at IS NULL)",
            {compartment, now_, slot.number});
        if (!done) return done;
    }
    return {};
}

Result<void> StoreTransaction::audit_version(std::string_view event, BmcId bmc, Subject subject, VersionNumber version,
                                             std::string_view note) {
    Json body{{"kind", to_word(subject.kind)}, {"subject", subject.index}, {"version", version.value}};
    if (!note.empty()) body["note"] = note;
    return audit(std::string(event), bmc, audit_body(body));
}

Result<void> StoreTransaction::refuse_taken_name(const Bmc& bmc) {
    if (bmc.retired) return {};
    bool taken = false;
    auto done = database_.query("SELECT 1 FROM bmc WHERE name=? AND retired=0 AND uuid<>?", {bmc.name, bmc.id.uuid},
                                [&](const Row&) {
                                    taken = true;
                                    return Result<void>();
                                });
    if (done && taken)
        return fail(ErrorCode::kAlreadyExists, fmt::format("there is a BMC named \"{}\" already", bmc.name));
    return done;
}

Result<void> StoreTransaction::add_bmc(const Bmc& bmc) {
    if (auto checked = check_bmc(bmc); !checked) return checked;
    if (auto free = refuse_taken_name(bmc); !free) return free;
    if (bmc_row(bmc.id)) return fail(ErrorCode::kAlreadyExists, "there is a BMC with this id already");
    static const std::string sql = insert_bmc_sql();
    Database::Values values{bmc.id.uuid, compartment_of_new(bmc), now_};
    for (auto& value : bmc_values(bmc)) values.push_back(std::move(value));
    if (auto done = database_.run(sql, values); !done) return done;
    return audit("bmc.added", bmc.id, audit_body({{"address", bmc.address}, {"name", bmc.name}}));
}

// An operator who has not the compartment named adds to the first that he has.
std::uint32_t StoreTransaction::compartment_of_new(const Bmc& bmc) const {
    const auto& granted = compartments_of(keyring_.own_slot());
    return keyring_.sees(bmc.compartment) || granted.empty() ? bmc.compartment : granted.front();
}

Result<void> StoreTransaction::update_bmc(const Bmc& bmc) {
    if (auto checked = check_bmc(bmc); !checked) return checked;
    if (auto free = refuse_taken_name(bmc); !free) return free;
    Database::Values before;
    static const std::string select = std::string(kSelectBmc) + "WHERE uuid=?";
    auto read = database_.query(select, {bmc.id.uuid}, [&](const Row& row) {
        before = bmc_values(bmc_from_row(row));
        return Result<void>();
    });
    if (!read) return read;
    if (before.empty()) return fail(ErrorCode::kNotFound, fmt::format("no BMC \"{}\" in the vault", bmc.name));
    auto values = bmc_values(bmc);
    std::vector<std::string> changed;
    for (std::size_t i = 0; i < kBmcColumns.size(); ++i)
        if (values[i] != before[i]) changed.emplace_back(kBmcColumns[i]);
    if (changed.empty()) return {};
    static const std::string update = update_bmc_sql();
    values.emplace_back(bmc.id.uuid);
    if (auto done = database_.run(update, values); !done) return done;
    const bool moved =
        std::ranges::any_of(kPlaceOfBmc, [&](auto column) { return std::ranges::count(changed, column) > 0; });
    if (moved)
        if (auto done = escrow_anew(bmc); !done) return done;
    return audit("bmc.changed", bmc.id, audit_body({{"changed", changed}, {"name", bmc.name}}));
}

// A GUID that boards with other MAC addresses share is a weak pin, and no reason to refuse. Of boards without a GUID
// the MAC address says which is which.
Result<void> StoreTransaction::pin_board(const Bmc& bmc) {
    std::string twin;
    static const std::string by_guid = std::string(kSelectBmc) + "WHERE pin_guid=? AND retired=0 AND uuid<>?";
    static const std::string by_mac = std::string(kSelectBmc) + "WHERE pin_mac=? AND retired=0 AND uuid<>?";
    const auto compare = [&](const Row& row) -> Result<void> {
        const auto other = bmc_from_row(row);
        const bool other_board = bmc.pin.mac && other.pin.mac && *bmc.pin.mac != *other.pin.mac;
        if (!other_board) twin = other.name;
        return {};
    };
    if (bmc.pin.guid) {
        if (auto done = database_.query(by_guid, {ByteView(*bmc.pin.guid), bmc.id.uuid}, compare); !done) return done;
    } else if (bmc.pin.mac) {
        if (auto done = database_.query(by_mac, {ByteView(*bmc.pin.mac), bmc.id.uuid}, compare); !done) return done;
    }
    if (!twin.empty()) return fail(ErrorCode::kConflict, fmt::format("the same board as {}", twin));
    return update_bmc(bmc);
}

Result<StoreTransaction::BmcRow> StoreTransaction::bmc_row(BmcId bmc) {
    BmcRow found;
    auto done = database_.query("SELECT id,compartment_id FROM bmc WHERE uuid=?", {bmc.uuid}, [&](const Row& row) {
        found = {row.integer(0), static_cast<std::uint32_t>(row.integer(1))};
        return Result<void>();
    });
    if (!done) return std::unexpected(done.error());
    if (found.id == kNone) return fail(ErrorCode::kNotFound, fmt::format("no BMC {} in the vault", to_hex(bmc.uuid)));
    return found;
}

Result<VersionState> StoreTransaction::state_of(std::int64_t row_id, Subject subject, VersionNumber version) {
    std::optional<VersionState> state;
    auto key = key_of(row_id, subject);
    key.emplace_back(version.value);
    auto done = database_.query("SELECT state FROM credential WHERE bmc_id=? AND kind=? AND subject=? AND version=?",
                                key, [&](const Row& row) {
                                    state = state_from_word(row.text(0));
                                    return Result<void>();
                                });
    if (!done) return std::unexpected(done.error());
    if (!state) return fail(ErrorCode::kNotFound, fmt::format("no {}", describe(subject, version)));
    return *state;
}

Result<std::optional<VersionNumber>> StoreTransaction::version_in(std::int64_t row_id, Subject subject,
                                                                  VersionState state) {
    std::optional<VersionNumber> version;
    auto key = key_of(row_id, subject);
    key.emplace_back(to_word(state));
    auto done = database_.query(
        "SELECT version FROM credential WHERE bmc_id=? AND kind=? AND subject=? AND state=? ORDER BY version", key,
        [&](const Row& row) {
            version = VersionNumber{static_cast<std::uint32_t>(row.integer(0))};
            return Result<void>();
        });
    if (!done) return std::unexpected(done.error());
    return version;
}

Result<VersionNumber> StoreTransaction::insert_version(BmcId bmc, Subject subject, const Key20& secret, StoredSize size,
                                                       VersionState state, Provenance provenance,
                                                       const std::string& note) {
    const auto row = bmc_row(bmc);
    if (!row) return std::unexpected(row.error());
    if (subject.kind == Kind::kKg && size != StoredSize::k20)
        return fail(ErrorCode::kInvalidArgument, "a K_G has 20 bytes");
    VersionNumber version{1};
    auto read =
        database_.query("SELECT coalesce(max(version),0)+1 FROM credential WHERE bmc_id=? AND kind=? AND subject=?",
                        key_of(row->id, subject), [&](const Row& next) {
                            version.value = static_cast<std::uint32_t>(next.integer(0));
                            return Result<void>();
                        });
    if (!read) return std::unexpected(read.error());
    const auto epoch = keyring_.active_epoch(row->compartment);
    const auto* key = keyring_.data_key(row->compartment, epoch);
    if (key == nullptr) return fail(ErrorCode::kNotPermitted, "your slot does not open the compartment of this BMC");
    const auto sealed = seal(secret, {keyring_.header().vault_id, bmc, subject, version, epoch}, *key, random_nonce());
    auto values = key_of(row->id, subject);
    for (Value value : std::initializer_list<Value>{version.value, to_word(state), to_word(provenance),
                                                    static_cast<int>(size), epoch, sealed, now_, note})
        values.push_back(std::move(value));
    if (auto escrowed = escrow(bmc, subject, version, size, secret); !escrowed)
        return std::unexpected(escrowed.error());
    auto done = database_.run(
        "INSERT INTO credential(bmc_id,kind,subject,version,state,provenance,stored_size,epoch,sealed,created_at,note) "
        "VALUES(?,?,?,?,?,?,?,?,?,?,?)",
        values);
    if (!done) return std::unexpected(done.error());
    return version;
}

Result<VersionNumber> StoreTransaction::add_version(BmcId bmc, Subject subject, const Key20& secret, StoredSize size,
                                                    VersionState state, Provenance provenance, std::string note) {
    if (state != VersionState::kUnknown && state != VersionState::kRetired)
        return fail(ErrorCode::kConflict, fmt::format("a version is never added as {}", to_word(state)));
    auto version = insert_version(bmc, subject, secret, size, state, provenance, note);
    if (!version) return version;
    if (auto done = audit_version("credential.added", bmc, subject, *version, note); !done)
        return std::unexpected(done.error());
    return version;
}

Result<void> StoreTransaction::same_secret(BmcId bmc, Subject from, VersionNumber from_version, Subject to,
                                           VersionNumber to_version) {
    const auto row = bmc_row(bmc);
    if (!row) return std::unexpected(row.error());
    auto exposed = database_.run(
        "INSERT INTO exposure(departure_id,bmc_id,kind,subject,version,revealed) "
        "SELECT departure_id,bmc_id,?5,?6,?7,max(revealed) FROM exposure WHERE bmc_id=?1 AND kind=?2 AND subject=?3 "
        "AND version>=?4 GROUP BY departure_id,bmc_id",
        {row->id, static_cast<int>(from.kind), from.index, from_version.value, static_cast<int>(to.kind), to.index,
         to_version.value});
    if (!exposed) return exposed;
    return database_.run(
        "INSERT INTO disclosure(seq,slot,bmc_id,kind,subject,version) "
        "SELECT seq,slot,bmc_id,?5,?6,?7 FROM disclosure WHERE bmc_id=?1 AND kind=?2 AND subject=?3 AND version=?4",
        {row->id, static_cast<int>(from.kind), from.index, from_version.value, static_cast<int>(to.kind), to.index,
         to_version.value});
}

Result<VersionNumber> StoreTransaction::stage(BmcId bmc, Subject subject, const Key20& secret, StoredSize size,
                                              Provenance provenance, std::string note) {
    if (auto member = refuse_departed(); !member) return std::unexpected(member.error());
    const auto row = bmc_row(bmc);
    if (!row) return std::unexpected(row.error());
    const auto pending = version_in(row->id, subject, VersionState::kPending);
    if (!pending) return std::unexpected(pending.error());
    if (*pending) return fail(ErrorCode::kConflict, fmt::format("{} is pending already", describe(subject, **pending)));
    auto version = insert_version(bmc, subject, secret, size, VersionState::kPending, provenance, note);
    if (!version) return version;
    if (auto done = audit_version("credential.staged", bmc, subject, *version, note); !done)
        return std::unexpected(done.error());
    return version;
}

Result<void> StoreTransaction::set_state(std::int64_t row_id, Subject subject, VersionNumber version,
                                         VersionState state) {
    const auto before = state_of(row_id, subject, version);
    if (!before) return std::unexpected(before.error());
    if (!may_follow(*before, state))
        return fail(ErrorCode::kConflict, fmt::format("{} can not go from {} to {}", describe(subject, version),
                                                      to_word(*before), to_word(state)));
    const bool begins = state == VersionState::kCurrent;
    const bool ends = *before == VersionState::kCurrent && !begins;
    const std::optional<UnixTime> proved_at = begins ? std::optional(now_) : std::nullopt;
    const std::optional<UnixTime> superseded_at = ends ? std::optional(now_) : std::nullopt;
    return database_.run(
        "UPDATE credential SET state=?1,proved_at=coalesce(?2,proved_at),"
        "superseded_at=CASE WHEN ?2 IS NULL THEN coalesce(?3,superseded_at) END "
        "WHERE bmc_id=?4 AND kind=?5 AND subject=?6 AND version=?7",
        {to_word(state), proved_at, superseded_at, row_id, static_cast<int>(subject.kind), subject.index,
         version.value});
}

Result<void> StoreTransaction::supersede(std::int64_t row_id, Subject subject, VersionNumber next) {
    const auto current = version_in(row_id, subject, VersionState::kCurrent);
    if (!current) return std::unexpected(current.error());
    if (!*current || **current == next) return {};
    const auto previous = version_in(row_id, subject, VersionState::kPrevious);
    if (!previous) return std::unexpected(previous.error());
    if (*previous && **previous != next)
        if (auto done = set_state(row_id, subject, **previous, VersionState::kRetired); !done) return done;
    return set_state(row_id, subject, **current, VersionState::kPrevious);
}

Result<void> StoreTransaction::make_current(std::int64_t row_id, Subject subject, VersionNumber version) {
    if (auto done = supersede(row_id, subject, version); !done) return done;
    return set_state(row_id, subject, version, VersionState::kCurrent);
}

Result<void> StoreTransaction::mark_sent(BmcId bmc, Subject subject, VersionNumber version) {
    const auto row = bmc_row(bmc);
    if (!row) return std::unexpected(row.error());
    if (auto state = state_of(row->id, subject, version); !state) return std::unexpected(state.error());
    auto done = database_.run(
        "UPDATE credential SET sent_at=coalesce(sent_at,?) WHERE bmc_id=? AND kind=? AND subject=? AND version=?",
        {now_, row->id, static_cast<int>(subject.kind), subject.index, version.value});
    if (!done) return done;
    return audit_version("credential.sent", bmc, subject, version);
}

Result<void> StoreTransaction::commit_pending(BmcId bmc, Subject subject, VersionNumber version) {
    const auto row = bmc_row(bmc);
    if (!row) return std::unexpected(row.error());
    const auto state = state_of(row->id, subject, version);
    if (!state) return std::unexpected(state.error());
    if (*state != VersionState::kPending)
        return fail(ErrorCode::kConflict,
                    fmt::format("{} is {}, not pending", describe(subject, version), to_word(*state)));
    if (auto done = make_current(row->id, subject, version); !done) return done;
    return audit_version("credential.committed", bmc, subject, version);
}

Result<void> StoreTransaction::fail_pending(std::int64_t row_id, Subject subject, VersionNumber but) {
    const auto pending = version_in(row_id, subject, VersionState::kPending);
    if (!pending) return std::unexpected(pending.error());
    if (!*pending || **pending == but) return {};
    return set_state(row_id, subject, **pending, VersionState::kFailed);
}

Result<void> StoreTransaction::fail_pending_k_gs(std::int64_t row_id) {
    return database_.run("UPDATE credential SET state='failed' WHERE bmc_id=? AND kind=? AND state='pending'",
                         {row_id, static_cast<int>(Kind::kKg)});
}

// What is pending may have reached the board: it is not sent again to whoever proves something else than the password
// that was current when it was staged. Somebody who once knew that one may stand in the board's place.
Result<void> StoreTransaction::found_live(BmcId bmc, Subject subject, VersionNumber version) {
    const auto row = bmc_row(bmc);
    if (!row) return std::unexpected(row.error());
    const auto current = version_in(row->id, subject, VersionState::kCurrent);
    if (!current) return std::unexpected(current.error());
    if (subject.kind == Kind::kPassword && *current != version) {
        if (auto done = fail_pending(row->id, subject, version); !done) return done;
        const bool own = subject.index == Subject::kOwnAccount;
        if (auto done = own ? fail_pending_k_gs(row->id) : Result<void>(); !done) return done;
    }
    if (auto done = make_current(row->id, subject, version); !done) return done;
    return audit_version("credential.found-live", bmc, subject, version);
}

Result<void> StoreTransaction::found_none_live(BmcId bmc, Subject subject) {
    const auto row = bmc_row(bmc);
    if (!row) return std::unexpected(row.error());
    const auto current = version_in(row->id, subject, VersionState::kCurrent);
    if (!current) return std::unexpected(current.error());
    if (!*current) return {};
    if (auto done = supersede(row->id, subject, VersionNumber{kNone}); !done) return done;
    return audit_version("credential.none-live", bmc, subject, **current);
}

Result<VersionNumber> StoreTransaction::observed_live(BmcId bmc, Subject subject, const Key20& secret, StoredSize size,
                                                      std::string note) {
    const auto row = bmc_row(bmc);
    if (!row) return std::unexpected(row.error());
    if (auto done = fail_pending(row->id, subject, VersionNumber{kNone}); !done) return std::unexpected(done.error());
    auto version = insert_version(bmc, subject, secret, size, VersionState::kObserved, Provenance::kObserved, note);
    if (!version) return version;
    if (auto done = make_current(row->id, subject, *version); !done) return std::unexpected(done.error());
    if (auto done = audit_version("credential.observed", bmc, subject, *version, note); !done)
        return std::unexpected(done.error());
    return version;
}

Result<void> StoreTransaction::abandon_pending(BmcId bmc, Subject subject, VersionNumber version, std::string note) {
    const auto row = bmc_row(bmc);
    if (!row) return std::unexpected(row.error());
    const auto state = state_of(row->id, subject, version);
    if (!state) return std::unexpected(state.error());
    if (*state != VersionState::kPending)
        return fail(ErrorCode::kConflict,
                    fmt::format("{} is {}, not pending", describe(subject, version), to_word(*state)));
    if (auto done = set_state(row->id, subject, version, VersionState::kFailed); !done) return done;
    auto done = database_.run("UPDATE credential SET note=? WHERE bmc_id=? AND kind=? AND subject=? AND version=?",
                              {note, row->id, static_cast<int>(subject.kind), subject.index, version.value});
    if (!done) return done;
    return audit_version("credential.abandoned", bmc, subject, version, note);
}

Result<void> StoreTransaction::mark_proved(BmcId bmc, Subject subject, VersionNumber version) {
    const auto row = bmc_row(bmc);
    if (!row) return std::unexpected(row.error());
    const auto state = state_of(row->id, subject, version);
    if (!state) return std::unexpected(state.error());
    if (*state != VersionState::kCurrent)
        return fail(ErrorCode::kConflict,
                    fmt::format("{} is {}, not current", describe(subject, version), to_word(*state)));
    if (auto done = set_state(row->id, subject, version, VersionState::kCurrent); !done) return done;
    return audit_version("credential.proved", bmc, subject, version);
}

Result<void> StoreTransaction::distrust_all(std::string json_body) {
    auto done = database_.run(
        "UPDATE credential SET superseded_at=CASE state WHEN 'current' THEN ? ELSE superseded_at END,state='unknown' "
        "WHERE state IN('current','pending')",
        {now_});
    if (!done) return done;
    return audit("vault.restore-accepted", std::nullopt, std::move(json_body));
}

Result<void> StoreTransaction::learn(const std::string& card_key, const std::string& fact, const std::string& value) {
    auto done = database_.run("UPDATE fact SET value=?,learned_at=? WHERE card=? AND fact=? AND value<>?",
                              {value, now_, card_key, fact, value});
    if (!done) return done;
    if (database_.changed_rows() == 0) {
        done = database_.run("INSERT OR IGNORE INTO fact(card,fact,value,learned_at) VALUES(?,?,?,?)",
                             {card_key, fact, value, now_});
        if (!done || database_.changed_rows() == 0) return done;  // known already
    }
    return audit("fact.learned", std::nullopt, audit_body({{"card", card_key}, {"fact", fact}, {"value", value}}));
}

Result<std::int64_t> StoreTransaction::begin_campaign(const std::string& command, const std::string& selection) {
    std::int64_t campaign = kNone;
    auto done = database_.query("SELECT id FROM campaign WHERE command=? AND selection=? AND finished_at IS NULL",
                                {command, selection}, [&](const Row& row) {
                                    campaign = row.integer(0);
                                    return Result<void>();
                                });
    if (!done) return std::unexpected(done.error());
    if (campaign != kNone) return campaign;  // two starts at once are one campaign
    done =
        database_.run("INSERT INTO campaign(command,selection,started_at) VALUES(?,?,?)", {command, selection, now_});
    if (!done) return std::unexpected(done.error());
    campaign = database_.last_row_id();
    done = audit("campaign.begun", std::nullopt,
                 audit_body({{"campaign", campaign}, {"command", command}, {"selection", selection}}));
    if (!done) return std::unexpected(done.error());
    return campaign;
}

Result<void> StoreTransaction::campaign_done(std::int64_t campaign, BmcId bmc, const std::string& outcome) {
    const auto row = bmc_row(bmc);
    if (!row) return std::unexpected(row.error());
    auto done = database_.run("INSERT OR IGNORE INTO campaign_bmc(campaign_id,bmc_id,outcome,done_at) VALUES(?,?,?,?)",
                              {campaign, row->id, outcome, now_});
    if (!done) return done;
    done = database_.run("UPDATE campaign_bmc SET outcome=?,done_at=? WHERE campaign_id=? AND bmc_id=?",
                         {outcome, now_, campaign, row->id});
    if (!done) return done;
    return audit("campaign.bmc-done", bmc, audit_body({{"campaign", campaign}, {"outcome", outcome}}));
}

Result<void> StoreTransaction::finish_campaign(std::int64_t campaign) {
    auto done = database_.run("UPDATE campaign SET finished_at=? WHERE id=? AND finished_at IS NULL", {now_, campaign});
    if (!done) return done;
    if (database_.changed_rows() == 0)
        return fail(ErrorCode::kConflict, fmt::format("campaign {} is not open", campaign));
    return audit("campaign.finished", std::nullopt, audit_body({{"campaign", campaign}}));
}

}  // namespace bmcvault::vault
