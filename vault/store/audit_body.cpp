#include "vault/store/audit_body.hpp"

namespace bmcvault::vault {

std::string audit_body(const nlohmann::json& body) {
    return body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string audit_body(const Acting& acting, nlohmann::json body) {
    body["reason"] = acting.reason;
    if (!acting.ticket.empty()) body["ticket"] = acting.ticket;
    return audit_body(body);
}

}  // namespace bmcvault::vault
