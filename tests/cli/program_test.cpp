// Vault, inventory and looks: what the program prints, and what it leaves alone when something is wrong.

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "tests/cli/program.hpp"

namespace bmcvault::cli::program {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TEST(Program, InitMakesAVaultAndSaysWhatComesNext) {
    const Directory directory;
    const std::string passphrase = directory.file("passphrase", "correct horse battery\n");
    const std::string vault = (directory.path() / "vault").string();
    const Ran made =
        run({"init", "--vault", vault, "--passphrase-file", passphrase, "--kdf-memory", "64", "--kdf-operations", "1"});
    EXPECT_EQ(made.exit_code, 0) << made.err;
    EXPECT_EQ(made.out, "Created the vault " + vault +
                            ". Keep the passphrase: nobody can restore it.\n"
                            "Next: bmcvault --vault " +
                            vault + " bmc import FILE, or bmcvault --vault " + vault +
                            " bmc add NAME ADDRESS --username USER\n");
    struct stat status{};
    ASSERT_EQ(stat(vault.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777u, 0700u);
}

TEST(Program, InitRefusesAnExistingVaultAndChangesNothing) {
    const Vault vault;
    const auto before = vault.fingerprint();
    const Ran again = vault.run({"init", "--kdf-memory", "64", "--kdf-operations", "1"});
    EXPECT_EQ(again.exit_code, 2) << again.err;
    EXPECT_THAT(again.err, HasSubstr(vault.path()));
    EXPECT_EQ(vault.fingerprint(), before);
}

TEST(Program, AWrongPassphraseIsExit3AndChangesNoByte) {
    const Vault vault;
    vault.import("name,address,username,password\na,10.0.0.1,u,secret-one\n");
    const std::string wrong = vault.directory().file("wrong", "wrong horse battery\n");
    const auto before = vault.fingerprint();
    for (const auto& command : std::vector<std::vector<std::string>>{
             {"status"}, {"reveal", "a"}, {"rotate", "--all"}, {"bmc", "remove", "a"}, {"vault", "verify"}}) {
        auto arguments = command;
        arguments.insert(arguments.end(), {"--vault", vault.path(), "--passphrase-file", wrong});
        const Ran ran = run(arguments);
        EXPECT_EQ(ran.exit_code, 3) << ran.err;
        EXPECT_EQ(ran.out, "");
        EXPECT_THAT(ran.err, AllOf(HasSubstr(vault.path()), HasSubstr("wrong passphrase"),
                                   HasSubstr("next: the same command again with the right passphrase, or ")));
    }
    EXPECT_EQ(vault.fingerprint(), before);
}

TEST(Program, AShortPassphraseMakesNoVaultAndNoIdentity) {
    const Directory directory;
    const std::string vault = (directory.path() / "vault").string();
    const std::string identity = (directory.path() / "identity").string();
    const std::string eleven = directory.file("eleven", "\xc3\xa4\xc3\xb6\xc3\xbc four of\n");  // in 14 bytes
    for (auto command : std::vector<std::vector<std::string>>{{"init", "--vault", vault},
                                                              {"member", "keygen", "--output", identity}}) {
        command.insert(command.end(), {"--kdf-memory", "64", "--kdf-operations", "1", "--passphrase-file", eleven});
        const Ran ran = run(command);
        EXPECT_EQ(ran.exit_code, 3);
        EXPECT_THAT(ran.err, AllOf(HasSubstr("shorter than 12 characters"), HasSubstr("next: ")));
        command.back() = directory.file("twelve", "\xc3\xa4\xc3\xb6\xc3\xbc four of5\n");
        EXPECT_EQ(run(command).exit_code, 0);
    }
}

TEST(Program, AMissingVaultIsNamedWithTheNextCommand) {
    const Ran ran = run({"status", "--vault", "/nonexistent/vault"});
    EXPECT_EQ(ran.exit_code, 3);
    EXPECT_EQ(ran.err,
              "bmcvault: there is no vault in /nonexistent/vault\n"
              "  next: bmcvault --vault /nonexistent/vault init, or name the vault: --vault DIR\n");
}

TEST(Program, AVaultDirectoryOpenToOthersIsRefused) {
    const Vault vault;
    ASSERT_EQ(chmod(vault.path().c_str(), 0755), 0);
    const auto before = vault.fingerprint();
    const Ran ran = vault.run({"status"});
    EXPECT_EQ(ran.exit_code, 3);
    EXPECT_THAT(ran.err, AllOf(HasSubstr(vault.path()), HasSubstr("has mode 0755")));
    EXPECT_EQ(vault.fingerprint(), before);
}

TEST(Program, TheVaultIsNamedByOptionThenVariableThenDataDirectory) {
    const Vault vault;
    const std::string passphrase = vault.directory().file("p", std::string(Vault::kPassphrase));
    const auto info = [&](std::vector<std::string> arguments, const Input& input) {
        arguments.insert(arguments.begin(), {"vault", "info", "--passphrase-file", passphrase});
        return run(arguments, input);
    };
    EXPECT_EQ(info({}, {"", {{"BMCVAULT_DIR", vault.path()}}, ""}).exit_code, 0);
    EXPECT_EQ(info({"--vault", vault.path()}, {"", {{"BMCVAULT_DIR", "/nonexistent/a"}}, ""}).exit_code, 0);
    const Ran neither = info({}, {"", {{"XDG_DATA_HOME", "/nonexistent/data"}}, ""});
    EXPECT_EQ(neither.exit_code, 3);
    EXPECT_THAT(neither.err, testing::AnyOf(HasSubstr("/var/lib/bmcvault"), HasSubstr("/nonexistent/data/bmcvault")));
}

TEST(Program, InfoAndVerifyDescribeTheVault) {
    const Vault vault;
    vault.import("name,address,username,password,k_g\na,10.0.0.1,u,secret-one,0102\n");
    const Ran info = vault.run({"vault", "info"});
    EXPECT_EQ(info.exit_code, 0) << info.err;
    EXPECT_THAT(normal(info.out, vault), testing::MatchesRegex("directory            VAULT\n"
                                                               "vault id             ID\n"
                                                               "generation           1\n"
                                                               "SQLCipher            .*\n"
                                                               "credential versions  2\n"
                                                               "listed passwords     0\n"
                                                               "audit records        [0-9]+\n"
                                                               "opened by            .*passphrase\n"
                                                               "checkpoints go to    .*\nyou sign with key    ID\n"));
    const Ran verified = vault.run({"vault", "verify"});
    EXPECT_EQ(verified.exit_code, 0) << verified.err;
    EXPECT_THAT(verified.out, HasSubstr("Verified: every page, 2 credential versions, 0 listed passwords and"));
}

TEST(Program, ADamagedVaultIsExit4) {
    const Vault vault;
    for (const auto& [path, bytes] : vault.contents()) {
        if (!bytes.starts_with("bmcvault") && bytes.size() > 4096) {
            std::string damaged = bytes;
            damaged[5000 % damaged.size()] = static_cast<char>(damaged[5000 % damaged.size()] ^ 1);
            (void)vault.directory().file(path.substr(vault.directory().path().string().size() + 1), damaged);
        }
    }
    const Ran ran = vault.run({"vault", "verify"});
    EXPECT_EQ(ran.exit_code, 4) << ran.err;
    EXPECT_THAT(ran.err, HasSubstr("next: copy the vault directory away first"));
}

TEST(Program, NothingSelectedIsAUsageErrorAndNeverEverything) {
    const Vault vault;
    for (const char* command : {"rotate", "check", "recover"}) {
        const Ran ran = vault.run({command});
        EXPECT_EQ(ran.exit_code, 2);
        EXPECT_THAT(ran.err, AllOf(HasSubstr("nothing selected"), HasSubstr("--all")));
        EXPECT_EQ(vault.run({command, "--all"}).exit_code, 2) << "an empty vault has nothing to select";
    }
}

TEST(Program, AnUnknownSelectorIsNamedWithTheNearestOne) {
    const Vault vault;
    vault.import("name,address,username\nrack01-bmc,10.0.0.1,u\n");
    const auto before = vault.fingerprint();
    for (const auto& command : std::vector<std::vector<std::string>>{{"rotate", "rack1-bmc"},
                                                                     {"check", "rack1-bmc"},
                                                                     {"reveal", "rack1-bmc"},
                                                                     {"history", "rack1-bmc"},
                                                                     {"bmc", "remove", "rack1-bmc"},
                                                                     {"bmc", "set", "rack1-bmc", "--port", "1"},
                                                                     {"status", "rack1-bmc"}}) {
        const Ran ran = vault.run(command);
        EXPECT_EQ(ran.exit_code, 2);
        EXPECT_THAT(ran.err, AllOf(HasSubstr("'rack1-bmc'"), HasSubstr("did you mean 'rack01-bmc'?"),
                                   HasSubstr("next: bmcvault --vault "), HasSubstr(" bmc list\n")));
    }
    EXPECT_EQ(vault.fingerprint(), before);
}

TEST(Program, RevealIsLoggedWithItsReasonAndShowsTheNewestKnownPassword) {
    const Vault vault;
    vault.import(
        "name,address,username,password,k_g,factory_password\na,10.0.0.1,root,\"pass \"\"word\\\",0102,label-1\n");
    const Ran text = vault.run({"reveal", "a", "--reason", "console", "--ticket", "T-7"});
    EXPECT_EQ(text.exit_code, 0) << text.err;
    EXPECT_EQ(text.out, lines({"bmc       a (10.0.0.1:623)", "username  root", "password  pass \"word\\",
                               "size      16 (version 2, unknown, never proved)",
                               "k_g       0102000000000000000000000000000000000000 (version 1, unknown, never proved)",
                               "login     ipmitool -I lanplus -H 10.0.0.1 -p 623 -U root -a -y K_G mc info"}));
    const Ran json = vault.run({"reveal", "a", "--json"});
    EXPECT_THAT(json.out, HasSubstr(R"("password":"pass \"word\\","k_g":"0102000000000000000000000000000000000000"})"));
    EXPECT_THAT(vault.run({"reveal", "a", "--version", "1"}).out, HasSubstr("password  label-1\n"));
    EXPECT_EQ(vault.run({"reveal", "a", "--version", "9"}).exit_code, 2);
    const Ran log = vault.run({"log", "a", "--json"});
    EXPECT_THAT(log.out, HasSubstr(R"("event":"reveal")"));
    EXPECT_THAT(log.out,
                AllOf(HasSubstr(R"("reason":"console")"), HasSubstr(R"("ticket":"T-7")"), Not(HasSubstr("label-1"))));
}

TEST(Program, RevealShowsNothingThatItCouldNotLog) {
    const Vault vault;
    vault.import("name,address,username,password\na,10.0.0.1,root,secret-one\n");
    const auto before = vault.fingerprint();
    std::string command = "ulimit -f 0; exec " BMCVAULT_PROGRAM;  // no file can grow: a full disk
    for (const auto& word : vault.with_options({"reveal", "a"})) command += " '" + word + "'";
    const Ran ran = run({"practice", "--count", "1", "-q", "--", "sh", "-c", command});
    EXPECT_EQ(ran.exit_code, 1) << ran.err;
    EXPECT_EQ(ran.out, "");
    EXPECT_THAT(ran.err, HasSubstr("reveal a: not shown, because it could not be logged"));
    EXPECT_EQ(vault.fingerprint(), before);
}

TEST(Program, ADryRunOfRevealShowsAndLogsNothing) {
    const Vault vault;
    vault.import("name,address,username,password\na,10.0.0.1,root,secret-one\n");
    const auto before = vault.fingerprint();
    const Ran dry = vault.run({"reveal", "a", "--dry-run"});
    EXPECT_EQ(dry.exit_code, 0);
    EXPECT_THAT(dry.out + dry.err, Not(HasSubstr("secret-one")));
    EXPECT_EQ(vault.fingerprint(), before);
}

TEST(Program, APlanIsANewFileAndItsTextsAreLines) {
    const Vault vault;
    vault.import("name,address,username,password\na,10.0.0.1,root,secret-one\n");
    const std::string plan = (vault.directory().path() / "the.plan").string();
    const std::vector<std::string> ask{"rotate", "a", "--plan", "--output", plan};
    const auto with = [&](std::initializer_list<std::string> more) {
        auto words = ask;
        words.insert(words.end(), more);
        return vault.run(words);
    };
    const auto before = vault.fingerprint();
    EXPECT_THAT(with({"--dry-run"}).out, HasSubstr("no plan was written"));
    EXPECT_EQ(with({"--reason", "one\nticket two"}).exit_code, 2);
    EXPECT_FALSE(std::filesystem::exists(plan));
    EXPECT_EQ(with({"--reason", "why"}).exit_code, 0);
    EXPECT_EQ(vault.fingerprint(), before);
    const std::string written = whole_file(plan);
    EXPECT_THAT(written, AllOf(testing::StartsWith("bmcvault-plan/1\n"), HasSubstr("\nreason why\n"),
                               Not(HasSubstr("secret-one"))));
    EXPECT_EQ(with({"--reason", "another"}).exit_code, 2);
    EXPECT_EQ(whole_file(plan), written);
    EXPECT_EQ(vault.run({"approve", "/nonexistent"}).exit_code, 2);
    EXPECT_THAT(vault.run({"rotate", "--approved", vault.directory().file("x", "not a plan\n")}).err,
                HasSubstr("is no plan of bmcvault"));
}

TEST(Program, OutputThatCannotBeWrittenIsNotSuccess) {
    const Vault vault;
    vault.import("name,address,username\na,10.0.0.1,root\n");
    std::string command = BMCVAULT_PROGRAM;
    for (const auto& word : vault.with_options({"bmc", "list"})) command += " '" + word + "'";
    const int status = std::system((command + " >/dev/full 2>/dev/null").c_str());
    EXPECT_EQ(WEXITSTATUS(status), 1);
}

TEST(Program, ClosedStandardStreamsDoNotEndUpInTheVault) {
    const Vault vault;
    std::string command = BMCVAULT_PROGRAM;
    for (const auto& word : vault.with_options({"bmc", "list", "-v"})) command += " '" + word + "'";
    EXPECT_EQ(WEXITSTATUS(std::system((command + " <&- >&- 2>&-").c_str())), 0);
    EXPECT_EQ(vault.run({"vault", "verify"}).exit_code, 0);
}

TEST(Program, HelpIsOnStandardOutputAndAMistakeOnStandardError) {
    const Ran help = run({"rotate", "--help"});
    EXPECT_EQ(help.exit_code, 0);
    EXPECT_THAT(help.out, HasSubstr("bmcvault rotate --all --dry-run"));
    const Ran mistake = run({"rotate", "--everything"});
    EXPECT_EQ(mistake.exit_code, 2);
    EXPECT_EQ(mistake.out, "");
    EXPECT_THAT(mistake.err, AllOf(HasSubstr("--everything"), HasSubstr("next: bmcvault rotate --help")));
    EXPECT_EQ(run({}).exit_code, 2);
    EXPECT_THAT(run({"--version"}).out, testing::StartsWith("bmcvault "));
}

}  // namespace
}  // namespace bmcvault::cli::program
