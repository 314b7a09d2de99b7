// rotate, check, recover: the selection goes to rotate/engine, what it says goes to the report.

#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/interrupts.hpp"
#include "cli/report.hpp"

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

Outcome<std::vector<vault::Bmc>> selected_of(const vault::Store& store, const Selection& selection) {
    const auto fleet = store.bmcs();
    if (!fleet) return vault_error("reading the inventory", fleet.error());
    auto selected = select(*fleet, selection);
    if (!selected) return usage_error(selected.error().detail, "bmcvault bmc list");
    return std::move(*selected);
}

Exit run_fleet(const Context& context, const std::string& command, const Selection& selection,
               const rotate::RunOptions& options, Run run) {
    if (selection.empty()) {  // before the passphrase is asked for
        return usage_error(fmt::format("{}: {}", command, select({}, selection).error().detail),
                           fmt::format("bmcvault {} --help", command));
    }
    auto store = open_vault(context);
    if (!store) return std::unexpected(store.error());
    const auto selected = selected_of(**store, selection);
    if (!selected) return std::unexpected(selected.error());

    const Interrupts interrupts;
    rotate::Environment environment{std::move(*store), &interrupts.stop(), context.hooks.step};
    FleetReport report(context, command, *selected);
    const auto summary = run(environment, *selected, options, report);
    if (!summary) {
        report.close();
        auto failure = vault_error(command, summary.error());
        failure.error().safety = "No password is lost: whatever may be on a BMC is in the vault.";
        if (failure.error().next.empty()) failure.error().next = "the same command again; it continues";
        return failure;
    }
    report.print_summary(*summary);
    if (command == "check") {
        if (summary->attention) return ExitCode::kAttention;
        return summary->stopped ? ExitCode::kNotAsAsked : ExitCode::kAsAsked;
    }
    return summary->all_as_asked && !summary->stopped ? ExitCode::kAsAsked : ExitCode::kNotAsAsked;
}

}  // namespace

Exit perform(const Context& context, const RotateCommand& command) {
    auto options = common_options(context, command.selection);
    options.k_g = command.k_g;
    options.put_back = command.put_back;
    options.fresh = command.fresh;
    return run_fleet(context, "rotate", command.selection, options, &rotate::run_rotate);
}

Exit perform(const Context& context, const CheckCommand& command) {
    auto options = common_options(context, command.selection);
    options.no_login = command.no_login;
    return run_fleet(context, "check", command.selection, options, &rotate::run_check);
}

Exit perform(const Context& context, const RecoverCommand& command) {
    return run_fleet(context, "recover", command.selection, common_options(context, command.selection),
                     &rotate::run_recover);
}

}  // namespace bmcvault::cli
