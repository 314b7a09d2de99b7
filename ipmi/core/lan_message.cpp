#include "ipmi/core/lan_message.hpp"

#include <algorithm>
#include <array>

#include "ipmi/core/frame.hpp"
#include "vault/base/check.hpp"

namespace bmcvault::ipmi {
namespace {

constexpr std::uint8_t kBmcAddress = 0x20;      // §5.5: the BMC's slave address
constexpr std::uint8_t kConsoleAddress = 0x81;  // §5.5: first remote console software ID
constexpr std::size_t kHeaderSize = 6;          // up to the command
constexpr std::size_t kMinResponse = 8;         // header, completion code, checksum

// Two's complement of the sum (§13.8).
std::uint8_t checksum(ByteView bytes) {
    unsigned sum = 0;
    for (const auto byte : bytes) sum += byte;
    return static_cast<std::uint8_t>(0x100 - (sum & 0xff));
}

std::uint8_t in_upper_six(std::uint8_t value) {
    return static_cast<std::uint8_t>(value << 2);  // the lower two are the LUN, always 0 here
}

}  // namespace

std::size_t write_lan_request(const Request& request, std::uint8_t requester_sequence, MutableByteView out) {
    BMCVAULT_CHECK(out.size() >= kMaxLanRequest && requester_sequence < kRequesterSequences);
    out[0] = kBmcAddress;
    out[1] = in_upper_six(static_cast<std::uint8_t>(request.net_fn()));
    out[2] = checksum(out.first(2));
    out[3] = kConsoleAddress;
    out[4] = in_upper_six(requester_sequence);
    out[5] = request.command();
    const std::size_t size = request.expose_data([&](ByteView data) {
        std::ranges::copy(data, out.subspan(kHeaderSize).begin());
        return kHeaderSize + data.size();
    });
    out[size] = checksum(out.subspan(3, size - 3));
    return size + 1;
}

std::optional<Response> read_lan_response(ByteView message, NetFn net_fn, std::uint8_t command,
                                          std::uint8_t requester_sequence, Checksums checksums) {
    if (message.size() < kMinResponse) return std::nullopt;
    const auto body = message.subspan(3);
    if (checksums == Checksums::kRequired && (checksum(message.first(3)) != 0 || checksum(body) != 0)) {
        return std::nullopt;
    }
    const std::uint8_t response_net_fn = static_cast<std::uint8_t>(net_fn) | 1U;
    if (message[1] >> 2 != response_net_fn || message[4] >> 2 != requester_sequence || message[5] != command) {
        return std::nullopt;
    }
    const auto data = message.subspan(kHeaderSize + 1, message.size() - kMinResponse);
    return Response{message[kHeaderSize], Bytes(data.begin(), data.end())};
}

Bytes sessionless_request(const Request& request, std::uint8_t requester_sequence, Framing framing) {
    BMCVAULT_CHECK(!request.carries_secret());
    std::array<std::uint8_t, kMaxLanRequest> message;
    const std::size_t size = write_lan_request(request, requester_sequence, message);
    auto datagram = framing == Framing::kLan ? lan_header(size) : rmcpplus_header(PayloadType::kIpmi, 0, 0, 0, size);
    append(datagram, ByteView(message).first(size));
    return datagram;
}

Framing framing_of(ByteView datagram) {
    const auto frame = parse_frame(datagram);
    return frame && frame->rmcpplus ? Framing::kRmcpplus : Framing::kLan;
}

std::optional<Response> sessionless_response(ByteView datagram, const Request& request,
                                             std::uint8_t requester_sequence) {
    const auto frame = parse_frame(datagram);
    if (!frame || frame->session_id != 0 || frame->authenticated || frame->encrypted) return std::nullopt;
    if (frame->rmcpplus && frame->payload_type != static_cast<std::uint8_t>(PayloadType::kIpmi)) return std::nullopt;
    return read_lan_response(frame->payload, request.net_fn(), request.command(), requester_sequence,
                             Checksums::kRequired);
}

}  // namespace bmcvault::ipmi
