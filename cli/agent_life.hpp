// How long an unlock agent keeps its keys: a decision of clocks. Pure.
#pragma once

#include <chrono>
#include <optional>

namespace bmcvault::cli {

// Both clocks of one moment. The difference between them grows while the machine sleeps, and by nothing else.
struct Instant {
    std::chrono::milliseconds since_boot{0};  // CLOCK_BOOTTIME
    std::chrono::milliseconds awake{0};       // CLOCK_MONOTONIC
};

struct AgentLimits {
    std::chrono::seconds idle{std::chrono::minutes(15)};  // since it was asked last
    std::chrono::seconds at_most{std::chrono::hours(8)};  // since it was unlocked
    friend bool operator==(const AgentLimits&, const AgentLimits&) = default;
};

enum class AgentEnd : std::uint8_t { kIdle, kAtMost, kSlept };

class AgentLife {
public:
    AgentLife(AgentLimits limits, Instant now) : limits_(limits), begun_(now), used_(now) {}

    // nullopt: the keys may stay.
    [[nodiscard]] std::optional<AgentEnd> end(Instant now) const;
    void use(Instant now) { used_ = now; }
    // Until end() says something else if nobody asks; at least a millisecond.
    [[nodiscard]] std::chrono::milliseconds left(Instant now) const;

private:
    AgentLimits limits_;
    Instant begun_;
    Instant used_;
};

}  // namespace bmcvault::cli
