// rotate, check, recover of the whole program against a practice fleet.

#include <gmock/gmock.h>

#include "tests/cli/program.hpp"

namespace bmcvault::cli::program {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// A vault, and a practice fleet whose inventory it has imported.
class Fleet {
public:
    explicit Fleet(const std::string& count, std::vector<std::string> options = {})
        : csv_((vault_.directory().path() / "fleet.csv").string()),
          practice_(arguments(count, std::move(options)), {}) {
        practice_.await_output("Ctrl-C ends it");
        const Ran imported = vault_.run({"bmc", "import", csv_});
        EXPECT_EQ(imported.exit_code, 0) << imported.err;
    }
    [[nodiscard]] const Vault& vault() const { return vault_; }
    [[nodiscard]] Ran run(std::vector<std::string> arguments) const { return vault_.run(std::move(arguments)); }

private:
    [[nodiscard]] std::vector<std::string> arguments(const std::string& count, std::vector<std::string> options) const {
        options.insert(options.begin(), {"practice", "--count", count, "--inventory", csv_});
        return options;
    }

    Vault vault_;
    std::string csv_;
    Running practice_;
};

TEST(OnAFleet, RotateProvesFreshPasswordsAndSaysThatNothingIsLeft) {
    const Fleet fleet("3");
    const Ran rotated = fleet.run({"rotate", "--all", "--reason", "first"});
    EXPECT_EQ(rotated.exit_code, 0) << rotated.out << rotated.err;
    EXPECT_THAT(rotated.out, AllOf(testing::StartsWith("NAME   ADDRESS "), HasSubstr("\nbmc03  127.66.0.3:"),
                                   HasSubstr("rotate: 3 BMCs in "),
                                   HasSubstr(": 3 rotated; failed logins: 0. Nothing left to do.\n")));
    EXPECT_EQ(rotated.err, "");
    const Ran checked = fleet.run({"check", "--all", "--json"});
    EXPECT_EQ(checked.exit_code, 0) << checked.out;
    EXPECT_THAT(checked.out, AllOf(HasSubstr(R"("outcomes":{"as-in-vault":3},"failed_logins":0)"),
                                   HasSubstr(R"("password_version":2,"password_size":20,"k_g_version":null)")));
    const Ran status = fleet.run({"status"});
    EXPECT_EQ(status.exit_code, 0) << status.out;
    EXPECT_THAT(status.out, HasSubstr("3 BMCs: 3 as-in-vault. Oldest password: just now"));
}

TEST(OnAFleet, JsonLinesAreTheContractAndTheSummaryIsLast) {
    const Fleet fleet("2");
    const Ran rotated = fleet.run({"rotate", "bmc[01-02]", "--json"});
    EXPECT_EQ(rotated.exit_code, 0) << rotated.out << rotated.err;
    const std::string bmc =
        "\\{\"type\":\"bmc\",\"name\":\"bmc0[12]\",\"address\":\"127.66.0.[12]:[0-9]+\",\"outcome\":\"rotated\","
        "\"detail\":\"[^\"]*\","
        "\"password_version\":2,\"password_size\":20,\"k_g_version\":null,\"failed_logins\":0,\"round_trips\":[0-9]+,"
        "\"elapsed_ms\":[0-9]+\\}\n";
    EXPECT_THAT(rotated.out,
                testing::MatchesRegex(
                    bmc + bmc +
                    "\\{\"type\":\"summary\",\"command\":\"rotate\",\"total\":2,\"outcomes\":\\{\"rotated\":2\\},"
                    "\"failed_logins\":0,\"elapsed_ms\":[0-9]+\\}\n"));
}

TEST(OnAFleet, ADryRunLeavesEveryPasswordAlone) {
    const Fleet fleet("1");
    const Ran dry = fleet.run({"rotate", "--all", "--dry-run"});
    EXPECT_THAT(dry.out, AllOf(HasSubstr("dry run, nothing was changed"), HasSubstr("Next: the same command without")));
    EXPECT_THAT(fleet.run({"history", "bmc01"}).out, HasSubstr("1 version."));
}

TEST(OnAFleet, NoLoginSaysThatKgWasNotAsked) {
    const Fleet fleet("1");
    ASSERT_EQ(fleet.run({"rotate", "--all"}).exit_code, 0);
    const Ran checked = fleet.run({"check", "--all", "--no-login", "--json"});
    EXPECT_EQ(checked.exit_code, 0) << checked.out << checked.err;
    EXPECT_THAT(checked.out, AllOf(HasSubstr(R"("k_g":"not-asked")"), HasSubstr(R"("round_trips":2,)")));
}

TEST(OnAFleet, WhatDidNotEndAsAskedIsExplainedAndIsExit1) {
    const Fleet fleet("1", {"--quirk", "refuses-always=0xcc"});
    const Ran rotated = fleet.run({"rotate", "--all"});
    EXPECT_EQ(rotated.exit_code, 1) << rotated.out;
    EXPECT_THAT(rotated.out, AllOf(HasSubstr("Still to do: bmcvault --vault "), HasSubstr(" rotate --failed.")));
    EXPECT_THAT(rotated.err, AllOf(HasSubstr("bmcvault: rotate: bmc01: refused\n"),
                                   HasSubstr("ever gave it is in the vault"), HasSubstr(" rotate bmc01\n")));
    EXPECT_EQ(fleet.run({"status"}).exit_code, 6);
    EXPECT_THAT(fleet.run({"rotate", "--failed", "-q"}).out, HasSubstr("bmc01"));
}

TEST(OnAFleet, ABmcThatDoesNotAnswerIsNamed) {
    const Vault vault;
    vault.import("name,address,port,username,password\nsilent,127.0.0.1,9,u,x\n");
    const Ran checked = vault.run({"check", "silent", "--timeout", "200ms"});
    EXPECT_EQ(checked.exit_code, 6);
    EXPECT_THAT(checked.out, HasSubstr("silent"));
    EXPECT_THAT(checked.err, AllOf(HasSubstr("silent"), HasSubstr("check power, cable, address and UDP port"),
                                   HasSubstr("It has never proved a password")));
}

TEST(OnAFleet, ABmcWithoutAPasswordOrAnAddressIsToldAsWhatItIs) {
    const Vault vault;
    vault.import("name,address,username,password\nempty,127.0.0.1,u,\nnowhere,host.invalid,u,x\n");
    const Ran refused = vault.run({"rotate", "empty"});
    EXPECT_EQ(refused.exit_code, 1);
    EXPECT_THAT(refused.err, AllOf(HasSubstr("The vault has no password for it"), HasSubstr("set empty --ask-password"),
                                   Not(HasSubstr("is in the vault"))));
    const Ran nowhere = vault.run({"rotate", "nowhere"});
    EXPECT_THAT(nowhere.err, AllOf(HasSubstr("Its host name has no address"), HasSubstr("It has never proved"),
                                   HasSubstr("bmc set nowhere --address"), Not(HasSubstr("power"))));
}

TEST(OnAFleet, NothingFailedAndAnEmptyVaultSayWhatIsNext) {
    const Vault vault;
    EXPECT_THAT(vault.run({"check", "--all"}).err, HasSubstr("next: bmcvault --vault"));
    EXPECT_THAT(vault.run({"check", "--all"}).err, HasSubstr("bmc import FILE"));
    vault.import("name,address,username,password\nweb01,127.0.0.1,u,x\n");
    const Ran none = vault.run({"rotate", "--failed"});
    EXPECT_EQ(none.exit_code, 2);
    EXPECT_THAT(none.err, AllOf(HasSubstr("there is nothing to do"), Not(HasSubstr("bmc list"))));
}

TEST(OnAFleet, AHeldBmcIsLeftAloneAndSaysSo) {
    const Fleet fleet("2");
    ASSERT_EQ(fleet.run({"bmc", "hold", "bmc01", "--until", "2099-01-01", "--reason", "vendor"}).exit_code, 0);
    const Ran rotated = fleet.run({"rotate", "--all"});
    EXPECT_EQ(rotated.exit_code, 1);
    EXPECT_THAT(rotated.out, AllOf(HasSubstr("held"), HasSubstr("1 rotated")));
    EXPECT_THAT(fleet.run({"history", "bmc01"}).out, HasSubstr("1 version."));
}

TEST(OnAFleet, PutBackBringsThePreviousPasswordAsANewVersion) {
    const Fleet fleet("1");
    ASSERT_EQ(fleet.run({"rotate", "--all"}).exit_code, 0);
    const std::string before = fleet.run({"reveal", "bmc01", "--version", "1"}).out;
    const Ran back = fleet.run({"rotate", "--all", "--put-back", "--reason", "monitoring"});
    EXPECT_EQ(back.exit_code, 0) << back.out << back.err;
    EXPECT_THAT(back.out, HasSubstr("put-back"));
    const std::string after = fleet.run({"reveal", "bmc01"}).out;
    const auto password = [](const std::string& text) {
        return text.substr(text.find("password  "), text.find("\nsize") - text.find("password  "));
    };
    EXPECT_EQ(password(after), password(before));
}

TEST(OnAFleet, TheBoardIsDrawnOnATerminalAndErasedAtTheEnd) {
    const Fleet fleet("3", {"--latency", "60"});
    OnTerminal rotate(fleet.vault().with_options({"rotate", "--all"}));
    rotate.await_output("rotate: 0 of 3 done, ");
    EXPECT_EQ(rotate.finish(), 0) << rotate.transcript();
    EXPECT_THAT(rotate.transcript(), AllOf(HasSubstr("A\r\x1b[J"), HasSubstr("Nothing left to do.")));
    const std::string tail = rotate.transcript().substr(rotate.transcript().rfind("\x1b[J"));
    EXPECT_THAT(tail, Not(HasSubstr(" running, ")));
}

TEST(OnAFleet, CtrlCFinishesTheBmcsInFlightAndStartsNoOther) {
    const Fleet fleet("6", {"--latency", "40"});
    OnTerminal rotate(fleet.vault().with_options({"rotate", "--all", "--parallel", "1"}));
    rotate.await_output("1 running");
    rotate.type("\x03");
    rotate.await_output("stopping: the BMCs in flight are finished first, no other is started; nothing will be lost");
    EXPECT_EQ(rotate.finish(), 1) << rotate.transcript();
    EXPECT_THAT(rotate.transcript(), HasSubstr("not started; the same command continues."));
    // Nothing is left in the middle, and the same command does the rest.
    EXPECT_THAT(fleet.run({"status", "--json"}).out, Not(HasSubstr("quarantine_reason")));
    const Ran rest = fleet.run({"rotate", "--all"});
    EXPECT_EQ(rest.exit_code, 0) << rest.out << rest.err;
    EXPECT_EQ(fleet.run({"check", "--all"}).exit_code, 0);
}

}  // namespace
}  // namespace bmcvault::cli::program
