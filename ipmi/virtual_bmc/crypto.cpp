// RMCP+ primitives over OpenSSL's EVP interface.
#include "ipmi/virtual_bmc/crypto.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <memory>

#include "vault/base/check.hpp"

namespace bmcvault::virtual_bmc {

namespace {

using ipmi::AuthenticationAlgorithm;
using ipmi::IntegrityAlgorithm;

constexpr std::size_t kAesBlock = 16;
constexpr std::size_t kKeyConstantSize = 20;  // also for SHA-256 (§13.32)

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
    return nullptr;
}

Bytes md5(ByteView message) {
    Bytes out(16);
    std::size_t size = 0;
    BMCVAULT_CHECK(EVP_Q_digest(nullptr, "MD5", nullptr, message.data(), message.size(), out.data(), &size) == 1);
    return out;
}

// One AES-128-CBC pass without OpenSSL's own padding; `data` is whole blocks.
Bytes aes_cbc(bool encrypt, ByteView k2, ByteView iv16, ByteView data) {
    const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> context(EVP_CIPHER_CTX_new(),
                                                                                  &EVP_CIPHER_CTX_free);
    BMCVAULT_CHECK(context != nullptr && k2.size() >= kAesBlock);
    BMCVAULT_CHECK(
        EVP_CipherInit_ex2(context.get(), EVP_aes_128_cbc(), k2.data(), iv16.data(), encrypt ? 1 : 0, nullptr) == 1);
    BMCVAULT_CHECK(EVP_CIPHER_CTX_set_padding(context.get(), 0) == 1);
    Bytes out(data.size() + kAesBlock);
    int size = 0;
    BMCVAULT_CHECK(EVP_CipherUpdate(context.get(), out.data(), &size, data.data(), static_cast<int>(data.size())) == 1);
    out.resize(static_cast<std::size_t>(size));
    return out;
}

}  // namespace

Bytes hmac(AuthenticationAlgorithm algorithm, ByteView key, ByteView message) {
    const char* digest = digest_name(algorithm);
    if (digest == nullptr) return {};
    Bytes out(EVP_MAX_MD_SIZE);
    std::size_t size = 0;
    BMCVAULT_CHECK(EVP_Q_mac(nullptr, "HMAC", nullptr, digest, nullptr, key.data(), key.size(), message.data(),
                             message.size(), out.data(), out.size(), &size) != nullptr);
    out.resize(size);
    return out;
}

SessionKeys derive_keys(AuthenticationAlgorithm algorithm, ByteView key, ByteView message) {
    SessionKeys keys;
    keys.sik = hmac(algorithm, key, message);
    keys.k1 = hmac(algorithm, keys.sik, Bytes(kKeyConstantSize, 0x01));
    keys.k2 = hmac(algorithm, keys.sik, Bytes(kKeyConstantSize, 0x02));
    return keys;
}

std::size_t rakp4_code_size(AuthenticationAlgorithm algorithm) {
    switch (algorithm) {
        case AuthenticationAlgorithm::kNone:
            return 0;
        case AuthenticationAlgorithm::kHmacSha1:
            return 12;
        case AuthenticationAlgorithm::kHmacMd5:
        case AuthenticationAlgorithm::kHmacSha256:
            return 16;
    }
    return 0;
}

std::size_t integrity_code_size(IntegrityAlgorithm algorithm) {
    if (algorithm == IntegrityAlgorithm::kNone) return 0;
    return algorithm == IntegrityAlgorithm::kHmacSha1_96 ? 12 : 16;
}

Bytes integrity_code(IntegrityAlgorithm algorithm, ByteView k1, ByteView password20, ByteView message) {
    Bytes code;
    switch (algorithm) {
        case IntegrityAlgorithm::kNone:
            return {};
        case IntegrityAlgorithm::kHmacSha1_96:
            code = hmac(AuthenticationAlgorithm::kHmacSha1, k1, message);
            break;
        case IntegrityAlgorithm::kHmacMd5_128:
            code = hmac(AuthenticationAlgorithm::kHmacMd5, k1, message);
            break;
        case IntegrityAlgorithm::kHmacSha256_128:
            code = hmac(AuthenticationAlgorithm::kHmacSha256, k1, message);
            break;
        case IntegrityAlgorithm::kMd5_128: {
            Bytes framed(password20.begin(), password20.end());
            append(framed, message);
            append(framed, password20);
            code = md5(framed);
            break;
        }
    }
    code.resize(integrity_code_size(algorithm));
    return code;
}

Bytes aes_encrypt(ByteView k2, ByteView iv16, ByteView payload) {
    Bytes clear(payload.begin(), payload.end());
    const std::size_t pad = (kAesBlock - (clear.size() + 1) % kAesBlock) % kAesBlock;
    for (std::size_t i = 1; i <= pad; ++i) clear.push_back(static_cast<std::uint8_t>(i));
    clear.push_back(static_cast<std::uint8_t>(pad));
    Bytes out(iv16.begin(), iv16.end());
    append(out, aes_cbc(true, k2, iv16, clear));
    return out;
}

std::optional<Bytes> aes_decrypt(ByteView k2, ByteView header_and_data) {
    if (header_and_data.size() < 2 * kAesBlock || header_and_data.size() % kAesBlock != 0) return std::nullopt;
    Bytes clear = aes_cbc(false, k2, header_and_data.first(kAesBlock), header_and_data.subspan(kAesBlock));
    const std::size_t pad = clear.back();
    if (pad >= kAesBlock || pad + 1 > clear.size()) return std::nullopt;
    clear.pop_back();
    for (std::size_t i = pad; i > 0; --i) {
        if (clear.back() != i) return std::nullopt;
        clear.pop_back();
    }
    return clear;
}

Bytes padded20(ByteView bytes) {
    Bytes out(ipmi::kPasswordSize20, 0);
    std::copy_n(bytes.begin(), std::min(bytes.size(), out.size()), out.begin());
    return out;
}

bool same_bytes(ByteView a, ByteView b) {
    return a.size() == b.size() && (a.empty() || CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0);
}

}  // namespace bmcvault::virtual_bmc
