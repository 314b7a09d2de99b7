#include "cli/board.hpp"

#include <gmock/gmock.h>

namespace bmcvault::cli {
namespace {

using std::chrono::milliseconds;

Progress progress() {
    Progress made{"rotate", 100, 50, 3, {}, {{"unreachable", 2}, {"refused", 1}}, milliseconds(25'000), false};
    made.running = {{"fast", "stage", milliseconds(200)}, {"slow", "prove", milliseconds(61'000)}};
    return made;
}

TEST(Board, ShowsCountsRateTimeLeftAndStragglersByCause) {
    EXPECT_THAT(board_lines(progress(), 120),
                testing::ElementsAre("rotate: 50 of 100 done, 2 running, 48 waiting, 3 failed | 2.0/s, 25 s left",
                                     "  slow  prove  1:01 min", "  fast  stage  0 s",
                                     "  not as asked: 1 refused, 2 unreachable"));
}

TEST(Board, BeforeTheFirstBmcIsDoneThereIsNoRate) {
    Progress made{"check", 3, 0, 0, {}, {}, milliseconds(0), false};
    EXPECT_THAT(board_lines(made, 120), testing::ElementsAre("check: 0 of 3 done, 0 running, 3 waiting, 0 failed"));
}

TEST(Board, FitsTheTerminalAndShowsOnlyTheSlowest) {
    auto made = progress();
    for (int i = 0; i < 50; ++i) made.running.push_back({"many", "probe", milliseconds(i)});
    const auto lines = board_lines(made, 40);
    EXPECT_EQ(lines.size(), 6u);
    for (const auto& line : lines) EXPECT_LE(line.size(), 40u);
}

TEST(Board, SaysThatItIsStopping) {
    auto made = progress();
    made.stopping = true;
    EXPECT_THAT(board_lines(made, 120)[1], testing::HasSubstr("in flight are finished first"));
}

}  // namespace
}  // namespace bmcvault::cli
