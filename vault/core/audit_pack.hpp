// Many audit records as columns, one after the other, so that a compressor sees what they have in common. There is one
// spelling of each list of records. (docs/vault-format.md, "Audit pack") Pure.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "vault/base/bytes.hpp"
#include "vault/base/error.hpp"
#include "vault/core/audit_chain.hpp"

namespace bmcvault::vault {

inline constexpr std::size_t kMostPackedRecords = 1000;
// A pack takes no further record once its columns are this long, and no record is longer than kMaxAuditBody and a bit.
inline constexpr std::size_t kFullAuditColumns = 256ULL << 10U;
inline constexpr std::size_t kMaxAuditBody = 1ULL << 20U;
inline constexpr std::size_t kMaxAuditColumns = 2ULL << 20U;

struct AuditColumns {
    Bytes columns;
    Bytes roots;  // of the records that have one, as they are: nothing makes them shorter
};

// 1 to kMostPackedRecords entries. Neither their numbers nor their hashes are in it.
[[nodiscard]] AuditColumns lay_out_audit(std::span<const AuditEntry> entries);
// The entries view `columns`; the first has the number `first`. kDamaged: not what lay_out_audit writes.
[[nodiscard]] Result<std::vector<AuditEntry>> read_audit_columns(std::uint64_t first, ByteView columns, ByteView roots);
// What one more entry adds to the columns.
[[nodiscard]] std::size_t size_in_columns(const AuditEntry&);

}  // namespace bmcvault::vault
