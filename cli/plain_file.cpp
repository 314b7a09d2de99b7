#include "cli/plain_file.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>

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

}  // namespace bmcvault::cli
