// The words for what happened: one table for text, JSON, reports and docs. (docs/outcomes.md)
#pragma once

#include <cstdint>
#include <string_view>

namespace bmcvault::rotate {

// What one handshake said.
enum class Answer : std::uint8_t {
    kMatched,
    kNoAnswer,
    kUnknownUserOrLocked,
    kNoCandidateMatches,
    kNoProof,
    kKgUnknown,
    kCipherSuiteRefused,
    kNoSessionSlot,
    kPrivilegeRefused,
    kIdentityChanged,
    kProtocolError,
};

enum class Outcome : std::uint8_t {
    // as asked: exit code 0
    kRotated,
    kAlreadyCurrent,
    kRecovered,
    kSettled16,
    kPutBack,
    kSecured,
    kAdopted,
    kOutsideWindow,
    // not as asked: exit code 1; what that says of the password: advice.hpp
    kRefused,
    kBlocked,
    kUnreachable,
    kIpmiOff,
    kBusy,
    kLocked,
    kIdentityChanged,
    kHeld,
    kQuarantined,
    kNotSecured,
};

[[nodiscard]] std::string_view word(Outcome);  // "already-current"
[[nodiscard]] std::string_view word(Answer);   // "unknown-user-or-locked"
[[nodiscard]] bool as_asked(Outcome);

}  // namespace bmcvault::rotate
