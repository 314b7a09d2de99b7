// The root of the state: table state, which the triggers of the schema keep, against the audit log and against the rows
// themselves. Internal to vault/store.
#pragma once

#include <span>
#include <string_view>
#include <utility>

#include "vault/store/sqlite.hpp"

namespace bmcvault::vault {

// Each table whose rows are the state, and what selects all its columns: every one but those of the log.
using RowsOfState = std::pair<std::string_view, std::string_view>;
[[nodiscard]] std::span<const RowsOfState> rows_of_state();
// As the triggers have left it.
[[nodiscard]] Result<Digest> read_state_root(Database&);
// Where the triggers could not: in tables of an older version, and under other keys.
[[nodiscard]] Result<void> sum_rows_anew(Database&);
// kDamaged: why a root that is not the one of the rows is refused.
[[nodiscard]] std::unexpected<Error> older_pages();
// The last audit record speaks of this very root; two rows are read. kDamaged: one of them is an older one.
[[nodiscard]] Result<void> check_state(Database&);
// And all rows together give it. kDamaged: some row is not the one that was written last.
[[nodiscard]] Result<void> verify_state(Database&);

}  // namespace bmcvault::vault
