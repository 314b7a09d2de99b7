// Where nobody who can write the vault can write: what its log ended with after each run, and the vault against that.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/context.hpp"

namespace bmcvault::cli {

// After a run that wrote: a signed checkpoint, as one line to the system log and to the policy's program. What fails is
// a warning, and of the program an audit record; the run stays what it was.
void keep_checkpoint(const Context& context, vault::Store& store);

// Where it goes from here: the system log, where this host has one, and the policy's program.
[[nodiscard]] Outcome<std::vector<std::string>> places_of_checkpoints(const Context& context);

// A vault that has every checkpoint in the file.
struct KeptCheckpoints {
    std::string file;
    std::size_t of_this_vault = 0;
    std::size_t other_lines = 0;  // of another vault, or what nobody has signed
    std::uint64_t newest_record = 0;
    UnixTime newest_at;               // as the vault has it
    std::uint64_t records_since = 0;  // that came after the newest
};

// The checkpoints in the file (of this program, or of a system log) against the vault. Rolled back and forked are
// failures with the exit code of a damaged vault.
[[nodiscard]] Outcome<KeptCheckpoints> compare_with_kept(const vault::Store& store, const std::string& file);
[[nodiscard]] std::string text_of(const KeptCheckpoints& kept);

}  // namespace bmcvault::cli
