#include "vault/core/head.hpp"

#include <fmt/format.h>

#include <tuple>

#include "vault/core/line_reader.hpp"

namespace bmcvault::vault {

namespace {

constexpr std::string_view kVersion1 = "bmcvault-head/1";
constexpr std::string_view kVersion2 = "bmcvault-head/2";

HeaderPin read_pin(LineReader& reader) {
    HeaderPin pin;
    pin.admin = reader.fixed_bytes<32>(reader.value_of("admin "));
    pin.sqlcipher_format = reader.number<std::uint32_t>(reader.value_of("sqlcipher-format "));
    pin.min_reader = reader.number<std::uint32_t>(reader.value_of("min-reader "));
    pin.audit_count = reader.number<std::uint64_t>(reader.value_of("header-audit-count "));
    return pin;
}

auto extent(const Head& head) {
    return std::tuple(head.generation, head.audit_count, head.pin ? head.pin->audit_count + 1 : 0);
}

}  // namespace

HeaderPin pin_of(const Header& header) {
    return {header.admin_public_key, header.sqlcipher_format, header.min_reader, header.audit_count};
}

Result<Head> parse_head(std::string_view text) {
    Head head;
    LineReader reader("head file", text);
    const auto version = reader.line();
    if (text.size() > kMaxHeadSize || (version != kVersion1 && version != kVersion2))
        reader.mistake("not a bmcvault head file");
    head.vault_id = reader.fixed_bytes<16>(reader.value_of("vault-id "));
    head.generation = reader.number<std::uint64_t>(reader.value_of("generation "));
    head.audit_count = reader.number<std::uint64_t>(reader.value_of("audit-count "));
    head.audit_head = reader.fixed_bytes<32>(reader.value_of("audit-head "));
    if (version == kVersion2) head.pin = read_pin(reader);
    if (reader.failed()) return reader.error();
    if (format_head(head) != text) return fail(ErrorCode::kDamaged, "head file: not in canonical form");
    return head;
}

std::string format_head(const Head& head) {
    auto text =
        fmt::format("{}\nvault-id {}\ngeneration {}\naudit-count {}\naudit-head {}\n", head.pin ? kVersion2 : kVersion1,
                    to_base64(head.vault_id), head.generation, head.audit_count, to_base64(head.audit_head));
    if (const auto& pin = head.pin)
        text += fmt::format("admin {}\nsqlcipher-format {}\nmin-reader {}\nheader-audit-count {}\n",
                            to_base64(pin->admin), pin->sqlcipher_format, pin->min_reader, pin->audit_count);
    return text;
}

Head later(const Head& seen, const Head& next) {
    if (extent(seen) >= extent(next)) return seen;
    auto head = next;
    // A process that has the vault open goes on with the header that it has read.
    if (head.pin && seen.pin && seen.generation == next.generation && seen.pin->audit_count > head.pin->audit_count)
        head.pin = seen.pin;
    return head;
}

Freshness compare(const Head& head, std::uint64_t vault_generation, const std::optional<Digest>& found) {
    if (vault_generation < head.generation || !found) return Freshness::kRolledBack;
    return *found == head.audit_head ? Freshness::kFresh : Freshness::kForked;
}

bool is_downgraded(const Head& head, const Header& header) {
    if (!head.pin) return false;
    const auto& pin = *head.pin;
    const bool older = header.generation == head.generation && header.audit_count < pin.audit_count;
    return older || header.sqlcipher_format < pin.sqlcipher_format || header.min_reader < pin.min_reader;
}

}  // namespace bmcvault::vault
