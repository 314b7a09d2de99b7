// Everything that goes between us and one BMC: who listens to its datagrams, re-sending with back-off, counting.
#pragma once

#include <functional>
#include <vector>

#include "ipmi/io/bmc_client.hpp"

namespace bmcvault::ipmi {

class Wire {
public:
    // True: this was the answer that was waited for.
    using Listener = std::function<bool(ByteView datagram)>;
    // What to send; `attempt` counts from 0.
    using Source = std::function<Bytes(int attempt)>;

    struct Timing {
        std::chrono::milliseconds first_timeout;
        int attempts;
        std::chrono::milliseconds total{0};  // whole wait; 0: the sum of the time-outs
    };

    Wire(Network& network, Peer peer, ClientOptions options);
    ~Wire();
    Wire(const Wire&) = delete;
    Wire& operator=(const Wire&) = delete;

    // Sends, re-sends, until `listener` has its answer. False: none came.
    [[nodiscard]] asio::awaitable<bool> exchange(const Source& source, const Listener& listener, Timing timing);
    void send(ByteView datagram) { network_.send(peer_, datagram); }
    [[nodiscard]] asio::awaitable<void> pause(std::chrono::milliseconds duration);

    [[nodiscard]] Timing timing() const;
    // Set User Password and Set Channel Security Keys change a file on the BMC; BMCs that compare whole-second time
    // stamps lose the second of two writes within a second or two, also when it is our own retransmission.
    [[nodiscard]] Timing timing_of_write() const;

    template <class Value>
    [[nodiscard]] Value random() const {
        Value value;
        options_.random({reinterpret_cast<std::uint8_t*>(&value), sizeof value});
        return value;
    }
    [[nodiscard]] const ClientOptions& options() const { return options_; }
    [[nodiscard]] WireCounters& counters() { return counters_; }

private:
    class Listening;
    void receive(ByteView datagram);

    Network& network_;
    Peer peer_;
    ClientOptions options_;
    WireCounters counters_;
    std::vector<Listening*> listeners_;
    // From the first transmission to the answer, of the last two exchanges: on a net that loses, one of them is short.
    static constexpr std::chrono::milliseconds kUnknown = std::chrono::milliseconds::max();
    std::chrono::milliseconds last_round_trip_ = kUnknown;
    std::chrono::milliseconds round_trip_before_ = kUnknown;
};

}  // namespace bmcvault::ipmi
