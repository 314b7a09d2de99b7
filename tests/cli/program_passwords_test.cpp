// bmc import-passwords: files of old passwords into the vault, and what nobody may see of them.

#include <gmock/gmock.h>

#include "tests/cli/program.hpp"

namespace bmcvault::cli::program {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kOld = "findme-one\nfindme-two\r\n\nfindme-three\n";

Ran import(const Vault& vault, const std::string& file, std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"bmc", "import-passwords", file});
    return vault.run(more);
}

TEST(Passwords, ImportSaysWhatCameAndWhatToDoNext) {
    const Vault vault;
    const std::string file = vault.directory().file("2019-shared.txt", kOld);
    const Ran ran = import(vault, file);
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
    EXPECT_EQ(ran.out,
              "Imported 3 old passwords as list '2019-shared'. Nothing was sent to any BMC. Next: bmcvault --vault " +
                  vault.path() + " recover --failed\n");
    EXPECT_THAT(vault.run({"vault", "info"}).out, HasSubstr("\nlisted passwords     3\n"));
    EXPECT_THAT(vault.run({"vault", "info", "--json"}).out, HasSubstr("\"listed_passwords\":3,"));
    EXPECT_EQ(vault.run({"vault", "verify"}).exit_code, 0);
    EXPECT_THAT(vault.run({"log"}).out,
                HasSubstr(R"(passwords.imported       {"count":3,"list":1,"name":"2019-shared"})"));
}

TEST(Passwords, TheListHasTheNameThatWasGiven) {
    const Vault vault;
    const Ran unnamed = vault.run({"bmc", "import-passwords", "-"}, {kOld, {}, ""});
    EXPECT_EQ(unnamed.exit_code, 2);
    EXPECT_THAT(unnamed.err, HasSubstr("--label NAME"));
    const Ran named = vault.run({"bmc", "import-passwords", "-", "--label", "old ones", "--reason", "audit finding 7"},
                                {kOld, {}, ""});
    EXPECT_EQ(named.exit_code, 0) << named.err;
    EXPECT_THAT(named.out, HasSubstr("as list 'old ones'"));
    EXPECT_THAT(vault.run({"log"}).out, HasSubstr(R"({"name":"old ones","reason":"audit finding 7"})"));
    const Ran again = vault.run({"bmc", "import-passwords", "-", "--label", "old ones"}, {"another\n", {}, ""});
    EXPECT_EQ(again.exit_code, 2);
    EXPECT_THAT(again.err, HasSubstr("there is a list of passwords named 'old ones' already"));
    for (const auto& bad : {std::string(49, 'x'), std::string("l\xc3\xa4"), std::string(" x")})
        EXPECT_EQ(vault.run({"bmc", "import-passwords", "-", "--label", bad}, {"another\n", {}, ""}).exit_code, 2);
    const Ran bad_stem = import(vault, vault.directory().file("l\xc3\xa4nge.txt", "another\n"));
    EXPECT_EQ(bad_stem.exit_code, 2);
    EXPECT_THAT(bad_stem.err, HasSubstr("--label NAME"));
}

TEST(Passwords, RepeatedAndKnownOnesAreSkippedAndCounted) {
    const Vault vault;
    const Ran first = import(vault, vault.directory().file("a.txt", "one\ntwo\none\n"));
    EXPECT_EQ(first.out,
              "Imported 2 old passwords as list 'a' (1 repeated in the file). Nothing was sent to any BMC. Next: "
              "bmcvault --vault " +
                  vault.path() + " recover --failed\n");
    const std::string second = vault.directory().file("b.csv", "password,label\ntwo,x\nthree,y\nthree,y\nOne,z\n");
    EXPECT_EQ(import(vault, second, {"--json", "--dry-run"}).out,
              R"({"type":"summary","command":"bmc import-passwords","total":4,"outcomes":{"imported":2,"repeated":1,)"
              R"("known":1},"dry_run":true})"
              "\n");
    EXPECT_EQ(import(vault, second).out,
              "Imported 2 old passwords as list 'b' (1 repeated in the file, 1 in a list already). Nothing was sent to "
              "any BMC. Next: bmcvault --vault " +
                  vault.path() + " recover --failed\n");
    const auto before = vault.fingerprint();
    const Ran nothing = import(vault, second, {"--label", "c"});
    EXPECT_EQ(nothing.exit_code, 0);
    EXPECT_EQ(nothing.out, "Nothing to import: each of the 4 passwords is in a list already.\n");
    EXPECT_EQ(vault.fingerprint(), before);
}

