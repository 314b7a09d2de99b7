// A BMC as the password machine meets it: what it holds, and its habits, which are those of real ones.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "tests/rotate/model_vault.hpp"

namespace bmcvault::rotate::test {

// What it does with a Set User Password. The first is the honest one.
enum class OnApply : std::uint8_t {
    kStores,
    kPolicy,
    kPolicyUnlessShellSafe,
    kPolicyButStores,
    kSizeUnless16,
    kTooEarly,
    kRefuses,
    kRefusesButStores,
    kLosesReplyAfter,
    kLosesReplyBefore,
    kStoresFirst16,
    kStoresFirst19,
    kKeepsOldTail,
    kStoresAtNextHandshake,
    kStoresAtThirdHandshake,
    kReducesRights,
    kTakesRights,
    kForgets,
    kLosesSession,
};
inline constexpr std::size_t kApplyWays = 19;

// What a handshake may say instead of the truth.
inline constexpr Answer kOtherAnswers[] = {
    Answer::kNoAnswer,        Answer::kUnknownUserOrLocked, Answer::kNoSessionSlot, Answer::kNoCandidateMatches,
    Answer::kNoProof,         Answer::kCipherSuiteRefused,  Answer::kProtocolError, Answer::kPrivilegeRefused,
    Answer::kIdentityChanged, Answer::kKgUnknown,
};
inline constexpr std::size_t kOtherAnswerCount = std::size(kOtherAnswers);

enum class Rights : std::uint8_t { kFull, kReduced /* logs in, access disagrees */, kNone /* privilege refused */ };

struct ModelBmc {
    Value live;
    Rights rights = Rights::kFull;
    bool session = false;             // the kept session
    OnApply habit{};                  // whenever nothing else is chosen
    Answer sulks = Answer::kMatched;  // said by every handshake after the first Apply; kMatched: the truth
    bool touched = false;
    std::optional<Value> late;  // accepted, stored later
    int handshakes_until_late = 0;

    // One handshake is a moment in which late effects happen.
    void handshake_begins() {
        if (late && --handshakes_until_late == 0) settle();
    }
    void settle() {
        if (late) live = *late;
        late.reset();
    }

    Applied set_password(const ModelVersion& version, OnApply way) {
        touched = true;
        const Value old = live;
        const Value sent = version.value;
        const auto answer = [this](ApplyResult result) { return Applied{result, session}; };
        switch (way) {
            case OnApply::kStores:
                live = sent;
                return answer(ApplyResult::kAccepted);
            case OnApply::kPolicy:
                return answer(ApplyResult::kRefusedByPolicy);
            case OnApply::kPolicyUnlessShellSafe:
                if (version.shape == Shape::kFull) return answer(ApplyResult::kRefusedByPolicy);
                live = sent;
                return answer(ApplyResult::kAccepted);
            case OnApply::kPolicyButStores:
                live = sent;
                return answer(ApplyResult::kRefusedByPolicy);
            case OnApply::kSizeUnless16:
                if (version.size == StoredSize::k20) return answer(ApplyResult::kRefusedSize);
                live = sent;
                return answer(ApplyResult::kAccepted);
            case OnApply::kTooEarly:
                return answer(ApplyResult::kRefusedTooEarly);
            case OnApply::kRefuses:
                return answer(ApplyResult::kRefused);
            case OnApply::kRefusesButStores:
                live = sent;
                return answer(ApplyResult::kRefused);
            case OnApply::kLosesReplyAfter:
                live = sent;
                return answer(ApplyResult::kNoReply);
            case OnApply::kLosesReplyBefore:
                return answer(ApplyResult::kNoReply);
            case OnApply::kStoresFirst16:
                live = {sent.head, 0, 0};
                return answer(ApplyResult::kAccepted);
            case OnApply::kStoresFirst19:
                live = {sent.head, sent.middle, 0};
                return answer(ApplyResult::kAccepted);
            case OnApply::kKeepsOldTail:
                live = {sent.head, old.middle, old.last};
                return answer(ApplyResult::kAccepted);
            case OnApply::kStoresAtNextHandshake:
                store_late(sent, 1);
                return answer(ApplyResult::kAccepted);
            case OnApply::kStoresAtThirdHandshake:
                store_late(sent, 3);
                return answer(ApplyResult::kAccepted);
            case OnApply::kReducesRights:
                live = sent;
                rights = Rights::kReduced;
                return answer(ApplyResult::kAccepted);
            case OnApply::kTakesRights:
                live = sent;
                rights = Rights::kNone;
                return answer(ApplyResult::kAccepted);
            case OnApply::kForgets:
                return answer(ApplyResult::kAccepted);
            case OnApply::kLosesSession:
                live = sent;
                session = false;
                return answer(ApplyResult::kNoReply);
        }
        throw Violation{"MODEL", "an unknown way"};
    }

private:
    void store_late(Value value, int handshakes) {
        late = value;
        handshakes_until_late = handshakes;
    }
};

}  // namespace bmcvault::rotate::test
