// Written from the specification's tables, with OpenSSL's one-shot functions.
#include "tests/virtual_bmc/console.hpp"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>

namespace bmcvault::virtual_bmc::test {

namespace {

using ipmi::AuthenticationAlgorithm;
using ipmi::ConfidentialityAlgorithm;
using ipmi::IntegrityAlgorithm;

constexpr std::size_t kPayload = 16;  // RMCP 4, session header 12

Bytes keyed_hash(AuthenticationAlgorithm algorithm, const Bytes& key, const Bytes& message) {
    const EVP_MD* digest = algorithm == AuthenticationAlgorithm::kHmacSha1     ? EVP_sha1()
                           : algorithm == AuthenticationAlgorithm::kHmacMd5    ? EVP_md5()
                           : algorithm == AuthenticationAlgorithm::kHmacSha256 ? EVP_sha256()
                                                                               : nullptr;
    if (digest == nullptr) return {};
    Bytes out(EVP_MAX_MD_SIZE);
    unsigned size = 0;
    HMAC(digest, key.data(), static_cast<int>(key.size()), message.data(), message.size(), out.data(), &size);
    out.resize(size);
    return out;
}

Bytes padded(const Bytes& key) {
    Bytes out(key);
    out.resize(20, 0);
    return out;
}

bool any_set(const Bytes& key) {
    return std::any_of(key.begin(), key.end(), [](std::uint8_t byte) { return byte != 0; });
}

Bytes trailer_code(const ipmi::CipherSuite& suite, const Bytes& k1, const Bytes& k_uid, const Bytes& covered) {
    Bytes code;
    switch (suite.integrity) {
        case IntegrityAlgorithm::kNone:
            return {};
        case IntegrityAlgorithm::kHmacSha1_96:
            code = keyed_hash(AuthenticationAlgorithm::kHmacSha1, k1, covered);
            code.resize(12);
            return code;
        case IntegrityAlgorithm::kHmacMd5_128:
            return keyed_hash(AuthenticationAlgorithm::kHmacMd5, k1, covered);
        case IntegrityAlgorithm::kHmacSha256_128:
            code = keyed_hash(AuthenticationAlgorithm::kHmacSha256, k1, covered);
            code.resize(16);
            return code;
        case IntegrityAlgorithm::kMd5_128: {
            Bytes message(k_uid);
            append(message, covered);
            append(message, k_uid);
            code.resize(16);
            EVP_Digest(message.data(), message.size(), code.data(), nullptr, EVP_md5(), nullptr);
            return code;
        }
    }
    return {};
}

Bytes aes(bool encrypt, const Bytes& key, ByteView iv, ByteView data) {
    EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
    EVP_CipherInit_ex(context, EVP_aes_128_cbc(), nullptr, key.data(), iv.data(), encrypt ? 1 : 0);
    EVP_CIPHER_CTX_set_padding(context, 0);
    Bytes out(data.size() + 16);
    int size = 0;
    EVP_CipherUpdate(context, out.data(), &size, data.data(), static_cast<int>(data.size()));
    EVP_CIPHER_CTX_free(context);
    out.resize(static_cast<std::size_t>(size));
    return out;
}

std::uint8_t sum_to_zero(ByteView part) {
    unsigned sum = 0;
    for (const std::uint8_t byte : part) sum += byte;
    return static_cast<std::uint8_t>(0x100 - sum % 0x100);
}

Bytes message_of(std::uint8_t net_fn, std::uint8_t request_sequence, std::uint8_t number, const Bytes& data) {
    Bytes out{0x20, static_cast<std::uint8_t>(net_fn << 2)};
    out.push_back(sum_to_zero(out));
    Bytes rest{0x81, static_cast<std::uint8_t>(request_sequence << 2), number};
    append(rest, data);
    rest.push_back(sum_to_zero(rest));
    append(out, rest);
    return out;
}

std::optional<Result> result_of(ByteView message) {
    if (message.size() < 8 || sum_to_zero(message.first(2)) != message[2]) return std::nullopt;
    if (sum_to_zero(message.subspan(3, message.size() - 4)) != message.back()) return std::nullopt;
    return Result{message[6], Bytes(message.begin() + 7, message.end() - 1)};
}

Bytes frame(std::uint8_t type, std::uint32_t session_id, std::uint32_t sequence, const Bytes& payload) {
    Bytes out{0x06, 0x00, 0xff, 0x07, 0x06, type};
    append_u32_le(out, session_id);
    append_u32_le(out, sequence);
    append_u16_le(out, static_cast<std::uint16_t>(payload.size()));
    append(out, payload);
    return out;
}

std::uint32_t number_at(const Bytes& data, std::size_t at) {
    return static_cast<std::uint32_t>(data[at] | data[at + 1] << 8 | data[at + 2] << 16) |
           static_cast<std::uint32_t>(data[at + 3]) << 24;
}

Bytes part(const Bytes& data, std::size_t from, std::size_t size) {
    return {data.begin() + static_cast<std::ptrdiff_t>(from), data.begin() + static_cast<std::ptrdiff_t>(from + size)};
}

Bytes password_request(std::uint8_t user_id, std::uint8_t size, std::uint8_t operation, std::string_view password) {
    Bytes out{static_cast<std::uint8_t>((size == 20 ? 0x80 : 0) | user_id), operation};
    Bytes field = bytes(password);
    field.resize(size, 0);
    append(out, field);
    return out;
}

void append_role_and_name(Bytes& out, const Login& login) {
    out.push_back(login.hashed_role.value_or(login.role));
    out.push_back(static_cast<std::uint8_t>(login.user.size()));
    append(out, bytes(login.user));
}

}  // namespace

Bytes bytes(std::string_view text) {
    return {text.begin(), text.end()};
}

std::optional<Bytes> Console::send(ByteView datagram) {
    last_sent.assign(datagram.begin(), datagram.end());
    const std::optional<Bytes> reply = transport_(datagram);
    last_received = reply.value_or(Bytes());
    return reply;
}

int Console::open(const Login& login) {
    suite_ = *std::find_if(ipmi::kCipherSuites.begin(), ipmi::kCipherSuites.end(),
                           [&](const ipmi::CipherSuite& each) { return each.id == login.suite; });
    Bytes payload{0x11, login.open_session_role, 0, 0};
    append_u32_le(payload, console_id);
    append(payload, Bytes{0, 0, 0, 8, static_cast<std::uint8_t>(suite_.authentication), 0, 0, 0});
    append(payload, Bytes{1, 0, 0, 8, static_cast<std::uint8_t>(suite_.integrity), 0, 0, 0});
    append(payload, Bytes{2, 0, 0, 8, static_cast<std::uint8_t>(suite_.confidentiality), 0, 0, 0});
    const auto reply = send(frame(0x10, 0, 0, payload));
    if (!reply || reply->size() < kPayload + 2) return kSilence;
    const std::uint8_t status = (*reply)[kPayload + 1];
    if (status == 0) bmc_id = number_at(*reply, kPayload + 8);
    return status;
}

int Console::rakp1(const Login& login) {
    Bytes payload{0x22, 0, 0, 0};
    append_u32_le(payload, bmc_id);
    append(payload, console_random);
    append(payload, Bytes{login.role, 0, 0, static_cast<std::uint8_t>(login.user.size())});
    append(payload, bytes(login.user));
    const auto reply = send(frame(0x12, 0, 0, payload));
    if (!reply || reply->size() < kPayload + 2) return kSilence;
    const std::uint8_t status = (*reply)[kPayload + 1];
    if (status != 0) return status;
    bmc_random = part(*reply, kPayload + 8, 16);
    guid = part(*reply, kPayload + 24, 16);
    rakp2_code = part(*reply, kPayload + 40, reply->size() - kPayload - 40);

    Bytes message;
    append_u32_le(message, console_id);
    append_u32_le(message, bmc_id);
    append(message, console_random);
    append(message, bmc_random);
    append(message, guid);
    append_role_and_name(message, login);
    k_uid_ = padded(login.password);
    const bool fits = rakp2_code == keyed_hash(suite_.authentication, k_uid_, message);
    return fits || login.lenient_rakp2 ? 0 : kWrongCode;
}

int Console::rakp3(const Login& login) {
    Bytes message(bmc_random);
    append_u32_le(message, console_id);
    append_role_and_name(message, login);
    Bytes payload{0x33, 0, 0, 0};
    append_u32_le(payload, bmc_id);
    append(payload, keyed_hash(suite_.authentication, padded(login.password), message));
    const auto reply = send(frame(0x14, 0, 0, payload));
    if (!reply || reply->size() < kPayload + 2) return kSilence;
    const std::uint8_t status = (*reply)[kPayload + 1];
    if (status != 0) return status;

    Bytes sik_message(console_random);
    append(sik_message, bmc_random);
    append_role_and_name(sik_message, login);
    const Bytes sik = keyed_hash(suite_.authentication, any_set(login.k_g) ? padded(login.k_g) : k_uid_, sik_message);
    k1_ = keyed_hash(suite_.authentication, sik, Bytes(20, 1));
    k2_ = keyed_hash(suite_.authentication, sik, Bytes(20, 2));
    Bytes check(console_random);
    append_u32_le(check, bmc_id);
    append(check, guid);
    Bytes expected = keyed_hash(suite_.authentication, sik, check);
    if (suite_.authentication == AuthenticationAlgorithm::kHmacSha1) expected.resize(12);
    if (suite_.authentication == AuthenticationAlgorithm::kHmacSha256) expected.resize(16);
    sequence = 0;
    return expected == part(*reply, kPayload + 8, reply->size() - kPayload - 8) ? 0 : kWrongCode;
}

int Console::log_in(const Login& login) {
    if (const int status = open(login); status != 0) return status;
    if (const int status = rakp1(login); status != 0) return status;
    return rakp3(login);
}

Bytes Console::next_command(std::uint8_t net_fn, std::uint8_t number, const Bytes& data) {
    Bytes payload = message_of(net_fn, ++request_sequence_ & 0x3f, number, data);
    std::uint8_t type = 0;
    if (suite_.confidentiality == ConfidentialityAlgorithm::kAesCbc128 && encrypts) {
        type |= 0x80;
        std::uint8_t pad = 0;
        while ((payload.size() + 1) % 16 != 0) payload.push_back(++pad);
        payload.push_back(pad);
        const Bytes iv(16, static_cast<std::uint8_t>(sequence));
        Bytes sealed(iv);
        append(sealed, aes(true, k2_, iv, payload));
        payload = sealed;
    }
    const bool authenticated = suite_.integrity != IntegrityAlgorithm::kNone;
    if (authenticated) type |= 0x40;
    Bytes out = frame(type, bmc_id, ++sequence, payload);
    if (!authenticated) return out;
    std::uint8_t pad = 0;
    for (; (out.size() - 4 + 2) % 4 != 0; ++pad) out.push_back(0xff);
    append(out, Bytes{pad, 0x07});
    append(out, trailer_code(suite_, k1_, k_uid_, part(out, 4, out.size() - 4)));
    return out;
}

std::optional<Result> Console::read_response(ByteView datagram) const {
    Bytes data(datagram.begin(), datagram.end());
    if (data.size() < kPayload || number_at(data, 6) != console_id) return std::nullopt;
    const std::size_t code_size = suite_.integrity == IntegrityAlgorithm::kNone          ? 0
                                  : suite_.integrity == IntegrityAlgorithm::kHmacSha1_96 ? 12
                                                                                         : 16;
    if (data.size() < kPayload + code_size) return std::nullopt;
    const Bytes covered = part(data, 4, data.size() - 4 - code_size);
    if (part(data, data.size() - code_size, code_size) != trailer_code(suite_, k1_, k_uid_, covered)) {
        return std::nullopt;
    }
    const std::size_t size = static_cast<std::size_t>(data[14] | data[15] << 8);
    Bytes payload = part(data, kPayload, size);
    if ((data[5] & 0x80) != 0) {
        payload = aes(false, k2_, ByteView(payload).first(16), ByteView(payload).subspan(16));
        payload.resize(payload.size() - payload.back() - 1);
    }
    return result_of(payload);
}

std::optional<Result> Console::command(std::uint8_t net_fn, std::uint8_t number, const Bytes& data) {
    const auto reply = send(next_command(net_fn, number, data));
    return reply ? read_response(*reply) : std::nullopt;
}

std::uint8_t Console::code(std::uint8_t number, const Bytes& data) {
    const auto result = app(number, data);
    return result ? result->code : std::uint8_t{0xff};
}

std::optional<Result> Console::ask_ipmi15(std::uint8_t number, const Bytes& data) {
    const Bytes message = message_of(0x06, 1, number, data);
    Bytes datagram{0x06, 0x00, 0xff, 0x07, 0, 0, 0, 0, 0, 0, 0, 0, 0, static_cast<std::uint8_t>(message.size())};
    append(datagram, message);
    const auto reply = send(datagram);
    return reply && reply->size() > 14 ? result_of(ByteView(*reply).subspan(14)) : std::nullopt;
}

std::optional<Result> Console::ask_rmcp_plus(std::uint8_t number, const Bytes& data) {
    const auto reply = send(frame(0x00, 0, 0, message_of(0x06, 1, number, data)));
    return reply && reply->size() > kPayload ? result_of(ByteView(*reply).subspan(kPayload)) : std::nullopt;
}

Console Bench::console(std::string from) {
    return Console([this, from = std::move(from)](ByteView datagram) -> std::optional<Bytes> {
        const std::vector<Reply> replies = bmc.handle(datagram, from, now);
        if (replies.empty()) return std::nullopt;
        last_delay = replies.front().delay;
        return replies.front().datagram;
    });
}

Console Bench::administrator(const Login& login) {
    Console out = console();
    EXPECT_EQ(out.log_in(login), 0);
    EXPECT_TRUE(out.become_administrator());
    return out;
}

Config with(std::initializer_list<std::string_view> quirks) {
    Config config = plain_config(0, 7);
    for (const std::string_view quirk : quirks) EXPECT_TRUE(apply_quirk(config, quirk)) << quirk;
    return config;
}

Bytes set_password_20(std::string_view password, std::uint8_t user_id) {
    return password_request(user_id, 20, 2, password);
}
Bytes set_password_16(std::string_view password, std::uint8_t user_id) {
    return password_request(user_id, 16, 2, password);
}
Bytes test_password_20(std::string_view password, std::uint8_t user_id) {
    return password_request(user_id, 20, 3, password);
}
Bytes test_password_16(std::string_view password, std::uint8_t user_id) {
    return password_request(user_id, 16, 3, password);
}
Bytes set_k_g(std::string_view key) {
    Bytes out{1, 1, 1};
    append(out, bytes(key));
    return out;
}

}  // namespace bmcvault::virtual_bmc::test
