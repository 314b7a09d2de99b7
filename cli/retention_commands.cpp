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

// "Nothing to destroy ..." and when there will be: the first one wiped comes first.
std::string nothing_yet(const Wiped& all, std::chrono::days keep_for) {
    auto text = fmt::format("Nothing to destroy: no BMC was wiped {} ago or longer.",
                            counted(static_cast<std::uint64_t>(keep_for.count()), "day"));
    if (all.empty()) return text + '\n';
    const UnixTime first{all.front().at.value + std::chrono::seconds{keep_for}.count()};
    return text + fmt::format(" {} of a shorter time; the first one's is over on {}.\n",
                              counted(all.size(), "wiped BMC"), iso_time(first).substr(0, 10));
}

void list(const Context& context, const Wiped& bmcs, bool done) {
    for (const auto& bmc : bmcs)
        context.out(context.options.json
                        ? json_forgotten(bmc, done)
                        : fmt::format("{}: wiped {}, {}\n", printable(bmc.name), iso_time(bmc.at).substr(0, 10),
                                      counted(bmc.versions, "version")));
}

void summarize(const Context& context, const Wiped& bmcs, const std::string& text) {
    context.entry.text = fmt::format("{}: {}", kCommand, text);
    if (!context.options.json) return context.out(text);
    const bool done = !context.options.dry_run;
    OutcomeCounts outcomes;
    if (!bmcs.empty()) outcomes.emplace_back(done ? "destroyed" : "would-be-destroyed", bmcs.size());
    context.out(json_summary(PlainSummary{std::string(kCommand), bmcs.size(), outcomes, std::nullopt, !done}));
}

void name_backups(const Context& context, const std::vector<std::string>& files) {
    if (context.options.json) {
        for (const auto& file : files) context.out(json_backup_that_holds(file));
        return;
    }
    if (files.empty()) return context.out("The log knows of no backup that could still hold them.\n");
    context.out(
        "Backups that still hold them, and open with what opened the vault then; destroy these too, and any other "
        "copy:\n");
    for (const auto& file : files) context.out(fmt::format("  {}\n", printable(file)));
}

Outcome<void> confirm(const Context& context, const Wiped& bmcs) {
    if (context.options.yes) return {};
    if (isatty(context.streams.in) == 0)
        return usage_error("vault forget: nobody is there to confirm it", "the same command with --yes");
    if (confirmed(context, fmt::format("Destroy {} for good?", what_of(bmcs)))) return {};
    return std::unexpected(Failure{ExitCode::kNotAsAsked, "vault forget: nothing was changed", "", ""});
}

}  // namespace

Exit perform(const Context& context, const VaultForgetCommand& command) {
    if (context.options.reason.empty() && !context.options.dry_run)
        return usage_error("vault forget can't be undone: it needs --reason", "the same command with --reason TEXT");
    const auto keep_for = retention(context, command);
    if (!keep_for) return std::unexpected(keep_for.error());
    auto store = open_vault(context);
    if (!store) return std::unexpected(store.error());
    const UnixTime limit{now().value - std::chrono::seconds{*keep_for}.count()};
    auto bmcs = (*store)->team().wiped();
    if (!bmcs) return vault_error("reading what was wiped", bmcs.error());
    const auto later = nothing_yet(*bmcs, *keep_for);
    std::erase_if(*bmcs, [&](const vault::WipedBmc& bmc) { return bmc.at > limit; });
    if (bmcs->empty()) {
        summarize(context, *bmcs, later);
        return ExitCode::kAsAsked;
    }
    if (context.options.dry_run) {
        list(context, *bmcs, false);
        summarize(context, *bmcs, fmt::format("Dry run: would destroy {}.\n", what_of(*bmcs)));
        return ExitCode::kAsAsked;
    }
    if (vault::role_of((*store)->team().own_slot()) != vault::Role::kOwner)
        return std::unexpected(
            Failure{ExitCode::kNotUnlocked, "vault forget is for owners", std::string(kAskAnOwner), ""});
    if (!context.options.json) list(context, *bmcs, false);
    if (const auto meant = confirm(context, *bmcs); !meant) return std::unexpected(meant.error());

    const auto oldest = std::ranges::min(*bmcs, {}, &vault::WipedBmc::since).since;
    const auto backups = (*store)->team().backups_since(oldest);
    if (!backups) return vault_error(kCommand, backups.error());
    std::vector<BmcId> ids;
    std::ranges::transform(*bmcs, std::back_inserter(ids), &vault::WipedBmc::id);
    const auto done = (*store)->team().destroy(acting(context), ids);
    if (!done) return vault_error(kCommand, done.error());
    if (context.options.json) list(context, *bmcs, true);
    name_backups(context, *backups);
    if (const auto log = (*store)->team().escrow(); log && *log)
        context.warn(
            fmt::format("the escrow log {} still holds them, for whoever has the shares", printable((*log)->file)));
    summarize(context, *bmcs, fmt::format("Destroyed {}. Certificates and the audit log stay.\n", what_of(*bmcs)));
    return ExitCode::kAsAsked;
}

}  // namespace bmcvault::cli
