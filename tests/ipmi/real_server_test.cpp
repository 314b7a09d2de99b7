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

}  // namespace
}  // namespace bmcvault::ipmi::test
