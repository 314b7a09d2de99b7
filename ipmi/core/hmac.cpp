#include "ipmi/core/hmac.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "vault/base/check.hpp"

namespace bmcvault::ipmi {
namespace {

const char* digest_name(AuthenticationAlgorithm algorithm) {
    switch (algorithm) {
        case AuthenticationAlgorithm::kHmacSha1:
            return "SHA1";
        case AuthenticationAlgorithm::kHmacMd5:
            return "MD5";
        case AuthenticationAlgorithm::kHmacSha256:
            return "SHA256";
        case AuthenticationAlgorithm::kNone:
            break;
    }
    BMCVAULT_CHECK(false && "no digest belongs to this algorithm");
    return nullptr;
}

}  // namespace

std::size_t digest_size(AuthenticationAlgorithm algorithm) {
    switch (algorithm) {
        case AuthenticationAlgorithm::kHmacSha1:
            return 20;
        case AuthenticationAlgorithm::kHmacMd5:
            return 16;
        case AuthenticationAlgorithm::kHmacSha256:
            return 32;
        case AuthenticationAlgorithm::kNone:
            break;
    }
    return 0;
}

Hmac::Hmac(AuthenticationAlgorithm algorithm) : size_(digest_size(algorithm)) {
    EVP_MAC* mac = EVP_MAC_fetch(nullptr, OSSL_MAC_NAME_HMAC, nullptr);
    BMCVAULT_CHECK(mac != nullptr);
    context_.reset(EVP_MAC_CTX_new(mac));
    EVP_MAC_free(mac);  // the context keeps its own reference
    BMCVAULT_CHECK(context_ != nullptr);
    // OSSL_PARAM wants a mutable string and does not change it.
    auto* name = const_cast<char*>(digest_name(algorithm));
    const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
                                     OSSL_PARAM_construct_end()};
    BMCVAULT_CHECK(EVP_MAC_CTX_set_params(context_.get(), parameters) == 1);
}

Hmac::~Hmac() = default;
Hmac::Hmac(Hmac&&) noexcept = default;
Hmac& Hmac::operator=(Hmac&&) noexcept = default;

void Hmac::Release::operator()(evp_mac_ctx_st* context) const {
    EVP_MAC_CTX_free(context);  // wipes the key
}

void Hmac::compute(ByteView key, ByteView message, MutableByteView digest) {
    BMCVAULT_CHECK(digest.size() == size_);
    std::size_t written = 0;
    BMCVAULT_CHECK(EVP_MAC_init(context_.get(), key.data(), key.size(), nullptr) == 1);
    BMCVAULT_CHECK(EVP_MAC_update(context_.get(), message.data(), message.size()) == 1);
    BMCVAULT_CHECK(EVP_MAC_final(context_.get(), digest.data(), &written, digest.size()) == 1);
    BMCVAULT_CHECK(written == size_);
}

bool same_bytes(ByteView a, ByteView b) {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace bmcvault::ipmi
