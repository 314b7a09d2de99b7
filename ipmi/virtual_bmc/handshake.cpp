// RMCP+ Open Session and RAKP 1 to 4, the BMC's half. (IPMI 2.0 §13.17 to §13.24, §13.28, §13.31)
#include <algorithm>

#include "ipmi/virtual_bmc/machine.hpp"

namespace bmcvault::virtual_bmc {

namespace {

using ipmi::AuthenticationAlgorithm;
using ipmi::CipherSuite;
using ipmi::ConfidentialityAlgorithm;
using ipmi::IntegrityAlgorithm;
using ipmi::PrivilegeLevel;
using ipmi::RmcpplusStatus;

constexpr std::size_t kOpenSessionRequestSize = 32;
constexpr int kMostSessions = 255;  // as many handles as there are
constexpr std::size_t kRakp1HeaderSize = 28;
constexpr std::size_t kRakp2Size = 40;  // without the key exchange code
constexpr std::size_t kRakp3HeaderSize = 8;
constexpr std::uint8_t kHighestLevel = static_cast<std::uint8_t>(PrivilegeLevel::kAdministrator);

std::uint8_t raw(RmcpplusStatus status) {
    return static_cast<std::uint8_t>(status);
}

// Tag, status and console session ID: all that an error carries. (§13.18, §13.21, §13.23)
Bytes short_head(std::uint8_t tag, RmcpplusStatus status, std::uint8_t privilege, std::uint32_t console_id) {
    Bytes out{tag, raw(status), privilege, 0};
    append_u32_le(out, console_id);
    return out;
}

Bytes rakp_error(const Machine& machine, std::uint8_t tag, RmcpplusStatus status, std::uint32_t console_id) {
    if (machine.config.quirks.error_replies_with_tag_0) {
        Bytes out = short_head(0, status, 0, 0);
        out.resize(kRakp2Size, 0);
        return out;
    }
    Bytes out = short_head(tag, status, 0, console_id);
    if (machine.config.quirks.short_error_replies) out.resize(2);
    return out;
}

struct AlgorithmChoice {
    RmcpplusStatus status = RmcpplusStatus::kOk;
    CipherSuite suite{};
};

std::vector<CipherSuite> enabled_suites(const Machine& machine) {
    std::vector<CipherSuite> out;
    for (const CipherSuite& suite : ipmi::kCipherSuites) {
        if (machine.lan.suite_privilege(suite.id) != 0) out.push_back(suite);
    }
    return out;
}

// Three records of 8 bytes: type, 2 reserved, length 8, algorithm, 3 reserved. (§13.17)
AlgorithmChoice choose_suite(const Machine& machine, ByteView records) {
    constexpr std::uint8_t kRecordSize = 8;
    for (std::uint8_t type = 0; type < 3; ++type) {
        const ByteView record = records.subspan(std::size_t{type} * kRecordSize, kRecordSize);
        if (record[0] != type || record[3] != kRecordSize) return {RmcpplusStatus::kIllegalParameter, {}};
    }
    const auto authentication = static_cast<AuthenticationAlgorithm>(records[4] & 0x3f);
    const auto integrity = static_cast<IntegrityAlgorithm>(records[12] & 0x3f);
    const auto confidentiality = static_cast<ConfidentialityAlgorithm>(records[20] & 0x3f);
    const std::vector<CipherSuite> suites = enabled_suites(machine);
    const auto any = [&](auto matches) { return std::any_of(suites.begin(), suites.end(), matches); };
    if (!any([&](const CipherSuite& each) { return each.authentication == authentication; })) {
        return {RmcpplusStatus::kInvalidAuthenticationAlgorithm, {}};
    }
    if (!any([&](const CipherSuite& each) { return each.integrity == integrity; })) {
        return {RmcpplusStatus::kInvalidIntegrityAlgorithm, {}};
    }
    if (!any([&](const CipherSuite& each) { return each.confidentiality == confidentiality; })) {
        return {RmcpplusStatus::kInvalidConfidentialityAlgorithm, {}};
    }
    for (const CipherSuite& suite : suites) {
        if (suite.authentication == authentication && suite.integrity == integrity &&
            suite.confidentiality == confidentiality) {
            return {RmcpplusStatus::kOk, suite};
        }
    }
    return {RmcpplusStatus::kNoCipherSuiteMatch, {}};
}

std::uint8_t free_handle(const Machine& machine) {
    for (std::uint8_t handle = 1;; ++handle) {
        const bool taken =
            std::ranges::any_of(machine.sessions, [&](const Session& each) { return each.handle == handle; });
        if (!taken) return handle;
    }
}

void append_name(Bytes& out, const Session& session) {
    out.push_back(session.role);
    out.push_back(static_cast<std::uint8_t>(session.user_name.size()));
    append(out, as_bytes(session.user_name));
}

Bytes rakp2_code(Machine& machine, const Session& session) {
    Bytes message;
    append_u32_le(message, session.console_id);
    append_u32_le(message, session.bmc_id);
    append(message, session.console_random);
    append(message, session.bmc_random);
    append(message, machine.config.guid);
    append_name(message, session);
    Bytes out = hmac(session.suite.authentication, session.k_uid, message);
    if (machine.config.quirks.bogus_rakp2) std::ranges::fill(out, std::uint8_t{0});
    if (machine.config.quirks.random_rakp2) out = machine.random_bytes(out.size());
    if (machine.config.quirks.hmac_one_byte_too_long && !out.empty()) out.push_back(session.bmc_random[0]);
    return out;
}

Bytes rakp3_code(const Session& session) {
    Bytes message(session.bmc_random);
    append_u32_le(message, session.console_id);
    append_name(message, session);
    return hmac(session.suite.authentication, session.k_uid, message);
}

Bytes rakp4_code(const Machine& machine, const Session& session) {
    Bytes message(session.console_random);
    append_u32_le(message, session.bmc_id);
    append(message, machine.config.guid);
    Bytes out = hmac(session.suite.authentication, session.keys.sik, message);
    out.resize(rakp4_code_size(session.suite.authentication));
    return out;
}

// The role byte as the HMACs see it: RAKP 1's, unless a quirk takes the level of Open Session instead.
std::uint8_t hashed_role(const Quirks& quirks, const Session& session, std::uint8_t role) {
    if (quirks.open_session_privilege) return session.open_session_role;
    if (!quirks.hashes_open_session_level) return role;
    return static_cast<std::uint8_t>((role & ipmi::kNameOnlyLookup) | session.open_session_role);
}

// Decides about user and role; fills the session when the user may go on.
RmcpplusStatus admit(Machine& machine, Session& session, ByteView payload) {
    const std::uint8_t role = payload[24];
    const std::uint8_t wanted = role & 0x0f;
    const std::size_t name_size = payload[27];
    if (name_size > ipmi::kUserNameSize) return RmcpplusStatus::kInvalidNameLength;
    if (payload.size() < kRakp1HeaderSize + name_size) return RmcpplusStatus::kIllegalParameter;
    if (wanted > kHighestLevel) return RmcpplusStatus::kInvalidRole;
    const ByteView name = payload.subspan(kRakp1HeaderSize, name_size);
    session.user_name.assign(name.begin(), name.end());
    session.user_id = 0;
    const Accounts::Lookup found = machine.accounts.find(session.user_name, role);
    if (found.status != RmcpplusStatus::kOk) return found.status;

    const auto user_limit = static_cast<std::uint8_t>(machine.accounts.login_limit(found.user_id));
    std::uint8_t limit = std::min(user_limit, session.suite_limit);
    limit = std::min(limit, machine.lan.volatile_access.privilege_limit);
    if (wanted > limit) return RmcpplusStatus::kUnauthorizedRole;
    session.user_id = found.user_id;
    session.privilege_limit = wanted == 0 ? limit : wanted;
    session.role = hashed_role(machine.config.quirks, session, role);
    session.k_uid = machine.accounts.k_uid(found.user_id);
    return RmcpplusStatus::kOk;
}

void activate(Machine& machine, Session& session) {
    Bytes message(session.console_random);
    append(message, session.bmc_random);
    append_name(message, session);
    session.keys = derive_keys(session.suite.authentication, machine.accounts.session_key(session.k_uid), message);
    session.stage = Session::Stage::kActive;
    session.privilege = std::min(session.privilege_limit, static_cast<std::uint8_t>(PrivilegeLevel::kUser));
    machine.accounts.login_succeeded(session.user_id);
    ++machine.counters.sessions_opened;
}

}  // namespace

Bytes open_session(Machine& machine, ByteView payload, std::string_view from) {
    if (payload.size() < kOpenSessionRequestSize) return {};
    const std::uint8_t tag = payload[0];
    const std::uint8_t role = payload[1] & 0x0f;
    const std::uint32_t console_id = read_u32_le(payload, 4);
    const auto refuse = [&](RmcpplusStatus status) { return short_head(tag, status, 0, console_id); };

    if (console_id == 0) return refuse(RmcpplusStatus::kInvalidSessionId);
    if (role > kHighestLevel) return refuse(RmcpplusStatus::kInvalidRole);
    const AlgorithmChoice choice = choose_suite(machine, payload.subspan(8));
    if (choice.status != RmcpplusStatus::kOk) return refuse(choice.status);
    const std::uint8_t suite_limit = machine.lan.suite_privilege(choice.suite.id);
    if (role > suite_limit) return refuse(RmcpplusStatus::kUnauthorizedRole);
    if (machine.live_sessions() >= std::min(machine.config.session_slots, kMostSessions)) {
        ++machine.counters.slots_refused;
        return refuse(RmcpplusStatus::kInsufficientResources);
    }

    Session session;
    session.console_id = console_id;
    session.bmc_id = machine.fresh_session_id();
    session.handle = free_handle(machine);
    session.from = from;
    session.last_used = machine.now;
    session.suite = choice.suite;
    session.open_session_role = role;
    session.suite_limit = role == 0 ? suite_limit : role;
    const Quirks& quirks = machine.config.quirks;
    std::uint8_t granted = quirks.hashes_open_session_level ? role : session.suite_limit;
    if (quirks.open_session_privilege) granted = 0;
    Bytes out = short_head(tag, RmcpplusStatus::kOk, granted, console_id);
    append_u32_le(out, session.bmc_id);
    append(out, payload.subspan(8, 24));
    machine.sessions.push_back(std::move(session));
    machine.counters.most_sessions = std::max(machine.counters.most_sessions, machine.live_sessions());
    return out;
}

Bytes rakp1(Machine& machine, ByteView payload) {
    if (payload.size() < kRakp1HeaderSize) return {};
    const std::uint8_t tag = payload[0];
    Session* session = machine.find_session(read_u32_le(payload, 4));
    if (session == nullptr || session->stage == Session::Stage::kActive) {
        return rakp_error(machine, tag, RmcpplusStatus::kInvalidSessionId, 0);
    }
    if (session->stage == Session::Stage::kRakp2Sent && same_bytes(session->answered_request, payload)) {
        return session->answer;
    }
    session->answered_request.assign(payload.begin(), payload.end());
    session->stage = Session::Stage::kRakp2Sent;
    session->last_used = machine.now;
    const RmcpplusStatus status = admit(machine, *session, payload);
    if (status != RmcpplusStatus::kOk) {
        session->user_id = 0;
        session->answer = rakp_error(machine, tag, status, session->console_id);
        return session->answer;
    }
    session->console_random.assign(payload.begin() + 8, payload.begin() + 24);
    session->bmc_random = machine.random_bytes(ipmi::kRandomSize);
    session->answer = short_head(tag, RmcpplusStatus::kOk, 0, session->console_id);
    append(session->answer, session->bmc_random);
    append(session->answer, machine.config.guid);
    append(session->answer, rakp2_code(machine, *session));
    return session->answer;
}

Bytes rakp3(Machine& machine, ByteView payload) {
    if (payload.size() < kRakp3HeaderSize) return {};
    const std::uint8_t tag = payload[0];
    if (same_bytes(machine.last_refused_rakp3.first, payload)) return machine.last_refused_rakp3.second;
    Session* session = machine.find_session(read_u32_le(payload, 4));
    if (session == nullptr) return rakp_error(machine, tag, RmcpplusStatus::kInvalidSessionId, 0);
    if (session->stage == Session::Stage::kActive && same_bytes(session->answered_request, payload)) {
        return session->answer;
    }
    if (session->stage != Session::Stage::kRakp2Sent || session->user_id == 0) {
        return rakp_error(machine, tag, RmcpplusStatus::kInvalidSessionId, session->console_id);
    }
    const bool proved =
        payload[1] == raw(RmcpplusStatus::kOk) && same_bytes(rakp3_code(*session), payload.subspan(kRakp3HeaderSize));
    if (!proved) {
        ++machine.counters.rejected_rakp3;
        machine.accounts.login_failed(session->user_id, machine.now);
        const Bytes answer = rakp_error(machine, tag, RmcpplusStatus::kInvalidIntegrityCheckValue, session->console_id);
        machine.last_refused_rakp3 = {Bytes(payload.begin(), payload.end()), answer};
        machine.drop_session(session->bmc_id);
        return answer;
    }
    session->last_used = machine.now;
    activate(machine, *session);
    session->answered_request.assign(payload.begin(), payload.end());
    session->answer = short_head(tag, RmcpplusStatus::kOk, 0, session->console_id);
    append(session->answer, rakp4_code(machine, *session));
    return session->answer;
}

}  // namespace bmcvault::virtual_bmc
