// Members, compartments and holders: the rows, and the header that follows them.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "vault/core/identity.hpp"
#include "vault/store/audit_body.hpp"
#include "vault/store/locks.hpp"
#include "vault/store/rows.hpp"
#include "vault/store/schema.hpp"
#include "vault/store/slots.hpp"
#include "vault/store/sqlcipher_store.hpp"

namespace bmcvault::vault {
namespace {

using Json = nlohmann::json;

std::unexpected<Error> not_an_owner() {
    return fail(ErrorCode::kNotPermitted, "only an owner may do this: your slot does not hold the signing key");
}

std::uint32_t next_slot_number(const Header& header, std::int64_t highest_ever) {
    auto highest = static_cast<std::uint32_t>(highest_ever);
    for (const auto& slot : header.slots) highest = std::max(highest, slot.number);
    return highest + 1;
}

std::vector<std::uint32_t> ids_of(const std::vector<CompartmentKey>& keys) {
    std::vector<std::uint32_t> ids;
    std::ranges::transform(keys, std::back_inserter(ids), &CompartmentKey::compartment);
    return ids;
}

std::unexpected<Error> is_taken(const Member& member, const NewMember& wanted) {
    std::string why = fmt::format("{} is a member with another key", member.name);
    if (member.name != wanted.name)
        why = fmt::format("that key is the one of {}", member.name);
    else if (member.keys == wanted.keys)
        why = fmt::format("{} is a member as {}: for another role depart, then a new key", member.name,
                          to_word(member.role));
    return fail(ErrorCode::kAlreadyExists, std::move(why));
}

}  // namespace

Result<Header> SqlcipherStore::header_to_change() const {
    if (keyring_->bundle().signing_seed.equals(Key32())) return not_an_owner();
    const auto access = check_directory(directory_);
    if (!access) return std::unexpected(access.error());
    auto header = read_header(directory_, *access);
    if (!header) return header;
    if (!check_mac(*header, keyring_->bundle().master_key))
        return fail(ErrorCode::kDamaged, "vault header: changed by someone who does not hold the vault's keys");
    // The keys of this process are those of the header that it has read: a slot of a later one may have more.
    if (header_digest(*header) != header_digest(keyring_->header()))
        return fail(ErrorCode::kBusy, "the vault was changed meanwhile; run the same command again");
    return header;
}

Result<void> SqlcipherStore::replace_header(Header header) {
    auto connection = database();
    if (!connection) return std::unexpected(connection.error());
    const auto head = read_audit_head(**connection);
    if (!head) return std::unexpected(head.error());
    header.previous_header = header_digest(keyring_->header());
    header.audit_count = head->sequence;
    header.audit_head = head->hash;
    header.min_reader = kReaderVersion;
    authenticate_header(header, keyring_->bundle().master_key, keyring_->bundle().signing_seed);
    const auto text = format_header(header);
    if (const auto checked = parse_header(text); !checked) return std::unexpected(checked.error());
    const auto access = check_directory(directory_);
    if (!access) return std::unexpected(access.error());
    remove_unfinished(directory_ / kHeaderFile);
    if (auto done = replace_file(directory_ / kHeaderFile, text, *access); !done) return done;
    keyring_->replace_header(std::move(header));
    return {};
}

Result<std::vector<Member>> SqlcipherStore::members() const {
    std::vector<Member> all;
    auto done =
        query("SELECT slot,name,type,role,exchange_key,signing_key,added_at,removed_at FROM member ORDER BY slot", {},
              [&](const Row& row) {
                  Member member;
                  member.slot = static_cast<std::uint32_t>(row.integer(0));
                  member.name = row.text(1);
                  member.type = row.text(2);
                  member.role = role_from_word(row.text(3)).value_or(Role::kAuditor);
                  if (!row.is_null(4)) member.keys = PublicKeys{row.bytes<32>(4), row.bytes<32>(5)};
                  member.added_at = {row.integer(6)};
                  member.removed_at = row.maybe_time(7);
                  all.push_back(std::move(member));
                  return Result<void>();
              });
    for (auto& member : all) {
        if (!done) break;
        done = query(
            "SELECT DISTINCT c.name FROM access_span s JOIN compartment c ON c.id=s.compartment_id "
            "JOIN member m ON m.id=s.member_id WHERE m.slot=? AND s.to_at IS m.removed_at ORDER BY c.id",
            {member.slot}, [&](const Row& row) {
                member.compartments.push_back(row.text(0));
                return Result<void>();
            });
    }
    if (!done) return std::unexpected(done.error());
    return all;
}

Result<std::vector<Compartment>> SqlcipherStore::compartments() const {
    std::vector<Compartment> all;
    auto done = query(
        "SELECT c.id,c.name,(SELECT count(*) FROM bmc b WHERE b.compartment_id=c.id AND b.retired=0) "
        "FROM compartment c ORDER BY c.id",
        {}, [&](const Row& row) {
            all.push_back(
                {static_cast<std::uint32_t>(row.integer(0)), row.text(1), static_cast<std::uint64_t>(row.integer(2))});
            return Result<void>();
        });
    if (!done) return std::unexpected(done.error());
    return all;
}

Result<std::uint32_t> SqlcipherStore::next_compartment() const {
    std::uint32_t next = 0;
    auto done = query("SELECT coalesce(max(id),0)+1 FROM compartment", {}, [&](const Row& row) {
        next = static_cast<std::uint32_t>(row.integer(0));
        return Result<void>();
    });
    if (!done) return std::unexpected(done.error());
    return next;
}

Result<Compartment> SqlcipherStore::compartment(const std::string& name) const {
    const auto all = compartments();
    if (!all) return std::unexpected(all.error());
    const auto found = std::ranges::find(*all, name, &Compartment::name);
    if (found == all->end()) return fail(ErrorCode::kNotFound, fmt::format("no compartment \"{}\"", name));
    return *found;
}

Result<std::vector<std::uint32_t>> SqlcipherStore::granted_to(const NewMember& member) const {
    if (member.role == Role::kAuditor) {
        if (member.compartments.empty()) return std::vector<std::uint32_t>();
        return fail(ErrorCode::kInvalidArgument, "an auditor opens no compartment");
    }
    if (member.compartments.empty()) return ids_of(keyring_->bundle().compartments);
    if (member.role == Role::kOwner) return fail(ErrorCode::kInvalidArgument, "an owner has every compartment");
    std::vector<std::uint32_t> ids;
    for (const auto& name : member.compartments) {
        const auto found = compartment(name);
        if (!found) return std::unexpected(found.error());
        ids.push_back(found->id);
    }
    std::ranges::sort(ids);
    const auto repeated = std::ranges::unique(ids);
    ids.erase(repeated.begin(), repeated.end());
    return ids;
}

// The compartments that the rows speak of, whatever the header has.
Result<std::vector<std::uint32_t>> SqlcipherStore::granted_spans(std::uint32_t slot) const {
    std::vector<std::uint32_t> ids;
    auto done = query(
        "SELECT s.compartment_id FROM access_span s JOIN member m ON m.id=s.member_id WHERE m.slot=? AND s.to_at "
        "IS NULL ORDER BY s.compartment_id",
        {slot}, [&](const Row& row) {
            ids.push_back(static_cast<std::uint32_t>(row.integer(0)));
            return Result<void>();
        });
    if (!done) return std::unexpected(done.error());
    return ids;
}

// The slot of a member of that name and key, who is to open more than it does. What it is sealed to comes from the
// header, which rows alone do not change.
Result<SqlcipherStore::NewSlot> SqlcipherStore::grown(const Header& header, const Member& member,
                                                      const NewMember& wanted) const {
    auto slot = *std::ranges::find(header.slots, member.slot, &Slot::number);
    const auto* kind = std::get_if<MemberSlot>(&slot.kind);
    if (kind == nullptr)
        return fail(ErrorCode::kAlreadyExists, fmt::format("{} is no slot of an identity", member.name));
    if (slot.name != wanted.name || kind->keys != wanted.keys || kind->role != wanted.role)
        return fail(ErrorCode::kDamaged, fmt::format("the row of member {} is of another slot", member.name));
    if (kind->service != wanted.service)
        return fail(ErrorCode::kAlreadyExists,
                    fmt::format("{} is there as a {}", member.name, wanted.service ? "person" : "program (--service)"));
    if (wanted.compartments.empty())
        return fail(ErrorCode::kAlreadyExists,
                    fmt::format("{} is a member already; --compartment NAME opens more to an operator", member.name));
    const auto more = granted_to(wanted);
    if (!more) return std::unexpected(more.error());
    const auto begun = granted_spans(member.slot);
    if (!begun) return std::unexpected(begun.error());
    const auto before = compartments_of(slot);
    if (std::ranges::includes(before, *more))
        return fail(ErrorCode::kAlreadyExists, fmt::format("{} opens all that already", member.name));
    std::vector<std::uint32_t> all;
    std::ranges::set_union(before, *more, std::back_inserter(all));
    if (!std::ranges::includes(all, *begun))
        return fail(ErrorCode::kConflict,
                    fmt::format("an interrupted command began to open other compartments to {} ({} in all): end it "
                                "with those first",
                                member.name, fmt::join(member.compartments, ", ")));
    grant(slot, std::move(all));
    return NewSlot{std::move(slot), true, true};
}

// The slot of a new member: the one whose row an interrupted command has written, or a fresh number.
Result<SqlcipherStore::NewSlot> SqlcipherStore::slot_for(const Header& header, const NewMember& wanted) const {
    if (!is_slot_name(wanted.name))
        return fail(ErrorCode::kInvalidArgument, "a member's name has 1 to 64 of A-Z a-z 0-9 . _ @ + -");
    const auto granted = granted_to(wanted);
    if (!granted) return std::unexpected(granted.error());
    const auto known = members();
    if (!known) return std::unexpected(known.error());
    const auto outside = holders();
    if (!outside) return std::unexpected(outside.error());
    for (const auto& holder : *outside)
        if (holder.name == wanted.name && !holder.departed_at)
            return fail(ErrorCode::kAlreadyExists,
                        fmt::format("{} is a holder: depart {} first, or take another name", holder.name, holder.name));
    NewSlot made{{0, wanted.name, MemberSlot{wanted.service, wanted.role, *granted, wanted.keys}, {}}, false};
    std::int64_t highest = 0;
    for (const auto& member : *known) {
        highest = std::max<std::int64_t>(highest, member.slot);
        if (member.removed_at) {
            if (member.keys != wanted.keys) continue;
            return fail(ErrorCode::kAlreadyExists,
                        fmt::format("that key left with {}: a new one is made by bmcvault member keygen", member.name));
        }
        const bool has_slot = std::ranges::count(header.slots, member.slot, &Slot::number) > 0;
        const bool same = member.name == wanted.name && member.keys == wanted.keys && member.role == wanted.role;
        if (same && !has_slot) {
            const auto begun = granted_spans(member.slot);
            if (!begun) return std::unexpected(begun.error());
            if (*begun != *granted)
                return fail(ErrorCode::kConflict,
                            fmt::format("an interrupted command began to add {} with other compartments ({}): end it "
                                        "with those, or: bmcvault depart {}",
                                        member.name, fmt::join(member.compartments, ", "), member.name));
            made.slot.number = member.slot;
            made.begun = true;
        } else if (same) {
            return grown(header, member, wanted);
        } else if (member.name == wanted.name || member.keys == wanted.keys) {
            return is_taken(member, wanted);
        }
    }
    if (!made.begun) made.slot.number = next_slot_number(header, highest);
    return made;
}

Result<void> SqlcipherStore::check_member(const NewMember& wanted) const {
    const auto header = header_to_change();
    if (!header) return std::unexpected(header.error());
    const auto made = slot_for(*header, wanted);
    return made ? Result<void>() : std::unexpected(made.error());
}

Result<void> SqlcipherStore::add_member(const Acting& acting, const NewMember& wanted) {
    const auto lock = HeaderLock::try_acquire(directory_);
    if (!lock) return std::unexpected(lock.error());
    auto header = header_to_change();
    if (!header) return std::unexpected(header.error());
    auto made = slot_for(*header, wanted);
    if (!made) return std::unexpected(made.error());
    if (auto done = seal_slot(made->slot, keyring_->bundle(), *header, keyring_->unlocked()); !done) return done;
    acting.pass("before-member-row");
    auto done = transact(acting.actor, acting.now, [&](Transaction& transaction) -> Result<void> {
        auto& steps = static_cast<StoreTransaction&>(transaction);
        auto rows = made->begun ? steps.refuse_left(made->slot) : steps.insert_member(made->slot);
        if (rows && made->grows) rows = steps.widen_access(made->slot);
        if (!rows) return rows;
        return steps.audit(made->grows ? "member.granted" : "member.added", std::nullopt,
                           audit_body(acting, {{"member", wanted.name},
                                               {"slot", made->slot.number},
                                               {"role", to_word(wanted.role)},
                                               {"compartments", compartments_of(made->slot)},
                                               {"fingerprint", fingerprint(wanted.keys)}}));
    });
    if (!done) return done;
    acting.pass("after-member-row");
    const auto before = std::ranges::find(header->slots, made->slot.number, &Slot::number);
    if (before != header->slots.end())
        *before = std::move(made->slot);
    else
        header->slots.push_back(std::move(made->slot));
    done = replace_header(std::move(*header));
    if (done) acting.pass("after-member-header");
    return done;
}

Result<void> SqlcipherStore::add_compartment(const Acting& acting, const std::string& name) {
    if (!is_slot_name(name))
        return fail(ErrorCode::kInvalidArgument, "a compartment's name has 1 to 64 of A-Z a-z 0-9 . _ @ + -");
    const auto lock = HeaderLock::try_acquire(directory_);
    if (!lock) return std::unexpected(lock.error());
    auto header = header_to_change();
    if (!header) return std::unexpected(header.error());
    if (compartment(name)) return fail(ErrorCode::kAlreadyExists, fmt::format("there is a compartment \"{}\"", name));
    auto all = keyring_->bundle().clone();
    if (all.compartments.size() == kMaxCompartments)
        return fail(ErrorCode::kConflict, fmt::format("a vault has at most {} compartments", kMaxCompartments));
    // Also past one whose keys or whose row an interrupted command has left.
    const auto highest = next_compartment();
    if (!highest) return std::unexpected(highest.error());
    const auto id = std::max(all.compartments.back().compartment + 1, *highest);
    all.compartments.push_back({id, random_key()});
    for (auto& slot : header->slots) {
        if (role_of(slot) != Role::kOwner) continue;
        grant(slot, ids_of(all.compartments));
        if (auto done = seal_slot(slot, all, *header, keyring_->unlocked()); !done) return done;
    }
    const auto data_key = random_key();
    const auto wrapped =
        wrap_data_key(data_key, all.compartments.back().key, header->vault_id, id, kFirstEpoch, random_nonce());
    // The keys first: a compartment without them could never be used, keys without a compartment are never noticed.
    if (auto done = replace_header(std::move(*header)); !done) return done;
    acting.pass("after-compartment-header");
    keyring_->replace_bundle(std::move(all));
    auto done = transact(acting.actor, acting.now, [&](Transaction& transaction) -> Result<void> {
        auto& database = static_cast<StoreTransaction&>(transaction).database();
        auto made = database.run("INSERT INTO compartment(id,name) VALUES(?,?)", {id, name});
        if (made)
            made = database.run(
                "INSERT INTO data_key(compartment_id,epoch,wrapped,state,created_at) VALUES(?,?,?,'active',?)",
                {id, kFirstEpoch, wrapped, acting.now});
        if (made)
            made = database.run(
                "INSERT INTO access_span(member_id,compartment_id,from_at) "
                "SELECT id,?,? FROM member WHERE role='owner' AND removed_at IS NULL",
                {id, acting.now});
        if (!made) return made;
        return transaction.audit("compartment.added", std::nullopt,
                                 audit_body(acting, {{"compartment", name}, {"id", id}}));
    });
    if (done) keyring_->add_data_key(id, kFirstEpoch, true, data_key.clone());
    return done;
}

Result<void> SqlcipherStore::move_bmcs(const Acting& acting, const std::string& name, std::span<const BmcId> bmcs) {
    if (keyring_->bundle().signing_seed.equals(Key32())) return not_an_owner();
    const auto target = compartment(name);
    if (!target) return std::unexpected(target.error());
    auto done = transact(acting.actor, acting.now, [&](Transaction& transaction) -> Result<void> {
        auto& steps = static_cast<StoreTransaction&>(transaction);
        const auto key = steps.new_data_key(target->id);
        if (!key) return std::unexpected(key.error());
        for (const auto& bmc : bmcs) {
            const auto moved = steps.move_bmc(bmc, target->id, *key);
            if (!moved) return std::unexpected(moved.error());
            if (!*moved) continue;
            auto logged = steps.audit("compartment.bmc-moved", bmc, audit_body(acting, {{"compartment", name}}));
            if (!logged) return logged;
        }
        return {};
    });
    if (!done) return done;
    auto connection = database();
    if (!connection) return std::unexpected(connection.error());
    return load_data_keys(**connection, *keyring_);
}

Result<std::vector<Holder>> SqlcipherStore::holders() const {
    std::vector<Holder> all;
    auto done = query("SELECT name,note,added_at,departed_at FROM holder ORDER BY name", {}, [&](const Row& row) {
        all.push_back({row.text(0), row.text(1), {row.integer(2)}, row.maybe_time(3), {}});
        return Result<void>();
    });
    for (auto& holder : all) {
        if (!done) break;
        done = query(
            "SELECT b.name FROM holder_bmc k JOIN bmc b ON b.id=k.bmc_id JOIN holder h ON h.id=k.holder_id "
            "WHERE h.name=? ORDER BY b.name",
            {holder.name}, [&](const Row& row) {
                holder.bmcs.push_back(row.text(0));
                return Result<void>();
            });
    }
    if (!done) return std::unexpected(done.error());
    return all;
}

Result<void> SqlcipherStore::add_holder(const Acting& acting, const std::string& name, std::span<const BmcId> bmcs,
                                        UnixTime since) {
    if (!is_printable_name(name, kMaxMemberNameSize))
        return fail(ErrorCode::kInvalidArgument, "a holder's name has 1 to 64 printable characters");
    const auto known = members();
    if (!known) return std::unexpected(known.error());
    if (std::ranges::any_of(*known, [&](const Member& member) { return member.name == name; }))
        return fail(ErrorCode::kAlreadyExists, fmt::format("{} is or was a member", name));
    return transact(acting.actor, acting.now, [&](Transaction& transaction) -> Result<void> {
        auto& database = static_cast<StoreTransaction&>(transaction).database();
        auto done = database.run("INSERT OR IGNORE INTO holder(name,note,added_at) VALUES(?,?,?)",
                                 {name, acting.reason, acting.now});
        if (done) done = database.run("UPDATE holder SET departed_at=NULL WHERE name=?", {name});
        for (const auto& bmc : bmcs) {
            if (!done) return done;
            done = database.run(
                "INSERT OR IGNORE INTO holder_bmc(holder_id,bmc_id,since) "
                "SELECT h.id,b.id,? FROM holder h,bmc b WHERE h.name=? AND b.uuid=?",
                {since, name, bmc.uuid});
            if (!done) return done;
            done = database.run(
                "UPDATE holder_bmc SET since=?1 WHERE since>?1 AND holder_id=(SELECT id FROM holder WHERE name=?2) AND "
                "bmc_id=(SELECT id FROM bmc WHERE uuid=?3)",
                {since, name, bmc.uuid});
        }
        if (!done) return done;
        return transaction.audit("holder.added", std::nullopt,
                                 audit_body(acting, {{"holder", name}, {"bmcs", bmcs.size()}, {"since", since.value}}));
    });
}

}  // namespace bmcvault::vault
