// Byte buffers, hexadecimal and fixed-width little-endian fields.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vault/base/error.hpp"

namespace bmcvault {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;
using MutableByteView = std::span<std::uint8_t>;

[[nodiscard]] std::string to_hex(ByteView bytes);
// Even number of digits, no prefix; anything else is kInvalidArgument. Not for secrets (see Secret).
[[nodiscard]] Result<Bytes> from_hex(std::string_view text);

[[nodiscard]] inline ByteView as_bytes(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

void append_u16_le(Bytes& out, std::uint16_t value);
void append_u32_le(Bytes& out, std::uint32_t value);
void append_u64_le(Bytes& out, std::uint64_t value);
void append(Bytes& out, ByteView bytes);

}  // namespace bmcvault
