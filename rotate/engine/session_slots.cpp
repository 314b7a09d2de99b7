#include "rotate/engine/session_slots.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

namespace bmcvault::rotate {
namespace {

constexpr int kSessionsBesideAHandshake = 2;  // the kept one, and one that a process left when it died
constexpr int kAHandshakeAndAPerson = 2;
constexpr std::int64_t kBetweenCredentialWrites_s = 2;
constexpr std::string_view kFormat = "slots/1";

}  // namespace

SessionSlots::SessionSlots(const WallClock& clock, std::chrono::milliseconds lifetime)
    : clock_(clock), lifetime_s_(std::chrono::ceil<std::chrono::seconds>(lifetime).count()) {}

void SessionSlots::attach(vault::BmcLock& lock) {
    lock_ = &lock;
    std::istringstream text(lock.note());
    std::string format;
    std::int64_t half_open_until = 0;
    std::int64_t sessions_until = 0;
    std::int64_t written_at = 0;
    int sessions = 0;
    int half_open = 1;
    text >> format >> half_open_until >> sessions >> sessions_until >> written_at;
    if (!text || format != kFormat) return;
    if (!(text >> half_open) || half_open < 1) half_open = 1;  // notes used to end before it
    half_open_ = half_open;
    // A clock that was put back must not make us wait longer than any BMC remembers.
    half_open_until_ = std::min(half_open_until, expiry());
    orphans_ = std::max(sessions, 0);
    orphans_until_ = std::min(sessions_until, expiry());
    written_at_ = std::min(written_at, now());
}

// The clock shows whole seconds: one more, so that it is never too early.
std::int64_t SessionSlots::expiry() const {
    return now() + lifetime_s_ + 1;
}

std::chrono::seconds SessionSlots::before_handshake() const {
    if (fits_at(now())) return std::chrono::seconds(0);
    const auto first = std::min(half_open_until_, orphans_until_);
    const bool first_is_enough = first > now() && fits_at(first);
    const auto free_at = first_is_enough ? first : std::max(half_open_until_, orphans_until_);
    return std::chrono::seconds(free_at - now());
}

// Sessions of our own make no difference to how long we wait: time does not free them.
bool SessionSlots::fits_at(std::int64_t time) const {
    const int half_open = half_open_until_ > time ? half_open_ : 0;
    const int left = half_open + (orphans_until_ > time ? orphans_ : 0);
    if (possible_ == 0) return half_open == 0 && (left == 0 || left + own_ <= kSessionsBesideAHandshake);
    return left == 0 || left + own_ + kAHandshakeAndAPerson <= possible_;
}

std::chrono::seconds SessionSlots::before_credential_write() const {
    const auto next = written_at_ == 0 ? 0 : written_at_ + kBetweenCredentialWrites_s + 1;
    return std::chrono::seconds(std::max<std::int64_t>(0, next - now()));
}

void SessionSlots::handshake_begins() {
    half_open_before_ = half_open();
    half_open_before_until_ = half_open_until_;
    half_open_ = half_open_before_ + 1;
    half_open_until_ = expiry();
    write_down();
}

void SessionSlots::handshake_ended(int left_half_open, bool session_opened) {
    half_open_ = half_open_before_ + left_half_open;
    half_open_until_ = left_half_open > 0 ? expiry() : half_open_before_until_;
    if (session_opened) ++own_;
    own_until_ = expiry();
    write_down();
}

void SessionSlots::found_full() {
    half_open_ = std::max({half_open(), possible_, 1});
    half_open_until_ = expiry();
    possible_ = 0;
    write_down();
}

void SessionSlots::session_used() {
    if (own_until_ == expiry()) return;  // once in a second, not for each of hundreds of commands
    own_until_ = expiry();
    write_down();
}

void SessionSlots::session_closed(bool confirmed) {
    --own_;
    if (!confirmed) {
        orphans_ = orphans() + 1;
        orphans_until_ = expiry();
    }
    write_down();
}

void SessionSlots::credential_written() {
    written_at_ = now();
    write_down();
}

void SessionSlots::write_down() {
    if (lock_ == nullptr) return;
    const int sessions = orphans() + own_;
    const auto until = std::max(orphans() > 0 ? orphans_until_ : 0, own_ > 0 ? own_until_ : 0);
    lock_->set_note(
        fmt::format("{} {} {} {} {} {}", kFormat, half_open_until_, sessions, until, written_at_, half_open_));
}

}  // namespace bmcvault::rotate
