// One share of a break-glass key, as a text that is kept in a file or printed, and typed in again.
// (docs/vault-format.md) It says what it belongs to and is signed by the slot's own key, so that a wrong one is named
// before any are joined; each line has a check of its own, so that a mistyped one is. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "vault/core/header.hpp"
#include "vault/core/keys.hpp"

namespace bmcvault::vault {

inline constexpr std::string_view kShareMagic = "bmcvault-share/1";
inline constexpr std::size_t kShareLines = 12;
inline constexpr std::size_t kShareLineBytes = 10;
inline constexpr std::size_t kShareLineSize = 27;  // "07 ABCD EFGH JKMN PQRS TVWX"
inline constexpr std::size_t kShareTextSize = kShareMagic.size() + 1 + kShareLines * (kShareLineSize + 1);

// Of its slot.
inline constexpr std::string_view kBreakGlassName = "break-glass";

struct Share {
    VaultId vault_id{};
    std::uint32_t slot = 0;
    std::uint8_t threshold = 0;  // so many make the key ...
    std::uint8_t count = 0;      // ... of so many
    std::uint8_t number = 0;     // this one, from 1
    Key32 part;
    Signature signature{};
};

void sign_share(Share&, const Key32& signing_seed);

using ShareText = Secret<kShareTextSize>;
[[nodiscard]] ShareText format_share(const Share&);
// Small letters, other spacing, empty lines and lines that begin with # are fine, also O for 0 and I or L for 1.
// kInvalidArgument names the line that is mistyped, kUnsupported a newer format.
[[nodiscard]] Result<Share> parse_share(std::string_view text);
// One line by itself, from 1, with its number or without: for somebody who is typing.
[[nodiscard]] Result<void> check_share_line(std::size_t number, std::string_view line);

// kInvalidArgument: of another vault or slot, or not as it was signed.
[[nodiscard]] Result<void> check_share(const Share&, const VaultId&, const Slot&);

}  // namespace bmcvault::vault
