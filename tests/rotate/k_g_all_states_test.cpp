// I7 for the K_G phase, as password_all_states_test.cpp: every state that any events can reach, and the longest way.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <vector>

#include "rotate/core/k_g_machine.hpp"

namespace bmcvault::rotate::test {
namespace {

// Only the pattern of version numbers matters: current is called 1, pending 2, anything else 3, a new one 4.
using Name = std::optional<VersionNumber>;
constexpr Name kNone = std::nullopt;
constexpr Name kCurrentName = VersionNumber{1};
constexpr Name kPendingName = VersionNumber{2};
constexpr Name kOtherName = VersionNumber{3};
constexpr Name kNewName = VersionNumber{4};

Name renamed(const KgSituation& names, Name version) {
    if (!version) return kNone;
    if (version == names.current) return kCurrentName;
    return version == names.pending ? kPendingName : kOtherName;
}

KgAction renamed(const KgSituation& names, KgAction action) {
    std::visit(
        [&names](auto& a) {
            if constexpr (requires { a.version.has_value(); }) {
                a.version = renamed(names, a.version);
            } else if constexpr (requires { a.version; }) {
                a.version = *renamed(names, a.version);
            }
        },
        action);
    return action;
}

KgState renamed(KgState state) {
    const KgSituation names = state.situation;
    state.asked = renamed(names, state.asked);
    state.unconfirmed = std::holds_alternative<Reload>(state.asked) ? renamed(names, state.unconfirmed) : KgAction{};
    state.situation.live.reset();  // read by start() only
    state.situation.current = renamed(names, names.current);
    state.situation.pending = renamed(names, names.pending);
    return state;
}

std::vector<KgEvent> events_after(const KgState& state) {
    std::vector<KgEvent> events;
    const KgAction& asked = state.asked;
    for (const bool kept : {false, true}) {
        if (std::holds_alternative<Wait>(asked)) events.emplace_back(Waited{kept});
        if (std::holds_alternative<KgApply>(asked) || std::holds_alternative<KgPutBack>(asked)) {
            for (const KgApplyResult result : {KgApplyResult::kAccepted, KgApplyResult::kNotSupported,
                                               KgApplyResult::kRefused, KgApplyResult::kNoReply}) {
                events.emplace_back(KgApplied{result, kept});
            }
        }
        if (!std::holds_alternative<KgProve>(asked)) continue;
        for (int answer = 1; answer <= static_cast<int>(Answer::kProtocolError); ++answer) {
            events.emplace_back(KgSighted{{static_cast<Answer>(answer), kNone, false}, kept});
        }
        for (const Name& version : {kNone, state.situation.current, state.situation.pending, kOtherName}) {
            events.emplace_back(KgSighted{{Answer::kMatched, version, false}, kept});
            events.emplace_back(KgSighted{{Answer::kMatched, version, true}, kept});
        }
    }
    for (const Durable result : {Durable::kCommitted, Durable::kRefused, Durable::kUnknown}) {
        if (std::holds_alternative<KgStage>(asked)) events.emplace_back(Staged{result, *kNewName});
        const bool stored = std::holds_alternative<KgRecordFound>(asked) || std::holds_alternative<KgCommit>(asked) ||
                            std::holds_alternative<KgAbandon>(asked) || std::holds_alternative<QuarantineBmc>(asked) ||
                            std::holds_alternative<KgLearnSupport>(asked);
        if (stored) events.emplace_back(Stored{result});
    }
    if (!std::holds_alternative<Reload>(asked)) return events;
    events.emplace_back(KgReloaded{state.situation, false});
    for (const Name& pending : {kNone, state.situation.pending, kNewName}) {
        for (const Name& current : {kNone, state.situation.current, state.situation.pending, kOtherName}) {
            KgSituation now = state.situation;
            now.pending = pending;
            now.current = current;
            events.emplace_back(KgReloaded{now, true});
        }
    }
    return events;
}

class LongestWay {
public:
    // Actions from this state to KgFinish, at most; -1: there is a way that never ends.
    int from(const KgState& state) {
        if (std::holds_alternative<KgFinish>(state.asked)) return 1;
        const auto [entry, is_new] = known_.try_emplace(state, -1);
        if (!is_new) return entry->second;
        int longest = 0;
        for (const KgEvent& event : events_after(state)) {
            const int rest = from(renamed(step(state, event).state));
            if (rest < 0) return -1;
            longest = std::max(longest, rest);
        }
        entry->second = longest + 1;
        return longest + 1;
    }
    [[nodiscard]] std::size_t states() const { return known_.size(); }

private:
    std::map<KgState, int> known_;
};

TEST(KgAllStates, EveryRunEndsWhateverTheBmcAndTheDiskAnswer) {
    LongestWay way;
    int longest = 0;
    for (int bits = 0; bits < 16; ++bits) {
        for (const Name& live : {kNone, kCurrentName, kPendingName, kOtherName}) {
            KgSituation begin;
            if ((bits & 1) != 0) begin.current = kCurrentName;
            if ((bits & 2) != 0) begin.pending = kPendingName;
            begin.change_wanted = (bits & 4) != 0;
            begin.kept_session = true;
            if ((bits & 8) != 0) begin.supported = false;
            begin.live = live;
            const int steps = way.from(renamed(start(begin).state));
            ASSERT_GE(steps, 0) << "a run without an end";
            longest = std::max(longest, steps);
        }
    }
    std::printf("K_G: %zu states, longest run %d steps\n", way.states(), longest);
    EXPECT_EQ(longest, kMaxKgSteps) << "the constant names the longest run";
}

}  // namespace
}  // namespace bmcvault::rotate::test
