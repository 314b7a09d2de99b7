#include "cli/disclosure.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cli/json.hpp"
#include "rotate/engine/learned_facts.hpp"

namespace bmcvault::cli {
namespace {

using vault::CredentialVersion;
using vault::Subject;
using vault::VersionState;

std::optional<CredentialVersion> choose(const std::vector<CredentialVersion>& versions, Subject subject,
                                        std::optional<std::uint32_t> number) {
    std::optional<CredentialVersion> chosen;
    for (const auto& version : versions) {
        if (version.subject != subject || version.state == VersionState::kDestroyed) continue;
        if (number) {
            if (version.version.value == *number) return version;
            continue;
        }
        if (version.state == VersionState::kCurrent) return version;
        if (version.state == VersionState::kUnknown) chosen = version;  // oldest first: the last one stays
    }
    return chosen;
}

void append_password_json(SecretText& out, const Key20& password) {
    password.expose([&](auto bytes) {
        const std::string_view text = without_padding(bytes);
        if (!is_plain(text)) {
            out.append(R"(,"password":null,"password_hex":")");
            append_hex(out, as_bytes(text));
            out.append("\"");
            return;
        }
        out.append(R"(,"password":")");
        for (const char& c : text) {
            if (c == '"' || c == '\\') out.append("\\");
            out.append({&c, 1});
        }
        out.append("\"");
    });
}

}  // namespace

std::string_view word(ipmi::PrivilegeLevel privilege) {
    if (privilege == ipmi::PrivilegeLevel::kUser) return "user";
    return privilege == ipmi::PrivilegeLevel::kOperator ? "operator" : "administrator";
}

bool is_plain(std::string_view bytes) {
    return std::ranges::all_of(bytes, [](char c) { return c >= 0x20 && c < 0x7f; });
}

SecretText credential_json(const Disclosed& credential) {
    SecretText out;
    out.append(json_reveal_head(credential.bmc, credential.password_version, credential.k_g_version,
                                word(credential.privilege)));
    append_password_json(out, credential.password);
    if (credential.k_g) {
        out.append(R"(,"k_g":")");
        credential.k_g->expose([&](auto bytes) { append_hex(out, bytes); });
        out.append("\"}");
    } else {
        out.append(",\"k_g\":null}");
    }
    return out;
}

Outcome<AccountOf> account_of(const vault::Store& store, const vault::Bmc& bmc, const std::string& role) {
    if (role.empty()) return AccountOf{bmc, bmc.own_password(), ipmi::PrivilegeLevel::kAdministrator};
    const auto accounts = rotate::role_accounts(store, bmc);
    if (!accounts) return vault_error(bmc.name, accounts.error());
    const auto* account = rotate::find_role(*accounts, *rotate::account_role_from(role));
    if (account == nullptr)
        return usage_error(fmt::format("{} has no {} account", bmc.name, role),
                           fmt::format("bmcvault accounts adopt {} --role {}", bmc.name, role));
    AccountOf found{bmc, {vault::Kind::kPassword, account->slot.value}, account->privilege};
    found.bmc.user_name = account->name;
    found.bmc.user_id = account->slot.value;
    return found;
}

Outcome<ChosenVersions> choose_versions(const vault::Store& store, const AccountOf& account,
                                        std::optional<std::uint32_t> number) {
    const auto& bmc = account.bmc;
    const auto versions = store.versions(bmc.id);
    if (!versions) return vault_error(bmc.name, versions.error());
    const auto password = choose(*versions, account.subject, number);
    if (!password) {
        return usage_error(number ? fmt::format("{} has no password version {}", bmc.name, *number)
                                  : fmt::format("the vault has no password of {}", bmc.name),
                           fmt::format("bmcvault history {}", bmc.name));
    }
    const bool pending = std::ranges::any_of(*versions, [&](const auto& version) {
        const bool ours = version.subject == account.subject || version.subject == bmc.k_g_subject();
        return version.state == VersionState::kPending && ours;
    });
    return ChosenVersions{*password, choose(*versions, bmc.k_g_subject(), std::nullopt), pending, account.privilege};
}

void warn_about_pending(const Context& context, const vault::Bmc& bmc, const ChosenVersions& chosen) {
    if (!chosen.pending) return;
    context.warn(
        fmt::format("{}: a rotation was interrupted; the BMC may hold the pending version instead\n"
                    "  next: bmcvault recover {}",
                    bmc.name, bmc.name));
}

Outcome<Disclosed> disclose(const Context& context, vault::Store& store, const std::string& event,
                            const vault::Bmc& bmc, const ChosenVersions& chosen,
                            const std::vector<std::pair<std::string_view, std::string>>& more) {
    std::vector<std::pair<std::string_view, std::string>> fields{
        {"name", bmc.name},
        {"password_version", std::to_string(chosen.password.version.value)},
        {"k_g_version", chosen.k_g ? std::to_string(chosen.k_g->version.value) : ""},
        {"reason", context.options.reason},
        {"ticket", context.options.ticket}};
    fields.insert(fields.end(), more.begin(), more.end());
    std::vector<CredentialVersion> shown{chosen.password};
    if (chosen.k_g) shown.push_back(*chosen.k_g);
    const auto logged = store.transact(actor(), now(), [&](vault::Transaction& transaction) {
        return transaction.disclose(event, bmc.id, shown, json_body(fields));
    });
    const auto what = fmt::format("{} {}", event, bmc.name);
    if (!logged) return vault_error(what + ": not shown, because it could not be logged", logged.error());
    auto password = store.unseal(chosen.password);
    if (!password) return vault_error(what, password.error());
    Disclosed disclosed{bmc, chosen.password, std::move(*password), chosen.k_g, std::nullopt, chosen.privilege};
    if (!chosen.k_g) return disclosed;
    auto k_g = store.unseal(*chosen.k_g);
    if (!k_g) return vault_error(what, k_g.error());
    disclosed.k_g = std::move(*k_g);
    return disclosed;
}

}  // namespace bmcvault::cli
