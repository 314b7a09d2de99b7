// One BMC from start to report, in virtual time: what an operation costs on the wire, and the boards it must not touch.
#include <gtest/gtest.h>

#include "rotate/engine/capability_card.hpp"
#include "rotate/engine/learned_facts.hpp"
#include "tests/engine/sim_world.hpp"

namespace bmcvault::rotate::sim {
namespace {

using namespace std::chrono_literals;
using virtual_bmc::Config;
using Command = SimFleet::Command;

SimFleet fleet_of(std::vector<Config> configs) {
    return SimFleet(std::move(configs), SimOptions{});
}

const BmcReport& only(const SimFleet::Life& life) {
    EXPECT_EQ(life.reports.size(), 1u);
    return life.reports.front();
}

std::size_t versions_of(const SimFleet& fleet, vault::Kind kind) {
    const auto versions = fleet.open_vault()->versions(fleet.record(0).id);
    EXPECT_TRUE(versions.has_value());
    return static_cast<std::size_t>(
        std::ranges::count(*versions, kind, [](const auto& version) { return version.subject.kind; }));
}

TEST(Operation, RotatesAPlainBmcAndTheVaultHoldsWhatItAccepts) {
    auto fleet = fleet_of({virtual_bmc::plain_config(0, 1)});
    EXPECT_EQ(only(fleet.live(Command::kRotate)).outcome, "rotated");
    EXPECT_TRUE(fleet.current_is_live(0));
    EXPECT_EQ(fleet.bmc(0).counters().passwords_set, 1u);
    EXPECT_EQ(fleet.bmc(0).counters().sessions_opened, fleet.bmc(0).counters().sessions_closed);
    EXPECT_EQ(fleet.rejected_logins(), 0u);
}

TEST(Operation, ABmcSeenBeforeTakesAtMost16RoundTripsAnd24WithKg) {
    auto fleet = fleet_of({virtual_bmc::plain_config(0, 1)});
    (void)fleet.live(Command::kRotate);
    fleet.let_time_pass(60s);
    const auto password_only = fleet.live(Command::kRotate);
    EXPECT_EQ(only(password_only).outcome, "rotated");
    EXPECT_LE(only(password_only).round_trips, 16u);
    fleet.let_time_pass(60s);
    RunOptions with_k_g;
    with_k_g.k_g = true;
    const auto both = fleet.live(Command::kRotate, with_k_g);
    EXPECT_EQ(only(both).detail, "k_g-changed");
    EXPECT_LE(only(both).round_trips, 24u);
}

TEST(Operation, ASizeThatAKindOfBoardRefusesIsTriedOnce) {
    auto config = virtual_bmc::plain_config(0, 1);
    config.quirks.only_16_byte_passwords = true;
    auto fleet = fleet_of({config});
    EXPECT_EQ(only(fleet.live(Command::kRotate)).outcome, "settled-16");
    EXPECT_EQ(fleet.bmc(0).counters().passwords_set, 2u);
    fleet.let_time_pass(60s);
    EXPECT_EQ(only(fleet.live(Command::kRotate)).outcome, "settled-16");
    EXPECT_EQ(fleet.bmc(0).counters().passwords_set, 3u);
}

// Half of all passwords have one of the characters that this board refuses.
TEST(Operation, WhatAKindOfBoardRefusesIsTriedOnce) {
    auto config = virtual_bmc::plain_config(0, 1);
    ASSERT_TRUE(virtual_bmc::apply_quirk(config, "refuses-by-policy=cc").has_value());
    auto fleet = fleet_of({config});
    const auto sent_in_a_rotation = [&] {
        const auto before = fleet.bmc(0).counters().passwords_set;
        EXPECT_EQ(only(fleet.live(Command::kRotate)).outcome, "rotated");
        fleet.let_time_pass(60s);
        return fleet.bmc(0).counters().passwords_set - before;
    };
    int rotations = 1;
    while (sent_in_a_rotation() == 1 && rotations < 20) ++rotations;
    ASSERT_LT(rotations, 20) << "no password was refused";
    for (int more = 0; more < 12; ++more) EXPECT_EQ(sent_in_a_rotation(), 1u);
}

SimFleet fleet_with_interval(int boards) {
    std::vector<Config> configs;
    for (int i = 0; i < boards; ++i) {
        configs.push_back(virtual_bmc::plain_config(static_cast<std::size_t>(i), 1));
        EXPECT_TRUE(virtual_bmc::apply_quirk(configs.back(), "minimum-change-interval=10800000").has_value());
    }
    return fleet_of(std::move(configs));
}

std::vector<std::string> outcomes_of(const SimFleet::Life& life) {
    std::vector<std::string> outcomes;
    for (const auto& report : life.reports) outcomes.push_back(report.outcome);
    return outcomes;
}

std::uint64_t sent_to(SimFleet& fleet, std::size_t board = 0) {
    return fleet.bmc(board).counters().passwords_set;
}

// D5h says "too early" and no more. It is remembered, so that nobody hammers the BMC; what somebody knows who should
// not is tried to be replaced all the same.
TEST(Operation, AChangeThatIsKnownToComeTooEarlyIsNotSent) {
    auto fleet = fleet_with_interval(1);
    ASSERT_EQ(only(fleet.live(Command::kRotate)).outcome, "rotated");
    fleet.let_time_pass(4000s);
    const auto blocked = [&] {
        const auto report = only(fleet.live(Command::kRotate));
        EXPECT_EQ(report.outcome, "blocked");
        return report.detail;
    };
    const auto first = blocked();
    EXPECT_TRUE(first.starts_with("minimum-change-interval: blocked until 2026-")) << first;
    const auto sent = sent_to(fleet);
    EXPECT_EQ(blocked(), first);
    EXPECT_EQ(sent_to(fleet), sent) << "it was hammered";
    EXPECT_EQ(versions_of(fleet, vault::Kind::kPassword), 3u);

    const auto bmc = fleet.record(0).id;
    const vault::Acting acting{"test", UnixTime{1'790'100'000}, "seen in a chat"};
    ASSERT_TRUE(fleet.open_vault()->team().expose(acting, std::span(&bmc, 1)).has_value());
    EXPECT_EQ(blocked(), first);
    EXPECT_EQ(sent_to(fleet), sent + 1);

    fleet.let_time_pass(2h);
    EXPECT_EQ(only(fleet.live(Command::kRotate)).outcome, "recovered");
    EXPECT_EQ(versions_of(fleet, vault::Kind::kPassword), 3u) << "the same secret, in the end";
}

// A board that only has to wait says nothing about the others of its kind: none of them is left alone.
TEST(Operation, ABoardThatHasToWaitStopsNoOther) {
    auto fleet = fleet_with_interval(6);
    const std::vector<std::string> all(6, "rotated");
    ASSERT_EQ(outcomes_of(fleet.live(Command::kRotate)), all);
    fleet.let_time_pass(4000s);
    EXPECT_EQ(outcomes_of(fleet.live(Command::kRotate)), std::vector<std::string>(6, "blocked"));
    for (std::size_t board = 0; board < 6; ++board) EXPECT_EQ(sent_to(fleet, board), 2u) << "asked itself, once";
}

TEST(Operation, WhenTheKindsIntervalIsForgottenTheBoardIsAskedAgain) {
    auto fleet = fleet_with_interval(1);
    ASSERT_EQ(only(fleet.live(Command::kRotate)).outcome, "rotated");
    fleet.let_time_pass(4000s);
    ASSERT_EQ(only(fleet.live(Command::kRotate)).outcome, "blocked");
    const auto board = *fleet.open_vault()->bmc(fleet.record(0).id);
    EXPECT_EQ(fleet.open_vault()->facts(card_key(board))->at("minimum-interval"), "2");
    const auto sent = sent_to(fleet);
    fleet.teach([&](vault::Transaction& transaction) {
        return forget_fact(transaction, card_key(board), "minimum-interval", std::span(&board, 1));
    });
    EXPECT_EQ(only(fleet.live(Command::kRotate)).outcome, "blocked");
    EXPECT_EQ(sent_to(fleet), sent + 1);
}

TEST(Operation, AChangeThatIsTakenSoonerTakesTheIntervalBack) {
    auto fleet = fleet_of({virtual_bmc::plain_config(0, 1)});
    ASSERT_EQ(only(fleet.live(Command::kRotate)).outcome, "rotated");
    const auto kind = card_key(*fleet.open_vault()->bmc(fleet.record(0).id));
    fleet.teach([&](vault::Transaction& transaction) { return transaction.learn(kind, "minimum-interval", "24"); });
    fleet.let_time_pass(4000s);
    EXPECT_EQ(only(fleet.live(Command::kRotate)).outcome, "rotated") << "a card alone stops nobody";
    EXPECT_EQ(fleet.open_vault()->facts(kind)->at("minimum-interval"), "1");
}

TEST(Operation, AnIntervalIsOneWholeHourMoreThanHasPassed) {
    EXPECT_EQ(interval_shown_by(0s), 1h);
    EXPECT_EQ(interval_shown_by(3599s), 1h);
    EXPECT_EQ(interval_shown_by(3600s), 2h);
    EXPECT_EQ(interval_shown_by(-5s), std::nullopt) << "a clock that was put back";
    EXPECT_EQ(interval_shown_by(kLongestInterval), std::nullopt) << "no interval can be that long";
}

// Both rows meet the board for the first time, in the same moment: one gets it, and its pin is durable before anything
// is sent.
TEST(Operation, TheSameBoardUnderTwoNamesIsRotatedUnderOne) {
    auto first = virtual_bmc::plain_config(0, 1);
    auto second = first;
    auto fleet = fleet_of({std::move(first), std::move(second)});
    const auto together = fleet.live(Command::kRotate);
    ASSERT_EQ(together.reports.size(), 2u);
    const bool first_got_it = together.reports[0].outcome == "rotated";
    const auto& refused = together.reports[first_got_it ? 1 : 0];
    EXPECT_EQ(together.reports[first_got_it ? 0 : 1].outcome, "rotated");
    EXPECT_EQ(refused.outcome, "identity-changed");
    EXPECT_NE(refused.detail.find("the same board as"), std::string::npos) << refused.detail;
    EXPECT_EQ(fleet.bmc(0).counters().passwords_set + fleet.bmc(1).counters().passwords_set, 1u);
    fleet.let_time_pass(60s);
    for (const auto& report : fleet.live(Command::kRotate).reports) {
        EXPECT_EQ(report.outcome, report.name == refused.name ? "identity-changed" : "rotated") << report.detail;
    }
    EXPECT_EQ(fleet.rejected_logins(), 0u);
}

// Wherever a run dies, the same command continues it: one new password and one K_G per campaign, never two.
TEST(Operation, AContinuedCampaignMakesNoSecondPasswordAndNoSecondKg) {
    RunOptions options;
    options.k_g = true;
    bool crashed = true;
    for (int step = 1; crashed; ++step) {
        auto fleet = fleet_of({virtual_bmc::plain_config(0, 1)});
        fleet.begin_campaign();
        crashed = fleet.live(Command::kRotate, options, step).crashed;
        if (!crashed) continue;
        fleet.let_time_pass(60s);
        const auto again = fleet.live(Command::kRotate, options);
        EXPECT_TRUE(only(again).as_asked) << only(again).outcome << " after step " << step;
        EXPECT_TRUE(fleet.current_is_live(0)) << step;
        EXPECT_EQ(versions_of(fleet, vault::Kind::kPassword), 2u) << "the imported one and the new one; step " << step;
        EXPECT_EQ(versions_of(fleet, vault::Kind::kKg), 1u) << step;
        EXPECT_EQ(fleet.rejected_logins(), 0u) << step;
    }
}

TEST(Operation, AResultThatIsNotStoredIsNoSuccess) {
    for (const auto command : {Command::kCheck, Command::kRotate}) {
        bool lost_one = false;
        for (int write = 1; write < 5 && !lost_one; ++write) {
            auto fleet = fleet_of({virtual_bmc::plain_config(0, 1)});
            ASSERT_TRUE(only(fleet.live(Command::kRotate)).as_asked);
            fleet.let_time_pass(60s);
            const auto life = fleet.live(command, {}, 0,
                                         [&](SimVault& store) { store.fail_write(write, SimVault::Fault::kRefused); });
            lost_one = only(life).detail.contains("result not stored");
            if (!lost_one) continue;
            EXPECT_FALSE(only(life).as_asked);
            EXPECT_TRUE(only(life).attention);
        }
        EXPECT_TRUE(lost_one);
    }
}

TEST(Operation, ASharedGuidWithOtherMacAddressesIsAWeakPinAndNoReasonToRefuse) {
    auto first = virtual_bmc::plain_config(0, 1);
    auto second = virtual_bmc::plain_config(1, 1);
    second.guid = first.guid;
    ASSERT_NE(first.mac, second.mac);
    auto fleet = fleet_of({std::move(first), std::move(second)});
    const auto life = fleet.live(Command::kRotate);
    for (const auto& report : life.reports) EXPECT_EQ(report.outcome, "rotated") << report.name << report.detail;
}

TEST(Operation, OfTwoRowsThatLeadToOneBoardWithoutGuidTheSecondIsRefusedByItsMacAddress) {
    auto first = virtual_bmc::plain_config(0, 1);
    ASSERT_TRUE(virtual_bmc::apply_quirk(first, "null-guid").has_value());
    auto second = virtual_bmc::plain_config(1, 1);
    ASSERT_TRUE(virtual_bmc::apply_quirk(second, "null-guid").has_value());
    second.mac = first.mac;
    auto fleet = fleet_of({std::move(first), std::move(second)});
    const auto life = fleet.live(Command::kRotate);
    std::vector<std::string> outcomes;
    for (const auto& report : life.reports) outcomes.push_back(report.outcome);
    std::ranges::sort(outcomes);
    EXPECT_EQ(outcomes, (std::vector<std::string>{"identity-changed", "rotated"}));
}

// Interrupted, and exposed before it goes on: what was done is to be done again.
TEST(Operation, AContinuedCampaignChangesAPasswordThatWasExposedMeanwhile) {
    auto fleet = fleet_of({virtual_bmc::plain_config(0, 1)});
    fleet.begin_campaign();
    ASSERT_EQ(only(fleet.live(Command::kRotate)).outcome, "rotated");
    fleet.let_time_pass(60s);
    ASSERT_EQ(only(fleet.live(Command::kRotate)).outcome, "already-current");
    const auto bmc = fleet.record(0).id;
    const vault::Acting acting{"test", UnixTime{1'790'100'000}, "seen in a chat"};
    ASSERT_TRUE(fleet.open_vault()->team().expose(acting, std::span(&bmc, 1)).has_value());
    fleet.let_time_pass(60s);
    EXPECT_EQ(only(fleet.live(Command::kRotate)).outcome, "rotated");
    EXPECT_EQ(versions_of(fleet, vault::Kind::kPassword), 3u);
    EXPECT_TRUE(fleet.open_vault()->team().due()->empty());
    fleet.let_time_pass(60s);
    EXPECT_EQ(only(fleet.live(Command::kRotate)).outcome, "already-current");
}

// Made again by hand or in band: the BMC says in which slot we are, and the old one does not bear our name.
TEST(Operation, AnAccountThatHasMovedIsFollowedAndOneOfTwoOfThatNameIsNot) {
    for (const bool named_twice : {false, true}) {
        auto fleet = fleet_of({virtual_bmc::plain_config(0, 1)});
        ASSERT_EQ(only(fleet.live(Command::kRotate)).outcome, "rotated");
        fleet.let_time_pass(60s);
        fleet.replace(0, [&](virtual_bmc::Config& config) {
            config.users[6] = config.users.at(2);
            if (!named_twice) config.users.at(2).name = "somebody";
            config.users.at(2).password = {'x'};
            config.users.at(2).enabled = false;
        });
        const auto life = fleet.live(Command::kRotate);
        EXPECT_EQ(only(life).outcome, named_twice ? "refused" : "rotated") << only(life).detail;
        EXPECT_EQ(fleet.open_vault()->bmc(fleet.record(0).id)->user_id, named_twice ? 2 : 6);
    }
}

TEST(Operation, ASwappedBoardGetsNothing) {
    auto config = virtual_bmc::plain_config(0, 1);
    config.quirks.swaps_board_after_commands = 9;  // those of the first check
    auto fleet = fleet_of({std::move(config)});
    (void)fleet.live(Command::kCheck);
    fleet.let_time_pass(60s);
    (void)fleet.live(Command::kCheck);
    fleet.let_time_pass(60s);
    const auto life = fleet.live(Command::kRotate);
    EXPECT_EQ(only(life).outcome, "identity-changed") << only(life).detail;
    EXPECT_EQ(fleet.bmc(0).counters().passwords_set, 0u);
}

TEST(Operation, ARepeatedPutBackDoesNotToggle) {
    auto fleet = fleet_of({virtual_bmc::plain_config(0, 1)});
    (void)fleet.live(Command::kRotate);
    fleet.let_time_pass(60s);
    const auto once = fleet.live(Command::kPutBack);
    EXPECT_EQ(only(once).outcome, "put-back") << only(once).detail;
    fleet.let_time_pass(60s);
    const auto twice = fleet.live(Command::kPutBack);
    EXPECT_EQ(only(twice).outcome, "already-current") << only(twice).detail;
    EXPECT_EQ(only(once).password_version, only(twice).password_version);
    EXPECT_TRUE(fleet.current_is_live(0));
}

TEST(Operation, ACommitWithoutAnswerSendsNothingUntilAnotherOneSaysOk) {
    auto fleet = fleet_of({virtual_bmc::plain_config(0, 1)});
    (void)fleet.live(Command::kRotate);
    for (const auto fault : {SimVault::Fault::kUnknownStored, SimVault::Fault::kUnknownNotStored}) {
        fleet.let_time_pass(60s);
        const auto life = fleet.live(Command::kRotate, {}, 0, [&](SimVault& store) { store.fail_write(1, fault); });
        EXPECT_EQ(only(life).outcome, "rotated") << only(life).detail;
        EXPECT_TRUE(fleet.current_is_live(0));
    }
}

TEST(Operation, AFullDiskSendsNothing) {
    auto fleet = fleet_of({virtual_bmc::plain_config(0, 1)});
    (void)fleet.live(Command::kRotate);
    fleet.let_time_pass(60s);
    const auto life =
        fleet.live(Command::kRotate, {}, 0, [](SimVault& store) { store.fail_write(1, SimVault::Fault::kRefused); });
    EXPECT_EQ(only(life).outcome, "blocked") << only(life).detail;
    EXPECT_EQ(fleet.bmc(0).counters().passwords_set, 1u);  // that of the first rotation
    EXPECT_TRUE(fleet.current_is_live(0));
}

TEST(Operation, TwoCredentialWritesAreTwoSecondsApart) {
    auto config = virtual_bmc::plain_config(0, 1);
    config.quirks.breaks_on_two_writes_in_one_second = true;
    auto fleet = fleet_of({std::move(config)});
    RunOptions with_k_g;
    with_k_g.k_g = true;
    const auto life = fleet.live(Command::kRotate, with_k_g);
    EXPECT_EQ(only(life).outcome, "rotated") << only(life).detail;
    EXPECT_EQ(only(life).detail, "k_g-changed");
    EXPECT_TRUE(fleet.current_is_live(0));
}

// Four of a kind that take a K_G and can't use it: one finds out, the others are spared.
TEST(Operation, OfEachKindOneBmcTriesAKgFirstAndAlone) {
    std::vector<Config> configs;
    for (std::size_t i = 0; i < 4; ++i) {
        configs.push_back(virtual_bmc::plain_config(i, 1));
        configs.back().quirks.k_g_unusable = true;
    }
    auto fleet = fleet_of(std::move(configs));
    RunOptions with_k_g;
    with_k_g.k_g = true;
    const auto life = fleet.live(Command::kRotate, with_k_g);
    std::size_t tried = 0;
    for (std::size_t i = 0; i < 4; ++i) {
        EXPECT_EQ(life.reports[i].outcome, "rotated") << life.reports[i].detail;
        if (fleet.bmc(i).counters().k_gs_set > 0) ++tried;
    }
    EXPECT_EQ(tried, 1u);
    EXPECT_EQ(fleet.rejected_logins(), 0u);
}

TEST(Operation, AWeakSuiteNamesThePasswordAndNoSecretIsSentUnderIt) {
    auto config = virtual_bmc::plain_config(0, 1);
    config.cipher_suites = {2};
    auto fleet = fleet_of({std::move(config)});
    const auto check = fleet.live(Command::kCheck);
    EXPECT_EQ(only(check).outcome, "as-in-vault") << only(check).detail;
    EXPECT_NE(only(check).detail.find("suite-2-only"), std::string::npos) << only(check).detail;
    fleet.let_time_pass(60s);
    EXPECT_EQ(only(fleet.live(Command::kRotate)).outcome, "refused");
    EXPECT_EQ(fleet.bmc(0).counters().passwords_set, 0u);
}

TEST(Operation, AnOfferedSuite0IsTold) {
    auto config = virtual_bmc::plain_config(0, 1);
    config.cipher_suites = {0, 3, 17};
    auto fleet = fleet_of({std::move(config)});
    for (int run = 0; run < 2; ++run) {  // the second time from what the vault remembers
        const auto life = fleet.live(Command::kRotate);
        EXPECT_EQ(only(life).outcome, "rotated");
        EXPECT_NE(only(life).detail.find("suite-0-open"), std::string::npos) << only(life).detail;
        fleet.let_time_pass(60s);
    }
}

}  // namespace
}  // namespace bmcvault::rotate::sim

int main(int argc, char** argv) {
    if (!bmcvault::secret_arena::initialize()) return 1;
    testing::InitGoogleTest(&argc, argv);
    return RUN_ALL_TESTS();
}
