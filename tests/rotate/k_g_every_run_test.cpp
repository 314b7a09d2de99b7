// Every interleaving of outcomes, crashes and faults of one K_G change, against the invariants; every state; and seeded
// mistakes that must be caught.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <map>

#include "tests/rotate/k_g_world.hpp"

namespace bmcvault::rotate::test {
namespace {

template <class Machine>
Search search_k_g(const Machine& machine, int faults, std::set<std::string>& words) {
    return search_all([&](Choices& choices, std::size_t& steps) {
        KgWorld world(machine, choices, steps, words);
        world.faults_left = faults;
        world.change_wanted = choices.pick(2) == 0;
        world.bmc.habit = static_cast<OnKgApply>(choices.pick(kKgApplyWays));
        world.begin(static_cast<KgBeginning>(choices.pick(kKgBeginnings)));
        world.run();
    });
}

TEST(KgEveryRun, EveryHabitOfTheBmcWithTwoMoreFaults) {
    std::set<std::string> words;
    const Search search = search_k_g(RealKgMachine(), 2 - kFewerFaults, words);
    std::printf("K_G: %zu runs, %zu steps\n", search.runs, search.steps);
    EXPECT_EQ(search.rule, "") << search.what << "\nreplay: BMCVAULT_REPLAY=" << search.replay
                               << " with --gtest_filter=KgEveryRun.EveryHabitOfTheBmcWithTwoMoreFaults";
    EXPECT_EQ(words.size(), 8u) << "every outcome is reached";
}

TEST(KgEveryRun, EveryHabitOfABmcThatSulksAfterTheWriteWithOneMoreFault) {
    std::set<std::string> words;
    const RealKgMachine machine;
    const Search search = search_all([&](Choices& choices, std::size_t& steps) {
        KgWorld world(machine, choices, steps, words);
        world.faults_left = 1 - kFewerFaults;
        world.bmc.sulks = kOtherKgAnswers[choices.pick(kOtherKgAnswerCount)];
        world.bmc.habit = static_cast<OnKgApply>(choices.pick(kKgApplyWays));
        world.begin(static_cast<KgBeginning>(choices.pick(kKgBeginnings)));
        world.run();
    });
    std::printf("K_G, sulking: %zu runs, %zu steps\n", search.runs, search.steps);
    EXPECT_EQ(search.rule, "")
        << search.what << "\nreplay: BMCVAULT_REPLAY=" << search.replay
        << " with --gtest_filter=KgEveryRun.EveryHabitOfABmcThatSulksAfterTheWriteWithOneMoreFault";
}

// ---- what one habit leads to, without further faults ----

KgOutcome outcome_of(OnKgApply habit, KgBeginning beginning = KgBeginning::kOneSet, bool wanted = true) {
    const RealKgMachine machine;
    Choices none;
    std::size_t steps = 0;
    std::set<std::string> words;
    KgWorld world(machine, none, steps, words);
    world.bmc.habit = habit;
    world.change_wanted = wanted;
    world.begin(beginning);
    return world.run();
}

TEST(KgOutcomes, ProvedKeyIsChanged) {
    EXPECT_EQ(outcome_of(OnKgApply::kStores), KgOutcome::kChanged);
    EXPECT_EQ(outcome_of(OnKgApply::kStores, KgBeginning::kNone), KgOutcome::kChanged);
    EXPECT_EQ(outcome_of(OnKgApply::kLosesReplyAfter), KgOutcome::kChanged);
    EXPECT_EQ(outcome_of(OnKgApply::kStoresAtThirdHandshake), KgOutcome::kChanged);
    EXPECT_EQ(outcome_of(OnKgApply::kRefusesButStores), KgOutcome::kChanged);
    EXPECT_EQ(outcome_of(OnKgApply::kNotSupportedButStores), KgOutcome::kChanged);
    EXPECT_EQ(outcome_of(OnKgApply::kLosesSession), KgOutcome::kChanged);
}

TEST(KgOutcomes, InterruptedChangeIsFinishedAsked) {
    EXPECT_EQ(outcome_of(OnKgApply::kStores, KgBeginning::kSentNotCommitted), KgOutcome::kChanged);
    EXPECT_EQ(outcome_of(OnKgApply::kStores, KgBeginning::kSentNotCommitted, false), KgOutcome::kChanged);
    EXPECT_EQ(outcome_of(OnKgApply::kStores, KgBeginning::kStagedNotSent), KgOutcome::kChanged);
}

TEST(KgOutcomes, StagedKeyThatNobodyWantsAnyMoreIsNeverSent) {
    EXPECT_EQ(outcome_of(OnKgApply::kStores, KgBeginning::kStagedNotSent, false), KgOutcome::kUnchanged);
}

TEST(KgOutcomes, NotSupportedIsAFactAndNothingIsSentAgain) {
    EXPECT_EQ(outcome_of(OnKgApply::kNotSupported), KgOutcome::kNotSupported);
    EXPECT_EQ(outcome_of(OnKgApply::kStores, KgBeginning::kKnownUnsupported), KgOutcome::kNotSupported);
}

TEST(KgOutcomes, UnusableKeyIsPutBackWhileTheSessionIsThere) {
    EXPECT_EQ(outcome_of(OnKgApply::kStoresUnusable), KgOutcome::kUnusable);
    EXPECT_EQ(outcome_of(OnKgApply::kStoresUnusable, KgBeginning::kNone), KgOutcome::kUnusable);
    EXPECT_EQ(outcome_of(OnKgApply::kStoresCut), KgOutcome::kUnusable);
}

TEST(KgOutcomes, UnusableKeyWithoutTheSessionIsQuarantined) {
    EXPECT_EQ(outcome_of(OnKgApply::kLosesSessionUnusable), KgOutcome::kQuarantined);
}

TEST(KgOutcomes, KindThatCanNotUseAKeyIsRememberedAlsoWhereThisBmcIsLost) {
    for (const OnKgApply habit : {OnKgApply::kStoresUnusable, OnKgApply::kLosesSessionUnusable}) {
        const RealKgMachine machine;
        Choices none;
        std::size_t steps = 0;
        std::set<std::string> words;
        KgWorld world(machine, none, steps, words);
        world.bmc.habit = habit;
        world.begin(KgBeginning::kOneSet);
        (void)world.run();
        EXPECT_EQ(world.vault.supported, false);
    }
}

TEST(KgOutcomes, PutBackIsGivenTimeBeforeTheNewKeyIsBelieved) {
    const VersionNumber pending{1};
    KgSituation begin;
    begin.change_wanted = true;
    begin.kept_session = true;
    KgStep now = start(begin);
    now = step(now.state, Staged{Durable::kCommitted, pending});
    now = step(now.state, KgApplied{KgApplyResult::kAccepted, true});
    now = step(now.state, KgSighted{{Answer::kKgUnknown, {}, false}, true});
    ASSERT_TRUE(std::holds_alternative<KgPutBack>(now.action));
    now = step(now.state, KgApplied{KgApplyResult::kAccepted, true});
    for (int waits = 0; waits < 5; ++waits) {
        now = step(now.state, KgSighted{{Answer::kMatched, pending, false}, true});
        ASSERT_TRUE(std::holds_alternative<Wait>(now.action));
        now = step(now.state, Waited{true});
    }
    now = step(now.state, KgSighted{{Answer::kMatched, pending, false}, true});
    EXPECT_TRUE(std::holds_alternative<KgCommit>(now.action)) << "it is live, and proved to be usable";
}

TEST(KgOutcomes, RefusedOrForgottenKeyLeavesTheOldOne) {
    EXPECT_EQ(outcome_of(OnKgApply::kRefuses), KgOutcome::kRefused);
    EXPECT_EQ(outcome_of(OnKgApply::kForgets), KgOutcome::kUnproved);
}

TEST(KgOutcomes, VaultThatHoldsSomethingElseEndsTheRun) {
    KgSituation begin;
    begin.pending = VersionNumber{1};
    begin.live = begin.pending;
    KgStep now = start(begin);
    ASSERT_TRUE(std::holds_alternative<KgCommit>(now.action));
    now = step(now.state, Stored{Durable::kUnknown});
    KgSituation strange;
    strange.current = VersionNumber{7};
    now = step(now.state, KgReloaded{strange, true});
    EXPECT_TRUE(now.action == KgAction(KgFinish{KgOutcome::kVaultNotWritten}));
}

// ---- seeded mistakes ----

struct KgMutant {
    std::string mistake;
    std::string caught_by;
    std::function<KgEvent(const KgState&, KgEvent)> hears;
    std::function<KgStep(const KgState&, const KgEvent&, KgStep)> does;

