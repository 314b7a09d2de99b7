// What the four RAKP messages compute: the authenticated texts, the RAKP 3 code, SIK, K1 and K2 (§13.28, §13.31,
// §13.32). One place, so that matching and the session agree on every variant.
#pragma once

#include "ipmi/core/candidates.hpp"
#include "ipmi/core/hmac.hpp"

namespace bmcvault::ipmi {

[[nodiscard]] Bytes rakp2_message(const Rakp2Facts& facts, const HandshakeVariant& variant);
[[nodiscard]] Bytes sik_message(const Rakp2Facts& facts, const HandshakeVariant& variant);
[[nodiscard]] Bytes rakp4_message(const Rakp2Facts& facts);
// Bytes of a password that key an HMAC: 20, or 16 where the BMC cuts MD5 keys.
[[nodiscard]] std::size_t k_uid_size(const HandshakeVariant& variant);
// Of RAKP 4: by the authentication algorithm, also where the integrity algorithm is another one.
[[nodiscard]] std::size_t integrity_check_value_size(AuthenticationAlgorithm algorithm);

// Key exchange authentication code of RAKP 3.
[[nodiscard]] Bytes rakp3_code(const Rakp2Facts& facts, const PasswordMatch& password);

struct SessionKeys {
    std::size_t size = 0;  // of the digest
    Secret<kMaxDigestSize> sik;
    Secret<kMaxDigestSize> k1;
    Secret<kMaxDigestSize> k2;  // its first 16 bytes are the AES key
    Key20 k_uid;                // integrity MD5-128 is keyed by the password (§13.28.4)
};
[[nodiscard]] SessionKeys derive_session_keys(const Rakp2Facts& facts, const PasswordMatch& password,
                                              const KgMatch& k_g);

}  // namespace bmcvault::ipmi
