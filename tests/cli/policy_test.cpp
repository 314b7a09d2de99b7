// The policy file: what it says is what holds, and every mistake is named with its line and column.
#include "cli/policy.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bmcvault::cli::test {
namespace {

using std::chrono::days;
using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> mistakes(std::string_view text) {
    const auto policy = parse_policy(text);
    std::vector<std::string> out;
    if (policy) return out;
    for (const auto& problem : policy.error().listed) out.push_back(describe(problem));
    return out;
}

TEST(Policy, AnEmptyFileMeansOneYear) {
    const auto policy = parse_policy("");
    ASSERT_TRUE(policy);
    EXPECT_EQ(policy->fleet.age.maximum_age, days{365});
    EXPECT_EQ(policy->fleet.age.warning, days{30});
    EXPECT_EQ(policy->retention, days{365});
    EXPECT_FALSE(policy->fleet.k_g);
    EXPECT_THAT(policy->fleet.windows, IsEmpty());
    EXPECT_EQ(&policy->rules_of("web"), &policy->fleet);
}

TEST(Policy, AGroupHasWhatItSaysAndTheRestFromTheFleet) {
    const auto policy = parse_policy(R"(
maximum_age_days = 200
k_g = true
windows = ["Sat,Sun 22:00-06:00"]
parallel = 8
retention_days = 90
reason_for = ["reveal", "exec"]
ticket_for = ["deprovision"]
second_signature = ["member add", "rotate"]

[hooks]
before_rotation = "/etc/bmcvault/before"
after_rotation = "/etc/bmcvault/after"
attention = "/etc/bmcvault/attention"
holder = "monitoring"
account = "monitor"
timeout_s = 5

[group.web]
maximum_age_days = 90
monitor_maximum_age_days = 30
windows = []

[group."rack 7"]
k_g = false
warning_days = 5
)");
    ASSERT_TRUE(policy);
    EXPECT_EQ(policy->parallel, 8);
    EXPECT_EQ(policy->retention, days{90});
    EXPECT_EQ(policy->hooks.before_rotation, "/etc/bmcvault/before");
    EXPECT_EQ(policy->hooks.after_rotation, "/etc/bmcvault/after");
    EXPECT_EQ(policy->hooks.attention, "/etc/bmcvault/attention");
    EXPECT_EQ(policy->hooks.holder, "monitoring");
    EXPECT_EQ(policy->hooks.account, "monitor");
    EXPECT_EQ(policy->hooks.timeout, std::chrono::seconds{5});
    EXPECT_THAT(policy->reason_for, ElementsAre("exec", "reveal"));
    EXPECT_THAT(policy->ticket_for, ElementsAre("deprovision"));
    EXPECT_THAT(policy->second_signature, ElementsAre("member add", "rotate"));
    const auto& web = policy->rules_of("web");
    EXPECT_EQ(web.age.maximum_age, days{90});
    EXPECT_EQ(web.age.monitor_age, days{30});
    EXPECT_EQ(policy->fleet.age.monitor_age, std::nullopt);
    EXPECT_TRUE(web.k_g);
    EXPECT_THAT(web.windows, IsEmpty());
    const auto& rack = policy->rules_of("rack 7");
    EXPECT_EQ(rack.age.maximum_age, days{200});
    EXPECT_EQ(rack.age.warning, days{5});
    EXPECT_FALSE(rack.k_g);
    EXPECT_THAT(rack.window_texts, ElementsAre("Sat,Sun 22:00-06:00"));
    EXPECT_EQ(policy->rules_of("other").age.maximum_age, days{200});
}

TEST(Policy, AShortAgeShortensTheWarning) {
    const auto policy = parse_policy("maximum_age_days = 7");
    ASSERT_TRUE(policy);
    EXPECT_EQ(policy->fleet.age.warning, days{7});
}

TEST(Policy, EveryMistakeIsNamedWithItsPlace) {
    EXPECT_THAT(mistakes("maximum_age_days = 0\nmaximum_age_day = 90\n[group.web]\n  k_g = 1\n  parallel = 3\n"),
                ElementsAre("line 1, column 20: must be a whole number from 1 to 3650",
                            "line 2, column 1: unknown key 'maximum_age_day'; did you mean 'maximum_age_days'?",
                            "line 4, column 9: must be true or false", "line 5, column 3: unknown key 'parallel'"));
    EXPECT_THAT(mistakes("parallel = 1001"), ElementsAre("line 1, column 12: must be a whole number from 1 to 1000"));
    EXPECT_THAT(mistakes("warning_days = 366"), ElementsAre("line 1, column 16: must be a whole number from 0 to 365"));
    EXPECT_THAT(mistakes("maximum_age_days = 90.5"),
                ElementsAre("line 1, column 20: must be a whole number from 1 to 3650"));
    EXPECT_THAT(
        mistakes("reason_for = [\"reveal\", \"show\"]"),
        ElementsAre("line 1, column 25: must be one of rotate, recover, accounts, reveal, exec, depart, "
                    "deprovision, expose, hold, forget, export, bmc, card, member, compartment, holder, unlock, "
                    "approve, backup, accept-restore, break-glass, escrow"));
    EXPECT_THAT(mistakes("second_signature = [\"rotate\", \"depart\"]"),
                ElementsAre("line 1, column 31: must be one of rotate, reveal, export, member add"));
    EXPECT_THAT(mistakes("second_signature = \"rotate\""),
                ElementsAre("line 1, column 20: must be a list of words in quotes: [\"...\"]"));
    EXPECT_THAT(mistakes("hooks = true"), ElementsAre("line 1, column 9: hooks are a table: [hooks]"));
    EXPECT_THAT(mistakes("[hooks]\nbefore = \"/x\"\nafter_rotation = \"bin/tell\"\ntimeout_s = 0\nattention = 1\n"),
                ElementsAre("line 2, column 1: unknown key 'before'",
                            "line 3, column 18: must be the absolute path of a program, in quotes",
                            "line 4, column 13: must be a whole number from 1 to 3600",
                            "line 5, column 13: must be the absolute path of a program, in quotes"));
    EXPECT_THAT(mistakes("[hooks]\naccount = \"spare\""),
                ElementsAre(R"(line 2, column 11: must be "own" or "monitor")"));
    EXPECT_THAT(mistakes("[hooks]\nholder = \"\"\nafter_rotation = \"/x\""),
                ElementsAre("line 2, column 10: must be a name of 1 to 64 printable characters, in quotes"));
    EXPECT_THAT(
        mistakes("[hooks]\nholder = \"monitoring\""),
        ElementsAre("line 1, column 1: a holder gets the new credential from after_rotation, which is missing"));
    EXPECT_THAT(mistakes("retention_days = -1"),
                ElementsAre("line 1, column 18: must be a whole number from 0 to 36500"));
    EXPECT_THAT(mistakes("windows = \"daily 02:00-05:00\""),
                ElementsAre("line 1, column 11: must be a list of words in quotes: [\"...\"]"));
    EXPECT_THAT(mistakes("windows = [\"night\"]"),
                ElementsAre(testing::StartsWith("line 1, column 12: days and times")));
    EXPECT_THAT(mistakes("group = 3"), ElementsAre("line 1, column 9: groups are tables: [group.NAME]"));
    EXPECT_THAT(mistakes("[group]\nweb = 3"), ElementsAre("line 2, column 7: a group is a table: [group.NAME]"));
}

TEST(Policy, WhatIsNoTomlIsNamedWithItsPlaceAndDoesNothingToTheTerminal) {
    EXPECT_THAT(mistakes("maximum_age_days ="), ElementsAre(testing::StartsWith("line 1, column ")));
    EXPECT_THAT(mistakes("k_g = true\nk_g = true"), ElementsAre(testing::StartsWith("line 2, column ")));
    for (const auto& text : mistakes("\"a\\u001b[31m\" = 1\n")) EXPECT_EQ(text.find('\x1b'), std::string::npos) << text;
    EXPECT_THAT(mistakes(std::string("\xff\xfe")), testing::SizeIs(1));
}

}  // namespace
}  // namespace bmcvault::cli::test
