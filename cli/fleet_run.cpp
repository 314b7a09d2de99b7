#include "cli/fleet_run.hpp"

#include <fmt/format.h>

#include "cli/interrupts.hpp"
#include "cli/report.hpp"

namespace bmcvault::cli {
namespace {

// --history-of names BMCs of the inventory, in the words of a selector.
Outcome<rotate::CandidateSources> sources_of(const Context& context, vault::Store& store,
                                             const ElsewhereOptions& options) {
    rotate::CandidateSources sources;
    sources.fleet_history = options.fleet_history;
    sources.lists = options.lists;
    sources.vendor_defaults = options.vendor_defaults;
    // Passwords of other BMCs, and lists of nobody knows whose, would open what was not granted.
    const bool owner = vault::role_of(store.team().own_slot()) == vault::Role::kOwner;
    if (!owner && (options.fleet_history || !options.history_of.empty()))
        return std::unexpected(Failure{ExitCode::kNotUnlocked, "--fleet-history and --history-of are for owners",
                                       std::string(kAskAnOwner), ""});
    sources.lists = options.lists && owner;
    if (options.history_of.empty()) return sources;
    Selection selection;
    selection.words = options.history_of;
    const auto bmcs = selected_bmcs(context, store, selection);
    if (!bmcs) return std::unexpected(bmcs.error());
    for (const auto& bmc : *bmcs) sources.history_of.push_back(bmc.id);
    return sources;
}

}  // namespace

rotate::RunOptions common_options(const Context& context, const Selection& selection) {
    rotate::RunOptions options;
    options.parallel = context.options.parallel.value_or(kDefaultParallel);
    options.timeout = context.options.timeout;
    options.dry_run = context.options.dry_run;
    options.selection = canonical(selection);
    options.purpose.reason = context.options.reason;
    options.purpose.ticket = context.options.ticket;
    options.actor = actor();
    return options;
}

std::optional<Failure> nothing_selected(const std::string& command, const Selection& selection) {
    if (!selection.empty()) return std::nullopt;
    return usage_error(fmt::format("{}: {}", command, select({}, selection).error().detail),
                       fmt::format("bmcvault {} --help", command))
        .error();
}

Exit run_over(const Context& context, std::unique_ptr<vault::Store> store, FleetRun fleet) {
    const auto selected = selected_bmcs(context, *store, fleet.selection);
    if (!selected) return std::unexpected(selected.error());
    if (fleet.elsewhere) {
        auto sources = sources_of(context, *store, *fleet.elsewhere);
        if (!sources) return std::unexpected(sources.error());
        const auto listed = store->listed_passwords();
        if (!listed) return vault_error(fleet.command, listed.error());
        const bool held_back = fleet.elsewhere->lists && !sources->lists && !listed->empty();
        if (held_back) context.warn("imported lists are for owners: not offered");
        fleet.options.elsewhere = std::move(*sources);
    }

    const Interrupts interrupts;
    rotate::Environment environment{std::move(store), &interrupts.stop(), context.hooks.step};
    FleetReport report(context, fleet.command, *selected, fleet.again);
    const auto summary = fleet.run(environment, *selected, fleet.options, report);
    if (!summary) {
        report.close();
        auto failure = vault_error(fleet.command, summary.error());
        failure.error().safety = "No password is lost: whatever may be on a BMC is in the vault.";
        const bool repeatable = summary.error().code != ErrorCode::kInvalidArgument;
        if (failure.error().next.empty() && repeatable) failure.error().next = "the same command again; it continues";
        return failure;
    }
    report.print_summary(*summary);
    if (fleet.command == "check" || fleet.command == "accounts") {
        if (summary->attention) return ExitCode::kAttention;
        return summary->stopped ? ExitCode::kNotAsAsked : ExitCode::kAsAsked;
    }
    return summary->all_as_asked && !summary->stopped ? ExitCode::kAsAsked : ExitCode::kNotAsAsked;
}

Exit run_fleet(const Context& context, FleetRun fleet) {
    if (auto failure = nothing_selected(fleet.command, fleet.selection)) return std::unexpected(*failure);
    auto store = open_vault(context);
    if (!store) return std::unexpected(store.error());
    return run_over(context, std::move(*store), std::move(fleet));
}

}  // namespace bmcvault::cli
