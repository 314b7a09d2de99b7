#include "rotate/engine/wiping.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "rotate/core/fru.hpp"
#include "rotate/core/vendor_defaults.hpp"
#include "rotate/engine/account_closing.hpp"
#include "rotate/engine/account_reader.hpp"
#include "rotate/engine/k_g_rotation.hpp"
#include "rotate/engine/password_rotation.hpp"
#include "rotate/engine/suite_0.hpp"

namespace bmcvault::rotate {
namespace {

using vault::VersionState;

// Names that are refused one after the other leave half-open sessions behind on some boards.
constexpr std::chrono::seconds kSlotsAreForgotten{20};
constexpr int kAskAgain = 4;

constexpr std::chrono::seconds kResetLook{10};  // between two looks
constexpr std::chrono::seconds kUsersAreThere{60};
constexpr std::string_view kNoSuchCommand =
    "no command of this manufacturer is known: use its own tool or web interface";

constexpr std::string_view kKgItem = "K_G";
constexpr std::string_view kKgAction = "random bytes, then zero";
constexpr std::string_view kOwnItem = "our own account";
constexpr std::string_view kSuite0Item = "cipher suite 0";
constexpr std::string_view kSuite0Action = "switched off";
constexpr std::string_view kOwnNameItem = "our own account, its name";
constexpr const char* kItsName = ", its name";
constexpr const char* kLeft = "clearing names brings factory accounts back on this BMC";
constexpr std::string_view kRevived =
    "clearing the name brought a factory account back; it was closed, and its name stays";
constexpr std::string_view kClosingAction = "random password, disabled, no access";

std::string item_name(const AccountSlot& slot) {
    return slot.name && !slot.name->empty() ? fmt::format("account '{}' in slot {}", *slot.name, slot.id.value)
                                            : fmt::format("account without a name in slot {}", slot.id.value);
}

std::unexpected<Error> lost() {
    return fail(ErrorCode::kNoAnswer, "no reply");
}

ItemResult result_of(ClosingOutcome outcome) {
    switch (outcome) {
        case ClosingOutcome::kClosed:
        case ClosingOutcome::kOnlyOurs:
            return ItemResult::kErased;
        case ClosingOutcome::kStillOpen:
        case ClosingOutcome::kUndone:
        case ClosingOutcome::kOwnLost:
            return ItemResult::kNotErased;
        case ClosingOutcome::kUnproved:
            return ItemResult::kUnverified;
        case ClosingOutcome::kVaultNotWritten:
        case ClosingOutcome::kUnreachable:
            return ItemResult::kNoReply;
    }
    return ItemResult::kNoReply;
}

ItemResult result_of(KgOutcome outcome) {
    switch (outcome) {
        case KgOutcome::kNotSupported:
            return ItemResult::kNotPresent;
        case KgOutcome::kUnproved:
            return ItemResult::kUnverified;
        default:
            return ItemResult::kRefused;
    }
}

}  // namespace

std::string_view name_of(const WipingAction& action) {
    constexpr std::array<std::string_view, std::variant_size_v<WipingAction>> kNames{
        "enter-as-own", "read-accounts", "close-account",    "replace-k_g", "clear-k_g", "erase-settings", "clear-name",
        "renew-own",    "record-wipe",   "reset-to-factory", "close-own",   "close-own", "ask-everybody",  "finish"};
    return kNames[action.index()];
}

Wiping::Wiping(BmcContact& contact, WipeRecord record, const CandidatesElsewhere* elsewhere, std::string note,
               WipeExtras extras)
    : contact_(contact),
      record_(std::move(record)),
      elsewhere_(elsewhere),
      note_(std::move(note)),
      extras_(std::move(extras)),
      event_log_(contact) {}

asio::awaitable<WipeResult> Wiping::run() {
    auto step = rotate::start({record_.own_is_closing, extras_.factory_reset});
    while (!std::holds_alternative<WipeFinish>(step.action)) {
        const auto name = name_of(step.action);
        contact_.before(name);
        const auto event = co_await std::visit([this](const auto& action) { return perform(action); }, step.action);
        contact_.after(name);
        step = rotate::step(step.state, event);
    }
    co_await contact_.close();
    record_.result = std::get<WipeFinish>(step.action).result;
    record_.ended_at = contact_.ports().clock.now();
    co_return record_.result;
}

// An earlier run has closed our account, and this was asked for only now.
void Wiping::say_what_came_too_late() {
    if (!record_.own_is_closing) return;
    constexpr const char* kTooLate = "our account was closed before this was asked for";
    for (const auto& [wanted, item] : {std::pair{extras_.keep_event_log != nullptr, kEventLogItem},
                                       std::pair{extras_.factory_reset, kFactoryResetItem}})
        if (wanted && !record_.has(item))
            put(std::string(item), "none", ItemResult::kNotErased, std::nullopt, kTooLate);
}

void Wiping::put(std::string name, std::string action, ItemResult result, std::optional<std::uint8_t> code,
                 std::string detail) {
    record_.put({std::move(name), std::move(action), result, code, std::move(detail)});
}

asio::awaitable<std::optional<ipmi::Response>> Wiping::tell(const ipmi::Request& request) {
    if (!contact_.has_kept_session()) co_return std::nullopt;
    auto reply = co_await contact_.command(request);
    if (!reply) co_return std::nullopt;
    co_return std::move(*reply);
}

asio::awaitable<std::optional<ipmi::Response>> Wiping::tell_paced(const ipmi::Request& request) {
    if (!contact_.has_kept_session()) co_return std::nullopt;
    co_await contact_.pace_credential_write();
    co_return co_await tell(request);
}

asio::awaitable<WipingEvent> Wiping::perform(const EnterAsOwn&) {
    seen_ = co_await contact_.look_and_keep();
    record_.why = word(seen_.answer);
    const bool silent = seen_.answer == Answer::kNoAnswer || seen_.answer == Answer::kNoSessionSlot;
    if (silent) co_return OwnEntered{OwnEntered::How::kNoAnswer};
    if (seen_.strange_board) record_.why = "first-contact: this board has never proved that it is ours";
    if (own_is_gone()) co_return OwnEntered{OwnEntered::How::kGone};
    if (record_.has(kFactoryResetItem) && own_is_reset()) {
        record_.why = "the factory reset gave our account a password of before the wipe";
        co_await contact_.close();
        co_return OwnEntered{OwnEntered::How::kGone};
    }
    const bool proved = seen_.answer == Answer::kMatched && seen_.password && seen_.administrator;
    if (!proved || seen_.strange_board || !contact_.has_kept_session()) co_return OwnEntered{OwnEntered::How::kOfNoUse};
    const auto slot = co_await contact_.check_slot();
    if (slot != SlotFact::kOurs) {
        record_.why = "own-slot-not-known";
        co_return OwnEntered{OwnEntered::How::kOfNoUse};
    }
    if (!shows_itself_) {
        const auto board = co_await contact_.which_board();
        shows_itself_ = board == BmcContact::BoardShown::kOurs;
    }
    co_return OwnEntered{OwnEntered::How::kIn};
}

// An earlier wipe came to its end, and yet we are in: somebody has brought our account back since. What that one did
// says nothing any more; its names may still be there.
void Wiping::begin_anew_if_it_was_over() {
    // A run that died after closing our account, which is open all the same.
    std::erase_if(record_.items, [](const WipeItem& item) { return item.name == kOwnNameItem; });
    if (!record_.is_over()) return;
    auto names = std::move(record_.names);
    record_.begin_anew(contact_.ports().clock.now());
    record_.names = std::move(names);
}

asio::awaitable<WipingEvent> Wiping::perform(const ReadAccounts&) {
    begin_anew_if_it_was_over();
    auto table = co_await read_accounts(contact_);
    if (!table) {
        record_.why = table.error().detail;
        co_return AccountsRead{false, 0, false};
    }
    table_ = std::move(*table);
    to_close_.clear();
    const auto& own_name = contact_.bmc().user_name;
    std::set<std::string> names{record_.names.begin(), record_.names.end()};
    for (const auto& slot : table_.slots) {
        if (slot.name) names.insert(*slot.name);
        if (slot.id == contact_.user_id())
            own_ = slot;
        else if (slot.name.value_or("") != own_name && !is_empty(slot))
            to_close_.push_back(slot);
    }
    record_.names = {names.begin(), names.end()};
    co_await read_serial();
    const bool has_none = seen_.k_g_asked && !seen_.k_g && seen_.k_g_elsewhere == nullptr;
    put(std::string(kKgItem), "none", has_none ? ItemResult::kWasEmpty : ItemResult::kUnverified);
    const bool has_k_g = seen_.k_g_asked && seen_.k_g.has_value();
    co_return AccountsRead{true, static_cast<std::uint8_t>(to_close_.size()), has_k_g};
}

asio::awaitable<void> Wiping::read_serial() {
    FruReading reading;
    for (auto next = reading.next(); next; next = reading.next()) {
        const ipmi::Request request(ipmi::NetFn::kStorage, kReadFruData, next->data);
        const auto reply = co_await tell(request);
        if (!reply || !reply->ok() || !reading.take(reply->data)) break;
    }
    if (const auto serial = reading.serial(); !serial.empty()) record_.serial = serial;
}

asio::awaitable<WipingEvent> Wiping::perform(const CloseAccount& action) {
    auto& slot = to_close_[action.index];
    AccountClosing closing(contact_, slot, elsewhere_, note_);
    const auto outcome = co_await closing.run();
    slot = closing.slot();
    put(item_name(slot), std::string(kClosingAction), result_of(outcome), std::nullopt, std::string(word(outcome)));
    record_.why = word(outcome);
    co_return AccountClosed{outcome, contact_.has_kept_session()};
}

asio::awaitable<WipingEvent> Wiping::perform(const ReplaceKg&) {
    KgRotation rotation(contact_, seen_.k_g, true, note_);
    const auto outcome = co_await rotation.run();
    if (outcome != KgOutcome::kChanged)
        put(std::string(kKgItem), std::string(kKgAction), result_of(outcome), std::nullopt, std::string(word(outcome)));
    co_return KgReplaced{outcome == KgOutcome::kChanged, contact_.has_kept_session(),
                         outcome != KgOutcome::kVaultNotWritten};
}

// Which of the two is live is what the next login shows; the vault learns only that.
asio::awaitable<WipingEvent> Wiping::perform(const ClearKg&) {
    const Key20 zero;
    const auto request = ipmi::set_k_g(contact_.channel(), zero);
    const auto reply = co_await tell_paced(request);
    seen_ = co_await contact_.look_and_keep();
    const bool gone = seen_.answer == Answer::kMatched && seen_.k_g_asked && !seen_.k_g;
    const auto code = reply ? std::optional(reply->completion_code) : std::nullopt;
    if (gone) {
        const auto subject = contact_.bmc().k_g_subject();
        const vault::Store::Work work = [&](vault::Transaction& transaction) {
            return transaction.found_none_live(contact_.bmc().id, subject);
        };
        const auto stored = co_await contact_.store(work);
        put(std::string(kKgItem), std::string(kKgAction), ItemResult::kErased, code,
            stored == Durable::kCommitted ? "a login without one was accepted" : "not written down");
    } else {
        put(std::string(kKgItem), std::string(kKgAction),
            reply && !reply->ok() ? ItemResult::kRefused : ItemResult::kNotErased, code,
            "a random K_G is left, which only the vault holds");
    }
    co_return Done{contact_.has_kept_session()};
}

std::optional<Channel> Wiping::serial_channel() const {
    for (const auto& slot : table_.slots)
        for (const auto& rights : slot.channels)
            if (rights.medium == ipmi::ChannelMedium::kSerial) return rights.channel;
    return std::nullopt;
}

asio::awaitable<WipingEvent> Wiping::perform(const EraseSettings&) {
    co_await overwrite_idle_slots();
    const auto suite_0 = co_await close_suite_0(contact_);
    put(std::string(kSuite0Item), std::string(kSuite0Action),
        suite_0.closed ? ItemResult::kErased : ItemResult::kNotErased, std::nullopt,
        suite_0.closed && suite_0.detail.empty() ? "the BMC refuses it" : suite_0.detail);
    const auto families = setting_families(contact_.channel(), serial_channel());
    for (const auto& family : families) {
        if (!contact_.has_kept_session()) break;
        co_await erase(family);
    }
    if (extras_.keep_event_log && contact_.has_kept_session()) {
        const auto cleared = co_await event_log_.keep_and_clear(extras_.keep_event_log);
        record_.put(cleared);
    }
    co_return Done{contact_.has_kept_session()};
}

// Slots that nobody uses may hold the password of a user who was deleted; what carries our own name is no account to
// ask as, and loses its password and its rights here. Where one write in a second undoes another, only passwords that
// nobody keeps are undone: the first and the last of them wait their turn, and Test Password tells.
asio::awaitable<void> Wiping::overwrite_idle_slots() {
    std::vector<AccountSlot> idle;
    for (const auto& slot : table_.slots) {
        if (slot.id == contact_.user_id()) continue;
        if (slot.name.value_or("") == contact_.bmc().user_name)
            co_await close_namesake(slot);
        else if (is_empty(slot))
            idle.push_back(slot);
    }
    auto result = ItemResult::kNotPresent;  // the BMC takes no password for a slot without a user
    for (std::size_t i = 0; i < idle.size(); ++i) {
        const bool waits = i == 0 || i + 1 == idle.size();
        const auto one = co_await overwrite_password(idle[i], waits);
        result = worse(result, one);
    }
    if (!idle.empty())
        put("passwords of unused slots", "random bytes", result, std::nullopt, fmt::format("{} slots", idle.size()));
}

asio::awaitable<ItemResult> Wiping::overwrite_password(const AccountSlot& slot, bool waits) {
    const auto secret = vault::generate_password(vault::StoredSize::k16, contact_.alphabet(), slot.name.value_or(""),
                                                 contact_.ports().random);
    const auto set = ipmi::set_password(slot.id, ipmi::kPasswordSize16, secret);
    if (waits && contact_.has_kept_session()) co_await contact_.pace_credential_write();
    const auto reply = co_await tell(set);
    if (!reply) co_return ItemResult::kNoReply;
    if (is_absent(reply->completion_code)) co_return ItemResult::kNotPresent;
    const auto test = ipmi::test_password(slot.id, ipmi::kPasswordSize16, secret);
    const auto tested = co_await tell(test);
    if (tested && tested->ok()) co_return ItemResult::kErased;
    co_return reply->ok() ? ItemResult::kUnverified : ItemResult::kRefused;
}

asio::awaitable<void> Wiping::close_namesake(const AccountSlot& slot) {
    auto result = co_await overwrite_password(slot, true);
    co_await take_rights(slot);
    if (result == ItemResult::kNotPresent) result = ItemResult::kRefused;
    put(item_name(slot), std::string(kClosingAction), result, std::nullopt, "it carries the name of our own account");
}

asio::awaitable<SettingAnswer> Wiping::read(const RawCommand& command, std::size_t header) {
    const ipmi::Request request(command.net_fn, command.command, command.data);
    const auto reply = co_await tell(request);
    if (!reply) co_return SettingAnswer{static_cast<std::uint8_t>(ipmi::CompletionCode::kNoResponse), {}};
    const auto skip = std::min(header, reply->data.size());
    co_return SettingAnswer{reply->completion_code,
                            Bytes(reply->data.begin() + static_cast<std::ptrdiff_t>(skip), reply->data.end())};
}

asio::awaitable<std::optional<std::uint8_t>> Wiping::write(const Setting& setting, bool random) {
    Bytes data = setting.write.data;
    append(data, setting.blank);
    if (random) {
        const auto from = setting.write.data.size() + setting.random_from;
        contact_.ports().random.fill(std::span(data).subspan(from));
    }
    const ipmi::Request request(setting.write.net_fn, setting.write.command, data);
    const auto reply = co_await tell(request);
    co_return reply ? std::optional(reply->completion_code) : std::nullopt;
}

asio::awaitable<WipeItem> Wiping::erase_one(const SettingFamily& family, const Setting& setting) {
    WipeItem item{std::string(family.name), std::string(family.action), ItemResult::kNoReply, std::nullopt, ""};
    const auto before = co_await read(setting.read, setting.header);
    if (const auto known = before_writing(before, setting)) {
        item.result = *known;
        co_return item;
    }
    if (setting.random_from < setting.blank.size()) (void)co_await write(setting, true);
    item.completion_code = co_await write(setting, false);
    const auto after = co_await read(setting.read, setting.header);
    if (item.completion_code) item.result = after_writing(*item.completion_code, after, setting);
    co_return item;
}

asio::awaitable<void> Wiping::erase(const SettingFamily& family) {
    WipeItem all{std::string(family.name), std::string(family.action), ItemResult::kNotPresent, std::nullopt, ""};
    auto last = family.last;
    if (family.count) {
        const auto count = co_await read(*family.count, 1);
        const bool known = count.completion_code == 0 && !count.value.empty();
        if (!known) {
            all.result = without_count(count);
            record_.put(all);
            co_return;
        }
        last = count.value[0] & 0x7f;
    }
    for (unsigned each = family.first; each <= last && contact_.has_kept_session(); ++each) {
        const auto setting = family.setting(static_cast<std::uint8_t>(each));
        const auto item = co_await erase_one(family, setting);
        all.result = worse(all.result, item.result);
        if (item.completion_code) all.completion_code = item.completion_code;
        if (item.result == ItemResult::kNotPresent && !family.count) break;  // the end of what nobody counts
    }
    record_.put(all);
}

asio::awaitable<void> Wiping::take_rights(const AccountSlot& slot) {
    const auto disable = ipmi::disable_user(slot.id);
    (void)co_await tell_paced(disable);
    std::vector<Channel> channels;
    std::ranges::transform(slot.channels, std::back_inserter(channels), &ChannelRights::channel);
    if (channels.empty()) channels.push_back(contact_.channel());
    for (const auto channel : channels) {
        const auto nothing = ipmi::set_user_access(channel, slot.id, ipmi::UserAccess{});
        (void)co_await tell_paced(nothing);
    }
}

// What is read back counts. A user that does not exist any more has no name.
asio::awaitable<Wiping::NameEnd> Wiping::clear_name(const AccountSlot& slot) {
    if (slot.fixed_name) co_return NameEnd{ItemResult::kRefused, std::nullopt, false};
    const auto clear = ipmi::set_user_name(slot.id, "");
    const auto reply = co_await tell_paced(clear);
    const auto get = ipmi::get_user_name(slot.id);
    const auto shown = co_await tell(get);
    const auto code = reply ? std::optional(reply->completion_code) : std::nullopt;
    const auto name = shown ? ipmi::parse_user_name(*shown) : Result<std::string>(lost());
    const bool gone = name ? name->empty() : shown && is_absent(shown->completion_code);
    if (gone) co_return NameEnd{ItemResult::kErased, code, false};
    if (!reply) co_return NameEnd{ItemResult::kNoReply, code, false};
    if (!reply->ok()) co_return NameEnd{ItemResult::kRefused, code, false};
    co_return NameEnd{name ? ItemResult::kNotErased : ItemResult::kUnverified, code, name.has_value()};
}

asio::awaitable<WipingEvent> Wiping::perform(const ClearName& action) {
    const auto& slot = to_close_[action.index];
    if (!slot.name || slot.name->empty()) co_return NameCleared{false, contact_.has_kept_session()};
    const auto end = co_await clear_name(slot);
    put(item_name(slot) + kItsName, "blank", end.result, end.code, end.revived ? std::string(kRevived) : "");
    if (end.revived) {
        for (std::size_t i = action.index + 1U; i < to_close_.size(); ++i)
            if (to_close_[i].name && !to_close_[i].name->empty())
                put(item_name(to_close_[i]) + kItsName, "left", ItemResult::kNotErased, std::nullopt, kLeft);
    }
    co_return NameCleared{end.revived, contact_.has_kept_session()};
}

// The current one was made by this wipe, an interrupted run's included.
bool Wiping::own_is_renewed(Outcome outcome) const {
    const auto* current = contact_.known().password_in(VersionState::kCurrent);
    return current != nullptr && is_of_this_wipe(*current) &&
           (outcome == Outcome::kRotated || outcome == Outcome::kSettled16 || outcome == Outcome::kRecovered);
}

// Random, proved by a handshake, and current in the vault: whatever happens from here on, we can still be let in.
asio::awaitable<WipingEvent> Wiping::perform(const RenewOwn&) {
    PasswordRotation rotation(contact_, Goal::kRotate, note_);
    const auto end = co_await rotation.run();
    const bool proved = own_is_renewed(end.outcome);
    if (!proved) record_.why = fmt::format("our own password: {}", word(end.outcome));
    if (proved && !contact_.has_kept_session()) seen_ = co_await contact_.look_and_keep();
    put(std::string(kOwnItem) + ", its password", "random bytes", proved ? ItemResult::kErased : ItemResult::kNotErased,
        std::nullopt, proved ? "the new one was proved, and shown to nobody" : std::string(word(end.outcome)));
    co_return OwnRenewed{proved, contact_.has_kept_session()};
}

asio::awaitable<WipingEvent> Wiping::perform(const RecordWipe&) {
    record_.own_is_closing = true;
    record_.result = WipeResult::kUnfinished;
    const vault::Store::Work work = [&](vault::Transaction& transaction) {
        return record_wipe(transaction, contact_.bmc(), record_);
    };
    const auto stored = co_await contact_.store(work);
    co_return Stored{stored};
}

AccountSlot Wiping::own_slot() const {
    if (own_) return *own_;
    AccountSlot slot;
    slot.id = contact_.user_id();
    slot.name = contact_.bmc().user_name;
    return slot;
}

bool Wiping::own_is_gone() const {
    return seen_.answer == Answer::kUnknownUserOrLocked || seen_.answer == Answer::kNoCandidateMatches;
}

bool Wiping::is_of_this_wipe(const vault::CredentialVersion& version) const {
    const bool made_here =
        version.provenance == vault::Provenance::kGenerated || version.provenance == vault::Provenance::kObserved;
    return made_here && version.created_at >= record_.begun_at;
}

// Our account, or one of its name, has a password that this wipe did not give it.
bool Wiping::own_is_reset() const {
    if (seen_.elsewhere != nullptr) return true;
    const auto* password = seen_.password ? contact_.known().password(*seen_.password) : nullptr;
    return password != nullptr && !is_of_this_wipe(*password);
}

// The answer proves nothing: boards say OK before anything happens, and some do nothing at all. That it was sent is
// written down first, so that a run that dies here is understood by the next one.
asio::awaitable<Wiping::ResetSent> Wiping::send_factory_reset(const FactoryReset& reset) {
    auto sent_by_then = record_;
    sent_by_then.put({std::string(kFactoryResetItem), text_of(reset), ItemResult::kUnverified, std::nullopt,
                      "the run ended before it was seen what it did"});
    const vault::Store::Work work = [&](vault::Transaction& transaction) {
        return record_wipe(transaction, contact_.bmc(), sent_by_then);
    };
    const auto stored = co_await contact_.store(work);
    if (stored != Durable::kCommitted) co_return ResetSent{};
    ResetSent sent{true, std::nullopt};
    for (const auto& command : reset.commands) {
        const ipmi::Request request(command.net_fn, command.command, command.data);
        const auto reply = co_await tell_paced(request);
        sent.code = reply ? std::optional(reply->completion_code) : std::nullopt;
    }
    put(std::string(kFactoryResetItem), text_of(reset), ItemResult::kUnverified, sent.code,
        "the BMC has not answered since");
    co_return sent;
}

// False: the board does not come back.
asio::awaitable<bool> Wiping::reset_is_over() {
    using Verdict = ResetWatch::Verdict;
    ResetWatch watch;
    const auto sent = contact_.ports().network.now();
    auto verdict = Verdict::kLookAgain;
    while (verdict == Verdict::kLookAgain) {
        co_await contact_.wait(kResetLook);
        const bool there = co_await contact_.answers();
        const auto since = contact_.ports().network.now() - sent;
        verdict = watch.look(there, std::chrono::duration_cast<std::chrono::seconds>(since));
    }
    co_return verdict == Verdict::kOver;
}

ResetSeen::Own Wiping::own_after_reset() const {
    using Own = ResetSeen::Own;
    if (own_is_gone() || (seen_.answer == Answer::kMatched && own_is_reset())) return Own::kIsGone;
    const bool as_we_left_it = seen_.answer == Answer::kMatched && seen_.password;
    return as_we_left_it && seen_.administrator && contact_.has_kept_session() ? Own::kIsIn : Own::kSilent;
}

// A board that is still starting may know no user yet, and another board may have the address now: what is gone has to
// be gone a minute later too, on the board that is ours.
asio::awaitable<ResetSeen::Own> Wiping::look_after_reset() {
    seen_ = co_await contact_.look_and_keep();
    auto own = own_after_reset();
    if (own != ResetSeen::Own::kIsGone) co_return own;
    co_await contact_.close();
    co_await contact_.wait(kUsersAreThere);
    const auto board = co_await contact_.which_board();
    seen_ = co_await contact_.look_and_keep();
    own = own_after_reset();
    if (own == ResetSeen::Own::kIsGone) co_await contact_.close();
    const bool ours =
        board == BmcContact::BoardShown::kOurs || (board == BmcContact::BoardShown::kNotShown && !shows_itself_);
    co_return own == ResetSeen::Own::kIsGone && !ours ? ResetSeen::Own::kSilent : own;
}

asio::awaitable<WipingEvent> Wiping::perform(const ResetToFactory&) {
    using Own = ResetSeen::Own;
    const auto reset = factory_reset_of(contact_.bmc().pin.manufacturer);
    if (!reset) {
        put(std::string(kFactoryResetItem), "none", ItemResult::kNotErased, std::nullopt, std::string(kNoSuchCommand));
        co_return ResetSeen{contact_.has_kept_session() ? Own::kIsIn : Own::kSilent};
    }
    const auto sent = co_await send_factory_reset(*reset);
    if (!sent.written_down) co_return ResetSeen{Own::kVaultNotWritten};
    if (sent.code && *sent.code != 0) {
        put(std::string(kFactoryResetItem), text_of(*reset), ItemResult::kRefused, sent.code);
        co_return ResetSeen{contact_.has_kept_session() ? Own::kIsIn : Own::kSilent};
    }
    co_await contact_.close();
    const bool over = co_await reset_is_over();
    if (!over) co_return ResetSeen{Own::kSilent};
    const auto own = co_await look_after_reset();
    if (own == Own::kIsGone) {
        put(std::string(kFactoryResetItem), text_of(*reset), ItemResult::kErased, sent.code,
            "our account went with it; what else it erased does not show over IPMI");
    } else if (own == Own::kIsIn) {
        put(std::string(kFactoryResetItem), text_of(*reset), ItemResult::kNotErased, sent.code,
            "our account was still there after it: nothing shows that it did anything, or that it will not yet");
    } else {
        put(std::string(kFactoryResetItem), text_of(*reset), ItemResult::kUnverified, sent.code,
            fmt::format("what our account is after it could not be asked: {}", word(seen_.answer)));
    }
    co_return ResetSeen{own};
}

asio::awaitable<WipingEvent> Wiping::perform(const CloseOwn& action) {
    const auto slot = own_slot();
    co_await take_rights(slot);
    own_name_ = NameEnd{ItemResult::kNotErased, std::nullopt, false};
    if (action.clear_name) own_name_ = co_await clear_name(slot);
    put(std::string(kOwnNameItem), action.clear_name ? "blank" : "left", own_name_->result, own_name_->code,
        action.clear_name ? "" : kLeft);
    // So that the next run knows that it was told, and does not take a locked account for a closed one.
    const vault::Store::Work work = [&](vault::Transaction& transaction) {
        return record_wipe(transaction, contact_.bmc(), record_);
    };
    (void)co_await contact_.store(work);
    co_return NameCleared{own_name_->revived, contact_.has_kept_session()};
}

asio::awaitable<WipingEvent> Wiping::perform(const CloseOwnAgain&) {
    const auto* last = contact_.known().password_in(VersionState::kCurrent);
    BMCVAULT_CHECK(last != nullptr);
    const auto size = static_cast<std::uint8_t>(last->size);
    const auto set = ipmi::set_password(contact_.user_id(), size, contact_.known().password_secret(last->version));
    (void)co_await tell_paced(set);
    const auto slot = own_slot();
    co_await take_rights(slot);
    put(std::string(kOwnNameItem), "blank", ItemResult::kNotErased, own_name_->code, std::string(kRevived));
    co_return Done{contact_.has_kept_session()};
}

// Every name that this board is known to have had, and every vendor's.
std::vector<std::string> Wiping::names_to_ask() const {
    std::set<std::string> names{record_.names.begin(), record_.names.end()};
    names.insert(contact_.bmc().user_name);
    names.insert("");
    for (const auto& each : vendor_defaults()) names.emplace(each.user_name);
    return {names.begin(), names.end()};
}

asio::awaitable<NameAsked> Wiping::ask_name(const std::string& name, const AccountPasswords& known) {
    using Verdict = NameAsked::Verdict;
    NameAsked asked{name, Verdict::kNotProved, ""};
    auto answer = co_await contact_.ask_as(name, known.candidates());
    for (int again = 0; again < kAskAgain && answer.answer == Answer::kNoSessionSlot; ++again) {
        co_await contact_.wait(kSlotsAreForgotten);
        answer = co_await contact_.ask_as(name, known.candidates());
    }
    if (answer.candidate) {
        const auto* version = known.candidate_version(*answer.candidate);
        const bool of_this_wipe = version != nullptr && is_of_this_wipe(*version);
        asked.verdict = of_this_wipe ? Verdict::kOnlyLast : Verdict::kOpen;
        asked.opened_by = known.meaning(*answer.candidate, UserId{}).label;
    } else if (answer.answer == Answer::kUnknownUserOrLocked) {
        asked.verdict = Verdict::kRefused;
    } else if (answer.answer == Answer::kNoCandidateMatches) {
        asked.verdict = Verdict::kNothingOpens;
    } else {
        asked.opened_by = word(answer.answer);
    }
    co_return asked;
}

asio::awaitable<WipingEvent> Wiping::perform(const AskEverybody&) {
    say_what_came_too_late();
    AccountPasswords known;
    const VaultPort::Read work = [&](const vault::Store& store) -> Result<void> {
        auto loaded = AccountPasswords::load(store, contact_.bmc(), elsewhere_);
        if (!loaded) return std::unexpected(loaded.error());
        known = std::move(*loaded);
        return {};
    };
    const auto loaded = co_await contact_.ports().vault.read(work);
    if (!loaded) co_return EverybodyAsked{false, false};
    record_.asked.clear();
    const auto names = names_to_ask();
    const auto board_before = co_await contact_.which_board();
    for (const auto& name : names) {
        auto asked = co_await ask_name(name, known);
        record_.asked.push_back(std::move(asked));
    }
    const auto board_after = co_await contact_.which_board();
    const bool ours = is_our_board(board_before) && is_our_board(board_after);
    if (!ours) record_.why = "the board that answered did not show that it is ours";
    const bool anybody = co_await anybody_gets_in();
    const auto has = [&](NameAsked::Verdict verdict) {
        return std::ranges::find(record_.asked, verdict, &NameAsked::verdict) != record_.asked.end();
    };
    const auto own = std::ranges::find(record_.asked, contact_.bmc().user_name, &NameAsked::name);
    put_own(own->verdict);
    const bool open = has(NameAsked::Verdict::kOpen) || anybody;
    co_return EverybodyAsked{open, ours && !has(NameAsked::Verdict::kNotProved)};
}

bool Wiping::own_went_with_reset() const {
    const auto item = std::ranges::find(record_.items, kFactoryResetItem, &WipeItem::name);
    return item != record_.items.end() && item->result == ItemResult::kErased;
}

void Wiping::put_own(NameAsked::Verdict verdict) {
    const bool closed = verdict == NameAsked::Verdict::kRefused || verdict == NameAsked::Verdict::kNothingOpens;
    const bool went = own_went_with_reset();
    auto result = closed ? ItemResult::kErased : ItemResult::kNotErased;
    std::string detail = fmt::format("asked as it: {}", word(verdict));
    if (closed && !went && !record_.has(kOwnNameItem)) {
        result = ItemResult::kUnverified;
        detail += "; the run that was to close it was interrupted, and a locked account answers alike";
    }
    put(std::string(kOwnItem), went ? "went with the factory reset" : "disabled, no access", result, std::nullopt,
        detail);
}

// A board that has shown its GUID to us shows it now; of one that we have not been in with in this run we want to see
// it.
bool Wiping::is_our_board(BmcContact::BoardShown shown) const {
    if (shown == BmcContact::BoardShown::kNotShown) return own_name_.has_value() && !shows_itself_;
    return shown == BmcContact::BoardShown::kOurs;
}

// With cipher suite 0 under any name that is still there.
asio::awaitable<bool> Wiping::anybody_gets_in() {
    const auto open = co_await contact_.try_suite_0();
    if (open != true) co_return false;
    put(std::string(kSuite0Item), std::string(kSuite0Action), ItemResult::kNotErased, std::nullopt,
        "it opens a session without a password");
    co_return std::ranges::any_of(record_.asked, [](const NameAsked& name) {
        return name.verdict != NameAsked::Verdict::kRefused && name.verdict != NameAsked::Verdict::kNotProved;
    });
}

asio::awaitable<WipingEvent> Wiping::perform(const WipeFinish&) {
    BMCVAULT_CHECK(false && "the machine has ended");
    co_return Done{false};
}

}  // namespace bmcvault::rotate
