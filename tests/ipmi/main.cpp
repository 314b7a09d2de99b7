// main() of every test program of ipmi: the arena of secrets comes first.
#include <freeipmi/freeipmi.h>
#include <gtest/gtest.h>

#include "vault/base/check.hpp"
#include "vault/base/secret.hpp"

int main(int argc, char** argv) {
    BMCVAULT_CHECK(bmcvault::secret_arena::initialize().has_value());
    BMCVAULT_CHECK(ipmi_rmcpplus_init() == 0);  // only the tests ask libfreeipmi to compute anything
    testing::InitGoogleTest(&argc, argv);
    return RUN_ALL_TESTS();
}
