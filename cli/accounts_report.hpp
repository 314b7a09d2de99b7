// What a person or a script sees of the accounts of a BMC: the table of its user slots, and the findings.
#pragma once

#include <span>
#include <string>

#include "cli/text.hpp"
#include "rotate/core/accounts.hpp"

namespace bmcvault::cli {

// The slots that are not empty as an indented table, then how many are.
[[nodiscard]] std::string account_table(const rotate::AccountTable& accounts, const Style& style);
// One indented line each.
[[nodiscard]] std::string finding_lines(std::span<const rotate::Finding> findings, const Style& style);

// JSON lines of type "account" and "finding".
[[nodiscard]] std::string json_accounts(const std::string& bmc_name, const rotate::AccountTable& accounts);
[[nodiscard]] std::string json_findings(const std::string& bmc_name, std::span<const rotate::Finding> findings);

}  // namespace bmcvault::cli
