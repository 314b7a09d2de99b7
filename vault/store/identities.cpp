#include "vault/store/identities.hpp"

#include <sodium.h>

#include "vault/store/keyring.hpp"

namespace bmcvault::vault {

Result<MadeIdentity> make_identity(const Passphrase& passphrase, const KdfCost& cost) {
    if (cost.memory_bytes < kMinArgon2Memory || cost.memory_bytes > kMaxArgon2Memory ||
        cost.operations < kMinArgon2Operations || cost.operations > kMaxArgon2Operations)
        return fail(ErrorCode::kInvalidArgument, "Argon2 cost outside 64 MiB to 2 GiB and 1 to 16 operations");
    const IdentityKeys identity{random_key(), random_key()};
    IdentityFile file;
    file.kdf.operations = cost.operations;
    file.kdf.memory_bytes = cost.memory_bytes;
    randombytes_buf(file.kdf.salt.data(), file.kdf.salt.size());
    const auto key = derive_slot_key(passphrase, file.kdf);
    if (!key) return std::unexpected(key.error());
    file.kdf.commitment = slot_commitment(*key);
    file.keys = public_keys(identity);
    file.sealed = seal_identity(identity, *key, random_nonce());
    return MadeIdentity{format_identity(file), format_public_line(identity), file.keys};
}

}  // namespace bmcvault::vault
