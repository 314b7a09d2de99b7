// A plan as somebody hands it in: what is read is written back byte for byte, and nothing that two members have not
// signed is allowed.
#include "cli/plan.hpp"

#include "tests/fuzz/fuzz_input.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace bmcvault;
    fuzz::initialize_secrets();
    fuzz::Input input(data, size);
    const auto text = input.rest_as_text();
    const auto plan = cli::parse_plan(text);
    if (!plan) return 0;
    BMCVAULT_CHECK(cli::format_plan(*plan) == text);
    cli::PlanFacts facts;
    facts.vault_id = plan->vault_id;
    facts.now = plan->asked.at;
    for (const auto& bmc : plan->bmcs) {
        facts.fleet.emplace_back();
        facts.fleet.back().id = bmc.id;
        facts.fleet.back().name = bmc.name;
    }
    const vault::MemberSlot owner{false, vault::Role::kOwner, {1}, {}};
    facts.slots.push_back({1, plan->asked.member, owner, {}});
    facts.slots.push_back({2, plan->approved ? plan->approved->member : "", owner, {}});
    BMCVAULT_CHECK(!cli::check_approved(*plan, facts));
    return 0;
}
