// Closing a slot: every state over everything that a BMC and a disk can answer. What must hold in all of them: nothing
// is sent before it is staged, one password at a time, no claim without a handshake, and an end.
#include "rotate/core/closing_machine.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <vector>

namespace bmcvault::rotate {
namespace {

const std::vector<ClosingEvent>& answers_to(const ClosingAction& action, VersionNumber next) {
    static std::vector<ClosingEvent> answers;
    answers.clear();
    if (std::holds_alternative<StageSlot>(action)) {
        for (const auto durable : {Durable::kCommitted, Durable::kRefused, Durable::kUnknown}) {
            answers.emplace_back(Staged{durable, next});
        }
    } else if (std::holds_alternative<CommitSlot>(action) || std::holds_alternative<AbandonSlot>(action)) {
        for (const auto durable : {Durable::kCommitted, Durable::kUnknown}) answers.emplace_back(Stored{durable});
    } else if (std::holds_alternative<ReadSlot>(action)) {
        answers = {SlotRead{true, true}, SlotRead{false, true}, SlotRead{std::nullopt, true},
                   SlotRead{std::nullopt, false}};
    } else if (std::holds_alternative<AskSlot>(action)) {
        for (const auto answer : {Answer::kUnknownUserOrLocked, Answer::kNoCandidateMatches, Answer::kNoAnswer}) {
            answers.emplace_back(SlotAsked{answer, false});
        }
        answers.emplace_back(SlotAsked{Answer::kMatched, true, VersionNumber{next.value - 1}});
        answers.emplace_back(SlotAsked{Answer::kMatched, true, VersionNumber{1}});
        answers.emplace_back(SlotAsked{Answer::kMatched, true});
        answers.emplace_back(SlotAsked{Answer::kMatched, false});
    } else if (std::holds_alternative<ReturnToOwn>(action) || std::holds_alternative<LookAtOwn>(action)) {
        answers = {OwnSeen{true, true, true}, OwnSeen{false, true, true}, OwnSeen{false, true, false},
                   OwnSeen{false, false, false}};
    } else {
        answers = {Told{Telling::kDone, true}, Told{Telling::kRefused, true}, Told{Telling::kRefusedSize, true},
                   Told{Telling::kNoReply, true}, Told{Telling::kNoReply, false}};
    }
    return answers;
}

struct Seen {
    std::set<std::uint32_t> staged;
    std::optional<std::uint32_t> pending;
    int values = 0;
    bool asked_since_last_write = false;
    bool own_since_last_write = false;
    bool said_it_holds = false;  // what is pending
    bool said_disabled = false;
    std::set<std::uint8_t> said_closed;
    std::optional<bool> way_in;
    SlotAsked heard{};
    friend auto operator<=>(const Seen&, const Seen&) = default;
};

class EveryState {
public:
    explicit EveryState(ClosingSituation situation) : situation_(situation) {
        if (situation.pending) first_.staged.insert(situation.pending->value);
        first_.pending = situation.pending ? std::optional(situation.pending->value) : std::nullopt;
    }

    void run() { walk(start(situation_), first_, 0); }
    [[nodiscard]] std::size_t states() const { return visited_.size(); }
    [[nodiscard]] const std::set<ClosingOutcome>& outcomes() const { return outcomes_; }

private:
    void walk(const ClosingStep& at, Seen seen, int steps) {
        ASSERT_LE(steps, kMaxClosingSteps);
        if (!visited_.insert({at.state, seen}).second) return;
        check(at.action, seen);
        if (testing::Test::HasFailure()) return;
        if (const auto* end = std::get_if<ClosingFinish>(&at.action)) {
            outcomes_.insert(end->outcome);
            return;
        }
        const VersionNumber next{static_cast<std::uint32_t>(10 + seen.values)};
        const auto answers = answers_to(at.action, next);
        for (const auto& answer : answers) walk(step(at.state, answer), after(at.action, answer, seen), steps + 1);
    }

