#include "cli/password_list.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "cli/csv.hpp"

namespace bmcvault::cli {
namespace {

enum class Column : std::uint8_t { kPassword, kFrom, kUntil, kLabel, kSize, kCount };
constexpr auto kColumns = static_cast<std::size_t>(Column::kCount);
constexpr std::array<std::string_view, kColumns> kColumnNames{"password", "from", "until", "label", "size"};

std::string_view name(Column column) {
    return kColumnNames[static_cast<std::size_t>(column)];
}

std::optional<Column> column_of(std::string_view text) {
    const auto same = [&](std::string_view known) {
        return std::ranges::equal(text, known, [](char a, char b) { return (a | 0x20) == b; });
    };
    const auto found = std::ranges::find_if(kColumnNames, same);
    if (found == kColumnNames.end()) return std::nullopt;
    return static_cast<Column>(found - kColumnNames.begin());
}

std::string_view first_line(std::string_view text) {
    while (text.starts_with('\n') || text.starts_with("\r\n")) text.remove_prefix(text.find('\n') + 1);
    text = text.substr(0, text.find('\n'));
    if (text.ends_with('\r')) text.remove_suffix(1);
    return text;
}

std::string_view bare(std::string_view field) {
    while (field.starts_with(' ') || field.starts_with('"')) field.remove_prefix(1);
    while (field.ends_with(' ') || field.ends_with('"')) field.remove_suffix(1);
    return field;
}

// Also where the header is one that we don't take, with semicolons or columns of its own: its lines are no passwords.
// One word alone is none: "password" is a password that people use.
bool looks_like_header(std::string_view line) {
    std::size_t fields = 0;
    std::size_t known = 0;
    bool password = false;
    for (bool more = true; more; ++fields) {
        const auto end = line.find_first_of(",;\t");
        const auto column = column_of(bare(line.substr(0, end)));
        known += column ? 1 : 0;
        password = password || column == Column::kPassword;
        more = end != std::string_view::npos;
        if (more) line.remove_prefix(end + 1);
    }
    return fields > 1 && (password || known == fields);
}

// One password per line.
class LineParser {
public:
    LineParser(std::string_view text, std::vector<PasswordLine>& found, LineProblems& problems)
        : rest_(text), found_(found), problems_(problems) {}

    void run() {
        while (!rest_.empty()) {
            ++line_;
            const auto end = rest_.find('\n');
            auto text = rest_.substr(0, end);
            rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
            if (text.ends_with('\r')) text.remove_suffix(1);
            if (text.empty()) continue;
            if (found_.size() >= kMaxPasswordLines) {
                problems_.add({line_, "", fmt::format("more than {} passwords", kMaxPasswordLines)});
                return;
            }
            read(text);
        }
    }

private:
    void read(std::string_view text) {
        if (const auto at = text.find_first_of(std::string_view("\0\r", 2)); at != std::string_view::npos) {
            problems_.add({line_, fmt::format("{}", at + 1),
                           text[at] == '\r'
                               ? "a carriage return inside the line"
                               : "a zero byte, which no password holds (a file in UTF-16? save it as UTF-8)"});
        } else if (text.size() > kKeySize) {
            problems_.add(
                {line_, fmt::format("{}", kKeySize + 1), "is longer than 20 bytes, the most IPMI 2.0 stores (§22.30)"});
        } else {
            found_.push_back({line_, as_password(text), std::nullopt, std::nullopt, ""});
        }
    }
    static PasswordField as_password(std::string_view text) {
        PasswordField field;
        field.bytes.expose_mutable([&](auto bytes) { std::ranges::copy(text, bytes.begin()); });
        field.size = text.size() <= 16 ? vault::StoredSize::k16 : vault::StoredSize::k20;
        return field;
    }

    std::string_view rest_;
    std::size_t line_ = 0;
    std::vector<PasswordLine>& found_;
    LineProblems& problems_;
};

Result<std::optional<vault::StoredSize>> parse_size(std::string_view text) {
    if (text.empty()) return std::nullopt;
    if (text == "16") return vault::StoredSize::k16;
    if (text == "20") return vault::StoredSize::k20;
    return fail(ErrorCode::kInvalidArgument, "must be 16 or 20, as the BMC stores it (IPMI 2.0 §22.30), or empty");
}

Result<std::optional<UnixTime>> parse_day(std::string_view text) {
    if (text.empty()) return std::nullopt;
    const auto day = parse_date(text);
    if (!day) return std::unexpected(day.error());
    return *day;
}

Result<std::string> parse_label(std::string_view text) {
    if (text.empty() || vault::is_printable_name(text, vault::kMaxLabelSize)) return std::string(text);
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("must be printable ASCII, at most {} characters, with no space at "
                            "either end",
                            vault::kMaxLabelSize));
}

// Header line and records.
class CsvParser {
public:
    CsvParser(std::string_view text, std::vector<PasswordLine>& found, LineProblems& problems)
        : reader_(text), found_(found), problems_(problems) {}

