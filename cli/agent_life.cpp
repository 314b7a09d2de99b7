#include "cli/agent_life.hpp"

#include <algorithm>

namespace bmcvault::cli {
namespace {

// The two clocks are read one after the other.
constexpr std::chrono::seconds kNoSleep{1};

}  // namespace

std::optional<AgentEnd> AgentLife::end(Instant now) const {
    const auto slept = (now.since_boot - now.awake) - (begun_.since_boot - begun_.awake);
    if (slept > kNoSleep) return AgentEnd::kSlept;
    if (now.since_boot - begun_.since_boot >= limits_.at_most) return AgentEnd::kAtMost;
    if (now.since_boot - used_.since_boot >= limits_.idle) return AgentEnd::kIdle;
    return std::nullopt;
}

std::chrono::milliseconds AgentLife::left(Instant now) const {
    const auto until_idle = used_.since_boot + limits_.idle - now.since_boot;
    const auto until_the_end = begun_.since_boot + limits_.at_most - now.since_boot;
    return std::max({std::min<std::chrono::milliseconds>(until_idle, until_the_end), std::chrono::milliseconds(1)});
}

}  // namespace bmcvault::cli
