#include "rotate/engine/learned_facts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <sstream>

namespace bmcvault::rotate {
namespace {

// A card of its own: one look tells of all. The fact is facts_key() of the BMC.
constexpr const char* kClientsCard = "clients";
constexpr const char* kOwed = "owed";
constexpr const char* kTold = "told";

constexpr const char* kFollowersCard = "followers";
constexpr const char* kFollows = "follows";
constexpr const char* kSettled = "settled";

using Facts = vault::Store::Facts;

// Empty when it was never learned.
std::string value_of(const Facts& facts, std::string_view name) {
    const auto found = facts.find(name);
    return found == facts.end() ? std::string() : found->second;
}

std::optional<MadeBy> made_by(const std::string& value) {
    MadeBy made;
    if (std::istringstream(value) >> made.campaign >> made.version.value) return made;
    return std::nullopt;
}

void read_kind(const Facts& card, LearnedFacts& learned) {
    learned.keeps_only_16 = value_of(card, kPasswordSizeFact) == "16";
    if (value_of(card, kAlphabetFact) == kShellSafeAlphabet) learned.alphabet = vault::Alphabet::kShellSafe;
    const auto k_g = value_of(card, kKgFact);
    if (!k_g.empty()) learned.kind_uses_k_g = k_g == kUsable;
    int hours = 0;
    if (std::istringstream(value_of(card, kMinimumIntervalFact)) >> hours)
        learned.minimum_interval = std::clamp(std::chrono::hours(hours), std::chrono::hours(0), kLongestInterval);
}

void read_own(const Facts& own, LearnedFacts& learned) {
    if (const auto suite_0 = value_of(own, kSuite0Fact); !suite_0.empty()) learned.suite_0_open = suite_0 == "open";
    LockOut lock_out;
    std::int64_t reset_s = 0;
    if (std::istringstream(value_of(own, kLockOutFact)) >> lock_out.bad_passwords >> reset_s) {
        learned.lock_out = {lock_out.bad_passwords, std::chrono::seconds(reset_s)};
        learned.lock_out_is_said = true;
    }
    std::istringstream(value_of(own, kSessionSlotsFact)) >> learned.session_slots;
    std::istringstream(value_of(own, kNotBeforeFact)) >> learned.not_before.value;
    VersionNumber due;
    if (std::istringstream(value_of(own, kDueFact)) >> due.value) learned.due_version = due;
    learned.reset_unfinished = value_of(own, kResetFact) == "unfinished";
    std::istringstream(value_of(own, kFailedLoginsFact)) >> learned.failed_logins >> learned.failed_logins_at.value;
    learned.made_password = made_by(value_of(own, kMadePasswordFact));
    learned.made_k_g = made_by(value_of(own, kMadeKgFact));
    std::istringstream(value_of(own, kOfferedFact)) >> learned.offered.own_and_listed >> learned.offered.of_other_bmcs;
}

// Those of these BMCs of which the card of followers has one of these values.
Result<std::set<BmcId>> on_the_card(const vault::Store& store, std::span<const vault::Bmc> bmcs,
                                    const std::set<std::string, std::less<>>& values) {
    const auto facts = store.facts(kFollowersCard);
    if (!facts) return std::unexpected(facts.error());
    std::set<BmcId> all;
    for (const auto& bmc : bmcs) {
        if (values.contains(value_of(*facts, facts_key(bmc)))) all.insert(bmc.id);
    }
    return all;
}

}  // namespace

Result<void> learn_refusals(vault::Transaction& transaction, const vault::Bmc& bmc, bool for_its_size, bool by_policy) {
    const auto card = card_key(bmc);
    if (card.empty()) return {};
    if (for_its_size) {
        if (auto learned = transaction.learn(card, std::string(kPasswordSizeFact), "16"); !learned) return learned;
    }
    if (!by_policy) return {};
    return transaction.learn(card, std::string(kAlphabetFact), std::string(kShellSafeAlphabet));
}

std::optional<std::chrono::hours> interval_shown_by(std::chrono::seconds since_last_change) {
    const auto whole = std::chrono::floor<std::chrono::hours>(since_last_change);
    if (whole < std::chrono::hours(0) || whole >= kLongestInterval) return std::nullopt;
    return whole + std::chrono::hours(1);
}

Result<void> learn_too_early(vault::Transaction& transaction, const vault::Bmc& bmc, UnixTime not_before,
                             std::optional<std::chrono::hours> interval) {
    auto learned = transaction.learn(facts_key(bmc), std::string(kNotBeforeFact), fmt::format("{}", not_before.value));
    const auto card = card_key(bmc);
    if (!learned || card.empty() || !interval) return learned;
    return transaction.learn(card, std::string(kMinimumIntervalFact), fmt::format("{}", interval->count()));
}

Result<void> learn_change_taken(vault::Transaction& transaction, const vault::Bmc& bmc, std::chrono::hours known,
                                std::chrono::seconds since_last_change) {
    const auto whole = std::chrono::floor<std::chrono::hours>(since_last_change);
    const auto card = card_key(bmc);
    if (card.empty() || whole < std::chrono::hours(0) || whole >= known) return {};
    const auto left = whole.count() == 0 ? std::string() : fmt::format("{}", whole.count());
    return transaction.learn(card, std::string(kMinimumIntervalFact), left);
}

std::string role_accounts_text(std::span<const RoleAccount> accounts) {
    std::string text;
    for (const auto& account : accounts) {
        text += fmt::format("{} {} {} {} {}\n", word(account.role), account.slot.value,
                            static_cast<int>(account.privilege), account.follows ? kFollows : kSettled, account.name);
    }
    return text;
}

Result<std::vector<RoleAccount>> role_accounts_from(std::string_view text) {
    const auto damaged = [] { return fail(ErrorCode::kDamaged, "the accounts of a BMC in the vault can't be read"); };
    std::vector<RoleAccount> accounts;
    std::istringstream lines{std::string(text)};
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string role_word;
        std::string turn;
        unsigned slot = 0;
        unsigned privilege = 0;
        RoleAccount account;
        if (!(words >> role_word >> slot >> privilege >> turn >> account.name)) return damaged();
        const auto role = account_role_from(role_word);
        const bool in_range = slot >= 1 && slot <= 63 && privilege >= 2 && privilege <= 4;
        if (!role || !in_range || (turn != kFollows && turn != kSettled)) return damaged();
        account.role = *role;
        account.slot = UserId{static_cast<std::uint8_t>(slot)};
        account.privilege = static_cast<ipmi::PrivilegeLevel>(privilege);
        account.follows = turn == kFollows;
        accounts.push_back(std::move(account));
    }
    return accounts;
}

