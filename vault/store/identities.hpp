// Making an identity: fresh keys, sealed under a passphrase of its own.
#pragma once

#include <string>

#include "vault/base/secret.hpp"
#include "vault/core/identity.hpp"
#include "vault/store/store.hpp"

namespace bmcvault::vault {

struct MadeIdentity {
    std::string file;         // for the member's own machine, mode 0600
    std::string public_line;  // for an owner of the vault
    PublicKeys keys;
};

// kInvalidArgument: a cost outside the bounds; kNoMemory.
[[nodiscard]] Result<MadeIdentity> make_identity(const Passphrase&, const KdfCost&);

}  // namespace bmcvault::vault
