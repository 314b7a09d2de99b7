// The whole world of one password rotation: model vault, model BMC, a machine between them, faults chosen by a search,
// and the invariants of docs/rotation-protocol.md checked after every step.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "tests/rotate/choices.hpp"
#include "tests/rotate/model_bmc.hpp"
#include "tests/rotate/model_vault.hpp"

namespace bmcvault::rotate::test {

// What vault and BMC hold before the run.
enum class Beginning : std::uint8_t {
    kSettled,
    kSettled16,
    kCardSays16,
    kChangedLately,  // and the card says that this kind refuses another change so soon
    kStagedLately,   // the same, with an interrupted rotation
    kFirstContact,
    kStagedNotSent,
    kSentNotCommitted,
    kFirst16NotRecorded,
    kOldTailNotRecorded,
    kOlderLive,
    kFailedLiveAndPending,
    kForeign,
    kPutBackStaged,
    kPutBackSent,
    kMangledCurrent,
    kFirstContactStaged,
    kPutBackStagedOtherLive,
    kPutBackDone,
    kElsewhereLive,  // a vendor's default after a reset, a cable swapped between two BMCs
    kElsewhereLiveMangled,
    kElsewhereLiveAndPending,
    kStrangeBoard,  // likewise, on a board that was never seen before
};
inline constexpr std::size_t kBeginnings = 23;
inline constexpr std::uint8_t kElsewhere = 50;

struct Start {
    std::vector<ModelVersion> versions;  // after version 1, which is the previous one
    Value live;
};

inline Start start_of(Beginning beginning) {
    using enum VersionState;
    const auto version = [](std::uint8_t letter, VersionState state, StoredSize size = StoredSize::k20,
                            bool put_back = false) {
        return ModelVersion{{}, fresh_value(letter, size), size, Shape::kFull, state, put_back};
    };
    const auto all_of = [](std::uint8_t letter) { return fresh_value(letter, StoredSize::k20); };
    const ModelVersion current = version(2, kCurrent);
    const ModelVersion pending = version(3, kPending);
    const ModelVersion back = version(1, kPending, StoredSize::k20, true);
    switch (beginning) {
        case Beginning::kSettled:
        case Beginning::kCardSays16:
        case Beginning::kChangedLately:
            return {{current}, all_of(2)};
        case Beginning::kSettled16:
            return {{version(2, kCurrent, StoredSize::k16)}, {2, 0, 0}};
        case Beginning::kFirstContact:
            return {{version(2, kUnknown)}, all_of(2)};
        case Beginning::kFirstContactStaged:
            return {{version(2, kUnknown), pending}, all_of(2)};
        case Beginning::kStagedNotSent:
        case Beginning::kStagedLately:
            return {{current, pending}, all_of(2)};
        case Beginning::kSentNotCommitted:
            return {{current, pending}, all_of(3)};
        case Beginning::kFirst16NotRecorded:
            return {{current, pending}, {3, 0, 0}};
        case Beginning::kOldTailNotRecorded:
            return {{current, version(3, kPending, StoredSize::k16)}, {3, 2, 2}};
        case Beginning::kMangledCurrent:
            return {{current}, {2, 0, 0}};
        case Beginning::kOlderLive:
            return {{current}, all_of(1)};
        case Beginning::kFailedLiveAndPending:
            return {{current, version(3, kFailed), version(4, kPending)}, all_of(3)};
        case Beginning::kForeign:
            return {{current}, all_of(99)};
        case Beginning::kElsewhereLive:
            return {{current}, all_of(kElsewhere)};
        case Beginning::kElsewhereLiveMangled:
            return {{current}, {kElsewhere, 0, 0}};
        case Beginning::kElsewhereLiveAndPending:
            return {{current, pending}, all_of(kElsewhere)};
        case Beginning::kStrangeBoard:
            return {{version(2, kUnknown)}, all_of(kElsewhere)};
        case Beginning::kPutBackStaged:
            return {{current, back}, all_of(2)};
        case Beginning::kPutBackSent:
            return {{current, back}, all_of(1)};
        case Beginning::kPutBackStagedOtherLive:
            return {{current, version(7, kRetired), back}, all_of(7)};
        case Beginning::kPutBackDone:
            return {{version(2, kCurrent, StoredSize::k20, true)}, all_of(2)};
    }
    throw Violation{"MODEL", "an unknown beginning"};
}

struct Findings {  // over all runs
    std::set<std::string> outcomes;
    std::set<std::string> details;
    int longest = 0;
};

template <class Machine>
class PasswordWorld {
public:
    ModelVault vault;
    ModelBmc bmc;
    Goal goal = Goal::kRotate;
    bool only_16 = false;
    bool too_early = false;
    int faults_left = 0;
    bool crashes = true;  // crashes are among the faults

