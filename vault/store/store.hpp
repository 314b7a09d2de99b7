// The encrypted store: one SQLCipher file per generation, named by the header. (docs/vault-format.md)
//
// Thread: a Store belongs to one thread at a time. Reads are short. All writes go through transact(), which is
// BEGIN IMMEDIATE ... COMMIT; nothing is durable before it returned a value, and kCommitUnknown means re-read (I5).
// The network thread never calls transact(): see writer.hpp.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vault/base/error.hpp"
#include "vault/base/ids.hpp"
#include "vault/base/secret.hpp"
#include "vault/core/checkpoint.hpp"
#include "vault/core/head.hpp"
#include "vault/core/keys.hpp"
#include "vault/core/model.hpp"
#include "vault/store/team.hpp"

namespace bmcvault::vault {

// Argon2id work for the passphrase slot. Bounds are checked before any derivation runs: 64 MiB to 2 GiB, 1 to 16.
struct KdfCost {
    std::uint64_t memory_bytes = 256ull << 20;
    std::uint32_t operations = 3;
};

struct CreateOptions {
    KdfCost kdf{};
    std::optional<std::string> group;  // name of the Unix group that shares the vault: modes 0660/0770
    std::string slot_name = "passphrase";
    UnixTime now;
};

// A rotation of a selection that may be interrupted and continued.
struct Campaign {
    std::int64_t id = 0;
    std::string command;    // "rotate"
    std::string selection;  // canonical text of selectors and options: the same command continues it
    UnixTime started_at;
    std::optional<UnixTime> finished_at;
};

struct AuditRecord {
    std::uint64_t sequence = 0;
    UnixTime at;
    std::string actor;
    std::string event;  // "credential.staged", "reveal", "bmc.imported" ...
    std::optional<BmcId> bmc;
    std::string body;  // canonical JSON without secrets
    std::array<std::uint8_t, 32> hash{};
};

// One line of a file of old passwords.
struct NewListedPassword {
    std::string label;  // as ListedPassword::label
    Key20 password;     // zero-padded
    StoredSize size = StoredSize::k20;
    std::optional<UnixTime> used_from;
    std::optional<UnixTime> used_until;
};

class Transaction {  // lives inside Store::transact only
public:
    virtual ~Transaction() = default;

    // Inventory. Names are unique among BMCs that are not retired; kAlreadyExists names the clash.
    [[nodiscard]] virtual Result<void> add_bmc(const Bmc&) = 0;
    [[nodiscard]] virtual Result<void> update_bmc(const Bmc&) = 0;  // by id; everything but id
    // First contact: update_bmc, with a pin. kConflict names another row that is pinned to the same board; of two rows
    // at the same moment one gets it.
    [[nodiscard]] virtual Result<void> pin_board(const Bmc&) = 0;

    // Proved wiped: it leaves the inventory, and its credentials may be destroyed when the retention time is over
    // (Team::destroy). json_body: of the audit record.
    [[nodiscard]] virtual Result<void> retire_wiped(const Bmc&, std::string json_body) = 0;

