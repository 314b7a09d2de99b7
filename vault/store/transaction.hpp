// The steps of a transaction over the open database. Internal to vault/store.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "vault/core/audit_chain.hpp"
#include "vault/core/header.hpp"
#include "vault/store/escrow.hpp"
#include "vault/store/keyring.hpp"
#include "vault/store/sqlite.hpp"
#include "vault/store/store.hpp"

namespace bmcvault::vault {

struct AuditHead {
    std::uint64_t sequence = 0;
    Digest hash{};
    friend bool operator==(const AuditHead&, const AuditHead&) = default;
};
[[nodiscard]] Result<AuditHead> read_audit_head(Database&);

// Every method that changes a row appends to the audit log: that is also how a failed COMMIT is looked into.
class StoreTransaction final : public Transaction {
public:
    StoreTransaction(Database& database, const Keyring& keyring, std::string_view actor, UnixTime now, AuditHead head)
        : database_(database), keyring_(keyring), actor_(actor), now_(now), head_(head) {}

    [[nodiscard]] const AuditHead& head() const { return head_; }
    // Borrowed: where each new version goes too.
    void escrow_to(EscrowLog* log) { escrow_ = log; }
    struct Place {
        AuditHead head;
        std::uint64_t escrowed = 0;
    };
    [[nodiscard]] Place place() const { return {head_, escrow_ != nullptr ? escrow_->place() : 0}; }
    void rewind(const Place& place);  // after ROLLBACK TO

