#include "vault/store/locks.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "vault/base/bytes.hpp"
#include "vault/base/check.hpp"
#include "vault/store/vault_files.hpp"

namespace bmcvault::vault {
namespace {

// Never removed again: a lock file that comes and goes can be locked twice. Its mode is the vault's, whatever the
// umask: the other members of a group lock it too.
Result<int> open_lock_file(const std::filesystem::path& file, mode_t mode) {
    const int fd = open(file.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0) return system_error("can not open", file);
    struct stat info{};
    const bool stripped = fstat(fd, &info) == 0 && info.st_uid == geteuid() && (info.st_mode & 0777) != mode;
    if (!stripped || fchmod(fd, mode) == 0) return fd;
    auto failed = system_error("can not set the mode of", file);
    close(fd);
    return failed;
}

}  // namespace

Result<HeaderLock> HeaderLock::try_acquire(const std::filesystem::path& vault_directory) {
    const auto access = check_directory(vault_directory);
    if (!access) return std::unexpected(access.error());
    const auto file = vault_directory / kLocksDirectory / "header";
    const auto fd = open_lock_file(file, access->file_mode);
    if (!fd) return std::unexpected(fd.error());
    HeaderLock lock(*fd);
    if (flock(*fd, LOCK_EX | LOCK_NB) == 0) return lock;
    if (errno == EWOULDBLOCK) return fail(ErrorCode::kBusy, "another bmcvault is changing who can open the vault");
    return system_error("can not lock", file);
}

HeaderLock::HeaderLock(HeaderLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

HeaderLock::~HeaderLock() {
    if (fd_ >= 0) close(fd_);
}

Result<BmcLock> BmcLock::try_acquire(const std::filesystem::path& vault_directory, BmcId bmc) {
    const auto access = check_directory(vault_directory);
    if (!access) return std::unexpected(access.error());
    const auto file = vault_directory / kLocksDirectory / to_hex(bmc.uuid);
    const auto fd = open_lock_file(file, access->file_mode);
    if (!fd) return std::unexpected(fd.error());
    BmcLock lock(*fd);
    if (flock(*fd, LOCK_EX | LOCK_NB) == 0) return lock;
    if (errno == EWOULDBLOCK) return fail(ErrorCode::kBusy, "another bmcvault is working on this BMC");
    return system_error("can not lock", file);
}

BmcLock::BmcLock(BmcLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

BmcLock& BmcLock::operator=(BmcLock&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
}

BmcLock::~BmcLock() {
    if (fd_ >= 0) close(fd_);
}

std::string BmcLock::note() const {
    std::array<char, kMaxNoteSize> buffer{};
    const auto size = pread(fd_, buffer.data(), buffer.size(), 0);
    if (size <= 0) return {};
    const std::string_view text(buffer.data(), static_cast<std::size_t>(size));
    return std::string(text.substr(0, text.find('\n')));
}

// Only advice to the next holder: a full disk is no reason to stop. The line end cuts off what is left of a longer one.
void BmcLock::set_note(std::string_view note) const {
    BMCVAULT_CHECK(note.size() < kMaxNoteSize);
    const auto line = std::string(note) + '\n';
    [[maybe_unused]] const auto written = pwrite(fd_, line.data(), line.size(), 0);
}

}  // namespace bmcvault::vault
