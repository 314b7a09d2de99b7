// The arena of secrets: what was released is wiped and used again, also when many chunks were full.
#include "vault/base/secret.hpp"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace bmcvault {
namespace {

constexpr std::size_t kChunk = 2048;
constexpr std::size_t kMany = 4 * kChunk + 1000;

std::set<const std::uint8_t*> addresses(const std::vector<Key20>& secrets) {
    std::set<const std::uint8_t*> all;
    for (const auto& secret : secrets) secret.expose([&](auto bytes) { all.insert(bytes.data()); });
    return all;
}

TEST(SecretArena, many_secrets_have_places_of_their_own_that_are_wiped_and_used_again) {
    const auto before = secret_arena::live_count();
    std::set<const std::uint8_t*> first;
    {
        std::vector<Key20> secrets(kMany);
        for (auto& secret : secrets) secret.expose_mutable([](auto bytes) { bytes.front() = bytes.back() = 0xa5; });
        first = addresses(secrets);
        EXPECT_EQ(first.size(), kMany);
        EXPECT_EQ(secret_arena::live_count(), before + kMany);
    }
    EXPECT_EQ(secret_arena::live_count(), before);
    const std::vector<Key20> again(kMany);
    std::set<const std::uint8_t*> other = addresses(again);
    for (const auto* place : first) other.erase(place);
    EXPECT_LT(other.size(), kChunk) << "only the last chunk was not full";
    for (const auto& secret : again) EXPECT_TRUE(secret.equals(Key20()));
}

}  // namespace
}  // namespace bmcvault
