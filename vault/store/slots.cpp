#include "vault/store/slots.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace bmcvault::vault {

Bundle bundle_for(const Slot& slot, const Bundle& all) {
    Bundle bundle{all.master_key.clone(), Key32(), {}};
    if (role_of(slot) == Role::kOwner) bundle.signing_seed = all.signing_seed.clone();
    for (const auto compartment : compartments_of(slot)) {
        const auto key = std::ranges::find(all.compartments, compartment, &CompartmentKey::compartment);
        BMCVAULT_CHECK(key != all.compartments.end());
        bundle.compartments.push_back({compartment, key->key.clone()});
    }
    return bundle;
}

Result<void> seal_slot(Slot& slot, const Bundle& all, const Header& header, const Unlocked& self) {
    if (std::holds_alternative<UnknownSlot>(slot.kind))
        return fail(ErrorCode::kConflict,
                    fmt::format("slot {} ({}) needs a newer bmcvault", slot.name, slot_type(slot)));
    const auto bundle = bundle_for(slot, all);
    if (const auto* keys = public_keys_of(slot)) {
        slot.body = seal_bundle_to(bundle, *keys, random_key(), header.vault_id, header.generation, slot.number,
                                   random_nonce());
        return {};
    }
    if (self.slot != slot.number || !self.slot_key)
        return fail(ErrorCode::kConflict, fmt::format("slot {} of the first bmcvault is only sealed anew by its own "
                                                      "passphrase: open the vault with that",
                                                      slot.name));
    slot.body = seal_bundle(bundle, *self.slot_key, header.vault_id, header.generation, slot.number, random_nonce());
    return {};
}

Result<void> seal_slots(Header& header, const Bundle& all, const Unlocked& self) {
    for (auto& slot : header.slots)
        if (auto done = seal_slot(slot, all, header, self); !done) return done;
    return {};
}

void grant(Slot& slot, std::vector<std::uint32_t> compartments) {
    if (auto* argon2id = std::get_if<Argon2idSlot>(&slot.kind)) {
        argon2id->compartments = std::move(compartments);
    } else if (auto* member = std::get_if<MemberSlot>(&slot.kind)) {
        member->compartments = std::move(compartments);
    } else if (auto* break_glass = std::get_if<BreakGlassSlot>(&slot.kind)) {
        break_glass->compartments = std::move(compartments);
    }
}

}  // namespace bmcvault::vault
