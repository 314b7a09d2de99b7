#include "ipmi/core/key_exchange.hpp"

#include <algorithm>
#include <array>

namespace bmcvault::ipmi {
namespace {

void append_role_and_name(Bytes& out, const Rakp2Facts& facts, const HandshakeVariant& variant) {
    const std::uint8_t role =
        variant.role_without_name_only_bit ? facts.role & static_cast<std::uint8_t>(~kNameOnlyLookup) : facts.role;
    // The padded form is attested with the length byte 16 only (Intel SE7520AF2).
    const std::size_t size = variant.padded_user_name ? kUserNameSize : facts.user_name.size();
    out.push_back(role);
    out.push_back(static_cast<std::uint8_t>(size));
    append(out, as_bytes(facts.user_name));
    out.resize(out.size() + size - facts.user_name.size());
}

// Twenty bytes whatever the hash: the specification says "block size", every implementation says 20 (§13.32).
void derive(Hmac& hmac, ByteView sik, std::uint8_t constant, MutableByteView key) {
    std::array<std::uint8_t, 20> text;
    text.fill(constant);
    hmac.compute(sik, text, key);
}

}  // namespace

Bytes rakp2_message(const Rakp2Facts& facts, const HandshakeVariant& variant) {
    Bytes message;
    message.reserve(80);
    append_u32_le(message, facts.console_session_id);
    append_u32_le(message, facts.bmc_session_id);
    append(message, facts.console_random);
    append(message, facts.bmc_random);
    append(message, facts.guid);
    append_role_and_name(message, facts, variant);
    return message;
}

Bytes sik_message(const Rakp2Facts& facts, const HandshakeVariant& variant) {
    Bytes message;
    append(message, facts.console_random);
    append(message, facts.bmc_random);
    append_role_and_name(message, facts, variant);
    return message;
}

Bytes rakp4_message(const Rakp2Facts& facts) {
    Bytes message;
    append(message, facts.console_random);
    append_u32_le(message, facts.bmc_session_id);
    append(message, facts.guid);
    return message;
}

std::size_t k_uid_size(const HandshakeVariant& variant) {
    return variant.md5_key_cut_to_16 ? kPasswordSize16 : kKeySize;
}

std::size_t integrity_check_value_size(AuthenticationAlgorithm algorithm) {
    if (algorithm == AuthenticationAlgorithm::kNone) return 0;
    return algorithm == AuthenticationAlgorithm::kHmacSha1 ? 12 : 16;
}

Bytes rakp3_code(const Rakp2Facts& facts, const PasswordMatch& password) {
    Bytes message;
    append(message, facts.bmc_random);
    append_u32_le(message, facts.console_session_id);
    append_role_and_name(message, facts, password.variant);
    Hmac hmac(facts.algorithm);
    Bytes code(hmac.size());
    password.live.expose([&](auto k_uid) { hmac.compute(k_uid.first(k_uid_size(password.variant)), message, code); });
    return code;
}

SessionKeys derive_session_keys(const Rakp2Facts& facts, const PasswordMatch& password, const KgMatch& k_g) {
    Hmac hmac(facts.algorithm);
    const auto message = sik_message(facts, password.variant);
    SessionKeys keys;
    keys.size = hmac.size();
    keys.k_uid = password.live.clone();
    keys.sik.expose_mutable([&](auto sik) {
        const auto target = sik.first(keys.size);
        if (k_g.id) {
            k_g.live.expose([&](auto key) { hmac.compute(key, message, target); });
        } else {
            password.live.expose(
                [&](auto key) { hmac.compute(key.first(k_uid_size(password.variant)), message, target); });
        }
        keys.k1.expose_mutable([&](auto k1) { derive(hmac, target, 0x01, k1.first(keys.size)); });
        keys.k2.expose_mutable([&](auto k2) { derive(hmac, target, 0x02, k2.first(keys.size)); });
    });
    return keys;
}

}  // namespace bmcvault::ipmi
