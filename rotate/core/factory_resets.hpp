// Vendors' own commands that set a BMC back to its factory state, with their sources in docs/vendor-defaults.md. None
// is part of IPMI, and none says when it is done: what it did is seen by what the BMC accepts afterwards.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "rotate/core/wipe_settings.hpp"

namespace bmcvault::rotate {

struct FactoryReset {
    std::string_view vendor;               // as people say it
    std::span<const RawCommand> commands;  // in order; the answer to the last one counts
    std::string_view effect;               // what is known of it, for the plan
};

// `manufacturer`: the IANA enterprise number of Get Device ID. nullopt: no command is known.
[[nodiscard]] std::optional<FactoryReset> factory_reset_of(std::optional<std::uint32_t> manufacturer);
// Whether a reset that was sent is over, by looks at the board. A board is away for one to five minutes; one that has
// not gone after a minute and a half does nothing.
class ResetWatch {
public:
    enum class Verdict : std::uint8_t { kLookAgain, kOver, kNeverBack };
    static constexpr std::chrono::seconds kBegins{90};
    static constexpr std::chrono::seconds kTakes{900};

    // `there`: it answers now.
    [[nodiscard]] Verdict look(bool there, std::chrono::seconds since_sent);

private:
    bool was_away_ = false;
};

// "32h/BAh 00h 00h, 32h/66h"
[[nodiscard]] std::string text_of(const FactoryReset& reset);

}  // namespace bmcvault::rotate
