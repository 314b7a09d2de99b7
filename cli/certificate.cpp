#include "cli/certificate.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "cli/html.hpp"
#include "cli/text.hpp"

namespace bmcvault::cli {
namespace {

using Json = nlohmann::ordered_json;
using rotate::NameAsked;
using rotate::WipeItem;
using rotate::WipeResult;

constexpr std::string_view kClaim =
    "Logical removal of credentials over IPMI. By itself this is not Clear, not Purge and not Destroy in the sense of "
    "NIST SP 800-88.";
constexpr std::array<std::string_view, 3> kOutOfReach{
    "Secrets that IPMI does not reach: web, SSH, LDAP and SNMPv3 passwords, certificates, Redfish accounts outside the "
    "user slots, the BMC's own logs, backup partitions of its firmware.",
    "Flash memory keeps old pages: whoever takes the chip out may read what was overwritten.",
    "The last passwords were sent in sessions keyed with the earlier ones: whoever knew those and recorded the traffic "
    "knows them. They open nothing any more where this certificate says so."};

std::string result_meaning(std::string_view result) {
    if (result == "wiped")
        return "Every user and key was overwritten and removed, every setting was read back blank, and no credential "
               "that was ever known for this BMC, nor a published default, opens an account.";
    if (result == "wiped-except")
        return "No credential that was ever known for this BMC, nor a published default, opens an account. Some items "
               "could not be erased, or it could not be seen that they were: they are listed below.";
    if (result == "still-open")
        return "NOT WIPED. Something that a person may know still opens an account. Destroy the board.";
    if (result == "not-proved")
        return "NOT PROVED. What the BMC answers does not show that it is closed. Destroy the board where it matters.";
    if (result == "unfinished")
        return "NOT FINISHED. The same command goes on; if the BMC does not come back: destroy the board.";
    return "NOT DONE. Nothing was changed on this BMC. If it does not answer any more: destroy the board.";
}

// What a factory reset changes in that.
std::string_view meaning_of_reset(const Certificate& certificate, std::string_view result) {
    const auto& record = certificate.record;
    if (!record) return "";
    const auto item = std::ranges::find(record->items, rotate::kFactoryResetItem, &WipeItem::name);
    if (item == record->items.end() || item->result != rotate::ItemResult::kErased) return "";
    return result == "still-open"
               ? " The vendor's factory reset was done after the wipe: where only the factory account is open, that is "
                 "what the reset leaves behind, and a board that is to be used again needs no destruction."
               : " The vendor's factory reset was done after that: accounts and settings are the factory's now.";
}

std::string meaning_of(const Certificate& certificate) {
    const auto result = result_of(certificate);
    return result_meaning(result).append(meaning_of_reset(certificate, result));
}

std::string code_text(const WipeItem& item) {
    return item.completion_code ? fmt::format("{:02X}h", *item.completion_code) : "";
}

std::string mac_text(const vault::Bmc& bmc) {
    return bmc.pin.mac ? fmt::format("{:02x}", fmt::join(*bmc.pin.mac, ":")) : "";
}

std::string guid_text(const vault::Bmc& bmc) {
    return bmc.pin.guid ? fmt::format("{:02x}", fmt::join(*bmc.pin.guid, "")) : "";
}

std::vector<std::string> exceptions(const Certificate& certificate) {
    std::vector<std::string> all;
    if (!certificate.record) return all;
    for (const auto& item : certificate.record->items)
        if (!rotate::is_fine(item.result))
            all.push_back(
                fmt::format("{}: {}{}", item.name, word(item.result), item.detail.empty() ? "" : ", " + item.detail));
    for (const auto& name : certificate.record->asked) {
        const auto shown = name.name.empty() ? std::string("the null name") : fmt::format("'{}'", name.name);
        if (name.verdict == NameAsked::Verdict::kOpen)
            all.push_back(fmt::format("{} is open: {}", shown, name.opened_by));
        if (name.verdict == NameAsked::Verdict::kOnlyLast)
            all.push_back(
                fmt::format("{} still answers: only the last random password opens it, which was shown to "
                            "nobody and goes with the vault's record",
                            shown));
        if (name.verdict == NameAsked::Verdict::kNotProved)
            all.push_back(fmt::format("{} could not be asked: {}", shown, name.opened_by));
    }
    return all;
}

Json optional_time(UnixTime at) {
    return at.value == 0 ? Json(nullptr) : Json(iso_time(at));
}

Json json_of(const Certificate& certificate) {
    const auto& bmc = certificate.bmc;
    const auto result = result_of(certificate);
    Json object{{"type", "certificate"},
                {"claim", kClaim},
                {"result", result},
                {"meaning", meaning_of(certificate)},
                {"outcome", certificate.outcome},
                {"detail", certificate.detail},
                {"bmc", bmc.name},
                {"address", bmc.address},
                {"manufacturer_id", bmc.pin.manufacturer ? Json(*bmc.pin.manufacturer) : Json(nullptr)},
                {"product_id", bmc.pin.product ? Json(*bmc.pin.product) : Json(nullptr)},
                {"firmware", bmc.firmware},
                {"guid", guid_text(bmc)},
                {"uuid", to_hex(bmc.id.uuid)},
                {"mac", mac_text(bmc)},
                {"vault_id", certificate.vault_id},
                {"tool", certificate.tool},
                {"written_at", iso_time(certificate.at)}};
    const auto record = certificate.record.value_or(rotate::WipeRecord{});
    object["serial"] = record.serial;
    object["operator"] = record.actor;
    object["reason"] = record.reason;
    object["ticket"] = record.ticket;
    object["begun_at"] = optional_time(record.begun_at);
    object["ended_at"] = optional_time(record.ended_at);
    object["items"] = Json::array();
    for (const auto& item : record.items)
        object["items"].push_back({{"name", item.name},
                                   {"action", item.action},
                                   {"completion_code", code_text(item)},
                                   {"result", word(item.result)},
                                   {"detail", item.detail}});
    object["accounts_asked"] = Json::array();
    for (const auto& name : record.asked)
        object["accounts_asked"].push_back(
            {{"name", name.name}, {"verdict", word(name.verdict)}, {"opened_by", name.opened_by}});
    object["exceptions"] = exceptions(certificate);
    object["out_of_reach"] = kOutOfReach;
    return object;
}

std::string page(std::string_view title, std::string_view body) {
    return fmt::format(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{}</title>\n<style>\n"
        "body{{font:15px/1.45 sans-serif;max-width:56em;margin:2em auto;padding:0 1em;color:#111}}\n"
        "h1{{font-size:1.5em;margin-bottom:.2em}} h2{{font-size:1.1em;margin-top:1.6em}}\n"
        ".result{{border:2px solid;padding:.6em 1em;margin:1em 0}} .good{{border-color:#1a6b2f}} "
        ".bad{{border-color:#a11}}\n"
        "table{{border-collapse:collapse;width:100%}} th,td{{text-align:left;vertical-align:top;padding:.25em .8em "
        ".25em "
        "0;border-bottom:1px solid #ddd}}\ntd{{overflow-wrap:anywhere}} .no{{color:#a11;font-weight:bold}}\n"
        "@media print{{body{{margin:0;max-width:none;font-size:11px}} tr{{break-inside:avoid}} "
        "h2{{break-after:avoid}}}}\n</style></head><body>\n{}</body></html>\n",
        escaped_html(title), body);
}

std::string facts_table(const Certificate& certificate) {
    const auto& bmc = certificate.bmc;
    const auto record = certificate.record.value_or(rotate::WipeRecord{});
    const auto time = [](UnixTime at) { return at.value == 0 ? std::string("-") : iso_time(at); };
    const std::vector<std::pair<std::string_view, std::string>> facts{
        {"Address", bmc.address},
        {"Manufacturer, product",
         bmc.pin.manufacturer ? fmt::format("{}, {}", *bmc.pin.manufacturer, bmc.pin.product.value_or(0)) : ""},
        {"Firmware", bmc.firmware},
        {"GUID", guid_text(bmc)},
        {"MAC", mac_text(bmc)},
        {"Serial number", record.serial},
        {"Operator", record.actor},
        {"Ticket", record.ticket},
        {"Reason", record.reason},
        {"Begun", time(record.begun_at)},
        {"Ended", time(record.ended_at)},
        {"Written by", fmt::format("{}, vault {}, {}", certificate.tool, certificate.vault_id, time(certificate.at))}};
    std::string rows = "<table>\n";
    for (const auto& [name, value] : facts)
        rows +=
            fmt::format("<tr><th>{}</th><td>{}</td></tr>\n", name, value.empty() ? "not known" : escaped_html(value));
    return rows + "</table>\n";
}

std::string items_table(const rotate::WipeRecord& record) {
    std::string rows =
        "<h2>What was erased</h2>\n<table><tr><th>item</th><th>action</th><th>code</th><th>result</th></tr>\n";
    for (const auto& item : record.items) {
        const auto detail = item.detail.empty() ? "" : ": " + escaped_html(item.detail);
        rows += fmt::format("<tr><td>{}</td><td>{}</td><td>{}</td><td{}>{}{}</td></tr>\n", escaped_html(item.name),
                            escaped_html(item.action), code_text(item),
                            rotate::is_fine(item.result) ? "" : " class=\"no\"", word(item.result), detail);
    }
    rows += "</table>\n<h2>Who still gets in</h2>\n<table><tr><th>account name</th><th>answer</th></tr>\n";
    for (const auto& name : record.asked) {
        const bool closed =
            name.verdict == NameAsked::Verdict::kRefused || name.verdict == NameAsked::Verdict::kNothingOpens;
        rows += fmt::format("<tr><td>{}</td><td{}>{} {}</td></tr>\n",
                            name.name.empty() ? "<i>null name</i>" : escaped_html(name.name),
                            closed ? "" : " class=\"no\"", word(name.verdict), escaped_html(name.opened_by));
    }
    return rows + "</table>\n";
}

template <class Texts>
std::string list_of(const Texts& texts) {
    std::string out = "<ul>\n";
    for (const auto& text : texts) out += fmt::format("<li>{}</li>\n", escaped_html(text));
    return out + "</ul>\n";
}

}  // namespace

std::string result_of(const Certificate& certificate) {
    if (!certificate.record) return "not-done";
    if (certificate.record->result == WipeResult::kProved)
        return certificate.record->is_complete() ? "wiped" : "wiped-except";
    if (certificate.record->result == WipeResult::kVaultNotWritten) return "unfinished";
    return std::string(word(certificate.record->result));
}

bool is_complete(const Certificate& certificate) {
    return result_of(certificate) == "wiped";
}

bool is_proved(const Certificate& certificate) {
    return certificate.record && certificate.record->result == WipeResult::kProved;
}

std::string certificate_json(const Certificate& certificate) {
    return json_of(certificate).dump(-1, ' ', true, Json::error_handler_t::replace) + '\n';
}

std::string certificate_html(const Certificate& certificate) {
    const auto result = result_of(certificate);
    const auto name = escaped_html(certificate.bmc.name);
    auto body = fmt::format("<h1>De-provisioning of {}</h1>\n<p>{}</p>\n<p class=\"result {}\"><b>{}</b><br>{}</p>\n",
                            name, escaped_html(kClaim), is_proved(certificate) ? "good" : "bad", result,
                            escaped_html(meaning_of(certificate)));
    if (!is_proved(certificate) && !certificate.detail.empty())
        body += fmt::format("<p>{}: {}</p>\n", escaped_html(certificate.outcome), escaped_html(certificate.detail));
    body += facts_table(certificate);
    if (const auto left = exceptions(certificate); !left.empty())
        body += "<h2>What could not be erased or verified</h2>\n" + list_of(left);
    body += "<h2>What this certificate does not say</h2>\n" + list_of(kOutOfReach);
    if (certificate.record) body += items_table(*certificate.record);
    return page(fmt::format("De-provisioning of {}", certificate.bmc.name), body);
}

std::string pallet_json(const std::vector<CertificateOf>& all) {
    Json list = Json::array();
    for (const auto& [certificate, file, sha256] : all)
        list.push_back({{"bmc", certificate.bmc.name},
                        {"serial", certificate.record ? certificate.record->serial : ""},
                        {"result", result_of(certificate)},
                        {"certificate", file},
                        {"sha256", sha256}});
    return Json{{"type", "certificates"}, {"claim", kClaim}, {"servers", list}}.dump(-1, ' ', true,
                                                                                     Json::error_handler_t::replace) +
           '\n';
}

std::string pallet_html(const std::vector<CertificateOf>& all) {
    auto body = fmt::format(
        "<h1>De-provisioning of {}</h1>\n<p>{}</p>\n<table><tr><th>BMC</th><th>serial number</th>"
        "<th>result</th><th>certificate</th><th>SHA-256</th></tr>\n",
        counted(all.size(), "BMC"), escaped_html(kClaim));
    for (const auto& [certificate, file, sha256] : all)
        body += fmt::format(
            "<tr><td>{}</td><td>{}</td><td{}>{}</td><td>{}</td><td>{}</td></tr>\n", escaped_html(certificate.bmc.name),
            certificate.record ? escaped_html(certificate.record->serial) : "",
            is_complete(certificate) ? "" : " class=\"no\"", result_of(certificate), escaped_html(file), sha256);
    return page("De-provisioning", body + "</table>\n");
}

}  // namespace bmcvault::cli
