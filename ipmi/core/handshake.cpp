#include "ipmi/core/handshake.hpp"

#include "ipmi/core/frame.hpp"
#include "ipmi/core/setup_payloads.hpp"

namespace bmcvault::ipmi {
namespace {

// One tag per message; never 0, which error replies carry that do not know the tag.
constexpr std::uint8_t kOpenSessionTag = 1;
constexpr std::uint8_t kRakp1Tag = 2;
constexpr std::uint8_t kRakp3Tag = 3;

struct Expected {
    PayloadType reply;
    std::uint8_t tag;
};

Expected expected_in(Handshake::State state) {
    switch (state) {
        case Handshake::State::kOpenSessionSent:
            return {PayloadType::kOpenSessionResponse, kOpenSessionTag};
        case Handshake::State::kRakp1Sent:
            return {PayloadType::kRakp2, kRakp1Tag};
        case Handshake::State::kRakp3Sent:
            return {PayloadType::kRakp4, kRakp3Tag};
        case Handshake::State::kFinished:
            break;
    }
    BMCVAULT_CHECK(false && "a finished handshake expects nothing");
    return {};
}

// A good reply must carry our tag and our session ID. An error reply may carry neither: OpenBMC sends 0 for both, and
// ipmi_sim ends after the status. It can be believed because it can only end the handshake.
bool is_for_us(const SetupReplyHead& head, std::uint8_t tag, std::uint32_t console_session_id) {
    const bool error = head.status != static_cast<std::uint8_t>(RmcpplusStatus::kOk);
    const bool tag_fits = head.tag == tag || (error && head.tag == 0);
    const bool id_fits =
        head.console_session_id == console_session_id || (error && head.console_session_id.value_or(0) == 0);
    return tag_fits && id_fits;
}

}  // namespace

HandshakeOutcome outcome_of_status(std::uint8_t status) {
    switch (static_cast<RmcpplusStatus>(status)) {
        case RmcpplusStatus::kInsufficientResources:
        case RmcpplusStatus::kInsufficientResourcesAtRole:
            return HandshakeOutcome::kNoSessionSlot;
        case RmcpplusStatus::kInvalidRole:
        case RmcpplusStatus::kUnauthorizedRole:
        case RmcpplusStatus::kUnauthorizedName:
            return HandshakeOutcome::kUnknownUserOrLocked;
        case RmcpplusStatus::kInvalidAuthenticationAlgorithm:
        case RmcpplusStatus::kInvalidIntegrityAlgorithm:
        case RmcpplusStatus::kInvalidConfidentialityAlgorithm:
        case RmcpplusStatus::kNoCipherSuiteMatch:
        case RmcpplusStatus::kIllegalParameter:
            return HandshakeOutcome::kCipherSuiteRefused;
        default:
            return HandshakeOutcome::kProtocolError;
    }
}

Handshake::Handshake(HandshakePlan plan, const HandshakeNonces& nonces) : plan_(std::move(plan)) {
    BMCVAULT_CHECK(plan_.suite.authentication != AuthenticationAlgorithm::kNone || plan_.depth == Depth::kAskOnly);
    BMCVAULT_CHECK(plan_.user_name.size() <= kUserNameSize && nonces.console_session_id != 0);
    facts_.algorithm = plan_.suite.authentication;
    facts_.console_session_id = nonces.console_session_id;
    facts_.console_random = nonces.console_random;
    facts_.role = static_cast<std::uint8_t>(static_cast<std::uint8_t>(plan_.privilege) | kNameOnlyLookup);
    facts_.user_name = plan_.user_name;
    // The real privilege, not 0 ("highest"): some BMCs key the session by the level of Open Session.
    send(PayloadType::kOpenSessionRequest,
         open_session_request(kOpenSessionTag, plan_.privilege, facts_.console_session_id, plan_.suite),
         State::kOpenSessionSent);
}

HandshakeOutcome Handshake::outcome() const {
    BMCVAULT_CHECK(outcome_.has_value());
    return *outcome_;
}

Handshake::Step Handshake::receive(ByteView datagram) {
    if (state_ == State::kFinished) return Step::kDropped;
    const auto expected = expected_in(state_);
    const auto frame = parse_frame(datagram);
    if (!frame || !frame->rmcpplus || frame->session_id != 0) return Step::kDropped;
    if (frame->payload_type != static_cast<std::uint8_t>(expected.reply)) return Step::kDropped;
    if (frame->authenticated || frame->encrypted) return Step::kDropped;
    const auto head = parse_setup_reply_head(expected.reply, frame->payload);
    if (!head || !is_for_us(*head, expected.tag, facts_.console_session_id)) return Step::kDropped;
    if (head->status != static_cast<std::uint8_t>(RmcpplusStatus::kOk)) return finish_refused(head->status);

    switch (state_) {
        case State::kOpenSessionSent:
            return receive_open_session_response(frame->payload);
        case State::kRakp1Sent:
            return receive_rakp2(frame->payload);
        case State::kRakp3Sent:
            return receive_rakp4(frame->payload);
        case State::kFinished:
            break;
    }
    return Step::kDropped;
}

Handshake::Step Handshake::receive_open_session_response(ByteView payload) {
    const auto response = parse_open_session_response(payload);
    if (!response || response->bmc_session_id == 0) return Step::kDropped;
    const auto& suite = plan_.suite;
    if (response->authentication != suite.authentication || response->integrity != suite.integrity ||
        response->confidentiality != suite.confidentiality) {
        return finish(HandshakeOutcome::kCipherSuiteRefused);  // a downgrade, or not what was asked for
    }
    facts_.bmc_session_id = response->bmc_session_id;
    send(PayloadType::kRakp1,
         rakp1(kRakp1Tag, facts_.bmc_session_id, facts_.console_random, plan_.privilege, plan_.user_name),
         State::kRakp1Sent);
    return Step::kNextMessage;
}

Handshake::Step Handshake::receive_rakp2(ByteView payload) {
    auto reply = parse_rakp2(payload);
    if (!reply) return Step::kDropped;
    facts_.bmc_random = reply->bmc_random;
    facts_.guid = reply->guid;
    facts_.key_exchange_code = std::move(reply->key_exchange_code);
    guid_ = facts_.guid;
    password_ = match_password(facts_, plan_.passwords);

    if (plan_.pinned_guid && *plan_.pinned_guid != facts_.guid) return finish(HandshakeOutcome::kIdentityChanged);
    if (!gives_proof(facts_)) {
        if (plan_.attempt == nullptr) return finish(HandshakeOutcome::kNoProof);
        attempted_ = true;
        password_ = PasswordMatch{plan_.attempt->id, Form::kExact, 0, {}, plan_.attempt->k_uid->clone()};
        return send_rakp3();
    }
    if (!password_) return finish(HandshakeOutcome::kNoCandidateMatches);
    if (plan_.depth == Depth::kAskOnly) return finish(HandshakeOutcome::kMatched);
    return send_rakp3();
}

std::optional<PasswordMatch> Handshake::take_password() {
    return attempted_ ? std::nullopt : std::move(password_);
}

Handshake::Step Handshake::send_rakp3() {
    send(PayloadType::kRakp3, rakp3(kRakp3Tag, facts_.bmc_session_id, rakp3_code(facts_, *password_)),
         State::kRakp3Sent);
    return Step::kNextMessage;
}

Handshake::Step Handshake::receive_rakp4(ByteView payload) {
    const auto integrity_check_value = parse_rakp4(payload);
    if (!integrity_check_value) return Step::kDropped;
    k_g_ = match_k_g({facts_, plan_.suite.integrity, *integrity_check_value}, *password_, plan_.k_gs);
    // After an attempt only this code shows that the password was right: without it, nothing is proved.
    if (!k_g_) return finish(attempted_ ? HandshakeOutcome::kNoProof : HandshakeOutcome::kKgUnknown);
    attempted_ = false;
    session_.emplace(plan_.suite, facts_.console_session_id, facts_.bmc_session_id,
                     derive_session_keys(facts_, *password_, *k_g_));
    return finish(HandshakeOutcome::kMatched);
}

void Handshake::send(PayloadType type, const Bytes& payload, State next) {
    outgoing_ = rmcpplus_header(type, 0, 0, 0, payload.size());
    append(outgoing_, payload);
    state_ = next;
}

Handshake::Step Handshake::finish(HandshakeOutcome outcome) {
    outcome_ = outcome;
    state_ = State::kFinished;
    return Step::kFinished;
}

Handshake::Step Handshake::finish_refused(std::uint8_t status) {
    status_ = status;
    refused_in_ = state_;
    return finish(outcome_of_status(status));
}

}  // namespace bmcvault::ipmi
