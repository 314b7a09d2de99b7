#include "cli/accounts_report.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

namespace bmcvault::cli {
namespace {

using ipmi::PrivilegeLevel;
using rotate::AccountSlot;
using rotate::AccountTable;
using rotate::ChannelRights;
using rotate::Finding;
using Json = nlohmann::ordered_json;

constexpr std::string_view kIndent = "    ";

std::string_view word(PrivilegeLevel level) {
    switch (level) {
        case PrivilegeLevel::kCallback:
            return "callback";
        case PrivilegeLevel::kUser:
            return "user";
        case PrivilegeLevel::kOperator:
            return "operator";
        case PrivilegeLevel::kAdministrator:
            return "administrator";
        case PrivilegeLevel::kOem:
            return "oem";
        case PrivilegeLevel::kNoAccess:
            return "no-access";
        case PrivilegeLevel::kHighestMatching:
            break;
    }
    return "reserved";
}

std::string_view word(ipmi::ChannelMedium medium) {
    return medium == ipmi::ChannelMedium::kSerial ? "serial" : "lan";
}

std::string name_cell(const AccountSlot& slot) {
    if (!slot.name) return "(not told)";
    const auto name = slot.name->empty() ? std::string("(null name)") : printable(*slot.name);
    return slot.fixed_name ? name + " (fixed)" : name;
}

std::string_view enabled_cell(const AccountSlot& slot) {
    if (!slot.enabled) return "not told";
    return *slot.enabled ? "yes" : "no";
}

// "administrator on 1, no-access on 2"; what is unusual in brackets: "administrator on 1 (no messages)".
std::string rights_cell(const AccountSlot& slot) {
    std::vector<std::string> parts;
    for (const auto& rights : slot.channels) {
        auto part = fmt::format("{} on {}", word(rights.privilege_limit), rights.channel.value);
        const bool limited = rights.privilege_limit != PrivilegeLevel::kNoAccess;
        if (limited && !rights.ipmi_messaging) part += " (no messages)";
        if (rights.callback_only) part += " (callback only)";
        if (rights.link_authentication) part += " (link authentication)";
        parts.push_back(std::move(part));
    }
    return parts.empty() ? "not told" : fmt::format("{}", fmt::join(parts, ", "));
}

std::string_view sol_cell(const AccountSlot& slot) {
    const auto allows = [](const ChannelRights& rights) { return rights.sol == true; };
    const auto tells = [](const ChannelRights& rights) { return rights.sol.has_value(); };
    if (std::ranges::any_of(slot.channels, allows)) return "yes";
    return std::ranges::any_of(slot.channels, tells) ? "no" : "-";
}

Cell password_cell(const AccountSlot& slot) {
    using Source = rotate::OpenedBy::Source;
    if (!slot.asked) return {"not asked", Tone::kDim};
    if (slot.asked == rotate::Answer::kUnknownUserOrLocked) return {"refused", Tone::kPlain};
    if (slot.asked == rotate::Answer::kNoCandidateMatches) return {"none that we know", Tone::kPlain};
    if (!slot.opened_by) return {std::string(word(*slot.asked)), Tone::kPlain};
    return {printable(slot.opened_by->label), slot.opened_by->source == Source::kOurs ? Tone::kPlain : Tone::kBad};
}

bool is_shown(const AccountSlot& slot) {
    return !rotate::is_empty(slot) || slot.asked.has_value();
}

std::string indented(std::string_view lines) {
    std::string out;
    while (!lines.empty()) {
        const auto end = std::min(lines.find('\n'), lines.size() - 1) + 1;
        out += kIndent;
        out += lines.substr(0, end);
        lines.remove_prefix(end);
    }
    return out;
}

Json json_of(const ChannelRights& rights) {
    return {{"channel", rights.channel.value},
            {"medium", word(rights.medium)},
            {"privilege", word(rights.privilege_limit)},
            {"ipmi_messaging", rights.ipmi_messaging},
            {"link_authentication", rights.link_authentication},
            {"callback_only", rights.callback_only},
            {"sol", rights.sol ? Json(*rights.sol) : Json()}};
}

Json json_of(const std::string& bmc_name, const AccountSlot& slot) {
    Json channels = Json::array();
    for (const auto& rights : slot.channels) channels.push_back(json_of(rights));
    return {{"type", "account"},
            {"bmc", bmc_name},
            {"user_id", slot.id.value},
            {"name", slot.name ? Json(printable(*slot.name)) : Json()},
            {"enabled", slot.enabled ? Json(*slot.enabled) : Json()},
            {"fixed_name", slot.fixed_name},
            {"channels", channels},
            {"asked", slot.asked ? Json(rotate::word(*slot.asked)) : Json()},
            {"opens_with", slot.opened_by ? Json(slot.opened_by->label) : Json()}};
}

std::string line(const Json& object) {
    return object.dump(-1, ' ', true, Json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string account_table(const AccountTable& accounts, const Style& style) {
    std::vector<std::vector<Cell>> rows;
    for (const auto& slot : accounts.slots) {
        if (!is_shown(slot)) continue;
        rows.push_back({{fmt::format("{}", slot.id.value)},
                        {name_cell(slot)},
                        {std::string(enabled_cell(slot))},
                        {rights_cell(slot)},
                        {std::string(sol_cell(slot))},
                        password_cell(slot)});
    }
    const auto empty = accounts.slots.size() - rows.size();
    auto out = indented(table({"SLOT", "NAME", "ENABLED", "PRIVILEGE", "SOL", "PASSWORD"}, rows, style));
    if (empty > 0) out += fmt::format("{}and {}\n", kIndent, counted(empty, "empty slot"));
    return out;
}

std::string finding_lines(std::span<const Finding> findings, const Style& style) {
    std::string out;
    for (const auto& finding : findings) {
        const auto tone = rotate::needs_attention(finding.kind) ? Tone::kBad : Tone::kDim;
        const auto where = finding.slot ? fmt::format("slot {}: ", finding.slot->value) : std::string();
        const auto kind = fmt::format("{:21}", rotate::word(finding.kind));
        out += fmt::format("{}{}  {}{}\n", kIndent, style.paint(tone, kind), where, printable(finding.detail));
    }
    return out;
}

std::string json_accounts(const std::string& bmc_name, const AccountTable& accounts) {
    std::string out;
    for (const auto& slot : accounts.slots) {
        if (is_shown(slot)) out += line(json_of(bmc_name, slot));
    }
    return out;
}

std::string json_findings(const std::string& bmc_name, std::span<const Finding> findings) {
    std::string out;
    for (const auto& finding : findings) {
        out += line({{"type", "finding"},
                     {"bmc", bmc_name},
                     {"user_id", finding.slot ? Json(finding.slot->value) : Json()},
                     {"finding", rotate::word(finding.kind)},
                     {"detail", finding.detail},
                     {"attention", rotate::needs_attention(finding.kind)},
                     {"next", rotate::next_step(finding.kind)}});
    }
    return out;
}

}  // namespace bmcvault::cli
