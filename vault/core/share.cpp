#include "vault/core/share.hpp"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>

namespace bmcvault::vault {
namespace {

constexpr std::string_view kMagicPrefix = "bmcvault-share/";
constexpr std::string_view kSignedLabel = "bmcvault-h1";
constexpr std::string_view kDigits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";  // Crockford's: no I, L, O, U
constexpr std::size_t kGroup = 4;
constexpr std::size_t kGroups = 5;  // four of data, one of check
constexpr unsigned kDigitBits = 5;
constexpr std::size_t kHeadSize = 1 + sizeof(VaultId) + 4 + 3;
constexpr std::size_t kSignedSize = kHeadSize + Key32::kSize;
constexpr std::size_t kPayloadSize = kSignedSize + sizeof(Signature);
constexpr std::uint8_t kFormat = 1;
static_assert(kPayloadSize == kShareLines * kShareLineBytes);
// A line's ten bytes and the check behind them, 20 bits in three bytes, of which the last four are nothing.
constexpr std::size_t kCheckedBytes = kShareLineBytes + 3;

using Payload = Secret<kPayloadSize>;
using CheckedLine = Secret<kCheckedBytes>;

std::unexpected<Error> mistyped(std::size_t line, std::string_view what) {
    return fail(ErrorCode::kInvalidArgument, fmt::format("line {:02}: {}", line, what));
}

void write_head(const Share& share, std::uint8_t* out) {
    *out++ = kFormat;
    out = std::ranges::copy(share.vault_id, out).out;
    for (unsigned shift = 0; shift < 32; shift += 8) *out++ = static_cast<std::uint8_t>(share.slot >> shift);
    *out++ = share.threshold;
    *out++ = share.count;
    *out = share.number;
}

void write_signed(const Share& share, std::uint8_t* out) {
    write_head(share, out);
    share.part.expose([&](auto bytes) { std::ranges::copy(bytes, out + kHeadSize); });
}

using SignedBytes = Secret<kSignedLabel.size() + kSignedSize>;

SignedBytes signed_bytes(const Share& share) {
    SignedBytes message;
    message.expose_mutable([&](auto out) {
        std::ranges::copy(as_bytes(kSignedLabel), out.begin());
        write_signed(share, out.data() + kSignedLabel.size());
    });
    return message;
}

// The check of a line depends on its place: two that were swapped are noticed.
std::array<std::uint8_t, 3> check_of(std::size_t line, std::span<const std::uint8_t> bytes) {
    crypto_generichash_state state;
    std::array<std::uint8_t, crypto_generichash_BYTES_MIN> digest{};
    const auto place = static_cast<std::uint8_t>(line);
    crypto_generichash_init(&state, nullptr, 0, digest.size());
    crypto_generichash_update(&state, &place, 1);
    crypto_generichash_update(&state, bytes.data(), bytes.size());
    crypto_generichash_final(&state, digest.data(), digest.size());
    sodium_memzero(&state, sizeof(state));
    return {digest[0], digest[1], static_cast<std::uint8_t>(digest[2] & 0xf0U)};
}

std::uint8_t five_bits(std::span<const std::uint8_t> bytes, std::size_t digit) {
    const auto bit = digit * kDigitBits;
    const auto high = static_cast<unsigned>(bytes[bit / 8]) << 8U;
    const auto low = bit / 8 + 1 < bytes.size() ? bytes[bit / 8 + 1] : 0U;
    return static_cast<std::uint8_t>(((high | low) >> (16 - kDigitBits - bit % 8)) & 31U);
}

void put_five_bits(std::span<std::uint8_t> bytes, std::size_t digit, unsigned value) {
    const auto bit = digit * kDigitBits;
    const auto wide = value << (16 - kDigitBits - bit % 8);
    bytes[bit / 8] |= static_cast<std::uint8_t>(wide >> 8U);
    if (bit / 8 + 1 < bytes.size()) bytes[bit / 8 + 1] |= static_cast<std::uint8_t>(wide);
}

std::optional<unsigned> value_of_digit(char c) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    if (c == 'O') c = '0';
    if (c == 'I' || c == 'L') c = '1';
    const auto at = kDigits.find(c);
    if (at == std::string_view::npos) return std::nullopt;
    return static_cast<unsigned>(at);
}

char* write_line(std::size_t line, std::span<const std::uint8_t> bytes, char* out) {
    CheckedLine checked;
    checked.expose_mutable([&](auto all) {
        std::ranges::copy(bytes, all.begin());
        std::ranges::copy(check_of(line, bytes), all.begin() + kShareLineBytes);
    });
    *out++ = static_cast<char>('0' + line / 10);
    *out++ = static_cast<char>('0' + line % 10);
    checked.expose([&](auto all) {
        for (std::size_t digit = 0; digit < kGroups * kGroup; ++digit) {
            if (digit % kGroup == 0) *out++ = ' ';
            *out++ = kDigits[five_bits(all, digit)];
        }
    });
    *out++ = '\n';
    return out;
}

constexpr bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
    return text;
}

// Takes the number off the front of a line that has one.
Result<std::string_view> without_number(std::size_t line, std::string_view text) {
    const auto end = std::ranges::find_if(text, is_space);
    const auto word = text.substr(0, static_cast<std::size_t>(end - text.begin()));
    if (word.size() > 2) return text;
    const bool fits = word.size() == 2 && word[0] == static_cast<char>('0' + line / 10) &&
                      word[1] == static_cast<char>('0' + line % 10);
    if (!fits) return mistyped(line, "it should begin with its number: a line is missing, or is there twice");
    return text.substr(word.size());
}

