#include "cli/inventory_csv.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "cli/secret_text.hpp"
#include "cli/text.hpp"

namespace bmcvault::cli {
namespace {

enum class Column : std::uint8_t {
    kName,
    kAddress,
    kPort,
    kUserName,
    kPassword,
    kKg,
    kUserId,
    kChannel,
    kGroup,
    kTags,
    kFactoryPassword,
    kCount
};
constexpr auto kColumns = static_cast<std::size_t>(Column::kCount);
constexpr std::array<std::string_view, kColumns> kColumnNames{
    "name",    "address", "port",  "username", "password",        "k_g",
    "user_id", "channel", "group", "tags",     "factory_password"};
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr std::size_t kMaxField = 4096;

// One record: fields unquoted into one wiped buffer, because any of them may be a password.
class Record {
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

// Cuts the text into records; knows quotes and line ends, not columns.
class RecordReader {
public:
    explicit RecordReader(std::string_view text) : rest_(text) {
        if (rest_.starts_with(kByteOrderMark)) rest_.remove_prefix(kByteOrderMark.size());
    }
    [[nodiscard]] bool at_end() const { return rest_.empty(); }
    [[nodiscard]] std::size_t record_line() const { return record_line_; }

    // The reason when the record is malformed; the reader then stands behind its line.
    [[nodiscard]] std::optional<std::string> next(Record& record) {
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

private:
    std::optional<std::string> plain_field(Record& record) {
        while (!rest_.empty() && !at_line_end() && rest_[0] != ',') {
            if (rest_[0] == '"')
                return fmt::format("field {}: a quote inside a field that is not quoted", field(record));
            if (auto problem = take(record)) return problem;
        }
        return std::nullopt;
    }
    std::optional<std::string> quoted_field(Record& record) {
        rest_.remove_prefix(1);
        while (true) {
            if (rest_.empty()) return fmt::format("field {}: the closing quote is missing", field(record));
            if (rest_.starts_with("\"\"")) {
                rest_.remove_prefix(1);
            } else if (rest_[0] == '"') {
                break;
            }
            if (auto problem = take(record)) return problem;
        }
        rest_.remove_prefix(1);
        if (rest_.empty() || at_line_end() || rest_[0] == ',') return std::nullopt;
        return fmt::format("field {}: text after the closing quote", field(record));
    }
    std::optional<std::string> take(Record& record) {
        const char c = rest_[0];
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
            return fmt::format("field {}: control character 0x{:02x}", field(record), static_cast<unsigned char>(c));
        }
        if (record.open_field_size() >= kMaxField) return fmt::format("field {}: too long", field(record));
        record.put(c);
        rest_.remove_prefix(1);
        return std::nullopt;
    }
    [[nodiscard]] static std::size_t field(const Record& record) { return record.field_count() + 1; }
    [[nodiscard]] bool at_line_end() const { return rest_[0] == '\n' || rest_.starts_with("\r\n"); }
    void skip_line() {
        const std::size_t end = rest_.find('\n');
        rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
        ++line_;
    }

    std::string_view rest_;
    std::size_t line_ = 1;
    std::size_t record_line_ = 1;
};

class Parser {
public:
    explicit Parser(std::string_view text) : reader_(text), size_(text.size()) {}

    std::expected<std::vector<InventoryRow>, InventoryProblems> run() && {
        if (size_ > kMaxInventorySize) {
            problem(1, "", fmt::format("the file is larger than {} MiB", kMaxInventorySize >> 20));
        } else if (read_header()) {
            read_rows();
        }
        if (problems_.total > 0) return std::unexpected(std::move(problems_));
        return std::move(rows_);
    }

private:
    bool read_header() {
        while (!reader_.at_end()) {
            if (auto bad = reader_.next(record_)) {
                problem(reader_.record_line(), "", *bad);
                return false;
            }
            if (!record_.blank()) break;
        }
        header_.assign(record_.field_count(), std::nullopt);
        const std::size_t line = reader_.record_line();
        for (std::size_t i = 0; i < record_.field_count(); ++i) read_column_name(line, i);
        for (const Column needed : {Column::kName, Column::kAddress, Column::kUserName}) {
            if (problems_.total > 0) break;  // the first reason is the useful one
            if (std::ranges::count(header_, needed) == 0) {
                problem(line, std::string(name(needed)),
                        fmt::format("this column is missing from the header line (known columns: {})",
                                    fmt::join(kColumnNames, ",")));
            }
        }
        return problems_.total == 0;
    }

