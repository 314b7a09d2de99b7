// The inventory as CSV (RFC 4180): a header line, columns in any order. Pure.
//
// Every bad line is named by number and column, then nothing is imported. Passwords go from the caller's secret
// memory straight into Key20; no message repeats a field, because a missing comma puts a password anywhere.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/fields.hpp"
#include "cli/line_problems.hpp"
#include "vault/core/model.hpp"

namespace bmcvault::cli {

inline constexpr std::size_t kMaxInventorySize = 64 << 20;
inline constexpr std::size_t kMaxInventoryRows = 100'000;

struct InventoryRow {
    std::size_t line = 0;  // where it began in the file, from 1
    std::string name;
    std::string address;
    std::uint16_t port = 623;
    std::string user_name;
    std::optional<PasswordField> password;
    std::optional<Key20> k_g;
    std::optional<std::uint8_t> user_id;
    std::uint8_t channel = 0x0e;
    std::string group;
    std::vector<std::string> tags;
    std::optional<PasswordField> factory_password;
};

[[nodiscard]] std::expected<std::vector<InventoryRow>, LineProblems> parse_inventory(std::string_view text);

// Rows whose name, or address and port, the vault already has.
[[nodiscard]] LineProblems clashes(const std::vector<InventoryRow>& rows, const std::vector<vault::Bmc>& fleet);

}  // namespace bmcvault::cli
