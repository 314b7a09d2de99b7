// Ctrl-C during long work: the first asks to stop after the BMCs in flight, later ones change nothing. Lives around the
// work; the handlers of before come back with the destructor.
#pragma once

#include <array>
#include <atomic>
#include <csignal>

namespace bmcvault::cli {

class Interrupts {
public:
    Interrupts();
    ~Interrupts();
    Interrupts(const Interrupts&) = delete;
    Interrupts& operator=(const Interrupts&) = delete;

    [[nodiscard]] const std::atomic<bool>& stop() const;
    [[nodiscard]] static int count();  // signals so far

private:
    static constexpr std::array kSignals{SIGINT, SIGTERM, SIGHUP};
    std::array<struct sigaction, kSignals.size()> before_{};
};

}  // namespace bmcvault::cli
