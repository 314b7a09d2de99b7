// The whole world of one K_G change: model vault, model BMC, a machine between them, chosen faults, checked invariants.
#pragma once

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "rotate/core/k_g_machine.hpp"
#include "tests/rotate/choices.hpp"

namespace bmcvault::rotate::test {

using vault::VersionState;
using KgName = std::optional<VersionNumber>;  // which K_G; none set

enum class OnKgApply : std::uint8_t {
    kStores,
    kNotSupported,
    kNotSupportedButStores,
    kRefuses,
    kRefusesButStores,
    kLosesReplyAfter,
    kLosesReplyBefore,
    kForgets,
    kStoresAtNextHandshake,
    kStoresAtThirdHandshake,
    kStoresUnusable,  // takes the key; then no key of anybody opens a session
    kStoresCut,       // uses the key up to a byte it takes for its end
    kLosesSession,    // stores it, and the kept session is gone
    kLosesSessionUnusable,
};
inline constexpr std::size_t kKgApplyWays = 14;

inline constexpr Answer kOtherKgAnswers[] = {
    Answer::kNoAnswer,        Answer::kUnknownUserOrLocked, Answer::kNoSessionSlot,
    Answer::kIdentityChanged, Answer::kKgUnknown,           Answer::kNoCandidateMatches,
};
inline constexpr std::size_t kOtherKgAnswerCount = std::size(kOtherKgAnswers);

enum class KgUse : std::uint8_t { kUsable, kCut, kBroken };

struct ModelKgBmc {
    KgName live;
    KgUse use = KgUse::kUsable;
    bool session = true;
    OnKgApply habit{};
    Answer sulks = Answer::kMatched;  // said by every handshake after the first write; kMatched: the truth
    bool touched = false;
    std::optional<KgName> late;
    int handshakes_until_late = 0;

    void handshake_begins() {
        if (late && --handshakes_until_late == 0) settle();
    }
    void settle() {
        if (!late) return;
        live = *late;
        use = KgUse::kUsable;
        late.reset();
    }

    KgApplied set(KgName key, OnKgApply way) {
        touched = true;
        const auto store = [&](KgUse now) {
            live = key;
            use = now;
            late.reset();
        };
        const auto answer = [this](KgApplyResult result) { return KgApplied{result, session}; };
        switch (way) {
            case OnKgApply::kStores:
                store(KgUse::kUsable);
                return answer(KgApplyResult::kAccepted);
            case OnKgApply::kNotSupported:
                return answer(KgApplyResult::kNotSupported);
            case OnKgApply::kNotSupportedButStores:
                store(KgUse::kUsable);
                return answer(KgApplyResult::kNotSupported);
            case OnKgApply::kRefuses:
                return answer(KgApplyResult::kRefused);
            case OnKgApply::kRefusesButStores:
                store(KgUse::kUsable);
                return answer(KgApplyResult::kRefused);
            case OnKgApply::kLosesReplyAfter:
                store(KgUse::kUsable);
                return answer(KgApplyResult::kNoReply);
            case OnKgApply::kLosesReplyBefore:
                return answer(KgApplyResult::kNoReply);
            case OnKgApply::kForgets:
                return answer(KgApplyResult::kAccepted);
            case OnKgApply::kStoresAtNextHandshake:
            case OnKgApply::kStoresAtThirdHandshake:
                late = key;
                handshakes_until_late = way == OnKgApply::kStoresAtNextHandshake ? 1 : 3;
                return answer(KgApplyResult::kAccepted);
            case OnKgApply::kStoresUnusable:
                store(KgUse::kBroken);
                return answer(KgApplyResult::kAccepted);
            case OnKgApply::kStoresCut:
                store(KgUse::kCut);
                return answer(KgApplyResult::kAccepted);
            case OnKgApply::kLosesSession:
                store(KgUse::kUsable);
                session = false;
                return answer(KgApplyResult::kNoReply);
            case OnKgApply::kLosesSessionUnusable:
                store(KgUse::kBroken);
                session = false;
                return answer(KgApplyResult::kNoReply);
        }
        throw Violation{"MODEL", "an unknown way"};
    }
};

// Keys are only numbers here: nothing mangles them but a cut, and that the BMC itself says.
class ModelKgVault {
public:
    bool quarantined = false;
    std::optional<bool> supported;

