// Clients that nobody here wrote accept the virtual BMC as a BMC: ipmitool, FreeIPMI, pyghmi.
// They are found by PATH (and /usr/sbin); a missing one is a failure.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "tests/virtual_bmc/served_fleet.hpp"

namespace bmcvault::virtual_bmc::test {
namespace {

constexpr std::string_view kFresh = "ABCDEFGHIJKLMNOPQRST";
constexpr std::string_view kKg = "twenty bytes of k_g!";
constexpr std::string_view kKgHex = "7477656e7479206279746573206f66206b5f6721";

Bytes bytes(std::string_view text) {
    return {text.begin(), text.end()};
}

struct Outcome {
    int exit_code = -1;
    std::string output;  // standard output and error
};

std::ostream& operator<<(std::ostream& out, const Outcome& outcome) {
    return out << "exit code " << outcome.exit_code << ", output:\n" << outcome.output;
}

// PATH with the place of FreeIPMI's tools, which a plain user's PATH may lack; posix_spawnp reads our own environment.
const std::string& search_path() {
    static const std::string path = [] {
        const char* given = std::getenv("PATH");
        std::string out = std::string(given == nullptr ? "/usr/bin:/bin" : given) + ":/usr/sbin";
        setenv("PATH", out.c_str(), 1);
        return out;
    }();
    return path;
}

Outcome run(std::vector<std::string> words, const std::vector<std::string>& variables) {
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    const std::string& search = search_path();
    std::vector<std::string> environment_text{"PATH=" + search, "LC_ALL=C", "HOME=/nonexistent"};
    environment_text.insert(environment_text.end(), variables.begin(), variables.end());
    std::vector<char*> environment;
    for (std::string& variable : environment_text) environment.push_back(variable.data());
    environment.push_back(nullptr);

    std::array<int, 2> ends{};
    Outcome outcome;
    if (pipe2(ends.data(), O_CLOEXEC) != 0) return outcome;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
    pid_t child = 0;
    const int failed = posix_spawnp(&child, words[0].c_str(), &actions, nullptr, arguments.data(), environment.data());
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    if (failed != 0) {
        close(ends[0]);
        outcome.output =
            words[0] + ": " + std::strerror(failed) + " (packages ipmitool, freeipmi-tools, python3-pyghmi)";
        return outcome;
    }
    std::array<char, 4096> buffer{};
    for (ssize_t size = 0; (size = read(ends[0], buffer.data(), buffer.size())) > 0;) {
        outcome.output.append(buffer.data(), static_cast<std::size_t>(size));
    }
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return outcome;
}

struct Account {
    std::string password = "ADMIN";
    std::string k_g{};
    int suite = 17;
};

class RealClients : public testing::Test {
protected:
    static Config configuration() {
        Config config = plain_config(0, 1);
        config.cipher_suites = {1, 2, 3, 6, 7, 8, 11, 12, 15, 16, 17};
        return config;
    }

    Outcome ipmitool(const Account& account, const std::vector<std::string>& command) {
        std::vector<std::string> words{"ipmitool",
                                       "-I",
                                       "lanplus",
                                       "-N",
                                       "2",
                                       "-R",
                                       "2",
                                       "-C",
                                       std::to_string(account.suite),
                                       "-H",
                                       fleet_->address(0),
                                       "-p",
                                       std::to_string(fleet_->port()),
                                       "-U",
                                       "ADMIN",
                                       "-E"};
        std::vector<std::string> variables{"IPMI_PASSWORD=" + account.password};
        if (!account.k_g.empty()) {
            words.emplace_back("-K");
            variables.push_back("IPMI_KGKEY=" + account.k_g);
        }
        words.insert(words.end(), command.begin(), command.end());
        return run(words, variables);
    }

    Outcome freeipmi(std::string program, const Account& account, const std::vector<std::string>& options) {
        std::string directory = testing::TempDir() + "freeipmi-XXXXXX";
        EXPECT_NE(mkdtemp(directory.data()), nullptr);
        const std::string file = directory + "/freeipmi.conf";
        std::ofstream(file) << "driver-type LAN_2_0\nusername ADMIN\npassword " << account.password
                            << "\nprivilege-level ADMIN\n"
                            << "cipher-suite-id " << account.suite << "\n"
                            << (account.k_g.empty() ? "" : "k_g " + account.k_g + "\n");
        chmod(file.c_str(), 0600);
        std::vector<std::string> words{std::move(program), "--config-file=" + file, "-h",
                                       fleet_->address(0) + ":" + std::to_string(fleet_->port())};
        words.insert(words.end(), options.begin(), options.end());
        Outcome outcome = run(words, {});
        std::filesystem::remove_all(directory);
        return outcome;
    }

