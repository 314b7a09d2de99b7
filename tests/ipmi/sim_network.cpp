#include "tests/ipmi/sim_network.hpp"

#include <asio/co_spawn.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <stdexcept>

namespace bmcvault::ipmi::test {
namespace {

constexpr TimePoint kStart{std::chrono::hours(1)};

}  // namespace

// The timer never expires: it is only what a coroutine can hang on until the alarm is rung or its event comes.
class SimAlarm final : public Alarm {
public:
    explicit SimAlarm(SimNetwork& network) : network_(network), state_(std::make_shared<State>(network.context_)) {}

    asio::awaitable<bool> wait_until(TimePoint deadline) override {
        if (!state_->rung) {
            const auto waiting = ++state_->waits;
            network_.at(deadline, [state = std::weak_ptr(state_), waiting] {
                const auto alive = state.lock();
                if (alive && alive->waits == waiting) alive->timer.cancel();
            });
            state_->timer.expires_at(TimePoint::max());
            asio::error_code woken;
            co_await state_->timer.async_wait(asio::redirect_error(asio::use_awaitable, woken));
            ++state_->waits;
        }
        co_return std::exchange(state_->rung, false);
    }
    void ring() override {
        state_->rung = true;
        state_->timer.cancel();
    }

private:
    struct State {
        explicit State(asio::io_context& context) : timer(context) {}
        asio::steady_timer timer;
        bool rung = false;
        int waits = 0;
    };
    SimNetwork& network_;
    std::shared_ptr<State> state_;
};

void SimNetwork::run(const std::function<asio::awaitable<void>()>& body) {
    bool done = false;
    std::exception_ptr failure;
    asio::co_spawn(context_, body, [&](std::exception_ptr error) {
        done = true;
        failure = std::move(error);
    });
    while (true) {
        context_.restart();
        while (context_.poll() > 0) {
        }
        if (done) break;
        if (events_.empty()) throw std::logic_error("the coroutine waits for nothing");
        const auto next = events_.begin();
        now_ = std::max(now_, next->first);
        const auto event = std::move(next->second);
        events_.erase(next);
        event();
    }
    if (failure) std::rethrow_exception(failure);
}

std::chrono::milliseconds SimNetwork::elapsed() const {
    return std::chrono::duration_cast<std::chrono::milliseconds>(now_ - kStart);
}

std::unique_ptr<Alarm> SimNetwork::make_alarm() {
    return std::make_unique<SimAlarm>(*this);
}

void SimNetwork::send(const Peer& peer, ByteView datagram) {
    sent_.push_back({elapsed(), Bytes(datagram.begin(), datagram.end())});
    const auto bmc = bmcs_.find(peer);
    if (bmc == bmcs_.end()) return;
    for (auto& delivery : bmc->second(sent_.back().datagram, now_)) {
        at(now_ + delivery.delay, [this, peer, reply = std::move(delivery.datagram)] {
            const auto found = receivers_.find(peer);
            if (found == receivers_.end()) return;
            const auto receiver = found->second;
            (*receiver)(reply);
        });
    }
}

void SimNetwork::attach(const Peer& peer, Receiver receiver) {
    receivers_[peer] = std::make_shared<Receiver>(std::move(receiver));
}

void SimNetwork::detach(const Peer& peer) {
    receivers_.erase(peer);
}

void SimNetwork::at(TimePoint when, std::function<void()> event) {
    events_.emplace(when, std::move(event));
}

}  // namespace bmcvault::ipmi::test
