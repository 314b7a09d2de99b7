// The promises of the campaign plan: on every run of small fleets, and on random runs of larger ones.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "rotate/core/campaign_plan.hpp"
#include "tests/rotate/choices.hpp"

namespace bmcvault::rotate::test {
namespace {

enum class End : std::uint8_t { kWell, kBadly, kSkipped };

struct Fleet {
    std::vector<CampaignItem> items;
    std::vector<std::string> true_class;  // what finished() learns
    CampaignOptions options;
};

// Runs a campaign and checks each promise at each step. `choose(n)` says 0 to n - 1.
template <class Choose>
void run_campaign(const Fleet& fleet, const Choose& choose) {
    CampaignPlan plan(fleet.items, fleet.options);
    const auto class_at_start = [&fleet](std::size_t i) {
        const CampaignItem& item = fleet.items[i];
        return item.class_name.empty() ? "group " + item.group : item.class_name;
    };
    std::vector<int> started(fleet.items.size(), 0);
    std::vector<std::size_t> in_flight;
    std::vector<std::string> proved;  // classes of which one ended well
    while (!plan.done()) {
        while (const auto item = plan.next()) {
            if (++started[*item] > 1) throw Violation{"ONCE", "started twice"};
            if (in_flight.size() >= fleet.options.parallel) throw Violation{"LIMIT", "too many in flight"};
            const std::string name = class_at_start(*item);
            const bool first_proved = std::find(proved.begin(), proved.end(), name) != proved.end();
            for (const std::size_t other : in_flight) {
                if (fleet.options.canary && !first_proved && class_at_start(other) == name) {
                    throw Violation{"CANARY", "a second of a class that nothing has proved"};
                }
            }
            in_flight.push_back(*item);
        }
        if (in_flight.empty()) throw Violation{"STUCK", "not done, and nothing may start"};
        const std::size_t which = choose(in_flight.size());
        const std::size_t item = in_flight[which];
        in_flight.erase(in_flight.begin() + static_cast<std::ptrdiff_t>(which));
        const auto end = static_cast<End>(choose(3));
        if (end == End::kSkipped) {
            plan.skipped(item);
            continue;
        }
        plan.finished(item, end == End::kWell, fleet.true_class[item]);
        if (end != End::kWell) continue;
        proved.push_back(class_at_start(item));
        proved.push_back(fleet.true_class[item]);
    }
    const std::vector<std::size_t> blocked = plan.blocked();
    for (std::size_t i = 0; i < fleet.items.size(); ++i) {
        const bool is_blocked = std::find(blocked.begin(), blocked.end(), i) != blocked.end();
        if (is_blocked == (started[i] == 1)) throw Violation{"ALL", "neither started nor blocked, or both"};
        if (is_blocked && !plan.blown(plan.class_of(i))) throw Violation{"FUSE", "blocked without a blown fuse"};
    }
}

Fleet two_classes(std::size_t count, CampaignOptions options) {
    Fleet fleet{{}, {}, options};
    for (std::size_t i = 0; i < count; ++i) {
        const bool unknown = i % 3 == 2;
        const std::string name = i % 2 == 0 ? "11/22/1.0" : "33/44/2.0";
        fleet.items.push_back({unknown ? "" : name, "rack"});
        fleet.true_class.push_back(name);
    }
    return fleet;
}

TEST(CampaignPlan, KeepsItsPromisesInEveryRunOfASmallFleet) {
    const Search search = search_all([](Choices& choices, std::size_t&) {
        CampaignOptions options;
        options.parallel = 1 + choices.pick(3);
        options.canary = choices.pick(2) == 0;
        options.fuse = choices.pick(3);
        run_campaign(two_classes(5, options), [&choices](std::size_t n) { return choices.pick(n); });
    });
    EXPECT_EQ(search.rule, "") << search.what << "\nreplay: BMCVAULT_REPLAY=" << search.replay
                               << " with --gtest_filter=CampaignPlan.KeepsItsPromisesInEveryRunOfASmallFleet";
    EXPECT_GT(search.runs, 10000u);
}

TEST(CampaignPlan, KeepsItsPromisesInRandomRunsOfLargeFleets) {
    for (unsigned seed = 0; seed < 300; ++seed) {
        std::mt19937 random(seed);
        const auto choose = [&random](std::size_t n) { return random() % n; };
        CampaignOptions options;
        options.parallel = 1 + choose(40);
        options.canary = choose(4) != 0;
        options.fuse = choose(6);
        try {
            run_campaign(two_classes(50 + choose(400), options), choose);
        } catch (const Violation& violation) {
            FAIL() << violation.rule << ": " << violation.what << ", seed " << seed;
        }
    }
}

std::vector<CampaignItem> alike(std::size_t count) {
    return std::vector<CampaignItem>(count, {"1/2/3", "g"});
}

std::size_t start_all(CampaignPlan& plan, std::vector<std::size_t>& in_flight) {
    in_flight.clear();
    while (const auto item = plan.next()) in_flight.push_back(*item);
    return in_flight.size();
}

TEST(CampaignPlan, WavesDoubleUpToTheLimit) {
    CampaignPlan plan(alike(100), {.parallel = 12, .canary = true, .fuse = 3});
    std::vector<std::size_t> waves;
    std::vector<std::size_t> in_flight;
    for (int i = 0; i < 6; ++i) {
        waves.push_back(start_all(plan, in_flight));
        for (const std::size_t item : in_flight) plan.finished(item, true, "1/2/3");
    }
    EXPECT_EQ(waves, (std::vector<std::size_t>{1, 2, 4, 8, 12, 12}));
}

TEST(CampaignPlan, OnlyAWholeGoodWaveLetsTheNextOneGrow) {
    CampaignPlan plan(alike(40), {.parallel = 32, .canary = true, .fuse = 3});
    std::vector<std::size_t> in_flight;
    std::vector<std::size_t> waves;
    for (int i = 0; i < 5; ++i) {
        waves.push_back(start_all(plan, in_flight));
        for (const std::size_t item : in_flight) plan.finished(item, i != 2 || item != in_flight.back(), "");
    }
    EXPECT_EQ(waves, (std::vector<std::size_t>{1, 2, 4, 4, 8})) << "one of the first wave of four failed";
}

TEST(CampaignPlan, ClassesTakeTurns) {
    std::vector<CampaignItem> items = alike(3);
    items.insert(items.end(), 3, CampaignItem{"9/9/9", "g"});
    CampaignPlan plan(items, {.parallel = 1, .canary = true, .fuse = 3});
    std::vector<std::size_t> order;
    while (const auto item = plan.next()) {
        order.push_back(*item);
        plan.finished(*item, true, "");
    }
    EXPECT_EQ(order, (std::vector<std::size_t>{0, 3, 1, 4, 2, 5}));
}

TEST(CampaignPlan, FailedCanaryIsFollowedByAnotherCanary) {
    CampaignPlan plan(alike(10), {.parallel = 8, .canary = true, .fuse = 3});
    std::vector<std::size_t> in_flight;
    EXPECT_EQ(start_all(plan, in_flight), 1u);
    plan.finished(in_flight[0], false, "");
    EXPECT_EQ(start_all(plan, in_flight), 1u);
    plan.finished(in_flight[0], true, "");
    EXPECT_EQ(start_all(plan, in_flight), 2u);
}

TEST(CampaignPlan, FuseStopsItsClassWhileOthersGoOn) {
    std::vector<CampaignItem> items = alike(5);
    items.push_back({"9/9/9", "g"});
    items.push_back({"9/9/9", "g"});
    CampaignPlan plan(items, {.parallel = 1, .canary = true, .fuse = 2});
    std::size_t nines = 0;
    while (const auto item = plan.next()) {
        nines += *item >= 5 ? 1 : 0;
        plan.finished(*item, *item >= 5, "");
    }
    EXPECT_TRUE(plan.done());
    EXPECT_TRUE(plan.blown("1/2/3"));
    EXPECT_FALSE(plan.blown("9/9/9"));
    EXPECT_EQ(nines, 2u);
    EXPECT_EQ(plan.blocked(), (std::vector<std::size_t>{2, 3, 4}));
}

TEST(CampaignPlan, OneSuccessBetweenFailuresKeepsTheFuse) {
    CampaignPlan plan(alike(9), {.parallel = 1, .canary = true, .fuse = 2});
    for (int i = 0; i < 9; ++i) {
        const auto item = plan.next();
        ASSERT_TRUE(item.has_value());
        plan.finished(*item, i % 2 == 1, "");
    }
    EXPECT_TRUE(plan.done());
    EXPECT_TRUE(plan.blocked().empty());
}

TEST(CampaignPlan, SkippedOnesAreNoEvidence) {
    CampaignPlan plan(alike(6), {.parallel = 4, .canary = true, .fuse = 1});
    std::vector<std::size_t> in_flight;
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(start_all(plan, in_flight), 1u) << "still looking for a canary";
        plan.skipped(in_flight[0]);
    }
    EXPECT_FALSE(plan.blown("1/2/3"));
}

TEST(CampaignPlan, UnknownClassesStandTogetherByGroupUntilTheyAreKnown) {
    const std::vector<CampaignItem> items{{"", "a"}, {"", "a"}, {"", "b"}, {"1/2/3", "a"}, {"1/2/3", "a"}};
    CampaignPlan plan(items, {.parallel = 8, .canary = true, .fuse = 3});
    std::vector<std::size_t> in_flight;
    EXPECT_EQ(start_all(plan, in_flight), 3u) << "one of each group, one of the known class";
    plan.finished(0, true, "1/2/3");
    EXPECT_EQ(plan.class_of(0), "1/2/3");
    EXPECT_EQ(start_all(plan, in_flight), 2u) << "it was a canary of both";
}

TEST(CampaignPlan, NothingSelectedIsDone) {
    CampaignPlan plan({}, {});
    EXPECT_TRUE(plan.done());
    EXPECT_EQ(plan.next(), std::nullopt);
}

}  // namespace
}  // namespace bmcvault::rotate::test
