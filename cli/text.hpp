// Text for people: sanitized strings, aligned tables, colours, ages. Pure: values in, strings out.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "vault/base/ids.hpp"

namespace bmcvault::cli {

// What may go to a terminal: control characters, escape sequences, direction marks and bytes that are not UTF-8 become
// visible (\x1b, \u{202e}). Inventories and BMCs are written by strangers.
[[nodiscard]] std::string printable(std::string_view text);

enum class Tone { kPlain, kGood, kWarning, kBad, kDim, kBold };

struct Style {
    bool color = false;
    [[nodiscard]] std::string paint(Tone tone, std::string_view text) const;
};

struct Cell {
    std::string text;  // already printable
    Tone tone = Tone::kPlain;
};

// One row of a table whose column widths are known before its rows (rows are printed as BMCs finish).
[[nodiscard]] std::string table_row(const std::vector<Cell>& cells, const std::vector<std::size_t>& widths,
                                    const Style& style);
// A whole table, as wide as its cells need.
[[nodiscard]] std::string table(const std::vector<std::string>& header, const std::vector<std::vector<Cell>>& rows,
                                const Style& style);

[[nodiscard]] std::string iso_time(UnixTime time);                                      // "2026-11-23T15:04:05Z"
[[nodiscard]] std::string age(UnixTime then, UnixTime now);                             // "3 days", "2 h", "just now"
[[nodiscard]] std::string counted(std::size_t n, std::string_view what);                // "1 BMC", "8 BMCs"
[[nodiscard]] std::string host_and_port(std::string_view address, std::uint16_t port);  // "[::1]:623" for IPv6
// "a, b, c and 5 more"
[[nodiscard]] std::string some_of(const std::vector<std::string>& names, std::size_t limit = 5);
[[nodiscard]] std::string replaced(std::string text, std::string_view what, std::string_view by);  // everywhere
// 'text', safe in any POSIX shell whatever it holds.
[[nodiscard]] std::string shell_quoted(const std::string& text);
// Quoted where that is needed, and safe on a terminal: part of a command that a person copies.
[[nodiscard]] std::string shell_word(const std::string& text);
// The word of `choices` that a person most likely meant; empty when none is near.
[[nodiscard]] std::string nearest(std::string_view word, const std::vector<std::string>& choices);

}  // namespace bmcvault::cli
