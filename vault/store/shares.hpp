// A key in shares, and back: Shamir's scheme over GF(2^8), as libgfshare and its tools do it.
#pragma once

#include <span>
#include <vector>

#include "vault/core/share.hpp"

namespace bmcvault::vault {

// Share i has the number i+1, also for libgfshare. Signed by the key that comes from the one that is split.
[[nodiscard]] std::vector<Share> split_key(const Key32& slot_key, const VaultId&, std::uint32_t slot,
                                           std::uint32_t threshold, std::uint32_t count);
// kInvalidArgument: not of one key, one of them twice, or too few, and then how many are missing. Whether they are
// genuine is for check_share to say.
[[nodiscard]] Result<Key32> join_shares(std::span<const Share> shares);

}  // namespace bmcvault::vault
