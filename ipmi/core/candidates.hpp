// Which of the passwords and K_Gs we know does the BMC hold? Answered offline from one RAKP 2 and one RAKP 4.
// (IPMI 2.0 §13.20 to §13.24, §13.31; measured conditions in docs/rakp.md)
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "ipmi/spec/spec.hpp"
#include "vault/base/bytes.hpp"
#include "vault/base/secret.hpp"

namespace bmcvault::ipmi {

// Ids are the caller's; candidates are tested in order, exact forms of all before mangled forms of any.
struct PasswordCandidate {
    std::uint32_t id = 0;
    const Key20* k_uid = nullptr;  // borrowed, zero-padded
};
struct KgCandidate {
    std::uint32_t id = 0;
    const Key20* k_g = nullptr;  // borrowed
};

// How the BMC mangled the password it was given.
enum class Form : std::uint8_t {
    kExact,
    kFirst16,         // stored 16 of 20
    kFirst19,         // stored 19 of 20
    kNewHeadOldTail,  // 16 new bytes, the last 4 of another candidate left in place
};

// Deviations of the handshake itself, found by trying them offline.
struct HandshakeVariant {
    bool role_without_name_only_bit = false;  // opensesspriv family: HMAC over another role byte
    bool padded_user_name = false;            // name zero-padded to 16 inside the HMAC
    bool md5_key_cut_to_16 = false;           // suites 6 to 12 key the HMAC with 16 bytes
    bool hmac_one_byte_too_long = false;
    friend bool operator==(const HandshakeVariant&, const HandshakeVariant&) = default;
};

struct PasswordMatch {
    std::uint32_t id = 0;
    Form form = Form::kExact;
    std::uint32_t tail_id = 0;  // for kNewHeadOldTail: whose last 4 bytes
    HandshakeVariant variant{};
    Key20 live;  // the bytes that the BMC really holds
};

struct KgMatch {
    std::optional<std::uint32_t> id;  // nullopt: no K_G is set
    bool cut_at_zero_byte = false;
    Key20 live;  // all zero when none
};

// Everything RAKP 2 authenticates.
struct Rakp2Facts {
    AuthenticationAlgorithm algorithm{};
    std::uint32_t console_session_id = 0;
    std::uint32_t bmc_session_id = 0;
    Random16 console_random{};
    Random16 bmc_random{};
    Guid guid{};
    std::uint8_t role = 0;  // whole byte as sent in RAKP 1, name-only bit included
    std::string user_name;
    Bytes key_exchange_code;  // as received
};

struct Rakp4Facts {
    Rakp2Facts rakp2;
    IntegrityAlgorithm integrity{};
    Bytes integrity_check_value;
};

// nullopt: no candidate in any form. A code of the wrong length (but one byte too long), all zero, or algorithm
// "none" proves nothing and matches nothing.
[[nodiscard]] std::optional<PasswordMatch> match_password(const Rakp2Facts&, std::span<const PasswordCandidate>);
// `match` is the password that was used for RAKP 3. "No K_G" is always tested, first.
[[nodiscard]] std::optional<KgMatch> match_k_g(const Rakp4Facts&, const PasswordMatch& match,
                                               std::span<const KgCandidate>);
// True when RAKP 2 carries something that could prove a password: right length, not all zero, algorithm not "none".
[[nodiscard]] bool gives_proof(const Rakp2Facts&);

}  // namespace bmcvault::ipmi
