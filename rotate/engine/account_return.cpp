#include "rotate/engine/account_return.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "rotate/engine/account_creation.hpp"
#include "rotate/engine/account_reader.hpp"
#include "rotate/engine/account_record.hpp"

namespace bmcvault::rotate {
namespace {

const AccountSlot& slot_in(const AccountTable& table, UserId id) {
    const auto found = std::ranges::find(table.slots, id, &AccountSlot::id);
    BMCVAULT_CHECK(found != table.slots.end());
    return *found;
}

}  // namespace

AccountReturn::AccountReturn(BmcContact& contact, std::string note) : contact_(contact), note_(std::move(note)) {}

asio::awaitable<ReturnEnd> AccountReturn::run() {
    if (!contact_.bmc().pin.manufacturer) co_return ReturnEnd{};
    const bool loaded = co_await load();
    if (!loaded) co_return ReturnEnd{false, "vault-not-readable"};
    if (names_.empty()) co_return ReturnEnd{};
    contact_.before("ask-other-accounts");
    const bool in = co_await get_in();
    contact_.after("ask-other-accounts");
    if (!in) co_return ReturnEnd{false, fmt::format("other-accounts-asked: {}", names_.size())};
    auto end = co_await write();
    co_await contact_.close();
    co_return end;
}

// The account that was ours before adoption, and those whose slots have a password of ours.
asio::awaitable<bool> AccountReturn::load() {
    const VaultPort::Read work = [this](const vault::Store& store) -> Result<void> {
        auto known = AccountPasswords::load(store, contact_.bmc(), nullptr);
        if (!known) return std::unexpected(known.error());
        known_ = std::move(*known);
        const auto former = former_account(store, contact_.bmc());
        if (!former) return std::unexpected(former.error());
        if (!former->empty()) names_.insert(*former);
        for (const auto& account : contact_.role_accounts()) {
            if (account.privilege == ipmi::PrivilegeLevel::kAdministrator) names_.insert(account.name);
        }
        const auto records = read_account_records(store, contact_.bmc());
        if (!records) return std::unexpected(records.error());
        if (!records->seen) return {};
        for (const auto& slot : records->seen->slots) {
            const bool named = slot.name && !slot.name->empty();
            if (named && known_.has_version_of(slot.id)) names_.insert(*slot.name);
        }
        return {};
    };
    const auto read = co_await contact_.ports().vault.read(work);
    names_.erase(contact_.bmc().user_name);
    co_return read.has_value();
}

asio::awaitable<bool> AccountReturn::get_in() {
    for (const auto& name : names_) {
        const auto seen = co_await contact_.keep_as(name, known_.of_this_bmc());
        if (!contact_.has_kept_session()) {
            if (seen.answer == Answer::kIdentityChanged || seen.answer == Answer::kNoAnswer) co_return false;
            continue;
        }
        helper_ = name;
        co_return true;
    }
    co_return false;
}

asio::awaitable<bool> AccountReturn::opens_with_ours(const AccountSlot& slot) {
    const auto seen = co_await contact_.ask_as(*slot.name, contact_.known().passwords());
    co_return seen.candidate.has_value();
}

// Nobody else's account is ever written to: a slot that may be a stranger's by now is left, and a free one is taken.
asio::awaitable<Result<AccountSlot>> AccountReturn::find_place() {
    const auto table = co_await read_accounts(contact_);
    if (!table) co_return std::unexpected(table.error());
    const auto& bmc = contact_.bmc();
    const auto own = bmc.user_id ? std::optional(UserId{*bmc.user_id}) : std::nullopt;
    const auto place = place_of_own(*table, own, bmc.user_name, helper_);
    if (place.ambiguous) co_return fail(ErrorCode::kConflict, "slot-ambiguous");
    if (place.certain) co_return slot_in(*table, *place.certain);
    if (place.renamed) {
        const auto& slot = slot_in(*table, *place.renamed);
        const bool ours = co_await opens_with_ours(slot);
        if (ours) co_return slot;
    }
    const auto free = free_slot(*table);
    if (!free) co_return fail(ErrorCode::kUnsupported, "no-free-slot: every user slot carries an account");
    co_return slot_in(*table, *free);
}

// Durable before the slot is written to: a later run must not take it for a stranger's.
asio::awaitable<bool> AccountReturn::move_to(UserId slot) {
    auto& bmc = contact_.bmc();
    if (bmc.user_id == slot.value) co_return true;
    auto moved = bmc;
    moved.user_id = slot.value;
    const vault::Store::Work work = [&](vault::Transaction& transaction) { return transaction.update_bmc(moved); };
    const auto stored = co_await contact_.store(work);
    if (stored != Durable::kCommitted) {
        contact_.doubt_record();
        co_return false;
    }
    bmc.user_id = slot.value;
    co_return true;
}

asio::awaitable<ReturnEnd> AccountReturn::write() {
    contact_.before("find-own-slot");
    auto slot = co_await find_place();
    contact_.after("find-own-slot");
    const auto through = fmt::format("through '{}'", helper_);
    if (!slot) co_return ReturnEnd{false, fmt::format("{}: {}", through, slot.error().detail)};
    const bool moved = co_await move_to(slot->id);
    if (!moved) co_return ReturnEnd{false, "vault-not-written"};
    const auto name = contact_.bmc().user_name;
    AccountCreation creation(contact_, {*slot, name}, note_);
    const auto end = co_await creation.put_right();
    if (end.outcome != Outcome::kAdopted) co_return ReturnEnd{false, fmt::format("{}: {}", through, end.detail)};
    co_await contact_.become(name, slot->id);
    co_return ReturnEnd{true, fmt::format("account-put-right: slot {}, {}", slot->id.value, through)};
}

}  // namespace bmcvault::rotate
