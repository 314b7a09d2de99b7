// CSV as RFC 4180 has it.
#include "ipmi/virtual_bmc/inventory.hpp"

#include <fmt/format.h>

#include "vault/base/check.hpp"

namespace bmcvault::virtual_bmc {

namespace {

std::string quoted(std::string_view field) {
    if (field.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(field);
    std::string out = "\"";
    for (const char each : field) {
        if (each == '"') out += '"';
        out += each;
    }
    return out + '"';
}

}  // namespace

std::string inventory_csv(const std::vector<Config>& bmcs, const std::vector<std::string>& addresses,
                          std::uint16_t port) {
    BMCVAULT_CHECK(bmcs.size() == addresses.size());
    std::string out = "name,address,port,username,password,k_g,user_id,channel,group,tags,factory_password\n";
    for (std::size_t i = 0; i < bmcs.size(); ++i) {
        const Config& bmc = bmcs[i];
        const auto user = bmc.users.find(bmc.administrator_id);
        BMCVAULT_CHECK(user != bmc.users.end());
        const std::string password(user->second.password.begin(), user->second.password.end());
        out += fmt::format("{},{},{},{},{},{},{},{},{},practice,{}\n", quoted(bmc.name), addresses[i], port,
                           quoted(user->second.name), quoted(password), to_hex(bmc.k_g), bmc.administrator_id,
                           bmc.channel, quoted(bmc.vendor), quoted(password));
    }
    return out;
}

}  // namespace bmcvault::virtual_bmc
