// The commands of a rotation: typed requests to bytes, response bytes to values. Request and response data only;
// the session (session_codec.hpp) wraps them. Secrets are taken from Key20 straight into a Request that wipes itself.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ipmi/spec/spec.hpp"
#include "vault/base/bytes.hpp"
#include "vault/base/error.hpp"
#include "vault/base/ids.hpp"
#include "vault/base/secret.hpp"

namespace bmcvault::ipmi {

// NetFn, command and data of one request, at most 64 data bytes, kept in secret memory and wiped.
class [[nodiscard]] Request {
public:
    static constexpr std::size_t kMaxData = 64;

    // kSecret: data holds a password or a key, and a session sends it under AES or not at all (I11).
    enum class Sensitivity : std::uint8_t { kPlain, kSecret };

    Request(NetFn net_fn, std::uint8_t command, ByteView data = {}, Sensitivity sensitivity = Sensitivity::kPlain);
    [[nodiscard]] bool carries_secret() const { return sensitivity_ == Sensitivity::kSecret; }
    [[nodiscard]] NetFn net_fn() const { return net_fn_; }
    [[nodiscard]] std::uint8_t command() const { return command_; }
    template <class Reader>
    decltype(auto) expose_data(Reader&& reader) const {
        return data_.expose([&](auto all) { return std::forward<Reader>(reader)(ByteView(all).first(size_)); });
    }

private:
    NetFn net_fn_;
    std::uint8_t command_;
    Secret<kMaxData> data_;
    std::size_t size_ = 0;
    Sensitivity sensitivity_;
};

struct Response {
    std::uint8_t completion_code = 0;
    Bytes data;  // after the completion code
    [[nodiscard]] bool ok() const { return completion_code == 0; }
};

// Busy, or not ready: nothing is known of what was asked for, and it may be asked again (§5.2, Table 5-2).
[[nodiscard]] bool says_nothing(std::uint8_t completion_code);

// ---- requests ----
[[nodiscard]] Request get_device_id();                                                                 // §20.1
[[nodiscard]] Request get_device_guid();                                                               // §20.8
[[nodiscard]] Request get_system_guid();                                                               // §22.14
[[nodiscard]] Request get_channel_authentication_capabilities(Channel, PrivilegeLevel, bool v2_data);  // §22.13
[[nodiscard]] Request get_channel_cipher_suites(Channel, std::uint8_t list_index);                     // §22.15
[[nodiscard]] Request set_session_privilege_level(PrivilegeLevel);                                     // §22.18
[[nodiscard]] Request close_session(std::uint32_t bmc_session_id);                                     // §22.19
[[nodiscard]] Request get_own_session_info();                                                          // §22.20
[[nodiscard]] Request get_user_access(Channel, UserId);                                                // §22.27
[[nodiscard]] Request get_user_name(UserId);                                                           // §22.29
[[nodiscard]] Request set_user_name(UserId, std::string_view name);                                    // §22.28
[[nodiscard]] Request set_password(UserId, std::uint8_t size_16_or_20, const Key20&);   // §22.30, operation 2
[[nodiscard]] Request test_password(UserId, std::uint8_t size_16_or_20, const Key20&);  // §22.30, operation 3
[[nodiscard]] Request enable_user(UserId);                                              // §22.30, operation 1
[[nodiscard]] Request disable_user(UserId);                                             // §22.30, operation 0
[[nodiscard]] Request set_k_g(Channel, const Key20&);                                   // §22.25, operation 1
[[nodiscard]] Request read_k_g_lock_status(Channel);                                    // §22.25, operation 0
[[nodiscard]] Request get_lan_configuration_parameter(Channel, std::uint8_t parameter, std::uint8_t set_selector = 0,
                                                      std::uint8_t block_selector = 0);  // §23.2
// `data` after the parameter's number, at most 32 bytes.
[[nodiscard]] Request set_lan_configuration_parameter(Channel, std::uint8_t parameter, ByteView data);  // §23.1
[[nodiscard]] Request get_channel_info(Channel);                                                        // §22.24
[[nodiscard]] Request get_user_payload_access(Channel, UserId);                                         // §24.7
// Serial over LAN on or off for this user; other payloads stay as they are.
[[nodiscard]] Request set_sol_payload_access(Channel, UserId, bool allowed);  // §24.6

struct UserAccess {  // §22.26, §22.27
    std::uint8_t max_user_ids = 0;
    enum class Enabled : std::uint8_t { kUnspecified, kEnabled, kDisabled } enabled{};
    std::uint8_t enabled_count = 0;
    std::uint8_t fixed_names = 0;
    bool callback_only = false;
    bool link_authentication = false;
    bool ipmi_messaging = false;
    PrivilegeLevel privilege_limit{};
    friend bool operator==(const UserAccess&, const UserAccess&) = default;
};
// Always sends the change bit and callback-only = 0.
[[nodiscard]] Request set_user_access(Channel, UserId, const UserAccess&);  // §22.26

// ---- responses: kProtocol when short, kRefused with the completion code when not 00h ----
struct DeviceId {
    std::uint8_t firmware_major = 0;
    std::uint8_t firmware_minor_bcd = 0;
    std::uint8_t ipmi_version_bcd = 0;
    std::uint32_t manufacturer = 0;  // IANA number, 20 bits
    std::uint16_t product = 0;
};
[[nodiscard]] Result<DeviceId> parse_device_id(const Response&);
[[nodiscard]] Result<Guid> parse_guid(const Response&);

struct ChannelAuthenticationCapabilities {
    std::uint8_t channel = 0;
    bool v2_extended = false;
    bool anonymous_login = false;
    bool null_user_names = false;
    bool non_null_user_names = false;
    bool user_level_authentication_disabled = false;
    bool per_message_authentication_disabled = false;
    bool k_g_set = false;
    bool ipmi_v1_5 = false;
    bool ipmi_v2_0 = false;
    std::uint32_t oem_id = 0;
    std::uint8_t oem_data = 0;
};
[[nodiscard]] Result<ChannelAuthenticationCapabilities> parse_channel_authentication_capabilities(const Response&);

struct CipherSuiteBlock {
    std::uint8_t channel = 0;
    Bytes records;  // at most 16 bytes; shorter: the last block
};
[[nodiscard]] Result<CipherSuiteBlock> parse_channel_cipher_suites(const Response&);
// Suite ids in a joined list of records; OEM records skipped; damaged tail ignored.
[[nodiscard]] std::vector<std::uint8_t> cipher_suite_ids(ByteView records);

struct SessionInfo {
    std::uint8_t handle = 0;
    std::uint8_t possible_sessions = 0;
    std::uint8_t active_sessions = 0;
    UserId user_id;
    PrivilegeLevel privilege{};
    std::uint8_t channel = 0;
};
[[nodiscard]] Result<SessionInfo> parse_session_info(const Response&);
[[nodiscard]] Result<UserAccess> parse_user_access(const Response&);
[[nodiscard]] Result<std::string> parse_user_name(const Response&);  // up to the first zero byte
struct ChannelInfo {
    std::uint8_t channel = 0;
    ChannelMedium medium{};  // other values than the named ones occur
};
[[nodiscard]] Result<ChannelInfo> parse_channel_info(const Response&);
[[nodiscard]] Result<bool> parse_sol_payload_access(const Response&);  // standard payload 1
struct KeyLockStatus {
    enum class Value : std::uint8_t { kNotLockable, kLocked, kUnlocked } value{};
};
[[nodiscard]] Result<KeyLockStatus> parse_k_g_lock_status(const Response&);
[[nodiscard]] Result<Bytes> parse_lan_configuration_parameter(const Response&);  // without the revision byte
[[nodiscard]] Result<void> parse_empty(const Response&);

}  // namespace bmcvault::ipmi