    ServedFleet fleet_{{configuration()}};
};

bool holds(const Outcome& outcome, std::string_view text) {
    return outcome.output.find(text) != std::string::npos;
}

TEST_F(RealClients, IpmitoolReadsTheDeviceOnEverySuiteItKnows) {
    for (const int suite : {1, 2, 3, 6, 7, 8, 15, 16, 17}) {
        const Outcome outcome = ipmitool({.suite = suite}, {"mc", "info"});
        EXPECT_EQ(outcome.exit_code, 0) << "suite " << suite << ": " << outcome;
        EXPECT_TRUE(holds(outcome, "IPMI Version              : 2.0")) << outcome;
    }
    EXPECT_EQ(fleet_.look(0, [](VirtualBmc& bmc) { return bmc.counters().sessions_closed; }), 9U);
    EXPECT_EQ(fleet_.look(0, [](VirtualBmc& bmc) { return bmc.counters().rejected_rakp3; }), 0U);
}

TEST_F(RealClients, IpmitoolReadsUsersChannelLanAndSol) {
    const Outcome users = ipmitool({}, {"user", "list", "1"});
    EXPECT_EQ(users.exit_code, 0) << users;
    EXPECT_TRUE(holds(users, "2   ADMIN            true    false      true       ADMINISTRATOR")) << users;
    const Outcome channel = ipmitool({}, {"channel", "info", "1"});
    EXPECT_EQ(channel.exit_code, 0) << channel;
    EXPECT_TRUE(holds(channel, "802.3 LAN")) << channel;
    const Outcome lan = ipmitool({}, {"lan", "print", "1"});
    EXPECT_EQ(lan.exit_code, 0) << lan;
    EXPECT_TRUE(holds(lan, "RMCP+ Cipher Suites     : 1,2,3,6,7,8,11,12,15,16,17")) << lan;
    EXPECT_TRUE(holds(lan, "IP Address              : 127.66.0.1")) << lan;
    const Outcome sol = ipmitool({}, {"sol", "info", "1"});
    EXPECT_EQ(sol.exit_code, 0) << sol;
    EXPECT_TRUE(holds(sol, "Force Encryption                : true")) << sol;
    const Outcome session = ipmitool({}, {"session", "info", "active"});
    EXPECT_EQ(session.exit_code, 0) << session;
    EXPECT_TRUE(holds(session, "user id                       : 2")) << session;
}

TEST_F(RealClients, IpmitoolSetsA20BytePasswordAndOnlyThatOneLogsIn) {
    for (const int suite : {3, 17}) {
        const std::string before = suite == 3 ? "ADMIN" : std::string(kFresh);
        const std::string after = suite == 3 ? std::string(kFresh) : "abcdefghijklmnopqrst";
        const Outcome set =
            ipmitool({.password = before, .suite = suite}, {"user", "set", "password", "2", after, "20"});
        EXPECT_EQ(set.exit_code, 0) << set;
        EXPECT_EQ(ipmitool({.password = after, .suite = suite}, {"mc", "guid"}).exit_code, 0);
        EXPECT_NE(ipmitool({.password = before, .suite = suite}, {"mc", "guid"}).exit_code, 0);
        EXPECT_NE(ipmitool({.password = after.substr(0, 16), .suite = suite}, {"mc", "guid"}).exit_code, 0);
        const Outcome test = ipmitool({.password = after, .suite = suite}, {"user", "test", "2", "20", after});
        EXPECT_EQ(test.exit_code, 0) << test;
        const Outcome wrong_size =
            ipmitool({.password = after, .suite = suite}, {"user", "test", "2", "16", after.substr(0, 16)});
        EXPECT_NE(wrong_size.exit_code, 0) << wrong_size;
        EXPECT_TRUE(holds(wrong_size, "wrong password size")) << wrong_size;
    }
    EXPECT_EQ(fleet_.look(0, [](VirtualBmc& bmc) { return bmc.counters().unencrypted_secrets; }), 0U);
}

TEST_F(RealClients, IpmitoolMakesAUserThatLogsIn) {
    for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{
             {"user", "set", "name", "3", "second"},
             {"user", "set", "password", "3", "secondpw"},
             {"channel", "setaccess", "1", "3", "ipmi=on", "link=off", "callin=off", "privilege=3"},
             {"user", "enable", "3"}}) {
        const Outcome outcome = ipmitool({}, command);
        EXPECT_EQ(outcome.exit_code, 0) << command[2] << ": " << outcome;
    }
    EXPECT_TRUE(fleet_.look(0, [](VirtualBmc& bmc) {
        return bmc.accepts("second", bytes("secondpw"), {}, std::chrono::steady_clock::now());
    }));
    const Outcome users = ipmitool({}, {"user", "summary", "1"});
    EXPECT_TRUE(holds(users, "Enabled User Count  : 2")) << users;
}

TEST_F(RealClients, IpmitoolNeedsTheKgOnceItIsSet) {
    std::vector<std::string> set_k_g{"raw", "0x06", "0x56", "0x01", "0x01", "0x01"};
    for (const char each : kKg) set_k_g.push_back(std::to_string(int{each}));
    ASSERT_EQ(ipmitool({}, set_k_g).exit_code, 0);
    for (const int suite : {3, 17}) {
        EXPECT_NE(ipmitool({.suite = suite}, {"mc", "guid"}).exit_code, 0);
        const Outcome two_keys = ipmitool({.k_g = std::string(kKg), .suite = suite}, {"mc", "guid"});
        EXPECT_EQ(two_keys.exit_code, 0) << two_keys;
        const Outcome by_hex = ipmitool({.suite = suite}, {"-y", std::string(kKgHex), "mc", "guid"});
        EXPECT_EQ(by_hex.exit_code, 0) << by_hex;
    }
    const Outcome read = ipmitool({.k_g = std::string(kKg)}, {"raw", "0x06", "0x56", "0x01", "0x00", "0x01"});
    EXPECT_TRUE(holds(read, "02 74 77 65 6e 74 79")) << read;
}

TEST_F(RealClients, FreeIpmiReadsTheDeviceOnEverySuite) {
    for (const int suite : {1, 2, 3, 6, 7, 8, 11, 12, 15, 16, 17}) {
        const Outcome outcome = freeipmi("bmc-info", {.suite = suite}, {});
        EXPECT_EQ(outcome.exit_code, 0) << "suite " << suite << ": " << outcome;
        EXPECT_TRUE(holds(outcome, "IPMI Version          : 2.0")) << outcome;
    }
}

TEST_F(RealClients, FreeIpmiLogsInWithA20BytePasswordAndAKg) {
    fleet_->inspect(0, [](VirtualBmc& bmc) { bmc.set_password_behind_our_back(2, bytes(kFresh)); });
    const Account fresh{.password = std::string(kFresh)};
    EXPECT_EQ(freeipmi("bmc-info", fresh, {"--get-device-guid"}).exit_code, 0);
    const Outcome set = ipmitool(fresh, [] {
        std::vector<std::string> words{"raw", "0x06", "0x56", "0x01", "0x01", "0x01"};
        for (const char each : kKg) words.push_back(std::to_string(int{each}));
        return words;
    }());
    ASSERT_EQ(set.exit_code, 0) << set;
    const Account two_keys{.password = std::string(kFresh), .k_g = "0x" + std::string(kKgHex)};
    const Outcome outcome = freeipmi("bmc-info", two_keys, {"--get-device-guid"});
    EXPECT_EQ(outcome.exit_code, 0) << outcome;
    EXPECT_TRUE(holds(freeipmi("bmc-info", fresh, {"--get-device-guid"}), "k_g invalid"));
    EXPECT_EQ(fleet_.look(0, [](VirtualBmc& bmc) { return bmc.counters().rejected_rakp3; }), 0U);
}

TEST_F(RealClients, FreeIpmiChecksTheConfigurationOut) {
    for (const std::string section :
         {"User2", "Lan_Channel", "Lan_Conf", "Lan_Conf_User_Security", "Lan_Conf_Misc", "SOL_Conf"}) {
        const Outcome outcome = freeipmi("ipmi-config", {}, {"--checkout", "-S", section});
        EXPECT_EQ(outcome.exit_code, 0) << section << ": " << outcome;
        EXPECT_TRUE(holds(outcome, "EndSection")) << outcome;
    }
    // The whole: its exit code is 1 where a BMC lacks optional keys (K_R, authentication types, suites).
    const Outcome all = freeipmi("ipmi-config", {}, {"--checkout"});
    EXPECT_LE(all.exit_code, 1) << all;
    for (const std::string_view line :
         {"Section User16", "Section Lan_Conf_Auth", "Section Rmcpplus_Conf_Privilege", "Section SOL_Conf",
          "Maximum_Privilege_Cipher_Suite_Id_3           Administrator",
          "Username                                      ADMIN", "Lan_Privilege_Limit                           Admin",
          "K_G                                           0x0000000000000000000000000000000000000000"}) {
        EXPECT_TRUE(holds(all, line)) << line << " is missing in " << all;
    }
    EXPECT_FALSE(holds(all, "ipmi_cmd_")) << all;
}

TEST_F(RealClients, FreeIpmiCommitsAPassword) {
    const Outcome outcome = freeipmi("ipmi-config", {}, {"--commit", "-e", "User2:Password20=" + std::string(kFresh)});
    EXPECT_EQ(outcome.exit_code, 0) << outcome;
    EXPECT_EQ(fleet_.look(0, [](VirtualBmc& bmc) { return bmc.stored_password(2, std::chrono::steady_clock::now()); }),
              bytes(kFresh));
}

TEST_F(RealClients, PyghmiReadsAUserAndSetsAPassword) {
    const std::string program =
        "import os\n"
        "from pyghmi.ipmi import command\n"
        "bmc = command.Command(bmc=os.environ['BMC'], port=int(os.environ['PORT']), userid='ADMIN',\n"
        "                      password=os.environ['PASSWORD'], kg=os.environb.get(b'KG'))\n"
        "print(bmc.get_power()['powerstate'], bmc.get_user(2)['name'])\n"
        "bmc.set_user_password(2, password='by-pyghmi-16byte')\n";
    const Outcome outcome =
        run({"/usr/bin/python3", "-c", program},
            {"BMC=" + fleet_->address(0), "PORT=" + std::to_string(fleet_->port()), "PASSWORD=ADMIN"});
    EXPECT_EQ(outcome.exit_code, 0) << outcome;
    EXPECT_TRUE(holds(outcome, "on ADMIN")) << outcome;
    EXPECT_EQ(fleet_.look(0, [](VirtualBmc& bmc) { return bmc.stored_password(2, std::chrono::steady_clock::now()); }),
              bytes("by-pyghmi-16byte"));
}

// FreeIPMI's workarounds were written for real boards with these manners: they have to fit ours.
class RealManners : public testing::Test {};

Outcome bmc_info_at(const std::string& quirk, const std::string& workaround) {
    Config config = plain_config(0, 1);
    EXPECT_TRUE(apply_quirk(config, quirk).has_value());
    ServedFleet fleet({config});
    std::vector<std::string> words{"bmc-info",
                                   "-D",
                                   "LAN_2_0",
                                   "-I",
                                   "3",
                                   "-l",
                                   "ADMIN",
                                   "-u",
                                   "ADMIN",
                                   "-p",
                                   "ADMIN",
                                   "-h",
                                   fleet->address(0) + ":" + std::to_string(fleet->port()),
                                   "--session-timeout",
                                   "2000",
                                   "--retransmission-timeout",
                                   "500",
                                   "--get-device-guid"};
    if (!workaround.empty()) {
        words.emplace_back("-W");
        words.push_back(workaround);
    }
    return run(words, {});
}

TEST_F(RealManners, HashingTheOpenSessionLevelIsWhatFreeIpmiWorksAround) {
    EXPECT_NE(bmc_info_at("hashes-open-session-level", "").exit_code, 0);
    const Outcome outcome = bmc_info_at("hashes-open-session-level", "opensesspriv");
    EXPECT_EQ(outcome.exit_code, 0) << outcome;
}

TEST_F(RealManners, HmacOneByteTooLongIsWhatFreeIpmiWorksAround) {
    EXPECT_NE(bmc_info_at("hmac-one-byte-too-long", "").exit_code, 0);
    const Outcome outcome = bmc_info_at("hmac-one-byte-too-long", "supermicro20");
    EXPECT_EQ(outcome.exit_code, 0) << outcome;
}

}  // namespace
}  // namespace bmcvault::virtual_bmc::test
