#include "cli/json.hpp"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

namespace bmcvault::cli {
namespace {

using nlohmann::json;

json parsed(const std::string& line) {
    EXPECT_TRUE(line.ends_with('\n'));
    EXPECT_EQ(line.find('\n'), line.size() - 1) << "one object is one line";
    return json::parse(line);
}

rotate::BmcReport report() {
    rotate::BmcReport made;
    made.name = "rack01-bmc";
    made.address = "10.0.0.1:623";
    made.outcome = "rotated";
    made.detail = "k_g-changed";
    made.password_version = VersionNumber{3};
    made.password_size = vault::StoredSize::k20;
    made.round_trips = 14;
    made.elapsed = std::chrono::milliseconds(812);
    return made;
}

TEST(Json, AResultHasExactlyTheFieldsOfTheContract) {
    EXPECT_EQ(
        json_result(report()),
        R"({"type":"bmc","name":"rack01-bmc","address":"10.0.0.1:623","outcome":"rotated","detail":"k_g-changed",)"
        R"("password_version":3,"password_size":20,"k_g_version":null,"failed_logins":0,"round_trips":14,)"
        R"("elapsed_ms":812})"
        "\n");
}

// A BMC chooses names, and a terminal obeys C1 controls and marks of direction as it does escapes.
TEST(Json, WhatABmcSaysIsAsciiWhateverItIs) {
    auto made = report();
    made.detail =
        "slot 3 'a\xc2\x9b"
        "31m\xe2\x80\xae\xff\x1b[2J'";
    const auto line = json_result(made);
    for (const char c : line.substr(0, line.size() - 1)) EXPECT_TRUE(c >= ' ' && c < 0x7f) << line;
    EXPECT_EQ(parsed(line)["detail"],
              "slot 3 'a\xc2\x9b"
              "31m\xe2\x80\xae\xef\xbf\xbd\x1b[2J'");
}

TEST(Json, WhatIsNotKnownIsNullAndWhatWasNotAskedSaysSo) {
    auto made = report();
    made.password_version = std::nullopt;
    made.password_size = std::nullopt;
    made.k_g_asked = false;
    const auto object = parsed(json_result(made));
    EXPECT_TRUE(object["password_version"].is_null());
    EXPECT_TRUE(object["password_size"].is_null());
    EXPECT_TRUE(object["k_g_version"].is_null());
    EXPECT_EQ(object["k_g"], "not-asked");
}

TEST(Json, AnythingABmcSaysStaysOneValidLine) {
    auto made = report();
    made.detail = "quote \" backslash \\ line\nend \x01 not utf-8 \xff";
    const auto object = parsed(json_result(made));
    EXPECT_THAT(object["detail"].get<std::string>(),
                testing::StartsWith("quote \" backslash \\ line\nend \x01 not utf-8 "));
}

TEST(Json, TheSummaryHasExactlyTheFieldsOfTheContract) {
    rotate::RunSummary summary;
    summary.command = "rotate";
    summary.total = 8;
    summary.outcomes = {{"rotated", 7}, {"refused", 1}};
    summary.elapsed = std::chrono::milliseconds(4200);
    EXPECT_EQ(
        json_summary(summary),
        R"({"type":"summary","command":"rotate","total":8,"outcomes":{"rotated":7,"refused":1},"failed_logins":0,)"
        R"("elapsed_ms":4200})"
        "\n");
    summary.stopped = true;
    summary.continued = 2;
    EXPECT_EQ(parsed(json_summary(summary))["stopped"], true);
    EXPECT_EQ(parsed(json_summary(summary))["continued"], 2);
}

TEST(Json, AnEventShowsItsBodyAsAnObjectAndABrokenOneAsText) {
    vault::AuditRecord record;
    record.sequence = 7;
    record.event = "reveal";
    record.body = R"({"reason":"x"})";
    EXPECT_EQ(parsed(json_event(record, ""))["body"]["reason"], "x");
    record.body = "{broken";
    EXPECT_EQ(parsed(json_event(record, ""))["body"], "{broken");
}

TEST(Json, AnAuditBodyIsCanonical) {
    EXPECT_EQ(json_body({{"reason", "say \"why\""}, {"name", "a"}, {"ticket", ""}}),
              R"({"name":"a","reason":"say \"why\""})");
}

}  // namespace
}  // namespace bmcvault::cli
