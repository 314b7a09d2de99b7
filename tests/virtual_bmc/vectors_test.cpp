// A whole handshake against constants that were computed elsewhere: Python's hmac and hashlib, from the formulas of
// IPMI 2.0 §13.28 and §13.31. Neither the virtual BMC's code nor the test console's takes part in the expectations.
#include <gtest/gtest.h>

#include "ipmi/virtual_bmc/crypto.hpp"
#include "tests/virtual_bmc/console.hpp"

namespace bmcvault::virtual_bmc::test {
namespace {

constexpr std::string_view kPassword = "a password of vector";
constexpr std::string_view kKg = "a k_g of the vectors";
constexpr std::string_view kBmcRandom = "139213986ff7086eaa00a32881618903";
constexpr std::string_view kGuid = "9fb04df0a245e8cfea88c4e065b62fc9";
constexpr std::uint32_t kBmcSessionId = 0xe87c9dcf;

struct Vector {
    std::uint8_t suite;
    ipmi::AuthenticationAlgorithm algorithm;
    std::string_view rakp2;
    std::string_view rakp3;
    std::string_view sik;
    std::string_view k1;
    std::string_view k2;
    std::string_view rakp4;
};

constexpr Vector kVectors[] = {
    {3, ipmi::AuthenticationAlgorithm::kHmacSha1, "8307417e0c30395fe4d97819cdf35e7c7ff15480",
     "f498aa3b6a134f660518dec636090660c146886e", "82030c4e4131e04bc60eba0ca302e7a236e2d593",
     "d7aea6a526c849c6a7e2fffc31bd7a374d306a4c", "52ded7aa6fbed4f7576c278f01ac6426cc2cafc1",
     "fd2da7200ebe9fef04d43c70"},
    {8, ipmi::AuthenticationAlgorithm::kHmacMd5, "faa077f7553e6da85b2e9eafba6429cb", "6771c8d9e11a9fe05f056fbc136cc998",
     "ab9b4ace5e28e41b794da8f574483a19", "2f19723e9b5c8b899a4a20c31b2e4695", "29ed50540a66e159a6e2b3e19ac4aab4",
     "75e9ac8d9d93299be774a075102fdc0e"},
    {17, ipmi::AuthenticationAlgorithm::kHmacSha256, "88459f261e5b19ff5ccd51ea250add8e5b6d716876757df10f41c1bfbf109673",
     "f40fac75be597b74621b75bb982cd7a3380931f9123b7e7735f355ba8fcfbe17",
     "d5db4503e90c6b99793d67bb9a1fc353422d274f31185c3a042f4fc87a5f5102",
     "e8dd5486a74920561b8de8ddb8be499c6e6778f1d61d314e9f7ab1b6e1fee327",
     "71a48cfdc3b8e709e8b439e7e84f13a6261b2a9310c1b65b59b1381cfaff1c25", "541658e106c0c9008deab26d449a27e6"},
};

class HandshakeVector : public testing::TestWithParam<Vector> {};

TEST_P(HandshakeVector, FitsInEveryMessage) {
    const Vector& vector = GetParam();
    Config config = with({"suites=3,8,17"});
    config.k_g = bytes(kKg);
    config.users[2].password = bytes(kPassword);
    const Bytes guid = *from_hex(kGuid);
    std::copy(guid.begin(), guid.end(), config.guid.begin());
    Bench bench(config);

    Login login;
    login.suite = vector.suite;
    login.lenient_rakp2 = true;
    Console console = bench.console();
    ASSERT_EQ(console.open(login), 0);
    ASSERT_EQ(console.bmc_id, kBmcSessionId) << "the seed no longer gives the values of the vectors";
    ASSERT_EQ(console.rakp1(login), 0);
    ASSERT_EQ(to_hex(console.bmc_random), kBmcRandom);
    EXPECT_EQ(to_hex(console.rakp2_code), vector.rakp2);

    const Bytes code = *from_hex(vector.rakp3);
    Bytes rakp3{0x06, 0, 0xff, 0x07, 0x06, 0x14, 0, 0, 0, 0, 0, 0, 0, 0};
    append_u16_le(rakp3, static_cast<std::uint16_t>(8 + code.size()));
    append(rakp3, Bytes{0x33, 0, 0, 0});
    append_u32_le(rakp3, kBmcSessionId);
    append(rakp3, code);
    const auto rakp4 = console.send(rakp3);
    ASSERT_TRUE(rakp4.has_value());
    EXPECT_EQ(to_hex(ByteView(*rakp4).subspan(16)), "33000000d0c0b0a0" + std::string(vector.rakp4));
}

TEST_P(HandshakeVector, GivesTheKeysOfTheSession) {
    const Vector& vector = GetParam();
    Bytes message = bytes("0123456789abcdef");
    append(message, *from_hex(kBmcRandom));
    append(message, Bytes{0x14, 5, 'A', 'D', 'M', 'I', 'N'});
    const SessionKeys keys = derive_keys(vector.algorithm, bytes(kKg), message);
    EXPECT_EQ(to_hex(keys.sik), vector.sik);
    EXPECT_EQ(to_hex(keys.k1), vector.k1);
    EXPECT_EQ(to_hex(keys.k2), vector.k2);
}

INSTANTIATE_TEST_SUITE_P(Suites, HandshakeVector, testing::ValuesIn(kVectors),
                         [](const auto& which) { return "Suite" + std::to_string(which.param.suite); });

TEST(Hmac, Rfc2202AndRfc4231Case2) {
    const Bytes key = bytes("Jefe");
    const Bytes message = bytes("what do ya want for nothing?");
    using ipmi::AuthenticationAlgorithm;
    EXPECT_EQ(to_hex(hmac(AuthenticationAlgorithm::kHmacSha1, key, message)),
              "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    EXPECT_EQ(to_hex(hmac(AuthenticationAlgorithm::kHmacMd5, key, message)), "750c783e6ab0b503eaa86e310a5db738");
    EXPECT_EQ(to_hex(hmac(AuthenticationAlgorithm::kHmacSha256, key, message)),
              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    EXPECT_TRUE(hmac(AuthenticationAlgorithm::kNone, key, message).empty());
}

TEST(Aes, PaddingIsCheckedAndEveryLengthComesBack) {
    const Bytes key(16, 0x2b);
    const Bytes iv(16, 0x07);
    for (std::size_t size = 0; size < 40; ++size) {
        const Bytes clear(size, 0x55);
        Bytes sealed = aes_encrypt(key, iv, clear);
        EXPECT_EQ(sealed.size() % 16, 0U);
        EXPECT_EQ(aes_decrypt(key, sealed), clear);
        EXPECT_FALSE(aes_decrypt(key, ByteView(sealed).first(sealed.size() - 1)).has_value());
        EXPECT_FALSE(aes_decrypt(key, ByteView(sealed).first(16)).has_value());
    }
    // 15 zero bytes, then a pad length of 15 whose padding should be 1, 2, 3 ... but is zero.
    Bytes bad = aes_encrypt(key, iv, Bytes(15, 0));
    ASSERT_EQ(bad.size(), 32U);
    bad[15] ^= 0x0f;  // flips the same bits in the last clear byte, the pad length: 0 becomes 15
    EXPECT_FALSE(aes_decrypt(key, bad).has_value());
}

}  // namespace
}  // namespace bmcvault::virtual_bmc::test
