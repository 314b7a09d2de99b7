#include "cli/scheduled_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>

#include "cli/due.hpp"
#include "cli/json.hpp"

namespace bmcvault::cli {
namespace {

constexpr std::int64_t kClockSlack_s = 300;  // what a time server may take back

Outcome<void> clock_goes_on(std::string_view command, vault::Store& store) {
    const auto info = store.info();
    if (!info) return vault_error("reading the audit log", info.error());
    if (info->audit_records == 0) return {};
    const auto last = store.audit_log(info->audit_records - 1, 1);
    if (!last) return vault_error("reading the audit log", last.error());
    const UnixTime at = now();
    if (last->empty() || last->front().at.value <= at.value + kClockSlack_s) return {};
    return std::unexpected(Failure{
        ExitCode::kAttention,
        fmt::format(
            "{} --due: the clock of this host says {}, the last record of the vault is of {}: ages can't be told, "
            "nothing was done",
            command, iso_time(at), iso_time(last->front().at)),
        "set the clock (timedatectl), then the same command again", ""});
}

rotate::LocalTime local_time() {
    const std::time_t seconds = now().value;
    std::tm local{};
    localtime_r(&seconds, &local);
    return {(local.tm_wday + 6) % 7, std::chrono::minutes{local.tm_hour * 60 + local.tm_min}};
}

void say_who_is_excepted(const Context& context, const std::vector<DueEntry>& entries) {
    for (const auto& entry : entries) {
        if (!entry.held || entry.due.empty()) continue;
        if (context.options.json)
            context.out(json_due(entry, "excepted"));
        else
            context.out(
                fmt::format("excepted: {}: {}\n", printable(entry.bmc.name), printable(entry.bmc.hold->reason)));
    }
}

// The policy's words are those of the command line, but for these, which stand alone.
std::string command_name(const std::string& word) {
    constexpr std::array<std::string_view, 5> kOfVault{"forget", "backup", "accept-restore", "break-glass", "escrow"};
    if (word == "hold") return "bmc hold";
    return std::ranges::count(kOfVault, word) > 0 ? "vault " + word : word;
}

bool says_nothing(std::string_view text) {
    return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

// They change nothing in a vault and show no secret.
bool only_looks(std::string_view command) {
    constexpr std::array<std::string_view, 4> kLast{"list", "show", "keygen", "export"};
    const auto space = command.rfind(' ');
    return space != std::string_view::npos && std::ranges::count(kLast, command.substr(space + 1)) > 0;
}

}  // namespace

Outcome<void> follow_policy(const Context& context, vault::Store& store, rotate::RunOptions& options) {
    const auto policy = read_policy(context);
    if (!policy) return std::unexpected(policy.error());
    if (policy->parallel && !context.options.parallel) options.parallel = *policy->parallel;
    if (options.put_back) return {};
    const auto fleet = store.bmcs();
    if (!fleet) return vault_error("reading the inventory", fleet.error());
    for (const auto& bmc : *fleet) {
        if (policy->rules_of(bmc.group).k_g) options.k_g_of.insert(bmc.id);
    }
    const auto known_to_others = store.team().due_for_k_g();
    if (!known_to_others) return vault_error("reading what was exposed", known_to_others.error());
    options.k_g_of.insert(known_to_others->begin(), known_to_others->end());
    return {};
}

Outcome<bool> keep_to_schedule(const Context& context, std::string_view command, vault::Store& store,
                               rotate::RunOptions& options) {
    auto policy = read_policy(context);
    if (!policy) return std::unexpected(policy.error());
    if (auto goes_on = clock_goes_on(command, store); !goes_on) return std::unexpected(goes_on.error());
    const auto entries = due_entries(store, *policy, now());
    if (!entries) return std::unexpected(entries.error());
    say_who_is_excepted(context, *entries);
    options.may_begin = [rules = std::move(*policy)](const vault::Bmc& bmc) {
        const auto& windows = rules.rules_of(bmc.group).windows;
        return windows.empty() || rotate::open_for(windows, local_time());
    };
    for (const auto& entry : *entries) {
        const bool monitor_alone = entry.due.size() == 1 && entry.due.front().reason == rotate::DueReason::kMonitorAge;
        if (monitor_alone) options.only_monitor_of.insert(entry.bmc.id);
    }
    return std::ranges::any_of(*entries, [](const DueEntry& entry) { return is_to_do(entry); });
}

Outcome<void> reason_is_given(const Context& context, std::string_view command) {
    if (only_looks(command)) return {};
    const auto policy = read_policy(context);
    if (!policy) return std::unexpected(policy.error());
    const auto asks = [&](const auto& commands) {
        return std::ranges::any_of(commands, [&](const std::string& each) {
            const auto name = command_name(each);
            const bool departs = name == "depart" && command == "member remove";
            return departs || command == name || command.starts_with(name + " ");
        });
    };
    const bool no_reason = says_nothing(context.options.reason) && asks(policy->reason_for);
    const bool no_ticket = says_nothing(context.options.ticket) && asks(policy->ticket_for);
    if (!no_reason && !no_ticket) return {};
    return usage_error(fmt::format("{}: the policy wants a {}", command, no_reason ? "--reason" : "--ticket"),
                       fmt::format("the same command with {}", no_reason ? "--reason TEXT" : "--ticket ID"));
}

}  // namespace bmcvault::cli