    VersionNumber add(VersionState state) {
        states_.push_back(state);
        return {static_cast<std::uint32_t>(states_.size())};
    }
    [[nodiscard]] KgName in_state(VersionState state) const {
        const auto found = std::ranges::find(states_, state);
        if (found == states_.end()) return std::nullopt;
        return VersionNumber{static_cast<std::uint32_t>(found - states_.begin() + 1)};
    }
    [[nodiscard]] bool holds(KgName key) const { return !key || (key->value >= 1 && key->value <= states_.size()); }
    void make_current(KgName key) {
        if (const KgName old = in_state(VersionState::kCurrent)) set(*old, VersionState::kPrevious);
        if (key) set(*key, VersionState::kCurrent);
    }
    void set(VersionNumber version, VersionState state) { states_[version.value - 1] = state; }

private:
    std::vector<VersionState> states_;
};

enum class KgBeginning : std::uint8_t {
    kNone,
    kOneSet,
    kStagedNotSent,
    kSentNotCommitted,
    kOlderLive,
    kKnownUnsupported
};
inline constexpr std::size_t kKgBeginnings = 6;

template <class Machine>
class KgWorld {
public:
    ModelKgVault vault;
    ModelKgBmc bmc;
    bool change_wanted = true;
    int faults_left = 0;

    KgWorld(const Machine& machine, Choices& choices, std::size_t& steps, std::set<std::string>& words)
        : machine_(machine), choices_(choices), steps_(steps), words_(words) {}

    void begin(KgBeginning beginning) {
        if (beginning == KgBeginning::kKnownUnsupported) vault.supported = false;
        if (beginning == KgBeginning::kNone || beginning == KgBeginning::kKnownUnsupported) return;
        const VersionNumber older = vault.add(VersionState::kPrevious);
        bmc.live = vault.add(VersionState::kCurrent);
        if (beginning == KgBeginning::kOlderLive) bmc.live = older;
        if (beginning == KgBeginning::kStagedNotSent) vault.add(VersionState::kPending);
        if (beginning == KgBeginning::kSentNotCommitted) bmc.live = vault.add(VersionState::kPending);
    }

    // The run with its faults; then the next run, which only settles, without faults.
    KgOutcome run() {
        const KgOutcome end = drive();
        faults_left = 0;
        bmc.settle();
        check_promise();
        if (locked_out()) return end;
        bmc.habit = OnKgApply::kStores;
        bmc.sulks = Answer::kMatched;
        bmc.touched = false;
        change_wanted = false;
        drive();
        if (vault.in_state(VersionState::kCurrent) != bmc.live) fail("I7", "not settled by the next run");
        if (vault.in_state(VersionState::kPending)) fail("I7", "still pending after the next run");
        return end;
    }

private:
    [[noreturn]] static void fail(std::string rule, std::string what) {
        throw Violation{std::move(rule), std::move(what)};
    }

    std::size_t fault(std::size_t others) {
        if (faults_left == 0) return 0;
        const std::size_t chosen = choices_.pick(others + 1);
        if (chosen > 0) --faults_left;
        return chosen;
    }

    // The stated exception: a BMC that took a key it can't use. Its next login says k_g-unknown: the password phase
    // quarantines it.
    [[nodiscard]] bool locked_out() const { return bmc.use != KgUse::kUsable; }

    KgOutcome drive() {
        for (;;) {
            // The login that opened the kept session named the live key.
            if (locked_out()) return KgOutcome::kQuarantined;
            bmc.session = true;
            proof_ = Proof{bmc.live};
            sent_.reset();
            only_finish_.clear();
            KgStep now = machine_.start(KgSituation{vault.in_state(VersionState::kPending),
                                                    vault.in_state(VersionState::kCurrent), bmc.live, change_wanted,
                                                    vault.supported, true});
            bool crashed = false;
            for (int n = 1; !crashed; ++n) {
                ++steps_;
                if (n > kMaxKgSteps) fail("I7", "too many steps");
                if (const auto* end = std::get_if<KgFinish>(&now.action)) {
                    check_report(end->outcome);
                    return end->outcome;
                }
                if (!only_finish_.empty()) fail(only_finish_, "went on");
                crashed = fault(1) == 1;
                if (crashed) break;
                const KgEvent event =
                    std::visit([this](const auto& action) { return this->perform(action); }, now.action);
                check_promise();
                now = machine_.step(now.state, event);
            }
        }
    }

