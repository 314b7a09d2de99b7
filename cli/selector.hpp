// Which BMCs a command is about: names, hostlists, @group, tag:word, --all, --failed. Pure.
//
// Never "everything" by accident: nothing selected is an error, and so is a word that selects nothing.
#pragma once

#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vault/base/error.hpp"
#include "vault/core/model.hpp"

namespace bmcvault::cli {

struct Selection {
    std::vector<std::string> words;  // as typed
    bool all = false;
    bool failed = false;       // those whose last outcome was not as asked, or whose rotation is unfinished
    bool due = false;          // those whose live credential is known to somebody who should not know it
    std::string exposed_to{};  // those that this member or holder, who has left, knew; empty: nobody

    [[nodiscard]] bool empty() const { return words.empty() && !all && !failed && !due && exposed_to.empty(); }
};

// What the vault knows and the inventory does not say.
struct SelectionFacts {
    std::set<BmcId> due;
    std::set<BmcId> exposed;       // to Selection::exposed_to
    std::set<BmcId> unfinished{};  // a password or K_G was staged, and is neither proved nor given up
};

inline constexpr std::size_t kMaxExpansion = 100'000;

// "rack[01-03,20]-bmc" -> rack01-bmc rack02-bmc rack03-bmc rack20-bmc; a word without brackets is itself. Several
// brackets multiply. Numbers keep the width of the first of a range. kInvalidArgument says what is wrong with the word.
[[nodiscard]] Result<std::vector<std::string>> expand_hostlist(std::string_view word);

// The selected BMCs, each once, in the order of `fleet`. kInvalidArgument: nothing selected, or a malformed word;
// kNotFound: an unknown name, group or tag, with the nearest known one.
[[nodiscard]] Result<std::vector<vault::Bmc>> select(std::span<const vault::Bmc> fleet, const Selection& selection,
                                                     const SelectionFacts& facts = {});

// The same selection always gives the same text: an interrupted campaign is found by it.
[[nodiscard]] std::string canonical(const Selection& selection);

// Did the last rotate, check or recover of this BMC end as asked? True also when there was none.
[[nodiscard]] bool last_was_as_asked(const vault::Bmc& bmc);

}  // namespace bmcvault::cli