    PasswordWorld(const Machine& machine, Choices& choices, std::size_t& steps, Findings& findings)
        : machine_(machine), choices_(choices), steps_(steps), findings_(findings) {}

    void begin(Beginning beginning) {
        vault.add(fresh_value(1, StoredSize::k20), StoredSize::k20, VersionState::kPrevious);
        const Start start = start_of(beginning);
        for (const ModelVersion& version : start.versions) {
            vault.add(version.value, version.size, version.state);
            if (version.put_back) vault.newest().put_back = true;
        }
        bmc.live = start.live;
        only_16 = beginning == Beginning::kCardSays16;
        too_early = beginning == Beginning::kChangedLately || beginning == Beginning::kStagedLately;
        foreign_ = beginning == Beginning::kForeign;
        strange_ = beginning == Beginning::kStrangeBoard;
        vault.elsewhere = fresh_value(kElsewhere, StoredSize::k20);
        began_with_ = vault.current() == nullptr ? VersionNumber{} : vault.current()->number;
    }

    // The run with its faults; then, without faults, the next run on the same BMC, and one on an honest BMC.
    Finish run() {
        const int faults_before = faults_left;
        const Finish end = drive(goal);
        const bool no_excuse = faults_left == faults_before && bmc.habit == OnApply::kStores &&
                               bmc.sulks == Answer::kMatched && !foreign_ && !strange_;
        const bool left_alone = too_early && end == Finish{Outcome::kBlocked, kTooEarly};
        if (no_excuse && !as_asked(end.outcome) && !left_alone && end.detail != "vault-was-behind") {
            fail("REPORT", "failed without a cause");
        }
        if (left_alone && bmc.touched && faults_left == faults_before) fail("REPORT", "sent, and said that it was not");
        faults_left = 0;
        bmc.settle();
        check_promise();
        bmc.touched = false;
        drive(Goal::kRecover);
        bmc.settle();
        bmc.habit = OnApply::kStores;
        bmc.sulks = Answer::kMatched;
        too_early = false;  // time has passed
        const Finish last = drive(Goal::kRecover);
        if (foreign_) {
            if (last.outcome != Outcome::kQuarantined || !vault.quarantined) fail("I7", "foreign, not quarantined");
        } else if (strange_) {
            const bool told = last.outcome == Outcome::kBlocked && last.detail == "first-contact";
            if (!told || bmc.touched || vault.current() != nullptr)
                fail("I10", "a board that may not be ours was used");
        } else if (bmc.rights == Rights::kFull && !as_asked(last.outcome)) {
            fail("I7", "no recovery on an honest BMC: " + std::string(word(last.outcome)));
        }
        return end;
    }

private:
    [[noreturn]] static void fail(std::string rule, std::string what) {
        throw Violation{std::move(rule), std::move(what)};
    }

    // 0: as it should be; else one of `others` faults.
    std::size_t fault(std::size_t others) {
        if (faults_left == 0) return 0;
        const std::size_t chosen = choices_.pick(others + 1);
        if (chosen > 0) --faults_left;
        return chosen;
    }

