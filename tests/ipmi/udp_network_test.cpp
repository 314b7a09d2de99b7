// The real network on loopback: who gets which datagram, both address families, names, alarms.
#include "ipmi/io/udp_network.hpp"

#include <gtest/gtest.h>

#include <array>
#include <asio/ip/udp.hpp>
#include <asio/ip/v6_only.hpp>

#include "tests/ipmi/loop.hpp"

namespace bmcvault::ipmi::test {
namespace {

using asio::ip::udp;
using namespace std::chrono_literals;

class Udp : public testing::Test {
protected:
    Udp() : network_(UdpNetwork::open(context_).value()) {}

    // Answers one datagram from a socket of our own: takes it, and sends `text` back.
    static void answer(udp::socket& socket, std::string_view text) {
        std::array<char, 64> buffer;
        udp::endpoint from;
        socket.receive_from(asio::buffer(buffer), from);
        socket.send_to(asio::buffer(text), from);
    }
    void expect_answer_from(udp::socket& bmc) {
        const Peer peer = bmc.local_endpoint();
        auto alarm = network_->make_alarm();
        std::string heard;
        network_->attach(peer, [&](ByteView datagram) {
            heard.assign(datagram.begin(), datagram.end());
            alarm->ring();
        });
        run(context_, [&]() -> asio::awaitable<void> {
            network_->send(peer, as_bytes("question"));
            answer(bmc, "reply");
            EXPECT_TRUE(co_await alarm->wait_until(network_->now() + 10s));
        });
        network_->detach(peer);
        EXPECT_EQ(heard, "reply");
    }

    asio::io_context context_;
    std::unique_ptr<UdpNetwork> network_;
};

TEST_F(Udp, CarriesIpv4) {
    udp::socket bmc(context_, udp::endpoint(asio::ip::address_v4::loopback(), 0));
    expect_answer_from(bmc);
}

TEST_F(Udp, CarriesIpv6) {
    udp::socket bmc(context_, udp::endpoint(asio::ip::address_v6::loopback(), 0));
    expect_answer_from(bmc);
}

TEST_F(Udp, GivesADatagramToItsPeerAloneAndCountsStrangers) {
    udp::socket bmc(context_, udp::endpoint(asio::ip::make_address("127.0.0.2"), 0));
    udp::socket other(context_, udp::endpoint(asio::ip::make_address("127.0.0.3"), 0));
    // The right address with another port is a stranger as well.
    udp::socket stranger(context_, udp::endpoint(asio::ip::make_address("127.0.0.2"), 0));
    std::string from_bmc;
    std::string from_other;
    auto alarm = network_->make_alarm();
    network_->attach(bmc.local_endpoint(), [&](ByteView datagram) {
        from_bmc.assign(datagram.begin(), datagram.end());
        alarm->ring();
    });
    network_->attach(other.local_endpoint(),
                     [&](ByteView datagram) { from_other.assign(datagram.begin(), datagram.end()); });
    run(context_, [&]() -> asio::awaitable<void> {
        network_->send(bmc.local_endpoint(), as_bytes("who are you"));
        std::array<char, 64> buffer;
        udp::endpoint console;
        bmc.receive_from(asio::buffer(buffer), console);
        stranger.send_to(asio::buffer(std::string_view("forged")), console);
        other.send_to(asio::buffer(std::string_view("mine")), console);
        bmc.send_to(asio::buffer(std::string_view("true")), console);  // last: when it is here, all are
        EXPECT_TRUE(co_await alarm->wait_until(network_->now() + 10s));
    });
    EXPECT_EQ(from_bmc, "true");
    EXPECT_EQ(from_other, "mine");
    EXPECT_EQ(network_->dropped(), 1U);
}

TEST_F(Udp, AReceiverMayDetachItself) {
    udp::socket bmc(context_, udp::endpoint(asio::ip::address_v4::loopback(), 0));
    const Peer peer = bmc.local_endpoint();
    auto alarm = network_->make_alarm();
    network_->attach(peer, [&, witness = std::make_shared<int>(7)](ByteView) {
        network_->detach(peer);
        EXPECT_EQ(*witness, 7);  // still alive
        alarm->ring();
    });
    run(context_, [&]() -> asio::awaitable<void> {
        network_->send(peer, as_bytes("question"));
        answer(bmc, "reply");
        EXPECT_TRUE(co_await alarm->wait_until(network_->now() + 10s));
    });
}

TEST_F(Udp, ADeadlineThatPassesIsNotARing) {
    run(context_, [&]() -> asio::awaitable<void> {
        auto alarm = network_->make_alarm();
        EXPECT_FALSE(co_await alarm->wait_until(network_->now() + 1ms));
        alarm->ring();  // before anyone waits
        EXPECT_TRUE(co_await alarm->wait_until(network_->now() + 10s));
        EXPECT_FALSE(co_await alarm->wait_until(network_->now()));
    });
}

TEST_F(Udp, ResolvesAddressesAndNamesAndSaysWhichNameIsUnknown) {
    run(context_, [&]() -> asio::awaitable<void> {
        const auto v4 = co_await resolve("192.0.2.7", 623);
        EXPECT_EQ(v4.value(), Peer(asio::ip::make_address("192.0.2.7"), 623));
        const auto v6 = co_await resolve("2001:db8::7", 1623);
        EXPECT_EQ(v6.value(), Peer(asio::ip::make_address("2001:db8::7"), 1623));
        const auto bracketed = co_await resolve("[::1]", 623);
        EXPECT_EQ(bracketed.value(), Peer(asio::ip::address_v6::loopback(), 623));
        const auto name = co_await resolve("localhost", 623);
        EXPECT_TRUE(name && name->address().is_loopback());
        const auto unknown = co_await resolve("no such host.invalid", 623);
        EXPECT_EQ(unknown.error().code, ErrorCode::kNotFound);
        EXPECT_NE(unknown.error().detail.find("no such host.invalid"), std::string::npos);
    });
}

}  // namespace
}  // namespace bmcvault::ipmi::test
