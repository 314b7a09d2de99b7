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
    const auto k_g = value_of(card, kKgFact);
    if (!k_g.empty()) learned.kind_uses_k_g = k_g == kUsable;
}

void read_own(const Facts& own, LearnedFacts& learned) {
    if (const auto suite_0 = value_of(own, kSuite0Fact); !suite_0.empty()) learned.suite_0_open = suite_0 == "open";
    LockOut lock_out;
    std::int64_t reset_s = 0;
    if (std::istringstream(value_of(own, kLockOutFact)) >> lock_out.bad_passwords >> reset_s) {
        learned.lock_out = {lock_out.bad_passwords, std::chrono::seconds(reset_s)};
    }
    std::istringstream(value_of(own, kSessionSlotsFact)) >> learned.session_slots;
    VersionNumber due;
    if (std::istringstream(value_of(own, kDueFact)) >> due.value) learned.due_version = due;
    learned.reset_unfinished = value_of(own, kResetFact) == "unfinished";
    std::istringstream(value_of(own, kFailedLoginsFact)) >> learned.failed_logins >> learned.failed_logins_at.value;
    learned.made_password = made_by(value_of(own, kMadePasswordFact));
    learned.made_k_g = made_by(value_of(own, kMadeKgFact));
    std::istringstream(value_of(own, kOfferedFact)) >> learned.offered.own_and_listed >> learned.offered.of_other_bmcs;
}

}  // namespace

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
