// When the keys of an unlock agent go: by one clock that counts sleep and one that does not.
#include "cli/agent_life.hpp"

#include <gtest/gtest.h>

namespace bmcvault::cli {
namespace {

using namespace std::chrono_literals;

constexpr Instant kStart{1'000'000ms, 900'000ms};  // it has slept before

Instant later(std::chrono::milliseconds awake, std::chrono::milliseconds asleep = 0ms) {
    return {kStart.since_boot + awake + asleep, kStart.awake + awake};
}

TEST(AgentLife, EndsWhenNobodyHasAskedForSoLong) {
    AgentLife life({15min, 8h}, kStart);
    EXPECT_EQ(life.end(later(15min - 1ms)), std::nullopt);
    EXPECT_EQ(life.end(later(15min)), AgentEnd::kIdle);
    life.use(later(10min));
    EXPECT_EQ(life.end(later(25min - 1ms)), std::nullopt);
    EXPECT_EQ(life.end(later(25min)), AgentEnd::kIdle);
}

TEST(AgentLife, EndsInAnyCaseAfterSoLong) {
    AgentLife life({15min, 1h}, kStart);
    for (auto used = 10min; used < 60min; used += 10min) life.use(later(used));
    EXPECT_EQ(life.end(later(1h - 1ms)), std::nullopt);
    EXPECT_EQ(life.end(later(1h)), AgentEnd::kAtMost);
}

TEST(AgentLife, EndsWhenTheMachineHasSlept) {
    const AgentLife life({15min, 8h}, kStart);
    EXPECT_EQ(life.end(later(1min, 1s)), std::nullopt) << "the clocks are read one after the other";
    EXPECT_EQ(life.end(later(1min, 1001ms)), AgentEnd::kSlept);
}

TEST(AgentLife, SaysHowLongToWait) {
    AgentLife life({15min, 20min}, kStart);
    EXPECT_EQ(life.left(later(5min)), 10min);
    life.use(later(10min));
    EXPECT_EQ(life.left(later(10min)), 10min);
    EXPECT_EQ(life.left(later(21min)), 1ms);
}

}  // namespace
}  // namespace bmcvault::cli
