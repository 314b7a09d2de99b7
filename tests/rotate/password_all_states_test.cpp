// I7 against a BMC and a disk that answer anything at all, not only what the models can: every state that any events
// can reach, and the longest way through them. A way without an end would be a state that leads to itself.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <unordered_map>
#include <vector>

#include "rotate/core/password_machine.hpp"

namespace bmcvault::rotate::test {
namespace {

// The machine only compares version numbers, so a state stands for all states with the same pattern of numbers: current
// is called 1, pending 2, anything else 3.
constexpr VersionNumber kCurrentName{1};
constexpr VersionNumber kPendingName{2};
constexpr VersionNumber kOtherName{3};
constexpr VersionNumber kNewName{4};

VersionNumber renamed(const Situation& names, VersionNumber version) {
    if (names.current == version) return kCurrentName;
    if (names.pending == version) return kPendingName;
    return kOtherName;
}

Action renamed(const Situation& names, Action action) {
    std::visit(
        [&names](auto& a) {
            if constexpr (requires { a.version; }) a.version = renamed(names, a.version);
        },
        action);
    return action;
}

PasswordState renamed(PasswordState state) {
    const Situation names = state.situation;
    state.asked = renamed(names, state.asked);
    state.unconfirmed = std::holds_alternative<Reload>(state.asked) ? renamed(names, state.unconfirmed) : Action{};
    const bool seen_pending = state.seen && state.seen == names.pending;
    if (!std::holds_alternative<RecordObserved>(state.asked) && !std::holds_alternative<Reload>(state.asked)) {
        state.seen.reset();
    } else if (state.seen) {
        state.seen = seen_pending ? kPendingName : kOtherName;
    }
    if (state.situation.current) state.situation.current = kCurrentName;
    if (state.situation.pending) state.situation.pending = kPendingName;
    return state;
}

class EveryEvent {
public:
    std::vector<Event> after(const PasswordState& state) {
        events_.clear();
        const Action& asked = state.asked;
        const bool durable = std::holds_alternative<RecordFound>(asked) || std::holds_alternative<Commit>(asked) ||
                             std::holds_alternative<Abandon>(asked) || std::holds_alternative<QuarantineBmc>(asked);
        if (std::holds_alternative<Probe>(asked) || std::holds_alternative<Prove>(asked)) sightings(state);
        if (std::holds_alternative<CheckSlot>(asked)) slots();
        if (std::holds_alternative<Apply>(asked)) applies();
        for (const Durable result : {Durable::kCommitted, Durable::kRefused, Durable::kUnknown}) {
            if (durable) events_.emplace_back(Stored{result});
            if (std::holds_alternative<Stage>(asked)) events_.emplace_back(Staged{result, kNewName});
            if (std::holds_alternative<RecordObserved>(asked)) events_.emplace_back(Recorded{result, kNewName});
        }
        for (const bool kept : {false, true}) {
            if (std::holds_alternative<RestoreRights>(asked)) events_.emplace_back(RightsRestored{true, kept});
            if (std::holds_alternative<Wait>(asked)) events_.emplace_back(Waited{kept});
        }
        if (std::holds_alternative<Reload>(asked)) reloads(state.situation);
        return events_;
    }

private:
    void sightings(const PasswordState& state) {
        for (const bool kept : {false, true}) {
            for (int answer = 1; answer <= static_cast<int>(Answer::kProtocolError); ++answer) {
                events_.emplace_back(Sighted{{static_cast<Answer>(answer), {}, Form::kExact, false}, kept});
            }
            for (const VersionNumber version : {kCurrentName, kPendingName, kOtherName}) {
                if (version == kPendingName && !state.situation.pending) continue;
                if (version == kCurrentName && !state.situation.current) continue;
                for (const Form form : {Form::kExact, Form::kFirst16, Form::kNewHeadOldTail}) {
                    events_.emplace_back(Sighted{{Answer::kMatched, version, form, true}, kept});
                }
                events_.emplace_back(Sighted{{Answer::kMatched, version, Form::kExact, false}, kept});
            }
            for (const Form form : {Form::kExact, Form::kFirst16}) {
                events_.emplace_back(Sighted{{Answer::kMatched, {}, form, true}, kept});
                events_.emplace_back(Sighted{{Answer::kMatched, {}, form, true, true}, kept});
            }
        }
    }
    void slots() {
        for (const SlotFact fact : {SlotFact::kOurs, SlotFact::kAmbiguous, SlotFact::kUnknown}) {
            events_.emplace_back(SlotChecked{fact, true});
            events_.emplace_back(SlotChecked{fact, false});
        }
    }
    void applies() {
        for (const ApplyResult result :
             {ApplyResult::kAccepted, ApplyResult::kRefusedByPolicy, ApplyResult::kRefusedSize,
              ApplyResult::kRefusedTooEarly, ApplyResult::kRefused, ApplyResult::kNoReply}) {
            events_.emplace_back(Applied{result, true});
            events_.emplace_back(Applied{result, false});
        }
    }
    void reloads(const Situation& known) {
        events_.emplace_back(Reloaded{known, false});
        events_.emplace_back(Reloaded{known, true});
        for (const std::optional<VersionNumber> pending :
             {std::optional<VersionNumber>{}, known.pending, std::optional{kNewName}}) {
            for (const std::optional<VersionNumber> current :
                 {known.current, known.pending, std::optional{kOtherName}, std::optional{kNewName}}) {
                Situation now = known;
                now.pending = pending;
                now.current = current;
                events_.emplace_back(Reloaded{now, true});
            }
        }
    }

