// The commands of one BMC: a table of (network function, command, least privilege, handler), and the handlers.
#include <algorithm>
#include <charconv>
#include <span>

#include "ipmi/virtual_bmc/machine.hpp"

namespace bmcvault::virtual_bmc {

namespace {

using ipmi::CompletionCode;
using ipmi::NetFn;
using ipmi::PrivilegeLevel;

struct Call {
    Machine& machine;
    Session* session;  // null outside a session
    ByteView data;
    bool rmcp_plus;
    bool encrypted;
};

Answer ok(Bytes data = {}) {
    return {0, std::move(data), false, false};
}
Answer refuse(std::uint8_t code) {
    return {code, {}, false, false};
}
Answer refuse(CompletionCode code) {
    return refuse(static_cast<std::uint8_t>(code));
}
Answer length_invalid() {
    return refuse(CompletionCode::kRequestDataLengthInvalid);
}
Answer invalid_field() {
    return refuse(CompletionCode::kInvalidDataField);
}

bool our_channel(const Machine& machine, std::uint8_t byte) {
    const std::uint8_t channel = byte & 0x0f;
    return channel == machine.config.channel || channel == ipmi::kPresentChannel;
}

bool user_id_exists(const Machine& machine, std::uint8_t user_id) {
    return user_id >= 1 && user_id <= machine.config.max_users;
}

// ---- Device (§20) ----

Answer get_device_id(const Call& call) {
    const Config& config = call.machine.config;
    Bytes out{0x20, 0x01, config.firmware_major, config.firmware_minor_bcd, 0x02, 0x80};
    out.push_back(static_cast<std::uint8_t>(config.manufacturer));
    out.push_back(static_cast<std::uint8_t>(config.manufacturer >> 8));
    out.push_back(static_cast<std::uint8_t>(config.manufacturer >> 16 & 0x0f));
    append_u16_le(out, config.product);
    append_u32_le(out, 0);
    return ok(out);
}

Answer cold_reset(const Call& call) {
    call.machine.reboot();
    return {0, {}, true, false};
}

Answer get_self_test_results(const Call&) {
    return ok({0x55, 0x00});
}

Answer get_guid(const Call& call) {
    return ok(Bytes(call.machine.config.guid.begin(), call.machine.config.guid.end()));
}

// ---- Sessions (§22.13 to §22.20) ----

std::uint8_t login_status_bits(const Machine& machine) {
    auto bits = static_cast<std::uint8_t>(machine.lan.volatile_access.flags & 0x18);  // same places
    for (const auto& [id, user] : machine.config.users) {
        if (!user.enabled) continue;
        const bool named = !user.name.empty();
        if (named) bits |= 0x04;
        if (!named && !user.password.empty()) bits |= 0x02;
        if (!named && user.password.empty()) bits |= 0x01;
    }
    const bool k_g = machine.accounts.has_k_g() && !machine.config.quirks.k_g_unsupported;
    if (k_g != machine.config.quirks.k_g_bit_lies) bits |= 0x20;
    return bits;
}

Answer get_channel_authentication_capabilities(const Call& call) {
    if (call.data.size() != 2) return length_invalid();
    if (!our_channel(call.machine, call.data[0])) return invalid_field();
    const std::uint8_t privilege = call.data[1] & 0x0f;
    if (privilege == 0 || privilege > 5) return invalid_field();
    const bool v2_data = (call.data[0] & 0x80) != 0;
    Bytes out{call.machine.config.channel, static_cast<std::uint8_t>(v2_data ? 0x80 : 0x00)};
    out.push_back(login_status_bits(call.machine));
    out.push_back(v2_data ? 0x02 : 0x00);  // IPMI 2.0 only
    append(out, Bytes{0, 0, 0, 0});
    return ok(out);
}

Bytes cipher_suite_records(const Machine& machine, bool by_suite) {
    Bytes records;
    Bytes algorithms;
    for (const std::uint8_t id : machine.config.cipher_suites) {
        for (const ipmi::CipherSuite& suite : ipmi::kCipherSuites) {
            if (suite.id != id) continue;
            const Bytes tagged{static_cast<std::uint8_t>(suite.authentication),
                               static_cast<std::uint8_t>(0x40 | static_cast<std::uint8_t>(suite.integrity)),
                               static_cast<std::uint8_t>(0x80 | static_cast<std::uint8_t>(suite.confidentiality))};
            append(records, Bytes{0xc0, id});
            append(records, tagged);
            for (const std::uint8_t algorithm : tagged) {
                if (std::ranges::find(algorithms, algorithm) == algorithms.end()) {
                    algorithms.push_back(algorithm);
                }
            }
        }
    }
    std::ranges::sort(algorithms);
    return by_suite ? records : algorithms;
}

Answer get_channel_cipher_suites(const Call& call) {
    if (call.data.size() != 3) return length_invalid();
    if (!our_channel(call.machine, call.data[0])) return invalid_field();
    const Bytes records = cipher_suite_records(call.machine, (call.data[2] & 0x80) != 0);
    constexpr std::size_t kBlock = 16;
    const std::size_t start = std::min(records.size(), (call.data[2] & 0x3f) * kBlock);
    Bytes out{call.machine.config.channel};
    append(out, ByteView(records).subspan(start, std::min(kBlock, records.size() - start)));
    return ok(out);
}

Answer set_session_privilege_level(const Call& call) {
    if (call.data.size() != 1) return length_invalid();
    const std::uint8_t wanted = call.data[0] & 0x0f;
    if (wanted > 5) return invalid_field();
    if (wanted > call.session->privilege_limit) return refuse(0x81);
    if (wanted != 0) call.session->privilege = wanted;
    return ok({call.session->privilege});
}

Answer close_session(const Call& call) {
    if (call.data.size() != 4 && call.data.size() != 5) return length_invalid();
    const std::uint32_t id = read_u32_le(call.data, 0);
    Session* target = call.machine.find_session(id);
    if (id == 0 && call.data.size() == 5) {
        for (Session& each : call.machine.sessions) {
            if (each.handle == call.data[4]) target = &each;
        }
        if (target == nullptr) return refuse(0x88);
    }
    if (target == nullptr || target->stage != Session::Stage::kActive) return refuse(0x87);
    if (target != call.session) {
        if (call.session->privilege < static_cast<std::uint8_t>(PrivilegeLevel::kAdministrator)) {
            return refuse(CompletionCode::kInsufficientPrivilege);
        }
        call.machine.drop_session(target->bmc_id);
        ++call.machine.counters.sessions_closed;
        return ok();
    }
    ++call.machine.counters.sessions_closed;
    return {0, {}, false, true};
}

// "a.b.c.d:port" as address, an unknown MAC address, port; zeros where it is something else.
Bytes console_address(std::string_view from) {
    constexpr std::size_t kSize = 4 + 6 + 2;
    Bytes address(4, 0);
    std::uint16_t port = 0;
    const char* at = from.data();
    const char* const end = from.data() + from.size();
    for (std::size_t i = 0; i < address.size() && at != end; ++i) {
        const auto parsed = std::from_chars(at, end, address[i]);
        if (parsed.ec != std::errc{} || parsed.ptr == end) {
            address.assign(kSize, 0);
            return address;
        }
        at = parsed.ptr + 1;
    }
    std::from_chars(at, end, port);
    address.resize(kSize - sizeof port, 0);
    append_u16_le(address, port);
    return address;
}

constexpr std::uint8_t kByHandle = 0xfe;
constexpr std::uint8_t kById = 0xff;

// The session that the request means, null when there is none (now).
const Session* meant_session(const Call& call) {
    const std::uint8_t index = call.data[0];
    if (index == 0) return call.session;
    std::uint8_t nth = 0;
    for (const Session& each : call.machine.sessions) {
        if (each.stage != Session::Stage::kActive) continue;
        ++nth;
        bool meant = nth == index;
        if (index == kByHandle) meant = each.handle == call.data[1];
        if (index == kById) meant = each.bmc_id == read_u32_le(call.data, 1);
        if (meant) return &each;
    }
    return nullptr;
}

Answer get_session_info(const Call& call) {
    if (call.machine.config.quirks.get_session_info_unsupported) return refuse(CompletionCode::kInvalidCommand);
    if (call.data.empty()) return length_invalid();
    std::size_t wanted_size = 1;
    if (call.data[0] == kByHandle) wanted_size = 2;
    if (call.data[0] == kById) wanted_size = 5;
    if (call.data.size() != wanted_size) return length_invalid();
    const Session* found = meant_session(call);
    Bytes out{found == nullptr ? std::uint8_t{0} : found->handle,
              static_cast<std::uint8_t>(std::min(call.machine.config.session_slots, 63)),
              static_cast<std::uint8_t>(call.machine.active_sessions())};
    if (found == nullptr) return ok(out);
    constexpr std::uint8_t kRmcpPlusSession = 0x10;
    append(out, Bytes{found->user_id, found->privilege,
                      static_cast<std::uint8_t>(kRmcpPlusSession | call.machine.config.channel)});
    append(out, console_address(found->from));
    return ok(out);
}

// ---- Channel (§22.22 to §22.25) ----

Answer set_channel_access(const Call& call) {
    if (call.data.size() != 3) return length_invalid();
    if (!our_channel(call.machine, call.data[0])) return refuse(0x82);
    LanParameters& lan = call.machine.lan;
    const std::uint8_t mode = call.data[1] & 0x07;
    const std::uint8_t privilege = call.data[2] & 0x0f;
    if (mode == 1 || mode > 3) return refuse(0x83);
    if (call.data[1] >> 6 == 3 || call.data[2] >> 6 == 3) return invalid_field();
    if (call.data[2] >> 6 != 0 && (privilege == 0 || privilege > 5)) return invalid_field();
    const auto flags = static_cast<std::uint8_t>(call.data[1] & 0x3f);
    if (call.data[1] >> 6 == 1) lan.non_volatile_access.flags = flags;
    if (call.data[1] >> 6 == 2) lan.volatile_access.flags = flags;
    if (call.data[2] >> 6 == 1) lan.non_volatile_access.privilege_limit = privilege;
    if (call.data[2] >> 6 == 2) lan.volatile_access.privilege_limit = privilege;
    return ok();
}

Answer get_channel_access(const Call& call) {
    if (call.data.size() != 2) return length_invalid();
    if (!our_channel(call.machine, call.data[0])) return refuse(0x82);
    const std::uint8_t which = call.data[1] >> 6;
    if (which != 1 && which != 2) return invalid_field();
    const ChannelAccess& access = which == 1 ? call.machine.lan.non_volatile_access : call.machine.lan.volatile_access;
    return ok({access.flags, access.privilege_limit});
}

Answer get_channel_info(const Call& call) {
    if (call.data.size() != 1) return length_invalid();
    if (!our_channel(call.machine, call.data[0])) return invalid_field();
    constexpr std::uint8_t kLan8023 = 0x04;
    constexpr std::uint8_t kIpmbProtocol = 0x01;
    constexpr std::uint8_t kMultiSession = 0x80;
    Bytes out{call.machine.config.channel, kLan8023, kIpmbProtocol,
              static_cast<std::uint8_t>(kMultiSession | call.machine.active_sessions())};
    append(out, Bytes{0xf2, 0x1b, 0x00, 0x00, 0x00});  // vendor ID of the IPMI forum, no auxiliary data
    return ok(out);
}

Answer set_channel_security_keys(const Call& call) {
    Machine& machine = call.machine;
    if (machine.config.quirks.k_g_unsupported) return refuse(CompletionCode::kInvalidCommand);
    if (call.data.size() < 3) return length_invalid();
    if (!our_channel(machine, call.data[0])) return invalid_field();
    const auto operation = static_cast<ipmi::SecurityKeyOperation>(call.data[1] & 0x03);
    if (call.data[2] != static_cast<std::uint8_t>(ipmi::SecurityKeyId::kKg)) return refuse(0x84);  // no K_R here
    const ByteView key = call.data.subspan(3);
    const auto lock_status = [&] { return static_cast<std::uint8_t>(machine.config.k_g_locked ? 1 : 2); };

    switch (operation) {
        case ipmi::SecurityKeyOperation::kRead: {
            Bytes out{lock_status()};
            append(out, padded20(machine.config.k_g));
            return ok(out);
        }
        case ipmi::SecurityKeyOperation::kLock:
            machine.config.k_g_locked = true;
            return ok({lock_status()});
        case ipmi::SecurityKeyOperation::kSet: {
            if (!call.encrypted) ++machine.counters.unencrypted_secrets;
            if (machine.config.k_g_locked) return refuse(0x80);
            if (key.size() != ipmi::kKgSize) return refuse(key.size() < ipmi::kKgSize ? 0x81 : 0x82);
            const std::uint8_t code = machine.accounts.set_k_g(key, machine.now);
            if (code != 0) return refuse(code);
            Answer answer = ok({lock_status()});
            answer.lost = machine.config.quirks.applies_and_loses_reply && !machine.lost_a_k_g_reply;
            machine.lost_a_k_g_reply = machine.lost_a_k_g_reply || answer.lost;
            return answer;
        }
    }
    return invalid_field();
}

// ---- Users (§22.26 to §22.30, §24.6, §24.7) ----

Answer set_user_access(const Call& call) {
    const bool short_form = call.data.size() == 3 && !call.machine.config.quirks.set_access_needs_four_bytes;
    if (!short_form && call.data.size() != 4) return length_invalid();
    const auto user_id = static_cast<std::uint8_t>(call.data[1] & 0x3f);
    const auto privilege = static_cast<std::uint8_t>(call.data[2] & 0x0f);
    const bool known_level = (privilege >= 1 && privilege <= 5) || privilege == 0x0f;
    if (!our_channel(call.machine, call.data[0]) || !user_id_exists(call.machine, user_id) || !known_level) {
        return invalid_field();
    }
    const User* before = call.machine.accounts.user(user_id);
    User wanted = before == nullptr ? User() : *before;
    if ((call.data[0] & 0x80) != 0) {
        wanted.callback_only = (call.data[0] & 0x40) != 0;
        wanted.link_authentication = (call.data[0] & 0x20) != 0;
        wanted.ipmi_messaging = (call.data[0] & 0x10) != 0;
    }
    wanted.privilege_limit = static_cast<PrivilegeLevel>(privilege);
    return refuse(call.machine.accounts.set_access(user_id, wanted, call.machine.now));
}

Answer get_user_access(const Call& call) {
    if (call.data.size() != 2) return length_invalid();
    const auto user_id = static_cast<std::uint8_t>(call.data[1] & 0x3f);
    if (!our_channel(call.machine, call.data[0]) || !user_id_exists(call.machine, user_id)) return invalid_field();
    if (user_id == call.machine.config.quirks.busy_slot) return refuse(CompletionCode::kNodeBusy);
    std::uint8_t enabled = 0;
    std::uint8_t fixed = 0;
    for (const auto& [id, user] : call.machine.config.users) {
        enabled = static_cast<std::uint8_t>(enabled + (user.enabled ? 1 : 0));
        fixed = static_cast<std::uint8_t>(fixed + (user.name_fixed ? 1 : 0));
    }
    const User* found = call.machine.accounts.user(user_id);
    User user;
    user.ipmi_messaging = false;  // as an empty slot has it
    if (found != nullptr) user = *found;
    std::uint8_t enabled_bits = user.enabled ? 0x40 : 0x80;
    if (call.machine.config.quirks.enabled_bits_never_set) enabled_bits = 0;
    Bytes out{call.machine.config.max_users, static_cast<std::uint8_t>(enabled_bits | enabled), fixed};
    out.push_back(static_cast<std::uint8_t>((user.callback_only ? 0x40 : 0) | (user.link_authentication ? 0x20 : 0) |
                                            (user.ipmi_messaging ? 0x10 : 0) |
                                            static_cast<std::uint8_t>(user.privilege_limit)));
    return ok(out);
}

Answer set_user_name(const Call& call) {
    if (call.data.size() != 1 + ipmi::kUserNameSize) return length_invalid();
    const auto user_id = static_cast<std::uint8_t>(call.data[0] & 0x3f);
    if (!user_id_exists(call.machine, user_id)) return invalid_field();
    const ByteView field = call.data.subspan(1);
    const std::string name(field.begin(), std::ranges::find(field, std::uint8_t{0}));
    return refuse(call.machine.accounts.set_name(user_id, name, call.machine.now));
}

Answer get_user_name(const Call& call) {
    if (call.data.size() != 1) return length_invalid();
    const auto user_id = static_cast<std::uint8_t>(call.data[0] & 0x3f);
    if (!user_id_exists(call.machine, user_id)) return invalid_field();
    if (user_id == call.machine.config.quirks.busy_slot) return refuse(CompletionCode::kNodeBusy);
    const User* found = call.machine.accounts.user(user_id);
    Bytes out;
    if (found != nullptr) append(out, as_bytes(found->name));
    out.resize(ipmi::kUserNameSize, 0);
    return ok(out);
}

Answer set_user_password(const Call& call) {
    Machine& machine = call.machine;
    if (call.data.size() < 2) return length_invalid();
    const auto user_id = static_cast<std::uint8_t>(call.data[0] & 0x3f);
    const std::uint8_t size = (call.data[0] & 0x80) != 0 ? ipmi::kPasswordSize20 : ipmi::kPasswordSize16;
    const auto operation = static_cast<ipmi::PasswordOperation>(call.data[1] & 0x03);
    const ByteView password = call.data.subspan(2);
    if (!user_id_exists(machine, user_id)) return invalid_field();

    if (operation == ipmi::PasswordOperation::kDisableUser || operation == ipmi::PasswordOperation::kEnableUser) {
        if (machine.config.quirks.enable_wants_password && password.size() != size) return length_invalid();
        const bool enable = operation == ipmi::PasswordOperation::kEnableUser;
        return refuse(machine.accounts.set_enabled(user_id, enable, machine.now));
    }
    if (!call.encrypted) ++machine.counters.unencrypted_secrets;
    if (password.size() != size) return length_invalid();
    if (operation == ipmi::PasswordOperation::kTestPassword) {
        return refuse(machine.accounts.test_password(user_id, size, password));
    }
    Answer answer = refuse(machine.accounts.set_password(user_id, size, password, machine.now));
    answer.lost =
        answer.completion_code == 0 && machine.config.quirks.applies_and_loses_reply && !machine.lost_a_password_reply;
    machine.lost_a_password_reply = machine.lost_a_password_reply || answer.lost;
    return answer;
}

Answer set_user_payload_access(const Call& call) {
    if (call.data.size() != 6) return length_invalid();
    const auto user_id = static_cast<std::uint8_t>(call.data[1] & 0x3f);
    if (!our_channel(call.machine, call.data[0]) || !user_id_exists(call.machine, user_id)) return invalid_field();
    const std::uint8_t operation = call.data[1] >> 6;
    if (operation > 1) return invalid_field();
    auto& payloads = call.machine.accounts.payload_access(user_id);
    for (std::size_t i = 0; i < payloads.size(); ++i) {
        const std::uint8_t bits = call.data[2 + i];
        payloads[i] = static_cast<std::uint8_t>(operation == 0 ? payloads[i] | bits : payloads[i] & ~bits);
    }
    return ok();
}

Answer get_user_payload_access(const Call& call) {
    if (call.data.size() != 2) return length_invalid();
    const auto user_id = static_cast<std::uint8_t>(call.data[1] & 0x3f);
    if (!our_channel(call.machine, call.data[0]) || !user_id_exists(call.machine, user_id)) return invalid_field();
    const auto& payloads = call.machine.accounts.payload_access(user_id);
    return ok(Bytes(payloads.begin(), payloads.end()));
}

// ---- Parameters (§23, §26), chassis (§28), PEF (§30) ----

constexpr std::uint8_t kParameterRevision = 0x11;

Answer get_lan_parameters(const Call& call) {
    if (call.data.size() != 4) return length_invalid();
    if (!our_channel(call.machine, call.data[0])) return invalid_field();
    Bytes out{kParameterRevision};
    if ((call.data[0] & 0x80) != 0) return ok(out);
    const std::uint8_t code = call.machine.lan.get_lan(call.data[1], call.data[2], out);
    return code == 0 ? ok(out) : refuse(code);
}

Answer set_lan_parameters(const Call& call) {
    if (call.data.size() < 3) return length_invalid();
    if (!our_channel(call.machine, call.data[0])) return invalid_field();
    return refuse(call.machine.lan.set_lan(call.data[1], call.data.subspan(2)));
}

Answer get_sol_parameters(const Call& call) {
    if (call.data.size() != 4) return length_invalid();
    if (!our_channel(call.machine, call.data[0])) return invalid_field();
    Bytes out{kParameterRevision};
    if ((call.data[0] & 0x80) != 0) return ok(out);
    const std::uint8_t code = call.machine.lan.get_sol(call.data[1], out);
    return code == 0 ? ok(out) : refuse(code);
}

Answer set_sol_parameters(const Call& call) {
    if (call.data.size() < 3) return length_invalid();
    if (!our_channel(call.machine, call.data[0])) return invalid_field();
    return refuse(call.machine.lan.set_sol(call.data[1], call.data.subspan(2)));
}

Answer get_chassis_status(const Call& call) {
    return ok({static_cast<std::uint8_t>(call.machine.powered_on ? 0x01 : 0x00), 0x00, 0x00});
}

Answer chassis_control(const Call& call) {
    if (call.data.size() != 1) return length_invalid();
    const std::uint8_t action = call.data[0] & 0x0f;
    if (action > 5) return invalid_field();
    const bool turns_off = action == 0 || action == 5;  // power down, soft shutdown
    call.machine.powered_on = !turns_off;
    return ok();
}

Answer get_pef_capabilities(const Call&) {
    return ok({0x51, 0x00, 0x00});
}

// ---- What an owner leaves behind (settings.hpp) ----

Answer get_setting(const Call& call, Settings::Family family, std::size_t at, Bytes head) {
    if (call.data.size() != at + 3) return length_invalid();
    const std::uint8_t code = call.machine.settings.get(family, call.data[at], call.data[at + 1], head);
    return code == 0 ? ok(head) : refuse(code);
}

Answer set_setting(const Call& call, Settings::Family family) {
    if (call.data.size() < 2) return length_invalid();
    return refuse(call.machine.settings.set(family, call.data[0] & 0x7f, call.data.subspan(1)));
}

Answer get_pef(const Call& call) {
    return get_setting(call, Settings::Family::kPef, 0, {kParameterRevision});
}
Answer set_pef(const Call& call) {
    return set_setting(call, Settings::Family::kPef);
}
Answer get_boot_option(const Call& call) {
    const std::uint8_t parameter = call.data.empty() ? std::uint8_t{0} : call.data[0];
    return get_setting(call, Settings::Family::kBoot, 0, {0x01, parameter});
}
Answer set_boot_option(const Call& call) {
    return set_setting(call, Settings::Family::kBoot);
}
Answer get_system_info(const Call& call) {
    return get_setting(call, Settings::Family::kSystemInfo, 1, {kParameterRevision});
}
Answer set_system_info(const Call& call) {
    return set_setting(call, Settings::Family::kSystemInfo);
}

constexpr std::uint8_t kDcmi = 0xdc;

Answer get_asset_tag(const Call& call) {
    if (call.data.size() != 3) return length_invalid();
    Bytes out{kDcmi};
    const std::uint8_t code = call.machine.settings.get_asset_tag(call.data[1], call.data[2], out);
    return call.data[0] == kDcmi && code == 0 ? ok(out) : invalid_field();
}

Answer set_asset_tag(const Call& call) {
    if (call.data.size() < 4 || call.data.size() != 3U + call.data[2]) return length_invalid();
    const std::uint8_t code = call.machine.settings.set_asset_tag(call.data[1], call.data.subspan(3));
    return call.data[0] == kDcmi && code == 0 ? ok({kDcmi, call.data[2]}) : invalid_field();
}

Answer read_fru(const Call& call) {
    if (call.data.size() != 4) return length_invalid();
    Bytes out;
    const auto offset = static_cast<std::uint16_t>(call.data[1] | call.data[2] << 8);
    const std::uint8_t code = call.machine.settings.read_fru(offset, call.data[3], out);
    return call.data[0] == 0 && code == 0 ? ok(out) : refuse(code);
}

Answer get_sel_info(const Call& call) {
    Bytes out;
    const std::uint8_t code = call.machine.event_log.info(out);
    return code == 0 ? ok(out) : refuse(code);
}

Answer reserve_sel(const Call& call) {
    Bytes out;
    const std::uint8_t code = call.machine.event_log.reserve(out);
    return code == 0 ? ok(out) : refuse(code);
}

Answer get_sel_entry(const Call& call) {
    Bytes out;
    const std::uint8_t code = call.machine.event_log.entry(call.data, out);
    return code == 0 ? ok(out) : refuse(code);
}

Answer clear_sel(const Call& call) {
    Bytes out;
    const std::uint8_t code = call.machine.event_log.clear(call.data, out);
    return code == 0 ? ok(out) : refuse(code);
}

// ---- Of the manufacturer ----

constexpr std::uint32_t kSupermicro = 10876;
constexpr std::array<std::uint32_t, 3> kMegarac{2623, 15370, 20974};

bool is_megarac(const Machine& machine) {
    return std::ranges::find(kMegarac, machine.config.manufacturer) != kMegarac.end();
}

Answer reset_supermicro(const Call& call) {
    if (call.machine.config.manufacturer != kSupermicro) return refuse(CompletionCode::kInvalidCommand);
    call.machine.begin_factory_reset();
    return ok();
}

Answer set_preserved_megarac(const Call& call) {
    if (!is_megarac(call.machine)) return refuse(CompletionCode::kInvalidCommand);
    return call.data.size() == 2 ? ok() : length_invalid();
}

Answer reset_megarac(const Call& call) {
    if (!is_megarac(call.machine)) return refuse(CompletionCode::kInvalidCommand);
    call.machine.begin_factory_reset();
    return ok();
}

// ---- The table ----

struct Command {
    NetFn net_fn;
    std::uint8_t number;
    PrivilegeLevel least;
    bool without_session;
    Answer (*handler)(const Call&);
};

constexpr PrivilegeLevel kCallback = PrivilegeLevel::kCallback;
constexpr PrivilegeLevel kUser = PrivilegeLevel::kUser;
constexpr PrivilegeLevel kOperator = PrivilegeLevel::kOperator;
constexpr PrivilegeLevel kAdministrator = PrivilegeLevel::kAdministrator;

constexpr std::array kCommands{
    // privileges: Appendix G
    Command{NetFn::kApp, ipmi::kGetDeviceId, kUser, false, get_device_id},
    Command{NetFn::kApp, 0x02, kAdministrator, false, cold_reset},
    Command{NetFn::kApp, 0x04, kUser, false, get_self_test_results},
    Command{NetFn::kApp, ipmi::kGetDeviceGuid, kUser, false, get_guid},
    Command{NetFn::kApp, ipmi::kGetSystemGuid, kCallback, true, get_guid},
    Command{NetFn::kApp, ipmi::kGetChannelAuthenticationCapabilities, kCallback, true,
            get_channel_authentication_capabilities},
    Command{NetFn::kApp, ipmi::kSetSessionPrivilegeLevel, kCallback, false, set_session_privilege_level},
    Command{NetFn::kApp, ipmi::kCloseSession, kCallback, false, close_session},
    Command{NetFn::kApp, ipmi::kGetSessionInfo, kUser, false, get_session_info},
    Command{NetFn::kApp, ipmi::kSetChannelAccess, kAdministrator, false, set_channel_access},
    Command{NetFn::kApp, ipmi::kGetChannelAccess, kUser, false, get_channel_access},
    Command{NetFn::kApp, ipmi::kGetChannelInfo, kUser, false, get_channel_info},
    Command{NetFn::kApp, ipmi::kSetUserAccess, kAdministrator, false, set_user_access},
    Command{NetFn::kApp, ipmi::kGetUserAccess, kOperator, false, get_user_access},
    Command{NetFn::kApp, ipmi::kSetUserName, kAdministrator, false, set_user_name},
    Command{NetFn::kApp, ipmi::kGetUserName, kOperator, false, get_user_name},
    Command{NetFn::kApp, ipmi::kSetUserPassword, kAdministrator, false, set_user_password},
    Command{NetFn::kApp, ipmi::kSetUserPayloadAccess, kAdministrator, false, set_user_payload_access},
    Command{NetFn::kApp, ipmi::kGetUserPayloadAccess, kOperator, false, get_user_payload_access},
    Command{NetFn::kApp, ipmi::kGetChannelCipherSuites, kCallback, true, get_channel_cipher_suites},
    Command{NetFn::kApp, ipmi::kSetChannelSecurityKeys, kAdministrator, false, set_channel_security_keys},
    Command{NetFn::kTransport, ipmi::kSetLanConfigurationParameters, kAdministrator, false, set_lan_parameters},
    Command{NetFn::kTransport, ipmi::kGetLanConfigurationParameters, kOperator, false, get_lan_parameters},
    Command{NetFn::kTransport, 0x21, kAdministrator, false, set_sol_parameters},
    Command{NetFn::kTransport, 0x22, kUser, false, get_sol_parameters},
    Command{NetFn::kChassis, 0x01, kUser, false, get_chassis_status},
    Command{NetFn::kChassis, 0x02, kOperator, false, chassis_control},
    Command{NetFn::kSensorEvent, 0x10, kUser, false, get_pef_capabilities},
    Command{NetFn::kSensorEvent, 0x12, kAdministrator, false, set_pef},
    Command{NetFn::kSensorEvent, 0x13, kOperator, false, get_pef},
    Command{NetFn::kChassis, 0x08, kOperator, false, set_boot_option},
    Command{NetFn::kChassis, 0x09, kOperator, false, get_boot_option},
    Command{NetFn::kApp, 0x58, kAdministrator, false, set_system_info},
    Command{NetFn::kApp, 0x59, kUser, false, get_system_info},
    Command{NetFn::kGroupExtension, 0x06, kUser, false, get_asset_tag},
    Command{NetFn::kGroupExtension, 0x08, kOperator, false, set_asset_tag},
    Command{NetFn::kStorage, 0x11, kUser, false, read_fru},
    Command{NetFn::kStorage, ipmi::kGetSelInfo, kUser, false, get_sel_info},
    Command{NetFn::kStorage, ipmi::kReserveSel, kUser, false, reserve_sel},
    Command{NetFn::kStorage, ipmi::kGetSelEntry, kUser, false, get_sel_entry},
    Command{NetFn::kStorage, ipmi::kClearSel, kOperator, false, clear_sel},
    Command{NetFn::kOem30, 0x40, kAdministrator, false, reset_supermicro},
    Command{NetFn::kOem32, 0xba, kAdministrator, false, set_preserved_megarac},
    Command{NetFn::kOem32, 0x66, kAdministrator, false, reset_megarac},
};

// Quirks that strike after a number of commands, each once.
void strike(Machine& machine, Answer& answer) {
    ++machine.commands_done;
    if (machine.config.quirks.reboots_after_commands == machine.commands_done) {
        machine.reboot();
        answer.lost = true;
    }
    if (machine.config.quirks.swaps_board_after_commands == machine.commands_done) {
        machine.swap_board();
        answer.lost = true;
    }
}

}  // namespace

std::optional<Answer> run_command(Machine& machine, Session* session, const LanRequest& request, bool rmcp_plus,
                                  bool encrypted) {
    const auto* const command = std::ranges::find_if(kCommands, [&](const Command& each) {
        return static_cast<std::uint8_t>(each.net_fn) == request.net_fn && each.number == request.command;
    });
    if (session == nullptr) {
        if (command == kCommands.end() || !command->without_session) return std::nullopt;
        const bool suites = command->number == ipmi::kGetChannelCipherSuites;
        if (suites && !rmcp_plus && machine.config.quirks.cipher_suites_only_in_rmcp_plus) return std::nullopt;
        return command->handler({machine, nullptr, request.data, rmcp_plus, encrypted});
    }
    Answer answer = refuse(CompletionCode::kInvalidCommand);
    if (command != kCommands.end()) {
        const bool allowed = session->privilege >= static_cast<std::uint8_t>(command->least);
        answer = allowed ? command->handler({machine, session, request.data, rmcp_plus, encrypted})
                         : refuse(CompletionCode::kInsufficientPrivilege);
    }
    strike(machine, answer);  // may end the session
    return answer;
}

}  // namespace bmcvault::virtual_bmc
