// One password rotation as a pure function: step(state, event) -> (state, action). (docs/rotation-protocol.md)
//
// Total, no I/O, no clock, no randomness, no secrets: versions are numbers. The engine performs exactly one action and
// feeds back exactly one event; it decides nothing. A crash at any point is a new start() with what the vault holds.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>

#include "rotate/core/words.hpp"
#include "vault/base/ids.hpp"
#include "vault/core/model.hpp"

namespace bmcvault::rotate {

using std::chrono::milliseconds;
using vault::StoredSize;

enum class Goal : std::uint8_t {
    kRotate,   // ends with a fresh password; a pending one of an interrupted run is rolled forward instead
    kRecover,  // ends with what is live in `current`; a fresh password where that was not what the vault believed
    kFind,     // ends with what is live in `current`; nothing is made and nothing is sent
    kPutBack,  // ends with the previous secret again, as a new version: the engine stages that instead of a fresh one
};

inline constexpr std::string_view kTooEarly = "minimum-change-interval";  // detail of kBlocked

enum class Form : std::uint8_t { kExact, kFirst16, kFirst19, kNewHeadOldTail };

enum class Shape : std::uint8_t { kFull, kShellSafe };  // alphabet of a new password; kShellSafe after a policy refusal

// What the vault holds for this account when the machine starts, or starts again.
struct Situation {
    std::optional<VersionNumber> pending;
    StoredSize pending_size = StoredSize::k20;
    std::optional<VersionNumber> current;
    bool current_is_due =
        false;  // it was found live instead of a newer one, and not yet replaced: see RecordFound::due
    std::optional<VersionNumber> factory;         // the newest that came with the board: never good enough
    std::optional<VersionNumber> newest_entered;  // by a person, never seen live: an older one that is, is due
    bool only_16 = false;                         // the capability card says: this kind of BMC keeps 16 bytes
    Goal goal = Goal::kRotate;
    bool pending_is_put_back = false;            // Provenance::kPutBack: staged by an interrupted put-back
    bool current_is_put_back = false;            // likewise; a repeated put-back must not toggle
    StoredSize put_back_size = StoredSize::k20;  // goal kPutBack: size of the secret that returns
    bool too_early = false;  // the current one was sent so lately that this kind of BMC refuses another change
    friend auto operator<=>(const Situation&, const Situation&) = default;
};

// One fresh handshake with every candidate offered.
struct Sighting {
    Answer answer{};
    // When kMatched or kPrivilegeRefused: which version, in which form. kMatched and none: a password from elsewhere
    // (another BMC's, a list, a vendor's default) opens this account.
    std::optional<VersionNumber> version;
    Form form = Form::kExact;
    bool administrator = false;  // ADMINISTRATOR granted, and Get User Access agrees
    // It was never seen before, and what matched does not show that it is ours: anybody's board accepts ADMIN.
    bool strange_board = false;
};

// ---- actions ----
// Each compares, so that a state can remember the action it waits for.
struct Probe {  // -> Sighted. The session stays open: the kept session. Only asked for when none is kept
    friend auto operator<=>(const Probe&, const Probe&) = default;
};
struct CheckSlot {  // -> SlotChecked, in the kept session
    friend auto operator<=>(const CheckSlot&, const CheckSlot&) = default;
};
struct RecordFound {  // -> Stored. A known version is live: make it current; pending -> failed
    VersionNumber version;
    bool due;  // what was current before is newer: remember, also after a crash, that this one has to be replaced
    friend auto operator<=>(const RecordFound&, const RecordFound&) = default;
};
struct RecordObserved {  // -> Recorded. The exact live bytes of the last sighting, mangled or from elsewhere, become
                         // current; pending -> failed
    Form form;
    bool due;  // likewise: it is no mangled form of the pending one
    friend auto operator<=>(const RecordObserved&, const RecordObserved&) = default;
};
struct Stage {  // -> Staged. Generate (or, for kPutBack, take the previous secret), store as pending, COMMIT (I1, I2)
    StoredSize size;
    Shape shape;
    friend auto operator<=>(const Stage&, const Stage&) = default;
};
struct Apply {  // -> Applied. Set User Password in the kept session
    VersionNumber version;
    StoredSize size;
    friend auto operator<=>(const Apply&, const Apply&) = default;
};
struct Prove {  // -> Sighted. A fresh handshake with every candidate; its login is closed, the kept session left alone
    VersionNumber version;
    friend auto operator<=>(const Prove&, const Prove&) = default;
};
struct RestoreRights {  // -> RightsRestored, through the kept session
    friend auto operator<=>(const RestoreRights&, const RestoreRights&) = default;
};
struct Commit {  // -> Stored. pending -> current
    VersionNumber version;
    friend auto operator<=>(const Commit&, const Commit&) = default;
};
struct Abandon {  // -> Stored. pending -> failed, still a candidate for ever
    VersionNumber version;
    friend auto operator<=>(const Abandon&, const Abandon&) = default;
};
struct QuarantineBmc {  // -> Stored. Everything known kept, a person told
    Answer why;
    friend auto operator<=>(const QuarantineBmc&, const QuarantineBmc&) = default;
};
struct Wait {  // -> Waited. The kept session is kept alive meanwhile
    milliseconds time;
    friend auto operator<=>(const Wait&, const Wait&) = default;
};
struct Reload {  // -> Reloaded. A COMMIT was not OK: read what is really there (I5)
    friend auto operator<=>(const Reload&, const Reload&) = default;
};
struct Finish {  // close sessions; the end
    Outcome outcome;
    std::string_view detail;
    friend auto operator<=>(const Finish&, const Finish&) = default;
};

using Action = std::variant<Probe, CheckSlot, RecordFound, RecordObserved, Stage, Apply, Prove, RestoreRights, Commit,
                            Abandon, QuarantineBmc, Wait, Reload, Finish>;

// ---- events ----
enum class Durable : std::uint8_t { kCommitted, kRefused, kUnknown };
enum class SlotFact : std::uint8_t { kOurs, kAmbiguous, kUnknown };
enum class ApplyResult : std::uint8_t {
    kAccepted,         // 00h: means nothing until proved
    kRefusedByPolicy,  // CCh, 8Fh, C9h: one value of another shape may be tried
    kRefusedSize,      // C7h, C8h: likewise, and only 16 bytes long
    kRefusedTooEarly,  // D5h: minimum change interval
    kRefused,          // any other completion code
    kNoReply,          // unknown, not failed; so are C0h, C3h and FFh
};  // whatever it is, the BMC is asked by a fresh handshake before anything is concluded

struct Sighted {
    Sighting sighting;
    bool kept_session;
};  // kept_session: still usable (or newly kept, after Probe)
struct SlotChecked {
    SlotFact fact;
    bool kept_session;
};
struct Stored {
    Durable durable;
};
struct Staged {
    Durable durable;
    VersionNumber version;
};
struct Recorded {
    Durable durable;
    VersionNumber version;
};
struct Applied {
    ApplyResult result;
    bool kept_session;
};
struct RightsRestored {
    bool done;
    bool kept_session;
};
struct Waited {
    bool kept_session;
};
struct Reloaded {
    Situation situation;
    bool readable;
};

using Event = std::variant<Sighted, SlotChecked, Stored, Staged, Recorded, Applied, RightsRestored, Waited, Reloaded>;

// Small values only, comparable, so that tests can search all states. `asked` says which event comes next.
struct PasswordState {
    Situation situation;  // what the vault holds, as far as we know
    Action asked;         // the action whose event we wait for
    Action unconfirmed;   // while reloading: the durable step that may or may not have happened

