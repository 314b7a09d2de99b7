// Where secrets may come from, and where they must never be seen.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include "tests/cli/program.hpp"

namespace bmcvault::cli::program {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Secrets, ThePassphraseComesFromTheFirstSourceThatIsThere) {
    const Vault vault;
    const std::string right = vault.directory().file("right", Vault::kPassphrase);
    const std::string wrong = vault.directory().file("bmcvault", "wrong\n");  // the name systemd gives it
    const std::string credentials = vault.directory().path().string();
    const auto info = [&](std::vector<std::string> options, const Input& input) {
        options.insert(options.begin(), {"vault", "info", "--vault", vault.path()});
        return run(options, input).exit_code;
    };
    EXPECT_EQ(
        info({"--passphrase-fd", "3", "--passphrase-file", wrong}, {"", {}, std::string(Vault::kPassphrase) + "\n"}),
        0);
    EXPECT_EQ(info({"--passphrase-file", right}, {"", {{"CREDENTIALS_DIRECTORY", credentials}}, ""}), 0);
    EXPECT_EQ(info({}, {"", {{"CREDENTIALS_DIRECTORY", credentials}}, ""}), 3);
    (void)vault.directory().file("bmcvault", std::string(Vault::kPassphrase) + "\r\n");
    EXPECT_EQ(info({}, {"", {{"CREDENTIALS_DIRECTORY", credentials}}, ""}), 0);
}

TEST(Secrets, WithoutATerminalTheMessageNamesTheOptions) {
    const Vault vault;
    const Ran ran = run({"status", "--vault", vault.path()});
    EXPECT_EQ(ran.exit_code, 3);
    EXPECT_THAT(ran.err, testing::AllOf(HasSubstr("no terminal"), HasSubstr("--passphrase-file")));
}

TEST(Secrets, AnUnsafePassphraseFileIsRefusedWithTheReason) {
    const Vault vault;
    const auto refusal = [&](const std::string& file) {
        const Ran ran = run({"status", "--vault", vault.path(), "--passphrase-file", file});
        EXPECT_EQ(ran.exit_code, 3);
        EXPECT_THAT(ran.err, HasSubstr("\n  next: the same command, with the passphrase in one line"));
        return ran.err;
    };
    const Directory& directory = vault.directory();
    EXPECT_THAT(refusal(directory.file("open", Vault::kPassphrase, 0644)),
                HasSubstr("is open to others (mode 0644); chmod 600 it"));
    EXPECT_THAT(refusal(directory.file("group", Vault::kPassphrase, 0640)), HasSubstr("mode 0640"));
    const std::string link = (directory.path() / "link").string();
    ASSERT_EQ(symlink(directory.file("target", Vault::kPassphrase).c_str(), link.c_str()), 0);
    EXPECT_THAT(refusal(link), HasSubstr("symbolic link"));
    EXPECT_THAT(refusal(directory.path().string()), HasSubstr("is not a regular file"));
    EXPECT_THAT(refusal(directory.file("empty", "")), HasSubstr("empty"));
    EXPECT_THAT(refusal(directory.file("lines", "one\ntwo\n")), HasSubstr("more than one line"));
    EXPECT_THAT(refusal(directory.file("long", std::string(1100, 'x'))), HasSubstr("longer than"));
    EXPECT_THAT(refusal("/nonexistent/p"), HasSubstr("No such file"));
}

TEST(Secrets, SeveralSecretsMayComeOverOneDescriptorLineByLine) {
    const Vault vault;
    const Ran ran = run({"bmc", "import", "-", "--vault", vault.path(), "--passphrase-fd", "0"},
                        {std::string(Vault::kPassphrase) + "\nname,address,username\na,10.0.0.1,u\n", {}, ""});
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
}

// Everything that `ps e`, a core file name or a curious user can read about a process.
std::string visible_to_others(pid_t pid) {
    const std::string directory = "/proc/" + std::to_string(pid) + "/";
    std::string all;
    for (const char* name : {"cmdline", "environ", "comm", "status", "maps"}) all += whole_file(directory + name);
    return all;
}

TEST(Secrets, AreNotInArgumentsEnvironmentOrFilesWhileTheProgramRuns) {
    const Vault vault;
    Running import(vault.with_options({"bmc", "import", "-"}), {});
    import.write_input("name,address,username,password,k_g\na,10.0.0.1,u,Sup3rSecretValue,5375703372536563726574\n");
    // It has opened the vault when it reads; it cannot end before its standard input does.
    while (whole_file("/proc/" + std::to_string(import.pid()) + "/cmdline").find("import") == std::string::npos) {
    }
    const std::string seen = visible_to_others(import.pid());
    EXPECT_THAT(seen, HasSubstr("import"));
    EXPECT_THAT(seen, Not(HasSubstr("Sup3r")));
    EXPECT_THAT(seen, Not(HasSubstr("correct horse")));
    const Ran ran = import.finish();
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
    EXPECT_THAT(ran.out + ran.err, Not(HasSubstr("Sup3r")));
}

TEST(Secrets, AreNeverInTheVaultsFilesInClear) {
    const Vault vault;
    vault.import(
        "name,address,username,password,k_g,factory_password\n"
        "a,10.0.0.1,u,Sup3rSecretValue,5375703372536563726574,L4belSecret\n");
    ASSERT_EQ(vault.run({"reveal", "a"}).exit_code, 0);
    for (const auto& [path, bytes] : vault.contents()) {
        for (const char* secret : {"Sup3rSecretValue", "Sup3rSecret", "5375703372536563726574", "L4belSecret",
                                   "10.0.0.1", Vault::kPassphrase}) {
            EXPECT_EQ(bytes.find(secret), std::string::npos) << path << " holds " << secret;
        }
    }
}

TEST(Secrets, AreInNoOutputButReveals) {
    const Vault vault;
    vault.import(
        "name,address,username,password,k_g,factory_password\n"
        "a,10.0.0.1,u,Sup3rSecretValue,5375703372536563726574,L4belSecret\n");
    ASSERT_EQ(vault.run({"reveal", "a"}).exit_code, 0);
    for (const auto& command : std::vector<std::vector<std::string>>{{"bmc", "list"},
                                                                     {"bmc", "show", "a"},
                                                                     {"history", "a"},
                                                                     {"status"},
                                                                     {"log"},
                                                                     {"vault", "info"},
                                                                     {"vault", "verify"}}) {
        for (const char* form : {"--json", "-v"}) {
            auto arguments = command;
            arguments.emplace_back(form);
            const Ran ran = vault.run(arguments);
            for (const char* secret : {"Sup3r", "53757033", "L4bel", "correct horse"}) {
                EXPECT_EQ((ran.out + ran.err).find(secret), std::string::npos) << command[0] << " prints " << secret;
            }
        }
    }
}

}  // namespace
}  // namespace bmcvault::cli::program
