// Where nobody who can write the vault can write: what its log ended with after each run, and the vault against that.
#pragma once

#include <string>

#include "cli/context.hpp"

namespace bmcvault::cli {

// After a run that wrote: a signed checkpoint, as one line to the system log and to the policy's program. What fails is
// a warning, and of the program an audit record; the run stays what it was.
void keep_checkpoint(const Context& context, vault::Store& store);

// The last checkpoint in the file (of this program, or of a system log) against the vault. Rolled back and forked are
// failures with the exit code of a damaged vault. Otherwise: what to say.
[[nodiscard]] Outcome<std::string> compare_with_kept(const vault::Store& store, const std::string& file);

}  // namespace bmcvault::cli
