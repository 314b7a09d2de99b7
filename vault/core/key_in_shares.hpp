// Whose hands the shares of a break-glass key are in, as far as the vault was told. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vault/base/ids.hpp"
#include "vault/core/team.hpp"

namespace bmcvault::vault {

struct KeyInShares {
    std::uint32_t slot = 0;
    std::uint32_t threshold = 0;  // so many shares make the key ...
    std::uint32_t shares = 0;     // ... of so many
    UnixTime made_at;
    std::optional<std::uint32_t> made_by;  // a slot; whoever made the key has had all shares
    std::vector<std::string> holders;      // of share 1, 2 ...; empty: nobody was named
};

// The numbers of the shares that somebody of this name was given.
[[nodiscard]] std::vector<std::uint32_t> shares_of(const KeyInShares& key, std::string_view holder);

// What somebody who leaves takes along of it.
struct Taken {
    bool made_it = false;
    std::vector<std::uint32_t> shares;
    std::uint32_t by_all = 0;  // shares that are with those who have left since the key was made, this one among them
};
[[nodiscard]] Taken taken_by(const KeyInShares& key, const Departure& leaver, std::span<const Departure> all);

}  // namespace bmcvault::vault
