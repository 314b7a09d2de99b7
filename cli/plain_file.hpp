// Files that people and other programs read and write.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include "vault/base/error.hpp"

namespace bmcvault::cli {

// kIo with the system's words (missing, a directory, no right to read it); kInvalidArgument: longer than `limit` bytes.
[[nodiscard]] Result<std::string> read_plain_file(const std::filesystem::path& file, std::size_t limit);
// Durable on return; an existing one stays (kAlreadyExists). `mode` less the umask.
[[nodiscard]] Result<void> write_new_file(const std::filesystem::path& file, std::string_view content, mode_t mode);
// With all above it, durable on return.
[[nodiscard]] Result<void> make_directories(const std::filesystem::path& directory);

// A file that gets new content in one step. All that can fail for want of room is done before the step: files that
// belong together are all prepared, and then put in place.
class PlainFile {
public:
    // What is no regular file (a pipe, a terminal) is written as it stands, when it is put in place.
    [[nodiscard]] static Result<PlainFile> prepare(const std::filesystem::path& file, std::string_view content);
    PlainFile(PlainFile&& other) noexcept
        : target_(std::move(other.target_)),
          temporary_(std::exchange(other.temporary_, {})),
          content_(std::move(other.content_)) {}
    PlainFile& operator=(PlainFile&&) = delete;
    ~PlainFile();

    [[nodiscard]] Result<void> put_in_place();

private:
    PlainFile() = default;

    std::filesystem::path target_;
    std::string temporary_;  // empty once in place
    std::string content_;    // of what can't be replaced
};

}  // namespace bmcvault::cli