    // From start() to Finish; a crash throws the machine away and starts another one from what the vault holds.
    Finish drive(Goal what) {
        driving_ = what;
        bool crashed = true;
        while (crashed) {
            crashed = false;
            bmc.session = false;
            proof_.reset();
            sent_in_this_run_.reset();
            only_finish_.clear();
            began_pending_ = vault.pending() != nullptr;
            if (began_pending_ && vault.pending()->staged_under == VersionNumber{}) {
                vault.pending()->staged_under = vault.current_number();
            }
            returns_ = what_returns();
            was_put_back_ = !began_pending_ && vault.current() != nullptr && vault.current()->put_back;
            Step now = machine_.start(vault.situation(what, only_16, too_early));
            for (int n = 1; !crashed; ++n) {
                ++steps_;
                findings_.longest = std::max(findings_.longest, n);
                if (n > kMaxSteps) fail("I7", "too many steps");
                if (const auto* end = std::get_if<Finish>(&now.action)) {
                    check_report(*end);
                    return *end;
                }
                if (!only_finish_.empty()) fail(only_finish_, "went on");
                crashed = crashes && fault(1) == 1;
                if (crashed) break;
                const Event event =
                    std::visit([this](const auto& action) { return this->perform(action); }, now.action);
                check_promise();
                now = machine_.step(now.state, event);
            }
        }
        return {};
    }

    // ---- the checks ----

    void check_promise() {
        if (!foreign_ && !vault.match(bmc.live)) fail("PROMISE", "the vault can't find the live password");
    }

    // I3: `value` was seen live, with its rights, by a handshake later than every Apply.
    void check_proved(Value value) {
        if (!proof_ || proof_->value != value) fail("I3", "became current without a proof");
        if (!proof_->administrator) fail("I3", "became current without its rights");
    }

    void check_session() {
        if (!bmc.session) fail("SESSION", "used without a kept session");
    }

    // Goal kFind makes nothing and sends nothing; a board that may not be ours gets nothing (I10).
    void check_may_write() {
        if (driving_ == Goal::kFind) fail("FIND", "more than found");
        if (strange_) fail("I10", "written to a board that may not be ours");
    }

    void check_report(const Finish& end) {
        findings_.outcomes.insert(std::string(word(end.outcome)));
        if (!end.detail.empty()) findings_.details.insert(std::string(end.detail));
        const bool explains_itself = end.outcome == Outcome::kUnreachable || end.outcome == Outcome::kLocked ||
                                     end.outcome == Outcome::kIdentityChanged;
        if (as_asked(end.outcome)) {
            if (vault.current() == nullptr || vault.current()->value != bmc.live)
                fail("REPORT", "success, not current");
            const bool only_found = driving_ == Goal::kFind;
            if (vault.pending() != nullptr && !only_found) fail("REPORT", "success, and something is pending");
            if (bmc.rights != Rights::kFull) fail("REPORT", "success without rights");
            const bool replaces = driving_ == Goal::kRecover || driving_ == Goal::kRotate;
            if (replaces && vault.current()->number == vault.due)
                fail("REPORT", "success, and an old password is left");
        } else if (end.detail.empty() && !explains_itself) {
            fail("REPORT", "a failure without a reason");
        }
        const bool fresh = end.outcome == Outcome::kRotated || end.outcome == Outcome::kSettled16;
        if (fresh && vault.current()->number == began_with_) fail("REPORT", "rotated, but the same password");
        if (end.outcome == Outcome::kRotated && began_pending_) fail("REPORT", "an interrupted run was not reported");
        if (end.outcome == Outcome::kPutBack && was_put_back_) fail("REPORT", "a repeated put-back toggled");
        if (end.outcome == Outcome::kPutBack && bmc.live != returns_) fail("REPORT", "another secret was put back");
        if (end.outcome == Outcome::kQuarantined && !vault.quarantined && end.detail != "quarantine-not-recorded") {
            fail("REPORT", "quarantined, but not in the vault");
        }
    }

