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

std::unexpected<Error> no_key() {
    return fail(ErrorCode::kNotPermitted, "your slot does not open every compartment that this is about");
}

Result<void> reseal(Database& database, const Keyring& before, const SealedVersion& version, const NewSeal& after) {
    const auto* old_key = before.data_key(version.compartment, version.epoch);
    if (old_key == nullptr || after.key == nullptr) return no_key();
    SealContext context{before.header().vault_id,
                        version.bmc,
                        {static_cast<Kind>(version.key[1]), static_cast<std::uint8_t>(version.key[2])},
                        {static_cast<std::uint32_t>(version.key[3])},
                        version.epoch};
    const auto opened = unseal(version.sealed, context, *old_key);
    if (!opened) return std::unexpected(opened.error());
    context.epoch = after.epoch;
    return database.run("UPDATE credential SET sealed=?,epoch=? WHERE bmc_id=? AND kind=? AND subject=? AND version=?",
                        {seal(*opened, context, *after.key, random_nonce()), after.epoch, version.key[0],
                         version.key[1], version.key[2], version.key[3]});
}

// A page of versions after `last`, in the order of the primary key.
Result<std::vector<SealedVersion>> page_after(Database& database, const std::array<std::int64_t, 4>& last) {
    std::vector<SealedVersion> page;
    auto done = database.query(
        "SELECT c.bmc_id,c.kind,c.subject,c.version,b.uuid,b.compartment_id,c.epoch,c.sealed "
        "FROM credential c JOIN bmc b ON b.id=c.bmc_id WHERE (c.bmc_id,c.kind,c.subject,c.version)>(?,?,?,?) "
        "ORDER BY c.bmc_id,c.kind,c.subject,c.version LIMIT 1000",
        {last[0], last[1], last[2], last[3]}, [&](const Row& row) {
            page.push_back(version_of(row));
            return Result<void>();
        });
    if (!done) return std::unexpected(done.error());
    return page;
}

Result<void> reseal_lists(Database& database, const Keyring& before, const NewSealOf& after) {
    struct Listed {
        ListSealContext context;
        std::uint32_t compartment = 0;
        Bytes sealed;
    };
    std::vector<Listed> all;
    auto done = database.query(
        "SELECT p.list_id,p.entry,p.epoch,l.compartment_id,p.sealed "
        "FROM listed_password p JOIN password_list l ON l.id=p.list_id",
        {}, [&](const Row& row) {
            const ListSealContext context{before.header().vault_id, static_cast<std::uint32_t>(row.integer(0)),
                                          static_cast<std::uint32_t>(row.integer(1)),
                                          static_cast<std::uint32_t>(row.integer(2))};
            all.push_back({context, static_cast<std::uint32_t>(row.integer(3)), row.blob(4)});
            return Result<void>();
        });
    for (auto& listed : all) {
        if (!done) return done;
        const auto* old_key = before.data_key(listed.compartment, listed.context.epoch);
        const auto next = after(listed.compartment);
        if (old_key == nullptr || next.key == nullptr) return no_key();
        const auto opened = unseal(listed.sealed, listed.context, *old_key);
        if (!opened) return std::unexpected(opened.error());
        listed.context.epoch = next.epoch;
        done = database.run("UPDATE listed_password SET sealed=?,epoch=? WHERE list_id=? AND entry=?",
                            {seal(*opened, listed.context, *next.key, random_nonce()), next.epoch, listed.context.list,
                             listed.context.entry});
    }
    return done;
}

}  // namespace

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

Result<void> reseal_all(Database& database, const Keyring& before, const NewSealOf& after) {
    std::array<std::int64_t, 4> last{};
    for (;;) {
        const auto page = page_after(database, last);
        if (!page) return std::unexpected(page.error());
        if (page->empty()) return reseal_lists(database, before, after);
        for (const auto& version : *page) {
            last = version.key;
            if (version.sealed.empty()) continue;
            if (auto done = reseal(database, before, version, after(version.compartment)); !done) return done;
        }
    }
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
