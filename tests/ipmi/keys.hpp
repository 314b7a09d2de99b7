// Fixed passwords and keys of the tests.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "ipmi/core/candidates.hpp"

namespace bmcvault::ipmi::test {

inline Key20 key20(std::string_view text) {
    Key20 key;
    key.expose_mutable(
        [&](auto bytes) { std::ranges::copy(as_bytes(text).first(std::min(text.size(), kKeySize)), bytes.begin()); });
    return key;
}

inline std::string text_of(const Key20& key) {
    return key.expose([](auto bytes) { return std::string(bytes.begin(), std::ranges::find(bytes, 0)); });
}

// Owns keys and lends them as candidates with the ids 0, 1, 2 ...
class Keys {
public:
    explicit Keys(const std::vector<std::string>& texts) {
        for (const auto& text : texts) keys_.push_back(key20(text));
        for (std::uint32_t id = 0; id < keys_.size(); ++id) {
            passwords_.push_back({id, &keys_[id]});
            k_gs_.push_back({id, &keys_[id]});
        }
    }
    [[nodiscard]] std::span<const PasswordCandidate> passwords() const { return passwords_; }
    [[nodiscard]] std::span<const KgCandidate> k_gs() const { return k_gs_; }

private:
    std::vector<Key20> keys_;
    std::vector<PasswordCandidate> passwords_;
    std::vector<KgCandidate> k_gs_;
};

// `count` wrong ones, with `right` in the place `at`.
inline std::vector<std::string> among(std::size_t count, std::string_view right, std::size_t at) {
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < count; ++i) texts.push_back("wrong-" + std::to_string(1000000 + i) + "-abcdef");
    texts.insert(texts.begin() + static_cast<std::ptrdiff_t>(at), std::string(right));
    return texts;
}

inline const CipherSuite& suite(std::uint8_t id) {
    return *std::ranges::find(kCipherSuites, id, &CipherSuite::id);
}

}  // namespace bmcvault::ipmi::test
