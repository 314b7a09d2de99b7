// One entry in the systemd journal for each run that nobody watches, with fields to search by. It holds no secret.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bmcvault::cli {

struct RunEntry {
    std::string command;
    int exit_code = 0;
    std::string text;  // for people; becomes one line
    std::size_t bmcs = 0;
    std::uint64_t failed_logins = 0;
    std::vector<std::pair<std::string, std::size_t>> outcomes;  // word of the outcome table, how many BMCs
};

// The entry as one datagram of the journal's own protocol, https://systemd.io/JOURNAL_NATIVE_PROTOCOL: "FIELD=value"
// lines; less than 8 KiB.
[[nodiscard]] std::string journal_entry(const RunEntry& entry);

// Standard error, or else standard output, is the journal, as $JOURNAL_STREAM ("device:inode") says of a unit's.
[[nodiscard]] bool is_in_journal(std::string_view journal_stream);

// What can't be written is left: the same text went to standard output.
void write_to_journal(const RunEntry& entry);

}  // namespace bmcvault::cli
