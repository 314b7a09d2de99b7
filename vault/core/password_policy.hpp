// Passwords and K_Gs from random bytes. Pure: the randomness comes in as a value.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "vault/base/secret.hpp"
#include "vault/core/model.hpp"

namespace bmcvault::vault {

// 66 symbols that every vendor seen accepts: A-Z a-z 0-9 - _ @ !
inline constexpr std::string_view kPasswordAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_@!";

enum class Alphabet : std::uint8_t {
    kFull,       // all 66
    kShellSafe,  // without @ and !: the second try after a refusal by policy
};

// A source of uniform random bytes.
class RandomBytes {
public:
    virtual ~RandomBytes() = default;
    virtual void fill(std::span<std::uint8_t> out) = 0;
};

// 16 or 20 characters: a letter first, each class present, no two equal neighbours, user name not contained in either
// direction. At least 90 bits. Zero-padded to 20 bytes. Uniform among the passwords that satisfy the rules.
[[nodiscard]] Key20 generate_password(StoredSize size, Alphabet alphabet, std::string_view user_name,
                                      RandomBytes& random);

// 20 random bytes, none of them zero (ipmitool cuts a K_G at a zero byte).
[[nodiscard]] Key20 generate_k_g(RandomBytes& random);

}  // namespace bmcvault::vault
