#include "vault/store/escrow.hpp"
#include "vault/store/audit_body.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "vault/store/rows.hpp"
#include "vault/store/sqlcipher_store.hpp"

namespace bmcvault::vault {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr std::size_t kMaxLog = 1ull << 30;

std::unexpected<Error> escrow_error(const Error& error) {
    return fail(error.code, fmt::format("escrow log: {}; nothing was stored, and nothing is sent", error.detail));
}

// A line that was cut off by a full disk or a power cut must not swallow the next one.
Result<bool> ends_within_a_line(int fd, const fs::path& file) {
    struct stat info{};
    if (fstat(fd, &info) != 0) return system_error("can not look at", file);
    if (info.st_size == 0) return false;
    char last = 0;
    if (pread(fd, &last, 1, info.st_size - 1) != 1) return system_error("can not read", file);
    return last != '\n';
}

Bytes sealed_to(const PublicKeys& keys, const EscrowPlain& plain) {
    return plain.expose([&](ByteView bytes) {
        Bytes sealed(crypto_box_SEALBYTES + bytes.size());
        const int code = crypto_box_seal(sealed.data(), bytes.data(), bytes.size(), keys.exchange.data());
        BMCVAULT_CHECK(code == 0);
        return sealed;
    });
}

Result<Escrowed> unsealed(const EscrowLine& line, const IdentityKeys& identity) {
    if (line.sealed.size() < crypto_box_SEALBYTES || line.sealed.size() - crypto_box_SEALBYTES > kMaxEscrowPlain)
        return fail(ErrorCode::kDamaged, "escrow log: a seal of another size");
    const auto size = line.sealed.size() - crypto_box_SEALBYTES;
    Secret<kMaxEscrowPlain> plain;
    const auto keys = public_keys(identity);
    const int code = plain.expose_mutable([&](auto out) {
        return identity.exchange.expose([&](auto secret) {
            return crypto_box_seal_open(out.data(), line.sealed.data(), line.sealed.size(), keys.exchange.data(),
                                        secret.data());
        });
    });
    if (code != 0) return fail(ErrorCode::kWrongKey, "escrow log: sealed to another key");
    return plain.expose(
        [&](auto bytes) { return parse_escrow_plain({reinterpret_cast<const char*>(bytes.data()), size}, line.key); });
}

// As much of it as `limit` says.
Result<std::string> read_log(const fs::path& file, std::size_t limit) {
    const FileDescriptor fd(open(file.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
    if (!fd.valid()) return system_error("can not open", file);
    std::string content;
    std::array<char, 64 * 1024> part{};
    while (content.size() < limit) {
        const auto got = read(fd.get(), part.data(), std::min(part.size(), limit - content.size()));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return system_error("can not read", file);
        if (got == 0) break;
        content.append(part.data(), static_cast<std::size_t>(got));
    }
    return content;
}

// An empty file, or one whose lines are of this vault: it goes on.
Result<void> check_log(const fs::path& file, const VaultId& vault_id) {
    const auto text = read_log(file, kMaxEscrowLine);
    if (!text) return std::unexpected(text.error());
    const std::string_view rest = *text;
    const auto first = parse_escrow_line(rest.substr(0, rest.find('\n')));
    if (!rest.empty() && (!first || first->key.vault_id != vault_id))
        return fail(ErrorCode::kAlreadyExists,
                    fmt::format("{} is there already, and is no escrow log of this vault", file.string()));
    return {};
}

}  // namespace

void EscrowLog::add(EscrowKey key, const EscrowedPlace& place, const Key20& secret) {
    key.slot = slot_;
    lines_ += format_escrow_line({key, sealed_to(keys_, EscrowPlain(key, place, secret))}) + "\n";
}

Result<void> EscrowLog::write() {
    if (lines_.empty()) return {};
    if (auto done = append_lines(); !done) return escrow_error(done.error());
    return {};
}

Result<void> EscrowLog::append_lines() const {
    if (auto safe = check_file(file_, access_); !safe) return safe;
    const FileDescriptor fd(open(file_.c_str(), O_RDWR | O_APPEND | O_NOFOLLOW | O_CLOEXEC));
    if (!fd.valid()) return system_error("can not open", file_);
    const auto torn = ends_within_a_line(fd.get(), file_);
    if (!torn) return std::unexpected(torn.error());
    if (auto done = write_bytes(fd.get(), *torn ? "\n" + lines_ : lines_, file_); !done) return done;
    if (fdatasync(fd.get()) != 0) return system_error("can not sync", file_);
    return {};
}

void StoreTransaction::rewind(const Place& place) {
    head_ = place.head;
    if (escrow_ != nullptr) escrow_->rewind(place.escrowed);
}

Result<void> StoreTransaction::escrow(BmcId id, Subject subject, VersionNumber version, StoredSize size,
                                      const Key20& secret) {
    if (escrow_ == nullptr) return {};
    static const std::string select = std::string(kSelectBmc) + "WHERE uuid=?";
    return database_.query(select, {id.uuid}, [&](const Row& row) -> Result<void> {
        const auto bmc = bmc_from_row(row);
        escrow_->add({keyring_.header().vault_id, 0, id, subject, version, now_},
                     {bmc.name, bmc.address, bmc.port, bmc.user_name, bmc.channel, size}, secret);
        return {};
    });
}

Result<void> StoreTransaction::end_escrow() {
    return database_.run("UPDATE escrow SET until=? WHERE until IS NULL", {now_});
}

Result<std::optional<Escrow>> SqlcipherStore::escrow() const {
    std::optional<Escrow> found;
    auto done = query("SELECT file,slot,since FROM escrow WHERE until IS NULL", {}, [&](const Row& row) {
        found = Escrow{row.text(0), static_cast<std::uint32_t>(row.integer(1)), {row.integer(2)}};
        return Result<void>();
    });
    if (!done) return std::unexpected(done.error());
    return found;
}

// The key is the one of the header, which only an owner can sign: a row of the table could name anybody's. The slot may
// have been made after this process had read the header.
Result<std::optional<EscrowLog>> SqlcipherStore::escrow_log(Database& database) const {
    std::optional<Escrow> kept;
    auto done = database.query("SELECT file,slot FROM escrow WHERE until IS NULL", {}, [&](const Row& row) {
        kept = Escrow{row.text(0), static_cast<std::uint32_t>(row.integer(1)), {}};
        return Result<void>();
    });
    if (!done) return std::unexpected(done.error());
    if (!kept) return std::optional<EscrowLog>();
    const auto access = check_directory(directory_);
    if (!access) return std::unexpected(access.error());
    auto header = keyring_->header();
    if (break_glass_slot_of(header) == nullptr) {
        const auto fresh = read_header(directory_, *access);
        if (!fresh) return std::unexpected(fresh.error());
        if (fresh->admin_public_key != header.admin_public_key || !check_mac(*fresh, keyring_->bundle().master_key))
            return fail(ErrorCode::kDamaged, "vault header: changed by someone who does not hold the vault's keys");
        header = *fresh;
    }
    const auto* slot = break_glass_slot_of(header);
    if (slot == nullptr || slot->number != kept->slot)
        return fail(ErrorCode::kDamaged, "the header has not the break-glass slot that the escrow log is sealed to");
    return EscrowLog(kept->file, *access, slot->number, *public_keys_of(*slot));
}

namespace {

// All that the vault holds, also what only a factory reset brings back.
Result<std::uint64_t> add_everything(const SqlcipherStore& store, EscrowLog& log, const VaultId& vault_id) {
    const auto bmcs = store.bmcs(true);
    if (!bmcs) return std::unexpected(bmcs.error());
    std::uint64_t count = 0;
    for (const auto& bmc : *bmcs) {
        auto versions = store.versions(bmc.id);
        if (!versions) return std::unexpected(versions.error());
        std::erase_if(*versions, [](const auto& version) { return version.state == VersionState::kDestroyed; });
        const auto secrets = store.unseal(*versions);
        if (!secrets) return std::unexpected(secrets.error());
        for (std::size_t i = 0; i < versions->size(); ++i) {
            const auto& version = (*versions)[i];
            log.add({vault_id, 0, bmc.id, version.subject, version.version, version.created_at},
                    {bmc.name, bmc.address, bmc.port, bmc.user_name, bmc.channel, version.size}, (*secrets)[i]);
        }
        count += versions->size();
    }
    return count;
}

}  // namespace

Result<std::uint64_t> SqlcipherStore::enable_escrow(const Acting& acting, const fs::path& file) {
    const auto header = header_to_change();
    if (!header) return std::unexpected(header.error());
    const auto* slot = break_glass_slot_of(*header);
    if (slot == nullptr)
        return fail(ErrorCode::kConflict, "an escrow log is sealed to the break-glass slot, and the vault has none");
    const auto access = check_directory(directory_);
    if (!access) return std::unexpected(access.error());
    const auto target = fs::absolute(file).lexically_normal();
    std::error_code error;
    if (!fs::exists(fs::symlink_status(target, error))) {
        if (auto made = make_empty_file(target, *access); !made) return std::unexpected(made.error());
        if (auto synced = sync_directory(target.parent_path()); !synced) return std::unexpected(synced.error());
    }
    if (auto safe = check_file(target, *access); !safe) return std::unexpected(safe.error());
    if (auto ours = check_log(target, header->vault_id); !ours) return std::unexpected(ours.error());
    EscrowLog log(target, *access, slot->number, *public_keys_of(*slot));
    std::uint64_t count = 0;
    auto done = transact(acting.actor, acting.now, [&](Transaction& transaction) -> Result<void> {
        auto& steps = static_cast<StoreTransaction&>(transaction);
        const auto kept = escrow();
        if (!kept) return std::unexpected(kept.error());
        if (*kept) return fail(ErrorCode::kConflict, fmt::format("an escrow log is kept already: {}", (*kept)->file));
        const auto added = add_everything(*this, log, header->vault_id);
        if (!added) return std::unexpected(added.error());
        count = *added;
        if (auto written = log.write(); !written) return written;
        auto inserted = steps.database().run("INSERT INTO escrow(file,slot,since) VALUES(?,?,?)",
                                             {target.string(), slot->number, acting.now});
        if (!inserted) return inserted;
        return steps.audit(
            "escrow.enabled", std::nullopt,
            audit_body(acting, {{"file", target.string()}, {"slot", slot->number}, {"versions", count}}));
    });
    if (!done) return std::unexpected(done.error());
    return count;
}

Result<void> SqlcipherStore::disable_escrow(const Acting& acting) {
    const auto header = header_to_change();
    if (!header) return std::unexpected(header.error());
    return transact(acting.actor, acting.now, [&](Transaction& transaction) -> Result<void> {
        auto& steps = static_cast<StoreTransaction&>(transaction);
        if (auto ended = steps.end_escrow(); !ended) return ended;
        if (steps.database().changed_rows() == 0) return fail(ErrorCode::kNotFound, "no escrow log is kept");
        return steps.audit("escrow.disabled", std::nullopt, audit_body(acting, nlohmann::json::object()));
    });
}

namespace {

// Brings back what is in the lines of one escrow log.
class Replaying {
public:
    Replaying(const SqlcipherStore& store, Transaction& transaction, EscrowReplay& result)
        : store_(store), transaction_(transaction), result_(result) {}

    Result<void> take(const EscrowLine& line, const Escrowed& escrowed) {
        const auto there = is_there(line.key.bmc, escrowed.place);
        if (!there) return std::unexpected(there.error());
        if (!*there) return {};
        const auto known = knows(line.key, escrowed);
        if (!known) return std::unexpected(known.error());
        if (*known) {
            ++result_.known;
            return {};
        }
        auto added = transaction_.add_version(line.key.bmc, line.key.subject, escrowed.secret, escrowed.place.size,
                                              VersionState::kUnknown, Provenance::kRestored, "from the escrow log");
        if (!added) return std::unexpected(added.error());
        ++result_.added;
        return {};
    }

private:
    // A BMC that the vault does not know is added as it was when the log was written.
    Result<bool> is_there(BmcId id, const EscrowedPlace& place) {
        const auto found = store_.bmc(id);
        if (found && !found->retired) return true;
        if (!found && found.error().code != ErrorCode::kNotFound) return std::unexpected(found.error());
        Bmc bmc;
        bmc.id = id;
        bmc.name = place.name;
        bmc.address = place.address;
        bmc.port = place.port;
        bmc.user_name = place.user_name;
        bmc.channel = place.channel;
        auto added = found ? fail(ErrorCode::kAlreadyExists, "") : transaction_.add_bmc(bmc);
        if (added) {
            result_.bmcs_added.push_back(place.name);
            return true;
        }
        if (added.error().code != ErrorCode::kAlreadyExists) return std::unexpected(added.error());
        if (std::ranges::count(result_.not_in_vault, place.name) == 0) result_.not_in_vault.push_back(place.name);
        return false;
    }

    Result<bool> knows(const EscrowKey& key, const Escrowed& escrowed) {
        auto versions = store_.versions(key.bmc);
        if (!versions) return std::unexpected(versions.error());
        std::erase_if(*versions, [&](const auto& version) {
            return version.subject != key.subject || version.size != escrowed.place.size ||
                   version.state == VersionState::kDestroyed;
        });
        const auto secrets = store_.unseal(*versions);
        if (!secrets) return std::unexpected(secrets.error());
        return std::ranges::any_of(*secrets, [&](const Key20& secret) { return secret.equals(escrowed.secret); });
    }

    const SqlcipherStore& store_;
    Transaction& transaction_;
    EscrowReplay& result_;
};

}  // namespace

Result<EscrowReplay> SqlcipherStore::replay_escrow(const Acting& acting, const fs::path& file) {
    if (!std::holds_alternative<BreakGlassSlot>(own_slot().kind))
        return fail(ErrorCode::kNotPermitted, "only the shares open an escrow log");
    const auto& identity = keyring_->unlocked().identity;
    BMCVAULT_CHECK(identity.has_value());
    const auto text = read_log(file, kMaxLog + 1);
    if (!text) return std::unexpected(text.error());
    if (text->size() > kMaxLog)
        return fail(ErrorCode::kInvalidArgument, fmt::format("{} is larger than 1 GiB", file.string()));
    EscrowReplay result;
    auto done = transact(acting.actor, acting.now, [&](Transaction& transaction) -> Result<void> {
        Replaying replaying(*this, transaction, result);
        for (std::string_view rest = *text; !rest.empty();) {
            const auto end = std::min(rest.find('\n'), rest.size());
            const auto line = parse_escrow_line(rest.substr(0, end));
            rest.remove_prefix(std::min(end + 1, rest.size()));
            ++result.lines;
            const bool ours = line && line->key.vault_id == keyring_->header().vault_id;
            const auto escrowed = ours ? unsealed(*line, *identity) : fail(ErrorCode::kDamaged, "");
            if (!escrowed) {
                result.unread_lines.push_back(result.lines);
                continue;
            }
            if (auto taken = replaying.take(*line, *escrowed); !taken) return taken;
        }
        return transaction.audit(
            "escrow.replayed", std::nullopt,
            audit_body(acting,
                       {{"file", file.string()}, {"added", result.added}, {"bmcs_added", result.bmcs_added.size()}}));
    });
    if (!done) return std::unexpected(done.error());
    return result;
}

}  // namespace bmcvault::vault
