// Drives the closing machine (rotate/core/closing_machine.hpp) for one slot: one action, one event, no decision.
#pragma once

#include <asio/awaitable.hpp>
#include <string>

#include "rotate/core/accounts.hpp"
#include "rotate/core/closing_machine.hpp"
#include "rotate/engine/account_passwords.hpp"
#include "rotate/engine/bmc_contact.hpp"

namespace bmcvault::rotate {

class AccountClosing {
public:
    // `elsewhere` as for AccountPasswords. The slot's rights are what was read before: ReopenSlot brings them back.
    AccountClosing(BmcContact& contact, AccountSlot slot, const CandidatesElsewhere* elsewhere, std::string note);

    // Runs the machine to its end. The kept session stays open unless it was lost.
    [[nodiscard]] asio::awaitable<ClosingOutcome> run();
    // As it was asked last: for the report.
    [[nodiscard]] const AccountSlot& slot() const { return slot_; }

private:
    asio::awaitable<ClosingEvent> perform(const StageSlot&);
    asio::awaitable<ClosingEvent> perform(const SetSlotPassword&);
    asio::awaitable<ClosingEvent> perform(const TestSlotPassword&);
    asio::awaitable<ClosingEvent> perform(const DisableSlot&);
    asio::awaitable<ClosingEvent> perform(const CloseChannel&);
    asio::awaitable<ClosingEvent> perform(const ReadSlot&);
    asio::awaitable<ClosingEvent> perform(const CommitSlot&);
    asio::awaitable<ClosingEvent> perform(const AbandonSlot&);
    asio::awaitable<ClosingEvent> perform(const AskSlot&);
    asio::awaitable<ClosingEvent> perform(const ReturnToOwn&);
    asio::awaitable<ClosingEvent> perform(const LookAtOwn&);
    asio::awaitable<ClosingEvent> perform(const ReopenSlot&);
    asio::awaitable<ClosingEvent> perform(const ClosingFinish&);

    asio::awaitable<Told> tell(const ipmi::Request& request);
    asio::awaitable<Told> tell_paced(const ipmi::Request& request);
    [[nodiscard]] asio::awaitable<bool> load();
    [[nodiscard]] OwnSeen own_seen(const Seen& seen) const;
    [[nodiscard]] const Key20& secret(VersionNumber version) const;

    BmcContact& contact_;
    AccountSlot slot_;
    const CandidatesElsewhere* elsewhere_;
    std::string note_;
    AccountPasswords known_;
    std::string_view refused_how_;  // the last password, if it was
};

[[nodiscard]] std::string_view name_of(const ClosingAction& action);

}  // namespace bmcvault::rotate
