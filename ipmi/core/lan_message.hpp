// The IPMI LAN message inside every frame: addresses, NetFn, sequence, command, two checksums (§13.8), and the two
// commands that are sent outside a session.
#pragma once

#include <cstdint>
#include <optional>

#include "ipmi/core/commands.hpp"

namespace bmcvault::ipmi {

inline constexpr std::size_t kLanMessageOverhead = 7;
inline constexpr std::size_t kMaxLanRequest = Request::kMaxData + kLanMessageOverhead;
inline constexpr std::uint8_t kRequesterSequences = 64;  // rqSeq has six bits

// Writes the message and returns its size. `out` has at least kMaxLanRequest bytes; secret where the request is.
std::size_t write_lan_request(const Request& request, std::uint8_t requester_sequence, MutableByteView out);

enum class Checksums : std::uint8_t {
    kRequired,
    kIgnored,  // where an integrity code has vouched for every byte: some BMCs get the second checksum wrong
};
// The response to exactly this request, else nothing.
[[nodiscard]] std::optional<Response> read_lan_response(ByteView message, NetFn net_fn, std::uint8_t command,
                                                        std::uint8_t requester_sequence, Checksums checksums);

// A command outside a session, in the framing of IPMI 1.5 or of RMCP+. It must not carry a secret.
enum class Framing : std::uint8_t { kLan, kRmcpplus };
[[nodiscard]] Bytes sessionless_request(const Request& request, std::uint8_t requester_sequence, Framing framing);
[[nodiscard]] Framing framing_of(ByteView datagram);
[[nodiscard]] std::optional<Response> sessionless_response(ByteView datagram, const Request& request,
                                                           std::uint8_t requester_sequence);

}  // namespace bmcvault::ipmi
