// What the policy says to a rotation, and what a scheduled one (rotate --due) asks before it begins.
#pragma once

#include "cli/context.hpp"
#include "rotate/engine/campaign.hpp"

namespace bmcvault::cli {

// Sets what the policy decides: where a K_G is wanted, how many BMCs at once. With --due also: the windows, and who is
// excepted, which is said. Attention (exit code 6) when the clock of this host is behind the last record of the vault:
// ages can't be told then, and nothing may begin. False: --due alone was asked for, and nothing is due.
[[nodiscard]] Outcome<bool> follow_policy(const Context& context, vault::Store& store, const Selection& selection,
                                          rotate::RunOptions& options);

// A command that the policy wants a --reason or a --ticket for, without it: usage error.
[[nodiscard]] Outcome<void> reason_is_given(const Context& context, std::string_view command);

}  // namespace bmcvault::cli
