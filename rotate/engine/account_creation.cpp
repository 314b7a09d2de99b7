#include "rotate/engine/account_creation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace bmcvault::rotate {
namespace {

using ipmi::CompletionCode;
using vault::VersionState;

bool is_lan(const ChannelRights& rights) {
    return rights.medium != ipmi::ChannelMedium::kSerial;
}

}  // namespace

std::optional<UserId> slot_for_own(const AccountTable& table, std::string_view name) {
    const auto begun = std::ranges::find_if(table.slots, [&](const AccountSlot& slot) { return slot.name == name; });
    return begun != table.slots.end() ? std::optional(begun->id) : free_slot(table);
}

AccountCreation::AccountCreation(BmcContact& contact, AccountSlot slot, std::string name, std::string note)
    : contact_(contact), slot_(std::move(slot)), name_(std::move(name)), note_(std::move(note)), subject_(slot_.id) {}

asio::awaitable<CreationEnd> AccountCreation::run() {
    static constexpr std::array<Step, 9> kSteps{{{"stage-account", &AccountCreation::stage},
                                                 {"set-name", &AccountCreation::set_name},
                                                 {"set-account-password", &AccountCreation::set_password},
                                                 {"enable-account", &AccountCreation::enable},
                                                 {"give-rights", &AccountCreation::give_rights},
                                                 {"allow-sol", &AccountCreation::allow_sol},
                                                 {"read-back", &AccountCreation::read_back},
                                                 {"prove-account", &AccountCreation::prove},
                                                 {"take-over", &AccountCreation::take_over}}};
    co_return co_await perform(kSteps);
}

asio::awaitable<CreationEnd> AccountCreation::put_right() {
    static constexpr std::array<Step, 6> kSteps{{{"stage-account", &AccountCreation::stage},
                                                 {"set-name", &AccountCreation::set_name},
                                                 {"set-account-password", &AccountCreation::set_password},
                                                 {"enable-account", &AccountCreation::enable},
                                                 {"give-rights", &AccountCreation::give_rights},
                                                 {"allow-sol", &AccountCreation::allow_sol}}};
    subject_ = UserId{vault::Subject::kOwnAccount};
    co_return co_await perform(kSteps);
}