    static Seen after(const ClosingAction& action, const ClosingEvent& event, Seen seen) {
        const auto* told = std::get_if<Told>(&event);
        if (told != nullptr && told->result == Telling::kDone) {
            seen.said_disabled = seen.said_disabled || std::holds_alternative<DisableSlot>(action);
            if (const auto* close = std::get_if<CloseChannel>(&action)) seen.said_closed.insert(close->index);
        }
        if (std::holds_alternative<TestSlotPassword>(action)) {
            seen.said_it_holds = told != nullptr && told->result == Telling::kDone;
        }
        if (const auto* read = std::get_if<SlotRead>(&event)) seen.way_in = read->way_in;
        if (const auto* staged = std::get_if<Staged>(&event);
            staged != nullptr && staged->durable == Durable::kCommitted) {
            seen.staged.insert(staged->version.value);
            seen.pending = staged->version.value;
            ++seen.values;
        }
        const auto* stored = std::get_if<Stored>(&event);
        if (stored != nullptr && stored->durable == Durable::kCommitted) seen.pending.reset();
        if (const auto* heard = std::get_if<SlotAsked>(&event)) {
            seen.heard = *heard;
            seen.asked_since_last_write = true;
        } else if (const auto* own = std::get_if<OwnSeen>(&event)) {
            seen.own_since_last_write = own->administrator;
        } else if (std::holds_alternative<Told>(event)) {
            seen.asked_since_last_write = false;
            seen.own_since_last_write = false;
        }
        return seen;
    }

    void check(const ClosingAction& action, const Seen& seen) const {
        if (const auto* set = std::get_if<SetSlotPassword>(&action)) {
            EXPECT_TRUE(seen.staged.contains(set->version.value)) << "I1: sent before it was staged";
            EXPECT_EQ(seen.pending, set->version.value) << "only what is pending is sent";
        }
        if (std::holds_alternative<StageSlot>(action)) {
            EXPECT_FALSE(seen.pending.has_value()) << "I2: one pending version at a time";
            EXPECT_LE(seen.values, 1) << "at most one other value";
        }
        if (const auto* commit = std::get_if<CommitSlot>(&action)) {
            EXPECT_EQ(seen.pending, commit->version.value);
            const bool named = seen.heard.answer == Answer::kMatched && seen.heard.version == commit->version;
            const bool kept_out = seen.said_it_holds && seen.heard.answer == Answer::kUnknownUserOrLocked;
            EXPECT_TRUE(named || kept_out) << "current without a proof";
            EXPECT_TRUE(seen.asked_since_last_write && seen.own_since_last_write);
        }
        const auto* end = std::get_if<ClosingFinish>(&action);
        if (end == nullptr) return;
        const bool claims = end->outcome == ClosingOutcome::kClosed || end->outcome == ClosingOutcome::kOnlyOurs;
        if (!claims) return;
        EXPECT_TRUE(seen.asked_since_last_write) << "a claim without a handshake";
        EXPECT_TRUE(seen.own_since_last_write) << "I9: our own account was not proved afterwards";
        const bool refused = seen.heard.answer == Answer::kUnknownUserOrLocked;
        if (end->outcome == ClosingOutcome::kOnlyOurs) {
            EXPECT_TRUE(seen.heard.by_ours);
            return;
        }
        EXPECT_TRUE(refused);
        EXPECT_FALSE(seen.way_in.value_or(false)) << "a lock-out is refused in the same words";
        const bool said = seen.said_disabled || seen.said_closed.size() == situation_.channels;
        EXPECT_TRUE(seen.way_in == false || said) << "nobody said that it was closed";
    }

