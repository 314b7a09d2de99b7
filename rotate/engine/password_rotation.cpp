#include "rotate/engine/password_rotation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "rotate/core/vendor_defaults.hpp"

namespace bmcvault::rotate {
namespace {

using ipmi::CompletionCode;
using vault::StoredSize;
using vault::VersionState;

std::string_view words_of_form(Form form) {
    switch (form) {
        case Form::kExact:
            return "exact";
        case Form::kFirst16:
            return "stored the first 16 bytes only";
        case Form::kFirst19:
            return "stored the first 19 bytes only";
        case Form::kNewHeadOldTail:
            return "stored 16 new bytes and kept the old tail";
    }
    return "exact";
}

StoredSize size_of(const Key20& live) {
    constexpr std::size_t kSmall = 16;
    return live.expose([](auto bytes) {
        const bool fits = std::ranges::all_of(bytes.subspan(kSmall), [](auto byte) { return byte == 0; });
        return fits ? StoredSize::k16 : StoredSize::k20;
    });
}

bool is_published(const Key20& secret) {
    return std::ranges::any_of(vendor_defaults(), [&](const VendorDefault& known) {
        return secret.expose([&](auto bytes) {
            const auto text = as_bytes(known.published);
            const auto rest = bytes.subspan(text.size());
            return std::ranges::equal(bytes.first(text.size()), text) &&
                   std::ranges::all_of(rest, [](auto byte) { return byte == 0; });
        });
    });
}

std::string description_of(const Seen& seen) {
    std::string text(words_of_form(seen.form));
    return seen.elsewhere == nullptr ? text : fmt::format("from {}, {}", seen.elsewhere->label, text);
}

Result<void> mark_due(vault::Transaction& transaction, const vault::Bmc& bmc, VersionNumber version) {
    return transaction.learn(facts_key(bmc), std::string(kDueFact), fmt::format("{}", version.value));
}

}  // namespace

// A refusal by password policy is CCh on OpenBMC, 8Fh on Dell C6220, C9h elsewhere. C0h, C3h and FFh say nothing.
ApplyResult apply_result(std::uint8_t completion_code) {
    constexpr std::uint8_t kDellPolicy = 0x8f;
    switch (static_cast<CompletionCode>(completion_code)) {
        case CompletionCode::kOk:
            return ApplyResult::kAccepted;
        case CompletionCode::kNotSupportedInState:
            return ApplyResult::kRefusedTooEarly;
        case CompletionCode::kInvalidDataField:
        case CompletionCode::kParameterOutOfRange:
            return ApplyResult::kRefusedByPolicy;
        case CompletionCode::kRequestDataLengthInvalid:
        case CompletionCode::kRequestDataFieldLengthLimitExceeded:
            return ApplyResult::kRefusedSize;
        case CompletionCode::kNodeBusy:
        case CompletionCode::kTimeout:
        case CompletionCode::kUnspecified:
            return ApplyResult::kNoReply;
        default:
            return completion_code == kDellPolicy ? ApplyResult::kRefusedByPolicy : ApplyResult::kRefused;
    }
}

std::string_view name_of(const Action& action) {
    constexpr std::array<std::string_view, std::variant_size_v<Action>> kNames{
        "probe",   "check-slot", "record-found", "record-observed", "stage", "apply",  "prove",
        "restore", "commit",     "abandon",      "quarantine",      "wait",  "reload", "finish"};
    return kNames[action.index()];
}

PasswordRotation::PasswordRotation(BmcContact& contact, Goal goal, std::string note)
    : contact_(contact), ports_(contact.ports()), goal_(goal), note_(std::move(note)) {}

asio::awaitable<PasswordEnd> PasswordRotation::run() {
    auto step = rotate::start(situation());
    while (!std::holds_alternative<Finish>(step.action)) {
        const auto name = name_of(step.action);
        contact_.before(name);
        const auto event = co_await std::visit([this](const auto& action) { return perform(action); }, step.action);
        contact_.after(name);
        step = rotate::step(step.state, event);
    }
    const auto& finish = std::get<Finish>(step.action);
    PasswordEnd end{finish.outcome, std::string(finish.detail), std::move(seen_), std::move(came_from_),
                    was_reset_ || contact_.reset_is_unfinished()};
    if (finish.detail == kTooEarly && refused_too_early_) {
        const auto* current = contact_.known().password_in(VersionState::kCurrent);
        const auto last_change = current != nullptr ? current->sent_at : std::nullopt;
        end.detail = co_await contact_.remember_too_early(last_change);
    } else if (finish.detail == kTooEarly) {
        end.detail = contact_.too_early_detail();
    }
    co_return end;
}

asio::awaitable<Event> PasswordRotation::perform(const Probe&) {
    seen_ = co_await contact_.look_and_keep();
    note_where_it_comes_from();
    co_return Sighted{sighting(), contact_.has_kept_session()};
}

asio::awaitable<Event> PasswordRotation::perform(const CheckSlot&) {
    const auto fact = co_await contact_.check_slot();
    co_return SlotChecked{fact, contact_.has_kept_session()};
}

asio::awaitable<Event> PasswordRotation::perform(const RecordFound& action) {
    const auto& bmc = contact_.bmc();
    const vault::Store::Work work = [&](vault::Transaction& transaction) -> Result<void> {
        if (auto found = transaction.found_live(bmc.id, bmc.own_password(), action.version); !found) return found;
        if (auto noted = note_reset(transaction); !noted) return noted;
        return action.due ? mark_due(transaction, bmc, action.version) : Result<void>{};
    };
    const auto stored = co_await contact_.store(work);
    co_return Stored{stored};
}

asio::awaitable<Event> PasswordRotation::perform(const RecordObserved& action) {
    BMCVAULT_CHECK(seen_ && seen_->live);
    const auto& bmc = contact_.bmc();
    const auto card = contact_.card_key();
    VersionNumber version;
    const vault::Store::Work work = [&](vault::Transaction& transaction) -> Result<void> {
        auto observed = transaction.observed_live(bmc.id, bmc.own_password(), *seen_->live, size_of(*seen_->live),
                                                  description_of(*seen_));
        if (!observed) return std::unexpected(observed.error());
        version = *observed;
        if (auto noted = note_reset(transaction); !noted) return noted;
        if (action.due) {
            if (auto marked = mark_due(transaction, bmc, version); !marked) return marked;
        }
        if (card.empty() || action.form == Form::kExact) return {};
        return transaction.learn(card, std::string(kPasswordSizeFact), "16");
    };
    const auto stored = co_await contact_.store(work);
    co_return Recorded{stored, version};
}

// The one place where a new password is made: it is durable before the machine lets anything be sent (I1, I2).
asio::awaitable<Event> PasswordRotation::perform(const Stage& action) {
    const auto secret = new_secret(action);
    const auto provenance = goal_ == Goal::kPutBack ? vault::Provenance::kPutBack : vault::Provenance::kGenerated;
    const auto subject = contact_.bmc().own_password();
    VersionNumber version;
    const auto stored = co_await contact_.stage(subject, secret, action.size, provenance, note_, version);
    co_return Staged{stored, version};
}

// The line that sends the password of our own account, in the session of the probe.
asio::awaitable<Event> PasswordRotation::perform(const Apply& action) {
    if (!contact_.has_kept_session()) co_return Applied{ApplyResult::kNoReply, false};
    co_await contact_.pace_credential_write();
    const auto request = ipmi::set_password(contact_.user_id(), static_cast<std::uint8_t>(action.size),
                                            contact_.known().password_secret(action.version));
    const auto reply = co_await contact_.command(request);
    if (!reply) co_return Applied{ApplyResult::kNoReply, contact_.has_kept_session()};
    const auto result = apply_result(reply->completion_code);
    refused_by_policy_ = refused_by_policy_ || result == ApplyResult::kRefusedByPolicy;
    refused_for_its_size_ = refused_for_its_size_ || result == ApplyResult::kRefusedSize;
    refused_too_early_ = refused_too_early_ || result == ApplyResult::kRefusedTooEarly;
    co_return Applied{result, contact_.has_kept_session()};
}

asio::awaitable<Event> PasswordRotation::perform(const Prove&) {
    seen_ = co_await contact_.look();
    co_return Sighted{sighting(), contact_.has_kept_session()};
}

asio::awaitable<Event> PasswordRotation::perform(const RestoreRights&) {
    const bool done = co_await contact_.restore_rights();
    co_return RightsRestored{done, contact_.has_kept_session()};
}

asio::awaitable<Event> PasswordRotation::perform(const Commit& action) {
    const auto& bmc = contact_.bmc();
    const vault::Store::Work work = [&](vault::Transaction& transaction) -> Result<void> {
        auto committed = transaction.commit_pending(bmc.id, bmc.own_password(), action.version);
        if (committed) committed = contact_.note_change_taken(transaction);
        if (!committed || goal_ == Goal::kPutBack) return committed;
        return learn_refusals(transaction, bmc, refused_for_its_size_, refused_by_policy_);
    };
    const auto stored = co_await contact_.store(work);
    co_return Stored{stored};
}

asio::awaitable<Event> PasswordRotation::perform(const Abandon& action) {
    const auto subject = contact_.bmc().own_password();
    const auto stored = co_await contact_.abandon(subject, action.version, kAskedAndNotHeld);
    co_return Stored{stored};
}

asio::awaitable<Event> PasswordRotation::perform(const QuarantineBmc& action) {
    const auto stored = co_await contact_.quarantine(action.why);
    co_return Stored{stored};
}

asio::awaitable<Event> PasswordRotation::perform(const Wait& action) {
    co_await contact_.wait(action.time);
    co_return Waited{contact_.has_kept_session()};
}

asio::awaitable<Event> PasswordRotation::perform(const Reload&) {
    const bool readable = co_await contact_.reload();
    co_return Reloaded{situation(), readable};
}

asio::awaitable<Event> PasswordRotation::perform(const Finish&) {
    BMCVAULT_CHECK(false && "the machine has ended");
    co_return Waited{false};
}

// The label's, or a published one, whichever version it was entered or found as.
bool PasswordRotation::is_a_default(VersionNumber version) const {
    const auto& known = contact_.known();
    if (known.password(version)->provenance == vault::Provenance::kFactory) return true;
    return is_published(known.password_secret(version));
}

// A default on a board that has proved a password of ours: somebody has reset it.
void PasswordRotation::note_where_it_comes_from() {
    const auto& known = contact_.known();
    const auto* current = known.password_in(VersionState::kCurrent);
    if (seen_->elsewhere != nullptr) {
        const bool by_vendor = seen_->elsewhere->kind == Origin::Kind::kVendorDefault;
        came_from_ = fmt::format("{}: {}", by_vendor ? "vendor-default" : "password-from", seen_->elsewhere->label);
        was_reset_ = by_vendor && current != nullptr;
    } else if (seen_->password && is_a_default(*seen_->password)) {
        was_reset_ = current != nullptr && current->version != *seen_->password;
        const bool labelled = known.password(*seen_->password)->provenance == vault::Provenance::kFactory;
        if (was_reset_ || labelled) came_from_ = "factory-password";
    }
}

// Kept until what the reset took away is back, also by a later run.
Result<void> PasswordRotation::note_reset(vault::Transaction& transaction) const {
    if (!was_reset_) return {};
    return transaction.learn(facts_key(contact_.bmc()), std::string(kResetFact), "unfinished");
}

Key20 PasswordRotation::new_secret(const Stage& stage) {
    if (goal_ == Goal::kPutBack) {
        const auto* previous = contact_.known().password_in(VersionState::kPrevious);
        BMCVAULT_CHECK(previous != nullptr);
        return contact_.known().password_secret(previous->version).clone();
    }
    const auto alphabet = stage.shape == Shape::kFull ? contact_.alphabet() : vault::Alphabet::kShellSafe;
    return vault::generate_password(stage.size, alphabet, contact_.bmc().user_name, ports_.random);
}

Situation PasswordRotation::situation() const {
    Situation situation;
    situation.goal = goal_;
    if (const auto* pending = contact_.known().password_in(VersionState::kPending)) {
        situation.pending = pending->version;
        situation.pending_size = pending->size;
        situation.pending_is_put_back = pending->provenance == vault::Provenance::kPutBack;
    }
    if (const auto* current = contact_.known().password_in(VersionState::kCurrent)) {
        situation.current = current->version;
        situation.current_is_due = contact_.due_version() == current->version;
        situation.current_is_put_back = current->provenance == vault::Provenance::kPutBack;
    }
    if (const auto* previous = contact_.known().password_in(VersionState::kPrevious)) {
        situation.put_back_size = previous->size;
    }
    situation.factory = contact_.known().newest_factory_password();
    situation.newest_entered = contact_.known().newest_unknown_password();
    situation.only_16 = contact_.keeps_only_16();
    // What somebody knows who should not is tried to be replaced all the same: it costs one refusal.
    situation.too_early = contact_.no_change_before() && !contact_.is_exposed(UserId{vault::Subject::kOwnAccount});
    return situation;
}

Sighting PasswordRotation::sighting() const {
    return Sighting{seen_->answer, seen_->password, seen_->form, seen_->administrator, seen_->strange_board};
}

}  // namespace bmcvault::rotate
