// Another program, run to its end with its output masked: what exec starts.
#pragma once

#include <string>
#include <vector>

#include "cli/context.hpp"
#include "cli/masking.hpp"

namespace bmcvault::cli {

// Ours, without the directory where systemd has put the passphrase; ends with a null. For posix_spawn.
[[nodiscard]] std::vector<char*> environment_of_child();

// The exit code as a shell has it: 127 could not be started, 128 + signal. `input` is its standard input; empty: it
// gets ours. With an input it has no terminal, so that what it asks for comes from there. The first of SIGINT, SIGTERM,
// SIGHUP asks it to end, the next one ends it.
[[nodiscard]] int run_masked(const Context& context, const std::vector<std::string>& words, const SecretText& input,
                             const MaskedForms& forms);

}  // namespace bmcvault::cli
