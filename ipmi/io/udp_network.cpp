#include "ipmi/io/udp_network.hpp"

#include <fmt/format.h>

#include <array>
#include <asio/ip/address.hpp>
#include <asio/ip/udp.hpp>
#include <asio/ip/v6_only.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <map>

#include "ipmi/core/frame.hpp"
#include "vault/base/check.hpp"

namespace bmcvault::ipmi {
namespace {

using asio::ip::udp;

// Answers of a whole fleet may arrive between two turns of the loop. The kernel gives what it allows.
constexpr int kReceiveBuffer = 8 << 20;
// Datagrams taken per wake-up, so that timers get their turn under a flood.
constexpr int kBurst = 256;

class TimerAlarm final : public Alarm {
public:
    explicit TimerAlarm(asio::io_context& context) : timer_(context) {}

    asio::awaitable<bool> wait_until(TimePoint deadline) override {
        if (!rung_) {
            timer_.expires_at(deadline);
            asio::error_code cancelled_by_ring;
            co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled_by_ring));
        }
        co_return std::exchange(rung_, false);
    }
    void ring() override {
        rung_ = true;
        timer_.cancel();
    }

private:
    asio::steady_timer timer_;
    bool rung_ = false;
};

}  // namespace

// Shared with the receive handlers, which may run once more after the network is gone.
struct UdpNetwork::State : std::enable_shared_from_this<UdpNetwork::State> {
    explicit State(asio::io_context& io) : context(io), v4(io), v6(io) {}

    asio::error_code open(udp::socket& socket, const udp& family) {
        asio::error_code error;
        (void)socket.open(family, error);
        if (error) return error;
        asio::error_code ignored;
        (void)socket.set_option(udp::socket::receive_buffer_size(kReceiveBuffer), ignored);
        if (family == udp::v6()) (void)socket.set_option(asio::ip::v6_only(true), ignored);
        (void)socket.bind(udp::endpoint(family, 0), error);
        if (!error) (void)socket.non_blocking(true, error);
        if (error) (void)socket.close(ignored);
        return error;
    }

    void await_datagrams(udp::socket& socket) {
        socket.async_wait(udp::socket::wait_read, [self = shared_from_this(), &socket](const asio::error_code& error) {
            if (error || !socket.is_open()) return;
            self->take_datagrams(socket);
            self->await_datagrams(socket);
        });
    }

    void take_datagrams(udp::socket& socket) {
        // One byte more than the largest datagram that is looked at: longer ones show and are dropped.
        std::array<std::uint8_t, kMaxDatagram + 1> buffer;
        for (int i = 0; i < kBurst && socket.is_open(); ++i) {
            Peer from;
            asio::error_code error;
            const std::size_t size = socket.receive_from(asio::buffer(buffer), from, 0, error);
            if (error == asio::error::would_block) return;
            if (!error) deliver(from, ByteView(buffer).first(size));
        }
    }

    void deliver(const Peer& from, ByteView datagram) {
        const auto found = receivers.find(from);
        if (found == receivers.end()) {
            ++dropped;
            return;
        }
        const auto receiver = found->second;  // it may detach itself
        (*receiver)(datagram);
    }

    asio::io_context& context;
    udp::socket v4;
    udp::socket v6;
    std::map<Peer, std::shared_ptr<Receiver>> receivers;
    std::uint64_t dropped = 0;
};

Result<std::unique_ptr<UdpNetwork>> UdpNetwork::open(asio::io_context& context) {
    auto state = std::make_shared<State>(context);
    if (const auto error = state->open(state->v4, udp::v4())) {
        return fail(ErrorCode::kIo, fmt::format("no UDP socket: {}", error.message()));
    }
    state->await_datagrams(state->v4);
    if (!state->open(state->v6, udp::v6())) state->await_datagrams(state->v6);
    return std::unique_ptr<UdpNetwork>(new UdpNetwork(std::move(state)));
}

UdpNetwork::UdpNetwork(std::shared_ptr<State> state) : state_(std::move(state)) {}

UdpNetwork::~UdpNetwork() {
    asio::error_code ignored;
    (void)state_->v4.close(ignored);
    (void)state_->v6.close(ignored);
}

TimePoint UdpNetwork::now() const {
    return std::chrono::steady_clock::now();
}

std::unique_ptr<Alarm> UdpNetwork::make_alarm() {
    return std::make_unique<TimerAlarm>(state_->context);
}

void UdpNetwork::send(const Peer& peer, ByteView datagram) {
    auto& socket = peer.address().is_v6() ? state_->v6 : state_->v4;
    // A datagram that the kernel refuses is a lost one: retransmission and time-out deal with both.
    asio::error_code lost;
    if (socket.is_open()) socket.send_to(asio::buffer(datagram.data(), datagram.size()), peer, 0, lost);
}

void UdpNetwork::attach(const Peer& peer, Receiver receiver) {
    const bool attached = state_->receivers.emplace(peer, std::make_shared<Receiver>(std::move(receiver))).second;
    BMCVAULT_CHECK(attached);
}

bool UdpNetwork::is_attached(const Peer& peer) const {
    return state_->receivers.contains(peer);
}

void UdpNetwork::detach(const Peer& peer) {
    state_->receivers.erase(peer);
}

std::uint64_t UdpNetwork::dropped() const {
    return state_->dropped;
}

asio::awaitable<Result<Peer>> resolve(std::string host, std::uint16_t port) {
    const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
    const std::string bare = bracketed ? host.substr(1, host.size() - 2) : host;
    asio::error_code error;
    const auto address = asio::ip::make_address(bare, error);
    if (!error) co_return Peer(address, port);

    udp::resolver resolver(co_await asio::this_coro::executor);
    const auto found =
        co_await resolver.async_resolve(bare, std::to_string(port), asio::redirect_error(asio::use_awaitable, error));
    if (error || found.empty()) {
        co_return fail(ErrorCode::kNotFound, fmt::format("host '{}' is not known: {}", host, error.message()));
    }
    co_return found.begin()->endpoint();
}

}  // namespace bmcvault::ipmi
