// What the engine writes beside an event of the audit log: canonical JSON, never a secret.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

namespace bmcvault::rotate {

// Why a person did it, in his own words.
struct Purpose {
    std::string reason;
    std::string ticket;
};

struct AuditField {
    std::string_view name;
    std::variant<std::int64_t, std::string> value;
};

// Sorted by name; empty texts are left out.
[[nodiscard]] std::string audit_body(const Purpose& purpose, std::initializer_list<AuditField> fields);

}  // namespace bmcvault::rotate
