// What is true after somebody left: what they could read, what of it is changed, what is not, and what no rotation can
// mend. Pure text; the same facts as text, JSON and HTML.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "vault/core/team.hpp"

namespace bmcvault::cli {

struct Statement {
    vault::Departure departure;
    std::string vault_id;          // hexadecimal
    std::uint64_t generation = 0;  // in force now
    UnixTime at;
    std::vector<vault::ExposedCredential> exposed;
    std::vector<std::string> backups;           // that their key opens
    std::map<BmcId, UnixTime> blocked_until{};  // by a minimum change interval of the BMC
};

// Not changed, and on a BMC that is still in the inventory.
[[nodiscard]] std::vector<vault::ExposedCredential> pending(const Statement& statement);
[[nodiscard]] std::string statement_text(const Statement& statement);
[[nodiscard]] std::string statement_json(const Statement& statement);  // one line, type "statement"
[[nodiscard]] std::string statement_html(const Statement& statement);

}  // namespace bmcvault::cli
