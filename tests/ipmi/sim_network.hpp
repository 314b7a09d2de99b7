// A Network in virtual time: datagrams go to functions, nothing waits for a clock, every run is the same.
#pragma once

#include <asio/io_context.hpp>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "ipmi/io/network.hpp"

namespace bmcvault::ipmi::test {

class SimNetwork final : public Network {
public:
    struct Delivery {
        std::chrono::milliseconds delay{0};
        Bytes datagram;
    };
    // What comes back for a datagram that was sent.
    using Bmc = std::function<std::vector<Delivery>(const Bytes& datagram, TimePoint now)>;
    struct Sent {
        std::chrono::milliseconds at;
        Bytes datagram;
    };

    void connect(const Peer& peer, Bmc bmc) { bmcs_[peer] = std::move(bmc); }
    // Runs `body` to its end in virtual time. Throws when it waits for something that will never happen.
    void run(const std::function<asio::awaitable<void>()>& body);

    [[nodiscard]] const std::vector<Sent>& sent() const { return sent_; }
    [[nodiscard]] std::chrono::milliseconds elapsed() const;

    [[nodiscard]] TimePoint now() const override { return now_; }
    [[nodiscard]] std::unique_ptr<Alarm> make_alarm() override;
    void send(const Peer& peer, ByteView datagram) override;
    void attach(const Peer& peer, Receiver receiver) override;
    [[nodiscard]] bool is_attached(const Peer& peer) const override { return receivers_.contains(peer); }
    void detach(const Peer& peer) override;

private:
    friend class SimAlarm;
    void at(TimePoint when, std::function<void()> event);

    asio::io_context context_;
    TimePoint now_{std::chrono::hours(1)};
    std::multimap<TimePoint, std::function<void()>> events_;
    std::map<Peer, Bmc> bmcs_;
    std::map<Peer, std::shared_ptr<Receiver>> receivers_;
    std::vector<Sent> sent_;
};

}  // namespace bmcvault::ipmi::test
