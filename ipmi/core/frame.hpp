// The outermost bytes of every datagram: RMCP header, then an IPMI 1.5 or an RMCP+ session header (§13.1.3, §13.6).
#pragma once

#include <cstdint>
#include <optional>

#include "ipmi/spec/spec.hpp"
#include "vault/base/bytes.hpp"

namespace bmcvault::ipmi {

inline constexpr std::size_t kRmcpHeaderSize = 4;
inline constexpr std::size_t kRmcpplusHeaderSize = kRmcpHeaderSize + 12;
inline constexpr std::size_t kLanHeaderSize = kRmcpHeaderSize + 10;  // IPMI 1.5, authentication type "none"
inline constexpr std::size_t kMaxDatagram = 2048;                    // far above the 272 bytes that IPMI uses

// Borrowed from the datagram. Nothing in it is authenticated: good for choosing who looks closer, and no more.
struct Frame {
    bool rmcpplus = false;  // false: IPMI 1.5 outside a session
    std::uint8_t payload_type = 0;
    bool authenticated = false;
    bool encrypted = false;
    std::uint32_t session_id = 0;
    std::uint32_t sequence = 0;
    ByteView payload;
    ByteView trailer;  // whatever follows the payload
};

[[nodiscard]] std::optional<Frame> parse_frame(ByteView datagram);

// Header only; the caller appends the payload. `flags`: 80h encrypted, 40h authenticated.
inline constexpr std::uint8_t kPayloadEncrypted = 0x80;
inline constexpr std::uint8_t kPayloadAuthenticated = 0x40;
[[nodiscard]] Bytes rmcpplus_header(PayloadType type, std::uint8_t flags, std::uint32_t session_id,
                                    std::uint32_t sequence, std::size_t payload_size);
[[nodiscard]] Bytes lan_header(std::size_t payload_size);

[[nodiscard]] std::uint32_t read_u32_le(ByteView four_bytes);

}  // namespace bmcvault::ipmi
