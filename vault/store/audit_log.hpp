// The one reader of the audit log: its older records stand in packs, the newest, and those that other rows speak of, in
// rows of table audit. Internal to vault/store.
#pragma once

#include <optional>
#include <vector>

#include "vault/core/audit_chain.hpp"
#include "vault/store/sqlite.hpp"
#include "vault/store/store.hpp"

namespace bmcvault::vault {

struct LoggedRecord {
    AuditRecord record;
    std::optional<AuditEntry::State> state{};
};

// At most `limit` records after this one, in order. kDamaged: a pack does not verify.
[[nodiscard]] Result<std::vector<AuditRecord>> read_audit_log(Database&, std::uint64_t after, std::size_t limit);
// nullopt: there is no such record. Of tables of any version.
[[nodiscard]] Result<std::optional<LoggedRecord>> find_audit_record(Database&, std::uint64_t sequence);
// Every record and its hash; names the first that does not verify. Of tables of any version.
[[nodiscard]] Result<void> verify_audit_log(Database&);

// Full packs of all records but the newest, until so many were made; their rows go. In the open transaction.
[[nodiscard]] Result<void> pack_audit_log(Database&, std::size_t most_packs);

}  // namespace bmcvault::vault
