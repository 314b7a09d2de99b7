#include "cli/yearly_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cli/html.hpp"
#include "rotate/core/advice.hpp"

namespace bmcvault::cli {
namespace {

constexpr std::int64_t kDay_s = 86'400;

struct AgeClass {
    std::string_view name;
    std::int64_t to_days;  // inclusive
    std::size_t count = 0;
};

std::string day(UnixTime time) {
    return iso_time(time).substr(0, 10);
}

std::string optional_day(const std::optional<UnixTime>& time) {
    return time ? day(*time) : "never";
}

// What is left when nothing went wrong but the credential is still the old one.
std::string reasons(const DueEntry& entry) {
    std::vector<std::string> words;
    words.reserve(entry.due.size());
    for (const auto& due : entry.due) words.emplace_back(rotate::word(due.reason));
    return words.empty() ? "not due yet" : fmt::format("due: {}", fmt::join(words, ", "));
}

std::string with_name(std::string text, const std::string& name) {
    for (auto at = text.find("NAME"); at != std::string::npos; at = text.find("NAME", at + name.size()))
        text.replace(at, 4, name);
    return text;
}

void explain(YearlyLine& line, const DueEntry& entry) {
    const auto& last = line.bmc.last;
    line.next = fmt::format("bmcvault rotate {}", line.bmc.name);
    if (!last || last_was_as_asked(line.bmc)) {
        line.why = reasons(entry);
        return;
    }
    line.why = last->detail.empty() ? last->outcome : fmt::format("{}: {}", last->outcome, last->detail);
    line.why += fmt::format(" ({}, {})", last->command, day(last->at));
    const auto known = rotate::advice(last->outcome, last->detail);
    if (!known.next.empty()) line.next = with_name(std::string(known.next), line.bmc.name);
}

std::array<AgeClass, 6> ages(const YearlyReport& report) {
    std::array<AgeClass, 6> classes{AgeClass{"up to 30 days", 30},    AgeClass{"31 to 90 days", 90},
                                    AgeClass{"91 to 180 days", 180},  AgeClass{"181 to 365 days", 365},
                                    AgeClass{"more than a year", -1}, AgeClass{"not known", -1}};
    for (const auto& line : report.lines) {
        const auto days = line.password ? (report.at.value - line.password->created_at.value) / kDay_s : 0;
        const auto found = std::ranges::find_if(classes, [&](const AgeClass& each) { return days <= each.to_days; });
        const auto place = found == classes.end() ? std::size_t{4} : static_cast<std::size_t>(found - classes.begin());
        ++classes[line.age_is_known ? place : 5].count;
    }
    return classes;
}

// Bars of one chart, the longest as wide as the chart.
template <class Bars>
std::string bar_chart(std::string_view title, const Bars& bars) {
    constexpr int kRow = 26;
    constexpr double kWidth = 360;
    std::size_t most = 1;
    for (const auto& bar : bars) most = std::max(most, bar.count);
    std::string rows;
    int y = 0;
    for (const auto& bar : bars) {
        rows += fmt::format(
            "<text x=\"150\" y=\"{0}\" text-anchor=\"end\">{1}</text><rect x=\"160\" y=\"{2}\" width=\"{3:.1f}\" "
            "height=\"16\"/><text x=\"{4:.1f}\" y=\"{0}\">{5}</text>\n",
            y + 15, bar.name, y + 2, kWidth * static_cast<double>(bar.count) / static_cast<double>(most),
            168 + kWidth * static_cast<double>(bar.count) / static_cast<double>(most), bar.count);
        y += kRow;
    }
    return fmt::format(
        "<figure><figcaption>{0}</figcaption><svg role=\"img\" aria-label=\"{0}\" viewBox=\"0 0 600 {1}\">\n{2}</svg>"
        "</figure>\n",
        title, y, rows);
}

std::string row(const YearlyLine& line) {
    const auto version = line.password ? fmt::format("{}", line.password->version.value) : "-";
    std::string what = escaped_html(line.why);
    if (line.fate == Fate::kExcepted) {
        what =
            fmt::format("until {} by {}: {}", optional_day(line.bmc.hold->until), escaped_html(line.excepted_by), what);
    }
    if (line.fate == Fate::kNotChanged) what += fmt::format("<br>Next: {}", escaped_html(line.next));
    return fmt::format(
        "<tr><td>{}</td><td>{}</td><td class=\"{}\">{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
        escaped_html(line.bmc.name), escaped_html(line.bmc.group), word(line.fate), word(line.fate), version,
        line.password ? day(line.password->created_at) : "-",
        line.password ? optional_day(line.password->proved_at) : "never", what);
}

constexpr std::string_view kStyle =
    "body{font:15px/1.45 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#1b1f24}"
    "h1{font-size:1.5rem;margin-bottom:.2rem}p{margin:.3rem 0 1rem}"
    ".charts{display:flex;flex-wrap:wrap;gap:1.5rem}figure{margin:0;flex:1 1 24rem}figcaption{font-weight:600}"
    "svg{width:100%;font:14px system-ui,sans-serif}rect{fill:#3b6ea5}"
    "table{border-collapse:collapse;width:100%;margin-top:1rem}th,td{text-align:left;vertical-align:top;"
    "padding:.3rem .6rem;border-bottom:1px solid #d5dae0}thead{display:table-header-group}tr{break-inside:avoid}"
    ".changed{color:#1a6b35}.excepted{color:#8a5a00}.not-changed{color:#a11;font-weight:600}"
    "@media print{body{margin:0;font-size:11px}}";

}  // namespace

std::string_view word(Fate fate) {
    if (fate == Fate::kChanged) return "changed";
    return fate == Fate::kExcepted ? "excepted" : "not-changed";
}

std::size_t YearlyReport::count(Fate fate) const {
    return static_cast<std::size_t>(std::ranges::count(lines, fate, &YearlyLine::fate));
}

YearlyLine yearly_line(const DueEntry& entry, const std::optional<vault::CredentialVersion>& password, UnixTime since,
                       std::string excepted_by) {
    YearlyLine line{entry.bmc, Fate::kNotChanged, password, password && is_drawn(*password), "", "", ""};
    const bool changed = line.age_is_known && password->proved_at && password->created_at >= since;
    if (changed && entry.due.empty()) {
        line.fate = Fate::kChanged;
    } else if (entry.held) {
        line.fate = Fate::kExcepted;
        line.why = entry.bmc.hold->reason;
        line.excepted_by = std::move(excepted_by);
    } else {
        explain(line, entry);
    }
    return line;
}

std::string yearly_html(const YearlyReport& report) {
    struct Bar {
        std::string_view name;
        std::size_t count;
    };
    const std::array fates{Bar{"changed, proved", report.count(Fate::kChanged)},
                           Bar{"excepted", report.count(Fate::kExcepted)},
                           Bar{"not changed", report.count(Fate::kNotChanged)}};
    std::vector<const YearlyLine*> sorted;
    sorted.reserve(report.lines.size());
    for (const auto& line : report.lines) sorted.push_back(&line);
    std::ranges::stable_sort(sorted, std::greater{}, &YearlyLine::fate);
    std::string rows;
    for (const auto* line : sorted) rows += row(*line);
    return fmt::format(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>BMC credentials, {0} to {1}</title>\n"
        "<style>{2}</style></head><body>\n<h1>BMC credentials, {0} to {1}</h1>\n"
        "<p>{3}: {4} changed and proved by the BMC, {5} excepted, {6} not changed. Vault {7}.</p>\n"
        "<div class=\"charts\">\n{8}{9}</div>\n"
        "<table><thead><tr><th>BMC</th><th>Group</th><th>State</th><th>Version</th><th>Made</th><th>Proved</th>"
        "<th>What there is to say</th></tr></thead><tbody>\n{10}</tbody></table>\n</body></html>\n",
        day(report.since), day(report.at), kStyle, counted(report.lines.size(), "BMC"), fates[0].count, fates[1].count,
        fates[2].count, report.vault_id, bar_chart("What became of every BMC", fates),
        bar_chart("Age of the passwords", ages(report)), rows);
}

}  // namespace bmcvault::cli
