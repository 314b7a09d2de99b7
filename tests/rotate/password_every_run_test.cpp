// Every interleaving of outcomes, crashes and up to two faults of one rotation, against the invariants.
#include <gtest/gtest.h>

#include <cstdio>

#include "tests/rotate/password_world.hpp"

namespace bmcvault::rotate::test {
namespace {

template <class Body>
Search report(const char* what, Findings& findings, const Body& body) {
    const Search search = search_all(body);
    std::printf("%s: %zu runs, %zu steps, longest %d\n", what, search.runs, search.steps, findings.longest);
    EXPECT_EQ(search.rule, "") << search.what << "\nreplay: BMCVAULT_REPLAY=" << search.replay
                               << " with --gtest_filter="
                               << ::testing::UnitTest::GetInstance()->current_test_info()->test_suite_name() << "."
                               << ::testing::UnitTest::GetInstance()->current_test_info()->name();
    return search;
}

void any_beginning(PasswordWorld<RealMachine>& world, Choices& choices, std::size_t goals = 4) {
    world.goal = static_cast<Goal>(choices.pick(goals));
    world.begin(static_cast<Beginning>(choices.pick(kBeginnings)));
}

class PasswordEveryRun : public ::testing::Test {
protected:
    RealMachine machine;
    Findings findings;
};

// Two faults are promised; three cost little.
TEST_F(PasswordEveryRun, HonestBmcWithThreeFaults) {
    const Search search = report("honest BMC, three faults", findings, [&](Choices& choices, std::size_t& steps) {
        PasswordWorld world(machine, choices, steps, findings);
        world.faults_left = 3 - kFewerFaults;
        any_beginning(world, choices);
        world.run();
    });
    EXPECT_GT(search.runs, 10000u);
}

// A habit is a fault that happens every time.
TEST_F(PasswordEveryRun, EveryHabitOfTheBmcWithTwoMoreFaults) {
    report("a habit and two faults", findings, [&](Choices& choices, std::size_t& steps) {
        PasswordWorld world(machine, choices, steps, findings);
        world.faults_left = 2 - kFewerFaults;
        world.bmc.habit = static_cast<OnApply>(choices.pick(kApplyWays));
        any_beginning(world, choices);
        world.run();
    });
}

TEST_F(PasswordEveryRun, EveryHabitOfABmcThatSulksAfterTheWriteWithOneMoreFault) {
    report("a habit, sulking and one fault", findings, [&](Choices& choices, std::size_t& steps) {
        PasswordWorld world(machine, choices, steps, findings);
        world.faults_left = 1 - kFewerFaults;
        world.bmc.habit = static_cast<OnApply>(choices.pick(kApplyWays));
        world.bmc.sulks = kOtherAnswers[choices.pick(kOtherAnswerCount)];
        any_beginning(world, choices);
        world.run();
    });
}

}  // namespace
}  // namespace bmcvault::rotate::test
