// Draws whole candidates and throws away those that break a rule: the only way that is uniform among those that keep
// all. 16 characters of the full alphabet give 95.2 bits, of the shell-safe one 93.8; 20 give 119.5 and 118.1
// (tests/vault computes these numbers exactly). About one candidate in three is kept.
#include "vault/core/password_policy.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace bmcvault::vault {
namespace {

constexpr std::size_t kFullSize = kPasswordAlphabet.size();
constexpr std::size_t kShellSafeSize = kFullSize - 2;  // @ and ! are the last two
constexpr int kMaxAttempts = 10'000;                   // chance of reaching it with real randomness: below 2^-1000
static_assert(kFullSize == 66 && kPasswordAlphabet.ends_with("@!"));

// Uniform symbols from bytes: values that would favour the first symbols are thrown away.
class Symbols {
public:
    explicit Symbols(RandomBytes& random) : random_(random) {}

    std::uint8_t next(std::size_t choices) {
        const std::size_t fair = 256 - 256 % choices;
        for (;;) {
            const auto byte = next_byte();
            if (byte < fair) return static_cast<std::uint8_t>(byte % choices);
        }
    }

    std::uint8_t next_byte() {
        return pool_.expose_mutable([&](auto pool) {
            if (used_ == pool.size()) {
                random_.fill(pool);
                used_ = 0;
            }
            return std::exchange(pool[used_++], std::uint8_t{0});
        });
    }

private:
    RandomBytes& random_;
    Secret<64> pool_;
    std::size_t used_ = 64;
};

bool is_upper(std::uint8_t c) {
    return c >= 'A' && c <= 'Z';
}
bool is_lower(std::uint8_t c) {
    return c >= 'a' && c <= 'z';
}
bool is_digit(std::uint8_t c) {
    return c >= '0' && c <= '9';
}
bool is_symbol(std::uint8_t c) {
    return !is_upper(c) && !is_lower(c) && !is_digit(c);
}

bool same_letter(std::uint8_t a, char b) {
    return std::tolower(a) == std::tolower(static_cast<unsigned char>(b));
}

// BMCs that refuse the user name in a password compare without case, some also backwards.
bool contains_name(ByteView password, std::string_view name) {
    if (name.empty()) return false;
    const std::string_view::const_reverse_iterator backwards = name.rbegin();
    return !std::ranges::search(password, name, same_letter).empty() ||
           std::search(password.begin(), password.end(), backwards, name.rend(), same_letter) != password.end();
}

bool keeps_rules(ByteView password, std::string_view user_name) {
    const bool letter_first = is_upper(password[0]) || is_lower(password[0]);
    return letter_first && std::ranges::any_of(password, is_upper) && std::ranges::any_of(password, is_lower) &&
           std::ranges::any_of(password, is_digit) && std::ranges::any_of(password, is_symbol) &&
           std::ranges::adjacent_find(password) == password.end() && !contains_name(password, user_name);
}

}  // namespace

Key20 generate_password(StoredSize size, Alphabet alphabet, std::string_view user_name, RandomBytes& random) {
    const std::size_t choices = alphabet == Alphabet::kFull ? kFullSize : kShellSafeSize;
    Symbols symbols(random);
    Key20 key;
    key.expose_mutable([&](auto bytes) {
        const auto password = bytes.first(static_cast<std::size_t>(size));
        for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
            for (auto& c : password) c = static_cast<std::uint8_t>(kPasswordAlphabet[symbols.next(choices)]);
            if (keeps_rules(password, user_name)) return;
        }
        BMCVAULT_CHECK(false && "the random source is not random");
    });
    return key;
}

Key20 generate_k_g(RandomBytes& random) {
    Symbols symbols(random);
    Key20 key;
    key.expose_mutable([&](auto bytes) {
        for (auto& byte : bytes) {
            do {
                byte = symbols.next_byte();
            } while (byte == 0);
        }
    });
    return key;
}

}  // namespace bmcvault::vault
