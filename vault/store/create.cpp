// Making a vault: everything is built in a directory of its own first, so that a failure leaves nothing behind and the
// vault appears whole or not at all.
#include <fmt/format.h>
#include <sodium.h>

#include "vault/store/keyring.hpp"
#include "vault/store/schema.hpp"
#include "vault/store/sqlcipher_store.hpp"
#include "vault/store/staging.hpp"
#include "vault/store/vault_files.hpp"

namespace bmcvault::vault {
namespace {

namespace fs = std::filesystem;

struct NewVault {
    Header header;
    Bundle bundle;
    Key32 data_key;
    IdentityKeys identity;  // of the first slot
};

Result<NewVault> new_keys(const Passphrase& passphrase, const CreateOptions& options) {
    NewVault vault{{}, {random_key(), random_key(), {}}, random_key(), {}};
    vault.bundle.compartments.push_back({kDefaultCompartment, random_key()});
    Header& header = vault.header;
    randombytes_buf(header.vault_id.data(), header.vault_id.size());
    header.store_file = store_file_name(header.generation);
    header.created_at = options.now.value;
    Argon2idSlot argon2id{options.kdf.operations, options.kdf.memory_bytes, {kDefaultCompartment}, {}, {}, {}};
    randombytes_buf(argon2id.salt.data(), argon2id.salt.size());
    const auto slot_key = derive_slot_key(passphrase, argon2id);
    if (!slot_key) return std::unexpected(slot_key.error());
    argon2id.commitment = slot_commitment(*slot_key);
    argon2id.keys = public_keys(identity_of_slot_key(*slot_key));
    Slot slot{1, options.slot_name, std::move(argon2id), {}};
    slot.body = seal_bundle_to(vault.bundle, *std::get<Argon2idSlot>(slot.kind).keys, random_key(), header.vault_id,
                               header.generation, slot.number, random_nonce());
    header.slots.push_back(std::move(slot));
    header.min_reader = kReaderVersion;
    vault.identity = identity_of_slot_key(*slot_key);
    return vault;
}

Result<void> fill_tables(Database& database, const NewVault& vault, const CreateOptions& options) {
    const auto& header = vault.header;
    Bytes generation;
    append_u64_le(generation, header.generation);
    for (const auto& [key, value] : {std::pair<const char*, Bytes>{"generation", generation},
                                     {"schema-version", Bytes{kSchemaVersion}},
                                     {"vault-id", Bytes(header.vault_id.begin(), header.vault_id.end())}})
        if (auto done = database.run("INSERT INTO meta(k,v) VALUES(?,?)", {key, value}); !done) return done;
    auto done = database.run("INSERT INTO compartment(id,name) VALUES(?,'default')", {kDefaultCompartment});
    if (!done) return done;
    const auto wrapped = wrap_data_key(vault.data_key, vault.bundle.compartments.front().key, header.vault_id,
                                       kDefaultCompartment, kFirstEpoch, random_nonce());
    return database.run("INSERT INTO data_key(compartment_id,epoch,wrapped,state,created_at) VALUES(?,?,?,'active',?)",
                        {kDefaultCompartment, kFirstEpoch, wrapped, options.now});
}

Result<AuditHead> make_database(const fs::path& file, const NewVault& vault, const CreateOptions& options) {
    const Keyring keyring(
        vault.header, {vault.bundle.clone(), vault.header.slots.front().number, vault.identity.clone(), std::nullopt});
    auto opened = Database::open(file, keyring.database_keys());
    if (!opened) return std::unexpected(opened.error());
    Database& database = **opened;
    if (auto done = database.run("BEGIN IMMEDIATE"); !done) return std::unexpected(done.error());
    if (auto done = run_schema_steps(database, 0); !done) return std::unexpected(done.error());
    if (auto done = fill_tables(database, vault, options); !done) return std::unexpected(done.error());
    StoreTransaction transaction(database, keyring, "init", options.now, {});
    for (const auto& slot : vault.header.slots)
        if (auto done = transaction.insert_member(slot); !done) return std::unexpected(done.error());
    const auto body = fmt::format(R"({{"vault":"{}"}})", to_hex(vault.header.vault_id));
    if (auto done = transaction.audit("vault.created", std::nullopt, body); !done) return std::unexpected(done.error());
    if (auto done = database.run("COMMIT"); !done) return std::unexpected(done.error());
    return transaction.head();
}

Result<void> refuse_clear_text(const fs::path& file) {
    const auto content = read_small_file(file, 1 << 20);
    if (!content) return std::unexpected(content.error());
    if (content->size() < kPageSize || content->starts_with("SQLite format 3"))
        return fail(ErrorCode::kWrongLibrary, "the new store is not encrypted: plain SQLite wrote it");
    return {};
}

Result<void> build(const fs::path& directory, const Access& access, NewVault& vault, const CreateOptions& options) {
    const auto store = directory / vault.header.store_file;
    if (auto done = make_empty_file(directory / kLockFile, access); !done) return done;
    if (auto done = make_directory(directory / kLocksDirectory, access); !done) return done;
    if (auto done = make_empty_file(store, access); !done) return done;
    const auto head = make_database(store, vault, options);
    if (!head) return std::unexpected(head.error());
    if (auto done = refuse_clear_text(store); !done) return done;
    vault.header.audit_count = head->sequence;
    vault.header.audit_head = head->hash;
    authenticate_header(vault.header, vault.bundle.master_key, vault.bundle.signing_seed);
    const auto text = format_header(vault.header);
    if (!parse_header(text))
        return fail(ErrorCode::kInvalidArgument, fmt::format("\"{}\" can not be a slot's name", options.slot_name));
    return replace_file(directory / kHeaderFile, text, access);
}

}  // namespace

Result<void> Store::create(const fs::path& directory, const Passphrase& passphrase, const CreateOptions& options) {
    if (auto library = check_library(); !library) return library;
    if (options.kdf.memory_bytes < kMinArgon2Memory || options.kdf.memory_bytes > kMaxArgon2Memory ||
        options.kdf.operations < kMinArgon2Operations || options.kdf.operations > kMaxArgon2Operations)
        return fail(ErrorCode::kInvalidArgument, "Argon2 cost outside 64 MiB to 2 GiB and 1 to 16 operations");
    const auto access = access_for_group(options.group);
    if (!access) return std::unexpected(access.error());
    const auto place = NewVaultPlace::look_at(directory, *access);
    if (!place) return std::unexpected(place.error());
    auto vault = new_keys(passphrase, options);
    if (!vault) return std::unexpected(vault.error());
    auto staging = Staging::make(place->parent(), "bmcvault-init", *access);
    if (!staging) return std::unexpected(staging.error());
    if (auto built = build(staging->path(), *access, *vault, options); !built) return built;
    return place->publish(*staging, vault->header.store_file);
}

}  // namespace bmcvault::vault
