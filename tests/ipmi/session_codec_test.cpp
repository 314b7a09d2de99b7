// The envelope of a session: libfreeipmi opens what we seal and seals what we open; nothing damaged, repeated, late or
// foreign is ever taken for an answer; no secret leaves without AES.
#include "ipmi/core/session_codec.hpp"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <numeric>

#include "ipmi/core/frame.hpp"
#include "tests/ipmi/facts.hpp"
#include "tests/ipmi/freeipmi_session.hpp"
#include "tests/ipmi/keys.hpp"

namespace bmcvault::ipmi::test {
namespace {

constexpr Random16 kVector{9, 8, 7, 6, 5, 4, 3, 2, 1};
constexpr UserId kUser{2};

Bytes bytes_of(const Secret<kMaxDigestSize>& key, std::size_t size) {
    return key.expose([&](auto bytes) { return Bytes(bytes.begin(), bytes.begin() + static_cast<long>(size)); });
}

// Both ends of one session.
struct Ends {
    explicit Ends(const CipherSuite& suite) : Ends(suite, keys(suite)) {}

    SessionSecrets theirs;
    SessionCodec ours;

    [[nodiscard]] Bytes reply(Reply reply) const {
        reply.session_id = kConsoleSessionId;
        return seal_reply(theirs, reply);
    }
    [[nodiscard]] std::optional<Response> open(const Bytes& datagram, std::uint8_t requester_sequence = 5) {
        return ours.unwrap(datagram, NetFn::kApp, kGetDeviceId, requester_sequence);
    }

private:
    Ends(const CipherSuite& suite, SessionKeys keys)
        : theirs{suite, bytes_of(keys.k1, keys.size), bytes_of(keys.k2, keys.size),
                 Bytes(as_bytes(kPassword).begin(), as_bytes(kPassword).end())},
          ours(suite, kConsoleSessionId, kBmcSessionId, std::move(keys)) {}
    static SessionKeys keys(const CipherSuite& suite) {
        PasswordMatch password;
        password.live = key20(kPassword);
        return derive_session_keys(facts_of(suite.authentication), password, KgMatch{});
    }
};

Reply device_id(std::uint32_t sequence = 1) {
    Reply reply;
    reply.requester_sequence = 5;
    reply.sequence = sequence;
    reply.command = kGetDeviceId;
    reply.data = Bytes(15);
    std::iota(reply.data.begin(), reply.data.end(), std::uint8_t{0x30});
    return reply;
}

// Every suite but 0, which never gets a session.
class EverySuite : public testing::TestWithParam<CipherSuite> {};
INSTANTIATE_TEST_SUITE_P(Suites, EverySuite, testing::ValuesIn(kCipherSuites.begin() + 1, kCipherSuites.end()),
                         [](const auto& suite) { return "Suite" + std::to_string(suite.param.id); });

// Those with an integrity code; nothing protects the answers under the others, which serve identification only.
class AuthenticatedSuite : public EverySuite {};
std::vector<CipherSuite> authenticated_suites() {
    std::vector<CipherSuite> suites;
    std::ranges::copy_if(kCipherSuites, std::back_inserter(suites),
                         [](const auto& each) { return each.integrity != IntegrityAlgorithm::kNone; });
    return suites;
}
INSTANTIATE_TEST_SUITE_P(Suites, AuthenticatedSuite, testing::ValuesIn(authenticated_suites()),
                         [](const auto& suite) { return "Suite" + std::to_string(suite.param.id); });

TEST_P(EverySuite, LibfreeipmiOpensWhatWeSeal) {
    Ends ends(GetParam());
    for (std::uint8_t size = 0; size <= Request::kMaxData; ++size) {
        Bytes data(size);
        std::iota(data.begin(), data.end(), std::uint8_t{1});
        const Request request(NetFn::kTransport, 0x42, data);
        const auto datagram = ends.ours.wrap(request, size % 64, kVector);
        ASSERT_TRUE(datagram);
        const auto opened = open_request(ends.theirs, *datagram);
        ASSERT_TRUE(opened) << "data size " << int{size};
        EXPECT_EQ(opened->net_fn, 0x0c);
        EXPECT_EQ(opened->requester_sequence, size % 64);
        EXPECT_EQ(opened->session_id, kBmcSessionId);
        EXPECT_EQ(opened->sequence, size + 1U);
        Bytes expected{0x42};
        append(expected, data);
        EXPECT_EQ(opened->command_and_data, expected);
    }
}

TEST_P(EverySuite, WeOpenWhatLibfreeipmiSeals) {
    Ends ends(GetParam());
    for (std::uint32_t size = 0; size <= 40; ++size) {
        auto reply = device_id(size + 1);
        reply.completion_code = static_cast<std::uint8_t>(size);
        reply.data.resize(size, 0x77);
        const auto response = ends.open(ends.reply(reply));
        ASSERT_TRUE(response) << "data size " << size;
        EXPECT_EQ(response->completion_code, reply.completion_code);
        EXPECT_EQ(response->data, reply.data);
    }
}

TEST_P(AuthenticatedSuite, NoFlippedBitIsTakenForAnAnswer) {
    const auto datagram = Ends(GetParam()).reply(device_id());
    for (std::size_t bit = 0; bit < datagram.size() * 8; ++bit) {
        const bool rmcp_filler = bit / 8 == 1 || bit / 8 == 2;  // reserved byte and RMCP sequence: outside the code
        if (rmcp_filler) continue;
        auto damaged = datagram;
        damaged[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
        Ends fresh(GetParam());
        EXPECT_FALSE(fresh.open(damaged)) << "bit " << bit;
        EXPECT_TRUE(fresh.open(datagram)) << "bit " << bit;  // and the damaged one used nothing up
    }
}

TEST_P(EverySuite, NoTruncatedOrExtendedDatagramIsTakenForAnAnswer) {
    const auto datagram = Ends(GetParam()).reply(device_id());
    Ends fresh(GetParam());
    for (std::size_t size = 0; size < datagram.size(); ++size) {
        EXPECT_FALSE(fresh.open(Bytes(datagram.begin(), datagram.begin() + static_cast<long>(size)))) << size;
    }
    if (GetParam().integrity == IntegrityAlgorithm::kNone) return;
    auto longer = datagram;
    longer.push_back(0);
    EXPECT_FALSE(fresh.open(longer));
    EXPECT_TRUE(fresh.open(datagram));
}

TEST_P(EverySuite, AReplayedAnswerIsDropped) {
    Ends ends(GetParam());
    const auto datagram = ends.reply(device_id());
    EXPECT_TRUE(ends.open(datagram));
    EXPECT_FALSE(ends.open(datagram));
}

TEST_P(EverySuite, AnAnswerToAnotherRequestIsDropped) {
    Ends ends(GetParam());
    std::uint32_t sequence = 1;
    auto other = device_id(sequence++);
    other.requester_sequence = 4;
    EXPECT_FALSE(ends.open(ends.reply(other)));
    other = device_id(sequence++);
    other.command = kGetUserName;
    EXPECT_FALSE(ends.open(ends.reply(other)));
    other = device_id(sequence++);
    other.net_fn = 0x0d;
    EXPECT_FALSE(ends.open(ends.reply(other)));
    other = device_id(sequence++);
    other.net_fn = 0x06;  // a request, not a response
    EXPECT_FALSE(ends.open(ends.reply(other)));
    auto foreign = device_id(sequence++);
    foreign.session_id = kConsoleSessionId + 1;
    EXPECT_FALSE(ends.open(seal_reply(ends.theirs, foreign)));
    EXPECT_TRUE(ends.open(ends.reply(device_id(sequence))));
}

TEST_P(AuthenticatedSuite, AnAnswerUnderAnotherPasswordIsDropped) {
    Ends ends(GetParam());
    auto stranger = ends.theirs;
    for (auto* key : {&stranger.k1, &stranger.k2, &stranger.password}) key->front() ^= 1;
    auto reply = device_id();
    reply.session_id = kConsoleSessionId;
    EXPECT_FALSE(ends.open(seal_reply(stranger, reply)));
}

TEST_P(AuthenticatedSuite, APlainAnswerIsDroppedWhereProtectionWasAgreed) {
    Ends ends(GetParam());
    auto plain = ends.theirs;
    plain.suite.integrity = IntegrityAlgorithm::kNone;
    plain.suite.confidentiality = ConfidentialityAlgorithm::kNone;
    auto reply = device_id();
    reply.session_id = kConsoleSessionId;
    EXPECT_FALSE(ends.open(seal_reply(plain, reply)));
}

TEST_P(EverySuite, ASecretIsSealedWithAesOrNotAtAll) {
    Ends ends(GetParam());
    const auto key = key20("a secret of 20 bytes");
    for (const auto& request : {set_password(kUser, 20, key), set_password(kUser, 16, key),
                                test_password(kUser, 20, key), set_k_g(Channel{1}, key)}) {
        const auto datagram = ends.ours.wrap(request, 1, kVector);
        const bool aes = GetParam().confidentiality == ConfidentialityAlgorithm::kAesCbc128;
        ASSERT_EQ(datagram.has_value(), aes);
        if (!aes) {
            EXPECT_EQ(datagram.error().code, ErrorCode::kConflict);
            continue;
        }
        const std::string on_the_wire(datagram->begin(), datagram->end());
        EXPECT_EQ(on_the_wire.find("a secret of 20"), std::string::npos);
        EXPECT_TRUE(open_request(ends.theirs, *datagram));
    }
    EXPECT_TRUE(ends.ours.wrap(enable_user(kUser), 1, kVector));
}

TEST(SessionCodec, EachTransmissionHasItsOwnSequenceNumber) {
    Ends ends(suite(3));
    const auto request = get_device_id();
    const auto first = open_request(ends.theirs, ends.ours.wrap(request, 7, kVector).value());
    const auto second = open_request(ends.theirs, ends.ours.wrap(request, 7, kVector).value());
    EXPECT_EQ(first->sequence + 1, second->sequence);
    EXPECT_EQ(first->requester_sequence, second->requester_sequence);
}

// Wrong padding under a right integrity code: the BMC is confused, and its bytes are not used.
TEST(SessionCodec, WrongAesPaddingIsDropped) {
    const std::size_t message_size = 8;  // header, completion code, checksum
    for (std::size_t broken = message_size; broken < 16; ++broken) {
        Ends ends(suite(3));
        Bytes plain{0x81, 0x1c, 0x63, 0x20, 5 << 2, kGetDeviceId, 0x00, 0x00};
        for (std::uint8_t i = 1; plain.size() < 15; ++i) plain.push_back(i);
        plain.push_back(7);
        plain[broken] ^= 0x10;
        Bytes sealed(16);
        int size = 0;
        EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
        EVP_EncryptInit_ex(context, EVP_aes_128_cbc(), nullptr, ends.theirs.k2.data(), kVector.data());
        EVP_CIPHER_CTX_set_padding(context, 0);
        EVP_EncryptUpdate(context, sealed.data(), &size, plain.data(), 16);
        EVP_CIPHER_CTX_free(context);
        auto datagram =
            rmcpplus_header(PayloadType::kIpmi, kPayloadEncrypted | kPayloadAuthenticated, kConsoleSessionId, 1, 32);
        append(datagram, kVector);
        append(datagram, sealed);
        append(datagram, Bytes{0xff, 0xff, 0x02, 0x07});
        auto code =
            hmac(AuthenticationAlgorithm::kHmacSha1, ends.theirs.k1, Bytes(datagram.begin() + 4, datagram.end()));
        code.resize(12);
        append(datagram, code);
        EXPECT_FALSE(ends.open(datagram)) << "byte " << broken;
    }
}

TEST(SessionCodec, AReadKgIsForgottenBeforeAnyoneSeesIt) {
    Ends ends(suite(17));
    auto reply = device_id();
    reply.command = kSetChannelSecurityKeys;
    reply.data = Bytes{0x02};
    append(reply.data, as_bytes("the K_G of this BMC!"));
    const auto response = ends.ours.unwrap(ends.reply(reply), NetFn::kApp, kSetChannelSecurityKeys, 5);
    ASSERT_TRUE(response);
    EXPECT_EQ(response->data, Bytes{0x02});
    EXPECT_EQ(parse_k_g_lock_status(*response)->value, KeyLockStatus::Value::kUnlocked);
}

TEST(ReplayWindow, TakesEachNumberOnceAndNothingThatIsTooOld) {
    ReplayWindow window;
    EXPECT_FALSE(window.accept(0));
    EXPECT_TRUE(window.accept(1));
    EXPECT_FALSE(window.accept(1));
    EXPECT_TRUE(window.accept(20));
    for (std::uint32_t sequence = 5; sequence < 20; ++sequence) {
        EXPECT_TRUE(window.accept(sequence)) << sequence;
        EXPECT_FALSE(window.accept(sequence)) << sequence;
    }
    EXPECT_FALSE(window.accept(4));
    EXPECT_TRUE(window.accept(21));
    EXPECT_FALSE(window.accept(5));
    EXPECT_FALSE(window.accept(20));
    EXPECT_TRUE(window.accept(0xffffffff));
    EXPECT_FALSE(window.accept(0xffffffff));
    EXPECT_TRUE(window.accept(0xfffffff0));
    EXPECT_FALSE(window.accept(0xffffffef));
}

}  // namespace
}  // namespace bmcvault::ipmi::test
