// What is said of a run that nobody watches when it has ended: an entry in the journal, and, where it needs a person, a
// call of the policy's attention program.
#pragma once

#include <string>

#include "cli/context.hpp"

namespace bmcvault::cli {

// Of the commands that are run by timers; others are asked for by somebody who is there. `failure`: what the command
// failed with, or empty.
void tell_of_run(const Context& context, const std::string& command, ExitCode exit, const std::string& failure);

}  // namespace bmcvault::cli