    void check_promise() {
        if (!vault.holds(bmc.live)) fail("PROMISE", "the vault does not hold the live key");
    }

    void check_session() {
        if (!bmc.session) fail("SESSION", "used without a kept session");
    }

    void check_report(KgOutcome outcome) {
        words_.insert(std::string(word(outcome)));
        const bool agree = vault.in_state(VersionState::kCurrent) == bmc.live && bmc.use == KgUse::kUsable;
        switch (outcome) {
            case KgOutcome::kChanged:
            case KgOutcome::kUnchanged:
            case KgOutcome::kNotSupported:
            case KgOutcome::kUnusable:
            case KgOutcome::kRefused:
                if (!agree) fail("REPORT", "said to be settled, and is not");
                if (vault.in_state(VersionState::kPending))
                    fail("REPORT", "said to be settled, and something is pending");
                break;
            case KgOutcome::kQuarantined:
                if (!saw_it_broken_) fail("REPORT", "quarantined without evidence");
                break;
            case KgOutcome::kUnproved:
            case KgOutcome::kVaultNotWritten:
                break;
        }
        const bool could_put_back = bmc.session && outcome != KgOutcome::kVaultNotWritten;
        if (bmc.use == KgUse::kBroken && could_put_back && only_finish_.empty() && put_backs_ == 0) {
            fail("REPORT", "left with a key it can't use, though the session was there");
        }
    }

    // I3: `key` was named by RAKP 4 of a handshake later than every write.
    void check_proved(KgName key) {
        if (!proof_ || proof_->key != key) fail("I3", "became current without a proof");
        if (proof_->cut) fail("I3", "became current though the BMC uses only a part");
    }

    struct Disk {
        Durable answer;
        bool commits;
    };
    Disk disk() {
        switch (fault(3)) {
            case 1:
                return {Durable::kRefused, false};
            case 2:
                return {Durable::kUnknown, true};
            case 3:
                return {Durable::kUnknown, false};
            default:
                return {Durable::kCommitted, true};
        }
    }
    Disk strict_disk() {
        const Disk result = disk();
        if (result.answer == Durable::kRefused) only_finish_ = "I5";
        return result;
    }

