// Backup, its verification, and restore. A backup is one file: a manifest with a MAC, the header, the store. It is
// built and looked into in a directory of its own, which is a vault in all respects.
#include <fcntl.h>
#include <fmt/format.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <functional>
#include <nlohmann/json.hpp>

#include "vault/core/backup_manifest.hpp"
#include "vault/store/audit_body.hpp"
#include "vault/store/sqlcipher_store.hpp"
#include "vault/store/staging.hpp"

namespace bmcvault::vault {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kChunk = 1 << 20;

Result<FileDescriptor> open_to_read(const fs::path& file) {
    FileDescriptor fd(open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY));
    if (!fd.valid()) return system_error("can not open", file);
    return fd;
}

// `size` bytes from where the file stands; fewer are damage.
Result<void> read_through(int fd, std::uint64_t size, const fs::path& file,
                          const std::function<Result<void>(std::string_view)>& take) {
    std::string chunk(kChunk, '\0');
    while (size > 0) {
        const auto got = read(fd, chunk.data(), static_cast<std::size_t>(std::min<std::uint64_t>(size, kChunk)));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return system_error("can not read", file);
        if (got == 0) return fail(ErrorCode::kDamaged, fmt::format("{} ends in the middle", file.string()));
        if (auto taken = take(std::string_view(chunk).substr(0, static_cast<std::size_t>(got))); !taken) return taken;
        size -= static_cast<std::uint64_t>(got);
    }
    return {};
}

class Hash {
public:
    Hash() { crypto_generichash_init(state_.get(), nullptr, 0, sizeof(Digest)); }
    void add(std::string_view bytes) { crypto_generichash_update(state_.get(), as_bytes(bytes).data(), bytes.size()); }
    [[nodiscard]] Digest end() {
        Digest digest{};
        crypto_generichash_final(state_.get(), digest.data(), digest.size());
        return digest;
    }

private:
    // It wants 64-byte alignment, which a stack frame does not always give it.
    std::unique_ptr<crypto_generichash_state> state_ = std::make_unique<crypto_generichash_state>();
};

struct Part {
    std::uint64_t size = 0;
    Digest digest{};
};

Result<Part> measure(const fs::path& file) {
    const auto fd = open_to_read(file);
    if (!fd) return std::unexpected(fd.error());
    struct stat info{};
    if (fstat(fd->get(), &info) != 0) return system_error("can not look at", file);
    Part part{static_cast<std::uint64_t>(info.st_size), {}};
    Hash hash;
    auto done = read_through(fd->get(), part.size, file, [&](std::string_view bytes) {
        hash.add(bytes);
        return Result<void>();
    });
    if (!done) return std::unexpected(done.error());
    part.digest = hash.end();
    return part;
}

Result<void> append_file(int to, const fs::path& name, const fs::path& from, std::uint64_t size) {
    const auto fd = open_to_read(from);
    if (!fd) return std::unexpected(fd.error());
    return read_through(fd->get(), size, from, [&](std::string_view bytes) { return write_bytes(to, bytes, name); });
}

// Manifest, header, store as one file of this name: whole and durable, or not there.
Result<void> write_container(const fs::path& file, const fs::path& directory, const Header& header,
                             const BackupManifest& manifest) {
    auto name = file.string() + ".XXXXXX";
    const FileDescriptor fd(mkostemp(name.data(), O_CLOEXEC));
    if (!fd.valid()) return system_error("can not make", name);
    auto done = write_bytes(fd.get(), format_manifest(manifest), name);
    if (done) done = append_file(fd.get(), name, directory / kHeaderFile, manifest.header_size);
    if (done) done = append_file(fd.get(), name, directory / header.store_file, manifest.store_size);
    if (done && fsync(fd.get()) != 0) done = system_error("can not sync", name);
    if (done) done = rename_to_new(name, file);
    if (!done) {
        unlink(name.c_str());
        return done;
    }
    return sync_directory(file.parent_path());
}

Result<void> make_vault_files(const fs::path& directory, const std::string& store_file, const Access& access) {
    if (auto done = make_empty_file(directory / kLockFile, access); !done) return done;
    if (auto done = make_directory(directory / kLocksDirectory, access); !done) return done;
    return make_empty_file(directory / store_file, access);
}

