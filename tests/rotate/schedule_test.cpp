// When a credential is due: each reason by itself and together, at the second; and the weekly windows of scheduled
// runs.
#include "rotate/core/schedule.hpp"

#include <gtest/gtest.h>

#include <string>

namespace bmcvault::rotate::test {
namespace {

using std::chrono::days;
using std::chrono::minutes;

constexpr UnixTime kMade{1'700'000'000};

constexpr UnixTime after(UnixTime time, std::chrono::seconds by) {
    return UnixTime{time.value + by.count()};
}

CredentialFacts drawn() {
    CredentialFacts facts;
    facts.password_since = kMade;
    facts.password_is_drawn = true;
    return facts;
}

std::string reasons(const CredentialFacts& facts, UnixTime now, const AgeRule& rule = {}) {
    std::string text;
    for (const auto& due : why_due(facts, rule, now)) text += (text.empty() ? "" : " ") + std::string(word(due.reason));
    return text;
}

TEST(Schedule, APasswordIsDueToTheSecondWhenItsAgeIsReached) {
    const AgeRule rule{days{90}, days{10}};
    EXPECT_EQ(reasons(drawn(), after(kMade, days{90} - std::chrono::seconds{1}), rule), "");
    EXPECT_EQ(reasons(drawn(), after(kMade, days{90}), rule), "age");
    EXPECT_EQ(due_at(drawn(), rule), after(kMade, days{90}));
}

TEST(Schedule, ItIsSoonWithinTheWarningTimeAndNeverBothSoonAndDue) {
    const AgeRule rule{days{90}, days{10}};
    EXPECT_FALSE(is_soon(drawn(), rule, after(kMade, days{80} - std::chrono::seconds{1})));
    EXPECT_TRUE(is_soon(drawn(), rule, after(kMade, days{80})));
    EXPECT_FALSE(is_soon(drawn(), rule, after(kMade, days{90})));
    auto exposed = drawn();
    exposed.is_exposed = true;
    EXPECT_FALSE(is_soon(exposed, rule, after(kMade, days{85})));
}

TEST(Schedule, APasswordThatPeopleMadeIsDueAtOnceBecauseNobodyKnowsItsAge) {
    auto imported = drawn();
    imported.password_is_drawn = false;
    EXPECT_EQ(reasons(imported, kMade), "never-rotated");
    EXPECT_EQ(reasons({}, kMade), "never-rotated");
    EXPECT_EQ(due_at(imported, {}), std::nullopt);
}

TEST(Schedule, WhatSomebodyKnowsComesBeforeAge) {
    auto facts = drawn();
    facts.is_exposed = true;
    EXPECT_EQ(reasons(facts, kMade), "exposed");
    EXPECT_EQ(reasons(facts, after(kMade, days{365})), "exposed age");
    facts.k_g_is_exposed = true;
    EXPECT_EQ(reasons(facts, kMade), "exposed k-g-exposed");
}

TEST(Schedule, AnOlderPasswordThatWasPutBackIsDueUntilANewOneReplacesIt) {
    auto facts = drawn();
    facts.password_is_drawn = false;
    facts.password_is_put_back = true;
    EXPECT_EQ(reasons(facts, kMade), "put-back");
}

TEST(Schedule, AKgCountsOnlyWhereTheRuleWantsOne) {
    auto facts = drawn();
    EXPECT_EQ(reasons(facts, kMade), "");
    facts.k_g_is_wanted = true;
    EXPECT_EQ(reasons(facts, kMade), "no-k-g");
    facts.k_g_since = after(kMade, -days{365});
    EXPECT_EQ(reasons(facts, kMade), "k-g-age");
    facts.k_g_since = after(kMade, -days{364});
    EXPECT_EQ(reasons(facts, kMade), "");
    facts.k_g_since = after(kMade, -days{365});
    facts.k_g_is_wanted = false;
    EXPECT_EQ(reasons(facts, kMade), "");
}

TEST(Schedule, AMonitoringAccountHasAnAgeOfItsOwnWhereTheRuleSaysSo) {
    auto facts = drawn();
    facts.monitor_since = kMade;
    const AgeRule without{days{365}, days{10}};
    const AgeRule with{days{365}, days{10}, days{90}};
    EXPECT_EQ(reasons(facts, after(kMade, days{90}), without), "");
    EXPECT_EQ(reasons(facts, after(kMade, days{90} - std::chrono::seconds{1}), with), "");
    EXPECT_EQ(reasons(facts, after(kMade, days{90}), with), "monitor-age");
    EXPECT_EQ(reasons(facts, after(kMade, days{365}), with), "age monitor-age");
    EXPECT_EQ(reasons(drawn(), after(kMade, days{90}), with), "") << "it has no such account";
}

TEST(Schedule, WhatHasStillToFollowIsDue) {
    auto facts = drawn();
    facts.is_unfinished = true;
    EXPECT_EQ(reasons(facts, kMade), "unfinished");
}

LocalTime at(int weekday, int hour, int minute = 0) {
    return {weekday, minutes{hour * 60 + minute}};
}

TEST(Windows, AreReadAsTheyAreWritten) {
    EXPECT_EQ(parse_window("Sat,Sun 22:00-06:00"),
              (Window{{false, false, false, false, false, true, true}, minutes{22 * 60}, minutes{6 * 60}}));
    EXPECT_EQ(parse_window("Mon-Fri 01:00-04:30"),
              (Window{{true, true, true, true, true, false, false}, minutes{60}, minutes{4 * 60 + 30}}));
    EXPECT_EQ(parse_window("Sat-Mon 00:00-23:59")->days,
              (std::array<bool, 7>{true, false, false, false, false, true, true}));
    EXPECT_EQ(parse_window("daily 02:00-05:00")->days, (std::array<bool, 7>{true, true, true, true, true, true, true}));
}

TEST(Windows, WhatIsNoneSaysHowOneIsWritten) {
    for (const char* text :
         {"", "Sat", "22:00-06:00", "sat 22:00-06:00", "Sat 22:00", "Sat 24:00-06:00", "Sat 2:00-06:00",
          "Sat 22:60-23:00", "Sat, 22:00-23:00", "Sat-  22:00-23:00", "Sat 22:00-06:00x"}) {
        const auto window = parse_window(text);
        ASSERT_FALSE(window) << text;
        EXPECT_NE(window.error().detail.find("Sat,Sun 22:00-06:00"), std::string::npos) << text;
    }
}

// Every minute of a week, against a list of all open minutes.
TEST(Windows, AreOpenFromTheirFirstMinuteToTheirLastAlsoOverMidnightAndTheEndOfTheWeek) {
    const std::vector<Window> windows{*parse_window("Sun 22:00-06:00"), *parse_window("Wed 10:00-10:00"),
                                      *parse_window("Fri 01:00-02:00")};
    constexpr int kWeek = 7 * 24 * 60;
    std::vector<bool> open(kWeek, false);
    const auto mark = [&](int from, int length) {
        for (int minute = 0; minute < length; ++minute) open[static_cast<std::size_t>((from + minute) % kWeek)] = true;
    };
    mark(6 * 1440 + 22 * 60, 8 * 60);
    mark(2 * 1440 + 10 * 60, 24 * 60);
    mark(4 * 1440 + 60, 60);
    for (int minute = 0; minute < kWeek; ++minute) {
        const auto left = open_for(windows, at(minute / 1440, 0, minute % 1440));
        EXPECT_EQ(left.has_value(), open[static_cast<std::size_t>(minute)]) << minute;
    }
    EXPECT_EQ(open_for(windows, at(0, 5, 59)), minutes{1});
    EXPECT_EQ(open_for(windows, at(6, 22)), minutes{8 * 60});
}

}  // namespace
}  // namespace bmcvault::rotate::test
