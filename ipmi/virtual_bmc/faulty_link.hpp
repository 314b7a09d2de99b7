// A seeded bad network: what happens to one datagram. Pure but for its own generator.
#pragma once

#include <chrono>
#include <cstdint>
#include <random>
#include <vector>

#include "vault/base/bytes.hpp"

namespace bmcvault::virtual_bmc {

struct LinkFaults {  // probabilities 0 to 1, per datagram
    double loss = 0;
    double duplicate = 0;
    double reorder = 0;  // delayed by up to 4x latency
    double corrupt = 0;  // one to three bits
    std::chrono::milliseconds latency{0};
};

struct Delivery {
    std::chrono::milliseconds delay{0};
    Bytes datagram;
};

class FaultyLink {
public:
    FaultyLink(LinkFaults faults, std::uint64_t seed) : faults_(faults), random_(seed) {}
    [[nodiscard]] std::vector<Delivery> carry(const Bytes& datagram);  // 0, 1 or 2 deliveries

private:
    LinkFaults faults_;
    std::mt19937_64 random_;
};

}  // namespace bmcvault::virtual_bmc
