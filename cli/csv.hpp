// CSV as records of fields (RFC 4180), knowing no columns. Pure. Any field may be a password: they are unquoted into
// one wiped buffer, and no message repeats one.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/secret_text.hpp"

namespace bmcvault::cli {

inline constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

class CsvRecord {
public:
    void clear() {
        text_.shrink_to(0);
        ends_.clear();
    }
    void put(char c) { text_.append({&c, 1}); }
    void end_field() { ends_.push_back(text_.size()); }
    [[nodiscard]] std::size_t field_count() const { return ends_.size(); }
    [[nodiscard]] std::size_t open_field_size() const { return text_.size() - (ends_.empty() ? 0 : ends_.back()); }
    [[nodiscard]] bool blank() const { return ends_.size() == 1 && ends_[0] == 0; }

    template <class Reader>
    decltype(auto) expose(std::size_t i, Reader&& reader) const {
        const std::size_t begin = i == 0 ? 0 : ends_[i - 1];
        return text_.expose([&](std::string_view all) { return reader(all.substr(begin, ends_[i] - begin)); });
    }

private:
    SecretText text_;
    std::vector<std::size_t> ends_;
};

// Cuts the text, which outlives it, into records; knows quotes and line ends.
class CsvReader {
public:
    explicit CsvReader(std::string_view text) : rest_(text) {
        if (rest_.starts_with(kByteOrderMark)) rest_.remove_prefix(kByteOrderMark.size());
    }
    [[nodiscard]] bool at_end() const { return rest_.empty(); }
    [[nodiscard]] std::size_t record_line() const { return record_line_; }

    // The reason when the record is malformed; the reader then stands behind its line.
    [[nodiscard]] std::optional<std::string> next(CsvRecord& record);

private:
    [[nodiscard]] std::optional<std::string> plain_field(CsvRecord& record);
    [[nodiscard]] std::optional<std::string> quoted_field(CsvRecord& record);
    [[nodiscard]] std::optional<std::string> take(CsvRecord& record);
    [[nodiscard]] bool at_line_end() const { return rest_[0] == '\n' || rest_.starts_with("\r\n"); }
    void skip_line();

    std::string_view rest_;
    std::size_t line_ = 1;
    std::size_t record_line_ = 1;
};

// One line of fields, quoted where RFC 4180 asks for it.
[[nodiscard]] std::string csv_line(const std::vector<std::string_view>& fields);

}  // namespace bmcvault::cli
