// The JSON lines of --json: one object per line, the last one the summary. The only place that knows their fields.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/options.hpp"
#include "rotate/engine/campaign.hpp"
#include "vault/core/model.hpp"
#include "vault/store/store.hpp"

namespace bmcvault::rotate {
struct BoardsOfKind;
struct CapabilityCard;
}  // namespace bmcvault::rotate

namespace bmcvault::cli {

struct DueEntry;
struct KeptCheckpoints;
struct Plan;
struct YearlyLine;

using OutcomeCounts = std::vector<std::pair<std::string, std::size_t>>;

// rotate, check, recover
[[nodiscard]] std::string json_result(const rotate::BmcReport& report);
[[nodiscard]] std::string json_summary(const rotate::RunSummary& summary);

// Every other command's last line.
struct PlainSummary {
    std::string command;
    std::size_t total = 0;
    OutcomeCounts outcomes;
    std::optional<std::size_t> attention;
    bool dry_run = false;
};
[[nodiscard]] std::string json_summary(const PlainSummary& summary);

// The first line of an exported log: which part of which log it is.
struct LogExtent {
    std::string vault_id;  // hexadecimal
    LogCommand filter;
    std::size_t records = 0;        // in this file
    std::uint64_t log_records = 0;  // that there are
    UnixTime made_at;
    std::string made_by;
    std::string refusal;              // as Store::refusal
    std::optional<std::string> head;  // hexadecimal hash of the last record there is
};
[[nodiscard]] std::string json_log_export(const LogExtent& extent);

// vault info, vault verify --head.
[[nodiscard]] std::string json_places_of_checkpoints(const std::vector<std::string>& places);
[[nodiscard]] std::string json_kept_checkpoints(const KeptCheckpoints& kept);

// What a program of the site is told (docs/schedule.md). `report`: null before the rotation.
[[nodiscard]] std::string json_hook(const vault::Bmc& bmc, const rotate::BmcReport* report,
                                    const GlobalOptions& options, bool with_secret);
[[nodiscard]] std::string json_attention(const std::string& command, int exit_code, const std::string& failure);

// --plan, approve: what is asked for, by whom. `bmcs`: as the vault has them.
[[nodiscard]] std::string json_plan(const Plan& plan, std::span<const vault::Bmc> bmcs);

[[nodiscard]] std::string json_exported(const vault::Bmc& bmc, VersionNumber password, const std::string& format);

// vault forget: one BMC whose credentials are, or would be, destroyed.
[[nodiscard]] std::string json_forgotten(const vault::WipedBmc& bmc, bool done);
// ... and a backup that still holds them.
[[nodiscard]] std::string json_backup_that_holds(const std::string& file);

// bmc add, import, set, replace, hold, remove, list, show: the inventory's view of a BMC.
// recover --rescue-script: the script has no secret in it.
[[nodiscard]] std::string json_rescue(const vault::Bmc& bmc, VersionNumber staged, const std::string& script);
[[nodiscard]] std::string json_inventory(const vault::Bmc& bmc, std::string_view outcome = {});

// What status knows of one BMC.
struct FleetEntry {
    vault::Bmc bmc;
    std::optional<vault::CredentialVersion> password;  // current
    std::optional<vault::CredentialVersion> k_g;       // current
    std::string attention;                             // why a person should look; empty: no need
    bool held = false;
};
[[nodiscard]] std::string json_status(const FleetEntry& entry, UnixTime now);

// due: what a schedule says of one BMC
[[nodiscard]] std::string json_due(const DueEntry& entry, std::string_view state);

// report
[[nodiscard]] std::string json_yearly(const YearlyLine& entry);

[[nodiscard]] std::string json_version(const vault::Bmc& bmc, const vault::CredentialVersion& version);
[[nodiscard]] std::string json_event(const vault::AuditRecord& record, const std::string& bmc_name);
[[nodiscard]] std::string json_vault(const vault::Store::Info& info, const std::string& directory,
                                     const std::string& signing_key);
// member keygen, list; compartment list; holder list
[[nodiscard]] std::string json_identity(const std::string& file, const std::string& fingerprint);
// deprovision --verify: a certificate is as it was signed; `signer_checked`: by the key that was asked for.
struct CertifiedFacts {
    std::string bmc, serial, guid, result;
};
[[nodiscard]] std::string json_verified(const std::string& file, const std::string& signer, bool signer_checked,
                                        const CertifiedFacts& facts);
[[nodiscard]] std::string json_member(const vault::Member& member);
// vault break-glass create, drill; depart; vault escrow show, replay
[[nodiscard]] std::string json_break_glass(std::uint32_t threshold, const std::string& fingerprint,
                                           const std::vector<std::string>& holders,
                                           const std::vector<std::string>& sheets);
[[nodiscard]] std::string json_escrow_sample(const vault::EscrowSample& sample);
[[nodiscard]] std::string json_taken(const std::string& who, const vault::KeyInShares& key, const vault::Taken& taken);
[[nodiscard]] std::string json_escrow(const vault::Escrow& escrow);
[[nodiscard]] std::string json_replay(const vault::EscrowReplay& replay, const std::string& file);
// compartment move: what a member opens afterwards that they did not, and the other way round, in BMCs.
[[nodiscard]] std::string json_access(const std::string& member, std::size_t gained, std::size_t lost);
[[nodiscard]] std::string json_compartment(const vault::Compartment& compartment);
[[nodiscard]] std::string json_holder(const vault::Holder& holder);
[[nodiscard]] std::string json_backup(const vault::Store::BackupReport& report, const std::string& file);
// The line of `reveal` up to and without its closing brace: the caller appends the secrets, in secret memory.
[[nodiscard]] std::string json_reveal_head(const vault::Bmc& bmc, const vault::CredentialVersion& password,
                                           const std::optional<vault::CredentialVersion>& k_g,
                                           std::string_view privilege);
[[nodiscard]] std::string json_card(const rotate::CapabilityCard& card, const rotate::BoardsOfKind& boards);
// Body of an audit record. Keys with empty values are left out.
[[nodiscard]] std::string json_body(const std::vector<std::pair<std::string_view, std::string>>& fields);

[[nodiscard]] std::string_view word(vault::VersionState state);
[[nodiscard]] std::string_view word(vault::Provenance provenance);
[[nodiscard]] std::string describe(vault::Subject subject);  // "password", "password of user 3", "k_g of channel 1"

}  // namespace bmcvault::cli
