// Many BMCs at a time: what a stop does.
#include "rotate/engine/fan_out.hpp"

#include <gtest/gtest.h>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>

#include "tests/engine/sim_world.hpp"

namespace bmcvault::rotate::sim {
namespace {

class FanOuts : public testing::Test {
protected:
    // Over three BMCs, one at a time; `after` is called when each of them ends.
    FanOutEnd run(const std::function<void()>& after) {
        asio::io_context io;
        SimNetwork network(io, ipmi::TimePoint{}, {});
        Observer observer;
        const std::vector<vault::Bmc> bmcs(3);
        CampaignOptions options;
        options.parallel = parallel_;
        options.canary = parallel_ == 1;
        const std::vector<CampaignItem> items(3);
        const OneBmc one = [&](const vault::Bmc&) -> asio::awaitable<BmcReport> {
            const auto alarm = network.make_alarm();
            ++started_;
            after();
            (void)co_await alarm->wait_until(network.now() + std::chrono::seconds(1));
            ++ended_;
            co_return BmcReport{};
        };
        FanOutEnd end;
        asio::co_spawn(io, run_all({network, observer, &stop_}, bmcs, CampaignPlan(items, options), one),
                       [&](std::exception_ptr failure, FanOutEnd result) {
                           if (failure) std::rethrow_exception(failure);
                           end = std::move(result);
                       });
        do io.restart(), io.poll();
        while (network.advance());
        return end;
    }

    std::atomic<bool> stop_ = false;
    std::size_t parallel_ = 1;
    int started_ = 0;
    int ended_ = 0;
};

TEST_F(FanOuts, WithoutAStopEachGetsItsReport) {
    const auto end = run([] {});
    EXPECT_FALSE(end.stopped);
    EXPECT_EQ(end.reports.size(), 3u);
}

TEST_F(FanOuts, AStopBeforeTheFirstIsNoSuccess) {
    stop_ = true;
    const auto end = run([] {});
    EXPECT_TRUE(end.stopped);
    EXPECT_EQ(started_, 0);
}

TEST_F(FanOuts, AStopWhileNothingIsInFlightIsTold) {
    const auto end = run([this] { stop_ = true; });
    EXPECT_TRUE(end.stopped);
    EXPECT_EQ(end.reports.size(), 1u);
}

TEST_F(FanOuts, ABugWithOneBmcStopsTheRestAndLetsTheOthersEnd) {
    parallel_ = 2;
    const auto bug = [this] {
        if (started_ == 2) throw std::runtime_error("a bug");
    };
    EXPECT_THROW((void)run(bug), std::runtime_error);
    EXPECT_EQ(started_, 2);
    EXPECT_EQ(ended_, 1);
}

TEST_F(FanOuts, AStopAfterTheLastChangesNothing) {
    const auto end = run([this] { stop_ = started_ == 3; });
    EXPECT_FALSE(end.stopped);
    EXPECT_EQ(end.reports.size(), 3u);
}

}  // namespace
}  // namespace bmcvault::rotate::sim