    bool kept = false;        // the kept session is usable
    bool slot_known = false;  // in the kept session
    bool recovered = false;   // the vault was behind the BMC: an older version, a mangled one, or an interrupted run
    bool use_16 = false;      // this BMC does not keep 20 bytes
    bool reshaped = false;    // the one new value after a refusal by policy was spent

    ApplyResult applied{};                // what the BMC said to the last Apply
    std::optional<VersionNumber> seen;    // whose mangled form is being recorded; nullopt: one from elsewhere
    std::optional<Finish> after_abandon;  // nullopt: go on with a new value

    std::uint8_t applies = 0;   // of the pending version
    std::uint8_t waits = 0;     // since the last Apply
    std::uint8_t restores = 0;  // since the last Apply
    std::uint8_t probes = 0;
    std::uint8_t stages = 0;
    std::uint8_t reloads = 0;
    friend auto operator<=>(const PasswordState&, const PasswordState&) = default;
};

// The longest run there is, whatever the BMC and the disk answer (I7). Measured by tests/rotate over all states.
inline constexpr int kMaxSteps = 169;

struct Step {
    PasswordState state;
    Action action;
};

[[nodiscard]] Step start(const Situation& situation);
// An event that does not belong to the action asked for is our own bug: CHECK.
[[nodiscard]] Step step(const PasswordState& before, const Event& event);

}  // namespace bmcvault::rotate
