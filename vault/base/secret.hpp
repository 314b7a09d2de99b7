// Secret<N>: N bytes that live only in one locked, guarded arena and are wiped when they go.
//
// Protects against: swap, core files, accidental copies, printing, timing of comparisons.
// Does not protect against: root or a debugger on this host, or code inside expose() that copies the bytes out.
// Move-only. No operator<<, no ==. GoogleTest and {fmt} print "<secret>". A moved-from Secret may only be assigned to
// or destroyed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <ostream>
#include <span>
#include <utility>

#include "vault/base/bytes.hpp"
#include "vault/base/check.hpp"
#include "vault/base/error.hpp"

namespace bmcvault {

// The arena: guarded chunks from sodium_malloc, divided into slots of 32 bytes. Thread-safe.
namespace secret_arena {

// Must be called once before the first Secret (idempotent): sodium_init, core dumps off (RLIMIT_CORE 0,
// PR_SET_DUMPABLE 0), first chunk allocated and locked. kNoMemory when the memory can't be had.
[[nodiscard]] Result<void> initialize();
// False when RLIMIT_MEMLOCK did not let us lock a chunk; the command line warns about it once.
[[nodiscard]] bool is_locked();
// Live allocations, for tests.
[[nodiscard]] std::size_t live_count();

[[nodiscard]] std::uint8_t* allocate(std::size_t size);  // zeroed
void release(std::uint8_t* pointer, std::size_t size);   // wipes
[[nodiscard]] bool equal(const std::uint8_t* a, const std::uint8_t* b, std::size_t size);

}  // namespace secret_arena

template <std::size_t N>
class [[nodiscard]] Secret {
public:
    static constexpr std::size_t kSize = N;

    Secret() : bytes_(secret_arena::allocate(N)) {}  // all zero
    // Copies; the caller still owns, and wipes, its own copy.
    explicit Secret(std::span<const std::uint8_t, N> bytes) : Secret() {
        std::copy(bytes.begin(), bytes.end(), bytes_);
    }
    Secret(Secret&& other) noexcept : bytes_(std::exchange(other.bytes_, nullptr)) {}
    Secret& operator=(Secret&& other) noexcept {
        if (this != &other) {
            reset();
            bytes_ = std::exchange(other.bytes_, nullptr);
        }
        return *this;
    }
    Secret(const Secret&) = delete;
    Secret& operator=(const Secret&) = delete;
    ~Secret() { reset(); }

    // The only way in: reader(std::span<const std::uint8_t, N>). Its result must not hold the bytes.
    template <class Reader>
    decltype(auto) expose(Reader&& reader) const {
        BMCVAULT_CHECK(bytes_ != nullptr);
        return std::forward<Reader>(reader)(std::span<const std::uint8_t, N>(bytes_, N));
    }
    template <class Writer>
    decltype(auto) expose_mutable(Writer&& writer) {
        BMCVAULT_CHECK(bytes_ != nullptr);
        return std::forward<Writer>(writer)(std::span<std::uint8_t, N>(bytes_, N));
    }
    [[nodiscard]] Secret clone() const {
        return expose([](auto bytes) { return Secret(bytes); });
    }
    [[nodiscard]] bool equals(const Secret& other) const {  // constant time
        BMCVAULT_CHECK(bytes_ != nullptr && other.bytes_ != nullptr);
        return secret_arena::equal(bytes_, other.bytes_, N);
    }

    friend void PrintTo(const Secret&, std::ostream* out) { *out << "<secret>"; }

private:
    void reset() {
        if (bytes_ != nullptr) secret_arena::release(bytes_, N);
        bytes_ = nullptr;
    }

    std::uint8_t* bytes_;
};

template <std::size_t N>
std::ostream& operator<<(std::ostream&, const Secret<N>&) = delete;

// 20 bytes as RMCP+ uses them: a password zero-padded to K_UID, or a K_G. (IPMI 2.0 §13.28, §22.30)
inline constexpr std::size_t kKeySize = 20;
using Key20 = Secret<kKeySize>;

// What a person typed or a file held to open something: 1 to 1,024 bytes, as given (no Unicode normalisation).
class [[nodiscard]] Passphrase {
public:
    static constexpr std::size_t kMaxSize = 1024;

    Passphrase() = default;
    // kInvalidArgument when empty or over kMaxSize. Copies; the caller wipes its own copy.
    [[nodiscard]] static Result<Passphrase> from(ByteView bytes);

    template <class Reader>
    decltype(auto) expose(Reader&& reader) const {
        return bytes_.expose([&](auto all) { return std::forward<Reader>(reader)(ByteView(all).first(size_)); });
    }
    [[nodiscard]] bool equals(const Passphrase& other) const {
        return size_ == other.size_ && bytes_.equals(other.bytes_);
    }

    friend void PrintTo(const Passphrase&, std::ostream* out) { *out << "<secret>"; }

private:
    Secret<kMaxSize> bytes_;
    std::size_t size_ = 0;
};

std::ostream& operator<<(std::ostream&, const Passphrase&) = delete;

}  // namespace bmcvault
