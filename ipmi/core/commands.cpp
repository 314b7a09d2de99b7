#include "ipmi/core/commands.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "ipmi/core/fiid.hpp"

namespace bmcvault::ipmi {
namespace {

constexpr std::uint8_t kListBySuite = 1;       // §22.15, list_algorithm_type
constexpr std::uint8_t kSolPayloadBit = 0x02;  // of "standard payload enables 1"

// A fill_* function's bytes are the command, then the data.
Request from_layout(NetFn net_fn, const Bytes& layout) {
    return {net_fn, layout.front(), ByteView(layout).subspan(1)};
}

std::unexpected<Error> refused(std::string_view command, std::uint8_t completion_code) {
    return std::unexpected(Error{
        ErrorCode::kRefused, fmt::format("{}: completion code {:02X}h", command, completion_code), completion_code});
}

Result<void> require(const Response& response, std::size_t size, std::string_view command) {
    if (!response.ok()) return refused(command, response.completion_code);
    if (response.data.size() < size) {
        return fail(ErrorCode::kProtocol, fmt::format("{}: the answer has {} data bytes, {} are needed", command,
                                                      response.data.size(), size));
    }
    return {};
}

Fiid lay_out(fiid_field_t* message_template, std::uint8_t command, const Response& response) {
    Bytes bytes{command, response.completion_code};
    append(bytes, response.data);
    Fiid object(message_template);
    object.load(bytes);
    return object;
}

// Set User Password, built by hand: fill_cmd_set_user_password of libfreeipmi 1.6.10 copies with strncpy (stops at a
// zero byte, reads beyond a full buffer) and leaves the password on the stack and in an object that nobody wipes.
Request user_password(UserId user, PasswordOperation operation, std::uint8_t size, const Key20& password) {
    BMCVAULT_CHECK(size == kPasswordSize16 || size == kPasswordSize20);
    Secret<2 + kPasswordSize20> data;
    return data.expose_mutable([&](auto bytes) {
        bytes[0] = static_cast<std::uint8_t>((size == kPasswordSize20 ? 0x80U : 0U) | (user.value & 0x3fU));
        bytes[1] = static_cast<std::uint8_t>(operation);
        password.expose([&](auto from) { std::ranges::copy(from.first(size), bytes.begin() + 2); });
        return Request(NetFn::kApp, kSetUserPassword, ByteView(bytes).first(2U + size), Request::Sensitivity::kSecret);
    });
}

Request user_state(UserId user, PasswordOperation operation) {
    // Sixteen zero bytes that mean nothing: some BMCs answer C7h when they are missing (Sun X4140, Windmill).
    std::array<std::uint8_t, 2 + kPasswordSize16> data{};
    data[0] = user.value & 0x3f;
    data[1] = static_cast<std::uint8_t>(operation);
    return {NetFn::kApp, kSetUserPassword, data};
}

}  // namespace

Request::Request(NetFn net_fn, std::uint8_t command, ByteView data, Sensitivity sensitivity)
    : net_fn_(net_fn), command_(command), size_(data.size()), sensitivity_(sensitivity) {
    BMCVAULT_CHECK(data.size() <= kMaxData);
    data_.expose_mutable([&](auto bytes) { std::ranges::copy(data, bytes.begin()); });
}

bool says_nothing(std::uint8_t completion_code) {
    switch (static_cast<CompletionCode>(completion_code)) {
        case CompletionCode::kNodeBusy:
        case CompletionCode::kTimeout:
        case CompletionCode::kOutOfSpace:
        case CompletionCode::kNoResponse:
        case CompletionCode::kInitializing:
            return true;
        default:
            return false;
    }
}

// ---- requests ----

Request get_device_id() {
    Fiid object(tmpl_cmd_get_device_id_rq);
    return from_layout(NetFn::kApp, object.filled(fill_cmd_get_device_id(object.get())));
}

Request get_device_guid() {
    Fiid object(tmpl_cmd_get_device_guid_rq);
    return from_layout(NetFn::kApp, object.filled(fill_cmd_get_device_guid(object.get())));
}

Request get_system_guid() {
    Fiid object(tmpl_cmd_get_system_guid_rq);
    return from_layout(NetFn::kApp, object.filled(fill_cmd_get_system_guid(object.get())));
}

Request get_channel_authentication_capabilities(Channel channel, PrivilegeLevel privilege, bool v2_data) {
    Fiid object(tmpl_cmd_get_channel_authentication_capabilities_rq);
    return from_layout(NetFn::kApp,
                       object.filled(fill_cmd_get_channel_authentication_capabilities(
                           channel.value, static_cast<std::uint8_t>(privilege), v2_data ? 1 : 0, object.get())));
}

Request get_channel_cipher_suites(Channel channel, std::uint8_t list_index) {
    Fiid object(tmpl_cmd_get_channel_cipher_suites_rq);
    return from_layout(NetFn::kApp, object.filled(fill_cmd_get_channel_cipher_suites(
                                        channel.value, static_cast<std::uint8_t>(PayloadType::kIpmi), list_index,
                                        kListBySuite, object.get())));
}

Request set_session_privilege_level(PrivilegeLevel privilege) {
    Fiid object(tmpl_cmd_set_session_privilege_level_rq);
    return from_layout(NetFn::kApp, object.filled(fill_cmd_set_session_privilege_level(
                                        static_cast<std::uint8_t>(privilege), object.get())));
}

Request close_session(std::uint32_t bmc_session_id) {
    Fiid object(tmpl_cmd_close_session_rq);
    return from_layout(NetFn::kApp, object.filled(fill_cmd_close_session(bmc_session_id, nullptr, object.get())));
}

Request get_own_session_info() {
    const std::uint8_t this_session[] = {0x00};  // by hand: libfreeipmi has no Get Session Info
    return {NetFn::kApp, kGetSessionInfo, this_session};
}

Request get_user_access(Channel channel, UserId user) {
    Fiid object(tmpl_cmd_get_user_access_rq);
    return from_layout(NetFn::kApp, object.filled(fill_cmd_get_user_access(channel.value, user.value, object.get())));
}

Request get_user_name(UserId user) {
    Fiid object(tmpl_cmd_get_user_name_rq);
    return from_layout(NetFn::kApp, object.filled(fill_cmd_get_user_name(user.value, object.get())));
}

Request set_user_name(UserId user, std::string_view name) {
    BMCVAULT_CHECK(name.size() <= kUserNameSize);
    std::array<std::uint8_t, 1 + kUserNameSize> data{};  // by hand: the fill function wants a zero-terminated name
    data[0] = user.value & 0x3f;
    std::ranges::copy(as_bytes(name), data.begin() + 1);
    return {NetFn::kApp, kSetUserName, data};
}

Request set_password(UserId user, std::uint8_t size_16_or_20, const Key20& password) {
    return user_password(user, PasswordOperation::kSetPassword, size_16_or_20, password);
}

Request test_password(UserId user, std::uint8_t size_16_or_20, const Key20& password) {
    return user_password(user, PasswordOperation::kTestPassword, size_16_or_20, password);
}

Request enable_user(UserId user) {
    return user_state(user, PasswordOperation::kEnableUser);
}

Request disable_user(UserId user) {
    return user_state(user, PasswordOperation::kDisableUser);
}

Request set_k_g(Channel channel, const Key20& k_g) {
    Secret<3 + kKgSize> data;  // by hand, for the reason of user_password()
    return data.expose_mutable([&](auto bytes) {
        bytes[0] = channel.value & 0x0f;
        bytes[1] = static_cast<std::uint8_t>(SecurityKeyOperation::kSet);
        bytes[2] = static_cast<std::uint8_t>(SecurityKeyId::kKg);
        k_g.expose([&](auto from) { std::ranges::copy(from, bytes.begin() + 3); });
        return Request(NetFn::kApp, kSetChannelSecurityKeys, bytes, Request::Sensitivity::kSecret);
    });
}

// The answer may hold the K_G itself: secret as well.
Request read_k_g_lock_status(Channel channel) {
    const std::uint8_t data[] = {static_cast<std::uint8_t>(channel.value & 0x0f),
                                 static_cast<std::uint8_t>(SecurityKeyOperation::kRead),
                                 static_cast<std::uint8_t>(SecurityKeyId::kKg)};
    return {NetFn::kApp, kSetChannelSecurityKeys, data, Request::Sensitivity::kSecret};
}

Request get_lan_configuration_parameter(Channel channel, std::uint8_t parameter, std::uint8_t set_selector,
                                        std::uint8_t block_selector) {
    Fiid object(tmpl_cmd_get_lan_configuration_parameters_rq);
    return from_layout(NetFn::kTransport, object.filled(fill_cmd_get_lan_configuration_parameters(
                                              channel.value, IPMI_GET_LAN_PARAMETER, parameter, set_selector,
                                              block_selector, object.get())));
}

Request set_lan_configuration_parameter(Channel channel, std::uint8_t parameter, ByteView data) {
    constexpr std::size_t kMaxParameterSize = 32;
    BMCVAULT_CHECK(data.size() <= kMaxParameterSize);
    Bytes bytes{static_cast<std::uint8_t>(channel.value & 0x0f),
                parameter};  // by hand: one function for all parameters
    append(bytes, data);
    return {NetFn::kTransport, kSetLanConfigurationParameters, bytes};
}

Request get_channel_info(Channel channel) {
    Fiid object(tmpl_cmd_get_channel_info_rq);
    return from_layout(NetFn::kApp, object.filled(fill_cmd_get_channel_info(channel.value, object.get())));
}

Request get_user_payload_access(Channel channel, UserId user) {
    Fiid object(tmpl_cmd_get_user_payload_access_rq);
    return from_layout(NetFn::kApp,
                       object.filled(fill_cmd_get_user_payload_access(channel.value, user.value, object.get())));
}

Request set_sol_payload_access(Channel channel, UserId user, bool allowed) {
    constexpr unsigned kDisable = 0x40;
    const std::uint8_t data[] = {
        static_cast<std::uint8_t>(channel.value & 0x0f),
        static_cast<std::uint8_t>((allowed ? 0U : kDisable) | (user.value & 0x3fU)),
        kSolPayloadBit,
        0,
        0,
        0,
    };
    return {NetFn::kApp, kSetUserPayloadAccess, data};
}

// By hand: the fill function refuses the reserved privilege limits that some BMCs report and want back.
Request set_user_access(Channel channel, UserId user, const UserAccess& access) {
    constexpr unsigned kChangeBits = 0x80;
    const unsigned link = access.link_authentication ? 0x20 : 0;
    const unsigned messaging = access.ipmi_messaging ? 0x10 : 0;
    // Callback-only (bit 6) is never set: a Gigabyte board then pins LAN sessions to CALLBACK. No session limit in the
    // optional fourth byte: OpenBMC refuses any value but 0.
    const std::uint8_t data[] = {
        static_cast<std::uint8_t>(kChangeBits | link | messaging | (channel.value & 0x0fU)),
        static_cast<std::uint8_t>(user.value & 0x3f),
        static_cast<std::uint8_t>(static_cast<std::uint8_t>(access.privilege_limit) & 0x0f),
        0x00,
    };
    return {NetFn::kApp, kSetUserAccess, data};
}

// ---- responses ----

Result<DeviceId> parse_device_id(const Response& response) {
    if (auto enough = require(response, 11, "Get Device ID"); !enough) return std::unexpected(enough.error());
    const auto object = lay_out(tmpl_cmd_get_device_id_rs, kGetDeviceId, response);
    DeviceId id;
    id.firmware_major = object.field<std::uint8_t>("firmware_revision1.major_revision");
    id.firmware_minor_bcd = object.field<std::uint8_t>("firmware_revision2.minor_revision");
    id.ipmi_version_bcd = response.data[4];  // one BCD byte, low digit first, that the template cuts in two
    id.manufacturer = object.field<std::uint32_t>("manufacturer_id.id");
    id.product = object.field<std::uint16_t>("product_id");
    return id;
}

Result<Guid> parse_guid(const Response& response) {
    if (auto enough = require(response, kGuidSize, "Get GUID"); !enough) return std::unexpected(enough.error());
    Guid guid;
    std::ranges::copy(ByteView(response.data).first(kGuidSize), guid.begin());
    return guid;
}

Result<ChannelAuthenticationCapabilities> parse_channel_authentication_capabilities(const Response& response) {
    if (auto enough = require(response, 8, "Get Channel Authentication Capabilities"); !enough) {
        return std::unexpected(enough.error());
    }
    const auto object =
        lay_out(tmpl_cmd_get_channel_authentication_capabilities_rs, kGetChannelAuthenticationCapabilities, response);
    ChannelAuthenticationCapabilities capabilities;
    capabilities.channel = object.field<std::uint8_t>("channel_number");
    capabilities.v2_extended = object.field<bool>("authentication_type.ipmi_v2.0_extended_capabilities_available");
    capabilities.anonymous_login = object.field<bool>("authentication_status.anonymous_login");
    capabilities.null_user_names = object.field<bool>("authentication_status.null_username");
    capabilities.non_null_user_names = object.field<bool>("authentication_status.non_null_username");
    capabilities.user_level_authentication_disabled =
        object.field<bool>("authentication_status.user_level_authentication");
    capabilities.per_message_authentication_disabled =
        object.field<bool>("authentication_status.per_message_authentication");
    capabilities.k_g_set = object.field<bool>("authentication_status.k_g");
    capabilities.ipmi_v1_5 = object.field<bool>("channel_supports_ipmi_v1.5_connections");
    capabilities.ipmi_v2_0 = object.field<bool>("channel_supports_ipmi_v2.0_connections");
    capabilities.oem_id = object.field<std::uint32_t>("oem_id");
    capabilities.oem_data = object.field<std::uint8_t>("oem_auxiliary_data");
    return capabilities;
}

Result<CipherSuiteBlock> parse_channel_cipher_suites(const Response& response) {
    if (auto enough = require(response, 1, "Get Channel Cipher Suites"); !enough) {
        return std::unexpected(enough.error());
    }
    const auto records = ByteView(response.data).subspan(1);
    CipherSuiteBlock block;
    block.channel = response.data[0];
    block.records.assign(records.begin(), records.end());
    return block;
}

std::vector<std::uint8_t> cipher_suite_ids(ByteView records) {
    constexpr std::uint8_t kStandardRecord = 0xc0;  // C0h, suite ID, algorithms; §22.15.2
    constexpr std::uint8_t kOemRecord = 0xc1;       // C1h, suite ID, three IANA bytes, algorithms
    std::vector<std::uint8_t> ids;
    while (!records.empty()) {
        const std::uint8_t start = records.front();
        const std::size_t head = start == kStandardRecord ? 2 : 5;
        if ((start != kStandardRecord && start != kOemRecord) || records.size() < head) break;
        if (start == kStandardRecord) ids.push_back(records[1]);
        records = records.subspan(head);
        // Algorithms are tagged by their upper two bits: 00b, 01b, 10b; 11b starts the next record.
        while (!records.empty() && records.front() < kStandardRecord) records = records.subspan(1);
    }
    return ids;
}

Result<SessionInfo> parse_session_info(const Response& response) {
    if (auto enough = require(response, 6, "Get Session Info"); !enough) return std::unexpected(enough.error());
    const ByteView data(response.data);
    SessionInfo info;
    info.handle = data[0];
    info.possible_sessions = data[1] & 0x3f;
    info.active_sessions = data[2] & 0x3f;
    info.user_id = UserId{static_cast<std::uint8_t>(data[3] & 0x3f)};
    info.privilege = static_cast<PrivilegeLevel>(data[4] & 0x0f);
    info.channel = data[5] & 0x0f;
    return info;
}

Result<UserAccess> parse_user_access(const Response& response) {
    if (auto enough = require(response, 4, "Get User Access"); !enough) return std::unexpected(enough.error());
    const auto object = lay_out(tmpl_cmd_get_user_access_rs, kGetUserAccess, response);
    UserAccess access;
    access.max_user_ids = object.field<std::uint8_t>("max_channel_user_ids");
    const auto enabled = object.field<std::uint8_t>("user_id_enable_status");
    if (enabled == 1) access.enabled = UserAccess::Enabled::kEnabled;
    if (enabled == 2) access.enabled = UserAccess::Enabled::kDisabled;
    access.enabled_count = object.field<std::uint8_t>("current_channel_user_ids");
    access.fixed_names = object.field<std::uint8_t>("current_channel_fixed_names");
    access.callback_only = object.field<bool>("user_restricted_to_callback");
    access.link_authentication = object.field<bool>("user_link_authentication");
    access.ipmi_messaging = object.field<bool>("user_ipmi_messaging");
    access.privilege_limit = object.field<PrivilegeLevel>("user_privilege_level_limit");
    return access;
}

Result<std::string> parse_user_name(const Response& response) {
    if (auto enough = require(response, kUserNameSize, "Get User Name"); !enough) {
        return std::unexpected(enough.error());
    }
    const auto name = ByteView(response.data).first(kUserNameSize);
    return std::string(name.begin(), std::ranges::find(name, std::uint8_t{0}));
}

Result<ChannelInfo> parse_channel_info(const Response& response) {
    if (auto enough = require(response, 4, "Get Channel Info"); !enough) return std::unexpected(enough.error());
    return ChannelInfo{static_cast<std::uint8_t>(response.data[0] & 0x0f),
                       static_cast<ChannelMedium>(response.data[1] & 0x7f)};
}

Result<bool> parse_sol_payload_access(const Response& response) {
    if (auto enough = require(response, 1, "Get User Payload Access"); !enough) return std::unexpected(enough.error());
    return (response.data[0] & kSolPayloadBit) != 0;
}

Result<KeyLockStatus> parse_k_g_lock_status(const Response& response) {
    if (auto enough = require(response, 1, "Set Channel Security Keys"); !enough) {
        return std::unexpected(enough.error());
    }
    switch (response.data[0] & 0x03) {
        case 0:
            return KeyLockStatus{KeyLockStatus::Value::kNotLockable};
        case 1:
            return KeyLockStatus{KeyLockStatus::Value::kLocked};
        case 2:
            return KeyLockStatus{KeyLockStatus::Value::kUnlocked};
        default:
            return fail(ErrorCode::kProtocol, "Set Channel Security Keys: lock status 3 is reserved");
    }
}

Result<Bytes> parse_lan_configuration_parameter(const Response& response) {
    if (auto enough = require(response, 1, "Get LAN Configuration Parameters"); !enough) {
        return std::unexpected(enough.error());
    }
    return Bytes(response.data.begin() + 1, response.data.end());
}

Result<void> parse_empty(const Response& response) {
    if (!response.ok()) return refused("the command", response.completion_code);
    return {};
}

}  // namespace bmcvault::ipmi