    Result<void> add_bmc(const Bmc&) override;
    Result<void> update_bmc(const Bmc&) override;
    Result<void> pin_board(const Bmc&) override;
    Result<void> retire_wiped(const Bmc&, std::string json_body) override;
    Result<VersionNumber> add_version(BmcId, Subject, const Key20&, StoredSize, VersionState, Provenance,
                                      std::string note) override;
    Result<void> same_secret(BmcId, Subject from, VersionNumber from_version, Subject to,
                             VersionNumber to_version) override;
    Result<VersionNumber> stage(BmcId, Subject, const Key20&, StoredSize, Provenance, std::string note) override;
    Result<void> mark_sent(BmcId, Subject, VersionNumber) override;
    Result<void> commit_pending(BmcId, Subject, VersionNumber) override;
    Result<void> found_live(BmcId, Subject, VersionNumber) override;
    Result<void> found_none_live(BmcId, Subject) override;
    Result<VersionNumber> observed_live(BmcId, Subject, const Key20&, StoredSize, std::string note) override;
    Result<void> abandon_pending(BmcId, Subject, VersionNumber, std::string note) override;
    Result<void> mark_proved(BmcId, Subject, VersionNumber) override;
    Result<std::uint32_t> add_password_list(const std::string& name,
                                            std::span<const NewListedPassword> passwords) override;
    Result<void> learn(const std::string& card_key, const std::string& fact, const std::string& value) override;
    Result<std::int64_t> begin_campaign(const std::string& command, const std::string& selection) override;
    Result<void> campaign_done(std::int64_t campaign, BmcId, const std::string& outcome) override;
    Result<void> finish_campaign(std::int64_t campaign) override;
    Result<void> audit(std::string event, std::optional<BmcId>, std::string json_body) override;
    // A checkpoint where the last record does not speak of the state as it is now, or too many came after the last
    // signature; packs of the log where it has grown.
    [[nodiscard]] Result<void> end_with_state();
    // The last record has a signature.
    [[nodiscard]] Result<bool> ends_signed();
    [[nodiscard]] Result<void> checkpoint() { return audit(std::string(kCheckpointEvent), std::nullopt, "{}"); }
    Result<void> disclose(std::string event, BmcId, std::span<const CredentialVersion> versions,
                          std::string json_body) override;
    // The active key of a compartment from now on; epochs only grow, in every compartment.
    struct DataKey {
        Key32 key;
        std::uint32_t epoch = 0;
    };
    [[nodiscard]] Result<DataKey> new_data_key(std::uint32_t compartment);
    // false: it is there already.
    [[nodiscard]] Result<bool> move_bmc(BmcId, std::uint32_t compartment, const DataKey&);
    [[nodiscard]] Result<std::int64_t> insert_departure(std::string_view who, std::string_view type,
                                                        std::optional<std::uint32_t> slot, std::string_view reason);
    [[nodiscard]] Result<void> end_membership(std::uint32_t slot);
    // What these departures had not seen replaced is exposed by the later one, too.
    [[nodiscard]] Result<void> take_over(std::int64_t departure, std::span<const Departure> open);
    [[nodiscard]] Result<void> end_departure(const Departure&);
    // What those who are marked, and whose keys open the vault still, could read by now.
    [[nodiscard]] Result<void> mark_until_now();
    // The row of a slot and the compartments that it opens from now on.
    [[nodiscard]] Result<void> insert_member(const Slot&);
    // kConflict: the member of this slot has left.
    [[nodiscard]] Result<void> refuse_left(const Slot&);
    [[nodiscard]] Result<void> widen_access(const Slot&);
    [[nodiscard]] Database& database() { return database_; }
    [[nodiscard]] Result<std::int64_t> number(std::string_view sql, const Database::Values& = {});
    [[nodiscard]] const Keyring& keyring() const { return keyring_; }
    [[nodiscard]] UnixTime now() const { return now_; }
    // What may be live on any BMC is exposed by this departure; how many versions.
    [[nodiscard]] Result<std::uint64_t> expose_all(std::int64_t departure);
    [[nodiscard]] Result<void> end_escrow();
    // Where the log of this row of table escrow ends from this transaction on.
    [[nodiscard]] Result<void> remember_escrow_end(std::int64_t row, const EscrowEnd&);
    // Every current and pending version becomes unknown, for only the BMCs know which of them is live.
    [[nodiscard]] Result<void> distrust_all(std::string json_body);

private:
    struct BmcRow {
        std::int64_t id = 0;
        std::uint32_t compartment = 0;
    };
    [[nodiscard]] Result<BmcRow> bmc_row(BmcId);
    // kNotPermitted: whose slot has opened the vault is marked as departed.
    [[nodiscard]] Result<void> refuse_departed();
    [[nodiscard]] std::uint32_t compartment_of_new(const Bmc&) const;
    [[nodiscard]] Result<void> refuse_taken_name(const Bmc&);
    [[nodiscard]] Result<VersionState> state_of(std::int64_t row_id, Subject, VersionNumber);
    [[nodiscard]] Result<std::optional<VersionNumber>> version_in(std::int64_t row_id, Subject, VersionState);
    [[nodiscard]] Result<VersionNumber> insert_version(BmcId, Subject, const Key20&, StoredSize, VersionState,
                                                       Provenance, const std::string& note);
    [[nodiscard]] Result<void> set_state(std::int64_t row_id, Subject, VersionNumber, VersionState);
    // The current version, if there is one, becomes previous, and the previous one retired; `next` is left alone.
    [[nodiscard]] Result<void> fail_pending(std::int64_t row_id, Subject subject, VersionNumber but);
    [[nodiscard]] Result<void> fail_pending_k_gs(std::int64_t row_id);
    [[nodiscard]] Result<void> supersede(std::int64_t row_id, Subject, VersionNumber next);
    [[nodiscard]] Result<void> make_current(std::int64_t row_id, Subject, VersionNumber);
    [[nodiscard]] Result<void> refuse_taken_list(const std::string& name);
    [[nodiscard]] Result<void> refuse_too_many(std::size_t more);
    [[nodiscard]] Result<std::uint32_t> insert_list(const std::string& name);
    [[nodiscard]] Result<void> insert_listed(std::uint32_t list, std::uint32_t entry, const NewListedPassword&);
    [[nodiscard]] Result<void> escrow(BmcId, Subject, VersionNumber, StoredSize, const Key20&);
    // What may be live on a BMC whose place has changed goes to the log once more.
    [[nodiscard]] Result<void> escrow_anew(const Bmc&);
    [[nodiscard]] Result<void> sign_record(const IdentityKeys& identity);
    [[nodiscard]] Result<void> audit_version(std::string_view event, BmcId, Subject, VersionNumber,
                                             std::string_view note = {});

    Database& database_;
    const Keyring& keyring_;
    std::string_view actor_;
    UnixTime now_;
    AuditHead head_;
    EscrowLog* escrow_ = nullptr;
};

}  // namespace bmcvault::vault
