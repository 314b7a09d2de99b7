// What a field of the inventory may hold, the same for CSV columns and for options of `bmc add` and `bmc set`. Pure.
// The reasons never repeat the value: a shifted column would put a password into the message.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vault/base/error.hpp"
#include "vault/base/secret.hpp"
#include "vault/core/model.hpp"

namespace bmcvault::cli {

// Letters, digits, '.', '_', '-', a letter or digit first, at most 64 bytes: what selectors can name.
[[nodiscard]] Result<std::string> parse_word(std::string_view text);

struct Endpoint {
    std::string address;                // IPv4, IPv6 without brackets, or host name
    std::optional<std::uint16_t> port;  // when the text carried one: "10.0.0.1:6230", "[fe80::1]:623"
};
[[nodiscard]] Result<Endpoint> parse_endpoint(std::string_view text);
[[nodiscard]] Result<std::uint16_t> parse_port(std::string_view text);
// At most 16 bytes, printable ASCII; may be empty only where a BMC has an anonymous account, which we do not manage.
[[nodiscard]] Result<std::string> parse_user_name(std::string_view text);
[[nodiscard]] Result<std::uint8_t> parse_user_id(std::string_view text);  // 1 to 63 (IPMI 2.0 §22.26)
[[nodiscard]] Result<std::uint8_t> parse_channel(std::string_view text);  // 0 to 15, also 0x0e (§6.3)
// Words between spaces or semicolons.
[[nodiscard]] Result<std::vector<std::string>> parse_tags(std::string_view text);

struct PasswordField {
    Key20 bytes;
    vault::StoredSize size{};  // k16 when it fits: a person's word, corrected when the BMC proves it
};
// 1 to 20 bytes, no control characters; any encoding: a BMC compares bytes.
[[nodiscard]] Result<PasswordField> parse_password(std::string_view text);
// Hexadecimal digits, an even number, at most 40; shorter keys are zero-padded as BMCs do (IPMI 2.0 §22.25).
[[nodiscard]] Result<Key20> parse_k_g(std::string_view text);

// "2019-05-01": the start of that day, UTC.
[[nodiscard]] Result<UnixTime> parse_date(std::string_view text);
// "2026-12-31" or "2026-12-31T18:00" (UTC), later than `now`.
[[nodiscard]] Result<UnixTime> parse_future_date(std::string_view text, UnixTime now);

}  // namespace bmcvault::cli
