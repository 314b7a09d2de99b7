// The K_G phase, after the password: same shape as password_machine.hpp. The kept session stays open throughout,
// because it is the only way to put the old key back when the BMC accepts the new one but can't use it.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

#include "rotate/core/password_machine.hpp"

namespace bmcvault::rotate {

// Which K_G a two-key login (RAKP 4) named. No version: no K_G is set.
struct KgSighting {
    Answer answer{};
    std::optional<VersionNumber> version;
    bool cut_at_zero_byte = false;
};

struct KgSituation {
    std::optional<VersionNumber> pending;
    std::optional<VersionNumber> current;  // nullopt: the vault believes that none is set
    std::optional<VersionNumber> live;     // what the kept session's own login proved; nullopt: none set
    bool change_wanted = false;            // policy or --k-g; otherwise only settle what is pending or unexpected
    std::optional<bool> supported;         // a known fact of this BMC; false: nothing is sent
    bool kept_session = false;
    friend auto operator<=>(const KgSituation&, const KgSituation&) = default;
};

struct KgRecordFound {  // -> Stored. This one (or none) is live: it becomes current; a pending one stays
    std::optional<VersionNumber> version;
    friend auto operator<=>(const KgRecordFound&, const KgRecordFound&) = default;
};
struct KgStage {  // -> Staged. 20 random bytes, none of them zero
    friend auto operator<=>(const KgStage&, const KgStage&) = default;
};
struct KgApply {  // -> KgApplied, in the kept session
    VersionNumber version;
    friend auto operator<=>(const KgApply&, const KgApply&) = default;
};
struct KgProve {  // -> KgSighted: fresh handshake with every candidate; expected is this one, or none
    std::optional<VersionNumber> version;
    friend auto operator<=>(const KgProve&, const KgProve&) = default;
};
struct KgPutBack {  // -> KgApplied, in the kept session; none: all zero
    std::optional<VersionNumber> version;
    friend auto operator<=>(const KgPutBack&, const KgPutBack&) = default;
};
struct KgCommit {  // -> Stored
    VersionNumber version;
    friend auto operator<=>(const KgCommit&, const KgCommit&) = default;
};
struct KgAbandon {  // -> Stored
    VersionNumber version;
    friend auto operator<=>(const KgAbandon&, const KgAbandon&) = default;
};
struct KgLearnSupport {  // -> Stored. Settable and usable, or not; a hint only: the machine goes on without it
    bool supported;
    friend auto operator<=>(const KgLearnSupport&, const KgLearnSupport&) = default;
};
// Wait, Reload, QuarantineBmc as in the password phase.

enum class KgOutcome : std::uint8_t {
    kChanged,          // proved and current
    kUnchanged,        // not asked for
    kNotSupported,     // the BMC can't have one: a fact, not a failure
    kUnusable,         // it took the key and could not use it; the old one was put back and proved
    kRefused,          // it said no, and the old one is proved
    kUnproved,         // could not be asked; both keys are in the vault, the next run settles it
    kQuarantined,      // it took the key, can't use it, and was cut off before the old one was back
    kVaultNotWritten,  // nothing was sent after that
};
[[nodiscard]] std::string_view word(KgOutcome);  // "k_g-changed", "k_g-not-supported" ...: details, not outcomes
struct KgFinish {
    KgOutcome outcome;
    friend auto operator<=>(const KgFinish&, const KgFinish&) = default;
};

using KgAction = std::variant<KgRecordFound, KgStage, KgApply, KgProve, KgPutBack, KgCommit, KgAbandon, KgLearnSupport,
                              QuarantineBmc, Wait, Reload, KgFinish>;

enum class KgApplyResult : std::uint8_t { kAccepted, kNotSupported /* C1h, D4h */, kRefused, kNoReply };

struct KgApplied {
    KgApplyResult result;
    bool kept_session;
};
struct KgSighted {
    KgSighting sighting;
    bool kept_session;
};
struct KgReloaded {
    KgSituation situation;
    bool readable;
};

using KgEvent = std::variant<Stored, Staged, KgApplied, KgSighted, Waited, KgReloaded>;

struct KgState {
    KgSituation situation;
    KgAction asked;
    KgAction unconfirmed;  // while reloading

    bool kept = false;
    bool putting_back = false;
    bool broken = false;      // the BMC took the key and can't use it
    KgApplyResult applied{};  // what the BMC said to the last write
    KgOutcome ending{};       // after an Abandon, a Learn or a Quarantine
    std::uint8_t applies = 0;
    std::uint8_t waits = 0;
    std::uint8_t put_backs = 0;
    std::uint8_t reloads = 0;
    friend auto operator<=>(const KgState&, const KgState&) = default;
};

inline constexpr int kMaxKgSteps = 71;  // as kMaxSteps

struct KgStep {
    KgState state;
    KgAction action;
};

[[nodiscard]] KgStep start(const KgSituation& situation);
[[nodiscard]] KgStep step(const KgState& before, const KgEvent& event);

}  // namespace bmcvault::rotate
