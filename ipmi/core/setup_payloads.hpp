// Payloads of session setup (§13.17 to §13.24): fields to bytes and bytes to fields, over libfreeipmi's templates.
// Replies of any size and content are taken: what is short comes back with less in it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "ipmi/spec/spec.hpp"
#include "vault/base/bytes.hpp"

namespace bmcvault::ipmi {

[[nodiscard]] Bytes open_session_request(std::uint8_t tag, PrivilegeLevel privilege, std::uint32_t console_session_id,
                                         const CipherSuite& suite);
[[nodiscard]] Bytes rakp1(std::uint8_t tag, std::uint32_t bmc_session_id, const Random16& console_random,
                          PrivilegeLevel privilege, std::string_view user_name);  // name-only lookup
[[nodiscard]] Bytes rakp3(std::uint8_t tag, std::uint32_t bmc_session_id, ByteView key_exchange_code);

// What all three replies begin with. An error reply may end after the status (two bytes), or after eight.
struct SetupReplyHead {
    std::uint8_t tag = 0;
    std::uint8_t status = 0;
    std::optional<std::uint32_t> console_session_id;
};
[[nodiscard]] std::optional<SetupReplyHead> parse_setup_reply_head(PayloadType type, ByteView payload);

struct OpenSessionResponse {
    std::uint32_t bmc_session_id = 0;
    AuthenticationAlgorithm authentication{};
    IntegrityAlgorithm integrity{};
    ConfidentialityAlgorithm confidentiality{};
};
[[nodiscard]] std::optional<OpenSessionResponse> parse_open_session_response(ByteView payload);

struct Rakp2 {
    Random16 bmc_random{};
    Guid guid{};
    Bytes key_exchange_code;
};
[[nodiscard]] std::optional<Rakp2> parse_rakp2(ByteView payload);
[[nodiscard]] std::optional<Bytes> parse_rakp4(ByteView payload);  // the integrity check value

}  // namespace bmcvault::ipmi
