// The parts of one virtual BMC side by side: configuration, accounts, parameters, sessions. Internal to this folder.
#pragma once

#include <list>
#include <random>
#include <string>
#include <utility>

#include "ipmi/virtual_bmc/accounts.hpp"
#include "ipmi/virtual_bmc/crypto.hpp"
#include "ipmi/virtual_bmc/event_log.hpp"
#include "ipmi/virtual_bmc/lan_parameters.hpp"
#include "ipmi/virtual_bmc/packets.hpp"
#include "ipmi/virtual_bmc/settings.hpp"
#include "ipmi/virtual_bmc/virtual_bmc.hpp"

namespace bmcvault::virtual_bmc {

// Which sequence numbers were seen: each at most once, not too far from the highest. (§6.12.13)
class SequenceWindow {
public:
    [[nodiscard]] bool accept(std::uint32_t sequence);

private:
    std::uint32_t highest_ = 0;
    std::uint32_t seen_ = 1;  // bit n: highest_ - n was seen
};

struct Session {
    enum class Stage : std::uint8_t { kOpened, kRakp2Sent, kActive };

    Stage stage = Stage::kOpened;
    std::uint32_t console_id = 0;
    std::uint32_t bmc_id = 0;
    std::uint8_t handle = 0;
    std::string from;
    TimePoint last_used;
    ipmi::CipherSuite suite{};
    std::uint8_t open_session_role = 0;  // as asked in Open Session
    std::uint8_t suite_limit = 0;        // LAN parameter 24

    // From RAKP 1 and 2.
    Bytes console_random;
    Bytes bmc_random;
    std::uint8_t role = 0;  // whole byte, as it enters the HMACs
    std::string user_name;
    std::uint8_t user_id = 0;
    Bytes k_uid;
    std::uint8_t privilege_limit = 0;

    // What was answered to which bytes: a repeated RAKP 1 or 3 gets the same answer.
    Bytes answered_request;
    Bytes answer;

    // Active.
    SessionKeys keys;
    std::uint8_t privilege = 0;
    std::uint32_t sent_authenticated = 0;
    std::uint32_t sent_unauthenticated = 0;
    SequenceWindow authenticated;
    SequenceWindow unauthenticated;
    bool first_command_dropped = false;
};

struct Machine {
    explicit Machine(Config wanted);
    Machine(const Machine&) = delete;  // the parts refer to each other
    Machine& operator=(const Machine&) = delete;

    Config config;
    Counters counters;
    Accounts accounts;
    LanParameters lan;
    Settings settings;
    EventLog event_log;
    std::list<Session> sessions;
    std::mt19937_64 random;
    TimePoint now{};
    std::optional<TimePoint> dark_until;
    std::optional<TimePoint> factory_reset_at;
    std::pair<Bytes, Bytes> last_refused_rakp3;  // request, answer: its session is gone
    int commands_done = 0;
    bool powered_on = true;
    bool lost_a_password_reply = false;  // of quirk applies-and-loses-reply
    bool lost_a_k_g_reply = false;

    // Everything that time alone brings about.
    void settle(TimePoint at);
    void reboot();
    void begin_factory_reset();  // answered before it happens
    void swap_board();

    [[nodiscard]] Bytes random_bytes(std::size_t size);
    [[nodiscard]] std::uint32_t fresh_session_id();
    [[nodiscard]] Session* find_session(std::uint32_t bmc_id);
    void drop_session(std::uint32_t bmc_id);
    [[nodiscard]] int live_sessions() const { return static_cast<int>(sessions.size()); }
    [[nodiscard]] int active_sessions() const;

private:
    void reset_to_factory();
};

// handshake.cpp: the payloads of §13.17 to §13.24. Empty: no answer.
[[nodiscard]] Bytes open_session(Machine&, ByteView payload, std::string_view from);
[[nodiscard]] Bytes rakp1(Machine&, ByteView payload);
[[nodiscard]] Bytes rakp3(Machine&, ByteView payload);

// commands.cpp
struct Answer {
    std::uint8_t completion_code = 0;
    Bytes data;
    bool lost = false;   // done, but nothing is sent
    bool close = false;  // the session ends with this answer
};
// `session` is null outside a session; nullopt: no answer. `rmcp_plus`: the frame it came in.
[[nodiscard]] std::optional<Answer> run_command(Machine&, Session* session, const LanRequest&, bool rmcp_plus,
                                                bool encrypted);

}  // namespace bmcvault::virtual_bmc
