// practice: runs a command against virtual BMCs, writes an inventory, refuses what it does not know.

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "tests/cli/program.hpp"

namespace bmcvault::cli::program {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Practice, EndsWithTheExitCodeOfItsCommand) {
    EXPECT_EQ(run({"practice", "--count", "3", "--", "true"}).exit_code, 0);
    EXPECT_EQ(run({"practice", "--count", "3", "--", "sh", "-c", "exit 42"}).exit_code, 42);
    EXPECT_EQ(run({"practice", "--count", "3", "--", "sh", "-c", "kill -9 $$"}).exit_code, 137);
    const Ran missing = run({"practice", "--count", "1", "--", "/nonexistent/command"});
    EXPECT_EQ(missing.exit_code, 127);
    EXPECT_THAT(missing.err, HasSubstr("/nonexistent/command: No such file"));
}

TEST(Practice, StandardOutputBelongsToTheCommand) {
    EXPECT_EQ(run({"practice", "--count", "2", "--", "echo", "mine"}).out, "mine\n");
}

TEST(Practice, WritesAnInventoryThatCanBeImportedAndOnlyItsOwnerCanRead) {
    const Vault vault;
    const std::string csv = (vault.directory().path() / "fleet.csv").string();
    for (int round = 0; round < 2; ++round) {  // its own inventory may be overwritten
        ASSERT_EQ(run({"practice", "--count", "12", "--mixed", "--inventory", csv, "--", "true"}).exit_code, 0);
    }
    struct stat status{};
    ASSERT_EQ(stat(csv.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777u, 0600u);
    EXPECT_THAT(whole_file(csv), HasSubstr("\nbmc01,127.66.0.1,"));
    const Ran imported = vault.run({"bmc", "import", csv});
    EXPECT_EQ(imported.exit_code, 0) << imported.err;
    EXPECT_THAT(imported.out, HasSubstr("Imported 12 BMCs"));
}

TEST(Practice, NeverOverwritesAnInventoryThatIsNotItsOwn) {
    const Directory directory;
    const std::string real = "name,address,username,password\nrack01,10.0.0.1,root,the only copy\n";
    const std::string csv = directory.file("fleet.csv", real);
    const Ran ran = run({"practice", "--count", "1", "--inventory", csv, "--", "true"});
    EXPECT_EQ(ran.exit_code, 2);
    EXPECT_THAT(ran.err, HasSubstr("it was not touched"));
    EXPECT_EQ(whole_file(csv), real);
}

TEST(Practice, RefusesUnknownQuirksAndListsTheKnownOnes) {
    const Ran bad = run({"practice", "--quirk", "no-such-quirk", "--", "true"});
    EXPECT_EQ(bad.exit_code, 2);
    EXPECT_THAT(bad.err,
                testing::AllOf(HasSubstr("no-such-quirk"), HasSubstr("next: bmcvault practice --list-quirks")));
    EXPECT_EQ(run({"practice", "--quirk", "slow=abc", "--", "true"}).exit_code, 2);
    EXPECT_EQ(run({"practice", "--count", "0"}).exit_code, 2);
    EXPECT_EQ(run({"practice", "--loss", "2"}).exit_code, 2);
    const Ran list = run({"practice", "--list-quirks"});
    EXPECT_EQ(list.exit_code, 0);
    EXPECT_THAT(list.out, testing::AllOf(HasSubstr("truncates-to-16"), HasSubstr("slow=...")));
}

TEST(Practice, RunsUntilItIsInterrupted) {
    Running practice({"practice", "--count", "5"}, {});
    practice.await_output("5 virtual BMCs on 127.66.0.1 to 127.66.0.5");
    ASSERT_EQ(kill(practice.pid(), SIGINT), 0);
    EXPECT_EQ(practice.finish().exit_code, 0);
}

TEST(Practice, APortInUseIsAnErrorAndNotASecondFleet) {
    Running first({"practice", "--count", "1", "--json"}, {});
    first.await_output("\"summary\"");
    ASSERT_EQ(kill(first.pid(), SIGTERM), 0);
    const Ran ran = first.finish();
    const std::size_t at = ran.out.find("\"port\":");
    ASSERT_NE(at, std::string::npos);
    const std::string port = ran.out.substr(at + 7, ran.out.find(',', at) - at - 7);

    Running holder({"practice", "--count", "1", "--port", port}, {});
    holder.await_output("port " + port);
    EXPECT_EQ(run({"practice", "--count", "1", "--port", port, "--", "true"}).exit_code, 1);
}

}  // namespace
}  // namespace bmcvault::cli::program
