// The Store over SQLCipher. Internal to vault/store.
#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "vault/store/escrow.hpp"
#include "vault/store/head_file.hpp"
#include "vault/store/keyring.hpp"
#include "vault/store/sqlite.hpp"
#include "vault/store/store.hpp"
#include "vault/store/transaction.hpp"
#include "vault/store/vault_files.hpp"

namespace bmcvault::vault {

// What this host has seen of the vault, and what follows for this store.
struct Seen {
    std::optional<HeadFile> file;
    std::string refusal;                              // as Store::refusal
    std::string problem;                              // as Store::head_problem
    std::filesystem::path other_copy{};               // as Store::other_copy
    std::optional<std::uint64_t> newer_generation{};  // as Store::newer_generation
    // This store or a clone of it has written since the last checkpoint.
    std::shared_ptr<std::atomic<bool>> wrote = std::make_shared<std::atomic<bool>>(false);
};

class SqlcipherStore final : public Store, public Team {
public:
    SqlcipherStore(std::filesystem::path directory, VaultLock lock, std::shared_ptr<Keyring> keyring,
                   std::unique_ptr<Database> database, Seen seen)
        : directory_(std::move(directory)),
          lock_(std::move(lock)),
          keyring_(std::move(keyring)),
          database_(std::move(database)),
          seen_(std::move(seen)) {}
    ~SqlcipherStore() override {
        if (before_closing_) before_closing_(*this);
    }

