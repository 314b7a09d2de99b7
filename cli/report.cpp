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
constexpr std::array kGoodOutcomes{rotate::Outcome::kRotated,   rotate::Outcome::kAlreadyCurrent,
                                   rotate::Outcome::kRecovered, rotate::Outcome::kSettled16,
                                   rotate::Outcome::kPutBack,   rotate::Outcome::kSecured,
                                   rotate::Outcome::kAdopted,   rotate::Outcome::kOutsideWindow};

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

// What of the password is safe is said where a run changes something, or did not hear from the BMC; not where the
// meaning says it already.
std::string_view safety_of(const rotate::BmcReport& report, const std::string& command, std::string_view word) {
    static constexpr std::array<std::string_view, 8> kSaid{"quarantined",      "no-known-password", "pending-live",
                                                           "pending-not-live", "older-version",     "foreign",
                                                           "shared",           "vault-restored"};
    if (!report.knowledge || command == "deprovision" || std::ranges::count(kSaid, word) > 0) return "";
    const bool unheard = report.outcome == "no-answer" || report.outcome == "unreachable";
    return command == "check" && !unheard ? "" : rotate::safety(*report.knowledge);
}

// Commands that change nothing: what counts is whether somebody should look.
bool asks_only(const std::string& command) {
    return command == "check" || command == "accounts";
}

bool is_good(std::string_view outcome) {
    const auto same = [&](rotate::Outcome each) { return word(each) == outcome; };
    return outcome == "planned" || std::ranges::any_of(kGoodOutcomes, same);
}

// For those of a run that did not end as asked.
std::string next_command(const rotate::RunSummary& summary, const std::string& command) {
    const auto all_are = [&](std::initializer_list<std::string_view> words) {
        return std::ranges::all_of(summary.outcomes,
                                   [&](const auto& pair) { return std::ranges::count(words, pair.first) > 0; });
    };
    if (summary.command == "deprovision") return "read the certificates; the same command goes on";
    if (summary.command == "accounts") return "close or accept what the findings name";
    if (summary.command == "check") {
        if (all_are({"as-in-vault"})) return "close or accept what the findings name";
        if (all_are({"as-in-vault", "shared"})) return "bmcvault rotate --failed";
        return "bmcvault recover --failed";
    }
    // The same command would say the same again.
    const bool needs_a_person = std::ranges::all_of(summary.outcomes, [](const auto& pair) {
        return pair.first == "quarantined" || pair.first == "held" || is_good(pair.first);
    });
    return needs_a_person ? "see below" : command + " --failed";
}

bool has_unread_table(const rotate::RunSummary& summary) {
    return std::ranges::any_of(summary.outcomes, [](const auto& pair) { return pair.first == "not-accepted-yet"; });
}

}  // namespace

FleetReport::FleetReport(const Context& context, std::string command, std::span<const vault::Bmc> selected,
                         std::string again)
    : context_(context),
      command_(std::move(command)),
      again_(fmt::format("{} {}{}{}", context.program(), command_, again.empty() ? "" : " ", again)),
      board_(context, command_, selected.size()) {
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
    if (!fine) {
        const auto advice = rotate::advice(report.outcome, report.detail);
        const auto safety = safety_of(report, command_, advice.word);
        failed_[{report.outcome, advice.meaning, advice.next, safety}].push_back(report.name);
    }
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
    context_.entry = {
        {}, 0, counts_text(summary, context_.options.dry_run), summary.total, summary.failed_logins, summary.outcomes};
    if (context_.options.json) {
        context_.out(json_summary(summary));
        std::fflush(context_.streams.out);
    } else {
        context_.out(summary_text(summary, again_, context_.options.dry_run) + "\n");
    }
    explain_failures();
    explain_findings();
}

void FleetReport::explain_findings() const {
    for (const auto& [next, found] : findings_) {
        const std::vector<std::string> names(found.names.begin(), found.names.end());
        const auto what = fmt::format("{}: {}: {}", command_, some_of(names), fmt::join(found.kinds, ", "));
        print(context_.streams, Failure{ExitCode::kAttention, what, with_names(next, names), ""});
    }
}

