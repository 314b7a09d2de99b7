// policy check, due, report: what the rules say, what has to be rotated by them, and what became of it. Nothing is
// changed.

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "cli/commands.hpp"
#include "cli/due.hpp"
#include "cli/fields.hpp"
#include "cli/json.hpp"
#include "cli/signed_file.hpp"
#include "cli/yearly_report.hpp"
#include "vault/base/bytes.hpp"

namespace bmcvault::cli {
namespace {

std::string days(std::chrono::days count) {
    return fmt::format("{} days", count.count());
}

std::vector<Cell> rules_row(const std::string& group, const GroupRules& rules) {
    return {
        {printable(group)},
        {days(rules.age.maximum_age) +
         (rules.age.monitor_age ? fmt::format(", monitor {}", rules.age.monitor_age->count()) : "")},
        {days(rules.age.warning)},
        {rules.k_g ? "yes" : "no"},
        {rules.window_texts.empty() ? "any time" : printable(fmt::format("{}", fmt::join(rules.window_texts, "; ")))}};
}

std::string needs(std::string_view option, const std::set<std::string, std::less<>>& commands) {
    return commands.empty() ? "" : fmt::format("{} is needed by: {}.\n", option, fmt::join(commands, ", "));
}

std::string hook_lines(const HookRules& hooks) {
    std::string text;
    const auto add = [&](std::string_view when, const std::string& program, const std::string& more) {
        if (!program.empty()) text += fmt::format("{}: {}{}\n", when, printable(program), more);
    };
    add("Before a rotation", hooks.before_rotation, "");
    add("After a rotation", hooks.after_rotation,
        hooks.holder.empty()
            ? ""
            : fmt::format(", which gives the credential of {} to {}",
                          hooks.account.empty() ? "our own account" : "the monitor account", printable(hooks.holder)));
    add("For attention", hooks.attention, "");
    add("For checkpoints", hooks.checkpoint, "");
    return text;
}

// "exposed", "age since 2026-01-01": every reason, strongest first.
std::string reasons(const DueEntry& entry) {
    std::vector<std::string> words;
    words.reserve(entry.due.size());
    for (const auto& due : entry.due) {
        const auto since = due.since ? fmt::format(" since {}", iso_time(*due.since).substr(0, 10)) : "";
        words.push_back(std::string(rotate::word(due.reason)) + since);
    }
    return fmt::format("{}", fmt::join(words, ", "));
}

std::string state_of(const DueEntry& entry) {
    if (entry.held) return "held";
    if (!entry.due.empty()) return "due";
    if (entry.expired_hold) return "hold-expired";
    return entry.soon ? "soon" : "";
}

std::string note_of(const DueEntry& entry) {
    std::string note = reasons(entry);
    if (entry.held && entry.bmc.hold->until) {
        note = fmt::format("until {}: {}{}{}", iso_time(*entry.bmc.hold->until).substr(0, 10),
                           printable(entry.bmc.hold->reason), note.empty() ? "" : "; ", note);
    } else if (entry.expired_hold) {
        note +=
            fmt::format("{}hold ended {}", note.empty() ? "" : "; ", iso_time(*entry.bmc.hold->until).substr(0, 10));
    } else if (entry.soon) {
        note = "by age";
    }
    return note;
}

// Its age makes it due, now or some day, and nothing sooner.
bool by_age(const DueEntry& entry) {
    return entry.due.empty() ||
           std::ranges::any_of(entry.due, [](const rotate::Due& due) { return due.reason == rotate::DueReason::kAge; });
}

std::vector<Cell> due_row(const DueEntry& entry) {
    const auto state = state_of(entry);
    return {{printable(entry.bmc.name)},
            {printable(entry.bmc.group)},
            {state, state == "due" || state == "hold-expired" ? Tone::kBad : Tone::kWarning},
            {entry.due_at && by_age(entry) ? iso_time(*entry.due_at).substr(0, 10) : "-"},
            {note_of(entry), Tone::kDim}};
}

constexpr std::int64_t kYear_s = 365 * 86'400;

// Who put each BMC on hold last, by the audit log.
Outcome<std::map<BmcId, std::string>> who_held(const vault::Store& store) {
    std::map<BmcId, std::string> actors;
    for (std::uint64_t after = 0;;) {
        const auto page = store.audit_log(after, 1000);
        if (!page) return vault_error("report", page.error());
        if (page->empty()) return actors;
        after = page->back().sequence;
        for (const auto& record : *page) {
            if (record.event == "bmc.held" && record.bmc) actors[*record.bmc] = record.actor;
        }
    }
}

Outcome<YearlyReport> yearly_report(vault::Store& store, const Policy& policy, UnixTime since, UnixTime at) {
    const auto entries = due_entries(store, policy, at);
    if (!entries) return std::unexpected(entries.error());
    const auto versions = store.current_versions();
    if (!versions) return vault_error("report", versions.error());
    const auto info = store.info();
    if (!info) return vault_error("report", info.error());
    auto actors = who_held(store);
    if (!actors) return std::unexpected(actors.error());
    std::map<std::pair<BmcId, vault::Subject>, vault::CredentialVersion> current;
    for (const auto& version : *versions) current.emplace(std::pair{version.bmc, version.subject}, version);
    YearlyReport report{since, at, to_hex(info->vault_id), {}};
    report.lines.reserve(entries->size());
    for (const auto& entry : *entries) {
        const auto found = current.find({entry.bmc.id, entry.bmc.own_password()});
        const auto password = found == current.end() ? std::nullopt : std::optional(found->second);
        report.lines.push_back(yearly_line(entry, password, since, (*actors)[entry.bmc.id]));
    }
    return report;
}

std::vector<Cell> yearly_row(const YearlyLine& line) {
    const auto tone = line.fate == Fate::kChanged ? Tone::kGood : Tone::kWarning;
    std::string by;
    if (line.fate == Fate::kExcepted) {
        const auto until = line.bmc.hold->until ? iso_time(*line.bmc.hold->until).substr(0, 10) : "released";
        by = fmt::format("until {} by {}: ", until, line.excepted_by);
    }
    return {{printable(line.bmc.name)},
            {std::string(word(line.fate)), line.fate == Fate::kNotChanged ? Tone::kBad : tone},
            {line.password ? fmt::format("v{}", line.password->version.value) : "-"},
            {line.password ? iso_time(line.password->created_at).substr(0, 10) : "-"},
            {line.password && line.password->proved_at ? iso_time(*line.password->proved_at).substr(0, 10) : "never"},
            {printable(by + line.why + (line.next.empty() ? "" : "; next: " + line.next)), Tone::kDim}};
}

void print_report(const Context& context, const YearlyReport& report) {
    std::vector<std::vector<Cell>> rows;
    for (const auto& line : report.lines) {
        if (context.options.json)
            context.out(json_yearly(line));
        else
            rows.push_back(yearly_row(line));
    }
    const auto changed = report.count(Fate::kChanged);
    const auto excepted = report.count(Fate::kExcepted);
    const auto others = report.count(Fate::kNotChanged);
    if (context.options.json) {
        context.out(json_summary(PlainSummary{"report",
                                              report.lines.size(),
                                              {{"changed", changed}, {"excepted", excepted}, {"not-changed", others}},
                                              others,
                                              false}));
        return;
    }
    if (!rows.empty())
        context.out(table({"NAME", "STATE", "PASSWORD", "MADE", "PROVED", "WHY"}, rows, context.out_style));
    context.out(fmt::format("{} since {}: {} changed and proved, {} excepted, {} not changed.\n",
                            counted(report.lines.size(), "BMC"), iso_time(report.since).substr(0, 10), changed,
                            excepted, others));
}

}  // namespace

Exit perform(const Context& context, const PolicyCheckCommand& command) {
    const auto policy = command.file.empty() ? read_policy(context) : read_policy_file(command.file);
    if (!policy) return std::unexpected(policy.error());
    std::vector<std::vector<Cell>> rows{rules_row("(every other BMC)", policy->fleet)};
    rows.reserve(policy->groups.size() + 1);
    for (const auto& [group, rules] : policy->groups) rows.push_back(rules_row(group, rules));
    context.out(table({"GROUP", "MAXIMUM AGE", "WARNING", "K_G", "SCHEDULED RUNS"}, rows, context.out_style));
    context.out(fmt::format("Credentials of wiped BMCs are kept for {}.\n", days(policy->retention)));
    context.out(needs("--reason", policy->reason_for) + needs("--ticket", policy->ticket_for) +
                needs("A second signature", policy->second_signature));
    context.out(hook_lines(policy->hooks));
    return ExitCode::kAsAsked;
}

Exit perform(const Context& context, const DueCommand&) {
    const auto policy = read_policy(context);
    if (!policy) return std::unexpected(policy.error());
    auto store = open_vault_to_look(context);
    if (!store) return std::unexpected(store.error());
    const auto entries = due_entries(**store, *policy, now());
    if (!entries) return std::unexpected(entries.error());

    std::vector<std::vector<Cell>> rows;
    OutcomeCounts counts{{"due", 0}, {"soon", 0}, {"held", 0}, {"hold-expired", 0}};
    for (const auto& entry : *entries) {
        const auto state = state_of(entry);
        if (state.empty()) continue;
        ++std::ranges::find(counts, state, &OutcomeCounts::value_type::first)->second;
        if (context.options.json)
            context.out(json_due(entry, state));
        else
            rows.push_back(due_row(entry));
    }
    const auto attention = counts[0].second + counts[3].second;
    const auto text =
        fmt::format("{}: {} due, {} soon, {} held, {} with a hold that has expired.", counted(entries->size(), "BMC"),
                    counts[0].second, counts[1].second, counts[2].second, counts[3].second);
    context.entry = {{}, 0, "due: " + text, entries->size(), 0, counts};
    if (context.options.json) {
        context.out(json_summary(PlainSummary{"due", entries->size(), counts, attention, false}));
    } else {
        if (!rows.empty()) context.out(table({"NAME", "GROUP", "STATE", "DUE", "WHY"}, rows, context.out_style));
        context.out(text + (counts[0].second > 0 ? " Next: bmcvault rotate --due\n" : "\n"));
    }
    return attention > 0 ? ExitCode::kAttention : ExitCode::kAsAsked;
}

Exit perform(const Context& context, const ReportCommand& command) {
    const UnixTime at = now();
    UnixTime since{at.value - kYear_s};
    if (!command.since.empty()) {
        const auto date = parse_date(command.since);
        if (!date) return usage_error(fmt::format("--since {}", date.error().detail));
        since = *date;
    }
    const auto policy = read_policy(context);
    if (!policy) return std::unexpected(policy.error());
    auto store = open_vault_to_look(context);
    if (!store) return std::unexpected(store.error());
    const auto report = yearly_report(**store, *policy, since, at);
    if (!report) return std::unexpected(report.error());
    print_report(context, *report);
    if (command.output.empty()) return ExitCode::kAsAsked;
    const NamedText page{command.output, yearly_html(*report)};
    if (auto written = write_files(std::span(&page, 1)); !written) {
        return std::unexpected(written.error());
    }
    if (!context.options.json) context.out(fmt::format("Page: {}\n", printable(command.output)));
    return ExitCode::kAsAsked;
}

}  // namespace bmcvault::cli