    KgEvent perform(const KgRecordFound& action) {
        check_proved(action.version);
        const Disk result = strict_disk();
        if (result.commits) vault.make_current(action.version);
        return Stored{result.answer};
    }
    KgEvent perform(const KgStage&) {
        if (vault.in_state(VersionState::kPending)) fail("I2", "a second pending version");
        const Disk result = strict_disk();
        VersionNumber number{};
        if (result.commits) number = vault.add(VersionState::kPending);
        return Staged{result.answer, number};
    }
    KgEvent perform(const KgApply& action) {
        check_session();
        if (vault.in_state(VersionState::kPending) != KgName(action.version)) fail("I1", "sent, but not pending");
        if (vault.supported == false) fail("FACTS", "sent to a BMC that is known not to have one");
        const std::size_t chosen = fault(kKgApplyWays - 1);
        proof_.reset();
        const KgApplied result = bmc.set(action.version, chosen == 0 ? bmc.habit : static_cast<OnKgApply>(chosen));
        sent_ = result.result;
        return result;
    }
    // A BMC takes its old key back, unless a fault says otherwise.
    KgEvent perform(const KgPutBack& action) {
        check_session();
        ++put_backs_;
        const bool refused = sent_ == KgApplyResult::kRefused || sent_ == KgApplyResult::kNotSupported;
        if (refused && !saw_it_broken_) fail("FACTS", "put back over a key that was refused");
        if (action.version != vault.in_state(VersionState::kCurrent)) fail("I4", "put back another key");
        const std::size_t chosen = fault(kKgApplyWays - 1);
        proof_.reset();
        const auto way = static_cast<OnKgApply>(chosen);
        // Whether a key is cut lies in its bytes: the old one was used whole.
        return bmc.set(action.version, way == OnKgApply::kStoresCut ? OnKgApply::kStores : way);
    }
    KgEvent perform(const KgProve&) {
        bmc.handshake_begins();
        proof_.reset();
        const std::size_t chosen = fault(kOtherKgAnswerCount + 1);
        Answer answer = bmc.touched ? bmc.sulks : Answer::kMatched;
        if (chosen >= 1 && chosen <= kOtherKgAnswerCount) answer = kOtherKgAnswers[chosen - 1];
        if (chosen == kOtherKgAnswerCount + 1) bmc.session = false;
        if (answer == Answer::kMatched && bmc.use == KgUse::kBroken) answer = Answer::kKgUnknown;
        if (answer == Answer::kIdentityChanged) only_finish_ = "I10";
        if (answer == Answer::kKgUnknown || answer == Answer::kNoCandidateMatches) saw_it_broken_ = true;
        if (answer != Answer::kMatched) return KgSighted{{answer, std::nullopt, false}, bmc.session};
        const bool cut = bmc.use == KgUse::kCut;
        saw_it_broken_ = saw_it_broken_ || cut;
        proof_ = Proof{bmc.live, cut};
        return KgSighted{{answer, bmc.live, cut}, bmc.session};
    }
    KgEvent perform(const KgCommit& action) {
        if (vault.in_state(VersionState::kPending) != KgName(action.version))
            fail("I3", "committed what is not pending");
        check_proved(action.version);
        const Disk result = strict_disk();
        if (result.commits) vault.make_current(action.version);
        return Stored{result.answer};
    }
    KgEvent perform(const KgAbandon& action) {
        if (vault.in_state(VersionState::kPending) != KgName(action.version))
            fail("I4", "abandoned what is not pending");
        if (!proof_) fail("I4", "abandoned without asking the BMC");
        if (proof_->key == KgName(action.version)) fail("I4", "abandoned what is live");
        const bool may_still_arrive = sent_ == KgApplyResult::kAccepted || sent_ == KgApplyResult::kNoReply;
        if (may_still_arrive && put_backs_ == 0) fail("I4", "abandoned what may still arrive");
        const Disk result = strict_disk();
        if (result.commits) vault.set(action.version, VersionState::kFailed);
        return Stored{result.answer};
    }
    KgEvent perform(const KgLearnSupport& action) {
        const Disk result = disk();
        if (result.commits) vault.supported = action.supported;
        return Stored{result.answer};
    }
    KgEvent perform(const QuarantineBmc&) {
        const Disk result = disk();
        vault.quarantined = vault.quarantined || result.commits;
        return Stored{result.answer};
    }
    KgEvent perform(const Wait&) {
        if (fault(1) == 1) bmc.session = false;
        return Waited{bmc.session};
    }
    KgEvent perform(const Reload&) {
        if (fault(1) == 1) {
            only_finish_ = "I5";
            return KgReloaded{{}, false};
        }
        return KgReloaded{{vault.in_state(VersionState::kPending), vault.in_state(VersionState::kCurrent), std::nullopt,
                           change_wanted, vault.supported, bmc.session},
                          true};
    }
    KgEvent perform(const KgFinish&) { fail("MODEL", "KgFinish is not performed"); }

    struct Proof {
        KgName key;
        bool cut = false;
    };

    const Machine& machine_;
    Choices& choices_;
    std::size_t& steps_;
    std::set<std::string>& words_;
    std::optional<Proof> proof_;  // of the last handshake, void after a write
    std::optional<KgApplyResult> sent_;
    std::string only_finish_;  // the rule that forbids anything but KgFinish now
    int put_backs_ = 0;
    bool saw_it_broken_ = false;
};

struct RealKgMachine {  // NOLINTBEGIN(readability-convert-member-functions-to-static): mutants have state
    [[nodiscard]] KgStep start(const KgSituation& situation) const { return rotate::start(situation); }
    [[nodiscard]] KgStep step(const KgState& state, const KgEvent& event) const { return rotate::step(state, event); }
};  // NOLINTEND(readability-convert-member-functions-to-static)

}  // namespace bmcvault::rotate::test
