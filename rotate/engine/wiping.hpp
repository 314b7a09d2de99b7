// Drives the wiping machine (rotate/core/wiping_machine.hpp) for one BMC: one action, one event, no decision.
#pragma once

#include <asio/awaitable.hpp>
#include <string>

#include "rotate/core/accounts.hpp"
#include "rotate/core/factory_resets.hpp"
#include "rotate/engine/account_passwords.hpp"
#include "rotate/engine/bmc_contact.hpp"
#include "rotate/engine/event_log.hpp"
#include "rotate/engine/wipe_record.hpp"

namespace bmcvault::rotate {

// What is done only when it was asked for.
struct WipeExtras {
    KeepEventLog keep_event_log;  // empty: the event log stays
    bool factory_reset = false;
};

class Wiping {
public:
    // `elsewhere` as for AccountPasswords; `record` as an earlier run left it, or a fresh one.
    Wiping(BmcContact& contact, WipeRecord record, const CandidatesElsewhere* elsewhere, std::string note,
           WipeExtras extras);

    // Runs the machine to its end. The last session is closed when this returns.
    [[nodiscard]] asio::awaitable<WipeResult> run();
    [[nodiscard]] const WipeRecord& record() const { return record_; }

private:
    asio::awaitable<WipingEvent> perform(const EnterAsOwn&);
    asio::awaitable<WipingEvent> perform(const ReadAccounts&);
    asio::awaitable<WipingEvent> perform(const CloseAccount&);
    asio::awaitable<WipingEvent> perform(const ReplaceKg&);
    asio::awaitable<WipingEvent> perform(const ClearKg&);
    asio::awaitable<WipingEvent> perform(const EraseSettings&);
    asio::awaitable<WipingEvent> perform(const ClearName&);
    asio::awaitable<WipingEvent> perform(const RenewOwn&);
    asio::awaitable<WipingEvent> perform(const RecordWipe&);
    asio::awaitable<WipingEvent> perform(const ResetToFactory&);
    asio::awaitable<WipingEvent> perform(const CloseOwn&);
    asio::awaitable<WipingEvent> perform(const CloseOwnAgain&);
    asio::awaitable<WipingEvent> perform(const AskEverybody&);
    asio::awaitable<WipingEvent> perform(const WipeFinish&);

    // nullopt: no answer.
    asio::awaitable<std::optional<ipmi::Response>> tell(const ipmi::Request& request);
    asio::awaitable<std::optional<ipmi::Response>> tell_paced(const ipmi::Request& request);
    asio::awaitable<SettingAnswer> read(const RawCommand& command, std::size_t header);
    asio::awaitable<void> erase(const SettingFamily& family);
    asio::awaitable<WipeItem> erase_one(const SettingFamily& family, const Setting& setting);
    asio::awaitable<std::optional<std::uint8_t>> write(const Setting& setting, bool random);
    asio::awaitable<void> overwrite_idle_slots();
    void say_what_came_too_late();
    [[nodiscard]] bool is_of_this_wipe(const vault::CredentialVersion& version) const;
    [[nodiscard]] bool own_is_reset() const;
    [[nodiscard]] bool own_is_gone() const;
    [[nodiscard]] bool own_went_with_reset() const;
    [[nodiscard]] bool is_our_board(BmcContact::BoardShown shown) const;
    asio::awaitable<bool> anybody_gets_in();
    void put_own(NameAsked::Verdict verdict);
    asio::awaitable<ResetSeen::Own> look_after_reset();
    void begin_anew_if_it_was_over();
    struct ResetSent {
        bool written_down = false;  // else nothing was sent
        std::optional<std::uint8_t> code;
    };
    asio::awaitable<ResetSent> send_factory_reset(const FactoryReset& reset);
    asio::awaitable<bool> reset_is_over();
    [[nodiscard]] ResetSeen::Own own_after_reset() const;
    asio::awaitable<ItemResult> overwrite_password(const AccountSlot& slot, bool waits);
    asio::awaitable<void> close_namesake(const AccountSlot& slot);
    asio::awaitable<void> take_rights(const AccountSlot& slot);
    struct NameEnd {
        ItemResult result;
        std::optional<std::uint8_t> code;
        bool revived;  // a name is there again: the factory account's
    };
    asio::awaitable<NameEnd> clear_name(const AccountSlot& slot);
    [[nodiscard]] AccountSlot own_slot() const;
    asio::awaitable<void> read_serial();
    asio::awaitable<NameAsked> ask_name(const std::string& name, const AccountPasswords& known);
    [[nodiscard]] bool own_is_renewed(Outcome outcome) const;
    [[nodiscard]] std::vector<std::string> names_to_ask() const;
    [[nodiscard]] std::optional<Channel> serial_channel() const;
    void put(std::string name, std::string action, ItemResult result, std::optional<std::uint8_t> code = std::nullopt,
             std::string detail = "");

    BmcContact& contact_;
    WipeRecord record_;
    const CandidatesElsewhere* elsewhere_;
    std::string note_;
    WipeExtras extras_;
    EventLog event_log_;
    AccountTable table_;
    std::vector<AccountSlot> to_close_;
    std::optional<AccountSlot> own_;
    Seen seen_;
    bool shows_itself_ = false;        // it has shown the pinned GUID outside a session while we were in
    std::optional<NameEnd> own_name_;  // nullopt: an earlier run closed our account
};

[[nodiscard]] std::string_view name_of(const WipingAction& action);

}  // namespace bmcvault::rotate
