#include "vault/store/head_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>

#include <system_error>
#include <utility>

#include "vault/store/vault_files.hpp"

namespace bmcvault::vault {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxPlaceSize = 4096;  // PATH_MAX

// Waits: it is held for one rename.
Result<FileDescriptor> lock_directory(const fs::path& directory) {
    FileDescriptor fd(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd.valid()) return system_error("can not open", directory);
    while (flock(fd.get(), LOCK_EX) != 0)
        if (errno != EINTR) return system_error("can not lock", directory);
    return fd;
}

}  // namespace

HeadFile::HeadFile(fs::path directory, const VaultId& vault_id)
    : directory_(std::move(directory)),
      file_(directory_ / to_hex(vault_id)),
      place_(directory_ / (to_hex(vault_id) + ".place")) {}

Result<std::optional<Head>> HeadFile::read() const {
    std::error_code error;
    if (fs::symlink_status(file_, error).type() == fs::file_type::not_found) return std::nullopt;
    if (auto safe = check_file(file_, Access{}); !safe) return std::unexpected(safe.error());
    const auto text = read_small_file(file_, kMaxHeadSize);
    if (!text) return std::unexpected(text.error());
    auto head = parse_head(*text);
    if (!head || to_hex(head->vault_id) != file_.filename())
        return fail(ErrorCode::kDamaged, fmt::format("{} is not the head file of this vault", file_.string()));
    return *head;
}

Result<void> HeadFile::advance(const Head& head) const {
    return write(head, false);
}

Result<void> HeadFile::reset(const Head& head) const {
    return write(head, true);
}

fs::path HeadFile::place() const {
    if (!check_file(place_, Access{})) return {};
    const auto text = read_small_file(place_, kMaxPlaceSize);
    return text ? fs::path(*text) : fs::path();
}

Result<void> HeadFile::keep_place(const fs::path& vault_directory) const {
    std::error_code error;
    const auto canonical = fs::canonical(vault_directory, error);
    if (error) return system_error("can not look at", vault_directory);
    return place() == canonical ? Result<void>() : replace_file(place_, canonical.string(), Access{});
}

Result<void> HeadFile::write(const Head& head, bool even_if_older) const {
    std::error_code error;
    fs::create_directories(directory_.parent_path(), error);
    if (!fs::exists(directory_, error))
        if (auto made = make_directory(directory_, Access{}); !made && !fs::exists(directory_, error)) return made;
    const auto lock = lock_directory(directory_);
    if (!lock) return std::unexpected(lock.error());
    if (!even_if_older) {
        const auto seen = read();
        if (!seen) return std::unexpected(seen.error());
        const auto kept = *seen ? later(**seen, head) : head;
        return kept == *seen ? Result<void>() : replace_file(file_, format_head(kept), Access{});
    }
    return replace_file(file_, format_head(head), Access{});
}

}  // namespace bmcvault::vault
