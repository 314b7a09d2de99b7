// Account tables in the vault: the one that was last seen, and the one that a person accepted. Facts of one BMC, as
// JSON, without secrets.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "rotate/core/accounts.hpp"
#include "vault/store/store.hpp"

namespace bmcvault::rotate {

struct AccountRecords {
    std::optional<AccountTable> seen;
    std::optional<AccountTable> accepted;
};
// kDamaged: what the vault holds is no table.
[[nodiscard]] Result<AccountRecords> read_account_records(const vault::Store& store, const vault::Bmc& bmc);
[[nodiscard]] Result<void> record_seen(vault::Transaction& transaction, const vault::Bmc& bmc,
                                       const AccountTable& table);
[[nodiscard]] Result<void> record_accepted(vault::Transaction& transaction, const vault::Bmc& bmc,
                                           const AccountTable& table);

[[nodiscard]] std::string to_json_text(const AccountTable& table);
[[nodiscard]] Result<AccountTable> account_table_from(std::string_view json_text);

}  // namespace bmcvault::rotate
