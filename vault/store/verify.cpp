// Every page, every audit hash, every seal. Names the first that does not verify.
#include <fmt/format.h>

#include "vault/core/audit_chain.hpp"
#include "vault/core/version_chain.hpp"
#include "vault/store/audit_log.hpp"
#include "vault/store/migrate.hpp"
#include "vault/store/rows.hpp"
#include "vault/store/schema.hpp"
#include "vault/store/sqlcipher_store.hpp"
#include "vault/store/state.hpp"

namespace bmcvault::vault {
namespace {

Result<void> verify_pages(Database& database) {
    return database.query("PRAGMA integrity_check", {}, [](const Row& row) -> Result<void> {
        if (const auto text = row.text(0); text != "ok")
            return fail(ErrorCode::kDamaged, fmt::format("database pages: {}", text));
        return {};
    });
}

// Each signature is of its record, by somebody who is or was a member.
Result<void> verify_signatures(Database& database, const Keyring& keyring) {
    return database.query(
        "SELECT s.seq,s.signer,s.signature,a.hash,(SELECT count(*) FROM member m WHERE m.signing_key=s.signer) "
        "FROM audit_signature s LEFT JOIN audit a ON a.seq=s.seq ORDER BY s.seq",
        {}, [&](const Row& row) -> Result<void> {
            const auto sequence = static_cast<std::uint64_t>(row.integer(0));
            const auto message = audit_signed_bytes(keyring.header().vault_id, sequence, row.bytes<32>(3));
            if (row.integer(4) > 0 && verify_signature(message, row.bytes<64>(2), row.bytes<32>(1))) return {};
            return fail(ErrorCode::kDamaged, fmt::format("the signature of audit record {} does not verify", sequence));
        });
}

Result<void> verify_seals(Database& database, const Keyring& keyring) {
    return database.query(
        "SELECT b.uuid,c.kind,c.subject,c.version,c.epoch,c.sealed,b.compartment_id,b.name "
        "FROM credential c JOIN bmc b ON b.id=c.bmc_id WHERE c.sealed IS NOT NULL",
        {}, [&](const Row& row) -> Result<void> {
            SealContext context;
            context.vault_id = keyring.header().vault_id;
            context.bmc.uuid = row.bytes<16>(0);
            context.subject = {static_cast<Kind>(row.integer(1)), static_cast<std::uint8_t>(row.integer(2))};
            context.version = {static_cast<std::uint32_t>(row.integer(3))};
            context.epoch = static_cast<std::uint32_t>(row.integer(4));
            const auto* key = keyring.data_key(static_cast<std::uint32_t>(row.integer(6)), context.epoch);
            if (key == nullptr || unseal(row.blob(5), context, *key)) return {};  // not ours to read, or fine
            return fail(ErrorCode::kDamaged,
                        fmt::format("{}: {} {} version {} does not verify", row.text(7), to_word(context.subject.kind),
                                    context.subject.index, context.version.value));
        });
}

Result<void> verify_listed(Database& database, const Keyring& keyring) {
    return database.query(
        "SELECT p.list_id,p.entry,p.label,p.epoch,p.sealed,l.compartment_id "
        "FROM listed_password p JOIN password_list l ON l.id=p.list_id ORDER BY p.list_id,p.entry",
        {}, [&](const Row& row) -> Result<void> {
            const ListSealContext context{keyring.header().vault_id, static_cast<std::uint32_t>(row.integer(0)),
                                          static_cast<std::uint32_t>(row.integer(1)),
                                          static_cast<std::uint32_t>(row.integer(3))};
            const auto* key = keyring.data_key(static_cast<std::uint32_t>(row.integer(5)), context.epoch);
            if (key == nullptr || unseal(row.blob(4), context, *key)) return {};  // not ours to read, or fine
            return fail(ErrorCode::kDamaged, fmt::format("listed password \"{}\" does not verify", row.text(2)));
        });
}

}  // namespace

Result<void> verify_database(Database& database, const Keyring& keyring) {
    if (auto done = verify_pages(database); !done) return done;
    const auto version = read_schema_version(database);
    if (!version) return std::unexpected(version.error());
    auto done = verify_audit_log(database);  // of a backup that an older bmcvault took, too: what it has
    if (done && *version >= 3) done = verify_signatures(database, keyring);
    if (done) done = verify_seals(database, keyring);
    if (done && *version >= 2) done = verify_listed(database, keyring);
    if (done && *version >= 5) done = verify_state(database);
    if (done && *version == kSchemaVersion) done = check_schema(database);
    return done;
}

}  // namespace bmcvault::vault