Result<void> read_line(std::size_t line, std::string_view text, std::span<std::uint8_t> out) {
    const auto groups = without_number(line, trimmed(text));
    if (!groups) return std::unexpected(groups.error());
    CheckedLine checked;
    std::size_t digits = 0;
    for (const char c : *groups) {
        if (is_space(c)) continue;
        const auto value = value_of_digit(c);
        if (!value) return mistyped(line, "a character that no share has");
        if (++digits > kGroups * kGroup) return mistyped(line, "too long: five groups of four are a line");
        checked.expose_mutable([&](auto all) { put_five_bits(all, digits - 1, *value); });
    }
    if (digits < kGroups * kGroup) return mistyped(line, "too short: five groups of four are a line");
    return checked.expose([&](auto all) -> Result<void> {
        const auto bytes = all.template first<kShareLineBytes>();
        const auto check = check_of(line, bytes);
        if (!std::ranges::equal(check, all.template last<3>()))
            return mistyped(line, "mistyped: its check does not fit");
        std::ranges::copy(bytes, out.begin());
        return {};
    });
}

// The next line that counts; empty at the end.
std::string_view next_line(std::string_view& rest) {
    while (!rest.empty()) {
        const auto end = std::min(rest.find('\n'), rest.size());
        const auto line = trimmed(rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
        if (!line.empty() && line.front() != '#') return line;
    }
    return {};
}

Result<Share> share_of(std::span<const std::uint8_t, kPayloadSize> bytes) {
    if (bytes.front() != kFormat) return fail(ErrorCode::kUnsupported, "the share needs a newer bmcvault");
    Share share;
    std::ranges::copy(bytes.subspan<1, sizeof(VaultId)>(), share.vault_id.begin());
    const auto rest = bytes.subspan(1 + sizeof(VaultId));
    for (unsigned i = 0; i < 4; ++i) share.slot |= static_cast<std::uint32_t>(rest[i]) << (8 * i);
    share.threshold = rest[4];
    share.count = rest[5];
    share.number = rest[6];
    share.part = Key32(bytes.subspan<kHeadSize, Key32::kSize>());
    std::ranges::copy(bytes.last<sizeof(Signature)>(), share.signature.begin());
    const bool bounds = share.threshold >= kMinThreshold && share.threshold <= share.count &&
                        share.count <= kMaxShares && share.number >= 1 && share.number <= share.count;
    if (!bounds) return fail(ErrorCode::kInvalidArgument, "its numbers can not be those of a share");
    return share;
}

}  // namespace

void sign_share(Share& share, const Key32& signing_seed) {
    share.signature = signed_bytes(share).expose([&](auto bytes) { return sign(bytes, signing_seed); });
}

ShareText format_share(const Share& share) {
    Payload payload;
    payload.expose_mutable([&](auto out) {
        write_signed(share, out.data());
        std::ranges::copy(share.signature, out.begin() + kSignedSize);
    });
    ShareText text;
    text.expose_mutable([&](auto out) {
        auto* at = reinterpret_cast<char*>(out.data());
        at = std::ranges::copy(kShareMagic, at).out;
        *at++ = '\n';
        payload.expose([&](auto bytes) {
            for (std::size_t line = 0; line < kShareLines; ++line)
                at = write_line(line + 1, bytes.subspan(line * kShareLineBytes, kShareLineBytes), at);
        });
    });
    return text;
}

Result<Share> parse_share(std::string_view text) {
    const auto magic = next_line(text);
    if (magic != kShareMagic) {
        if (magic.starts_with(kMagicPrefix)) return fail(ErrorCode::kUnsupported, "the share needs a newer bmcvault");
        return fail(ErrorCode::kInvalidArgument, fmt::format("no share: it should begin with {}", kShareMagic));
    }
    Payload payload;
    for (std::size_t line = 1; line <= kShareLines; ++line) {
        const auto typed = next_line(text);
        if (typed.empty()) return mistyped(line, "missing");
        auto done = payload.expose_mutable([&](auto out) {
            return read_line(line, typed, out.subspan((line - 1) * kShareLineBytes, kShareLineBytes));
        });
        if (!done) return std::unexpected(done.error());
    }
    if (!next_line(text).empty()) return fail(ErrorCode::kInvalidArgument, "there is more behind the last line");
    return payload.expose([](auto bytes) { return share_of(bytes); });
}

Result<void> check_share_line(std::size_t number, std::string_view line) {
    Secret<kShareLineBytes> ignored;
    return ignored.expose_mutable([&](auto out) { return read_line(number, line, out); });
}

Result<void> check_share(const Share& share, const VaultId& vault_id, const Slot& slot) {
    if (share.vault_id != vault_id) return fail(ErrorCode::kInvalidArgument, "it is a share of another vault");
    if (share.slot != slot.number)
        return fail(ErrorCode::kInvalidArgument,
                    fmt::format("it is a share of slot {}, and the vault's is slot {} now", share.slot, slot.number));
    const auto& break_glass = std::get<BreakGlassSlot>(slot.kind);
    const bool ours = signed_bytes(share).expose(
        [&](auto bytes) { return verify_signature(bytes, share.signature, break_glass.keys.signing); });
    if (!ours) return fail(ErrorCode::kInvalidArgument, "it is not as bmcvault wrote it: its signature does not fit");
    if (share.threshold != break_glass.threshold || share.count != break_glass.shares)
        return fail(ErrorCode::kInvalidArgument, "its numbers are not those of the slot");
    return {};
}

}  // namespace bmcvault::vault
