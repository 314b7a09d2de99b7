// What a BMC remembers beside accounts and LAN parameters: PEF, boot options, system info, the DCMI asset tag, FRU 0.
// As an owner leaves it behind. (IPMI 2.0 §22.14a, §28.12, §30, §34; DCMI 1.5 §6.4)
#pragma once

#include <map>
#include <tuple>

#include "ipmi/virtual_bmc/virtual_bmc.hpp"

namespace bmcvault::virtual_bmc {

class Settings {
public:
    explicit Settings(const Config& config);

    enum class Family : std::uint8_t { kPef, kBoot, kSystemInfo };
    // Both return a completion code; `out` gets the value after the parameter revision.
    [[nodiscard]] std::uint8_t get(Family family, std::uint8_t parameter, std::uint8_t selector, Bytes& out) const;
    [[nodiscard]] std::uint8_t set(Family family, std::uint8_t parameter, ByteView value);

    [[nodiscard]] std::uint8_t get_asset_tag(std::uint8_t offset, std::uint8_t size, Bytes& out) const;
    [[nodiscard]] std::uint8_t set_asset_tag(std::uint8_t offset, ByteView text);
    [[nodiscard]] std::uint8_t read_fru(std::uint16_t offset, std::uint8_t size, Bytes& out) const;

private:
    using Key = std::tuple<Family, std::uint8_t, std::uint8_t>;  // parameter, set selector
    void put(Family family, std::uint8_t parameter, std::uint8_t selector, Bytes value);

    const Config& config_;
    std::map<Key, Bytes> values_;
    Bytes asset_tag_;
    Bytes fru_;
};

}  // namespace bmcvault::virtual_bmc
