// Bytes of any length that hold secrets: a CSV being read, a JSON line with a password in it. Guarded memory, wiped.
// Key20 and Passphrase are too small for these; everything else in the program uses those.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

#include "vault/base/error.hpp"
#include "vault/base/secret.hpp"

namespace bmcvault::cli {

class [[nodiscard]] SecretText {
public:
    SecretText() = default;
    ~SecretText();
    SecretText(SecretText&& other) noexcept
        : bytes_(std::exchange(other.bytes_, nullptr)),
          size_(std::exchange(other.size_, 0)),
          capacity_(std::exchange(other.capacity_, 0)) {}
    SecretText& operator=(SecretText&& other) noexcept {
        std::swap(bytes_, other.bytes_);
        std::swap(size_, other.size_);
        std::swap(capacity_, other.capacity_);
        return *this;
    }
    SecretText(const SecretText&) = delete;
    SecretText& operator=(const SecretText&) = delete;

    void append(std::string_view bytes);
    // Room for `count` more bytes at the end, to be filled and then kept with grow().
    [[nodiscard]] std::span<char> spare(std::size_t count);
    void grow(std::size_t count);
    void shrink_to(std::size_t size);

    [[nodiscard]] std::size_t size() const { return size_; }
    // The only way in. The reader must not keep the view.
    template <class Reader>
    decltype(auto) expose(Reader&& reader) const {
        return std::forward<Reader>(reader)(std::string_view(bytes_, size_));
    }

private:
    void reserve(std::size_t capacity);

    char* bytes_ = nullptr;
    std::size_t size_ = 0;
    std::size_t capacity_ = 0;
};

void append_hex(SecretText& out, ByteView bytes);
// Zeros inside stay: a BMC that keeps the tail of the old password may hold a short new one, zeros and that tail.
[[nodiscard]] std::string_view without_padding(std::span<const std::uint8_t, kKeySize> bytes);

}  // namespace bmcvault::cli
