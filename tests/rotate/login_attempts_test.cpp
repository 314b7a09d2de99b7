#include "rotate/core/login_attempts.hpp"

#include <gtest/gtest.h>

namespace bmcvault::rotate {
namespace {

using enum Form;
using Attempts = std::vector<LoginAttempt>;

TEST(LoginAttempts, WholeOnesComeBeforeCutOnesAndShortOnesHaveNoCutForm) {
    EXPECT_EQ(login_attempts({}, {}), Attempts{});
    EXPECT_EQ(login_attempts({true, false, true}, {}),
              (Attempts{{0, kExact}, {1, kExact}, {2, kExact}, {0, kFirst16}, {2, kFirst16}}));
}

TEST(LoginAttempts, WhatWasJustSentIsTriedInBothFormsBeforeAnyOther) {
    EXPECT_EQ(login_attempts({true, true}, {.first_was_just_sent = true}),
              (Attempts{{0, kExact}, {0, kFirst16}, {1, kExact}, {1, kFirst16}}));
    EXPECT_EQ(login_attempts({false, true}, {.first_was_just_sent = true}),
              (Attempts{{0, kExact}, {1, kExact}, {1, kFirst16}}));
}

TEST(LoginAttempts, WhereOnly16BytesAreKeptTheCutOnesComeFirst) {
    EXPECT_EQ(login_attempts({true, false}, {.keeps_only_16 = true}),
              (Attempts{{0, kFirst16}, {0, kExact}, {1, kExact}}));
    EXPECT_EQ(login_attempts({true, true}, {.first_was_just_sent = true, .keeps_only_16 = true}),
              (Attempts{{0, kFirst16}, {0, kExact}, {1, kFirst16}, {1, kExact}}));
}

}  // namespace
}  // namespace bmcvault::rotate
