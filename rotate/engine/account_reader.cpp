#include "rotate/engine/account_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <set>

namespace bmcvault::rotate {
namespace {

using ipmi::ChannelMedium;

constexpr std::uint8_t kLastChannel = 0x0b;  // §6.3: 1 to 0Bh are whatever the board has
constexpr int kAttempts = 4;
constexpr std::chrono::milliseconds kPatience{500};
constexpr std::uint8_t kUsualSlots = 16;  // where slot 1 does not say

bool has_sessions(ChannelMedium medium) {
    return medium == ChannelMedium::kLan8023 || medium == ChannelMedium::kSerial || medium == ChannelMedium::kOtherLan;
}

std::unexpected<Error> lost() {
    return fail(ErrorCode::kNoAnswer, "the session was lost while the accounts were read");
}

std::unexpected<Error> unreadable(UserId slot) {
    return fail(ErrorCode::kUnsupported, fmt::format("the BMC was too busy to show user slot {}", slot.value));
}

class Reader {
public:
    explicit Reader(BmcContact& contact) : contact_(contact) {}

    asio::awaitable<std::optional<bool>> shows_way_in(const AccountSlot& before) {
        AccountSlot now;
        now.id = before.id;
        sol_is_told_ = false;
        channels_ = before.channels;
        if (channels_.empty()) channels_.push_back({contact_.channel(), ChannelMedium::kLan8023});
        bool all_read = true;
        for (const auto& channel : channels_) {
            const auto access = co_await read_rights(now, channel);
            all_read = all_read && access.has_value();
        }
        const bool way_in = has_a_way_in(now);
        const bool told = all_read || way_in || now.enabled == false;  // a disabled user is so on every channel
        co_return told ? std::optional(way_in) : std::nullopt;
    }

    asio::awaitable<Result<AccountTable>> read() {
        co_await find_channels();
        co_await read_capabilities();
        std::uint8_t last = kUsualSlots;
        for (std::uint8_t id = 1; id <= last; ++id) {
            AccountSlot slot;
            slot.id = UserId{id};
            for (const auto& channel : channels_) {
                const auto access = co_await read_rights(slot, channel);
                if (access && access->max_user_ids > 0) last = std::min(access->max_user_ids, ipmi::kMaxUserId);
                listed_ = listed_ || access.has_value();
            }
            co_await read_name(slot);
            if (!contact_.has_kept_session()) co_return lost();
            if (unreadable_) co_return unreadable(slot.id);
            table_.slots.push_back(std::move(slot));
        }
        if (!listed_) co_return fail(ErrorCode::kUnsupported, "the BMC does not list its users");
        co_return std::move(table_);
    }

private:
    // Ours, and every other one that people can log in through.
    asio::awaitable<void> find_channels() {
        for (std::uint8_t number = 1; number <= kLastChannel && contact_.has_kept_session(); ++number) {
            const auto reply = co_await contact_.command(ipmi::get_channel_info(Channel{number}));
            if (!reply) co_return;
            const auto info = ipmi::parse_channel_info(*reply);
            if (info && has_sessions(info->medium)) channels_.push_back({Channel{number}, info->medium});
        }
        if (channels_.empty()) channels_.push_back({contact_.channel(), ChannelMedium::kLan8023});
    }

    asio::awaitable<void> read_capabilities() {
        if (!contact_.has_kept_session()) co_return;
        const auto request = ipmi::get_channel_authentication_capabilities(contact_.channel(),
                                                                           ipmi::PrivilegeLevel::kAdministrator, true);
        const auto reply = co_await contact_.command(request);
        if (!reply) co_return;
        const auto capabilities = ipmi::parse_channel_authentication_capabilities(*reply);
        if (capabilities) table_.anonymous_login = capabilities->anonymous_login;
    }

