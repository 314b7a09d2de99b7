#include "ipmi/io/bmc_client.hpp"

#include <sys/random.h>

#include <algorithm>

#include "ipmi/core/lan_message.hpp"
#include "ipmi/io/open_session.hpp"
#include "ipmi/io/wire.hpp"
#include "vault/base/check.hpp"

namespace bmcvault::ipmi {
namespace {

using State = Handshake::State;

// Each repeated Open Session may open one more slot on the BMC, and some ignore a repeated RAKP 1: few, then afresh.
constexpr int kSetupAttempts = 4;
constexpr int kRestarts = 1;
constexpr std::chrono::milliseconds kBeforeRestart{1000};  // iLO: status 02h while it makes up its mind
constexpr int kCipherSuiteAttempts = 2;                    // some BMCs never answer it
constexpr std::uint8_t kLastCipherSuiteBlock = 0x3f;       // §22.15
constexpr std::size_t kFullCipherSuiteBlock = 16;
constexpr Channel kHere{kPresentChannel};

bool forgot_the_session(std::optional<std::uint8_t> status) {
    return status == static_cast<std::uint8_t>(RmcpplusStatus::kInvalidSessionId) ||
           status == static_cast<std::uint8_t>(RmcpplusStatus::kInactiveSessionId);
}

// One handshake, to its end or into silence.
struct Attempt {
    Handshake handshake;
    bool answered = true;
    bool rakp3_repeated = false;
    int left_half_open = 0;  // by this attempt and those before it

    [[nodiscard]] bool finished() const { return handshake.state() == State::kFinished; }
    [[nodiscard]] bool rejected_after_rakp3() const {
        return finished() && handshake.status() && handshake.refused_in() == State::kRakp3Sent;
    }
    // The BMC, or the net, lost the session between two messages.
    [[nodiscard]] bool worth_a_restart() const {
        return finished() ? forgot_the_session(handshake.status()) : handshake.state() != State::kOpenSessionSent;
    }
};

// A rights problem hides as "unknown user"; before RAKP 3 it costs nothing to ask.
bool may_be_a_rights_problem(const Attempt& attempt) {
    return attempt.finished() && attempt.handshake.outcome() == HandshakeOutcome::kUnknownUserOrLocked &&
           attempt.handshake.refused_in() != State::kRakp3Sent;
}

LoginReport report_of(Attempt& attempt) {
    LoginReport report;
    report.outcome = attempt.finished() ? attempt.handshake.outcome() : HandshakeOutcome::kNoAnswer;
    report.status = attempt.handshake.status();
    report.guid = attempt.handshake.guid();
    report.left_half_open = attempt.left_half_open;
    report.password = attempt.handshake.take_password();
    report.k_g = attempt.handshake.take_k_g();
    return report;
}

}  // namespace

void fill_random(MutableByteView bytes) {
    while (!bytes.empty()) {
        const auto got = getrandom(bytes.data(), bytes.size(), 0);
        BMCVAULT_CHECK(got > 0 || errno == EINTR);
        if (got > 0) bytes = bytes.subspan(static_cast<std::size_t>(got));
    }
}

struct BmcClient::State {
    State(Network& network, const Peer& peer, ClientOptions options)
        : wire(std::make_shared<Wire>(network, peer, std::move(options))) {}

    [[nodiscard]] asio::awaitable<std::optional<Response>> ask(const Request& request, int attempts);
    [[nodiscard]] asio::awaitable<Attempt> handshake_once(const LoginRequest& request, PrivilegeLevel privilege);
    [[nodiscard]] asio::awaitable<Attempt> handshake(const LoginRequest& request, PrivilegeLevel privilege);
    [[nodiscard]] asio::awaitable<LoginReport> enter(Attempt attempt, PrivilegeLevel privilege);
    [[nodiscard]] asio::awaitable<LoginReport> login_as_user_only(const LoginRequest& request, LoginReport refused);
    [[nodiscard]] asio::awaitable<LoginReport> login(const LoginRequest& request);

