#include "cli/inventory_csv.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <rapidcheck.h>

#include <set>

#include "cli/csv.hpp"

namespace bmcvault::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::string text_of(const Key20& key) {
    return key.expose([](auto bytes) {
        const auto end = std::find(bytes.begin(), bytes.end(), 0);
        return std::string(bytes.begin(), end);
    });
}
std::string hex_of(const Key20& key) {
    return key.expose([](auto bytes) { return to_hex(bytes); });
}

std::string problems_of(std::string_view csv) {
    const auto rows = parse_inventory(csv);
    if (rows) return "no problem";
    std::string all;
    for (const auto& problem : rows.error().listed) all += describe(problem) + "\n";
    return all;
}

TEST(InventoryCsv, ReadsEveryColumnInAnyOrder) {
    const auto rows = parse_inventory(
        "tags,password,channel,name,k_g,address,user_id,group,port,username,factory_password\n"
        "web spare,secret "
        "one,1,rack01-bmc,000102030405060708090a0b0c0d0e0f10111213,10.0.0.1,3,edge,6230,ADMIN,label\n");
    ASSERT_TRUE(rows.has_value());
    ASSERT_EQ(rows->size(), 1u);
    const auto& row = rows->front();
    EXPECT_EQ(row.line, 2u);
    EXPECT_EQ(row.name, "rack01-bmc");
    EXPECT_EQ(row.address, "10.0.0.1");
    EXPECT_EQ(row.port, 6230);
    EXPECT_EQ(row.user_name, "ADMIN");
    EXPECT_EQ(text_of(row.password->bytes), "secret one");
    EXPECT_EQ(row.password->size, vault::StoredSize::k16);
    EXPECT_EQ(hex_of(*row.k_g), "000102030405060708090a0b0c0d0e0f10111213");
    EXPECT_EQ(row.user_id, 3);
    EXPECT_EQ(row.channel, 1);
    EXPECT_EQ(row.group, "edge");
    EXPECT_THAT(row.tags, ElementsAre("web", "spare"));
    EXPECT_EQ(text_of(row.factory_password->bytes), "label");
}

TEST(InventoryCsv, NeedsOnlyNameAddressAndUsername) {
    const auto rows = parse_inventory("name,address,username,password\nb,bmc.example.org,root,\n");
    ASSERT_TRUE(rows.has_value());
    EXPECT_EQ(rows->front().port, 623);
    EXPECT_EQ(rows->front().channel, 0x0e);
    EXPECT_FALSE(rows->front().password.has_value());
    EXPECT_FALSE(rows->front().k_g.has_value());
}

TEST(InventoryCsv, ToleratesByteOrderMarkCrLfBlankLinesAndAMissingLastLineEnd) {
    const auto rows = parse_inventory("\xef\xbb\xbfname,address,username\r\n\r\na,10.0.0.1,u\r\n\nb,10.0.0.2,u");
    ASSERT_TRUE(rows.has_value());
    ASSERT_EQ(rows->size(), 2u);
    EXPECT_EQ(rows->at(1).line, 5u);
}

TEST(InventoryCsv, QuotedFieldsHoldCommasAndDoubledQuotes) {
    const auto rows = parse_inventory("name,address,username,password\na,10.0.0.1,u,\"a,\"\"b\"\" \"\n");
    ASSERT_TRUE(rows.has_value());
    EXPECT_EQ(text_of(rows->front().password->bytes), "a,\"b\" ");
}

TEST(InventoryCsv, AddressesMayCarryThePort) {
    const auto rows = parse_inventory("name,address,username\na,10.0.0.1:6230,u\nb,[fe80::1%eth0]:99,u\nc,fe80::2,u\n");
    ASSERT_TRUE(rows.has_value());
    EXPECT_EQ(rows->at(0).port, 6230);
    EXPECT_EQ(rows->at(1).address, "fe80::1%eth0");
    EXPECT_EQ(rows->at(1).port, 99);
    EXPECT_EQ(rows->at(2).address, "fe80::2");
}

