// The break-glass slot: made with its shares, and what follows when they were used.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "vault/core/identity.hpp"
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

KeyInShares key_of(const BreakGlassSlot& slot, std::uint32_t number) {
    KeyInShares key;
    key.slot = number;
    key.threshold = slot.threshold;
    key.shares = slot.shares;
    return key;
}

// The shares that were used, and who was given them.
Json shares_used(const KeyInShares& key, std::span<const std::uint32_t> numbers) {
    auto used = Json::array();
    for (const auto number : numbers) {
        Json share{{"share", number}};
        if (number >= 1 && number <= key.holders.size()) share["holder"] = key.holders[number - 1];
        used.push_back(std::move(share));
    }
    return used;
}

std::uint32_t next_number(const Header& header, const std::vector<Member>& members) {
    std::uint32_t highest = 0;
    for (const auto& slot : header.slots) highest = std::max(highest, slot.number);
    for (const auto& member : members) highest = std::max(highest, member.slot);
    return highest + 1;
}

}  // namespace

Result<void> SqlcipherStore::add_break_glass(const Acting& acting, const NewBreakGlass& made, const KeepShares& keep) {
    const auto& [threshold, count, holders] = made;
    if (threshold < kMinThreshold || threshold > count || count > kMaxShares)
        return fail(ErrorCode::kInvalidArgument, "at least 2 shares must be needed, of at most 16");
    if (!holders.empty() && holders.size() != count)
        return fail(ErrorCode::kInvalidArgument, "a holder is named for each share, or for none");
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
                                               {"holders", holders},
                                               {"by", own_slot().number},
                                               {"fingerprint", fingerprint(*public_keys_of(slot))}}));
    });
    if (!done) return done;
    acting.pass("break-glass-row");
    header->slots.push_back(std::move(slot));
    done = replace_header(std::move(*header));
    if (done) acting.pass("break-glass-header");
    return done;
}

Result<std::optional<KeyInShares>> SqlcipherStore::break_glass() const {
    const auto* slot = break_glass_slot_of(keyring_->header());
    if (slot == nullptr) return std::optional<KeyInShares>();
    auto key = key_of(std::get<BreakGlassSlot>(slot->kind), slot->number);
    auto done = query("SELECT at,body FROM audit WHERE event='break-glass.created' ORDER BY seq", {},
                      [&](const Row& row) -> Result<void> {
                          const auto body = Json::parse(row.text(1), nullptr, false);
                          if (body.is_discarded() || body.value("slot", 0U) != key.slot) return {};
                          key.made_at = {row.integer(0)};
                          key.holders = body.value("holders", std::vector<std::string>());
                          if (body.contains("by")) key.made_by = body.value("by", 0U);
                          return {};
                      });
    if (!done) return std::unexpected(done.error());
    return key;
}

Result<void> SqlcipherStore::record_drill(const Acting& acting, std::uint64_t credentials) {
    const auto key = break_glass();
    if (!key) return std::unexpected(key.error());
    if (!*key) return fail(ErrorCode::kNotFound, "the vault has no break-glass slot");
    return transact(acting.actor, acting.now, [&](Transaction& transaction) {
        return transaction.audit(
            "break-glass.drilled", std::nullopt,
            audit_body(acting, {{"credentials", credentials}, {"shares", shares_used(**key, opened_by_)}}));
    });
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
    const auto key = break_glass();
    if (!key) return std::unexpected(key.error());
    const auto used = shares_used(key->value_or(KeyInShares()), opened_by_);
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
                           audit_body(acting, {{"slot", own_slot().number}, {"shares", used}, {"versions", *exposed}}));
    });
    if (!done) return std::unexpected(done.error());
    acting.pass("break-glass-used");
    return departure_by_id(id);
}

}  // namespace bmcvault::vault
