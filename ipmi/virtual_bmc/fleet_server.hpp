// Thousands of virtual BMCs on loopback from one thread: a socket on 0.0.0.0 bound to the device `lo`, IP_PKTINFO says
// which of 127.0.0.0/8 was meant. Never answers another machine: refuses to start when the binding fails.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ipmi/virtual_bmc/faulty_link.hpp"
#include "ipmi/virtual_bmc/virtual_bmc.hpp"

namespace bmcvault::virtual_bmc {

class FleetServer {
public:
    // port 0: the kernel chooses one (see port()). BMC i answers on address(i):port().
    [[nodiscard]] static Result<std::unique_ptr<FleetServer>> start(std::vector<Config> bmcs, std::uint16_t port,
                                                                    LinkFaults faults, std::uint64_t seed);
    ~FleetServer();

    [[nodiscard]] std::uint16_t port() const;
    [[nodiscard]] std::string address(std::size_t i) const;  // 127.66.x.y
    // Serves until stop is set (checked at least every 100 ms) .
    void serve(const std::atomic<bool>& stop);
    // Runs `look` between two datagrams, whether or not serve() runs; callable from any thread. For tests.
    void inspect(std::size_t i, const std::function<void(VirtualBmc&)>& look);

private:
    struct State;
    explicit FleetServer(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace bmcvault::virtual_bmc
