// The System Event Log of a virtual BMC: a few events, a reservation, an erasure that takes two looks. (IPMI 2.0 §31)
#pragma once

#include <array>
#include <vector>

#include "ipmi/virtual_bmc/virtual_bmc.hpp"

namespace bmcvault::virtual_bmc {

class EventLog {
public:
    explicit EventLog(const Config& config);

    // Each returns a completion code; `out` gets what follows it.
    [[nodiscard]] std::uint8_t info(Bytes& out) const;
    [[nodiscard]] std::uint8_t reserve(Bytes& out);
    [[nodiscard]] std::uint8_t entry(ByteView request, Bytes& out) const;
    [[nodiscard]] std::uint8_t clear(ByteView request, Bytes& out);
    [[nodiscard]] std::size_t size() const { return records_.size(); }
    void log(std::uint8_t sensor_type, std::uint8_t event);  // voids the reservation

private:
    using Record = std::array<std::uint8_t, 16>;

    const Config& config_;
    std::vector<Record> records_;
    std::uint16_t next_id_ = 1;
    std::uint16_t reservation_ = 0;
    bool erasing_ = false;
};

}  // namespace bmcvault::virtual_bmc
