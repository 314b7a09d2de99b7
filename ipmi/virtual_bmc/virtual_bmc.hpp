// A BMC as a value: datagrams in, datagrams out, time as an argument. RMCP+ and the IPMI commands of a rotation over
// OpenSSL; shares nothing with the client but ipmi/spec, so that the two can disagree. Every quirk is a switch.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ipmi/spec/spec.hpp"
#include "vault/base/bytes.hpp"
#include "vault/base/error.hpp"

namespace bmcvault::virtual_bmc {

using TimePoint = std::chrono::steady_clock::time_point;
using std::chrono::milliseconds;

struct User {
    std::string name;
    Bytes password;                 // test data, not a Secret: this is the other side of the wire
    std::uint8_t stored_size = 20;  // 16 or 20
    bool enabled = false;
    bool ipmi_messaging = true;
    bool callback_only = false;
    bool link_authentication = false;
    ipmi::PrivilegeLevel privilege_limit = ipmi::PrivilegeLevel::kNoAccess;
    bool name_fixed = false;
};

// Names as in `bmcvault practice --list-quirks`. Defaults: a BMC that keeps to the specification.
// "Credential write": Set User Access, Set User Name, Set User Password (but the test), Set Channel Security Keys
// (set).
struct Quirks {
    bool truncates_to_16 = false;  // stores 16 of 20, says OK
    bool truncates_to_19 = false;
    bool keeps_old_tail = false;                          // 16 new bytes, the old last 4 stay
    bool only_16_byte_passwords = false;                  // the 20-byte form: C7h
    std::optional<std::uint8_t> refuses_by_policy;        // completion code for passwords with '@' or '!'
    std::optional<std::uint8_t> refuses_always;           // completion code for every Set User Password
    std::optional<std::uint8_t> refuses_but_stores;       // stores, then answers this code
    int forbids_reuse = 0;                                // of the last N passwords: CCh
    std::optional<milliseconds> minimum_change_interval;  // too early: D5h
    bool applies_and_loses_reply = false;                 // first Set User Password / Set Channel Security Keys only
    bool acknowledges_and_forgets = false;                // password and K_G: 00h, nothing stored
    std::optional<milliseconds> applies_after;            // password and K_G take effect later
    bool breaks_on_two_writes_in_one_second = false;      // second credential write within a second: 00h, and users
                                                          // and K_G are again as before the first
    bool takes_rights_away = false;                       // a password change drops the privilege limit to USER
    bool duplicate_name = false;                          // another enabled slot carries user 2's name
    bool anonymous_account = false;                       // slot 1: null name, null password, ADMINISTRATOR
    bool default_account = false;                         // another slot: root with the password root
    bool user_slots_full = false;                         // every slot carries a name
    bool name_with_spaces = false;                        // another slot: "night shift", OPERATOR
    bool cleared_name_revives_default = false;            // a null name brings the factory account of that slot back
    int busy_slot = 0;                                    // this user's name and access can't be read: C0h
    bool cleared_name_deletes_user = false;               // ... or takes the whole user away
    bool keeps_settings = false;                          // SNMP, PEF, boot options ...: 00h, nothing stored
    bool keeps_event_log = false;                         // Clear SEL: 00h and "completed", nothing cleared
    bool event_log_without_end = false;                   // after its last record comes the first one again
    bool factory_reset_does_nothing = false;              // a vendor's reset to factory state: 00h, nothing happens
    bool factory_reset_gives_label_password = false;      // ... the administrator has a password that nobody here saw
    bool factory_reset_gives_published_password = false;  // ... its own name as password, whatever it came with
    bool event_log_ends_early = false;                    // after its first record comes none, whatever it counts
    bool set_access_needs_four_bytes = false;             // Set User Access without the session limit: C7h
    bool ignores_user_access = false;                     // Set User Access: 00h, nothing stored
    bool no_access_refused = false;                       // Set User Access with privilege limit Fh: CCh
    bool slot_1_stays_enabled = false;                    // disabling user 1: CCh
    bool enabled_bits_never_set = false;                  // Get User Access: enabled or disabled is "unspecified"
    bool suite_0_stays_open = false;                      // parameter 24 says "unused", suite 0 works all the same
    bool enable_wants_password = false;                   // enable and disable without a dummy password: C7h
    bool k_g_unsupported = false;                         // 56h: C1h
    bool k_g_unusable = false;                            // accepted, then no two-key login with the new key works
    bool k_g_refused = false;                             // 56h set: D4h
    bool k_g_bit_lies = false;                            // the "K_G is set" bit is the wrong way round
    bool error_replies_with_tag_0 = false;                // RAKP errors: tag 0, session ID 0, full length, rest zero
    bool open_session_privilege = false;                  // echoes 0, HMAC over the Open Session role, no name-only bit
    bool hashes_open_session_level = false;  // what FreeIPMI calls opensesspriv: echoes the asked level, HMAC over it
                                             // and RAKP 1's name-only bit
    bool hmac_one_byte_too_long = false;
    bool short_error_replies = false;  // 2-byte RAKP errors (Open Session errors always have the 8 of §13.18)
    bool get_session_info_unsupported = false;
    bool cipher_suites_only_in_rmcp_plus = false;  // 54h in an IPMI 1.5 frame: silence
    bool disabled_user_still_logs_in = false;
    bool bogus_rakp2 = false;                       // all-zero key exchange code
    bool random_rakp2 = false;                      // a fresh random key exchange code in every RAKP 2
    bool counts_abandoned_handshakes = false;       // a RAKP 2 without a RAKP 3 is a failed login
    bool drops_first_command = false;               // of every session, while keys install
    std::optional<milliseconds> slow;               // every reply this late
    std::optional<int> reboots_after_commands;      // does the n-th command of a session, then dark for 5 s, sessions
                                                    // gone; once
    std::optional<int> swaps_board_after_commands;  // other GUID and MAC, same users, sessions gone; once
    bool reboot_loses_last_write = false;           // the last credential write is undone
};

struct Config {
    std::string name = "virtual";
    std::string vendor = "plain";       // the group in the practice inventory
    std::uint8_t administrator_id = 2;  // the account in the practice inventory
    std::array<std::uint8_t, 4> address{127, 0, 0, 1};
    ipmi::Guid guid{};
    std::uint32_t manufacturer = 0;
    std::uint16_t product = 0;
    std::uint8_t firmware_major = 1;
    std::uint8_t firmware_minor_bcd = 0x23;
    std::array<std::uint8_t, 6> mac{};
    std::uint8_t channel = 1;
    std::vector<std::uint8_t> cipher_suites{3, 17};
    std::map<std::uint8_t, User> users;  // by user ID
    std::uint8_t max_users = 16;
    Bytes k_g;  // empty: none
    bool k_g_locked = false;
    int session_slots = 16;
    milliseconds half_open_timeout{3000};
    milliseconds inactivity_timeout{60000};
    int bad_password_threshold = 0;  // 0: no lock-out
    milliseconds lockout{300000};
    Quirks quirks;
    std::uint64_t seed = 1;
};

struct Reply {
    milliseconds delay{0};
    Bytes datagram;
};

struct Counters {
    std::uint64_t datagrams = 0;
    std::uint64_t rejected_rakp3 = 0;   // failed logins
    std::uint64_t sessions_opened = 0;  // RAKP 4 sent with status 00h
    std::uint64_t sessions_closed = 0;  // by Close Session
    std::uint64_t slots_refused = 0;    // status 01h
    int most_sessions = 0;              // at once, half-open ones included
    std::uint64_t passwords_set = 0;    // Set User Password, operation 2, answered or not
    std::uint64_t k_gs_set = 0;
    std::uint64_t unencrypted_secrets = 0;  // a password or K_G that came outside AES
};

class VirtualBmc {
public:
    explicit VirtualBmc(Config config);
    ~VirtualBmc();
    VirtualBmc(VirtualBmc&&) noexcept;
    VirtualBmc& operator=(VirtualBmc&&) noexcept;

