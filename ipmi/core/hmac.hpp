// HMAC over OpenSSL, made for many keys on one message: the context is kept, only the key changes.
#pragma once

#include <memory>

#include "ipmi/spec/spec.hpp"
#include "vault/base/bytes.hpp"

struct evp_mac_ctx_st;

namespace bmcvault::ipmi {

// Of the key exchange: 20, 16 or 32; 0 for "none" (§13.28).
[[nodiscard]] std::size_t digest_size(AuthenticationAlgorithm algorithm);
inline constexpr std::size_t kMaxDigestSize = 32;

class Hmac {
public:
    explicit Hmac(AuthenticationAlgorithm algorithm);  // not kNone
    ~Hmac();
    Hmac(Hmac&&) noexcept;
    Hmac& operator=(Hmac&&) noexcept;

    // `digest` has digest_size() bytes.
    void compute(ByteView key, ByteView message, MutableByteView digest);
    [[nodiscard]] std::size_t size() const { return size_; }

private:
    struct Release {
        void operator()(evp_mac_ctx_st* context) const;
    };
    std::unique_ptr<evp_mac_ctx_st, Release> context_;
    std::size_t size_;
};

// Constant time. False when the sizes differ.
[[nodiscard]] bool same_bytes(ByteView a, ByteView b);

}  // namespace bmcvault::ipmi