    asio::awaitable<std::optional<ipmi::UserAccess>> read_rights(AccountSlot& slot, const ChannelRights& channel) {
        if (!contact_.has_kept_session()) co_return std::nullopt;
        const auto request = ipmi::get_user_access(channel.channel, slot.id);
        const auto reply = co_await ask_patiently(request);
        if (!reply) co_return std::nullopt;
        const auto access = ipmi::parse_user_access(*reply);
        if (!access) co_return std::nullopt;
        ChannelRights rights = channel;
        rights.privilege_limit = access->privilege_limit;
        rights.ipmi_messaging = access->ipmi_messaging;
        rights.link_authentication = access->link_authentication;
        rights.callback_only = access->callback_only;
        if (access->enabled != ipmi::UserAccess::Enabled::kUnspecified) {
            slot.enabled = access->enabled == ipmi::UserAccess::Enabled::kEnabled;
        }
        slot.fixed_name = slot.id.value <= access->fixed_names;
        if (channel.medium != ChannelMedium::kSerial) rights.sol = co_await read_sol(channel.channel, slot.id);
        slot.channels.push_back(rights);
        co_return *access;
    }

    asio::awaitable<std::optional<bool>> read_sol(Channel channel, UserId user) {
        if (!sol_is_told_ || !contact_.has_kept_session()) co_return std::nullopt;
        const auto reply = co_await contact_.command(ipmi::get_user_payload_access(channel, user));
        if (!reply) co_return std::nullopt;
        const auto allowed = ipmi::parse_sol_payload_access(*reply);
        const auto unknown = static_cast<std::uint8_t>(ipmi::CompletionCode::kInvalidCommand);
        sol_is_told_ = reply->completion_code != unknown;
        co_return allowed ? std::optional(*allowed) : std::nullopt;
    }

    asio::awaitable<void> read_name(AccountSlot& slot) {
        if (!contact_.has_kept_session()) co_return;
        const auto request = ipmi::get_user_name(slot.id);
        const auto reply = co_await ask_patiently(request);
        if (!reply) co_return;
        auto name = ipmi::parse_user_name(*reply);
        if (name) slot.name = std::move(*name);
    }

    // A slot that was not shown is not an empty one: whoever takes it for free overwrites a stranger.
    asio::awaitable<std::optional<ipmi::Response>> ask_patiently(const ipmi::Request& request) {
        for (int attempt = 0; attempt < kAttempts && contact_.has_kept_session(); ++attempt) {
            if (attempt > 0) co_await contact_.wait(kPatience);
            auto reply = co_await contact_.command(request);
            if (!reply) co_return std::nullopt;
            if (!ipmi::says_nothing(reply->completion_code)) co_return std::move(*reply);
        }
        unreadable_ = true;
        co_return std::nullopt;
    }

    BmcContact& contact_;
    std::vector<ChannelRights> channels_;  // number and medium
    AccountTable table_;
    bool listed_ = false;
    bool unreadable_ = false;
    bool sol_is_told_ = true;
};

}  // namespace

asio::awaitable<Result<AccountTable>> read_accounts(BmcContact& contact) {
    Reader reader(contact);
    co_return co_await reader.read();
}

asio::awaitable<std::optional<bool>> shows_way_in(BmcContact& contact, const AccountSlot& before) {
    Reader reader(contact);
    co_return co_await reader.shows_way_in(before);
}

asio::awaitable<AccountAnswer> ask_account(BmcContact& contact, AccountSlot& slot, const AccountPasswords& known) {
    const auto name = slot.name.value_or("");
    const auto answer = co_await contact.ask_as(name, known.candidates());
    slot.asked = answer.answer;
    slot.opened_by.reset();
    if (answer.candidate) slot.opened_by = known.meaning(*answer.candidate, slot.id);
    co_return answer;
}

asio::awaitable<void> ask_accounts(BmcContact& contact, AccountTable& table, const AccountPasswords& known,
                                   const OwnAccount& own, const std::function<bool(const AccountSlot&)>& wanted) {
    std::set<std::string> asked{own.name};
    for (auto& slot : table.slots) {
        const bool nothing_to_ask = is_empty(slot) && !highest_privilege(slot);
        if (slot.id == own.id || nothing_to_ask || !wanted(slot)) continue;
        if (!asked.insert(slot.name.value_or("")).second) continue;
        (void)co_await ask_account(contact, slot, known);
    }
}

}  // namespace bmcvault::rotate
