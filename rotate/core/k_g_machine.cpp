// The K_G phase. Read it from on_sighting(): what RAKP 4 of a fresh handshake named decides, never what the BMC said.
// (docs/rotation-protocol.md)
#include "rotate/core/k_g_machine.hpp"

#include <array>

#include "vault/base/check.hpp"

namespace bmcvault::rotate {
namespace {

using namespace std::chrono_literals;

constexpr std::array<milliseconds, 5> kWaits{1s, 2s, 5s, 10s, 20s};
// A handshake that no K_G of ours completes leaves a session on the BMC that we can't close; it expires after 60 s
// (IPMI 2.0 §6.12.15). Asking again before that would only take another slot.
constexpr milliseconds kSessionExpiry = 65s;
constexpr int kMaxApplies = 2;
constexpr int kMaxPutBacks = 2;
constexpr int kMaxReloads = 3;

KgStep ask(KgState state, const KgAction& action) {
    state.asked = action;
    return {state, action};
}

KgStep finish(const KgState& state, KgOutcome outcome) {
    return ask(state, KgFinish{outcome});
}

KgStep wait(KgState state) {
    const milliseconds time = kWaits[state.waits];
    ++state.waits;
    return ask(state, Wait{time});
}

KgStep apply(KgState state) {
    if (!state.kept) return finish(state, KgOutcome::kUnproved);
    ++state.applies;
    state.waits = 0;
    return ask(state, KgApply{*state.situation.pending});
}

KgStep prove(const KgState& state) {
    return ask(state, KgProve{state.putting_back ? state.situation.current : state.situation.pending});
}

KgStep abandon(KgState state, KgOutcome ending) {
    state.ending = ending;
    return ask(state, KgAbandon{*state.situation.pending});
}

// Learned before the version is given up: after a crash between the two, the next run does not try again.
KgStep learn(KgState state, bool supported, KgOutcome ending) {
    state.ending = ending;
    return ask(state, KgLearnSupport{supported});
}

KgStep cut_off(KgState state) {
    if (!state.broken) return finish(state, KgOutcome::kUnproved);
    state.ending = KgOutcome::kQuarantined;
    return ask(state, QuarantineBmc{Answer::kKgUnknown});
}

KgStep put_back(KgState state) {
    if (!state.kept || state.put_backs == kMaxPutBacks) return cut_off(state);
    ++state.put_backs;
    state.putting_back = true;
    state.waits = 0;
    return ask(state, KgPutBack{state.situation.current});
}

// The BMC uses the key that the vault calls current; the pending one was sent before it was asked.
KgStep not_stored(const KgState& state) {
    switch (state.applied) {
        case KgApplyResult::kNotSupported:
            return learn(state, false, KgOutcome::kNotSupported);
        case KgApplyResult::kRefused:
            return abandon(state, KgOutcome::kRefused);
        case KgApplyResult::kAccepted:
        case KgApplyResult::kNoReply:
            break;
    }
    if (state.waits < kWaits.size()) return wait(state);
    if (state.applies < kMaxApplies) return apply(state);
    return finish(state, KgOutcome::kUnproved);  // it may still arrive: pending stays (I4)
}

// The BMC uses the key that the vault calls current.
KgStep known_live(const KgState& state) {
    const KgSituation& vault = state.situation;
    if (state.putting_back) {
        if (state.broken) return learn(state, false, KgOutcome::kUnusable);
        return finish(state, KgOutcome::kUnproved);  // it could not be asked: the next run tries the same key (I2)
    }
    if (state.applies > 0) return not_stored(state);
    const bool impossible = vault.supported == false;
    if (vault.pending) {
        if (impossible) return abandon(state, KgOutcome::kNotSupported);
        // Every other client of the BMC must learn a K_G: an interrupted change nobody asks for any more is dropped.
        if (!vault.change_wanted) return abandon(state, KgOutcome::kUnchanged);
        return apply(state);
    }
    if (!vault.change_wanted) return finish(state, KgOutcome::kUnchanged);
    if (impossible) return finish(state, KgOutcome::kNotSupported);
    if (!state.kept) return finish(state, KgOutcome::kUnproved);
    return ask(state, KgStage{});
}

KgStep nothing_seen_after_put_back(KgState state, Answer answer) {
    if (answer == Answer::kKgUnknown && state.waits < kWaits.size()) {
        state.waits = kWaits.size();
        return ask(state, Wait{kSessionExpiry});
    }
    if (state.waits < kWaits.size()) return wait(state);
    return put_back(state);
}

KgStep nothing_seen(KgState state, Answer answer) {
    if (answer == Answer::kIdentityChanged) return finish(state, KgOutcome::kUnproved);
    if (state.putting_back) return nothing_seen_after_put_back(state, answer);
    if (answer != Answer::kKgUnknown && state.waits < kWaits.size()) return wait(state);
    state.broken = answer == Answer::kKgUnknown || answer == Answer::kNoCandidateMatches;
    const bool said_no = state.applied == KgApplyResult::kRefused || state.applied == KgApplyResult::kNotSupported;
    if (said_no && !state.broken) return finish(state, KgOutcome::kUnproved);
    return put_back(state);
}

KgStep on_sighting(KgState state, const KgSighting& seen) {
    if (seen.answer != Answer::kMatched) return nothing_seen(state, seen.answer);
    const bool is_pending = seen.version && seen.version == state.situation.pending;
    if (is_pending && seen.cut_at_zero_byte) {
        state.broken = true;
        return put_back(state);
    }
    if (is_pending) {
        // While it is being put back, a late effect is given its time.
        if (state.putting_back && state.waits < kWaits.size()) return wait(state);
        return ask(state, KgCommit{*seen.version});
    }
    if (seen.version != state.situation.current) return ask(state, KgRecordFound{seen.version});
    return known_live(state);
}

// ---- after a durable step ----

KgStep committed(KgState state, const KgAction& step, std::optional<VersionNumber> staged) {
    if (const auto* found = std::get_if<KgRecordFound>(&step)) {
        state.situation.current = found->version;
        return known_live(state);
    }
    if (std::holds_alternative<KgStage>(step)) {
        BMCVAULT_CHECK(staged.has_value());
        state.situation.pending = staged;
        return apply(state);
    }
    if (const auto* commit = std::get_if<KgCommit>(&step)) {
        state.situation.current = commit->version;
        state.situation.pending.reset();
        if (state.situation.supported == true) return finish(state, KgOutcome::kChanged);
        return learn(state, true, KgOutcome::kChanged);
    }
    BMCVAULT_CHECK(std::holds_alternative<KgAbandon>(step));
    state.situation.pending.reset();
    return finish(state, state.ending);
}

// What is a hint or a notice only: the run ends the same way whether it could be written or not.
KgStep after_notice(const KgState& state) {
    const auto* learned = std::get_if<KgLearnSupport>(&state.asked);
    if (learned == nullptr) return learn(state, false, state.ending);  // the BMC is quarantined
    const bool given_up = state.ending == KgOutcome::kNotSupported || state.ending == KgOutcome::kUnusable;
    return given_up ? abandon(state, state.ending) : finish(state, state.ending);
}

KgStep on_durable(KgState state, Durable durable, std::optional<VersionNumber> staged) {
    if (std::holds_alternative<KgLearnSupport>(state.asked) || std::holds_alternative<QuarantineBmc>(state.asked)) {
        return after_notice(state);
    }
    switch (durable) {
        case Durable::kCommitted:
            return committed(state, state.asked, staged);
        case Durable::kRefused:
            return finish(state, KgOutcome::kVaultNotWritten);
        case Durable::kUnknown:
            break;
    }
    if (state.reloads == kMaxReloads) return finish(state, KgOutcome::kVaultNotWritten);
    ++state.reloads;
    state.unconfirmed = state.asked;
    return ask(state, Reload{});
}

// Did the step happen whose COMMIT gave no answer? (I5)
bool visible(const KgAction& step, const KgSituation& before, const KgSituation& now) {
    if (const auto* found = std::get_if<KgRecordFound>(&step)) return now.current == found->version;
    if (const auto* commit = std::get_if<KgCommit>(&step)) return now.current == commit->version && !now.pending;
    if (std::holds_alternative<KgAbandon>(step)) return now.current == before.current && !now.pending;
    return std::holds_alternative<KgStage>(step) && now.pending && now.current == before.current;
}

KgStep on_reloaded(const KgState& state, const KgReloaded& event) {
    if (!event.readable) return finish(state, KgOutcome::kVaultNotWritten);
    const KgSituation& now = event.situation;
    if (visible(state.unconfirmed, state.situation, now)) return committed(state, state.unconfirmed, now.pending);
    const bool unchanged = now.pending == state.situation.pending && now.current == state.situation.current;
    if (unchanged) return ask(state, state.unconfirmed);
    return finish(state, KgOutcome::kVaultNotWritten);
}

template <class... Actions>
bool asked_for(const KgState& state) {
    return (std::holds_alternative<Actions>(state.asked) || ...);
}

}  // namespace

std::string_view word(KgOutcome outcome) {
    switch (outcome) {
        case KgOutcome::kChanged:
            return "k_g-changed";
        case KgOutcome::kUnchanged:
            return "k_g-unchanged";
        case KgOutcome::kNotSupported:
            return "k_g-not-supported";
        case KgOutcome::kUnusable:
            return "k_g-unusable";
        case KgOutcome::kRefused:
            return "k_g-refused";
        case KgOutcome::kUnproved:
            return "k_g-unproved";
        case KgOutcome::kQuarantined:
            return "k_g-quarantined";
        case KgOutcome::kVaultNotWritten:
            return "k_g-vault-not-written";
    }
    constexpr bool kOutcomeHasWord = false;
    BMCVAULT_CHECK(kOutcomeHasWord);
    return {};
}

KgStep start(const KgSituation& situation) {
    KgState state;
    state.situation = situation;
    state.kept = situation.kept_session;
    // The login of the kept session was itself a fresh handshake: its RAKP 4 named the key.
    if (situation.live && situation.live == situation.pending) return ask(state, KgCommit{*situation.live});
    if (situation.live != situation.current) return ask(state, KgRecordFound{situation.live});
    return known_live(state);
}

KgStep step(const KgState& before, const KgEvent& event) {
    KgState state = before;
    if (const auto* sighted = std::get_if<KgSighted>(&event)) {
        BMCVAULT_CHECK(asked_for<KgProve>(state));
        state.kept = sighted->kept_session;
        return on_sighting(state, sighted->sighting);
    }
    if (const auto* applied = std::get_if<KgApplied>(&event)) {
        BMCVAULT_CHECK((asked_for<KgApply, KgPutBack>(state)));
        state.kept = applied->kept_session;
        state.applied = applied->result;
        return prove(state);
    }
    if (const auto* waited = std::get_if<Waited>(&event)) {
        BMCVAULT_CHECK(asked_for<Wait>(state));
        state.kept = waited->kept_session;
        return prove(state);
    }
    if (const auto* stored = std::get_if<Stored>(&event)) {
        BMCVAULT_CHECK((asked_for<KgRecordFound, KgCommit, KgAbandon, KgLearnSupport, QuarantineBmc>(state)));
        return on_durable(state, stored->durable, std::nullopt);
    }
    if (const auto* staged = std::get_if<Staged>(&event)) {
        BMCVAULT_CHECK(asked_for<KgStage>(state));
        return on_durable(state, staged->durable, staged->version);
    }
    BMCVAULT_CHECK(asked_for<Reload>(state));
    return on_reloaded(state, std::get<KgReloaded>(event));
}

}  // namespace bmcvault::rotate
