#include "tests/vault/faulty_vfs.hpp"

#include <sqlcipher/sqlite3.h>
#include <unistd.h>

#include <csignal>
#include <functional>

#include "vault/base/check.hpp"

namespace bmcvault::vault::test {
namespace {

sqlite3_vfs* g_real = nullptr;
sqlite3_vfs g_faulty;
Fault g_fault = Fault::kNone;
std::uint32_t g_countdown = 0;
std::uint32_t g_seen = 0;
bool g_fired = false;

// The real file follows ours in the same allocation.
struct File {
    sqlite3_file base;
    sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};
File* ours(sqlite3_file* file) {
    return reinterpret_cast<File*>(file);
}

enum class Write : std::uint8_t { kNone, kInPlace, kGrowing };

bool lasting() {
    return g_fault == Fault::kDiskFull || g_fault == Fault::kNoWrites;
}

int operate(Write write, int error, const std::function<int()>& real) {
    ++g_seen;
    if (lasting()) {
        const bool refused = write == Write::kGrowing || (write == Write::kInPlace && g_fault == Fault::kNoWrites);
        if (g_seen <= g_countdown || !refused) return real();
        g_fired = true;
        return SQLITE_FULL;
    }
    if (g_fault == Fault::kNone || g_seen != g_countdown + 1) return real();
    g_fired = true;
    if (g_fault == Fault::kErrorOnce) return error;
    if (g_fault == Fault::kKillBefore) kill(getpid(), SIGKILL);
    const int code = real();
    if (g_fault == Fault::kKillAfter) kill(getpid(), SIGKILL);
    if (g_fault == Fault::kFullAfterwards) return SQLITE_FULL;
    return g_fault == Fault::kErrorAfterwards ? error : code;
}

int close_file(sqlite3_file* file) {
    auto* real = ours(file)->real();
    return real->pMethods->xClose(real);
}
int read_file(sqlite3_file* file, void* to, int size, sqlite3_int64 offset) {
    auto* real = ours(file)->real();
    return real->pMethods->xRead(real, to, size, offset);
}
int write_file(sqlite3_file* file, const void* from, int size, sqlite3_int64 offset) {
    auto* real = ours(file)->real();
    sqlite3_int64 old_size = 0;
    const bool known = real->pMethods->xFileSize(real, &old_size) == SQLITE_OK;
    const auto write = known && offset + size <= old_size ? Write::kInPlace : Write::kGrowing;
    return operate(write, SQLITE_IOERR_WRITE, [&] { return real->pMethods->xWrite(real, from, size, offset); });
}
int truncate_file(sqlite3_file* file, sqlite3_int64 size) {
    auto* real = ours(file)->real();
    return operate(Write::kNone, SQLITE_IOERR_TRUNCATE, [&] { return real->pMethods->xTruncate(real, size); });
}
int sync_file(sqlite3_file* file, int flags) {
    auto* real = ours(file)->real();
    return operate(Write::kNone, SQLITE_IOERR_FSYNC, [&] { return real->pMethods->xSync(real, flags); });
}
int size_of_file(sqlite3_file* file, sqlite3_int64* size) {
    auto* real = ours(file)->real();
    return real->pMethods->xFileSize(real, size);
}
int lock_file(sqlite3_file* file, int level) {
    auto* real = ours(file)->real();
    return real->pMethods->xLock(real, level);
}
int unlock_file(sqlite3_file* file, int level) {
    auto* real = ours(file)->real();
    return real->pMethods->xUnlock(real, level);
}
int check_reserved(sqlite3_file* file, int* out) {
    auto* real = ours(file)->real();
    return real->pMethods->xCheckReservedLock(real, out);
}
int control_file(sqlite3_file* file, int operation, void* argument) {
    auto* real = ours(file)->real();
    return real->pMethods->xFileControl(real, operation, argument);
}
int sector_size(sqlite3_file* file) {
    auto* real = ours(file)->real();
    return real->pMethods->xSectorSize(real);
}
int characteristics(sqlite3_file* file) {
    auto* real = ours(file)->real();
    return real->pMethods->xDeviceCharacteristics(real);
}

sqlite3_io_methods make_methods() {
    sqlite3_io_methods methods{};
    methods.iVersion = 1;
    methods.xClose = close_file;
    methods.xRead = read_file;
    methods.xWrite = write_file;
    methods.xTruncate = truncate_file;
    methods.xSync = sync_file;
    methods.xFileSize = size_of_file;
    methods.xLock = lock_file;
    methods.xUnlock = unlock_file;
    methods.xCheckReservedLock = check_reserved;
    methods.xFileControl = control_file;
    methods.xSectorSize = sector_size;
    methods.xDeviceCharacteristics = characteristics;
    return methods;
}
const sqlite3_io_methods kMethods = make_methods();

int open_file(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
    file->pMethods = nullptr;
    auto* real = ours(file)->real();
    real->pMethods = nullptr;
    const int code = g_real->xOpen(g_real, name, real, flags, out_flags);
    if (real->pMethods != nullptr) file->pMethods = &kMethods;
    return code;
}
int delete_file(sqlite3_vfs*, const char* name, int sync_directory) {
    return operate(Write::kNone, SQLITE_IOERR_DELETE, [&] { return g_real->xDelete(g_real, name, sync_directory); });
}

}  // namespace

namespace faulty_vfs {

void install() {
    if (g_real != nullptr) return;
    g_real = sqlite3_vfs_find(nullptr);
    BMCVAULT_CHECK(g_real != nullptr);
    g_faulty = *g_real;
    g_faulty.pNext = nullptr;
    g_faulty.zName = "faulty";
    g_faulty.szOsFile = static_cast<int>(sizeof(File)) + g_real->szOsFile;
    g_faulty.xOpen = open_file;
    g_faulty.xDelete = delete_file;
    BMCVAULT_CHECK(sqlite3_vfs_register(&g_faulty, 1) == SQLITE_OK);
}

void arm(Fault fault, std::uint32_t at_operation) {
    g_fault = fault;
    g_countdown = at_operation;
    g_seen = 0;
    g_fired = false;
}

std::uint32_t disarm() {
    g_fault = Fault::kNone;
    return g_seen;
}

bool fired() {
    return g_fired;
}

}  // namespace faulty_vfs
}  // namespace bmcvault::vault::test
