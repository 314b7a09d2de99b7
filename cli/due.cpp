#include "cli/due.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <map>
#include <set>

#include "cli/plain_file.hpp"
#include "rotate/engine/capability_card.hpp"
#include "rotate/engine/learned_facts.hpp"

namespace bmcvault::cli {
namespace {

using rotate::CredentialFacts;
using vault::Provenance;

constexpr const char* kDefaultPolicy = "/etc/bmcvault/policy.toml";

// The file to read; empty: the default rules hold. Rules that can't be seen are not taken for none.
std::string policy_file(const Context& context) {
    if (!context.options.policy.empty()) return context.options.policy;
    const char* named = std::getenv("BMCVAULT_POLICY");
    if (named != nullptr && *named != '\0') return named;
    struct stat info{};
    return lstat(kDefaultPolicy, &info) != 0 && errno == ENOENT ? "" : kDefaultPolicy;
}

CredentialFacts facts_of(const vault::CredentialVersion* password, const vault::CredentialVersion* k_g,
                         const GroupRules& rules) {
    CredentialFacts facts;
    if (password != nullptr) {
        facts.password_since = password->created_at;
        facts.password_is_drawn = is_drawn(*password);
        facts.password_is_put_back = password->provenance == Provenance::kPutBack;
    }
    if (k_g != nullptr) facts.k_g_since = k_g->created_at;
    facts.k_g_is_wanted = rules.k_g;
    return facts;
}

// Of this BMC, or of its kind by the card: a rotation would not try it either.
class WithoutKg {
public:
    explicit WithoutKg(const vault::Store& store) : store_(store) {}

    Result<bool> contains(const vault::Bmc& bmc) {
        if (bmc.k_g_supported) return !*bmc.k_g_supported;
        const auto kind = rotate::card_key(bmc);
        if (kind.empty()) return false;
        if (const auto known = kinds_.find(kind); known != kinds_.end()) return known->second;
        const auto card = rotate::read_card(store_, kind);
        if (!card) return std::unexpected(card.error());
        const auto k_g = card->facts.find(rotate::kKgFact);
        return kinds_[kind] = k_g != card->facts.end() && k_g->second == rotate::kNotUsable;
    }

private:
    const vault::Store& store_;
    std::map<std::string, bool> kinds_;
};

// nullopt: it has none.
Result<std::optional<vault::Subject>> subject_of_monitor(const vault::Store& store, const vault::Bmc& bmc) {
    const auto accounts = rotate::role_accounts(store, bmc);
    if (!accounts) return std::unexpected(accounts.error());
    const auto* monitor = rotate::find_role(*accounts, rotate::AccountRole::kMonitor);
    if (monitor == nullptr) return std::nullopt;
    return vault::Subject{vault::Kind::kPassword, monitor->slot.value};
}

}  // namespace

bool is_drawn(const vault::CredentialVersion& version) {
    // Observed: what the BMC made of a password that bmcvault drew.
    return version.provenance == Provenance::kGenerated || version.provenance == Provenance::kObserved;
}

Outcome<Policy> read_policy(const Context& context) {
    const auto file = policy_file(context);
    return file.empty() ? Outcome<Policy>(Policy{}) : read_policy_file(file);
}

Outcome<Policy> read_policy_file(const std::string& file) {
    const auto text = read_plain_file(file, kMaxPolicySize);
    if (!text) return usage_error(fmt::format("policy {}: {}", printable(file), text.error().detail));
    auto policy = parse_policy(*text);
    if (policy) return std::move(*policy);
    Failure failure{ExitCode::kUsage, fmt::format("policy {}: nothing was done", printable(file)),
                    "bmcvault policy check", ""};
    for (const auto& problem : policy.error().listed) failure.what += "\n  " + describe(problem);
    return std::unexpected(std::move(failure));
}

bool is_to_do(const DueEntry& entry) {
    return !entry.due.empty() && !entry.held;
}

Outcome<std::vector<DueEntry>> due_entries(vault::Store& store, const Policy& policy, UnixTime at) {
    const auto fleet = store.bmcs();
    if (!fleet) return vault_error("reading the inventory", fleet.error());
    const auto versions = store.current_versions();
    if (!versions) return vault_error("reading the versions", versions.error());
    const auto known = store.team().due();
    if (!known) return vault_error("reading what is due", known.error());
    const auto k_g = store.team().due_for_k_g();
    if (!k_g) return vault_error("reading what is due", k_g.error());
    const auto unfinished = rotate::with_followers(store, *fleet);
    if (!unfinished) return vault_error("reading what is unfinished", unfinished.error());
    const auto with_others = rotate::with_role_accounts(store, *fleet);
    if (!with_others) return vault_error("reading the accounts beside our own", with_others.error());
    const std::set<BmcId> exposed(known->begin(), known->end());
    const std::set<BmcId> with_exposed_k_g(k_g->begin(), k_g->end());
    std::map<std::pair<BmcId, vault::Subject>, const vault::CredentialVersion*> current;
    for (const auto& version : *versions) current[{version.bmc, version.subject}] = &version;
    const auto find = [&](BmcId bmc, vault::Subject subject) {
        const auto found = current.find({bmc, subject});
        return found == current.end() ? nullptr : found->second;
    };

    WithoutKg without_k_g(store);
    std::vector<DueEntry> entries;
    entries.reserve(fleet->size());
    for (const auto& bmc : *fleet) {
        const auto& rules = policy.rules_of(bmc.group);
        auto facts = facts_of(find(bmc.id, bmc.own_password()), find(bmc.id, bmc.k_g_subject()), rules);
        const auto without = without_k_g.contains(bmc);
        if (!without) return vault_error("reading a card", without.error());
        facts.k_g_is_wanted = facts.k_g_is_wanted && !*without;
        facts.is_exposed = exposed.contains(bmc.id);
        facts.k_g_is_exposed = with_exposed_k_g.contains(bmc.id);
        facts.is_unfinished = unfinished->contains(bmc.id);
        if (with_others->contains(bmc.id)) {
            const auto monitor = subject_of_monitor(store, bmc);
            if (!monitor) return vault_error("reading the accounts beside our own", monitor.error());
            const auto* version = *monitor ? find(bmc.id, **monitor) : nullptr;
            if (version != nullptr) facts.monitor_since = version->created_at;
        }
        DueEntry entry{bmc,
                       rotate::why_due(facts, rules.age, at),
                       rotate::due_at(facts, rules.age),
                       rotate::is_soon(facts, rules.age, at),
                       false,
                       false};
        if (bmc.hold) {
            entry.held = !bmc.hold->until || *bmc.hold->until > at;
            entry.expired_hold = !entry.held;
        }
        entries.push_back(std::move(entry));
    }
    return entries;
}

}  // namespace bmcvault::cli
