#include "cli/text.hpp"

#include <gmock/gmock.h>

#include <rapidcheck.h>

namespace bmcvault::cli {
namespace {

TEST(Printable, ShowsWhatWouldActOnATerminal) {
    EXPECT_EQ(printable("\x1b[31mred\x07"), "\\x1b[31mred\\x07");
    EXPECT_EQ(printable("a\r\nb\tc"), "a\\x0d\\x0ab\\x09c");
    EXPECT_EQ(printable("\xc2\x9b"
                        "31m"),
              "\\u{9b}31m");  // C1: CSI in eight bits
    EXPECT_EQ(printable("a\xe2\x80\xae"
                        "b"),
              "a\\u{202e}b");                                                            // right-to-left override
    EXPECT_EQ(printable("\xff\xc0\xaf\xed\xa0\x80"), "\\xff\\xc0\\xaf\\xed\\xa0\\x80");  // not UTF-8
    EXPECT_EQ(printable("Zürich 東京 €"), "Zürich 東京 €");
    EXPECT_EQ(printable("\xf0\x9f"), "\\xf0\\x9f");  // cut in the middle
}

TEST(Printable, NeverLetsAControlByteThrough) {
    EXPECT_TRUE(rc::check([](const std::string& text) {
        for (const char c : printable(text)) RC_ASSERT(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
    }));
}

TEST(Table, AlignsColumnsAndLeavesNoBlanksAtLineEnds) {
    EXPECT_EQ(table({"NAME", "STATE", "NOTE"}, {{{"a"}, {"rotated"}, {""}}, {{"longer"}, {""}, {"ü"}}}, Style{}),
              "NAME    STATE    NOTE\n"
              "a       rotated\n"
              "longer           ü\n");
}

TEST(Table, ColoursDoNotChangeTheAlignment) {
    const std::string line = table_row({{"a", Tone::kGood}, {"b"}}, {3, 1}, Style{true});
    EXPECT_EQ(line, "\x1b[32ma\x1b[0m    b\n");
}

TEST(Text, TimesAndAges) {
    EXPECT_EQ(iso_time(UnixTime{0}), "1970-01-01T00:00:00Z");
    EXPECT_EQ(iso_time(UnixTime{1'795'435'261}), "2026-11-23T12:01:01Z");
    EXPECT_EQ(age(UnixTime{100}, UnixTime{130}), "just now");
    EXPECT_EQ(age(UnixTime{0}, UnixTime{600}), "10 min");
    EXPECT_EQ(age(UnixTime{0}, UnixTime{7200}), "2 h");
    EXPECT_EQ(age(UnixTime{0}, UnixTime{40 * 86400}), "40 days");
    EXPECT_EQ(age(UnixTime{10}, UnixTime{0}), "in the future");
}

TEST(Text, WordsOfACommandAreQuotedWhereAShellWouldChangeThem) {
    EXPECT_EQ(shell_word("/srv/vault-2.d"), "/srv/vault-2.d");
    EXPECT_EQ(shell_word(""), "''");
    EXPECT_EQ(shell_word("o'ne $x"), "'o'\\''ne $x'");
}

TEST(Text, NearestFindsTypingErrorsAndOnlyThose) {
    EXPECT_EQ(nearest("rotat", {"rotate", "recover"}), "rotate");
    EXPECT_EQ(nearest("xyz", {"rotate", "recover"}), "");
    EXPECT_EQ(some_of({"a", "b", "c"}, 2), "a, b and 1 more");
    EXPECT_EQ(host_and_port("::1", 623), "[::1]:623");
}

}  // namespace
}  // namespace bmcvault::cli
