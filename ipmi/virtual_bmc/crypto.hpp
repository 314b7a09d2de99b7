// The primitives of RMCP+ over OpenSSL, for the BMC's side of the wire. (IPMI 2.0 §13.28, §13.29, §13.31, §13.32)
#pragma once

#include <optional>

#include "ipmi/spec/spec.hpp"
#include "vault/base/bytes.hpp"

namespace bmcvault::virtual_bmc {

// Empty for "none".
[[nodiscard]] Bytes hmac(ipmi::AuthenticationAlgorithm algorithm, ByteView key, ByteView message);

// Session integrity key and its two children. (§13.31, §13.32)
struct SessionKeys {
    Bytes sik;
    Bytes k1;
    Bytes k2;
};
// `key` is K_G, or the user's password where no K_G is set, padded to 20 bytes.
[[nodiscard]] SessionKeys derive_keys(ipmi::AuthenticationAlgorithm algorithm, ByteView key, ByteView message);

// RAKP 4's code is the HMAC cut to this. (§13.28.1)
[[nodiscard]] std::size_t rakp4_code_size(ipmi::AuthenticationAlgorithm algorithm);

[[nodiscard]] std::size_t integrity_code_size(ipmi::IntegrityAlgorithm algorithm);
// MD5-128 is keyed by the padded password, all others by K1. (§13.28.2)
[[nodiscard]] Bytes integrity_code(ipmi::IntegrityAlgorithm algorithm, ByteView k1, ByteView password20,
                                   ByteView message);

// AES-CBC-128 payloads with their confidentiality header and trailer. (§13.29)
[[nodiscard]] Bytes aes_encrypt(ByteView k2, ByteView iv16, ByteView payload);
[[nodiscard]] std::optional<Bytes> aes_decrypt(ByteView k2, ByteView header_and_data);

// Passwords and K_Gs enter every HMAC zero-padded to 20 bytes.
[[nodiscard]] Bytes padded20(ByteView bytes);
[[nodiscard]] bool same_bytes(ByteView a, ByteView b);

}  // namespace bmcvault::virtual_bmc
