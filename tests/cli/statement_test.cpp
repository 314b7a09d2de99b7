// The statement of a departure counts right and says what is left, in three forms, and shows nobody's words as markup.
#include "cli/statement.hpp"

#include <gmock/gmock.h>

namespace bmcvault::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

vault::ExposedCredential credential(const std::string& name, bool revealed, std::optional<std::uint32_t> live) {
    vault::ExposedCredential made;
    made.bmc_name = name;
    made.subject = {vault::Kind::kPassword, 0};
    made.revealed = revealed;
    if (live) made.live = VersionNumber{*live};
    return made;
}

Statement statement() {
    Statement made;
    made.departure.who = "alice";
    made.departure.reason = "<leaves>";
    made.departure.revoked_at = UnixTime{1'700'000'100};
    made.generation = 2;
    made.exposed = {credential("a", true, 3), credential("b", false, 2), credential("c", false, {})};
    made.exposed.push_back(credential("old", false, {}));
    made.exposed.back().retired_bmc = true;
    made.backups = {"/media/monday"};
    return made;
}

TEST(Statement, CountsWhatWasReadShownChangedAndLeft) {
    const auto text = statement_text(statement());
    EXPECT_THAT(text, HasSubstr("alice could read 4 credentials, and was shown 1 of them"));
    EXPECT_THAT(text, HasSubstr("2 proved changed"));
    EXPECT_THAT(text, HasSubstr("1 pending: c password."));
    EXPECT_THAT(text, HasSubstr("1 more on BMCs that are out of the inventory"));
    EXPECT_THAT(text, HasSubstr("generation 2 is in force"));
    EXPECT_THAT(text, HasSubstr("no forward secrecy"));
    EXPECT_THAT(text, HasSubstr("/media/monday"));
}

TEST(Statement, NamesWhatAMinimumChangeIntervalHoldsBack) {
    auto blocked = statement();
    const BmcId c{{0xc}};
    blocked.exposed[2].bmc = c;
    auto k_g = blocked.exposed[2];
    k_g.subject = {vault::Kind::kKg, 1};
    blocked.exposed.push_back(k_g);
    blocked.blocked_until.emplace(c, UnixTime{1'700'003'600});
    EXPECT_THAT(statement_text(blocked),
                HasSubstr("By a minimum change interval of the BMC: c blocked until 2023-11-14T23:13:20Z.\n"));
    const auto json = statement_json(blocked);
    EXPECT_THAT(json, HasSubstr(R"("subject":"password","revealed":false,"changed_to_version":null,"last_outcome":"",)"
                                R"("blocked_until":"2023-11-14T23:13:20Z"})"));
    EXPECT_THAT(json, HasSubstr(R"("changed_to_version":null,"last_outcome":"","blocked_until":null}])"))
        << "a K_G has no such interval";
    EXPECT_THAT(statement_text(statement()), Not(HasSubstr("interval")));
}

TEST(Statement, SaysNothingThatIsNotSo) {
    auto of_a_holder = statement();
    of_a_holder.departure.type = vault::DepartureType::kHolder;
    of_a_holder.departure.revoked_at.reset();
    of_a_holder.exposed = {credential("c", true, {})};
    of_a_holder.backups.clear();
    const auto text = statement_text(of_a_holder);
    EXPECT_THAT(text, HasSubstr("alice knew 1 credential,"));
    for (const auto* not_said : {"generation", "forward secrecy", "backups", "copy of the vault"})
        EXPECT_THAT(text, Not(HasSubstr(not_said)));
}

TEST(Statement, JsonIsOneLineWithTheSameFacts) {
    const auto json = statement_json(statement());
    EXPECT_EQ(std::count(json.begin(), json.end(), '\n'), 1);
    EXPECT_THAT(json,
                HasSubstr(R"("could_read":4,"revealed":1,"changed":2,"pending":["c password"],"out_of_reach":1)"));
    EXPECT_THAT(json, HasSubstr(R"({"bmc":"a","subject":"password","revealed":true,"changed_to_version":3,)"));
}

TEST(Statement, HtmlShowsTextAsText) {
    auto with_markup = statement();
    with_markup.departure.who = "<script>";
    const auto html = statement_html(with_markup);
    EXPECT_THAT(html, Not(HasSubstr("<script>")));
    EXPECT_THAT(html, HasSubstr("&lt;script&gt;"));
    EXPECT_THAT(html, HasSubstr("<td>c</td><td>password</td><td>no</td><td class=\"pending\">pending</td>"));
}

}  // namespace
}  // namespace bmcvault::cli