    void run() {
        if (read_header()) read_records();
    }

private:
    bool read_header() {
        do {
            if (auto bad = reader_.next(record_)) {
                problem("", *bad);
                return false;
            }
        } while (record_.blank());
        for (std::size_t i = 0; i < record_.field_count(); ++i)
            if (!read_column(i)) return false;
        if (std::ranges::count(header_, Column::kPassword) == 1) return true;
        problem("password", "this column is missing from the header line");
        return false;
    }

    bool read_column(std::size_t i) {
        const auto column = record_.expose(i, column_of);
        if (!column) {
            problem(fmt::format("{}", i + 1),
                    fmt::format("not a known column name; the header line has password and some of "
                                "{}, separated by commas (a password that looks like a header "
                                "can stand on any other line)",
                                fmt::join(kColumnNames.begin() + 1, kColumnNames.end(), ",")));
            return false;
        }
        if (std::ranges::count(header_, *column) > 0) {
            problem(std::string(name(*column)), "this column stands twice in the header line");
            return false;
        }
        header_.push_back(*column);
        return true;
    }

    void read_records() {
        while (!reader_.at_end()) {
            auto bad = reader_.next(record_);
            if (!bad && record_.blank()) continue;
            if (!bad && record_.field_count() != header_.size())
                bad = fmt::format(
                    "{} where the header has {}",
                    record_.field_count() == 1 ? "1 field" : fmt::format("{} fields", record_.field_count()),
                    header_.size());
            if (!bad && found_.size() >= kMaxPasswordLines) {
                problem("", fmt::format("more than {} passwords", kMaxPasswordLines));
                return;
            }
            if (bad)
                problem("", *bad);
            else
                read_record();
        }
    }

    void read_record() {
        PasswordLine row;
        row.line = reader_.record_line();
        std::optional<vault::StoredSize> size;
        const auto before = problems_.total;
        for (std::size_t i = 0; i < header_.size(); ++i) {
            const auto read =
                record_.expose(i, [&](std::string_view text) { return read_field(row, size, header_[i], text); });
            if (!read) problem(std::string(name(header_[i])), read.error().detail);
        }
        if (problems_.total > before) return;
        if (size == vault::StoredSize::k16 && row.password.size == vault::StoredSize::k20)
            problem("size", "is 16, but the password is longer");
        else if (row.used_from && row.used_until && *row.used_until < *row.used_from)
            problem("until", "is before from");
        else if (label_is_password(row))
            problem("label", "is the password itself, which a label would show to everyone");
        else
            keep(std::move(row), size);
    }

    static Result<void> read_field(PasswordLine& row, std::optional<vault::StoredSize>& size, Column column,
                                   std::string_view text) {
        const auto into = [](auto& target, auto parsed) -> Result<void> {
            if (!parsed) return std::unexpected(std::move(parsed.error()));
            target = std::move(*parsed);
            return {};
        };
        switch (column) {
            case Column::kPassword:
                return into(row.password, parse_password(text));
            case Column::kFrom:
                return into(row.used_from, parse_day(text));
            case Column::kUntil:
                return into(row.used_until, parse_day(text));
            case Column::kLabel:
                return into(row.label, parse_label(text));
            case Column::kSize:
                return into(size, parse_size(text));
            case Column::kCount:
                break;
        }
        return {};
    }

    static bool label_is_password(const PasswordLine& row) {
        if (row.label.empty() || row.label.size() > kKeySize) return false;
        Key20 label;
        label.expose_mutable([&](auto bytes) { std::ranges::copy(row.label, bytes.begin()); });
        return label.equals(row.password.bytes);
    }

    void keep(PasswordLine row, std::optional<vault::StoredSize> size) {
        row.password.size = size.value_or(row.password.size);
        found_.push_back(std::move(row));
    }

    void problem(std::string column, std::string text) {
        problems_.add({reader_.record_line(), std::move(column), std::move(text)});
    }

    CsvReader reader_;
    CsvRecord record_;
    std::vector<Column> header_;
    std::vector<PasswordLine>& found_;
    LineProblems& problems_;
};

}  // namespace

std::expected<std::vector<PasswordLine>, LineProblems> parse_password_list(std::string_view text) {
    std::vector<PasswordLine> found;
    LineProblems problems;
    if (text.size() > kMaxPasswordListSize) {
        problems.add({1, "", fmt::format("the file is larger than {} MiB", kMaxPasswordListSize >> 20)});
        return std::unexpected(std::move(problems));
    }
    if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
    if (looks_like_header(first_line(text)))
        CsvParser(text, found, problems).run();
    else
        LineParser(text, found, problems).run();
    if (found.empty() && problems.total == 0) problems.add({1, "", "no password stands in the file"});
    if (problems.total > 0) return std::unexpected(std::move(problems));
    return found;
}

}  // namespace bmcvault::cli