    std::shared_ptr<Wire> wire;
    std::uint8_t requester_sequence = 0;
    Framing framing = Framing::kLan;
    bool setting_up = false;
};

// Outside a session. Retransmissions change the framing, and the one that was answered is kept: ipmi_sim knows only
// that of IPMI 1.5, an iDRAC answers Get Channel Cipher Suites only in that of RMCP+.
asio::awaitable<std::optional<Response>> BmcClient::State::ask(const Request& request, int attempts) {
    requester_sequence = static_cast<std::uint8_t>((requester_sequence + 1) % kRequesterSequences);
    const auto first = framing;
    const auto other = first == Framing::kLan ? Framing::kRmcpplus : Framing::kLan;
    auto timing = wire->timing();
    timing.attempts = attempts;
    std::optional<Response> response;
    const Wire::Source source = [&](int attempt) {
        return sessionless_request(request, requester_sequence, attempt % 2 == 0 ? first : other);
    };
    const Wire::Listener listener = [&](ByteView datagram) {
        response = sessionless_response(datagram, request, requester_sequence);
        if (response) framing = framing_of(datagram);
        return response.has_value();
    };
    co_await wire->exchange(source, listener, timing);
    co_return response;
}

asio::awaitable<Attempt> BmcClient::State::handshake_once(const LoginRequest& request, PrivilegeLevel privilege) {
    HandshakeNonces nonces{wire->random<std::uint32_t>() | 1U, wire->random<Random16>()};  // an ID is never 0
    Attempt attempt{Handshake({.user_name = request.user_name,
                               .privilege = privilege,
                               .suite = request.suite,
                               .depth = request.depth,
                               .passwords = request.passwords,
                               .k_gs = request.k_gs,
                               .pinned_guid = request.pinned_guid,
                               .attempt = request.attempt},
                              nonces)};
    auto& handshake = attempt.handshake;
    while (!attempt.finished() && attempt.answered) {
        auto timing = wire->timing();
        timing.attempts = std::min(timing.attempts, kSetupAttempts);
        const bool rakp3 = handshake.state() == ipmi::State::kRakp3Sent;
        if (rakp3 && request.attempt != nullptr) timing.attempts = 1;  // each one may count as a failed login
        const Wire::Source source = [&](int transmission) {
            if (rakp3 && transmission > 0) attempt.rakp3_repeated = true;
            return handshake.outgoing();
        };
        const Wire::Listener listener = [&](ByteView datagram) {
            return handshake.receive(datagram) != Handshake::Step::kDropped;
        };
        attempt.answered = co_await wire->exchange(source, listener, timing);
    }
    co_return attempt;
}

asio::awaitable<Attempt> BmcClient::State::handshake(const LoginRequest& request, PrivilegeLevel privilege) {
    int left_half_open = 0;
    for (int restarts = 0;; ++restarts) {
        auto attempt = co_await handshake_once(request, privilege);
        if (attempt.handshake.left_a_slot_half_open()) ++left_half_open;
        attempt.left_half_open = left_half_open;
        const bool forgotten = attempt.finished() && forgot_the_session(attempt.handshake.status());
        // A repeated RAKP 3 that finds no session any more was not judged.
        if (attempt.rejected_after_rakp3() && !(forgotten && attempt.rakp3_repeated)) {
            ++wire->counters().failed_logins;
        }
        const bool last = restarts == kRestarts || request.attempt != nullptr;  // a wrong one is not sent twice
        if (!attempt.worth_a_restart() || last) co_return attempt;
        if (forgotten) co_await wire->pause(kBeforeRestart);
    }
}

// After the handshake: the session, raised to the privilege that was asked for.
asio::awaitable<LoginReport> BmcClient::State::enter(Attempt attempt, PrivilegeLevel privilege) {
    auto codec = attempt.finished() ? attempt.handshake.take_session() : std::nullopt;
    auto report = report_of(attempt);
    if (!codec) co_return report;
    auto session = std::make_unique<OpenSession>(wire, std::move(*codec));
    if (privilege > PrivilegeLevel::kUser) {  // where every session begins (§22.18)
        const auto raise = set_session_privilege_level(privilege);
        const auto response = co_await session->send(raise);
        const bool raised = response && response->ok() && !response->data.empty() &&
                            (response->data.front() & 0x0f) >= static_cast<std::uint8_t>(privilege);  // "OK" may lie
        if (!raised) {
            report.outcome = response ? HandshakeOutcome::kPrivilegeRefused : HandshakeOutcome::kNoAnswer;
            co_await session->close();
            if (session->lost()) ++report.left_half_open;
            co_return report;
        }
    }
    report.session = std::move(session);
    co_return report;
}

asio::awaitable<LoginReport> BmcClient::State::login_as_user_only(const LoginRequest& request, LoginReport refused) {
    auto attempt = co_await handshake(request, PrivilegeLevel::kUser);
    auto report = co_await enter(std::move(attempt), PrivilegeLevel::kUser);
    if (report.session) {
        co_await report.session->close();
        if (report.session->lost()) ++report.left_half_open;
        report.session.reset();
    }
    report.left_half_open += refused.left_half_open;
    if (!report.guid) {  // no RAKP 2: nothing was learned
        refused.left_half_open = report.left_half_open;
        co_return refused;
    }
    if (report.outcome == HandshakeOutcome::kMatched) {
        report.outcome = HandshakeOutcome::kPrivilegeRefused;
        report.status = refused.status;
    }
    co_return report;
}

asio::awaitable<LoginReport> BmcClient::State::login(const LoginRequest& request) {
    BMCVAULT_CHECK(!setting_up);
    const bool suite_0 = request.suite.authentication == AuthenticationAlgorithm::kNone;
    if (suite_0 && request.depth != Depth::kAskOnly) {  // it proves nothing: at most asked whether it is open
        LoginReport report;
        report.outcome = HandshakeOutcome::kNoProof;
        co_return report;
    }
    setting_up = true;
    auto attempt = co_await handshake(request, request.privilege);
    const bool ask_again = may_be_a_rights_problem(attempt) && request.privilege > PrivilegeLevel::kUser;
    auto report = co_await enter(std::move(attempt), request.privilege);
    if (ask_again) report = co_await login_as_user_only(request, std::move(report));
    setting_up = false;
    co_return report;
}

BmcClient::BmcClient(Network& network, Peer peer, ClientOptions options)
    : state_(std::make_unique<State>(network, peer, std::move(options))) {}

BmcClient::~BmcClient() = default;

asio::awaitable<Result<ChannelAuthenticationCapabilities>> BmcClient::capabilities() {
    struct Question {
        PrivilegeLevel privilege;
        bool v2_data;
    };
    // Some BMCs refuse the question at a level above the channel's limit, and IPMI 1.5 ones with bit 7 set.
    constexpr Question kQuestions[] = {
        {PrivilegeLevel::kAdministrator, true}, {PrivilegeLevel::kUser, true}, {PrivilegeLevel::kUser, false}};
    auto answer = Result<ChannelAuthenticationCapabilities>(std::unexpect, Error{ErrorCode::kNoAnswer, ""});
    for (const auto& question : kQuestions) {
        const auto request = get_channel_authentication_capabilities(kHere, question.privilege, question.v2_data);
        const auto response = co_await state_->ask(request, state_->wire->options().attempts);
        if (!response) co_return fail(ErrorCode::kNoAnswer, "no answer to Get Channel Authentication Capabilities");
        answer = parse_channel_authentication_capabilities(*response);
        if (answer || answer.error().code != ErrorCode::kRefused) break;
    }
    if (answer && !(answer->v2_extended && answer->ipmi_v2_0)) {
        co_return fail(ErrorCode::kUnsupported, "this BMC speaks IPMI 1.5 only");
    }
    co_return answer;
}

asio::awaitable<Result<Guid>> BmcClient::system_guid() {
    const auto request = get_system_guid();
    const auto response = co_await state_->ask(request, state_->wire->options().attempts);
    if (!response) co_return fail(ErrorCode::kNoAnswer, "no answer to Get System GUID");
    co_return parse_guid(*response);
}

asio::awaitable<std::vector<std::uint8_t>> BmcClient::cipher_suites() {
    Bytes records;
    for (std::uint8_t index = 0; index <= kLastCipherSuiteBlock; ++index) {
        const auto request = get_channel_cipher_suites(kHere, index);
        const auto response = co_await state_->ask(request, kCipherSuiteAttempts);
        if (!response) break;
        const auto block = parse_channel_cipher_suites(*response);
        if (!block) break;
        append(records, block->records);
        if (block->records.size() < kFullCipherSuiteBlock) break;
    }
    co_return cipher_suite_ids(records);
}

asio::awaitable<LoginReport> BmcClient::login(const LoginRequest& request) {
    co_return co_await state_->login(request);
}

const WireCounters& BmcClient::counters() const {
    return state_->wire->counters();
}

}  // namespace bmcvault::ipmi
