// A file of old passwords: one per line, or CSV with a header line. Pure.
//
// Every bad line is named by number and column, never by its text; then there is no list. Passwords go from the
// caller's secret memory straight into Key20.
#pragma once

#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/fields.hpp"
#include "cli/line_problems.hpp"
#include "vault/base/ids.hpp"

namespace bmcvault::cli {

inline constexpr std::size_t kMaxPasswordListSize = 4 << 20;
inline constexpr std::size_t kMaxPasswordLines = 100'000;  // repeated ones among them; the vault takes far fewer

struct PasswordLine {
    std::size_t line = 0;  // of the file, from 1
    PasswordField password;
    std::optional<UnixTime> used_from;   // start of the first day, UTC
    std::optional<UnixTime> used_until;  // start of the last day, UTC
    std::string label;                   // as vault::ListedPassword::label; empty: none given
};

// One per line: 1 to 20 bytes, any but zero; empty lines are skipped. CSV when the first line is a header: `password`,
// alone or besides from, until, label, size.
[[nodiscard]] std::expected<std::vector<PasswordLine>, LineProblems> parse_password_list(std::string_view text);

}  // namespace bmcvault::cli
