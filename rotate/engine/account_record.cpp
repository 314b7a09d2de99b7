#include "rotate/engine/account_record.hpp"

#include <nlohmann/json.hpp>

#include "rotate/engine/learned_facts.hpp"

namespace bmcvault::rotate {
namespace {

using nlohmann::json;

constexpr std::string_view kSeenFact = "accounts-seen";
constexpr std::string_view kAcceptedFact = "accounts-accepted";

template <class T>
json optional_json(const std::optional<T>& value) {
    return value ? json(*value) : json();
}

// Names are whatever bytes the BMC has: hexadecimal.
json name_json(const std::optional<std::string>& name) {
    return name ? json(to_hex(as_bytes(*name))) : json();
}

std::optional<std::string> name_from(const json& value) {
    if (value.is_null()) return std::nullopt;
    const auto bytes = from_hex(value.get<std::string>());
    if (!bytes) throw std::invalid_argument("a name");
    return std::string(bytes->begin(), bytes->end());
}

json to_json(const ChannelRights& rights) {
    return {{"channel", rights.channel.value},
            {"medium", static_cast<int>(rights.medium)},
            {"limit", static_cast<int>(rights.privilege_limit)},
            {"messaging", rights.ipmi_messaging},
            {"link", rights.link_authentication},
            {"callback", rights.callback_only},
            {"sol", optional_json(rights.sol)}};
}

ChannelRights rights_from(const json& value) {
    ChannelRights rights;
    rights.channel = Channel{value.at("channel").get<std::uint8_t>()};
    rights.medium = static_cast<ipmi::ChannelMedium>(value.at("medium").get<std::uint8_t>());
    rights.privilege_limit = static_cast<ipmi::PrivilegeLevel>(value.at("limit").get<std::uint8_t>());
    rights.ipmi_messaging = value.at("messaging").get<bool>();
    rights.link_authentication = value.at("link").get<bool>();
    rights.callback_only = value.at("callback").get<bool>();
    if (!value.at("sol").is_null()) rights.sol = value.at("sol").get<bool>();
    return rights;
}

json to_json(const AccountSlot& slot) {
    json channels = json::array();
    for (const auto& rights : slot.channels) channels.push_back(to_json(rights));
    json out{{"id", slot.id.value},
             {"name", name_json(slot.name)},
             {"enabled", optional_json(slot.enabled)},
             {"fixed", slot.fixed_name},
             {"channels", channels}};
    if (slot.asked) out["asked"] = static_cast<int>(*slot.asked);
    if (slot.opened_by) {
        out["opened"] = {{"source", static_cast<int>(slot.opened_by->source)}, {"label", slot.opened_by->label}};
    }
    return out;
}

AccountSlot slot_from(const json& value) {
    AccountSlot slot;
    slot.id = UserId{value.at("id").get<std::uint8_t>()};
    slot.name = name_from(value.at("name"));
    if (!value.at("enabled").is_null()) slot.enabled = value.at("enabled").get<bool>();
    slot.fixed_name = value.at("fixed").get<bool>();
    for (const auto& rights : value.at("channels")) slot.channels.push_back(rights_from(rights));
    if (value.contains("asked")) slot.asked = static_cast<Answer>(value.at("asked").get<std::uint8_t>());
    if (value.contains("opened")) {
        const auto& opened = value.at("opened");
        slot.opened_by = OpenedBy{static_cast<OpenedBy::Source>(opened.at("source").get<std::uint8_t>()),
                                  opened.at("label").get<std::string>()};
    }
    return slot;
}

Result<std::optional<AccountTable>> table_in(const vault::Store::Facts& facts, std::string_view fact) {
    const auto found = facts.find(fact);
    if (found == facts.end()) return std::nullopt;
    auto table = account_table_from(found->second);
    if (!table) return std::unexpected(table.error());
    return std::move(*table);
}

}  // namespace

std::string to_json_text(const AccountTable& table) {
    json slots = json::array();
    for (const auto& slot : table.slots) slots.push_back(to_json(slot));
    return json{{"anonymous", table.anonymous_login}, {"suite_0", optional_json(table.suite_0_open)}, {"slots", slots}}
        .dump(-1, ' ', true, json::error_handler_t::replace);
}

Result<AccountTable> account_table_from(std::string_view json_text) {
    try {
        const auto value = json::parse(json_text);
        AccountTable table;
        table.anonymous_login = value.at("anonymous").get<bool>();
        if (!value.at("suite_0").is_null()) table.suite_0_open = value.at("suite_0").get<bool>();
        for (const auto& slot : value.at("slots")) table.slots.push_back(slot_from(slot));
        return table;
    } catch (const std::exception&) {
        return fail(ErrorCode::kDamaged, "an account table in the vault can't be read");
    }
}

Result<AccountRecords> read_account_records(const vault::Store& store, const vault::Bmc& bmc) {
    const auto facts = store.facts(facts_key(bmc));
    if (!facts) return std::unexpected(facts.error());
    auto seen = table_in(*facts, kSeenFact);
    if (!seen) return std::unexpected(seen.error());
    auto accepted = table_in(*facts, kAcceptedFact);
    if (!accepted) return std::unexpected(accepted.error());
    return AccountRecords{std::move(*seen), std::move(*accepted)};
}

Result<void> record_seen(vault::Transaction& transaction, const vault::Bmc& bmc, const AccountTable& table) {
    return transaction.learn(facts_key(bmc), std::string(kSeenFact), to_json_text(table));
}

Result<void> record_accepted(vault::Transaction& transaction, const vault::Bmc& bmc, const AccountTable& table) {
    return transaction.learn(facts_key(bmc), std::string(kAcceptedFact), to_json_text(table));
}

}  // namespace bmcvault::rotate
