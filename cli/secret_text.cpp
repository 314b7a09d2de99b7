#include "cli/secret_text.hpp"

#include <sodium.h>

#include <algorithm>
#include <cstring>

#include "vault/base/check.hpp"

namespace bmcvault::cli {

SecretText::~SecretText() {
    sodium_free(bytes_);
}  // wipes

void SecretText::reserve(std::size_t capacity) {
    if (capacity <= capacity_) return;
    const std::size_t wanted = std::max({capacity, capacity_ * 2, std::size_t{4096}});
    auto* bytes = static_cast<char*>(sodium_malloc(wanted));
    BMCVAULT_CHECK(bytes != nullptr);  // callers bound the size: see kMaxInventorySize
    if (size_ > 0) std::memcpy(bytes, bytes_, size_);
    sodium_free(bytes_);
    bytes_ = bytes;
    capacity_ = wanted;
}

std::span<char> SecretText::spare(std::size_t count) {
    reserve(size_ + count);
    return {bytes_ + size_, count};
}

void SecretText::grow(std::size_t count) {
    BMCVAULT_CHECK(count <= capacity_ - size_);
    size_ += count;
}

void SecretText::shrink_to(std::size_t size) {
    BMCVAULT_CHECK(size <= size_);
    sodium_memzero(bytes_ + size, size_ - size);
    size_ = size;
}

void SecretText::append(std::string_view bytes) {
    if (bytes.empty()) return;
    std::ranges::copy(bytes, spare(bytes.size()).begin());
    grow(bytes.size());
}

void append_hex(SecretText& out, ByteView bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    for (const std::uint8_t byte : bytes) {
        out.append(kDigits.substr(byte >> 4, 1));
        out.append(kDigits.substr(byte & 15, 1));
    }
}

std::string_view without_padding(std::span<const std::uint8_t, kKeySize> bytes) {
    std::size_t size = bytes.size();
    while (size > 0 && bytes[size - 1] == 0) --size;
    return {reinterpret_cast<const char*>(bytes.data()), size};
}

}  // namespace bmcvault::cli
