#include "cli/fleet_run.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "cli/due.hpp"
#include "cli/interrupts.hpp"
#include "cli/json.hpp"
#include "cli/policy_hooks.hpp"
#include "cli/report.hpp"
#include "rotate/engine/learned_facts.hpp"

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

class NotTold final : public rotate::Observer {
public:
    explicit NotTold(const Context& context) : context_(context) {}
    void clients_not_told(const rotate::BmcReport& report) override {
        if (context_.options.json)
            context_.out(json_result(report));
        else
            context_.warn(fmt::format("{}: {}", printable(report.name), report.detail));
    }

private:
    const Context& context_;
};

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

Outcome<void> tell_owed(const Context& context, rotate::Environment& environment, const rotate::RunOptions& options) {
    if (options.hooks == nullptr) return {};
    NotTold observer(context);
    const auto told = rotate::run_tell_owed(environment, options, observer);
    if (!told) return vault_error("telling clients of earlier rotations", told.error());
    return {};
}

Outcome<bool> nobody_waits(const Context& context, const vault::Store& store) {
    const auto policy = read_policy(context);
    if (!policy) return std::unexpected(policy.error());
    if (policy->hooks.after_rotation.empty()) return true;
    const auto fleet = store.bmcs();
    if (!fleet) return vault_error("reading the inventory", fleet.error());
    const auto waiting = rotate::owed(store, *fleet);
    if (!waiting) return vault_error("reading who waits for hooks", waiting.error());
    return waiting->empty();
}

namespace {

// What can't be written there is not written to the vault either, which is all that a BMC's outcome says.
void tell_of_escrow(const Context& context, vault::Store& store) {
    const auto kept = store.team().escrow();
    if (!kept || !*kept) return;
    if ((*kept)->problem.empty()) return;
    context.warn(
        fmt::format("the escrow log is written before the vault, and can't be: {}; nothing is stored or sent\n"
                    "  next: {}",
                    printable((*kept)->problem), context.commands(kMendEscrow)));
}

}  // namespace

Exit run_over(const Context& context, std::unique_ptr<vault::Store> store, FleetRun fleet) {
    const auto selected = selected_bmcs(context, *store, fleet.selection);
    if (!selected) return std::unexpected(selected.error());
    return run_chosen(context, std::move(store), *selected, std::move(fleet));
}

Exit run_chosen(const Context& context, std::unique_ptr<vault::Store> store, const std::vector<vault::Bmc>& chosen,
                FleetRun fleet) {
    if (fleet.elsewhere) {
        auto sources = sources_of(context, *store, *fleet.elsewhere);
        if (!sources) return std::unexpected(sources.error());
        const auto listed = store->listed_passwords();
        if (!listed) return vault_error(fleet.command, listed.error());
        const bool held_back = fleet.elsewhere->lists && !sources->lists && !listed->empty();
        if (held_back) context.warn("imported lists are for owners: not offered");
        fleet.options.elsewhere = std::move(*sources);
    }

    const bool changes = fleet.command == "rotate" || fleet.command == "recover";
    auto hooks = changes && !context.options.dry_run ? PolicyHooks::of(context, *store)
                                                     : Outcome<std::unique_ptr<PolicyHooks>>(nullptr);
    if (!hooks) return std::unexpected(hooks.error());
    fleet.options.hooks = hooks->get();

    const Interrupts interrupts;
    rotate::Environment environment{std::move(store), &interrupts.stop(), context.hooks.step};
    if (auto told = tell_owed(context, environment, fleet.options); !told) return std::unexpected(told.error());
    FleetReport report(context, fleet.command, chosen, fleet.again);
    const auto summary = fleet.run(environment, chosen, fleet.options, report);
    if (!summary) {
        report.close();
        auto failure = vault_error(fleet.command, summary.error());
        failure.error().safety = "No password is lost: whatever may be on a BMC is in the vault.";
        const bool repeatable = summary.error().code != ErrorCode::kInvalidArgument;
        if (failure.error().next.empty() && repeatable) failure.error().next = "the same command again; it continues";
        return failure;
    }
    report.print_summary(*summary);
    if (std::ranges::any_of(summary->outcomes, [](const auto& outcome) { return outcome.first == "blocked"; }))
        tell_of_escrow(context, *environment.store);
    if (fleet.command == "check" || fleet.command == "accounts") {
        if (summary->attention) return ExitCode::kAttention;
        return summary->stopped ? ExitCode::kNotAsAsked : ExitCode::kAsAsked;
    }
    const auto all_told =
        fleet.options.hooks == nullptr ? Outcome<bool>(true) : nobody_waits(context, *environment.store);
    if (!all_told) return std::unexpected(all_told.error());
    return summary->all_as_asked && *all_told && !summary->stopped ? ExitCode::kAsAsked : ExitCode::kNotAsAsked;
}

Exit run_fleet(const Context& context, FleetRun fleet) {
    if (auto failure = nothing_selected(fleet.command, fleet.selection)) return std::unexpected(*failure);
    auto store = open_vault(context);
    if (!store) return std::unexpected(store.error());
    return run_over(context, std::move(*store), std::move(fleet));
}

}  // namespace bmcvault::cli
