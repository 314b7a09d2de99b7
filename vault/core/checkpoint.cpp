#include "vault/core/checkpoint.hpp"

#include <fmt/format.h>

#include "vault/core/audit_chain.hpp"
#include "vault/core/line_reader.hpp"

namespace bmcvault::vault {
namespace {

// "KEY=VALUE " from the beginning of the rest of the line.
std::string_view next_value(LineReader& reader, std::string_view& rest, std::string_view key) {
    if (!rest.starts_with(key)) {
        reader.mistake("not a line of a checkpoint");
        return {};
    }
    const auto end = rest.find(' ');
    const auto found = rest.substr(0, end).substr(key.size());
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    return found;
}

}  // namespace

std::string format_checkpoint(const Checkpoint& checkpoint) {
    return fmt::format("bmcvault-checkpoint/1 vault={} generation={} count={} head={} root={} signer={} signature={}",
                       to_base64(checkpoint.vault_id), checkpoint.generation, checkpoint.audit_count,
                       to_base64(checkpoint.audit_head), to_base64(checkpoint.root), to_base64(checkpoint.signer),
                       to_base64(checkpoint.signature));
}

Result<Checkpoint> parse_checkpoint(std::string_view text) {
    if (text.ends_with('\n')) text.remove_suffix(1);
    const auto line = std::string(text) + "\n";
    LineReader reader("checkpoint", line);
    auto rest = reader.value_of("bmcvault-checkpoint/1 ");
    Checkpoint checkpoint;
    checkpoint.vault_id = reader.fixed_bytes<16>(next_value(reader, rest, "vault="));
    checkpoint.generation = reader.number<std::uint64_t>(next_value(reader, rest, "generation="));
    checkpoint.audit_count = reader.number<std::uint64_t>(next_value(reader, rest, "count="));
    checkpoint.audit_head = reader.fixed_bytes<32>(next_value(reader, rest, "head="));
    checkpoint.root = reader.fixed_bytes<32>(next_value(reader, rest, "root="));
    checkpoint.signer = reader.fixed_bytes<32>(next_value(reader, rest, "signer="));
    checkpoint.signature = reader.fixed_bytes<64>(next_value(reader, rest, "signature="));
    if (reader.failed()) return reader.error();
    if (format_checkpoint(checkpoint) != text)
        return fail(ErrorCode::kDamaged, "checkpoint: not in canonical form; it is one line, as bmcvault gave it");
    const auto covered = audit_signed_bytes(checkpoint.vault_id, checkpoint.audit_count, checkpoint.audit_head);
    if (!verify_signature(covered, checkpoint.signature, checkpoint.signer))
        return fail(ErrorCode::kDamaged, "checkpoint: it was changed on its way, its signature does not fit");
    return checkpoint;
}

}  // namespace bmcvault::vault
