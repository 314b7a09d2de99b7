#include "cli/plain_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "vault/store/vault_files.hpp"

namespace bmcvault::cli {

Result<std::string> read_plain_file(const std::filesystem::path& file, std::size_t limit) {
    std::ifstream in(file, std::ios::binary);
    if (!in) return fail(ErrorCode::kIo, std::strerror(errno));
    std::string text(limit + 1, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (in.bad()) return fail(ErrorCode::kIo, std::strerror(errno));
    text.resize(static_cast<std::size_t>(in.gcount()));
    if (text.size() > limit) return fail(ErrorCode::kInvalidArgument, fmt::format("is longer than {} bytes", limit));
    return text;
}

namespace {

namespace fs = std::filesystem;

fs::path directory_of(const fs::path& file) {
    return file.has_parent_path() ? file.parent_path() : fs::path(".");
}

}  // namespace

Result<void> write_new_file(const fs::path& file, std::string_view content, mode_t mode) {
    const vault::FileDescriptor fd(open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
    if (!fd.valid() && errno == EEXIST)
        return fail(ErrorCode::kAlreadyExists, fmt::format("{} exists already", file.string()));
    if (!fd.valid()) return vault::system_error("can not make", file);
    auto done = vault::write_bytes(fd.get(), content, file);
    if (done && fsync(fd.get()) != 0) done = vault::system_error("can not sync", file);
    if (done) done = vault::sync_directory(directory_of(file));
    if (!done) unlink(file.c_str());
    return done;
}

Result<void> make_directories(const fs::path& directory) {
    std::error_code error;
    const auto whole = fs::absolute(directory, error);
    fs::path made;
    for (const auto& part : whole) {
        made /= part;
        if (mkdir(made.c_str(), 0777) != 0) {
            if (fs::is_directory(made, error)) continue;
            return vault::system_error("can not make", made);
        }
        if (auto synced = vault::sync_directory(directory_of(made)); !synced) return synced;
    }
    return {};
}

PlainFile::~PlainFile() {
    if (!temporary_.empty()) unlink(temporary_.c_str());
}

Result<PlainFile> PlainFile::prepare(const fs::path& file, std::string_view content) {
    PlainFile prepared;
    std::error_code error;
    prepared.target_ = fs::canonical(file, error);  // a symbolic link stays one
    struct stat is{};
    const bool exists = !error && stat(prepared.target_.c_str(), &is) == 0;
    const bool can_be_replaced = exists ? S_ISREG(is.st_mode) : !fs::is_symlink(fs::symlink_status(file, error));
    if (!exists) prepared.target_ = file;
    if (!can_be_replaced) {
        prepared.content_ = content;
        return prepared;
    }
    auto name = (directory_of(prepared.target_) / ".bmcvault-XXXXXX").string();
    const vault::FileDescriptor fd(mkostemp(name.data(), O_CLOEXEC));
    if (!fd.valid()) return vault::system_error("can not write in", directory_of(prepared.target_));
    prepared.temporary_ = name;
    const auto mask = umask(0);
    umask(mask);
    auto done = vault::write_bytes(fd.get(), content, name);
    if (done && fchmod(fd.get(), exists ? is.st_mode & 07777U : 0666U & ~mask) != 0)
        done = vault::system_error("can not make", name);
    if (done && fsync(fd.get()) != 0) done = vault::system_error("can not sync", name);
    if (!done) return std::unexpected(done.error());
    return prepared;
}

Result<void> PlainFile::put_in_place() {
    if (temporary_.empty()) {
        std::ofstream out(target_, std::ios::binary);
        out.write(content_.data(), static_cast<std::streamsize>(content_.size()));
        out.flush();
        return out ? Result<void>{} : vault::system_error("can not write", target_);
    }
    if (rename(temporary_.c_str(), target_.c_str()) != 0) return vault::system_error("can not write", target_);
    temporary_.clear();
    return vault::sync_directory(directory_of(target_));
}

}  // namespace bmcvault::cli
