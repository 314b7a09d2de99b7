// bmcvault: see docs/cli.md.

#include "cli/run.hpp"

int main(int argc, char** argv) {
    return bmcvault::cli::run(argc, argv);
}
