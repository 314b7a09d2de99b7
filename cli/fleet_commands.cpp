// rotate, check, recover: the selection goes to rotate/engine, what it says goes to the report.

#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/interrupts.hpp"
#include "cli/report.hpp"
#include "cli/rescue.hpp"

namespace bmcvault::cli {
namespace {

using Run = Result<rotate::RunSummary> (*)(rotate::Environment&, std::span<const vault::Bmc>, const rotate::RunOptions&,
                                           rotate::Observer&);

rotate::RunOptions common_options(const Context& context, const Selection& selection) {
    rotate::RunOptions options;
    options.parallel = context.options.parallel;
    options.timeout = context.options.timeout;
    options.dry_run = context.options.dry_run;
    options.selection = canonical(selection);
    options.reason = context.options.reason;
    options.ticket = context.options.ticket;
    options.actor = actor();
    return options;
}

// --history-of names BMCs of the inventory, in the words of a selector.
Outcome<rotate::CandidateSources> sources_of(vault::Store& store, const ElsewhereOptions& options) {
    rotate::CandidateSources sources;
    sources.fleet_history = options.fleet_history;
    sources.lists = options.lists;
    sources.vendor_defaults = options.vendor_defaults;
    // Passwords of other BMCs, and lists of nobody knows whose, would open what was not granted.
    const bool owner = vault::role_of(store.team().own_slot()) == vault::Role::kOwner;
    if (!owner && (options.fleet_history || !options.history_of.empty()))
        return std::unexpected(
            Failure{ExitCode::kNotUnlocked, "--fleet-history and --history-of are for owners", "", ""});
    sources.lists = options.lists && owner;
    if (options.history_of.empty()) return sources;
    Selection selection;
    selection.words = options.history_of;
    const auto bmcs = selected_bmcs(store, selection);
    if (!bmcs) return std::unexpected(bmcs.error());
    for (const auto& bmc : *bmcs) sources.history_of.push_back(bmc.id);
    return sources;
}

struct FleetRun {
    std::string command;
    const Selection& selection;
    rotate::RunOptions options;
    Run run;
    std::optional<ElsewhereOptions> elsewhere{};
};

std::optional<Failure> nothing_selected(const FleetRun& fleet) {  // before the passphrase is asked for
    if (!fleet.selection.empty()) return std::nullopt;
    return usage_error(fmt::format("{}: {}", fleet.command, select({}, fleet.selection).error().detail),
                       fmt::format("bmcvault {} --help", fleet.command))
        .error();
}

Exit run_over(const Context& context, std::unique_ptr<vault::Store> store, FleetRun fleet) {
    const auto selected = selected_bmcs(*store, fleet.selection);
    if (!selected) return std::unexpected(selected.error());
    if (fleet.elsewhere) {
        auto sources = sources_of(*store, *fleet.elsewhere);
        if (!sources) return std::unexpected(sources.error());
        fleet.options.elsewhere = std::move(*sources);
    }

    const Interrupts interrupts;
    rotate::Environment environment{std::move(store), &interrupts.stop(), context.hooks.step};
    FleetReport report(context, fleet.command, *selected);
    const auto summary = fleet.run(environment, *selected, fleet.options, report);
    if (!summary) {
        report.close();
        auto failure = vault_error(fleet.command, summary.error());
        failure.error().safety = "No password is lost: whatever may be on a BMC is in the vault.";
        if (failure.error().next.empty()) failure.error().next = "the same command again; it continues";
        return failure;
    }
    report.print_summary(*summary);
    if (fleet.command == "check") {
        if (summary->attention) return ExitCode::kAttention;
        return summary->stopped ? ExitCode::kNotAsAsked : ExitCode::kAsAsked;
    }
    return summary->all_as_asked && !summary->stopped ? ExitCode::kAsAsked : ExitCode::kNotAsAsked;
}

Exit run_fleet(const Context& context, FleetRun fleet) {
    if (auto failure = nothing_selected(fleet)) return std::unexpected(*failure);
    auto store = open_vault(context);
    if (!store) return std::unexpected(store.error());
    return run_over(context, std::move(*store), std::move(fleet));
}

}  // namespace

Exit perform(const Context& context, const RotateCommand& command) {
    auto options = common_options(context, command.selection);
    options.k_g = command.k_g;
    options.put_back = command.put_back;
    options.fresh = command.fresh;
    options.first_contact = command.first_contact;
    return run_fleet(context, {"rotate", command.selection, options, &rotate::run_rotate});
}

Exit perform(const Context& context, const CheckCommand& command) {
    auto options = common_options(context, command.selection);
    options.no_login = command.no_login;
    return run_fleet(context, {"check", command.selection, options, &rotate::run_check, command.elsewhere});
}

Exit perform(const Context& context, const RecoverCommand& command) {
    auto options = common_options(context, command.selection);
    options.find_only = command.find_only;
    options.login_attempts = command.login_attempts;
    options.first_contact = command.first_contact;
    FleetRun fleet{"recover", command.selection, options, &rotate::run_recover, command.elsewhere};
    const bool in_band = command.rescue_script || !command.via.empty();
    if (!in_band) return run_fleet(context, std::move(fleet));

    const auto& selection = command.selection;
    if (selection.words.size() != 1 || selection.all || selection.failed) {
        return usage_error("recover --rescue-script and --via are for one BMC, by its name", "bmcvault recover --help");
    }
    auto store = open_vault(context);
    if (!store) return std::unexpected(store.error());
    auto rescued = rescue(context, **store, command, options);
    if (!rescued || command.rescue_script || context.options.dry_run) return rescued;
    return run_over(context, std::move(*store), std::move(fleet));
}

}  // namespace bmcvault::cli
