// LAN and SOL configuration parameters and channel access: enough for the common tools. (IPMI 2.0 §23, §26, §22.22)
#pragma once

#include <map>
#include <utility>

#include "ipmi/virtual_bmc/virtual_bmc.hpp"

namespace bmcvault::virtual_bmc {

struct ChannelAccess {
    std::uint8_t flags = 0x02;  // [2:0] 2: always available; [3], [4], [5]: authentication and alerting disabled
    std::uint8_t privilege_limit = static_cast<std::uint8_t>(ipmi::PrivilegeLevel::kAdministrator);
};

class LanParameters {
public:
    explicit LanParameters(Config& config);  // borrowed: parameter 26 is the lock-out of the configuration

    // Both return a completion code; `out` gets the data after the parameter revision.
    [[nodiscard]] std::uint8_t get_lan(std::uint8_t parameter, std::uint8_t set_selector, Bytes& out) const;
    [[nodiscard]] std::uint8_t set_lan(std::uint8_t parameter, ByteView data);
    [[nodiscard]] std::uint8_t get_sol(std::uint8_t parameter, Bytes& out) const;
    [[nodiscard]] std::uint8_t set_sol(std::uint8_t parameter, ByteView data);

    // Parameter 24, by suite: 0 when the suite is switched off.
    [[nodiscard]] std::uint8_t suite_privilege(std::uint8_t suite_id) const;
    void board_swapped();  // reads the MAC address again

    ChannelAccess volatile_access;
    ChannelAccess non_volatile_access;

private:
    using Key = std::pair<std::uint8_t, std::uint8_t>;  // parameter, set selector

    [[nodiscard]] Bytes lock_out_parameter() const;
    void set_lock_out(ByteView data);

    Config& config_;
    std::map<Key, Bytes> lan_;
    std::map<std::uint8_t, Bytes> sol_;
    std::uint8_t lock_out_flags_ = 0;
    Bytes reset_interval_{0, 0};
};

}  // namespace bmcvault::virtual_bmc