    // Credentials. Each of these is one durable step of the rotation machine (rotate/core) and appends to the audit
    // log. A new version in state kUnknown (a person's word) or kRetired (factory password).
    [[nodiscard]] virtual Result<VersionNumber> add_version(BmcId, Subject, const Key20&, StoredSize, VersionState,
                                                            Provenance, std::string note) = 0;
    // `to` holds the same bytes as `from`, of another account of this BMC: who was shown the one knows the other, and
    // what exposed it exposed both.
    [[nodiscard]] virtual Result<void> same_secret(BmcId, Subject from, VersionNumber from_version, Subject to,
                                                   VersionNumber to_version) = 0;
    // stage: a new pending version. kConflict when there is one already (I2).
    [[nodiscard]] virtual Result<VersionNumber> stage(BmcId, Subject, const Key20&, StoredSize, Provenance,
                                                      std::string note) = 0;
    [[nodiscard]] virtual Result<void> mark_sent(BmcId, Subject, VersionNumber) = 0;
    // commit: pending -> current, current -> previous, previous -> retired; proved_at = now. (I3)
    [[nodiscard]] virtual Result<void> commit_pending(BmcId, Subject, VersionNumber) = 0;
    // A probe found this known version live: it becomes current; the current one becomes previous. Of a password that
    // was not current: pending -> failed, and where it is our own account's, a pending K_G too.
    [[nodiscard]] virtual Result<void> found_live(BmcId, Subject, VersionNumber) = 0;
    // A two-key login showed that no K_G is set: current -> previous, nothing becomes current; pending stays.
    [[nodiscard]] virtual Result<void> found_none_live(BmcId, Subject) = 0;
    // A mangled password was found live: insert it as observed, pending -> failed, current -> previous,
    // observed -> current; all in this transaction.
    [[nodiscard]] virtual Result<VersionNumber> observed_live(BmcId, Subject, const Key20&, StoredSize,
                                                              std::string note) = 0;
    // The BMC was asked and does not hold it: pending -> failed. It stays a candidate for ever.
    [[nodiscard]] virtual Result<void> abandon_pending(BmcId, Subject, VersionNumber, std::string note) = 0;
    // The BMC proved the current version again (check, later rotation).
    [[nodiscard]] virtual Result<void> mark_proved(BmcId, Subject, VersionNumber) = 0;

    // A list of old passwords, in the order of the file; its number. kAlreadyExists names the list or label that is
    // there already, kInvalidArgument what can not be, also more than kMaxListedPasswords in all lists together.
    [[nodiscard]] virtual Result<std::uint32_t> add_password_list(const std::string& name,
                                                                  std::span<const NewListedPassword> passwords) = 0;

    // A fact about a kind of BMC, without secrets: ("password-size", "16"), ("k_g", "unusable") ...
    [[nodiscard]] virtual Result<void> learn(const std::string& card_key, const std::string& fact,
                                             const std::string& value) = 0;

    [[nodiscard]] virtual Result<std::int64_t> begin_campaign(const std::string& command,
                                                              const std::string& selection) = 0;
    [[nodiscard]] virtual Result<void> campaign_done(std::int64_t campaign, BmcId, const std::string& outcome) = 0;
    [[nodiscard]] virtual Result<void> finish_campaign(std::int64_t campaign) = 0;

    [[nodiscard]] virtual Result<void> audit(std::string event, std::optional<BmcId>, std::string json_body) = 0;
    // These versions go out of the vault: the record is signed, and whose slot it was is remembered. Durable before the
    // first byte is shown.
    [[nodiscard]] virtual Result<void> disclose(std::string event, BmcId, std::span<const CredentialVersion> versions,
                                                std::string json_body) = 0;
};

struct OpenOptions {
    // Where this host keeps what it has seen last of each vault: outside the vault and its backups. Without one an
    // older copy of the vault can't be told from the vault.
    std::optional<std::filesystem::path> heads;
    // Content of an identity file: the passphrase opens it, and it the vault.
    std::optional<std::string> identity;
};

class Store {
public:
    // Makes directory (0700, or 0770 with a group), header, store, lock file. Refuses an existing vault and network
    // file systems. Nothing is left behind on failure.
    [[nodiscard]] static Result<void> create(const std::filesystem::path& directory, const Passphrase&,
                                             const CreateOptions&);
    // kWrongKey, kNotPermitted, kDamaged, kRolledBack, kUnsafeFile, kBusy, kWrongLibrary, kNotFound. Changes no byte on
    // failure. Holds the vault lock shared while it lives. Tables of an older bmcvault are brought up to date first,
    // all or nothing (migrate.hpp).
    [[nodiscard]] static Result<std::unique_ptr<Store>> open(const std::filesystem::path& directory, const Passphrase&,
                                                             const OpenOptions& = {});
    // By the secret keys of a slot themselves, which the caller has (an identity that is open already, joined shares).
    // Of the header given only the administrator's signature was verified. kNotPermitted: no slot has these keys.
    using KeysFor = std::function<Result<IdentityKeys>(const Header&)>;
    [[nodiscard]] static Result<std::unique_ptr<Store>> open(const std::filesystem::path& directory,
                                                             const KeysFor& keys, const OpenOptions& = {});

