#include "ipmi/core/frame.hpp"

#include "vault/base/check.hpp"

namespace bmcvault::ipmi {
namespace {

constexpr std::uint8_t kRmcpVersion = 0x06;         // §13.1.3
constexpr std::uint8_t kRmcpNoAcknowledge = 0xff;   // sequence number: no RMCP ACK wanted
constexpr std::uint8_t kRmcpClassIpmi = 0x07;       // bit 7 clear: not an ACK
constexpr std::uint8_t kAuthenticationNone = 0x00;  // §13.6
constexpr std::uint8_t kAuthenticationRmcpplus = 0x06;
constexpr std::uint8_t kPayloadTypeMask = 0x3f;

Bytes rmcp_header(std::uint8_t authentication_type) {
    Bytes header;
    header.reserve(kRmcpplusHeaderSize + 128);
    const std::uint8_t start[] = {kRmcpVersion, 0x00, kRmcpNoAcknowledge, kRmcpClassIpmi, authentication_type};
    append(header, start);
    return header;
}

std::optional<Frame> parse_rmcpplus(ByteView datagram) {
    if (datagram.size() < kRmcpplusHeaderSize) return std::nullopt;
    Frame frame;
    frame.rmcpplus = true;
    frame.payload_type = datagram[5] & kPayloadTypeMask;
    frame.encrypted = (datagram[5] & kPayloadEncrypted) != 0;
    frame.authenticated = (datagram[5] & kPayloadAuthenticated) != 0;
    frame.session_id = read_u32_le(datagram.subspan(6, 4));
    frame.sequence = read_u32_le(datagram.subspan(10, 4));
    const std::size_t size = static_cast<std::size_t>(datagram[14]) | static_cast<std::size_t>(datagram[15]) << 8;
    const auto rest = datagram.subspan(kRmcpplusHeaderSize);
    if (size > rest.size()) return std::nullopt;
    frame.payload = rest.first(size);
    frame.trailer = rest.subspan(size);
    return frame;
}

std::optional<Frame> parse_lan(ByteView datagram) {
    if (datagram.size() < kLanHeaderSize) return std::nullopt;
    Frame frame;
    frame.sequence = read_u32_le(datagram.subspan(5, 4));
    frame.session_id = read_u32_le(datagram.subspan(9, 4));
    const std::size_t size = datagram[13];
    const auto rest = datagram.subspan(kLanHeaderSize);
    if (size > rest.size()) return std::nullopt;
    frame.payload = rest.first(size);
    frame.trailer = rest.subspan(size);  // some BMCs append the legacy pad byte (§13.6)
    return frame;
}

}  // namespace

std::uint32_t read_u32_le(ByteView four_bytes) {
    BMCVAULT_CHECK(four_bytes.size() == 4);
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i) value |= static_cast<std::uint32_t>(four_bytes[i]) << (8 * i);
    return value;
}

std::optional<Frame> parse_frame(ByteView datagram) {
    if (datagram.size() <= kRmcpHeaderSize || datagram.size() > kMaxDatagram) return std::nullopt;
    if (datagram[0] != kRmcpVersion || datagram[3] != kRmcpClassIpmi) return std::nullopt;
    if (datagram[4] == kAuthenticationRmcpplus) return parse_rmcpplus(datagram);
    if (datagram[4] == kAuthenticationNone) return parse_lan(datagram);
    return std::nullopt;
}

Bytes rmcpplus_header(PayloadType type, std::uint8_t flags, std::uint32_t session_id, std::uint32_t sequence,
                      std::size_t payload_size) {
    auto header = rmcp_header(kAuthenticationRmcpplus);
    header.push_back(static_cast<std::uint8_t>(static_cast<std::uint8_t>(type) | flags));
    append_u32_le(header, session_id);
    append_u32_le(header, sequence);
    append_u16_le(header, static_cast<std::uint16_t>(payload_size));
    return header;
}

Bytes lan_header(std::size_t payload_size) {
    auto header = rmcp_header(kAuthenticationNone);
    append_u32_le(header, 0);  // session sequence number
    append_u32_le(header, 0);  // session ID
    header.push_back(static_cast<std::uint8_t>(payload_size));
    return header;
}

}  // namespace bmcvault::ipmi
