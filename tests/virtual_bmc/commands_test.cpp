// The commands, one by one, and the privilege that each needs.
#include <gtest/gtest.h>

#include "tests/virtual_bmc/console.hpp"

namespace bmcvault::virtual_bmc::test {
namespace {

constexpr std::uint8_t kTransport = 0x0c;

TEST(Sessionless, CapabilitiesSayIpmi20AndWhetherKgIsSet) {
    Config config = with({});
    Bench bench(config);
    for (const bool rmcp_plus : {false, true}) {
        Console console = bench.console();
        const auto caps = rmcp_plus ? console.ask_rmcp_plus(ipmi::kGetChannelAuthenticationCapabilities, {0x8e, 4})
                                    : console.ask_ipmi15(ipmi::kGetChannelAuthenticationCapabilities, {0x8e, 4});
        ASSERT_TRUE(caps.has_value());
        EXPECT_EQ(caps->code, 0);
        EXPECT_EQ(caps->data, (Bytes{1, 0x80, 0x04, 0x02, 0, 0, 0, 0}));
    }
    ASSERT_EQ(bench.administrator().code(ipmi::kSetChannelSecurityKeys, set_k_g("twenty bytes of k_g!")), 0);
    const auto caps = bench.console().ask_ipmi15(ipmi::kGetChannelAuthenticationCapabilities, {0x8e, 4});
    ASSERT_TRUE(caps.has_value());
    EXPECT_EQ(caps->data[2], 0x24);
}

TEST(Sessionless, CapabilitiesTellNullNamesAndEmptyPasswords) {
    Config config = with({});
    config.users[1].enabled = true;
    Bench anonymous(config);
    EXPECT_EQ(anonymous.console().ask_ipmi15(ipmi::kGetChannelAuthenticationCapabilities, {0x8e, 4})->data[2], 0x05);
    config.users[1].password = bytes("secret");
    Bench null_name(config);
    EXPECT_EQ(null_name.console().ask_ipmi15(ipmi::kGetChannelAuthenticationCapabilities, {0x8e, 4})->data[2], 0x06);
}

TEST(Sessionless, CipherSuitesComeInBlocksOf16) {
    Bench bench(with({"suites=3,8,12,17"}));
    Console console = bench.console();
    const auto first = console.ask_rmcp_plus(ipmi::kGetChannelCipherSuites, {0x0e, 0x00, 0x80});
    const auto second = console.ask_rmcp_plus(ipmi::kGetChannelCipherSuites, {0x0e, 0x00, 0x81});
    ASSERT_TRUE(first && second);
    EXPECT_EQ(first->data, (Bytes{1, 0xc0, 3, 1, 0x41, 0x81, 0xc0, 8, 2, 0x42, 0x81, 0xc0, 12, 2, 0x43, 0x81, 0xc0}));
    EXPECT_EQ(second->data, (Bytes{1, 17, 3, 0x44, 0x81}));
    EXPECT_EQ(console.ask_rmcp_plus(ipmi::kGetChannelCipherSuites, {0x0e, 0x00, 0xbf})->data, Bytes{1});
    EXPECT_EQ(console.ask_ipmi15(ipmi::kGetChannelCipherSuites, {0x0e, 0x00, 0x00})->data,
              (Bytes{1, 1, 2, 3, 0x41, 0x42, 0x43, 0x44, 0x81}));
}

TEST(Sessionless, OnlyTheCommandsOfDiscoveryAreAnswered) {
    Bench bench(with({}));
    Console console = bench.console();
    EXPECT_TRUE(console.ask_ipmi15(ipmi::kGetSystemGuid, {}).has_value());
    for (int number = 0; number < 0x60; ++number) {
        const auto command = static_cast<std::uint8_t>(number);
        if (command == ipmi::kGetSystemGuid || command == ipmi::kGetChannelAuthenticationCapabilities ||
            command == ipmi::kGetChannelCipherSuites) {
            continue;
        }
        EXPECT_FALSE(console.ask_ipmi15(command, Bytes(3, 1)).has_value()) << number;
        EXPECT_FALSE(console.ask_rmcp_plus(command, Bytes(3, 1)).has_value()) << number;
    }
}

TEST(Sessionless, APresencePingIsAnswered) {
    Bench bench(with({}));
    const auto pong = bench.console().send(Bytes{0x06, 0, 0xff, 0x06, 0, 0, 0x11, 0xbe, 0x80, 0x42, 0, 0});
    ASSERT_TRUE(pong.has_value());
    EXPECT_EQ(pong->size(), 28U);
    EXPECT_EQ((*pong)[8], 0x40);
    EXPECT_EQ((*pong)[9], 0x42);
    EXPECT_EQ((*pong)[20] & 0x80, 0x80);
}

TEST(Privileges, EveryCommandOfAnAdministratorIsRefusedToAnOperator) {
    Bench bench(with({}));
    Console console = bench.console();
    ASSERT_EQ(console.log_in({}), 0);
    ASSERT_EQ(console.code(ipmi::kSetSessionPrivilegeLevel, {3}), 0);
    for (const std::uint8_t command :
         {std::uint8_t{0x02}, ipmi::kSetChannelAccess, ipmi::kSetUserAccess, ipmi::kSetUserName, ipmi::kSetUserPassword,
          ipmi::kSetUserPayloadAccess, ipmi::kSetChannelSecurityKeys}) {
        EXPECT_EQ(console.code(command, Bytes(8, 1)), 0xd4) << int{command};
    }
    EXPECT_EQ(console.command(kTransport, ipmi::kSetLanConfigurationParameters, {1, 0, 1})->code, 0xd4);
    EXPECT_EQ(console.code(ipmi::kGetUserAccess, {1, 2}), 0);
    ASSERT_EQ(console.code(ipmi::kSetSessionPrivilegeLevel, {2}), 0);
    EXPECT_EQ(console.code(ipmi::kGetUserAccess, {1, 2}), 0xd4);
    EXPECT_EQ(console.command(kTransport, ipmi::kGetLanConfigurationParameters, {1, 5, 0, 0})->code, 0xd4);
    EXPECT_EQ(console.code(0x77), 0xc1);
}

TEST(Users, AccessKeepsItsBitsUnlessTheApplyBitIsSet) {
    Bench bench(with({}));
    Console console = bench.administrator();
    ASSERT_EQ(console.code(ipmi::kSetUserName,
                           [] {
                               Bytes out{5};
                               append(out, bytes("operator"));
                               out.resize(17, 0);
                               return out;
                           }()),
              0);
    ASSERT_EQ(console.code(ipmi::kSetUserAccess, {0x80 | 0x30 | 1, 5, 3}), 0);
    EXPECT_EQ(console.app(ipmi::kGetUserAccess, {1, 5})->data, (Bytes{16, 0x81, 1, 0x33}));
    ASSERT_EQ(console.code(ipmi::kSetUserAccess, {0x01, 5, 2}), 0);  // no apply bit: only the limit
    EXPECT_EQ(console.app(ipmi::kGetUserAccess, {1, 5})->data, (Bytes{16, 0x81, 1, 0x32}));
    ASSERT_EQ(console.code(ipmi::kSetUserPassword, {5, 1}), 0);
    EXPECT_EQ(console.app(ipmi::kGetUserAccess, {1, 5})->data, (Bytes{16, 0x42, 1, 0x32}));
    EXPECT_EQ(console.app(ipmi::kGetUserName, {5})->data, [] {
        Bytes out = bytes("operator");
        out.resize(16, 0);
        return out;
    }());
    EXPECT_EQ(console.code(ipmi::kSetUserAccess, {0x01, 5, 6}), 0xcc);
    EXPECT_EQ(console.code(ipmi::kSetUserAccess, {0x01, 17, 2}), 0xcc);
    EXPECT_EQ(console.code(ipmi::kSetUserAccess, {0x02, 5, 2}), 0xcc);
    EXPECT_EQ(console.code(ipmi::kSetUserName, {1, 'x'}), 0xc7);
}

TEST(Users, AFixedNameStays) {
    Bench bench(with({}));
    Bytes request{1};
    append(request, bytes("somebody"));
    request.resize(17, 0);
    EXPECT_EQ(bench.administrator().code(ipmi::kSetUserName, request), 0xcc);
}

TEST(Users, TheTestTellsAWrongPasswordFromAWrongSize) {
    Bench bench(with({}));
    Console console = bench.administrator();
    ASSERT_EQ(console.code(ipmi::kSetUserPassword, set_password_20("twenty")), 0);
    EXPECT_EQ(console.code(ipmi::kSetUserPassword, test_password_20("twenty")), 0);
    EXPECT_EQ(console.code(ipmi::kSetUserPassword, test_password_20("other")), 0x80);
    EXPECT_EQ(console.code(ipmi::kSetUserPassword, test_password_16("twenty")), 0x81);
    ASSERT_EQ(console.code(ipmi::kSetUserPassword, set_password_16("sixteen")), 0);
    EXPECT_EQ(console.code(ipmi::kSetUserPassword, test_password_16("sixteen")), 0);
    EXPECT_EQ(console.code(ipmi::kSetUserPassword, test_password_20("sixteen")), 0x81);
    EXPECT_EQ(console.code(ipmi::kSetUserPassword, {0x80 | 2, 2, 'x'}), 0xc7);
    EXPECT_EQ(console.code(ipmi::kSetUserPassword, set_password_20("x", 40)), 0xcc);
    EXPECT_EQ(bench.bmc.counters().passwords_set, 2U);
}

TEST(Users, ADisabledUserIsShutOutUntilEnabled) {
    Bench bench(with({}));
    Console console = bench.administrator();
    ASSERT_EQ(console.code(ipmi::kSetUserPassword, {2, 0}), 0);
    EXPECT_EQ(bench.console().log_in({}), 0x0d);
    EXPECT_FALSE(bench.bmc.accepts("ADMIN", bytes("ADMIN"), {}, bench.now));
    ASSERT_EQ(console.code(ipmi::kSetUserPassword, {2, 1}), 0);
    EXPECT_EQ(bench.console().log_in({}), 0);
}

TEST(Users, PayloadAccessIsGrantedAndTakenBack) {
    Bench bench(with({}));
    Console console = bench.administrator();
    EXPECT_EQ(console.app(ipmi::kGetUserPayloadAccess, {1, 2})->data, (Bytes{2, 0, 0, 0}));
    ASSERT_EQ(console.code(ipmi::kSetUserPayloadAccess, {1, 0x40 | 2, 2, 0, 0, 0}), 0);
    EXPECT_EQ(console.app(ipmi::kGetUserPayloadAccess, {1, 2})->data, Bytes(4, 0));
    ASSERT_EQ(console.code(ipmi::kSetUserPayloadAccess, {1, 2, 2, 0, 0, 0}), 0);
    EXPECT_EQ(console.app(ipmi::kGetUserPayloadAccess, {1, 2})->data, (Bytes{2, 0, 0, 0}));
}

TEST(Kg, IsReadSetAndLocked) {
    Bench bench(with({}));
    Console console = bench.administrator();
    Bytes unset{2};
    unset.resize(21, 0);
    EXPECT_EQ(console.app(ipmi::kSetChannelSecurityKeys, {1, 0, 1})->data, unset);
    ASSERT_EQ(console.code(ipmi::kSetChannelSecurityKeys, set_k_g("twenty bytes of k_g!")), 0);
    EXPECT_EQ(bench.bmc.stored_k_g(), bytes("twenty bytes of k_g!"));
    Bytes set{2};
    append(set, bytes("twenty bytes of k_g!"));
    EXPECT_EQ(console.app(ipmi::kSetChannelSecurityKeys, {1, 0, 1})->data, set);
    EXPECT_EQ(console.code(ipmi::kSetChannelSecurityKeys, set_k_g("short")), 0x81);
    EXPECT_EQ(console.code(ipmi::kSetChannelSecurityKeys, set_k_g("more than twenty bytes")), 0x82);
    EXPECT_EQ(console.code(ipmi::kSetChannelSecurityKeys, {1, 0, 0}), 0x84);
    EXPECT_EQ(console.app(ipmi::kSetChannelSecurityKeys, {1, 2, 1})->data, Bytes{1});
    EXPECT_EQ(console.code(ipmi::kSetChannelSecurityKeys, set_k_g("TWENTY BYTES OF K_G!")), 0x80);
    EXPECT_EQ(bench.bmc.counters().k_gs_set, 1U);
    Login login;
    EXPECT_EQ(bench.console().log_in(login), kWrongCode);
    login.k_g = bytes("twenty bytes of k_g!");
    EXPECT_EQ(bench.console().log_in(login), 0);
    EXPECT_TRUE(bench.bmc.accepts("ADMIN", bytes("ADMIN"), login.k_g, bench.now));
    EXPECT_FALSE(bench.bmc.accepts("ADMIN", bytes("ADMIN"), {}, bench.now));
}

TEST(Kg, AllZeroTakesItAway) {
    Config config = with({});
    config.k_g = bytes("twenty bytes of k_g!");
    Bench bench(config);
    Login login;
    login.k_g = config.k_g;
    Console console = bench.administrator(login);
    ASSERT_EQ(console.code(ipmi::kSetChannelSecurityKeys, set_k_g(std::string(20, '\0'))), 0);
    EXPECT_TRUE(bench.bmc.stored_k_g().empty());
    EXPECT_EQ(bench.console().log_in({}), 0);
}

TEST(Secrets, OutsideAesAreCounted) {
    Bench bench(with({"suites=2,3"}));
    Login plain;
    plain.suite = 2;
    Console console = bench.administrator(plain);
    ASSERT_EQ(console.code(ipmi::kSetUserPassword, set_password_20("over suite 2")), 0);
    ASSERT_EQ(console.code(ipmi::kSetChannelSecurityKeys, set_k_g("twenty bytes of k_g!")), 0);
    EXPECT_EQ(bench.bmc.counters().unencrypted_secrets, 2U);
    Login encrypted;
    encrypted.suite = 3;
    encrypted.password = bytes("over suite 2");
    encrypted.k_g = bytes("twenty bytes of k_g!");
    Console good = bench.administrator(encrypted);
    ASSERT_EQ(good.code(ipmi::kSetUserPassword, set_password_20("over suite 3")), 0);
    EXPECT_EQ(bench.bmc.counters().unencrypted_secrets, 2U);
    good.encrypts = false;
    ASSERT_EQ(good.code(ipmi::kSetUserPassword, set_password_20("in clear")), 0);
    EXPECT_EQ(bench.bmc.counters().unencrypted_secrets, 3U);
}

TEST(Sessions, InfoNamesTheUserTheLevelAndTheConsole) {
    Bench bench(with({"session-slots=4"}));
    Console console = bench.administrator();
    Console other = bench.console("198.51.100.7:1234");
    ASSERT_EQ(other.log_in({}), 0);
    const Bytes own{1, 4, 2, 2, 4, 0x11, 192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0x40, 0x9c};
    EXPECT_EQ(console.app(ipmi::kGetSessionInfo, {0})->data, own);
    EXPECT_EQ(console.app(ipmi::kGetSessionInfo, {1})->data, own);
    const Bytes second = console.app(ipmi::kGetSessionInfo, {2})->data;
    EXPECT_EQ(second, (Bytes{2, 4, 2, 2, 2, 0x11, 198, 51, 100, 7, 0, 0, 0, 0, 0, 0, 0xd2, 0x04}));
    EXPECT_EQ(console.app(ipmi::kGetSessionInfo, {0xfe, 2})->data, second);
    Bytes by_id{0xff};
    append_u32_le(by_id, other.bmc_id);
    EXPECT_EQ(console.app(ipmi::kGetSessionInfo, by_id)->data, second);
    EXPECT_EQ(console.app(ipmi::kGetSessionInfo, {3})->data, (Bytes{0, 4, 2}));
}

TEST(Sessions, CloseEndsTheOwnAndAnAdministratorEndsOthers) {
    Bench bench(with({}));
    Console administrator = bench.administrator();
    Console other = bench.console();
    ASSERT_EQ(other.log_in({}), 0);
    Bytes id;
    append_u32_le(id, administrator.bmc_id);
    EXPECT_EQ(other.code(ipmi::kCloseSession, id), 0xd4);
    id.clear();
    append_u32_le(id, other.bmc_id);
    EXPECT_EQ(administrator.code(ipmi::kCloseSession, id), 0);
    EXPECT_EQ(administrator.code(ipmi::kCloseSession, id), 0x87);
    EXPECT_FALSE(other.app(ipmi::kGetDeviceId).has_value());
    EXPECT_TRUE(administrator.close());
    EXPECT_FALSE(administrator.app(ipmi::kGetDeviceId).has_value());
    EXPECT_EQ(bench.bmc.counters().sessions_closed, 2U);
}

TEST(Channel, AccessHasAVolatileAndANonVolatileSide) {
    Bench bench(with({}));
    Console console = bench.administrator();
    ASSERT_EQ(console.code(ipmi::kSetChannelAccess, {1, 0x40 | 0x2a, 0x43}), 0);
    EXPECT_EQ(console.app(ipmi::kGetChannelAccess, {1, 0x40})->data, (Bytes{0x2a, 3}));
    EXPECT_EQ(console.app(ipmi::kGetChannelAccess, {1, 0x80})->data, (Bytes{0x02, 4}));
    EXPECT_EQ(console.code(ipmi::kSetChannelAccess, {1, 0x41, 0}), 0x83);
    EXPECT_EQ(console.code(ipmi::kGetChannelAccess, {2, 0x40}), 0x82);
    EXPECT_EQ(console.app(ipmi::kGetChannelInfo, {0x0e})->data, (Bytes{1, 4, 1, 0x81, 0xf2, 0x1b, 0, 0, 0}));
    bench.bmc.power_cycle(bench.now);  // the non-volatile side counts from now on
    bench.now += std::chrono::seconds(6);
    EXPECT_EQ(bench.console().log_in({}), 0x0a);
}

TEST(Channel, SwitchedOffItIsSilent) {
    Bench bench(with({}));
    Console console = bench.administrator();
    ASSERT_EQ(console.code(ipmi::kSetChannelAccess, {1, 0x80, 0}), 0);
    EXPECT_EQ(bench.console().open({}), kSilence);
    EXPECT_FALSE(bench.console().ask_ipmi15(ipmi::kGetChannelAuthenticationCapabilities, {0x8e, 4}).has_value());
}

TEST(LanParameters, AreReadWrittenAndRefusedByTheBook) {
    Bench bench(with({}));
    Console console = bench.administrator();
    const auto get = [&](std::uint8_t parameter) {
        return *console.command(kTransport, ipmi::kGetLanConfigurationParameters, {1, parameter, 0, 0});
    };
    const auto set = [&](Bytes request) {
        return console.command(kTransport, ipmi::kSetLanConfigurationParameters, request)->code;
    };
    Bytes mac{0x11};
    append(mac, bench.bmc.config().mac);
    EXPECT_EQ(get(5).data, mac);
    EXPECT_EQ(get(22).data, (Bytes{0x11, 4}));
    EXPECT_EQ(get(23).data, (Bytes{0x11, 0, 3, 8, 12, 17, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
    EXPECT_EQ(get(24).data, (Bytes{0x11, 0, 0x44, 0x44, 0, 0, 0, 0, 0, 0}));
    EXPECT_EQ(get(99).code, 0x80);
    EXPECT_EQ(set({1, 5, 1, 2, 3, 4, 5, 6}), 0x82);
    EXPECT_EQ(set({1, 0, 1}), 0);
    EXPECT_EQ(set({1, 0, 1}), 0x81);
    EXPECT_EQ(set({1, 0, 0}), 0);
    EXPECT_EQ(set({1, 10, 3, 3}), 0xc7);
    EXPECT_EQ(set({1, 10, 3}), 0);
    EXPECT_EQ(get(10).data, (Bytes{0x11, 3}));
    EXPECT_EQ(set({1, 26, 1, 7, 0x1e, 0, 0x1e, 0}), 0);
    EXPECT_EQ(get(26).data, (Bytes{0x11, 1, 7, 0x1e, 0, 0x1e, 0}));
    EXPECT_EQ(bench.bmc.config().bad_password_threshold, 7);
    EXPECT_EQ(bench.bmc.config().lockout, std::chrono::minutes(5));
}

TEST(Device, AColdResetEndsSessionsAndIsDarkForAWhile) {
    Bench bench(with({}));
    Console console = bench.administrator();
    EXPECT_FALSE(console.app(0x02).has_value());
    EXPECT_EQ(bench.console().open({}), kSilence);
    bench.now += std::chrono::seconds(5);
    EXPECT_FALSE(console.app(ipmi::kGetDeviceId).has_value());
    EXPECT_EQ(bench.console().log_in({}), 0);
}

TEST(Device, ThePasswordChangedBehindOurBackIsTheOneThatCounts) {
    Bench bench(with({}));
    bench.bmc.set_password_behind_our_back(2, bytes("somebody else's"));
    EXPECT_EQ(bench.console().log_in({}), kWrongCode);
    EXPECT_TRUE(bench.bmc.accepts("ADMIN", bytes("somebody else's"), {}, bench.now));
    EXPECT_EQ(bench.bmc.stored_password(2, bench.now), bytes("somebody else's"));
}

}  // namespace
}  // namespace bmcvault::virtual_bmc::test
