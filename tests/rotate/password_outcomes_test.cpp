// What each habit of a BMC leads to, in the words of docs/outcomes.md; and the steps of one ordinary rotation.
#include <gtest/gtest.h>

#include <chrono>
#include <ostream>
#include <string>
#include <vector>

#include "tests/rotate/password_world.hpp"

namespace bmcvault::rotate {

// Where GoogleTest looks for it: in the namespace of Finish. NOLINTNEXTLINE(misc-use-anonymous-namespace)
static void PrintTo(const Finish& end, std::ostream* out) {
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
    EXPECT_EQ(end_of({.beginning = Beginning::kMangledCurrent}), (Finish{Outcome::kRecovered, "settled-16"}));
    EXPECT_EQ(end_of({.beginning = Beginning::kFirstContactStaged, .goal = Goal::kRecover}),
              (Finish{Outcome::kRecovered, "first-proved"}));
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
    EXPECT_EQ(end_of({.beginning = Beginning::kPutBackStagedOtherLive, .goal = Goal::kPutBack}),
              (Finish{Outcome::kBlocked, "vault-was-behind"}));
    EXPECT_EQ(end_of({.beginning = Beginning::kPutBackDone, .goal = Goal::kPutBack}),
              (Finish{Outcome::kAlreadyCurrent, ""}));
    EXPECT_EQ(end_of({.beginning = Beginning::kOlderLive, .goal = Goal::kPutBack}),
              (Finish{Outcome::kBlocked, "vault-was-behind"}));
    EXPECT_EQ(end_of({.beginning = Beginning::kSentNotCommitted, .goal = Goal::kPutBack}),
              (Finish{Outcome::kBlocked, "vault-was-behind"}));
}

TEST(PasswordOutcomes, PutBackGivesUpAnInterruptedRotationThatIsNotLive) {
    EXPECT_EQ(end_of({.beginning = Beginning::kStagedNotSent, .goal = Goal::kPutBack}),
              (Finish{Outcome::kPutBack, ""}));
}

TEST(PasswordOutcomes, PutBackThatIsMangledIsNotCalledDone) {
    EXPECT_EQ(end_of({.habit = OnApply::kStoresFirst16, .goal = Goal::kPutBack}),
              (Finish{Outcome::kRefused, "put-back-mangled"}));
}

TEST(PasswordOutcomes, BmcThatAcknowledgesAndForgetsKeepsItsOldPassword) {
    EXPECT_EQ(end_of({.habit = OnApply::kForgets}), (Finish{Outcome::kRefused, "accepted-but-not-stored"}));
    EXPECT_EQ(end_of({.habit = OnApply::kLosesReplyBefore}), (Finish{Outcome::kRefused, "no-reply-to-set-password"}));
}

TEST(PasswordOutcomes, RefusalsAreReported) {
    EXPECT_EQ(end_of({.habit = OnApply::kRefuses}), (Finish{Outcome::kRefused, "refused-by-bmc"}));
    EXPECT_EQ(end_of({.habit = OnApply::kTooEarly}), (Finish{Outcome::kBlocked, "minimum-change-interval"}));
}

TEST(PasswordOutcomes, WhereAChangeIsKnownToBeTooEarlyNothingIsMadeOrSent) {
    const Finish blocked{Outcome::kBlocked, kTooEarly};
    EXPECT_EQ(end_of({.habit = OnApply::kRefuses, .beginning = Beginning::kChangedLately}), blocked);
    EXPECT_EQ(end_of({.habit = OnApply::kRefuses, .beginning = Beginning::kStagedLately}), blocked);
    EXPECT_EQ(end_of({.beginning = Beginning::kChangedLately, .goal = Goal::kPutBack}), blocked);
    EXPECT_EQ(end_of({.beginning = Beginning::kStagedLately, .goal = Goal::kPutBack}), blocked);
    EXPECT_EQ(end_of({.beginning = Beginning::kChangedLately, .goal = Goal::kRecover}),
              (Finish{Outcome::kAlreadyCurrent, ""}));
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

// ---- single steps ----

class PasswordSteps : public ::testing::Test {
protected:
    static constexpr VersionNumber kOld{1};
    static constexpr VersionNumber kNew{2};

    PasswordSteps() {
        begin.current = kOld;
        take(start(begin));
    }
    void hear(const Event& event) { take(step(now.state, event)); }
    void hear_up_to_apply() {
        hear(Sighted{old_live, true});
        hear(SlotChecked{SlotFact::kOurs, true});
        hear(Staged{Durable::kCommitted, kNew});
    }
    void take(Step next) {
        now = next;
        asked.push_back(now.action);
    }

    const Sighting old_live{Answer::kMatched, kOld, Form::kExact, true};
    const Sighting new_live{Answer::kMatched, kNew, Form::kExact, true};
    Situation begin;
    Step now;
    std::vector<Action> asked;
};

TEST_F(PasswordSteps, OrdinaryRotationAsksTwiceAndCommitsTwice) {
    hear_up_to_apply();
    hear(Applied{ApplyResult::kAccepted, true});
    hear(Sighted{new_live, true});
    hear(Stored{Durable::kCommitted});
    const std::vector<Action> expected{
        Probe{},     CheckSlot{},  Stage{StoredSize::k20, Shape::kFull}, Apply{kNew, StoredSize::k20},
        Prove{kNew}, Commit{kNew}, Finish{Outcome::kRotated, ""}};
    EXPECT_TRUE(asked == expected);
}

TEST_F(PasswordSteps, UnclearAnswerIsAskedAboutAgainAfterAWrite) {
    hear_up_to_apply();
    hear(Applied{ApplyResult::kAccepted, true});
    for (const int seconds : {1, 2, 5, 10, 20}) {
        hear(Sighted{{Answer::kNoAnswer, {}, Form::kExact, false}, true});
        EXPECT_TRUE(now.action == Action(Wait{std::chrono::seconds(seconds)}));
        hear(Waited{true});
        EXPECT_TRUE(now.action == Action(Prove{kNew}));
    }
    hear(Sighted{{Answer::kNoAnswer, {}, Form::kExact, false}, true});
    EXPECT_TRUE(now.action == Action(Finish{Outcome::kUnreachable, ""}));
}

TEST_F(PasswordSteps, UnclearAnswerEndsARunThatHasSentNothing) {
    hear(Sighted{{Answer::kNoAnswer, {}, Form::kExact, false}, false});
    EXPECT_TRUE(now.action == Action(Finish{Outcome::kUnreachable, ""}));
}

TEST_F(PasswordSteps, SessionLostWhileTheSlotIsAskedForIsNoUnknownSlot) {
    hear(Sighted{old_live, true});
    hear(SlotChecked{SlotFact::kUnknown, false});
    EXPECT_TRUE(now.action == Action(Probe{}));
}

TEST_F(PasswordSteps, CommitWithoutAnAnswerIsReadBackAndRepeatedWhereNothingHappened) {
    hear_up_to_apply();
    hear(Applied{ApplyResult::kAccepted, true});
    hear(Sighted{new_live, true});
    hear(Stored{Durable::kUnknown});
    EXPECT_TRUE(now.action == Action(Reload{}));
    Situation as_before;
    as_before.current = kOld;
    as_before.pending = kNew;
    hear(Reloaded{as_before, true});
    EXPECT_TRUE(now.action == Action(Commit{kNew}));
}

TEST_F(PasswordSteps, VaultThatHoldsSomethingElseEndsTheRun) {
    for (const std::optional<VersionNumber> pending : {std::optional<VersionNumber>(), std::optional(kNew)}) {
        for (const ApplyResult result : {ApplyResult::kAccepted, ApplyResult::kRefused}) {
            take(start(begin));
            hear_up_to_apply();
            hear(Applied{result, true});
            hear(Sighted{result == ApplyResult::kAccepted ? new_live : old_live, true});  // commits, or abandons
            hear(Stored{Durable::kUnknown});
            Situation strange;
            strange.current = VersionNumber{7};
            strange.pending = pending;
            hear(Reloaded{strange, true});
            EXPECT_TRUE(now.action == Action(Finish{Outcome::kBlocked, "vault-changed"}));
        }
    }
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
