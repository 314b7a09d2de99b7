#include "cli/disclosure.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cli/json.hpp"

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

}  // namespace

Outcome<ChosenVersions> choose_versions(const vault::Store& store, const vault::Bmc& bmc,
                                        std::optional<std::uint32_t> number) {
    const auto versions = store.versions(bmc.id);
    if (!versions) return vault_error(bmc.name, versions.error());
    const auto password = choose(*versions, bmc.own_password(), number);
    if (!password) {
        return usage_error(number ? fmt::format("{} has no password version {}", bmc.name, *number)
                                  : fmt::format("the vault has no password of {}", bmc.name),
                           fmt::format("bmcvault history {}", bmc.name));
    }
    const bool pending = std::ranges::any_of(*versions, [&](const auto& version) {
        const bool ours = version.subject == bmc.own_password() || version.subject == bmc.k_g_subject();
        return version.state == VersionState::kPending && ours;
    });
    return ChosenVersions{*password, choose(*versions, bmc.k_g_subject(), std::nullopt), pending};
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
    Disclosed disclosed{bmc, chosen.password, std::move(*password), chosen.k_g, std::nullopt};
    if (!chosen.k_g) return disclosed;
    auto k_g = store.unseal(*chosen.k_g);
    if (!k_g) return vault_error(what, k_g.error());
    disclosed.k_g = std::move(*k_g);
    return disclosed;
}

}  // namespace bmcvault::cli
