// Every quirk does what its comment says, and nothing else. Time is virtual.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <set>

#include "tests/virtual_bmc/console.hpp"

namespace bmcvault::virtual_bmc::test {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

constexpr std::string_view kFresh = "ABCDEFGHIJKLMNOPQRST";  // 20 bytes
constexpr std::string_view kOther = "abcdefghijklmnopqrst";
constexpr std::string_view kKg = "twenty bytes of k_g!";

Login with_password(std::string_view password, std::string_view k_g = {}) {
    Login login;
    login.password = bytes(password);
    login.k_g = bytes(k_g);
    return login;
}

std::uint8_t set(Console& console, const Bytes& request) {
    return console.code(ipmi::kSetUserPassword, request);
}

TEST(Quirk, None20BytesAreStoredAsGiven) {
    Bench bench(with({}));
    Console console = bench.administrator();
    ASSERT_EQ(set(console, set_password_20(kFresh)), 0);
    EXPECT_EQ(bench.bmc.stored_password(2, bench.now), bytes(kFresh));
    EXPECT_EQ(bench.console().log_in(with_password(kFresh)), 0);
}

TEST(Quirk, TruncatesTo16) {
    Bench bench(with({"truncates-to-16"}));
    Console console = bench.administrator();
    ASSERT_EQ(set(console, set_password_20(kFresh)), 0);
    EXPECT_EQ(bench.console().log_in(with_password(kFresh)), kWrongCode);
    EXPECT_EQ(bench.console().log_in(with_password(kFresh.substr(0, 16))), 0);
    EXPECT_EQ(set(console, test_password_20(kFresh)), 0x81);
    EXPECT_EQ(set(console, test_password_16(kFresh.substr(0, 16))), 0);
}

TEST(Quirk, TruncatesTo19) {
    Bench bench(with({"truncates-to-19"}));
    Console console = bench.administrator();
    ASSERT_EQ(set(console, set_password_20(kFresh)), 0);
    EXPECT_EQ(bench.console().log_in(with_password(kFresh)), kWrongCode);
    EXPECT_EQ(bench.console().log_in(with_password(kFresh.substr(0, 19))), 0);
    ASSERT_EQ(set(console, set_password_16(kOther.substr(0, 16))), 0);
    EXPECT_EQ(bench.console().log_in(with_password(kOther.substr(0, 16))), 0);
}

TEST(Quirk, KeepsOldTail) {
    Config config = with({"keeps-old-tail"});
    config.users[2].password = bytes(kOther.substr(0, 19));
    Bench bench(config);
    Console console = bench.administrator(with_password(kOther.substr(0, 19)));
    ASSERT_EQ(set(console, set_password_20(kFresh)), 0);
    EXPECT_EQ(bench.bmc.stored_password(2, bench.now), bytes("ABCDEFGHIJKLMNOPqrs"));
    ASSERT_EQ(set(console, set_password_16("sixteen bytes...")), 0);
    EXPECT_EQ(bench.bmc.stored_password(2, bench.now), bytes("sixteen bytes...qrs"));
}

TEST(Quirk, KeepsOldTailOfAShortPasswordIsACutTo16) {
    Bench bench(with({"keeps-old-tail"}));
    Console console = bench.administrator();
    ASSERT_EQ(set(console, set_password_20(kFresh)), 0);
    EXPECT_EQ(bench.bmc.stored_password(2, bench.now), bytes(kFresh.substr(0, 16)));
}

TEST(Quirk, Only16BytePasswords) {
    Bench bench(with({"only-16-byte-passwords"}));
    Console console = bench.administrator();
    EXPECT_EQ(set(console, set_password_20(kFresh)), 0xc7);
    EXPECT_EQ(bench.bmc.stored_password(2, bench.now), bytes("ADMIN"));
    EXPECT_EQ(set(console, set_password_16("sixteen")), 0);
    EXPECT_EQ(bench.bmc.stored_password(2, bench.now), bytes("sixteen"));
}

TEST(Quirk, RefusesByPolicy) {
    Bench bench(with({"refuses-by-policy=8f"}));
    Console console = bench.administrator();
    EXPECT_EQ(set(console, set_password_20("with@sign")), 0x8f);
    EXPECT_EQ(set(console, set_password_20("with!sign")), 0x8f);
    EXPECT_EQ(bench.bmc.stored_password(2, bench.now), bytes("ADMIN"));
    EXPECT_EQ(set(console, set_password_20("without-signs_")), 0);
}

TEST(Quirk, RefusesAlways) {
    Bench bench(with({"refuses-always=0xd4"}));
    Console console = bench.administrator();
    EXPECT_EQ(set(console, set_password_20(kFresh)), 0xd4);
    EXPECT_EQ(set(console, set_password_16("sixteen")), 0xd4);
    EXPECT_EQ(bench.bmc.stored_password(2, bench.now), bytes("ADMIN"));
    EXPECT_EQ(bench.bmc.counters().passwords_set, 2U);
}

TEST(Quirk, RefusesButStores) {
    Bench bench(with({"refuses-but-stores=ff"}));
    Console console = bench.administrator();
    EXPECT_EQ(set(console, set_password_20(kFresh)), 0xff);
    EXPECT_EQ(bench.bmc.stored_password(2, bench.now), bytes(kFresh));
}

TEST(Quirk, ForbidsReuse) {
    Bench bench(with({"forbids-reuse=2"}));
    Console console = bench.administrator();
    EXPECT_EQ(set(console, set_password_20("ADMIN")), 0xcc);
    EXPECT_EQ(set(console, set_password_20("first")), 0);
    EXPECT_EQ(set(console, set_password_20("ADMIN")), 0xcc);
    EXPECT_EQ(set(console, set_password_20("second")), 0);
    EXPECT_EQ(set(console, set_password_20("first")), 0xcc);
    EXPECT_EQ(set(console, set_password_20("ADMIN")), 0);
}

TEST(Quirk, MinimumChangeInterval) {
    Bench bench(with({"minimum-change-interval=3600000", "inactivity-ms=86400000"}));
    Console console = bench.administrator();
    EXPECT_EQ(set(console, set_password_20(kFresh)), 0);
    bench.now += hours(1) - milliseconds(1);
    EXPECT_EQ(set(console, set_password_20(kOther)), 0xd5);
    EXPECT_EQ(bench.bmc.stored_password(2, bench.now), bytes(kFresh));
    bench.now += milliseconds(1);
    EXPECT_EQ(set(console, set_password_20(kOther)), 0);
}

TEST(Quirk, AppliesAndLosesTheFirstReplyOfEachKind) {
    Bench bench(with({"applies-and-loses-reply"}));
    Console console = bench.administrator();
    EXPECT_FALSE(console.app(ipmi::kSetUserPassword, set_password_20(kFresh)).has_value());
    EXPECT_EQ(bench.bmc.stored_password(2, bench.now), bytes(kFresh));
    EXPECT_EQ(set(console, set_password_20(kOther)), 0);
    EXPECT_FALSE(console.app(ipmi::kSetChannelSecurityKeys, set_k_g(kKg)).has_value());
    EXPECT_EQ(bench.bmc.stored_k_g(), bytes(kKg));
    EXPECT_EQ(console.code(ipmi::kSetChannelSecurityKeys, set_k_g(kKg)), 0);
}

TEST(Quirk, AcknowledgesAndForgets) {
    Bench bench(with({"acknowledges-and-forgets"}));
    Console console = bench.administrator();
    EXPECT_EQ(set(console, set_password_20(kFresh)), 0);
    EXPECT_EQ(console.code(ipmi::kSetChannelSecurityKeys, set_k_g(kKg)), 0);
    bench.now += seconds(10);
    EXPECT_EQ(bench.console().log_in({}), 0);
    EXPECT_TRUE(bench.bmc.stored_k_g().empty());
}

TEST(Quirk, AppliesAfter) {
    Bench bench(with({"applies-after=1500"}));
    Console console = bench.administrator();
    EXPECT_EQ(set(console, set_password_20(kFresh)), 0);
    bench.now += milliseconds(1499);
    EXPECT_TRUE(bench.bmc.accepts("ADMIN", bytes("ADMIN"), {}, bench.now));
    EXPECT_EQ(bench.console().log_in({}), 0);
    bench.now += milliseconds(1);
    EXPECT_EQ(bench.console().log_in({}), kWrongCode);
    EXPECT_EQ(bench.console().log_in(with_password(kFresh)), 0);
}

TEST(Quirk, BreaksOnTwoWritesInOneSecond) {
    Bench bench(with({"breaks-on-two-writes-in-one-second"}));
    Console console = bench.administrator();
    EXPECT_EQ(set(console, set_password_20(kFresh)), 0);
    bench.now += milliseconds(999);
    EXPECT_EQ(console.code(ipmi::kSetChannelSecurityKeys, set_k_g(kKg)), 0);
    EXPECT_TRUE(bench.bmc.accepts("ADMIN", bytes("ADMIN"), {}, bench.now));
    bench.now += seconds(1);
    EXPECT_EQ(set(console, set_password_20(kFresh)), 0);
    bench.now += seconds(1);
    EXPECT_EQ(console.code(ipmi::kSetUserAccess, {0x91, 2, 4}), 0);
    EXPECT_TRUE(bench.bmc.accepts("ADMIN", bytes(kFresh), {}, bench.now));
}

TEST(Quirk, TakesRightsAwayButNotFromTheOpenSession) {
    Bench bench(with({"takes-rights-away"}));
    Console kept = bench.administrator();
    EXPECT_EQ(set(kept, set_password_20(kFresh)), 0);
    EXPECT_EQ(bench.console().log_in(with_password(kFresh)), 0x0a);
    Login as_user = with_password(kFresh);
    as_user.role = 0x12;
    EXPECT_EQ(bench.console().log_in(as_user), 0);
    ASSERT_EQ(kept.code(ipmi::kSetUserAccess, {0x91, 2, 4}), 0);
    EXPECT_EQ(bench.console().log_in(with_password(kFresh)), 0);
}

TEST(Quirk, EnableWantsPassword) {
    Bench bench(with({"enable-wants-password"}));
    Console console = bench.administrator();
    EXPECT_EQ(set(console, {2, 0}), 0xc7);
    Bytes with_dummy{2, 0};
    with_dummy.resize(18, 0);
    EXPECT_EQ(set(console, with_dummy), 0);
    EXPECT_EQ(bench.bmc.stored_password(2, bench.now), bytes("ADMIN"));
    EXPECT_EQ(bench.console().log_in({}), 0x0d);
}

TEST(Quirk, DuplicateNameIsInAnotherEnabledSlotWithAnotherPassword) {
    Bench bench(with({"duplicate-name"}));
    Console console = bench.administrator();
    int carriers = 0;
    for (std::uint8_t id = 1; id <= 16; ++id) {
        const auto name = console.app(ipmi::kGetUserName, {id});
        const auto access = console.app(ipmi::kGetUserAccess, {1, id});
        ASSERT_TRUE(name && access);
        const bool enabled = access->data[1] >> 6 == 1;
        if (name->data[0] == 'A' && enabled) ++carriers;
    }
    EXPECT_EQ(carriers, 2);
    EXPECT_EQ(console.app(ipmi::kGetSessionInfo, {0})->data[3], 2);
    ASSERT_EQ(set(console, {2, 0}), 0);  // the twin comes out
    EXPECT_EQ(bench.console().log_in({}), kWrongCode);
}

TEST(Quirk, DisabledUserStillLogsIn) {
    Bench bench(with({"disabled-user-still-logs-in"}));
    Console console = bench.administrator();
    ASSERT_EQ(set(console, {2, 0}), 0);
    EXPECT_EQ(console.app(ipmi::kGetUserAccess, {1, 2})->data[1] >> 6, 2);
    EXPECT_EQ(bench.console().log_in({}), 0);
}

TEST(Quirk, KgUnsupported) {
    Bench bench(with({"k_g-unsupported"}));
    Console console = bench.administrator();
    EXPECT_EQ(console.code(ipmi::kSetChannelSecurityKeys, {1, 0, 1}), 0xc1);
    EXPECT_EQ(console.code(ipmi::kSetChannelSecurityKeys, set_k_g(kKg)), 0xc1);
    EXPECT_EQ(bench.console().log_in({}), 0);
}

TEST(Quirk, KgRefused) {
    Bench bench(with({"k_g-refused"}));
    Console console = bench.administrator();
    EXPECT_EQ(console.code(ipmi::kSetChannelSecurityKeys, {1, 0, 1}), 0);
    EXPECT_EQ(console.code(ipmi::kSetChannelSecurityKeys, set_k_g(kKg)), 0xd4);
    EXPECT_TRUE(bench.bmc.stored_k_g().empty());
}

TEST(Quirk, KgUnusableUntilTheOldKeyIsBack) {
    for (const std::string_view old : {"", "the k_g of old times"}) {
        Config config = with({"k_g-unusable"});
        config.k_g = bytes(old);
        Bench bench(config);
        Console kept = bench.administrator(with_password("ADMIN", old));
        ASSERT_EQ(kept.code(ipmi::kSetChannelSecurityKeys, set_k_g(kKg)), 0);
        EXPECT_EQ(bench.bmc.stored_k_g(), bytes(kKg));
        EXPECT_EQ(bench.console().log_in(with_password("ADMIN", kKg)), kWrongCode);
        EXPECT_EQ(bench.console().log_in(with_password("ADMIN", old)), kWrongCode);
        EXPECT_FALSE(bench.bmc.accepts("ADMIN", bytes("ADMIN"), bytes(kKg), bench.now));
        Bytes put_back = bytes(old);
        put_back.resize(20, 0);
        ASSERT_EQ(kept.code(ipmi::kSetChannelSecurityKeys, set_k_g(std::string(put_back.begin(), put_back.end()))), 0);
        EXPECT_EQ(bench.console().log_in(with_password("ADMIN", old)), 0);
        EXPECT_EQ(bench.bmc.counters().rejected_rakp3, 0U);
    }
}

TEST(Quirk, KgBitLies) {
    Bench bench(with({"k_g-bit-lies"}));
    EXPECT_EQ(bench.console().ask_ipmi15(ipmi::kGetChannelAuthenticationCapabilities, {0x8e, 4})->data[2], 0x24);
    EXPECT_EQ(bench.console().log_in({}), 0);
}

TEST(Quirk, ErrorRepliesWithTag0) {
    Bench bench(with({"error-replies-with-tag-0"}));
    Login stranger;
    stranger.user = "stranger";
    Console console = bench.console();
    EXPECT_EQ(console.log_in(stranger), 0x0d);
    Bytes expected{0, 0x0d};
    expected.resize(40, 0);
    EXPECT_EQ(Bytes(console.last_received.begin() + 16, console.last_received.end()), expected);
    EXPECT_EQ(bench.console().log_in({}), 0);
}

TEST(Quirk, ShortErrorReplies) {
    Bench bench(with({"short-error-replies"}));
    Login stranger;
    stranger.user = "stranger";
    Console console = bench.console();
    EXPECT_EQ(console.log_in(stranger), 0x0d);
    EXPECT_EQ(Bytes(console.last_received.begin() + 16, console.last_received.end()), (Bytes{0x22, 0x0d}));
    stranger.open_session_role = 7;
    EXPECT_EQ(console.open(stranger), 0x09);
    EXPECT_EQ(console.last_received.size(), 16U + 8U);
}

TEST(Quirk, OpenSessionPrivilegeIsWhatIsHashed) {
    Bench bench(with({"open-session-privilege"}));
    Login login;
    login.open_session_role = 4;
    EXPECT_EQ(bench.console().log_in(login), kWrongCode);
    login.hashed_role = 4;
    Console console = bench.console();
    ASSERT_EQ(console.open(login), 0);
    EXPECT_EQ(console.last_received[18], 0);  // echoes "highest"
    ASSERT_EQ(console.rakp1(login), 0);
    ASSERT_EQ(console.rakp3(login), 0);
    EXPECT_TRUE(console.become_administrator());
    login.open_session_role = 0;
    login.hashed_role = 0;
    EXPECT_EQ(bench.console().log_in(login), 0);
}

TEST(Quirk, HashesOpenSessionLevelWithTheNameOnlyBitOfRakp1) {
    Bench bench(with({"hashes-open-session-level"}));
    Login login;
    EXPECT_EQ(bench.console().log_in(login), kWrongCode);
    login.hashed_role = 0x10;
    EXPECT_EQ(bench.console().log_in(login), 0);
    Login same_level;
    same_level.open_session_role = 4;
    Console console = bench.console();
    ASSERT_EQ(console.open(same_level), 0);
    EXPECT_EQ(console.last_received[18], 4);
    ASSERT_EQ(console.rakp1(same_level), 0);
    EXPECT_EQ(console.rakp3(same_level), 0);
}

TEST(Quirk, HmacOneByteTooLong) {
    Bench bench(with({"hmac-one-byte-too-long"}));
    Console console = bench.console();
    EXPECT_EQ(console.log_in({}), kWrongCode);
    EXPECT_EQ(console.rakp2_code.size(), 33U);
    Login lenient;
    lenient.lenient_rakp2 = true;
    EXPECT_EQ(bench.console().log_in(lenient), 0);
}

TEST(Quirk, BogusRakp2) {
    Bench bench(with({"bogus-rakp2"}));
    Console console = bench.console();
    EXPECT_EQ(console.log_in({}), kWrongCode);
    EXPECT_EQ(console.rakp2_code, Bytes(32, 0));
    Login lenient;
    lenient.lenient_rakp2 = true;
    EXPECT_EQ(bench.console().log_in(lenient), 0);
}

TEST(Quirk, RandomRakp2) {
    Bench bench(with({"random-rakp2"}));
    Console first = bench.console();
    Console second = bench.console();
    EXPECT_EQ(first.log_in({}), kWrongCode);
    EXPECT_EQ(second.log_in({}), kWrongCode);
    EXPECT_EQ(first.rakp2_code.size(), 32U);
    EXPECT_NE(first.rakp2_code, second.rakp2_code);
    Login lenient;
    lenient.lenient_rakp2 = true;
    EXPECT_EQ(bench.console().log_in(lenient), 0);
}

TEST(Quirk, CountsAbandonedHandshakes) {
    Bench bench(with({"counts-abandoned-handshakes", "bad-password-threshold=2"}));
    for (int i = 0; i < 2; ++i) {
        EXPECT_EQ(bench.console().log_in(with_password("wrong")), kWrongCode);
        bench.now += seconds(3);
    }
    EXPECT_EQ(bench.console().log_in({}), 0x0d);
    EXPECT_EQ(bench.bmc.counters().rejected_rakp3, 0U);
}

TEST(Quirk, DropsTheFirstCommandOfEverySession) {
    Bench bench(with({"drops-first-command"}));
    for (int i = 0; i < 2; ++i) {
        Console console = bench.console();
        ASSERT_EQ(console.log_in({}), 0);
        const Bytes first = console.next_command(0x06, ipmi::kGetDeviceId, {});
        EXPECT_FALSE(console.send(first).has_value());
        EXPECT_TRUE(console.send(first).has_value());  // it was lost, not refused: the same bytes are good
        EXPECT_EQ(console.code(ipmi::kGetDeviceId), 0);
    }
}

TEST(Quirk, Slow) {
    Bench bench(with({"slow=8000"}));
    EXPECT_TRUE(bench.console().ask_ipmi15(ipmi::kGetChannelAuthenticationCapabilities, {0x8e, 4}).has_value());
    EXPECT_EQ(bench.last_delay, seconds(8));
}

TEST(Quirk, GetSessionInfoUnsupported) {
    Bench bench(with({"get-session-info-unsupported"}));
    EXPECT_EQ(bench.administrator().code(ipmi::kGetSessionInfo, {0}), 0xc1);
}

TEST(Quirk, CipherSuitesOnlyInRmcpPlus) {
    Bench bench(with({"cipher-suites-only-in-rmcp-plus"}));
    EXPECT_FALSE(bench.console().ask_ipmi15(ipmi::kGetChannelCipherSuites, {0x0e, 0, 0x80}).has_value());
    EXPECT_TRUE(bench.console().ask_rmcp_plus(ipmi::kGetChannelCipherSuites, {0x0e, 0, 0x80}).has_value());
    EXPECT_TRUE(bench.console().ask_ipmi15(ipmi::kGetChannelAuthenticationCapabilities, {0x8e, 4}).has_value());
}

TEST(Quirk, RebootsOnceAfterDoingTheNthCommand) {
    Bench bench(with({"reboots-after-commands=2"}));
    Console console = bench.console();
    ASSERT_EQ(console.log_in({}), 0);
    ASSERT_TRUE(console.become_administrator());
    EXPECT_FALSE(console.app(ipmi::kSetUserPassword, set_password_20(kFresh)).has_value());
    EXPECT_EQ(bench.bmc.open_sessions(bench.now), 0);
    bench.now += milliseconds(4999);
    EXPECT_EQ(bench.console().open({}), kSilence);
    bench.now += milliseconds(1);
    Console after = bench.administrator(with_password(kFresh));
    EXPECT_EQ(after.code(ipmi::kGetDeviceId), 0);
    EXPECT_EQ(after.code(ipmi::kGetDeviceId), 0);
}

TEST(Quirk, RebootLosesLastWriteAndOnlyThat) {
    Bench bench(with({"reboot-loses-last-write"}));
    Console console = bench.administrator();
    ASSERT_EQ(set(console, set_password_20(kFresh)), 0);
    ASSERT_EQ(console.code(ipmi::kSetChannelSecurityKeys, set_k_g(kKg)), 0);
    bench.bmc.power_cycle(bench.now);
    bench.now += seconds(5);
    EXPECT_TRUE(bench.bmc.accepts("ADMIN", bytes(kFresh), {}, bench.now));
    bench.bmc.power_cycle(bench.now);
    EXPECT_TRUE(bench.bmc.accepts("ADMIN", bytes(kFresh), {}, bench.now));
}

TEST(Quirk, SwapsBoardAfterCommands) {
    Bench bench(with({"swaps-board-after-commands=2"}));
    const ipmi::Guid before = bench.bmc.config().guid;
    const auto mac_before = bench.bmc.config().mac;
    Console console = bench.administrator();
    EXPECT_FALSE(console.app(ipmi::kGetDeviceId).has_value());
    EXPECT_FALSE(console.app(ipmi::kGetDeviceId).has_value());
    Console after = bench.console();
    ASSERT_EQ(after.log_in({}), 0);
    EXPECT_NE(after.guid, Bytes(before.begin(), before.end()));
    EXPECT_NE(bench.bmc.config().mac, mac_before);
    ASSERT_TRUE(after.become_administrator());
    const auto mac = after.command(0x0c, ipmi::kGetLanConfigurationParameters, {1, 5, 0, 0});
    ASSERT_TRUE(mac.has_value());
    EXPECT_TRUE(std::equal(mac->data.begin() + 1, mac->data.end(), bench.bmc.config().mac.begin()));
}

TEST(Quirk, NullGuid) {
    Bench bench(with({"null-guid"}));
    Console console = bench.console();
    ASSERT_EQ(console.log_in({}), 0);
    EXPECT_EQ(console.guid, Bytes(16, 0));
}

TEST(QuirkNames, AreAllListedOnceAndAllCanBeApplied) {
    std::set<std::string_view> names;
    for (const QuirkInfo& quirk : list_quirks()) {
        EXPECT_TRUE(names.insert(quirk.name).second) << quirk.name;
        EXPECT_FALSE(quirk.help.empty());
        Config config = plain_config(0, 1);
        std::string text(quirk.name);
        EXPECT_EQ(apply_quirk(config, text).has_value(), !quirk.takes_value) << text;
        text += quirk.name == "k_g" ? "=" + std::string(40, 'a') : quirk.name == "suites" ? "=3" : "=11";
        EXPECT_EQ(apply_quirk(config, text).has_value(), quirk.takes_value) << text;
    }
    EXPECT_GE(names.size(), 40U);
}

TEST(QuirkNames, ErrorsNameTheWordAndWhatIsAllowed) {
    Config config = plain_config(0, 1);
    const auto unknown = apply_quirk(config, "truncates-to-17");
    ASSERT_FALSE(unknown.has_value());
    EXPECT_EQ(unknown.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(unknown.error().detail.find("truncates-to-17"), std::string::npos);
    EXPECT_NE(unknown.error().detail.find("truncates-to-16"), std::string::npos);
    for (const std::string_view bad :
         {"slow", "slow=", "slow=-1", "slow=1x", "slow=99999999999999", "suites=4", "suites=3,,17",
          "suites=", "refuses-always=00", "refuses-always=100", "forbids-reuse=0", "k_g=zz",
          "bad-password-threshold=256", "", "truncates-to-16=1", "session-slots=0"}) {
        EXPECT_FALSE(apply_quirk(config, bad).has_value()) << bad;
    }
}

}  // namespace
}  // namespace bmcvault::virtual_bmc::test
