#include "cli/selector.hpp"

#include <gmock/gmock.h>

#include <rapidcheck.h>

namespace bmcvault::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

vault::Bmc bmc(std::string name, std::string group, std::vector<std::string> tags, std::string outcome = {}) {
    vault::Bmc made;
    made.name = std::move(name);
    made.group = std::move(group);
    made.tags = std::move(tags);
    made.address = "10.0.0." + std::to_string(made.name.size());
    if (!outcome.empty()) made.last = vault::LastResult{"rotate", std::move(outcome), "", {}};
    return made;
}

std::vector<vault::Bmc> fleet() {
    return {bmc("rack01-bmc", "edge", {"web"}, "rotated"), bmc("rack02-bmc", "edge", {"web", "spare"}, "unreachable"),
            bmc("rack03-bmc", "core", {}, "as-in-vault"), bmc("lone", "", {"spare"})};
}

std::vector<std::string> names_of(const Selection& selection) {
    const auto selected = select(fleet(), selection);
    std::vector<std::string> names;
    if (!selected) return {"error: " + selected.error().detail};
    for (const auto& each : *selected) names.push_back(each.name);
    return names;
}

Selection words(std::vector<std::string> list) {
    return {std::move(list), false, false};
}

std::string error_of(const Selection& selection) {
    const auto selected = select(fleet(), selection);
    return selected ? "selected something" : selected.error().detail;
}

TEST(Hostlist, ExpandsRangesListsAndSeveralBrackets) {
    EXPECT_THAT(expand_hostlist("rack[01-03,20]-bmc").value(),
                ElementsAre("rack01-bmc", "rack02-bmc", "rack03-bmc", "rack20-bmc"));
    EXPECT_THAT(expand_hostlist("r[1-2]n[8-9]").value(), ElementsAre("r1n8", "r1n9", "r2n8", "r2n9"));
    EXPECT_THAT(expand_hostlist("plain").value(), ElementsAre("plain"));
    EXPECT_THAT(expand_hostlist("[9-10]").value(), ElementsAre("9", "10"));
    EXPECT_THAT(expand_hostlist("n[08-11]").value(), ElementsAre("n08", "n09", "n10", "n11"));
}

