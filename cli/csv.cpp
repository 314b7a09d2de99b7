#include "cli/csv.hpp"

#include <fmt/format.h>

namespace bmcvault::cli {
namespace {

constexpr std::size_t kMaxField = 4096;

std::size_t number_of_open_field(const CsvRecord& record) {
    return record.field_count() + 1;
}

}  // namespace

std::optional<std::string> CsvReader::next(CsvRecord& record) {
    record.clear();
    record_line_ = line_;
    while (true) {
        if (auto problem = rest_.starts_with('"') ? quoted_field(record) : plain_field(record)) {
            skip_line();
            return problem;
        }
        record.end_field();
        if (rest_.starts_with(',')) {
            rest_.remove_prefix(1);
            continue;
        }
        skip_line();  // nothing but the line end is left of it
        return std::nullopt;
    }
}

std::optional<std::string> CsvReader::plain_field(CsvRecord& record) {
    while (!rest_.empty() && !at_line_end() && rest_[0] != ',') {
        if (rest_[0] == '"')
            return fmt::format("field {}: a quote inside a field that is not quoted", number_of_open_field(record));
        if (auto problem = take(record)) return problem;
    }
    return std::nullopt;
}

std::optional<std::string> CsvReader::quoted_field(CsvRecord& record) {
    rest_.remove_prefix(1);
    while (true) {
        if (rest_.empty()) return fmt::format("field {}: the closing quote is missing", number_of_open_field(record));
        if (rest_.starts_with("\"\"")) {
            rest_.remove_prefix(1);
        } else if (rest_[0] == '"') {
            break;
        }
        if (at_line_end()) {
            return fmt::format("field {}: a quote is opened, and not closed on this line",
                               number_of_open_field(record));
        }
        if (auto problem = take(record)) return problem;
    }
    rest_.remove_prefix(1);
    if (rest_.empty() || at_line_end() || rest_[0] == ',') return std::nullopt;
    return fmt::format("field {}: text after the closing quote", number_of_open_field(record));
}

std::optional<std::string> CsvReader::take(CsvRecord& record) {
    const char c = rest_[0];
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
        return fmt::format("field {}: control character 0x{:02x}", number_of_open_field(record),
                           static_cast<unsigned char>(c));
    }
    if (record.open_field_size() >= kMaxField) return fmt::format("field {}: too long", number_of_open_field(record));
    record.put(c);
    rest_.remove_prefix(1);
    return std::nullopt;
}

void CsvReader::skip_line() {
    const std::size_t end = rest_.find('\n');
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    ++line_;
}

std::string csv_line(const std::vector<std::string_view>& fields) {
    std::string line;
    for (std::size_t i = 0; i < fields.size(); ++i) {
        if (i > 0) line += ',';
        if (fields[i].find_first_of(",\"\r\n") == std::string_view::npos) {
            line += fields[i];
            continue;
        }
        line += '"';
        for (const char c : fields[i]) {
            if (c == '"') line += '"';
            line += c;
        }
        line += '"';
    }
    return line + '\n';
}

}  // namespace bmcvault::cli
