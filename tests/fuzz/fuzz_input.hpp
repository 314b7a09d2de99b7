// Fuzz input as a stream of small values, and what every target starts with.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "vault/base/bytes.hpp"
#include "vault/base/check.hpp"
#include "vault/base/secret.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace bmcvault::fuzz {

class Input {
public:
    Input(const std::uint8_t* data, std::size_t size) : left_(data, size) {}

    [[nodiscard]] bool empty() const { return left_.empty(); }
    [[nodiscard]] std::uint8_t take_byte() {  // 0 when nothing is left
        const auto taken = take(1);
        return taken.empty() ? std::uint8_t{0} : taken.front();
    }
    [[nodiscard]] ByteView take(std::size_t wanted) {  // less when less is left
        const auto taken = left_.first(std::min(wanted, left_.size()));
        left_ = left_.subspan(taken.size());
        return taken;
    }
    [[nodiscard]] ByteView rest() { return take(left_.size()); }
    [[nodiscard]] std::string_view rest_as_text() {
        const auto bytes = rest();
        return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    }

private:
    ByteView left_;
};

inline void initialize_secrets() {
    static const bool done = secret_arena::initialize().has_value();
    BMCVAULT_CHECK(done);
}

}  // namespace bmcvault::fuzz
