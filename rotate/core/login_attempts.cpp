#include "rotate/core/login_attempts.hpp"

#include <algorithm>

namespace bmcvault::rotate {

std::vector<LoginAttempt> login_attempts(const std::vector<bool>& longer_than_16, AttemptFacts facts) {
    std::vector<LoginAttempt> whole;
    std::vector<LoginAttempt> cut;
    for (std::size_t i = 0; i < longer_than_16.size(); ++i) {
        whole.push_back({i, Form::kExact});
        if (longer_than_16[i]) cut.push_back({i, Form::kFirst16});
    }
    auto& first = facts.keeps_only_16 ? cut : whole;
    auto& second = facts.keeps_only_16 ? whole : cut;
    first.insert(first.end(), second.begin(), second.end());
    if (facts.first_was_just_sent) {
        std::ranges::stable_partition(first, [](const LoginAttempt& attempt) { return attempt.candidate == 0; });
    }
    return first;
}

}  // namespace bmcvault::rotate
