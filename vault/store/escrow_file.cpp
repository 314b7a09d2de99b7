#include "vault/store/escrow_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "vault/core/escrow_line.hpp"

namespace bmcvault::vault {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kTail = 1024;
constexpr std::size_t kPart = 64 << 10;

Digest digest_of(std::string_view bytes) {
    Digest digest{};
    const auto view = as_bytes(bytes);
    crypto_generichash(digest.data(), digest.size(), view.data(), view.size(), nullptr, 0);
    return digest;
}

std::string tail_of(std::string_view before, std::string_view after) {
    if (after.size() >= kTail) return std::string(after.substr(after.size() - kTail));
    const auto kept = std::min(before.size(), kTail - after.size());
    return std::string(before.substr(before.size() - kept)).append(after);
}

// The last bytes before `end`.
Result<std::string> read_tail(int fd, std::uint64_t end, const fs::path& file) {
    std::string tail(static_cast<std::size_t>(std::min<std::uint64_t>(end, kTail)), '\0');
    std::size_t got = 0;
    while (got < tail.size()) {
        const auto from = static_cast<off_t>(end - tail.size() + got);
        const auto more = pread(fd, tail.data() + got, tail.size() - got, from);
        if (more < 0 && errno == EINTR) continue;
        if (more < 0) return system_error("can not read", file);
        if (more == 0) return fail(ErrorCode::kIo, fmt::format("{} was cut while it was read", file.string()));
        got += static_cast<std::size_t>(more);
    }
    return tail;
}

Result<struct stat> look_at(int fd, const fs::path& file) {
    struct stat info{};
    if (fstat(fd, &info) != 0) return system_error("can not look at", file);
    return info;
}

Result<std::pair<FileDescriptor, std::uint64_t>> open_to_read(const fs::path& file) {
    FileDescriptor fd(open(file.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
    if (!fd.valid()) return system_error("can not open", file);
    const auto info = look_at(fd.get(), file);
    if (!info) return std::unexpected(info.error());
    if (!S_ISREG(info->st_mode))
        return fail(ErrorCode::kInvalidArgument, fmt::format("{} is not a regular file", file.string()));
    return std::pair(std::move(fd), static_cast<std::uint64_t>(info->st_size));
}

}  // namespace

std::unexpected<Error> EscrowFile::problem(const Error& error) const {
    std::error_code ignored;
    auto what = error.detail;
    if (error.code == ErrorCode::kNotFound && !fs::exists(file_.parent_path(), ignored))
        what = fmt::format("{} is missing, and its directory too", file_.string());
    if (error.code == ErrorCode::kNotFound) what += ": is its disk mounted?";
    return fail(error.code == ErrorCode::kNoSpace ? error.code : ErrorCode::kNoEscrow, what);
}

Result<void> EscrowFile::check_left(std::uint64_t size, int fd) const {
    if (!left_) return {};
    if (size < left_->size)
        return fail(ErrorCode::kNoEscrow, fmt::format("{} has {} bytes, and the vault has left it with {}: it was cut, "
                                                      "or another file was put there",
                                                      file_.string(), size, left_->size));
    const auto tail = read_tail(fd, left_->size, file_);
    if (!tail) return std::unexpected(tail.error());
    if (digest_of(*tail) == left_->tail) return {};
    return fail(ErrorCode::kNoEscrow,
                fmt::format("{} is not as the vault has left it: another file was put there, or it was changed",
                            file_.string()));
}

Result<void> EscrowFile::open() {
    if (auto safe = check_file(file_, access_); !safe) return problem(safe.error());
    FileDescriptor fd(::open(file_.c_str(), O_RDWR | O_APPEND | O_NOFOLLOW | O_CLOEXEC));
    if (!fd.valid()) return problem(system_error("can not open", file_).error());
    const auto info = look_at(fd.get(), file_);
    if (!info) return problem(info.error());
    const auto size = static_cast<std::uint64_t>(info->st_size);
    if (auto same = check_left(size, fd.get()); !same) return problem(same.error());
    auto tail = read_tail(fd.get(), size, file_);
    if (!tail) return problem(tail.error());
    size_ = size;
    tail_ = std::move(*tail);
    fd_ = std::move(fd);
    return {};
}

Result<void> EscrowFile::append(std::string_view lines) {
    if (auto done = write_bytes(fd_.get(), lines, file_); !done) return problem(done.error());
    size_ += lines.size();
    tail_ = tail_of(tail_, lines);
    return {};
}

Result<void> EscrowFile::sync() const {
    if (fdatasync(fd_.get()) != 0) return problem(system_error("can not sync", file_).error());
    const auto written = look_at(fd_.get(), file_);
    if (!written) return problem(written.error());
    struct stat named{};
    const bool is_there = lstat(file_.c_str(), &named) == 0 && named.st_dev == written->st_dev &&
                          named.st_ino == written->st_ino && static_cast<std::uint64_t>(written->st_size) == size_;
    if (is_there) return {};
    return fail(ErrorCode::kNoEscrow,
                fmt::format("{} was moved away or written by another program meanwhile", file_.string()));
}

EscrowEnd EscrowFile::end_with(std::string_view lines) const {
    return {size_ + lines.size(), digest_of(tail_of(tail_, lines))};
}

Result<EscrowReader> EscrowReader::open(const fs::path& file) {
    auto opened = open_to_read(file);
    if (!opened) return std::unexpected(opened.error());
    return EscrowReader(file, std::move(opened->first), opened->second);
}

Result<EscrowReader> EscrowReader::open_end(const fs::path& file, std::uint64_t bytes) {
    auto opened = open_to_read(file);
    if (!opened) return std::unexpected(opened.error());
    const auto size = opened->second;
    const auto from = size - std::min(size, bytes);
    if (lseek(opened->first.get(), static_cast<off_t>(from), SEEK_SET) < 0) return system_error("can not read", file);
    EscrowReader reader(file, std::move(opened->first), size - from);
    reader.from_the_start_ = from == 0;
    if (from == 0) return reader;
    if (auto rest_of_a_line = reader.next(); !rest_of_a_line) return std::unexpected(rest_of_a_line.error());
    return reader;
}

Result<void> EscrowReader::read_part() {
    part_.resize(static_cast<std::size_t>(std::min<std::uint64_t>(left_, kPart)));
    at_ = 0;
    ssize_t got = -1;
    do got = read(fd_.get(), part_.data(), part_.size());
    while (got < 0 && errno == EINTR);
    if (got < 0) return system_error("can not read", file_);
    part_.resize(static_cast<std::size_t>(got));
    left_ = got == 0 ? 0 : left_ - static_cast<std::uint64_t>(got);
    return {};
}

Result<std::optional<std::string_view>> EscrowReader::next() {
    line_.clear();
    for (bool any = false;; any = true) {
        if (at_ == part_.size()) {
            if (auto done = read_part(); !done) return std::unexpected(done.error());
            if (part_.empty()) return any ? std::optional<std::string_view>(line_) : std::nullopt;
        }
        const auto rest = std::string_view(part_).substr(at_);
        const auto end = rest.find('\n');
        const auto piece = rest.substr(0, end);
        line_.append(piece.substr(0, kMaxEscrowLine + 1 - line_.size()));
        at_ += piece.size();
        if (end == std::string_view::npos) continue;
        ++at_;
        return line_;
    }
}

}  // namespace bmcvault::vault
