// A directory of its own in which something is built, so that a failure leaves nothing behind and the result appears
// whole or not at all. Internal to vault/store.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include "vault/store/vault_files.hpp"

namespace bmcvault::vault {

// Removed with all that is in it unless published.
class Staging {
public:
    // PARENT/.PREFIX-XXXXXX. Those of processes that were killed are removed: it is locked as long as it is in use.
    static Result<Staging> make(const std::filesystem::path& parent, std::string_view prefix, const Access& access);
    Staging(Staging&& other) noexcept : path_(std::exchange(other.path_, {})), lock_(std::move(other.lock_)) {}
    Staging& operator=(Staging&&) = delete;
    ~Staging();
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    void published() { path_.clear(); }

private:
    Staging(std::filesystem::path path, FileDescriptor lock) : path_(std::move(path)), lock_(std::move(lock)) {}
    std::filesystem::path path_;
    FileDescriptor lock_;
};

// Where a vault may appear: a name that is free, or an empty directory made beforehand (a mount point, a service's
// state directory) with the mode and group asked for.
class NewVaultPlace {
public:
    // kAlreadyExists when something is there, kUnsafeFile for network file systems and other modes.
    static Result<NewVaultPlace> look_at(const std::filesystem::path& directory, const Access& wanted);
    // The directory to stage in: on the same file system.
    [[nodiscard]] const std::filesystem::path& parent() const { return parent_; }
    // Moves the staged vault there; the header comes last.
    [[nodiscard]] Result<void> publish(Staging& staging, const std::string& store_file) const;

private:
    NewVaultPlace(std::filesystem::path directory, bool fill) : directory_(std::move(directory)), fill_(fill) {
        parent_ = fill_ ? directory_ : directory_.parent_path();
    }
    std::filesystem::path directory_;
    std::filesystem::path parent_;
    bool fill_;
};

}  // namespace bmcvault::vault
