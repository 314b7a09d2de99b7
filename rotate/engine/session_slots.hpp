// Which session slots of one BMC we may be holding, and when we last wrote a credential there. Of as many as the BMC
// says it has we take one less: that one is left for a person who needs to get in. Where it did not say, some BMCs have
// four slots in all, so we never take more than three. What a process held when it died is still held: the account is
// kept in the note of the per-BMC lock, honoured by all our processes and across restarts.
#pragma once

#include <chrono>
#include <cstdint>

#include "rotate/engine/ports.hpp"
#include "vault/store/locks.hpp"

namespace bmcvault::rotate {

class SessionSlots {
public:
    // `lifetime`: how long a BMC keeps a half-open handshake or an idle session. `clock` outlives this.
    SessionSlots(const WallClock& clock, std::chrono::milliseconds lifetime);

    // Reads what earlier processes left; from now on every change is written down before it can matter. The lock
    // outlives this, or is detached.
    void attach(vault::BmcLock& lock);

    // How many sessions the BMC can have (Get Session Info); 0: not known. One with two is filled all the same by the
    // kept session and a proof.
    void bmc_has(int possible_sessions) { possible_ = possible_sessions; }

    // How long to wait before the next handshake: until what time frees leaves room for it. Where it is not known how
    // many there are: until no half-open slot is left, and at most two sessions are.
    [[nodiscard]] std::chrono::seconds before_handshake() const;
    // How long to wait before the next credential write: BMCs reload user files by whole-second time stamps.
    [[nodiscard]] std::chrono::seconds before_credential_write() const;

    void handshake_begins();  // from here to handshake_ended() a slot counts as half-open
    void handshake_ended(int left_half_open, bool session_opened);
    // The BMC had no slot for a handshake, though by this account it should have: others hold them, or it has fewer
    // than it says. Nobody of ours asks again before what may be ours has expired.
    void found_full();
    void session_used();  // its time-out begins again
    void session_closed(bool confirmed);
    void credential_written();

private:
    [[nodiscard]] std::int64_t now() const { return clock_.now().value; }
    [[nodiscard]] std::int64_t expiry() const;
    [[nodiscard]] bool fits_at(std::int64_t time) const;
    [[nodiscard]] int half_open() const { return half_open_until_ > now() ? half_open_ : 0; }
    [[nodiscard]] int orphans() const { return orphans_until_ > now() ? orphans_ : 0; }
    void write_down();

    // Times are Unix seconds; those in the past mean nothing.
    const WallClock& clock_;
    std::int64_t lifetime_s_;
    vault::BmcLock* lock_ = nullptr;
    int possible_ = 0;
    int half_open_ = 0;
    std::int64_t half_open_until_ = 0;  // the last of them
    int half_open_before_ = 0;          // without the handshake that is under way
    std::int64_t half_open_before_until_ = 0;
    int own_ = 0;                 // sessions open now
    std::int64_t own_until_ = 0;  // should we die now
    int orphans_ = 0;             // sessions that nobody can close any more
    std::int64_t orphans_until_ = 0;
    std::int64_t written_at_ = 0;
};

}  // namespace bmcvault::rotate
