// The names of the quirks, for `bmcvault practice --quirk` and --list-quirks.
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <limits>

#include "ipmi/virtual_bmc/virtual_bmc.hpp"

namespace bmcvault::virtual_bmc {

namespace {

template <class Number>
std::optional<Number> parse(std::string_view text, int base = 10) {
    Number value{};
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size() || text.empty()) return std::nullopt;
    return value;
}

// A number from `least` up, or nothing.
std::optional<int> at_least(std::string_view text, int least) {
    const std::optional<int> value = parse<int>(text);
    return value && *value >= least ? value : std::nullopt;
}

std::optional<milliseconds> time_of(std::string_view text) {
    constexpr std::int64_t kMost = 30LL * 24 * 3600 * 1000;
    const auto value = parse<std::int64_t>(text);
    if (!value || *value < 0 || *value > kMost) return std::nullopt;
    return milliseconds(*value);
}

// A completion code: two hexadecimal digits, 01 to ff.
std::optional<std::uint8_t> code_of(std::string_view text) {
    if (text.starts_with("0x")) text.remove_prefix(2);
    const auto value = parse<std::uint8_t>(text, 16);
    return value && *value != 0 ? value : std::nullopt;
}

template <class T>
bool assign(T& target, const std::optional<typename std::type_identity_t<T>>& value) {
    if (value) target = *value;
    return value.has_value();
}

template <class T>
bool assign_optional(std::optional<T>& target, const std::optional<T>& value) {
    if (value) target = value;
    return value.has_value();
}

bool set_suites(Config& config, std::string_view list) {
    std::vector<std::uint8_t> suites;
    while (!list.empty()) {
        const std::size_t comma = std::min(list.find(','), list.size());
        const auto id = parse<std::uint8_t>(list.substr(0, comma));
        bool known = false;
        for (const ipmi::CipherSuite& suite : ipmi::kCipherSuites) known = known || suite.id == id;
        if (!id || !known) return false;
        suites.push_back(*id);
        list.remove_prefix(std::min(comma + 1, list.size()));
    }
    if (suites.empty()) return false;
    config.cipher_suites = suites;
    return true;
}

bool set_threshold(Config& config, std::string_view text) {
    const auto value = parse<std::uint8_t>(text);
    if (value) config.bad_password_threshold = *value;
    return value.has_value();
}

bool set_k_g(Config& config, std::string_view text) {
    const auto key = from_hex(text);
    if (!key || key->size() != ipmi::kKgSize) return false;
    config.k_g = *key;
    return true;
}

struct Entry {
    std::string_view name;
    std::string_view help;
    std::string_view value;  // what is allowed after '='; empty: no value
    bool (*apply)(Config&, std::string_view value);
};

#define BMCVAULT_SWITCH(field) [](Config& config, std::string_view) { return config.quirks.field = true; }

constexpr std::string_view kMilliseconds = "milliseconds";
constexpr std::string_view kCompletionCode = "a completion code, two hexadecimal digits";
constexpr std::string_view kCount = "a number from 1";

constexpr std::array kPasswordEntries{
    Entry{"truncates-to-16", "stores 16 of 20 password bytes and says OK", "", BMCVAULT_SWITCH(truncates_to_16)},
    Entry{"truncates-to-19", "stores 19 of 20 password bytes and says OK", "", BMCVAULT_SWITCH(truncates_to_19)},
    Entry{"keeps-old-tail", "stores 16 new bytes, the last 4 of the old password stay", "",
          BMCVAULT_SWITCH(keeps_old_tail)},
    Entry{"only-16-byte-passwords", "the 20-byte form of Set User Password is refused with C7h", "",
          BMCVAULT_SWITCH(only_16_byte_passwords)},
    Entry{"refuses-by-policy", "refuses passwords with '@' or '!'", kCompletionCode,
          [](Config& config, std::string_view value) {
              return assign_optional(config.quirks.refuses_by_policy, code_of(value));
          }},
    Entry{"refuses-always", "refuses every Set User Password", kCompletionCode,
          [](Config& config, std::string_view value) {
              return assign_optional(config.quirks.refuses_always, code_of(value));
          }},
    Entry{"refuses-but-stores", "stores the password, then answers an error", kCompletionCode,
          [](Config& config, std::string_view value) {
              return assign_optional(config.quirks.refuses_but_stores, code_of(value));
          }},
    Entry{
        "forbids-reuse", "refuses the last N passwords with CCh", kCount,
        [](Config& config, std::string_view value) { return assign(config.quirks.forbids_reuse, at_least(value, 1)); }},
    Entry{"minimum-change-interval", "a second password change too early is refused with D5h", kMilliseconds,
          [](Config& config, std::string_view value) {
              return assign_optional(config.quirks.minimum_change_interval, time_of(value));
          }},
    Entry{"applies-and-loses-reply", "the first password and the first K_G are stored, but not answered", "",
          BMCVAULT_SWITCH(applies_and_loses_reply)},
    Entry{"acknowledges-and-forgets", "says OK to a password or K_G and stores nothing", "",
          BMCVAULT_SWITCH(acknowledges_and_forgets)},
    Entry{"applies-after", "a password or K_G takes effect later", kMilliseconds,
          [](Config& config, std::string_view value) {
              return assign_optional(config.quirks.applies_after, time_of(value));
          }},
    Entry{"breaks-on-two-writes-in-one-second", "a second credential write within a second takes both back", "",
          BMCVAULT_SWITCH(breaks_on_two_writes_in_one_second)},
    Entry{"takes-rights-away", "a password change drops the privilege limit to USER", "",
          BMCVAULT_SWITCH(takes_rights_away)},
    Entry{"anonymous-account", "slot 1 is enabled with null name, null password and ADMINISTRATOR", "",
          BMCVAULT_SWITCH(anonymous_account)},
    Entry{"default-account", "another slot carries root with the password root", "", BMCVAULT_SWITCH(default_account)},
    Entry{"user-slots-full", "every user slot carries a name", "", BMCVAULT_SWITCH(user_slots_full)},
    Entry{"name-with-spaces", "another slot carries \"night shift\", an OPERATOR", "",
          BMCVAULT_SWITCH(name_with_spaces)},
    Entry{"busy-slot", "name and access of user N can't be read: C0h", kCount,
          [](Config& config, std::string_view value) { return assign(config.quirks.busy_slot, at_least(value, 1)); }},
    Entry{"cleared-name-deletes-user", "a user whose name is cleared is gone, password, rights and all", "",
          BMCVAULT_SWITCH(cleared_name_deletes_user)},
    Entry{"keeps-settings", "says OK when its SNMP, PEF, boot and other settings are written, and keeps the old ones",
          "", BMCVAULT_SWITCH(keeps_settings)},
    Entry{"keeps-event-log", "says OK when its event log is cleared, and keeps it", "",
          BMCVAULT_SWITCH(keeps_event_log)},
    Entry{"event-log-without-end", "its event log begins again after the last record", "",
          BMCVAULT_SWITCH(event_log_without_end)},
    Entry{"event-log-ends-early", "its event log ends after the first record, whatever it counts", "",
          BMCVAULT_SWITCH(event_log_ends_early)},
    Entry{"factory-reset-does-nothing", "says OK to the vendor's own reset to factory state, and does nothing", "",
          BMCVAULT_SWITCH(factory_reset_does_nothing)},
    Entry{"factory-reset-gives-label-password",
          "the vendor's own reset leaves the administrator the password on its label", "",
          BMCVAULT_SWITCH(factory_reset_gives_label_password)},
    Entry{"factory-reset-gives-published-password",
          "the vendor's own reset leaves the administrator its own name as password", "",
          BMCVAULT_SWITCH(factory_reset_gives_published_password)},
    Entry{"cleared-name-revives-default", "a user whose name is cleared becomes the factory account of that slot again",
          "", BMCVAULT_SWITCH(cleared_name_revives_default)},
    Entry{"set-access-needs-four-bytes", "Set User Access without its optional fourth byte is refused with C7h", "",
          BMCVAULT_SWITCH(set_access_needs_four_bytes)},
    Entry{"ignores-user-access", "says OK to Set User Access and stores nothing", "",
          BMCVAULT_SWITCH(ignores_user_access)},
    Entry{"no-access-refused", "the privilege limit NO ACCESS (Fh) is refused with CCh", "",
          BMCVAULT_SWITCH(no_access_refused)},
    Entry{"slot-1-stays-enabled", "user 1 can't be disabled (CCh)", "", BMCVAULT_SWITCH(slot_1_stays_enabled)},
    Entry{"enabled-bits-never-set", "Get User Access does not say whether a user is enabled", "",
          BMCVAULT_SWITCH(enabled_bits_never_set)},
    Entry{"suite-0-stays-open", "cipher suite 0 works also when it is switched off", "",
          BMCVAULT_SWITCH(suite_0_stays_open)},
    Entry{"enable-wants-password", "enable and disable without a dummy password are refused with C7h", "",
          BMCVAULT_SWITCH(enable_wants_password)},
    Entry{"duplicate-name", "another enabled slot carries the administrator's name", "",
          BMCVAULT_SWITCH(duplicate_name)},
    Entry{"disabled-user-still-logs-in", "disabling a user changes nothing for logins", "",
          BMCVAULT_SWITCH(disabled_user_still_logs_in)},
    Entry{"k_g-unsupported", "Set Channel Security Keys is unknown (C1h)", "", BMCVAULT_SWITCH(k_g_unsupported)},
    Entry{"k_g-unusable", "a new K_G is stored, but no login with it works", "", BMCVAULT_SWITCH(k_g_unusable)},
    Entry{"k_g-refused", "writing K_G is refused with D4h", "", BMCVAULT_SWITCH(k_g_refused)},
    Entry{"k_g-bit-lies", "the capabilities say the opposite about K_G", "", BMCVAULT_SWITCH(k_g_bit_lies)},
};

constexpr std::array kSessionEntries{
    Entry{"error-replies-with-tag-0", "RAKP errors carry tag 0 and session ID 0", "",
          BMCVAULT_SWITCH(error_replies_with_tag_0)},
    Entry{"open-session-privilege", "RAKP hashes the role byte of Open Session, not of RAKP 1", "",
          BMCVAULT_SWITCH(open_session_privilege)},
    Entry{"hashes-open-session-level", "RAKP hashes the level of Open Session (opensesspriv in FreeIPMI)", "",
          BMCVAULT_SWITCH(hashes_open_session_level)},
    Entry{"hmac-one-byte-too-long", "the code in RAKP 2 has one byte too many", "",
          BMCVAULT_SWITCH(hmac_one_byte_too_long)},
    Entry{"short-error-replies", "RAKP errors have 2 bytes", "", BMCVAULT_SWITCH(short_error_replies)},
    Entry{"get-session-info-unsupported", "Get Session Info is unknown (C1h)", "",
          BMCVAULT_SWITCH(get_session_info_unsupported)},
    Entry{"cipher-suites-only-in-rmcp-plus", "Get Channel Cipher Suites is silent in an IPMI 1.5 frame", "",
          BMCVAULT_SWITCH(cipher_suites_only_in_rmcp_plus)},
    Entry{"bogus-rakp2", "the code in RAKP 2 is all zero", "", BMCVAULT_SWITCH(bogus_rakp2)},
    Entry{"random-rakp2", "the code in RAKP 2 is made up, another one each time", "", BMCVAULT_SWITCH(random_rakp2)},
    Entry{"counts-abandoned-handshakes", "a RAKP 2 without RAKP 3 counts as a failed login", "",
          BMCVAULT_SWITCH(counts_abandoned_handshakes)},
    Entry{"drops-first-command", "the first command of every session is lost", "",
          BMCVAULT_SWITCH(drops_first_command)},
    Entry{"slow", "every reply comes this late", kMilliseconds,
          [](Config& config, std::string_view value) { return assign_optional(config.quirks.slow, time_of(value)); }},
    Entry{"reboots-after-commands", "reboots once after the N-th command: 5 s dark, sessions gone", kCount,
          [](Config& config, std::string_view value) {
              return assign_optional(config.quirks.reboots_after_commands, at_least(value, 1));
          }},
    Entry{"swaps-board-after-commands", "after the N-th command another board (GUID, MAC) answers", kCount,
          [](Config& config, std::string_view value) {
              return assign_optional(config.quirks.swaps_board_after_commands, at_least(value, 1));
          }},
    Entry{"reboot-loses-last-write", "a reboot takes the last credential write back", "",
          BMCVAULT_SWITCH(reboot_loses_last_write)},
    Entry{"null-guid", "the GUID is all zero", "",
          [](Config& config, std::string_view) {
              config.guid.fill(0);
              return true;
          }},
    Entry{"session-slots", "how many sessions there can be, half-open ones included", "1 to 255",
          [](Config& config, std::string_view value) {
              const std::optional<std::uint8_t> slots = parse<std::uint8_t>(value);
              if (slots && *slots > 0) config.session_slots = *slots;
              return slots && *slots > 0;
          }},
    Entry{"bad-password-threshold", "after so many rejected logins the user is locked (0: never)", "0 to 255",
          set_threshold},
    Entry{"lockout-ms", "how long a user stays locked (0: until enabled again)", kMilliseconds,
          [](Config& config, std::string_view value) { return assign(config.lockout, time_of(value)); }},
    Entry{"half-open-ms", "how long a handshake may rest", kMilliseconds,
          [](Config& config, std::string_view value) { return assign(config.half_open_timeout, time_of(value)); }},
    Entry{"inactivity-ms", "how long a session may rest", kMilliseconds,
          [](Config& config, std::string_view value) { return assign(config.inactivity_timeout, time_of(value)); }},
    Entry{"user-slots", "how many user slots there are", "2 to 63",
          [](Config& config, std::string_view value) {
              const std::optional<std::uint8_t> slots = parse<std::uint8_t>(value);
              const bool good = slots && *slots >= 2 && *slots <= ipmi::kMaxUserId;
              if (good) config.max_users = *slots;
              return good;
          }},
    Entry{"suites", "the cipher suites", "a list out of 0,1,2,3,6,7,8,11,12,15,16,17", set_suites},
    Entry{"k_g", "the K_G that is set from the beginning", "40 hexadecimal digits", set_k_g},
};

#undef BMCVAULT_SWITCH

const Entry* find_entry(std::string_view name) {
    for (const Entry& entry : kPasswordEntries) {
        if (entry.name == name) return &entry;
    }
    for (const Entry& entry : kSessionEntries) {
        if (entry.name == name) return &entry;
    }
    return nullptr;
}

}  // namespace