    // `from` tells consoles apart (address and port as text). Replies in order, each with its delay.
    [[nodiscard]] std::vector<Reply> handle(ByteView datagram, std::string_view from, TimePoint now);

    [[nodiscard]] const Config& config() const;
    [[nodiscard]] const Counters& counters() const;
    [[nodiscard]] int open_sessions(TimePoint now) const;  // active and half-open
    // Would this password (and K_G, empty: none) open this account now? By the stored bytes, without the wire.
    [[nodiscard]] bool accepts(std::string_view user, ByteView password, ByteView k_g, TimePoint now) const;
    [[nodiscard]] Bytes stored_password(std::uint8_t user_id, TimePoint now) const;
    [[nodiscard]] Bytes stored_k_g() const;  // at the time of the last datagram
    [[nodiscard]] std::size_t events_logged() const;
    void log_event();
    void set_password_behind_our_back(std::uint8_t user_id, ByteView password);
    void power_cycle(TimePoint now);  // sessions gone, dark for 5 s

private:
    struct State;
    std::unique_ptr<State> state_;
};

struct QuirkInfo {
    std::string_view name;  // "truncates-to-16"
    std::string_view help;
    bool takes_value;
};
[[nodiscard]] std::vector<QuirkInfo> list_quirks();
// "truncates-to-16", "slow=8000", "session-slots=4" ... kInvalidArgument names the word and what is allowed.
[[nodiscard]] Result<void> apply_quirk(Config& config, std::string_view text);
// The i-th BMC of a realistic mix of vendors (Dell-, HPE-, Lenovo-, Supermicro-, OpenBMC-, AMI-like ...), factory
// state.
[[nodiscard]] Config mixed_vendor_config(std::size_t i, std::uint64_t seed);
// A plain specification-keeping BMC with an ADMIN account in slot 2.
[[nodiscard]] Config plain_config(std::size_t i, std::uint64_t seed);

}  // namespace bmcvault::virtual_bmc
