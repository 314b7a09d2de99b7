#include "vault/core/version_chain.hpp"

#include <algorithm>

#include "vault/base/check.hpp"

namespace bmcvault::vault {
namespace {

using enum VersionState;

struct Change {
    VersionState from;
    VersionState to;
};

constexpr std::array kChanges{
    Change{kPending, kCurrent},   // proved
    Change{kPending, kFailed},    // shown not to be live
    Change{kPending, kUnknown},   // vault restored from a backup
    Change{kObserved, kCurrent},  // the same transaction that found it
    Change{kCurrent, kPrevious},  // another one became current
    Change{kCurrent, kUnknown},   // vault restored from a backup
    Change{kPrevious, kRetired},  // the one after the next was proved
    Change{kPrevious, kCurrent},  // found live again
    Change{kRetired, kCurrent},   // found live again, or factory password after a reset
    Change{kFailed, kCurrent},    // a late-applied password
    Change{kUnknown, kCurrent},   // proved
    Change{kUnknown, kPrevious},  //
    Change{kUnknown, kFailed},    //
};

constexpr std::array<std::string_view, kAllStates.size()> kStateWords{"pending", "observed", "current", "previous",
                                                                      "retired", "failed",   "unknown", "destroyed"};
constexpr std::array<std::string_view, kAllProvenances.size()> kProvenanceWords{
    "imported", "factory", "generated", "manual", "observed", "put-back", "restored"};

template <class Value, std::size_t N>
std::optional<Value> from_word(const std::array<std::string_view, N>& words, std::string_view word) {
    const auto found = std::ranges::find(words, word);
    if (found == words.end()) return std::nullopt;
    return static_cast<Value>(found - words.begin());
}

}  // namespace

bool may_begin_as(VersionState state) {
    return state == kPending || state == kObserved || state == kUnknown || state == kRetired;
}

bool may_follow(VersionState from, VersionState to) {
    return from == to || to == kDestroyed ||
           std::ranges::any_of(kChanges, [&](const Change& change) { return change.from == from && change.to == to; });
}

std::string_view to_word(VersionState state) {
    const auto index = static_cast<std::size_t>(state);
    BMCVAULT_CHECK(index < kStateWords.size());
    return kStateWords[index];
}

std::string_view to_word(Provenance provenance) {
    const auto index = static_cast<std::size_t>(provenance);
    BMCVAULT_CHECK(index < kProvenanceWords.size());
    return kProvenanceWords[index];
}

std::string_view to_word(Kind kind) {
    return kind == Kind::kPassword ? "password" : "k_g";
}

std::optional<VersionState> state_from_word(std::string_view word) {
    return from_word<VersionState>(kStateWords, word);
}

std::optional<Provenance> provenance_from_word(std::string_view word) {
    return from_word<Provenance>(kProvenanceWords, word);
}

}  // namespace bmcvault::vault
