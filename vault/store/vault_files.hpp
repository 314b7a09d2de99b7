// The vault directory as files: who may own them, which modes they have, how the header is replaced, and the vault
// lock. Internal to vault/store, but for later commands the exclusive lock is here too.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "vault/base/error.hpp"

namespace bmcvault::vault {

inline constexpr std::string_view kHeaderFile = "vault.hdr";
inline constexpr std::string_view kLockFile = "lock";
inline constexpr std::string_view kLocksDirectory = "locks";

class FileDescriptor {
public:
    explicit FileDescriptor(int fd = -1) : fd_(fd) {}
    FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    FileDescriptor& operator=(FileDescriptor&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~FileDescriptor();
    [[nodiscard]] int get() const { return fd_; }
    [[nodiscard]] bool valid() const { return fd_ >= 0; }

private:
    int fd_;
};

// Either one person's vault (0700, files 0600) or a group's (02770 and 0660: the set-group-id bit hands the group on to
// the journals that SQLite makes).
struct Access {
    mode_t directory_mode = 0700;
    mode_t file_mode = 0600;
    std::optional<gid_t> group;
};

[[nodiscard]] Result<Access> access_for_group(const std::optional<std::string>& group_name);
// kNotFound, or kUnsafeFile for open modes, foreign owners and network file systems.
[[nodiscard]] Result<Access> check_directory(const std::filesystem::path& directory);
// A regular file with exactly this mode and an acceptable owner. By lstat: opening and closing the database file would
// drop the POSIX locks of every connection of this process.
[[nodiscard]] Result<void> check_file(const std::filesystem::path& file, const Access&);
[[nodiscard]] Result<void> refuse_network_file_system(const std::filesystem::path& directory);
// Its name, when this f_type of statfs(2) is one.
[[nodiscard]] std::optional<std::string_view> network_file_system(std::uint32_t magic);

[[nodiscard]] Result<void> make_directory(const std::filesystem::path& directory, const Access&);
// Refuses an existing one.
[[nodiscard]] Result<void> make_empty_file(const std::filesystem::path& file, const Access&);
[[nodiscard]] Result<std::string> read_small_file(const std::filesystem::path& file, std::size_t limit);
[[nodiscard]] Result<void> write_bytes(int fd, std::string_view content, const std::filesystem::path& path);
// All or nothing, durable on return: temporary file, fsync, rename, fsync of the directory.
[[nodiscard]] Result<void> replace_file(const std::filesystem::path& file, std::string_view content, const Access&);
// What replace_file had not renamed when its process was killed. The caller holds the lock of those who write the file.
void remove_unfinished(const std::filesystem::path& file);
[[nodiscard]] Result<void> sync_directory(const std::filesystem::path& directory);
// Fails with kAlreadyExists when `to` exists.
[[nodiscard]] Result<void> rename_to_new(const std::filesystem::path& from, const std::filesystem::path& to);

// Error of the operating system, with the path and errno's text; ENOSPC and EDQUOT are kNoSpace.
[[nodiscard]] std::unexpected<Error> system_error(std::string_view what, const std::filesystem::path& path);

// flock on DIR/lock: shared for normal work, exclusive for generation change and restore. Does not wait.
class VaultLock {
public:
    enum class Mode { kShared, kExclusive };
    [[nodiscard]] static Result<VaultLock> acquire(const std::filesystem::path& directory, Mode mode);
    // Not in one step: another process may have had the lock in between. kBusy: it stays lost until changed again.
    [[nodiscard]] Result<void> change(Mode mode);

private:
    VaultLock(FileDescriptor fd, std::filesystem::path file) : fd_(std::move(fd)), file_(std::move(file)) {}
    FileDescriptor fd_;
    std::filesystem::path file_;
};

}  // namespace bmcvault::vault
