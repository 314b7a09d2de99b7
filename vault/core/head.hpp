// What a host has seen last of a vault, kept outside the vault and outside its backups: the head of the audit chain,
// and what the header was. A vault that does not hold this head was put back to an older state, or has gone another way
// since. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "vault/core/header.hpp"

namespace bmcvault::vault {

inline constexpr std::size_t kMaxHeadSize = 1024;

// What a later header of the same vault can't fall behind.
struct HeaderPin {
    std::array<std::uint8_t, 32> admin{};  // another one only with the signatures of all in between
    std::uint32_t sqlcipher_format = 0;
    std::uint32_t min_reader = 0;
    std::uint64_t audit_count = 0;  // of the header, when it was written
    friend bool operator==(const HeaderPin&, const HeaderPin&) = default;
};
[[nodiscard]] HeaderPin pin_of(const Header&);

struct Head {
    VaultId vault_id{};
    std::uint64_t generation = 1;
    std::uint64_t audit_count = 0;
    Digest audit_head{};
    std::optional<HeaderPin> pin{};  // none in the head files of the first programs
    friend bool operator==(const Head&, const Head&) = default;
};

// kDamaged: anything but what format_head writes.
[[nodiscard]] Result<Head> parse_head(std::string_view text);
[[nodiscard]] std::string format_head(const Head&);

// Of two heads of one vault the one that says more.
[[nodiscard]] Head later(const Head& seen, const Head& next);

enum class Freshness : std::uint8_t {
    kFresh,
    kRolledBack,  // the vault ends before the head: an older copy was put back
    kForked,      // another record stands at the head's place: two vaults have gone on from one
};

// `found`: the hash of the vault's audit record number head.audit_count; nullopt when there is none.
[[nodiscard]] Freshness compare(const Head& head, std::uint64_t vault_generation, const std::optional<Digest>& found);

// A header of the generation seen that is older than the one seen, or one that asks less of its reader.
[[nodiscard]] bool is_downgraded(const Head& head, const Header& header);

}  // namespace bmcvault::vault
