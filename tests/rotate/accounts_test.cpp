// Which accounts are findings, which are drift, and which may be closed: by hand-made tables.
#include "rotate/core/accounts.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace bmcvault::rotate {
namespace {

using ipmi::PrivilegeLevel;

const OwnAccount kOwn{UserId{2}, "bmcvault"};

AccountSlot slot(std::uint8_t id, std::string name, bool enabled, PrivilegeLevel limit, bool messaging = true) {
    AccountSlot out;
    out.id = UserId{id};
    out.name = std::move(name);
    out.enabled = enabled;
    out.channels = {{Channel{1}, ipmi::ChannelMedium::kLan8023, limit, messaging, false, false, true}};
    return out;
}

AccountSlot empty(std::uint8_t id) {
    return slot(id, "", false, PrivilegeLevel::kNoAccess, false);
}

AccountTable table(std::vector<AccountSlot> slots) {
    AccountTable out;
    out.slots = std::move(slots);
    return out;
}

const AccountSlot kOwnSlot = slot(2, "bmcvault", true, PrivilegeLevel::kAdministrator);

std::vector<std::string> words(const std::vector<Finding>& findings) {
    std::vector<std::string> out;
    for (const auto& finding : findings) {
        const auto where = finding.slot ? std::to_string(finding.slot->value) : "-";
        out.push_back(where + " " + std::string(word(finding.kind)));
    }
    return out;
}

using Words = std::vector<std::string>;

TEST(Findings, ACleanTableHasNone) {
    EXPECT_EQ(words(findings_in(table({empty(1), kOwnSlot, empty(3)}), kOwn)), Words{});
}

TEST(Findings, AnAnonymousAndAVendorAccountThatHaveAWayIn) {
    const auto seen = table(
        {slot(1, "", true, PrivilegeLevel::kUser), kOwnSlot, slot(3, "ADMIN", true, PrivilegeLevel::kAdministrator)});
    EXPECT_EQ(words(findings_in(seen, kOwn)), (Words{"1 anonymous-login", "3 vendor-account"}));
}

TEST(Findings, ADisabledOneIsNoneAndAnUnspecifiedOneIs) {
    auto unspecified = slot(3, "root", true, PrivilegeLevel::kOperator);
    unspecified.enabled.reset();
    const auto seen = table({slot(1, "", false, PrivilegeLevel::kAdministrator), kOwnSlot, unspecified});
    EXPECT_EQ(words(findings_in(seen, kOwn)), Words{"3 vendor-account"});
}

TEST(Findings, ADisabledAccountThatLetsInIsTold) {
    auto liar = slot(3, "night", false, PrivilegeLevel::kOperator);
    liar.asked = Answer::kMatched;
    liar.opened_by = OpenedBy{OpenedBy::Source::kVendorDefault, "default of Dell"};
    const auto found = findings_in(table({kOwnSlot, liar}), kOwn);
    EXPECT_EQ(words(found), (Words{"3 disabled-but-open", "3 default-password"}));
    EXPECT_EQ(found.back().detail, "'night' opens with default of Dell");
}

TEST(Findings, TheBitWithoutASlotTwoEqualNamesAndSuite0) {
    auto seen =
        table({kOwnSlot, slot(3, "oper", true, PrivilegeLevel::kUser), slot(4, "oper", true, PrivilegeLevel::kUser)});
    seen.anonymous_login = true;
    seen.suite_0_open = true;
    EXPECT_EQ(words(findings_in(seen, kOwn)),
              (Words{"- anonymous-login", "- suite-0-open", "3 duplicate-name", "4 duplicate-name"}));
}

TEST(Findings, AVendorNameOfOurOwnIsAHintOnly) {
    const auto found = findings_in(table({slot(2, "root", true, PrivilegeLevel::kAdministrator)}), {UserId{2}, "root"});
    EXPECT_EQ(words(found), Words{"2 own-is-vendor-account"});
    EXPECT_FALSE(needs_attention(found.front().kind));
}

TEST(Drift, NothingChangedIsNone) {
    const auto seen = table({empty(1), kOwnSlot, slot(3, "oper", true, PrivilegeLevel::kUser)});
    EXPECT_EQ(words(drift_between(seen, seen, kOwn)), Words{});
}

TEST(Drift, WhatSomebodyDidBehindOurBack) {
    auto operator_before = slot(3, "oper", true, PrivilegeLevel::kUser);
    operator_before.asked = Answer::kMatched;
    operator_before.opened_by = OpenedBy{OpenedBy::Source::kOurs, "version 1 of slot 3"};
    auto operator_after = operator_before;
    operator_after.asked = Answer::kNoCandidateMatches;
    operator_after.opened_by.reset();
    const auto accepted = table({kOwnSlot, operator_before, slot(4, "a", false, PrivilegeLevel::kUser),
                                 slot(5, "b", true, PrivilegeLevel::kUser), slot(6, "c", true, PrivilegeLevel::kUser),
                                 slot(7, "d", true, PrivilegeLevel::kUser), empty(8)});
    auto with_sol_off = slot(7, "d", true, PrivilegeLevel::kUser);
    with_sol_off.channels.front().sol = false;
    const auto seen = table({kOwnSlot, operator_after, slot(4, "a", true, PrivilegeLevel::kUser),
                             slot(5, "b", true, PrivilegeLevel::kAdministrator), empty(6), with_sol_off,
                             slot(8, "mallory", true, PrivilegeLevel::kAdministrator)});
    EXPECT_EQ(words(drift_between(accepted, seen, kOwn)),
              (Words{"3 password-changed", "4 enabled-again", "5 privilege-raised", "6 account-gone",
                     "7 rights-changed", "8 new-account"}));
}

TEST(Drift, OurOwnPasswordIsNotDriftAndOurOwnRightsAre) {
    auto before = kOwnSlot;
    before.asked = Answer::kMatched;
    auto after = before;
    after.asked = Answer::kNoCandidateMatches;
    EXPECT_EQ(words(drift_between(table({before}), table({after}), kOwn)), Words{});
    after.name = "renamed";
    EXPECT_EQ(words(drift_between(table({before}), table({after}), kOwn)), Words{"2 renamed"});
}

std::vector<int> closed(const AccountTable& seen, const ClosingChoice& choice = {}) {
    std::vector<int> ids;
    for (const auto& target : slots_to_close(seen, kOwn, choice)) ids.push_back(target.id.value);
    return ids;
}

TEST(Closing, AnonymousAndVendorAccountsAndNeverOurs) {
    const auto seen = table({slot(1, "", true, PrivilegeLevel::kUser), kOwnSlot,
                             slot(3, "ADMIN", true, PrivilegeLevel::kAdministrator),
                             slot(4, "alice", true, PrivilegeLevel::kAdministrator),
                             slot(5, "bmcvault", true, PrivilegeLevel::kAdministrator), empty(6)});
    EXPECT_EQ(closed(seen), (std::vector{1, 3})) << "slot 5 carries our name: what a handshake says would be about us";
    EXPECT_EQ(closed(seen, {.keep = {"ADMIN"}, .close_unknown = false}), std::vector{1});
    EXPECT_EQ(closed(seen, {.keep = {}, .close_unknown = true}), (std::vector{1, 3, 4}));
}

TEST(Closing, WhatOthersCanOpenAndNobodyHasChosenIsLeftOpen) {
    const auto opened = [](AccountSlot slot, OpenedBy::Source source) {
        slot.asked = Answer::kMatched;
        slot.opened_by = OpenedBy{source, "something"};
        return slot;
    };
    using enum OpenedBy::Source;
    const auto named = [](std::uint8_t id, std::string name) {
        return slot(id, std::move(name), true, PrivilegeLevel::kAdministrator);
    };
    const auto silent = [&](std::uint8_t id, std::string name) {
        auto unopened = named(id, std::move(name));
        unopened.asked = Answer::kNoCandidateMatches;
        return unopened;
    };
    const auto seen = table({opened(slot(1, "", true, PrivilegeLevel::kUser), kNothing), opened(kOwnSlot, kElsewhere),
                             opened(named(3, "ADMIN"), kVendorDefault), opened(named(4, "backup"), kVendorDefault),
                             opened(named(5, "night"), kNothing), opened(named(6, "shift"), kElsewhere),
                             opened(named(7, "former"), kOurs), opened(named(8, "bmcvault"), kElsewhere),
                             named(9, "carol"), silent(10, "dave")});
    const auto left = [&](const ClosingChoice& choice) {
        std::vector<int> ids;
        for (const auto& each : left_open(seen, kOwn, choice)) ids.push_back(each.id.value);
        return ids;
    };
    EXPECT_EQ(left({}), (std::vector{4, 5, 6, 7, 8, 9}));
    EXPECT_EQ(left({.keep = {"night", "ADMIN"}, .close_unknown = false}), (std::vector{4, 6, 7, 8, 9}));
    EXPECT_EQ(left({.keep = {}, .close_unknown = true}), std::vector{8});
}

TEST(Closing, WhatIsShownClosedIsLeftAndWhatOnlySaysSoIsNot) {
    auto refused = slot(3, "root", false, PrivilegeLevel::kNoAccess, false);
    refused.asked = Answer::kUnknownUserOrLocked;
    auto answers = slot(4, "ADMIN", false, PrivilegeLevel::kNoAccess, false);
    answers.asked = Answer::kNoCandidateMatches;
    EXPECT_EQ(closed(table({kOwnSlot, refused, answers})), std::vector{4});
}

TEST(FreeSlot, IsTheLowestFromTwoWithoutNameAndWayIn) {
    const auto stranger = slot(3, "oper", true, PrivilegeLevel::kUser);
    auto fixed = empty(4);
    fixed.fixed_name = true;
    EXPECT_EQ(free_slot(table({empty(1), kOwnSlot, stranger, fixed, empty(5), empty(6)})), UserId{5});
    EXPECT_EQ(free_slot(table({empty(1), kOwnSlot, stranger})), std::nullopt);
}

TEST(UserName, WhatEveryVendorTakes) {
    EXPECT_EQ(why_not_a_user_name("bmc-vault_2"), "");
    EXPECT_NE(why_not_a_user_name(""), "");
    EXPECT_NE(why_not_a_user_name("seventeen-letters"), "");
    EXPECT_NE(why_not_a_user_name("2fast"), "");
    EXPECT_NE(why_not_a_user_name("two words"), "");
    EXPECT_NE(why_not_a_user_name("root"), "") << "a vendor's default account must not become ours again";
}

}  // namespace
}  // namespace bmcvault::rotate
