// One command's visit to one BMC: the lock around it, what may be known before anything is sent, the report, and the
// last commit.
#pragma once

#include <set>

#include "rotate/engine/bmc_contact.hpp"
#include "rotate/engine/campaign.hpp"
#include "vault/store/locks.hpp"

namespace bmcvault::rotate {

// What all visits of one run share.
struct OperationContext {
    Ports& ports;
    const RunOptions& options;
    ipmi::ClientOptions client;
    std::filesystem::path vault_directory;
    std::optional<std::int64_t> campaign;  // rotate: where the outcome is written down
    Observer& observer;
    const CandidatesElsewhere* elsewhere = nullptr;
    const SharedPasswords* shared = nullptr;                  // check
    std::optional<vault::Store::AcceptedRestore> restored{};  // check, recover: this vault was put back
    std::set<std::string> k_g_experiments{};  // card keys of the kinds on which one BMC tries a K_G right now
};

class BmcVisit {
public:
    BmcVisit(OperationContext& context, const vault::Bmc& bmc, std::string command);

    // Lock first, then read: what another process has done meanwhile is seen. False: the report says why not.
    [[nodiscard]] asio::awaitable<bool> begin(bool changes);
    // The last commit: what was learned, what happened, and that this BMC is done. Losing it loses no credential.
    [[nodiscard]] asio::awaitable<void> end();

    [[nodiscard]] BmcContact& contact() { return contact_; }
    [[nodiscard]] BmcReport& report() { return report_; }
    [[nodiscard]] asio::awaitable<bool> done_in_this_campaign();
    void fill_versions();                    // of the report, from what the vault holds now
    [[nodiscard]] std::string note() const;  // reason and ticket, for a new version

private:
    OperationContext& context_;
    BmcContact contact_;
    BmcReport report_;
    std::string command_;
    ipmi::TimePoint started_;
    std::optional<vault::BmcLock> lock_;
};

// "first; second"
void add_detail(std::string& detail, std::string_view more);
void set_outcome(BmcReport& report, Outcome outcome, std::string_view detail);
// Of an operation that could not prove anything, by the last handshake.
[[nodiscard]] Outcome outcome_of(Answer why);
[[nodiscard]] BmcReport report_for(const vault::Bmc& bmc);
// A report about a BMC that nothing was sent to.
[[nodiscard]] BmcReport report_without_contact(const vault::Bmc& bmc, Outcome outcome, std::string detail);
// On hold or in quarantine: nothing would be changed there now. nullopt: it may be.
[[nodiscard]] std::optional<BmcReport> excused_from_change(const vault::Bmc& bmc, UnixTime now);

}  // namespace bmcvault::rotate
