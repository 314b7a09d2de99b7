// The table of words. next_step() is read by somebody who was woken up: what to do, then what not to fear.
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

std::string_view next_step(Outcome outcome) {
    switch (outcome) {
        case Outcome::kRotated:
        case Outcome::kAlreadyCurrent:
        case Outcome::kRecovered:
        case Outcome::kSettled16:
        case Outcome::kPutBack:
        case Outcome::kSecured:
        case Outcome::kAdopted:
            return {};
        case Outcome::kRefused:
            return "The BMC said no, or nothing could be sent: the detail says which. Every password that bmcvault "
                   "ever sent it is in the vault. Correct what the detail names, and run the same command again.";
        case Outcome::kBlocked:
            return "Nothing more was sent; every password that was sent is in the vault. Remove what the detail names "
                   "(full disk, minimum change interval, first contact, fuse), then run the same command again.";
        case Outcome::kUnreachable:
            return "No answer. Check name, power, cable, address and UDP port, then run the same command again; every "
                   "password that bmcvault ever sent it is in the vault.";
        case Outcome::kIpmiOff:
            return "It answers, but IPMI over LAN is off or has no usable cipher suite. Turn it on in its web "
                   "interface, or in band with ipmitool on the host, then run the same command again.";
        case Outcome::kBusy:
            return "All its session slots are taken, or another bmcvault works on it. Wait a minute, then run the same "
                   "command again.";
        case Outcome::kLocked:
            return "The account is locked or unknown to the BMC. Do not try passwords. Wait for the lock to end, then "
                   "`bmcvault recover` it.";
        case Outcome::kIdentityChanged:
            return "Another board answers at this address; nothing was sent to it. After a swap: `bmcvault bmc replace "
                   "NAME --reason TEXT`. If it is the same board: `bmcvault bmc set NAME --accept-identity`.";
        case Outcome::kHeld:
            return "It is on hold on purpose: `bmcvault bmc show NAME` says why and until when.";
        case Outcome::kQuarantined:
            return "It holds a credential that the vault does not know; nobody's guess was tried. Find out who changed "
                   "it (`bmcvault history NAME`). Old lists: `bmcvault bmc import-passwords`; from its own server: "
                   "`bmcvault recover NAME --via ssh://root@SERVER`; a password that you know: `bmcvault bmc set NAME "
                   "--ask-password`. Then `bmcvault recover` it.";
        case Outcome::kNotSecured:
            return "An account that is not ours may still let people in; the findings say which and why. Our own still "
                   "works. Close it in the BMC's own interface or with newer firmware, then run the same command "
                   "again.";
    }
    constexpr bool kOutcomeHasNextStep = false;
    BMCVAULT_CHECK(kOutcomeHasNextStep);
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
            return true;
        default:
            return false;
    }
}

}  // namespace bmcvault::rotate