    // NOLINTNEXTLINE(readability-convert-member-functions-to-static): as the other machines
    [[nodiscard]] KgStep start(const KgSituation& situation) const { return rotate::start(situation); }
    [[nodiscard]] KgStep step(const KgState& state, const KgEvent& event) const {
        const KgEvent heard = hears ? hears(state, event) : event;
        const KgStep result = rotate::step(state, heard);
        return does ? does(state, heard, result) : result;
    }
};

KgStep instead(KgStep result, const KgAction& action) {
    result.state.asked = action;
    result.action = action;
    return result;
}

std::vector<KgMutant> k_g_mutants() {
    std::vector<KgMutant> all;
    all.push_back({"commits because the BMC said OK", "I3", {}, [](const KgState&, const KgEvent& event, KgStep s) {
                       const auto* applied = std::get_if<KgApplied>(&event);
                       const bool ok =
                           applied != nullptr && applied->result == KgApplyResult::kAccepted && !s.state.putting_back;
                       return ok ? instead(s, KgCommit{*s.state.situation.pending}) : s;
                   }});
    all.push_back({"puts the key back into a lost session",
                   "SESSION",
                   [](const KgState&, KgEvent event) {
                       if (auto* applied = std::get_if<KgApplied>(&event)) applied->kept_session = true;
                       if (auto* sighted = std::get_if<KgSighted>(&event)) sighted->kept_session = true;
                       return event;
                   },
                   {}});
    all.push_back({"leaves an unusable key where it is", "REPORT", {}, [](const KgState&, const KgEvent&, KgStep s) {
                       return std::holds_alternative<KgPutBack>(s.action) ? instead(s, KgFinish{KgOutcome::kUnproved})
                                                                          : s;
                   }});
    all.push_back(
        {"says settled after an unproved put-back", "REPORT", {}, [](const KgState&, const KgEvent&, KgStep s) {
             const bool proving = std::holds_alternative<KgProve>(s.action) && s.state.putting_back;
             return proving ? instead(s, KgFinish{KgOutcome::kUnusable}) : s;
         }});
    all.push_back({"retries with a new key", "I2", {}, [](const KgState&, const KgEvent&, KgStep s) {
                       const bool retry = std::holds_alternative<KgApply>(s.action) && s.state.applies == 2;
                       return retry ? instead(s, KgStage{}) : s;
                   }});
    all.push_back({"believes that it is not supported", "I4", {}, [](const KgState&, const KgEvent& event, KgStep s) {
                       const auto* applied = std::get_if<KgApplied>(&event);
                       const bool no = applied != nullptr && applied->result == KgApplyResult::kNotSupported;
                       return no ? instead(s, KgAbandon{*s.state.situation.pending}) : s;
                   }});
    all.push_back({"takes a cut key for the whole one",
                   "I3",
                   [](const KgState&, KgEvent event) {
                       if (auto* sighted = std::get_if<KgSighted>(&event)) sighted->sighting.cut_at_zero_byte = false;
                       return event;
                   },
                   {}});
    all.push_back({"sends before the COMMIT returned OK",
                   "I1",
                   [](const KgState&, KgEvent event) {
                       if (auto* staged = std::get_if<Staged>(&event)) {
                           if (staged->durable == Durable::kUnknown) *staged = {Durable::kCommitted, VersionNumber{9}};
                       }
                       return event;
                   },
                   {}});
    all.push_back({"waits for ever", "I7", {}, [](const KgState&, const KgEvent&, KgStep s) {
                       s.state.waits = 0;
                       return s;
                   }});
    return all;
}

class KgMutants : public ::testing::TestWithParam<KgMutant> {};

TEST_P(KgMutants, IsCaught) {
    std::set<std::string> words;
    const Search search = search_k_g(GetParam(), 2, words);
    EXPECT_EQ(search.rule, GetParam().caught_by) << GetParam().mistake << ": " << search.what;
}

INSTANTIATE_TEST_SUITE_P(Mistakes, KgMutants, ::testing::ValuesIn(k_g_mutants()), [](const auto& mutant) {
    std::string name;
    for (const char letter : mutant.param.mistake)
        name += std::isalnum(static_cast<unsigned char>(letter)) ? letter : '_';
    return name;
});

void PrintTo(const KgMutant& mutant, std::ostream* out) {
    *out << mutant.mistake;
}

}  // namespace
}  // namespace bmcvault::rotate::test
