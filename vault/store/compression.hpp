// Zstandard, one frame at a time. Internal to vault/store.
#pragma once

#include "vault/base/bytes.hpp"
#include "vault/base/error.hpp"

namespace bmcvault::vault {

[[nodiscard]] Result<Bytes> compress(ByteView plain);
// kDamaged: not one whole frame that says how long its content is, or one with more than `most` bytes.
[[nodiscard]] Result<Bytes> decompress(ByteView frame, std::size_t most);

}  // namespace bmcvault::vault
