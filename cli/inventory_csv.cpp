#include "cli/inventory_csv.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "cli/csv.hpp"
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

// What people write for it in other tools' lists.
constexpr std::array<std::pair<std::string_view, Column>, 11> kOtherNames{{{"user", Column::kUserName},
                                                                           {"login", Column::kUserName},
                                                                           {"user_name", Column::kUserName},
                                                                           {"host", Column::kName},
                                                                           {"hostname", Column::kName},
                                                                           {"ip", Column::kAddress},
                                                                           {"ip_address", Column::kAddress},
                                                                           {"pass", Column::kPassword},
                                                                           {"pw", Column::kPassword},
                                                                           {"kg", Column::kKg},
                                                                           {"bmc_key", Column::kKg}}};

// Only names of columns come out of this: what stands there may be a password.
std::string_view likely_name(std::string_view lower) {
    const auto other = std::ranges::find(kOtherNames, lower, &std::pair<std::string_view, Column>::first);
    if (other != kOtherNames.end()) return kColumnNames[static_cast<std::size_t>(other->second)];
    const auto near = nearest(lower, {kColumnNames.begin(), kColumnNames.end()});
    const auto known = std::ranges::find(kColumnNames, near);
    return known == kColumnNames.end() ? std::string_view() : *known;
}

class Parser {
public:
    explicit Parser(std::string_view text) : reader_(text), size_(text.size()) {}

    std::expected<std::vector<InventoryRow>, LineProblems> run() && {
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
                problem(reader_.record_line(), "", fmt::format("{}; is this a CSV file?", *bad));
                return false;
            }
            if (!record_.blank()) break;
        }
        const std::size_t line = reader_.record_line();
        if (record_.field_count() == 0 || record_.blank()) {
            problem(line, "", "the file is empty");
            return false;
        }
        header_.assign(record_.field_count(), std::nullopt);
        for (std::size_t i = 0; i < record_.field_count(); ++i) read_column_name(line, i);
        judge_unknown_names(line);
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
        std::string_view likely;
        const auto known = record_.expose(i, [&](std::string_view text) -> std::optional<Column> {
            if (text.size() > 32) return std::nullopt;
            std::string lower(text);
            std::ranges::transform(lower, lower.begin(),
                                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
            const auto found = std::ranges::find(kColumnNames, lower);
            if (found != kColumnNames.end()) return static_cast<Column>(found - kColumnNames.begin());
            likely = likely_name(lower);
            return std::nullopt;
        });
        if (!known) {
            unknown_.push_back({line, fmt::format("{}", i + 1),
                                likely.empty() ? "not a known column name (not repeated: it may be a password)"
                                               : fmt::format("not a known column name; did you mean {}?", likely)});
        } else if (std::ranges::count(header_, *known) > 0) {
            problem(line, std::string(name(*known)), "this column stands twice in the header line");
        } else {
            header_[i] = known;
        }
    }

    // A file without any known name has no header; one with some has mistakes in it.
    void judge_unknown_names(std::size_t line) {
        if (unknown_.empty()) return;
        const auto names = fmt::format("{}", fmt::join(kColumnNames, ","));
        if (unknown_.size() < header_.size()) {
            for (auto& each : unknown_) problems_.add(std::move(each));
            problem(line, "", fmt::format("the known columns are {}", names));
            return;
        }
        const bool semicolons = header_.size() == 1 &&
                                record_.expose(0, [](std::string_view text) { return text.find(';') < text.size(); });
        problem(line, "",
                fmt::format("{}: the first line must name the columns, separated by commas: {}",
                            semicolons ? "semicolons instead of commas" : "this is no header line", names));
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
        problems_.add({line, std::move(column), std::move(text)});
    }

    CsvReader reader_;
    std::size_t size_;
    CsvRecord record_;
    std::vector<std::optional<Column>> header_;
    std::vector<LineProblem> unknown_;  // names in the header
    std::vector<InventoryRow> rows_;
    std::map<std::string, std::size_t> names_;
    std::map<std::string, std::size_t> places_;
    LineProblems problems_;
};

}  // namespace

std::expected<std::vector<InventoryRow>, LineProblems> parse_inventory(std::string_view text) {
    return Parser(text).run();
}

LineProblems clashes(const std::vector<InventoryRow>& rows, const std::vector<vault::Bmc>& fleet) {
    std::map<std::string_view, const vault::Bmc*> names;
    std::map<std::string, const vault::Bmc*> places;
    for (const auto& bmc : fleet) {
        names.emplace(bmc.name, &bmc);
        places.emplace(host_and_port(bmc.address, bmc.port), &bmc);
    }
    LineProblems problems;
    for (const auto& row : rows) {
        if (names.contains(row.name)) {
            problems.add(
                {row.line, "name",
                 fmt::format("'{}' is in the vault already (to change it: bmcvault bmc set {})", row.name, row.name)});
        } else if (const auto found = places.find(host_and_port(row.address, row.port)); found != places.end()) {
            problems.add({row.line, "address",
                          fmt::format("is the address of '{}', which is in the vault", found->second->name)});
        }
    }
    return problems;
}

}  // namespace bmcvault::cli