TEST(Passwords, ADryRunChangesNoByte) {
    const Vault vault;
    const std::string file = vault.directory().file("old.txt", kOld);
    const auto before = vault.fingerprint();
    const Ran dry = import(vault, file, {"--dry-run"});
    EXPECT_EQ(dry.exit_code, 0) << dry.err;
    EXPECT_THAT(dry.out, AllOf(HasSubstr("Imported 3 old passwords"), HasSubstr("(dry run, nothing was changed)")));
    EXPECT_EQ(vault.fingerprint(), before);
}

TEST(Passwords, ABadFileImportsNothingAndEveryLineIsNamedWithoutItsText) {
    const Vault vault;
    const std::string lines_file = vault.directory().file("old.txt", "fine\nfindme-findme-findme-1\nfindme\rfindme\n");
    const std::string csv_file =
        vault.directory().file("old.csv", "password,until,label\nfindme-1,soon,\nfindme-2,,findme-2\n");
    const auto before = vault.fingerprint();
    const Ran bad_lines = import(vault, lines_file);
    EXPECT_EQ(bad_lines.exit_code, 2);
    EXPECT_EQ(bad_lines.err, lines({"bmcvault: " + lines_file + ": 2 problems; nothing was imported",
                                    "  line 2, column 21: is longer than 20 bytes, the most IPMI 2.0 stores (§22.30)",
                                    "  line 3, column 7: a carriage return inside the line",
                                    "  next: correct the file, then the same command again"}));
    const Ran bad_csv = import(vault, csv_file);
    EXPECT_EQ(bad_csv.exit_code, 2);
    EXPECT_THAT(bad_csv.err,
                AllOf(HasSubstr("line 2, column until: must be a date as 2019-05-01"),
                      HasSubstr("line 3, column label: is the password itself"), Not(HasSubstr("findme"))));
    EXPECT_EQ(import(vault, "/nonexistent/old.txt").exit_code, 2);
    EXPECT_EQ(vault.fingerprint(), before);
}

TEST(Passwords, LabelsAreUniqueInTheFileAndInTheVault) {
    const Vault vault;
    EXPECT_EQ(import(vault, vault.directory().file("a.csv", "password,label\none,rack 7\ntwo,\n")).exit_code, 0);
    const Ran clash = import(vault, vault.directory().file("b.csv",
                                                           "password,label\nthree,rack 7\nfour,x\nfive,x\n"
                                                           "six,a #3\nseven,b #7\neight,\n"));
    EXPECT_EQ(clash.exit_code, 2);
    EXPECT_THAT(clash.err, AllOf(HasSubstr("4 problems; nothing was imported"),
                                 HasSubstr("line 2, column label: a password of another list has this label"),
                                 HasSubstr("line 4, column label: the password of line 3 has this label"),
                                 HasSubstr("line 5, column label: a password of another list has this label"),
                                 HasSubstr("line 7, column label: the password of line 6 has this label")));
}

TEST(Passwords, MoreThanTheVaultHoldsAreRefusedWithTheLimit) {
    const Vault vault;
    std::string many;
    for (int i = 0; i < 10'001; ++i) many += "password-" + std::to_string(i) + "\n";
    const Ran refused = import(vault, vault.directory().file("many.txt", many));
    EXPECT_EQ(refused.exit_code, 2);
    EXPECT_THAT(refused.err,
                HasSubstr("a vault holds at most 10000 listed passwords: 0 are there and 10001 would come"));
    many.resize(many.rfind("password-"));
    const Ran most = import(vault, vault.directory().file("many.txt", many));
    EXPECT_EQ(most.exit_code, 0) << most.err;
    EXPECT_THAT(import(vault, vault.directory().file("one.txt", "one\n")).err,
                HasSubstr("10000 are there and 1 would come"));
}

TEST(Passwords, AreInNoOutputNoFileAndNothingThatOthersSeeOfTheProcess) {
    const Vault vault;
    Running running(vault.with_options({"bmc", "import-passwords", "-", "--label", "old"}), {});
    running.write_input(kOld);
    const std::string directory = "/proc/" + std::to_string(running.pid()) + "/";
    while (whole_file(directory + "cmdline").find("import-passwords") == std::string::npos) {
    }
    EXPECT_THAT(whole_file(directory + "cmdline") + whole_file(directory + "environ"), Not(HasSubstr("findme")));
    const Ran ran = running.finish();
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
    EXPECT_THAT(ran.out + ran.err, Not(HasSubstr("findme")));
    for (const auto& command : std::vector<std::vector<std::string>>{
             {"log"}, {"log", "--json"}, {"status", "-v"}, {"vault", "info", "--json"}, {"vault", "verify", "-v"}}) {
        const Ran shown = vault.run(command);
        EXPECT_THAT(shown.out + shown.err, Not(HasSubstr("findme"))) << command[0];
    }
    for (const auto& [path, bytes] : vault.contents()) EXPECT_EQ(bytes.find("findme"), std::string::npos) << path;
}

}  // namespace
}  // namespace bmcvault::cli::program
