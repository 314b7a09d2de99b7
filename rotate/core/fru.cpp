#include "rotate/core/fru.hpp"

#include <algorithm>

namespace bmcvault::rotate {
namespace {

constexpr std::size_t kHeaderSize = 8;
constexpr std::size_t kBoardPlace = 3;  // of the common header, in units of eight bytes
constexpr std::size_t kProductPlace = 4;
constexpr std::size_t kUnit = 8;
constexpr std::size_t kPart = 16;
constexpr std::size_t kMost = 2048;
constexpr std::size_t kBoardFixed = 6;  // version, length, language, date
constexpr std::size_t kProductFixed = 3;
constexpr unsigned kBoardSerialField = 2;    // manufacturer, product, serial
constexpr unsigned kProductSerialField = 4;  // manufacturer, product, part, version, serial
constexpr std::uint8_t kNoMoreFields = 0xc1;

}  // namespace

std::optional<FruReading::Part> FruReading::next() const {
    if (bytes_.size() >= wanted_) return std::nullopt;
    const auto offset = bytes_.size();
    const auto size = std::min(kPart, wanted_ - offset);
    return Part{{0, static_cast<std::uint8_t>(offset & 0xff), static_cast<std::uint8_t>(offset >> 8),
                 static_cast<std::uint8_t>(size)}};
}

bool FruReading::take(ByteView answer) {
    if (answer.size() < 2 || answer[0] == 0) return false;
    const auto count = std::min<std::size_t>({answer[0], answer.size() - 1, wanted_ - bytes_.size()});
    append(bytes_, answer.subspan(1, count));
    if (bytes_.size() < wanted_) return true;
    for (const auto place : {kBoardPlace, kProductPlace}) {
        const auto area = bytes_[place] * kUnit;
        if (area == 0) continue;
        // First its length, then the rest of it.
        const auto needed = area + 2 > bytes_.size() ? area + 2 : area + bytes_[area + 1] * kUnit;
        wanted_ = std::max(wanted_, std::min(needed, kMost));
    }
    return true;
}

bool FruReading::area_is_whole(std::size_t offset) const {
    return offset != 0 && offset + 2 <= bytes_.size() && offset + bytes_[offset + 1] * kUnit <= bytes_.size();
}

std::string FruReading::field(std::size_t area, std::size_t fixed, unsigned number) const {
    if (!area_is_whole(area)) return {};
    const auto end = area + bytes_[area + 1] * kUnit;
    auto at = area + fixed;
    for (; at < end && bytes_[at] != kNoMoreFields; --number) {
        const std::size_t size = bytes_[at] & 0x3f;
        const bool is_text = (bytes_[at] & 0xc0) == 0xc0;
        if (at + 1 + size > end) return {};
        if (number == 0) {
            if (!is_text) return {};
            std::string text(bytes_.begin() + static_cast<std::ptrdiff_t>(at) + 1,
                             bytes_.begin() + static_cast<std::ptrdiff_t>(at + 1 + size));
            std::erase_if(text, [](char c) { return c < ' ' || c > '~'; });
            return text;
        }
        at += 1 + size;
    }
    return {};
}

std::string FruReading::serial() const {
    if (bytes_.size() < kHeaderSize) return {};
    auto serial = field(bytes_[kProductPlace] * kUnit, kProductFixed, kProductSerialField);
    return serial.empty() ? field(bytes_[kBoardPlace] * kUnit, kBoardFixed, kBoardSerialField) : serial;
}

}  // namespace bmcvault::rotate
