// One run of the engine over a selection: from the options to the exit code.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cli/commands.hpp"
#include "rotate/engine/campaign.hpp"

namespace bmcvault::cli {

// Clients that an earlier run has left waiting are told first. Who waits still is said.
[[nodiscard]] Outcome<void> tell_owed(const Context& context, rotate::Environment& environment,
                                      const rotate::RunOptions& options);

// Nobody waits who was to be told by the policy's hooks.
[[nodiscard]] Outcome<bool> nobody_waits(const Context& context, const vault::Store& store);

struct FleetRun {
    using Run = Result<rotate::RunSummary> (*)(rotate::Environment&, std::span<const vault::Bmc>,
                                               const rotate::RunOptions&, rotate::Observer&);
    std::string command;
    const Selection& selection;
    rotate::RunOptions options;
    Run run;
    std::optional<ElsewhereOptions> elsewhere{};
    std::string again{};  // options without which the next command would do something else: "--k-g"
};

// What every fleet command takes from the command line.
[[nodiscard]] rotate::RunOptions common_options(const Context& context, const Selection& selection);
// An empty selection is a mistake that is told before the passphrase is asked for.
[[nodiscard]] std::optional<Failure> nothing_selected(const std::string& command, const Selection& selection);
[[nodiscard]] Exit run_over(const Context& context, std::unique_ptr<vault::Store> store, FleetRun fleet);
// Of these BMCs, whatever the selection says.
[[nodiscard]] Exit run_chosen(const Context& context, std::unique_ptr<vault::Store> store,
                              const std::vector<vault::Bmc>& chosen, FleetRun fleet);
[[nodiscard]] Exit run_fleet(const Context& context, FleetRun fleet);

}  // namespace bmcvault::cli
