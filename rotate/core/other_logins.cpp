#include "rotate/core/other_logins.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace bmcvault::rotate {
namespace {

struct Entry {
    std::uint32_t manufacturer;
    std::string_view logins;
};

constexpr std::string_view kDell =
    "Dell: web, SSH and Redfish are expected to take the same password; the Redfish role is set apart, and SNMPv3 has "
    "a "
    "passphrase of its own where that is enabled.";
constexpr std::string_view kHpe =
    "HPE: web, SSH and Redfish are expected to take the same password; SNMPv3 profiles and application accounts have "
    "their own.";
constexpr std::string_view kSupermicro =
    "Supermicro: Redfish takes the same password on older firmware, and has accounts of its own from Gen13 01.05 and "
    "Gen14 01.02 on: change those there. Web, SSH and SNMPv3 are not known.";
constexpr std::string_view kLenovo =
    "Lenovo, IBM: web and SSH of an IMM, and Redfish of an XCC, take the same password; the others are expected to, "
    "where the account may use them.";
constexpr std::string_view kAmi =
    "AMI MegaRAC: the web interface takes the same password; SSH and SNMPv3 are as the board's maker has it, and its "
    "Linux account sysadmin never changes with it.";
constexpr std::string_view kFujitsu =
    "Fujitsu: web, SSH and Redfish are expected to take the same password, where the account may use them; SNMPv3 is "
    "not known.";
constexpr std::string_view kCisco =
    "Cisco: web and SSH are expected to take the same password; SNMPv3 users have their own, Redfish is not known.";
constexpr std::string_view kOpenBmc = "OpenBMC: web, Redfish, and SSH of members of its group, take the same password.";
constexpr std::string_view kUnknown =
    "Of this manufacturer it is not known whether web, SSH, Redfish and SNMPv3 take the same password.";

constexpr std::array kEntries{Entry{2, kLenovo},     Entry{11, kHpe},           Entry{674, kDell},
                              Entry{5771, kCisco},   Entry{10368, kFujitsu},    Entry{10876, kSupermicro},
                              Entry{19046, kLenovo}, Entry{20301, kLenovo},     Entry{20974, kAmi},
                              Entry{47196, kHpe},    Entry{47488, kSupermicro}, Entry{49871, kOpenBmc}};

}  // namespace

std::optional<std::uint32_t> manufacturer_of(std::string_view kind) {
    std::uint32_t manufacturer = 0;
    const auto [end, error] = std::from_chars(kind.data(), kind.data() + kind.size(), manufacturer);
    if (error != std::errc{} || end == kind.data() + kind.size() || *end != '/') return std::nullopt;
    return manufacturer;
}

std::string_view other_logins(std::optional<std::uint32_t> manufacturer) {
    if (!manufacturer) return kUnknown;
    const auto found = std::ranges::find(kEntries, *manufacturer, &Entry::manufacturer);
    return found == kEntries.end() ? kUnknown : found->logins;
}

}  // namespace bmcvault::rotate
