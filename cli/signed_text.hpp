// A text with a detached Ed25519 signature, as openssl reads and writes it (RFC 8410). Pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bmcvault::cli {

using SigningKey = std::array<std::uint8_t, 32>;  // public

[[nodiscard]] std::string public_key_pem(const SigningKey& key);
// nullopt: no Ed25519 public key as public_key_pem() writes it.
[[nodiscard]] std::optional<SigningKey> key_in_pem(std::string_view pem);
// Whose signature it is; nullopt: the text is not as it was signed, or signature or key are none.
[[nodiscard]] std::optional<SigningKey> signer_of(std::string_view text, std::string_view signature,
                                                  std::string_view pem);

}  // namespace bmcvault::cli
