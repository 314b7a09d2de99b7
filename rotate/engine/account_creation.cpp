#include "rotate/engine/account_creation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "rotate/engine/password_rotation.hpp"

namespace bmcvault::rotate {
namespace {

using ipmi::CompletionCode;
using vault::VersionState;

constexpr std::uint8_t kTestFailed = 0x80;  // Test Password says that it is another one ...
constexpr std::uint8_t kOtherSize = 0x81;   // ... or one of another size (§22.30)
constexpr int kLooks = 3;
constexpr std::chrono::seconds kApplies{2};
constexpr std::string_view kSetPassword = "set-account-password";
constexpr std::string_view kLimitIgnored = "this BMC gives it more than its limit";

bool is_lan(const ChannelRights& rights) {
    return rights.medium != ipmi::ChannelMedium::kSerial;
}

}  // namespace

std::optional<UserId> slot_for(const AccountTable& table, std::string_view name) {
    const auto begun = std::ranges::find_if(table.slots, [&](const AccountSlot& slot) { return slot.name == name; });
    return begun != table.slots.end() ? std::optional(begun->id) : free_slot(table);
}

AccountCreation::AccountCreation(BmcContact& contact, AccountToMake account, std::string note)
    : contact_(contact),
      account_(std::move(account)),
      note_(std::move(note)),
      subject_(account_.slot.id),
      alphabet_(contact.alphabet()) {}

asio::awaitable<CreationEnd> AccountCreation::make_own() {
    co_return co_await make(Step{"take-over", &AccountCreation::take_over});
}

asio::awaitable<CreationEnd> AccountCreation::make_beside() {
    co_return co_await make(Step{"stand-beside", &AccountCreation::stand_beside});
}

asio::awaitable<CreationEnd> AccountCreation::make(Step last) {
    const std::array<Step, 9> steps{{{"stage-account", &AccountCreation::stage},
                                     {"set-name", &AccountCreation::set_name},
                                     {kSetPassword, &AccountCreation::set_password},
                                     {"read-back", &AccountCreation::read_back},
                                     {"enable-account", &AccountCreation::enable},
                                     {"give-rights", &AccountCreation::give_rights},
                                     {"allow-sol", &AccountCreation::allow_sol},
                                     {"prove-account", &AccountCreation::prove},
                                     last}};
    co_return co_await perform(steps);
}

asio::awaitable<CreationEnd> AccountCreation::put_right() {
    static constexpr std::array<Step, 6> kSteps{{{"stage-account", &AccountCreation::stage},
                                                 {"set-name", &AccountCreation::set_name},
                                                 {kSetPassword, &AccountCreation::set_password},
                                                 {"enable-account", &AccountCreation::enable},
                                                 {"give-rights", &AccountCreation::give_rights},
                                                 {"allow-sol", &AccountCreation::allow_sol}}};
    subject_ = UserId{vault::Subject::kOwnAccount};
    co_return co_await perform(kSteps);
}

asio::awaitable<CreationEnd> AccountCreation::perform(std::span<const Step> steps) {
    for (std::size_t i = 0; i < steps.size(); ++i) {
        const auto& step = steps[i];
        contact_.before(step.name);
        const auto why_not = co_await (this->*step.perform)();
        contact_.after(step.name);
        if (why_not.empty()) continue;
        const bool too_early = step.name == kSetPassword && apply_result(last_code_) == ApplyResult::kRefusedTooEarly;
        if (too_early) {  // what is pending stays, so that the next run sends the same (I2)
            const auto* current = known_.version_in(subject_, VersionState::kCurrent);
            const auto last_change = current != nullptr ? current->sent_at : std::nullopt;
            co_return CreationEnd{Outcome::kBlocked, co_await contact_.remember_too_early(last_change), has_written_};
        }
        const bool again = keeps_less_ && staged() != nullptr && staged()->size == vault::StoredSize::k20;
        std::string another = "none";
        if (again)
            another = co_await stage_another(vault::StoredSize::k16, kKeepsLess);
        else
            co_await abandon_what_is_not_held();
        if (!another.empty())
            co_return CreationEnd{Outcome::kRefused, fmt::format("{}: {}", step.name, why_not), has_written_};
        i = static_cast<std::size_t>(std::ranges::find(steps, kSetPassword, &Step::name) - steps.begin() -
                                     1);  // the BMC keeps 16 bytes
    }
    co_return CreationEnd{Outcome::kAdopted, fmt::format("'{}' in slot {}", account_.name, account_.slot.id.value)};
}

bool AccountCreation::is_refuted() const {
    return last_code_ == kTestFailed || last_code_ == kOtherSize;
}

asio::awaitable<bool> AccountCreation::load() {
    const VaultPort::Read work = [this](const vault::Store& store) -> Result<void> {
        auto known = AccountPasswords::load(store, contact_.bmc(), nullptr);
        if (!known) return std::unexpected(known.error());
        known_ = std::move(*known);
        return {};
    };
    const auto read = co_await contact_.ports().vault.read(work);
    co_return read.has_value();
}

const vault::CredentialVersion* AccountCreation::staged() const {
    return known_.version_in(subject_, VersionState::kPending);
}

// It is not sent again where somebody knows it, where it is too long for this kind, or where our own account has an
// older password than it once proved: who knows that one may stand in the board's place.
bool AccountCreation::is_of_no_use(const vault::CredentialVersion& pending) const {
    if (is_our_own()) return true;  // it may be on the board that we know; who proved an older one gets another
    const bool too_long = pending.size == vault::StoredSize::k20 && contact_.keeps_only_16();
    return too_long || contact_.is_exposed(subject_) || own_went_back();
}

bool AccountCreation::own_went_back() const {
    const UserId own{vault::Subject::kOwnAccount};
    const auto* current = known_.version_in(own, VersionState::kCurrent);
    return current == nullptr || known_.newest_proved(own) != current->version;
}

// Whatever was proved once may be known to those who were given it: a new account gets a password of its own.
asio::awaitable<std::string> AccountCreation::stage_new(vault::StoredSize size) {
    const auto secret = vault::generate_password(size, alphabet_, account_.name, contact_.ports().random);
    const auto subject = AccountPasswords::subject_of(subject_);
    VersionNumber version;
    const auto stored = co_await contact_.stage(subject, secret, size, vault::Provenance::kGenerated, note_, version);
    const bool loaded = co_await load();
    co_return stored == Durable::kCommitted&& loaded ? std::string() : std::string("vault-not-written");
}

// An account of that name which is nobody's of ours is left alone.
asio::awaitable<std::string> AccountCreation::stage() {
    const bool loaded = co_await load();
    if (!loaded) co_return std::string("vault-not-readable");
    if (staged() != nullptr) {
        if (!is_of_no_use(*staged())) co_return std::string();
        const auto subject = AccountPasswords::subject_of(subject_);
        const auto given_up = co_await contact_.abandon(subject, staged()->version, kStagedForAnotherSession);
        if (given_up != Durable::kCommitted) co_return std::string("vault-not-written");
    }
    if (account_.slot.name == account_.name && !account_.is_ours && !is_our_own())
        co_return fmt::format("somebody else's account in slot {} has that name", account_.slot.id.value);
    co_return co_await stage_new(contact_.keeps_only_16() ? vault::StoredSize::k16 : vault::StoredSize::k20);
}

asio::awaitable<std::string> AccountCreation::send(const ipmi::Request& request, std::string_view what) {
    last_code_ = 0;
    if (!contact_.has_kept_session()) co_return std::string("the session was lost");
    const auto reply = co_await contact_.command(request);
    if (!reply) co_return fmt::format("{}: no answer", what);
    last_code_ = reply->completion_code;
    co_return last_code_ == 0 ? std::string() : fmt::format("{}: completion code {:02X}h", what, last_code_);
}

// Some BMCs refuse a name that is there already.
asio::awaitable<std::string> AccountCreation::set_name() {
    if (account_.slot.name == account_.name) co_return std::string();
    co_await contact_.pace_credential_write();
    has_written_ = true;
    const auto request = ipmi::set_user_name(account_.slot.id, account_.name);
    co_return co_await send(request, "Set User Name");
}

// A second value only: of another shape, or shorter, as the BMC wants it.
asio::awaitable<std::string> AccountCreation::set_password() {
    auto why_not = co_await send_password();
    const auto result = apply_result(last_code_);
    const bool too_long = result == ApplyResult::kRefusedSize && staged()->size == vault::StoredSize::k20;
    const bool disliked = result == ApplyResult::kRefusedByPolicy;
    if (why_not.empty() || !contact_.has_kept_session() || (!too_long && !disliked)) co_return why_not;
    refused_for_its_size_ = too_long;
    refused_by_policy_ = disliked;
    if (disliked) alphabet_ = vault::Alphabet::kShellSafe;
    const auto size = too_long ? vault::StoredSize::k16 : staged()->size;
    why_not = co_await stage_another(size, too_long ? kRefusedForItsSize : kRefusedByItsRules);
    if (!why_not.empty()) co_return why_not;
    co_return co_await send_password();
}

asio::awaitable<std::string> AccountCreation::send_password() {
    has_written_ = true;
    co_await contact_.pace_credential_write();
    const auto* version = staged();
    const auto request =
        ipmi::set_password(account_.slot.id, static_cast<std::uint8_t>(version->size), known_.secret_of(*version));
    co_return co_await send(request, "Set User Password");
}

// By the BMC's own test. Where it knows none, or holds it, the vault keeps it as pending.
asio::awaitable<void> AccountCreation::abandon_what_is_not_held() {
    const auto* pending = staged();
    if (pending == nullptr || is_our_own() || !contact_.has_kept_session()) co_return;
    const auto request =
        ipmi::test_password(account_.slot.id, static_cast<std::uint8_t>(pending->size), known_.secret_of(*pending));
    (void)co_await send(request, "Test Password");
    if (!is_refuted() || !contact_.has_kept_session()) co_return;
    const auto subject = AccountPasswords::subject_of(subject_);
    (void)co_await contact_.abandon(subject, pending->version, kTestedAndNotHeld);
}

asio::awaitable<std::string> AccountCreation::stage_another(vault::StoredSize size, std::string_view why) {
    const auto subject = AccountPasswords::subject_of(subject_);
    const auto given_up = co_await contact_.abandon(subject, staged()->version, why);
    if (given_up != Durable::kCommitted) co_return std::string("vault-not-written");
    co_return co_await stage_new(size);
}

asio::awaitable<std::string> AccountCreation::enable() {
    const bool was_enabled = account_.slot.name == account_.name && account_.slot.enabled == true;
    if (account_.is_ours && was_enabled && !lost_its_rights_) co_return std::string();
    co_await contact_.pace_credential_write();
    const auto request = ipmi::enable_user(account_.slot.id);
    co_return co_await send(request, "enabling the user");
}

// Of one of ours: as it was read, nothing is missing.
bool AccountCreation::has_its_rights(const ChannelRights& rights) const {
    return account_.is_ours && !lost_its_rights_ && rights.privilege_limit == account_.privilege &&
           rights.ipmi_messaging && !rights.callback_only;
}

asio::awaitable<std::string> AccountCreation::give_rights() {
    for (const auto& rights : account_.slot.channels) {
        if (!is_lan(rights) || has_its_rights(rights)) continue;
        co_await contact_.pace_credential_write();
        ipmi::UserAccess access;
        access.privilege_limit = account_.privilege;
        access.ipmi_messaging = true;
        const auto request = ipmi::set_user_access(rights.channel, account_.slot.id, access);
        const auto why_not = co_await send(request, "Set User Access");
        if (!why_not.empty()) co_return why_not;
    }
    co_return std::string();
}

// A console over LAN is part of an administrator's work. Where the BMC knows no such right, nothing is missing.
asio::awaitable<std::string> AccountCreation::allow_sol() {
    if (account_.privilege != ipmi::PrivilegeLevel::kAdministrator) co_return std::string();
    for (const auto& rights : account_.slot.channels) {
        if (!is_lan(rights) || !rights.sol.has_value()) continue;
        const auto request = ipmi::set_sol_payload_access(rights.channel, account_.slot.id, true);
        const auto why_not = co_await send(request, "Set User Payload Access");
        if (!why_not.empty() && !contact_.has_kept_session()) co_return why_not;
    }
    co_return std::string();
}

// Writes that come too fast are lost without a word on some boards: name and rights are read back.
asio::awaitable<std::string> AccountCreation::read_back() {
    if (!contact_.has_kept_session()) co_return std::string("the session was lost");
    const auto reply = co_await contact_.command(ipmi::get_user_name(account_.slot.id));
    if (!reply) co_return std::string("Get User Name: no answer");
    const auto name = ipmi::parse_user_name(*reply);
    if (!name || *name != account_.name) co_return std::string("the BMC did not keep the name");
    const auto* version = staged();
    const auto request =
        ipmi::test_password(account_.slot.id, static_cast<std::uint8_t>(version->size), known_.secret_of(*version));
    std::string why_not;
    for (int looks = 0; looks < kLooks; ++looks) {  // boards exist that apply late
        if (looks > 0) co_await contact_.wait(kApplies);
        why_not = co_await send(request, "Test Password");
        if (!is_refuted() || !contact_.has_kept_session()) break;
    }
    keeps_less_ = keeps_less_ || last_code_ == kOtherSize;
    co_return is_refuted() || !contact_.has_kept_session() ? why_not : std::string();
}

// Boards exist that take rights away when a password is set.
asio::awaitable<std::string> AccountCreation::prove() {
    auto why_not = co_await log_in_as_it();
    if (why_not.empty() || !account_.is_ours || !contact_.has_kept_session()) co_return why_not;
    lost_its_rights_ = true;
    why_not = co_await enable();
    if (why_not.empty()) why_not = co_await give_rights();
    if (why_not.empty()) why_not = co_await log_in_as_it();
    co_return why_not;
}

asio::awaitable<std::string> AccountCreation::log_in_as_it() {
    const auto* version = staged();
    const std::array candidates{ipmi::PasswordCandidate{version->version.value, &known_.secret_of(*version)}};
    const auto& name = account_.name;
    const auto seen = co_await contact_.ask_as(name, candidates, account_.privilege);
    if (seen.answer != Answer::kMatched) co_return fmt::format("a login as '{}': {}", name, word(seen.answer));
    keeps_less_ = keeps_less_ || !seen.exact;
    if (!seen.exact) co_return std::string("the BMC keeps another password than the one that was set");
    if (account_.privilege == ipmi::PrivilegeLevel::kAdministrator)
        co_return seen.administrator ? std::string() : std::string("ADMINISTRATOR was not granted");
    const bool is_user = account_.privilege == ipmi::PrivilegeLevel::kUser;
    const auto above = is_user ? ipmi::PrivilegeLevel::kOperator : ipmi::PrivilegeLevel::kAdministrator;
    const auto more = co_await contact_.ask_as(name, candidates, above);
    if (more.answer == Answer::kPrivilegeRefused) co_return std::string();
    if (more.answer == Answer::kMatched) co_return std::string(kLimitIgnored);
    co_return fmt::format("whether its limit holds could not be asked: {}", word(more.answer));
}

// The slot's version is proved, and what stands beside our own account is as was said.
Result<void> AccountCreation::settle(vault::Transaction& transaction) const {
    const auto* version = staged();
    const auto& bmc = contact_.bmc();
    if (version->state == VersionState::kPending) {
        auto proved =
            transaction.commit_pending(bmc.id, AccountPasswords::subject_of(account_.slot.id), version->version);
        if (!proved) return proved;
    }
    const auto& former = account_.former_slot;
    if (former && *former != account_.slot.id) {
        auto ended = transaction.found_none_live(bmc.id, AccountPasswords::subject_of(*former));
        if (!ended) return ended;
    }
    auto learned = learn_refusals(transaction, bmc, refused_for_its_size_ || keeps_less_, refused_by_policy_);
    if (!learned) return learned;
    return account_.beside ? record_role_accounts(transaction, bmc, *account_.beside) : Result<void>{};
}

// Our own account stays beside the new one, with its password: that is its slot's now.
Result<void> AccountCreation::keep_former(vault::Transaction& transaction) const {
    const auto& bmc = contact_.bmc();
    const auto* former = known_.version_in(UserId{vault::Subject::kOwnAccount}, VersionState::kCurrent);
    if (former == nullptr) return {};
    const auto subject = AccountPasswords::subject_of(contact_.user_id());
    const auto kept =
        transaction.add_version(bmc.id, subject, known_.secret_of(*former), former->size, VersionState::kUnknown,
                                former->provenance, fmt::format("our own password, version {}", former->version.value));
    if (!kept) return std::unexpected(kept.error());
    if (auto current = transaction.found_live(bmc.id, subject, *kept); !current) return current;
    return transaction.same_secret(bmc.id, bmc.own_password(), former->version, subject, *kept);
}

asio::awaitable<std::string> AccountCreation::stand_beside() {
    const vault::Store::Work work = [this](vault::Transaction& transaction) { return settle(transaction); };
    const auto stored = co_await contact_.store(work);
    if (stored == Durable::kCommitted) co_return std::string();
    contact_.doubt_record();
    co_return std::string("vault-not-written");
}

// One commit: the slot's version is proved, its secret is our own password now, and the inventory names the account.
asio::awaitable<std::string> AccountCreation::take_over() {
    const auto* version = staged();
    const auto secret = known_.secret_of(*version).clone();
    const auto former = fmt::format("{} {}", contact_.user_id().value, contact_.bmc().user_name);
    const auto& slot = account_.slot.id;
    auto bmc = contact_.bmc();
    bmc.user_name = account_.name;
    bmc.user_id = slot.value;
    const vault::Store::Work work = [&](vault::Transaction& transaction) -> Result<void> {
        if (auto settled = settle(transaction); !settled) return settled;
        if (account_.beside) {
            if (auto kept = keep_former(transaction); !kept) return kept;
        }
        const auto own = transaction.add_version(bmc.id, bmc.own_password(), secret, version->size,
                                                 VersionState::kUnknown, vault::Provenance::kGenerated,
                                                 fmt::format("account '{}' in slot {}", account_.name, slot.value));
        if (!own) return std::unexpected(own.error());
        if (auto current = transaction.found_live(bmc.id, bmc.own_password(), *own); !current) return current;
        const auto proved = AccountPasswords::subject_of(slot);
        if (auto same = transaction.same_secret(bmc.id, proved, version->version, bmc.own_password(), *own); !same)
            return same;
        // What its slot has is not current any more when our own account gets its next password.
        if (auto ends = transaction.found_none_live(bmc.id, proved); !ends) return ends;
        if (auto made = contact_.note_made(transaction, *own); !made) return made;
        if (auto known = transaction.learn(facts_key(bmc), std::string(kFormerAccountFact), former); !known)
            return known;
        return transaction.update_bmc(bmc);
    };
    const auto stored = co_await contact_.store(work);
    if (stored != Durable::kCommitted) {
        contact_.doubt_record();  // whose account it is now, the next run reads anew
        co_return std::string("vault-not-written");
    }
    co_await contact_.become(account_.name, slot);
    seen_ = co_await contact_.look_and_keep();
    const bool ours = seen_.answer == Answer::kMatched && seen_.administrator;
    if (!ours) co_return fmt::format("proved once, then {}", word(seen_.answer));
    const auto found = co_await contact_.check_slot();
    co_return found == SlotFact::kOurs ? std::string() : std::string("it is not in the slot where it was made");
}

}  // namespace bmcvault::rotate
