#include "cli/password_list.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <rapidcheck.h>

#include <algorithm>

#include "cli/csv.hpp"

namespace bmcvault::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::string text_of(const PasswordField& field) {
    return field.bytes.expose(
        [](auto bytes) { return std::string(bytes.begin(), std::find(bytes.begin(), bytes.end(), 0)); });
}

std::vector<std::string> texts(std::string_view file) {
    const auto rows = parse_password_list(file);
    std::vector<std::string> all;
    if (!rows) {
        for (const auto& problem : rows.error().listed) ADD_FAILURE() << describe(problem);
        return all;
    }
    for (const auto& row : *rows) all.push_back(text_of(row.password));
    return all;
}

std::string problems_of(std::string_view file) {
    const auto rows = parse_password_list(file);
    if (rows) return "no problem";
    std::string all;
    for (const auto& problem : rows.error().listed) all += describe(problem) + "\n";
    return all;
}

PasswordLine only(std::string_view file) {
    auto rows = parse_password_list(file);
    if (!rows || rows->size() != 1) throw std::runtime_error("one password was expected: " + problems_of(file));
    return std::move(rows->front());
}

TEST(PasswordList, OnePerLineWithItsLineNumber) {
    const auto rows = parse_password_list("calvin\n\nADMIN\r\n\r\nlast");
    ASSERT_TRUE(rows.has_value());
    ASSERT_EQ(rows->size(), 3u);
    EXPECT_EQ(text_of(rows->at(0).password), "calvin");
    EXPECT_EQ(text_of(rows->at(1).password), "ADMIN");
    EXPECT_EQ(text_of(rows->at(2).password), "last");
    EXPECT_EQ(rows->at(0).line, 1u);
    EXPECT_EQ(rows->at(1).line, 3u);
    EXPECT_EQ(rows->at(2).line, 5u);
    EXPECT_EQ(rows->at(2).label, "");
    EXPECT_EQ(rows->at(2).used_from, std::nullopt);
    EXPECT_EQ(rows->at(2).used_until, std::nullopt);
}

TEST(PasswordList, AnyBytesButZeroAndLineEndsAreAPassword) {
    EXPECT_THAT(texts(" space \n\"quoted\"\na,b;c\tp\x01\x7f\nK\xc3\xa4se\n\xff\xfe\n#no comment\n"),
                ElementsAre(" space ", "\"quoted\"", "a,b;c\tp\x01\x7f", "K\xc3\xa4se", "\xff\xfe", "#no comment"));
    EXPECT_THAT(texts("\xef\xbb\xbf"
                      "after the mark\n"),
                ElementsAre("after the mark"));
}

TEST(PasswordList, SixteenBytesFitTheShortFormTwentyFitAtAll) {
    EXPECT_EQ(only("1234567890123456\n").password.size, vault::StoredSize::k16);
    EXPECT_EQ(only("12345678901234567\n").password.size, vault::StoredSize::k20);
    EXPECT_EQ(text_of(only("12345678901234567890\r\n").password), "12345678901234567890");
    EXPECT_EQ(problems_of("ok\n123456789012345678901\n"),
              "line 2, column 21: is longer than 20 bytes, the most IPMI 2.0 stores (§22.30)\n");
}

TEST(PasswordList, NamesEveryBadLineByNumberAndColumn) {
    EXPECT_EQ(problems_of(std::string_view("ok\nze\0ro\nc\rr\n\r\r\n123456789012345678901\nok\n", 41)),
              "line 2, column 3: a zero byte, which no password holds (a file in UTF-16? save it as UTF-8)\n"
              "line 3, column 2: a carriage return inside the line\n"
              "line 4, column 1: a carriage return inside the line\n"
              "line 5, column 21: is longer than 20 bytes, the most IPMI 2.0 stores (§22.30)\n");
}

TEST(PasswordList, AFileWithoutAPasswordIsAMistake) {
    for (const char* file : {"", "\n\r\n", "\xef\xbb\xbf", "password,label\n", "password,label\n\n"})
        EXPECT_EQ(problems_of(file), "line 1: no password stands in the file\n") << file;
}

