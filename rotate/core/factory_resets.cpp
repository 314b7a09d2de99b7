#include "rotate/core/factory_resets.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

namespace bmcvault::rotate {
namespace {

using ipmi::NetFn;
using Commands = std::vector<RawCommand>;

const Commands& dell() {
    static const Commands kCommands{{NetFn::kOem30, 0x21, {0xaa}}};
    return kCommands;
}
const Commands& megarac() {
    static const Commands kCommands{{NetFn::kOem32, 0xba, {0x00, 0x00}}, {NetFn::kOem32, 0x66, {}}};
    return kCommands;
}
const Commands& open_power() {
    static const Commands kCommands{{NetFn::kOem3a, 0x11, {}}};
    return kCommands;
}
const Commands& quanta() {
    static const Commands kCommands{{NetFn::kOem30, 0x04, {0xff}}};
    return kCommands;
}
const Commands& supermicro() {
    static const Commands kCommands{{NetFn::kOem30, 0x40, {}}};
    return kCommands;
}

struct Entry {
    std::uint32_t manufacturer;
    std::string_view vendor;
    const Commands& (*commands)();
    std::string_view warning;
};

constexpr std::string_view kNetwork = "the BMC may come back with another address";

constexpr std::array kEntries{
    Entry{674, "Dell", dell, "accounts and network stay, by what is known of it"},
    Entry{2623, "ASUS", megarac, kNetwork},
    Entry{7244, "Quanta", quanta, kNetwork},
    Entry{10297, "Advantech", megarac, kNetwork},
    Entry{10876, "Supermicro", supermicro, kNetwork},
    Entry{15370, "Gigabyte", megarac, kNetwork},
    Entry{20974, "AMI MegaRAC", megarac, kNetwork},
    Entry{42817, "OpenPOWER", open_power, "it powers the server off; the BMC may come back with another address"},
    Entry{49622, "ASRock Rack", megarac, kNetwork},
};

}  // namespace

std::optional<FactoryReset> factory_reset_of(std::optional<std::uint32_t> manufacturer) {
    if (!manufacturer) return std::nullopt;
    const auto* found = std::ranges::find(kEntries, *manufacturer, &Entry::manufacturer);
    if (found == kEntries.end()) return std::nullopt;
    return FactoryReset{found->vendor, found->commands(), found->warning};
}

std::string text_of(const FactoryReset& reset) {
    std::string text;
    for (const auto& command : reset.commands) {
        if (!text.empty()) text += ", ";
        text += fmt::format("{:02X}h/{:02X}h", static_cast<unsigned>(command.net_fn), command.command);
        for (const auto byte : command.data) text += fmt::format(" {:02X}h", byte);
    }
    return text;
}

}  // namespace bmcvault::rotate
