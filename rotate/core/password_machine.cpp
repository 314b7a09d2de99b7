// The password phase. Read it from known_live() and on_sighting(): everything the machine does follows from what the
// BMC was last seen to hold, never from what it said. (docs/rotation-protocol.md)
#include "rotate/core/password_machine.hpp"

#include <array>

#include "vault/base/check.hpp"

namespace bmcvault::rotate {
namespace {

using namespace std::chrono_literals;

constexpr std::array<milliseconds, 5> kWaits{1s, 2s, 5s, 10s, 20s};  // flash is slow
constexpr int kMaxApplies = 2;                                       // of one version
constexpr int kMaxProbes = 4;                                        // kept sessions opened
constexpr int kMaxStages = 4;
constexpr int kMaxReloads = 3;

Step ask(PasswordState state, const Action& action) {
    state.asked = action;
    return {state, action};
}

Step finish(const PasswordState& state, Outcome outcome, std::string_view detail = {}) {
    return ask(state, Finish{outcome, detail});
}

// It came with the board, or a person entered a newer one that the BMC missed.
bool never_good_enough(const Situation& vault, VersionNumber live) {
    return live == vault.factory || (vault.newest_entered && live < *vault.newest_entered);
}

bool puts_back(const Situation& vault) {
    return vault.goal == Goal::kPutBack;
}

Step probe(PasswordState state) {
    if (state.probes == kMaxProbes) return finish(state, Outcome::kUnreachable, "session-lost");
    ++state.probes;
    state.kept = false;
    state.slot_known = false;
    return ask(state, Probe{});
}

// The next version begins anew.
void forget_attempts(PasswordState& state) {
    state.applies = 0;
    state.waits = 0;
    state.restores = 0;
}

Step stage(PasswordState state) {
    // Reached only by a BMC that keeps changing its password under us.
    if (state.stages == kMaxStages) return finish(state, Outcome::kRefused, "password-keeps-changing");
    ++state.stages;
    const bool small = state.use_16 || state.situation.only_16;
    StoredSize size = small ? StoredSize::k16 : StoredSize::k20;
    if (puts_back(state.situation)) size = state.situation.put_back_size;
    return ask(state, Stage{size, state.reshaped ? Shape::kShellSafe : Shape::kFull});
}

// One step nearer to a fresh password: a session, our slot, a durable secret (I1), and only then the BMC.
Step write_forward(PasswordState state) {
    if (!state.kept) return probe(state);
    if (!state.slot_known) return ask(state, CheckSlot{});
    if (!state.situation.pending) return stage(state);
    ++state.applies;
    state.waits = 0;
    state.restores = 0;
    return ask(state, Apply{*state.situation.pending, state.situation.pending_size});
}

Step abandon(PasswordState state, std::optional<Finish> then) {
    state.after_abandon = then;
    return ask(state, Abandon{*state.situation.pending});
}

Step prove(const PasswordState& state) {
    BMCVAULT_CHECK(state.situation.pending.has_value());
    return ask(state, Prove{*state.situation.pending});
}

Step wait(PasswordState state) {
    const milliseconds time = kWaits[state.waits];
    ++state.waits;
    return ask(state, Wait{time});
}

// A proved password is current. `detail` says how the BMC mangled it, if it did.
Step succeed(const PasswordState& state, StoredSize size, std::string_view detail = {}) {
    if (puts_back(state.situation)) return finish(state, Outcome::kPutBack, detail);
    const bool small = size == StoredSize::k16;
    if (state.recovered || state.situation.goal != Goal::kRotate) {
        return finish(state, Outcome::kRecovered, detail.empty() && small ? "settled-16" : detail);
    }
    return finish(state, small ? Outcome::kSettled16 : Outcome::kRotated, detail);
}

// The pending version was sent and a fresh handshake, later than that, says: the old one is live.
Step judge_not_stored(PasswordState state) {
    switch (state.applied) {
        case ApplyResult::kRefusedTooEarly:
            // Pending stays, so that the next run sends the same secret (I2).
            return finish(state, Outcome::kBlocked, kTooEarly);
        case ApplyResult::kRefused:
            return abandon(state, Finish{Outcome::kRefused, "refused-by-bmc"});
        case ApplyResult::kRefusedByPolicy:
        case ApplyResult::kRefusedSize:
            if (state.reshaped || puts_back(state.situation)) {
                return abandon(state, Finish{Outcome::kRefused, "password-policy"});
            }
            state.reshaped = true;
            state.use_16 = state.use_16 || state.applied == ApplyResult::kRefusedSize;
            return abandon(state, std::nullopt);
        case ApplyResult::kAccepted:
        case ApplyResult::kNoReply:
            break;
    }
    if (state.waits < kWaits.size()) return wait(state);
    if (state.applies < kMaxApplies) return write_forward(state);
    // Pending stays: nobody can say when such a BMC will store what it has accepted, so there is no last possible
    // arrival to ask after (I4), and the next run sends the same secret (I2).
    return finish(state, Outcome::kRefused,
                  state.applied == ApplyResult::kAccepted ? "accepted-but-not-stored" : "no-reply-to-set-password");
}

// What is live was set so lately that the BMC would only refuse: it is not asked.
Step begin_change(const PasswordState& state) {
    const bool refuses = state.situation.too_early && state.applies == 0;
    return refuses ? finish(state, Outcome::kBlocked, kTooEarly) : write_forward(state);
}

// The BMC accepts what the vault calls current.
Step known_live(PasswordState state) {
    const Situation& vault = state.situation;
    if (vault.goal == Goal::kFind) {
        return finish(state, state.recovered ? Outcome::kRecovered : Outcome::kAlreadyCurrent,
                      vault.pending ? "pending-not-live" : "");
    }
    if (!vault.pending) {
        const bool enough = vault.goal == Goal::kRecover ? !state.recovered && !vault.current_is_due
                                                         : puts_back(vault) && vault.current_is_put_back;
        if (enough) return finish(state, Outcome::kAlreadyCurrent);
        return begin_change(state);
    }
    // The interrupted rotation's value is not what returns.
    const bool gives_up = puts_back(vault) && !vault.pending_is_put_back && !vault.too_early;
    if (gives_up) return abandon(state, std::nullopt);
    if (state.applies == 0) return begin_change(state);
    return judge_not_stored(state);
}

// I3: nothing becomes current without its rights. They are given back once per Apply, and only where an unfinished
// change of ours may have taken them.
Step without_rights(PasswordState state) {
    const bool may_write = state.kept && state.situation.pending && state.situation.goal != Goal::kFind;
    if (!may_write || state.restores > 0) {
        return finish(state, Outcome::kRefused, "live-without-rights");
    }
    ++state.restores;
    return ask(state, RestoreRights{});
}

Step nothing_seen(const PasswordState& state, Answer answer) {
    if (answer == Answer::kIdentityChanged) return finish(state, Outcome::kIdentityChanged);
    // The BMC now holds a session that we can't close: asking again soon would only take another slot.
    if (answer == Answer::kKgUnknown) return ask(state, QuarantineBmc{answer});
    if (state.applies > 0 && state.waits < kWaits.size()) return wait(state);
    switch (answer) {
        case Answer::kNoAnswer:
            return finish(state, Outcome::kUnreachable);
        case Answer::kUnknownUserOrLocked:
            return finish(state, Outcome::kLocked);
        case Answer::kNoSessionSlot:
            return finish(state, Outcome::kBusy, "no-session-slot");
        case Answer::kNoCandidateMatches:
            return ask(state, QuarantineBmc{answer});
        case Answer::kNoProof:
            return finish(state, Outcome::kRefused, "no-rakp2-proof");
        case Answer::kCipherSuiteRefused:
            return finish(state, Outcome::kRefused, "cipher-suite-refused");
        case Answer::kPrivilegeRefused:
            return finish(state, Outcome::kRefused, "privilege-refused");
        case Answer::kProtocolError:
            return finish(state, Outcome::kRefused, "protocol-error");
        case Answer::kMatched:
        case Answer::kKgUnknown:
        case Answer::kIdentityChanged:
            break;
    }
    constexpr bool kAnswerIsHandled = false;
    BMCVAULT_CHECK(kAnswerIsHandled);
    return finish(state, Outcome::kRefused);
}

Step on_sighting(PasswordState state, const Sighting& seen) {
    const bool known_without_rights = seen.answer == Answer::kPrivilegeRefused && seen.version;
    if (seen.answer != Answer::kMatched && !known_without_rights) return nothing_seen(state, seen.answer);
    if (seen.strange_board) return finish(state, Outcome::kBlocked, "first-contact");
    if (known_without_rights || !seen.administrator) return without_rights(state);
    if (!seen.version || seen.form != Form::kExact) {
        state.seen = seen.version;
        const bool of_pending = seen.version && seen.version == state.situation.pending;
        return ask(state, RecordObserved{seen.form, !of_pending});
    }
    if (seen.version == state.situation.pending) return ask(state, Commit{*seen.version});
    if (seen.version != state.situation.current) {
        const bool due = state.situation.current.has_value() || never_good_enough(state.situation, *seen.version);
        return ask(state, RecordFound{*seen.version, due});
    }
    return known_live(state);
}

// ---- after a durable step ----

// A put-back starts from a vault that was right. Where it was not, "the previous secret" has just changed its meaning:
// a person looks at the history and asks again.
Step put_back_later(const PasswordState& state) {
    const Finish end{Outcome::kBlocked, "vault-was-behind"};
    return state.situation.pending ? abandon(state, end) : finish(state, end.outcome, end.detail);
}

// What was pending is failed: it may be on the board that we know, and whoever proves another password than the current
// one may be somebody who once knew that one. A fresh secret goes there, in a session that this password opened.
Step after_found(PasswordState state, VersionNumber version) {
    const bool first_contact = !state.situation.current.has_value();
    if (state.situation.pending) {
        state.situation.pending.reset();
        state.kept = state.kept && state.applies == 0;
        forget_attempts(state);
    }
    state.situation.current = version;
    state.situation.too_early = false;
    const bool due = !first_contact || never_good_enough(state.situation, version);
    state.situation.current_is_due = due;
    if (first_contact) {
        const bool found_ours = state.situation.goal == Goal::kRecover && !due;
        const bool enough = state.situation.goal == Goal::kFind || found_ours;
        return enough ? finish(state, Outcome::kRecovered, "first-proved") : known_live(state);
    }
    state.recovered = true;
    if (puts_back(state.situation)) return put_back_later(state);
    return known_live(state);
}

Step after_observed(PasswordState state, Form form, VersionNumber version) {
    const bool was_pending = state.seen && state.seen == state.situation.pending;
    state.situation.pending.reset();
    state.situation.current = version;
    state.situation.current_is_due = !was_pending;
    state.situation.too_early = false;
    forget_attempts(state);
    if (puts_back(state.situation)) {
        const bool begun = was_pending && state.situation.pending_is_put_back;
        return begun ? finish(state, Outcome::kRefused, "put-back-mangled") : put_back_later(state);
    }
    if (state.situation.goal == Goal::kFind) return finish(state, Outcome::kRecovered);
    if (was_pending && state.situation.pending_size == StoredSize::k16) {
        // Sent short and still not stored as sent: what was proved is the settled value.
        return succeed(state, StoredSize::k16, form == Form::kNewHeadOldTail ? "old-tail-kept" : "stored-mangled");
    }
    state.use_16 = state.use_16 || form != Form::kExact;
    state.recovered = state.recovered || !was_pending;
    return write_forward(state);
}

Step after_staged(PasswordState state, StoredSize size, VersionNumber version) {
    state.situation.pending = version;
    state.situation.pending_size = size;
    state.situation.pending_is_put_back = puts_back(state.situation);
    return write_forward(state);
}

Step after_commit(PasswordState state) {
    state.situation.pending.reset();
    if (puts_back(state.situation) && !state.situation.pending_is_put_back) return put_back_later(state);
    return succeed(state, state.situation.pending_size);
}

Step after_abandoned(PasswordState state) {
    state.situation.pending.reset();
    forget_attempts(state);
    if (state.after_abandon) return finish(state, state.after_abandon->outcome, state.after_abandon->detail);
    return write_forward(state);
}

Step committed(const PasswordState& state, const Action& step, std::optional<VersionNumber> version) {
    if (const auto* found = std::get_if<RecordFound>(&step)) return after_found(state, found->version);
    if (std::holds_alternative<Commit>(step)) return after_commit(state);
    if (std::holds_alternative<Abandon>(step)) return after_abandoned(state);
    BMCVAULT_CHECK(version.has_value());
    if (const auto* observed = std::get_if<RecordObserved>(&step)) {
        return after_observed(state, observed->form, *version);
    }
    const auto* staged = std::get_if<Stage>(&step);
    BMCVAULT_CHECK(staged != nullptr);
    return after_staged(state, staged->size, *version);
}

Step on_durable(PasswordState state, Durable durable, std::optional<VersionNumber> version) {
    if (const auto* quarantine = std::get_if<QuarantineBmc>(&state.asked)) {
        // A person must hear of it even when it could not be written down.
        return finish(state, Outcome::kQuarantined,
                      durable == Durable::kCommitted ? word(quarantine->why) : "quarantine-not-recorded");
    }
    switch (durable) {
        case Durable::kCommitted:
            return committed(state, state.asked, version);
        case Durable::kRefused:
            return finish(state, Outcome::kBlocked, "vault-not-written");
        case Durable::kUnknown:
            break;
    }
    if (state.reloads == kMaxReloads) return finish(state, Outcome::kBlocked, "vault-not-written");
    ++state.reloads;
    state.unconfirmed = state.asked;
    return ask(state, Reload{});
}

// Did the step happen whose COMMIT gave no answer? (I5)
bool visible(const Action& step, const Situation& before, const Situation& now) {
    if (const auto* found = std::get_if<RecordFound>(&step)) return now.current == found->version;
    if (const auto* commit = std::get_if<Commit>(&step)) return now.current == commit->version && !now.pending;
    if (std::holds_alternative<Abandon>(step)) return now.current == before.current && !now.pending;
    if (std::holds_alternative<RecordObserved>(step)) {
        return now.current && now.current != before.current && !now.pending;
    }
    return std::holds_alternative<Stage>(step) && now.pending && now.current == before.current;
}

Step on_reloaded(PasswordState state, const Reloaded& event) {
    if (!event.readable) return finish(state, Outcome::kBlocked, "vault-not-readable");
    const Situation& now = event.situation;
    const Action step = state.unconfirmed;
    if (visible(step, state.situation, now)) {
        return committed(state, step, std::holds_alternative<Stage>(step) ? now.pending : now.current);
    }
    const bool unchanged = now.pending == state.situation.pending && now.current == state.situation.current;
    if (unchanged) return ask(state, step);
    return finish(state, Outcome::kBlocked, "vault-changed");
}

Step on_slot_checked(PasswordState state, const SlotChecked& event) {
    state.kept = event.kept_session;
    if (event.fact == SlotFact::kAmbiguous) return finish(state, Outcome::kRefused, "slot-ambiguous");
    if (event.fact == SlotFact::kUnknown && state.kept) return finish(state, Outcome::kRefused, "slot-unknown");
    state.slot_known = event.fact == SlotFact::kOurs;
    return write_forward(state);
}

template <class... Actions>
bool asked_for(const PasswordState& state) {
    return (std::holds_alternative<Actions>(state.asked) || ...);
}

}  // namespace

Step start(const Situation& situation) {
    PasswordState state;
    state.situation = situation;
    state.recovered = situation.pending && situation.goal != Goal::kFind;
    return probe(state);
}

Step step(const PasswordState& before, const Event& event) {
    PasswordState state = before;
    if (const auto* sighted = std::get_if<Sighted>(&event)) {
        BMCVAULT_CHECK((asked_for<Probe, Prove>(state)));
        state.kept = sighted->kept_session;
        return on_sighting(state, sighted->sighting);
    }
    if (const auto* checked = std::get_if<SlotChecked>(&event)) {
        BMCVAULT_CHECK(asked_for<CheckSlot>(state));
        return on_slot_checked(state, *checked);
    }
    if (const auto* stored = std::get_if<Stored>(&event)) {
        BMCVAULT_CHECK((asked_for<RecordFound, Commit, Abandon, QuarantineBmc>(state)));
        return on_durable(state, stored->durable, std::nullopt);
    }
    if (const auto* staged = std::get_if<Staged>(&event)) {
        BMCVAULT_CHECK(asked_for<Stage>(state));
        return on_durable(state, staged->durable, staged->version);
    }
    if (const auto* recorded = std::get_if<Recorded>(&event)) {
        BMCVAULT_CHECK(asked_for<RecordObserved>(state));
        return on_durable(state, recorded->durable, recorded->version);
    }
    if (const auto* applied = std::get_if<Applied>(&event)) {
        BMCVAULT_CHECK(asked_for<Apply>(state));
        state.kept = applied->kept_session;
        state.applied = applied->result;
        return prove(state);
    }
    if (const auto* restored = std::get_if<RightsRestored>(&event)) {
        BMCVAULT_CHECK(asked_for<RestoreRights>(state));
        state.kept = restored->kept_session;
        return prove(state);  // whatever it said
    }
    if (const auto* waited = std::get_if<Waited>(&event)) {
        BMCVAULT_CHECK(asked_for<Wait>(state));
        state.kept = waited->kept_session;
        return prove(state);
    }
    BMCVAULT_CHECK(asked_for<Reload>(state));
    return on_reloaded(state, std::get<Reloaded>(event));
}

}  // namespace bmcvault::rotate
