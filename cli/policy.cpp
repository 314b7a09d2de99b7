#include "cli/policy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include "cli/text.hpp"
#include "vault/core/team.hpp"

namespace bmcvault::cli {
namespace {

constexpr std::array<std::string_view, 5> kGroupKeys{"maximum_age_days", "monitor_maximum_age_days", "warning_days",
                                                     "k_g", "windows"};
constexpr std::array<std::string_view, 7> kFleetKeys{"parallel",   "retention_days",   "hooks", "reason_for",
                                                     "ticket_for", "second_signature", "group"};
constexpr std::array<std::string_view, 7> kHookKeys{"account",    "before_rotation", "after_rotation", "attention",
                                                    "checkpoint", "holder",          "timeout_s"};
constexpr std::int64_t kMaxRetentionDays = 36'500;
// Whatever changes a BMC or the vault, or lets a secret out.
constexpr std::array<std::string_view, 22> kCommands{
    "rotate", "recover",        "accounts",    "reveal", "exec",   "depart",      "deprovision", "expose", "hold",
    "forget", "export",         "bmc",         "card",   "member", "compartment", "holder",      "unlock", "approve",
    "backup", "accept-restore", "break-glass", "escrow"};
constexpr std::array<std::string_view, 4> kSignedTwice{"rotate", "reveal", "export", "member add"};

class Reader {
public:
    Policy policy;
    LineProblems problems;

    void read(const toml::table& table) {
        read_rules(table, policy.fleet);
        for (const auto& [key, value] : table) {
            if (key == "parallel") {
                if (const auto number = whole(value, 1, 1000)) policy.parallel = static_cast<int>(*number);
            } else if (key == "retention_days") {
                if (const auto days = whole(value, 0, kMaxRetentionDays)) policy.retention = std::chrono::days{*days};
            } else if (key == "hooks") {
                read_hooks(value);
            } else if (key == "reason_for") {
                read_commands(value, kCommands, policy.reason_for);
            } else if (key == "ticket_for") {
                read_commands(value, kCommands, policy.ticket_for);
            } else if (key == "second_signature") {
                read_commands(value, kSignedTwice, policy.second_signature);
            } else if (key == "group") {
                read_groups(value);
            } else if (!is_one_of(kGroupKeys, key.str())) {
                unknown_rule(key, {kFleetKeys.begin(), kFleetKeys.end()});
            }
        }
    }

private:
    void wrong(const toml::source_region& where, std::string text) {
        problems.add({where.begin.line, std::to_string(where.begin.column), std::move(text)});
    }
    void wrong(const toml::node& node, std::string text) { wrong(node.source(), std::move(text)); }

    template <class Words>
    static bool is_one_of(const Words& words, std::string_view word) {
        return std::ranges::find(words, word) != words.end();
    }

    void unknown_rule(const toml::key& key, std::vector<std::string> known) {
        known.insert(known.end(), kGroupKeys.begin(), kGroupKeys.end());
        unknown(key, known);
    }

    void unknown(const toml::key& key, const std::vector<std::string>& known) {
        const auto near = nearest(key.str(), known);
        wrong(key.source(), fmt::format("unknown key '{}'{}", printable(key.str()),
                                        near.empty() ? "" : fmt::format("; did you mean '{}'?", near)));
    }

    std::optional<std::int64_t> whole(const toml::node& node, std::int64_t low, std::int64_t high) {
        const auto value = node.value_exact<std::int64_t>();
        if (value && *value >= low && *value <= high) return value;
        wrong(node, fmt::format("must be a whole number from {} to {}", low, high));
        return std::nullopt;
    }

    // A list of strings, each given to `take` with its node.
    void each_text(const toml::node& node, const std::function<void(const toml::node&, const std::string&)>& take) {
        const auto* list = node.as_array();
        if (list == nullptr) return wrong(node, "must be a list of words in quotes: [\"...\"]");
        for (const auto& entry : *list) {
            if (const auto text = entry.value_exact<std::string>())
                take(entry, *text);
            else
                wrong(entry, "must be a word in quotes");
        }
    }

    void read_rules(const toml::table& table, GroupRules& rules) {
        if (const auto* node = table.get("maximum_age_days")) {
            if (const auto days = whole(*node, 1, rotate::kMaxAgeDays)) {
                rules.age.maximum_age = std::chrono::days{*days};
                rules.age.warning = std::min(rules.age.warning, rules.age.maximum_age);
            }
        }
        if (const auto* node = table.get("monitor_maximum_age_days")) {
            if (const auto days = whole(*node, 1, rotate::kMaxAgeDays))
                rules.age.monitor_age = std::chrono::days{*days};
        }
        if (const auto* node = table.get("warning_days")) {
            if (const auto days = whole(*node, 0, rules.age.maximum_age.count()))
                rules.age.warning = std::chrono::days{*days};
        }
        if (const auto* node = table.get("k_g")) {
            const auto wanted = node->value_exact<bool>();
            if (wanted)
                rules.k_g = *wanted;
            else
                wrong(*node, "must be true or false");
        }
        if (const auto* node = table.get("windows")) read_windows(*node, rules);
    }

