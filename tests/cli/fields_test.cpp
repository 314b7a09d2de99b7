#include "cli/fields.hpp"

#include <gmock/gmock.h>

namespace bmcvault::cli {
namespace {

TEST(Fields, EndpointsAreAddressesOrNamesWithAPerhapsPort) {
    struct Case {
        const char* text;
        const char* address;
        std::optional<std::uint16_t> port;
    };
    for (const auto& [text, address, port] :
         {Case{"10.0.0.1", "10.0.0.1", {}}, Case{"10.0.0.1:6230", "10.0.0.1", 6230}, Case{"::1", "::1", {}},
          Case{"[::1]", "::1", {}}, Case{"[2001:db8::7]:623", "2001:db8::7", 623},
          Case{"fe80::1%eth0", "fe80::1%eth0", {}}, Case{"bmc-7.example.org", "bmc-7.example.org", {}},
          Case{"bmc:624", "bmc", 624}, Case{"bmc.", "bmc.", {}}}) {
        const auto endpoint = parse_endpoint(text);
        ASSERT_TRUE(endpoint.has_value()) << text;
        EXPECT_EQ(endpoint->address, address);
        EXPECT_EQ(endpoint->port, port);
    }
}

TEST(Fields, BadEndpointsAreRefused) {
    for (const char* text :
         {"",      "10.0.0", "10.0.0.256", "10.0.0.01", "1.2.3.4.5", "a..b",   "-a",       "a-",   "a b",   "[::1",
          "[bmc]", "::1]",   "bmc:0",      "bmc:x",     "bmc:",      "[::1]x", "fe80::1%", "a\nb", "gg::1", ":"}) {
        EXPECT_FALSE(parse_endpoint(text).has_value()) << text;
    }
}

TEST(Fields, WordsAreWhatSelectorsCanName) {
    EXPECT_TRUE(parse_word("rack01-bmc.lab_2").has_value());
    for (const char* text : {"", "@group", "a b", "a[1]", "a,b", "tag:x", "-all", "\x1b[31m", "é"}) {
        EXPECT_FALSE(parse_word(text).has_value()) << text;
    }
    EXPECT_FALSE(parse_word(std::string(65, 'a')).has_value());
}

TEST(Fields, PasswordsAreOneToTwentyBytesOfAnyEncoding) {
    EXPECT_EQ(parse_password("0123456789abcdef")->size, vault::StoredSize::k16);
    EXPECT_EQ(parse_password("0123456789abcdefg")->size, vault::StoredSize::k20);
    EXPECT_TRUE(parse_password("\xe4\xf6\xfc").has_value());
    EXPECT_FALSE(parse_password("").has_value());
    EXPECT_FALSE(parse_password("0123456789abcdefghijk").has_value());
    EXPECT_FALSE(parse_password("tab\there").has_value());
    EXPECT_FALSE(parse_password(std::string_view("nul\0here", 8)).has_value());
}

TEST(Fields, KeysAreHexadecimalAndPaddedWithZeros) {
    const auto key = parse_k_g("0xA1b2");
    ASSERT_TRUE(key.has_value());
    key->expose([](auto bytes) {
        EXPECT_EQ(bytes[0], 0xa1);
        EXPECT_EQ(bytes[1], 0xb2);
        EXPECT_EQ(bytes[2], 0);
    });
    for (const char* text : {"", "a", "xyz1", "0000", "00112233445566778899001122334455667788990011"}) {
        EXPECT_FALSE(parse_k_g(text).has_value()) << text;
    }
}

TEST(Fields, UserNamesFitTheCommandThatSetsThem) {
    EXPECT_TRUE(parse_user_name("0123456789abcdef").has_value());
    for (const char* text : {"", "0123456789abcdefg", "a b", "\x01"})
        EXPECT_FALSE(parse_user_name(text).has_value()) << text;
}

TEST(Fields, TagsAreWordsBetweenSpacesOrSemicolons) {
    EXPECT_THAT(parse_tags(" web;  spare;web ").value(), testing::ElementsAre("web", "spare"));
    EXPECT_TRUE(parse_tags("").value().empty());
    EXPECT_FALSE(parse_tags("web @x").has_value());
}

TEST(Fields, HoldDatesLieInTheFuture) {
    const UnixTime now{1'795'435'200};  // 2026-11-23T12:00:00Z
    EXPECT_EQ(parse_date("2019-05-01")->value, 1'556'668'800);
    EXPECT_EQ(parse_date("1970-01-01")->value, 0);
    for (const char* bad :
         {"", "2019-5-01", "2019-05-1", "2019-05-01T10:00", "2019-02-29", "2019-13-01", "2019-00-01", "+201-05-01"})
        EXPECT_FALSE(parse_date(bad).has_value()) << bad;
    EXPECT_EQ(parse_future_date("2026-11-24", now)->value, 1'795'478'400);
    EXPECT_EQ(parse_future_date("2026-11-23T12:01", now)->value, 1'795'435'260);
    for (const char* text : {"2026-11-23", "2026-11-23T12:00", "2025-12-31", "2026-02-30", "2026-13-01", "tomorrow", "",
                             "2026/12/31", "2026-12-31T25:00", "2026-12-31 18:00", "2026-12-311"}) {
        EXPECT_FALSE(parse_future_date(text, now).has_value()) << text;
    }
}

}  // namespace
}  // namespace bmcvault::cli
