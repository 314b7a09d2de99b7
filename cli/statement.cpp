#include "cli/statement.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/html.hpp"
#include "cli/json.hpp"
#include "cli/text.hpp"

namespace bmcvault::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string name_of(const vault::ExposedCredential& credential) {
    return fmt::format("{} {}", credential.bmc_name, describe(credential.subject));
}

std::vector<std::string> names_of(const std::vector<vault::ExposedCredential>& credentials) {
    std::vector<std::string> names;
    std::ranges::transform(credentials, std::back_inserter(names), name_of);
    return names;
}

Json blocked_until(const Statement& statement, const vault::ExposedCredential& credential) {
    const auto until = statement.blocked_until.find(credential.bmc);
    const bool is_password = credential.subject.kind == vault::Kind::kPassword;
    const bool is_blocked = until != statement.blocked_until.end() && is_password && !credential.live;
    return is_blocked ? Json(iso_time(until->second)) : Json(nullptr);
}

std::string blocked_text(const Statement& statement) {
    std::vector<std::string> blocked;
    for (const auto& credential : pending(statement)) {
        const auto until = statement.blocked_until.find(credential.bmc);
        if (until == statement.blocked_until.end() || credential.subject.kind != vault::Kind::kPassword) continue;
        auto text = fmt::format("{} blocked until {}", credential.bmc_name, iso_time(until->second));
        if (blocked.empty() || blocked.back() != text) blocked.push_back(std::move(text));
    }
    return fmt::format("{}", fmt::join(blocked, ", "));
}

std::size_t count_if(const Statement& statement, bool (*is)(const vault::ExposedCredential&)) {
    return static_cast<std::size_t>(std::ranges::count_if(statement.exposed, is));
}

bool was_revealed(const vault::ExposedCredential& credential) {
    return credential.revealed;
}
bool is_changed(const vault::ExposedCredential& credential) {
    return credential.live.has_value();
}
bool is_out_of_reach(const vault::ExposedCredential& credential) {
    return !credential.live && credential.retired_bmc;
}

std::string verb(const Statement& statement) {
    return statement.departure.type == vault::DepartureType::kMember ? "could read" : "knew";
}

// Each one a paragraph; the facts that a reader has to act on.
std::vector<std::string> paragraphs(const Statement& statement) {
    const auto& departure = statement.departure;
    const auto left = pending(statement);
    std::vector<std::string> all;
    all.push_back(fmt::format("{} {} {}, and was shown {} of them.", departure.who, verb(statement),
                              counted(statement.exposed.size(), "credential"), count_if(statement, was_revealed)));
    all.push_back(fmt::format("{} proved changed since {}; {} pending{}", count_if(statement, is_changed),
                              iso_time(departure.at), left.size(),
                              left.empty() ? "." : fmt::format(": {}.", fmt::join(names_of(left), ", "))));
    if (const auto blocked = blocked_text(statement); !blocked.empty())
        all.push_back(fmt::format("By a minimum change interval of the BMC: {}.", blocked));
    if (const auto gone = count_if(statement, is_out_of_reach); gone > 0)
        all.push_back(fmt::format("{} more on BMCs that are out of the inventory: nobody rotates them.", gone));
    if (departure.revoked_at)
        all.push_back(fmt::format("Their identity opens nothing since {}: generation {} is in force.",
                                  iso_time(*departure.revoked_at), statement.generation));
    if (count_if(statement, is_changed) > 0)
        all.emplace_back(
            "The new credentials were sent in sessions keyed with the old ones (IPMI has no forward secrecy): whoever "
            "knew those and recorded the traffic can read the new ones. Where that is possible, set them in band: "
            "bmcvault recover BMC --via ssh://root@HOST.");
    if (!statement.backups.empty())
        all.push_back(
            fmt::format("Their identity still opens these backups; destroy them or take them for disclosed: {}.",
                        fmt::join(statement.backups, ", ")));
    if (departure.type == vault::DepartureType::kMember)
        all.emplace_back(
            "Any other copy of the vault from before, they can open as well: its passwords are those above.");
    return all;
}

}  // namespace

