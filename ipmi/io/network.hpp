// The ports of the BMC client: datagrams, time, alarms. Real ones over Asio (udp_network.hpp); simulated ones in tests.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/ip/udp.hpp>
#include <chrono>
#include <functional>
#include <memory>

#include "vault/base/bytes.hpp"

namespace bmcvault::ipmi {

using Peer = asio::ip::udp::endpoint;
using TimePoint = std::chrono::steady_clock::time_point;

// Something a coroutine can wait on until a deadline, or until rung, whichever is first. One waiter at a time.
class Alarm {
public:
    virtual ~Alarm() = default;
    // True: rung (also when ring() came before the wait). False: the deadline passed.
    [[nodiscard]] virtual asio::awaitable<bool> wait_until(TimePoint deadline) = 0;
    virtual void ring() = 0;
};

class Network {
public:
    using Receiver = std::function<void(ByteView datagram)>;

    virtual ~Network() = default;
    [[nodiscard]] virtual TimePoint now() const = 0;
    [[nodiscard]] virtual std::unique_ptr<Alarm> make_alarm() = 0;
    // Best effort, like UDP. The datagram is copied.
    virtual void send(const Peer&, ByteView datagram) = 0;
    // Datagrams whose source address and port are exactly `peer` go to `receiver`; all others are dropped and counted.
    // One receiver per peer; detach() before it dies.
    virtual void attach(const Peer& peer, Receiver receiver) = 0;
    [[nodiscard]] virtual bool is_attached(const Peer& peer) const = 0;  // two names may lead to one peer
    virtual void detach(const Peer& peer) = 0;
};

}  // namespace bmcvault::ipmi
