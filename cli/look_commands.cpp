// bmc list, bmc show, history, status: what the vault knows, without secrets. Nothing is changed.

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "cli/commands.hpp"
#include "cli/due.hpp"
#include "cli/json.hpp"
#include "rotate/engine/learned_facts.hpp"

namespace bmcvault::cli {
namespace {

using vault::Bmc;
using vault::CredentialVersion;
using vault::VersionState;

// Without a selector: all of it. An empty fleet is an answer here, not a mistake.
Outcome<std::vector<Bmc>> selected_or_all(const Context& context, vault::Store& store, const Selection& selection) {
    auto fleet = store.bmcs();
    if (!fleet) return vault_error("reading the inventory", fleet.error());
    if (selection.empty() || (fleet->empty() && selection.all)) return std::move(*fleet);
    return selected_bmcs(context, store, selection);
}

std::string joined(const std::vector<std::string>& words) {
    return fmt::format("{}", fmt::join(words, " "));
}

std::string optional_time(const std::optional<UnixTime>& time) {
    return time ? iso_time(*time) : "-";
}

Tone tone_of(VersionState state) {
    switch (state) {
        case VersionState::kCurrent:
            return Tone::kGood;
        case VersionState::kPending:
            return Tone::kWarning;
        case VersionState::kFailed:
            return Tone::kBad;
        default:
            return Tone::kPlain;
    }
}

std::string plain_summary(const std::string& command, std::size_t total) {
    return json_summary(PlainSummary{command, total, {}, std::nullopt, false});
}

// ---- status ----

bool is_held(const Bmc& bmc, UnixTime at) {
    return bmc.hold && (!bmc.hold->until || *bmc.hold->until > at);
}

std::string_view state_word(const Bmc& bmc) {
    if (is_held(bmc, now())) return "held";
    return bmc.quarantine ? "quarantined" : "";
}

std::string attention_of(const FleetEntry& entry) {
    if (entry.bmc.quarantine) return fmt::format("quarantined: {}", entry.bmc.quarantine->reason);
    if (!last_was_as_asked(entry.bmc) && !(entry.held && entry.bmc.last->outcome == "held"))
        return entry.bmc.last->outcome;
    if (!entry.password) return "no password proved yet";
    return "";
}

// What the schedule says of each BMC that a person should know; a password that people made is `status` enough by
// itself.
Outcome<std::map<BmcId, std::string>> overdue(const Context& context, vault::Store& store, UnixTime at) {
    const auto policy = read_policy(context);
    if (!policy) return std::unexpected(policy.error());
    const auto entries = due_entries(store, *policy, at);
    if (!entries) return std::unexpected(entries.error());
    std::map<BmcId, std::string> notes;
    for (const auto& entry : *entries) {
        if (entry.expired_hold) notes[entry.bmc.id] = "its hold has expired";
        const auto urgent = std::ranges::find_if(entry.due, [&](const rotate::Due& due) {
            // That somebody knows it is no less true while the BMC is on hold.
            if (entry.held) return due.reason == rotate::DueReason::kExposed;
            return due.reason != rotate::DueReason::kNeverRotated && due.reason != rotate::DueReason::kNoKg;
        });
        if (urgent != entry.due.end()) notes[entry.bmc.id] = fmt::format("due: {}", rotate::word(urgent->reason));
    }
    return notes;
}

Outcome<std::vector<FleetEntry>> fleet_entries(const Context& context, vault::Store& store, const Selection& selection,
                                               UnixTime at) {
    auto selected = selected_or_all(context, store, selection);
    if (!selected) return std::unexpected(selected.error());
    const auto versions = store.current_versions();
    if (!versions) return vault_error("status", versions.error());
    std::map<std::pair<BmcId, vault::Subject>, const CredentialVersion*> current;
    for (const auto& version : *versions) current[{version.bmc, version.subject}] = &version;
    const auto find = [&](const Bmc& bmc, vault::Subject subject) {
        const auto found = current.find({bmc.id, subject});
        return found == current.end() ? std::optional<CredentialVersion>() : *found->second;
    };
    const auto due = overdue(context, store, at);
    if (!due) return std::unexpected(due.error());
    const auto pending = store.pending_versions();
    if (!pending) return vault_error("status", pending.error());
    std::set<BmcId> unfinished;
    for (const auto& version : *pending) unfinished.insert(version.bmc);
    std::vector<FleetEntry> entries;
    entries.reserve(selected->size());
    for (auto& bmc : *selected) {
        FleetEntry entry{bmc, find(bmc, bmc.own_password()), find(bmc, bmc.k_g_subject()), "", is_held(bmc, at)};
        entry.attention = attention_of(entry);
        if (entry.attention.empty() && unfinished.contains(entry.bmc.id) && !entry.held) {
            entry.attention = "a rotation is unfinished";
        }
        if (const auto found = due->find(entry.bmc.id); found != due->end())
            entry.attention += (entry.attention.empty() ? "" : "; ") + found->second;
        entries.push_back(std::move(entry));
    }
    return entries;
}

OutcomeCounts count_outcomes(const std::vector<FleetEntry>& entries) {
    std::map<std::string, std::size_t> counts;
    for (const auto& entry : entries) ++counts[entry.bmc.last ? entry.bmc.last->outcome : "never-contacted"];
    OutcomeCounts sorted(counts.begin(), counts.end());
    std::ranges::stable_sort(sorted, std::greater{}, &OutcomeCounts::value_type::second);
    return sorted;
}

std::vector<Cell> status_row(const FleetEntry& entry, UnixTime at) {
    const Bmc& bmc = entry.bmc;
    const std::string proved =
        entry.password && entry.password->proved_at ? age(*entry.password->proved_at, at) : "never";
    const std::string version = entry.password ? fmt::format("v{}, {} bytes", entry.password->version.value,
                                                             static_cast<int>(entry.password->size))
                                               : "-";
    std::string note = entry.attention.empty() && bmc.last ? bmc.last->detail : entry.attention;
    if (entry.held) note = fmt::format("held until {}", optional_time(bmc.hold->until));
    return {{printable(bmc.name)},
            {printable(host_and_port(bmc.address, bmc.port))},
            {bmc.last ? bmc.last->outcome : "never-contacted", entry.attention.empty() ? Tone::kGood : Tone::kBad},
            {version},
            {entry.password ? age(entry.password->created_at, at) : "-"},
            {proved},
            {entry.k_g ? fmt::format("v{}", entry.k_g->version.value) : "-"},
            {printable(note), Tone::kDim}};
}

// Of a vault that is not the one that this host goes on with nothing is known to be true.
void distrust(std::vector<FleetEntry>& entries) {
    for (auto& entry : entries) entry.attention = "the vault is refused";
}

std::string status_summary(const std::vector<FleetEntry>& entries, std::size_t attention, UnixTime at) {
    std::vector<std::string> parts;
    for (const auto& [outcome, count] : count_outcomes(entries)) parts.push_back(fmt::format("{} {}", count, outcome));
    std::string text =
        fmt::format("{}{}{}.", counted(entries.size(), "BMC"), parts.empty() ? "" : ": ", fmt::join(parts, ", "));
    const FleetEntry* oldest = nullptr;
    for (const auto& entry : entries) {
        if (!entry.password) continue;
        if (oldest == nullptr || entry.password->created_at < oldest->password->created_at) oldest = &entry;
    }
    if (oldest != nullptr) {
        text += fmt::format(" Oldest password: {} ({}).", age(oldest->password->created_at, at), oldest->bmc.name);
    }
    if (entries.empty()) return text + " Next: bmcvault bmc import FILE";
    const bool only_new = std::ranges::all_of(entries, [](const auto& entry) { return !entry.bmc.last; });
    const bool only_shared = std::ranges::all_of(entries, [](const auto& entry) {
        return entry.attention.empty() || (entry.bmc.last && entry.bmc.last->outcome == "shared");
    });
    if (attention == 0) return text + " Nothing needs attention.";
    std::string_view next = only_new ? "bmcvault check --all" : "bmcvault recover --failed";
    if (!only_new && only_shared) next = "bmcvault rotate --failed";
    const bool only_due = std::ranges::all_of(
        entries, [](const auto& entry) { return entry.attention.empty() || entry.attention.starts_with("due: "); });
    if (only_due) next = "bmcvault rotate --due";
    return text +
           fmt::format(" {} attention. Next: {}", attention == 1 ? "1 needs" : fmt::format("{} need", attention), next);
}

// ---- show ----

std::string pin_text(const vault::Pin& pin) {
    std::vector<std::string> parts;
    if (pin.guid) parts.push_back("GUID " + to_hex(*pin.guid));
    if (pin.manufacturer) parts.push_back(fmt::format("manufacturer {}", *pin.manufacturer));
    if (pin.product) parts.push_back(fmt::format("product {}", *pin.product));
    if (pin.mac) parts.push_back("MAC " + to_hex(*pin.mac));
    return parts.empty() ? "none yet" : fmt::format("{}", fmt::join(parts, ", "));
}

std::string account_text(const rotate::RoleAccount& account) {
    const auto rights = account.privilege == ipmi::PrivilegeLevel::kUser ? "user" : "operator";
    return fmt::format("{}, slot {}, {}{}", account.name, account.slot.value,
                       account.privilege == ipmi::PrivilegeLevel::kAdministrator ? "administrator" : rights,
                       account.follows ? "; its password has still to follow" : "");
}

std::string show_text(const Bmc& bmc, const std::vector<rotate::RoleAccount>& accounts,
                      const std::vector<CredentialVersion>& versions, UnixTime at) {
    std::string text;
    const auto say = [&](std::string_view what, const std::string& value) {
        if (!value.empty()) text += fmt::format("{:<13} {}\n", what, printable(value));
    };
    say("name", bmc.name);
    say("address", host_and_port(bmc.address, bmc.port));
    say("username", bmc.user_name);
    say("user slot", bmc.user_id ? std::to_string(*bmc.user_id) : "not known yet");
    for (const auto& account : accounts) say(word(account.role), account_text(account));
    say("channel", bmc.channel == 0x0e ? "0x0e (the one we come in on)" : std::to_string(bmc.channel));
    say("group", bmc.group);
    say("tags", joined(bmc.tags));
    say("identity", pin_text(bmc.pin));
    say("firmware", bmc.firmware);
    say("cipher suite", bmc.cipher_suite ? std::to_string(*bmc.cipher_suite) : "none proved yet");
    if (bmc.weaker_suite_allowed) say("", "weaker cipher suites allowed");
    if (bmc.k_g_supported) say("K_G", *bmc.k_g_supported ? "supported" : "not supported");
    if (is_held(bmc, at)) say("held until", fmt::format("{}: {}", optional_time(bmc.hold->until), bmc.hold->reason));
    if (bmc.quarantine)
        say("quarantined", fmt::format("{}: {}", iso_time(bmc.quarantine->since), bmc.quarantine->reason));
    if (bmc.last) {
        say("last", fmt::format("{} {}: {} {}", iso_time(bmc.last->at), bmc.last->command, bmc.last->outcome,
                                bmc.last->detail));
    }
    for (const auto& version : versions) {
        if (version.state != VersionState::kCurrent && version.state != VersionState::kPending) continue;
        say(describe(version.subject), fmt::format("version {}, {}, proved {}", version.version.value,
                                                   word(version.state), optional_time(version.proved_at)));
    }
    return text;
}

std::vector<Cell> history_row(const Bmc& bmc, const CredentialVersion& version) {
    return {{printable(bmc.name) + (bmc.retired ? " (old board)" : "")},
            {describe(version.subject)},
            {std::to_string(version.version.value)},
            {std::string(word(version.state)), tone_of(version.state)},
            {std::string(word(version.provenance))},
            {std::to_string(static_cast<int>(version.size))},
            {iso_time(version.created_at)},
            {optional_time(version.sent_at)},
            {optional_time(version.proved_at)},
            {printable(version.note), Tone::kDim}};
}

// Old boards of this name too: their passwords may still be on them.
Outcome<std::vector<Bmc>> all_of_name(const vault::Store& store, const std::string& name) {
    auto all = store.bmcs(true);
    if (!all) return vault_error("reading the inventory", all.error());
    std::vector<Bmc> named;
    for (auto& bmc : *all) {
        if (bmc.name == name) named.push_back(std::move(bmc));
    }
    if (!named.empty()) return named;
    const auto missing = find_bmc(store, name);
    return std::unexpected(missing.error());
}

}  // namespace

Exit perform(const Context& context, const BmcListCommand& command) {
    auto store = open_vault_to_look(context);
    if (!store) return std::unexpected(store.error());
    const auto bmcs = selected_or_all(context, **store, command.selection);
    if (!bmcs) return std::unexpected(bmcs.error());
    if (context.options.json) {
        for (const auto& bmc : *bmcs) context.out(json_inventory(bmc));
        context.out(plain_summary("bmc list", bmcs->size()));
        return ExitCode::kAsAsked;
    }
    std::vector<std::vector<Cell>> rows;
    for (const auto& bmc : *bmcs) {
        rows.push_back({{printable(bmc.name)},
                        {printable(host_and_port(bmc.address, bmc.port))},
                        {printable(bmc.user_name)},
                        {printable(bmc.group)},
                        {printable(joined(bmc.tags))},
                        {std::string(state_word(bmc)), Tone::kWarning}});
    }
    context.out(table({"NAME", "ADDRESS", "USERNAME", "GROUP", "TAGS", "STATE"}, rows, context.out_style));
    context.out(
        fmt::format("{}.{}\n", counted(bmcs->size(), "BMC"), bmcs->empty() ? " Next: bmcvault bmc import FILE" : ""));
    return ExitCode::kAsAsked;
}

Exit perform(const Context& context, const BmcShowCommand& command) {
    auto store = open_vault_to_look(context);
    if (!store) return std::unexpected(store.error());
    const auto bmc = find_bmc(**store, command.name);
    if (!bmc) return std::unexpected(bmc.error());
    const auto versions = (*store)->versions(bmc->id);
    if (!versions) return vault_error("bmc show", versions.error());
    const auto accounts = rotate::role_accounts(**store, *bmc);
    if (!accounts) return vault_error("bmc show", accounts.error());
    if (context.options.json) {
        context.out(json_inventory(*bmc));
        context.out(plain_summary("bmc show", 1));
    } else {
        context.out(show_text(*bmc, *accounts, *versions, now()));
    }
    return ExitCode::kAsAsked;
}

Exit perform(const Context& context, const HistoryCommand& command) {
    auto store = open_vault_to_look(context);
    if (!store) return std::unexpected(store.error());
    const auto named = all_of_name(**store, command.name);
    if (!named) return std::unexpected(named.error());
    std::vector<std::vector<Cell>> rows;
    for (const auto& bmc : *named) {
        const auto versions = (*store)->versions(bmc.id);
        if (!versions) return vault_error("history", versions.error());
        for (const auto& version : *versions) {
            if (context.options.json) context.out(json_version(bmc, version));
            rows.push_back(history_row(bmc, version));
        }
    }
    if (context.options.json) {
        context.out(plain_summary("history", rows.size()));
        return ExitCode::kAsAsked;
    }
    context.out(table({"NAME", "SUBJECT", "VERSION", "STATE", "FROM", "SIZE", "CREATED", "SENT", "PROVED", "NOTE"},
                      rows, context.out_style));
    context.out(fmt::format("{}.\n", counted(rows.size(), "version")));
    return ExitCode::kAsAsked;
}

namespace {

// Whoever has the shares that opened the vault has its key, whatever was rotated since. Empty: nobody has, or it was
// given up.
Result<std::string> used_break_glass_key(vault::Store& store) {
    const auto departures = store.team().departures();
    if (!departures) return std::unexpected(departures.error());
    for (const auto& slot : store.team().slots()) {
        if (!std::holds_alternative<vault::BreakGlassSlot>(slot.kind)) continue;
        const auto used_by = fmt::format("{} (slot {})", slot.name, slot.number);
        const auto used = std::ranges::find(*departures, used_by, &vault::Departure::who);
        if (used == departures->end()) continue;
        return fmt::format(
            "The break-glass key has opened this vault ({}), and still does. Next, by another owner: bmcvault depart "
            "{}\n",
            iso_time(used->at), slot.name);
    }
    return std::string();
}

}  // namespace

Exit perform(const Context& context, const StatusCommand& command) {
    auto store = open_vault_to_look(context);
    if (!store) return std::unexpected(store.error());
    const UnixTime at = now();
    auto entries = fleet_entries(context, **store, command.selection, at);
    if (!entries) return std::unexpected(entries.error());
    const bool refused = !(*store)->refusal().empty();
    if (refused) distrust(*entries);
    const auto used_key = used_break_glass_key(**store);
    if (!used_key) return vault_error("status", used_key.error());
    const auto escrow = (*store)->team().escrow();
    if (!escrow) return vault_error("status", escrow.error());
    const bool unwritable = *escrow && !(*escrow)->problem.empty();
    const auto attention = static_cast<std::size_t>(
        std::ranges::count_if(*entries, [](const FleetEntry& entry) { return !entry.attention.empty(); }));
    const auto more = (used_key->empty() ? 0U : 1U) + (unwritable ? 1U : 0U);
    ExitCode exit = attention + more > 0 ? ExitCode::kAttention : ExitCode::kAsAsked;
    if (refused) exit = ExitCode::kDamaged;
    if (context.options.json) {
        for (const auto& entry : *entries) context.out(json_status(entry, at));
        if (unwritable) context.out(json_escrow(**escrow));
        context.out(
            json_summary(PlainSummary{"status", entries->size(), count_outcomes(*entries), attention + more, false}));
        return exit;
    }
    std::vector<std::vector<Cell>> rows;
    for (const auto& entry : *entries) {
        if (!context.options.quiet || !entry.attention.empty()) rows.push_back(status_row(entry, at));
    }
    if (!rows.empty()) {
        context.out(
            table({"NAME", "ADDRESS", "LAST", "PASSWORD", "AGE", "PROVED", "K_G", "NOTE"}, rows, context.out_style));
    }
    context.out(refused ? fmt::format("{}, as this vault has them: {}.\n", counted(entries->size(), "BMC"),
                                      printable((*store)->refusal()))
                        : context.commands(status_summary(*entries, attention, at)) + "\n");
    context.out(context.commands(*used_key));
    if (unwritable)
        context.out(fmt::format("Nothing is stored or sent: the escrow log can't be written: {}. Next: {}\n",
                                printable((*escrow)->problem), context.commands(kMendEscrow)));
    return exit;
}

}  // namespace bmcvault::cli
