// A fleet served by a thread for as long as the object lives.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <thread>

#include "ipmi/virtual_bmc/fleet_server.hpp"

namespace bmcvault::virtual_bmc::test {

class ServedFleet {
public:
    explicit ServedFleet(std::vector<Config> bmcs, LinkFaults faults = {}, std::uint64_t seed = 1) {
        auto started = FleetServer::start(std::move(bmcs), 0, faults, seed);
        if (!started) throw std::runtime_error(started.error().detail);
        server_ = std::move(*started);
        thread_ = std::thread([this] { server_->serve(stop_); });
    }
    ~ServedFleet() {
        stop_ = true;
        thread_.join();
    }
    ServedFleet(const ServedFleet&) = delete;
    ServedFleet& operator=(const ServedFleet&) = delete;

    FleetServer* operator->() { return server_.get(); }
    template <class Look>
    auto look(std::size_t i, Look&& reader) {
        decltype(reader(std::declval<VirtualBmc&>())) out{};
        server_->inspect(i, [&](VirtualBmc& bmc) { out = reader(bmc); });
        return out;
    }

private:
    std::unique_ptr<FleetServer> server_;
    std::atomic<bool> stop_{false};
    std::thread thread_;
};

}  // namespace bmcvault::virtual_bmc::test
