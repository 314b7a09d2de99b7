// Sessions, time and misfortune of one virtual BMC.
#include "ipmi/virtual_bmc/machine.hpp"

#include <algorithm>
#include <string>

namespace bmcvault::virtual_bmc {

namespace {

constexpr std::chrono::seconds kDarkAfterReboot{5};
constexpr std::chrono::seconds kFactoryResetBegins{3};
constexpr std::chrono::seconds kFactoryResetTakes{20};
constexpr std::uint32_t kWindow = 16;

// Another enabled slot with the administrator's name, so that the name alone does not tell the user ID.
void add_duplicate_name(Config& config) {
    const auto original = config.users.find(config.administrator_id);
    if (original == config.users.end()) return;
    for (std::uint8_t id = config.max_users; id > config.administrator_id; --id) {
        const auto occupied = config.users.find(id);
        if (occupied != config.users.end() && !occupied->second.name.empty()) continue;
        User twin = original->second;
        const ByteView other_password = as_bytes("SomebodyElse");
        twin.password.assign(other_password.begin(), other_password.end());
        twin.stored_size = ipmi::kPasswordSize16;
        twin.name_fixed = false;
        config.users[id] = twin;
        return;
    }
}

User enabled_user(std::string name, std::string_view password, ipmi::PrivilegeLevel limit) {
    User user;
    user.name = std::move(name);
    const ByteView bytes = as_bytes(password);
    user.password.assign(bytes.begin(), bytes.end());
    user.stored_size = ipmi::kPasswordSize16;
    user.enabled = true;
    user.privilege_limit = limit;
    return user;
}

void add_to_free_slot(Config& config, const User& user) {
    for (std::uint8_t id = 2; id <= config.max_users; ++id) {
        const auto occupied = config.users.find(id);
        if (id == config.administrator_id || (occupied != config.users.end() && !occupied->second.name.empty()))
            continue;
        config.users[id] = user;
        return;
    }
}

void add_accounts(Config& config) {
    using ipmi::PrivilegeLevel;
    const Quirks& quirks = config.quirks;
    if (quirks.anonymous_account) {
        config.users[1] = enabled_user("", "", PrivilegeLevel::kAdministrator);
        config.users[1].name_fixed = true;
    }
    if (quirks.default_account) {
        add_to_free_slot(config, enabled_user("root", "root", PrivilegeLevel::kAdministrator));
    }
    if (quirks.name_with_spaces) {
        add_to_free_slot(config, enabled_user("night shift", "NightShift-2019", PrivilegeLevel::kOperator));
    }
    if (quirks.duplicate_name) add_duplicate_name(config);
    if (!quirks.user_slots_full) return;
    for (std::uint8_t id = 2; id <= config.max_users; ++id) {
        User user = enabled_user("user" + std::to_string(id), "Somebody-" + std::to_string(id), PrivilegeLevel::kUser);
        config.users.try_emplace(id, std::move(user));
    }
}

Config with_quirks(Config config) {
    add_accounts(config);
    return config;
}

}  // namespace

bool SequenceWindow::accept(std::uint32_t sequence) {
    if (sequence == 0) return false;
    const std::uint32_t ahead = sequence - highest_;
    if (ahead != 0 && ahead <= kWindow) {
        seen_ = seen_ << ahead | 1U;
        highest_ = sequence;
        return true;
    }
    const std::uint32_t behind = highest_ - sequence;
    if (behind >= kWindow || (seen_ >> behind & 1U) != 0) return false;
    seen_ |= 1U << behind;
    return true;
}

Machine::Machine(Config wanted)
    : config(with_quirks(std::move(wanted))),
      accounts(config, counters),
      lan(config),
      settings(config),
      event_log(config),
      random(config.seed) {}

void Machine::settle(TimePoint at) {
    now = std::max(now, at);
    accounts.settle(now);
    if (factory_reset_at && *factory_reset_at <= now) reset_to_factory();
    if (dark_until && *dark_until <= now) dark_until.reset();
    for (auto session = sessions.begin(); session != sessions.end();) {
        const bool active = session->stage == Session::Stage::kActive;
        const milliseconds patience = active ? config.inactivity_timeout : config.half_open_timeout;
        if (now - session->last_used < patience) {
            ++session;
            continue;
        }
        const bool abandoned = session->stage == Session::Stage::kRakp2Sent && session->user_id != 0;
        if (abandoned && config.quirks.counts_abandoned_handshakes) accounts.login_failed(session->user_id, now);
        session = sessions.erase(session);
    }
}

void Machine::reboot() {
    sessions.clear();
    dark_until = now + kDarkAfterReboot;
    lan.volatile_access = lan.non_volatile_access;
    if (config.quirks.reboot_loses_last_write) accounts.undo_last_write();
}

void Machine::begin_factory_reset() {
    if (!config.quirks.factory_reset_does_nothing) factory_reset_at = now + kFactoryResetBegins;
}

void Machine::reset_to_factory() {
    sessions.clear();
    dark_until = *factory_reset_at + kFactoryResetTakes;
    factory_reset_at.reset();
    accounts.reset_to_factory();
}

void Machine::swap_board() {
    sessions.clear();
    for (std::uint8_t& byte : config.guid) byte = static_cast<std::uint8_t>(byte ^ 0x5a);
    for (std::size_t i = 3; i < config.mac.size(); ++i) config.mac[i] = static_cast<std::uint8_t>(config.mac[i] ^ 0x5a);
    lan.board_swapped();
}

Bytes Machine::random_bytes(std::size_t size) {
    Bytes out(size);
    for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(random());
    return out;
}

std::uint32_t Machine::fresh_session_id() {
    for (;;) {
        const auto id = static_cast<std::uint32_t>(random());
        if (id != 0 && find_session(id) == nullptr) return id;
    }
}

Session* Machine::find_session(std::uint32_t bmc_id) {
    const auto found = std::ranges::find_if(sessions, [&](const Session& each) { return each.bmc_id == bmc_id; });
    return found == sessions.end() ? nullptr : &*found;
}

void Machine::drop_session(std::uint32_t bmc_id) {
    sessions.remove_if([&](const Session& each) { return each.bmc_id == bmc_id; });
}

int Machine::active_sessions() const {
    return static_cast<int>(std::count_if(sessions.begin(), sessions.end(),
                                          [](const Session& each) { return each.stage == Session::Stage::kActive; }));
}

}  // namespace bmcvault::virtual_bmc
