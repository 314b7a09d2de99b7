#include "vault/store/reseal.hpp"

#include <array>
#include <vector>

namespace bmcvault::vault {
namespace {

struct SealedVersion {
    std::array<std::int64_t, 4> key{};  // bmc_id, kind, subject, version
    BmcId bmc;
    std::uint32_t compartment = 0;
    std::uint32_t epoch = 0;
    Bytes sealed;
};

SealedVersion version_of(const Row& row) {
    return {{row.integer(0), row.integer(1), row.integer(2), row.integer(3)},
            BmcId{row.bytes<16>(4)},
            static_cast<std::uint32_t>(row.integer(5)),
            static_cast<std::uint32_t>(row.integer(6)),
            row.blob(7)};
}

template <class Context>
Result<Bytes> seal_again(const Keyring& before, std::uint32_t compartment, Context context, ByteView sealed,
                         const NewSeal& after) {
    const auto* old_key = before.data_key(compartment, context.epoch);
    if (old_key == nullptr || after.key == nullptr)
        return fail(ErrorCode::kNotPermitted, "your slot does not open every compartment that this is about");
    const auto opened = unseal(sealed, context, *old_key);
    if (!opened) return std::unexpected(opened.error());
    context.epoch = after.epoch;
    return seal(*opened, context, *after.key, random_nonce());
}

Result<void> reseal(Database& database, const Keyring& before, const SealedVersion& version, const NewSeal& after) {
    const SealContext context{before.header().vault_id,
                              version.bmc,
                              {static_cast<Kind>(version.key[1]), static_cast<std::uint8_t>(version.key[2])},
                              {static_cast<std::uint32_t>(version.key[3])},
                              version.epoch};
    const auto sealed = seal_anew(before, version.compartment, context, version.sealed, after);
    if (!sealed) return std::unexpected(sealed.error());
    return database.run("UPDATE credential SET sealed=?,epoch=? WHERE bmc_id=? AND kind=? AND subject=? AND version=?",
                        {*sealed, after.epoch, version.key[0], version.key[1], version.key[2], version.key[3]});
}

}  // namespace

Result<Bytes> seal_anew(const Keyring& before, std::uint32_t compartment, const SealContext& context, ByteView sealed,
                        const NewSeal& after) {
    return seal_again(before, compartment, context, sealed, after);
}

Result<Bytes> seal_anew(const Keyring& before, std::uint32_t compartment, const ListSealContext& context,
                        ByteView sealed, const NewSeal& after) {
    return seal_again(before, compartment, context, sealed, after);
}

Result<void> reseal_bmc(Database& database, const Keyring& before, BmcId bmc, const NewSeal& after) {
    std::vector<SealedVersion> versions;
    auto done = database.query(
        "SELECT c.bmc_id,c.kind,c.subject,c.version,b.uuid,b.compartment_id,c.epoch,c.sealed "
        "FROM credential c JOIN bmc b ON b.id=c.bmc_id WHERE b.uuid=? AND c.sealed IS NOT NULL",
        {bmc.uuid}, [&](const Row& row) {
            versions.push_back(version_of(row));
            return Result<void>();
        });
    for (const auto& version : versions)
        if (done) done = reseal(database, before, version, after);
    return done;
}

Result<std::uint32_t> next_epoch(Database& database) {
    std::uint32_t epoch = 0;
    auto done = database.query("SELECT coalesce(max(epoch),0)+1 FROM data_key", {}, [&](const Row& row) {
        epoch = static_cast<std::uint32_t>(row.integer(0));
        return Result<void>();
    });
    if (!done) return std::unexpected(done.error());
    return epoch;
}

}  // namespace bmcvault::vault
