// De-provisioning: every state over everything that a BMC and a disk can answer. What must hold in all of them: our own
// account goes last, after its last password was proved and everything was written down; no name is cleared before its
// account was dealt with; K_G is zeroed only after it was random; "proved" needs every answer; and an end.
#include "rotate/core/wiping_machine.hpp"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace bmcvault::rotate {
namespace {

constexpr std::uint8_t kAccounts = 2;

std::vector<WipingEvent> answers_to(const WipingAction& action) {
    using How = OwnEntered::How;
    if (std::holds_alternative<EnterAsOwn>(action))
        return {OwnEntered{How::kIn}, OwnEntered{How::kGone}, OwnEntered{How::kOfNoUse}, OwnEntered{How::kNoAnswer}};
    if (std::holds_alternative<ReadAccounts>(action))
        return {AccountsRead{true, kAccounts, true}, AccountsRead{true, 0, false}, AccountsRead{false, 0, false}};
    if (std::holds_alternative<CloseAccount>(action)) {
        std::vector<WipingEvent> all;
        for (int outcome = 0; outcome <= static_cast<int>(ClosingOutcome::kUnreachable); ++outcome)
            all.emplace_back(AccountClosed{static_cast<ClosingOutcome>(outcome), true});
        all.emplace_back(AccountClosed{ClosingOutcome::kClosed, false});
        return all;
    }
    if (std::holds_alternative<ReplaceKg>(action))
        return {KgReplaced{true, true, true}, KgReplaced{false, true, true}, KgReplaced{true, false, true},
                KgReplaced{false, true, false}};
    if (std::holds_alternative<ClearName>(action) || std::holds_alternative<CloseOwn>(action))
        return {NameCleared{false, true}, NameCleared{true, true}, NameCleared{false, false}};
    if (std::holds_alternative<RenewOwn>(action))
        return {OwnRenewed{true, true}, OwnRenewed{true, false}, OwnRenewed{false, true}};
    if (std::holds_alternative<RecordWipe>(action))
        return {Stored{Durable::kCommitted}, Stored{Durable::kUnknown}, Stored{Durable::kRefused}};
    if (std::holds_alternative<ResetToFactory>(action))
        return {ResetSeen{ResetSeen::Own::kIsIn}, ResetSeen{ResetSeen::Own::kIsGone},
                ResetSeen{ResetSeen::Own::kSilent}, ResetSeen{ResetSeen::Own::kVaultNotWritten}};
    if (std::holds_alternative<AskEverybody>(action))
        return {EverybodyAsked{false, true}, EverybodyAsked{true, true}, EverybodyAsked{false, false}};
    return {Done{true}, Done{false}};
}

struct Seen {
    bool in = false;
    std::set<int> dealt_with;  // accounts whose password was overwritten
    bool k_g_random = false;
    bool own_renewed = false;  // proved, and nothing else was done to our account since
    bool recorded = false;
    bool own_closed = false;
    bool own_gone = false;  // with a factory reset
    bool revived = false;
    bool asked_at_the_end = false;
    EverybodyAsked heard{};
    auto key() const {
        return std::tuple(in, dealt_with, k_g_random, own_renewed, recorded, own_closed, own_gone, revived,
                          asked_at_the_end, heard.opened, heard.all_proved);
    }
};

class EveryState {
public:
    explicit EveryState(WipingSituation situation) : situation_(situation) {}
    void run() { walk(start(situation_), {}, 0); }
    [[nodiscard]] std::size_t states() const { return visited_.size(); }
    [[nodiscard]] const std::set<WipeResult>& results() const { return results_; }

private:
    void walk(const WipingStep& at, Seen seen, int steps) {
        ASSERT_LE(steps, kMaxWipingSteps);
        if (!visited_.insert({at.state, seen.key()}).second) return;
        check(at.action, seen);
        if (testing::Test::HasFailure()) return;
        if (const auto* end = std::get_if<WipeFinish>(&at.action)) {
            results_.insert(end->result);
            return;
        }
        for (const auto& answer : answers_to(at.action))
            walk(step(at.state, answer), after(at.action, answer, seen), steps + 1);
    }

    static Seen after(const WipingAction& action, const WipingEvent& event, Seen seen) {
        if (const auto* entered = std::get_if<OwnEntered>(&event)) seen.in = entered->how == OwnEntered::How::kIn;
        if (const auto* close = std::get_if<CloseAccount>(&action)) seen.dealt_with.insert(close->index);
        if (const auto* k_g = std::get_if<KgReplaced>(&event)) seen.k_g_random = k_g->was_replaced;
        if (const auto* own = std::get_if<OwnRenewed>(&event)) seen.own_renewed = own->proved;
        if (const auto* stored = std::get_if<Stored>(&event)) seen.recorded = stored->durable == Durable::kCommitted;
        if (std::holds_alternative<CloseOwn>(action)) seen.own_closed = true;
        if (const auto* cleared = std::get_if<NameCleared>(&event)) seen.revived = seen.revived || cleared->revived;
        if (const auto* reset = std::get_if<ResetSeen>(&event)) {
            seen.in = reset->own == ResetSeen::Own::kIsIn;
            seen.own_gone = reset->own == ResetSeen::Own::kIsGone;
        }
        if (const auto* asked = std::get_if<EverybodyAsked>(&event)) {
            seen.asked_at_the_end = true;
            seen.heard = *asked;
        }
        return seen;
    }

