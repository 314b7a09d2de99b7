// The escrow log as a file: appended to only where it is as the vault has left it, and read line by line. Internal to
// vault/store.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "vault/core/keys.hpp"
#include "vault/store/vault_files.hpp"

namespace bmcvault::vault {

// Where it ended: a file that was cut or replaced does not have these bytes there.
struct EscrowEnd {
    std::uint64_t size = 0;
    Digest tail{};  // of the last bytes
};

class EscrowFile {
public:
    // nullopt: no vault has written it, or not since that is remembered.
    EscrowFile(std::filesystem::path file, const Access& access, std::optional<EscrowEnd> left)
        : file_(std::move(file)), access_(access), left_(left) {}

    // kNoEscrow names the file and what is wrong with it. A longer file than the vault has left is fine: it is written
    // before the COMMIT that remembers where it ends.
    [[nodiscard]] Result<void> open();
    [[nodiscard]] bool is_open() const { return fd_.valid(); }
    // As a full disk or a power cut leaves it: the next line must not be swallowed.
    [[nodiscard]] bool ends_within_a_line() const { return !tail_.empty() && tail_.back() != '\n'; }
    [[nodiscard]] Result<void> append(std::string_view lines);
    // What was appended is on the disk, and in the file that has this name.
    [[nodiscard]] Result<void> sync() const;
    // As it will be with these lines.
    [[nodiscard]] EscrowEnd end_with(std::string_view lines) const;

private:
    [[nodiscard]] std::unexpected<Error> problem(const Error& error) const;
    [[nodiscard]] Result<void> check_left(std::uint64_t size, int fd) const;

    std::filesystem::path file_;
    Access access_;
    std::optional<EscrowEnd> left_;
    FileDescriptor fd_;
    std::uint64_t size_ = 0;
    std::string tail_;  // the last bytes of the file
};

// What is in the file when it is opened, in little memory.
class EscrowReader {
public:
    // All of it, or its last lines within so many bytes.
    [[nodiscard]] static Result<EscrowReader> open(const std::filesystem::path& file);
    [[nodiscard]] static Result<EscrowReader> open_end(const std::filesystem::path& file, std::uint64_t bytes);
    // Without its line end, and valid until the next call; of one that is too long only so much that it can't be a line
    // of an escrow log. nullopt: there are no more.
    [[nodiscard]] Result<std::optional<std::string_view>> next();
    [[nodiscard]] bool from_the_start() const { return from_the_start_; }

private:
    EscrowReader(std::filesystem::path file, FileDescriptor fd, std::uint64_t left)
        : file_(std::move(file)), fd_(std::move(fd)), left_(left) {}
    [[nodiscard]] Result<void> read_part();

    std::filesystem::path file_;
    FileDescriptor fd_;
    std::uint64_t left_;
    std::string part_;
    std::size_t at_ = 0;  // in part_
    std::string line_;
    bool from_the_start_ = true;
};

}  // namespace bmcvault::vault
