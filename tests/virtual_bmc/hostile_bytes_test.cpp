// Whatever arrives, the virtual BMC neither crashes nor lets anybody in. (Meant to run under ASan and UBSan too.)
#include <gtest/gtest.h>

#include <random>

#include "tests/virtual_bmc/console.hpp"

namespace bmcvault::virtual_bmc::test {
namespace {

constexpr std::string_view kInSession = "a command in a session";

// One good datagram of each kind, as the console sends them, for a BMC that is in the right state for it.
struct Recorded {
    std::string_view name;
    Bytes datagram;
};

std::vector<Recorded> all_kinds(Bench& bench) {
    std::vector<Recorded> out;
    Console console = bench.console();
    out.push_back({"ping", {0x06, 0, 0xff, 0x06, 0, 0, 0x11, 0xbe, 0x80, 0x42, 0, 0}});
    (void)console.ask_ipmi15(ipmi::kGetChannelAuthenticationCapabilities, {0x8e, 4});
    out.push_back({"capabilities, IPMI 1.5", console.last_sent});
    (void)console.ask_rmcp_plus(ipmi::kGetChannelCipherSuites, {0x0e, 0, 0x80});
    out.push_back({"cipher suites, RMCP+", console.last_sent});
    EXPECT_EQ(console.open({}), 0);
    out.push_back({"open session", console.last_sent});
    EXPECT_EQ(console.rakp1({}), 0);
    out.push_back({"RAKP 1", console.last_sent});
    EXPECT_EQ(console.rakp3({}), 0);
    out.push_back({"RAKP 3", console.last_sent});
    EXPECT_TRUE(console.become_administrator());
    out.push_back({kInSession, console.next_command(0x06, ipmi::kSetUserPassword, set_password_20("x"))});
    return out;
}

TEST(HostileBytes, EveryTruncationAndEveryFlippedBitOfEveryDatagram) {
    Config config = with({"session-slots=255", "suites=0,1,2,3,6,7,8,11,12,15,16,17"});
    Bench bench(config);
    for (const Recorded& recorded : all_kinds(bench)) {
        Console console = bench.console();
        for (std::size_t size = 0; size < recorded.datagram.size(); ++size) {
            // A copy of exactly this size, so that a read behind its end is seen.
            const Bytes cut(recorded.datagram.begin(), recorded.datagram.begin() + static_cast<std::ptrdiff_t>(size));
            (void)console.send(cut);
        }
        // The RMCP header is under no integrity check: a session's command with a bit of it flipped is still good.
        const std::size_t first_bit = recorded.name == kInSession ? 4 * 8 : 0;
        for (std::size_t bit = first_bit; bit < recorded.datagram.size() * 8; ++bit) {
            Bytes bad = recorded.datagram;
            bad[bit / 8] = static_cast<std::uint8_t>(bad[bit / 8] ^ (1U << (bit % 8)));
            (void)console.send(bad);
        }
    }
    EXPECT_EQ(bench.bmc.counters().sessions_opened, 1U);
    EXPECT_EQ(bench.bmc.counters().passwords_set, 0U);
    EXPECT_EQ(bench.bmc.stored_password(2, bench.now), bytes("ADMIN"));
    bench.now += std::chrono::minutes(1);
    EXPECT_EQ(bench.console().log_in({}), 0);
}

TEST(HostileBytes, EveryTruncationOfEveryCommandInASession) {
    Bench bench(with({}));
    Console console = bench.administrator();
    for (const std::uint8_t net_fn : Bytes{0x00, 0x04, 0x06, 0x0a, 0x0c}) {
        for (int number = 0; number < 0x100; ++number) {
            const auto command = static_cast<std::uint8_t>(number);
            const bool ends_session = net_fn == 0x06 && (command == 0x02 || command == ipmi::kCloseSession);
            const bool shuts_out =
                net_fn == 0x06 && (command == ipmi::kSetChannelAccess || command == ipmi::kSetSessionPrivilegeLevel);
            if (ends_session || shuts_out) continue;
            for (std::size_t size = 0; size <= 24; ++size) {
                const auto result = console.command(net_fn, command, Bytes(size, 0x01));
                ASSERT_TRUE(result.has_value()) << int{net_fn} << "/" << number << " with " << size;
            }
        }
    }
}

TEST(HostileBytes, RandomDatagramsBehindAGoodHeader) {
    constexpr std::uint64_t kSeed = 20;
    std::mt19937_64 random(kSeed);
    Bench bench(with({"session-slots=50"}));
    for (int i = 0; i < 20000; ++i) {
        Bytes datagram{0x06, 0x00, 0xff, 0x07, static_cast<std::uint8_t>(random() % 2 == 0 ? 0x06 : 0x00)};
        const std::size_t size = random() % 80;
        for (std::size_t k = 0; k < size; ++k) datagram.push_back(static_cast<std::uint8_t>(random()));
        if (datagram.size() > 16 && random() % 2 == 0) {  // payload types of the setup, session ID 0, fitting length
            datagram[5] = static_cast<std::uint8_t>(0x10 + random() % 6);
            for (std::size_t k = 6; k < 14; ++k) datagram[k] = 0;
            datagram[14] = static_cast<std::uint8_t>(datagram.size() - 16);
            datagram[15] = 0;
        }
        (void)bench.bmc.handle(datagram, "203.0.113.9:9", bench.now);
        bench.now += milliseconds(10);
    }
    EXPECT_EQ(bench.bmc.counters().sessions_opened, 0U);
    EXPECT_EQ(bench.console().log_in({}), 0) << "seed " << kSeed;
}

}  // namespace
}  // namespace bmcvault::virtual_bmc::test
