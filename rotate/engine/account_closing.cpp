#include "rotate/engine/account_closing.hpp"

#include <algorithm>
#include <array>

#include "rotate/engine/account_reader.hpp"

namespace bmcvault::rotate {
namespace {

using ipmi::CompletionCode;
using vault::VersionState;

// 80h and 81h: Test Password says that it is another one, or one of another size (§22.30).
Telling telling(std::uint8_t completion_code) {
    switch (static_cast<CompletionCode>(completion_code)) {
        case CompletionCode::kOk:
            return Telling::kDone;
        case CompletionCode::kRequestDataLengthInvalid:
        case CompletionCode::kRequestDataFieldLengthLimitExceeded:
            return Telling::kRefusedSize;
        case CompletionCode::kNodeBusy:
        case CompletionCode::kTimeout:
        case CompletionCode::kUnspecified:
        case CompletionCode::kInvalidCommand:
            return Telling::kNoReply;
        default:
            return Telling::kRefused;
    }
}

std::uint8_t bytes_of(vault::StoredSize size) {
    return static_cast<std::uint8_t>(size);
}

}  // namespace

std::string_view name_of(const ClosingAction& action) {
    constexpr std::array<std::string_view, std::variant_size_v<ClosingAction>> kNames{
        "stage-slot",  "set-slot-password", "test-slot-password", "disable-slot",  "close-channel", "read-slot",
        "commit-slot", "abandon-slot",      "ask-slot",           "return-to-own", "look-at-own",   "reopen-slot",
        "finish"};
    return kNames[action.index()];
}

AccountClosing::AccountClosing(BmcContact& contact, AccountSlot slot, const CandidatesElsewhere* elsewhere,
                               std::string note)
    : contact_(contact), slot_(std::move(slot)), elsewhere_(elsewhere), note_(std::move(note)) {}

asio::awaitable<ClosingOutcome> AccountClosing::run() {
    const bool loaded = co_await load();
    if (!loaded) co_return ClosingOutcome::kVaultNotWritten;
    ClosingSituation situation;
    if (const auto* pending = known_.version_in(slot_.id, VersionState::kPending)) situation.pending = pending->version;
    situation.channels = static_cast<std::uint8_t>(std::max<std::size_t>(1, slot_.channels.size()));
    situation.small_first = contact_.keeps_only_16();
    auto step = rotate::start(situation);
    while (!std::holds_alternative<ClosingFinish>(step.action)) {
        const auto name = name_of(step.action);
        contact_.before(name);
        const auto event = co_await std::visit([this](const auto& action) { return perform(action); }, step.action);
        contact_.after(name);
        step = rotate::step(step.state, event);
    }
    co_return std::get<ClosingFinish>(step.action).outcome;
}

asio::awaitable<bool> AccountClosing::load() {
    const VaultPort::Read work = [this](const vault::Store& store) -> Result<void> {
        auto known = AccountPasswords::load(store, contact_.bmc(), elsewhere_);
        if (!known) return std::unexpected(known.error());
        known_ = std::move(*known);
        return {};
    };
    const auto read = co_await contact_.ports().vault.read(work);
    co_return read.has_value();
}

const Key20& AccountClosing::secret(VersionNumber version) const {
    const auto* found = known_.version(slot_.id, version);
    BMCVAULT_CHECK(found != nullptr);
    return known_.secret_of(*found);
}

asio::awaitable<Told> AccountClosing::tell(const ipmi::Request& request) {
    if (!contact_.has_kept_session()) co_return Told{Telling::kNoReply, false};
    const auto reply = co_await contact_.command(request);
    const auto result = reply ? telling(reply->completion_code) : Telling::kNoReply;
    co_return Told{result, contact_.has_kept_session()};
}

asio::awaitable<Told> AccountClosing::tell_paced(const ipmi::Request& request) {
    co_await contact_.pace_credential_write();
    co_return co_await tell(request);
}

// The password is in the vault, and read back from it, before anything is sent (I1).
asio::awaitable<ClosingEvent> AccountClosing::perform(const StageSlot& action) {
    const auto secret =
        vault::generate_password(action.size, contact_.alphabet(), slot_.name.value_or(""), contact_.ports().random);
    const auto subject = AccountPasswords::subject_of(slot_.id);
    VersionNumber version;
    auto stored = co_await contact_.stage(subject, secret, action.size, vault::Provenance::kGenerated, note_, version);
    const bool loaded = co_await load();
    if (stored == Durable::kCommitted && !loaded) stored = Durable::kUnknown;
    co_return Staged{stored, version};
}

asio::awaitable<ClosingEvent> AccountClosing::perform(const SetSlotPassword& action) {
    const auto size = bytes_of(known_.version(slot_.id, action.version)->size);
    const auto request = ipmi::set_password(slot_.id, size, secret(action.version));
    refused_how_ = kRefusedForItsSize;
    co_return co_await tell_paced(request);
}

asio::awaitable<ClosingEvent> AccountClosing::perform(const TestSlotPassword& action) {
    const auto size = bytes_of(known_.version(slot_.id, action.version)->size);
    const auto request = ipmi::test_password(slot_.id, size, secret(action.version));
    refused_how_ = kTestedAndNotHeld;
    co_return co_await tell(request);
}

asio::awaitable<ClosingEvent> AccountClosing::perform(const DisableSlot&) {
    const auto request = ipmi::disable_user(slot_.id);
    co_return co_await tell_paced(request);
}

asio::awaitable<ClosingEvent> AccountClosing::perform(const CloseChannel& action) {
    const Channel channel = slot_.channels.empty() ? contact_.channel() : slot_.channels[action.index].channel;
    ipmi::UserAccess nothing;
    nothing.privilege_limit = action.callback ? ipmi::PrivilegeLevel::kCallback : ipmi::PrivilegeLevel::kNoAccess;
    const auto request = ipmi::set_user_access(channel, slot_.id, nothing);
    co_return co_await tell_paced(request);
}

asio::awaitable<ClosingEvent> AccountClosing::perform(const ReadSlot&) {
    const auto way_in = co_await shows_way_in(contact_, slot_);
    co_return SlotRead{way_in, contact_.has_kept_session()};
}

asio::awaitable<ClosingEvent> AccountClosing::perform(const CommitSlot& action) {
    const auto subject = AccountPasswords::subject_of(slot_.id);
    const auto stored = co_await contact_.commit(subject, action.version);
    co_return Stored{stored};
}

asio::awaitable<ClosingEvent> AccountClosing::perform(const AbandonSlot& action) {
    const auto subject = AccountPasswords::subject_of(slot_.id);
    const auto stored = co_await contact_.abandon(subject, action.version, refused_how_);
    co_return Stored{stored};
}

asio::awaitable<ClosingEvent> AccountClosing::perform(const AskSlot&) {
    const auto answer = co_await ask_account(contact_, slot_, known_);
    SlotAsked asked{answer.answer};
    asked.by_ours = slot_.opened_by && slot_.opened_by->source == OpenedBy::Source::kOurs;
    if (asked.by_ours && answer.exact) asked.version = known_.candidate_version(*answer.candidate)->version;
    co_return asked;
}

OwnSeen AccountClosing::own_seen(const Seen& seen) const {
    const bool ours = seen.answer == Answer::kMatched && seen.password && seen.administrator;
    return {ours, seen.answer != Answer::kNoAnswer && seen.answer != Answer::kNoSessionSlot,
            contact_.has_kept_session()};
}

asio::awaitable<ClosingEvent> AccountClosing::perform(const ReturnToOwn&) {
    const auto seen = co_await contact_.look_and_keep();
    co_return own_seen(seen);
}

asio::awaitable<ClosingEvent> AccountClosing::perform(const LookAtOwn&) {
    const auto seen = co_await contact_.look();
    co_return own_seen(seen);
}

// What the BMC said before, channel by channel; then the user is enabled if it was.
asio::awaitable<ClosingEvent> AccountClosing::perform(const ReopenSlot&) {
    Told told{Telling::kDone, contact_.has_kept_session()};
    for (const auto& rights : slot_.channels) {
        ipmi::UserAccess access;
        access.privilege_limit = rights.privilege_limit;
        access.ipmi_messaging = rights.ipmi_messaging;
        access.link_authentication = rights.link_authentication;
        const auto request = ipmi::set_user_access(rights.channel, slot_.id, access);
        told = co_await tell_paced(request);
    }
    if (slot_.enabled == false) co_return told;
    const auto request = ipmi::enable_user(slot_.id);
    co_return co_await tell_paced(request);
}

asio::awaitable<ClosingEvent> AccountClosing::perform(const ClosingFinish&) {
    BMCVAULT_CHECK(false && "the machine has ended");
    co_return Stored{Durable::kUnknown};
}

}  // namespace bmcvault::rotate
