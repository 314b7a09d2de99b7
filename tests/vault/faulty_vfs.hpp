// A file system for SQLite that fails, or kills the process, at a chosen operation: each write, sync, truncation and
// deletion counts as one. Everything else goes to the real one.
#pragma once

#include <cstdint>

namespace bmcvault::vault::test {

enum class Fault : std::uint8_t {
    kNone,
    kDiskFull,         // from here on no file can grow, until disarmed
    kNoWrites,         // from here on every write says "disk full", also in place: a disk that copies on write
    kErrorOnce,        // this operation fails, nothing was done
    kErrorAfterwards,  // this operation is done, and says it failed
    kFullAfterwards,   // the same, and says the disk is full
    kKillBefore,       // SIGKILL to ourselves
    kKillAfter,
};

namespace faulty_vfs {
void install();                                     // becomes the default; once per process
void arm(Fault fault, std::uint32_t at_operation);  // counted from 0, from now
std::uint32_t disarm();                             // operations seen since arm()
bool fired();                                       // since arm()
}  // namespace faulty_vfs

}  // namespace bmcvault::vault::test
