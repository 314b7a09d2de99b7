// De-provisioning one BMC. The order of the Next functions from top to bottom is the order of the work.
#include "rotate/core/wiping_machine.hpp"

#include <utility>

#include "vault/base/check.hpp"

namespace bmcvault::rotate {
namespace {

constexpr int kMaxReturns = 3;

WipingStep ask(WipingState state, const WipingAction& action) {
    state.asked = action;
    return {state, action};
}

WipingStep finish(const WipingState& state, WipeResult result) {
    return ask(state, WipeFinish{result});
}

// The kept session is lost: what it was asked is asked again from a new one. Everything here may be done twice.
WipingStep come_back(WipingState state) {
    if (state.returns == kMaxReturns) return finish(state, WipeResult::kUnfinished);
    ++state.returns;
    state.returning = true;
    state.interrupted = state.asked;
    return ask(state, EnterAsOwn{});
}

WipingStep after_k_g(const WipingState& state) {
    return ask(state, EraseSettings{});
}

WipingStep close_accounts(const WipingState& state, unsigned index) {
    if (index < state.to_close) return ask(state, CloseAccount{static_cast<std::uint8_t>(index)});
    return state.k_g_is_set ? ask(state, ReplaceKg{}) : after_k_g(state);
}

WipingStep clear_names(const WipingState& state, unsigned index) {
    if (index < state.to_close && !state.names_revive) return ask(state, ClearName{static_cast<std::uint8_t>(index)});
    return ask(state, RenewOwn{});
}

struct Next {
    WipingState state;

    WipingStep operator()(const EnterAsOwn&, const OwnEntered& event) {
        const bool returning = std::exchange(state.returning, false);
        if (event.how == OwnEntered::How::kIn) return ask(state, returning ? state.interrupted : ReadAccounts{});
        if (returning) return finish(state, WipeResult::kUnfinished);
        const bool closed_before = event.how == OwnEntered::How::kGone && state.situation.own_was_closing;
        if (closed_before) return ask(state, AskEverybody{});
        return finish(state, state.situation.own_was_closing ? WipeResult::kUnfinished : WipeResult::kNotDone);
    }
    WipingStep operator()(const ReadAccounts&, const AccountsRead& event) {
        if (!event.known) return finish(state, WipeResult::kUnfinished);
        state.to_close = event.to_close;
        state.k_g_is_set = event.k_g_is_set;
        return close_accounts(state, 0);
    }
    // One that stays open is told at the end; our own way in is needed for the rest.
    WipingStep operator()(const CloseAccount& action, const AccountClosed& event) const {
        if (event.outcome == ClosingOutcome::kVaultNotWritten) return finish(state, WipeResult::kVaultNotWritten);
        const bool lost = event.outcome == ClosingOutcome::kOwnLost || event.outcome == ClosingOutcome::kUnreachable;
        if (lost) return finish(state, WipeResult::kUnfinished);
        if (!event.kept_session) return come_back(state);
        const bool was_revived = state.names_revive;
        if (was_revived) return clear_names(state, action.index + 1U);
        return close_accounts(state, action.index + 1U);
    }
    WipingStep operator()(const ReplaceKg&, const KgReplaced& event) const {
        if (!event.vault_written) return finish(state, WipeResult::kVaultNotWritten);
        if (!event.kept_session) return come_back(state);
        return event.was_replaced ? ask(state, ClearKg{}) : after_k_g(state);
    }
    WipingStep operator()(const ClearKg&, const Done& event) const {
        return event.kept_session ? after_k_g(state) : come_back(state);
    }
    WipingStep operator()(const EraseSettings&, const Done& event) const {
        return event.kept_session ? clear_names(state, 0) : come_back(state);
    }
    WipingStep operator()(const ClearName& action, const NameCleared& event) {
        if (!event.kept_session) return come_back(state);
        if (!event.revived) return clear_names(state, action.index + 1U);
        state.names_revive = true;
        return ask(state, CloseAccount{action.index});
    }
    WipingStep operator()(const RenewOwn&, const OwnRenewed& event) const {
        if (!event.proved) return finish(state, WipeResult::kUnfinished);
        return event.kept_session ? ask(state, RecordWipe{}) : come_back(state);
    }
    WipingStep operator()(const RecordWipe&, const Stored& event) const {
        if (event.durable != Durable::kCommitted) return finish(state, WipeResult::kVaultNotWritten);
        if (state.situation.factory_reset) return ask(state, ResetToFactory{});
        return ask(state, CloseOwn{!state.names_revive});
    }
    WipingStep operator()(const ResetToFactory&, const ResetSeen& event) const {
        if (event.own == ResetSeen::Own::kVaultNotWritten) return finish(state, WipeResult::kVaultNotWritten);
        if (event.own == ResetSeen::Own::kSilent) return finish(state, WipeResult::kUnfinished);
        if (event.own == ResetSeen::Own::kIsGone) return ask(state, AskEverybody{});
        return ask(state, CloseOwn{!state.names_revive});
    }
    // A lost session may well be what closing our account does: the BMC is asked.
    WipingStep operator()(const CloseOwn&, const NameCleared& event) const {
        if (event.revived && event.kept_session) return ask(state, CloseOwnAgain{});
        return ask(state, AskEverybody{});
    }
    WipingStep operator()(const CloseOwnAgain&, const Done&) const { return ask(state, AskEverybody{}); }
    WipingStep operator()(const AskEverybody&, const EverybodyAsked& event) const {
        if (event.opened) return finish(state, WipeResult::kStillOpen);
        return finish(state, event.all_proved ? WipeResult::kProved : WipeResult::kUnproved);
    }
    template <class Action, class Event>
    WipingStep operator()(const Action&, const Event&) const {
        constexpr bool kEventAnswersAction = false;
        BMCVAULT_CHECK(kEventAnswersAction);
        return finish(state, WipeResult::kUnproved);
    }
};

}  // namespace

std::string_view word(WipeResult result) {
    switch (result) {
        case WipeResult::kProved:
            return "proved";
        case WipeResult::kStillOpen:
            return "still-open";
        case WipeResult::kUnproved:
            return "not-proved";
        case WipeResult::kUnfinished:
            return "unfinished";
        case WipeResult::kNotDone:
            return "not-done";
        case WipeResult::kVaultNotWritten:
            return "vault-not-written";
    }
    constexpr bool kResultHasWord = false;
    BMCVAULT_CHECK(kResultHasWord);
    return {};
}

WipingStep start(const WipingSituation& situation) {
    WipingState state;
    state.situation = situation;
    return ask(state, EnterAsOwn{});
}

WipingStep step(WipingState state, const WipingEvent& event) {
    const auto asked = state.asked;
    return std::visit(Next{state}, asked, event);
}

}  // namespace bmcvault::rotate
