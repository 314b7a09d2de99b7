// RMCP+ session setup as the specification has it: who gets in, with what rights, who holds a slot and how long.
#include <gtest/gtest.h>

#include <chrono>

#include "tests/virtual_bmc/console.hpp"

namespace bmcvault::virtual_bmc::test {
namespace {

using std::chrono::seconds;

constexpr int kOk = 0x00;
constexpr int kNoSlot = 0x01;
constexpr int kInvalidSessionId = 0x02;
constexpr int kUnauthorizedRole = 0x0a;
constexpr int kUnauthorizedName = 0x0d;
constexpr int kWrongCheckValue = 0x0f;

Login with_password(std::string_view password) {
    Login login;
    login.password = bytes(password);
    return login;
}

Login as_user(std::string_view user, std::string_view password, std::uint8_t role) {
    Login login = with_password(password);
    login.user = user;
    login.role = role;
    return login;
}

User operator_user() {
    User user;
    user.name = "oper";
    user.password = bytes("operpw");
    user.enabled = true;
    user.privilege_limit = ipmi::PrivilegeLevel::kOperator;
    return user;
}

class EverySuite : public testing::TestWithParam<int> {};

TEST_P(EverySuite, OpensASessionWithAndWithoutKgAndRunsACommand) {
    for (const std::string_view k_g : {"", "k_g k_g k_g k_g k_g!"}) {
        Config config = with({"suites=0,1,2,3,6,7,8,11,12,15,16,17"});
        config.k_g = bytes(k_g);
        Bench bench(config);
        Login login;
        login.suite = static_cast<std::uint8_t>(GetParam());
        login.k_g = bytes(k_g);
        Console console = bench.administrator(login);
        const auto device = console.app(ipmi::kGetDeviceId);
        ASSERT_TRUE(device.has_value());
        EXPECT_EQ(device->code, 0);
        EXPECT_TRUE(console.close());
        EXPECT_EQ(bench.bmc.open_sessions(bench.now), 0);
    }
}
INSTANTIATE_TEST_SUITE_P(Suites, EverySuite, testing::Values(0, 1, 2, 3, 6, 7, 8, 11, 12, 15, 16, 17));

TEST(Handshake, SuitesThatAreNotEnabledAreRefusedByTheAlgorithmThatIsMissing) {
    Bench bench(with({"suites=3"}));
    Console console = bench.console();
    Login login;
    login.suite = 17;
    EXPECT_EQ(console.open(login), 0x04);
    login.suite = 0;
    EXPECT_EQ(console.open(login), 0x04);
    login.suite = 2;
    EXPECT_EQ(console.open(login), 0x10);
    login.suite = 1;
    EXPECT_EQ(console.open(login), 0x05);
    EXPECT_EQ(bench.bmc.open_sessions(bench.now), 0);
}

TEST(Handshake, Xrc4IsRefusedWith10h) {
    Bench bench(with({}));
    Console console = bench.console();
    EXPECT_EQ(console.open({}), kOk);
    Bytes request = console.last_sent;
    request[16 + 28] = 0x02;  // xRC4-128
    const auto reply = console.send(request);
    ASSERT_TRUE(reply.has_value());
    EXPECT_EQ((*reply)[17], 0x10);
    EXPECT_EQ(reply->size(), 16U + 8U);
}

TEST(Handshake, ASuiteThatLanParameter24SwitchesOffIsGoneAndALimitedOneLimits) {
    Bench bench(with({"suites=3,17"}));
    Console console = bench.administrator();
    Bytes privileges(9, 0);
    privileges[1] = 0x30;  // suite 3 unused, suite 17 up to OPERATOR
    Bytes request{1, 24};
    append(request, privileges);
    ASSERT_EQ(console.command(0x0c, 0x01, request)->code, 0);
    Login login;
    login.suite = 3;
    EXPECT_NE(bench.console().open(login), kOk);
    EXPECT_EQ(bench.console().log_in({}), kUnauthorizedRole);
    Login highest;
    highest.role = 0x10;
    Console limited = bench.console();
    ASSERT_EQ(limited.log_in(highest), kOk);
    EXPECT_EQ(limited.code(ipmi::kSetSessionPrivilegeLevel, {4}), 0x81);
    EXPECT_EQ(limited.code(ipmi::kSetSessionPrivilegeLevel, {3}), 0);
}

TEST(Handshake, UnknownDisabledLockedAndShutOutUsersLookAlike) {
    Config config = with({"bad-password-threshold=1"});
    config.users[3] = operator_user();
    config.users[3].enabled = false;
    config.users[4] = operator_user();
    config.users[4].name = "mute";
    config.users[4].ipmi_messaging = false;
    config.users[5] = operator_user();
    config.users[5].name = "nobody";
    config.users[5].privilege_limit = ipmi::PrivilegeLevel::kNoAccess;
    Bench bench(config);
    EXPECT_EQ(bench.console().log_in(as_user("stranger", "x", 0x14)), kUnauthorizedName);
    EXPECT_EQ(bench.console().log_in(as_user("oper", "operpw", 0x13)), kUnauthorizedName);
    EXPECT_EQ(bench.console().log_in(as_user("mute", "operpw", 0x13)), kUnauthorizedName);
    EXPECT_EQ(bench.console().log_in(as_user("nobody", "operpw", 0x12)), kUnauthorizedName);
    Login wrong = with_password("wrong");
    wrong.lenient_rakp2 = true;
    EXPECT_EQ(bench.console().log_in(wrong), kWrongCheckValue);
    EXPECT_EQ(bench.console().log_in({}), kUnauthorizedName);
}

TEST(Handshake, NameOnlyLookupEnforcesTheUsersLimit) {
    Config config = with({});
    config.users[3] = operator_user();
    Bench bench(config);
    EXPECT_EQ(bench.console().log_in(as_user("oper", "operpw", 0x14)), kUnauthorizedRole);
    EXPECT_EQ(bench.console().log_in(as_user("oper", "operpw", 0x15)), 0x09);
    Console console = bench.console();
    ASSERT_EQ(console.log_in(as_user("oper", "operpw", 0x13)), kOk);
    EXPECT_EQ(console.code(ipmi::kSetSessionPrivilegeLevel, {0}), 0);
    EXPECT_EQ(console.code(ipmi::kSetSessionPrivilegeLevel, {4}), 0x81);
    EXPECT_EQ(console.code(ipmi::kSetSessionPrivilegeLevel, {3}), 0);
    EXPECT_EQ(console.code(ipmi::kSetUserPassword, set_password_20("new")), 0xd4);
}

TEST(Handshake, NameAndPrivilegeLookupWantsTheExactLimit) {
    Config config = with({});
    config.users[3] = operator_user();
    config.users[4] = operator_user();  // same name, another level, another password
    config.users[4].password = bytes("userpw");
    config.users[4].privilege_limit = ipmi::PrivilegeLevel::kUser;
    Bench bench(config);
    EXPECT_EQ(bench.console().log_in(as_user("oper", "operpw", 0x03)), kOk);
    EXPECT_EQ(bench.console().log_in(as_user("oper", "userpw", 0x02)), kOk);
    EXPECT_EQ(bench.console().log_in(as_user("oper", "operpw", 0x04)), kUnauthorizedName);
}

TEST(Handshake, TheChannelsLimitHoldsForEverybody) {
    Bench bench(with({}));
    Console console = bench.administrator();
    ASSERT_EQ(console.code(ipmi::kSetChannelAccess, {1, 0x00, 0x83}), 0);
    EXPECT_EQ(bench.console().log_in({}), kUnauthorizedRole);
    EXPECT_EQ(bench.console().log_in(as_user("ADMIN", "ADMIN", 0x13)), kOk);
}

TEST(Handshake, AWrongKgShowsOnlyInRakp4AndIsNoFailedLogin) {
    Config config = with({});
    config.k_g = bytes("the real k_g");
    Bench bench(config);
    Login login;
    login.k_g = bytes("another k_g");
    EXPECT_EQ(bench.console().log_in(login), kWrongCode);
    EXPECT_EQ(bench.bmc.counters().rejected_rakp3, 0U);
    EXPECT_EQ(bench.bmc.counters().sessions_opened, 1U);
    EXPECT_EQ(bench.bmc.open_sessions(bench.now), 1);
    login.k_g = bytes("the real k_g");
    EXPECT_EQ(bench.console().log_in(login), kOk);
}

TEST(Handshake, ALostRakp2OrRakp4ComesAgainForTheSameRequest) {
    Bench bench(with({}));
    Console console = bench.console();
    ASSERT_EQ(console.open({}), kOk);
    ASSERT_EQ(console.rakp1({}), kOk);
    const Bytes rakp2 = console.last_received;
    EXPECT_EQ(console.send(console.last_sent), rakp2);
    ASSERT_EQ(console.rakp3({}), kOk);
    const Bytes rakp4 = console.last_received;
    EXPECT_EQ(console.send(console.last_sent), rakp4);
    EXPECT_EQ(bench.bmc.counters().sessions_opened, 1U);
    EXPECT_TRUE(console.become_administrator());
}

TEST(Handshake, ARepeatedWrongRakp3IsOneFailedLogin) {
    Bench bench(with({}));
    Console console = bench.console();
    Login wrong = with_password("wrong");
    wrong.lenient_rakp2 = true;
    ASSERT_EQ(console.log_in(wrong), kWrongCheckValue);
    const Bytes rakp4 = console.last_received;
    EXPECT_EQ(console.send(console.last_sent), rakp4);
    EXPECT_EQ(bench.bmc.counters().rejected_rakp3, 1U);
    EXPECT_EQ(bench.bmc.open_sessions(bench.now), 0);
}

TEST(Handshake, ARefusedUserIsRefusedAgainForTheSameRakp1) {
    Bench bench(with({}));
    Console console = bench.console();
    const Login stranger = as_user("stranger", "x", 0x14);
    ASSERT_EQ(console.log_in(stranger), kUnauthorizedName);
    const Bytes rakp2 = console.last_received;
    EXPECT_EQ(rakp2.size(), 16U + 8U);
    EXPECT_EQ(console.send(console.last_sent), rakp2);
    console.bmc_random = Bytes(16, 0);
    EXPECT_EQ(console.rakp3(stranger), kInvalidSessionId);
    EXPECT_EQ(bench.bmc.counters().rejected_rakp3, 0U);
}

TEST(Handshake, Rakp3WithAnErrorStatusFreesTheSlotAndCountsAsRejected) {
    Bench bench(with({}));
    Console console = bench.console();
    ASSERT_EQ(console.open({}), kOk);
    ASSERT_EQ(console.rakp1({}), kOk);
    Bytes give_up{0x06, 0, 0xff, 0x07, 0x06, 0x14, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0x33, 0x0f, 0, 0};
    append_u32_le(give_up, console.bmc_id);
    const auto reply = console.send(give_up);
    ASSERT_TRUE(reply.has_value());
    EXPECT_EQ((*reply)[17], kWrongCheckValue);
    EXPECT_EQ(bench.bmc.open_sessions(bench.now), 0);
    EXPECT_EQ(bench.bmc.counters().rejected_rakp3, 1U);
}

TEST(Slots, HalfOpenSessionsHoldThemUntilTheirTimeOut) {
    Bench bench(with({"session-slots=2", "half-open-ms=60000"}));
    Console first = bench.console();
    ASSERT_EQ(first.open({}), kOk);
    ASSERT_EQ(first.rakp1({}), kOk);
    ASSERT_EQ(bench.console().open({}), kOk);
    EXPECT_EQ(bench.console().open({}), kNoSlot);
    EXPECT_EQ(bench.bmc.counters().slots_refused, 1U);
    bench.now += seconds(59);
    EXPECT_EQ(bench.console().open({}), kNoSlot);
    bench.now += seconds(1);
    EXPECT_EQ(bench.bmc.open_sessions(bench.now), 0);
    EXPECT_EQ(bench.console().open({}), kOk);
    EXPECT_EQ(first.rakp3({}), kInvalidSessionId);
    EXPECT_EQ(bench.bmc.counters().rejected_rakp3, 0U);
}

TEST(Slots, ActiveSessionsEndByInactivityOnly) {
    Bench bench(with({"session-slots=1", "half-open-ms=1000", "inactivity-ms=60000"}));
    Console console = bench.administrator();
    for (int i = 0; i < 5; ++i) {
        bench.now += seconds(50);
        EXPECT_EQ(console.code(ipmi::kGetDeviceId), 0);
    }
    EXPECT_EQ(bench.console().open({}), kNoSlot);
    bench.now += seconds(60);
    EXPECT_FALSE(console.app(ipmi::kGetDeviceId).has_value());
    EXPECT_EQ(bench.console().open({}), kOk);
}

TEST(LockOut, CountsRejectedRakp3sAndEndsByTime) {
    Bench bench(with({"bad-password-threshold=3", "lockout-ms=300000"}));
    Login wrong = with_password("wrong");
    wrong.lenient_rakp2 = true;
    for (int i = 0; i < 2; ++i) EXPECT_EQ(bench.console().log_in(wrong), kWrongCheckValue);
    EXPECT_EQ(bench.console().log_in({}), kOk);  // a good login starts the count again
    for (int i = 0; i < 3; ++i) EXPECT_EQ(bench.console().log_in(wrong), kWrongCheckValue);
    EXPECT_EQ(bench.console().log_in({}), kUnauthorizedName);
    EXPECT_FALSE(bench.bmc.accepts("ADMIN", bytes("ADMIN"), {}, bench.now));
    bench.now += seconds(299);
    EXPECT_EQ(bench.console().log_in({}), kUnauthorizedName);
    bench.now += seconds(1);
    EXPECT_EQ(bench.console().log_in({}), kOk);
    EXPECT_EQ(bench.bmc.counters().rejected_rakp3, 5U);
}

TEST(LockOut, AskingByRakp2AloneIsNeverCounted) {
    Bench bench(with({"bad-password-threshold=1", "session-slots=100"}));
    for (int i = 0; i < 20; ++i) {
        Console console = bench.console();
        ASSERT_EQ(console.open({}), kOk);
        EXPECT_EQ(console.rakp1(with_password("wrong")), kWrongCode);
        bench.now += seconds(5);
    }
    EXPECT_EQ(bench.console().log_in({}), kOk);
}

TEST(LockOut, WithoutADurationItEndsWhenTheUserIsEnabledAgain) {
    Config config = with({"bad-password-threshold=1", "lockout-ms=0"});
    config.users[3] = operator_user();
    Bench bench(config);
    Console administrator = bench.administrator();
    Login wrong = as_user("oper", "wrong", 0x13);
    wrong.lenient_rakp2 = true;
    ASSERT_EQ(bench.console().log_in(wrong), kWrongCheckValue);
    bench.now += seconds(50);
    EXPECT_EQ(bench.console().log_in(as_user("oper", "operpw", 0x13)), kUnauthorizedName);
    ASSERT_EQ(administrator.code(ipmi::kSetUserPassword, {3, 1}), 0);
    EXPECT_EQ(bench.console().log_in(as_user("oper", "operpw", 0x13)), kOk);
}

TEST(Session, RepeatedOldAndFarSequenceNumbersAreDropped) {
    Bench bench(with({}));
    Console console = bench.administrator();
    const Bytes first = console.next_command(0x06, ipmi::kGetDeviceId, {});
    const Bytes second = console.next_command(0x06, ipmi::kGetDeviceId, {});
    EXPECT_TRUE(console.send(second).has_value());
    EXPECT_TRUE(console.send(first).has_value());  // reordered, still inside the window
    EXPECT_FALSE(console.send(first).has_value());
    EXPECT_FALSE(console.send(second).has_value());
    const std::uint32_t there = console.sequence;
    console.sequence = there + 16;
    EXPECT_FALSE(console.app(ipmi::kGetDeviceId).has_value());
    console.sequence = there + 15;
    EXPECT_TRUE(console.app(ipmi::kGetDeviceId).has_value());
    console.sequence = there - 2;
    EXPECT_FALSE(console.app(ipmi::kGetDeviceId).has_value());
}

TEST(Session, OneFlippedBitAnywhereBehindTheRmcpHeaderIsDropped) {
    Bench bench(with({}));
    Console console = bench.administrator();
    const Bytes good = console.next_command(0x06, ipmi::kGetDeviceId, {});
    for (std::size_t bit = 4 * 8; bit < good.size() * 8; ++bit) {
        Bytes bad = good;
        bad[bit / 8] = static_cast<std::uint8_t>(bad[bit / 8] ^ (1U << (bit % 8)));
        EXPECT_FALSE(console.send(bad).has_value()) << "bit " << bit;
    }
    EXPECT_TRUE(console.send(good).has_value());
}

TEST(Session, StartsAtUserLevel) {
    Bench bench(with({}));
    Console console = bench.console();
    ASSERT_EQ(console.log_in({}), kOk);
    EXPECT_EQ(console.code(ipmi::kGetDeviceId), 0);
    EXPECT_EQ(console.code(ipmi::kGetUserAccess, {1, 2}), 0xd4);
    EXPECT_EQ(console.app(ipmi::kSetSessionPrivilegeLevel, {0})->data, Bytes{2});
}

TEST(Session, SurvivesTheChangeOfItsOwnPassword) {
    Bench bench(with({}));
    Console console = bench.administrator();
    ASSERT_EQ(console.code(ipmi::kSetUserPassword, set_password_20("a new password of 20")), 0);
    EXPECT_EQ(console.code(ipmi::kGetDeviceId), 0);
    EXPECT_EQ(bench.console().log_in({}), kWrongCode);
    EXPECT_EQ(bench.console().log_in(with_password("a new password of 20")), kOk);
}

}  // namespace
}  // namespace bmcvault::virtual_bmc::test
