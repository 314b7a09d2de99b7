// Files for people who have not the vault: a signature beside them that openssl alone verifies.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/context.hpp"

namespace bmcvault::cli {

struct NamedText {
    std::string file;
    std::string text;
};

// Each whole or as it was; for want of room none of them is touched. Makes the directories above them.
[[nodiscard]] Outcome<void> write_files(std::span<const NamedText> files);
// BASE + ending; BASE.sig, the Ed25519 signature by the slot that is open; BASE.pem, its public key.
[[nodiscard]] Outcome<std::vector<NamedText>> with_signature(vault::Store& store, const std::string& base,
                                                             std::string_view ending, std::string text);

}  // namespace bmcvault::cli
