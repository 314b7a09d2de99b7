// Files for people who have not the vault: a signature beside them that openssl alone verifies.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "cli/context.hpp"

namespace bmcvault::cli {

[[nodiscard]] Outcome<void> write_file(const std::filesystem::path& file, std::string_view content);
// BASE + ending; BASE.sig, the Ed25519 signature by the slot that is open; BASE.pem, its public key.
[[nodiscard]] Outcome<void> write_signed(vault::Store& store, const std::string& base, std::string_view ending,
                                         std::string_view content);

}  // namespace bmcvault::cli
