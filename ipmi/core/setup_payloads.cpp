#include "ipmi/core/setup_payloads.hpp"

#include <array>

#include "ipmi/core/fiid.hpp"

namespace bmcvault::ipmi {
namespace {

constexpr std::size_t kMinReply = 2;
constexpr std::size_t kReplyHead = 8;
constexpr std::size_t kOpenSessionResponse = 36;
constexpr std::size_t kRakp2Fixed = 40;
constexpr std::size_t kMaxCode = 64;  // of the templates' last fields

fiid_field_t* reply_template(PayloadType type) {
    switch (type) {
        case PayloadType::kOpenSessionResponse:
            return tmpl_rmcpplus_open_session_response;
        case PayloadType::kRakp2:
            return tmpl_rmcpplus_rakp_message_2;
        case PayloadType::kRakp4:
            return tmpl_rmcpplus_rakp_message_4;
        default:
            BMCVAULT_CHECK(false && "not a reply of session setup");
            return nullptr;
    }
}

Bytes trailing_data(const Fiid& object, const char* name) {
    std::array<std::uint8_t, kMaxCode> bytes;
    const std::size_t size = object.data(name, bytes);
    return {bytes.data(), bytes.data() + size};
}

}  // namespace

Bytes open_session_request(std::uint8_t tag, PrivilegeLevel privilege, std::uint32_t console_session_id,
                           const CipherSuite& suite) {
    Fiid object(tmpl_rmcpplus_open_session_request);
    return object.filled(fill_rmcpplus_open_session(
        tag, static_cast<std::uint8_t>(privilege), console_session_id, static_cast<std::uint8_t>(suite.authentication),
        static_cast<std::uint8_t>(suite.integrity), static_cast<std::uint8_t>(suite.confidentiality), object.get()));
}

Bytes rakp1(std::uint8_t tag, std::uint32_t bmc_session_id, const Random16& console_random, PrivilegeLevel privilege,
            std::string_view user_name) {
    Fiid object(tmpl_rmcpplus_rakp_message_1);
    return object.filled(fill_rmcpplus_rakp_message_1(
        tag, bmc_session_id, console_random.data(), static_cast<unsigned>(console_random.size()),
        static_cast<std::uint8_t>(privilege), IPMI_NAME_ONLY_LOOKUP, user_name.empty() ? nullptr : user_name.data(),
        static_cast<unsigned>(user_name.size()), object.get()));
}

Bytes rakp3(std::uint8_t tag, std::uint32_t bmc_session_id, ByteView key_exchange_code) {
    Fiid object(tmpl_rmcpplus_rakp_message_3);
    return object.filled(fill_rmcpplus_rakp_message_3(tag, static_cast<std::uint8_t>(RmcpplusStatus::kOk),
                                                      bmc_session_id, key_exchange_code.data(),
                                                      static_cast<unsigned>(key_exchange_code.size()), object.get()));
}

std::optional<SetupReplyHead> parse_setup_reply_head(PayloadType type, ByteView payload) {
    if (payload.size() < kMinReply) return std::nullopt;
    Fiid object(reply_template(type));
    object.load(payload.first(payload.size() < kReplyHead ? kMinReply : kReplyHead));
    SetupReplyHead head;
    head.tag = object.field<std::uint8_t>("message_tag");
    head.status = object.field<std::uint8_t>("rmcpplus_status_code");
    if (payload.size() >= kReplyHead) {
        head.console_session_id = object.field<std::uint32_t>("remote_console_session_id");
    }
    return head;
}

std::optional<OpenSessionResponse> parse_open_session_response(ByteView payload) {
    if (payload.size() < kOpenSessionResponse) return std::nullopt;
    Fiid object(tmpl_rmcpplus_open_session_response);
    object.load(payload);
    OpenSessionResponse response;
    response.bmc_session_id = object.field<std::uint32_t>("managed_system_session_id");
    response.authentication = object.field<AuthenticationAlgorithm>("authentication_payload.authentication_algorithm");
    response.integrity = object.field<IntegrityAlgorithm>("integrity_payload.integrity_algorithm");
    response.confidentiality =
        object.field<ConfidentialityAlgorithm>("confidentiality_payload.confidentiality_algorithm");
    return response;
}

std::optional<Rakp2> parse_rakp2(ByteView payload) {
    if (payload.size() < kRakp2Fixed || payload.size() > kRakp2Fixed + kMaxCode) return std::nullopt;
    Fiid object(tmpl_rmcpplus_rakp_message_2);
    object.load(payload);
    Rakp2 reply;
    object.data("managed_system_random_number", reply.bmc_random);
    object.data("managed_system_guid", reply.guid);
    reply.key_exchange_code = trailing_data(object, "key_exchange_authentication_code");
    return reply;
}

std::optional<Bytes> parse_rakp4(ByteView payload) {
    if (payload.size() < kReplyHead || payload.size() > kReplyHead + kMaxCode) return std::nullopt;
    Fiid object(tmpl_rmcpplus_rakp_message_4);
    object.load(payload);
    return trailing_data(object, "integrity_check_value");
}

}  // namespace bmcvault::ipmi
