#include <fmt/format.h>
#include <gtest/gtest.h>

#include "rotate/engine/capability_card.hpp"

namespace bmcvault::rotate {
namespace {

TEST(Card, IsWrittenAndReadBack) {
    const CapabilityCard card{"674/256/4.40",
                              {{"password-size", "16"},
                               {"password-alphabet", "shell-safe"},
                               {"k_g", "not-usable"},
                               {"minimum-interval", "24"}}};
    const auto back = card_from(card_text(card));
    ASSERT_TRUE(back.has_value()) << back.error().detail;
    EXPECT_EQ(*back, card);
    EXPECT_EQ(card_from(R"({"card":"1/2/3","facts":{}})")->facts.size(), 0u);
}

TEST(Card, WhatThePlannerDoesNotKnowIsRefusedWithItsName) {
    const auto why = [](std::string_view line) {
        const auto card = card_from(line);
        return card ? std::string() : card.error().detail;
    };
    EXPECT_EQ(why(R"({"card":"1/2/3","facts":{"due":"3"}})"), "'due' is no fact that a card can have");
    EXPECT_EQ(why(R"({"card":"1/2/3","facts":{"password-size":"8"}})"), "'8' is no value of password-size: 16");
    EXPECT_EQ(why(R"({"card":"1/2/3","facts":{},"more":1})"), "a card has `card` and `facts`, and nothing else");
    for (const auto* hours : {"0", "241", "-1", "024", "1h", ""})
        EXPECT_EQ(why(fmt::format(R"({{"card":"1/2/3","facts":{{"minimum-interval":"{}"}}}})", hours)),
                  fmt::format("'{}' is no value of minimum-interval: whole hours, 1 to 240", hours));
    EXPECT_EQ(why("[]"), "that is no JSON object");
    EXPECT_EQ(why("{"), "that is no JSON object");
    for (const auto* line :
         {R"({"card":1,"facts":{}})", R"({"card":"1/2/3"})", R"({"card":"1/2/3","facts":{"k_g":1}})"})
        EXPECT_TRUE(why(line).starts_with("a card is ")) << line;
}

// The key of a card is what facts are stored under: nothing else may be written by it.
TEST(Card, AKindIsTwoNumbersAndAFirmware) {
    EXPECT_EQ(why_not_a_kind("674/256/4.40"), "");
    for (const auto* kind : {"", "clients", "followers", "674/256", "674/256/", "674//4", "/256/4", "a/1/1", "1/1/1/1",
                             "1/1/a b", "00112233445566778899aabbccddeeff", "11111111111/1/1"})
        EXPECT_NE(why_not_a_kind(kind), "") << kind;
    EXPECT_NE(why_not_a_kind("1/1/" + std::string(64, 'x')), "");
}

}  // namespace
}  // namespace bmcvault::rotate