TEST(Hostlist, RefusesMalformedWordsByName) {
    for (const char* word : {"", "a[", "a]", "a[]", "a[1-]", "a[-1]", "a[x]", "a[3-1]", "a[1,]", "a[1-2-3]", "a[[1]]",
                             "a[99999999999999999999]", "a[1-999999999]", "a[1-1000][1-1000]"}) {
        const auto expanded = expand_hostlist(word);
        ASSERT_FALSE(expanded.has_value()) << word;
        EXPECT_EQ(expanded.error().code, ErrorCode::kInvalidArgument);
        EXPECT_THAT(expanded.error().detail, HasSubstr(word));
    }
    EXPECT_FALSE(expand_hostlist(std::string(100'000, 'a')).has_value());
}

TEST(Hostlist, NeverExpandsBeyondItsBoundWhateverIsTyped) {
    EXPECT_TRUE(rc::check([] {
        const auto word = *rc::gen::container<std::string>(rc::gen::element('r', '[', ']', '-', ',', '0', '1', '9'));
        const auto expanded = expand_hostlist(word);
        if (expanded) RC_ASSERT(!expanded->empty() && expanded->size() <= kMaxExpansion);
    }));
}

TEST(Selector, ChoosesByNameHostlistGroupTagAndFlags) {
    EXPECT_THAT(names_of(words({"lone"})), ElementsAre("lone"));
    EXPECT_THAT(names_of(words({"rack[01,03]-bmc"})), ElementsAre("rack01-bmc", "rack03-bmc"));
    EXPECT_THAT(names_of(words({"@edge"})), ElementsAre("rack01-bmc", "rack02-bmc"));
    EXPECT_THAT(names_of(words({"tag:spare"})), ElementsAre("rack02-bmc", "lone"));
    EXPECT_THAT(names_of({{}, true, false}), ElementsAre("rack01-bmc", "rack02-bmc", "rack03-bmc", "lone"));
    EXPECT_THAT(names_of({{}, false, true}), ElementsAre("rack02-bmc"));
}

TEST(Selector, TakesEachBmcOnceInTheOrderOfTheFleet) {
    EXPECT_THAT(names_of(words({"lone", "rack02-bmc", "@edge", "lone"})),
                ElementsAre("rack01-bmc", "rack02-bmc", "lone"));
}

TEST(Selector, DueAndExposedAreWhatTheVaultSays) {
    auto some = fleet();
    for (std::size_t i = 0; i < some.size(); ++i) some[i].id.uuid[0] = static_cast<std::uint8_t>(i + 1);
    const SelectionFacts facts{{some[1].id}, {some[0].id, some[3].id}};
    const auto names = [&](const Selection& selection) {
        std::vector<std::string> out;
        const auto selected = select(some, selection, facts);
        for (const auto& each : selected.value()) out.push_back(each.name);
        return out;
    };
    Selection due;
    due.due = true;
    EXPECT_THAT(names(due), ElementsAre("rack02-bmc"));
    Selection exposed;
    exposed.exposed_to = "alice";
    EXPECT_THAT(names(exposed), ElementsAre("rack01-bmc", "lone"));
    EXPECT_EQ(canonical(due), "--due");
    EXPECT_EQ(canonical(exposed), "--exposed-to alice");
    EXPECT_THAT(select(some, due).error().detail, HasSubstr("no BMC is due"));
    EXPECT_THAT(select(some, exposed).error().detail, HasSubstr("nothing was exposed"));
}

TEST(Selector, NothingSelectedIsAnErrorAndNeverEverything) {
    EXPECT_THAT(error_of({}), HasSubstr("nothing selected"));
    const std::vector<vault::Bmc> healthy{bmc("a", "", {}, "rotated")};
    EXPECT_THAT(select(healthy, {{}, false, true}).error().detail, HasSubstr("nothing selected"));
    EXPECT_THAT(select({}, {{}, true, false}).error().detail, HasSubstr("nothing selected"));
}

TEST(Selector, UnknownWordsAreNamedWithTheNearestKnownOne) {
    EXPECT_THAT(error_of(words({"rack2-bmc"})),
                testing::AllOf(HasSubstr("'rack2-bmc'"), HasSubstr("did you mean 'rack02-bmc'")));
    EXPECT_THAT(error_of(words({"@edgy"})), testing::AllOf(HasSubstr("'edgy'"), HasSubstr("did you mean 'edge'")));
    EXPECT_THAT(error_of(words({"tag:zzzzzz"})), testing::AllOf(HasSubstr("'zzzzzz'"), HasSubstr("known: spare, web")));
    EXPECT_THAT(error_of(words({"10.0.0.4"})), HasSubstr("that is the address of 'lone'"));
    EXPECT_THAT(error_of(words({"@"})), HasSubstr("no BMC has the group"));
    // One unknown name among good ones selects nothing: a typing error must not rotate half of what was meant.
    EXPECT_THAT(error_of(words({"lone", "rack[01-09]-bmc"})), HasSubstr("'rack04-bmc'"));
}

TEST(Selector, AnErrorNeverCarriesControlCharactersToTheTerminal) {
    EXPECT_THAT(error_of(words({"\x1b]0;owned\x07"})), testing::Not(HasSubstr("\x1b")));
}

TEST(Selector, TheSameSelectionHasTheSameCanonicalText) {
    EXPECT_EQ(canonical(words({"b", "a", "b"})), canonical(words({"a", "b"})));
    EXPECT_EQ(canonical({{"a"}, true, false}), canonical({{}, true, false}));
    EXPECT_NE(canonical({{"a"}, false, true}), canonical(words({"a"})));
}

}  // namespace
}  // namespace bmcvault::cli
