// Credential storage with its quirks. Every write goes through write(), where files revert and reboots lose data.
#include "ipmi/virtual_bmc/accounts.hpp"

#include <algorithm>
#include <utility>

#include "ipmi/virtual_bmc/crypto.hpp"

namespace bmcvault::virtual_bmc {

namespace {

using ipmi::CompletionCode;
using ipmi::PrivilegeLevel;
using ipmi::RmcpplusStatus;

constexpr std::uint8_t kOk = static_cast<std::uint8_t>(CompletionCode::kOk);
constexpr std::chrono::seconds kFileTimeStamp{1};
constexpr std::array<std::uint8_t, 4> kSolOnly{0x02, 0, 0, 0};

std::uint8_t code(CompletionCode value) {
    return static_cast<std::uint8_t>(value);
}

// Padding zeros are no part of a password: the HMAC can't see them.
Bytes without_padding(ByteView password) {
    Bytes out(password.begin(), password.end());
    while (!out.empty() && out.back() == 0) out.pop_back();
    return out;
}

}  // namespace

Accounts::Accounts(Config& config, Counters& counters)
    : config_(config), counters_(counters), factory_users_(config.users), factory_k_g_(padded20(config.k_g)) {
    for (const auto& [id, user] : config_.users) {
        histories_[id].passwords.push_front(user.password);
        payload_access_[id] = kSolOnly;
    }
}

void Accounts::settle(TimePoint now) {
    std::vector<LateWrite> later;
    for (LateWrite& late : std::exchange(late_writes_, {})) {
        if (late.due <= now) {
            late.change();
        } else {
            later.push_back(std::move(late));
        }
    }
    late_writes_ = std::move(later);
    for (auto& [id, history] : histories_) {
        if (history.locked && history.locked_until && *history.locked_until <= now) {
            history.locked = false;
            history.failures = 0;
        }
    }
}

bool Accounts::may_log_in(const User& user) const {
    return user.enabled || config_.quirks.disabled_user_still_logs_in;
}

Accounts::Lookup Accounts::find(std::string_view name, std::uint8_t role) const {
    const bool name_only = (role & ipmi::kNameOnlyLookup) != 0;
    const auto level = static_cast<PrivilegeLevel>(role & 0x0f);
    for (const auto& [id, user] : config_.users) {
        if (user.name != name || !may_log_in(user)) continue;
        if (!name_only && level != PrivilegeLevel::kHighestMatching && user.privilege_limit != level) continue;
        const auto history = histories_.find(id);
        const bool locked = history != histories_.end() && history->second.locked;
        if (locked || login_limit(id) == PrivilegeLevel::kNoAccess) return {RmcpplusStatus::kUnauthorizedName, 0};
        return {RmcpplusStatus::kOk, id};
    }
    return {};
}

PrivilegeLevel Accounts::login_limit(std::uint8_t user_id) const {
    const User* found = user(user_id);
    if (found == nullptr || !found->ipmi_messaging) return PrivilegeLevel::kNoAccess;
    switch (found->privilege_limit) {
        case PrivilegeLevel::kHighestMatching:  // reserved as a limit
        case PrivilegeLevel::kNoAccess:
            return PrivilegeLevel::kNoAccess;
        case PrivilegeLevel::kOem:
            return PrivilegeLevel::kAdministrator;
        default:
            return found->callback_only ? PrivilegeLevel::kCallback : found->privilege_limit;
    }
}

Bytes Accounts::k_uid(std::uint8_t user_id) const {
    const User* found = user(user_id);
    return padded20(found == nullptr ? ByteView() : ByteView(found->password));
}

bool Accounts::has_k_g() const {
    return std::ranges::any_of(config_.k_g, [](std::uint8_t byte) { return byte != 0; });
}

Bytes Accounts::session_key(ByteView password20) const {
    if (!has_k_g()) return {password20.begin(), password20.end()};
    Bytes key = padded20(config_.k_g);
    if (config_.quirks.k_g_unusable && key != factory_k_g_) {
        for (std::uint8_t& byte : key) byte = static_cast<std::uint8_t>(~byte);  // some key that nobody knows
    }
    return key;
}

void Accounts::login_failed(std::uint8_t user_id, TimePoint now) {
    History& history = histories_[user_id];
    ++history.failures;
    if (config_.bad_password_threshold == 0 || history.failures < config_.bad_password_threshold) return;
    history.locked = true;
    history.locked_until.reset();
    if (config_.lockout.count() > 0) history.locked_until = now + config_.lockout;
}

void Accounts::login_succeeded(std::uint8_t user_id) {
    histories_[user_id].failures = 0;
}

void Accounts::write(TimePoint now, const std::function<void()>& change) {
    const bool too_soon = last_write_ && now - *last_write_ < kFileTimeStamp;
    last_write_ = now;
    if (config_.quirks.breaks_on_two_writes_in_one_second && too_soon && before_last_write_) {
        config_.users = before_last_write_->users;
        config_.k_g = before_last_write_->k_g;
        return;
    }
    before_last_write_ = Snapshot{config_.users, config_.k_g};
    change();
}

void Accounts::write_secret(TimePoint now, const std::function<void()>& change) {
    if (config_.quirks.acknowledges_and_forgets) return;
    if (config_.quirks.applies_after) {
        const TimePoint due = now + *config_.quirks.applies_after;
        late_writes_.push_back({due, [this, due, change] { write(due, change); }});
        return;
    }
    write(now, change);
}

std::optional<std::uint8_t> Accounts::refusal(std::uint8_t user_id, std::uint8_t size, ByteView password,
                                              TimePoint now) const {
    const Quirks& quirks = config_.quirks;
    if (quirks.only_16_byte_passwords && size == ipmi::kPasswordSize20) {
        return code(CompletionCode::kRequestDataLengthInvalid);
    }
    if (quirks.refuses_always) return quirks.refuses_always;
    const bool disliked = std::ranges::any_of(password, [](std::uint8_t byte) { return byte == '@' || byte == '!'; });
    if (quirks.refuses_by_policy && disliked) return quirks.refuses_by_policy;

    const auto found = histories_.find(user_id);
    if (found == histories_.end()) return std::nullopt;
    const History& history = found->second;
    if (quirks.minimum_change_interval && history.last_change &&
        now - *history.last_change < *quirks.minimum_change_interval) {
        return code(CompletionCode::kNotSupportedInState);
    }
    const auto remembered = std::min(history.passwords.size(), static_cast<std::size_t>(quirks.forbids_reuse));
    const auto end = history.passwords.begin() + static_cast<std::ptrdiff_t>(remembered);
    if (std::find(history.passwords.begin(), end, without_padding(password)) != end) {
        return code(CompletionCode::kInvalidDataField);
    }
    return std::nullopt;
}

void Accounts::store_password(User& user, std::uint8_t size, ByteView password) const {
    const Quirks& quirks = config_.quirks;
    Bytes stored = padded20(password);
    user.stored_size = size;
    if (quirks.truncates_to_16) {
        stored.resize(ipmi::kPasswordSize16);
        user.stored_size = ipmi::kPasswordSize16;
    } else if (quirks.truncates_to_19) {
        stored.resize(19);
    } else if (quirks.keeps_old_tail) {
        const Bytes old = padded20(user.password);
        std::copy(old.begin() + ipmi::kPasswordSize16, old.end(), stored.begin() + ipmi::kPasswordSize16);
        const bool tail = without_padding(stored).size() > ipmi::kPasswordSize16;
        user.stored_size = tail ? ipmi::kPasswordSize20 : ipmi::kPasswordSize16;
    }
    user.password = without_padding(stored);
}

std::uint8_t Accounts::set_password(std::uint8_t user_id, std::uint8_t size, ByteView password, TimePoint now) {
    ++counters_.passwords_set;
    if (const auto refused = refusal(user_id, size, password, now)) return *refused;
    const Bytes given(password.begin(), password.end());
    write_secret(now, [this, user_id, size, given] {
        User& changed = config_.users[user_id];
        store_password(changed, size, given);
        if (config_.quirks.takes_rights_away) changed.privilege_limit = PrivilegeLevel::kUser;
    });
    History& history = histories_[user_id];
    history.last_change = now;
    history.passwords.push_front(without_padding(password));
    return config_.quirks.refuses_but_stores.value_or(kOk);
}

std::uint8_t Accounts::test_password(std::uint8_t user_id, std::uint8_t size, ByteView password) const {
    const User* found = user(user_id);
    if (found == nullptr) return code(CompletionCode::kPasswordTestFailed);
    if (size != found->stored_size) return code(CompletionCode::kPasswordTestWrongSize);
    return same_bytes(padded20(password), padded20(found->password)) ? kOk : code(CompletionCode::kPasswordTestFailed);
}

std::uint8_t Accounts::set_enabled(std::uint8_t user_id, bool enabled, TimePoint now) {
    if (!enabled && user_id == 1 && config_.quirks.slot_1_stays_enabled) return code(CompletionCode::kInvalidDataField);
    write(now, [&] { config_.users[user_id].enabled = enabled; });
    if (enabled) {  // the administrator's way out of a lock-out
        histories_[user_id].locked = false;
        histories_[user_id].failures = 0;
    }
    return kOk;
}

std::uint8_t Accounts::set_name(std::uint8_t user_id, std::string name, TimePoint now) {
    const User* found = user(user_id);
    if (found != nullptr && found->name_fixed) return code(CompletionCode::kInvalidDataField);
    const bool revived = name.empty() && config_.quirks.cleared_name_revives_default;
    const bool deleted = name.empty() && config_.quirks.cleared_name_deletes_user;
    write(now, [&] {
        if (deleted)
            config_.users.erase(user_id);
        else if (revived)
            config_.users[user_id] = factory_users_[user_id];
        else
            config_.users[user_id].name = std::move(name);
    });
    return kOk;
}

std::uint8_t Accounts::set_access(std::uint8_t user_id, const User& wanted, TimePoint now) {
    const bool no_access = wanted.privilege_limit == PrivilegeLevel::kNoAccess;
    if (config_.quirks.ignores_user_access) return kOk;
    if (no_access && config_.quirks.no_access_refused) return code(CompletionCode::kInvalidDataField);
    write(now, [&] {
        User& changed = config_.users[user_id];
        changed.privilege_limit = wanted.privilege_limit;
        changed.ipmi_messaging = wanted.ipmi_messaging;
        changed.link_authentication = wanted.link_authentication;
        changed.callback_only = wanted.callback_only;
    });
    return kOk;
}

std::uint8_t Accounts::set_k_g(ByteView key, TimePoint now) {
    ++counters_.k_gs_set;
    if (config_.quirks.k_g_refused) return code(CompletionCode::kInsufficientPrivilege);
    const Bytes given = without_padding(key);
    write_secret(now, [this, given] { config_.k_g = given.empty() ? Bytes() : padded20(given); });
    return kOk;
}

void Accounts::set_password_behind_our_back(std::uint8_t user_id, ByteView password) {
    User& changed = config_.users[user_id];
    changed.password = without_padding(password);
    changed.stored_size = static_cast<std::uint8_t>(
        changed.password.size() > ipmi::kPasswordSize16 ? ipmi::kPasswordSize20 : ipmi::kPasswordSize16);
    histories_[user_id].passwords.push_front(changed.password);
}

void Accounts::undo_last_write() {
    late_writes_.clear();
    if (!before_last_write_) return;
    config_.users = before_last_write_->users;
    config_.k_g = before_last_write_->k_g;
    before_last_write_.reset();
}

void Accounts::reset_to_factory() {
    late_writes_.clear();
    before_last_write_.reset();
    config_.users = factory_users_;
    config_.k_g.clear();
    auto& administrator = config_.users[config_.administrator_id];
    if (config_.quirks.factory_reset_gives_label_password)
        store_password(administrator, ipmi::kPasswordSize16, as_bytes("LABEL-7Q4M2"));
    if (config_.quirks.factory_reset_gives_published_password)
        store_password(administrator, ipmi::kPasswordSize16, as_bytes(administrator.name));
}

const User* Accounts::user(std::uint8_t user_id) const {
    const auto found = config_.users.find(user_id);
    return found == config_.users.end() ? nullptr : &found->second;
}

std::array<std::uint8_t, 4>& Accounts::payload_access(std::uint8_t user_id) {
    return payload_access_[user_id];
}

}  // namespace bmcvault::virtual_bmc
