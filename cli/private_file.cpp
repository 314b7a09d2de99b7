#include "cli/private_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "vault/store/vault_files.hpp"

namespace bmcvault::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "bmcvault-exec-";

std::unexpected<Failure> failed(std::string_view what, const fs::path& path) {
    return std::unexpected(Failure{
        ExitCode::kNotAsAsked, fmt::format("{} {}: {}", what, printable(path.string()), std::strerror(errno)), "", ""});
}

fs::path base_directory() {
    const char* runtime = std::getenv("XDG_RUNTIME_DIR");
    for (const char* place : {runtime, "/dev/shm"}) {
        if (place != nullptr && *place == '/' && access(place, W_OK | X_OK) == 0) return place;
    }
    std::error_code ignored;  // empty: making a directory in it fails, and says so
    return fs::temp_directory_path(ignored);
}

// Those of this user that no process holds.
void remove_leftovers(const fs::path& base) {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(base, ignored)) {
        if (!entry.path().filename().string().starts_with(kPrefix)) continue;
        const int descriptor = open(entry.path().c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (descriptor < 0) continue;
        struct stat status{};
        const bool ours = fstat(descriptor, &status) == 0 && status.st_uid == geteuid();
        if (ours && flock(descriptor, LOCK_EX | LOCK_NB) == 0) fs::remove_all(entry.path(), ignored);
        close(descriptor);
    }
}

}  // namespace

Outcome<std::unique_ptr<PrivateDirectory>> PrivateDirectory::make() {
    const fs::path base = base_directory();
    remove_leftovers(base);
    std::string path = (base / (std::string(kPrefix) + "XXXXXX")).string();
    if (mkdtemp(path.data()) == nullptr) return failed("making a private directory in", base);
    const int descriptor = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    auto made = std::make_unique<PrivateDirectory>(path, descriptor);
    if (descriptor < 0 || flock(descriptor, LOCK_EX | LOCK_NB) != 0) return failed("locking", path);
    return made;
}

PrivateDirectory::~PrivateDirectory() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
    if (descriptor_ >= 0) close(descriptor_);
}

Outcome<fs::path> PrivateDirectory::write(const std::string& name, const SecretText& text) const {
    fs::path file = path_ / name;
    const int descriptor = open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (descriptor < 0) return failed("writing", file);
    const bool written = text.expose([&](std::string_view bytes) {
        return ::write(descriptor, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size());
    });
    const bool closed = close(descriptor) == 0;
    if (!written || !closed) return failed("writing", file);
    return file;
}

Result<void> replace_private_file(const fs::path& file, const SecretText& text) {
    auto name = file.string() + ".XXXXXX";
    const vault::FileDescriptor fd(mkostemp(name.data(), O_CLOEXEC));  // mode 0600
    if (!fd.valid()) return vault::system_error("can not make", file);
    auto done = text.expose([&](std::string_view bytes) { return vault::write_bytes(fd.get(), bytes, name); });
    if (done && fsync(fd.get()) != 0) done = vault::system_error("can not sync", file);
    if (done && rename(name.c_str(), file.c_str()) != 0) done = vault::system_error("can not write", file);
    if (!done) {
        unlink(name.c_str());
        return done;
    }
    return vault::sync_directory(file.has_parent_path() ? file.parent_path() : fs::path("."));
}

Result<void> write_new_private_file(const fs::path& file, const SecretText& text) {
    const vault::FileDescriptor fd(open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd.valid() && errno == EEXIST)
        return fail(ErrorCode::kAlreadyExists, fmt::format("{} exists already", file.string()));
    if (!fd.valid()) return vault::system_error("can not make", file);
    auto done = text.expose([&](std::string_view bytes) { return vault::write_bytes(fd.get(), bytes, file); });
    if (done && fsync(fd.get()) != 0) done = vault::system_error("can not sync", file);
    if (done) done = vault::sync_directory(file.has_parent_path() ? file.parent_path() : fs::path("."));
    if (!done) unlink(file.c_str());
    return done;
}

}  // namespace bmcvault::cli
