// Taking frames apart and putting them together. Nothing here trusts a length that came from the wire.
#include "ipmi/virtual_bmc/packets.hpp"

#include <algorithm>
#include <array>

namespace bmcvault::virtual_bmc {

namespace {

constexpr std::uint8_t kRmcpVersion = 0x06;
constexpr std::uint8_t kClassAsf = 0x06;
constexpr std::uint8_t kClassIpmi = 0x07;
constexpr std::uint8_t kAuthTypeNone = 0x00;
constexpr std::uint8_t kAuthTypeRmcpPlus = 0x06;
constexpr std::size_t kIpmi15HeaderSize = 10;
constexpr std::size_t kRmcpPlusHeaderSize = 12;
constexpr std::size_t kPingSize = 12;
constexpr std::uint8_t kPresencePing = 0x80;
constexpr std::array<std::uint8_t, 4> kRmcpHeader{kRmcpVersion, 0x00, 0xff, kClassIpmi};
constexpr std::array<std::uint8_t, 4> kAsfEnterprise{0x00, 0x00, 0x11, 0xbe};

std::uint8_t checksum(ByteView bytes) {
    std::uint8_t sum = 0;
    for (const std::uint8_t byte : bytes) sum = static_cast<std::uint8_t>(sum + byte);
    return static_cast<std::uint8_t>(-sum);
}

}  // namespace

std::uint32_t read_u32_le(ByteView bytes, std::size_t offset) {
    return static_cast<std::uint32_t>(bytes[offset]) | static_cast<std::uint32_t>(bytes[offset + 1]) << 8 |
           static_cast<std::uint32_t>(bytes[offset + 2]) << 16 | static_cast<std::uint32_t>(bytes[offset + 3]) << 24;
}

Frame frame_of(ByteView datagram) {
    if (datagram.size() <= kRmcpHeaderSize || datagram[0] != kRmcpVersion) return Frame::kOther;
    if (datagram[3] == kClassAsf) {
        const bool ping = datagram.size() >= kPingSize && datagram[8] == kPresencePing &&
                          std::equal(kAsfEnterprise.begin(), kAsfEnterprise.end(), datagram.begin() + 4);
        return ping ? Frame::kPresencePing : Frame::kOther;
    }
    if (datagram[3] != kClassIpmi) return Frame::kOther;
    if (datagram[4] == kAuthTypeRmcpPlus) return Frame::kRmcpPlus;
    return Frame::kIpmi15;
}

Bytes presence_pong(ByteView ping) {
    Bytes out{kRmcpVersion, 0x00, 0xff, kClassAsf};
    append(out, kAsfEnterprise);
    append(out, Bytes{0x40, ping[9], 0x00, 0x10});  // Presence Pong, the ping's tag, 16 bytes
    append(out, kAsfEnterprise);
    append(out, Bytes{0, 0, 0, 0, 0x81, 0x00, 0, 0, 0, 0, 0, 0});  // 81h: IPMI, ASF 1.0
    return out;
}

std::optional<ByteView> open_ipmi15(ByteView datagram) {
    if (datagram.size() < kRmcpHeaderSize + kIpmi15HeaderSize) return std::nullopt;
    const ByteView header = datagram.subspan(kRmcpHeaderSize);
    if (header[0] != kAuthTypeNone || read_u32_le(header, 5) != 0) return std::nullopt;
    const std::size_t size = header[9];
    const ByteView rest = header.subspan(kIpmi15HeaderSize);
    if (size > rest.size()) return std::nullopt;
    return rest.first(size);
}

Bytes wrap_ipmi15(ByteView message) {
    Bytes out(kRmcpHeader.begin(), kRmcpHeader.end());
    out.push_back(kAuthTypeNone);
    append_u32_le(out, 0);
    append_u32_le(out, 0);
    out.push_back(static_cast<std::uint8_t>(message.size()));
    append(out, message);
    return out;
}

std::optional<RmcpPlusPacket> open_rmcp_plus(ByteView datagram) {
    if (datagram.size() < kRmcpHeaderSize + kRmcpPlusHeaderSize) return std::nullopt;
    const ByteView body = datagram.subspan(kRmcpHeaderSize);
    RmcpPlusPacket packet;
    packet.encrypted = (body[1] & kEncryptedBit) != 0;
    packet.authenticated = (body[1] & kAuthenticatedBit) != 0;
    packet.payload_type = body[1] & 0x3f;
    packet.session_id = read_u32_le(body, 2);
    packet.sequence = read_u32_le(body, 6);
    const std::size_t size = static_cast<std::size_t>(body[10]) | static_cast<std::size_t>(body[11]) << 8;
    const ByteView rest = body.subspan(kRmcpPlusHeaderSize);
    if (size > rest.size()) return std::nullopt;
    packet.payload = rest.first(size);
    packet.trailer = rest.subspan(size);
    packet.covered_and_code = body;
    return packet;
}

Bytes wrap_rmcp_plus(std::uint8_t type_byte, std::uint32_t session_id, std::uint32_t sequence, ByteView payload) {
    Bytes out(kRmcpHeader.begin(), kRmcpHeader.end());
    out.push_back(kAuthTypeRmcpPlus);
    out.push_back(type_byte);
    append_u32_le(out, session_id);
    append_u32_le(out, sequence);
    append_u16_le(out, static_cast<std::uint16_t>(payload.size()));
    append(out, payload);
    return out;
}

std::optional<LanRequest> open_lan_request(ByteView message) {
    if (message.size() < 7) return std::nullopt;
    if (checksum(message.first(2)) != message[2]) return std::nullopt;
    if (checksum(message.subspan(3, message.size() - 4)) != message.back()) return std::nullopt;
    LanRequest request;
    request.responder = message[0];
    request.net_fn = message[1] >> 2;
    request.responder_lun = message[1] & 0x03;
    request.requester = message[3];
    request.sequence_and_lun = message[4];
    request.command = message[5];
    request.data = message.subspan(6, message.size() - 7);
    if ((request.net_fn & 1) != 0) return std::nullopt;
    return request;
}

Bytes lan_response(const LanRequest& request, std::uint8_t completion_code, ByteView data) {
    const auto requester_lun = static_cast<std::uint8_t>(request.sequence_and_lun & 0x03);
    const auto sequence = static_cast<std::uint8_t>(request.sequence_and_lun & 0xfc);
    Bytes out{request.requester, static_cast<std::uint8_t>((request.net_fn + 1) << 2 | requester_lun)};
    out.push_back(checksum(out));
    const Bytes head{request.responder, static_cast<std::uint8_t>(sequence | request.responder_lun), request.command,
                     completion_code};
    Bytes body(head);
    append(body, data);
    body.push_back(checksum(body));
    append(out, body);
    return out;
}

}  // namespace bmcvault::virtual_bmc
