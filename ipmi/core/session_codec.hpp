// One RMCP+ session after RAKP 4: requests into encrypted, signed datagrams, datagrams into verified responses.
// (§13.28.5, §13.29, §6.12.13). Sans-I/O: random bytes come in as a value.
//
// The envelope is computed here over OpenSSL and not by libfreeipmi, which reads /dev/urandom for every packet,
// decrypts before it verifies, and copies the password of MD5-128 integrity to the stack.
#pragma once

#include <cstdint>
#include <optional>

#include "ipmi/core/commands.hpp"
#include "ipmi/core/key_exchange.hpp"

namespace bmcvault::ipmi {

// §6.12.13: a number is taken once, and none that is 16 or more behind the newest.
class ReplayWindow {
public:
    // Call only for a datagram whose integrity has been verified.
    [[nodiscard]] bool accept(std::uint32_t sequence);

private:
    static constexpr std::uint32_t kWidth = 16;
    std::uint32_t newest_ = 0;
    std::uint32_t seen_ = 0;  // bit n: newest_ - n
};

class SessionCodec {
public:
    SessionCodec(const CipherSuite& suite, std::uint32_t console_session_id, std::uint32_t bmc_session_id,
                 SessionKeys keys);

    // A new session sequence number each time; a retransmission keeps its requester_sequence. kConflict for a request
    // with a secret in a session without AES: nothing was made (I11).
    [[nodiscard]] Result<Bytes> wrap(const Request& request, std::uint8_t requester_sequence,
                                     const Random16& initialization_vector);
    // The response to exactly this request, with its integrity verified; nothing for any other bytes.
    [[nodiscard]] std::optional<Response> unwrap(ByteView datagram, NetFn net_fn, std::uint8_t command,
                                                 std::uint8_t requester_sequence);

    [[nodiscard]] const CipherSuite& suite() const { return suite_; }
    [[nodiscard]] bool encrypted() const { return suite_.confidentiality == ConfidentialityAlgorithm::kAesCbc128; }
    [[nodiscard]] bool authenticated() const { return suite_.integrity != IntegrityAlgorithm::kNone; }
    [[nodiscard]] std::uint32_t console_session_id() const { return console_session_id_; }
    [[nodiscard]] std::uint32_t bmc_session_id() const { return bmc_session_id_; }

private:
    [[nodiscard]] Bytes payload_of(const Request& request, std::uint8_t requester_sequence,
                                   const Random16& initialization_vector) const;
    void append_trailer(Bytes& datagram) const;
    [[nodiscard]] Bytes integrity_code(ByteView covered) const;
    [[nodiscard]] bool trailer_is_right(ByteView datagram, ByteView trailer) const;

    CipherSuite suite_;
    std::uint32_t console_session_id_;
    std::uint32_t bmc_session_id_;
    SessionKeys keys_;
    std::uint32_t sent_ = 0;
    ReplayWindow received_;
};

}  // namespace bmcvault::ipmi
