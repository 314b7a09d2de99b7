// Locks beside the vault, by flock: one operation per BMC at a time, across processes.
#pragma once

#include <filesystem>

#include "vault/base/error.hpp"
#include "vault/base/ids.hpp"

namespace bmcvault::vault {

class BmcLock {
public:
    // Does not wait: kBusy when another process (or another BmcLock of this one) holds it. Released when destroyed or
    // when the process ends in whatever way. File locks/UUID.
    [[nodiscard]] static Result<BmcLock> try_acquire(const std::filesystem::path& vault_directory, BmcId);
    BmcLock(BmcLock&& other) noexcept;
    BmcLock& operator=(BmcLock&& other) noexcept;
    ~BmcLock();

private:
    explicit BmcLock(int fd) : fd_(fd) {}
    int fd_;
};

}  // namespace bmcvault::vault
