#include "vault/core/audit_pack.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <tuple>

#include "vault/base/check.hpp"

namespace bmcvault::vault {
namespace {

constexpr std::uint8_t kHasBmc = 1;
constexpr std::uint8_t kHasState = 2;
constexpr std::uint8_t kIsSigned = 4;
constexpr std::size_t kUuidSize = 16;
constexpr std::array kTexts{&AuditEntry::actor, &AuditEntry::event, &AuditEntry::body};
constexpr std::size_t kFixedSizeOfEntry = 8 + 3 * 4 + 1;  // of an entry: time, three lengths, flags

std::uint8_t flags_of(const AuditEntry& entry) {
    std::uint8_t flags = entry.bmc ? kHasBmc : 0;
    if (entry.state) flags |= kHasState;
    if (entry.state && entry.state->is_signed) flags |= kIsSigned;
    return flags;
}

bool are_flags(std::uint8_t flags) {
    const bool known = flags <= (kHasBmc | kHasState | kIsSigned);
    const bool signs_without_state = (flags & kIsSigned) != 0 && (flags & kHasState) == 0;
    return known && !signs_without_state;
}

// Takes from the front; too little left makes it bad for ever.
class Front {
public:
    explicit Front(ByteView left) : left_(left) {}
    ByteView take(std::size_t size) {
        if (size > left_.size()) {
            bad_ = true;
            return {};
        }
        const auto taken = left_.first(size);
        left_ = left_.subspan(size);
        return taken;
    }
    std::uint64_t integer(std::size_t size) {
        std::uint64_t value = 0;
        const auto bytes = take(size);
        for (std::size_t i = bytes.size(); i > 0; --i) value = value << 8U | bytes[i - 1];
        return value;
    }
    std::string_view text(std::size_t size) {
        const auto bytes = take(size);
        return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    }
    template <std::size_t N>
    std::array<std::uint8_t, N> array() {
        std::array<std::uint8_t, N> out{};
        std::ranges::copy(take(N), out.begin());
        return out;
    }
    [[nodiscard]] bool bad() const { return bad_; }
    [[nodiscard]] bool is_used_up() const { return !bad_ && left_.empty(); }

private:
    ByteView left_;
    bool bad_ = false;
};

std::unexpected<Error> damaged() {
    return fail(ErrorCode::kDamaged, "a pack of audit records does not have its form");
}

std::vector<std::size_t> read_lengths(Front& front, std::size_t count) {
    std::vector<std::size_t> lengths(count);
    for (auto& length : lengths) length = static_cast<std::size_t>(front.integer(4));
    return lengths;
}

}  // namespace

std::size_t size_in_columns(const AuditEntry& entry) {
    return kFixedSizeOfEntry + entry.actor.size() + entry.event.size() + entry.body.size() +
           (entry.bmc ? kUuidSize : 0);
}

AuditColumns lay_out_audit(std::span<const AuditEntry> entries) {
    BMCVAULT_CHECK(!entries.empty() && entries.size() <= kMostPackedRecords);
    AuditColumns out;
    auto& columns = out.columns;
    append_u32_le(columns, static_cast<std::uint32_t>(entries.size()));
    std::uint64_t before = 0;
    for (const auto& entry : entries) {
        const auto at = static_cast<std::uint64_t>(entry.at.value);
        append_u64_le(columns, at - before);
        before = at;
    }
    for (const auto text : kTexts)
        for (const auto& entry : entries) append_u32_le(columns, static_cast<std::uint32_t>((entry.*text).size()));
    for (const auto& entry : entries) columns.push_back(flags_of(entry));
    for (const auto text : kTexts)
        for (const auto& entry : entries) append(columns, as_bytes(entry.*text));
    for (const auto& entry : entries) {
        if (entry.bmc) append(columns, entry.bmc->uuid);
        if (entry.state) append(out.roots, entry.state->root);
    }
    return out;
}

Result<std::vector<AuditEntry>> read_audit_columns(std::uint64_t first, ByteView columns, ByteView roots) {
    Front front(columns);
    Front root(roots);
    const auto count = static_cast<std::size_t>(front.integer(4));
    if (front.bad() || count == 0 || count > kMostPackedRecords) return damaged();
    std::vector<AuditEntry> entries(count);
    std::uint64_t at = 0;
    for (auto& entry : entries) {
        entry.sequence = first++;
        at += front.integer(8);
        entry.at = {static_cast<std::int64_t>(at)};
    }
    std::array<std::vector<std::size_t>, kTexts.size()> lengths;
    for (auto& each : lengths) each = read_lengths(front, count);
    const auto flags = front.take(count);
    if (front.bad() || !std::ranges::all_of(flags, are_flags)) return damaged();
    for (std::size_t text = 0; text < kTexts.size(); ++text)
        for (std::size_t i = 0; i < count; ++i) entries[i].*kTexts[text] = front.text(lengths[text][i]);
    for (std::size_t i = 0; i < count; ++i) {
        if ((flags[i] & kHasBmc) != 0) entries[i].bmc = BmcId{front.array<kUuidSize>()};
        if ((flags[i] & kHasState) != 0)
            entries[i].state = AuditEntry::State{root.array<std::tuple_size_v<Digest>>(), (flags[i] & kIsSigned) != 0};
    }
    if (!front.is_used_up() || !root.is_used_up()) return damaged();
    return entries;
}

}  // namespace bmcvault::vault
