// For the small text files of the vault: lines of "key value", numbers, base64 without padding. A reader takes what it
// can; that only one spelling is accepted is up to the caller, who writes the value again and compares.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <concepts>
#include <optional>
#include <string>
#include <string_view>

#include "vault/base/bytes.hpp"
#include "vault/base/error.hpp"

namespace bmcvault::vault {

[[nodiscard]] std::string to_base64(ByteView bytes);
[[nodiscard]] std::optional<Bytes> from_base64(std::string_view text);

// Walks over the lines. The first mistake is kept, with its line, and every later read gives nothing.
class LineReader {
public:
    // `subject` begins every mistake: "vault header".
    LineReader(std::string_view subject, std::string_view text) : subject_(subject), rest_(text) {}

    [[nodiscard]] bool failed() const { return error_.has_value(); }
    [[nodiscard]] bool at_end() const { return rest_.empty(); }
    [[nodiscard]] bool next_is(std::string_view prefix) const { return !failed() && rest_.starts_with(prefix); }
    [[nodiscard]] std::unexpected<Error> error() const { return std::unexpected<Error>(*error_); }

    void mistake(std::string_view what, ErrorCode code = ErrorCode::kDamaged);
    std::string_view line();
    // The rest of a line that has to begin with `prefix`.
    std::string_view value_of(std::string_view prefix);

    template <std::integral T>
    T number(std::string_view text) {
        T value{};
        const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (code != std::errc{} || end != text.data() + text.size()) mistake("not a number, or out of range");
        return value;
    }

    template <std::size_t N>
    std::array<std::uint8_t, N> fixed_bytes(std::string_view text) {
        std::array<std::uint8_t, N> out{};
        const auto bytes = from_base64(text);
        if (!bytes || bytes->size() != N)
            mistake("not the base64 of " + std::to_string(N) + " bytes");
        else
            std::ranges::copy(*bytes, out.begin());
        return out;
    }

private:
    std::string_view subject_;
    std::string_view rest_;
    std::size_t line_number_ = 0;
    std::optional<Error> error_;
};

}  // namespace bmcvault::vault
