#include "cli/fields.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <set>

#include "cli/text.hpp"

namespace bmcvault::cli {
namespace {

constexpr std::size_t kMaxWord = 64;
constexpr std::size_t kMaxHostName = 253;
constexpr std::size_t kMaxTags = 32;

std::unexpected<Error> invalid(std::string why) {
    return fail(ErrorCode::kInvalidArgument, std::move(why));
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_alphanumeric(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_hex(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

template <class Number = unsigned>
Result<Number> parse_number(std::string_view text, unsigned low, unsigned high, int base = 10) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (text.empty() || error != std::errc{} || end != text.data() + text.size() || value < low || value > high) {
        return invalid("must be a number from " + std::to_string(low) + " to " + std::to_string(high));
    }
    return static_cast<Number>(value);
}

bool is_ipv4(std::string_view text) {
    int parts = 0;
    while (true) {
        const std::size_t dot = std::min(text.find('.'), text.size());
        const auto part = text.substr(0, dot);
        if (part.size() > 3 || !parse_number(part, 0, 255) || (part.size() > 1 && part[0] == '0')) return false;
        ++parts;
        if (dot == text.size()) return parts == 4;
        text.remove_prefix(dot + 1);
    }
}

// Shape only: hexadecimal groups and colons, an optional zone. The resolver has the last word.
bool is_ipv6(std::string_view text) {
    const std::size_t zone = text.find('%');
    if (zone != std::string_view::npos) {
        const auto name = text.substr(zone + 1);
        if (name.empty() || name.size() > 15) return false;
        if (!std::ranges::all_of(name, [](char c) { return is_alphanumeric(c) || c == '.' || c == '-' || c == '_'; })) {
            return false;
        }
        text = text.substr(0, zone);
    }
    const auto colons = std::ranges::count(text, ':');
    if (text.size() > 45 || colons < 2 || colons > 8) return false;
    return std::ranges::all_of(text, [](char c) { return is_hex(c) || c == ':' || c == '.'; });
}

bool is_host_name(std::string_view text) {
    if (text.empty() || text.size() > kMaxHostName) return false;
    char before = '.';
    for (const char c : text) {
        if (!is_alphanumeric(c) && c != '-' && c != '_' && c != '.') return false;
        if (before == '.' && (c == '.' || c == '-')) return false;
        before = c;
    }
    return before != '-';
}

bool is_host(std::string_view text) {
    if (text.find(':') != std::string_view::npos) return is_ipv6(text);
    const bool looks_like_ipv4 = std::ranges::all_of(text, [](char c) { return is_digit(c) || c == '.'; });
    return looks_like_ipv4 ? is_ipv4(text) : is_host_name(text);
}

// "2026-12-31"; `shape` says what was expected.
Result<UnixTime> calendar_day(std::string_view text, const char* shape) {
    using namespace std::chrono;
    if (text.size() != 10 || text[4] != '-' || text[7] != '-') return invalid(shape);
    const auto y = parse_number(text.substr(0, 4), 0, 9999);
    const auto m = parse_number(text.substr(5, 2), 0, 12);
    const auto d = parse_number(text.substr(8, 2), 0, 31);
    if (!y || !m || !d) return invalid(shape);
    const year_month_day date{year{static_cast<int>(*y)}, month{*m}, day{*d}};
    if (!date.ok()) return invalid("is not a day of the calendar");
    return UnixTime{sys_seconds{sys_days{date}}.time_since_epoch().count()};
}

std::string_view trimmed(std::string_view text) {
    while (text.starts_with(' ')) text.remove_prefix(1);
    while (text.ends_with(' ')) text.remove_suffix(1);
    return text;
}

}  // namespace

Result<std::string> parse_word(std::string_view text) {
    if (text.empty()) return invalid("must not be empty");
    if (text.size() > kMaxWord) return invalid("must not be longer than 64 bytes");
    const auto allowed = [](char c) { return is_alphanumeric(c) || c == '.' || c == '_' || c == '-'; };
    if (!is_alphanumeric(text[0]) || !std::ranges::all_of(text, allowed)) {
        return invalid("must be letters, digits, '.', '_' and '-', and begin with a letter or digit");
    }
    return std::string(text);
}

Result<Endpoint> parse_endpoint(std::string_view text) {
    constexpr auto kWhat = "must be an IPv4 or IPv6 address or a host name";
    Endpoint endpoint;
    std::string_view host = text;
    std::optional<std::string_view> port;
    if (text.starts_with('[')) {
        const std::size_t close = text.find(']');
        if (close == std::string_view::npos) return invalid("'[' without ']'");
        host = text.substr(1, close - 1);
        const auto rest = text.substr(close + 1);
        if (!rest.empty() && !rest.starts_with(':')) return invalid(kWhat);
        if (!rest.empty()) port = rest.substr(1);
        if (!is_ipv6(host)) return invalid(kWhat);
    } else if (std::ranges::count(text, ':') == 1) {
        host = text.substr(0, text.find(':'));
        port = text.substr(text.find(':') + 1);
    }
    if (port) {
        const auto value = parse_port(*port);
        if (!value) return invalid("port " + value.error().detail);
        endpoint.port = *value;
    }
    if (!is_host(host)) return invalid(kWhat);
    endpoint.address = host;
    return endpoint;
}

Result<std::uint16_t> parse_port(std::string_view text) {
    return parse_number<std::uint16_t>(text, 1, 65535);
}

Result<std::string> parse_user_name(std::string_view text) {
    if (text.empty()) return invalid("must not be empty (bmcvault does not manage anonymous accounts)");
    if (text.size() > 16) return invalid("must not be longer than 16 bytes (IPMI 2.0 §22.28)");
    if (!std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; })) {
        return invalid("must be printable ASCII without spaces");
    }
    return std::string(text);
}

Result<std::uint8_t> parse_user_id(std::string_view text) {
    return parse_number<std::uint8_t>(text, 1, 63);
}

Result<std::uint8_t> parse_channel(std::string_view text) {
    const bool hex = text.starts_with("0x");
    return parse_number<std::uint8_t>(hex ? text.substr(2) : text, 0, 15, hex ? 16 : 10);
}

Result<std::vector<std::string>> parse_tags(std::string_view text) {
    std::vector<std::string> tags;
    std::set<std::string> seen;
    while (!(text = trimmed(text)).empty()) {
        const std::size_t end = std::min(text.find_first_of(" ;"), text.size());
        if (end > 0) {
            auto tag = parse_word(text.substr(0, end));
            if (!tag) return invalid("a tag " + tag.error().detail);
            if (seen.insert(*tag).second) tags.push_back(std::move(*tag));
            if (tags.size() > kMaxTags) return invalid("must not hold more than 32 tags");
        }
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return tags;
}

Result<PasswordField> parse_password(std::string_view text) {
    if (text.empty()) return invalid("is empty");
    if (text.size() > kKeySize) return invalid("is longer than 20 bytes, the most IPMI 2.0 stores (§22.30)");
    for (const char c : text) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return invalid("holds a control character");
    }
    PasswordField field;
    field.bytes.expose_mutable([&](auto bytes) { std::ranges::copy(text, bytes.begin()); });
    field.size = text.size() <= 16 ? vault::StoredSize::k16 : vault::StoredSize::k20;
    return field;
}

Result<Key20> parse_k_g(std::string_view text) {
    if (text.starts_with("0x")) text.remove_prefix(2);
    if (text.empty()) return invalid("is empty");
    if (text.size() % 2 != 0 || text.size() > 2 * kKeySize || !std::ranges::all_of(text, is_hex)) {
        return invalid("must be hexadecimal digits, two for each byte, at most 40");
    }
    const auto nibble = [](char c) { return static_cast<unsigned>(is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10); };
    Key20 key;
    key.expose_mutable([&](auto bytes) {
        for (std::size_t i = 0; i < text.size() / 2; ++i) {
            bytes[i] = static_cast<std::uint8_t>(nibble(text[2 * i]) << 4 | nibble(text[2 * i + 1]));
        }
    });
    if (key.expose([](auto bytes) { return std::ranges::all_of(bytes, [](auto b) { return b == 0; }); })) {
        return invalid("is all zero, which means none: leave it empty");
    }
    return key;
}

Result<UnixTime> parse_date(std::string_view text) {
    return calendar_day(text, "must be a date as 2019-05-01");
}

Result<UnixTime> parse_future_date(std::string_view text, UnixTime now) {
    constexpr auto* kShape = "must be a date as 2026-12-31 or 2026-12-31T18:00 (UTC)";
    const bool with_clock = text.size() == 16 && text[10] == 'T' && text[13] == ':';
    const auto hour = with_clock ? parse_number<std::int64_t>(text.substr(11, 2), 0, 23) : 0;
    const auto minute = with_clock ? parse_number<std::int64_t>(text.substr(14, 2), 0, 59) : 0;
    if (!hour || !minute) return invalid(kShape);
    const auto day = calendar_day(with_clock ? text.substr(0, 10) : text, kShape);
    if (!day) return day;
    const UnixTime time{day->value + 3600 * *hour + 60 * *minute};
    if (time <= now) return invalid("is already over (now: " + iso_time(now) + ")");
    return time;
}

}  // namespace bmcvault::cli
