// What has to be rotated, by the policy and by what the vault knows.
#pragma once

#include <vector>

#include "cli/context.hpp"
#include "cli/policy.hpp"

namespace bmcvault::cli {

// The policy of --policy, else of $BMCVAULT_POLICY, else of /etc/bmcvault/policy.toml; without one the default rules.
// Usage error: unreadable, or with mistakes, each with its line and column.
[[nodiscard]] Outcome<Policy> read_policy(const Context& context);

[[nodiscard]] Outcome<Policy> read_policy_file(const std::string& file);

// Made by bmcvault, at random: its age is known.
[[nodiscard]] bool is_drawn(const vault::CredentialVersion& version);

struct DueEntry {
    vault::Bmc bmc;
    std::vector<rotate::Due> due;    // strongest reason first; empty: not due
    std::optional<UnixTime> due_at;  // when its age makes it due; nullopt: its age is not known
    bool soon = false;               // within the warning time
    bool held = false;               // excepted for now
    bool expired_hold = false;       // its exception has ended, and nobody has taken it away
};

// Due, and nobody has excepted it.
[[nodiscard]] bool is_to_do(const DueEntry& entry);
// Of the whole inventory, in its order.
[[nodiscard]] Outcome<std::vector<DueEntry>> due_entries(vault::Store& store, const Policy& policy, UnixTime at);

}  // namespace bmcvault::cli
