// The K_G phase, after the password: same shape as password_machine.hpp. The kept session stays open throughout,
// because it is the only way to put the old key back when the BMC accepts the new one but can't use it.
#pragma once

#include <chrono>
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
};

struct KgRecordFound {
    std::optional<VersionNumber> version;
};                  // -> Stored. This one (or none) is live
struct KgStage {};  // -> Staged
struct KgApply {
    VersionNumber version;
};  // -> KgApplied, in the kept session
struct KgProve {
    VersionNumber version;
};  // -> KgSighted: fresh handshake
struct KgPutBack {
    std::optional<VersionNumber> version;
};  // -> KgApplied, in the kept session; none: all zero
struct KgCommit {
    VersionNumber version;
};  // -> Stored
struct KgAbandon {
    VersionNumber version;
};  // -> Stored
struct KgLearnSupport {
    bool supported;
};  // -> Stored
// Wait, Reload, QuarantineBmc as in the password phase.

enum class KgOutcome : std::uint8_t {
    kChanged,
    kUnchanged,
    kNotSupported,
    kUnusable,
    kRefused,
    kUnproved,
    kQuarantined,
    kVaultNotWritten
};
[[nodiscard]] std::string_view word(KgOutcome);  // "k_g-changed", "k_g-not-supported" ...: details, not outcomes
struct KgFinish {
    KgOutcome outcome;
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

enum class KgPhase : std::uint8_t;

struct KgState {
    KgPhase phase{};
    KgSituation situation;
};

struct KgStep {
    KgState state;
    KgAction action;
};

[[nodiscard]] KgStep start(const KgSituation& situation);
[[nodiscard]] KgStep step(const KgState& state, const KgEvent& event);

}  // namespace bmcvault::rotate
