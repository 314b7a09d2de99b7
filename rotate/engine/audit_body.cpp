#include "rotate/engine/audit_body.hpp"

#include <nlohmann/json.hpp>

namespace bmcvault::rotate {

std::string audit_body(const Purpose& purpose, std::initializer_list<AuditField> fields) {
    nlohmann::json object = nlohmann::json::object();
    const auto add_text = [&](std::string_view name, const std::string& text) {
        if (!text.empty()) object[std::string(name)] = text;
    };
    for (const auto& field : fields) {
        if (const auto* number = std::get_if<std::int64_t>(&field.value)) object[std::string(field.name)] = *number;
        if (const auto* text = std::get_if<std::string>(&field.value)) add_text(field.name, *text);
    }
    add_text("reason", purpose.reason);
    add_text("ticket", purpose.ticket);
    return object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace bmcvault::rotate