TEST(InventoryCsv, NamesEveryBadLineByNumberAndColumn) {
    EXPECT_EQ(problems_of("name,address,username,port,password,k_g,user_id,channel\n"
                          "ok,10.0.0.1,u,,,,,\n"
                          "-bad,10.0.0.2,u,,,,,\n"
                          "a,10.0.0.300,u,,,,,\n"
                          "b,10.0.0.3,12345678901234567,,,,,\n"
                          "c,10.0.0.4,u,70000,123456789012345678901,abc,64,16\n"
                          "d,10.0.0.5,u\n"),
              "line 3, column name: must be letters, digits, '.', '_' and '-', and begin with a letter or digit\n"
              "line 4, column address: must be an IPv4 or IPv6 address or a host name\n"
              "line 5, column username: must not be longer than 16 bytes (IPMI 2.0 §22.28)\n"
              "line 6, column port: must be a number from 1 to 65535\n"
              "line 6, column password: is longer than 20 bytes, the most IPMI 2.0 stores (§22.30)\n"
              "line 6, column k_g: must be hexadecimal digits, two for each byte, at most 40\n"
              "line 6, column user_id: must be a number from 1 to 63\n"
              "line 6, column channel: must be a number from 0 to 15\n"
              "line 7: 3 fields where the header has 8\n");
}

TEST(InventoryCsv, NamesDuplicatesInTheFile) {
    EXPECT_EQ(problems_of("name,address,username\na,10.0.0.1,u\na,10.0.0.2,u\nb,10.0.0.1,v\n"),
              "line 3, column name: 'a' stands on line 2 too\n"
              "line 4, column address: the same address and port as on line 2\n");
}

TEST(InventoryCsv, NamesWhatIsWrongWithTheHeader) {
    EXPECT_THAT(problems_of("name,username\na,u\n"), HasSubstr("line 1, column address: this column is missing"));
    EXPECT_THAT(problems_of("name,name,address,username\n"),
                HasSubstr("line 1, column name: this column stands twice"));
    EXPECT_THAT(problems_of("name;address;username\n"), HasSubstr("separated by commas"));
    EXPECT_EQ(problems_of("name;address;username\n").find("\nline", 4), std::string::npos) << "one problem";
    EXPECT_THAT(problems_of(""), HasSubstr("line 1: the file is empty"));
    EXPECT_THAT(problems_of("\n\n"), HasSubstr("the file is empty"));
    EXPECT_THAT(problems_of("web01,10.0.0.1,root,hunter2\n"),
                testing::AllOf(HasSubstr("this is no header line"), Not(HasSubstr("unter2"))));
    EXPECT_THAT(problems_of("name,adress,user,hunter2\n"),
                testing::AllOf(HasSubstr("line 1, column 2: not a known column name; did you mean address?"),
                               HasSubstr("line 1, column 3: not a known column name; did you mean username?"),
                               HasSubstr("line 1, column 4: not a known column name (not repeated"),
                               HasSubstr("the known columns are name,address"), Not(HasSubstr("unter2"))));
    EXPECT_THAT(problems_of("\x1f\x8b\x08\n"), HasSubstr("is this a CSV file?"));
    EXPECT_THAT(problems_of("name,address,username\n"), HasSubstr("no BMC stands below the header"));
}

TEST(InventoryCsv, NeverRepeatsAFieldBecauseItMayBeAPassword) {
    // No header, shifted columns, a quote in the wrong place, a password as a column name.
    for (const char* csv :
         {"rack1,10.0.0.1,root,Hunter2Hunter2\n", "name,address,username\nHunter2 Hunter2,Hunter2!,Hunter2 \n",
          "name,address,username,password\na,10.0.0.1,u,Hunt\"er2\n",
          "name,address,username,k_g\na,10.0.0.1,u,Hunter2\n", "name,address,username,Hunter2\n"}) {
        EXPECT_THAT(problems_of(csv), Not(HasSubstr("unter2"))) << csv;
        EXPECT_THAT(problems_of(csv), HasSubstr("line "));
    }
}

