// Locks beside the vault, by flock: one operation per BMC at a time, across processes. Each lock file carries a note
// from one holder to the next.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "vault/base/error.hpp"
#include "vault/base/ids.hpp"

namespace bmcvault::vault {

// One change of the header at a time. Does not wait: kBusy. File locks/header.
class HeaderLock {
public:
    [[nodiscard]] static Result<HeaderLock> try_acquire(const std::filesystem::path& vault_directory);
    HeaderLock(HeaderLock&& other) noexcept;
    HeaderLock& operator=(HeaderLock&&) = delete;
    ~HeaderLock();

private:
    explicit HeaderLock(int fd) : fd_(fd) {}
    int fd_;
};

class BmcLock {
public:
    // Does not wait: kBusy when another process (or another BmcLock of this one) holds it. Released when destroyed or
    // when the process ends in whatever way. File locks/UUID.
    [[nodiscard]] static Result<BmcLock> try_acquire(const std::filesystem::path& vault_directory, BmcId);
    BmcLock(BmcLock&& other) noexcept;
    BmcLock& operator=(BmcLock&& other) noexcept;
    ~BmcLock();

    // What the last holder wrote down, however it ended; empty when nobody did or it can't be read. Not synced: after a
    // power cut it may be an older one. At most kMaxNoteSize bytes.
    static constexpr std::size_t kMaxNoteSize = 256;
    [[nodiscard]] std::string note() const;
    void set_note(std::string_view note) const;

private:
    explicit BmcLock(int fd) : fd_(fd) {}
    int fd_;
};

}  // namespace bmcvault::vault
