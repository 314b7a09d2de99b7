// recover --rescue-script and --via: a BMC whose credential nobody knows gets a fresh one from its own server.
#pragma once

#include "cli/commands.hpp"
#include "rotate/engine/rescue.hpp"

namespace bmcvault::cli {

// ssh://[user@]host[:port], taken apart; the words of ssh's command line.
struct SshTarget {
    std::string destination;  // user@host: letters, digits and "._-:" only, never an option
    std::string port;         // empty: ssh's own default
};
[[nodiscard]] Result<SshTarget> parse_ssh_target(std::string_view text);

// The one BMC that was named. Prints the script (--rescue-script), or runs it by ssh (--via); what ssh said is told and
// proves nothing either way: the caller asks the BMC.
[[nodiscard]] Exit rescue(const Context& context, vault::Store& store, const RecoverCommand& command,
                          const rotate::RunOptions& options);

}  // namespace bmcvault::cli