std::vector<QuirkInfo> list_quirks() {
    std::vector<QuirkInfo> out;
    out.reserve(kPasswordEntries.size() + kSessionEntries.size());
    for (const Entry& entry : kPasswordEntries) out.push_back({entry.name, entry.help, !entry.value.empty()});
    for (const Entry& entry : kSessionEntries) out.push_back({entry.name, entry.help, !entry.value.empty()});
    return out;
}

Result<void> apply_quirk(Config& config, std::string_view text) {
    const std::size_t equals = text.find('=');
    const std::string_view name = text.substr(0, equals);
    const Entry* entry = find_entry(name);
    if (entry == nullptr) {
        std::string known;
        for (const QuirkInfo& each : list_quirks()) known += fmt::format("{}{}", known.empty() ? "" : ", ", each.name);
        return fail(ErrorCode::kInvalidArgument, fmt::format("unknown quirk '{}'; there are: {}", name, known));
    }
    const bool has_value = equals != std::string_view::npos;
    if (entry->value.empty()) {
        if (has_value) return fail(ErrorCode::kInvalidArgument, fmt::format("quirk '{}' takes no value", name));
        entry->apply(config, {});
        return {};
    }
    if (!has_value || !entry->apply(config, text.substr(equals + 1))) {
        return fail(ErrorCode::kInvalidArgument,
                    fmt::format("quirk '{}': write {}=VALUE, where VALUE is {}", text, name, entry->value));
    }
    return {};
}

}  // namespace bmcvault::virtual_bmc