Result<void> extract_part(int from, const fs::path& from_name, const fs::path& to, const Part& part) {
    const FileDescriptor fd(open(to.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!fd.valid()) return system_error("can not open", to);
    Hash hash;
    auto done = read_through(from, part.size, from_name, [&](std::string_view bytes) {
        hash.add(bytes);
        return write_bytes(fd.get(), bytes, to);
    });
    if (!done) return done;
    if (hash.end() != part.digest)
        return fail(ErrorCode::kDamaged, fmt::format("{} is not what was written", from_name.string()));
    if (fsync(fd.get()) != 0) return system_error("can not sync", to);
    return {};
}

Result<BackupManifest> read_manifest(int fd, const fs::path& file) {
    std::array<char, kMaxManifestSize> begin{};
    const auto got = pread(fd, begin.data(), begin.size(), 0);
    if (got < 0) return system_error("can not read", file);
    auto manifest = parse_manifest({begin.data(), static_cast<std::size_t>(got)});
    if (!manifest) return fail(manifest.error().code, fmt::format("{}: {}", file.string(), manifest.error().detail));
    struct stat info{};
    if (fstat(fd, &info) != 0) return system_error("can not look at", file);
    const auto start = format_manifest(*manifest).size();
    if (static_cast<std::uint64_t>(info.st_size) != start + manifest->header_size + manifest->store_size)
        return fail(ErrorCode::kDamaged, fmt::format("{} has not the length that it was written with", file.string()));
    if (lseek(fd, static_cast<off_t>(start), SEEK_SET) < 0) return system_error("can not read", file);
    return manifest;
}

// The parts of a backup as the files of a vault.
Result<BackupManifest> extract(const fs::path& file, const fs::path& directory, const Access& access) {
    const auto fd = open_to_read(file);
    if (!fd) return std::unexpected(fd.error());
    const auto manifest = read_manifest(fd->get(), file);
    if (!manifest) return manifest;
    const auto store_file = store_file_name(manifest->generation);
    if (auto made = make_vault_files(directory, store_file, access); !made) return std::unexpected(made.error());
    if (auto made = make_empty_file(directory / kHeaderFile, access); !made) return std::unexpected(made.error());
    for (const auto& [name, part] :
         {std::pair<fs::path, Part>{kHeaderFile, {manifest->header_size, manifest->header_digest}},
          std::pair<fs::path, Part>{store_file, {manifest->store_size, manifest->store_digest}}})
        if (auto done = extract_part(fd->get(), file, directory / name, part); !done)
            return std::unexpected(done.error());
    return manifest;
}

Result<Store::BackupReport> verify_extracted(const fs::path& directory, const Keyring& keyring,
                                             const BackupManifest& manifest) {
    const auto damaged = [](std::string_view what) {
        return fail(ErrorCode::kDamaged, fmt::format("backup: {}", what));
    };
    if (!check_mac(manifest, keyring.bundle().master_key)) return damaged("its first lines were changed by someone");
    const Header& header = keyring.header();
    auto database = connect_as_it_is(directory, keyring);
    if (!database) return std::unexpected(database.error());
    if (auto done = verify_database(**database, keyring); !done) return std::unexpected(done.error());
    const auto head = read_audit_head(**database);
    if (!head) return std::unexpected(head.error());
    if (head->sequence != manifest.audit_count || head->hash != manifest.audit_head)
        return damaged("the store is not the one of its manifest");
    Store::BackupReport report;
    report.vault_id = header.vault_id;
    report.generation = header.generation;
    report.audit_records = manifest.audit_count;
    report.taken_at = {manifest.taken_at};
    report.slots = describe_slots(header);
    for (const auto& [sql, into] :
         {std::pair<std::string_view, std::uint64_t*>{"SELECT count(*) FROM credential", &report.credential_versions},
          {"SELECT count(*) FROM listed_password", &report.listed_passwords}}) {
        const auto count = count_rows(**database, sql);
        if (!count) return std::unexpected(count.error());
        *into = *count;
    }
    return report;
}

Result<Keyring> unlock_extracted(const fs::path& directory, const Access& access, const BackupManifest& manifest,
                                 const UnlockHeader& unlock_header) {
    const auto header = read_header(directory, access);
    if (!header) return std::unexpected(header.error());
    if (manifest.vault_id != header->vault_id || manifest.generation != header->generation)
        return fail(ErrorCode::kDamaged, "backup: its first lines are not of its header");
    auto unlocked = unlock_header(*header);
    if (!unlocked) return std::unexpected(unlocked.error());
    Keyring keyring(*header, std::move(*unlocked));
    auto database = connect_as_it_is(directory, keyring);
    if (!database) return std::unexpected(database.error());
    if (auto loaded = load_data_keys(**database, keyring); !loaded) return std::unexpected(loaded.error());
    return keyring;
}

Result<AuditHead> copy_store(const fs::path& directory, const fs::path& copy, const Keyring& keyring) {
    auto source = connect_as_it_is(directory, keyring);
    if (!source) return std::unexpected(source.error());
    auto destination = Database::open(copy, keyring.database_keys());
    if (!destination) return std::unexpected(destination.error());
    if (auto copied = (*source)->copy_to(**destination); !copied) return std::unexpected(copied.error());
    return read_audit_head(**destination);
}

Result<BackupManifest> manifest_of(const fs::path& directory, const Keyring& keyring, const AuditHead& head,
                                   UnixTime now) {
    const auto header = measure(directory / kHeaderFile);
    if (!header) return std::unexpected(header.error());
    const auto store = measure(directory / keyring.header().store_file);
    if (!store) return std::unexpected(store.error());
    BackupManifest manifest{keyring.header().vault_id,
                            keyring.header().generation,
                            head.sequence,
                            head.hash,
                            now.value,
                            header->size,
                            header->digest,
                            store->size,
                            store->digest,
                            {}};
    authenticate_manifest(manifest, keyring.bundle().master_key);
    return manifest;
}

}  // namespace

