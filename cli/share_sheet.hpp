// The sheet of one share: what it is for, and the share itself, to be kept by one person. The text is what --share
// reads; the page prints on one sheet.
#pragma once

#include <string>

#include "cli/secret_text.hpp"
#include "vault/core/share.hpp"

namespace bmcvault::cli {

struct SheetFacts {
    std::string vault;        // its directory, when the share was made
    std::string made;         // a date
    std::string fingerprint;  // of the key
    std::string holder;       // of this share; may be empty
};

[[nodiscard]] SecretText share_sheet_text(const vault::Share& share, const SheetFacts& facts);
[[nodiscard]] SecretText share_sheet_page(const vault::Share& share, const SheetFacts& facts);

}  // namespace bmcvault::cli
