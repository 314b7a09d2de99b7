// Departures: what somebody could read is marked first, so that a crash after it can only say too much. A BMC is due as
// long as its live credential is among what was marked.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "vault/store/audit_body.hpp"
#include "vault/store/reseal.hpp"
#include "vault/store/rows.hpp"
#include "vault/store/sqlcipher_store.hpp"

namespace bmcvault::vault {
namespace {

using Json = nlohmann::json;

std::string_view to_word(DepartureType type) {
    switch (type) {
        case DepartureType::kMember:
            return "member";
        case DepartureType::kHolder:
            return "holder";
        case DepartureType::kHost:
            break;
    }
    return "host";
}

DepartureType type_from_word(std::string_view word) {
    if (word == "member") return DepartureType::kMember;
    return word == "holder" ? DepartureType::kHolder : DepartureType::kHost;
}

// What may be live on a BMC. With a version all earlier ones of its subject count as exposed, since an old one may come
// back: readers ask for a marked version that is the same or later.
constexpr std::string_view kMarkOfMember =
    "INSERT OR IGNORE INTO exposure(departure_id,bmc_id,kind,subject,version,revealed) "
    "SELECT ?1,c.bmc_id,c.kind,c.subject,c.version,EXISTS(SELECT 1 FROM disclosure d WHERE d.slot=?2 AND "
    "d.bmc_id=c.bmc_id AND d.kind=c.kind AND d.subject=c.subject AND d.version=c.version) "
    "FROM credential c JOIN bmc b ON b.id=c.bmc_id "
    "WHERE c.state IN('pending','observed','current','previous','unknown') AND EXISTS("
    "SELECT 1 FROM access_span s JOIN member m ON m.id=s.member_id WHERE m.slot=?2 AND "
    "(s.compartment_id=b.compartment_id "
    "OR EXISTS(SELECT 1 FROM bmc_moved v WHERE v.bmc_id=b.id AND v.from_compartment=s.compartment_id "
    "AND v.at>=s.from_at AND c.created_at<=v.at)))";
constexpr std::string_view kMarkOfHolder =
    "INSERT OR IGNORE INTO exposure(departure_id,bmc_id,kind,subject,version,revealed) "
    "SELECT ?1,c.bmc_id,c.kind,c.subject,c.version,1 FROM credential c "
    "JOIN holder_bmc k ON k.bmc_id=c.bmc_id JOIN holder h ON h.id=k.holder_id "
    "WHERE h.name=?2 AND c.state IN('pending','observed','current','previous','unknown') "
    "AND (c.superseded_at IS NULL OR c.superseded_at>=k.since)";
constexpr std::string_view kMarkOfBmc =
    "INSERT OR IGNORE INTO exposure(departure_id,bmc_id,kind,subject,version,revealed) "
    "SELECT ?1,c.bmc_id,c.kind,c.subject,c.version,1 FROM credential c JOIN bmc b ON b.id=c.bmc_id "
    "WHERE b.uuid=?2 AND c.state IN('pending','observed','current','previous','unknown')";

// What an open departure of the same name had not seen replaced.
constexpr std::string_view kTakeOver =
    "INSERT OR IGNORE INTO exposure(departure_id,bmc_id,kind,subject,version,revealed) "
    "SELECT ?1,e.bmc_id,e.kind,e.subject,e.version,e.revealed FROM exposure e JOIN departure d ON d.id=e.departure_id "
    "WHERE d.id=?2 AND NOT EXISTS(SELECT 1 FROM credential c WHERE c.bmc_id=e.bmc_id AND c.kind=e.kind AND "
    "c.subject=e.subject AND c.state='current' AND c.provenance='generated' AND c.proved_at>=d.at AND "
    "(d.type<>'member' OR d.revoked_at IS NOT NULL) AND NOT EXISTS("
    "SELECT 1 FROM exposure o WHERE o.departure_id=d.id AND o.bmc_id=c.bmc_id AND o.kind=c.kind AND "
    "o.subject=c.subject AND o.version>=c.version))";

// With one condition more, or none. What is live is exposed, what is pending is, nobody knows what is live, or it is
// nothing that was made since.
constexpr std::string_view kSelectDue =
    "SELECT b.uuid FROM bmc b WHERE b.retired=0 AND EXISTS("
    "SELECT 1 FROM exposure e JOIN credential c ON c.bmc_id=e.bmc_id AND c.kind=e.kind AND c.subject=e.subject "
    "WHERE e.bmc_id=b.id AND {}((c.version<=e.version AND c.state IN('current','pending')) OR (c.version=e.version AND "
    "c.state<>'destroyed' AND (c.kind=2 OR c.subject=0) AND NOT EXISTS(SELECT 1 FROM credential n WHERE "
    "n.bmc_id=c.bmc_id AND n.kind=c.kind AND n.subject=c.subject AND n.state='current')) OR "
    "(c.state='current' AND c.provenance<>'generated'))) ORDER BY b.name";

constexpr std::string_view kSelectDeparture =
    "SELECT id,who,type,slot,reason,at,generation,revoked_at,finished_at FROM departure ";

Departure departure_of(const Row& row) {
    Departure departure;
    departure.id = row.integer(0);
    departure.who = row.text(1);
    departure.type = type_from_word(row.text(2));
    departure.slot = row.maybe<std::uint32_t>(3);
    departure.reason = row.text(4);
    departure.at = {row.integer(5)};
    departure.generation = static_cast<std::uint64_t>(row.integer(6));
    departure.revoked_at = row.maybe_time(7);
    departure.finished_at = row.maybe_time(8);
    return departure;
}

}  // namespace

Result<StoreTransaction::DataKey> StoreTransaction::new_data_key(std::uint32_t compartment) {
    const auto granted = std::ranges::find(keyring_.bundle().compartments, compartment, &CompartmentKey::compartment);
    if (granted == keyring_.bundle().compartments.end())
        return fail(ErrorCode::kNotPermitted, "your slot does not open that compartment");
    const auto epoch = next_epoch(database_);
    if (!epoch) return std::unexpected(epoch.error());
    DataKey made{random_key(), *epoch};
    auto done = database_.run("UPDATE data_key SET state='decrypt-only' WHERE compartment_id=? AND state='active'",
                              {compartment});
    if (done)
        done = database_.run(
            "INSERT INTO data_key(compartment_id,epoch,wrapped,state,created_at) VALUES(?,?,?,'active',?)",
            {compartment, made.epoch,
             wrap_data_key(made.key, granted->key, keyring_.header().vault_id, compartment, made.epoch, random_nonce()),
             now_});
    if (!done) return std::unexpected(done.error());
    return made;
}

Result<bool> StoreTransaction::move_bmc(BmcId bmc, std::uint32_t compartment, const DataKey& key) {
    const auto row = bmc_row(bmc);
    if (!row) return std::unexpected(row.error());
    if (row->compartment == compartment) return false;
    auto done = reseal_bmc(database_, keyring_, bmc, {&key.key, key.epoch});
    if (done)
        done = database_.run("INSERT OR IGNORE INTO bmc_moved(bmc_id,from_compartment,at) VALUES(?,?,?)",
                             {row->id, row->compartment, now_});
    if (done) done = database_.run("UPDATE bmc SET compartment_id=? WHERE id=?", {compartment, row->id});
    if (!done) return std::unexpected(done.error());
    return true;
}

Result<void> StoreTransaction::disclose(std::string event, BmcId bmc, std::span<const CredentialVersion> versions,
                                        std::string json_body) {
    if (auto member = refuse_departed(); !member) return member;
    const auto row = bmc_row(bmc);
    if (!row) return std::unexpected(row.error());
    if (auto done = audit(std::move(event), bmc, std::move(json_body)); !done) return done;
    for (const auto& version : versions) {
        auto done =
            database_.run("INSERT OR IGNORE INTO disclosure(seq,slot,bmc_id,kind,subject,version) VALUES(?,?,?,?,?,?)",
                          {head_.sequence, keyring_.unlocked().slot, row->id, static_cast<int>(version.subject.kind),
                           version.subject.index, version.version.value});
        if (!done) return done;
    }
    return {};
}

Result<std::int64_t> StoreTransaction::insert_departure(std::string_view who, std::string_view type,
                                                        std::optional<std::uint32_t> slot, std::string_view reason) {
    auto done = database_.run("INSERT INTO departure(who,type,slot,reason,at,generation) VALUES(?,?,?,?,?,?)",
                              {who, type, slot, reason, now_, keyring_.header().generation});
    if (!done) return std::unexpected(done.error());
    return database_.last_row_id();
}

Result<void> StoreTransaction::end_membership(std::uint32_t slot) {
    auto done = database_.run("UPDATE member SET removed_at=? WHERE slot=? AND removed_at IS NULL", {now_, slot});
    if (!done) return done;
    return database_.run(
        "UPDATE access_span SET to_at=? WHERE to_at IS NULL AND member_id=(SELECT id FROM member WHERE slot=?)",
        {now_, slot});
}

Result<std::vector<Departure>> SqlcipherStore::departures() const {
    std::vector<Departure> all;
    static const std::string sql = std::string(kSelectDeparture) + "ORDER BY id";
    auto done = query(sql, {}, [&](const Row& row) {
        all.push_back(departure_of(row));
        return Result<void>();
    });
    if (!done) return std::unexpected(done.error());
    return all;
}

// Who leaves: a member that has a slot, or a holder.
Result<Departure> SqlcipherStore::who_leaves(const std::string& who) const {
    if (const auto header = header_to_change(); !header) return std::unexpected(header.error());
    const auto known = members();
    if (!known) return std::unexpected(known.error());
    const auto is_live = [](const Member& member) { return !member.removed_at; };
    for (const auto& member : *known) {
        if (member.name != who || !is_live(member)) continue;
        const auto owners = std::ranges::count_if(
            *known, [&](const Member& other) { return is_live(other) && other.role == Role::kOwner; });
        if (member.role == Role::kOwner && owners == 1)
            return fail(ErrorCode::kConflict, fmt::format("{} is the last owner: nobody could go on", who));
        if (member.slot == keyring_->unlocked().slot)
            return fail(ErrorCode::kConflict, "that is your own slot: another owner has to do this");
        Departure departure;
        departure.who = who;
        departure.slot = member.slot;
        return departure;
    }
    const auto outside = holders();
    if (!outside) return std::unexpected(outside.error());
    if (std::ranges::none_of(*outside, [&](const Holder& holder) { return holder.name == who && !holder.departed_at; }))
        return fail(ErrorCode::kNotFound, fmt::format("\"{}\" is neither a member nor a holder", who));
    Departure departure;
    departure.who = who;
    departure.type = DepartureType::kHolder;
    return departure;
}

Result<std::vector<Departure>> SqlcipherStore::open_departures_of(const std::string& who) const {
    auto open = departures();
    if (open)
        std::erase_if(*open, [&](const Departure& departure) {
            return departure.who != who || departure.finished_at || departure.type == DepartureType::kHost;
        });
    return open;
}

Result<void> StoreTransaction::take_over(std::int64_t departure, std::span<const Departure> open) {
    for (const auto& before : open)
        if (auto done = database_.run(kTakeOver, {departure, before.id}); !done) return done;
    return {};
}

// Until the keys are new, what is written can be read by who leaves; also where a later departure of the name has taken
// over the one that has their slot.
Result<void> StoreTransaction::mark_until_now() {
    std::vector<std::pair<std::int64_t, std::int64_t>> to_mark;  // departure, slot
    auto done = database_.query(
        "SELECT o.id,d.slot FROM departure d JOIN member m ON m.slot=d.slot JOIN departure o ON o.id=d.id OR "
        "(o.who=d.who AND o.type<>'host' AND o.finished_at IS NULL) WHERE d.revoked_at IS NULL AND d.type='member' AND "
        "m.removed_at IS NOT NULL",
        {}, [&](const Row& row) {
            to_mark.emplace_back(row.integer(0), row.integer(1));
            return Result<void>();
        });
    for (const auto& [departure, slot] : to_mark) {
        if (!done) return done;
        done = database_.run(kMarkOfMember, {departure, slot});
    }
    return done;
}

Result<void> StoreTransaction::refuse_departed() {
    const auto departed =
        number("SELECT count(*) FROM member WHERE slot=? AND removed_at IS NOT NULL", {keyring_.unlocked().slot});
    if (!departed) return std::unexpected(departed.error());
    if (*departed == 0) return {};
    return fail(ErrorCode::kNotPermitted, "your access to this vault has ended");
}

// Somebody of that name who has access now comes first: a departure that is still open is of who had the name before.
Result<Departure> SqlcipherStore::begin_departure(const Acting& acting, const std::string& who) {
    const auto header = header_to_change();
    if (!header) return std::unexpected(header.error());
    const auto open = open_departures_of(who);
    if (!open) return std::unexpected(open.error());
    auto departure = who_leaves(who);
    if (!departure) {
        const bool goes_on = departure.error().code == ErrorCode::kNotFound && !open->empty();
        return goes_on ? open->back() : departure;
    }
    const bool member = departure->type == DepartureType::kMember;
    const auto* shared = break_glass_slot_of(*header);
    const bool break_glass = member && shared != nullptr && shared->number == *departure->slot;
    auto done = transact(acting.actor, acting.now, [&](Transaction& transaction) -> Result<void> {
        auto& steps = static_cast<StoreTransaction&>(transaction);
        for (const auto& before : *open)
            if (auto ended = steps.end_departure(before); !ended) return ended;
        auto id = steps.insert_departure(who, to_word(departure->type), departure->slot, acting.reason);
        if (!id) return std::unexpected(id.error());
        departure->id = *id;
        if (auto taken = steps.take_over(*id, *open); !taken) return taken;
        auto marked = member ? steps.database().run(kMarkOfMember, {*id, *departure->slot})
                             : steps.database().run(kMarkOfHolder, {*id, who});
        if (marked && member) marked = steps.end_membership(*departure->slot);
        // Nothing more is sealed to a key that is given up.
        if (marked && break_glass) marked = steps.end_escrow();
        if (marked && !member)
            marked = steps.database().run("UPDATE holder SET departed_at=? WHERE name=?", {acting.now, who});
        if (!marked) return marked;
        const auto count = steps.number("SELECT count(*) FROM exposure WHERE departure_id=?", {*id});
        if (!count) return std::unexpected(count.error());
        return steps.audit(
            "departure.begun", std::nullopt,
            audit_body(acting, {{"who", who}, {"type", to_word(departure->type)}, {"versions", *count}}));
    });
    if (!done) return std::unexpected(done.error());
    acting.pass("after-mark");
    return departure_by_id(departure->id);
}

Result<Departure> SqlcipherStore::departure_by_id(std::int64_t id) const {
    std::optional<Departure> found;
    static const std::string sql = std::string(kSelectDeparture) + "WHERE id=?";
    auto done = query(sql, {id}, [&](const Row& row) {
        found = departure_of(row);
        return Result<void>();
    });
    if (!done) return std::unexpected(done.error());
    if (!found) return fail(ErrorCode::kNotFound, "no such departure");
    return std::move(*found);
}

Result<Departure> SqlcipherStore::expose(const Acting& acting, std::span<const BmcId> bmcs) {
    const auto before = departures();
    if (!before) return std::unexpected(before.error());
    const auto open = std::ranges::find_if(*before, [&](const Departure& departure) {
        return departure.type == DepartureType::kHost && departure.who == acting.reason && !departure.finished_at;
    });
    std::int64_t id = open == before->end() ? 0 : open->id;
    auto done = transact(acting.actor, acting.now, [&](Transaction& transaction) -> Result<void> {
        auto& steps = static_cast<StoreTransaction&>(transaction);
        if (id == 0) {
            auto made =
                steps.insert_departure(acting.reason, to_word(DepartureType::kHost), std::nullopt, acting.reason);
            if (!made) return std::unexpected(made.error());
            id = *made;
        }
        for (const auto& bmc : bmcs) {
            auto marked = steps.database().run(kMarkOfBmc, {id, bmc.uuid});
            if (marked)
                marked = steps.audit("departure.bmc-exposed", bmc, audit_body(acting, nlohmann::json::object()));
            if (!marked) return marked;
        }
        return steps.audit("departure.exposed", std::nullopt, audit_body(acting, {{"bmcs", bmcs.size()}}));
    });
    if (!done) return std::unexpected(done.error());
    return departure_by_id(id);
}

// Also where a later departure of the same name has taken over one that never came to its new keys.
Result<void> SqlcipherStore::revoke(const Acting& acting, const Departure& departure) {
    const auto opens_still = has_rows(
        "SELECT 1 FROM departure d JOIN member m ON m.slot=d.slot WHERE d.who=? AND d.type='member' "
        "AND d.revoked_at IS NULL AND m.removed_at IS NOT NULL",
        {departure.who});
    if (!opens_still) return std::unexpected(opens_still.error());
    if (*opens_still) return new_generation(acting);
    if (departure.type != DepartureType::kMember) return {};
    if (seen_.refusal.empty()) remove_other_stores(directory_, keyring_->header());  // a kill right after the header
    return {};
}

Result<void> SqlcipherStore::finish_departure(const Acting& acting, const Departure& departure) {
    return transact(acting.actor, acting.now, [&](Transaction& transaction) -> Result<void> {
        return static_cast<StoreTransaction&>(transaction).end_departure(departure);
    });
}

Result<void> StoreTransaction::end_departure(const Departure& departure) {
    auto done =
        database_.run("UPDATE departure SET finished_at=? WHERE id=? AND finished_at IS NULL", {now_, departure.id});
    if (!done || database_.changed_rows() == 0) return done;
    return audit("departure.finished", std::nullopt, audit_body({{"who", departure.who}}));
}

Result<std::vector<ExposedCredential>> SqlcipherStore::exposed_by(const Departure& departure) const {
    std::vector<ExposedCredential> all;
    auto done = query(
        "SELECT b.uuid,b.name,e.kind,e.subject,max(e.revealed OR EXISTS(SELECT 1 FROM disclosure d WHERE d.slot=?3 AND "
        "d.bmc_id=e.bmc_id AND d.kind=e.kind AND d.subject=e.subject AND d.version=e.version)),b.retired,"
        "(SELECT c.version FROM credential c WHERE c.bmc_id=e.bmc_id AND c.kind=e.kind AND c.subject=e.subject "
        "AND "
        "c.state='current' AND c.provenance='generated' AND c.proved_at>=?2 "
        "AND EXISTS(SELECT 1 FROM departure p WHERE p.id=?1 AND (p.type<>'member' OR p.revoked_at IS NOT NULL)) "
        "AND NOT EXISTS(SELECT 1 FROM exposure o WHERE o.departure_id=?1 AND o.bmc_id=c.bmc_id AND o.kind=c.kind AND "
        "o.subject=c.subject AND o.version>=c.version)),coalesce(b.last_outcome,'') "
        "FROM exposure e JOIN bmc b ON b.id=e.bmc_id WHERE e.departure_id=?1 "
        "GROUP BY e.bmc_id,e.kind,e.subject ORDER BY b.name,e.kind,e.subject",
        {departure.id, departure.at, departure.slot}, [&](const Row& row) {
            ExposedCredential one;
            one.bmc = BmcId{row.bytes<16>(0)};
            one.bmc_name = row.text(1);
            one.subject = {static_cast<Kind>(row.integer(2)), static_cast<std::uint8_t>(row.integer(3))};
            one.revealed = row.integer(4) != 0;
            one.retired_bmc = row.integer(5) != 0;
            if (const auto live = row.maybe<std::uint32_t>(6)) one.live = VersionNumber{*live};
            one.last_outcome = row.text(7);
            all.push_back(std::move(one));
            return Result<void>();
        });
    if (!done) return std::unexpected(done.error());
    return all;
}

Result<std::vector<BmcId>> SqlcipherStore::due() const {
    static const std::string sql = fmt::format(kSelectDue, "");
    return bmc_ids(sql);
}

Result<std::vector<BmcId>> SqlcipherStore::due_for_k_g() const {
    static const std::string sql = fmt::format(kSelectDue, "c.kind=2 AND ");
    return bmc_ids(sql);
}

Result<std::vector<BmcId>> SqlcipherStore::bmc_ids(std::string_view sql) const {
    std::vector<BmcId> all;
    auto done = query(sql, {}, [&](const Row& row) {
        all.push_back(BmcId{row.bytes<16>(0)});
        return Result<void>();
    });
    if (!done) return std::unexpected(done.error());
    return all;
}

Result<Team::Signed> SqlcipherStore::sign_statement(std::string_view text) const {
    const auto& identity = keyring_->unlocked().identity;
    if (!identity)
        return fail(ErrorCode::kConflict, "this slot has no key to sign with; open the vault by an identity");
    return Signed{sign(as_bytes(text), identity->signing), public_keys(*identity).signing};
}

// Also those that a key of the same name opens whose departure this one has taken over.
Result<std::vector<std::string>> SqlcipherStore::backups_opened_by(const Departure& departure) const {
    std::vector<std::string> files;
    if (departure.type == DepartureType::kHost) return files;
    const auto known = members();
    if (!known) return std::unexpected(known.error());
    const auto all = departures();
    if (!all) return std::unexpected(all.error());
    for (const auto& each : *all) {
        const bool is_of_it = each.id == departure.id || (each.who == departure.who && each.id < departure.id &&
                                                          each.revoked_at.value_or(departure.at) >= departure.at);
        const auto member = each.slot ? std::ranges::find(*known, *each.slot, &Member::slot) : known->end();
        if (!is_of_it || member == known->end()) continue;
        const auto opened = backups_between(member->added_at, each.revoked_at.value_or(each.at));
        if (!opened) return opened;
        for (const auto& file : *opened)
            if (std::ranges::count(files, file) == 0) files.push_back(file);
    }
    return files;
}

}  // namespace bmcvault::vault