    void check(const WipingAction& action, const Seen& seen) const {
        const bool resumed = situation_.own_was_closing;
        const bool works = !std::holds_alternative<EnterAsOwn>(action) && !std::holds_alternative<WipeFinish>(action);
        if (works && !std::holds_alternative<AskEverybody>(action)) {
            EXPECT_TRUE(seen.in);
        }
        if (const auto* clear = std::get_if<ClearName>(&action)) {
            EXPECT_TRUE(seen.dealt_with.contains(clear->index)) << "a name was cleared before its password was random";
            EXPECT_FALSE(seen.revived) << "names bring accounts back here: no other one is cleared";
        }
        if (std::holds_alternative<ClearKg>(action)) {
            EXPECT_TRUE(seen.k_g_random);
        }
        if (const auto* own = std::get_if<CloseOwn>(&action)) {
            EXPECT_TRUE(seen.own_renewed) << "our account was closed with a password that was in use";
            EXPECT_TRUE(seen.recorded) << "our account was closed before anything was written down";
            EXPECT_FALSE(own->clear_name && seen.revived);
        }
        if (std::holds_alternative<ResetToFactory>(action)) {
            EXPECT_TRUE(situation_.factory_reset) << "nobody asked for it";
            EXPECT_TRUE(seen.own_renewed && seen.recorded) << "a reset that does nothing leaves our account as it is";
            EXPECT_FALSE(seen.own_closed);
        }
        if (seen.own_closed || seen.own_gone) {
            const bool allowed = std::holds_alternative<AskEverybody>(action) ||
                                 std::holds_alternative<CloseOwnAgain>(action) ||
                                 std::holds_alternative<WipeFinish>(action);
            EXPECT_TRUE(allowed) << "something was left for after our own account";
        }
        const auto* end = std::get_if<WipeFinish>(&action);
        if (end == nullptr) return;
        if (end->result == WipeResult::kProved) {
            EXPECT_TRUE(seen.asked_at_the_end && seen.heard.all_proved && !seen.heard.opened);
            EXPECT_TRUE(seen.own_closed || seen.own_gone || resumed);
        }
        if (end->result == WipeResult::kNotDone) {
            EXPECT_FALSE(seen.in) << "something may have been changed";
        }
    }

    WipingSituation situation_;
    std::set<std::pair<WipingState, decltype(Seen{}.key())>> visited_;
    std::set<WipeResult> results_;
};

TEST(WipingMachine, EveryStateKeepsTheRules) {
    EveryState all({.own_was_closing = false});
    all.run();
    EXPECT_GT(all.states(), 500u);
    EXPECT_EQ(all.results().size(), 6u) << "every result can be reached";
}

TEST(WipingMachine, ARunThatGoesOnKeepsThemToo) {
    EveryState all({.own_was_closing = true});
    all.run();
    EXPECT_FALSE(all.results().contains(WipeResult::kNotDone)) << "much was done before";
}

TEST(WipingMachine, AFactoryResetComesLastAndProvesNothingByItself) {
    EveryState all({.own_was_closing = false, .factory_reset = true});
    all.run();
    EXPECT_EQ(all.results().size(), 6u);
    EveryState goes_on({.own_was_closing = true, .factory_reset = true});
    goes_on.run();
    EXPECT_FALSE(goes_on.results().contains(WipeResult::kNotDone));
}

TEST(WipingMachine, OurClosedAccountIsAskedForAndNotCalledUnreachable) {
    const auto at = step(start(WipingSituation{.own_was_closing = true}).state, OwnEntered{OwnEntered::How::kGone});
    EXPECT_TRUE(std::holds_alternative<AskEverybody>(at.action));
    const auto unusable =
        step(start(WipingSituation{.own_was_closing = true}).state, OwnEntered{OwnEntered::How::kOfNoUse});
    ASSERT_TRUE(std::holds_alternative<WipeFinish>(unusable.action)) << "an account that lets us in is not closed";
    EXPECT_EQ(std::get<WipeFinish>(unusable.action).result, WipeResult::kUnfinished);
}

TEST(WipingMachine, ARevivedAccountIsClosedAgainAndNoOtherNameIsCleared) {
    auto at = start(WipingSituation{});
    at = step(at.state, OwnEntered{OwnEntered::How::kIn});
    at = step(at.state, AccountsRead{true, 2, false});
    at = step(at.state, AccountClosed{ClosingOutcome::kClosed, true});
    at = step(at.state, AccountClosed{ClosingOutcome::kClosed, true});
    at = step(at.state, Done{true});
    ASSERT_TRUE(std::holds_alternative<ClearName>(at.action));
    at = step(at.state, NameCleared{true, true});
    ASSERT_TRUE(std::holds_alternative<CloseAccount>(at.action));
    EXPECT_EQ(std::get<CloseAccount>(at.action).index, 0);
    at = step(at.state, AccountClosed{ClosingOutcome::kClosed, true});
    EXPECT_TRUE(std::holds_alternative<RenewOwn>(at.action));
}

}  // namespace
}  // namespace bmcvault::rotate
