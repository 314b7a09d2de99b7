// What to say to somebody who was woken up: what happened to a BMC, the one thing to do next, and what of its password
// is safe. Never more than is known. (docs/outcomes.md)
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace bmcvault::rotate {

// What the vault can say of the password that is live on a BMC.
enum class Knowledge : std::uint8_t {
    kNothing,      // it has none
    kNeverProved,  // it has some, and none that the BMC has proved
    kProved,       // one that the BMC has proved
    kNotLive,      // the BMC was seen to hold another one
};

struct Advice {
    std::string_view word;     // an outcome, or the first words of a detail
    std::string_view meaning;  // sentences
    std::string_view next;     // NAME stands for the BMC, kSameCommand for the command that was given
};

inline constexpr std::string_view kSameCommand = "the same command again";

[[nodiscard]] std::span<const Advice> advice_on_outcomes();
[[nodiscard]] std::span<const Advice> advice_on_details();
// Of a BMC that did not end as asked: by the first word of its detail that has advice, else by its outcome. Empty for
// an outcome of which there is nothing to say.
[[nodiscard]] Advice advice(std::string_view outcome, std::string_view detail);
[[nodiscard]] std::string_view safety(Knowledge knowledge);

}  // namespace bmcvault::rotate
