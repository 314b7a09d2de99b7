// Vendors' own commands that set a BMC back to its factory state, with their sources in docs/vendor-defaults.md. None
// is part of IPMI, and none says when it is done: what it did is seen by what the BMC accepts afterwards.
#pragma once

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
    std::string_view warning;              // what else it does, for the plan; may be empty
};

// `manufacturer`: the IANA enterprise number of Get Device ID. nullopt: no command is known.
[[nodiscard]] std::optional<FactoryReset> factory_reset_of(std::optional<std::uint32_t> manufacturer);
// "32h/BAh 00h 00h, 32h/66h"
[[nodiscard]] std::string text_of(const FactoryReset& reset);

}  // namespace bmcvault::rotate
