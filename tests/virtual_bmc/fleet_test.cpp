// Thousands of BMCs over real sockets on loopback, the faulty link, the vendor mix and its inventory.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "ipmi/virtual_bmc/inventory.hpp"
#include "tests/virtual_bmc/console.hpp"
#include "tests/virtual_bmc/served_fleet.hpp"

namespace bmcvault::virtual_bmc::test {
namespace {

// A connected UDP socket: the kernel drops what comes from any other address than the one asked.
class Wire {
public:
    Wire(const std::string& address, std::uint16_t port) : fd_(socket(AF_INET, SOCK_DGRAM, 0)) {
        sockaddr_in there{};
        there.sin_family = AF_INET;
        there.sin_port = htons(port);
        EXPECT_EQ(inet_pton(AF_INET, address.c_str(), &there.sin_addr), 1);
        EXPECT_EQ(connect(fd_, reinterpret_cast<const sockaddr*>(&there), sizeof there), 0);
    }
    ~Wire() { close(fd_); }
    Wire(const Wire&) = delete;
    Wire& operator=(const Wire&) = delete;

    std::optional<Bytes> exchange(ByteView datagram, milliseconds patience = milliseconds(5000)) const {
        EXPECT_EQ(send(fd_, datagram.data(), datagram.size(), 0), static_cast<ssize_t>(datagram.size()));
        pollfd waiting{fd_, POLLIN, 0};
        if (poll(&waiting, 1, static_cast<int>(patience.count())) != 1) return std::nullopt;
        Bytes out(1024);
        const ssize_t size = recv(fd_, out.data(), out.size(), 0);
        if (size < 0) return std::nullopt;
        out.resize(static_cast<std::size_t>(size));
        return out;
    }

private:
    int fd_;
};

std::vector<Config> plain_fleet(std::size_t count) {
    std::vector<Config> out;
    for (std::size_t i = 0; i < count; ++i) out.push_back(plain_config(i, 1));
    return out;
}

TEST(Fleet, TwoThousandBmcsInOneProcessAnswerEachForItself) {
    constexpr std::size_t kCount = 2000;
    ServedFleet fleet(plain_fleet(kCount));
    std::set<Bytes> guids;
    for (std::size_t i = 0; i < kCount; i += 10) {
        const Wire wire(fleet->address(i), fleet->port());
        Console console([&](ByteView datagram) { return wire.exchange(datagram); });
        ASSERT_EQ(console.log_in({}), 0) << fleet->address(i);
        ASSERT_TRUE(console.become_administrator());
        EXPECT_TRUE(console.close());
        guids.insert(console.guid);
        EXPECT_EQ(console.guid, fleet.look(i, [](VirtualBmc& bmc) {
            return Bytes(bmc.config().guid.begin(), bmc.config().guid.end());
        }));
    }
    EXPECT_EQ(guids.size(), kCount / 10);
    EXPECT_EQ(fleet.look(10, [](VirtualBmc& bmc) { return bmc.counters().sessions_closed; }), 1U);
    EXPECT_EQ(fleet.look(11, [](VirtualBmc& bmc) { return bmc.counters().datagrams; }), 0U);
}

TEST(Fleet, AddressesFillSubnetsOf250) {
    ServedFleet fleet(plain_fleet(1));
    EXPECT_EQ(fleet->address(0), "127.66.0.1");
    EXPECT_EQ(fleet->address(249), "127.66.0.250");
    EXPECT_EQ(fleet->address(250), "127.66.1.1");
    EXPECT_EQ(fleet->address(1999), "127.66.7.250");
}

TEST(Fleet, AnAddressWithoutABmcIsSilent) {
    ServedFleet fleet(plain_fleet(1));
    const Bytes ping{0x06, 0, 0xff, 0x06, 0, 0, 0x11, 0xbe, 0x80, 0x42, 0, 0};
    EXPECT_FALSE(Wire(fleet->address(1), fleet->port()).exchange(ping, milliseconds(200)).has_value());
    EXPECT_FALSE(Wire("127.0.0.1", fleet->port()).exchange(ping, milliseconds(200)).has_value());
    EXPECT_TRUE(Wire(fleet->address(0), fleet->port()).exchange(ping).has_value());
}

TEST(Fleet, TheBmcKnowsTheConsolesAddressAndItsOwn) {
    ServedFleet fleet(plain_fleet(2));
    const Wire wire(fleet->address(1), fleet->port());
    Console console([&](ByteView datagram) { return wire.exchange(datagram); });
    ASSERT_EQ(console.log_in({}), 0);
    ASSERT_TRUE(console.become_administrator());
    const auto info = console.app(ipmi::kGetSessionInfo, {0});
    ASSERT_TRUE(info.has_value());
    EXPECT_EQ(Bytes(info->data.begin() + 6, info->data.begin() + 10), (Bytes{127, 0, 0, 1}));
    const auto own = console.command(0x0c, ipmi::kGetLanConfigurationParameters, {1, 3, 0, 0});
    ASSERT_TRUE(own.has_value());
    EXPECT_EQ(own->data, (Bytes{0x11, 127, 66, 0, 2}));
}

TEST(Fleet, ABusyPortIsAnErrorThatNamesIt) {
    ServedFleet fleet(plain_fleet(1));
    const auto second = FleetServer::start(plain_fleet(1), fleet->port(), {}, 1);
    ASSERT_FALSE(second.has_value());
    EXPECT_EQ(second.error().code, ErrorCode::kIo);
    EXPECT_NE(second.error().detail.find(std::to_string(fleet->port())), std::string::npos);
}

TEST(Fleet, SlowRepliesWaitInTheHeapAndTheLinkAddsItsLatencyBothWays) {
    std::vector<Config> bmcs = plain_fleet(1);
    ASSERT_TRUE(apply_quirk(bmcs[0], "slow=60").has_value());
    LinkFaults faults;
    faults.latency = milliseconds(20);
    ServedFleet fleet(std::move(bmcs), faults);
    const Wire wire(fleet->address(0), fleet->port());
    const auto before = std::chrono::steady_clock::now();
    EXPECT_TRUE(wire.exchange(Bytes{0x06, 0, 0xff, 0x06, 0, 0, 0x11, 0xbe, 0x80, 0x42, 0, 0}).has_value());
    EXPECT_GE(std::chrono::steady_clock::now() - before, milliseconds(100));
}

TEST(Fleet, ALinkThatLosesEverythingIsSilent) {
    LinkFaults faults;
    faults.loss = 1;
    ServedFleet fleet(plain_fleet(1), faults);
    const Wire wire(fleet->address(0), fleet->port());
    const Bytes ping{0x06, 0, 0xff, 0x06, 0, 0, 0x11, 0xbe, 0x80, 0x42, 0, 0};
    EXPECT_FALSE(wire.exchange(ping, milliseconds(200)).has_value());
    EXPECT_EQ(fleet.look(0, [](VirtualBmc& bmc) { return bmc.counters().datagrams; }), 0U);
}

int flipped_bits(const Bytes& a, const Bytes& b) {
    int out = 0;
    for (std::size_t i = 0; i < a.size(); ++i) out += __builtin_popcount(static_cast<unsigned>(a[i] ^ b[i]));
    return out;
}

TEST(FaultyLink, KeepsToItsProbabilitiesAndReplaysBySeed) {
    LinkFaults faults{0.1, 0.2, 0.3, 0.4, milliseconds(10)};
    FaultyLink link(faults, 42);
    FaultyLink replay(faults, 42);
    const Bytes original(50, 0x5a);
    int lost = 0;
    int twice = 0;
    int deliveries = 0;
    int late = 0;
    int corrupt = 0;
    constexpr int kDatagrams = 10000;
    for (int i = 0; i < kDatagrams; ++i) {
        const auto carried = link.carry(original);
        const auto again = replay.carry(original);
        ASSERT_EQ(carried.size(), again.size());
        lost += carried.empty() ? 1 : 0;
        twice += carried.size() == 2 ? 1 : 0;
        for (std::size_t k = 0; k < carried.size(); ++k) {
            EXPECT_EQ(carried[k].datagram, again[k].datagram);
            EXPECT_EQ(carried[k].delay, again[k].delay);
            EXPECT_GE(carried[k].delay, milliseconds(10));
            EXPECT_LE(carried[k].delay, milliseconds(50));
            ++deliveries;
            late += carried[k].delay > milliseconds(10) ? 1 : 0;
            corrupt += carried[k].datagram != original ? 1 : 0;
            EXPECT_LE(flipped_bits(carried[k].datagram, original), 3);
        }
    }
    EXPECT_NEAR(lost, 1000, 150);
    EXPECT_NEAR(twice, 1800, 200);
    EXPECT_NEAR(late, deliveries * 0.3, 300);
    EXPECT_NEAR(corrupt, deliveries * 0.4, 300);
}

TEST(FaultyLink, WithoutFaultsCarriesEverythingAtOnceUnchanged) {
    FaultyLink link({}, 1);
    for (int i = 0; i < 100; ++i) {
        const auto carried = link.carry(Bytes{1, 2, 3});
        ASSERT_EQ(carried.size(), 1U);
        EXPECT_EQ(carried[0].datagram, (Bytes{1, 2, 3}));
        EXPECT_EQ(carried[0].delay, milliseconds(0));
    }
}

TEST(VendorMix, IsTheSameForASeedAndEveryAdministratorGetsIn) {
    std::set<std::string> vendors;
    std::set<ipmi::Guid> guids;
    for (std::size_t i = 0; i < 36; ++i) {
        const Config config = mixed_vendor_config(i, 3);
        EXPECT_EQ(config.guid, mixed_vendor_config(i, 3).guid);
        EXPECT_NE(config.guid, mixed_vendor_config(i, 4).guid);
        vendors.insert(config.vendor);
        guids.insert(config.guid);
        const User& administrator = config.users.at(config.administrator_id);
        Login login;
        login.user = administrator.name;
        login.password = administrator.password;
        login.suite = config.cipher_suites.back();
        Bench bench(config);
        Console console = bench.console();
        ASSERT_EQ(console.log_in(login), 0) << config.name;
        if (config.quirks.drops_first_command) (void)console.app(ipmi::kGetDeviceId);
        EXPECT_TRUE(console.become_administrator()) << config.name;
        const auto info = console.app(ipmi::kGetSessionInfo, {0});
        ASSERT_TRUE(info.has_value());
        EXPECT_EQ(info->data[3], config.administrator_id);
    }
    EXPECT_EQ(vendors.size(), 12U);
    EXPECT_EQ(guids.size(), 36U);
}

TEST(Inventory, HasOneLinePerBmcAndQuotesWhatNeedsIt) {
    std::vector<Config> bmcs{plain_config(0, 1), plain_config(1, 1)};
    bmcs[1].users[2].password = bytes("a,\"b\"");
    bmcs[1].k_g = Bytes(20, 0xab);
    const std::string csv = inventory_csv(bmcs, {"127.66.0.1", "127.66.0.2"}, 623);
    EXPECT_EQ(csv,
              "name,address,port,username,password,k_g,user_id,channel,group,tags,factory_password\n"
              "plain-0001,127.66.0.1,623,ADMIN,ADMIN,,2,1,plain,practice,ADMIN\n"
              "plain-0002,127.66.0.2,623,ADMIN,\"a,\"\"b\"\"\",abababababababababababababababababababab,2,1,plain,"
              "practice,\"a,\"\"b\"\"\"\n");
}

}  // namespace
}  // namespace bmcvault::virtual_bmc::test
