#include "vault/core/key_in_shares.hpp"

#include <algorithm>

namespace bmcvault::vault {

std::vector<std::uint32_t> shares_of(const KeyInShares& key, std::string_view holder) {
    std::vector<std::uint32_t> numbers;
    for (std::uint32_t i = 0; i < key.holders.size(); ++i)
        if (key.holders[i] == holder) numbers.push_back(i + 1);
    return numbers;
}

Taken taken_by(const KeyInShares& key, const Departure& leaver, std::span<const Departure> all) {
    Taken taken;
    taken.made_it = leaver.type == DepartureType::kMember && key.made_by && leaver.slot == key.made_by;
    taken.shares = shares_of(key, leaver.who);
    const auto has_left = [&](const std::string& holder) {
        return holder == leaver.who || std::ranges::any_of(all, [&](const Departure& departure) {
                   return departure.type != DepartureType::kHost && departure.who == holder &&
                          departure.at >= key.made_at;
               });
    };
    taken.by_all = static_cast<std::uint32_t>(std::ranges::count_if(key.holders, has_left));
    return taken;
}

}  // namespace bmcvault::vault
