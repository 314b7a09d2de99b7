// CHECK: our own bug. Prints the place and the condition (never a value) and aborts, also in release builds.
#pragma once

#include <cstdio>
#include <cstdlib>

#define BMCVAULT_CHECK(condition)                                                               \
    do {                                                                                        \
        if (!(condition)) [[unlikely]] {                                                        \
            std::fprintf(stderr, "bmcvault: bug: %s:%d: %s\n", __FILE__, __LINE__, #condition); \
            std::abort();                                                                       \
        }                                                                                       \
    } while (false)
