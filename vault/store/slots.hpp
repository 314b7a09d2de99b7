// Sealing slots anew, for a header that is about to be written. Internal to vault/store.
#pragma once

#include "vault/store/keyring.hpp"

namespace bmcvault::vault {

// What a slot may hold of all keys: its compartments, and the signing seed for owners.
[[nodiscard]] Bundle bundle_for(const Slot&, const Bundle& all);
// kConflict: a slot that can't be sealed to, because only its passphrase or a newer program could.
[[nodiscard]] Result<void> seal_slot(Slot&, const Bundle& all, const Header&, const Unlocked& self);
[[nodiscard]] Result<void> seal_slots(Header&, const Bundle& all, const Unlocked& self);
void grant(Slot& slot, std::vector<std::uint32_t> compartments);

}  // namespace bmcvault::vault
