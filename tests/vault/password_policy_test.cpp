// Passwords keep every rule, are uniform, and have the entropy that the code says.
#include "vault/core/password_policy.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <sodium.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <map>
#include <set>

#include "tests/vault/test_vault.hpp"

namespace bmcvault::vault {
namespace {

class SeededBytes : public RandomBytes {
public:
    explicit SeededBytes(std::uint32_t seed) { std::copy_n(reinterpret_cast<std::uint8_t*>(&seed), 4, seed_.begin()); }
    void fill(std::span<std::uint8_t> out) override {
        randombytes_buf_deterministic(out.data(), out.size(), seed_.data());
        for (auto& byte : seed_)
            if (++byte != 0) break;
    }

private:
    std::array<std::uint8_t, randombytes_SEEDBYTES> seed_{};
};

std::string generate(StoredSize size, Alphabet alphabet, std::string_view user_name, RandomBytes& random) {
    return test::text_of(generate_password(size, alphabet, user_name, random));
}

std::string lower(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), [](unsigned char c) { return std::tolower(c); });
    return out;
}

RC_GTEST_PROP(PasswordPolicy, every_password_keeps_every_rule, (std::uint32_t seed, bool short_one, bool shell_safe)) {
    SeededBytes random(seed);
    const auto alphabet = shell_safe ? Alphabet::kShellSafe : Alphabet::kFull;
    const auto name = *rc::gen::element<std::string>("a", "Z9", "root", "ADMIN", "x-_-x", "fleet-admin-0001", "");
    const auto password = generate(short_one ? StoredSize::k16 : StoredSize::k20, alphabet, name, random);
    RC_ASSERT(password.size() == (short_one ? 16u : 20u));
    const auto has = [&](auto is) { return std::ranges::any_of(password, is); };
    RC_ASSERT(std::isalpha(static_cast<unsigned char>(password[0])));
    RC_ASSERT(has([](char c) { return c >= 'a' && c <= 'z'; }) && has([](char c) { return c >= 'A' && c <= 'Z'; }));
    RC_ASSERT(has([](char c) { return c >= '0' && c <= '9'; }));
    RC_ASSERT(has([](char c) { return std::string_view("-_@!").contains(c); }));
    RC_ASSERT(std::ranges::adjacent_find(password) == password.end());
    const auto allowed = kPasswordAlphabet.substr(0, shell_safe ? 64 : 66);
    RC_ASSERT(std::ranges::all_of(password, [&](char c) { return allowed.contains(c); }));
    const auto name_forward = lower(name);
    const std::string name_backward(name_forward.rbegin(), name_forward.rend());
    RC_ASSERT(name.empty() || !lower(password).contains(name_forward));
    RC_ASSERT(name.empty() || !lower(password).contains(name_backward));
}

// How many strings keep the rules (but the user name's): counted letter by letter, by classes seen so far and class of
// the last character; an equal neighbour is one choice less of the same class.
double bits(int length, const std::array<double, 4>& class_sizes) {
    std::map<std::pair<unsigned, int>, double> count;  // (classes seen, last class) -> strings
    for (int c : {0, 1}) count[{1u << c, c}] += class_sizes[static_cast<std::size_t>(c)];
    for (int i = 1; i < length; ++i) {
        std::map<std::pair<unsigned, int>, double> next;
        for (const auto& [state, strings] : count)
            for (int c = 0; c < 4; ++c) {
                const double choices = class_sizes[static_cast<std::size_t>(c)] - (c == state.second ? 1 : 0);
                next[{state.first | (1u << c), c}] += strings * choices;
            }
        count = std::move(next);
    }
    double all = 0;
    for (const auto& [state, strings] : count)
        if (state.first == 0b1111) all += strings;
    return std::log2(all);
}

TEST(PasswordPolicy, entropy_is_what_the_code_says_and_above_90_bits) {
    const std::array<double, 4> full{26, 26, 10, 4};
    const std::array<double, 4> shell_safe{26, 26, 10, 2};
    EXPECT_NEAR(bits(16, full), 95.2, 0.05);
    EXPECT_NEAR(bits(16, shell_safe), 93.8, 0.05);
    EXPECT_NEAR(bits(20, full), 119.5, 0.05);
    EXPECT_NEAR(bits(20, shell_safe), 118.1, 0.05);
}

// Chi-square over what is free of every rule but the neighbour's: the symbols of the later positions, per class.
TEST(PasswordPolicy, symbols_of_a_class_are_equally_frequent) {
    SeededBytes random(7);
    std::array<double, 256> seen{};
    for (int i = 0; i < 20'000; ++i)
        for (const auto c : generate(StoredSize::k20, Alphabet::kFull, "", random))
            ++seen[static_cast<unsigned char>(c)];
    for (const std::string_view symbols :
         {std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), std::string_view("abcdefghijklmnopqrstuvwxyz"),
          std::string_view("0123456789"), std::string_view("-_@!")}) {
        double total = 0;
        for (const auto c : symbols) total += seen[static_cast<unsigned char>(c)];
        const double expected = total / static_cast<double>(symbols.size());
        double chi_square = 0;
        for (const auto c : symbols)
            chi_square += std::pow(seen[static_cast<unsigned char>(c)] - expected, 2) / expected;
        const auto freedom = static_cast<double>(symbols.size() - 1);
        EXPECT_LT(chi_square, freedom + 5 * std::sqrt(2 * freedom)) << symbols;
    }
}

// Bytes 198 to 255 must be thrown away, or the first symbols of the alphabet would come up a third more often.
TEST(PasswordPolicy, bytes_that_would_favour_some_symbols_are_thrown_away) {
    class Unfair : public RandomBytes {
    public:
        explicit Unfair(std::uint32_t seed) : inner_(seed) {}
        void fill(std::span<std::uint8_t> out) override {
            inner_.fill(out);
            for (std::size_t i = 0; i < out.size(); i += 2) out[i] = static_cast<std::uint8_t>(198 + out[i] % 58);
        }

    private:
        SeededBytes inner_;
    } unfair(3);
    std::array<double, 256> seen{};
    for (int i = 0; i < 5'000; ++i)
        for (const auto c : generate(StoredSize::k20, Alphabet::kFull, "", unfair))
            ++seen[static_cast<unsigned char>(c)];
    EXPECT_NEAR(seen['A'] / seen['Z'], 1.0, 0.15);
    EXPECT_NEAR(seen['a'] / seen['z'], 1.0, 0.15);
}

RC_GTEST_PROP(PasswordPolicy, a_k_g_has_no_zero_byte, (std::uint32_t seed)) {
    SeededBytes random(seed);
    generate_k_g(random).expose(
        [](auto bytes) { RC_ASSERT(std::ranges::find(bytes, std::uint8_t{0}) == bytes.end()); });
}

TEST(PasswordPolicy, ten_thousand_passwords_are_all_different) {
    SeededBytes random(1);
    std::set<std::string> seen;
    for (int i = 0; i < 10'000; ++i) seen.insert(generate(StoredSize::k16, Alphabet::kFull, "admin", random));
    EXPECT_EQ(seen.size(), 10'000u);
}

TEST(PasswordPolicyDeathTest, a_constant_source_is_a_bug_and_not_a_password) {
    class Constant : public RandomBytes {
        void fill(std::span<std::uint8_t> out) override { std::ranges::fill(out, std::uint8_t{1}); }
    } constant;
    EXPECT_DEATH(std::ignore = generate_password(StoredSize::k16, Alphabet::kFull, "", constant), "not random");
}

}  // namespace
}  // namespace bmcvault::vault