// One BMC: its name. Several: what selects them all, where the command takes that.
std::string FleetReport::with_names(std::string_view next, const std::vector<std::string>& names) const {
    auto text = context_.commands(next);
    const bool one = names.size() == 1;
    text = replaced(text, rotate::kSameCommand, fmt::format("{} {}", again_, one ? "NAME" : "--failed"));
    if (one) return replaced(text, "NAME", names.front());
    if (text.contains("--first-contact")) return text;  // a person vouches for boards one by one
    return replaced(replaced(text, " recover NAME", " recover --failed"), " rotate NAME", " rotate --failed");
}

void FleetReport::explain_failures() const {
    for (const auto& [kind, names] : failed_) {
        if (command_ == "accounts" && (kind.outcome == "findings" || kind.outcome == "drift")) continue;  // one by one
        if (command_ == "check" && kind.outcome == "as-in-vault" && !findings_.empty()) continue;         // likewise
        Failure failure{ExitCode::kNotAsAsked, fmt::format("{}: {}: {}", command_, some_of(names), kind.outcome),
                        with_names(kind.next, names),
                        names.size() == 1 ? with_names(kind.meaning, names) : context_.commands(kind.meaning)};
        if (!failure.safety.empty() && !kind.safety.empty()) failure.safety += ' ';
        failure.safety += kind.safety;
        if (failure.next.empty()) failure.next = "the details above";
        print(context_.streams, failure);
    }
}

std::string counts_text(const rotate::RunSummary& summary, bool dry_run) {
    std::vector<std::string> parts;
    parts.reserve(summary.outcomes.size());
    for (const auto& [outcome, count] : summary.outcomes) parts.push_back(fmt::format("{} {}", count, outcome));
    std::string text =
        fmt::format("{}{}: {} in {:.1f} s: {}; failed logins: {}.", summary.command,
                    dry_run ? " (dry run, nothing was changed)" : "", counted(summary.total, "BMC"),
                    static_cast<double>(summary.elapsed.count()) / 1000,
                    parts.empty() ? "none done" : fmt::format("{}", fmt::join(parts, ", ")), summary.failed_logins);
    if (summary.continued > 0) text += fmt::format(" Continued: {} were done before.", summary.continued);
    return text;
}

namespace {

// What is as it should be for now, and yet not done.
std::string waiting_text(const rotate::RunSummary& summary) {
    const auto count_of = [&](std::string_view outcome) {
        const auto found = std::ranges::find(summary.outcomes, outcome, &OutcomeCounts::value_type::first);
        return found == summary.outcomes.end() ? std::size_t{0} : found->second;
    };
    std::string text;
    if (const auto held = count_of("held"); held > 0)
        text += fmt::format(" {} on hold: bmcvault bmc hold NAME --release ends it.", held);
    if (const auto outside = count_of("outside-window"); outside > 0)
        text += fmt::format(" {} left for the window; without --due there is none.", outside);
    return text.empty() ? " Nothing left to do." : text;
}

}  // namespace

std::string summary_text(const rotate::RunSummary& summary, const std::string& command, bool dry_run) {
    std::size_t reported = 0;
    for (const auto& [outcome, count] : summary.outcomes) reported += count;
    auto text = counts_text(summary, dry_run);
    const std::size_t unstarted = summary.total - std::min(summary.total, reported);
    if (summary.stopped) {
        text += fmt::format(" Stopped: {} not started; the same command continues.", unstarted);
    } else if (dry_run && !asks_only(summary.command)) {
        const bool any =
            std::ranges::any_of(summary.outcomes, [](const auto& pair) { return pair.first == "planned"; });
        text += any ? " Next: the same command without --dry-run." : " Nothing would be done.";
    } else if (asks_only(summary.command) ? summary.attention : !summary.all_as_asked) {
        text += fmt::format(" Still to do: {}.", next_command(summary, command));
    } else if (has_unread_table(summary)) {
        text += " Read the tables; when they are as they should be: bmcvault accounts accept SELECTOR.";
    } else {
        text += waiting_text(summary);
    }
    return text;
}

}  // namespace bmcvault::cli