    // What "the previous secret" means at the start of a run.
    Value what_returns() {
        if (vault.pending() != nullptr && vault.pending()->put_back) return vault.pending()->value;
        const ModelVersion* previous = vault.in_state(VersionState::kPrevious);
        return previous == nullptr ? Value{} : previous->value;
    }

    // ---- the actions ----

    Event perform(const Probe&) {
        if (bmc.session) fail("SESSION", "probed though a session is kept");
        slot_checked_ = false;
        return handshake(true);
    }
    Event perform(const Prove&) { return handshake(false); }

    Event handshake(bool keep) {
        proof_.reset();
        bmc.handshake_begins();
        const std::size_t chosen = fault(kOtherAnswerCount + 1);
        Answer answer = bmc.touched ? bmc.sulks : Answer::kMatched;
        if (chosen >= 1 && chosen <= kOtherAnswerCount) answer = kOtherAnswers[chosen - 1];
        if (chosen == kOtherAnswerCount + 1) bmc.session = false;
        const bool session_dies_at_once = keep && chosen == kOtherAnswerCount + 1;

        const std::optional<Match> match = vault.match(bmc.live);
        if (answer == Answer::kMatched && !match) answer = Answer::kNoCandidateMatches;
        if (answer == Answer::kMatched && bmc.rights == Rights::kNone) answer = Answer::kPrivilegeRefused;
        Sighting seen;
        seen.answer = answer;
        if (match && (seen.answer == Answer::kMatched || seen.answer == Answer::kPrivilegeRefused)) {
            seen.version = match->version;
            seen.form = match->form;
            seen.strange_board = strange_;
            seen.administrator = seen.answer == Answer::kMatched && bmc.rights == Rights::kFull;
            proof_ = Proof{bmc.live, seen.administrator};
        }
        if (seen.answer == Answer::kIdentityChanged) only_finish_ = "I10";
        if (keep) bmc.session = seen.answer == Answer::kMatched && !session_dies_at_once;
        return Sighted{seen, bmc.session};
    }

    Event perform(const CheckSlot&) {
        check_session();
        const std::size_t chosen = fault(3);
        if (chosen == 1) return SlotChecked{SlotFact::kAmbiguous, true};
        if (chosen == 2) return SlotChecked{SlotFact::kUnknown, true};
        bmc.session = chosen == 0;
        slot_checked_ = chosen == 0;
        return SlotChecked{chosen == 0 ? SlotFact::kOurs : SlotFact::kUnknown, bmc.session};
    }

    // How a durable step ends. `commits`: it is on the disk.
    struct Disk {
        Durable answer;
        bool commits;
    };
    Disk disk() {
        switch (fault(3)) {
            case 1:
                only_finish_ = "I5";
                return {Durable::kRefused, false};
            case 2:
                return {Durable::kUnknown, true};
            case 3:
                return {Durable::kUnknown, false};
            default:
                return {Durable::kCommitted, true};
        }
    }

    Event perform(const RecordFound& action) {
        const ModelVersion* version = vault.find(action.version);
        if (version == nullptr) fail("I1", "an unknown version was found");
        check_proved(version->value);
        const Disk result = disk();
        if (result.commits) vault.found(action.version);
        if (result.commits && action.due) vault.due = action.version;
        return Stored{result.answer};
    }

    Event perform(const RecordObserved& action) {
        if (!proof_) fail("I3", "recorded what was not seen");
        check_proved(proof_->value);
        const Disk result = disk();
        VersionNumber number{};
        if (result.commits) number = vault.observe(proof_->value);
        if (result.commits && action.due) vault.due = number;
        return Recorded{result.answer, number};
    }

    Event perform(const Stage& action) {
        check_may_write();
        if (vault.pending() != nullptr) fail("I2", "a second pending version");
        const Disk result = disk();
        VersionNumber number{};
        if (result.commits) number = vault.stage(action, driving_ == Goal::kPutBack);
        return Staged{result.answer, number};
    }

