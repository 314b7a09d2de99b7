// Reads a header line by line into values, then demands that writing the values gives the same bytes back: so exactly
// one spelling of each header is accepted, and no rule about spelling needs a check of its own.
#include "vault/core/header.hpp"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <functional>

#include "vault/core/line_reader.hpp"

namespace bmcvault::vault {
namespace {

constexpr std::string_view kMagic = "bmcvault-vault/1";
constexpr std::string_view kMagicPrefix = "bmcvault-vault/";
constexpr std::string_view kMacPrefix = "--- mac ";
constexpr std::string_view kSignaturePrefix = "=== sig ";
constexpr std::string_view kMemberType = "x25519";
constexpr std::string_view kServiceType = "service";
constexpr std::string_view kBreakGlassType = "break-glass";
constexpr std::size_t kBodyColumns = 64;
constexpr std::size_t kMaxNameSize = 64;
constexpr std::size_t kMaxArgumentsSize = 2048;

bool is_name_character(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           std::string_view("._@+-").contains(c);
}

// Takes "key=value" off the front of a slot's arguments.
std::string_view take_argument(LineReader& reader, std::string_view& arguments, std::string_view key) {
    const auto end = arguments.find(' ');
    const auto word = arguments.substr(0, end);
    if (!word.starts_with(key)) {
        reader.mistake(fmt::format("slot argument \"{}\" expected", key));
        return {};
    }
    arguments.remove_prefix(end == std::string_view::npos ? arguments.size() : end + 1);
    return word.substr(key.size());
}

std::vector<std::uint32_t> read_compartments(LineReader& reader, std::string_view text) {
    std::vector<std::uint32_t> compartments;
    while (!reader.failed()) {
        const auto comma = text.find(',');
        compartments.push_back(reader.number<std::uint32_t>(text.substr(0, comma)));
        if (compartments.size() > kMaxCompartments) reader.mistake("too many compartments");
        if (comma == std::string_view::npos) break;
        text.remove_prefix(comma + 1);
    }
    const bool ascending = std::ranges::adjacent_find(compartments, std::greater_equal{}) == compartments.end();
    if (!ascending || compartments.empty() || compartments.front() == 0)
        reader.mistake("compartments must be ascending, from 1");
    return compartments;
}

PublicKeys read_public_keys(LineReader& reader, std::string_view& arguments) {
    PublicKeys keys;
    keys.exchange = reader.fixed_bytes<32>(take_argument(reader, arguments, "pk="));
    keys.signing = reader.fixed_bytes<32>(take_argument(reader, arguments, "sign="));
    return keys;
}

constexpr std::string_view kNoCompartments = "-";

MemberSlot read_member(LineReader& reader, bool service, std::string_view arguments) {
    MemberSlot slot;
    slot.service = service;
    const auto role = role_from_word(take_argument(reader, arguments, "role="));
    if (!role) reader.mistake("unknown role");
    slot.role = role.value_or(Role::kAuditor);
    const auto granted = take_argument(reader, arguments, "caps=");
    if (granted != kNoCompartments) slot.compartments = read_compartments(reader, granted);
    slot.keys = read_public_keys(reader, arguments);
    if (!arguments.empty()) reader.mistake("unknown argument of a member's slot");
    if (slot.compartments.empty() != (slot.role == Role::kAuditor))
        reader.mistake("an auditor opens no compartment, everybody else does");
    return slot;
}

Argon2idSlot read_argon2id(LineReader& reader, std::string_view arguments) {
    Argon2idSlot slot;
    slot.operations = reader.number<std::uint32_t>(take_argument(reader, arguments, "ops="));
    slot.memory_bytes = reader.number<std::uint64_t>(take_argument(reader, arguments, "mem="));
    slot.compartments = read_compartments(reader, take_argument(reader, arguments, "caps="));
    slot.salt = reader.fixed_bytes<16>(take_argument(reader, arguments, "salt="));
    slot.commitment = reader.fixed_bytes<32>(take_argument(reader, arguments, "commit="));
    if (arguments.starts_with("pk=")) slot.keys = read_public_keys(reader, arguments);
    if (!arguments.empty()) reader.mistake("unknown argument of an argon2id slot");
    if (slot.operations < kMinArgon2Operations || slot.operations > kMaxArgon2Operations ||
        slot.memory_bytes < kMinArgon2Memory || slot.memory_bytes > kMaxArgon2Memory)
        reader.mistake("Argon2 cost outside 64 MiB to 2 GiB and 1 to 16 operations");
    return slot;
}

BreakGlassSlot read_break_glass(LineReader& reader, std::string_view arguments) {
    BreakGlassSlot slot;
    slot.threshold = reader.number<std::uint32_t>(take_argument(reader, arguments, "k="));
    slot.shares = reader.number<std::uint32_t>(take_argument(reader, arguments, "n="));
    slot.compartments = read_compartments(reader, take_argument(reader, arguments, "caps="));
    slot.keys = read_public_keys(reader, arguments);
    if (!arguments.empty()) reader.mistake("unknown argument of a break-glass slot");
    if (slot.threshold < kMinThreshold || slot.threshold > slot.shares || slot.shares > kMaxShares)
        reader.mistake("shares outside 2 <= k <= n <= 16");
    return slot;
}

UnknownSlot read_unknown(LineReader& reader, std::string_view type, std::string_view arguments) {
    const bool printable = std::ranges::all_of(arguments, [](char c) { return c >= ' ' && c <= '~'; });
    if (!printable || arguments.size() > kMaxArgumentsSize) reader.mistake("slot arguments are not plain text");
    return {std::string(type), std::string(arguments)};
}

Bytes read_body(LineReader& reader) {
    std::string text;
    while (!reader.failed()) {
        const auto line = reader.line();
        if (line.size() > kBodyColumns) reader.mistake("line of a slot body longer than 64");
        text += line;
        if (text.size() > 2 * kMaxSlotBodySize) reader.mistake("slot body too long");
        if (line.size() < kBodyColumns) break;  // as in age: the last line is the one that is not full
    }
    auto body = from_base64(text);
    if (!body || body->empty() || body->size() > kMaxSlotBodySize) {
        reader.mistake("slot body is not base64 of 1 to 4096 bytes");
        return {};
    }
    return std::move(*body);
}

Slot read_slot(LineReader& reader) {
    Slot slot;
    auto arguments = reader.value_of("-> ");
    const auto space = arguments.find(' ');
    const auto type = arguments.substr(0, space);
    arguments.remove_prefix(space == std::string_view::npos ? arguments.size() : space + 1);
    if (!is_slot_name(type)) reader.mistake("slot type missing");
    slot.number = reader.number<std::uint32_t>(take_argument(reader, arguments, "slot="));
    slot.name = take_argument(reader, arguments, "id=");
    if (slot.number == 0) reader.mistake("slot numbers begin at 1");
    if (!is_slot_name(slot.name)) reader.mistake("slot id missing or with forbidden characters");
    if (type == "argon2id")
        slot.kind = read_argon2id(reader, arguments);
    else if (type == kMemberType || type == kServiceType)
        slot.kind = read_member(reader, type == kServiceType, arguments);
    else if (type == kBreakGlassType)
        slot.kind = read_break_glass(reader, arguments);
    else
        slot.kind = read_unknown(reader, type, arguments);
    slot.body = read_body(reader);
    return slot;
}

void read_fields(LineReader& reader, Header& header) {
    const auto magic = reader.line();
    if (magic != kMagic) {
        const bool newer = magic.starts_with(kMagicPrefix);
        reader.mistake(newer ? "another version of the header format" : "not a bmcvault header",
                       newer ? ErrorCode::kUnsupported : ErrorCode::kDamaged);
        return;
    }
    header.vault_id = reader.fixed_bytes<16>(reader.value_of("vault-id "));
    header.generation = reader.number<std::uint64_t>(reader.value_of("generation "));
    if (header.generation == 0) reader.mistake("generations begin at 1");
    header.store_file = reader.value_of("store ");
    if (header.store_file != store_file_name(header.generation))
        reader.mistake("the store file's name does not fit the generation");
    header.sqlcipher_format = reader.number<std::uint32_t>(reader.value_of("sqlcipher-format "));
    header.page_size = reader.number<std::uint32_t>(reader.value_of("page "));
    header.min_reader = reader.number<std::uint32_t>(reader.value_of("min-reader "));
    if (!reader.failed() && (header.sqlcipher_format != kSqlcipherFormat || header.page_size != kPageSize ||
                             header.min_reader > kReaderVersion))
        reader.mistake("this vault needs a newer bmcvault", ErrorCode::kUnsupported);
    header.previous_header = reader.fixed_bytes<32>(reader.value_of("prev-header "));
    header.audit_count = reader.number<std::uint64_t>(reader.value_of("audit-count "));
    header.audit_head = reader.fixed_bytes<32>(reader.value_of("audit-head "));
    header.created_at = reader.number<std::int64_t>(reader.value_of("created "));
    header.admin_public_key = reader.fixed_bytes<32>(reader.value_of("admin "));
}

// What trying one passphrase on every slot costs: as much as two slots at the bounds of one.
bool cost_too_much(const std::vector<Slot>& slots) {
    std::uint64_t cost = 0;
    for (const auto& slot : slots) {
        const auto* argon2id = std::get_if<Argon2idSlot>(&slot.kind);
        if (argon2id != nullptr) cost += argon2id->operations * argon2id->memory_bytes;
    }
    return cost > std::uint64_t{2} * kMaxArgon2Operations * kMaxArgon2Memory;
}

void read_slots(LineReader& reader, Header& header) {
    while (reader.next_is("-> ")) {
        if (header.slots.size() == kMaxSlots) return reader.mistake("more than 128 slots");
        auto slot = read_slot(reader);
        const bool again =
            std::ranges::any_of(header.slots, [&](const Slot& other) { return other.number == slot.number; });
        if (again) reader.mistake("two slots with one number");
        header.slots.push_back(std::move(slot));
    }
    if (cost_too_much(header.slots)) reader.mistake("the Argon2 costs of all slots together are beyond the bounds");
}

std::string format_keys(const PublicKeys& keys) {
    return fmt::format(" pk={} sign={}", to_base64(keys.exchange), to_base64(keys.signing));
}

std::string format_arguments(const Argon2idSlot& slot) {
    return fmt::format(" ops={} mem={} caps={} salt={} commit={}{}", slot.operations, slot.memory_bytes,
                       fmt::join(slot.compartments, ","), to_base64(slot.salt), to_base64(slot.commitment),
                       slot.keys ? format_keys(*slot.keys) : "");
}

std::string format_arguments(const MemberSlot& slot) {
    const auto granted = fmt::format("{}", fmt::join(slot.compartments, ","));
    return fmt::format(" role={} caps={}{}", to_word(slot.role), granted.empty() ? kNoCompartments : granted,
                       format_keys(slot.keys));
}

std::string format_arguments(const BreakGlassSlot& slot) {
    return fmt::format(" k={} n={} caps={}{}", slot.threshold, slot.shares, fmt::join(slot.compartments, ","),
                       format_keys(slot.keys));
}

std::string format_arguments(const UnknownSlot& slot) {
    return slot.arguments.empty() ? "" : " " + slot.arguments;
}

void append_slot(std::string& out, const Slot& slot) {
    out += fmt::format("-> {} slot={} id={}{}\n", slot_type(slot), slot.number, slot.name,
                       std::visit([](const auto& kind) { return format_arguments(kind); }, slot.kind));
    const auto body = to_base64(slot.body);
    for (std::size_t at = 0; at <= body.size(); at += kBodyColumns) out += body.substr(at, kBodyColumns) + "\n";
}

}  // namespace

std::string_view to_word(Role role) {
    switch (role) {
        case Role::kOwner:
            return "owner";
        case Role::kOperator:
            return "operator";
        case Role::kAuditor:
            break;
    }
    return "auditor";
}

std::optional<Role> role_from_word(std::string_view word) {
    for (const auto role : {Role::kOwner, Role::kOperator, Role::kAuditor})
        if (to_word(role) == word) return role;
    return std::nullopt;
}

std::string_view slot_type(const Slot& slot) {
    if (const auto* unknown = std::get_if<UnknownSlot>(&slot.kind)) return unknown->type;
    if (std::holds_alternative<BreakGlassSlot>(slot.kind)) return kBreakGlassType;
    const auto* member = std::get_if<MemberSlot>(&slot.kind);
    if (member == nullptr) return "argon2id";
    return member->service ? kServiceType : kMemberType;
}

Role role_of(const Slot& slot) {
    if (const auto* member = std::get_if<MemberSlot>(&slot.kind)) return member->role;
    return std::holds_alternative<UnknownSlot>(slot.kind) ? Role::kAuditor : Role::kOwner;
}

const std::vector<std::uint32_t>& compartments_of(const Slot& slot) {
    static const std::vector<std::uint32_t> none;
    if (const auto* argon2id = std::get_if<Argon2idSlot>(&slot.kind)) return argon2id->compartments;
    if (const auto* break_glass = std::get_if<BreakGlassSlot>(&slot.kind)) return break_glass->compartments;
    const auto* member = std::get_if<MemberSlot>(&slot.kind);
    return member == nullptr ? none : member->compartments;
}

const PublicKeys* public_keys_of(const Slot& slot) {
    if (const auto* member = std::get_if<MemberSlot>(&slot.kind)) return &member->keys;
    if (const auto* break_glass = std::get_if<BreakGlassSlot>(&slot.kind)) return &break_glass->keys;
    const auto* argon2id = std::get_if<Argon2idSlot>(&slot.kind);
    return argon2id != nullptr && argon2id->keys ? &*argon2id->keys : nullptr;
}

const Slot* break_glass_slot_of(const Header& header) {
    const auto found = std::ranges::find_if(
        header.slots, [](const Slot& slot) { return std::holds_alternative<BreakGlassSlot>(slot.kind); });
    return found == header.slots.end() ? nullptr : &*found;
}

bool is_slot_name(std::string_view text) {
    return !text.empty() && text.size() <= kMaxNameSize && std::ranges::all_of(text, is_name_character);
}

std::string store_file_name(std::uint64_t generation) {
    return fmt::format("store-{:06}.db", generation);
}

std::string header_text_under_mac(const Header& header) {
    auto out = fmt::format("{}\nvault-id {}\ngeneration {}\nstore {}\nsqlcipher-format {}\npage {}\nmin-reader {}\n",
                           kMagic, to_base64(header.vault_id), header.generation, header.store_file,
                           header.sqlcipher_format, header.page_size, header.min_reader);
    out += fmt::format("prev-header {}\naudit-count {}\naudit-head {}\ncreated {}\nadmin {}\n",
                       to_base64(header.previous_header), header.audit_count, to_base64(header.audit_head),
                       header.created_at, to_base64(header.admin_public_key));
    for (const auto& slot : header.slots) append_slot(out, slot);
    return out;
}

std::string header_text_under_signature(const Header& header) {
    return fmt::format("{}{}{}\n", header_text_under_mac(header), kMacPrefix, to_base64(header.mac));
}

std::string format_header(const Header& header) {
    return fmt::format("{}{}{}\n", header_text_under_signature(header), kSignaturePrefix, to_base64(header.signature));
}

Result<Header> parse_unverified_header(std::string_view text) {
    if (text.size() > kMaxHeaderSize) return fail(ErrorCode::kDamaged, "vault header: larger than 256 KiB");
    Header header;
    LineReader reader("vault header", text);
    read_fields(reader, header);
    read_slots(reader, header);
    if (header.slots.empty()) reader.mistake("no slot: nobody could open this vault");
    header.mac = reader.fixed_bytes<32>(reader.value_of(kMacPrefix));
    header.signature = reader.fixed_bytes<64>(reader.value_of(kSignaturePrefix));
    if (!reader.at_end()) reader.mistake("bytes after the signature");
    if (reader.failed()) return reader.error();
    if (format_header(header) != text) return fail(ErrorCode::kDamaged, "vault header: not in canonical form");
    return header;
}

Result<Header> parse_header(std::string_view text) {
    auto header = parse_unverified_header(text);
    if (!header) return header;
    const auto signed_text = header_text_under_signature(*header);
    if (crypto_sign_verify_detached(header->signature.data(), as_bytes(signed_text).data(), signed_text.size(),
                                    header->admin_public_key.data()) != 0)
        return fail(ErrorCode::kDamaged, "vault header: the administrator's signature does not fit");
    return header;
}

}  // namespace bmcvault::vault
