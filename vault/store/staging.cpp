#include "vault/store/staging.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <vector>

namespace bmcvault::vault {
namespace {

namespace fs = std::filesystem;

Result<void> publish_into(const fs::path& from, const fs::path& directory, const std::string& store_file) {
    std::vector<fs::path> done;
    for (const auto& name :
         {fs::path(kLockFile), fs::path(kLocksDirectory), fs::path(store_file), fs::path(kHeaderFile)}) {
        if (auto moved = rename_to_new(from / name, directory / name); !moved) {
            std::error_code ignored;
            for (const auto& earlier : done) fs::remove(directory / earlier, ignored);
            return moved;
        }
        done.push_back(name);
    }
    return sync_directory(directory);
}

// Not valid: another process has it, or it is not ours.
FileDescriptor lock_of(const fs::path& directory) {
    FileDescriptor fd(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    struct stat info{};
    const bool ours = fd.valid() && fstat(fd.get(), &info) == 0 && info.st_uid == geteuid();
    return ours && flock(fd.get(), LOCK_EX | LOCK_NB) == 0 ? std::move(fd) : FileDescriptor();
}

void remove_abandoned(const fs::path& parent, std::string_view prefix) {
    constexpr std::size_t kRandom = 6;
    const auto begin = fmt::format(".{}-", prefix);
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(parent, ignored)) {
        const auto name = entry.path().filename().string();
        if (!name.starts_with(begin) || name.size() != begin.size() + kRandom) continue;
        if (const auto lock = lock_of(entry.path()); lock.valid()) fs::remove_all(entry.path(), ignored);
    }
}

}  // namespace

Result<Staging> Staging::make(const fs::path& parent, std::string_view prefix, const Access& access) {
    remove_abandoned(parent, prefix);
    auto name = (parent / fmt::format(".{}-XXXXXX", prefix)).string();
    if (mkdtemp(name.data()) == nullptr) return system_error("can not make a directory in", parent);
    Staging staging{fs::path(name), lock_of(name)};
    if (!staging.lock_.valid()) return system_error("can not lock", name);
    if (access.group && chown(name.c_str(), static_cast<uid_t>(-1), *access.group) != 0)
        return system_error("can not give the group to", name);
    if (chmod(name.c_str(), access.directory_mode) != 0) return system_error("can not set the mode of", name);
    return staging;
}

Staging::~Staging() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
}

Result<NewVaultPlace> NewVaultPlace::look_at(const fs::path& wanted_directory, const Access& wanted) {
    const auto path = fs::absolute(wanted_directory).lexically_normal();
    const auto directory = path.has_filename() ? path : path.parent_path();
    std::error_code error;
    const bool exists = fs::exists(fs::symlink_status(directory, error));
    NewVaultPlace place(directory, exists);
    if (!exists) {
        if (auto local = refuse_network_file_system(place.parent()); !local) return std::unexpected(local.error());
        return place;
    }
    const auto access = check_directory(directory);
    if (!access) return std::unexpected(access.error());
    const bool vault = fs::exists(directory / kHeaderFile, error);
    if (vault || !fs::is_empty(directory, error) || error)
        return fail(ErrorCode::kAlreadyExists,
                    fmt::format("{} {}", directory.string(), vault ? "is a vault already" : "is not empty"));
    if (access->directory_mode != wanted.directory_mode || access->group != wanted.group)
        return fail(ErrorCode::kUnsafeFile, fmt::format("{} has not the mode {:04o} and group asked for",
                                                        directory.string(), wanted.directory_mode));
    return place;
}

Result<void> NewVaultPlace::publish(Staging& staging, const std::string& store_file) const {
    if (fill_) return publish_into(staging.path(), directory_, store_file);
    if (auto moved = rename_to_new(staging.path(), directory_); !moved) return moved;
    staging.published();
    return sync_directory(parent_);
}

}  // namespace bmcvault::vault
