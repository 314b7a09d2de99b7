#include "vault/store/migrate.hpp"

#include <fmt/format.h>

#include <chrono>

#include "vault/store/rows.hpp"
#include "vault/store/schema.hpp"
#include "vault/store/state.hpp"
#include "vault/store/transaction.hpp"

namespace bmcvault::vault {
namespace {

UnixTime now() {
    const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
    return {std::chrono::duration_cast<std::chrono::seconds>(since_1970).count()};
}

Result<void> run_missing_steps(Database& database, const Keyring& keyring, int from) {
    if (auto done = run_schema_steps(database, from); !done) return done;
    if (from < 5)
        if (auto done = sum_rows_anew(database); !done) return done;
    const Bytes version{kSchemaVersion};
    if (auto done = database.run("UPDATE meta SET v=? WHERE k='schema-version'", {version}); !done) return done;
    const auto head = read_audit_head(database);
    if (!head) return std::unexpected(head.error());
    StoreTransaction transaction(database, keyring, "migration", now(), *head);
    if (from < 3)
        for (const auto& slot : keyring.header().slots)
            if (auto done = transaction.insert_member(slot); !done) return done;
    return transaction.audit("vault.migrated", std::nullopt,
                             fmt::format(R"({{"from":{},"to":{}}})", from, kSchemaVersion));
}

// An open transaction is rolled back when the connection goes.
Result<void> migrate_on(Database& database, const Keyring& keyring) {
    if (auto begun = database.run("BEGIN IMMEDIATE"); !begun) return begun;
    const auto version = read_schema_version(database);
    if (!version) return std::unexpected(version.error());
    if (*version == kSchemaVersion) return {};  // another process was faster
    if (auto done = run_missing_steps(database, keyring, *version); !done) return done;
    return database.run("COMMIT");
}

}  // namespace

Result<int> read_schema_version(Database& database) {
    const auto value = read_meta(database, "schema-version");
    if (!value) return std::unexpected(value.error());
    if (value->size() != 1 || value->front() < 1 || value->front() > kSchemaVersion)
        return fail(ErrorCode::kUnsupported, "this vault's tables need another version of bmcvault");
    return value->front();
}

Result<void> migrate(const std::filesystem::path& store_file, const Keyring& keyring) {
    auto database = Database::open(store_file, keyring.database_keys());
    if (!database) return std::unexpected(database.error());
    auto done = migrate_on(**database, keyring);
    if (!done)
        return fail(done.error().code,
                    fmt::format("the vault's tables could not be brought up to date: {}", done.error().detail));
    return {};
}

}  // namespace bmcvault::vault
