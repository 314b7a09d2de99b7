#include "cli/disclosure.hpp"

#include <gtest/gtest.h>

#include <array>

namespace bmcvault::cli {
namespace {

// A short password on a BMC that keeps the tail of the old one: what is live has zeros inside.
TEST(WithoutPadding, OnlyTheZerosAtTheEndAreCutOff) {
    std::array<std::uint8_t, kKeySize> bytes{};
    EXPECT_EQ(without_padding(bytes), "");
    bytes[0] = 'a';
    EXPECT_EQ(without_padding(bytes), "a");
    bytes[16] = 'b';
    EXPECT_EQ(without_padding(bytes), std::string_view("a\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0b", 17));
}

}  // namespace
}  // namespace bmcvault::cli