    Event perform(const Apply& action) {
        check_may_write();
        check_session();
        if (!slot_checked_) fail("SLOT", "sent to a slot that this session has not named");
        const ModelVersion* version = vault.find(action.version);
        if (version == nullptr) fail("I1", "sent, but not in the vault");
        if (version->state != VersionState::kPending) fail("I1", "sent, but not pending");
        if (version->size != action.size) fail("I1", "sent in another size than stored");
        if (version->staged_under != vault.current_number()) {
            fail("I12", "sent to whoever proves another password than the one that was current when it was staged");
        }
        const std::size_t chosen = fault(kApplyWays - 1);
        proof_.reset();
        const Applied result = bmc.set_password(*version, chosen == 0 ? bmc.habit : static_cast<OnApply>(chosen));
        sent_in_this_run_ = result.result;
        return result;
    }

    Event perform(const RestoreRights&) {
        check_may_write();
        check_session();
        const std::size_t chosen = fault(3);
        if (chosen == 3) bmc.session = false;
        if (chosen == 0 || chosen == 2) bmc.rights = Rights::kFull;  // 2: and the reply is lost
        return RightsRestored{chosen == 0, bmc.session};
    }

    Event perform(const Commit& action) {
        const ModelVersion* version = vault.find(action.version);
        if (version == nullptr || version->state != VersionState::kPending) fail("I3", "committed what is not pending");
        check_proved(version->value);
        const Disk result = disk();
        if (result.commits) vault.make_current(action.version);
        return Stored{result.answer};
    }

    Event perform(const Abandon& action) {
        ModelVersion* version = vault.find(action.version);
        if (version == nullptr || version->state != VersionState::kPending) fail("I4", "abandoned what is not pending");
        if (!proof_) fail("I4", "abandoned without asking the BMC");
        if (proof_->value == version->value) fail("I4", "abandoned what is live");
        const bool may_still_arrive =
            sent_in_this_run_ == ApplyResult::kAccepted || sent_in_this_run_ == ApplyResult::kNoReply;
        if (may_still_arrive) fail("I4", "abandoned what may still arrive");
        sent_in_this_run_.reset();
        const Disk result = disk();
        if (result.commits) version->state = VersionState::kFailed;
        return Stored{result.answer};
    }

    Event perform(const QuarantineBmc&) {
        const Disk result = disk();
        vault.quarantined = vault.quarantined || result.commits;
        return Stored{result.answer};
    }

    Event perform(const Wait&) {
        if (fault(1) == 1) bmc.session = false;
        return Waited{bmc.session};
    }

    Event perform(const Reload&) {
        if (fault(1) == 1) {
            only_finish_ = "I5";
            return Reloaded{{}, false};
        }
        return Reloaded{vault.situation(driving_, only_16, too_early), true};
    }

    Event perform(const Finish&) { fail("MODEL", "Finish is not performed"); }

    struct Proof {
        Value value;
        bool administrator;
    };

    const Machine& machine_;
    Choices& choices_;
    std::size_t& steps_;
    Findings& findings_;
    Goal driving_ = Goal::kRotate;
    std::optional<Proof> proof_;  // of the last handshake, void after an Apply
    std::optional<ApplyResult> sent_in_this_run_;
    bool slot_checked_ = false;  // in the kept session
    std::string only_finish_;    // the rule that forbids anything but Finish now
    bool foreign_ = false;
    bool strange_ = false;
    VersionNumber began_with_;
    bool began_pending_ = false;
    Value returns_;              // goal kPutBack
    bool was_put_back_ = false;  // likewise, by a run before
};

// The machine as it is. Mutants have the same two functions.
struct RealMachine {  // NOLINTBEGIN(readability-convert-member-functions-to-static): mutants have state
    [[nodiscard]] Step start(const Situation& situation) const { return rotate::start(situation); }
    [[nodiscard]] Step step(const PasswordState& state, const Event& event) const { return rotate::step(state, event); }
};  // NOLINTEND(readability-convert-member-functions-to-static)

}  // namespace bmcvault::rotate::test
