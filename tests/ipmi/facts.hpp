// The BMC's half of RAKP 2 and RAKP 4 for the tests, over OpenSSL's one-shot HMAC: another path than the product's.
#pragma once

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <string>
#include <string_view>

#include "ipmi/core/candidates.hpp"
#include "tests/ipmi/vectors.hpp"

namespace bmcvault::ipmi::test {

inline Bytes hmac(AuthenticationAlgorithm algorithm, ByteView key, const Bytes& message) {
    const EVP_MD* digest = algorithm == AuthenticationAlgorithm::kHmacSha1  ? EVP_sha1()
                           : algorithm == AuthenticationAlgorithm::kHmacMd5 ? EVP_md5()
                                                                            : EVP_sha256();
    Bytes out(EVP_MAX_MD_SIZE);
    unsigned size = 0;
    HMAC(digest, key.data(), static_cast<int>(key.size()), message.data(), message.size(), out.data(), &size);
    out.resize(size);
    return out;
}

inline Rakp2Facts facts_of(AuthenticationAlgorithm algorithm) {
    Rakp2Facts facts;
    facts.algorithm = algorithm;
    facts.console_session_id = kConsoleSessionId;
    facts.bmc_session_id = kBmcSessionId;
    facts.console_random = kConsoleRandom;
    facts.bmc_random = kBmcRandom;
    facts.guid = kGuid;
    facts.role = kRole;
    facts.user_name = kUserName;
    return facts;
}

// `name_field`: the length byte and the name, as this BMC sees them.
inline Bytes name_field(std::string_view name) {
    Bytes out{static_cast<std::uint8_t>(name.size())};
    append(out, as_bytes(name));
    return out;
}

inline Bytes rakp2_code(const Rakp2Facts& facts, ByteView stored, std::uint8_t role, const Bytes& name) {
    Bytes message;
    append_u32_le(message, facts.console_session_id);
    append_u32_le(message, facts.bmc_session_id);
    append(message, facts.console_random);
    append(message, facts.bmc_random);
    append(message, facts.guid);
    message.push_back(role);
    append(message, name);
    return hmac(facts.algorithm, stored, message);
}

// RAKP 2 of a BMC that keeps to the specification and stores these bytes.
inline Rakp2Facts answered(AuthenticationAlgorithm algorithm, std::string_view stored) {
    auto facts = facts_of(algorithm);
    facts.key_exchange_code = rakp2_code(facts, as_bytes(stored), facts.role, name_field(facts.user_name));
    return facts;
}

// RAKP 4 of the same BMC, whose session key is `key`: the K_G, or the password when it has none.
inline Rakp4Facts finished(const Rakp2Facts& facts, std::string_view key) {
    Bytes message;
    append(message, facts.console_random);
    append(message, facts.bmc_random);
    message.push_back(facts.role);
    append(message, name_field(facts.user_name));
    const auto sik = hmac(facts.algorithm, as_bytes(key), message);
    Bytes value_of;
    append(value_of, facts.console_random);
    append_u32_le(value_of, facts.bmc_session_id);
    append(value_of, facts.guid);
    auto value = hmac(facts.algorithm, sik, value_of);
    value.resize(facts.algorithm == AuthenticationAlgorithm::kHmacSha1 ? 12 : 16);
    return {facts, IntegrityAlgorithm::kNone, value};
}

}  // namespace bmcvault::ipmi::test