    ClosingSituation situation_;
    Seen first_;
    std::set<std::pair<ClosingState, Seen>> visited_;
    std::set<ClosingOutcome> outcomes_;
};

ClosingStep all_goes_well(const ClosingStep& at) {
    if (std::holds_alternative<CommitSlot>(at.action)) return step(at.state, Stored{Durable::kCommitted});
    if (std::holds_alternative<ReadSlot>(at.action)) return step(at.state, SlotRead{false, true});
    return step(at.state, Told{Telling::kDone, true});
}

TEST(ClosingMachine, EveryStateKeepsTheRules) {
    EveryState all({.pending = std::nullopt, .channels = 1, .small_first = false});
    all.run();
    EXPECT_GT(all.states(), 300u);
    EXPECT_EQ(all.outcomes().size(), 8u) << "every outcome can be reached";
}

TEST(ClosingMachine, APendingOneIsSentAgain) {
    EveryState all({.pending = VersionNumber{4}, .channels = 1, .small_first = false});
    all.run();
    const auto first = start({.pending = VersionNumber{4}, .channels = 1, .small_first = false});
    EXPECT_EQ(std::get<SetSlotPassword>(first.action).version, VersionNumber{4});
}

TEST(ClosingMachine, EveryChannelIsClosedBeforeItIsAsked) {
    auto at = start({.pending = VersionNumber{1}, .channels = 3, .small_first = false});
    std::vector<int> closed;
    while (!std::holds_alternative<AskSlot>(at.action)) {
        if (const auto* close = std::get_if<CloseChannel>(&at.action)) closed.push_back(close->index);
        at = all_goes_well(at);
    }
    EXPECT_EQ(closed, (std::vector{0, 1, 2}));
}

TEST(ClosingMachine, WhereNoAccessIsRefusedCallbackIsTheLowest) {
    auto at = start({.pending = VersionNumber{1}, .channels = 1, .small_first = false});
    while (!std::holds_alternative<CloseChannel>(at.action)) {
        at = all_goes_well(at);
    }
    at = step(at.state, Told{Telling::kRefused, true});
    EXPECT_TRUE(std::get<CloseChannel>(at.action).callback);
}

// Somebody's guesses have locked the account, and the BMC takes none of what is sent.
TEST(ClosingMachine, ALockedAccountThatNothingClosedIsNotProvedClosed) {
    for (const auto way_in : {std::optional(true), std::optional<bool>()}) {
        auto at = start({.pending = VersionNumber{1}, .channels = 1, .small_first = false});
        while (!std::holds_alternative<ReadSlot>(at.action)) {
            at = std::holds_alternative<AbandonSlot>(at.action) ? step(at.state, Stored{Durable::kCommitted})
                                                                : step(at.state, Told{Telling::kRefused, true});
        }
        at = step(at.state, SlotRead{way_in, true});
        at = step(at.state, SlotAsked{Answer::kUnknownUserOrLocked, false});
        at = step(at.state, OwnSeen{true, true, true});
        EXPECT_EQ(std::get<ClosingFinish>(at.action).outcome, ClosingOutcome::kUnproved);
    }
}

// The BMC says that it holds our password, and an old one opens the account all the same.
TEST(ClosingMachine, WhatTheBmcOnlySaysIsNeverCurrent) {
    auto at = start({.pending = VersionNumber{1}, .channels = 1, .small_first = false});
    while (!std::holds_alternative<AskSlot>(at.action)) at = all_goes_well(at);
    at = step(at.state, SlotAsked{Answer::kMatched, false});
    at = step(at.state, OwnSeen{true, true, true});
    EXPECT_EQ(std::get<ClosingFinish>(at.action).outcome, ClosingOutcome::kStillOpen);
}

TEST(ClosingMachine, WhenOurOwnAccountGoesTheSlotIsOpenedAgain) {
    auto at = start({.pending = VersionNumber{1}, .channels = 1, .small_first = false});
    while (!std::holds_alternative<AskSlot>(at.action)) {
        at = all_goes_well(at);
    }
    at = step(at.state, SlotAsked{Answer::kUnknownUserOrLocked, false});
    at = step(at.state, OwnSeen{false, true, true});
    ASSERT_TRUE(std::holds_alternative<ReopenSlot>(at.action));
    at = step(at.state, Told{Telling::kDone, true});
    at = step(at.state, OwnSeen{true, true, true});
    EXPECT_EQ(std::get<ClosingFinish>(at.action).outcome, ClosingOutcome::kUndone);
}

}  // namespace
}  // namespace bmcvault::rotate
