#include "cli/signed_text.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "vault/core/keys.hpp"
#include "vault/core/line_reader.hpp"

namespace bmcvault::cli {
namespace {

constexpr std::array<std::uint8_t, 12> kPrefix{0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
constexpr std::string_view kBegin = "-----BEGIN PUBLIC KEY-----\n";
constexpr std::string_view kEnd = "=\n-----END PUBLIC KEY-----\n";

}  // namespace

std::string public_key_pem(const SigningKey& key) {
    Bytes der(kPrefix.begin(), kPrefix.end());
    append(der, key);
    return fmt::format("{}{}{}", kBegin, vault::to_base64(der), kEnd);
}

std::optional<SigningKey> key_in_pem(std::string_view pem) {
    if (!pem.starts_with(kBegin) || !pem.ends_with(kEnd) || pem.size() < kBegin.size() + kEnd.size())
        return std::nullopt;
    pem.remove_prefix(kBegin.size());
    pem.remove_suffix(kEnd.size());
    const auto der = vault::from_base64(pem);
    SigningKey key{};
    if (!der || der->size() != kPrefix.size() + key.size() ||
        !std::ranges::equal(kPrefix, std::span(*der).first(kPrefix.size())))
        return std::nullopt;
    std::copy(der->begin() + kPrefix.size(), der->end(), key.begin());
    return key;
}

std::optional<SigningKey> signer_of(std::string_view text, std::string_view signature, std::string_view pem) {
    const auto key = key_in_pem(pem);
    vault::Signature bytes{};
    if (!key || signature.size() != bytes.size()) return std::nullopt;
    std::ranges::copy(signature, bytes.begin());
    return vault::verify_signature(as_bytes(text), bytes, *key) ? key : std::nullopt;
}

}  // namespace bmcvault::cli
