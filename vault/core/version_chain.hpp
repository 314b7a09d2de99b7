// Which state a credential version may be made in, and which may follow which. The database has the same table as
// triggers (vault/store/schema.cpp); a test compares the two.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "vault/core/model.hpp"

namespace bmcvault::vault {

inline constexpr std::array kAllStates{VersionState::kPending,  VersionState::kObserved, VersionState::kCurrent,
                                       VersionState::kPrevious, VersionState::kRetired,  VersionState::kFailed,
                                       VersionState::kUnknown,  VersionState::kDestroyed};
inline constexpr std::array kAllProvenances{Provenance::kImported, Provenance::kFactory,  Provenance::kGenerated,
                                            Provenance::kManual,   Provenance::kObserved, Provenance::kPutBack,
                                            Provenance::kRestored};

[[nodiscard]] bool may_begin_as(VersionState);
// Staying in a state is always allowed. Destroying needs more: see the schema's destroy guard (I4).
[[nodiscard]] bool may_follow(VersionState from, VersionState to);

// The words of the database, JSON and text.
[[nodiscard]] std::string_view to_word(VersionState);
[[nodiscard]] std::string_view to_word(Provenance);
[[nodiscard]] std::string_view to_word(Kind);
[[nodiscard]] std::optional<VersionState> state_from_word(std::string_view);
[[nodiscard]] std::optional<Provenance> provenance_from_word(std::string_view);

}  // namespace bmcvault::vault
