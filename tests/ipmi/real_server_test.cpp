// BMC servers that nobody here wrote: Debian's ipmi_sim, and python3-pyghmi's BMC.
#include <gtest/gtest.h>

#include "ipmi/io/bmc_client.hpp"
#include "ipmi/io/udp_network.hpp"
#include "tests/ipmi/keys.hpp"
#include "tests/ipmi/loop.hpp"
#include "tests/ipmi/server_process.hpp"

namespace bmcvault::ipmi::test {
namespace {

constexpr UserId kRotator{3};
constexpr Channel kHere{kPresentChannel};

class RealServer : public testing::Test {
protected:
    RealServer() : network_(UdpNetwork::open(context_).value()) {}

    void with(ServerProcess& server, const std::function<asio::awaitable<void>(BmcClient&)>& body) {
        BmcClient client(*network_, server.peer(), {});
        run(context_, [&]() -> asio::awaitable<void> { co_await body(client); });
    }

    asio::io_context context_;
    std::unique_ptr<UdpNetwork> network_;
};

LoginRequest login_request(std::string user, std::uint8_t suite_id, const Keys& passwords, const Keys& k_gs) {
    LoginRequest request;
    request.user_name = std::move(user);
    request.suite = suite(suite_id);
    request.passwords = passwords.passwords();
    request.k_gs = k_gs.k_gs();
    return request;
}

TEST_F(RealServer, IpmiSimNamesOneOf1002PasswordsAndWorksInThatSameHandshake) {
    const auto server = ServerProcess::ipmi_sim();
    const Keys passwords(among(1001, "rotpass0", 700));
    const Keys k_gs(among(100, "not-this-one", 50));
    with(*server, [&](BmcClient& client) -> asio::awaitable<void> {
        const auto request = login_request("rotator", 3, passwords, k_gs);
        auto report = co_await client.login(request);
        EXPECT_EQ(report.outcome, HandshakeOutcome::kMatched);
        if (!report.session) {
            ADD_FAILURE() << "no session";
            co_return;
        }
        EXPECT_EQ(report.password->id, 700U);
        EXPECT_EQ(report.password->form, Form::kExact);
        EXPECT_EQ(report.password->variant, HandshakeVariant{});
        EXPECT_FALSE(report.k_g->id.has_value());
        EXPECT_EQ(client.counters().round_trips, 4U);

        const auto device = co_await report.session->send(get_device_id());
        EXPECT_EQ(parse_device_id(device.value())->manufacturer, 0x1291U);
        const auto access = co_await report.session->send(get_user_access(kHere, kRotator));
        EXPECT_EQ(parse_user_access(access.value())->privilege_limit, PrivilegeLevel::kAdministrator);
        const auto name = co_await report.session->send(get_user_name(kRotator));
        EXPECT_EQ(parse_user_name(name.value()).value(), "rotator");
        co_await report.session->close();
        EXPECT_FALSE(report.session->lost());
        EXPECT_EQ(client.counters().retransmissions, 0U);
        EXPECT_EQ(client.counters().failed_logins, 0U);
    });
}

TEST_F(RealServer, IpmiSimIsDiscoveredBeforeAnyLogin) {
    const auto server = ServerProcess::ipmi_sim("bmc-key");
    with(*server, [](BmcClient& client) -> asio::awaitable<void> {
        const auto capabilities = co_await client.capabilities();
        EXPECT_TRUE(capabilities->ipmi_v2_0);
        EXPECT_TRUE(capabilities->k_g_set);
        EXPECT_EQ(capabilities->channel, 1);
        const auto suites = co_await client.cipher_suites();
        EXPECT_EQ(suites.size(), 15U);
        EXPECT_EQ(std::ranges::count(suites, 3), 1);
        EXPECT_EQ(client.counters().retransmissions, 0U);
    });
}

TEST_F(RealServer, IpmiSimWithAForeignPasswordIsNotLoggedInTo) {
    const auto server = ServerProcess::ipmi_sim();
    const Keys passwords(among(50, "neither", 7));
    const Keys k_gs({});
    with(*server, [&](BmcClient& client) -> asio::awaitable<void> {
        const auto request = login_request("rotator", 3, passwords, k_gs);
        const auto report = co_await client.login(request);
        EXPECT_EQ(report.outcome, HandshakeOutcome::kNoCandidateMatches);
        EXPECT_FALSE(report.session);
        EXPECT_FALSE(report.password);
        EXPECT_TRUE(report.guid.has_value());
        EXPECT_EQ(client.counters().round_trips, 2U);  // and no third: RAKP 3 was never sent
        EXPECT_EQ(client.counters().failed_logins, 0U);
    });
}

TEST_F(RealServer, IpmiSimSaysUnknownUserOnlyAfterItWasAskedAtUserLevelToo) {
    const auto server = ServerProcess::ipmi_sim();
    const Keys passwords({"rotpass0"});
    const Keys k_gs({});
    for (const std::string name : {"nosuch", "disabled"}) {
        with(*server, [&](BmcClient& client) -> asio::awaitable<void> {
            const auto request = login_request(name, 3, passwords, k_gs);
            const auto report = co_await client.login(request);
            EXPECT_EQ(report.outcome, HandshakeOutcome::kUnknownUserOrLocked) << name;
            EXPECT_EQ(report.status, static_cast<std::uint8_t>(RmcpplusStatus::kUnauthorizedName)) << name;
            EXPECT_EQ(client.counters().round_trips, 4U) << name;
            EXPECT_EQ(client.counters().failed_logins, 0U) << name;
        });
    }
}

TEST_F(RealServer, IpmiSimRefusesSuite17) {
    const auto server = ServerProcess::ipmi_sim();
    const Keys passwords({"rotpass0"});
    const Keys k_gs({});
    with(*server, [&](BmcClient& client) -> asio::awaitable<void> {
        const auto request = login_request("rotator", 17, passwords, k_gs);
        const auto report = co_await client.login(request);
        EXPECT_EQ(report.outcome, HandshakeOutcome::kCipherSuiteRefused);
        EXPECT_EQ(report.status, static_cast<std::uint8_t>(RmcpplusStatus::kInvalidAuthenticationAlgorithm));
    });
}

TEST_F(RealServer, IpmiSimAnswersInSessionsOfEverySuiteThatItGetsRight) {
    const auto server = ServerProcess::ipmi_sim();
    const Keys passwords({"other", "rotpass0"});
    const Keys k_gs({});
    for (const std::uint8_t id : std::to_array<std::uint8_t>({1, 2, 3, 6, 11})) {
        with(*server, [&](BmcClient& client) -> asio::awaitable<void> {
            const auto request = login_request("rotator", id, passwords, k_gs);
            auto report = co_await client.login(request);
            EXPECT_EQ(report.outcome, HandshakeOutcome::kMatched) << "suite " << int{id};
            EXPECT_EQ(report.password->id, 1U);
            if (!report.session) co_return;
            const auto device = co_await report.session->send(get_device_id());
            EXPECT_TRUE(device && device->ok()) << "suite " << int{id};
            const auto own_password = test_password(kRotator, kPasswordSize20, key20("rotpass0"));
            const auto tested = co_await report.session->send(own_password);
            EXPECT_EQ(tested.has_value(), id == 3) << "suite " << int{id};
            EXPECT_EQ(tested ? ErrorCode::kConflict : tested.error().code, ErrorCode::kConflict);
            co_await report.session->close();
            EXPECT_EQ(client.counters().failed_logins, 0U);
        });
    }
}

TEST_F(RealServer, IpmiSimNamesOneOf101KeysInTheHandshakeThatNamesThePassword) {
    const auto server = ServerProcess::ipmi_sim("KGSECRET-0123456789");
    const Keys passwords(among(1001, "rotpass0", 3));
    const Keys right(among(100, "KGSECRET-0123456789", 77));
    with(*server, [&](BmcClient& client) -> asio::awaitable<void> {
        const auto request = login_request("rotator", 3, passwords, right);
        auto report = co_await client.login(request);
        EXPECT_EQ(report.outcome, HandshakeOutcome::kMatched);
        EXPECT_EQ(report.k_g->id, 77U);
        if (report.session) co_await report.session->close();
    });
    const Keys wrong(among(100, "some other key", 5));
    with(*server, [&](BmcClient& client) -> asio::awaitable<void> {
        const auto request = login_request("rotator", 3, passwords, wrong);
        const auto report = co_await client.login(request);
        EXPECT_EQ(report.outcome, HandshakeOutcome::kKgUnknown);
        EXPECT_EQ(report.password->id, 3U);
        EXPECT_EQ(client.counters().failed_logins, 0U);
    });
}

// ipmi_sim takes 20 bytes, says OK, stores 16 and leaves the tail of a longer old password: a fresh handshake must say
// exactly what is live. The session that set it stays open meanwhile.
TEST_F(RealServer, IpmiSimsMangledPasswordIsNamedByAProofBesideTheKeptSession) {
    const auto server = ServerProcess::ipmi_sim();
    const Keys passwords({"rotpass0", "ABCDEFGHIJKLMNOPQRST"});
    const Keys k_gs({});
    with(*server, [&](BmcClient& client) -> asio::awaitable<void> {
        const auto request = login_request("rotator", 3, passwords, k_gs);
        auto kept = co_await client.login(request);
        if (!kept.session) {
            ADD_FAILURE() << "no session";
            co_return;
        }
        const auto change = set_password(kRotator, kPasswordSize20, key20("ABCDEFGHIJKLMNOPQRST"));
        const auto changed = co_await kept.session->send(change);
        EXPECT_TRUE(changed && changed->ok());

        auto proof = co_await client.login(request);
        EXPECT_EQ(proof.outcome, HandshakeOutcome::kMatched);
        EXPECT_EQ(proof.password->id, 1U);
        EXPECT_EQ(proof.password->form, Form::kFirst16);
        EXPECT_TRUE(proof.password->live.equals(key20("ABCDEFGHIJKLMNOP")));
        const auto in_kept = co_await kept.session->send(get_device_id());
        EXPECT_TRUE(in_kept && in_kept->ok());
        if (proof.session) {
            const auto in_proof = co_await proof.session->send(get_device_id());
            EXPECT_TRUE(in_proof && in_proof->ok());
            co_await proof.session->close();
        }
        co_await kept.session->close();
        EXPECT_EQ(client.counters().retransmissions, 0U);
        EXPECT_EQ(client.counters().failed_logins, 0U);
    });
}

TEST_F(RealServer, IpmiSimWithAnotherGuidThanThePinnedOneGetsNoRakp3) {
    const auto server = ServerProcess::ipmi_sim();
    const Keys passwords({"rotpass0"});
    const Keys k_gs({});
    with(*server, [&](BmcClient& client) -> asio::awaitable<void> {
        auto request = login_request("rotator", 3, passwords, k_gs);
        request.pinned_guid = Guid{1, 2, 3};
        const auto changed = co_await client.login(request);
        EXPECT_EQ(changed.outcome, HandshakeOutcome::kIdentityChanged);
        EXPECT_EQ(client.counters().round_trips, 2U);
        request.pinned_guid = changed.guid;
        auto known = co_await client.login(request);
        EXPECT_EQ(known.outcome, HandshakeOutcome::kMatched);
        if (known.session) co_await known.session->close();
    });
}

TEST_F(RealServer, PyghmiNamesPasswordAndKey) {
    const auto server = ServerProcess::pyghmi("PyghmiPassword-20byt", "pyghmi-key-20-bytes!");
    const Keys passwords(among(1001, "PyghmiPassword-20byt", 1001));
    const Keys k_gs(among(100, "pyghmi-key-20-bytes!", 99));
    with(*server, [&](BmcClient& client) -> asio::awaitable<void> {
        const auto capabilities = co_await client.capabilities();
        EXPECT_TRUE(capabilities.has_value());
        const auto suites = co_await client.cipher_suites();
        EXPECT_EQ(suites, std::vector<std::uint8_t>{3});
        const auto request = login_request("ADMIN", 3, passwords, k_gs);
        auto report = co_await client.login(request);
        EXPECT_EQ(report.outcome, HandshakeOutcome::kMatched);
        if (!report.session) co_return;
        EXPECT_EQ(report.password->id, 1001U);
        EXPECT_EQ(report.k_g->id, 99U);
        const auto device = co_await report.session->send(get_device_id());
        EXPECT_TRUE(device && device->ok());
        co_await report.session->close();
        EXPECT_FALSE(report.session->lost());
    });
}

TEST_F(RealServer, PyghmiWithoutAKeyIsFoundToHaveNone) {
    const auto server = ServerProcess::pyghmi("PyghmiPassword-20byt", "");
    const Keys passwords({"PyghmiPassword-20byt"});
    const Keys k_gs({"pyghmi-key-20-bytes!"});
    with(*server, [&](BmcClient& client) -> asio::awaitable<void> {
        const auto request = login_request("ADMIN", 3, passwords, k_gs);
        auto report = co_await client.login(request);
        EXPECT_EQ(report.outcome, HandshakeOutcome::kMatched);
        EXPECT_FALSE(report.k_g && report.k_g->id);
        if (report.session) co_await report.session->close();
    });
}

}  // namespace
}  // namespace bmcvault::ipmi::test