TEST(PasswordList, CsvHasColumnsInAnyOrder) {
    const auto rows = parse_password_list(
        "Until,label,PASSWORD,from,size\r\n"
        "2019-05-02,rack 7,calvin,2019-05-01,20\n"
        "\n"
        ",,\"a,\"\"b\"\" \",,\n");
    ASSERT_TRUE(rows.has_value()) << describe(rows.error().listed.front());
    ASSERT_EQ(rows->size(), 2u);
    EXPECT_EQ(rows->at(0).line, 2u);
    EXPECT_EQ(text_of(rows->at(0).password), "calvin");
    EXPECT_EQ(rows->at(0).password.size, vault::StoredSize::k20);
    EXPECT_EQ(rows->at(0).label, "rack 7");
    EXPECT_EQ(rows->at(0).used_from, UnixTime{1'556'668'800});
    EXPECT_EQ(rows->at(0).used_until, UnixTime{1'556'755'200});
    EXPECT_EQ(rows->at(1).line, 4u);
    EXPECT_EQ(text_of(rows->at(1).password), "a,\"b\" ");
    EXPECT_EQ(rows->at(1).password.size, vault::StoredSize::k16);
    EXPECT_EQ(rows->at(1).label, "");
    EXPECT_EQ(rows->at(1).used_from, std::nullopt);
}

TEST(PasswordList, OneDayOfUseIsAUse) {
    EXPECT_EQ(only("password,from,until\ncalvin,2019-05-01,2019-05-01\n").used_until, UnixTime{1'556'668'800});
}

// "password" is a password that people use: on its own it is one, and no header.
TEST(PasswordList, OneColumnIsAPlainList) {
    EXPECT_THAT(texts("Password\nadmin,2\n\"root\"\n"), ElementsAre("Password", "admin,2", "\"root\""));
    EXPECT_THAT(texts("calvin\npassword\n"), ElementsAre("calvin", "password")) << "on any other line it is one";
    EXPECT_THAT(texts("from\nlabel\n"), ElementsAre("from", "label"));
    EXPECT_THAT(texts("calvin\npassword,from\n"), ElementsAre("calvin", "password,from")) << "only the first line";
    EXPECT_THAT(texts("pass,word\n"), ElementsAre("pass,word"));
}

// Taken for passwords, the lines of such a file would be nonsense that nobody notices.
TEST(PasswordList, AHeaderThatWeDoNotTakeIsRefusedAndNotImportedAsPasswords) {
    for (const char* file : {"password;from;until\ncalvin;;\n", "user,password\nroot,calvin\n",
                             "Password,Comment\ncalvin,old\n", "password, from\ncalvin,\n"}) {
        EXPECT_THAT(problems_of(file), HasSubstr("not a known column name")) << file;
        EXPECT_THAT(problems_of(file), HasSubstr("line 1, column ")) << file;
        EXPECT_THAT(problems_of(file), Not(HasSubstr("calvin"))) << file;
    }
    EXPECT_EQ(problems_of("password\tfrom\ncalvin\t\n"), "line 1: field 1: control character 0x09\n");
    EXPECT_EQ(problems_of("\nfrom,label\n,x\n"),
              "line 2, column password: this column is missing from the header line\n");
    EXPECT_EQ(problems_of("password,password\na,b\n"),
              "line 1, column password: this column stands twice in the header line\n");
    EXPECT_THAT(problems_of("password,\"from\na,b\n"), HasSubstr("line 1: field 2: a quote is opened, and not closed"));
}

TEST(PasswordList, NamesEveryBadFieldByLineAndColumn) {
    const std::string long_label(65, 'l');
    EXPECT_EQ(problems_of("password,from,until,label,size\n"
                          ",,,,\n"
                          "123456789012345678901,,,,\n"
                          "p\tp,,,,\n"
                          "a,2019-5-1,01.05.2019,,\n"
                          "b,2019-02-29,2019-13-01,,\n"
                          "c,2019-05-02,2019-05-01,,\n"
                          "d,,,\x7fx,\n"
                          "e,,, x,17\n"
                          "f,,," +
                          long_label +
                          ",\n"
                          "g,,,\xc3\xa4,\n"
                          "12345678901234567,,,,16\n"
                          "h,,\n"
                          "i\n"
                          "j\"j,,,,\n"
                          "Hunter2,,,Hunter2,\n"),
              "line 2, column password: is empty\n"
              "line 3, column password: is longer than 20 bytes, the most IPMI 2.0 stores (§22.30)\n"
              "line 4: field 1: control character 0x09\n"
              "line 5, column from: must be a date as 2019-05-01\n"
              "line 5, column until: must be a date as 2019-05-01\n"
              "line 6, column from: is not a day of the calendar\n"
              "line 6, column until: must be a date as 2019-05-01\n"
              "line 7, column until: is before from\n"
              "line 8: field 4: control character 0x7f\n"
              "line 9, column label: must be printable ASCII, at most 64 characters, with no space at either end\n"
              "line 9, column size: must be 16 or 20, as the BMC stores it (IPMI 2.0 §22.30), or empty\n"
              "line 10, column label: must be printable ASCII, at most 64 characters, with no space at either end\n"
              "line 11, column label: must be printable ASCII, at most 64 characters, with no space at either end\n"
              "line 12, column size: is 16, but the password is longer\n"
              "line 13: 3 fields where the header has 5\n"
              "line 14: 1 field where the header has 5\n"
              "line 15: field 1: a quote inside a field that is not quoted\n"
              "line 16, column label: is the password itself, which a label would show to everyone\n");
}

TEST(PasswordList, NeverRepeatsAnyTextOfTheFile) {
    for (const std::string& file :
         {std::string("Hunter2Hunter2Hunter2Hunter2\n"), std::string("password,Hunter2\n"),
          std::string("password,size\nx,Hunter2\n"), std::string("password,from\nHunter2\n"),
          std::string("password,label\nHunter2,Hunter2\n"), std::string("password,from\nx,Hunter2\n"),
          std::string("Hunter2\0Hunter2\n", 16), std::string("password,label\n\"Hunter2\"Hunter2,\n")}) {
        EXPECT_THAT(problems_of(file), Not(HasSubstr("unter2"))) << problems_of(file);
        EXPECT_THAT(problems_of(file), HasSubstr("line "));
    }
}

TEST(PasswordList, BoundsWhatItReadsAndWhatItLists) {
    EXPECT_EQ(problems_of(std::string(kMaxPasswordListSize + 1, '\n')), "line 1: the file is larger than 4 MiB\n");
    std::string many;
    for (std::size_t i = 0; i <= kMaxPasswordLines; ++i) many += "x\n";
    EXPECT_EQ(problems_of(many), "line 100001: more than 100000 passwords\n");
    many.resize(2 * kMaxPasswordLines);
    EXPECT_EQ(texts(many).size(), kMaxPasswordLines);
    std::string bad;
    for (int i = 0; i < 500; ++i) bad += std::string(21, 'x') + "\n";
    const auto rows = parse_password_list(bad);
    ASSERT_FALSE(rows.has_value());
    EXPECT_EQ(rows.error().listed.size(), kMaxProblems);
    EXPECT_EQ(rows.error().total, 500u);
}

TEST(PasswordList, CsvIsBoundedToo) {
    std::string many = "password,size\n";
    for (std::size_t i = 0; i <= kMaxPasswordLines; ++i) many += "x,\n";
    EXPECT_EQ(problems_of(many), "line 100002: more than 100000 passwords\n");
}

TEST(PasswordList, WhatIsWrittenIsReadBackInBothForms) {
    EXPECT_TRUE(rc::check([] {
        const auto text =
            *rc::gen::suchThat(rc::gen::container<std::string>(rc::gen::inRange<char>(0x20, 0x7f)),
                               [](const std::string& made) { return !made.empty() && made.size() <= 20; });
        const auto rows = parse_password_list("x\n" + text + "\r\n");
        RC_ASSERT(rows.has_value() && text_of(rows->back().password) == text);
        RC_ASSERT(text_of(only("label,password\n" + csv_line({"", text})).password) == text);
    }));
}

TEST(PasswordList, AnyBytesAreEitherPasswordsOrNamedProblems) {
    EXPECT_TRUE(rc::check([](bool csv) {
        const auto tail =
            *rc::gen::container<std::string>(rc::gen::element('a', '1', ',', '"', '\n', '\r', '\0', ' ', '-', '\xff'));
        const auto rows = parse_password_list((csv ? "password,from,label\n" : "x\n") + tail);
        if (!rows) {
            RC_ASSERT(rows.error().total >= rows.error().listed.size());
            RC_ASSERT(!rows.error().listed.empty());
            return;
        }
        for (const auto& row : *rows) RC_ASSERT(!text_of(row.password).empty());
    }));
}

TEST(PasswordList, LeavesNoSecretBehind) {
    const std::size_t before = secret_arena::live_count();
    {
        const auto rows = parse_password_list("one\ntwo\nthree-is-longer-than-twenty-bytes\n");
        ASSERT_FALSE(rows.has_value());
    }
    EXPECT_EQ(secret_arena::live_count(), before);
}

}  // namespace
}  // namespace bmcvault::cli
