// Where RAKP 2 proves nothing and a person allows real logins: what is tried, and in which order.
#pragma once

#include <cstddef>
#include <vector>

#include "rotate/core/password_machine.hpp"

namespace bmcvault::rotate {

struct LoginAttempt {
    std::size_t candidate = 0;  // its place
    Form form = Form::kExact;   // kExact or kFirst16
    friend bool operator==(const LoginAttempt&, const LoginAttempt&) = default;
};

struct AttemptFacts {
    bool first_was_just_sent = false;  // the BMC holds the first candidate, whole or cut, unless it lied
    bool keeps_only_16 = false;        // by the capability card
};

// `longer_than_16`: of each candidate, most likely first. The whole ones come before the cut ones (after them where
// only 16 bytes are kept), and only what is longer than 16 bytes has a cut form of its own.
[[nodiscard]] std::vector<LoginAttempt> login_attempts(const std::vector<bool>& longer_than_16, AttemptFacts facts);

}  // namespace bmcvault::rotate