Result<std::vector<RoleAccount>> role_accounts(const vault::Store& store, const vault::Bmc& bmc) {
    const auto own = store.facts(facts_key(bmc));
    if (!own) return std::unexpected(own.error());
    return role_accounts_from(value_of(*own, kRoleAccountsFact));
}

Result<void> record_role_accounts(vault::Transaction& transaction, const vault::Bmc& bmc,
                                  std::span<const RoleAccount> accounts) {
    const auto key = facts_key(bmc);
    auto learned = transaction.learn(key, std::string(kRoleAccountsFact), role_accounts_text(accounts));
    if (!learned) return learned;
    return transaction.learn(kFollowersCard, key,
                             std::ranges::any_of(accounts, &RoleAccount::follows) ? kFollows : kSettled);
}

Result<std::set<BmcId>> with_role_accounts(const vault::Store& store, std::span<const vault::Bmc> bmcs) {
    return on_the_card(store, bmcs, {kFollows, kSettled});
}

Result<std::set<BmcId>> with_followers(const vault::Store& store, std::span<const vault::Bmc> bmcs) {
    return on_the_card(store, bmcs, {kFollows});
}

std::string card_key(const vault::Bmc& bmc) {
    if (!bmc.pin.manufacturer) return {};
    return fmt::format("{}/{}/{}", *bmc.pin.manufacturer, bmc.pin.product.value_or(0), bmc.firmware);
}

std::string facts_key(const vault::Bmc& bmc) {
    return to_hex(bmc.id.uuid);
}

Result<std::string> former_account(const vault::Store& store, const vault::Bmc& bmc) {
    const auto own = store.facts(facts_key(bmc));
    if (!own) return std::unexpected(own.error());
    const auto value = value_of(*own, kFormerAccountFact);
    const auto space = value.find(' ');
    return space == std::string::npos ? std::string() : value.substr(space + 1);
}

Result<LearnedFacts> LearnedFacts::read(const vault::Store& store, const vault::Bmc& bmc) {
    LearnedFacts learned;
    const auto own = store.facts(facts_key(bmc));
    if (!own) return std::unexpected(own.error());
    read_own(*own, learned);
    auto beside = role_accounts_from(value_of(*own, kRoleAccountsFact));
    if (!beside) return std::unexpected(beside.error());
    learned.role_accounts = std::move(*beside);
    if (const auto key = card_key(bmc); !key.empty()) {
        const auto card = store.facts(key);
        if (!card) return std::unexpected(card.error());
        read_kind(*card, learned);
    }
    return learned;
}

Result<void> owe(vault::Transaction& transaction, const vault::Bmc& bmc) {
    return transaction.learn(kClientsCard, facts_key(bmc), kOwed);
}

Result<void> no_longer_owed(vault::Transaction& transaction, const vault::Bmc& bmc) {
    return transaction.learn(kClientsCard, facts_key(bmc), kTold);
}

Result<std::vector<vault::Bmc>> owed(const vault::Store& store, std::span<const vault::Bmc> bmcs) {
    const auto facts = store.facts(kClientsCard);
    if (!facts) return std::unexpected(facts.error());
    std::vector<vault::Bmc> all;
    std::ranges::copy_if(bmcs, std::back_inserter(all), [&](const vault::Bmc& bmc) {
        const auto found = facts->find(facts_key(bmc));
        return found != facts->end() && found->second == kOwed;
    });
    return all;
}

}  // namespace bmcvault::rotate
