// The rules of a fleet, from a TOML file: how old a credential may become, where a K_G is wanted, when scheduled writes
// may begin, and what needs a reason. Pure: text in, rules or their mistakes out. docs/schedule.md shows a file.
#pragma once

#include <chrono>
#include <cstddef>
#include <expected>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "cli/line_problems.hpp"
#include "rotate/core/schedule.hpp"

namespace bmcvault::cli {

inline constexpr std::size_t kMaxPolicySize = 1u << 20;  // bytes

struct GroupRules {
    rotate::AgeRule age;
    bool k_g = false;
    std::vector<rotate::Window> windows;    // empty: at any time
    std::vector<std::string> window_texts;  // the same, as written
};

// Programs of the site, by absolute path; empty: none.
struct HookRules {
    std::string before_rotation;
    std::string after_rotation;
    std::string attention;
    std::string checkpoint;
    std::string account;               // whose credential that is: "monitor"; empty: of our own account
    std::string holder;                // who gets the new credential from after_rotation; empty: nobody
    std::chrono::seconds timeout{60};  // 1 to 3600, for each call
};

struct Policy {
    GroupRules fleet;                                       // of every BMC whose group has no rules of its own
    std::map<std::string, GroupRules, std::less<>> groups;  // what a group does not say is as for the fleet
    std::optional<int> parallel;                            // 1 to 1000
    // How long the credentials of a BMC that was proved wiped are kept (vault forget).
    std::chrono::days retention{365};  // 0 to 36500
    HookRules hooks;
    std::set<std::string, std::less<>> reason_for, ticket_for;  // commands that need --reason, --ticket
    std::set<std::string, std::less<>> second_signature;        // commands that a second member has to sign

    [[nodiscard]] const GroupRules& rules_of(std::string_view group) const;
};

// Every mistake with its line and column; an unknown key is one.
[[nodiscard]] std::expected<Policy, LineProblems> parse_policy(std::string_view text);

}  // namespace bmcvault::cli
