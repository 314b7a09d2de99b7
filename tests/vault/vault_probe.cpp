// Makes a vault at the given path and writes to it: the program that the preload test runs.
#include <dlfcn.h>

#include <cstdio>
#include <exception>

#include "tests/vault/test_vault.hpp"

int main(int argc, char** argv) {
    using namespace bmcvault;
    using namespace bmcvault::vault;
    if (argc != 2 || !secret_arena::initialize()) return 2;
    // The plain library is really there; otherwise this would prove nothing.
    if (dlsym(RTLD_DEFAULT, "sqlite3_open_v2") == nullptr) return 3;
    try {
        test::must(Store::create(argv[1], test::passphrase(), test::options()));
        const auto store = test::must(Store::open(argv[1], test::passphrase()));
        auto bmc = test::make_bmc(1);
        bmc.name = "probe-name";
        test::must(store->transact("probe", test::kNow, [&](Transaction& t) { return t.add_bmc(bmc); }));
        return test::must(store->bmc("probe-name")).id == bmc.id ? 0 : 4;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "probe: %s\n", error.what());
        return 1;
    }
}
