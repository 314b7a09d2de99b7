// The bodies of audit records: JSON, its keys sorted, so that there is one spelling of each. Internal to vault/store.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "vault/store/team.hpp"

namespace bmcvault::vault {

// What is not UTF-8 in it is replaced.
[[nodiscard]] std::string audit_body(const nlohmann::json& body);
// And why it was done: "reason", and "ticket" where one was given.
[[nodiscard]] std::string audit_body(const Acting& acting, nlohmann::json body);

}  // namespace bmcvault::vault
