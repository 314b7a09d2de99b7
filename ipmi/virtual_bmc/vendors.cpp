// Factory states in the manner of the vendors: default accounts, slots, suites, manners. No vendor's firmware.
#include <fmt/format.h>

#include <array>
#include <random>

#include "ipmi/virtual_bmc/virtual_bmc.hpp"

namespace bmcvault::virtual_bmc {

namespace {

using ipmi::PrivilegeLevel;

Bytes bytes_of(std::string_view text) {
    const ByteView view = as_bytes(text);
    return {view.begin(), view.end()};
}

User make_user(std::string_view name, std::string_view password, PrivilegeLevel limit) {
    User user;
    user.name = name;
    user.password = bytes_of(password);
    user.stored_size = static_cast<std::uint8_t>(password.size() > ipmi::kPasswordSize16 ? ipmi::kPasswordSize20
                                                                                         : ipmi::kPasswordSize16);
    user.enabled = true;
    user.privilege_limit = limit;
    return user;
}

User administrator(std::string_view name, std::string_view password) {
    return make_user(name, password, PrivilegeLevel::kAdministrator);
}

// Slot 1 as many BMCs have it: no name, can't be renamed, off.
User reserved_slot() {
    User user;
    user.name_fixed = true;
    user.stored_size = ipmi::kPasswordSize16;
    user.ipmi_messaging = false;
    return user;
}

std::string label_password(std::mt19937_64& random, std::string_view alphabet, std::size_t size) {
    std::string out;
    while (out.size() < size) out += alphabet[random() % alphabet.size()];
    return out;
}

constexpr std::string_view kLabelAlphabet = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

void dell(Config& config, std::mt19937_64&, std::size_t) {
    config.manufacturer = 674;
    config.product = 0x0100;
    config.users = {{1, reserved_slot()}, {2, administrator("root", "calvin")}};
    config.session_slots = 5;
    config.quirks.cipher_suites_only_in_rmcp_plus = true;
}

void hpe(Config& config, std::mt19937_64& random, std::size_t) {
    config.manufacturer = 47196;
    config.product = 0x2030;
    config.channel = 2;
    config.max_users = 12;
    config.administrator_id = 1;
    config.users = {{1, administrator("Administrator", label_password(random, kLabelAlphabet, 8))}};
    config.quirks.k_g_unsupported = true;
}

void lenovo(Config& config, std::mt19937_64&, std::size_t) {
    config.manufacturer = 19046;
    config.product = 0x0146;
    config.max_users = 12;
    config.users = {{2, administrator("USERID", "PASSW0RD")}};
    config.quirks.forbids_reuse = 5;
    config.quirks.minimum_change_interval = std::chrono::hours(1);
    config.bad_password_threshold = 5;
}

void supermicro(Config& config, std::mt19937_64&, std::size_t turn) {
    config.manufacturer = 10876;
    config.product = 0x0907;
    config.max_users = 10;
    config.cipher_suites = {1, 2, 3, 6, 7, 8, 11, 12};
    config.users = {{1, reserved_slot()}, {2, administrator("ADMIN", "ADMIN")}};
    config.quirks.truncates_to_19 = turn % 2 == 0;
}

void openbmc(Config& config, std::mt19937_64&, std::size_t) {
    config.manufacturer = 42817;
    config.product = 0x424f;
    config.max_users = 15;
    config.administrator_id = 1;
    config.cipher_suites = {17};
    config.users = {{1, administrator("root", "0penBmc")}};
    config.quirks.k_g_unsupported = true;
    config.quirks.error_replies_with_tag_0 = true;
}

void ami(Config& config, std::mt19937_64&, std::size_t) {
    config.manufacturer = 20974;
    config.product = 0x1ab3;
    config.cipher_suites = {1, 2, 3, 6, 7, 8, 11, 12, 15, 16, 17};
    User anonymous = administrator("", "");
    anonymous.name_fixed = true;
    config.users = {{1, anonymous}, {2, administrator("admin", "admin")}};
}

void inspur(Config& config, std::mt19937_64&, std::size_t) {
    config.manufacturer = 37945;
    config.product = 0x0101;
    config.administrator_id = 1;
    config.users = {{1, administrator("admin", "admin")}};
    config.quirks.only_16_byte_passwords = true;
}

void cisco(Config& config, std::mt19937_64&, std::size_t) {
    config.manufacturer = 5771;
    config.product = 0xb001;
    config.max_users = 15;
    config.users = {{2, administrator("admin", "password")}};
    config.session_slots = 4;
    config.half_open_timeout = std::chrono::seconds(10);
    config.quirks.forbids_reuse = 5;
}

void huawei(Config& config, std::mt19937_64&, std::size_t) {
    config.manufacturer = 2011;
    config.product = 0x0001;
    config.max_users = 17;
    config.users = {{1, reserved_slot()}, {2, administrator("Administrator", "Admin@9000")}};
    config.bad_password_threshold = 5;
    config.quirks.forbids_reuse = 5;
}

void quanta(Config& config, std::mt19937_64&, std::size_t) {
    config.manufacturer = 7244;
    config.product = 0x3034;
    config.max_users = 10;
    config.users = {{1, reserved_slot()}, {2, administrator("admin", "cmb9.admin")}};
    config.session_slots = 4;
    config.quirks.applies_after = std::chrono::seconds(1);
}

void intel(Config& config, std::mt19937_64&, std::size_t) {
    config.manufacturer = 343;
    config.product = 0x007b;
    config.max_users = 15;
    config.cipher_suites = {17};
    User root = administrator("root", "superuser");
    root.name_fixed = true;
    User test = make_user("test1", "superuser", PrivilegeLevel::kAdministrator);
    test.enabled = false;
    config.users = {{1, reserved_slot()}, {2, root}, {3, test}};
    config.quirks.drops_first_command = true;
}

void fujitsu(Config& config, std::mt19937_64&, std::size_t) {
    config.manufacturer = 10368;
    config.product = 0x0400;
    config.users = {{2, administrator("admin", "admin")},
                    {3, make_user("monitor", "monitor", PrivilegeLevel::kOperator)}};
}

struct Vendor {
    std::string_view name;
    std::array<std::uint8_t, 3> oui;
    void (*dress)(Config&, std::mt19937_64&, std::size_t turn);
};

constexpr std::array kVendors{
    Vendor{"dell", {0xd0, 0x94, 0x66}, dell},       Vendor{"hpe", {0x94, 0x40, 0xc9}, hpe},
    Vendor{"lenovo", {0x08, 0x94, 0xef}, lenovo},   Vendor{"supermicro", {0x0c, 0xc4, 0x7a}, supermicro},
    Vendor{"openbmc", {0x70, 0xe2, 0x84}, openbmc}, Vendor{"ami", {0xd0, 0x50, 0x99}, ami},
    Vendor{"inspur", {0x6c, 0x92, 0xbf}, inspur},   Vendor{"cisco", {0x00, 0xbe, 0x75}, cisco},
    Vendor{"huawei", {0x00, 0x18, 0x82}, huawei},   Vendor{"quanta", {0x2c, 0x60, 0x0c}, quanta},
    Vendor{"intel", {0xa4, 0xbf, 0x01}, intel},     Vendor{"fujitsu", {0x90, 0x1b, 0x0e}, fujitsu},
};

// Different streams for neighbouring seeds and numbers. (The finaliser of splitmix64.)
std::uint64_t seed_of(std::size_t i, std::uint64_t seed) {
    std::uint64_t mixed = seed + (std::uint64_t{i} + 1) * 0x9e3779b97f4a7c15ULL;
    mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9ULL;
    mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebULL;
    return mixed ^ mixed >> 31;
}

Config base_config(std::size_t i, std::string_view vendor, const std::array<std::uint8_t, 3>& oui,
                   std::mt19937_64& random) {
    Config config;
    config.name = fmt::format("{}-{:04}", vendor, i + 1);
    config.vendor = vendor;
    for (std::uint8_t& byte : config.guid) byte = static_cast<std::uint8_t>(random());
    config.mac = {oui[0],
                  oui[1],
                  oui[2],
                  static_cast<std::uint8_t>(i >> 16),
                  static_cast<std::uint8_t>(i >> 8),
                  static_cast<std::uint8_t>(i)};
    config.seed = random();
    return config;
}

}  // namespace

Config mixed_vendor_config(std::size_t i, std::uint64_t seed) {
    std::mt19937_64 random(seed_of(i, seed));
    const Vendor& vendor = kVendors[i % kVendors.size()];
    Config config = base_config(i, vendor.name, vendor.oui, random);
    vendor.dress(config, random, i / kVendors.size());
    return config;
}

Config plain_config(std::size_t i, std::uint64_t seed) {
    std::mt19937_64 random(seed_of(i, seed));
    constexpr std::array<std::uint8_t, 3> kLocalOui{0x02, 0x00, 0x5e};  // locally administered
    Config config = base_config(i, "plain", kLocalOui, random);
    config.manufacturer = 7154;  // the IPMI forum: nobody's product
    config.product = 0x0001;
    config.cipher_suites = {3, 8, 12, 17};
    config.users = {{1, reserved_slot()}, {2, administrator("ADMIN", "ADMIN")}};
    return config;
}

}  // namespace bmcvault::virtual_bmc
