// The program as a function: the exit code is returned, standard streams and the engine's step hook are given. Tests
// and crash-injection programs call it as main() does.
#pragma once

#include <cstdio>

#include "rotate/engine/campaign.hpp"

namespace bmcvault::cli {

struct Streams {
    int in = 0;
    std::FILE* out = stdout;
    std::FILE* err = stderr;
};

struct Hooks {
    rotate::StepHook step;  // called by the engine at every step boundary
};

[[nodiscard]] int run(int argc, const char* const* argv, const Streams& streams = {}, const Hooks& hooks = {});

}  // namespace bmcvault::cli
