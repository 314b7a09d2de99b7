// A file with a secret in it, for another program to read: mode 0600 in a directory of its own, in memory where the
// host has a place for that. Both go with the object; what a killed process left behind goes with the next one made.
#pragma once

#include <filesystem>
#include <memory>

#include "cli/context.hpp"
#include "cli/secret_text.hpp"

namespace bmcvault::cli {

class PrivateDirectory {
public:
    [[nodiscard]] static Outcome<std::unique_ptr<PrivateDirectory>> make();
    PrivateDirectory(std::filesystem::path path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}
    ~PrivateDirectory();
    PrivateDirectory(const PrivateDirectory&) = delete;
    PrivateDirectory& operator=(const PrivateDirectory&) = delete;

    [[nodiscard]] Outcome<std::filesystem::path> write(const std::string& name, const SecretText& text) const;

private:
    std::filesystem::path path_;
    int descriptor_;  // locked while we live
};

// A file with a secret in it that stays: mode 0600, whole or as before, durable on return.
[[nodiscard]] Result<void> replace_private_file(const std::filesystem::path& file, const SecretText& text);
// The same for one that must not be there yet (kAlreadyExists). Nothing is left behind on failure.
[[nodiscard]] Result<void> write_new_private_file(const std::filesystem::path& file, const SecretText& text);

}  // namespace bmcvault::cli
