// bmc add, import, set, replace, hold, remove, list, show, and status over them.

#include <gmock/gmock.h>

#include "tests/cli/program.hpp"

namespace bmcvault::cli::program {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kFleet =
    "name,address,username,password,group,tags\n"
    "rack01,10.0.0.1,ADMIN,secret-one,edge,web\n"
    "rack02,10.0.0.2:6230,root,,core,\n";

TEST(Inventory, ImportListAndStatusAreOneTranscript) {
    const Vault vault;
    const Ran imported = vault.run({"bmc", "import", "-"}, {kFleet, {}, ""});
    EXPECT_EQ(imported.exit_code, 0) << imported.err;
    EXPECT_EQ(
        imported.out,
        "Imported 2 BMCs (1 with a password, 0 with a K_G). Nothing was sent to any BMC. Next: bmcvault --vault " +
            vault.path() + " check --all\n");
    EXPECT_EQ(vault.run({"bmc", "list"}).out, lines({"NAME    ADDRESS        USERNAME  GROUP  TAGS  STATE",
                                                     "rack01  10.0.0.1:623   ADMIN     edge   web",
                                                     "rack02  10.0.0.2:6230  root      core", "2 BMCs."}));
    const Ran status = vault.run({"status"});
    EXPECT_EQ(status.exit_code, 6);
    EXPECT_EQ(status.out,
              lines({"NAME    ADDRESS        LAST             PASSWORD  AGE  PROVED  K_G  NOTE",
                     "rack01  10.0.0.1:623   never-contacted  -         -    never   -    no password proved yet",
                     "rack02  10.0.0.2:6230  never-contacted  -         -    never   -    no password proved yet",
                     "2 BMCs: 2 never-contacted. 2 need attention. Next: bmcvault --vault " + vault.path() +
                         " check --all"}));
    EXPECT_EQ(
        normal(vault.run({"history", "rack01"}).out, vault),
        lines({"NAME    SUBJECT   VERSION  STATE    FROM      SIZE  CREATED               SENT  PROVED  NOTE",
               "rack01  password  1        unknown  imported  16    TIME  -     -       imported", "1 version."}));
}

TEST(Inventory, JsonHasNothingButObjectsWithTheSummaryLast) {
    const Vault vault;
    const Ran imported = vault.run({"bmc", "import", "-", "--json"}, {kFleet, {}, ""});
    EXPECT_THAT(imported.out,
                testing::MatchesRegex("\\{\"type\":\"bmc\",\"name\":\"rack01\".*\\}\n\\{\"type\":\"bmc\".*\\}\n"
                                      "\\{\"type\":\"summary\",\"command\":\"bmc import\",\"total\":2,"
                                      "\"outcomes\":\\{\"imported\":2\\}\\}\n"));
    EXPECT_THAT(vault.run({"bmc", "list", "@edge", "--json"}).out,
                testing::EndsWith("{\"type\":\"summary\",\"command\":\"bmc list\",\"total\":1,\"outcomes\":{}}\n"));
    EXPECT_THAT(vault.run({"status", "--json"}).out,
                HasSubstr("\"outcomes\":{\"never-contacted\":2},\"attention\":2}"));
}

TEST(Inventory, ABadFileImportsNothingAndEveryLineIsNamed) {
    const Vault vault;
    const auto before = vault.fingerprint();
    const Ran ran = vault.run(
        {"bmc", "import", "-"},
        {"name,address,username,password\na,10.0.0.1,u,hunter2\n@b,10.0.0.999,u,hunter2-hunter2-hunter2\n", {}, ""});
    EXPECT_EQ(ran.exit_code, 2);
    EXPECT_EQ(
        ran.err,
        lines({"bmcvault: standard input: 3 problems; nothing was imported",
               "  line 3, column name: must be letters, digits, '.', '_' and '-', and begin with a letter or digit",
               "  line 3, column address: must be an IPv4 or IPv6 address or a host name",
               "  line 3, column password: is longer than 20 bytes, the most IPMI 2.0 stores (§22.30)",
               "  next: correct the file, then the same command again"}));
    EXPECT_EQ(vault.fingerprint(), before);
}

TEST(Inventory, ImportingTheSameNamesAgainNamesThemAll) {
    const Vault vault;
    vault.import(kFleet);
    const auto before = vault.fingerprint();
    const Ran again = vault.run({"bmc", "import", "-"}, {kFleet, {}, ""});
    EXPECT_EQ(again.exit_code, 2);
    EXPECT_THAT(again.err, AllOf(HasSubstr("line 2, column name: 'rack01' is in the vault already"),
                                 HasSubstr("line 3, column name: 'rack02' is in the vault already")));
    EXPECT_EQ(vault.fingerprint(), before);
}

TEST(Inventory, ADryRunChangesNoByte) {
    const Vault vault;
    const auto before = vault.fingerprint();
    const Ran dry = vault.run({"bmc", "import", "-", "--dry-run"}, {kFleet, {}, ""});
    EXPECT_EQ(dry.exit_code, 0) << dry.err;
    EXPECT_THAT(dry.out, HasSubstr("dry run, nothing was changed"));
    EXPECT_THAT(dry.out, testing::StartsWith("Would import "));
    EXPECT_THAT(dry.out, HasSubstr("Next: the same command without --dry-run"));
    EXPECT_EQ(vault.fingerprint(), before);
}

TEST(Inventory, AMissingFileIsNamed) {
    const Vault vault;
    const Ran ran = vault.run({"bmc", "import", "/nonexistent/fleet.csv"});
    EXPECT_EQ(ran.exit_code, 2);
    EXPECT_THAT(ran.err, HasSubstr("/nonexistent/fleet.csv: No such file"));
}

TEST(Inventory, AddTakesThePasswordFromADescriptorOrAFile) {
    const Vault vault;
    EXPECT_EQ(
        vault.run({"bmc", "add", "a", "10.0.0.1", "--username", "u", "--password-fd", "3"}, {"", {}, "secret-three\n"})
            .exit_code,
        0);
    const std::string file = vault.directory().file("label", "secret-file");
    const std::string k_g = vault.directory().file("k_g", "0102\n");
    EXPECT_EQ(vault
                  .run({"bmc", "add", "b", "[::1]:6230", "--username", "u", "--password-file", file, "--k-g-file", k_g,
                        "--tags", "x y"})
                  .exit_code,
              0);
    EXPECT_THAT(vault.run({"reveal", "a"}).out, HasSubstr("password  secret-three\n"));
    EXPECT_THAT(vault.run({"reveal", "b"}).out,
                AllOf(HasSubstr("b ([::1]:6230)"), HasSubstr("password  secret-file\n"), HasSubstr("k_g       0102")));
    const Ran unknown = vault.run({"bmc", "add", "c", "10.0.0.3", "--username", "u"});
    EXPECT_EQ(unknown.out, "Added c (10.0.0.3:623), password unknown.\n");
    EXPECT_EQ(vault.run({"reveal", "c"}).exit_code, 2);
}

TEST(Inventory, AddRefusesWhatIsThereAlreadyAndWhatIsMalformed) {
    const Vault vault;
    vault.import(kFleet);
    const auto before = vault.fingerprint();
    const auto add = [&](std::vector<std::string> more) {
        more.insert(more.begin(), {"bmc", "add"});
        return vault.run(more);
    };
    EXPECT_THAT(add({"rack01", "10.0.0.9", "--username", "u"}).err, HasSubstr("'rack01' is in the vault already"));
    EXPECT_THAT(add({"x", "10.0.0.1", "--username", "u"}).err, HasSubstr("has 10.0.0.1:623 already, as 'rack01'"));
    EXPECT_THAT(add({"x", "10.0.0.9", "--username", "12345678901234567"}).err,
                HasSubstr("--username must not be longer than 16"));
    EXPECT_THAT(add({"x", "10.0.0.9:5", "--username", "u", "--port", "5"}).err, HasSubstr("once is enough"));
    EXPECT_EQ(add({"x", "not an address", "--username", "u"}).exit_code, 2);
    EXPECT_EQ(vault.fingerprint(), before);
}

TEST(Inventory, SetChangesFieldsAndAddsPasswordsAsNewVersions) {
    const Vault vault;
    vault.import(kFleet);
    const Ran set =
        vault.run({"bmc", "set", "rack01", "--address", "10.0.8.1", "--group", "core", "--password-fd", "3"},
                  {"", {}, "secret-new\n"});
    EXPECT_EQ(set.exit_code, 0) << set.err;
    EXPECT_THAT(vault.run({"bmc", "show", "rack01"}).out,
                AllOf(HasSubstr("10.0.8.1:623"), HasSubstr("group         core")));
    EXPECT_THAT(vault.run({"reveal", "rack01"}).out, HasSubstr("password  secret-new\n"));
    EXPECT_THAT(vault.run({"reveal", "rack01", "--version", "1"}).out, HasSubstr("password  secret-one\n"));
    EXPECT_EQ(vault.run({"bmc", "set", "rack01", "--address", "10.0.0.2:6230"}).exit_code, 2) << "rack02 is there";
}

TEST(Inventory, ReplaceKeepsTheOldBoardsHistoryApart) {
    const Vault vault;
    vault.import(kFleet);
    EXPECT_EQ(vault.run({"bmc", "replace", "rack01"}).exit_code, 2) << "needs a reason";
    const Ran replaced =
        vault.run({"bmc", "replace", "rack01", "--reason", "RMA 4711", "--password-fd", "3"}, {"", {}, "label-two\n"});
    EXPECT_EQ(replaced.exit_code, 0) << replaced.err;
    EXPECT_THAT(vault.run({"reveal", "rack01"}).out, HasSubstr("password  label-two\n"));
    EXPECT_THAT(vault.run({"history", "rack01"}).out, AllOf(HasSubstr("rack01 (old board)"), HasSubstr("2 versions.")));
    EXPECT_THAT(vault.run({"log", "rack01"}).out, AllOf(HasSubstr("bmc.replaced-not-wiped"), HasSubstr("RMA 4711")));
    EXPECT_THAT(vault.run({"bmc", "list"}).out, HasSubstr("2 BMCs."));
}

TEST(Inventory, HoldNeedsADateInTheFutureAndAReason) {
    const Vault vault;
    vault.import(kFleet);
    EXPECT_EQ(vault.run({"bmc", "hold", "rack01", "--until", "2099-12-31"}).exit_code, 2);
    EXPECT_EQ(vault.run({"bmc", "hold", "rack01", "--until", "2001-12-31", "--reason", "x"}).exit_code, 2);
    EXPECT_EQ(vault.run({"bmc", "hold", "rack01", "--until", "soon", "--reason", "x"}).exit_code, 2);
    const Ran held = vault.run({"bmc", "hold", "rack01", "--until", "2099-12-31", "--reason", "vendor works on it"});
    EXPECT_EQ(held.out, "rack01 is held until 2099-12-31T00:00:00Z: vendor works on it\n");
    EXPECT_THAT(vault.run({"bmc", "show", "rack01"}).out,
                HasSubstr("held until    2099-12-31T00:00:00Z: vendor works on it"));
    EXPECT_EQ(vault.run({"bmc", "hold", "rack01", "--release"}).out, "rack01 is no longer held.\n");
    EXPECT_THAT(vault.run({"bmc", "show", "rack01"}).out, Not(HasSubstr("held until")));
}

TEST(Inventory, RemoveTakesOutOfTheInventoryAndKeepsTheHistory) {
    const Vault vault;
    vault.import(kFleet);
    EXPECT_EQ(vault.run({"bmc", "remove", "rack01", "--reason", "sold"}).exit_code, 0);
    EXPECT_THAT(vault.run({"bmc", "list"}).out, AllOf(Not(HasSubstr("rack01")), HasSubstr("1 BMC.")));
    EXPECT_THAT(vault.run({"history", "rack01"}).out, HasSubstr("1 version."));
    EXPECT_EQ(vault.run({"reveal", "rack01"}).exit_code, 2);
    vault.import("name,address,username\nrack01,10.0.0.1,u\n");
}

}  // namespace
}  // namespace bmcvault::cli::program
