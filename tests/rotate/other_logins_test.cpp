#include "rotate/core/other_logins.hpp"

#include <gtest/gtest.h>

namespace bmcvault::rotate {
namespace {

TEST(OtherLogins, ManufacturerIsTheFirstNumberOfAKind) {
    EXPECT_EQ(manufacturer_of("674/256/4.40"), 674u);
    for (const auto* other : {"", "674", "/1/1.0", "x/1/1.0", "-1/1/1.0", "99999999999/1/1.0"})
        EXPECT_EQ(manufacturer_of(other), std::nullopt) << other;
}

TEST(OtherLogins, WhatIsSeparateIsNamed) {
    EXPECT_TRUE(other_logins(11).contains("SNMPv3 profiles and application accounts have their own"));
    EXPECT_EQ(other_logins(47196), other_logins(11));
    EXPECT_TRUE(other_logins(10876).contains("accounts of its own from Gen13"));
    EXPECT_TRUE(other_logins(20974).contains("sysadmin never changes"));
}

TEST(OtherLogins, NothingIsClaimedOfAnUnknownManufacturer) {
    EXPECT_TRUE(other_logins(7154).contains("not known"));
    EXPECT_EQ(other_logins(std::nullopt), other_logins(7154));
}

}  // namespace
}  // namespace bmcvault::rotate
