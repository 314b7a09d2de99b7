// Secrets need their arena before the first test.
#include <gmock/gmock.h>

#include "vault/base/secret.hpp"

int main(int argc, char** argv) {
    testing::InitGoogleMock(&argc, argv);
    if (!bmcvault::secret_arena::initialize()) return 1;
    return RUN_ALL_TESTS();
}
