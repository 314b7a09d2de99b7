#include "cli/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "rotate/core/schedule.hpp"

namespace bmcvault::cli {
namespace {

struct CodePoint {
    char32_t value;
    std::size_t size;
};

// By the first byte of a sequence; 0: no sequence begins so.
std::size_t sequence_size(unsigned char first) {
    if (first < 0x80) return 1;
    if (first < 0xc2 || first > 0xf4) return 0;
    if (first < 0xe0) return 2;
    return first < 0xf0 ? 3 : 4;
}

// Strict UTF-8: no overlong forms, no surrogates.
std::optional<CodePoint> decode(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = byte(0);
    if (first < 0x80) return CodePoint{first, 1};
    const std::size_t size = sequence_size(first);
    if (size == 0 || text.size() < size) return std::nullopt;
    char32_t value = first & (0xffu >> (size + 1));
    for (std::size_t i = 1; i < size; ++i) {
        if ((byte(i) & 0xc0) != 0x80) return std::nullopt;
        value = (value << 6) | (byte(i) & 0x3f);
    }
    constexpr char32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (value < kSmallest[size] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) return std::nullopt;
    return CodePoint{value, size};
}

bool acts_on_terminal(char32_t c) {
    const bool control = c < 0x20 || (c >= 0x7f && c <= 0x9f);
    const bool direction_or_invisible =
        (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff;
    return control || direction_or_invisible;
}

std::size_t width(std::string_view text) {  // code points: names are ASCII, details nearly always
    return static_cast<std::size_t>(
        std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::string_view escape_code(Tone tone) {
    switch (tone) {
        case Tone::kPlain:
            return "0";
        case Tone::kGood:
            return "32";
        case Tone::kWarning:
            return "33";
        case Tone::kBad:
            return "31";
        case Tone::kDim:
            return "2";
        case Tone::kBold:
            return "1";
    }
    return "0";
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t above = row[j];
            row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
            diagonal = above;
        }
    }
    return row.back();
}

}  // namespace

std::string printable(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const auto c = decode(text);
        if (!c) {
            out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[0]));
            text.remove_prefix(1);
            continue;
        }
        if (!acts_on_terminal(c->value)) {
            out += text.substr(0, c->size);
        } else if (c->value < 0x80) {
            out += fmt::format("\\x{:02x}", static_cast<unsigned>(c->value));
        } else {
            out += fmt::format("\\u{{{:x}}}", static_cast<unsigned>(c->value));
        }
        text.remove_prefix(c->size);
    }
    return out;
}

std::string Style::paint(Tone tone, std::string_view text) const {
    if (!color || tone == Tone::kPlain) return std::string(text);
    return fmt::format("\x1b[{}m{}\x1b[0m", escape_code(tone), text);
}

std::string table_row(const std::vector<Cell>& cells, const std::vector<std::size_t>& widths, const Style& style) {
    std::string line;
    std::size_t owed = 0;  // spaces before the next cell that is not empty: no line ends in blanks
    for (std::size_t i = 0; i < cells.size(); ++i) {
        const std::size_t used = width(cells[i].text);
        if (used > 0) {
            line.append(owed, ' ');
            owed = 0;
            line += style.paint(cells[i].tone, cells[i].text);
        }
        const std::size_t column = i < widths.size() ? widths[i] : 0;
        owed += (column > used ? column - used : 0) + 2;
    }
    return line + '\n';
}

std::string table(const std::vector<std::string>& header, const std::vector<std::vector<Cell>>& rows,
                  const Style& style) {
    std::vector<std::size_t> widths;
    std::vector<Cell> title;
    for (const auto& name : header) {
        widths.push_back(width(name));
        title.push_back({name, Tone::kBold});
    }
    for (const auto& row : rows) {
        for (std::size_t i = 0; i < row.size() && i < widths.size(); ++i) {
            widths[i] = std::max(widths[i], width(row[i].text));
        }
    }
    std::string out = table_row(title, widths, style);
    for (const auto& row : rows) out += table_row(row, widths, style);
    return out;
}

std::string iso_time(UnixTime time) {
    return rotate::utc_text(time);
}

std::string age(UnixTime then, UnixTime now) {
    const std::int64_t s = now.value - then.value;
    if (s < 0) return "in the future";
    if (s < 60) return "just now";
    if (s < 3600) return fmt::format("{} min", s / 60);
    if (s < 2 * 86400) return fmt::format("{} h", s / 3600);
    return fmt::format("{} days", s / 86400);
}

std::string counted(std::size_t n, std::string_view what) {
    return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s");
}

std::string host_and_port(std::string_view address, std::uint16_t port) {
    return address.find(':') == std::string_view::npos ? fmt::format("{}:{}", address, port)
                                                       : fmt::format("[{}]:{}", address, port);
}

std::string some_of(const std::vector<std::string>& names, std::size_t limit) {
    std::string out;
    for (std::size_t i = 0; i < names.size() && i < limit; ++i) {
        if (i > 0) out += ", ";
        out += names[i];
    }
    if (names.size() > limit) out += fmt::format(" and {} more", names.size() - limit);
    return out;
}

std::string replaced(std::string text, std::string_view what, std::string_view by) {
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size())) {
        text.replace(at, what.size(), by);
    }
    return text;
}

std::string shell_quoted(const std::string& text) {
    std::string quoted = "'";
    for (const char c : text) {
        if (c == '\'') quoted += R"('\'')";
        if (c != '\'') quoted += c;
    }
    return quoted + "'";
}

std::string shell_word(const std::string& text) {
    const bool plain = !text.empty() && std::ranges::all_of(text, [](char c) {
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        return letter || std::string_view("_-./:@").find(c) != std::string_view::npos;
    });
    return plain ? text : shell_quoted(printable(text));
}

std::string nearest(std::string_view word, const std::vector<std::string>& choices) {
    std::string best;
    std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
    if (word.size() > 128) return best;
    for (const auto& choice : choices) {
        if (choice.size() > 128) continue;
        const std::size_t distance = edit_distance(word, choice);
        if (distance < best_distance) {
            best = choice;
            best_distance = distance;
        }
    }
    return best;
}

}  // namespace bmcvault::cli
