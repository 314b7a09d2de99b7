#include "cli/approval.hpp"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>

#include "cli/due.hpp"
#include "cli/json.hpp"
#include "cli/plain_file.hpp"
#include "cli/scheduled_run.hpp"

namespace bmcvault::cli {
namespace {

// A card of the table `fact`: one fact for each plan that was used, by its hash.
constexpr const char* kPlansCard = "plans";
constexpr std::int64_t kDay_s = 86'400;

std::string campaign_of(const Plan& plan) {
    return "--approved " + plan_hash(plan);
}

// A file that others wrote has lines; a text of two could pass for one.
bool is_one_line(std::string_view text) {
    return text.find('\n') == std::string_view::npos;
}

std::vector<PlannedBmc> planned(std::span<const vault::Bmc> bmcs, const std::set<BmcId>& with_k_g) {
    std::vector<PlannedBmc> all;
    all.reserve(bmcs.size());
    for (const auto& bmc : bmcs) all.push_back({bmc.id, bmc.name, with_k_g.contains(bmc.id)});
    return all;
}

Outcome<Plan> signed_request(const Context& context, vault::Store& store, const Request& request,
                             const PlanFacts& facts) {
    Plan plan;
    plan.vault_id = facts.vault_id;
    randombytes_buf(plan.id.data(), plan.id.size());
    plan.asked = {store.team().own_slot().name, facts.now, {}};
    plan.valid_until = {facts.now.value + request.valid_days * kDay_s};
    plan.reason = context.options.reason;
    plan.ticket = context.options.ticket;
    plan.work = request.work;
    plan.bmcs = planned(request.bmcs, request.with_k_g);
    if (!is_one_line(plan.reason) || !is_one_line(plan.ticket))
        return usage_error("--reason and --ticket of a plan are one line each");
    const auto signature = store.team().sign_statement(text_to_ask(plan));
    if (!signature) return vault_error("signing the plan", signature.error());
    plan.asked.signature = signature->signature;
    if (auto right = check_request(plan, facts); !right) return plan_error(plan, request.file, right.error());
    return plan;
}

Outcome<void> same_command(const Plan& plan, const std::string& file, std::string_view command) {
    if (command_of(plan) == command) return {};
    return usage_error(fmt::format("{}: it is a plan of {}, not of {}", printable(file), command_of(plan), command),
                       fmt::format("bmcvault {} --approved {}", command_of(plan), shell_word(file)));
}

bool is_for_owners(const Plan& plan) {
    return std::holds_alternative<vault::NewMember>(plan.work);
}

std::unexpected<Failure> not_signed_twice(const std::string& file) {
    return std::unexpected(Failure{
        ExitCode::kUsage, fmt::format("plan {}: nobody else has signed it yet; nothing was done", printable(file)),
        fmt::format("another member: bmcvault approve {}", shell_word(file)), ""});
}

}  // namespace

Outcome<void> one_signature_is_enough(const Context& context, std::string_view command) {
    if (context.options.dry_run) return {};
    const auto policy = read_policy(context);
    if (!policy) return std::unexpected(policy.error());
    const bool by_several_people = !context.options.shares.empty();
    if (!policy->second_signature.contains(command) || by_several_people) return {};
    return usage_error(fmt::format("{}: the policy wants a second member's signature; nothing was done", command),
                       "the same command with --plan --output FILE, then another member: bmcvault approve FILE");
}

Exit write_plan(const Context& context, vault::Store& store, const Request& request) {
    const auto facts = plan_facts(store);
    if (!facts) return std::unexpected(facts.error());
    const auto plan = signed_request(context, store, request, *facts);
    if (!plan) return std::unexpected(plan.error());
    const auto may_sign = [&](const vault::Slot& slot) { return check_second(slot, *plan, *facts).has_value(); };
    const bool somebody_may = std::ranges::any_of(facts->slots, may_sign);
    if (!somebody_may)
        context.warn(fmt::format("nobody else is there who may sign this plan ({} needs another {}, who is a person)",
                                 command_of(*plan), is_for_owners(*plan) ? "owner" : "member who opens these BMCs"));
    const auto text = format_plan(*plan);
    if (const auto read = parse_plan(text); !read) return usage_error(printable(read.error().detail));
    if (!context.options.dry_run)
        if (auto written = write_new_file(request.file, text, 0600); !written)
            return usage_error(printable(written.error().detail), "the same command with another --output");
    context.out(plan_text(context, *plan, request.bmcs));
    const std::string command(command_of(*plan));
    if (context.options.json)
        context.out(json_summary(
            PlainSummary{command, request.bmcs.size(), {{"asked", 1}}, std::nullopt, context.options.dry_run}));
    else if (context.options.dry_run)
        context.out("Dry run: no plan was written.\n");
    else
        context.out(fmt::format("Wrote {}. Nothing was done. Next, by another member{}: bmcvault approve {}\n",
                                printable(request.file), somebody_may ? "" : ", who is to be let in first",
                                shell_word(request.file)));
    return ExitCode::kAsAsked;
}

Outcome<Plan> read_plan(const std::string& file) {
    const auto text = read_plain_file(file, kMaxPlanSize);
    if (!text)
        return usage_error(fmt::format("plan {}: {}", printable(file), printable(text.error().detail)),
                           "name the file that --plan --output FILE wrote");
    auto plan = parse_plan(*text);
    if (!plan)
        return usage_error(fmt::format("{}: {}", printable(file), printable(plan.error().detail)),
                           "a new plan: the command with --plan --output FILE");
    return std::move(*plan);
}

Outcome<PlanFacts> plan_facts(vault::Store& store) {
    const auto info = store.info();
    if (!info) return vault_error("reading the vault", info.error());
    auto fleet = store.bmcs();
    if (!fleet) return vault_error("reading the inventory", fleet.error());
    const auto restored = store.accepted_restore();
    if (!restored) return vault_error("reading the audit log", restored.error());
    return PlanFacts{info->vault_id, now(), store.team().slots(), std::move(*fleet),
                     *restored ? std::optional((*restored)->at) : std::nullopt};
}

std::unexpected<Failure> plan_error(const Plan& plan, const std::string& file, const Error& error) {
    const bool somebody_else = error.code == ErrorCode::kNotPermitted;
    return std::unexpected(
        Failure{somebody_else ? ExitCode::kNotUnlocked : ExitCode::kUsage,
                fmt::format("plan {}: {}; nothing was done", printable(file), printable(error.detail)),
                somebody_else ? "somebody who may; who that is: bmcvault member list"
                              : fmt::format("a new plan: bmcvault {} ... --plan --output FILE", command_of(plan)),
                ""});
}

Result<PlanUse> use_of(const vault::Store& store, const Plan& plan) {
    const auto used = store.facts(kPlansCard);
    if (!used) return std::unexpected(used.error());
    PlanUse use{used->contains(plan_hash(plan)), std::nullopt};
    if (!use.begun || !std::holds_alternative<PlannedRotation>(plan.work)) return use;
    const auto campaign = store.unfinished_campaign("rotate", campaign_of(plan));
    if (!campaign) return std::unexpected(campaign.error());
    if (*campaign) use.unfinished = (*campaign)->id;
    return use;
}

std::unexpected<Failure> already_run(const Plan& plan, const std::string& file) {
    return std::unexpected(
        Failure{ExitCode::kUsage, fmt::format("plan {}: it was run already, and a plan is run once", printable(file)),
                fmt::format("what came of it: bmcvault log --event plan.; a new plan: bmcvault {} ... --plan --output "
                            "FILE",
                            command_of(plan)),
                ""});
}

Outcome<ApprovedPlan> open_approved(const Context& context, const std::string& file, std::string_view command) {
    if (!context.options.reason.empty() || !context.options.ticket.empty())
        return usage_error(fmt::format("{} --approved: reason and ticket are those of the plan", command),
                           "the same command without --reason and --ticket");
    auto plan = read_plan(file);
    if (!plan) return std::unexpected(plan.error());
    if (auto same = same_command(*plan, file, command); !same) return std::unexpected(same.error());
    if (!plan->approved) return not_signed_twice(file);
    ApprovedPlan approved{nullptr, file, std::move(*plan), {}, context.options};
    approved.options.reason = approved.plan.reason;
    approved.options.ticket = approved.plan.ticket;
    if (auto given = reason_is_given(approved.context(context), command); !given) return std::unexpected(given.error());
    auto store = open_vault(context);
    if (!store) return std::unexpected(store.error());
    approved.store = std::move(*store);
    const auto facts = plan_facts(*approved.store);
    if (!facts) return std::unexpected(facts.error());
    auto allowed = check_approved(approved.plan, *facts);
    if (allowed) allowed = check_right(approved.store->team().own_slot(), approved.plan, *facts);
    if (!allowed) return plan_error(approved.plan, file, allowed.error());
    const auto use = use_of(*approved.store, approved.plan);
    if (!use) return vault_error("reading which plans were run", use.error());
    if (!use->can_run()) return already_run(approved.plan, file);
    auto bmcs = bmcs_of(approved.plan, facts->fleet);
    if (!bmcs) return plan_error(approved.plan, file, bmcs.error());
    approved.bmcs = std::move(*bmcs);
    return approved;
}

Outcome<std::optional<std::int64_t>> record_use(const Context& context, const ApprovedPlan& approved) {
    const auto& plan = approved.plan;
    std::optional<std::int64_t> campaign;
    bool used_meanwhile = false;
    const auto recorded =
        approved.store->transact(actor(), now(), [&](vault::Transaction& transaction) -> Result<void> {
            const auto use = use_of(*approved.store, plan);
            if (!use) return std::unexpected(use.error());
            used_meanwhile = !use->can_run();
            if (used_meanwhile) return fail(ErrorCode::kConflict, "it was run already");
            campaign = use->unfinished;
            auto done = transaction.learn(kPlansCard, plan_hash(plan), "used");
            if (done && !campaign && std::holds_alternative<PlannedRotation>(plan.work)) {
                const auto begun = transaction.begin_campaign("rotate", campaign_of(plan));
                if (!begun) return std::unexpected(begun.error());
                campaign = *begun;
            }
            if (!done) return done;
            return transaction.audit("plan.run", std::nullopt,
                                     json_body({{"plan", plan_hash(plan)},
                                                {"command", std::string(command_of(plan))},
                                                {"asked_by", plan.asked.member},
                                                {"approved_by", plan.approved->member},
                                                {"bmcs", std::to_string(plan.bmcs.size())},
                                                {"continued", use->begun ? "yes" : ""},
                                                {"reason", plan.reason},
                                                {"ticket", plan.ticket}}));
        });
    if (used_meanwhile) return already_run(plan, approved.file);
    if (!recorded)
        return vault_error(fmt::format("plan {}: nothing was done", printable(approved.file)), recorded.error());
    if (context.hooks.step) context.hooks.step("after-plan-run");
    return campaign;
}

}  // namespace bmcvault::cli
