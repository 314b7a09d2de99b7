#include "rotate/core/schedule.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace bmcvault::rotate {
namespace {

using std::chrono::minutes;

constexpr minutes kDay{24 * 60};
constexpr std::array<std::string_view, 7> kDayNames{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};

UnixTime later(UnixTime time, std::chrono::seconds by) {
    return UnixTime{time.value + by.count()};
}

constexpr std::string_view kHowToWrite =
    R"(; write it as "Sat,Sun 22:00-06:00", "Mon-Fri 01:00-04:30" or "daily 02:00-05:00")";

std::unexpected<Error> not_a_window(std::string_view why) {
    return fail(ErrorCode::kInvalidArgument, std::string(why) + std::string(kHowToWrite));
}

std::optional<std::size_t> day_of(std::string_view name) {
    const auto found = std::ranges::find(kDayNames, name);
    if (found == kDayNames.end()) return std::nullopt;
    return static_cast<std::size_t>(found - kDayNames.begin());
}

// "Sat", "Mon-Fri"
bool mark_days(std::array<bool, 7>& days, std::string_view word) {
    const auto dash = word.find('-');
    const auto first = day_of(word.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : day_of(word.substr(dash + 1));
    if (!first || !last) return false;
    for (std::size_t day = *first;; day = (day + 1) % days.size()) {
        days[day] = true;
        if (day == *last) return true;
    }
}

std::optional<std::array<bool, 7>> parse_days(std::string_view text) {
    std::array<bool, 7> days{};
    if (text == "daily") {
        days.fill(true);
        return days;
    }
    while (true) {
        const auto comma = text.find(',');
        if (!mark_days(days, text.substr(0, comma))) return std::nullopt;
        if (comma == std::string_view::npos) return days;
        text.remove_prefix(comma + 1);
    }
}

// "22:00"
std::optional<minutes> parse_time(std::string_view text) {
    const auto is_digit = [&](std::size_t at) { return text[at] >= '0' && text[at] <= '9'; };
    if (text.size() != 5 || text[2] != ':' || !is_digit(0) || !is_digit(1) || !is_digit(3) || !is_digit(4))
        return std::nullopt;
    const auto two = [&](std::size_t at) { return (text[at] - '0') * 10 + (text[at + 1] - '0'); };
    if (two(0) > 23 || two(3) > 59) return std::nullopt;
    return minutes{two(0) * 60 + two(3)};
}

}  // namespace

std::string utc_text(UnixTime time) {
    using namespace std::chrono;
    const sys_seconds point{seconds{time.value}};
    const auto day = floor<days>(point);
    const year_month_day date{day};
    const hh_mm_ss clock{point - day};
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                       clock.minutes().count(), clock.seconds().count());
}

std::string_view word(DueReason reason) {
    switch (reason) {
        case DueReason::kExposed:
            return "exposed";
        case DueReason::kKgExposed:
            return "k-g-exposed";
        case DueReason::kPutBack:
            return "put-back";
        case DueReason::kUnfinished:
            return "unfinished";
        case DueReason::kNeverRotated:
            return "never-rotated";
        case DueReason::kAge:
            return "age";
        case DueReason::kNoKg:
            return "no-k-g";
        case DueReason::kKgAge:
            return "k-g-age";
        case DueReason::kMonitorAge:
            return "monitor-age";
    }
    return "";
}

std::vector<Due> why_due(const CredentialFacts& facts, const AgeRule& rule, UnixTime now) {
    std::vector<Due> due;
    if (facts.is_exposed) due.push_back({DueReason::kExposed, std::nullopt});
    if (facts.k_g_is_exposed) due.push_back({DueReason::kKgExposed, std::nullopt});
    if (facts.password_is_put_back) due.push_back({DueReason::kPutBack, facts.password_since});
    if (facts.is_unfinished) due.push_back({DueReason::kUnfinished, std::nullopt});
    if (!facts.password_is_drawn && !facts.password_is_put_back)
        due.push_back({DueReason::kNeverRotated, std::nullopt});
    if (const auto at = due_at(facts, rule); at && *at <= now) due.push_back({DueReason::kAge, at});
    if (facts.k_g_is_wanted && !facts.k_g_since) due.push_back({DueReason::kNoKg, std::nullopt});
    if (facts.k_g_is_wanted && facts.k_g_since) {
        if (const auto at = later(*facts.k_g_since, rule.maximum_age); at <= now)
            due.push_back({DueReason::kKgAge, at});
    }
    if (rule.monitor_age && facts.monitor_since) {
        const auto at = later(*facts.monitor_since, *rule.monitor_age);
        if (at <= now) due.push_back({DueReason::kMonitorAge, at});
    }
    return due;
}

std::optional<UnixTime> due_at(const CredentialFacts& facts, const AgeRule& rule) {
    if (!facts.password_since || !facts.password_is_drawn) return std::nullopt;
    return later(*facts.password_since, rule.maximum_age);
}

bool is_soon(const CredentialFacts& facts, const AgeRule& rule, UnixTime now) {
    const auto at = due_at(facts, rule);
    return why_due(facts, rule, now).empty() && at && *at <= later(now, rule.warning);
}

Result<Window> parse_window(std::string_view text) {
    const auto space = text.find(' ');
    if (space == std::string_view::npos) return not_a_window("days and times are missing");
    const auto times = text.substr(space + 1);
    const auto days = parse_days(text.substr(0, space));
    if (!days) return not_a_window("not the names of days");
    const auto dash = times.find('-');
    if (dash == std::string_view::npos) return not_a_window("the end is missing");
    const auto from = parse_time(times.substr(0, dash));
    const auto to = parse_time(times.substr(dash + 1));
    if (!from || !to) return not_a_window("not a time of day");
    return Window{*days, *from, *to};
}

std::optional<minutes> open_for(std::span<const Window> windows, LocalTime at) {
    std::optional<minutes> longest;
    for (const auto& window : windows) {
        const auto length = window.to > window.from ? window.to - window.from : window.to - window.from + kDay;
        for (const int days_ago : {0, 1}) {
            const auto day = static_cast<std::size_t>((at.weekday + 7 - days_ago) % 7);
            const auto since = at.of_day + days_ago * kDay - window.from;
            if (!window.days[day] || since < minutes{0} || since >= length) continue;
            longest = std::max(longest.value_or(minutes{0}), length - since);
        }
    }
    return longest;
}

}  // namespace bmcvault::rotate
