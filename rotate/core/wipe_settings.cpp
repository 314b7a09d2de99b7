#include "rotate/core/wipe_settings.hpp"

#include <algorithm>
#include <array>

#include "vault/base/check.hpp"

namespace bmcvault::rotate {
namespace {

using ipmi::CompletionCode;
using ipmi::NetFn;

constexpr auto kOk = static_cast<std::uint8_t>(CompletionCode::kOk);
constexpr std::size_t kCommunitySize = 18;
constexpr std::size_t kStringBlock = 16;

Bytes with_selector(std::uint8_t selector, std::size_t zeros) {
    Bytes value{selector};
    value.resize(1 + zeros, 0);
    return value;
}

// Parameters of LAN, serial and SOL stand behind a channel, those of PEF, boot and system info do not.
struct ParameterCommands {
    NetFn net_fn{};
    std::uint8_t set = 0;
    std::uint8_t get = 0;
    Bytes channel;
    std::size_t header = 1;
    std::uint8_t get_flags_first = 0;  // Get System Info Parameters has a byte before the parameter
    bool has_flags = false;

    [[nodiscard]] RawCommand read(std::uint8_t parameter, std::uint8_t selector, std::uint8_t block = 0) const {
        Bytes data = channel;
        if (has_flags) data.push_back(get_flags_first);
        append(data, Bytes{parameter, selector, block});
        return {net_fn, get, data};
    }
    [[nodiscard]] RawCommand write(std::uint8_t parameter) const {
        Bytes data = channel;
        data.push_back(parameter);
        return {net_fn, set, data};
    }
    // A whole parameter.
    [[nodiscard]] Setting plain(std::uint8_t parameter, std::size_t size, bool secret) const {
        return {read(parameter, 0), header, write(parameter), Bytes(size, 0), false, secret ? 0 : size};
    }
    // Entry `selector` of a table; its value begins with the selector.
    [[nodiscard]] Setting entry(std::uint8_t parameter, std::uint8_t selector, std::size_t size, bool secret) const {
        return {read(parameter, selector),     header, write(parameter),
                with_selector(selector, size), false,  secret ? std::size_t{1} : size + 1};
    }
};

ParameterCommands lan_parameters(Channel channel) {
    return {NetFn::kTransport, 0x01, 0x02, {channel.value}};
}
ParameterCommands serial_parameters(Channel channel) {
    return {NetFn::kTransport, 0x10, 0x11, {channel.value}};
}
ParameterCommands sol_parameters(Channel channel) {
    return {NetFn::kTransport, 0x21, 0x22, {channel.value}};
}
ParameterCommands pef_parameters() {
    return {NetFn::kSensorEvent, 0x12, 0x13, {}};
}
ParameterCommands boot_parameters() {
    return {NetFn::kChassis, 0x08, 0x09, {}, 2};
}
ParameterCommands system_info() {
    return {NetFn::kApp, 0x58, 0x59, {}, 1, 0, true};
}

constexpr std::string_view kBlanked = "blank";
constexpr std::string_view kOverwritten = "random bytes, then blank";

SettingFamily one(std::string_view name, std::string_view action, Setting setting) {
    return {name, action, std::nullopt, 0, 0, [setting = std::move(setting)](std::uint8_t) { return setting; }};
}

void add_lan(std::vector<SettingFamily>& all, Channel channel) {
    const auto lan = lan_parameters(channel);
    all.push_back(one("SNMP community string", kOverwritten, lan.plain(16, kCommunitySize, true)));
    const auto count = lan.read(17, 0);
    all.push_back({"alert destination addresses", kBlanked, count, 0, 0,
                   [lan](std::uint8_t each) { return lan.entry(19, each, 12, false); }});
    all.push_back({"alert destination types", kBlanked, count, 0, 0,
                   [lan](std::uint8_t each) { return lan.entry(18, each, 3, false); }});
}

void add_pef(std::vector<SettingFamily>& all) {
    const auto pef = pef_parameters();
    all.push_back(one("PEF control", "off", pef.plain(1, 1, false)));
    all.push_back({"PEF alert policies", kBlanked, pef.read(8, 0), 1, 0,
                   [pef](std::uint8_t each) { return pef.entry(9, each, 3, false); }});
    all.push_back({"PEF event filters", kBlanked, pef.read(5, 0), 1, 0,
                   [pef](std::uint8_t each) { return pef.entry(6, each, 20, false); }});
    all.push_back({"PEF alert strings", kOverwritten, pef.read(11, 0), 0, 0, [pef](std::uint8_t each) {
                       auto string = pef.entry(13, each, 1 + kStringBlock, true);
                       string.read = pef.read(13, each, 1);
                       string.blank[1] = 1;  // blocks are counted from 1
                       string.random_from = 2;
                       return string;
                   }});
}

void add_system_info(std::vector<SettingFamily>& all) {
    struct Text {
        std::uint8_t parameter;
        std::string_view name;
    };
    constexpr std::array<Text, 6> kTexts{{{2, "system name"},
                                          {3, "primary operating system name"},
                                          {4, "operating system name"},
                                          {5, "operating system version"},
                                          {6, "BMC URL"},
                                          {7, "hypervisor URL"}}};
    constexpr std::uint8_t kBlocks = 4;  // what does not exist is refused
    for (const auto& text : kTexts)
        all.push_back({text.name, kBlanked, std::nullopt, 0, kBlocks - 1, [parameter = text.parameter](std::uint8_t n) {
                           return system_info().entry(parameter, n, kStringBlock, false);
                       }});
}

void add_boot(std::vector<SettingFamily>& all) {
    all.push_back(one("boot flags", kBlanked, boot_parameters().plain(5, 5, false)));
    constexpr std::uint8_t kMailboxBlocks = 5;
    all.push_back({"boot initiator mailbox", kBlanked, std::nullopt, 0, kMailboxBlocks - 1,
                   [](std::uint8_t n) { return boot_parameters().entry(7, n, kStringBlock, false); }});
}

void add_dcmi(std::vector<SettingFamily>& all) {
    constexpr std::uint8_t kDcmi = 0xdc;
    const auto text = [](std::uint8_t get, std::uint8_t set) {
        return [get, set](std::uint8_t n) -> Setting {
            const auto offset = static_cast<std::uint8_t>(n * kStringBlock);
            return {{NetFn::kGroupExtension, get, {kDcmi, offset, kStringBlock}},
                    2,  // the group, and how long the whole text is
                    {NetFn::kGroupExtension, set, {kDcmi, offset, kStringBlock}},
                    Bytes(kStringBlock, 0),
                    true,
                    kStringBlock};
        };
    };
    all.push_back({"DCMI asset tag", kBlanked, std::nullopt, 0, 3, text(0x06, 0x08)});
    all.push_back({"DCMI management controller ID", kBlanked, std::nullopt, 0, 3, text(0x09, 0x0a)});
}

void add_serial(std::vector<SettingFamily>& all, Channel channel) {
    const auto serial = serial_parameters(channel);
    all.push_back(one("serial community string", kOverwritten, serial.plain(15, kCommunitySize, true)));
    all.push_back({"dial strings", kOverwritten, serial.read(20, 0), 1, 0, [serial](std::uint8_t each) {
                       auto string = serial.entry(21, each, 1 + kStringBlock, true);
                       string.read = serial.read(21, each, 1);
                       string.blank[1] = 1;
                       string.random_from = 2;
                       return string;
                   }});
    all.push_back({"TAP passwords", kOverwritten, serial.read(24, 0), 1, 0,
                   [serial](std::uint8_t each) { return serial.entry(26, each, 6, true); }});
    all.push_back({"PPP account user names", kOverwritten, serial.read(37, 0), 1, 0,
                   [serial](std::uint8_t each) { return serial.entry(40, each, kStringBlock, true); }});
    all.push_back({"PPP account passwords", kOverwritten, serial.read(37, 0), 1, 0,
                   [serial](std::uint8_t each) { return serial.entry(42, each, kStringBlock, true); }});
}

}  // namespace

std::string_view word(ItemResult result) {
    switch (result) {
        case ItemResult::kErased:
            return "erased";
        case ItemResult::kWasEmpty:
            return "was-empty";
        case ItemResult::kNotPresent:
            return "not-present";
        case ItemResult::kUnverified:
            return "not-verified";
        case ItemResult::kRefused:
            return "refused";
        case ItemResult::kNotErased:
            return "not-erased";
        case ItemResult::kNoReply:
            return "no-reply";
    }
    constexpr bool kResultHasWord = false;
    BMCVAULT_CHECK(kResultHasWord);
    return {};
}

bool is_fine(ItemResult result) {
    return result <= ItemResult::kNotPresent;
}

ItemResult worse(ItemResult a, ItemResult b) {
    if (is_fine(a) && is_fine(b)) return std::min(a, b);  // "erased" says more than "was empty"
    return std::max(a, b);
}

WipeItem merged(const WipeItem& before, const WipeItem& now) {
    const bool erased_earlier = before.result == ItemResult::kErased && now.result == ItemResult::kWasEmpty;
    return erased_earlier ? before : now;
}

std::vector<SettingFamily> setting_families(Channel lan, std::optional<Channel> serial) {
    std::vector<SettingFamily> all;
    add_lan(all, lan);
    add_pef(all);
    all.push_back(one("serial over LAN", "off", sol_parameters(lan).plain(1, 1, false)));
    add_system_info(all);
    add_dcmi(all);
    add_boot(all);
    if (serial) add_serial(all, *serial);
    return all;
}

bool is_blank(ByteView value, const Setting& setting) {
    const ByteView blank = setting.blank;
    if (value.size() < blank.size() && !setting.may_be_short) return false;
    const auto shared = std::min(value.size(), blank.size());
    const auto is_zero = [](std::uint8_t byte) { return byte == 0; };
    return std::ranges::equal(value.first(shared), blank.first(shared)) &&
           std::ranges::all_of(value.subspan(shared), is_zero);
}

bool is_absent(std::uint8_t completion_code) {
    constexpr std::uint8_t kParameterNotSupported = 0x80;  // of every Get ... Configuration Parameters
    if (completion_code == kParameterNotSupported) return true;
    switch (static_cast<CompletionCode>(completion_code)) {
        case CompletionCode::kInvalidCommand:
        case CompletionCode::kInvalidForLun:
        case CompletionCode::kParameterOutOfRange:
        case CompletionCode::kNotPresent:
        case CompletionCode::kInvalidDataField:
            return true;
        default:
            return false;
    }
}

std::optional<ItemResult> before_writing(const SettingAnswer& read, const Setting& setting) {
    if (read.completion_code == kOk && is_blank(read.value, setting)) return ItemResult::kWasEmpty;
    if (is_absent(read.completion_code)) return ItemResult::kNotPresent;
    return std::nullopt;
}

ItemResult after_writing(std::uint8_t write_code, const SettingAnswer& read, const Setting& setting) {
    const bool shown = read.completion_code == kOk;
    if (shown && is_blank(read.value, setting)) return ItemResult::kErased;  // whatever it said to the write
    if (write_code != kOk) return ItemResult::kRefused;
    return shown ? ItemResult::kNotErased : ItemResult::kUnverified;
}

ItemResult without_count(const SettingAnswer& count) {
    return is_absent(count.completion_code) ? ItemResult::kNotPresent : ItemResult::kUnverified;
}

}  // namespace bmcvault::rotate
