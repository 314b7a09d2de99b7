#include "vault/core/head.hpp"

#include <fmt/format.h>

#include "vault/core/line_reader.hpp"

namespace bmcvault::vault {

Result<Head> parse_head(std::string_view text) {
    Head head;
    LineReader reader("head file", text);
    if (text.size() > kMaxHeadSize || reader.line() != "bmcvault-head/1") reader.mistake("not a bmcvault head file");
    head.vault_id = reader.fixed_bytes<16>(reader.value_of("vault-id "));
    head.generation = reader.number<std::uint64_t>(reader.value_of("generation "));
    head.audit_count = reader.number<std::uint64_t>(reader.value_of("audit-count "));
    head.audit_head = reader.fixed_bytes<32>(reader.value_of("audit-head "));
    if (reader.failed()) return reader.error();
    if (format_head(head) != text) return fail(ErrorCode::kDamaged, "head file: not in canonical form");
    return head;
}

std::string format_head(const Head& head) {
    return fmt::format("bmcvault-head/1\nvault-id {}\ngeneration {}\naudit-count {}\naudit-head {}\n",
                       to_base64(head.vault_id), head.generation, head.audit_count, to_base64(head.audit_head));
}

Freshness compare(const Head& head, std::uint64_t vault_generation, const std::optional<Digest>& found) {
    if (vault_generation < head.generation || !found) return Freshness::kRolledBack;
    return *found == head.audit_head ? Freshness::kFresh : Freshness::kForked;
}

}  // namespace bmcvault::vault
