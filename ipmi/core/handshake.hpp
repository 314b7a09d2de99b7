// Session setup as a machine (§13.15): Open Session, RAKP 1 to 4. Datagrams and random values in, datagrams and an
// outcome out. Everything that is not the expected answer of the present state is dropped.
//
// No RAKP 3 leaves this machine unless RAKP 2 has proved one of the candidates (I6) and its GUID is the pinned one
// (I10). The one exception: HandshakePlan::attempt.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "ipmi/core/candidates.hpp"
#include "ipmi/core/session_codec.hpp"

namespace bmcvault::ipmi {

// The handshake words of the outcome table.
enum class HandshakeOutcome : std::uint8_t {
    kMatched,  // RAKP 2 named the password; with Depth::kLogin the session is open
    kNoAnswer,
    kUnknownUserOrLocked,  // status 09h, 0Ah, 0Dh, also after asking at USER level
    kNoCandidateMatches,   // RAKP 2 is a proof, of a password that we do not know
    kNoProof,              // authentication "none", or a bogus RAKP 2: nothing can be concluded
    kKgUnknown,            // password right, K_G none of ours; the BMC holds a session that we can't close
    kCipherSuiteRefused,   // status 04h, 05h, 10h, 11h, 12h
    kNoSessionSlot,        // status 01h, 0Bh
    kPrivilegeRefused,     // logged in, ADMINISTRATOR not granted (session closed again)
    kIdentityChanged,      // RAKP 2's GUID is not the pinned one: nothing was sent after it
    kProtocolError,        // answers that are no RMCP+
};

enum class Depth : std::uint8_t { kAskOnly, kLogin };  // kAskOnly: two round trips, leaves a half-open slot

struct HandshakePlan {  // borrowed candidates outlive the handshake
    std::string user_name;
    PrivilegeLevel privilege = PrivilegeLevel::kAdministrator;
    CipherSuite suite{};  // suite 0 only to ask whether it is open, never to log in
    Depth depth = Depth::kLogin;
    std::span<const PasswordCandidate> passwords;
    std::span<const KgCandidate> k_gs;
    std::optional<Guid> pinned_guid;
    // Where RAKP 2 proves nothing, log in with this one all the same: a wrong one is a failed login. Null: never.
    const PasswordCandidate* attempt = nullptr;
};

struct HandshakeNonces {  // fresh random bytes for each handshake
    std::uint32_t console_session_id = 0;
    Random16 console_random{};
};

class Handshake {
public:
    enum class State : std::uint8_t { kOpenSessionSent, kRakp1Sent, kRakp3Sent, kFinished };
    enum class Step : std::uint8_t {
        kDropped,      // not for us, or not now: nothing changed
        kNextMessage,  // outgoing() is a new datagram
        kFinished,     // outcome() is known
    };

    Handshake(HandshakePlan plan, const HandshakeNonces& nonces);

    // What to send now, and to re-send byte by byte when no answer comes.
    [[nodiscard]] const Bytes& outgoing() const { return outgoing_; }
    [[nodiscard]] Step receive(ByteView datagram);
    [[nodiscard]] State state() const { return state_; }

    // The rest is known when finished.
    [[nodiscard]] HandshakeOutcome outcome() const;
    [[nodiscard]] std::optional<std::uint8_t> status() const { return status_; }  // where the BMC refused
    [[nodiscard]] State refused_in() const { return refused_in_; }
    [[nodiscard]] const std::optional<Guid>& guid() const { return guid_; }
    // The BMC answered Open Session, and it neither refused nor gave us a session: its slot stays taken until its
    // time-out.
    [[nodiscard]] bool left_a_slot_half_open() const {
        return state_ == State::kFinished ? !status_ && !session_ : state_ != State::kOpenSessionSent;
    }
    // What RAKP 2 has named, or an attempt that the BMC has let in.
    [[nodiscard]] std::optional<PasswordMatch> take_password();
    [[nodiscard]] std::optional<KgMatch> take_k_g() { return std::move(k_g_); }
    [[nodiscard]] std::optional<SessionCodec> take_session() { return std::move(session_); }

private:
    Step receive_open_session_response(ByteView payload);
    Step receive_rakp2(ByteView payload);
    Step receive_rakp4(ByteView payload);
    Step send_rakp3();
    void send(PayloadType type, const Bytes& payload, State next);
    Step finish(HandshakeOutcome outcome);
    Step finish_refused(std::uint8_t status);

    HandshakePlan plan_;
    State state_ = State::kOpenSessionSent;
    Bytes outgoing_;
    Rakp2Facts facts_;
    std::optional<HandshakeOutcome> outcome_;
    std::optional<std::uint8_t> status_;
    State refused_in_ = State::kOpenSessionSent;
    std::optional<Guid> guid_;
    std::optional<PasswordMatch> password_;
    bool attempted_ = false;  // `password_` is only tried
    std::optional<KgMatch> k_g_;
    std::optional<SessionCodec> session_;
};

[[nodiscard]] HandshakeOutcome outcome_of_status(std::uint8_t status);

}  // namespace bmcvault::ipmi
