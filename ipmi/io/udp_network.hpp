// The Network over Asio: one UDP socket per address family for the whole fleet, demultiplexed by exact peer address.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <string>

#include "ipmi/io/network.hpp"
#include "vault/base/error.hpp"

namespace bmcvault::ipmi {

// Lives on the thread that runs `context`; nothing in it is thread-safe.
class UdpNetwork final : public Network {
public:
    // kIo when not even an IPv4 socket can be had. A host without IPv6 is fine: its IPv6 peers never answer.
    [[nodiscard]] static Result<std::unique_ptr<UdpNetwork>> open(asio::io_context& context);
    ~UdpNetwork() override;

    [[nodiscard]] TimePoint now() const override;
    [[nodiscard]] std::unique_ptr<Alarm> make_alarm() override;
    void send(const Peer& peer, ByteView datagram) override;
    void attach(const Peer& peer, Receiver receiver) override;
    [[nodiscard]] bool is_attached(const Peer& peer) const override;
    void detach(const Peer& peer) override;

    // Datagrams from addresses that nobody asked.
    [[nodiscard]] std::uint64_t dropped() const;

private:
    struct State;
    explicit UdpNetwork(std::shared_ptr<State> state);
    std::shared_ptr<State> state_;
};

// Host name, IPv4 or IPv6 address (also "[::1]") to one peer. kNotFound names the host.
[[nodiscard]] asio::awaitable<Result<Peer>> resolve(std::string host, std::uint16_t port);

}  // namespace bmcvault::ipmi