    Result<IdentityKeys> identity() const override;
    Result<std::unique_ptr<Store>> clone() const override;
    Result<std::vector<Bmc>> bmcs(bool with_retired) const override;
    Result<Bmc> bmc(BmcId) const override;
    Result<Bmc> bmc(std::string_view name) const override;
    Result<std::vector<CredentialVersion>> versions(BmcId) const override;
    Result<std::vector<CredentialVersion>> current_versions() const override;
    Result<std::vector<CredentialVersion>> pending_versions() const override;
    Result<Key20> unseal(const CredentialVersion&) const override;
    Result<std::vector<Key20>> unseal(std::span<const CredentialVersion>) const override;
    Result<std::vector<ListedPassword>> listed_passwords() const override;
    Result<Key20> unseal(const ListedPassword&) const override;
    Result<Facts> facts(const std::string& card_key) const override;
    Result<std::optional<Campaign>> unfinished_campaign(const std::string& command,
                                                        const std::string& selection) const override;
    Result<std::vector<BmcId>> campaign_done(std::int64_t campaign) const override;
    Result<bool> is_done(std::int64_t campaign, BmcId bmc) const override;
    Result<std::vector<std::uint8_t>> exposed_accounts(BmcId bmc) const override;
    Result<std::vector<AuditRecord>> audit_log(std::uint64_t after, std::size_t limit) const override;
    void at_one_moment(const std::function<void()>& reads) const override;
    Result<void> transact(const std::string& actor, UnixTime now, const Work& work) override;
    std::vector<Result<void>> transact_group(const std::string& actor, UnixTime now,
                                             std::span<const Work> works) override;
    Result<Info> info() const override;
    Result<void> verify() const override;
    Result<std::optional<Checkpoint>> checkpoint(const std::string& actor, UnixTime now) override;
    void before_closing(std::function<void(Store&)> last) override { before_closing_ = std::move(last); }
    Result<Freshness> compare_with(const Checkpoint& kept) const override;
    const std::filesystem::path& directory() const override { return directory_; }
    const std::string& refusal() const override { return seen_.refusal; }
    const std::string& head_problem() const override { return seen_.problem; }
    const std::filesystem::path& other_copy() const override { return seen_.other_copy; }
    [[nodiscard]] std::optional<std::uint64_t> newer_generation() const override { return seen_.newer_generation; }
    Result<std::optional<AcceptedRestore>> accepted_restore() const override;
    Result<void> accept_restore(const Acting&) override;
    Team& team() override { return *this; }
    [[nodiscard]] const Team& team() const override { return *this; }
    const Slot& own_slot() const override { return keyring_->own_slot(); }
    const std::vector<Slot>& slots() const override { return keyring_->header().slots; }
    Result<std::vector<Member>> members() const override;
    [[nodiscard]] Result<void> check_member(const NewMember&) const override;
    Result<void> add_member(const Acting&, const NewMember&) override;
    Result<std::vector<Compartment>> compartments() const override;
    Result<void> add_compartment(const Acting&, const std::string& name) override;
    Result<void> move_bmcs(const Acting&, const std::string& name, std::span<const BmcId> bmcs) override;
    Result<std::vector<Holder>> holders() const override;
    Result<void> add_holder(const Acting&, const std::string& name, std::span<const BmcId> bmcs,
                            UnixTime since) override;
    [[nodiscard]] Result<Departure> who_leaves(const std::string& who) const override;
    Result<Departure> begin_departure(const Acting&, const std::string& who) override;
    Result<Departure> expose(const Acting&, std::span<const BmcId> bmcs) override;
    Result<void> revoke(const Acting&, const Departure&) override;
    Result<void> finish_departure(const Acting&, const Departure&) override;
    Result<std::vector<Departure>> departures() const override;
    Result<std::vector<ExposedCredential>> exposed_by(const Departure&) const override;
    Result<std::vector<BmcId>> due() const override;
    Result<std::vector<BmcId>> due_for_k_g() const override;
    Result<std::vector<std::string>> backups_opened_by(const Departure&) const override;
    Result<Signed> sign_statement(std::string_view text) const override;
    Result<std::vector<WipedBmc>> wiped() const override;
    Result<void> destroy(const Acting&, std::span<const BmcId> wiped) override;
    Result<std::vector<std::string>> backups_since(UnixTime) const override;
    Result<void> add_break_glass(const Acting&, const NewBreakGlass& made, const KeepShares& keep) override;
    Result<std::optional<KeyInShares>> break_glass() const override;
    void opened_by(std::vector<std::uint32_t> shares) override { opened_by_ = std::move(shares); }
    Result<Departure> use_break_glass(const Acting&) override;
    Result<void> record_drill(const Acting&, std::uint64_t credentials) override;
    Result<std::optional<Escrow>> escrow() const override;
    Result<std::uint64_t> enable_escrow(const Acting&, const std::filesystem::path& file) override;
    Result<void> disable_escrow(const Acting&) override;
    Result<std::optional<EscrowSample>> sample_escrow(std::size_t most) const override;
    Result<EscrowReplay> replay_escrow(const Acting&, const std::filesystem::path& file) override;
    Result<void> new_generation(const Acting& acting) override { return destroy(acting, {}); }
    Result<BackupReport> backup(const std::filesystem::path& file, const Acting&) override;

private:
    // The connection; a broken one is closed and opened again first, which also replays a journal left behind.
    [[nodiscard]] Result<Database*> database() const;
    [[nodiscard]] Result<void> query(std::string_view sql, const Database::Values&, const Database::EachRow&) const;
    [[nodiscard]] Result<bool> has_rows(std::string_view sql, const Database::Values&) const;
    [[nodiscard]] Result<std::vector<Bmc>> bmcs_where(std::string_view sql, const Database::Values&) const;
    [[nodiscard]] Result<Bmc> one_bmc(std::string_view sql, const Value& key, std::string_view name) const;
    struct SealedRow {
        Bytes sealed;
        std::uint32_t epoch = 0;
        std::uint32_t compartment = 0;
    };
    [[nodiscard]] Result<Key20> unseal_row(const CredentialVersion& version, const SealedRow& row) const;
    [[nodiscard]] Result<std::vector<CredentialVersion>> read_versions(std::string_view sql,
                                                                       const Database::Values&) const;
    [[nodiscard]] Result<void> commit(const AuditHead& before, const AuditHead& after);
    // members.cpp. The header as it stands, for an owner who is about to replace it.
    [[nodiscard]] Result<std::vector<BmcId>> bmc_ids(std::string_view sql) const;
    [[nodiscard]] Result<Header> header_to_change() const;
    [[nodiscard]] Result<std::uint32_t> next_compartment() const;
    [[nodiscard]] Result<std::vector<std::uint32_t>> granted_spans(std::uint32_t slot) const;
    [[nodiscard]] Result<void> replace_header(Header header);
    [[nodiscard]] Result<Compartment> compartment(const std::string& name) const;
    [[nodiscard]] Result<std::vector<std::uint32_t>> granted_to(const NewMember&) const;
    struct NewSlot {
        Slot slot;
        bool begun = false;  // its row is there already
        bool grows = false;  // it is in the header already, and opens more compartments from now on
    };
    [[nodiscard]] Result<NewSlot> grown(const Header&, const Member&, const NewMember& wanted) const;
    [[nodiscard]] Result<NewSlot> slot_for(const Header&, const NewMember&) const;
    // escrow.cpp. The log that is kept, for the transaction that was begun.
    [[nodiscard]] Result<std::optional<EscrowLog>> escrow_log(Database&) const;
    // generation.cpp
    [[nodiscard]] Result<void> drop_removed_slots(Header& header) const;
    [[nodiscard]] Result<void> lock_for_generation();
    [[nodiscard]] Result<void> change_generation(const Acting&, std::span<const BmcId> to_destroy);
    [[nodiscard]] Result<std::vector<std::string>> backups_between(UnixTime from, UnixTime until) const;
    [[nodiscard]] Result<void> put_in_force(const Acting&, Header, Bundle,
                                            const std::function<void(Keyring&)>& add_keys);
    // departures.cpp
    [[nodiscard]] Result<std::vector<Departure>> open_departures_of(const std::string& who) const;
    [[nodiscard]] Result<Departure> departure_by_id(std::int64_t id) const;
    [[nodiscard]] std::string acting_name(const std::string& actor) const;
    [[nodiscard]] Head head_at(const AuditHead&) const;
    [[nodiscard]] bool is_absent(const AuditHead& before, const AuditHead& after) const;

