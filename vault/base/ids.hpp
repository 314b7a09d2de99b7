// Strong ids and times: no two of them mix, none is a bare integer.
#pragma once

#include <array>
#include <compare>
#include <cstdint>

#include "vault/base/bytes.hpp"

namespace bmcvault {

template <class Tag, class Value>
struct Strong {
    Value value{};
    friend auto operator<=>(const Strong&, const Strong&) = default;
};

// A managed BMC for ever: random, 16 bytes, never reused when a board is replaced.
struct BmcId {
    std::array<std::uint8_t, 16> uuid{};
    friend auto operator<=>(const BmcId&, const BmcId&) = default;
};

using UserId = Strong<struct UserIdTag, std::uint8_t>;           // user slot, 1 to 63 (IPMI 2.0 §22.26)
using Channel = Strong<struct ChannelTag, std::uint8_t>;         // 0 to 0Fh, 0Eh = the one we came in on (§6.3)
using VersionNumber = Strong<struct VersionTag, std::uint32_t>;  // of a credential, 1 upwards, per subject
using UnixTime = Strong<struct UnixTimeTag, std::int64_t>;       // seconds since 1970, UTC

}  // namespace bmcvault
