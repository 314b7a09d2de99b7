#include "cli/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "cli/accounts_report.hpp"
#include "cli/json.hpp"

namespace bmcvault::cli {
namespace {

constexpr std::size_t kOutcomeWidth = 16;  // "identity-changed"
constexpr std::size_t kPasswordWidth = 12;
constexpr std::size_t kKgWidth = 9;

std::string password_cell(const rotate::BmcReport& report) {
    if (!report.password_version) return "-";
    std::string text = fmt::format("v{}", report.password_version->value);
    if (report.password_size) text += fmt::format(", {} bytes", static_cast<int>(*report.password_size));
    return text;
}

std::string k_g_cell(const rotate::BmcReport& report) {
    if (!report.k_g_asked) return "not asked";
    return report.k_g_version ? fmt::format("v{}", report.k_g_version->value) : "-";
}

// What to do about a word of the outcome table; the words of `check` stand here, the others in rotate/core.
std::string next_step_of(const std::string& outcome) {
    using Hint = std::pair<std::string_view, std::string_view>;
    static constexpr std::array kCheckHints{
        Hint{"pending-live",
             "A rotation was interrupted after the BMC took the new password, which the vault has: "
             "`bmcvault recover NAME`."},
        Hint{"older-version", "The BMC holds an older password, which the vault has too: `bmcvault recover NAME`."},
        Hint{"mangled", "The BMC stored only part of the password; the vault knows which: `bmcvault recover NAME`."},
        Hint{"vendor-default",
             "The BMC holds a factory password: new, or somebody reset it. `bmcvault recover NAME` replaces it."},
        Hint{"shared", "Who knows the password of one of these BMCs knows them all: rotate them."},
        Hint{"foreign",
             "ALARM: somebody else changed the password, and this vault never had the new one. Find out who "
             "(`bmcvault history NAME`); then old lists (`bmcvault bmc import-passwords`), other BMCs' passwords "
             "(`bmcvault recover NAME --fleet-history`), or `bmcvault bmc set NAME --ask-password`."},
        Hint{"no-candidate-matches",
             "The BMC holds a password that this vault never had: find out who changed it, then "
             "`bmcvault bmc set NAME --ask-password`."},
        Hint{"no-answer", "Check power, cable, address and UDP port, then `bmcvault check NAME`."},
        Hint{"unknown-user-or-locked",
             "The account is locked or unknown to the BMC. Do not try passwords; wait, then "
             "`bmcvault check NAME`."},
        Hint{"k_g-unknown",
             "The password is right; the K_G is none of the vault's. `bmcvault bmc set NAME --k-g-file FILE`."},
        Hint{"no-session-slot", "All session slots of the BMC are taken: wait a minute, then `bmcvault check NAME`."},
    };
    for (const auto& [word, hint] : kCheckHints) {
        if (word == outcome) return std::string(hint);
    }
    for (int i = 0; i <= static_cast<int>(rotate::Outcome::kNotSecured); ++i) {
        const auto known = static_cast<rotate::Outcome>(i);
        if (rotate::word(known) == outcome) return std::string(rotate::next_step(known));
    }
    return "";
}

// Commands that change nothing: what counts is whether somebody should look.
bool asks_only(const std::string& command) {
    return command == "check" || command == "accounts";
}

std::string next_command(const std::string& command, bool only_shared) {
    if (command == "deprovision") return "read the certificates; the same command goes on";
    if (command == "accounts") return "bmcvault accounts secure SELECTOR, or accounts accept SELECTOR";
    if (command == "check") return only_shared ? "bmcvault rotate --failed" : "bmcvault recover --failed";
    return fmt::format("bmcvault {} --failed", command);
}

bool only_shared(const rotate::RunSummary& summary) {
    return std::ranges::all_of(summary.outcomes,
                               [](const auto& pair) { return pair.first == "as-in-vault" || pair.first == "shared"; });
}

bool has_unread_table(const rotate::RunSummary& summary) {
    return std::ranges::any_of(summary.outcomes, [](const auto& pair) { return pair.first == "not-accepted-yet"; });
}

}  // namespace

FleetReport::FleetReport(const Context& context, std::string command, std::span<const vault::Bmc> selected)
    : context_(context), command_(std::move(command)), board_(context, command_, selected.size()) {
    std::size_t name = 4;
    std::size_t address = 7;
    for (const auto& bmc : selected) {
        name = std::max(name, bmc.name.size());
        address = std::max(address, host_and_port(bmc.address, bmc.port).size());
    }
    widths_ = {name, address, kOutcomeWidth, kPasswordWidth, kKgWidth, 0};
    if (context_.options.json || context_.options.quiet) return;
    context_.out(table_row({{"NAME", Tone::kBold},
                            {"ADDRESS", Tone::kBold},
                            {"OUTCOME", Tone::kBold},
                            {"PASSWORD", Tone::kBold},
                            {"K_G", Tone::kBold},
                            {"DETAIL", Tone::kBold}},
                           widths_, context_.out_style));
    std::fflush(context_.streams.out);
}

bool FleetReport::good(const rotate::BmcReport& report, const std::string& command) {
    return asks_only(command) ? !report.attention : report.as_asked;
}

void FleetReport::started(const vault::Bmc& bmc) {
    board_.started(bmc.name);
}
void FleetReport::step(const vault::Bmc& bmc, std::string_view what) {
    board_.step(bmc.name, what);
}

void FleetReport::accounts(const vault::Bmc& bmc, const rotate::AccountTable& table,
                           std::span<const rotate::Finding> findings) {
    accounts_[bmc.name] = {table, {findings.begin(), findings.end()}};
}

// The table where it was asked for, and the findings always; before the line of the BMC in JSON, below it in text.
std::string FleetReport::account_lines(const std::string& name) {
    const auto found = accounts_.extract(name);
    if (found.empty()) return "";
    const auto& [table, findings] = found.mapped();
    for (const auto& finding : findings) {
        if (!rotate::needs_attention(finding.kind)) continue;
        auto& same = findings_[rotate::next_step(finding.kind)];
        same.kinds.insert(rotate::word(finding.kind));
        same.names.insert(name);
    }
    const bool whole = command_ == "accounts";
    if (context_.options.json) return (whole ? json_accounts(name, table) : "") + json_findings(name, findings);
    return (whole ? account_table(table, context_.out_style) : "") + finding_lines(findings, context_.out_style);
}

void FleetReport::finished(const rotate::BmcReport& report) {
    const auto accounts = account_lines(report.name);
    const bool fine = good(report, command_);
    if (!fine) failed_[report.outcome].push_back(report.name);
    std::string line;
    if (context_.options.json) {
        line = accounts + json_line(report);
    } else if (!fine || !context_.options.quiet) {
        line = row(report) + accounts;
    }
    board_.finished(report.name, report.outcome, fine, line);
}

std::string FleetReport::json_line(const rotate::BmcReport& report) const {
    rotate::BmcReport shown = report;
    if (!asks_only(command_)) shown.version_since = std::nullopt;
    return json_result(shown);
}

std::string FleetReport::row(const rotate::BmcReport& report) const {
    Tone tone = report.outcome == "held" ? Tone::kWarning : Tone::kBad;
    if (good(report, command_)) tone = Tone::kGood;
    return table_row({{printable(report.name)},
                      {printable(report.address)},
                      {report.outcome, tone},
                      {password_cell(report)},
                      {k_g_cell(report)},
                      {printable(report.detail), Tone::kDim}},
                     widths_, context_.out_style);
}

void FleetReport::print_summary(const rotate::RunSummary& summary) {
    board_.close();
    if (context_.options.json) {
        context_.out(json_summary(summary));
        std::fflush(context_.streams.out);
    } else {
        context_.out(summary_text(summary, context_.options.dry_run) + "\n");
    }
    explain_failures();
    explain_findings();
}

void FleetReport::explain_findings() const {
    for (const auto& [next, found] : findings_) {
        const std::vector<std::string> names(found.names.begin(), found.names.end());
        const auto what = fmt::format("{}: {}: {}", command_, some_of(names), fmt::join(found.kinds, ", "));
        print(context_.streams, Failure{ExitCode::kAttention, what, std::string(next), ""});
    }
}

void FleetReport::explain_failures() const {
    for (const auto& [outcome, names] : failed_) {
        if (command_ == "accounts" && (outcome == "findings" || outcome == "drift")) continue;  // told one by one
        Failure failure{ExitCode::kNotAsAsked, fmt::format("{}: {}: {}", command_, some_of(names), outcome), "", ""};
        failure.safety = next_step_of(outcome);
        if (!asks_only(command_))
            failure.safety += failure.safety.empty() ? "Every password that bmcvault ever sent is in the vault." : "";
        const bool shared = outcome == "shared";
        failure.next = names.size() == 1 && !shared && command_ != "deprovision"
                           ? fmt::format("bmcvault history {}", names.front())
                           : next_command(command_, shared);
        print(context_.streams, failure);
    }
}

std::string summary_text(const rotate::RunSummary& summary, bool dry_run) {
    std::vector<std::string> parts;
    std::size_t reported = 0;
    for (const auto& [outcome, count] : summary.outcomes) {
        parts.push_back(fmt::format("{} {}", count, outcome));
        reported += count;
    }
    std::string text =
        fmt::format("{}{}: {} in {:.1f} s: {}; failed logins: {}.", summary.command,
                    dry_run ? " (dry run, nothing was changed)" : "", counted(summary.total, "BMC"),
                    static_cast<double>(summary.elapsed.count()) / 1000,
                    parts.empty() ? "none done" : fmt::format("{}", fmt::join(parts, ", ")), summary.failed_logins);
    if (summary.continued > 0) {
        text += fmt::format(" Continued: {} were done before.", summary.continued);
    }
    const std::size_t unstarted = summary.total - std::min(summary.total, reported);
    if (summary.stopped) {
        text += fmt::format(" Stopped: {} not started; the same command continues.", unstarted);
    } else if (asks_only(summary.command) ? summary.attention : !summary.all_as_asked) {
        text += fmt::format(" Still to do: {}.", next_command(summary.command, only_shared(summary)));
    } else if (has_unread_table(summary)) {
        text += " Read the tables; when they are as they should be: bmcvault accounts accept SELECTOR.";
    } else if (dry_run) {
        text += " Next: the same command without --dry-run.";
    } else {
        text += " Nothing left to do.";
    }
    return text;
}

}  // namespace bmcvault::cli
