#include "vault/core/line_reader.hpp"

#include <fmt/format.h>
#include <sodium.h>

namespace bmcvault::vault {
namespace {

constexpr int kBase64 = sodium_base64_VARIANT_ORIGINAL_NO_PADDING;

}  // namespace

std::string to_base64(ByteView bytes) {
    std::string text(sodium_base64_ENCODED_LEN(bytes.size(), kBase64), '\0');
    sodium_bin2base64(text.data(), text.size(), bytes.data(), bytes.size(), kBase64);
    text.pop_back();  // the terminating zero
    return text;
}

std::optional<Bytes> from_base64(std::string_view text) {
    if (text.empty()) return Bytes();
    Bytes bytes(text.size());
    std::size_t size = 0;
    if (sodium_base642bin(bytes.data(), bytes.size(), text.data(), text.size(), nullptr, &size, nullptr, kBase64) != 0)
        return std::nullopt;
    bytes.resize(size);
    if (to_base64(bytes) != text) return std::nullopt;  // libsodium 1.0.18 takes letters above ASCII for an A
    return bytes;
}

void LineReader::mistake(std::string_view what, ErrorCode code) {
    if (!error_) error_ = fail(code, fmt::format("{}, line {}: {}", subject_, line_number_, what)).error();
}

std::string_view LineReader::line() {
    ++line_number_;
    const auto end = rest_.find('\n');
    if (failed() || end == std::string_view::npos) {
        mistake("ends in the middle");
        return {};
    }
    const auto text = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return text;
}

std::string_view LineReader::value_of(std::string_view prefix) {
    const auto text = line();
    if (failed()) return {};
    if (!text.starts_with(prefix)) {
        mistake(fmt::format("\"{}\" expected; unknown keys are refused", prefix));
        return {};
    }
    return text.substr(prefix.size());
}

}  // namespace bmcvault::vault
