// The frames around an IPMI message: RMCP, the IPMI 1.5 session header, the RMCP+ session header, the LAN message.
// (IPMI 2.0 §13.1 to §13.8)
#pragma once

#include <optional>

#include "ipmi/spec/spec.hpp"
#include "vault/base/bytes.hpp"

namespace bmcvault::virtual_bmc {

[[nodiscard]] std::uint32_t read_u32_le(ByteView bytes, std::size_t offset);

enum class Frame : std::uint8_t { kPresencePing, kIpmi15, kRmcpPlus, kOther };
[[nodiscard]] Frame frame_of(ByteView datagram);

[[nodiscard]] Bytes presence_pong(ByteView ping);  // §13.2.4

// The message inside an IPMI 1.5 frame without authentication and with session ID 0; nullopt otherwise.
[[nodiscard]] std::optional<ByteView> open_ipmi15(ByteView datagram);
[[nodiscard]] Bytes wrap_ipmi15(ByteView message);

struct RmcpPlusPacket {
    bool encrypted = false;
    bool authenticated = false;
    std::uint8_t payload_type = 0;
    std::uint32_t session_id = 0;
    std::uint32_t sequence = 0;
    ByteView payload;
    ByteView covered_and_code;  // from the authentication type to the end
    ByteView trailer;           // after the payload
};
[[nodiscard]] std::optional<RmcpPlusPacket> open_rmcp_plus(ByteView datagram);
// Without a trailer; `type_byte` carries the encrypted and authenticated bits.
[[nodiscard]] Bytes wrap_rmcp_plus(std::uint8_t type_byte, std::uint32_t session_id, std::uint32_t sequence,
                                   ByteView payload);

inline constexpr std::uint8_t kEncryptedBit = 0x80;
inline constexpr std::uint8_t kAuthenticatedBit = 0x40;
inline constexpr std::size_t kRmcpHeaderSize = 4;

struct LanRequest {
    std::uint8_t responder = 0x20;
    std::uint8_t net_fn = 0;
    std::uint8_t responder_lun = 0;
    std::uint8_t requester = 0x81;
    std::uint8_t sequence_and_lun = 0;
    std::uint8_t command = 0;
    ByteView data;
};
// nullopt: too short, a checksum is wrong, or it is no request.
[[nodiscard]] std::optional<LanRequest> open_lan_request(ByteView message);
[[nodiscard]] Bytes lan_response(const LanRequest& request, std::uint8_t completion_code, ByteView data);

}  // namespace bmcvault::virtual_bmc
