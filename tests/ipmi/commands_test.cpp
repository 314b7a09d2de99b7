// Commands: the bytes of the specification, answers of every length, and what a BMC may get wrong.
#include "ipmi/core/commands.hpp"

#include <gtest/gtest.h>

#include "tests/ipmi/keys.hpp"

namespace bmcvault::ipmi::test {
namespace {

constexpr UserId kUser{5};
constexpr Channel kChannel{1};

// NetFn, command, data.
std::string layout(const Request& request) {
    Bytes bytes{static_cast<std::uint8_t>(request.net_fn()), request.command()};
    request.expose_data([&](ByteView data) { append(bytes, data); });
    return to_hex(bytes);
}

std::string hex_of(std::string_view text) {
    return to_hex(as_bytes(text));
}

TEST(Commands, AreTheBytesOfTheSpecification) {
    EXPECT_EQ(layout(get_device_id()), "0601");
    EXPECT_EQ(layout(get_device_guid()), "0608");
    EXPECT_EQ(layout(get_system_guid()), "0637");
    EXPECT_EQ(layout(get_channel_authentication_capabilities(Channel{0x0e}, PrivilegeLevel::kAdministrator, true)),
              "06388e04");
    EXPECT_EQ(layout(get_channel_authentication_capabilities(Channel{0x0e}, PrivilegeLevel::kUser, false)), "06380e02");
    EXPECT_EQ(layout(get_channel_cipher_suites(Channel{0x0e}, 2)), "06540e0082");
    EXPECT_EQ(layout(set_session_privilege_level(PrivilegeLevel::kAdministrator)), "063b04");
    EXPECT_EQ(layout(close_session(0x11223344)), "063c44332211");
    EXPECT_EQ(layout(get_own_session_info()), "063d00");
    EXPECT_EQ(layout(get_user_access(kChannel, kUser)), "06440105");
    EXPECT_EQ(layout(get_user_name(kUser)), "064605");
    EXPECT_EQ(layout(set_user_name(kUser, "oper")), "064505" + hex_of("oper") + std::string(24, '0'));
    EXPECT_EQ(layout(set_user_name(kUser, "sixteen-letters!")), "064505" + hex_of("sixteen-letters!"));
    EXPECT_EQ(layout(enable_user(kUser)), "06470501" + std::string(32, '0'));
    EXPECT_EQ(layout(disable_user(kUser)), "06470500" + std::string(32, '0'));
    EXPECT_EQ(layout(read_k_g_lock_status(kChannel)), "0656010001");
    EXPECT_EQ(layout(get_lan_configuration_parameter(kChannel, 5)), "0c0201050000");
    EXPECT_EQ(layout(get_lan_configuration_parameter(kChannel, 18, 1, 2)), "0c0201120102");
    EXPECT_EQ(layout(set_lan_configuration_parameter(kChannel, 24, Bytes{0, 0x40})), "0c0101180040");
    EXPECT_EQ(layout(get_channel_info(kChannel)), "064201");
    EXPECT_EQ(layout(get_user_payload_access(kChannel, kUser)), "064d0105");
    EXPECT_EQ(layout(set_sol_payload_access(kChannel, kUser, true)), "064c010502000000");
    EXPECT_EQ(layout(set_sol_payload_access(kChannel, kUser, false)), "064c014502000000");
}

TEST(Commands, PasswordsAndKeysGoInWholeAndBinary) {
    const auto binary = key20(std::string_view("\x00\xff-with-zero-\x00-inside", 20));
    const std::string bytes = binary.expose([](auto all) { return to_hex(all); });
    EXPECT_EQ(layout(set_password(kUser, 20, binary)), "06478502" + bytes);
    EXPECT_EQ(layout(set_password(kUser, 16, binary)), "06470502" + bytes.substr(0, 32));
    EXPECT_EQ(layout(test_password(kUser, 20, binary)), "06478503" + bytes);
    EXPECT_EQ(layout(test_password(kUser, 16, binary)), "06470503" + bytes.substr(0, 32));
    EXPECT_EQ(layout(set_k_g(kChannel, binary)), "0656010101" + bytes);
}

TEST(Commands, SayWhichOfThemCarryASecret) {
    const auto key = key20("k");
    EXPECT_TRUE(set_password(kUser, 20, key).carries_secret());
    EXPECT_TRUE(test_password(kUser, 16, key).carries_secret());
    EXPECT_TRUE(set_k_g(kChannel, key).carries_secret());
    EXPECT_TRUE(read_k_g_lock_status(kChannel).carries_secret());  // its answer does
    EXPECT_FALSE(enable_user(kUser).carries_secret());
    EXPECT_FALSE(get_device_id().carries_secret());
    EXPECT_FALSE(set_user_access(kChannel, kUser, {}).carries_secret());
}

TEST(Commands, UserAccessIsAlwaysWrittenWithTheChangeBitAndNeverCallbackOnly) {
    UserAccess access;
    access.callback_only = true;
    access.ipmi_messaging = true;
    access.privilege_limit = PrivilegeLevel::kAdministrator;
    EXPECT_EQ(layout(set_user_access(kChannel, kUser, access)), "064391050400");
    access.link_authentication = true;
    access.privilege_limit = PrivilegeLevel::kNoAccess;
    EXPECT_EQ(layout(set_user_access(kChannel, kUser, access)), "0643b1050f00");
}

TEST(Commands, AWholeUserAccessSurvivesTheAnswer) {
    const auto access = parse_user_access({0, {0x0a, 0x43, 0x01, 0x34}});
    ASSERT_TRUE(access);
    EXPECT_EQ(access->max_user_ids, 10);
    EXPECT_EQ(access->enabled, UserAccess::Enabled::kEnabled);
    EXPECT_EQ(access->enabled_count, 3);
    EXPECT_EQ(access->fixed_names, 1);
    EXPECT_FALSE(access->callback_only);
    EXPECT_TRUE(access->link_authentication);
    EXPECT_TRUE(access->ipmi_messaging);
    EXPECT_EQ(access->privilege_limit, PrivilegeLevel::kAdministrator);
    EXPECT_EQ(parse_user_access({0, {0x10, 0x88, 0x01, 0x0f}})->enabled, UserAccess::Enabled::kDisabled);
    EXPECT_EQ(parse_user_access({0, {0x10, 0x08, 0x01, 0x0f}})->enabled, UserAccess::Enabled::kUnspecified);
}

TEST(Commands, AnswersAreReadFieldByField) {
    const auto device = parse_device_id({0, {0x20, 0x81, 0x83, 0x45, 0x02, 0xbf, 0xa2, 0x02, 0x00, 0x00, 0x01}});
    ASSERT_TRUE(device);
    EXPECT_EQ(device->firmware_major, 3);  // bit 7 says "updating"
    EXPECT_EQ(device->firmware_minor_bcd, 0x45);
    EXPECT_EQ(device->ipmi_version_bcd, 0x02);
    EXPECT_EQ(device->manufacturer, 674U);
    EXPECT_EQ(device->product, 0x0100);

    const auto capabilities =
        parse_channel_authentication_capabilities({0, {0x01, 0x80, 0x27, 0x03, 0xa2, 0x02, 0x00, 0x99}});
    ASSERT_TRUE(capabilities);
    EXPECT_EQ(capabilities->channel, 1);
    EXPECT_TRUE(capabilities->v2_extended);
    EXPECT_TRUE(capabilities->anonymous_login);
    EXPECT_TRUE(capabilities->null_user_names);
    EXPECT_TRUE(capabilities->non_null_user_names);
    EXPECT_TRUE(capabilities->k_g_set);
    EXPECT_TRUE(capabilities->ipmi_v1_5);
    EXPECT_TRUE(capabilities->ipmi_v2_0);
    EXPECT_EQ(capabilities->oem_id, 674U);
    EXPECT_EQ(capabilities->oem_data, 0x99);

    const auto info = parse_session_info({0, {0x20, 0x05, 0x01, 0x02, 0x04, 0x01}});
    ASSERT_TRUE(info);
    EXPECT_EQ(info->handle, 0x20);
    EXPECT_EQ(info->possible_sessions, 5);
    EXPECT_EQ(info->active_sessions, 1);
    EXPECT_EQ(info->user_id, UserId{2});
    EXPECT_EQ(info->privilege, PrivilegeLevel::kAdministrator);
    EXPECT_EQ(info->channel, 1);

    EXPECT_EQ(parse_lan_configuration_parameter({0, {0x11, 1, 2, 3}}).value(), (Bytes{1, 2, 3}));
    Bytes name(16);
    name[0] = 'A';
    EXPECT_EQ(parse_user_name({0, name}).value(), "A");
    EXPECT_EQ(parse_user_name({0, Bytes(16, 'x')}).value(), std::string(16, 'x'));
}

TEST(Commands, LockStatusIsReadAndTheReservedOneIsNotGuessed) {
    using enum KeyLockStatus::Value;
    EXPECT_EQ(parse_k_g_lock_status({0, {0x00}})->value, kNotLockable);
    EXPECT_EQ(parse_k_g_lock_status({0, {0x01}})->value, kLocked);
    EXPECT_EQ(parse_k_g_lock_status({0, {0xfe}})->value, kUnlocked);
    EXPECT_EQ(parse_k_g_lock_status({0, {0x03}}).error().code, ErrorCode::kProtocol);
}

template <class Parse>
void expect_needs(std::size_t size, Parse parse) {
    for (std::size_t shorter = 0; shorter < size; ++shorter) {
        EXPECT_EQ(parse(Response{0, Bytes(shorter)}).error().code, ErrorCode::kProtocol) << shorter << " bytes";
    }
    for (std::size_t enough = size; enough < size + 300; ++enough) {
        EXPECT_TRUE(parse(Response{0, Bytes(enough)})) << enough << " bytes";
    }
    const auto refused = parse(Response{0xd4, Bytes(size)});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kRefused);
    EXPECT_EQ(refused.error().completion_code, 0xd4);
}

TEST(Commands, AShortAnswerIsAnErrorAndALongOneIsNot) {
    expect_needs(11, parse_device_id);
    expect_needs(16, parse_guid);
    expect_needs(8, parse_channel_authentication_capabilities);
    expect_needs(1, parse_channel_cipher_suites);
    expect_needs(6, parse_session_info);
    expect_needs(4, parse_user_access);
    expect_needs(16, parse_user_name);
    expect_needs(4, parse_channel_info);
    expect_needs(1, parse_sol_payload_access);
    expect_needs(1, parse_k_g_lock_status);
    expect_needs(1, parse_lan_configuration_parameter);
    expect_needs(0, parse_empty);
}

TEST(Commands, CipherSuiteRecordsGiveTheirIds) {
    EXPECT_EQ(cipher_suite_ids(Bytes{0xc0, 0x03, 0x01, 0x41, 0x81, 0xc0, 0x11, 0x03, 0x44, 0x81}),
              (std::vector<std::uint8_t>{3, 17}));
    // An OEM record is skipped, a damaged tail ignored, a bare list of algorithms holds no suite.
    EXPECT_EQ(cipher_suite_ids(Bytes{0xc1, 0x80, 0xa2, 0x02, 0x00, 0x01, 0x41, 0x81, 0xc0, 0x03, 0x01, 0x41, 0x81}),
              std::vector<std::uint8_t>{3});
    EXPECT_EQ(cipher_suite_ids(Bytes{0xc0, 0x03, 0x01, 0x41, 0x81, 0xc0}), std::vector<std::uint8_t>{3});
    EXPECT_EQ(cipher_suite_ids(Bytes{0xc0, 0x03, 0xff, 0xc0, 0x11}), std::vector<std::uint8_t>{3});
    EXPECT_TRUE(cipher_suite_ids(Bytes{0x03, 0x44, 0x81}).empty());
    EXPECT_TRUE(cipher_suite_ids(Bytes{}).empty());
}

}  // namespace
}  // namespace bmcvault::ipmi::test
