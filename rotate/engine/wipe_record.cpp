#include "rotate/engine/wipe_record.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "rotate/engine/learned_facts.hpp"

namespace bmcvault::rotate {
namespace {

using json = nlohmann::json;

constexpr std::string_view kWipeFact = "wipe";

json to_json(const WipeItem& item) {
    json value{{"name", item.name},
               {"action", item.action},
               {"result", static_cast<int>(item.result)},
               {"detail", item.detail}};
    if (item.completion_code) value["code"] = *item.completion_code;
    return value;
}

template <class Enum>
Enum enum_from(const json& value, Enum last) {
    const auto number = value.get<std::uint8_t>();
    if (number > static_cast<std::uint8_t>(last)) throw std::out_of_range("enumerator");
    return static_cast<Enum>(number);
}

WipeItem item_from(const json& value) {
    WipeItem item;
    item.name = value.at("name").get<std::string>();
    item.action = value.at("action").get<std::string>();
    item.result = enum_from(value.at("result"), ItemResult::kNoReply);
    item.detail = value.at("detail").get<std::string>();
    if (value.contains("code")) item.completion_code = value.at("code").get<std::uint8_t>();
    return item;
}

NameAsked asked_from(const json& value) {
    return {value.at("name").get<std::string>(), enum_from(value.at("verdict"), NameAsked::Verdict::kNotProved),
            value.at("opened_by").get<std::string>()};
}

}  // namespace

std::string_view word(NameAsked::Verdict verdict) {
    switch (verdict) {
        case NameAsked::Verdict::kRefused:
            return "refused";
        case NameAsked::Verdict::kNothingOpens:
            return "nothing-known-opens-it";
        case NameAsked::Verdict::kOnlyLast:
            return "only-the-last-random-password";
        case NameAsked::Verdict::kOpen:
            return "open";
        case NameAsked::Verdict::kNotProved:
            return "not-proved";
    }
    return {};
}

void WipeRecord::put(const WipeItem& item) {
    const auto found = std::ranges::find(items, item.name, &WipeItem::name);
    if (found == items.end())
        items.push_back(item);
    else
        *found = merged(*found, item);
}

bool WipeRecord::has(std::string_view item) const {
    return std::ranges::find(items, item, &WipeItem::name) != items.end();
}

bool WipeRecord::is_over() const {
    return result == WipeResult::kProved || result == WipeResult::kStillOpen || result == WipeResult::kUnproved;
}

void WipeRecord::begin_anew(UnixTime at) {
    WipeRecord fresh;
    fresh.begun_at = at;
    fresh.result = WipeResult::kUnfinished;
    fresh.reason = std::move(reason);
    fresh.ticket = std::move(ticket);
    fresh.actor = std::move(actor);
    *this = std::move(fresh);
}

bool WipeRecord::is_complete() const {
    const auto fine = [](const WipeItem& item) { return is_fine(item.result); };
    const auto closed = [](const NameAsked& name) { return name.verdict < NameAsked::Verdict::kOnlyLast; };
    return result == WipeResult::kProved && std::ranges::all_of(items, fine) && std::ranges::all_of(asked, closed);
}

std::string to_json_text(const WipeRecord& record) {
    json items = json::array();
    for (const auto& item : record.items) items.push_back(to_json(item));
    json asked = json::array();
    for (const auto& name : record.asked)
        asked.push_back(
            {{"name", name.name}, {"verdict", static_cast<int>(name.verdict)}, {"opened_by", name.opened_by}});
    return json{{"begun_at", record.begun_at.value},
                {"ended_at", record.ended_at.value},
                {"own_is_closing", record.own_is_closing},
                {"names", record.names},
                {"items", items},
                {"asked", asked},
                {"result", static_cast<int>(record.result)},
                {"why", record.why},
                {"serial", record.serial},
                {"reason", record.reason},
                {"ticket", record.ticket},
                {"actor", record.actor}}
        .dump(-1, ' ', true, json::error_handler_t::replace);
}

Result<WipeRecord> wipe_record_from(std::string_view json_text) {
    try {
        const auto value = json::parse(json_text);
        WipeRecord record;
        record.begun_at = {value.at("begun_at").get<std::int64_t>()};
        record.ended_at = {value.at("ended_at").get<std::int64_t>()};
        record.own_is_closing = value.at("own_is_closing").get<bool>();
        record.names = value.at("names").get<std::vector<std::string>>();
        for (const auto& item : value.at("items")) record.items.push_back(item_from(item));
        for (const auto& name : value.at("asked")) record.asked.push_back(asked_from(name));
        record.result = enum_from(value.at("result"), WipeResult::kVaultNotWritten);
        record.why = value.at("why").get<std::string>();
        record.serial = value.at("serial").get<std::string>();
        record.reason = value.at("reason").get<std::string>();
        record.ticket = value.at("ticket").get<std::string>();
        record.actor = value.at("actor").get<std::string>();
        return record;
    } catch (const std::exception&) {
        return fail(ErrorCode::kDamaged, "a de-provisioning record in the vault can't be read");
    }
}

Result<std::optional<WipeRecord>> read_wipe_record(const vault::Store& store, const vault::Bmc& bmc) {
    const auto facts = store.facts(facts_key(bmc));
    if (!facts) return std::unexpected(facts.error());
    const auto found = facts->find(kWipeFact);
    if (found == facts->end()) return std::nullopt;
    auto record = wipe_record_from(found->second);
    if (!record) return std::unexpected(record.error());
    return std::move(*record);
}

Result<bool> was_opened_since(const vault::Store& store, const vault::Bmc& bmc, const WipeRecord& record) {
    const auto versions = store.versions(bmc.id);
    if (!versions) return std::unexpected(versions.error());
    return std::ranges::any_of(*versions, [&](const vault::CredentialVersion& version) {
        return version.proved_at && *version.proved_at > record.ended_at;
    });
}

Result<void> record_wipe(vault::Transaction& transaction, const vault::Bmc& bmc, const WipeRecord& record) {
    return transaction.learn(facts_key(bmc), std::string(kWipeFact), to_json_text(record));
}

}  // namespace bmcvault::rotate
