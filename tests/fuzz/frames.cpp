// Datagrams before any session, and the data of every response that a rotation reads: all of it unauthenticated, or
// from a BMC that lies.
#include "ipmi/core/commands.hpp"
#include "ipmi/core/frame.hpp"
#include "ipmi/core/lan_message.hpp"
#include "ipmi/core/setup_payloads.hpp"
#include "tests/fuzz/fuzz_input.hpp"

namespace {

using namespace bmcvault;

void parse_as_datagram(ByteView datagram) {
    const auto frame = ipmi::parse_frame(datagram);
    if (frame) BMCVAULT_CHECK(frame->payload.size() + frame->trailer.size() <= datagram.size());
    const auto request = ipmi::get_device_id();
    const auto response = ipmi::sessionless_response(datagram, request, 1);
    if (response) BMCVAULT_CHECK(response->data.size() <= datagram.size());
}

void parse_as_setup_payload(ByteView payload) {
    for (const auto type :
         {ipmi::PayloadType::kOpenSessionResponse, ipmi::PayloadType::kRakp2, ipmi::PayloadType::kRakp4}) {
        (void)ipmi::parse_setup_reply_head(type, payload);
    }
    (void)ipmi::parse_open_session_response(payload);
    (void)ipmi::parse_rakp2(payload);
    (void)ipmi::parse_rakp4(payload);
}

void parse_as_response(std::uint8_t completion_code, ByteView data) {
    const ipmi::Response response{.completion_code = completion_code, .data = Bytes(data.begin(), data.end())};
    (void)ipmi::parse_device_id(response);
    (void)ipmi::parse_guid(response);
    (void)ipmi::parse_channel_authentication_capabilities(response);
    (void)ipmi::parse_channel_cipher_suites(response);
    (void)ipmi::parse_session_info(response);
    (void)ipmi::parse_user_access(response);
    const auto name = ipmi::parse_user_name(response);
    if (name) BMCVAULT_CHECK(name->size() <= ipmi::kUserNameSize);
    (void)ipmi::parse_k_g_lock_status(response);
    (void)ipmi::parse_lan_configuration_parameter(response);
    (void)ipmi::parse_empty(response);
    BMCVAULT_CHECK(ipmi::cipher_suite_ids(data).size() <= data.size());
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::initialize_secrets();
    fuzz::Input input(data, size);
    const auto selector = input.take_byte();
    const auto bytes = input.rest();
    switch (selector % 3) {
        case 0:
            parse_as_datagram(bytes);
            break;
        case 1:
            parse_as_setup_payload(bytes);
            break;
        default:
            parse_as_response(selector / 3 % 2 == 0 ? 0 : selector, bytes);
            break;
    }
    return 0;
}
