// A program of the site, called by hooks: told something as JSON on its standard input, and a secret by file descriptor
// 3 only. Not in its arguments, not in its environment.
#pragma once

#include <chrono>
#include <string>

#include "cli/masking.hpp"
#include "cli/secret_text.hpp"
#include "vault/base/error.hpp"

namespace bmcvault::cli {

struct HookCall {
    std::string program;  // absolute path
    std::string input;    // less than 64 KiB
    SecretText secret;    // less than 64 KiB; empty: descriptor 3 is closed
    std::chrono::seconds timeout{60};
};

// Waits for its end; any thread. kIo, with words for people: it could not be started, it took too long (then it and its
// process group were ended), or its exit code was not 0. Of what it printed the last line is in them, without `forms`.
[[nodiscard]] Result<void> call_hook(const HookCall& call, const MaskedForms& forms);

}  // namespace bmcvault::cli
