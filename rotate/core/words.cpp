// The table of words. What to do about them is in advice.cpp.
#include "rotate/core/words.hpp"

#include "vault/base/check.hpp"

namespace bmcvault::rotate {

std::string_view word(Outcome outcome) {
    switch (outcome) {
        case Outcome::kRotated:
            return "rotated";
        case Outcome::kAlreadyCurrent:
            return "already-current";
        case Outcome::kRecovered:
            return "recovered";
        case Outcome::kSettled16:
            return "settled-16";
        case Outcome::kPutBack:
            return "put-back";
        case Outcome::kSecured:
            return "secured";
        case Outcome::kAdopted:
            return "adopted";
        case Outcome::kOutsideWindow:
            return "outside-window";
        case Outcome::kRefused:
            return "refused";
        case Outcome::kBlocked:
            return "blocked";
        case Outcome::kUnreachable:
            return "unreachable";
        case Outcome::kIpmiOff:
            return "ipmi-off";
        case Outcome::kBusy:
            return "busy";
        case Outcome::kLocked:
            return "locked";
        case Outcome::kIdentityChanged:
            return "identity-changed";
        case Outcome::kHeld:
            return "held";
        case Outcome::kQuarantined:
            return "quarantined";
        case Outcome::kNotSecured:
            return "not-secured";
    }
    constexpr bool kOutcomeHasWord = false;
    BMCVAULT_CHECK(kOutcomeHasWord);
    return {};
}

std::string_view word(Answer answer) {
    switch (answer) {
        case Answer::kMatched:
            return "matched";
        case Answer::kNoAnswer:
            return "no-answer";
        case Answer::kUnknownUserOrLocked:
            return "unknown-user-or-locked";
        case Answer::kNoCandidateMatches:
            return "no-candidate-matches";
        case Answer::kNoProof:
            return "no-proof";
        case Answer::kKgUnknown:
            return "k_g-unknown";
        case Answer::kCipherSuiteRefused:
            return "cipher-suite-refused";
        case Answer::kNoSessionSlot:
            return "no-session-slot";
        case Answer::kPrivilegeRefused:
            return "privilege-refused";
        case Answer::kIdentityChanged:
            return "identity-changed";
        case Answer::kProtocolError:
            return "protocol-error";
    }
    constexpr bool kAnswerHasWord = false;
    BMCVAULT_CHECK(kAnswerHasWord);
    return {};
}

bool as_asked(Outcome outcome) {
    switch (outcome) {
        case Outcome::kRotated:
        case Outcome::kAlreadyCurrent:
        case Outcome::kRecovered:
        case Outcome::kSettled16:
        case Outcome::kPutBack:
        case Outcome::kSecured:
        case Outcome::kAdopted:
        case Outcome::kOutsideWindow:
            return true;
        default:
            return false;
    }
}

}  // namespace bmcvault::rotate
