// rotate, check, recover: the selection goes to rotate/engine, what it says goes to the report.

#include <fmt/format.h>

#include "cli/approval.hpp"
#include "cli/due.hpp"
#include "cli/fleet_run.hpp"
#include "cli/interrupts.hpp"
#include "cli/json.hpp"
#include "cli/policy_hooks.hpp"
#include "cli/rescue.hpp"
#include "cli/scheduled_run.hpp"
#include "rotate/engine/learned_facts.hpp"

namespace bmcvault::cli {

namespace {

Exit nothing_is_due(const Context& context, std::unique_ptr<vault::Store> store, rotate::RunOptions options) {
    auto hooks =
        context.options.dry_run ? Outcome<std::unique_ptr<PolicyHooks>>(nullptr) : PolicyHooks::of(context, *store);
    if (!hooks) return std::unexpected(hooks.error());
    options.hooks = hooks->get();
    const Interrupts interrupts;
    rotate::Environment environment{std::move(store), &interrupts.stop(), context.hooks.step};
    if (auto told = tell_owed(context, environment, options); !told) return std::unexpected(told.error());
    const auto all_told = nobody_waits(context, *environment.store);
    if (!all_told) return std::unexpected(all_told.error());
    context.entry.text = "rotate: nothing is due";
    const PlainSummary nothing{"rotate", 0, {}, std::nullopt, context.options.dry_run};
    context.out(context.options.json ? json_summary(nothing) : "Nothing is due.\n");
    return *all_told ? ExitCode::kAsAsked : ExitCode::kNotAsAsked;
}

// The rescue changes the BMC before recover is in: its clients are told before that.
Outcome<void> tell_before_rescue(const Context& context, vault::Store& store, const std::string& name) {
    const auto hooks = PolicyHooks::of(context, store);
    if (!hooks) return std::unexpected(hooks.error());
    if (*hooks == nullptr) return {};
    const auto bmc = find_bmc(store, name);
    if (!bmc) return std::unexpected(bmc.error());
    const auto written =
        store.transact(actor(), now(), [&](vault::Transaction& transaction) { return rotate::owe(transaction, *bmc); });
    if (!written) return vault_error("recover: hooks", written.error());
    if (const auto told = (*hooks)->before(*bmc); !told)
        return std::unexpected(
            Failure{ExitCode::kNotAsAsked, fmt::format("recover {}: hook-before: {}", bmc->name, told.error().detail),
                    "see what it says, then the same command again", "Nothing was changed on the BMC."});
    return {};
}

Exit recover_over_the_network(const Context& context, FleetRun fleet) {
    if (auto failure = nothing_selected("recover", fleet.selection)) return std::unexpected(*failure);
    auto store = open_vault(context);
    if (!store) return std::unexpected(store.error());
    if (fleet.selection.due && !fleet.options.find_only) {
        const auto to_do = keep_to_schedule(context, "recover", **store, fleet.options);
        if (!to_do) return std::unexpected(to_do.error());
        fleet.options.only_monitor_of.clear();
    }
    return run_over(context, std::move(*store), std::move(fleet));
}

// The options without which the next rotation would do something else.
std::string again_with(bool k_g, bool put_back, const std::string& role, bool plan) {
    std::vector<std::string> words;
    if (k_g) words.emplace_back("--k-g");
    if (put_back) words.emplace_back("--put-back");
    if (!role.empty()) words.push_back("--role " + role);
    if (plan) words.emplace_back("--plan --output FILE");
    return fmt::format("{}", fmt::join(words, " "));
}

// What the policy alone decides: it is the standing approval of that.
bool is_scheduled(const RotateCommand& command) {
    return canonical(command.selection) == "--due" && !command.k_g && !command.put_back && !command.first_contact &&
           !command.fresh && command.role.empty();
}

Exit plan_rotation(const Context& context, vault::Store& store, const RotateCommand& command) {
    const auto selected = selected_bmcs(context, store, command.selection);
    if (!selected) return std::unexpected(selected.error());
    const auto policy = read_policy(context);
    if (!policy) return std::unexpected(policy.error());
    Request request{PlannedRotation{command.put_back, command.first_contact, command.role},
                    *selected,
                    {},
                    command.approval.plan_file,
                    command.approval.valid_days};
    for (const auto& bmc : *selected) {
        const bool with_policy = !command.put_back && command.role.empty();
        const bool wanted = command.k_g || (with_policy && policy->rules_of(bmc.group).k_g);
        if (wanted) request.with_k_g.insert(bmc.id);
    }
    return write_plan(context, store, request);
}

Exit rotate_as_approved(const Context& given, const std::string& file) {
    auto approved = open_approved(given, file, "rotate");
    if (!approved) return std::unexpected(approved.error());
    const auto context = approved->context(given);
    const auto& work = std::get<PlannedRotation>(approved->plan.work);
    const Selection none;  // the plan says which
    auto options = common_options(context, none);
    options.put_back = work.put_back;
    options.first_contact = work.first_contact;
    options.only_role = rotate::account_role_from(work.role);
    if (const auto followed = follow_policy(context, *approved->store, options); !followed)
        return std::unexpected(followed.error());
    options.k_g_of.clear();
    for (const auto& bmc : approved->plan.bmcs)
        if (bmc.with_k_g) options.k_g_of.insert(bmc.id);
    if (!context.options.dry_run) {
        const auto campaign = record_use(context, *approved);
        if (!campaign) return std::unexpected(campaign.error());
        options.campaign = *campaign;
    }
    return run_chosen(context, std::move(approved->store), approved->bmcs,
                      {"rotate", none, options, &rotate::run_rotate, std::nullopt,
                       again_with(!options.k_g_of.empty(), work.put_back, work.role, true)});
}

}  // namespace

Exit perform(const Context& context, const RotateCommand& command) {
    if (command.approval.is_approved()) return rotate_as_approved(context, command.approval.approved);
    auto options = common_options(context, command.selection);
    options.k_g = command.k_g;
    options.put_back = command.put_back;
    options.fresh = command.fresh;
    options.first_contact = command.first_contact;
    options.only_role = rotate::account_role_from(command.role);
    if (auto failure = nothing_selected("rotate", command.selection)) return std::unexpected(*failure);
    if (!command.approval.plan && !is_scheduled(command))
        if (auto enough = one_signature_is_enough(context, "rotate"); !enough) return std::unexpected(enough.error());
    auto store = open_vault(context);
    if (!store) return std::unexpected(store.error());
    if (command.approval.plan) return plan_rotation(context, **store, command);
    if (const auto followed = follow_policy(context, **store, options); !followed)
        return std::unexpected(followed.error());
    if (command.selection.due) {
        const auto to_do = keep_to_schedule(context, "rotate", **store, options);
        if (!to_do) return std::unexpected(to_do.error());
        const bool alone = canonical(command.selection) == "--due";
        if (alone && !*to_do) return nothing_is_due(context, std::move(*store), options);
        if (!alone) options.only_monitor_of.clear();  // what was named is rotated whole
    }
    return run_over(context, std::move(*store),
                    {"rotate", command.selection, options, &rotate::run_rotate, std::nullopt,
                     again_with(command.k_g, command.put_back, command.role, false)});
}

Exit perform(const Context& context, const CheckCommand& command) {
    auto options = common_options(context, command.selection);
    options.no_login = command.no_login;
    options.accounts = command.accounts;
    return run_fleet(context, {"check", command.selection, options, &rotate::run_check, command.elsewhere,
                               command.accounts ? "--accounts" : ""});
}

Exit perform(const Context& context, const RecoverCommand& command) {
    auto options = common_options(context, command.selection);
    options.find_only = command.find_only;
    options.login_attempts = command.login_attempts;
    options.first_contact = command.first_contact;
    FleetRun fleet{"recover", command.selection, options, &rotate::run_recover, command.elsewhere};
    const bool in_band = command.rescue_script || !command.via.empty();
    if (!in_band) return recover_over_the_network(context, std::move(fleet));

    const auto& selection = command.selection;
    const bool others = selection.all || selection.failed || selection.due || !selection.exposed_to.empty();
    if (selection.words.size() != 1 || others) {
        return usage_error("recover --rescue-script and --via are for one BMC, by its name", "bmcvault recover --help");
    }
    auto store = open_vault(context);
    if (!store) return std::unexpected(store.error());
    if (!command.rescue_script && !context.options.dry_run)
        if (auto told = tell_before_rescue(context, **store, selection.words.front()); !told)
            return std::unexpected(told.error());
    auto rescued = rescue(context, **store, command, options);
    if (!rescued || command.rescue_script || context.options.dry_run) return rescued;
    return run_over(context, std::move(*store), std::move(fleet));
}

}  // namespace bmcvault::cli
