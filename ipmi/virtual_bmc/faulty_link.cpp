// The dice of a bad network. Every datagram draws in the same order, so that a seed replays.
#include "ipmi/virtual_bmc/faulty_link.hpp"

#include <algorithm>

namespace bmcvault::virtual_bmc {

namespace {

constexpr std::chrono::milliseconds kLeastLatency{1};  // so that reordering reorders on a fast link too
constexpr int kReorderFactor = 4;

bool happens(double probability, std::mt19937_64& random) {
    constexpr double kRange = 18446744073709551616.0;  // 2^64
    return static_cast<double>(random()) / kRange < probability;
}

void flip_bits(Bytes& datagram, std::mt19937_64& random) {
    if (datagram.empty()) return;
    const std::uint64_t flips = 1 + random() % 3;
    for (std::uint64_t i = 0; i < flips; ++i) {
        const std::size_t bit = random() % (datagram.size() * 8);
        datagram[bit / 8] = static_cast<std::uint8_t>(datagram[bit / 8] ^ (1U << (bit % 8)));
    }
}

}  // namespace

std::vector<Delivery> FaultyLink::carry(const Bytes& datagram) {
    if (happens(faults_.loss, random_)) return {};
    const bool twice = happens(faults_.duplicate, random_);
    std::vector<Delivery> out;
    for (int copy = 0; copy < (twice ? 2 : 1); ++copy) {
        Delivery delivery{faults_.latency, datagram};
        if (happens(faults_.reorder, random_)) {
            const auto most = kReorderFactor * std::max(faults_.latency, kLeastLatency).count();
            delivery.delay += std::chrono::milliseconds(1 + random_() % static_cast<std::uint64_t>(most));
        }
        if (happens(faults_.corrupt, random_)) flip_bits(delivery.datagram, random_);
        out.push_back(std::move(delivery));
    }
    return out;
}

}  // namespace bmcvault::virtual_bmc