asio::awaitable<CreationEnd> AccountCreation::perform(std::span<const Step> steps) {
    for (const auto& step : steps) {
        contact_.before(step.name);
        const auto why_not = co_await (this->*step.perform)();
        contact_.after(step.name);
        if (!why_not.empty()) co_return CreationEnd{Outcome::kRefused, fmt::format("{}: {}", step.name, why_not)};
    }
    co_return CreationEnd{Outcome::kAdopted, fmt::format("'{}' in slot {}", name_, slot_.id.value)};
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

// Pending, or proved by a run that was killed before it could take over. What the slot has under no name is what closed
// it: a new account gets a password of its own.
const vault::CredentialVersion* AccountCreation::staged() const {
    const auto* pending = known_.version_in(subject_, VersionState::kPending);
    const bool only_pending = pending != nullptr || is_our_own() || slot_.name != name_;
    return only_pending ? pending : known_.version_in(subject_, VersionState::kCurrent);
}

asio::awaitable<std::string> AccountCreation::stage_new(vault::StoredSize size) {
    const auto secret = vault::generate_password(size, vault::Alphabet::kFull, name_, contact_.ports().random);
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
    if (staged() != nullptr && !is_our_own()) co_return std::string();
    if (staged() != nullptr) {  // it may be on the board that we know; who proved an older password gets another one
        const auto own = AccountPasswords::subject_of(subject_);
        const auto given_up = co_await contact_.abandon(own, staged()->version, kStagedForAnotherSession);
        if (given_up != Durable::kCommitted) co_return std::string("vault-not-written");
    }
    if (slot_.name == name_ && !is_our_own())
        co_return fmt::format("somebody else's account in slot {} has that name", slot_.id.value);
    co_return co_await stage_new(contact_.keeps_only_16() ? vault::StoredSize::k16 : vault::StoredSize::k20);
}

asio::awaitable<std::string> AccountCreation::send(const ipmi::Request& request, std::string_view what) {
    if (!contact_.has_kept_session()) co_return std::string("the session was lost");
    const auto reply = co_await contact_.command(request);
    if (!reply) co_return fmt::format("{}: no answer", what);
    last_code_ = reply->completion_code;
    co_return last_code_ == 0 ? std::string() : fmt::format("{}: completion code {:02X}h", what, last_code_);
}

// Some BMCs refuse a name that is there already.
asio::awaitable<std::string> AccountCreation::set_name() {
    if (slot_.name == name_) co_return std::string();
    co_await contact_.pace_credential_write();
    const auto request = ipmi::set_user_name(slot_.id, name_);
    co_return co_await send(request, "Set User Name");
}

asio::awaitable<std::string> AccountCreation::set_password() {
    for (int value = 0; value < 2; ++value) {
        co_await contact_.pace_credential_write();
        const auto* version = staged();
        const auto size = version->size;
        const auto request = ipmi::set_password(slot_.id, static_cast<std::uint8_t>(size), known_.secret_of(*version));
        const auto why_not = co_await send(request, "Set User Password");
        const auto code = static_cast<CompletionCode>(last_code_);
        const bool too_long = code == CompletionCode::kRequestDataLengthInvalid ||
                              code == CompletionCode::kRequestDataFieldLengthLimitExceeded;
        const bool pending = version->state == VersionState::kPending;
        if (why_not.empty() || !too_long || size == vault::StoredSize::k16 || !pending) co_return why_not;
        const auto given_up =
            co_await contact_.abandon(AccountPasswords::subject_of(subject_), version->version, kRefusedForItsSize);
        if (given_up != Durable::kCommitted) co_return std::string("vault-not-written");
        const auto staged_anew = co_await stage_new(vault::StoredSize::k16);
        if (!staged_anew.empty()) co_return staged_anew;
    }
    co_return std::string("refused twice");
}

asio::awaitable<std::string> AccountCreation::enable() {
    co_await contact_.pace_credential_write();
    const auto request = ipmi::enable_user(slot_.id);
    co_return co_await send(request, "enabling the user");
}

asio::awaitable<std::string> AccountCreation::give_rights() {
    for (const auto& rights : slot_.channels) {
        if (!is_lan(rights)) continue;
        co_await contact_.pace_credential_write();
        ipmi::UserAccess access;
        access.privilege_limit = ipmi::PrivilegeLevel::kAdministrator;
        access.ipmi_messaging = true;
        const auto request = ipmi::set_user_access(rights.channel, slot_.id, access);
        const auto why_not = co_await send(request, "Set User Access");
        if (!why_not.empty()) co_return why_not;
    }
    co_return std::string();
}

// A console over LAN is part of an administrator's work. Where the BMC knows no such right, nothing is missing.
asio::awaitable<std::string> AccountCreation::allow_sol() {
    for (const auto& rights : slot_.channels) {
        if (!is_lan(rights) || !rights.sol.has_value()) continue;
        const auto request = ipmi::set_sol_payload_access(rights.channel, slot_.id, true);
        const auto why_not = co_await send(request, "Set User Payload Access");
        if (!why_not.empty() && !contact_.has_kept_session()) co_return why_not;
    }
    co_return std::string();
}

// Writes that come too fast are lost without a word on some boards: name and rights are read back.
asio::awaitable<std::string> AccountCreation::read_back() {
    if (!contact_.has_kept_session()) co_return std::string("the session was lost");
    const auto reply = co_await contact_.command(ipmi::get_user_name(slot_.id));
    if (!reply) co_return std::string("Get User Name: no answer");
    const auto name = ipmi::parse_user_name(*reply);
    if (!name || *name != name_) co_return std::string("the BMC did not keep the name");
    const auto* version = staged();
    const auto request =
        ipmi::test_password(slot_.id, static_cast<std::uint8_t>(version->size), known_.secret_of(*version));
    const auto why_not = co_await send(request, "Test Password");
    constexpr std::uint8_t kTestFailed = 0x80;
    constexpr std::uint8_t kOtherSize = 0x81;
    const bool refuted = last_code_ == kTestFailed || last_code_ == kOtherSize;
    co_return refuted || !contact_.has_kept_session() ? why_not : std::string();
}

asio::awaitable<std::string> AccountCreation::prove() {
    const auto* version = staged();
    const std::array candidates{ipmi::PasswordCandidate{version->version.value, &known_.secret_of(*version)}};
    const auto seen = co_await contact_.ask_as(name_, candidates, ipmi::PrivilegeLevel::kAdministrator);
    if (seen.answer != Answer::kMatched) co_return fmt::format("a login as '{}': {}", name_, word(seen.answer));
    if (!seen.exact) co_return std::string("the BMC keeps another password than the one that was set");
    co_return seen.administrator ? std::string() : std::string("ADMINISTRATOR was not granted");
}

// One commit: the slot's version is proved, its secret is our own password now, and the inventory names the account.
asio::awaitable<std::string> AccountCreation::take_over() {
    const auto* version = staged();
    const auto secret = known_.secret_of(*version).clone();
    const auto former = fmt::format("{} {}", contact_.user_id().value, contact_.bmc().user_name);
    auto bmc = contact_.bmc();
    bmc.user_name = name_;
    bmc.user_id = slot_.id.value;
    const vault::Store::Work work = [&](vault::Transaction& transaction) -> Result<void> {
        if (version->state == VersionState::kPending) {
            auto proved = transaction.commit_pending(bmc.id, AccountPasswords::subject_of(slot_.id), version->version);
            if (!proved) return proved;
        }
        const auto own = transaction.add_version(bmc.id, bmc.own_password(), secret, version->size,
                                                 VersionState::kUnknown, vault::Provenance::kGenerated,
                                                 fmt::format("account '{}' in slot {}", name_, slot_.id.value));
        if (!own) return std::unexpected(own.error());
        if (auto current = transaction.found_live(bmc.id, bmc.own_password(), *own); !current) return current;
        if (auto known = transaction.learn(facts_key(bmc), std::string(kFormerAccountFact), former); !known)
            return known;
        return transaction.update_bmc(bmc);
    };
    const auto stored = co_await contact_.store(work);
    if (stored != Durable::kCommitted) {
        contact_.doubt_record();  // whose account it is now, the next run reads anew
        co_return std::string("vault-not-written");
    }
    co_await contact_.become(name_, slot_.id);
    const auto seen = co_await contact_.look_and_keep();
    const bool ours = seen.answer == Answer::kMatched && seen.administrator;
    if (!ours) co_return fmt::format("proved once, then {}", word(seen.answer));
    const auto slot = co_await contact_.check_slot();
    co_return slot == SlotFact::kOurs ? std::string() : std::string("it is not in the slot where it was made");
}

}  // namespace bmcvault::rotate
