// The tables of one vault generation, and the triggers that keep their rules whoever writes.
#pragma once

#include <span>

#include "vault/base/error.hpp"
#include "vault/store/sqlite.hpp"

namespace bmcvault::vault {

inline constexpr int kSchemaVersion = 8;  // at most 255: one byte in table meta
inline constexpr unsigned kDefaultCompartment = 1;
inline constexpr unsigned kFirstEpoch = 1;

// Step N, counted from 0, makes schema version N+1 from version N; version 0 is an empty file. A new vault runs all of
// them, so old and new vaults have the same tables. A step only adds: programs of an older version, which may have
// the vault open, go on reading the tables they know (after step 8 a log with gaps), and, but for step 5, writing
// them.
[[nodiscard]] std::span<const char* const> schema_steps();
// The store has these tables, indexes and triggers, and no other ones: a trigger that somebody has added would act for
// everybody who writes. kDamaged otherwise. Of the version of this program.
[[nodiscard]] Result<void> check_schema(Database&);
// The steps after version `from`, in the open transaction of an unrestricted connection.
[[nodiscard]] Result<void> run_schema_steps(Database&, int from);

}  // namespace bmcvault::vault
