// The program on a terminal: prompts without echo, confirmation, colours.

#include <gmock/gmock.h>

#include "tests/cli/program.hpp"

namespace bmcvault::cli::program {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Terminal, InitAsksTwiceWithoutEcho) {
    const Directory directory;
    const std::string vault = (directory.path() / "vault").string();
    OnTerminal init({"init", "--vault", vault, "--kdf-memory", "64", "--kdf-operations", "1"});
    init.await_output("New passphrase (nobody can restore it): ");
    EXPECT_FALSE(init.echoes());
    init.type("typed by hand\n");
    init.await_output("The same again: ");
    EXPECT_FALSE(init.echoes());
    init.type("typed by hand\n");
    EXPECT_EQ(init.finish(), 0) << init.transcript();
    EXPECT_THAT(init.transcript(), HasSubstr("Created the vault"));
    EXPECT_THAT(init.transcript(), Not(HasSubstr("typed by hand")));

    const std::string file = directory.file("p", "typed by hand");
    EXPECT_EQ(run({"vault", "info", "--vault", vault, "--passphrase-file", file}).exit_code, 0);
}

TEST(Terminal, TwoDifferentPassphrasesMakeNoVault) {
    const Directory directory;
    const std::string vault = (directory.path() / "vault").string();
    OnTerminal init({"init", "--vault", vault, "--kdf-memory", "64", "--kdf-operations", "1"});
    init.await_output("New passphrase");
    init.type("one\n");
    init.await_output("The same again");
    init.type("two\n");
    EXPECT_EQ(init.finish(), 3);
    EXPECT_THAT(init.transcript(), HasSubstr("the two passphrases differ; nothing was made"));
    EXPECT_FALSE(std::filesystem::exists(vault));
}

TEST(Terminal, CtrlCAtThePromptGivesTheEchoBackAndEndsTheProgram) {
    const Vault vault;
    OnTerminal status({"status", "--vault", vault.path()});
    status.await_output("Passphrase of");
    ASSERT_FALSE(status.echoes());
    status.type("half a pass\x03");
    EXPECT_EQ(status.finish(), 128 + SIGINT);
    EXPECT_THAT(status.transcript(), Not(HasSubstr("half a pass")));
}

TEST(Terminal, EchoIsBackWhenThePromptIsInterrupted) {
    const Vault vault;
    // cat keeps the terminal open after the program has ended.
    OnTerminal status(
        {"practice", "--count", "1", "-q", "--", "sh", "-c",
         std::string(BMCVAULT_PROGRAM) + " status --vault " + vault.path() + "; echo ended with $?; cat"});
    status.await_output("Passphrase of");
    ASSERT_FALSE(status.echoes());
    status.type("wrong\n");
    status.await_output("ended with 3");
    EXPECT_TRUE(status.echoes());
    status.type("\x04");
    EXPECT_EQ(status.finish(), 0);
}

TEST(Terminal, ThePromptIsOnTheTerminalThoughStandardInputIsAFile) {
    const Vault vault;
    const std::string csv = vault.directory().file("fleet.csv", "name,address,username\na,10.0.0.1,u\n");
    OnTerminal import({"practice", "--count", "1", "-q", "--", "sh", "-c",
                       std::string(BMCVAULT_PROGRAM) + " bmc import - --vault " + vault.path() + " <" + csv});
    import.await_output("Passphrase of");
    import.type(std::string(Vault::kPassphrase) + "\n");
    EXPECT_EQ(import.finish(), 0) << import.transcript();
    EXPECT_THAT(import.transcript(), HasSubstr("Imported 1 BMC "));
}

TEST(Terminal, AddAsksForThePasswordAndNothingMeansUnknown) {
    const Vault vault;
    OnTerminal add(vault.with_options({"bmc", "add", "a", "10.0.0.1", "--username", "u"}));
    add.await_output("Password of a (empty: unknown): ");
    EXPECT_FALSE(add.echoes());
    add.type("\n");
    EXPECT_EQ(add.finish(), 0);
    EXPECT_THAT(add.transcript(), HasSubstr("password unknown"));

    OnTerminal set(vault.with_options({"bmc", "set", "a", "--ask-password"}));
    set.await_output("Password of a");
    set.type("typed-secret\n");
    EXPECT_EQ(set.finish(), 0);
    EXPECT_THAT(set.transcript(), Not(HasSubstr("typed-secret")));
    EXPECT_THAT(vault.run({"reveal", "a"}).out, HasSubstr("password  typed-secret\n"));
}

