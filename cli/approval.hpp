// Plans at the edge (plan.hpp): the policy that wants a second signature, the file, and the record that a plan was
// used.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/commands.hpp"
#include "cli/plan.hpp"

namespace bmcvault::cli {

// The policy wants a second signature for this command: usage error.
[[nodiscard]] Outcome<void> one_signature_is_enough(const Context& context, std::string_view command);

// --plan: signs what is asked for and writes it down; nothing else is done.
struct Request {
    PlannedWork work;
    std::span<const vault::Bmc> bmcs;
    std::set<BmcId> with_k_g{};
    std::string file;
    int valid_days = kMaxPlanDays;
};
[[nodiscard]] Exit write_plan(const Context& context, vault::Store& store, const Request& request);

// Usage error: no plan.
[[nodiscard]] Outcome<Plan> read_plan(const std::string& file);
[[nodiscard]] Outcome<PlanFacts> plan_facts(vault::Store& store);
// Failure: why a plan can't be done, or not by this member, and what is next.
[[nodiscard]] std::unexpected<Failure> plan_error(const Plan& plan, const std::string& file, const Error& error);

// Has a run of it begun? One of rotate that was interrupted can go on: then with the campaign in which it is.
struct PlanUse {
    bool begun = false;
    std::optional<std::int64_t> unfinished;

    [[nodiscard]] bool can_run() const { return !begun || unfinished; }
};
[[nodiscard]] Result<PlanUse> use_of(const vault::Store& store, const Plan& plan);
[[nodiscard]] std::unexpected<Failure> already_run(const Plan& plan, const std::string& file);

// --approved: an open vault, and a plan that both signatures, the inventory and the policy allow to be done now.
struct ApprovedPlan {
    std::unique_ptr<vault::Store> store;
    std::string file;
    Plan plan;
    std::vector<vault::Bmc> bmcs;
    GlobalOptions options;  // with the plan's reason and ticket

    [[nodiscard]] Context context(const Context& given) const {
        return {options, given.streams, given.hooks, given.out_style, given.err_style, given.entry};
    }
};
[[nodiscard]] Outcome<ApprovedPlan> open_approved(const Context& context, const std::string& file,
                                                  std::string_view command);
// Durable before anything is done: that it was used, with its hash and both names. Of rotate: the campaign of its run.
[[nodiscard]] Outcome<std::optional<std::int64_t>> record_use(const Context& context, const ApprovedPlan& approved);

// What a person, or a program, reads of a plan. `bmcs`: as the vault has them.
[[nodiscard]] std::string plan_text(const Context& context, const Plan& plan, std::span<const vault::Bmc> bmcs);

}  // namespace bmcvault::cli
