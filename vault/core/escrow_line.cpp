#include "vault/core/escrow_line.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "vault/core/line_reader.hpp"
#include "vault/core/version_chain.hpp"

namespace bmcvault::vault {
namespace {

constexpr std::string_view kMagic = "bmcvault-escrow/1";
constexpr std::size_t kMaxWord = 255;
constexpr std::string_view kHexDigits = "0123456789abcdef";

std::unexpected<Error> damaged(std::string_view what) {
    return fail(ErrorCode::kDamaged, fmt::format("escrow log: {}", what));
}

std::string format_key(const EscrowKey& key) {
    return fmt::format("{} vault={} slot={} bmc={} kind={} subject={} version={} at={} ", kMagic, to_hex(key.vault_id),
                       key.slot, to_hex(key.bmc.uuid), to_word(key.subject.kind), key.subject.index, key.version.value,
                       key.at.value);
}

bool is_unreserved(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           std::string_view("-._~").contains(c);
}

// As in a URL: every language's library turns it back.
std::string percent_encoded(std::string_view text) {
    std::string out;
    for (const char c : text.substr(0, kMaxWord))
        out += is_unreserved(c) ? std::string(1, c) : "%" + to_hex(as_bytes({&c, 1}));
    return out;
}

std::string percent_decoded(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const bool is_escape = text.front() == '%' && text.size() >= 3;
        const auto byte = is_escape ? from_hex(text.substr(1, 2)) : Result<Bytes>(Bytes());
        const bool escaped = is_escape && byte && byte->size() == 1;
        out += escaped ? static_cast<char>(byte->front()) : text.front();
        text.remove_prefix(escaped ? 3 : 1);
    }
    return out;
}

std::string format_place(const EscrowedPlace& place) {
    return fmt::format("name={} address={} port={} user={} channel={} size={} secret=", percent_encoded(place.name),
                       percent_encoded(place.address), place.port, percent_encoded(place.user_name), place.channel,
                       static_cast<int>(place.size));
}

// Takes "key=value" and the space behind it off the front. What does not fit leaves an empty value, which the
// comparison with what would have been written finds.
std::string_view take(std::string_view& text, std::string_view key) {
    if (!text.starts_with(key) || !text.substr(key.size()).starts_with('=')) return {};
    text.remove_prefix(key.size() + 1);
    const auto end = std::min(text.find(' '), text.size());
    const auto value = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return value;
}

template <class T>
T number(std::string_view text) {
    T value{};
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

template <std::size_t N>
std::array<std::uint8_t, N> hex(std::string_view text) {
    std::array<std::uint8_t, N> out{};
    const auto bytes = from_hex(text);
    if (bytes && bytes->size() == N) std::ranges::copy(*bytes, out.begin());
    return out;
}

std::optional<Key20> secret_of(std::string_view digits) {
    if (digits.size() != 2 * kKeySize) return std::nullopt;
    Key20 secret;
    const bool fits = secret.expose_mutable([&](auto out) {
        for (std::size_t i = 0; i < digits.size(); ++i) {
            const auto value = kHexDigits.find(digits[i]);
            if (value == std::string_view::npos) return false;
            out[i / 2] =
                static_cast<std::uint8_t>(static_cast<unsigned>(out[i / 2]) << 4U | static_cast<unsigned>(value));
        }
        return true;
    });
    if (!fits) return std::nullopt;
    return secret;
}

}  // namespace

Result<EscrowLine> parse_escrow_line(std::string_view line) {
    if (line.size() > kMaxEscrowLine) return damaged("a line longer than 8 KiB");
    if (!line.starts_with(kMagic)) return damaged("not a line of it");
    auto rest = line.substr(std::min(kMagic.size() + 1, line.size()));
    EscrowLine read;
    auto& key = read.key;
    key.vault_id = hex<16>(take(rest, "vault"));
    key.slot = number<std::uint32_t>(take(rest, "slot"));
    key.bmc.uuid = hex<16>(take(rest, "bmc"));
    key.subject.kind = take(rest, "kind") == to_word(Kind::kKg) ? Kind::kKg : Kind::kPassword;
    key.subject.index = number<std::uint8_t>(take(rest, "subject"));
    key.version.value = number<std::uint32_t>(take(rest, "version"));
    key.at.value = number<std::int64_t>(take(rest, "at"));
    auto sealed = from_base64(take(rest, "sealed"));
    if (!sealed || sealed->empty()) return damaged("a line that is cut off or changed");
    read.sealed = std::move(*sealed);
    if (format_escrow_line(read) != line) return damaged("a line that is cut off or changed");
    return read;
}

std::string format_escrow_line(const EscrowLine& line) {
    return fmt::format("{}sealed={}", format_key(line.key), to_base64(line.sealed));
}

EscrowPlain::EscrowPlain(const EscrowKey& key, const EscrowedPlace& place, const Key20& secret) {
    const auto open = format_key(key) + format_place(place);
    size_ = open.size() + 2 * kKeySize;
    BMCVAULT_CHECK(size_ <= kMaxEscrowPlain);
    bytes_.expose_mutable([&](auto out) {
        auto at = std::ranges::copy(as_bytes(open), out.begin()).out;
        secret.expose([&](auto bytes) {
            for (const auto byte : bytes) {
                *at++ = static_cast<std::uint8_t>(kHexDigits[byte >> 4U]);
                *at++ = static_cast<std::uint8_t>(kHexDigits[byte & 15U]);
            }
        });
    });
}

Result<Escrowed> parse_escrow_plain(std::string_view plain, const EscrowKey& key) {
    const auto head = format_key(key);
    if (!plain.starts_with(head)) return damaged("what is sealed is not of its line");
    auto rest = plain.substr(head.size());
    const auto places = rest.substr(0, rest.size() - std::min(rest.size(), 2 * kKeySize));
    Escrowed read;
    auto& place = read.place;
    place.name = percent_decoded(take(rest, "name"));
    place.address = percent_decoded(take(rest, "address"));
    place.port = number<std::uint16_t>(take(rest, "port"));
    place.user_name = percent_decoded(take(rest, "user"));
    place.channel = number<std::uint8_t>(take(rest, "channel"));
    place.size = take(rest, "size") == "16" ? StoredSize::k16 : StoredSize::k20;
    auto secret = secret_of(take(rest, "secret"));
    if (!secret || format_place(place) != places) return damaged("what is sealed is not what bmcvault writes");
    read.secret = std::move(*secret);
    return read;
}

}  // namespace bmcvault::vault
