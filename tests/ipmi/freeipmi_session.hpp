// The other end of a session, by libfreeipmi: opens our requests, seals replies for us.
#pragma once

#include <optional>

#include "ipmi/core/key_exchange.hpp"
#include "vault/base/bytes.hpp"

namespace bmcvault::ipmi::test {

struct SessionSecrets {
    CipherSuite suite;
    Bytes k1;
    Bytes k2;
    Bytes password;  // keys MD5-128 integrity
};

struct OpenedRequest {
    std::uint8_t net_fn = 0;
    std::uint8_t requester_sequence = 0;
    std::uint32_t session_id = 0;
    std::uint32_t sequence = 0;
    Bytes command_and_data;
};
// Nothing unless every check of libfreeipmi passes.
[[nodiscard]] std::optional<OpenedRequest> open_request(const SessionSecrets& secrets, const Bytes& datagram);

struct Reply {
    std::uint8_t net_fn = 7;
    std::uint8_t requester_sequence = 0;
    std::uint32_t session_id = 0;
    std::uint32_t sequence = 1;
    std::uint8_t command = 0;
    std::uint8_t completion_code = 0;
    Bytes data;  // at most 34 bytes
};
[[nodiscard]] Bytes seal_reply(const SessionSecrets& secrets, const Reply& reply);

}  // namespace bmcvault::ipmi::test