std::vector<vault::ExposedCredential> pending(const Statement& statement) {
    std::vector<vault::ExposedCredential> left;
    for (const auto& credential : statement.exposed)
        if (!credential.live && !credential.retired_bmc) left.push_back(credential);
    return left;
}

std::string statement_text(const Statement& statement) {
    std::string text = fmt::format(
        "Departure of {}{}\n", printable(statement.departure.who),
        statement.departure.reason.empty() ? "" : fmt::format(" ({})", printable(statement.departure.reason)));
    for (const auto& paragraph : paragraphs(statement)) text += fmt::format("  {}\n", printable(paragraph));
    return text;
}

std::string statement_json(const Statement& statement) {
    const auto& departure = statement.departure;
    Json object{{"type", "statement"},
                {"who", departure.who},
                {"reason", departure.reason},
                {"vault_id", statement.vault_id},
                {"generation", statement.generation},
                {"exposed_at", iso_time(departure.at)}};
    object["revoked_at"] = departure.revoked_at ? Json(iso_time(*departure.revoked_at)) : Json(nullptr);
    object["stated_at"] = iso_time(statement.at);
    object["could_read"] = statement.exposed.size();
    object["revealed"] = count_if(statement, was_revealed);
    object["changed"] = count_if(statement, is_changed);
    object["pending"] = names_of(pending(statement));
    object["out_of_reach"] = count_if(statement, is_out_of_reach);
    object["sent_in_sessions_they_could_read"] = count_if(statement, is_changed);
    object["backups"] = statement.backups;
    object["credentials"] = Json::array();
    for (const auto& credential : statement.exposed)
        object["credentials"].push_back(
            {{"bmc", credential.bmc_name},
             {"subject", describe(credential.subject)},
             {"revealed", credential.revealed},
             {"changed_to_version", credential.live ? Json(credential.live->value) : Json(nullptr)},
             {"last_outcome", credential.last_outcome},
             {"blocked_until", blocked_until(statement, credential)}});
    return object.dump(-1, ' ', true, Json::error_handler_t::replace) + '\n';
}

namespace {

std::string why_pending(const vault::ExposedCredential& credential) {
    if (credential.retired_bmc) return "out of the inventory";
    const bool says_why = !credential.last_outcome.empty() && credential.last_outcome != "rotated";
    return says_why ? "pending: " + credential.last_outcome : "pending";
}

std::string changed_cell(const vault::ExposedCredential& credential) {
    if (credential.live) return fmt::format("<td>{}</td>", credential.live->value);
    return fmt::format("<td class=\"pending\">{}</td>", escaped_html(why_pending(credential)));
}

}  // namespace

std::string statement_html(const Statement& statement) {
    std::string html = fmt::format(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
        "<meta name=\"viewport\" content=\"width=device-width\"><title>Departure of {0}</title>\n"
        "<style>body{{font:16px sans-serif;max-width:50em;margin:2em auto;padding:0 1em}}"
        "table{{border-collapse:collapse}}td,th{{text-align:left;padding:.2em 1em .2em 0;border-bottom:1px solid #ccc}}"
        ".pending{{font-weight:bold}}"
        "</style></head><body>\n<h1>Departure of {0}</h1>\n<p>{3}Vault {1}, stated {2}.</p>\n",
        escaped_html(statement.departure.who), statement.vault_id, iso_time(statement.at),
        statement.departure.reason.empty() ? ""
                                           : escaped_html(fmt::format("Reason: {}. ", statement.departure.reason)));
    for (const auto& paragraph : paragraphs(statement)) html += fmt::format("<p>{}</p>\n", escaped_html(paragraph));
    html += "<table><tr><th>BMC</th><th>credential</th><th>shown</th><th>changed to version</th></tr>\n";
    for (const auto& credential : statement.exposed)
        html += fmt::format("<tr><td>{}</td><td>{}</td><td>{}</td>{}</tr>\n", escaped_html(credential.bmc_name),
                            describe(credential.subject), credential.revealed ? "yes" : "no", changed_cell(credential));
    return html + "</table></body></html>\n";
}

}  // namespace bmcvault::cli