TEST(Terminal, RemoveAsksBeforeItChangesAnything) {
    const Vault vault;
    vault.import("name,address,username\na,10.0.0.1,u\n");
    OnTerminal no(vault.with_options({"bmc", "remove", "a"}));
    no.await_output("Users and keys on it were never wiped: `bmcvault deprovision` does that, and proves it. [y/N] ");
    no.type("\n");
    EXPECT_EQ(no.finish(), 2);
    EXPECT_THAT(vault.run({"bmc", "list"}).out, HasSubstr("1 BMC."));
    OnTerminal yes(vault.with_options({"bmc", "remove", "a", "--yes"}));
    EXPECT_EQ(yes.finish(), 0);
    EXPECT_THAT(vault.run({"bmc", "list"}).out, HasSubstr("0 BMCs."));
}

TEST(Terminal, ColoursAreForTerminalsOnly) {
    const Vault vault;
    OnTerminal list(vault.with_options({"bmc", "list"}));
    EXPECT_EQ(list.finish(), 0);
    EXPECT_THAT(list.transcript(), HasSubstr("\x1b[1mNAME\x1b[0m"));
    EXPECT_THAT(vault.run({"bmc", "list"}).out, Not(HasSubstr("\x1b")));
    EXPECT_THAT(vault.run({"bmc", "list", "--color", "always"}).out, HasSubstr("\x1b"));
    OnTerminal never(vault.with_options({"bmc", "list", "--color", "never"}));
    EXPECT_EQ(never.finish(), 0);
    EXPECT_THAT(never.transcript(), Not(HasSubstr("\x1b")));
}

TEST(Terminal, ApproveShowsThePlanAndSignsOnlyAfterAYes) {
    const Vault vault;
    vault.import("name,address,username,password\na,10.0.0.1,u,x\nb,10.0.0.2,u,y\n");
    const std::string identity = (vault.directory().path() / "bob.identity").string();
    ASSERT_EQ(
        vault.run({"member", "keygen", "--output", identity, "--kdf-memory", "64", "--kdf-operations", "1"}).exit_code,
        0);
    ASSERT_EQ(vault.run({"member", "add", "bob", "--key", identity + ".pub"}).exit_code, 0);
    const std::string plan = (vault.directory().path() / "the.plan").string();
    const Ran asked = vault.run({"rotate", "a", "b", "--k-g", "--plan", "--output", plan, "--reason", "quarterly"});
    ASSERT_EQ(asked.exit_code, 0) << asked.err;
    const std::string before = whole_file(plan);
    const auto command = vault.with_options({"approve", plan, "--identity", identity});

    OnTerminal refused(command);
    refused.await_output("Sign this as bob? [y/N] ");
    refused.type("n\n");
    EXPECT_EQ(refused.finish(), 1);
    EXPECT_EQ(whole_file(plan), before);

    OnTerminal approved(command);
    approved.await_output("passphrase asks for this at ");
    approved.await_output("rotate: a fresh password for 2 BMCs, and a fresh K_G for 2 of them");
    approved.await_output("reason: quarterly");
    approved.await_output("10.0.0.2:623");
    approved.await_output("Sign this as bob? [y/N] ");
    EXPECT_EQ(whole_file(plan), before);
    approved.type("y\n");
    EXPECT_EQ(approved.finish(), 0) << approved.transcript();
    EXPECT_THAT(approved.transcript(), HasSubstr("Signed by bob. It can be done once."));
    EXPECT_THAT(whole_file(plan), testing::AllOf(testing::StartsWith(before), HasSubstr("approved-by bob\n")));
}

}  // namespace
}  // namespace bmcvault::cli::program
