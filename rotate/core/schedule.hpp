// When the credential of a BMC has to be rotated, and why: at least once per year (Farmer, IPMI++ Security Best
// Practices, 4.6), and when somebody who should not know it does. Pure: values in, values out; times are UTC.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vault/base/error.hpp"
#include "vault/base/ids.hpp"

namespace bmcvault::rotate {

[[nodiscard]] std::string utc_text(UnixTime time);  // "2026-11-23T15:04:05Z"

inline constexpr int kMaxAgeDays = 3650;

struct AgeRule {
    std::chrono::days maximum_age{365};  // 1 to kMaxAgeDays
    std::chrono::days warning{30};       // how long before that it is `soon`; 0 to maximum_age
    // Of an account for monitoring, 1 to kMaxAgeDays; nullopt: it is rotated with the others only.
    std::optional<std::chrono::days> monitor_age{};
};

// The strongest first: what is rotated because somebody knows it can't wait for its age.
enum class DueReason : std::uint8_t {
    kExposed,       // somebody who should not know it does
    kKgExposed,     // and what they know is the K_G, or also
    kPutBack,       // an older password was put back
    kUnfinished,    // an account beside our own one has its old password still
    kNeverRotated,  // made by people, not by bmcvault: nobody knows its age
    kAge,           // older than the rule allows
    kNoKg,          // the rule asks for a K_G, and none is set
    kKgAge,
    kMonitorAge,  // that alone: only the account for monitoring is rotated
};
[[nodiscard]] std::string_view word(DueReason reason);  // "exposed", "put-back", "never-rotated", "age" ...

// What the vault knows of one BMC.
struct CredentialFacts {
    std::optional<UnixTime> password_since;  // when the live password was made; nullopt: none was ever proved
    bool password_is_drawn = false;          // by bmcvault, at random
    bool password_is_put_back = false;
    std::optional<UnixTime> k_g_since;  // when the live K_G was made; nullopt: none is set
    bool k_g_is_wanted = false;         // by the rule, and the BMC is not known to be without
    bool is_exposed = false;
    bool k_g_is_exposed = false;
    bool is_unfinished = false;
    std::optional<UnixTime> monitor_since;  // when its password was made; nullopt: there is no such account
};

struct Due {
    DueReason reason{};
    std::optional<UnixTime> since;  // nullopt: nobody knows
};

// Why it has to be rotated at `now`, the strongest reason first; empty: it need not.
[[nodiscard]] std::vector<Due> why_due(const CredentialFacts& facts, const AgeRule& rule, UnixTime now);
// When its age will make it due. nullopt: its age is not known.
[[nodiscard]] std::optional<UnixTime> due_at(const CredentialFacts& facts, const AgeRule& rule);
// Not due yet, but within the warning time.
[[nodiscard]] bool is_soon(const CredentialFacts& facts, const AgeRule& rule, UnixTime now);

// A weekly time in which scheduled writes may begin. Local time of the host that runs them.
struct Window {
    std::array<bool, 7> days{};  // Monday first: the day on which it opens
    std::chrono::minutes from{0};
    std::chrono::minutes to{0};  // at or before `from`: of the next day
    friend bool operator==(const Window&, const Window&) = default;
};

// "Sat,Sun 22:00-06:00", "Mon-Fri 01:00-04:30", "daily 02:00-05:00". kInvalidArgument says what is wrong with it.
[[nodiscard]] Result<Window> parse_window(std::string_view text);

struct LocalTime {
    int weekday = 0;                 // 0: Monday
    std::chrono::minutes of_day{0};  // since midnight
};

// How long it stays open; nullopt: it is closed. No windows at all: always open, and this is never asked.
[[nodiscard]] std::optional<std::chrono::minutes> open_for(std::span<const Window> windows, LocalTime at);

}  // namespace bmcvault::rotate
