#include "ipmi/core/session_codec.hpp"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <memory>

#include "ipmi/core/frame.hpp"
#include "ipmi/core/lan_message.hpp"

namespace bmcvault::ipmi {
namespace {

constexpr std::size_t kAesBlock = 16;
constexpr std::size_t kAesKey = 16;
constexpr std::uint8_t kNextHeader = 0x07;    // §13.28.4
constexpr std::uint8_t kIntegrityPad = 0xff;  // §13.28.4
constexpr std::size_t kPadLengthAndNextHeader = 2;
constexpr std::size_t kMaxPlaintext = (kMaxLanRequest / kAesBlock + 1) * kAesBlock;

std::size_t integrity_code_size(IntegrityAlgorithm algorithm) {
    switch (algorithm) {
        case IntegrityAlgorithm::kHmacSha1_96:
            return 12;
        case IntegrityAlgorithm::kHmacMd5_128:
        case IntegrityAlgorithm::kMd5_128:
        case IntegrityAlgorithm::kHmacSha256_128:
            return 16;
        case IntegrityAlgorithm::kNone:
            break;
    }
    return 0;
}

AuthenticationAlgorithm hmac_of(IntegrityAlgorithm algorithm) {
    switch (algorithm) {
        case IntegrityAlgorithm::kHmacSha1_96:
            return AuthenticationAlgorithm::kHmacSha1;
        case IntegrityAlgorithm::kHmacMd5_128:
            return AuthenticationAlgorithm::kHmacMd5;
        case IntegrityAlgorithm::kHmacSha256_128:
            return AuthenticationAlgorithm::kHmacSha256;
        default:
            BMCVAULT_CHECK(false && "no HMAC belongs to this integrity algorithm");
            return AuthenticationAlgorithm::kNone;
    }
}

// MD5(password, data, password), in place: the password is never copied.
Bytes md5_128(const Key20& k_uid, ByteView covered) {
    Bytes code(16);
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    BMCVAULT_CHECK(context && EVP_DigestInit_ex(context.get(), EVP_md5(), nullptr) == 1);
    k_uid.expose([&](auto password) {
        BMCVAULT_CHECK(EVP_DigestUpdate(context.get(), password.data(), password.size()) == 1);
        BMCVAULT_CHECK(EVP_DigestUpdate(context.get(), covered.data(), covered.size()) == 1);
        BMCVAULT_CHECK(EVP_DigestUpdate(context.get(), password.data(), password.size()) == 1);
    });
    BMCVAULT_CHECK(EVP_DigestFinal_ex(context.get(), code.data(), nullptr) == 1);
    return code;
}

// Whole blocks in, as many bytes out; the padding of §13.29 is the caller's.
void aes_cbc(const Secret<kMaxDigestSize>& k2, ByteView initialization_vector, ByteView in, MutableByteView out,
             bool encrypt) {
    const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> context(EVP_CIPHER_CTX_new(),
                                                                                  EVP_CIPHER_CTX_free);
    BMCVAULT_CHECK(context && in.size() % kAesBlock == 0 && out.size() >= in.size());
    int size = 0;
    k2.expose([&](auto key) {
        BMCVAULT_CHECK(EVP_CipherInit_ex(context.get(), EVP_aes_128_cbc(), nullptr, key.first(kAesKey).data(),
                                         initialization_vector.data(), encrypt ? 1 : 0) == 1);
    });
    EVP_CIPHER_CTX_set_padding(context.get(), 0);
    BMCVAULT_CHECK(EVP_CipherUpdate(context.get(), out.data(), &size, in.data(), static_cast<int>(in.size())) == 1);
    BMCVAULT_CHECK(static_cast<std::size_t>(size) == in.size());
}

// §13.29: pad bytes 01h, 02h, ..., then how many. Returns the size with padding.
std::size_t pad(MutableByteView buffer, std::size_t size) {
    const std::size_t total = (size / kAesBlock + 1) * kAesBlock;
    const std::size_t count = total - size - 1;
    for (std::size_t i = 0; i < count; ++i) buffer[size + i] = static_cast<std::uint8_t>(i + 1);
    buffer[total - 1] = static_cast<std::uint8_t>(count);
    return total;
}

std::optional<std::size_t> size_without_padding(ByteView plaintext) {
    if (plaintext.empty()) return std::nullopt;
    const std::size_t count = plaintext.back();
    if (count >= kAesBlock || count + 1 > plaintext.size()) return std::nullopt;
    const std::size_t size = plaintext.size() - 1 - count;
    for (std::size_t i = 0; i < count; ++i) {
        if (plaintext[size + i] != i + 1) return std::nullopt;
    }
    return size;
}

std::optional<Bytes> decrypt(const Secret<kMaxDigestSize>& k2, ByteView payload) {
    if (payload.size() < 2 * kAesBlock || payload.size() % kAesBlock != 0) return std::nullopt;
    const auto encrypted = payload.subspan(kAesBlock);
    Bytes plaintext(encrypted.size());
    aes_cbc(k2, payload.first(kAesBlock), encrypted, plaintext, false);
    const auto size = size_without_padding(plaintext);
    if (!size) return std::nullopt;
    plaintext.resize(*size);
    return plaintext;
}

// Set Channel Security Keys may answer with the K_G itself; nobody here wants more than the lock status before it.
void forget_key(Bytes& message, std::optional<Response>& response) {
    OPENSSL_cleanse(message.data(), message.size());
    if (!response || response->data.size() <= 1) return;
    OPENSSL_cleanse(response->data.data() + 1, response->data.size() - 1);
    response->data.resize(1);
}

}  // namespace

// Forward jumps are taken however far: their integrity was verified, so they are the BMC's own.
bool ReplayWindow::accept(std::uint32_t sequence) {
    if (sequence == 0) return false;  // outside a session
    if (sequence > newest_) {
        const std::uint32_t step = sequence - newest_;
        seen_ = step < kWidth ? (seen_ << step) | 1U : 1U;
        newest_ = sequence;
        return true;
    }
    const std::uint32_t age = newest_ - sequence;
    if (age >= kWidth || (seen_ >> age & 1U) != 0) return false;
    seen_ |= 1U << age;
    return true;
}

SessionCodec::SessionCodec(const CipherSuite& suite, std::uint32_t console_session_id, std::uint32_t bmc_session_id,
                           SessionKeys keys)
    : suite_(suite), console_session_id_(console_session_id), bmc_session_id_(bmc_session_id), keys_(std::move(keys)) {
    BMCVAULT_CHECK(suite.authentication != AuthenticationAlgorithm::kNone);
    BMCVAULT_CHECK(suite.confidentiality == ConfidentialityAlgorithm::kNone ||
                   suite.confidentiality == ConfidentialityAlgorithm::kAesCbc128);
}

Result<Bytes> SessionCodec::wrap(const Request& request, std::uint8_t requester_sequence,
                                 const Random16& initialization_vector) {
    if (request.carries_secret() && !encrypted()) {
        return fail(ErrorCode::kConflict,
                    fmt::format("cipher suite {} does not encrypt: a password or key is not sent under it", suite_.id));
    }
    const auto payload = payload_of(request, requester_sequence, initialization_vector);
    const auto flags = static_cast<std::uint8_t>((encrypted() ? kPayloadEncrypted : 0) |
                                                 (authenticated() ? kPayloadAuthenticated : 0));
    auto datagram = rmcpplus_header(PayloadType::kIpmi, flags, bmc_session_id_, ++sent_, payload.size());
    append(datagram, payload);
    if (authenticated()) append_trailer(datagram);
    return datagram;
}

std::optional<Response> SessionCodec::unwrap(ByteView datagram, NetFn net_fn, std::uint8_t command,
                                             std::uint8_t requester_sequence) {
    const auto frame = parse_frame(datagram);
    if (!frame || !frame->rmcpplus || frame->session_id != console_session_id_) return std::nullopt;
    if (frame->payload_type != static_cast<std::uint8_t>(PayloadType::kIpmi)) return std::nullopt;
    if (frame->authenticated != authenticated() || frame->encrypted != encrypted()) return std::nullopt;
    if (authenticated() && !trailer_is_right(datagram, frame->trailer)) return std::nullopt;
    if (!received_.accept(frame->sequence)) return std::nullopt;

    const auto checksums = authenticated() ? Checksums::kIgnored : Checksums::kRequired;
    if (!encrypted()) return read_lan_response(frame->payload, net_fn, command, requester_sequence, checksums);
    auto message = decrypt(keys_.k2, frame->payload);
    if (!message) return std::nullopt;
    auto response = read_lan_response(*message, net_fn, command, requester_sequence, checksums);
    if (net_fn == NetFn::kApp && command == kSetChannelSecurityKeys) forget_key(*message, response);
    return response;
}

Bytes SessionCodec::payload_of(const Request& request, std::uint8_t requester_sequence,
                               const Random16& initialization_vector) const {
    Secret<kMaxPlaintext> plaintext;
    return plaintext.expose_mutable([&](auto buffer) {
        const std::size_t size = write_lan_request(request, requester_sequence, buffer);
        if (!encrypted()) return Bytes(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(size));
        const std::size_t padded = pad(buffer, size);
        Bytes payload(initialization_vector.begin(), initialization_vector.end());
        payload.resize(kAesBlock + padded);
        aes_cbc(keys_.k2, initialization_vector, ByteView(buffer).first(padded),
                MutableByteView(payload).subspan(kAesBlock), true);
        return payload;
    });
}

void SessionCodec::append_trailer(Bytes& datagram) const {
    // The padding makes the covered bytes a multiple of four (§13.28.4).
    const std::size_t covered = datagram.size() - kRmcpHeaderSize + kPadLengthAndNextHeader;
    const std::size_t count = (4 - covered % 4) % 4;
    datagram.insert(datagram.end(), count, kIntegrityPad);
    datagram.push_back(static_cast<std::uint8_t>(count));
    datagram.push_back(kNextHeader);
    append(datagram, integrity_code(ByteView(datagram).subspan(kRmcpHeaderSize)));
}

Bytes SessionCodec::integrity_code(ByteView covered) const {
    if (suite_.integrity == IntegrityAlgorithm::kMd5_128) return md5_128(keys_.k_uid, covered);
    Hmac hmac(hmac_of(suite_.integrity));
    Bytes code(hmac.size());
    keys_.k1.expose([&](auto k1) { hmac.compute(k1.first(keys_.size), covered, code); });
    code.resize(integrity_code_size(suite_.integrity));
    return code;
}

bool SessionCodec::trailer_is_right(ByteView datagram, ByteView trailer) const {
    const std::size_t code_size = integrity_code_size(suite_.integrity);
    if (trailer.size() < kPadLengthAndNextHeader + code_size) return false;
    const auto covered = datagram.subspan(kRmcpHeaderSize, datagram.size() - kRmcpHeaderSize - code_size);
    if (!same_bytes(integrity_code(covered), trailer.last(code_size))) return false;
    const auto padding = trailer.first(trailer.size() - code_size);
    const std::size_t count = padding[padding.size() - kPadLengthAndNextHeader];
    return padding.back() == kNextHeader && count + kPadLengthAndNextHeader == padding.size();
}

}  // namespace bmcvault::ipmi
