// Closing one slot. Read it from conclude(): what a handshake as that account showed decides, never what the BMC said.
#include "rotate/core/closing_machine.hpp"

#include "vault/base/check.hpp"

namespace bmcvault::rotate {
namespace {

using vault::StoredSize;

constexpr int kMaxReturns = 3;

ClosingStep ask(ClosingState state, const ClosingAction& action) {
    state.asked = action;
    return {state, action};
}

ClosingStep finish(const ClosingState& state, ClosingOutcome outcome) {
    return ask(state, ClosingFinish{outcome});
}

ClosingStep close_channel(const ClosingState& state, unsigned index) {
    if (index >= state.situation.channels) return ask(state, ReadSlot{});
    return ask(state, CloseChannel{static_cast<std::uint8_t>(index), false});
}

// The kept session is lost: what it was asked is asked again from a new one. Everything here may be done twice.
ClosingStep come_back(ClosingState state) {
    if (state.returns == kMaxReturns) return finish(state, ClosingOutcome::kUnreachable);
    ++state.returns;
    state.interrupted = state.asked;
    return ask(state, ReturnToOwn{});
}

// RAKP 1 is refused in the same words when somebody's guesses have locked an open account for some minutes: so the BMC
// has to show that the slot has no way in, or, where it does not show slots, to have said that it took it away.
bool is_shut(const ClosingState& state) {
    if (state.way_in) return !*state.way_in;
    return state.disabled || state.channels_closed == state.situation.channels;
}

ClosingOutcome outcome_of(const ClosingState& state) {
    switch (state.heard.answer) {
        case Answer::kUnknownUserOrLocked:
            return is_shut(state) ? ClosingOutcome::kClosed : ClosingOutcome::kUnproved;
        case Answer::kMatched:
        case Answer::kKgUnknown:
        case Answer::kPrivilegeRefused:
            return state.heard.by_ours ? ClosingOutcome::kOnlyOurs : ClosingOutcome::kStillOpen;
        default:
            return ClosingOutcome::kUnproved;
    }
}

// `current` is what a handshake has named. A closed account can't be asked: there the BMC's own test has to do.
// Whatever is not committed stays pending: a candidate, and sent again by the next run.
ClosingStep conclude(const ClosingState& state) {
    const auto outcome = outcome_of(state);
    const bool named = state.version && state.heard.version == state.version;
    const bool kept_out = state.tested && outcome == ClosingOutcome::kClosed;
    if (named || kept_out) return ask(state, CommitSlot{*state.version});
    return finish(state, outcome);
}

struct Next {
    ClosingState state;

