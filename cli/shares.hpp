// --share: the shares of the break-glass key, read before anything is opened, and joined for the header that they are
// held against.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/context.hpp"
#include "vault/core/share.hpp"

namespace bmcvault::cli {

struct NamedShare {
    std::string source;  // the file, or where it was typed
    vault::Share share;
};

[[nodiscard]] std::vector<std::uint32_t> numbers_of(const std::vector<NamedShare>& shares);
[[nodiscard]] Outcome<std::vector<NamedShare>> read_shares(const Context& context);
// Borrows them. Its error names the share that does not belong to the vault, or says how many are missing.
[[nodiscard]] vault::Store::KeysFor keys_from(const std::vector<NamedShare>& shares);

}  // namespace bmcvault::cli
