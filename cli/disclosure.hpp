// A credential on its way out of the vault: which versions, logged before they are opened. For reveal, exec, export.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/context.hpp"
#include "cli/secret_text.hpp"
#include "ipmi/spec/spec.hpp"
#include "vault/base/secret.hpp"

namespace bmcvault::cli {

// One account of a BMC: a copy of the record that names this account, and under what the vault has its password.
struct AccountOf {
    vault::Bmc bmc;
    vault::Subject subject;
    ipmi::PrivilegeLevel privilege = ipmi::PrivilegeLevel::kAdministrator;
};
// `role`: "spare", "monitor", or empty for our own account. Usage error: it has none of that role.
[[nodiscard]] Outcome<AccountOf> account_of(const vault::Store& store, const vault::Bmc& bmc, const std::string& role);

struct ChosenVersions {
    vault::CredentialVersion password;
    std::optional<vault::CredentialVersion> k_g;
    bool pending = false;  // a rotation was interrupted: the BMC may hold another one
    ipmi::PrivilegeLevel privilege = ipmi::PrivilegeLevel::kAdministrator;
};
// The password version asked for, else the current one, else the newest that a person gave. Usage error: none.
[[nodiscard]] Outcome<ChosenVersions> choose_versions(const vault::Store& store, const AccountOf& account,
                                                      std::optional<std::uint32_t> number = std::nullopt);
void warn_about_pending(const Context& context, const vault::Bmc& bmc, const ChosenVersions& chosen);

struct Disclosed {
    vault::Bmc bmc;
    vault::CredentialVersion password_version;
    Key20 password;
    std::optional<vault::CredentialVersion> k_g_version;
    std::optional<Key20> k_g;
    ipmi::PrivilegeLevel privilege = ipmi::PrivilegeLevel::kAdministrator;
};
// "administrator", "operator" or "user".
[[nodiscard]] std::string_view word(ipmi::PrivilegeLevel privilege);
// The audit record is durable before the first byte is unsealed. `more` goes into its body.
[[nodiscard]] Outcome<Disclosed> disclose(const Context& context, vault::Store& store, const std::string& event,
                                          const vault::Bmc& bmc, const ChosenVersions& chosen,
                                          const std::vector<std::pair<std::string_view, std::string>>& more = {});

// Printable ASCII; other passwords are mangled or made by hand, and go out in hexadecimal.
[[nodiscard]] bool is_plain(std::string_view bytes);
// How it is logged in with, as one JSON object without a line end: what `reveal --json` prints.
[[nodiscard]] SecretText credential_json(const Disclosed& credential);

}  // namespace bmcvault::cli
