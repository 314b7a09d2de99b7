#include "cli/interrupts.hpp"

namespace bmcvault::cli {
namespace {

std::atomic<bool> stop_requested{false};
std::atomic<int> signals{0};
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free);

void note_signal(int) {
    stop_requested.store(true);
    signals.fetch_add(1);
}

}  // namespace

Interrupts::Interrupts() {
    stop_requested = false;
    signals = 0;
    struct sigaction action{};
    action.sa_handler = note_signal;
    action.sa_flags = SA_RESTART;
    for (std::size_t i = 0; i < kSignals.size(); ++i) {
        sigaction(kSignals[i], nullptr, &before_[i]);
        // nohup and background jobs of a script have their signals ignored: that stays so.
        if (before_[i].sa_handler != SIG_IGN) sigaction(kSignals[i], &action, nullptr);
    }
}

Interrupts::~Interrupts() {
    for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &before_[i], nullptr);
}

const std::atomic<bool>& Interrupts::stop() const {
    return stop_requested;
}
int Interrupts::count() {
    return signals.load();
}

}  // namespace bmcvault::cli