Result<Store::BackupReport> SqlcipherStore::backup(const fs::path& file, const Acting& acting) {
    const auto target = fs::absolute(file).lexically_normal();
    std::error_code error;
    if (fs::exists(fs::symlink_status(target, error)))
        return fail(ErrorCode::kAlreadyExists, fmt::format("{} exists already", target.string()));
    auto staging = Staging::make(target.parent_path(), "bmcvault-backup", Access{});
    if (!staging) return std::unexpected(staging.error());
    auto logged = transact(acting.actor, acting.now, [&](Transaction& transaction) {
        return transaction.audit("vault.backup", std::nullopt, audit_body(acting, {{"file", target.string()}}));
    });
    if (!logged) return std::unexpected(logged.error());

    const Header& header = keyring_->header();
    const auto& directory = staging->path();
    if (auto made = make_vault_files(directory, header.store_file, Access{}); !made)
        return std::unexpected(made.error());
    const auto head = copy_store(directory_, directory / header.store_file, *keyring_);
    if (!head) return std::unexpected(head.error());
    if (auto done = replace_file(directory / kHeaderFile, format_header(header), Access{}); !done)
        return std::unexpected(done.error());
    const auto manifest = manifest_of(directory, *keyring_, *head, acting.now);
    if (!manifest) return std::unexpected(manifest.error());
    if (auto done = write_container(target, directory, header, *manifest); !done) return std::unexpected(done.error());

    auto again = Staging::make(target.parent_path(), "bmcvault-verify", Access{});
    if (!again) return std::unexpected(again.error());
    const auto read_back = extract(target, again->path(), Access{});
    auto report =
        read_back ? verify_extracted(again->path(), *keyring_, *read_back) : std::unexpected(read_back.error());
    if (!report) unlink(target.c_str());
    return report;
}

Result<Store::BackupReport> Store::verify_backup(const fs::path& file, const Passphrase& passphrase,
                                                 const OpenOptions& options) {
    if (auto library = check_library(); !library) return std::unexpected(library.error());
    std::error_code no_place;
    const auto place = fs::temp_directory_path(no_place);
    if (no_place) return fail(ErrorCode::kIo, "the directory for temporary files (TMPDIR): " + no_place.message());
    auto staging = Staging::make(place, "bmcvault-verify", Access{});
    if (!staging) return std::unexpected(staging.error());
    const auto manifest = extract(file, staging->path(), Access{});
    if (!manifest) return std::unexpected(manifest.error());
    const auto keyring = unlock_extracted(staging->path(), Access{}, *manifest, [&](const Header& header) {
        return unlock(header, passphrase, options.identity);
    });
    if (!keyring) return std::unexpected(keyring.error());
    return verify_extracted(staging->path(), *keyring, *manifest);
}

namespace {

Result<Store::BackupReport> restore_by(const fs::path& file, const fs::path& directory,
                                       const UnlockHeader& unlock_header, const std::optional<std::string>& group) {
    if (auto library = check_library(); !library) return std::unexpected(library.error());
    const auto access = access_for_group(group);
    if (!access) return std::unexpected(access.error());
    const auto place = NewVaultPlace::look_at(directory, *access);
    if (!place) return std::unexpected(place.error());
    auto staging = Staging::make(place->parent(), "bmcvault-restore", *access);
    if (!staging) return std::unexpected(staging.error());
    const auto manifest = extract(file, staging->path(), *access);
    if (!manifest) return std::unexpected(manifest.error());
    const auto keyring = unlock_extracted(staging->path(), *access, *manifest, unlock_header);
    if (!keyring) return std::unexpected(keyring.error());
    auto report = verify_extracted(staging->path(), *keyring, *manifest);
    if (!report) return report;
    if (auto done = place->publish(*staging, keyring->header().store_file); !done) return std::unexpected(done.error());
    return report;
}

}  // namespace

Result<Store::BackupReport> Store::restore(const fs::path& file, const fs::path& directory,
                                           const Passphrase& passphrase, const std::optional<std::string>& group,
                                           const OpenOptions& options) {
    return restore_by(
        file, directory, [&](const Header& header) { return unlock(header, passphrase, options.identity); }, group);
}

Result<Store::BackupReport> Store::restore(const fs::path& file, const fs::path& directory, const KeysFor& keys,
                                           const std::optional<std::string>& group) {
    return restore_by(file, directory, [&](const Header& header) { return unlock(header, keys(header)); }, group);
}

}  // namespace bmcvault::vault
