// Plans: written and read back as they are; whatever is changed, missing, late or of the wrong person is refused.
#include "cli/plan.hpp"

#include <gmock/gmock.h>

#include <functional>

namespace bmcvault::cli {
namespace {

using testing::HasSubstr;
using vault::IdentityKeys;
using vault::Role;
using vault::Slot;

constexpr std::int64_t kNow = 1'800'000'000;
constexpr std::int64_t kDay_s = 86'400;

vault::Key32 key_of(std::uint8_t byte) {
    std::array<std::uint8_t, 32> bytes{};
    bytes.fill(byte);
    return vault::Key32(bytes);
}

IdentityKeys keys_of(std::uint32_t number) {
    return {key_of(static_cast<std::uint8_t>(number)), key_of(static_cast<std::uint8_t>(100 + number))};
}

Slot member(std::uint32_t number, std::string name, Role role, std::vector<std::uint32_t> compartments) {
    return {number,
            std::move(name),
            vault::MemberSlot{false, role, std::move(compartments), vault::public_keys(keys_of(number))},
            {}};
}

vault::Bmc bmc(std::uint8_t id, std::string name, std::uint32_t compartment) {
    vault::Bmc bmc;
    bmc.id.uuid.fill(id);
    bmc.name = std::move(name);
    bmc.compartment = compartment;
    return bmc;
}

PlanFacts facts() {
    PlanFacts facts;
    facts.vault_id.fill(7);
    facts.now = {kNow};
    facts.slots = {member(1, "alice", Role::kOperator, {1, 2}), member(2, "bob", Role::kOperator, {1, 2}),
                   member(3, "carol", Role::kOperator, {2}),    member(4, "otto", Role::kAuditor, {}),
                   member(5, "olga", Role::kOwner, {1, 2}),     member(6, "oskar", Role::kOwner, {1, 2})};
    facts.fleet = {bmc(1, "bmc01", 1), bmc(2, "bmc02", 2), bmc(3, "bmc03", 2)};
    return facts;
}

vault::Signature signed_by(std::uint32_t number, const std::string& text) {
    return vault::sign(as_bytes(text), keys_of(number).signing);
}

void ask(Plan& plan, const std::string& name, std::uint32_t number) {
    plan.asked.member = name;
    plan.asked.signature = signed_by(number, text_to_ask(plan));
}

void approve(Plan& plan, const std::string& name, std::uint32_t number) {
    plan.approved = SignedBy{name, {kNow}, {}};
    plan.approved->signature = signed_by(number, text_to_approve(plan));
}

Plan request(PlannedWork work = PlannedRotation{}) {
    Plan plan;
    plan.vault_id.fill(7);
    plan.id.fill(9);
    plan.asked.at = {kNow - 60};
    plan.valid_until = {kNow + kDay_s};
    plan.reason = "quarterly";
    plan.ticket = "CHG-1";
    const bool is_member = std::holds_alternative<vault::NewMember>(work);
    const bool rotates = std::holds_alternative<PlannedRotation>(work);
    plan.work = std::move(work);
    if (!is_member) {
        const auto fleet = facts().fleet;
        plan.bmcs = {{fleet[0].id, "bmc01", rotates}, {fleet[1].id, "bmc02", false}};
    }
    ask(plan, is_member ? "olga" : "alice", is_member ? 5 : 1);
    return plan;
}

Plan approved_plan(PlannedWork work = PlannedRotation{}) {
    auto plan = request(std::move(work));
    const bool is_member = std::holds_alternative<vault::NewMember>(plan.work);
    approve(plan, is_member ? "oskar" : "bob", is_member ? 6 : 2);
    return plan;
}

std::vector<PlannedWork> every_work() {
    const auto keys = vault::public_keys(keys_of(9));
    return {PlannedRotation{},
            PlannedRotation{true, true, {}},
            PlannedRotation{false, false, "monitor"},
            PlannedReveal{},
            PlannedReveal{4, {}},
            PlannedReveal{std::nullopt, "spare"},
            PlannedExport{"ansible", "the playbooks", {}},
            PlannedExport{"ansible", "the playbooks", "monitor"},
            vault::NewMember{"dave", false, Role::kOperator, {"default", "edge"}, keys},
            vault::NewMember{"dora", true, Role::kOwner, {}, keys}};
}

std::string refusal_of(const Plan& plan, const PlanFacts& known = facts()) {
    const auto allowed = check_approved(plan, known);
    return allowed ? "nothing" : allowed.error().detail;
}

bool is_refused(const std::string& text) {
    const auto plan = parse_plan(text);
    return !plan || !check_approved(*plan, facts());
}

TEST(Plan, IsReadBackAsItWasWrittenAndAllowedWhenTwoHaveSigned) {
    for (const auto& work : every_work()) {
        for (const auto& plan : {request(work), approved_plan(work)}) {
            const auto text = format_plan(plan);
            const auto read = parse_plan(text);
            ASSERT_TRUE(read) << read.error().detail << "\n" << text;
            EXPECT_EQ(format_plan(*read), text);
            EXPECT_EQ(read->work.index(), work.index());
            EXPECT_EQ(check_approved(*read, facts()).has_value(), plan.approved.has_value());
        }
    }
    EXPECT_EQ(refusal_of(approved_plan()), "nothing");
    EXPECT_THAT(refusal_of(request()), HasSubstr("nobody else has signed it yet"));
}

TEST(Plan, AnyByteThatIsChangedAndAnyThatIsCutOffMakesItRefused) {
    for (const auto& work : every_work()) {
        const auto text = format_plan(approved_plan(work));
        ASSERT_FALSE(is_refused(text));
        for (std::size_t at = 0; at < text.size(); ++at) {
            auto changed = text;
            changed[at] = static_cast<char>(changed[at] ^ 1);
            EXPECT_TRUE(is_refused(changed)) << changed;
            EXPECT_TRUE(is_refused(text.substr(0, at))) << text.substr(0, at);
        }
        EXPECT_TRUE(is_refused(text + "\n"));
    }
}

TEST(Plan, AFieldThatIsChangedAfterTheSignaturesMakesItRefused) {
    const std::vector<std::function<void(Plan&)>> changes{
        [](Plan& plan) { plan.vault_id.fill(8); },
        [](Plan& plan) { plan.id.fill(8); },
        [](Plan& plan) { plan.asked.member = "olga"; },
        [](Plan& plan) { plan.asked.at.value -= 1; },
        [](Plan& plan) { plan.valid_until.value += 1; },
        [](Plan& plan) { plan.reason = "other"; },
        [](Plan& plan) { plan.ticket.clear(); },
        [](Plan& plan) { std::get<PlannedRotation>(plan.work).put_back = true; },
        [](Plan& plan) { std::get<PlannedRotation>(plan.work).first_contact = true; },
        [](Plan& plan) { std::get<PlannedRotation>(plan.work).role = "monitor"; },
        [](Plan& plan) { plan.work = PlannedReveal{}; },
        [](Plan& plan) { plan.bmcs.pop_back(); },
        [](Plan& plan) { plan.bmcs.push_back({facts().fleet[2].id, "bmc03", false}); },
        [](Plan& plan) { plan.bmcs.front().with_k_g = false; },
        [](Plan& plan) { plan.bmcs.back() = {facts().fleet[2].id, "bmc03", false}; },
        [](Plan& plan) { std::swap(plan.bmcs.front(), plan.bmcs.back()); },
        [](Plan& plan) { plan.approved->member = "olga"; },
        [](Plan& plan) { plan.approved->at.value += 1; },
        [](Plan& plan) { plan.approved->signature = plan.asked.signature; },
    };
    for (std::size_t i = 0; i < changes.size(); ++i) {
        auto plan = approved_plan();
        changes[i](plan);
        EXPECT_FALSE(check_approved(plan, facts())) << "change " << i;
    }
    // Asked for anew, it is no longer what the second has signed.
    auto plan = approved_plan();
    plan.bmcs.pop_back();
    ask(plan, "alice", 1);
    EXPECT_THAT(refusal_of(plan), HasSubstr("NOT as bob has signed it"));
}

TEST(Plan, ASignatureOfOneKindIsNoneOfTheOther) {
    auto plan = request();
    plan.approved = SignedBy{"bob", {kNow}, signed_by(2, text_to_ask(plan))};
    EXPECT_THAT(refusal_of(plan), HasSubstr("NOT as bob has signed it"));
    plan = approved_plan();
    plan.asked.signature = signed_by(1, text_to_approve(plan));
    EXPECT_THAT(refusal_of(plan), HasSubstr("NOT as alice has signed it"));
}

TEST(Plan, TheSecondSignatureIsAnotherPersonsWithAnotherKey) {
    auto plan = request();
    approve(plan, "alice", 1);
    EXPECT_THAT(refusal_of(plan), HasSubstr("alice has asked for it"));
    auto known = facts();
    known.slots.push_back(member(1, "alice2", Role::kOwner, {1, 2}));  // her key under another name
    known.slots.back().number = 9;
    approve(plan, "alice2", 1);
    EXPECT_THAT(refusal_of(plan, known), HasSubstr("alice2 has asked for it"));
    approve(plan, "bob", 1);
    EXPECT_THAT(refusal_of(plan), HasSubstr("NOT as bob has signed it"));
    known = facts();
    std::get<vault::MemberSlot>(known.slots[1].kind).service = true;
    EXPECT_THAT(refusal_of(approved_plan(), known), HasSubstr("bob is a program"));
}

TEST(Plan, WhoMayNotDoItMayNotSignIt) {
    auto plan = request();
    approve(plan, "otto", 4);
    EXPECT_THAT(refusal_of(plan), HasSubstr("otto is an auditor"));
    approve(plan, "carol", 3);
    EXPECT_THAT(refusal_of(plan), HasSubstr("carol does not open the compartment of bmc01"));
    ask(plan, "carol", 3);
    approve(plan, "bob", 2);
    EXPECT_THAT(refusal_of(plan), HasSubstr("carol does not open the compartment of bmc01"));
    const vault::NewMember newcomer{"dave", false, Role::kOwner, {}, vault::public_keys(keys_of(9))};
    plan = request(newcomer);
    approve(plan, "bob", 2);
    EXPECT_THAT(refusal_of(plan), HasSubstr("bob is no owner"));
    ask(plan, "alice", 1);
    approve(plan, "olga", 5);
    EXPECT_THAT(refusal_of(plan), HasSubstr("alice is no owner"));
    EXPECT_EQ(refusal_of(approved_plan(newcomer)), "nothing");
}

TEST(Plan, WhoHasLeftOrHasNewKeysHasNotSigned) {
    for (const std::size_t who : {0u, 1u}) {
        auto known = facts();
        const auto name = known.slots[who].name;
        std::get<vault::MemberSlot>(known.slots[who].kind).keys = vault::public_keys(keys_of(20));
        EXPECT_THAT(refusal_of(approved_plan(), known), HasSubstr("NOT as " + name + " has signed it"));
        known.slots.erase(known.slots.begin() + static_cast<std::ptrdiff_t>(who));
        EXPECT_THAT(refusal_of(approved_plan(), known), HasSubstr(name + " has signed it, and is no member"));
    }
}

TEST(Plan, IsForOneVaultAlsoWhereAnotherHasTheSameMembers) {
    auto known = facts();
    known.vault_id.fill(8);
    EXPECT_THAT(refusal_of(approved_plan(), known), HasSubstr("a plan for another vault"));
}

TEST(Plan, IsValidForItsTimeOnly) {
    auto known = facts();
    known.now.value = kNow + kDay_s - 1;
    EXPECT_EQ(refusal_of(approved_plan(), known), "nothing");
    known.now.value = kNow + kDay_s;
    EXPECT_THAT(refusal_of(approved_plan(), known), HasSubstr("it was valid until"));
    known.now.value = kNow - kDay_s;
    EXPECT_THAT(refusal_of(approved_plan(), known), HasSubstr("this host's clock says"));
    auto plan = request();
    plan.valid_until.value = plan.asked.at.value + kMaxPlanDays * kDay_s + 1;
    ask(plan, "alice", 1);
    approve(plan, "bob", 2);
    EXPECT_THAT(refusal_of(plan), HasSubstr("longer than 7 days"));
    known = facts();
    known.restored_at = UnixTime{kNow - 60};
    EXPECT_THAT(refusal_of(approved_plan(), known), HasSubstr("put back to an older state"));
    known.restored_at = UnixTime{kNow - 61};
    EXPECT_EQ(refusal_of(approved_plan(), known), "nothing");
}

TEST(Plan, ABmcThatIsNotThereUnderItsNameStopsIt) {
    auto known = facts();
    known.fleet[0].id.uuid.fill(77);  // replaced: the name is there, the board is another
    EXPECT_THAT(refusal_of(approved_plan(), known), HasSubstr("bmc01: removed or replaced"));
    known.fleet.clear();
    EXPECT_THAT(refusal_of(approved_plan(), known), HasSubstr("bmc01, bmc02: removed or replaced"));
    known = facts();
    known.fleet[0].name = "other";
    EXPECT_THAT(refusal_of(approved_plan(), known), HasSubstr("bmc01: removed or replaced"));
}

TEST(Plan, IsKnownByWhatWasAskedForAndNotByWhoSignedSecond) {
    const auto plan = request();
    auto other = approved_plan();
    EXPECT_EQ(plan_hash(other), plan_hash(plan));
    approve(other, "olga", 5);
    EXPECT_EQ(plan_hash(other), plan_hash(plan));
    other.id.fill(1);
    EXPECT_NE(plan_hash(other), plan_hash(plan));
}

TEST(Plan, WhatIsNoPlanIsToldAsWhatItIs) {
    EXPECT_THAT(parse_plan("hello\n").error().detail, HasSubstr("is no plan"));
    EXPECT_EQ(parse_plan("bmcvault-plan/2\nx\n").error().code, ErrorCode::kUnsupported);
    auto plan = approved_plan(PlannedReveal{});
    plan.bmcs.push_back(plan.bmcs.front());
    EXPECT_THAT(parse_plan(format_plan(plan)).error().detail, HasSubstr("is there already"));
    plan.bmcs.clear();
    EXPECT_THAT(parse_plan(format_plan(plan)).error().detail, HasSubstr("there is no BMC"));
    plan = approved_plan(PlannedReveal{});
    plan.bmcs.front().with_k_g = true;
    EXPECT_THAT(parse_plan(format_plan(plan)).error().detail, HasSubstr("only rotate makes a K_G"));
    plan = request();
    plan.reason = "one\nticket two";
    EXPECT_FALSE(parse_plan(format_plan(plan)));
}

}  // namespace
}  // namespace bmcvault::cli
