#include "vault/core/state_root.hpp"

#include <sodium.h>

namespace bmcvault::vault {
namespace {

enum class Type : std::uint8_t { kNull = 0, kInteger = 1, kText = 2, kBlob = 3 };

}  // namespace

void StateRow::add_null() {
    bytes_.push_back(static_cast<std::uint8_t>(Type::kNull));
}

void StateRow::add_integer(std::int64_t value) {
    bytes_.push_back(static_cast<std::uint8_t>(Type::kInteger));
    append_u64_le(bytes_, static_cast<std::uint64_t>(value));
}

void StateRow::add_text(std::string_view text) {
    bytes_.push_back(static_cast<std::uint8_t>(Type::kText));
    append_u32_le(bytes_, static_cast<std::uint32_t>(text.size()));
    append(bytes_, as_bytes(text));
}

void StateRow::add_blob(ByteView blob) {
    bytes_.push_back(static_cast<std::uint8_t>(Type::kBlob));
    append_u32_le(bytes_, static_cast<std::uint32_t>(blob.size()));
    append(bytes_, blob);
}

Digest StateRow::hash(const Key32& state_key) const {
    Digest digest{};
    state_key.expose([&](auto key) {
        crypto_generichash(digest.data(), digest.size(), bytes_.data(), bytes_.size(), key.data(), key.size());
    });
    return digest;
}

Digest root_with(const Digest& root, const Digest& row) {
    auto sum = root;
    sodium_add(sum.data(), row.data(), sum.size());
    return sum;
}

Digest root_without(const Digest& root, const Digest& row) {
    auto difference = root;
    sodium_sub(difference.data(), row.data(), difference.size());
    return difference;
}

}  // namespace bmcvault::vault
