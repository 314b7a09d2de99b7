// Offline matching: fixed vectors, every form, every variant, what proves nothing, and libfreeipmi's opinion.
#include "ipmi/core/candidates.hpp"

#include <freeipmi/freeipmi.h>
#include <gtest/gtest.h>

#include <random>

#include "ipmi/core/key_exchange.hpp"
#include "tests/ipmi/facts.hpp"
#include "tests/ipmi/keys.hpp"

namespace bmcvault::ipmi::test {
namespace {

const auto kAlgorithms = {AuthenticationAlgorithm::kHmacSha1, AuthenticationAlgorithm::kHmacMd5,
                          AuthenticationAlgorithm::kHmacSha256};
const auto kShaAlgorithms = {AuthenticationAlgorithm::kHmacSha1, AuthenticationAlgorithm::kHmacSha256};

template <std::size_t N>
Bytes first(const Secret<N>& secret, std::size_t size) {
    return secret.expose([&](auto bytes) { return Bytes(bytes.begin(), bytes.begin() + static_cast<long>(size)); });
}

TEST(Candidates, AgreeWithValuesComputedByPython) {
    const Keys passwords({"wrong", kPassword});
    const Keys k_gs({"wrong", kKg});
    for (const auto& vector : kVectors) {
        auto facts = facts_of(vector.algorithm);
        facts.key_exchange_code = vector.rakp2;
        const auto match = match_password(facts, passwords.passwords());
        ASSERT_TRUE(match);
        EXPECT_EQ(match->id, 1U);
        EXPECT_EQ(match->form, Form::kExact);
        EXPECT_EQ(rakp3_code(facts, *match), vector.rakp3);

        const auto none = match_k_g({facts, {}, vector.rakp4}, *match, k_gs.k_gs());
        ASSERT_TRUE(none);
        EXPECT_FALSE(none->id);
        const auto keys = derive_session_keys(facts, *match, *none);
        EXPECT_EQ(first(keys.sik, keys.size), vector.sik);
        EXPECT_EQ(first(keys.k1, keys.size), vector.k1);
        EXPECT_EQ(first(keys.k2, keys.size), vector.k2);

        const auto k_g = match_k_g({facts, {}, vector.rakp4_with_k_g}, *match, k_gs.k_gs());
        ASSERT_TRUE(k_g);
        EXPECT_EQ(k_g->id, 1U);
        EXPECT_FALSE(k_g->cut_at_zero_byte);
        const auto two_key = derive_session_keys(facts, *match, *k_g);
        EXPECT_EQ(first(two_key.sik, two_key.size), vector.sik_with_k_g);
        EXPECT_EQ(first(two_key.k1, two_key.size), vector.k1_with_k_g);
        EXPECT_EQ(first(two_key.k2, two_key.size), vector.k2_with_k_g);
    }
}

TEST(Candidates, NameEveryFormOfAMangledPassword) {
    const Keys passwords({"unrelated", "abcdefghijklmnopqrst", "ABCDEFGHIJKLMNOPQRST"});
    for (const auto algorithm : kShaAlgorithms) {
        const auto cut16 = match_password(answered(algorithm, "ABCDEFGHIJKLMNOP"), passwords.passwords());
        ASSERT_TRUE(cut16);
        EXPECT_EQ(cut16->id, 2U);
        EXPECT_EQ(cut16->form, Form::kFirst16);
        EXPECT_EQ(text_of(cut16->live), "ABCDEFGHIJKLMNOP");

        const auto cut19 = match_password(answered(algorithm, "ABCDEFGHIJKLMNOPQRS"), passwords.passwords());
        ASSERT_TRUE(cut19);
        EXPECT_EQ(cut19->id, 2U);
        EXPECT_EQ(cut19->form, Form::kFirst19);
        EXPECT_EQ(text_of(cut19->live), "ABCDEFGHIJKLMNOPQRS");

        const auto hybrid = match_password(answered(algorithm, "ABCDEFGHIJKLMNOPqrst"), passwords.passwords());
        ASSERT_TRUE(hybrid);
        EXPECT_EQ(hybrid->id, 2U);
        EXPECT_EQ(hybrid->form, Form::kNewHeadOldTail);
        EXPECT_EQ(hybrid->tail_id, 1U);
        EXPECT_EQ(text_of(hybrid->live), "ABCDEFGHIJKLMNOPqrst");
    }
}

TEST(Candidates, AHybridMayHaveAShortHead) {
    const Keys passwords({"short", "1234567890123456789"});
    const std::string live = std::string("short") + std::string(11, '\0') + "789";
    const auto match = match_password(answered(AuthenticationAlgorithm::kHmacSha1, live), passwords.passwords());
    ASSERT_TRUE(match);
    EXPECT_EQ(match->form, Form::kNewHeadOldTail);
    EXPECT_EQ(match->id, 0U);
    EXPECT_EQ(match->tail_id, 1U);
}

TEST(Candidates, ExactFormsOfAllComeBeforeMangledFormsOfAny) {
    const Keys passwords({"ABCDEFGHIJKLMNOPQRST", "ABCDEFGHIJKLMNOP"});
    for (const auto algorithm : kAlgorithms) {
        const auto match = match_password(answered(algorithm, "ABCDEFGHIJKLMNOP"), passwords.passwords());
        ASSERT_TRUE(match);
        EXPECT_EQ(match->form, Form::kExact);
        EXPECT_EQ(match->id, 1U);
        EXPECT_EQ(match->variant, HandshakeVariant{});
    }
}

TEST(Candidates, UnderMd5AKeyCutTo16CannotBeToldFromAStored16) {
    const Keys passwords({"ABCDEFGHIJKLMNOPQRST"});
    const auto match =
        match_password(answered(AuthenticationAlgorithm::kHmacMd5, "ABCDEFGHIJKLMNOP"), passwords.passwords());
    ASSERT_TRUE(match);
    EXPECT_TRUE(match->variant.md5_key_cut_to_16);
}

TEST(Candidates, FindEveryVariantOfTheHandshake) {
    const Keys passwords({"unrelated", kPassword});
    const std::string padded =
        std::string(kUserName) + std::string(kUserNameSize - std::string(kUserName).size(), '\0');
    for (const auto algorithm : kAlgorithms) {
        for (unsigned bits = 0; bits < 16; ++bits) {
            const HandshakeVariant variant{.role_without_name_only_bit = (bits & 1) != 0,
                                           .padded_user_name = (bits & 2) != 0,
                                           .md5_key_cut_to_16 = (bits & 4) != 0,
                                           .hmac_one_byte_too_long = (bits & 8) != 0};
            if (variant.md5_key_cut_to_16 && algorithm != AuthenticationAlgorithm::kHmacMd5) continue;
            auto facts = facts_of(algorithm);
            const std::uint8_t role = variant.role_without_name_only_bit ? 0x04 : kRole;
            const auto stored = as_bytes(kPassword).first(variant.md5_key_cut_to_16 ? 16 : 20);
            facts.key_exchange_code =
                rakp2_code(facts, stored, role, name_field(variant.padded_user_name ? padded : kUserName));
            if (variant.hmac_one_byte_too_long) facts.key_exchange_code.push_back(0x5a);
            const auto match = match_password(facts, passwords.passwords());
            ASSERT_TRUE(match) << "variant " << bits;
            EXPECT_EQ(match->id, 1U);
            EXPECT_EQ(match->form, Form::kExact);
            EXPECT_EQ(match->variant, variant) << "variant " << bits;
        }
    }
}

TEST(Candidates, NoBitOfTheCodeMayBeWrong) {
    const Keys passwords({"ABCDEFGHIJKLMNOPQRST", "abcdefghijklmnopqrst"});
    for (const auto algorithm : kAlgorithms) {
        const auto right = answered(algorithm, "ABCDEFGHIJKLMNOPQRST");
        ASSERT_TRUE(match_password(right, passwords.passwords()));
        for (std::size_t bit = 0; bit < right.key_exchange_code.size() * 8; ++bit) {
            auto damaged = right;
            damaged.key_exchange_code[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
            EXPECT_FALSE(match_password(damaged, passwords.passwords())) << "bit " << bit;
        }
    }
}

TEST(Candidates, WhatProvesNothingMatchesNothing) {
    const Keys passwords({"", kPassword});  // a blank password is a candidate like any other
    for (const auto algorithm : kAlgorithms) {
        const auto right = answered(algorithm, kPassword);
        EXPECT_TRUE(gives_proof(right));
        const auto expect_nothing = [&](const Rakp2Facts& facts) {
            EXPECT_FALSE(gives_proof(facts));
            EXPECT_FALSE(match_password(facts, passwords.passwords()));
        };
        auto zero = right;
        std::ranges::fill(zero.key_exchange_code, std::uint8_t{0});
        expect_nothing(zero);
        zero.key_exchange_code.push_back(1);  // only the byte too many is not zero
        expect_nothing(zero);
        for (std::size_t size = 0; size <= 64; ++size) {
            if (size == right.key_exchange_code.size() || size == right.key_exchange_code.size() + 1) continue;
            auto other = right;
            other.key_exchange_code.resize(size, 0x5a);
            expect_nothing(other);
        }
        auto none = right;
        none.algorithm = AuthenticationAlgorithm::kNone;
        expect_nothing(none);
        none.key_exchange_code.clear();  // suite 0: libfreeipmi's check says "match" for every candidate
        expect_nothing(none);
    }
}

TEST(Candidates, ABlankPasswordIsFoundLive) {
    const Keys passwords({kPassword, ""});
    const auto match = match_password(answered(AuthenticationAlgorithm::kHmacSha1, ""), passwords.passwords());
    ASSERT_TRUE(match);
    EXPECT_EQ(match->id, 1U);
}

TEST(Candidates, AKgIsFoundExactOrCutAtItsZeroByte) {
    const std::string with_zero = std::string("front") + '\0' + "behind-a-zero!";
    std::vector<Key20> owned;
    owned.push_back(key20("unrelated"));
    owned.push_back(key20(std::string_view(with_zero)));
    const std::vector<KgCandidate> candidates{{10, &owned[0]}, {11, &owned[1]}};
    for (const auto algorithm : kAlgorithms) {
        const auto facts = answered(algorithm, kPassword);
        const Keys passwords({kPassword});
        const auto match = match_password(facts, passwords.passwords());
        ASSERT_TRUE(match);
        const auto exact = match_k_g(finished(facts, with_zero), *match, candidates);
        ASSERT_TRUE(exact);
        EXPECT_EQ(exact->id, 11U);
        EXPECT_FALSE(exact->cut_at_zero_byte);
        const auto cut = match_k_g(finished(facts, "front"), *match, candidates);
        ASSERT_TRUE(cut);
        EXPECT_EQ(cut->id, 11U);
        EXPECT_TRUE(cut->cut_at_zero_byte);
        EXPECT_EQ(text_of(cut->live), "front");
        const auto none = match_k_g(finished(facts, kPassword), *match, candidates);
        ASSERT_TRUE(none);
        EXPECT_FALSE(none->id);
        EXPECT_FALSE(match_k_g(finished(facts, "a key that nobody knows"), *match, candidates));
    }
}

TEST(Candidates, NoBitOfTheIntegrityCheckValueMayBeWrongAndNoByteMissing) {
    const Keys passwords({kPassword});
    const Keys k_gs({kKg});
    for (const auto algorithm : kAlgorithms) {
        const auto facts = answered(algorithm, kPassword);
        const auto match = match_password(facts, passwords.passwords());
        const auto right = finished(facts, kKg);
        ASSERT_TRUE(match_k_g(right, *match, k_gs.k_gs()));
        for (std::size_t bit = 0; bit < right.integrity_check_value.size() * 8; ++bit) {
            auto damaged = right;
            damaged.integrity_check_value[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
            EXPECT_FALSE(match_k_g(damaged, *match, k_gs.k_gs())) << "bit " << bit;
        }
        for (std::size_t size = 0; size <= 64; ++size) {
            if (size == right.integrity_check_value.size()) continue;
            auto other = right;
            other.integrity_check_value.resize(size);
            EXPECT_FALSE(match_k_g(other, *match, k_gs.k_gs())) << size << " bytes";
        }
    }
}

class Differential : public testing::Test {
protected:
    Differential() : random_(20260101) {}
    template <class Array>
    Array bytes() {
        Array out;
        for (auto& byte : out) byte = static_cast<std::uint8_t>(random_());
        return out;
    }
    std::string text(std::size_t size) {
        std::string out;
        while (out.size() < size) out.push_back(static_cast<char>('!' + random_() % 90));
        return out;
    }
    Rakp2Facts facts(AuthenticationAlgorithm algorithm) {
        Rakp2Facts facts;
        facts.algorithm = algorithm;
        facts.console_session_id = static_cast<std::uint32_t>(random_());
        facts.bmc_session_id = static_cast<std::uint32_t>(random_());
        facts.console_random = bytes<Random16>();
        facts.bmc_random = bytes<Random16>();
        facts.guid = bytes<Guid>();
        facts.role = kRole;
        facts.user_name = text(random_() % 17);
        return facts;
    }

    std::mt19937 random_;
};

const char* name_or_null(const Rakp2Facts& facts) {
    return facts.user_name.empty() ? nullptr : facts.user_name.data();
}

// libfreeipmi computes each value on its own (libgcrypt, another code path); the two must never disagree.
TEST_F(Differential, LibfreeipmiComputesTheSameRakp3SikK1AndK2) {
    for (int round = 0; round < 300; ++round) {
        for (const auto algorithm : kAlgorithms) {
            auto known = facts(algorithm);
            const auto password = text(1 + random_() % 20);
            const auto key = text(20);
            known.key_exchange_code = rakp2_code(known, as_bytes(password), known.role, name_field(known.user_name));
            const Keys passwords({password});
            const Keys k_gs({key});
            const auto match = match_password(known, passwords.passwords());
            ASSERT_TRUE(match) << "round " << round;
            const auto k_g = match_k_g(finished(known, key), *match, k_gs.k_gs());
            ASSERT_TRUE(k_g) << "round " << round;
            const auto keys = derive_session_keys(known, *match, *k_g);

            const auto id = static_cast<std::uint8_t>(algorithm);
            const auto name_size = static_cast<unsigned>(known.user_name.size());
            std::array<std::uint8_t, 32> sik{};
            std::array<std::uint8_t, 32> k1{};
            std::array<std::uint8_t, 32> k2{};
            std::array<std::uint8_t, 32> code{};
            std::array<std::uint8_t, 20> k_uid{};
            std::ranges::copy(password, k_uid.begin());
            const int size =
                ipmi_calculate_sik(id, key.data(), 20, known.console_random.data(), 16, known.bmc_random.data(), 16,
                                   IPMI_NAME_ONLY_LOOKUP, 4, name_or_null(known), name_size, sik.data(), 32);
            ASSERT_EQ(size, static_cast<int>(keys.size));
            const auto digest = static_cast<unsigned>(size);
            ASSERT_EQ(ipmi_calculate_k1(id, sik.data(), digest, k1.data(), 32), size);
            ASSERT_EQ(ipmi_calculate_k2(id, sik.data(), digest, k2.data(), 32), size);
            ASSERT_EQ(ipmi_calculate_rakp_3_key_exchange_authentication_code(
                          id, k_uid.data(), 20, known.bmc_random.data(), 16, known.console_session_id,
                          IPMI_NAME_ONLY_LOOKUP, 4, name_or_null(known), name_size, code.data(), 32),
                      size);
            const auto same = [&](const std::array<std::uint8_t, 32>& theirs, const Bytes& ours) {
                return std::ranges::equal(ByteView(theirs).first(digest), ours);
            };
            EXPECT_TRUE(same(sik, first(keys.sik, keys.size)));
            EXPECT_TRUE(same(k1, first(keys.k1, keys.size)));
            EXPECT_TRUE(same(k2, first(keys.k2, keys.size)));
            EXPECT_TRUE(same(code, rakp3_code(known, *match)));
        }
    }
}

TEST_F(Differential, LibfreeipmiAcceptsARakp2ExactlyWhenWeDo) {
    for (int round = 0; round < 300; ++round) {
        for (const auto algorithm : kAlgorithms) {
            auto known = facts(algorithm);
            const auto stored = text(20);
            // Differs from the stored one in its last byte, in half of the rounds.
            auto candidate = stored;
            if (round % 2 == 1) candidate.back() = candidate.back() == 'x' ? 'y' : 'x';
            known.key_exchange_code = rakp2_code(known, as_bytes(stored), known.role, name_field(known.user_name));

            fiid_obj_t object = fiid_obj_create(tmpl_rmcpplus_rakp_message_2);
            Bytes payload{2, 0, 0, 0};
            append_u32_le(payload, known.console_session_id);
            append(payload, known.bmc_random);
            append(payload, known.guid);
            append(payload, known.key_exchange_code);
            ASSERT_GT(fiid_obj_set_all(object, payload.data(), static_cast<unsigned>(payload.size())), 0);
            const int theirs = ipmi_rmcpplus_check_rakp_2_key_exchange_authentication_code(
                static_cast<std::uint8_t>(algorithm), candidate.data(), 20, known.console_session_id,
                known.bmc_session_id, known.console_random.data(), 16, known.bmc_random.data(), 16, known.guid.data(),
                16, IPMI_NAME_ONLY_LOOKUP, 4, name_or_null(known), static_cast<unsigned>(known.user_name.size()),
                object);
            fiid_obj_destroy(object);
            const Keys passwords({candidate});
            const auto ours = match_password(known, passwords.passwords());
            // A mangled form or a variant is ours alone.
            const bool exact = ours && ours->form == Form::kExact && ours->variant == HandshakeVariant{};
            EXPECT_EQ(theirs == 1, exact) << "round " << round;
            EXPECT_EQ(exact, round % 2 == 0) << "round " << round;
        }
    }
}

}  // namespace
}  // namespace bmcvault::ipmi::test