    // The secret keys of the slot that is open, for an unlock agent. kConflict: a passphrase slot of the first vaults.
    [[nodiscard]] virtual Result<IdentityKeys> identity() const = 0;

    // A second connection to the same vault with the same keys, for another thread (the writer).
    [[nodiscard]] virtual Result<std::unique_ptr<Store>> clone() const = 0;

    virtual ~Store() = default;

    [[nodiscard]] virtual Result<std::vector<Bmc>> bmcs(bool with_retired = false) const = 0;  // by name
    [[nodiscard]] virtual Result<Bmc> bmc(BmcId) const = 0;
    [[nodiscard]] virtual Result<Bmc> bmc(std::string_view name) const = 0;
    // All subjects, oldest first within each.
    [[nodiscard]] virtual Result<std::vector<CredentialVersion>> versions(BmcId) const = 0;
    // Current versions of all BMCs in one query, for status.
    [[nodiscard]] virtual Result<std::vector<CredentialVersion>> current_versions() const = 0;
    // Rotations that are not finished: staged, and neither proved nor given up.
    [[nodiscard]] virtual Result<std::vector<CredentialVersion>> pending_versions() const = 0;
    [[nodiscard]] virtual Result<Key20> unseal(const CredentialVersion&) const = 0;
    // Of one BMC, in the order given; one query for all.
    [[nodiscard]] virtual Result<std::vector<Key20>> unseal(std::span<const CredentialVersion>) const = 0;
    // Newest list first; within a list the one that was last in use first (no known end before all others), and those
    // without dates last, in the order of the file.
    [[nodiscard]] virtual Result<std::vector<ListedPassword>> listed_passwords() const = 0;
    [[nodiscard]] virtual Result<Key20> unseal(const ListedPassword&) const = 0;
    // What was learned under one key: of a kind of BMC, or of one.
    using Facts = std::map<std::string, std::string, std::less<>>;
    [[nodiscard]] virtual Result<Facts> facts(const std::string& card_key) const = 0;
    [[nodiscard]] virtual Result<std::optional<Campaign>> unfinished_campaign(const std::string& command,
                                                                              const std::string& selection) const = 0;
    // Without those whose current password was exposed meanwhile: they are to be done again.
    [[nodiscard]] virtual Result<std::vector<BmcId>> campaign_done(std::int64_t campaign) const = 0;
    // Whether this one is among them.
    [[nodiscard]] virtual Result<bool> is_done(std::int64_t campaign, BmcId bmc) const = 0;
    // Accounts whose current or pending password is one that somebody knows who should not: user IDs,
    // Subject::kOwnAccount among them.
    [[nodiscard]] virtual Result<std::vector<std::uint8_t>> exposed_accounts(BmcId bmc) const = 0;
    [[nodiscard]] virtual Result<std::vector<AuditRecord>> audit_log(std::uint64_t after, std::size_t limit) const = 0;

    // What `reads` asks of this store, as of one moment; one lock of the file serves it all.
    virtual void at_one_moment(const std::function<void()>& reads) const = 0;

    using Work = std::function<Result<void>(Transaction&)>;
    // actor: who acts, for the audit log. Error from work: rolled back, returned. kCommitUnknown: see I5.
    [[nodiscard]] virtual Result<void> transact(const std::string& actor, UnixTime now, const Work& work) = 0;
    // Group commit: each work in its own savepoint, one COMMIT for all; results in order. A work that fails does not
    // harm the others; when COMMIT is not OK every result is that error.
    [[nodiscard]] virtual std::vector<Result<void>> transact_group(const std::string& actor, UnixTime now,
                                                                   std::span<const Work> works) = 0;

