// Making a vault: everything is built in a directory of its own first, so that a failure leaves nothing behind and the
// vault appears whole or not at all.
#include <fmt/format.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vault/store/keyring.hpp"
#include "vault/store/schema.hpp"
#include "vault/store/sqlcipher_store.hpp"
#include "vault/store/vault_files.hpp"

namespace bmcvault::vault {
namespace {

namespace fs = std::filesystem;

// Removed with all that is in it unless published.
class Staging {
public:
    static Result<Staging> make(const fs::path& parent, const Access& access) {
        auto name = (parent / ".bmcvault-init-XXXXXX").string();
        if (mkdtemp(name.data()) == nullptr) return system_error("can not make a directory in", parent);
        Staging staging{fs::path(name)};
        if (access.group && chown(name.c_str(), static_cast<uid_t>(-1), *access.group) != 0)
            return system_error("can not give the group to", name);
        if (chmod(name.c_str(), access.directory_mode) != 0) return system_error("can not set the mode of", name);
        return staging;
    }
    Staging(Staging&& other) noexcept : path_(std::exchange(other.path_, {})) {}
    Staging& operator=(Staging&&) = delete;
    ~Staging() {
        std::error_code ignored;
        if (!path_.empty()) fs::remove_all(path_, ignored);
    }
    [[nodiscard]] const fs::path& path() const { return path_; }
    void published() { path_.clear(); }

private:
    explicit Staging(fs::path path) : path_(std::move(path)) {}
    fs::path path_;
};

struct NewVault {
    Header header;
    Bundle bundle;
    Key32 data_key;
};

Result<NewVault> new_keys(const Passphrase& passphrase, const CreateOptions& options) {
    NewVault vault{{}, {random_key(), random_key(), {}}, random_key()};
    vault.bundle.compartments.push_back({kDefaultCompartment, random_key()});
    Header& header = vault.header;
    randombytes_buf(header.vault_id.data(), header.vault_id.size());
    header.store_file = store_file_name(header.generation);
    header.created_at = options.now.value;
    Argon2idSlot argon2id{options.kdf.operations, options.kdf.memory_bytes, {kDefaultCompartment}, {}, {}};
    randombytes_buf(argon2id.salt.data(), argon2id.salt.size());
    const auto slot_key = derive_slot_key(passphrase, argon2id);
    if (!slot_key) return std::unexpected(slot_key.error());
    argon2id.commitment = slot_commitment(*slot_key);
    Slot slot{1, options.slot_name, std::move(argon2id), {}};
    slot.body = seal_bundle(vault.bundle, *slot_key, header.vault_id, header.generation, slot.number, random_nonce());
    header.slots.push_back(std::move(slot));
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
    const Keyring keyring(vault.header, vault.bundle.master_key);
    auto opened = Database::open(file, keyring.sqlcipher_key());
    if (!opened) return std::unexpected(opened.error());
    Database& database = **opened;
    if (auto done = database.run("BEGIN IMMEDIATE"); !done) return std::unexpected(done.error());
    if (auto done = run_schema_steps(database, 0); !done) return std::unexpected(done.error());
    if (auto done = fill_tables(database, vault, options); !done) return std::unexpected(done.error());
    StoreTransaction transaction(database, keyring, "init", options.now, {});
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

// An empty directory made beforehand (a mount point, a service's state directory) is filled; the header comes last.
Result<void> publish_into(const fs::path& from, const fs::path& directory, const std::string& store_file) {
    std::vector<fs::path> done;
    for (const auto& name :
         {fs::path(kLockFile), fs::path(kLocksDirectory), fs::path(store_file), fs::path(kHeaderFile)}) {
        if (auto moved = rename_to_new(from / name, directory / name); !moved) {
            std::error_code ignored;
            for (const auto& earlier : done) fs::remove(directory / earlier, ignored);
            return moved;
        }
        done.push_back(name);
    }
    return sync_directory(directory);
}

enum class Target { kNew, kEmptyDirectory };

Result<Target> look_at_target(const fs::path& directory, const Access& wanted) {
    std::error_code error;
    if (!fs::exists(fs::symlink_status(directory, error))) return Target::kNew;
    const auto access = check_directory(directory);
    if (!access) return std::unexpected(access.error());
    const bool vault = fs::exists(directory / kHeaderFile, error);
    if (vault || !fs::is_empty(directory, error) || error)
        return fail(ErrorCode::kAlreadyExists,
                    fmt::format("{} {}", directory.string(), vault ? "is a vault already" : "is not empty"));
    if (access->directory_mode != wanted.directory_mode || access->group != wanted.group)
        return fail(ErrorCode::kUnsafeFile, fmt::format("{} has not the mode {:04o} and group asked for",
                                                        directory.string(), wanted.directory_mode));
    return Target::kEmptyDirectory;
}

}  // namespace

Result<void> Store::create(const fs::path& directory, const Passphrase& passphrase, const CreateOptions& options) {
    if (auto library = check_library(); !library) return library;
    if (options.kdf.memory_bytes < kMinArgon2Memory || options.kdf.memory_bytes > kMaxArgon2Memory ||
        options.kdf.operations < kMinArgon2Operations || options.kdf.operations > kMaxArgon2Operations)
        return fail(ErrorCode::kInvalidArgument, "Argon2 cost outside 64 MiB to 2 GiB and 1 to 16 operations");
    const auto access = access_for_group(options.group);
    if (!access) return std::unexpected(access.error());
    const auto path = fs::absolute(directory).lexically_normal();
    const auto whole = path.has_filename() ? path : path.parent_path();
    const auto target = look_at_target(whole, *access);
    if (!target) return std::unexpected(target.error());
    const auto parent = *target == Target::kNew ? whole.parent_path() : whole;
    if (auto local = refuse_network_file_system(parent); !local) return local;
    auto vault = new_keys(passphrase, options);
    if (!vault) return std::unexpected(vault.error());
    auto staging = Staging::make(parent, *access);
    if (!staging) return std::unexpected(staging.error());
    if (auto built = build(staging->path(), *access, *vault, options); !built) return built;
    if (*target == Target::kEmptyDirectory) return publish_into(staging->path(), whole, vault->header.store_file);
    if (auto moved = rename_to_new(staging->path(), whole); !moved) return moved;
    staging->published();
    return sync_directory(parent);
}

}  // namespace bmcvault::vault
