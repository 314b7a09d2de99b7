// One password rotation as a pure function: step(state, event) -> (state, action). (docs/rotation-protocol.md)
//
// Total, no I/O, no clock, no randomness, no secrets: versions are numbers. The engine performs exactly one action and
// feeds back exactly one event; it decides nothing. A crash at any point is a new start() with what the vault holds.
#pragma once

#include <chrono>
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
    kRecover,  // ends with what is live in `current`; a fresh password only where an older version was live
};

enum class Form : std::uint8_t { kExact, kFirst16, kFirst19, kNewHeadOldTail };

enum class Shape : std::uint8_t { kFull, kShellSafe };  // alphabet of a new password; kShellSafe after a policy refusal

// What the vault holds for this account when the machine starts, or starts again.
struct Situation {
    std::optional<VersionNumber> pending;
    StoredSize pending_size = StoredSize::k20;
    std::optional<VersionNumber> current;
    bool only_16 = false;  // the capability card says: this kind of BMC keeps 16 bytes
    Goal goal = Goal::kRotate;
};

// One fresh handshake with every candidate offered.
struct Sighting {
    Answer answer{};
    std::optional<VersionNumber> version;  // when kMatched or kPrivilegeRefused: which version, in which form
    Form form = Form::kExact;
    bool administrator = false;  // ADMINISTRATOR granted, and Get User Access agrees
};

// ---- actions ----
struct Probe {};      // -> Sighted. The session stays open: the kept session
struct CheckSlot {};  // -> SlotChecked, in the kept session
struct RecordFound {
    VersionNumber version;
};  // -> Stored. A known version is live: make it current
struct RecordObserved {
    Form form;
};  // -> Recorded. The exact live bytes of the last sighting
struct Stage {
    StoredSize size;
    Shape shape;
};  // -> Staged. Generate, store as pending, COMMIT (I1, I2)
struct Apply {
    VersionNumber version;
    StoredSize size;
};  // -> Applied. Set User Password in the kept session
struct Prove {
    VersionNumber version;
};                        // -> Sighted. A fresh handshake, kept session left alone
struct RestoreRights {};  // -> RightsRestored, through the kept session
struct Commit {
    VersionNumber version;
};  // -> Stored. pending -> current
struct Abandon {
    VersionNumber version;
};  // -> Stored. pending -> failed, still a candidate for ever
struct QuarantineBmc {
    Answer why;
};  // -> Stored. Everything known kept, a person told
struct Wait {
    milliseconds time;
};                 // -> Waited
struct Reload {};  // -> Reloaded. A COMMIT was not OK: read what is really there (I5)
struct Finish {
    Outcome outcome;
    std::string_view detail;
};  // close sessions; the end

using Action = std::variant<Probe, CheckSlot, RecordFound, RecordObserved, Stage, Apply, Prove, RestoreRights, Commit,
                            Abandon, QuarantineBmc, Wait, Reload, Finish>;

// ---- events ----
enum class Durable : std::uint8_t { kCommitted, kRefused, kUnknown };
enum class SlotFact : std::uint8_t { kOurs, kAmbiguous, kUnknown };
enum class ApplyResult : std::uint8_t {
    kAccepted,         // 00h: means nothing until proved
    kRefusedByPolicy,  // CCh, 8Fh, C9h, C7h, C8h: may be stored all the same
    kRefusedTooEarly,  // D5h: minimum change interval
    kRefused,          // any other completion code
    kNoReply,          // unknown, not failed
};

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

enum class Phase : std::uint8_t;  // password_machine.cpp

struct PasswordState {
    Phase phase{};
    Situation situation;
    // The implementation adds what it needs here; all of it small values, comparable, printable by tests.
};

struct Step {
    PasswordState state;
    Action action;
};

[[nodiscard]] Step start(const Situation& situation);
// An event that does not belong to the action asked for is our own bug: CHECK.
[[nodiscard]] Step step(const PasswordState& state, const Event& event);

}  // namespace bmcvault::rotate