    void read_windows(const toml::node& node, GroupRules& rules) {
        rules.windows.clear();
        rules.window_texts.clear();
        each_text(node, [&](const toml::node& entry, const std::string& text) {
            const auto window = rotate::parse_window(text);
            if (!window) return wrong(entry, window.error().detail);
            rules.windows.push_back(*window);
            rules.window_texts.push_back(text);
        });
    }

    void read_program(const toml::node& node, std::string& program) {
        const auto path = node.value_exact<std::string>();
        if (path && path->starts_with('/') && path->find('\0') == std::string::npos)
            program = *path;
        else
            wrong(node, "must be the absolute path of a program, in quotes");
    }

    void read_holder(const toml::node& node, std::string& holder) {
        const auto name = node.value_exact<std::string>();
        if (name && vault::is_printable_name(*name, vault::kMaxMemberNameSize))
            holder = *name;
        else
            wrong(node, "must be a name of 1 to 64 printable characters, in quotes");
    }

    void read_account(const toml::node& node, std::string& account) {
        const auto name = node.value_exact<std::string>();
        if (name == "own")
            account.clear();
        else if (name == "monitor")
            account = *name;
        else
            wrong(node, R"(must be "own" or "monitor")");
    }

    void read_hooks(const toml::node& node) {
        const auto* table = node.as_table();
        if (table == nullptr) return wrong(node, "hooks are a table: [hooks]");
        auto& hooks = policy.hooks;
        for (const auto& [key, value] : *table) {
            if (key == "before_rotation") {
                read_program(value, hooks.before_rotation);
            } else if (key == "after_rotation") {
                read_program(value, hooks.after_rotation);
            } else if (key == "attention") {
                read_program(value, hooks.attention);
            } else if (key == "checkpoint") {
                read_program(value, hooks.checkpoint);
            } else if (key == "holder") {
                read_holder(value, hooks.holder);
            } else if (key == "account") {
                read_account(value, hooks.account);
            } else if (key == "timeout_s") {
                if (const auto time = whole(value, 1, 3600)) hooks.timeout = std::chrono::seconds{*time};
            } else {
                unknown(key, {kHookKeys.begin(), kHookKeys.end()});
            }
        }
        if (!hooks.account.empty() && hooks.holder.empty())
            wrong(node, "an account is whose credential the holder gets, who is missing");
        if (!hooks.holder.empty() && hooks.after_rotation.empty())
            wrong(node, "a holder gets the new credential from after_rotation, which is missing");
    }

    void read_commands(const toml::node& node, std::span<const std::string_view> known,
                       std::set<std::string, std::less<>>& commands) {
        each_text(node, [&](const toml::node& entry, const std::string& text) {
            if (is_one_of(known, text))
                commands.insert(text);
            else
                wrong(entry, fmt::format("must be one of {}", fmt::join(known, ", ")));
        });
    }

    void read_groups(const toml::node& node) {
        const auto* groups = node.as_table();
        if (groups == nullptr) return wrong(node, "groups are tables: [group.NAME]");
        for (const auto& [name, value] : *groups) {
            const auto* table = value.as_table();
            if (table == nullptr) {
                wrong(value, "a group is a table: [group.NAME]");
                continue;
            }
            GroupRules rules = policy.fleet;
            read_rules(*table, rules);
            for (const auto& [key, ignored] : *table) {
                if (!is_one_of(kGroupKeys, key.str())) unknown_rule(key, {});
            }
            policy.groups.emplace(name.str(), std::move(rules));
        }
    }
};

}  // namespace

const GroupRules& Policy::rules_of(std::string_view group) const {
    const auto found = groups.find(group);
    return found == groups.end() ? fleet : found->second;
}

std::expected<Policy, LineProblems> parse_policy(std::string_view text) {
    const auto parsed = toml::parse(text);
    Reader reader;
    if (!parsed) {
        const auto& error = parsed.error();
        reader.problems.add(
            {error.source().begin.line, std::to_string(error.source().begin.column), printable(error.description())});
    } else {
        reader.read(parsed.table());
    }
    std::ranges::stable_sort(reader.problems.listed, {}, &LineProblem::line);
    if (reader.problems.total > 0) return std::unexpected(std::move(reader.problems));
    return std::move(reader.policy);
}

}  // namespace bmcvault::cli
