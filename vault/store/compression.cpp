#include "vault/store/compression.hpp"

#include <fmt/format.h>
#include <zstd.h>

namespace bmcvault::vault {
namespace {

constexpr int kLevel = 9;

}  // namespace

Result<Bytes> compress(ByteView plain) {
    Bytes frame(ZSTD_compressBound(plain.size()));
    const auto size = ZSTD_compress(frame.data(), frame.size(), plain.data(), plain.size(), kLevel);
    if (ZSTD_isError(size) != 0)
        return fail(ErrorCode::kNoMemory, fmt::format("compression: {}", ZSTD_getErrorName(size)));
    frame.resize(size);
    return frame;
}

Result<Bytes> decompress(ByteView frame, std::size_t most) {
    const auto damaged = [] { return fail(ErrorCode::kDamaged, "compressed bytes do not have their form"); };
    // An unknown size and an error are the two largest numbers.
    const auto size = ZSTD_getFrameContentSize(frame.data(), frame.size());
    if (size > most || ZSTD_findFrameCompressedSize(frame.data(), frame.size()) != frame.size()) return damaged();
    Bytes plain(static_cast<std::size_t>(size));
    if (ZSTD_decompress(plain.data(), plain.size(), frame.data(), frame.size()) != plain.size()) return damaged();
    return plain;
}

}  // namespace bmcvault::vault
