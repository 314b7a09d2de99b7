// main() of every test program of the vault: the arena of secrets comes first.
#include <gtest/gtest.h>

#include "vault/base/check.hpp"
#include "vault/base/secret.hpp"

int main(int argc, char** argv) {
    BMCVAULT_CHECK(bmcvault::secret_arena::initialize().has_value());
    testing::InitGoogleTest(&argc, argv);
    return RUN_ALL_TESTS();
}
