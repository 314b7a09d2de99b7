#include "ipmi/io/wire.hpp"

#include <algorithm>
#include <utility>

#include "vault/base/check.hpp"

namespace bmcvault::ipmi {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

constexpr milliseconds kMaxFirstTimeout{12000};
constexpr milliseconds kMaxWait{30000};  // for one answer, all transmissions together
constexpr milliseconds kBetweenWrites{2500};

milliseconds longer(milliseconds timeout) {
    return timeout * 3 / 2;
}

}  // namespace

class Wire::Listening {
public:
    Listening(Wire& wire, Alarm& alarm, Listener listener)
        : wire_(wire), alarm_(alarm), listener_(std::move(listener)) {
        wire_.listeners_.push_back(this);
    }
    ~Listening() { std::erase(wire_.listeners_, this); }
    Listening(const Listening&) = delete;
    Listening& operator=(const Listening&) = delete;

    void offer(ByteView datagram) {
        if (answered_ || !listener_(datagram)) return;
        answered_ = true;
        alarm_.ring();
    }
    [[nodiscard]] bool answered() const { return answered_; }

private:
    Wire& wire_;
    Alarm& alarm_;
    Listener listener_;
    bool answered_ = false;
};

Wire::Wire(Network& network, Peer peer, ClientOptions options)
    : network_(network), peer_(std::move(peer)), options_(std::move(options)) {
    BMCVAULT_CHECK(options_.attempts > 0 && options_.random);
    network_.attach(peer_, [this](ByteView datagram) { receive(datagram); });
}

Wire::~Wire() {
    BMCVAULT_CHECK(listeners_.empty());
    network_.detach(peer_);
}

// Everyone who waits looks at it: the pure machines know what is theirs. A listener only rings, so nobody joins or
// leaves meanwhile.
void Wire::receive(ByteView datagram) {
    for (auto* listening : listeners_) listening->offer(datagram);
}

asio::awaitable<bool> Wire::exchange(const Source& source, const Listener& listener, Timing timing) {
    const auto alarm = network_.make_alarm();
    const Listening listening(*this, *alarm, listener);
    const TimePoint start = network_.now();
    const TimePoint end = start + (timing.total.count() > 0 ? timing.total : kMaxWait);
    auto timeout = timing.first_timeout;
    for (int attempt = 0; attempt < timing.attempts; ++attempt) {
        if (attempt > 0) ++counters_.retransmissions;
        send(source(attempt));
        TimePoint deadline = network_.now() + timeout;
        const bool last = attempt + 1 == timing.attempts || deadline >= end;
        if (deadline >= end || (last && timing.total.count() > 0)) deadline = end;
        co_await alarm->wait_until(deadline);
        if (listening.answered()) {
            ++counters_.round_trips;
            round_trip_before_ = std::exchange(last_round_trip_, duration_cast<milliseconds>(network_.now() - start));
            co_return true;
        }
        if (last) break;
        timeout = longer(timeout);
    }
    co_return false;
}

asio::awaitable<void> Wire::pause(milliseconds duration) {
    const auto alarm = network_.make_alarm();
    co_await alarm->wait_until(network_.now() + duration);
}

// A BMC that is slow is waited for longer: re-sending to it opens slots and fills its queue.
Wire::Timing Wire::timing() const {
    const auto round_trip = std::min(last_round_trip_, round_trip_before_);
    const auto patience = round_trip == kUnknown ? milliseconds(0) : std::min(longer(round_trip), kMaxFirstTimeout);
    return {std::max(options_.first_timeout, patience), options_.attempts};
}

Wire::Timing Wire::timing_of_write() const {
    auto timing = this->timing();
    timing.first_timeout = std::max(timing.first_timeout, kBetweenWrites);
    timing.total = options_.write_timeout;
    return timing;
}

}  // namespace bmcvault::ipmi