    void read_column_name(std::size_t line, std::size_t i) {
        const auto known = record_.expose(i, [](std::string_view text) -> std::optional<Column> {
            std::string lower(text.substr(0, 32));
            std::ranges::transform(lower, lower.begin(),
                                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
            const auto found = std::ranges::find(kColumnNames, lower);
            if (text.size() > 32 || found == kColumnNames.end()) return std::nullopt;
            return static_cast<Column>(found - kColumnNames.begin());
        });
        if (!known) {
            problem(line, fmt::format("{}", i + 1),
                    fmt::format("not a known column name; the first line must be a header of {}, separated by commas",
                                fmt::join(kColumnNames, ",")));
        } else if (std::ranges::count(header_, *known) > 0) {
            problem(line, std::string(name(*known)), "this column stands twice in the header line");
        } else {
            header_[i] = *known;
        }
    }

    void read_rows() {
        while (!reader_.at_end()) {
            auto bad = reader_.next(record_);
            if (!bad && record_.blank()) continue;
            if (!bad && record_.field_count() != header_.size()) {
                bad =
                    fmt::format("{} where the header has {}", counted(record_.field_count(), "field"), header_.size());
            }
            if (bad) {
                problem(reader_.record_line(), "", *bad);
            } else if (rows_.size() >= kMaxInventoryRows) {
                problem(reader_.record_line(), "", fmt::format("more than {} BMCs", kMaxInventoryRows));
                return;
            } else {
                read_row();
            }
        }
        if (rows_.empty() && problems_.total == 0) problem(reader_.record_line(), "", "no BMC stands below the header");
    }

    void read_row() {
        InventoryRow row;
        row.line = reader_.record_line();
        bool good = true;
        std::optional<std::uint16_t> port_of_address;
        for (std::size_t i = 0; i < header_.size(); ++i) {
            const Column column = header_[i].value();
            const auto read = record_.expose(
                i, [&](std::string_view text) { return read_field(row, column, text, port_of_address); });
            if (read) continue;
            problem(row.line, std::string(name(column)), read.error().detail);
            good = false;
        }
        if (port_of_address && row.port != 623 && row.port != *port_of_address) {
            problem(row.line, "port", "differs from the port in the address column");
            good = false;
        }
        row.port = port_of_address.value_or(row.port);
        if (good && unique(row)) rows_.push_back(std::move(row));
    }

    static Result<void> read_field(InventoryRow& row, Column column, std::string_view text,
                                   std::optional<std::uint16_t>& port_of_address) {
        const auto into = [](auto& target, auto parsed) -> Result<void> {
            if (!parsed) return std::unexpected(std::move(parsed.error()));
            target = std::move(*parsed);
            return {};
        };
        const bool needed = column == Column::kName || column == Column::kAddress || column == Column::kUserName;
        if (text.empty() && !needed) return {};
        switch (column) {
            case Column::kName:
                return into(row.name, parse_word(text));
            case Column::kAddress: {
                auto endpoint = parse_endpoint(text);
                if (!endpoint) return std::unexpected(std::move(endpoint.error()));
                row.address = std::move(endpoint->address);
                port_of_address = endpoint->port;
                return {};
            }
            case Column::kPort:
                return into(row.port, parse_port(text));
            case Column::kUserName:
                return into(row.user_name, parse_user_name(text));
            case Column::kPassword:
                return into(row.password, parse_password(text));
            case Column::kKg:
                return into(row.k_g, parse_k_g(text));
            case Column::kUserId:
                return into(row.user_id, parse_user_id(text));
            case Column::kChannel:
                return into(row.channel, parse_channel(text));
            case Column::kGroup:
                return into(row.group, parse_word(text));
            case Column::kTags:
                return into(row.tags, parse_tags(text));
            case Column::kFactoryPassword:
                return into(row.factory_password, parse_password(text));
            case Column::kCount:
                break;
        }
        return {};
    }

    bool unique(const InventoryRow& row) {
        const auto [same_name, new_name] = names_.emplace(row.name, row.line);
        if (!new_name) {
            problem(row.line, "name", fmt::format("'{}' stands on line {} too", row.name, same_name->second));
        }
        const auto [same_place, new_place] = places_.emplace(host_and_port(row.address, row.port), row.line);
        if (!new_place) {
            problem(row.line, "address", fmt::format("the same address and port as on line {}", same_place->second));
        }
        return new_name && new_place;
    }

    static std::string_view name(Column column) { return kColumnNames[static_cast<std::size_t>(column)]; }

    void problem(std::size_t line, std::string column, std::string text) {
        ++problems_.total;
        if (problems_.listed.size() < kMaxProblems)
            problems_.listed.push_back({line, std::move(column), std::move(text)});
    }

    RecordReader reader_;
    std::size_t size_;
    Record record_;
    std::vector<std::optional<Column>> header_;
    std::vector<InventoryRow> rows_;
    std::map<std::string, std::size_t> names_;
    std::map<std::string, std::size_t> places_;
    InventoryProblems problems_;
};

}  // namespace

std::expected<std::vector<InventoryRow>, InventoryProblems> parse_inventory(std::string_view text) {
    return Parser(text).run();
}

std::vector<InventoryProblem> clashes(const std::vector<InventoryRow>& rows, const std::vector<vault::Bmc>& fleet) {
    std::map<std::string_view, const vault::Bmc*> names;
    std::map<std::string, const vault::Bmc*> places;
    for (const auto& bmc : fleet) {
        names.emplace(bmc.name, &bmc);
        places.emplace(host_and_port(bmc.address, bmc.port), &bmc);
    }
    std::vector<InventoryProblem> problems;
    for (const auto& row : rows) {
        if (names.contains(row.name)) {
            problems.push_back({row.line, "name", fmt::format("'{}' is in the vault already", row.name)});
        } else if (const auto found = places.find(host_and_port(row.address, row.port)); found != places.end()) {
            problems.push_back({row.line, "address",
                                fmt::format("is the address of '{}', which is in the vault", found->second->name)});
        }
    }
    return problems;
}

std::string describe(const InventoryProblem& problem) {
    return problem.column.empty() ? fmt::format("line {}: {}", problem.line, problem.text)
                                  : fmt::format("line {}, column {}: {}", problem.line, problem.column, problem.text);
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
