#include "rotate/core/vendor_defaults.hpp"

#include <array>

namespace bmcvault::rotate {
namespace {

constexpr std::array kDefaults{
    VendorDefault{"Advantech", "admin", "admin"},
    VendorDefault{"AMI MegaRAC", "admin", "admin"},
    VendorDefault{"AMI MegaRAC", "admin", "superuser"},
    VendorDefault{"ASRock Rack", "admin", "admin"},
    VendorDefault{"ASUS", "admin", "admin"},
    VendorDefault{"Cisco", "admin", "password"},
    VendorDefault{"Dell", "root", "calvin"},
    VendorDefault{"Fujitsu", "admin", "admin"},
    VendorDefault{"Gigabyte", "admin", "password"},
    VendorDefault{"H3C", "admin", "Password@_"},
    VendorDefault{"Huawei", "Administrator", "Admin@9000"},
    VendorDefault{"Huawei", "root", "Huawei12#$"},
    VendorDefault{"Inspur", "admin", "admin"},
    VendorDefault{"Intel", "root", "superuser"},
    VendorDefault{"Lenovo, IBM", "USERID", "PASSW0RD"},
    VendorDefault{"NVIDIA", "admin", "admin"},
    VendorDefault{"OpenBMC", "root", "0penBmc"},
    VendorDefault{"Oracle, Sun", "root", "changeme"},
    VendorDefault{"Quanta", "admin", "cmb9.admin"},
    VendorDefault{"Quanta", "root", "root"},
    VendorDefault{"Supermicro", "ADMIN", "ADMIN"},
};

}  // namespace

std::span<const VendorDefault> vendor_defaults() {
    return kDefaults;
}

}  // namespace bmcvault::rotate
