#include "ipmi/virtual_bmc/settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace bmcvault::virtual_bmc {
namespace {

constexpr std::uint8_t kOk = 0x00;
constexpr std::uint8_t kParameterNotSupported = 0x80;
constexpr auto kLengthInvalid = static_cast<std::uint8_t>(ipmi::CompletionCode::kRequestDataLengthInvalid);
constexpr auto kOutOfRange = static_cast<std::uint8_t>(ipmi::CompletionCode::kParameterOutOfRange);
constexpr std::size_t kBlock = 16;
constexpr std::size_t kAssetTag = 64;

Bytes block(Bytes start, std::string_view text) {
    const auto size = start.size() + kBlock;
    start.insert(start.end(), text.begin(), text.end());
    start.resize(size, 0);
    return start;
}

bool is_table(Settings::Family family, std::uint8_t parameter) {
    if (family == Settings::Family::kSystemInfo) return true;
    if (family == Settings::Family::kBoot) return parameter == 7;
    return parameter == 6 || parameter == 9 || parameter == 12 || parameter == 13;
}

std::uint8_t checksum(const Bytes& bytes, std::size_t from) {
    std::uint8_t sum = 0;
    for (std::size_t i = from; i < bytes.size(); ++i) sum = static_cast<std::uint8_t>(sum + bytes[i]);
    return static_cast<std::uint8_t>(-sum);
}

// A common header and a product area with manufacturer, name, part, version and serial number.
Bytes fru_with(std::string_view serial) {
    constexpr std::uint8_t kAscii = 0xc0;
    Bytes fru{1, 0, 0, 0, 1, 0, 0};
    fru.push_back(checksum(fru, 0));
    Bytes product{1, 0, 25};
    for (const std::string_view text : {std::string_view("Plain Servers"), std::string_view("One"),
                                        std::string_view("P-1"), std::string_view("A1"), serial}) {
        product.push_back(static_cast<std::uint8_t>(kAscii | text.size()));
        product.insert(product.end(), text.begin(), text.end());
    }
    product.push_back(0xc1);
    while (product.size() % 8 != 7) product.push_back(0);
    product[1] = static_cast<std::uint8_t>((product.size() + 1) / 8);
    product.push_back(checksum(product, 0));
    append(fru, product);
    return fru;
}

}  // namespace

Settings::Settings(const Config& config) : config_(config), asset_tag_(kAssetTag, 0) {
    using enum Family;
    put(kPef, 1, 0, {0x01});
    put(kPef, 5, 0, {2});
    for (std::uint8_t filter = 1; filter <= 2; ++filter) {
        Bytes value(21, 0);
        value[0] = filter;
        value[1] = 0x80;
        put(kPef, 6, filter, std::move(value));
    }
    put(kPef, 8, 0, {1});
    put(kPef, 9, 1, {1, 0x18, 0x11, 0x00});
    put(kPef, 11, 0, {1});
    for (std::uint8_t string = 0; string <= 1; ++string) put(kPef, 13, string, block({string, 1}, "call 555-0100"));
    put(kBoot, 5, 0, {0x80, 0x04, 0, 0, 0});
    for (std::uint8_t part = 0; part < 5; ++part) put(kBoot, 7, part, block({part}, "iscsi secret"));
    for (std::uint8_t text = 1; text <= 7; ++text) {  // firmware, names, versions, URLs
        put(kSystemInfo, text, 0, {0, 0, 20, 'd', 'b', '0', '7', '.', 'e', 'x', 'a', 'm', 'p', 'l', 'e', '.', 'c'});
        put(kSystemInfo, text, 1, block({1}, "om. db"));
    }
    std::ranges::copy(std::string_view("asset 4711"), asset_tag_.begin());
    fru_ = fru_with(fmt::format("SN-{:02X}{:02X}", config.guid[0], config.guid[1]));
}

void Settings::put(Family family, std::uint8_t parameter, std::uint8_t selector, Bytes value) {
    values_[{family, parameter, selector}] = std::move(value);
}

std::uint8_t Settings::get(Family family, std::uint8_t parameter, std::uint8_t selector, Bytes& out) const {
    const auto found = values_.find({family, parameter, is_table(family, parameter) ? selector : std::uint8_t{0}});
    if (found == values_.end()) return is_table(family, parameter) ? kOutOfRange : kParameterNotSupported;
    append(out, found->second);
    return kOk;
}

std::uint8_t Settings::set(Family family, std::uint8_t parameter, ByteView value) {
    if (value.empty()) return kLengthInvalid;
    const auto found = values_.find({family, parameter, is_table(family, parameter) ? value[0] : std::uint8_t{0}});
    if (found == values_.end()) return is_table(family, parameter) ? kOutOfRange : kParameterNotSupported;
    if (value.size() != found->second.size()) return kLengthInvalid;
    if (!config_.quirks.keeps_settings) found->second.assign(value.begin(), value.end());
    return kOk;
}

std::uint8_t Settings::get_asset_tag(std::uint8_t offset, std::uint8_t size, Bytes& out) const {
    if (size > kBlock || offset + size > kAssetTag) return kOutOfRange;
    out.push_back(static_cast<std::uint8_t>(asset_tag_.size()));
    append(out, ByteView(asset_tag_).subspan(offset, size));
    return kOk;
}

std::uint8_t Settings::set_asset_tag(std::uint8_t offset, ByteView text) {
    if (text.size() > kBlock || offset + text.size() > kAssetTag) return kOutOfRange;
    if (!config_.quirks.keeps_settings) std::ranges::copy(text, asset_tag_.begin() + offset);
    return kOk;
}

std::uint8_t Settings::read_fru(std::uint16_t offset, std::uint8_t size, Bytes& out) const {
    if (offset >= fru_.size()) return kOutOfRange;
    const auto count = std::min<std::size_t>(size, fru_.size() - offset);
    out.push_back(static_cast<std::uint8_t>(count));
    append(out, ByteView(fru_).subspan(offset, count));
    return kOk;
}

}  // namespace bmcvault::virtual_bmc