    std::vector<Event> events_;
};

struct HashState {
    std::size_t operator()(const PasswordState& s) const {
        const std::uint64_t counters = s.applies | std::uint64_t{s.waits} << 4 | std::uint64_t{s.restores} << 8 |
                                       std::uint64_t{s.probes} << 12 | std::uint64_t{s.stages} << 16 |
                                       std::uint64_t{s.reloads} << 20;
        const std::uint64_t flags =
            std::uint64_t{s.kept} << 24 | std::uint64_t{s.slot_known} << 25 | std::uint64_t{s.recovered} << 26 |
            std::uint64_t{s.use_16} << 27 | std::uint64_t{s.reshaped} << 28 |
            std::uint64_t{s.situation.pending.has_value()} << 29 | std::uint64_t{s.situation.current.has_value()} << 30;
        const std::uint64_t where = static_cast<std::uint64_t>(s.asked.index()) << 32 |
                                    static_cast<std::uint64_t>(s.unconfirmed.index()) << 36 |
                                    static_cast<std::uint64_t>(s.applied) << 40 |
                                    static_cast<std::uint64_t>(s.situation.goal) << 44;
        return std::hash<std::uint64_t>{}((counters | flags | where) * 0x9e3779b97f4a7c15u);
    }
};

class LongestWay {
public:
    // Actions from this state to Finish, at most; -1: there is a way that never ends.
    int from(const PasswordState& state) {
        if (std::holds_alternative<Finish>(state.asked)) return 1;
        const auto [entry, is_new] = known_.try_emplace(state, -1);
        if (!is_new) return entry->second;
        int longest = 0;
        for (const Event& event : EveryEvent().after(state)) {
            const int rest = from(renamed(step(state, event).state));
            if (rest < 0) return -1;
            longest = std::max(longest, rest);
        }
        known_[state] = longest + 1;
        return longest + 1;
    }
    [[nodiscard]] std::size_t states() const { return known_.size(); }

private:
    std::unordered_map<PasswordState, int, HashState> known_;
};

class PasswordAllStates : public ::testing::TestWithParam<Goal> {};

TEST_P(PasswordAllStates, EveryRunEndsWhateverTheBmcAndTheDiskAnswer) {
    LongestWay way;
    int longest = 0;
    for (int bits = 0; bits < 16; ++bits) {
        Situation begin;
        begin.goal = GetParam();
        if ((bits & 1) != 0) begin.current = kCurrentName;
        if ((bits & 2) != 0) begin.pending = kPendingName;
        begin.pending_is_put_back = (bits & 4) != 0;
        begin.too_early = (bits & 8) != 0;
        const int steps = way.from(renamed(start(begin).state));
        ASSERT_GE(steps, 0) << "a run without an end";
        longest = std::max(longest, steps);
    }
    std::printf("%zu states, longest run %d steps\n", way.states(), longest);
    EXPECT_LE(longest, kMaxSteps);
    if (GetParam() == Goal::kRotate) {
        EXPECT_EQ(longest, kMaxSteps) << "the constant names the longest run";
    }
}

INSTANTIATE_TEST_SUITE_P(Goals, PasswordAllStates,
                         ::testing::Values(Goal::kRotate, Goal::kRecover, Goal::kFind, Goal::kPutBack));

}  // namespace
}  // namespace bmcvault::rotate::test
