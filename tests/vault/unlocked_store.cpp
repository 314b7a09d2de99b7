#include "tests/vault/unlocked_store.hpp"

#include <algorithm>

#include "vault/store/sqlcipher_store.hpp"

namespace bmcvault::vault::test {

Result<std::unique_ptr<Store>> open_unlocked(const std::filesystem::path& directory, Header header,
                                             const Unlocked& unlocked) {
    auto lock = VaultLock::acquire(directory, VaultLock::Mode::kShared);
    if (!lock) return std::unexpected(lock.error());
    remove_older_stores(directory, header);
    auto keyring = std::make_shared<Keyring>(
        std::move(header), Unlocked{unlocked.bundle.clone(), unlocked.slot, unlocked.identity->clone(), std::nullopt});
    auto database = connect(directory, *keyring);
    if (!database) return std::unexpected(database.error());
    if (auto loaded = load_data_keys(**database, *keyring); !loaded) return std::unexpected(loaded.error());
    return std::make_unique<SqlcipherStore>(directory, std::move(*lock), std::move(keyring), std::move(*database),
                                            Seen{});
}

Result<Unlocked> unlock_slot(const Header& header, const IdentityKeys& identity) {
    const auto keys = public_keys(identity);
    for (const auto& slot : header.slots) {
        const auto* theirs = public_keys_of(slot);
        if (theirs == nullptr || *theirs != keys) continue;
        auto bundle = open_bundle(slot, identity, header.vault_id, header.generation);
        if (!bundle) return std::unexpected(bundle.error());
        return Unlocked{std::move(*bundle), slot.number, identity.clone(), std::nullopt};
    }
    return fail(ErrorCode::kNotPermitted, "no member");
}

}  // namespace bmcvault::vault::test