    std::filesystem::path directory_;
    VaultLock lock_;
    std::shared_ptr<Keyring> keyring_;
    mutable std::unique_ptr<Database> database_;
    Seen seen_;
    std::function<void(Store&)> before_closing_;
    std::vector<std::uint32_t> opened_by_;  // shares
};

// As connect(), whatever version the tables have.
[[nodiscard]] Result<std::unique_ptr<Database>> connect_as_it_is(const std::filesystem::path& directory,
                                                                 const Keyring&);
// A restricted connection to the store file of this keyring's generation, checked against the header, its tables
// brought up to date.
[[nodiscard]] Result<std::unique_ptr<Database>> connect(const std::filesystem::path& directory, const Keyring&);

[[nodiscard]] Result<Header> read_header(const std::filesystem::path& directory, const Access&);
// What a slot of this header opens: data keys too, which takes the connection.
[[nodiscard]] Result<void> load_data_keys(Database&, Keyring&);
// Stores of other generations: what an interrupted change has left behind.
void remove_other_stores(const std::filesystem::path& directory, const Header&);
void remove_older_stores(const std::filesystem::path& directory, const Header&);
// "argon2id alice" for each slot.
[[nodiscard]] std::vector<std::string> describe_slots(const Header&);
[[nodiscard]] Result<std::uint64_t> count_rows(Database&, std::string_view sql);

// Store::verify on a fresh connection, whose page cache can hide nothing.
[[nodiscard]] Result<void> verify_database(Database& database, const Keyring& keyring);

}  // namespace bmcvault::vault
