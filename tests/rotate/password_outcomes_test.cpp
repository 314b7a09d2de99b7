// What each habit of a BMC leads to, in the words of docs/outcomes.md; and the steps of one ordinary rotation.
#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

#include "password_world.hpp"

namespace bmcvault::rotate {

void PrintTo(const Finish& end, std::ostream* out) {
    *out << word(end.outcome) << " \"" << end.detail << '"';
}

namespace test {
namespace {

struct Setting {
    OnApply habit = OnApply::kStores;
    Beginning beginning = Beginning::kSettled;
    Goal goal = Goal::kRotate;
    Answer sulks = Answer::kMatched;
};

struct RecordingMachine {
    std::vector<std::size_t>* actions;

    [[nodiscard]] Step start(const Situation& situation) const { return record(rotate::start(situation)); }
    [[nodiscard]] Step step(const PasswordState& state, const Event& event) const {
        return record(rotate::step(state, event));
    }
    [[nodiscard]] Step record(Step step) const {
        actions->push_back(step.action.index());
        return step;
    }
};

Finish end_of(const Setting& setting) {
    const RealMachine machine;
    Choices none;
    std::size_t steps = 0;
    Findings findings;
    PasswordWorld world(machine, none, steps, findings);
    world.bmc.habit = setting.habit;
    world.bmc.sulks = setting.sulks;
    world.goal = setting.goal;
    world.begin(setting.beginning);
    return world.run();
}

TEST(PasswordOutcomes, FreshPasswordProvedIsRotated) {
    EXPECT_EQ(end_of({}), (Finish{Outcome::kRotated, ""}));
    EXPECT_EQ(end_of({.beginning = Beginning::kFirstContact}), (Finish{Outcome::kRotated, ""}));
    EXPECT_EQ(end_of({.habit = OnApply::kLosesReplyAfter}), (Finish{Outcome::kRotated, ""}));
    EXPECT_EQ(end_of({.habit = OnApply::kLosesSession}), (Finish{Outcome::kRotated, ""}));
    EXPECT_EQ(end_of({.habit = OnApply::kRefusesButStores}), (Finish{Outcome::kRotated, ""}));
    EXPECT_EQ(end_of({.habit = OnApply::kPolicyButStores}), (Finish{Outcome::kRotated, ""}));
    EXPECT_EQ(end_of({.habit = OnApply::kStoresAtThirdHandshake}), (Finish{Outcome::kRotated, ""}));
}

TEST(PasswordOutcomes, RightsTakenAwayByTheChangeAreRestored) {
    EXPECT_EQ(end_of({.habit = OnApply::kReducesRights}), (Finish{Outcome::kRotated, ""}));
    EXPECT_EQ(end_of({.habit = OnApply::kTakesRights}), (Finish{Outcome::kRotated, ""}));
}

TEST(PasswordOutcomes, OneValueOfAnotherShapeSatisfiesAPolicy) {
    EXPECT_EQ(end_of({.habit = OnApply::kPolicyUnlessShellSafe}), (Finish{Outcome::kRotated, ""}));
    EXPECT_EQ(end_of({.habit = OnApply::kPolicy}), (Finish{Outcome::kRefused, "password-policy"}));
    EXPECT_EQ(end_of({.habit = OnApply::kSizeUnless16}), (Finish{Outcome::kSettled16, ""}));
}

TEST(PasswordOutcomes, BmcThatCutsPasswordsSettlesAtSixteen) {
    EXPECT_EQ(end_of({.habit = OnApply::kStoresFirst16}), (Finish{Outcome::kSettled16, ""}));
    EXPECT_EQ(end_of({.habit = OnApply::kStoresFirst19}), (Finish{Outcome::kSettled16, ""}));
    EXPECT_EQ(end_of({.beginning = Beginning::kCardSays16}), (Finish{Outcome::kSettled16, ""}));
}

TEST(PasswordOutcomes, ProvedHybridIsTheSettledValueWhereTheOldTailStays) {
    EXPECT_EQ(end_of({.habit = OnApply::kKeepsOldTail}), (Finish{Outcome::kSettled16, "old-tail-kept"}));
    EXPECT_EQ(end_of({.habit = OnApply::kKeepsOldTail, .beginning = Beginning::kCardSays16}),
              (Finish{Outcome::kSettled16, "old-tail-kept"}));
    // The old password fills 16 bytes: its tail is zero bytes, and nothing is left over.
    EXPECT_EQ(end_of({.habit = OnApply::kKeepsOldTail, .beginning = Beginning::kSettled16}),
              (Finish{Outcome::kSettled16, ""}));
}

TEST(PasswordOutcomes, InterruptedRunIsRecovered) {
    EXPECT_EQ(end_of({.beginning = Beginning::kStagedNotSent}), (Finish{Outcome::kRecovered, ""}));
    EXPECT_EQ(end_of({.beginning = Beginning::kSentNotCommitted}), (Finish{Outcome::kRecovered, ""}));
    EXPECT_EQ(end_of({.beginning = Beginning::kFirst16NotRecorded}), (Finish{Outcome::kRecovered, "settled-16"}));
    EXPECT_EQ(end_of({.beginning = Beginning::kOldTailNotRecorded}), (Finish{Outcome::kRecovered, "old-tail-kept"}));
    EXPECT_EQ(end_of({.beginning = Beginning::kFailedLiveAndPending}), (Finish{Outcome::kRecovered, ""}));
}

TEST(PasswordOutcomes, RecoverLeavesAHealthyBmcAlone) {
    EXPECT_EQ(end_of({.goal = Goal::kRecover}), (Finish{Outcome::kAlreadyCurrent, ""}));
    EXPECT_EQ(end_of({.beginning = Beginning::kFirstContact, .goal = Goal::kRecover}),
              (Finish{Outcome::kRecovered, "first-proved"}));
}

TEST(PasswordOutcomes, RecoverReplacesAnOlderVersionByAFreshOne) {
    EXPECT_EQ(end_of({.beginning = Beginning::kOlderLive, .goal = Goal::kRecover}), (Finish{Outcome::kRecovered, ""}));
}

TEST(PasswordOutcomes, PutBackReturnsThePreviousSecretOnceOnly) {
    EXPECT_EQ(end_of({.goal = Goal::kPutBack}), (Finish{Outcome::kPutBack, ""}));
    EXPECT_EQ(end_of({.beginning = Beginning::kPutBackStaged, .goal = Goal::kPutBack}),
              (Finish{Outcome::kPutBack, ""}));
    EXPECT_EQ(end_of({.beginning = Beginning::kPutBackSent, .goal = Goal::kPutBack}), (Finish{Outcome::kPutBack, ""}));
    EXPECT_EQ(end_of({.beginning = Beginning::kOlderLive, .goal = Goal::kPutBack}),
              (Finish{Outcome::kBlocked, "vault-was-behind"}));
}

TEST(PasswordOutcomes, BmcThatAcknowledgesAndForgetsKeepsItsOldPassword) {
    EXPECT_EQ(end_of({.habit = OnApply::kForgets}), (Finish{Outcome::kRefused, "accepted-but-not-stored"}));
    EXPECT_EQ(end_of({.habit = OnApply::kLosesReplyBefore}), (Finish{Outcome::kRefused, "no-reply-to-set-password"}));
}

TEST(PasswordOutcomes, RefusalsAreReported) {
    EXPECT_EQ(end_of({.habit = OnApply::kRefuses}), (Finish{Outcome::kRefused, "refused-by-bmc"}));
    EXPECT_EQ(end_of({.habit = OnApply::kTooEarly}), (Finish{Outcome::kBlocked, "minimum-change-interval"}));
}

TEST(PasswordOutcomes, WhatTheProofCouldNotAskIsSaid) {
    EXPECT_EQ(end_of({.sulks = Answer::kNoAnswer}), (Finish{Outcome::kUnreachable, ""}));
    EXPECT_EQ(end_of({.sulks = Answer::kUnknownUserOrLocked}), (Finish{Outcome::kLocked, ""}));
    EXPECT_EQ(end_of({.sulks = Answer::kNoSessionSlot}), (Finish{Outcome::kBusy, "no-session-slot"}));
    EXPECT_EQ(end_of({.sulks = Answer::kIdentityChanged}), (Finish{Outcome::kIdentityChanged, ""}));
    EXPECT_EQ(end_of({.sulks = Answer::kNoProof}), (Finish{Outcome::kRefused, "no-rakp2-proof"}));
    EXPECT_EQ(end_of({.sulks = Answer::kCipherSuiteRefused}), (Finish{Outcome::kRefused, "cipher-suite-refused"}));
    EXPECT_EQ(end_of({.sulks = Answer::kProtocolError}), (Finish{Outcome::kRefused, "protocol-error"}));
    EXPECT_EQ(end_of({.sulks = Answer::kPrivilegeRefused}), (Finish{Outcome::kRefused, "live-without-rights"}));
}

TEST(PasswordOutcomes, UnknownPasswordIsQuarantined) {
    EXPECT_EQ(end_of({.beginning = Beginning::kForeign}), (Finish{Outcome::kQuarantined, "no-candidate-matches"}));
    EXPECT_EQ(end_of({.sulks = Answer::kNoCandidateMatches}), (Finish{Outcome::kQuarantined, "no-candidate-matches"}));
    EXPECT_EQ(end_of({.sulks = Answer::kKgUnknown}), (Finish{Outcome::kQuarantined, "k_g-unknown"}));
}

TEST(PasswordOutcomes, OrdinaryRotationAsksTwiceAndWritesTwice) {
    std::vector<std::size_t> actions;
    const RecordingMachine machine{&actions};
    Situation begin;
    begin.current = VersionNumber{1};
    Step now = machine.start(begin);
    const Sighting old{Answer::kMatched, VersionNumber{1}, Form::kExact, true};
    const Sighting fresh{Answer::kMatched, VersionNumber{2}, Form::kExact, true};
    now = machine.step(now.state, Sighted{old, true});
    now = machine.step(now.state, SlotChecked{SlotFact::kOurs, true});
    now = machine.step(now.state, Staged{Durable::kCommitted, VersionNumber{2}});
    now = machine.step(now.state, Applied{ApplyResult::kAccepted, true});
    now = machine.step(now.state, Sighted{fresh, true});
    now = machine.step(now.state, Stored{Durable::kCommitted});
    const std::vector<std::size_t> expected{
        Action(Probe{}).index(), Action(CheckSlot{}).index(), Action(Stage{}).index(), Action(Apply{}).index(),
        Action(Prove{}).index(), Action(Commit{}).index(),    Action(Finish{}).index()};
    EXPECT_EQ(actions, expected);
}

TEST(PasswordOutcomesDeathTest, EventThatWasNotAskedForIsOurBug) {
    ::testing::GTEST_FLAG(death_test_style) = "threadsafe";
    const Step begun = start(Situation{});
    EXPECT_DEATH((void)step(begun.state, Stored{Durable::kCommitted}), "bug");
}

// The end of the promise is the end of the history: a vault that deletes what it thinks was never stored loses a
// password, and the search sees it.
TEST(PasswordPromise, DeletingFailedVersionsLosesPasswords) {
    const RealMachine machine;
    Findings findings;
    const Search search = search_all([&](Choices& choices, std::size_t& steps) {
        PasswordWorld world(machine, choices, steps, findings);
        world.vault.deletes_failed = true;
        world.faults_left = 2;
        world.bmc.habit = static_cast<OnApply>(choices.pick(kApplyWays));
        world.begin(Beginning::kSettled);
        world.run();
    });
    EXPECT_EQ(search.rule, "PROMISE");
}

}  // namespace
}  // namespace test
}  // namespace bmcvault::rotate
