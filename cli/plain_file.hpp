// Files without a secret in them, that people and other programs read and write.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

#include "vault/base/error.hpp"

namespace bmcvault::cli {

// kIo with the system's words (missing, a directory, no right to read it); kInvalidArgument: longer than `limit` bytes.
[[nodiscard]] Result<std::string> read_plain_file(const std::filesystem::path& file, std::size_t limit);

}  // namespace bmcvault::cli