TEST(InventoryCsv, SurvivesHostileInput) {
    EXPECT_THAT(problems_of("name,address,username\n\"a,10.0.0.1,u\n"),
                HasSubstr("line 2: field 1: a quote is opened, and not closed on this line"));
    EXPECT_THAT(problems_of("name,address,username\n\"a"), HasSubstr("line 2: field 1: the closing quote is missing"));
    EXPECT_THAT(problems_of("name,address,username\n\"a\"b,10.0.0.1,u\n"), HasSubstr("text after the closing quote"));
    EXPECT_THAT(problems_of(std::string_view("name,address,username\na\0b,10.0.0.1,u\n", 37)),
                HasSubstr("control character 0x00"));
    EXPECT_THAT(problems_of("name,address,username\n" + std::string(10'000, 'a') + ",10.0.0.1,u\n"),
                HasSubstr("line 2: field 1: too long"));
    EXPECT_THAT(problems_of("name,address,username\n\r,,\n"), HasSubstr("line 2"));
}

TEST(InventoryCsv, BoundsWhatItReadsAndWhatItLists) {
    std::string many = "name,address,username\n";
    for (int i = 0; i < 500; ++i) many += "!,10.0.0.1,u\n";
    const auto rows = parse_inventory(many);
    ASSERT_FALSE(rows.has_value());
    EXPECT_EQ(rows.error().listed.size(), kMaxProblems);
    EXPECT_EQ(rows.error().total, 500u);
    EXPECT_THAT(problems_of(std::string(kMaxInventorySize + 1, 'x')), HasSubstr("larger than 64 MiB"));
}

TEST(InventoryCsv, KnowsWhatTheVaultAlreadyHas) {
    vault::Bmc known;
    known.name = "a";
    known.address = "10.0.0.9";
    const auto rows = parse_inventory("name,address,username\na,10.0.0.1,u\nb,10.0.0.9,u\nc,10.0.0.9:99,u\n");
    ASSERT_TRUE(rows.has_value());
    const auto found = clashes(*rows, {known});
    ASSERT_EQ(found.total, 2u);
    EXPECT_EQ(describe(found.listed[0]),
              "line 2, column name: 'a' is in the vault already (to change it: bmcvault bmc set a)");
    EXPECT_EQ(describe(found.listed[1]), "line 3, column address: is the address of 'a', which is in the vault");
}

TEST(InventoryCsv, WhatIsWrittenIsReadBack) {
    EXPECT_TRUE(rc::check([] {
        const auto password =
            *rc::gen::suchThat(rc::gen::container<std::string>(rc::gen::inRange<char>(0x20, 0x7f)),
                               [](const std::string& text) { return !text.empty() && text.size() <= 20; });
        const auto port = *rc::gen::inRange(1, 65536);
        const auto k_g = *rc::gen::container<Bytes>(kKeySize, rc::gen::inRange<std::uint8_t>(1, 255));
        const std::string csv = csv_line({"password", "name", "k_g", "address", "port", "username"}) +
                                csv_line({password, "a", to_hex(k_g), "::1", std::to_string(port), "u"});
        const auto rows = parse_inventory(csv);
        RC_ASSERT(rows.has_value());
        RC_ASSERT(text_of(rows->front().password->bytes) == password);
        RC_ASSERT(hex_of(*rows->front().k_g) == to_hex(k_g));
        RC_ASSERT(rows->front().port == port);
    }));
}

TEST(InventoryCsv, AnyBytesAreEitherRowsOrNamedProblems) {
    EXPECT_TRUE(rc::check([] {
        const auto tail =
            *rc::gen::container<std::string>(rc::gen::element('a', '1', ',', '"', '\n', '\r', '\0', ' ', '.', '\xff'));
        const auto rows = parse_inventory("name,address,username\n" + tail);
        if (!rows) {
            RC_ASSERT(rows.error().total >= rows.error().listed.size());
            RC_ASSERT(!rows.error().listed.empty());
            return;
        }
        std::set<std::string> names;
        for (const auto& row : *rows) RC_ASSERT(names.insert(row.name).second);
    }));
}

TEST(InventoryCsv, LeavesNoSecretBehind) {
    const std::size_t before = secret_arena::live_count();
    {
        const auto rows = parse_inventory("name,address,username,password\na,10.0.0.1,u,one\nb,!,u,two\n");
        ASSERT_FALSE(rows.has_value());
    }
    EXPECT_EQ(secret_arena::live_count(), before);
}

}  // namespace
}  // namespace bmcvault::cli
