#include "tests/ipmi/freeipmi_session.hpp"

#include <array>
#include <stdexcept>

#include "ipmi/core/fiid.hpp"

namespace bmcvault::ipmi::test {
namespace {

// Any command with any data: what follows the LAN header.
fiid_field_t tmpl_any_command[] = {
    {8, "cmd", FIID_FIELD_REQUIRED | FIID_FIELD_LENGTH_FIXED},
    {2048, "data", FIID_FIELD_OPTIONAL | FIID_FIELD_LENGTH_VARIABLE},
    {0, "", 0},
};

std::uint8_t raw(auto value) {
    return static_cast<std::uint8_t>(value);
}

unsigned size_of(const Bytes& bytes) {
    return static_cast<unsigned>(bytes.size());
}

const void* data_or_null(const Bytes& bytes) {
    return bytes.empty() ? nullptr : bytes.data();
}

// HMAC integrity is keyed by K1, MD5-128 by the password alone.
const Bytes& integrity_key(const SessionSecrets& secrets) {
    static const Bytes none;
    return secrets.suite.integrity == IntegrityAlgorithm::kMd5_128 ? none : secrets.k1;
}

}  // namespace

std::optional<OpenedRequest> open_request(const SessionSecrets& secrets, const Bytes& datagram) {
    Fiid rmcp(tmpl_rmcp_hdr);
    Fiid header(tmpl_rmcpplus_session_hdr);
    Fiid payload(tmpl_rmcpplus_payload);
    Fiid lan_header(tmpl_lan_msg_hdr_rs);  // the same layout in both directions
    Fiid command(tmpl_any_command);
    Fiid lan_trailer(tmpl_lan_msg_trlr);
    Fiid trailer(tmpl_rmcpplus_session_trlr);
    const auto& suite = secrets.suite;
    const auto& key = integrity_key(secrets);
    if (unassemble_ipmi_rmcpplus_pkt(raw(suite.authentication), raw(suite.integrity), raw(suite.confidentiality),
                                     data_or_null(key), size_of(key), secrets.k2.data(), size_of(secrets.k2),
                                     datagram.data(), size_of(datagram), rmcp.get(), header.get(), payload.get(),
                                     lan_header.get(), command.get(), lan_trailer.get(), trailer.get(),
                                     IPMI_INTERFACE_FLAGS_DEFAULT) != 1) {
        return std::nullopt;
    }
    if (suite.integrity != IntegrityAlgorithm::kNone &&
        (ipmi_rmcpplus_check_packet_session_authentication_code(
             raw(suite.integrity), datagram.data(), size_of(datagram), data_or_null(key), size_of(key),
             secrets.password.data(), size_of(secrets.password), trailer.get()) != 1 ||
         ipmi_rmcpplus_check_integrity_pad(trailer.get()) != 1)) {
        return std::nullopt;
    }
    if (ipmi_rmcpplus_check_payload_pad(raw(suite.confidentiality), payload.get()) != 1) return std::nullopt;
    if (ipmi_lan_check_checksum(lan_header.get(), command.get(), lan_trailer.get()) != 1) return std::nullopt;
    OpenedRequest request;
    request.net_fn = lan_header.field<std::uint8_t>("net_fn");
    request.requester_sequence = lan_header.field<std::uint8_t>("rq_seq");
    request.session_id = header.field<std::uint32_t>("session_id");
    request.sequence = header.field<std::uint32_t>("session_sequence_number");
    request.command_and_data = command.filled(0);
    return request;
}

Bytes seal_reply(const SessionSecrets& secrets, const Reply& reply) {
    Fiid rmcp(tmpl_rmcp_hdr);
    Fiid header(tmpl_rmcpplus_session_hdr);
    Fiid lan_header(tmpl_lan_msg_hdr_rq);
    Fiid command(tmpl_any_command);
    Fiid trailer(tmpl_rmcpplus_session_trlr);
    const auto& suite = secrets.suite;
    const auto& key = integrity_key(secrets);
    Bytes message{reply.command, reply.completion_code};
    append(message, reply.data);
    command.load(message);
    std::array<std::uint8_t, 1024> out;
    const bool encrypted = suite.confidentiality != ConfidentialityAlgorithm::kNone;
    const bool authenticated = suite.integrity != IntegrityAlgorithm::kNone;
    const bool filled = fill_rmcp_hdr_ipmi(rmcp.get()) == 0 &&
                        fill_rmcpplus_session_hdr(IPMI_PAYLOAD_TYPE_IPMI, authenticated, encrypted, 0, 0,
                                                  reply.session_id, reply.sequence, header.get()) == 0 &&
                        fill_lan_msg_hdr(0x81, static_cast<std::uint8_t>(reply.net_fn), 0, reply.requester_sequence,
                                         lan_header.get()) == 0 &&
                        fill_rmcpplus_session_trlr(trailer.get()) == 0;
    const int size =
        !filled ? -1
                : assemble_ipmi_rmcpplus_pkt(
                      raw(suite.authentication), raw(suite.integrity), raw(suite.confidentiality), data_or_null(key),
                      size_of(key), secrets.k2.data(), size_of(secrets.k2), secrets.password.data(),
                      size_of(secrets.password), rmcp.get(), header.get(), lan_header.get(), command.get(),
                      trailer.get(), out.data(), out.size(), IPMI_INTERFACE_FLAGS_DEFAULT);
    if (size < 0) throw std::runtime_error("libfreeipmi could not seal the reply");
    return {out.data(), out.data() + size};
}

}  // namespace bmcvault::ipmi::test
