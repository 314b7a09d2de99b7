// The serial number of a server out of FRU device 0: what to read next, and what the bytes mean. Pure.
// (IPMI 2.0 §34.2; Platform Management FRU Information Storage Definition 1.3 §8, §11, §12, §13)
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "vault/base/bytes.hpp"

namespace bmcvault::rotate {

inline constexpr std::uint8_t kReadFruData = 0x11;

class FruReading {
public:
    struct Part {
        Bytes data;  // of the request: device, offset, how many
    };
    // nullopt: all that is wanted has been read.
    [[nodiscard]] std::optional<Part> next() const;
    // The answer to next(). False: it makes no sense, and nothing more is to be read.
    [[nodiscard]] bool take(ByteView answer);
    // The product's, else the board's; printable ASCII; empty: none.
    [[nodiscard]] std::string serial() const;

private:
    [[nodiscard]] bool area_is_whole(std::size_t offset) const;
    [[nodiscard]] std::string field(std::size_t area, std::size_t fixed, unsigned number) const;

    Bytes bytes_;
    std::size_t wanted_ = 8;  // the common header; then as far as the last of the two areas
};

}  // namespace bmcvault::rotate
