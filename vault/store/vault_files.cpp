#include "vault/store/vault_files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <system_error>
#include <vector>

namespace bmcvault::vault {
namespace {

namespace fs = std::filesystem;

struct NetworkFileSystem {
    std::uint32_t magic;
    std::string_view name;
};
// statfs(2); POSIX locks and rename durability are not to be trusted there.
constexpr std::array kNetworkFileSystems{
    NetworkFileSystem{0x6969, "NFS"},      NetworkFileSystem{0x517b, "SMB"},     NetworkFileSystem{0xff534d42, "CIFS"},
    NetworkFileSystem{0xfe534d42, "SMB2"}, NetworkFileSystem{0x5346414f, "AFS"}, NetworkFileSystem{0x73757245, "Coda"},
    NetworkFileSystem{0x00c36400, "Ceph"},
};

std::unexpected<Error> unsafe(const fs::path& path, std::string_view why) {
    return fail(ErrorCode::kUnsafeFile, fmt::format("{}: {}", path.string(), why));
}

bool in_group(gid_t group) {
    if (geteuid() == 0 || getegid() == group) return true;
    std::vector<gid_t> groups(static_cast<std::size_t>(std::max(0, getgroups(0, nullptr))));
    const int count = getgroups(static_cast<int>(groups.size()), groups.data());
    groups.resize(static_cast<std::size_t>(std::max(0, count)));
    return std::ranges::find(groups, group) != groups.end();
}

// The mode and group of a file just made are set by hand: the umask of whoever calls has no say.
Result<void> give(int fd, mode_t mode, const std::optional<gid_t>& group, const fs::path& path) {
    if (group && fchown(fd, static_cast<uid_t>(-1), *group) != 0) return system_error("can not give the group", path);
    if (fchmod(fd, mode) != 0) return system_error("can not set the mode", path);
    return {};
}

}  // namespace

FileDescriptor::~FileDescriptor() {
    if (fd_ >= 0) close(fd_);
}

std::unexpected<Error> system_error(std::string_view what, const fs::path& path) {
    const int number = errno;
    const bool full = number == ENOSPC || number == EDQUOT;
    return fail(full ? ErrorCode::kNoSpace : ErrorCode::kIo,
                fmt::format("{} {}: {}", what, path.string(), std::system_category().message(number)));
}

Result<Access> access_for_group(const std::optional<std::string>& group_name) {
    if (!group_name) return Access{};
    const auto* entry = getgrnam(group_name->c_str());
    if (entry == nullptr)
        return fail(ErrorCode::kInvalidArgument, fmt::format("no group \"{}\" on this host", *group_name));
    return Access{02770, 0660, entry->gr_gid};
}

Result<Access> check_directory(const fs::path& directory) {
    struct stat info{};
    if (lstat(directory.c_str(), &info) != 0) {
        if (errno == ENOENT)
            return fail(ErrorCode::kNotFound,
                        fmt::format("there is no vault at {} (bmcvault init makes one)", directory.string()));
        return system_error("can not look at", directory);
    }
    if (!S_ISDIR(info.st_mode)) return unsafe(directory, "is not a directory");
    if (auto local = refuse_network_file_system(directory); !local) return std::unexpected(local.error());
    const mode_t mode = info.st_mode & 07777;
    if (mode == 02770) {
        if (!in_group(info.st_gid)) return unsafe(directory, "belongs to a group that you are not in");
        return Access{02770, 0660, info.st_gid};
    }
    if (mode != 0700)
        return unsafe(directory, fmt::format("has mode {:04o}; a vault has 0700, or 2770 for a group", mode));
    if (info.st_uid != geteuid())
        return unsafe(directory, fmt::format("belongs to user {}, you are {}", info.st_uid, geteuid()));
    return Access{};
}

Result<void> check_file(const fs::path& file, const Access& access) {
    struct stat info{};
    if (lstat(file.c_str(), &info) != 0) {
        if (errno == ENOENT) return fail(ErrorCode::kNotFound, fmt::format("{} is missing", file.string()));
        return system_error("can not look at", file);
    }
    if (!S_ISREG(info.st_mode)) return unsafe(file, "is not a regular file");
    if ((info.st_mode & 07777) != access.file_mode)
        return unsafe(file, fmt::format("has mode {:04o} instead of {:04o}", info.st_mode & 07777, access.file_mode));
    if (access.group ? info.st_gid != *access.group : info.st_uid != geteuid())
        return unsafe(file, access.group ? "belongs to another group" : "belongs to another user");
    return {};
}

Result<void> refuse_network_file_system(const fs::path& directory) {
    struct statfs info{};
    if (statfs(directory.c_str(), &info) != 0) return system_error("can not look at the file system of", directory);
    if (const auto name = network_file_system(static_cast<std::uint32_t>(info.f_type)))
        return unsafe(directory, fmt::format("is on {}; a vault must be on a local file system", *name));
    return {};
}

std::optional<std::string_view> network_file_system(std::uint32_t magic) {
    const auto* const known = std::ranges::find(kNetworkFileSystems, magic, &NetworkFileSystem::magic);
    if (known == kNetworkFileSystems.end()) return std::nullopt;
    return known->name;
}

Result<void> make_directory(const fs::path& directory, const Access& access) {
    if (mkdir(directory.c_str(), 0700) != 0) return system_error("can not make", directory);
    const FileDescriptor fd(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd.valid()) return system_error("can not open", directory);
    return give(fd.get(), access.directory_mode, access.group, directory);
}

Result<void> make_empty_file(const fs::path& file, const Access& access) {
    const FileDescriptor fd(open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd.valid()) return system_error("can not make", file);
    return give(fd.get(), access.file_mode, access.group, file);
}

Result<std::string> read_small_file(const fs::path& file, std::size_t limit) {
    const FileDescriptor fd(open(file.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
    if (!fd.valid()) return system_error("can not open", file);
    std::string content(limit + 1, '\0');
    std::size_t size = 0;
    while (size < content.size()) {
        const auto got = read(fd.get(), content.data() + size, content.size() - size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return system_error("can not read", file);
        if (got == 0) break;
        size += static_cast<std::size_t>(got);
    }
    if (size > limit) return fail(ErrorCode::kDamaged, fmt::format("{} is larger than {} bytes", file.string(), limit));
    content.resize(size);
    return content;
}

Result<void> write_bytes(int fd, std::string_view content, const fs::path& path) {
    while (!content.empty()) {
        const auto written = write(fd, content.data(), content.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return system_error("can not write", path);
        content.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
}

namespace {

constexpr std::string_view kRandomEnding = "XXXXXX";

// A hidden name that no person gives a copy: .NAME.new-XXXXXX
std::string beginning_of_unfinished(const fs::path& file) {
    return fmt::format(".{}.new-", file.filename().string());
}

}  // namespace

Result<void> replace_file(const fs::path& file, std::string_view content, const Access& access) {
    auto name = (file.parent_path() / beginning_of_unfinished(file)).string() + std::string(kRandomEnding);
    const FileDescriptor fd(mkostemp(name.data(), O_CLOEXEC));
    if (!fd.valid()) return system_error("can not make", name);
    auto done = give(fd.get(), access.file_mode, access.group, name);
    if (done) done = write_bytes(fd.get(), content, name);
    if (done && fsync(fd.get()) != 0) done = system_error("can not sync", name);
    if (done && rename(name.c_str(), file.c_str()) != 0) done = system_error("can not rename", name);
    if (!done) {
        unlink(name.c_str());
        return done;
    }
    return sync_directory(file.parent_path());
}

void remove_unfinished(const fs::path& file) {
    const auto prefix = beginning_of_unfinished(file);
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(file.parent_path(), ignored)) {
        const auto name = entry.path().filename().string();
        if (name.starts_with(prefix) && name.size() == prefix.size() + kRandomEnding.size())
            fs::remove(entry.path(), ignored);
    }
}

Result<void> sync_directory(const fs::path& directory) {
    const FileDescriptor fd(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd.valid() || fsync(fd.get()) != 0) return system_error("can not sync", directory);
    return {};
}

Result<void> rename_to_new(const fs::path& from, const fs::path& to) {
    if (renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return {};
    if (errno == EEXIST) return fail(ErrorCode::kAlreadyExists, fmt::format("{} exists already", to.string()));
    return system_error("can not make", to);
}

Result<VaultLock> VaultLock::acquire(const fs::path& directory, Mode mode) {
    const auto file = directory / kLockFile;
    VaultLock lock{FileDescriptor(open(file.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC)), file};
    if (!lock.fd_.valid()) return system_error("can not open", file);
    if (auto locked = lock.change(mode); !locked) return std::unexpected(locked.error());
    return lock;
}

Result<void> VaultLock::change(Mode mode) {
    if (flock(fd_.get(), (mode == Mode::kShared ? LOCK_SH : LOCK_EX) | LOCK_NB) == 0) return {};
    if (errno == EWOULDBLOCK)
        return fail(ErrorCode::kBusy,
                    fmt::format("{}: the vault is in use; try again later", file_.parent_path().string()));
    return system_error("can not lock", file_);
}

}  // namespace bmcvault::vault
