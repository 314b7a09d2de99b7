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
    static const Commands commands{{NetFn::kOem30, 0x21, {0xaa}}};
    return commands;
}
const Commands& megarac() {
    static const Commands commands{{NetFn::kOem32, 0xba, {0x00, 0x00}}, {NetFn::kOem32, 0x66, {}}};
    return commands;
}
const Commands& open_power() {
    static const Commands commands{{NetFn::kOem3a, 0x11, {}}};
    return commands;
}
const Commands& quanta() {
    static const Commands commands{{NetFn::kOem30, 0x04, {0xff}}};
    return commands;
}
const Commands& supermicro() {
    static const Commands commands{{NetFn::kOem30, 0x40, {}}};
    return commands;
}

struct Entry {
    std::uint32_t manufacturer;
    std::string_view vendor;
    const Commands& (*commands)();
    std::string_view effect;
};

constexpr std::string_view kAll = "the factory account comes back, and the BMC perhaps with another address";

constexpr std::array kEntries{
    Entry{674, "Dell", dell, "accounts and network are said to stay"},
    Entry{2623, "ASUS", megarac, kAll},
    Entry{7244, "Quanta", quanta, kAll},
    Entry{10297, "Advantech", megarac, kAll},
    Entry{10876, "Supermicro", supermicro, kAll},
    Entry{15370, "Gigabyte", megarac, kAll},
    Entry{20974, "AMI MegaRAC", megarac, kAll},
    Entry{42817, "OpenPOWER", open_power,
          "it powers the server off; the factory account comes back, and the BMC perhaps with another address"},
    Entry{49622, "ASRock Rack", megarac, kAll},
};

}  // namespace

std::optional<FactoryReset> factory_reset_of(std::optional<std::uint32_t> manufacturer) {
    if (!manufacturer) return std::nullopt;
    const auto* found = std::ranges::find(kEntries, *manufacturer, &Entry::manufacturer);
    if (found == kEntries.end()) return std::nullopt;
    return FactoryReset{found->vendor, found->commands(), found->effect};
}

ResetWatch::Verdict ResetWatch::look(bool there, std::chrono::seconds since_sent) {
    if (there && (was_away_ || since_sent >= kBegins)) return Verdict::kOver;
    was_away_ = was_away_ || !there;
    return since_sent < kTakes ? Verdict::kLookAgain : Verdict::kNeverBack;
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
