// One datagram in, its answers out: frames, integrity, encryption, sequence numbers; the rest is in the parts.
#include "ipmi/virtual_bmc/virtual_bmc.hpp"

#include <utility>

#include "ipmi/virtual_bmc/machine.hpp"

namespace bmcvault::virtual_bmc {

struct VirtualBmc::State {
    explicit State(Config config) : machine(std::move(config)) {}

    Machine machine;
};

namespace {

using ipmi::ConfidentialityAlgorithm;
using ipmi::IntegrityAlgorithm;
using ipmi::PayloadType;

std::uint8_t raw(PayloadType type) {
    return static_cast<std::uint8_t>(type);
}

Bytes seal(Machine& machine, Session& session, ByteView message, bool encrypt) {
    const bool authenticate = session.suite.integrity != IntegrityAlgorithm::kNone;
    std::uint8_t type = raw(PayloadType::kIpmi);
    Bytes payload(message.begin(), message.end());
    if (encrypt) {
        type |= kEncryptedBit;
        payload = aes_encrypt(session.keys.k2, machine.random_bytes(16), message);
    }
    if (authenticate) type |= kAuthenticatedBit;
    const std::uint32_t sequence = authenticate ? ++session.sent_authenticated : ++session.sent_unauthenticated;
    Bytes out = wrap_rmcp_plus(type, session.console_id, sequence, payload);
    if (!authenticate) return out;
    std::uint8_t pad = 0;  // the covered bytes are a multiple of 4 (§13.6)
    for (; (out.size() - kRmcpHeaderSize + 2) % 4 != 0; ++pad) out.push_back(0xff);
    out.push_back(pad);
    out.push_back(0x07);  // next header, fixed
    append(out, integrity_code(session.suite.integrity, session.keys.k1, session.k_uid,
                               ByteView(out).subspan(kRmcpHeaderSize)));
    return out;
}

bool integrity_holds(const Session& session, const RmcpPlusPacket& packet) {
    const std::size_t code_size = integrity_code_size(session.suite.integrity);
    if (packet.authenticated != (code_size != 0)) return false;
    if (code_size == 0) return true;
    if (packet.trailer.size() < code_size + 2) return false;
    const std::size_t pad = packet.trailer[packet.trailer.size() - code_size - 2];
    if (packet.trailer.size() != pad + 2 + code_size) return false;
    const ByteView covered = packet.covered_and_code.first(packet.covered_and_code.size() - code_size);
    return same_bytes(packet.trailer.last(code_size),
                      integrity_code(session.suite.integrity, session.keys.k1, session.k_uid, covered));
}

// The LAN message inside, once everything about the packet has been checked; nullopt: dropped.
std::optional<Bytes> unseal(Session& session, const RmcpPlusPacket& packet) {
    if (!integrity_holds(session, packet)) return std::nullopt;
    SequenceWindow& window = packet.authenticated ? session.authenticated : session.unauthenticated;
    if (!window.accept(packet.sequence)) return std::nullopt;
    if (!packet.encrypted) return Bytes(packet.payload.begin(), packet.payload.end());
    if (session.suite.confidentiality != ConfidentialityAlgorithm::kAesCbc128) return std::nullopt;
    return aes_decrypt(session.keys.k2, packet.payload);
}

Bytes in_session(Machine& machine, const RmcpPlusPacket& packet) {
    Session* session = machine.find_session(packet.session_id);
    if (session == nullptr || session->stage != Session::Stage::kActive) return {};
    if (packet.payload_type != raw(PayloadType::kIpmi)) return {};
    const bool first = !std::exchange(session->first_command_dropped, true);
    if (first && machine.config.quirks.drops_first_command) return {};
    const std::optional<Bytes> message = unseal(*session, packet);
    if (!message) return {};
    session->last_used = machine.now;
    const std::optional<LanRequest> request = open_lan_request(*message);
    if (!request) return {};
    const std::optional<Answer> answer = run_command(machine, session, *request, true, packet.encrypted);
    if (!answer || answer->lost) return {};
    const Bytes response = lan_response(*request, answer->completion_code, answer->data);
    Bytes out = seal(machine, *session, response, packet.encrypted);
    if (answer->close) machine.drop_session(packet.session_id);
    return out;
}

Bytes without_session(Machine& machine, ByteView message, bool rmcp_plus) {
    const std::optional<LanRequest> request = open_lan_request(message);
    if (!request) return {};
    const std::optional<Answer> answer = run_command(machine, nullptr, *request, rmcp_plus, false);
    if (!answer) return {};
    return lan_response(*request, answer->completion_code, answer->data);
}

Bytes rmcp_plus_reply(Machine& machine, const RmcpPlusPacket& packet, std::string_view from) {
    if (packet.session_id != 0) return in_session(machine, packet);
    if (packet.encrypted || packet.authenticated) return {};
    Bytes payload;
    auto reply_type = static_cast<PayloadType>(packet.payload_type + 1);
    switch (static_cast<PayloadType>(packet.payload_type)) {
        case PayloadType::kIpmi:
            reply_type = PayloadType::kIpmi;
            payload = without_session(machine, packet.payload, true);
            break;
        case PayloadType::kOpenSessionRequest:
            payload = open_session(machine, packet.payload, from);
            break;
        case PayloadType::kRakp1:
            payload = rakp1(machine, packet.payload);
            break;
        case PayloadType::kRakp3:
            payload = rakp3(machine, packet.payload);
            break;
        default:
            return {};
    }
    return payload.empty() ? Bytes() : wrap_rmcp_plus(raw(reply_type), 0, 0, payload);
}

Bytes reply_to(Machine& machine, ByteView datagram, std::string_view from) {
    switch (frame_of(datagram)) {
        case Frame::kPresencePing:
            return presence_pong(datagram);
        case Frame::kIpmi15: {
            const std::optional<ByteView> message = open_ipmi15(datagram);
            if (!message) return {};
            const Bytes response = without_session(machine, *message, false);
            return response.empty() ? Bytes() : wrap_ipmi15(response);
        }
        case Frame::kRmcpPlus: {
            const std::optional<RmcpPlusPacket> packet = open_rmcp_plus(datagram);
            return packet ? rmcp_plus_reply(machine, *packet, from) : Bytes();
        }
        case Frame::kOther:
            return {};
    }
    return {};
}

}  // namespace

VirtualBmc::VirtualBmc(Config config) : state_(std::make_unique<State>(std::move(config))) {}
VirtualBmc::~VirtualBmc() = default;
VirtualBmc::VirtualBmc(VirtualBmc&&) noexcept = default;
VirtualBmc& VirtualBmc::operator=(VirtualBmc&&) noexcept = default;

std::vector<Reply> VirtualBmc::handle(ByteView datagram, std::string_view from, TimePoint now) {
    Machine& machine = state_->machine;
    machine.settle(now);
    ++machine.counters.datagrams;
    const bool channel_off = (machine.lan.volatile_access.flags & 0x07) == 0;
    if (machine.dark_until || channel_off) return {};
    Bytes reply = reply_to(machine, datagram, from);
    if (reply.empty()) return {};
    std::vector<Reply> out;
    out.push_back({machine.config.quirks.slow.value_or(milliseconds{0}), std::move(reply)});
    return out;
}

const Config& VirtualBmc::config() const {
    return state_->machine.config;
}
const Counters& VirtualBmc::counters() const {
    return state_->machine.counters;
}

int VirtualBmc::open_sessions(TimePoint now) const {
    state_->machine.settle(now);
    return state_->machine.live_sessions();
}

bool VirtualBmc::accepts(std::string_view user, ByteView password, ByteView k_g, TimePoint now) const {
    Machine& machine = state_->machine;
    machine.settle(now);
    constexpr std::uint8_t kNameOnlyHighest = ipmi::kNameOnlyLookup;
    const Accounts::Lookup found = machine.accounts.find(user, kNameOnlyHighest);
    if (found.status != ipmi::RmcpplusStatus::kOk) return false;
    const Bytes k_uid = padded20(password);
    if (!same_bytes(machine.accounts.k_uid(found.user_id), k_uid)) return false;
    const bool k_g_given = padded20(k_g) != padded20({});
    return same_bytes(machine.accounts.session_key(k_uid), k_g_given ? padded20(k_g) : k_uid);
}

Bytes VirtualBmc::stored_password(std::uint8_t user_id, TimePoint now) const {
    state_->machine.settle(now);
    const User* user = state_->machine.accounts.user(user_id);
    return user == nullptr ? Bytes() : user->password;
}

Bytes VirtualBmc::stored_k_g() const {
    return state_->machine.config.k_g;
}

std::size_t VirtualBmc::events_logged() const {
    return state_->machine.event_log.size();
}

void VirtualBmc::log_event() {
    constexpr std::uint8_t kPhysicalSecurity = 0x05;
    state_->machine.event_log.log(kPhysicalSecurity, 1);
}

void VirtualBmc::set_password_behind_our_back(std::uint8_t user_id, ByteView password) {
    state_->machine.accounts.set_password_behind_our_back(user_id, password);
}

void VirtualBmc::power_cycle(TimePoint now) {
    state_->machine.settle(now);
    state_->machine.reboot();
}

}  // namespace bmcvault::virtual_bmc
