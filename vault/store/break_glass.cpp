// The break-glass slot: made with its shares, and what follows when they were used.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "vault/store/audit_body.hpp"
#include "vault/store/locks.hpp"
#include "vault/store/shares.hpp"
#include "vault/store/slots.hpp"
#include "vault/store/sqlcipher_store.hpp"

namespace bmcvault::vault {
namespace {

using Json = nlohmann::json;

std::vector<std::uint32_t> every_compartment(const Bundle& bundle) {
    std::vector<std::uint32_t> ids;
    std::ranges::transform(bundle.compartments, std::back_inserter(ids), &CompartmentKey::compartment);
    return ids;
}

// The row of a slot that an interrupted command has left behind: its shares open nothing.
Result<std::optional<std::uint32_t>> left_behind(const Header& header, const std::vector<Member>& members) {
    for (const auto& member : members) {
        if (member.name != kBreakGlassName || member.removed_at) continue;
        if (std::ranges::count(header.slots, member.slot, &Slot::number) > 0)
            return fail(ErrorCode::kAlreadyExists, "the vault has a break-glass slot already");
        return member.slot;
    }
    return std::optional<std::uint32_t>();
}

std::uint32_t next_number(const Header& header, const std::vector<Member>& members) {
    std::uint32_t highest = 0;
    for (const auto& slot : header.slots) highest = std::max(highest, slot.number);
    for (const auto& member : members) highest = std::max(highest, member.slot);
    return highest + 1;
}

}  // namespace

Result<void> SqlcipherStore::add_break_glass(const Acting& acting, std::uint32_t threshold, std::uint32_t count,
                                             const KeepShares& keep) {
    if (threshold < kMinThreshold || threshold > count || count > kMaxShares)
        return fail(ErrorCode::kInvalidArgument, "at least 2 shares must be needed, of at most 16");
    const auto lock = HeaderLock::try_acquire(directory_);
    if (!lock) return std::unexpected(lock.error());
    auto header = header_to_change();
    if (!header) return std::unexpected(header.error());
    if (break_glass_slot_of(*header) != nullptr)
        return fail(ErrorCode::kAlreadyExists, "the vault has a break-glass slot already");
    const auto known = members();
    if (!known) return std::unexpected(known.error());
    const auto unfinished = left_behind(*header, *known);
    if (!unfinished) return std::unexpected(unfinished.error());
    const auto key = random_key();
    Slot slot{
        next_number(*header, *known),
        std::string(kBreakGlassName),
        BreakGlassSlot{threshold, count, every_compartment(keyring_->bundle()), public_keys(identity_of_slot_key(key))},
        {}};
    if (auto done = seal_slot(slot, keyring_->bundle(), *header, keyring_->unlocked()); !done) return done;
    if (auto kept = keep(split_key(key, header->vault_id, slot.number, threshold, count)); !kept) return kept;
    acting.pass("break-glass-shares-kept");
    auto done = transact(acting.actor, acting.now, [&](Transaction& transaction) -> Result<void> {
        auto& steps = static_cast<StoreTransaction&>(transaction);
        if (*unfinished)
            if (auto ended = steps.end_membership(**unfinished); !ended) return ended;
        if (auto inserted = steps.insert_member(slot); !inserted) return inserted;
        return steps.audit("break-glass.created", std::nullopt,
                           audit_body(acting, {{"slot", slot.number},
                                               {"threshold", threshold},
                                               {"shares", count},
                                               {"fingerprint", to_hex(public_keys_of(slot)->exchange)}}));
    });
    if (!done) return done;
    acting.pass("break-glass-row");
    header->slots.push_back(std::move(slot));
    done = replace_header(std::move(*header));
    if (done) acting.pass("break-glass-header");
    return done;
}

Result<std::uint64_t> StoreTransaction::expose_all(std::int64_t departure) {
    auto done = database_.run(
        "INSERT OR IGNORE INTO exposure(departure_id,bmc_id,kind,subject,version,revealed) "
        "SELECT ?,bmc_id,kind,subject,version,0 FROM credential "
        "WHERE state IN('pending','observed','current','previous','unknown')",
        {departure});
    if (!done) return std::unexpected(done.error());
    return static_cast<std::uint64_t>(database_.changed_rows());
}

Result<Departure> SqlcipherStore::use_break_glass(const Acting& acting) {
    const auto before = departures();
    if (!before) return std::unexpected(before.error());
    const auto who = fmt::format("{} (slot {})", kBreakGlassName, own_slot().number);
    const auto open = std::ranges::find_if(*before, [&](const Departure& departure) {
        return departure.who == who && departure.type == DepartureType::kHost && !departure.finished_at;
    });
    std::int64_t id = open == before->end() ? 0 : open->id;
    auto done = transact(acting.actor, acting.now, [&](Transaction& transaction) -> Result<void> {
        auto& steps = static_cast<StoreTransaction&>(transaction);
        if (id == 0) {
            auto made = steps.insert_departure(who, "host", std::nullopt, acting.reason);
            if (!made) return std::unexpected(made.error());
            id = *made;
        }
        const auto exposed = steps.expose_all(id);
        if (!exposed) return std::unexpected(exposed.error());
        return steps.audit("break-glass.used", std::nullopt,
                           audit_body(acting, {{"slot", own_slot().number}, {"versions", *exposed}}));
    });
    if (!done) return std::unexpected(done.error());
    acting.pass("break-glass-used");
    return departure_by_id(id);
}

}  // namespace bmcvault::vault
