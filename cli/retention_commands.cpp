// vault forget: the end of the passwords of BMCs that were proved wiped.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "cli/commands.hpp"
#include "cli/due.hpp"
#include "cli/json.hpp"

namespace bmcvault::cli {
namespace {

using Wiped = std::vector<vault::WipedBmc>;
constexpr std::string_view kCommand = "vault forget";

std::uint64_t versions_of(const Wiped& bmcs) {
    std::uint64_t all = 0;
    for (const auto& bmc : bmcs) all += bmc.versions;
    return all;
}

std::string what_of(const Wiped& bmcs) {
    return fmt::format("{} of {}", counted(versions_of(bmcs), "credential version"), counted(bmcs.size(), "wiped BMC"));
}

Outcome<std::chrono::days> retention(const Context& context, const VaultForgetCommand& command) {
    if (command.after_days) return std::chrono::days{*command.after_days};
    const auto policy = read_policy(context);
    if (!policy) return std::unexpected(policy.error());
    return policy->retention;
}

Outcome<Wiped> wiped_before(vault::Store& store, UnixTime limit) {
    auto all = store.team().wiped();
    if (!all) return vault_error("reading what was wiped", all.error());
    std::erase_if(*all, [&](const vault::WipedBmc& bmc) { return bmc.at > limit; });
    return std::move(*all);
}

void list(const Context& context, const Wiped& bmcs, bool done) {
    for (const auto& bmc : bmcs)
        context.out(context.options.json
                        ? json_forgotten(bmc, done)
                        : fmt::format("{}: wiped {}, {}\n", printable(bmc.name), iso_time(bmc.at).substr(0, 10),
                                      counted(bmc.versions, "version")));
}

void summarize(const Context& context, const Wiped& bmcs, const std::string& text) {
    if (!context.options.json) return context.out(text);
    const bool done = !context.options.dry_run;
    OutcomeCounts outcomes;
    if (!bmcs.empty()) outcomes.push_back({done ? "destroyed" : "would-be-destroyed", bmcs.size()});
    context.out(json_summary(PlainSummary{std::string(kCommand), bmcs.size(), outcomes, std::nullopt, !done}));
}

void name_backups(const Context& context, const std::vector<std::string>& files) {
    if (context.options.json) {
        for (const auto& file : files) context.out(json_backup_that_holds(file));
        return;
    }
    if (files.empty()) return context.out("No backup of the vault was ever taken that could still hold them.\n");
    context.out("Backups that still hold them, and open with what opened the vault then; destroy these too:\n");
    for (const auto& file : files) context.out(fmt::format("  {}\n", printable(file)));
}

Outcome<void> confirm(const Context& context, const Wiped& bmcs) {
    if (context.options.yes && !context.options.reason.empty()) return {};
    if (context.options.yes || isatty(context.streams.in) == 0)
        return usage_error("vault forget can't be undone: without a terminal it needs --yes and --reason",
                           "the same command with --yes --reason TEXT");
    if (confirmed(context, fmt::format("Destroy {} for good?", what_of(bmcs)))) return {};
    return std::unexpected(Failure{ExitCode::kNotAsAsked, "vault forget: nothing was changed", "", ""});
}

}  // namespace

Exit perform(const Context& context, const VaultForgetCommand& command) {
    const auto keep_for = retention(context, command);
    if (!keep_for) return std::unexpected(keep_for.error());
    auto store = open_vault(context);
    if (!store) return std::unexpected(store.error());
    const UnixTime limit{now().value - std::chrono::seconds{*keep_for}.count()};
    const auto bmcs = wiped_before(**store, limit);
    if (!bmcs) return std::unexpected(bmcs.error());
    if (bmcs->empty()) {
        summarize(context, *bmcs,
                  fmt::format("Nothing to destroy: no BMC was wiped {} ago or longer.\n",
                              counted(static_cast<std::uint64_t>(keep_for->count()), "day")));
        return ExitCode::kAsAsked;
    }
    if (context.options.dry_run) {
        list(context, *bmcs, false);
        summarize(context, *bmcs, fmt::format("Dry run: would destroy {}.\n", what_of(*bmcs)));
        return ExitCode::kAsAsked;
    }
    if (const auto meant = confirm(context, *bmcs); !meant) return std::unexpected(meant.error());

    const auto oldest = std::ranges::min(*bmcs, {}, &vault::WipedBmc::since).since;
    const auto backups = (*store)->team().backups_since(oldest);
    if (!backups) return vault_error(kCommand, backups.error());
    std::vector<BmcId> ids;
    std::ranges::transform(*bmcs, std::back_inserter(ids), &vault::WipedBmc::id);
    const auto done = (*store)->team().destroy({actor(), now(), context.options.reason, context.hooks.step}, ids);
    if (!done) return vault_error(kCommand, done.error());
    list(context, *bmcs, true);
    name_backups(context, *backups);
    summarize(context, *bmcs, fmt::format("Destroyed {}. Certificates and the audit log stay.\n", what_of(*bmcs)));
    return ExitCode::kAsAsked;
}

}  // namespace bmcvault::cli
