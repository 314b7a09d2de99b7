#include "rotate/engine/alternation.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "rotate/engine/account_creation.hpp"
#include "rotate/engine/account_reader.hpp"

namespace bmcvault::rotate {
namespace {

using vault::VersionState;

std::vector<RoleAccount> with(std::vector<RoleAccount> accounts, const RoleAccount& before, const RoleAccount& after) {
    std::ranges::replace(accounts, before, after);
    return accounts;
}

asio::awaitable<bool> load_passwords(BmcContact& contact, AccountPasswords& known) {
    const VaultPort::Read work = [&](const vault::Store& store) -> Result<void> {
        auto loaded = AccountPasswords::load(store, contact.bmc(), nullptr);
        if (!loaded) return std::unexpected(loaded.error());
        known = std::move(*loaded);
        return {};
    };
    const auto read = co_await contact.ports().vault.read(work);
    co_return read.has_value();
}

}  // namespace

asio::awaitable<bool> Alternation::mark(const std::function<bool(const RoleAccount&)>& wanted) {
    auto accounts = contact_.role_accounts();
    for (auto& account : accounts) account.follows = account.follows || wanted(account);
    if (accounts == contact_.role_accounts()) co_return true;
    const vault::Store::Work work = [&](vault::Transaction& transaction) {
        return record_role_accounts(transaction, contact_.bmc(), accounts);
    };
    const auto stored = co_await contact_.store(work);
    co_return stored == Durable::kCommitted;
}

asio::awaitable<bool> Alternation::mark_followers(AccountRole role) {
    const std::function<bool(const RoleAccount&)> wanted = [role](const RoleAccount& account) {
        return account.role == role;
    };
    co_return co_await mark(wanted);
}

asio::awaitable<bool> Alternation::mark_older_spare() {
    const auto* spare = find_role(contact_.role_accounts(), AccountRole::kSpare);
    const auto* own = contact_.known().password_in(VersionState::kCurrent);
    if (spare == nullptr || own == nullptr) co_return true;
    AccountPasswords known;
    const bool loaded = co_await load_passwords(contact_, known);
    if (!loaded) co_return false;
    const auto* its_own = known.version_in(spare->slot, VersionState::kCurrent);
    const bool older = its_own == nullptr || its_own->created_at < own->created_at;
    const std::function<bool(const RoleAccount&)> wanted = [older](const RoleAccount& account) {
        return older && account.role == AccountRole::kSpare;
    };
    co_return co_await mark(wanted);
}

// In as our own account, which is proved: with the current password as it is in the vault, at ADMINISTRATOR, in a slot
// that is certainly ours.
asio::awaitable<bool> Alternation::log_in() {
    const auto& known = contact_.known();
    if (known.password_in(VersionState::kPending) != nullptr || !contact_.bmc().pin.manufacturer) co_return false;
    seen_ = co_await contact_.look_and_keep();
    const auto* current = known.password_in(VersionState::kCurrent);
    const bool proved = current != nullptr && seen_.password == current->version && seen_.form == Form::kExact;
    if (!contact_.has_kept_session() || !proved || !seen_.administrator) co_return false;
    const auto slot = co_await contact_.check_slot();
    co_return slot == SlotFact::kOurs;
}

asio::awaitable<std::optional<AccountSlot>> Alternation::find_slot(const RoleAccount& account) {
    const auto table = co_await read_accounts(contact_);
    if (!table) {
        why_not_ = table.error().detail;
        co_return std::nullopt;
    }
    auto place = place_of(*table, account);
    const bool is_our_own = account.name == contact_.bmc().user_name || place.slot == contact_.user_id();
    why_not_ = is_our_own ? "that is our own account" : place.why_not;
    if (is_our_own || !place.slot) co_return std::nullopt;
    co_return *std::ranges::find(table->slots, *place.slot, &AccountSlot::id);
}

// What follows from an earlier run follows first, where the clients have been told; a turn would take from them what
// they know.
asio::awaitable<bool> Alternation::is_ready_for_a_turn() {
    if (!find_role(contact_.role_accounts(), AccountRole::kSpare)->follows) co_return true;
    if (!clients_know_) co_return false;
    const auto why_not = co_await follow(AccountRole::kSpare);
    const bool followed = why_not.empty();
    co_return followed;
}

asio::awaitable<std::optional<PasswordEnd>> Alternation::change() {
    if (find_role(contact_.role_accounts(), AccountRole::kSpare) == nullptr) co_return std::nullopt;
    bool in = co_await log_in();
    if (!in) co_return std::nullopt;
    if (contact_.password_is_of_this_campaign())
        co_return PasswordEnd{Outcome::kRotated, "begun earlier", std::move(seen_), {}};
    if (contact_.no_change_before() && !contact_.is_exposed(UserId{vault::Subject::kOwnAccount}))
        co_return PasswordEnd{Outcome::kBlocked, contact_.too_early_detail(), std::move(seen_), {}};
    const bool ready = co_await is_ready_for_a_turn();
    if (!ready) co_return std::nullopt;
    if (!contact_.has_kept_session()) in = co_await log_in();
    if (!in) co_return std::nullopt;
    auto accounts = contact_.role_accounts();
    const auto spare = *find_role(accounts, AccountRole::kSpare);
    const auto slot = co_await find_slot(spare);
    if (!slot) co_return PasswordEnd{Outcome::kRefused, "spare: " + why_not_, std::move(seen_), {}};
    const bool marked = co_await mark_followers(AccountRole::kSpare);  // what it gets now may be on the BMC
    if (!marked) co_return PasswordEnd{Outcome::kBlocked, "vault-not-written", std::move(seen_), {}};
    for (auto& account : accounts) {
        if (account.role == AccountRole::kSpare)
            account = {account.role, contact_.user_id(), contact_.bmc().user_name, account.privilege};
        account.follows = true;
    }
    AccountCreation creation(
        contact_, {*slot, spare.name, ipmi::PrivilegeLevel::kAdministrator, true, accounts, spare.slot}, note_);
    const auto made = co_await creation.make_own();
    if (made.outcome == Outcome::kBlocked)
        co_return PasswordEnd{made.outcome, made.detail, std::move(creation.seen()), {}};
    if (made.outcome != Outcome::kAdopted)
        co_return PasswordEnd{made.outcome, "spare: " + made.detail, std::move(creation.seen()), {}};
    co_return PasswordEnd{Outcome::kRotated, "now " + made.detail, std::move(creation.seen()), {}};
}

asio::awaitable<std::string> Alternation::follow(AccountRole role) {
    const auto loaded = co_await contact_.load();
    if (!loaded) co_return "vault-not-readable: " + loaded.error().detail;
    const auto accounts = contact_.role_accounts();
    std::string why_not;
    for (const auto& account : accounts) {
        if (account.role != role || !account.follows || !why_not.empty()) continue;
        why_not = co_await renew(account);
    }
    co_await contact_.close();
    co_return why_not;
}

asio::awaitable<std::string> Alternation::check() {
    AccountPasswords known;
    const bool read = co_await load_passwords(contact_, known);
    if (!read) co_return std::string("accounts beside our own not asked: the vault can't be read");
    std::string wrong;
    for (const auto& account : contact_.role_accounts()) {
        const auto why = co_await check_one(account, known);
        if (why.empty()) continue;
        if (!wrong.empty()) wrong += "; ";
        wrong += fmt::format("{} '{}': {}", word(account.role), account.name, why);
    }
    co_return wrong;
}

asio::awaitable<std::string> Alternation::check_one(const RoleAccount& account, const AccountPasswords& known) {
    const auto seen = co_await contact_.ask_as(account.name, known.of_this_bmc(), account.privilege);
    if (seen.answer != Answer::kMatched) co_return std::string(word(seen.answer));
    const auto* current = known.version_in(account.slot, VersionState::kCurrent);
    const auto* live = seen.candidate ? known.candidate_version(*seen.candidate) : nullptr;
    const bool is_current =
        current != nullptr && live != nullptr && seen.exact && known.secret_of(*live).equals(known.secret_of(*current));
    if (!is_current) co_return std::string("not its current password");
    co_return account.follows ? std::string("its password has still to follow") : std::string();
}

asio::awaitable<std::string> Alternation::renew(RoleAccount account) {
    const auto say = [&](std::string_view why) {
        return fmt::format("{} '{}' has its old password: {}", word(account.role), account.name, why);
    };
    if (contact_.no_change_before() && !contact_.is_exposed(account.slot)) co_return say(contact_.too_early_detail());
    const bool in = co_await log_in();
    if (!in) co_return say(seen_.answer == Answer::kMatched ? "our own account is not proved" : word(seen_.answer));
    const auto slot = co_await find_slot(account);
    if (!slot) co_return say(why_not_);
    auto settled = account;
    settled.follows = false;
    settled.slot = slot->id;
    AccountCreation creation(
        contact_,
        {*slot, account.name, account.privilege, true, with(contact_.role_accounts(), account, settled), account.slot},
        note_);
    const auto made = co_await creation.make_beside();
    if (made.outcome != Outcome::kAdopted) co_return say(made.detail);
    const auto loaded = co_await contact_.load();  // the next one is noted beside this one
    co_return loaded ? std::string() : say("vault-not-readable");
}

}  // namespace bmcvault::rotate
