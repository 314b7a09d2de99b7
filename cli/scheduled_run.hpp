// What the policy says to a rotation, and what a scheduled run (--due) asks before it begins.
#pragma once

#include "cli/context.hpp"
#include "rotate/engine/campaign.hpp"

namespace bmcvault::cli {

// Sets what the policy decides: where a K_G is wanted, how many BMCs at once.
[[nodiscard]] Outcome<void> follow_policy(const Context& context, vault::Store& store, rotate::RunOptions& options);

// For --due: sets the windows, and of which BMC only the monitoring account is due; says who is excepted. Attention
// (exit code 6) when the clock of this host is behind the last record of the vault: ages can't be told then, and
// nothing may begin. False: nothing is due.
[[nodiscard]] Outcome<bool> keep_to_schedule(const Context& context, std::string_view command, vault::Store& store,
                                             rotate::RunOptions& options);

// A command that the policy wants a --reason or a --ticket for, without it: usage error.
[[nodiscard]] Outcome<void> reason_is_given(const Context& context, std::string_view command);

}  // namespace bmcvault::cli