    struct Info {
        std::array<std::uint8_t, 16> vault_id{};
        std::uint64_t generation = 0;
        std::string sqlcipher_version;
        std::uint64_t audit_records = 0;
        std::uint64_t credential_versions = 0;
        std::uint64_t listed_passwords = 0;
        std::vector<std::string> slots;  // "argon2id passphrase"
    };
    [[nodiscard]] virtual Result<Info> info() const = 0;
    // Every audit hash, every seal, every page, every row: names the first that does not verify.
    [[nodiscard]] virtual Result<void> verify() const = 0;
    // After a run: the last audit record, signed, to be kept elsewhere. Where it is not signed a checkpoint is
    // appended. nullopt: neither this store nor a clone of it has written since the last one, or the slot has no key to
    // sign with.
    [[nodiscard]] virtual Result<std::optional<Checkpoint>> checkpoint(const std::string& actor, UnixTime now) = 0;
    // Called once, right before this store closes; not by its clones.
    virtual void before_closing(std::function<void(Store&)> last) = 0;
    // The vault as it stands against a checkpoint that was kept elsewhere. kInvalidArgument: of another vault;
    // kRolledBack: it says something else than the vault, and nobody known here has signed it.
    [[nodiscard]] virtual Result<Freshness> compare_with(const Checkpoint& kept) const = 0;
    [[nodiscard]] virtual const std::filesystem::path& directory() const = 0;

    [[nodiscard]] virtual Team& team() = 0;
    [[nodiscard]] virtual const Team& team() const = 0;
    // kInvalidArgument: none of the first lines of this file is one of an escrow log; kIo. It is not opened by any key.
    [[nodiscard]] static Result<void> check_escrow_log(const std::filesystem::path& file);

    // Why every write is refused with kRolledBack: the vault is older than what this host has seen, of another history,
    // or a copy of the one that this host goes on with. Empty: it is fresh.
    [[nodiscard]] virtual const std::string& refusal() const = 0;
    // Why this host can't keep what it has seen of the vault, so that an older one would not be noticed. Empty: it can.
    [[nodiscard]] virtual const std::string& head_problem() const = 0;
    // The directory in which this host has the same vault and goes on with it. Empty: this one is the only one.
    [[nodiscard]] virtual const std::filesystem::path& other_copy() const = 0;
    // The generation that this host has seen where this one is older: who left since then opens it still.
    [[nodiscard]] virtual std::optional<std::uint64_t> newer_generation() const = 0;
    // A person says that this state shall be gone on from. Every credential that was current or pending becomes
    // unknown, for the fleet alone knows; then this state is what the host has seen, and any other copy is refused.
    // kInvalidArgument: nothing was refused, so there is nothing to accept.
    [[nodiscard]] virtual Result<void> accept_restore(const Acting&) = 0;

    struct AcceptedRestore {
        UnixTime at;        // when it was accepted
        UnixTime state_of;  // the last change before that: when the backup was taken, if it was one
    };
    // The last one; nullopt: this vault was never put back.
    [[nodiscard]] virtual Result<std::optional<AcceptedRestore>> accepted_restore() const = 0;

    // What a backup holds, as far as this slot can open it.
    struct BackupReport {
        std::array<std::uint8_t, 16> vault_id{};
        std::uint64_t generation = 0;
        std::uint64_t audit_records = 0;
        std::uint64_t credential_versions = 0;
        std::uint64_t listed_passwords = 0;
        UnixTime taken_at;
        std::vector<std::string> slots;  // as Info::slots: who can open it
    };
    // Writes the vault as it is now to a file of its own (docs/vault-format.md), while others go on. On return it has
    // been opened again and everything in it verified. kAlreadyExists when there is such a file; nothing is left behind
    // on failure but the audit record, which comes first so that the backup holds it.
    [[nodiscard]] virtual Result<BackupReport> backup(const std::filesystem::path& file, const Acting&) = 0;
    // Opens a backup in a directory that goes away again, and verifies all of it.
    [[nodiscard]] static Result<BackupReport> verify_backup(const std::filesystem::path& file, const Passphrase&,
                                                            const OpenOptions& = {});
    // Verifies a backup and makes a vault of it, where there is none. What this host has seen stays as it is: if that
    // is more than the backup holds, the vault refuses to write until accept_restore.
    [[nodiscard]] static Result<BackupReport> restore(const std::filesystem::path& file,
                                                      const std::filesystem::path& directory, const Passphrase&,
                                                      const std::optional<std::string>& group, const OpenOptions& = {});
    [[nodiscard]] static Result<BackupReport> restore(const std::filesystem::path& file,
                                                      const std::filesystem::path& directory, const KeysFor& keys,
                                                      const std::optional<std::string>& group);
};

}  // namespace bmcvault::vault
