// One BMC as coroutines: discover, log in (asking offline which credential is live), commands, close.
//
// At most one session setup in flight per client; at most two sessions open (the kept one and one proof). Retransmits
// with back-off; never logs in twice by itself. Secrets are borrowed and must outlive the call.
#pragma once

#include <asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ipmi/core/candidates.hpp"
#include "ipmi/core/commands.hpp"
#include "ipmi/core/handshake.hpp"
#include "ipmi/io/network.hpp"

namespace bmcvault::ipmi {

// From the kernel's generator.
void fill_random(MutableByteView bytes);

struct ClientOptions {
    std::chrono::milliseconds first_timeout{1000};   // then x1.5
    int attempts = 5;                                // transmissions of one request
    std::chrono::milliseconds write_timeout{12000};  // whole wait for 43h, 45h, 47h, 56h
    std::chrono::milliseconds half_open_lifetime{60000};
    // Session IDs, RAKP randoms, initialization vectors. A simulation puts its seeded generator here.
    std::function<void(MutableByteView)> random = fill_random;
};

// What we did on the wire, for the JSON output. Rejected RAKP 3s are counted, never assumed to be 0.
struct WireCounters {
    std::uint32_t round_trips = 0;
    std::uint32_t retransmissions = 0;
    std::uint32_t failed_logins = 0;  // RAKP 4 with status 0Fh, or any refusal after a RAKP 3
};

struct LoginRequest {
    using Depth = ipmi::Depth;

    std::string user_name;
    PrivilegeLevel privilege = PrivilegeLevel::kAdministrator;
    CipherSuite suite{};
    Depth depth = Depth::kLogin;
    std::span<const PasswordCandidate> passwords;
    std::span<const KgCandidate> k_gs;
    std::optional<Guid> pinned_guid;  // compared before RAKP 3 (I10)
    // Where RAKP 2 proves nothing, log in with this one all the same, once. Null: never.
    const PasswordCandidate* attempt = nullptr;
};

class Session;

struct LoginReport {
    HandshakeOutcome outcome{};
    std::optional<std::uint8_t> status;     // RMCP+ status code where the BMC refused
    std::optional<Guid> guid;               // of RAKP 2
    std::optional<PasswordMatch> password;  // set whenever RAKP 2 matched, or an attempt got in
    std::optional<KgMatch> k_g;             // set when RAKP 4 matched
    int left_half_open = 0;                 // slots: of this handshake, and of those that were given up for it
    std::unique_ptr<Session> session;       // open at LoginRequest::privilege when kMatched and kLogin
};

// An open session. Commands one at a time. close() is owed: the destructor CHECKs in debug builds that it was called,
// or that lost() is true.
class Session {
public:
    virtual ~Session() = default;
    // kNoAnswer: effect unknown, the session may be lost. kProtocol when answers make no sense.
    // kRefused is not used here: a completion code is a Response.
    [[nodiscard]] virtual asio::awaitable<Result<Response>> send(const Request&) = 0;
    // Never fails; one Close Session with at most two retransmissions. A second call does nothing. lost() afterwards:
    // the BMC did not confirm it, and the slot may stay taken until its time-out.
    [[nodiscard]] virtual asio::awaitable<void> close() = 0;
    [[nodiscard]] virtual bool lost() const = 0;  // the BMC no longer answers in this session
    [[nodiscard]] virtual const CipherSuite& suite() const = 0;
    [[nodiscard]] virtual bool encrypted() const = 0;
};

class BmcClient {
public:
    // Network is borrowed and outlives the client.
    BmcClient(Network& network, Peer peer, ClientOptions options);
    ~BmcClient();
    BmcClient(const BmcClient&) = delete;
    BmcClient& operator=(const BmcClient&) = delete;

    // Get Channel Authentication Capabilities. kNoAnswer, kProtocol, kUnsupported (IPMI 1.5 only).
    [[nodiscard]] asio::awaitable<Result<ChannelAuthenticationCapabilities>> capabilities();
    // Get Channel Cipher Suites, outside a session. An empty list when the BMC does not answer it.
    [[nodiscard]] asio::awaitable<std::vector<std::uint8_t>> cipher_suites();
    // Get System GUID, outside a session. kNoAnswer, kRefused, kProtocol.
    [[nodiscard]] asio::awaitable<Result<Guid>> system_guid();
    [[nodiscard]] asio::awaitable<LoginReport> login(const LoginRequest& request);

    [[nodiscard]] const WireCounters& counters() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace bmcvault::ipmi