    ClosingStep operator()(const StageSlot&, const Staged& event) {
        if (event.durable != Durable::kCommitted) return finish(state, ClosingOutcome::kVaultNotWritten);
        state.version = event.version;
        return ask(state, SetSlotPassword{event.version});
    }
    ClosingStep operator()(const SetSlotPassword& action, const Told& event) const {
        if (!event.kept_session) return come_back(state);
        const bool too_long = event.result == Telling::kRefusedSize && !state.last_value;
        if (too_long) return ask(state, AbandonSlot{action.version});
        return ask(state, TestSlotPassword{action.version});  // some BMCs store it and say no, some the other way round
    }
    ClosingStep operator()(const TestSlotPassword& action, const Told& event) {
        if (!event.kept_session) return come_back(state);
        state.tested = event.result == Telling::kDone;
        if (state.tested || event.result == Telling::kNoReply) return ask(state, DisableSlot{});  // or knows no test
        state.last_value = true;  // no second value: what the BMC keeps is asked at the end
        return ask(state, AbandonSlot{action.version});
    }
    ClosingStep operator()(const CommitSlot&, const Stored& event) const {
        return finish(state,
                      event.durable == Durable::kCommitted ? outcome_of(state) : ClosingOutcome::kVaultNotWritten);
    }
    ClosingStep operator()(const AbandonSlot&, const Stored& event) {
        if (event.durable != Durable::kCommitted) return finish(state, ClosingOutcome::kVaultNotWritten);
        state.version.reset();
        if (state.last_value) return ask(state, DisableSlot{});
        state.last_value = true;
        return ask(state, StageSlot{StoredSize::k16});
    }
    ClosingStep operator()(const DisableSlot&, const Told& event) {
        if (!event.kept_session) return come_back(state);
        state.disabled = event.result == Telling::kDone;
        return close_channel(state, 0);
    }
    ClosingStep operator()(const CloseChannel& action, const Told& event) {
        if (!event.kept_session) return come_back(state);
        if (event.result == Telling::kDone) ++state.channels_closed;
        const bool refused = event.result == Telling::kRefused || event.result == Telling::kRefusedSize;
        if (refused && !action.callback) return ask(state, CloseChannel{action.index, true});
        return close_channel(state, action.index + 1U);
    }
    ClosingStep operator()(const ReadSlot&, const SlotRead& event) {
        if (!event.kept_session) return come_back(state);
        state.way_in = event.way_in;
        return ask(state, AskSlot{});
    }
    ClosingStep operator()(const AskSlot&, const SlotAsked& event) {
        state.heard = event;
        return ask(state, LookAtOwn{});
    }
    ClosingStep operator()(const ReturnToOwn&, const OwnSeen& event) const {
        if (!event.answered) return finish(state, ClosingOutcome::kUnreachable);
        if (!event.administrator || !event.kept_session) return finish(state, ClosingOutcome::kOwnLost);
        return ask(state, state.interrupted);
    }
    ClosingStep operator()(const LookAtOwn&, const OwnSeen& event) {
        if (!event.answered) return finish(state, ClosingOutcome::kUnreachable);
        if (event.administrator) return state.reopened ? finish(state, ClosingOutcome::kUndone) : conclude(state);
        if (state.reopened || !event.kept_session) return finish(state, ClosingOutcome::kOwnLost);
        state.reopened = true;
        return ask(state, ReopenSlot{});
    }
    ClosingStep operator()(const ReopenSlot&, const Told&) const { return ask(state, LookAtOwn{}); }
    template <class Action, class Event>
    ClosingStep operator()(const Action&, const Event&) const {
        constexpr bool kEventAnswersAction = false;
        BMCVAULT_CHECK(kEventAnswersAction);
        return finish(state, ClosingOutcome::kUnproved);
    }
};

}  // namespace

std::string_view word(ClosingOutcome outcome) {
    switch (outcome) {
        case ClosingOutcome::kClosed:
            return "closed";
        case ClosingOutcome::kOnlyOurs:
            return "only-our-random-password";
        case ClosingOutcome::kStillOpen:
            return "still-open";
        case ClosingOutcome::kUnproved:
            return "not-proved-closed";
        case ClosingOutcome::kUndone:
            return "undone";
        case ClosingOutcome::kOwnLost:
            return "own-account-lost";
        case ClosingOutcome::kVaultNotWritten:
            return "vault-not-written";
        case ClosingOutcome::kUnreachable:
            return "unreachable";
    }
    constexpr bool kOutcomeHasWord = false;
    BMCVAULT_CHECK(kOutcomeHasWord);
    return {};
}

ClosingStep start(const ClosingSituation& situation) {
    BMCVAULT_CHECK(situation.channels > 0);
    ClosingState state;
    state.situation = situation;
    state.last_value = situation.small_first;
    if (situation.pending) {
        state.version = situation.pending;
        return ask(state, SetSlotPassword{*situation.pending});
    }
    return ask(state, StageSlot{situation.small_first ? StoredSize::k16 : StoredSize::k20});
}

ClosingStep step(ClosingState state, const ClosingEvent& event) {
    const auto asked = state.asked;
    return std::visit(Next{state}, asked, event);
}

}  // namespace bmcvault::rotate
