// What a BMC keeps in flash: users, passwords, K_G; how writes to them go wrong; and the lock-out counters.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "ipmi/virtual_bmc/virtual_bmc.hpp"

namespace bmcvault::virtual_bmc {

class Accounts {
public:
    // Works on the users, the K_G and the thresholds of `config`, and counts in `counters`; both outlive it.
    Accounts(Config& config, Counters& counters);

    // Lets everything happen that was due by `now`: late writes, lock-outs that end.
    void settle(TimePoint now);

    struct Lookup {
        ipmi::RmcpplusStatus status = ipmi::RmcpplusStatus::kUnauthorizedName;
        std::uint8_t user_id = 0;
    };
    // §13.20: by name, or by name and privilege limit, the lowest enabled slot wins.
    [[nodiscard]] Lookup find(std::string_view name, std::uint8_t role) const;
    // Callback to Administrator; kNoAccess where the user may not open a session.
    [[nodiscard]] ipmi::PrivilegeLevel login_limit(std::uint8_t user_id) const;
    [[nodiscard]] Bytes k_uid(std::uint8_t user_id) const;  // 20 bytes
    // What the session key is made from: K_G, or the password where none is set. 20 bytes.
    [[nodiscard]] Bytes session_key(ByteView password20) const;
    [[nodiscard]] bool has_k_g() const;

    void login_failed(std::uint8_t user_id, TimePoint now);
    void login_succeeded(std::uint8_t user_id);

    // Commands; each returns a completion code. Lengths and ranges were checked by the caller.
    [[nodiscard]] std::uint8_t set_password(std::uint8_t user_id, std::uint8_t size, ByteView password, TimePoint now);
    [[nodiscard]] std::uint8_t test_password(std::uint8_t user_id, std::uint8_t size, ByteView password) const;
    [[nodiscard]] std::uint8_t set_enabled(std::uint8_t user_id, bool enabled, TimePoint now);
    [[nodiscard]] std::uint8_t set_name(std::uint8_t user_id, std::string name, TimePoint now);
    [[nodiscard]] std::uint8_t set_access(std::uint8_t user_id, const User& wanted, TimePoint now);
    [[nodiscard]] std::uint8_t set_k_g(ByteView key, TimePoint now);

    void set_password_behind_our_back(std::uint8_t user_id, ByteView password);
    void undo_last_write();
    void reset_to_factory();
    [[nodiscard]] const User* user(std::uint8_t user_id) const;
    [[nodiscard]] std::array<std::uint8_t, 4>& payload_access(std::uint8_t user_id);

private:
    struct History {
        int failures = 0;
        bool locked = false;
        std::optional<TimePoint> locked_until;  // none while locked: until enabled again
        std::optional<TimePoint> last_change;
        std::deque<Bytes> passwords;  // newest first, the live one included
    };
    struct Snapshot {
        std::map<std::uint8_t, User> users;
        Bytes k_g;
    };
    struct LateWrite {
        TimePoint due;
        std::function<void()> change;
    };

    [[nodiscard]] bool may_log_in(const User& user) const;
    [[nodiscard]] std::optional<std::uint8_t> refusal(std::uint8_t user_id, std::uint8_t size, ByteView password,
                                                      TimePoint now) const;
    void store_password(User& user, std::uint8_t size, ByteView password) const;
    void write(TimePoint now, const std::function<void()>& change);
    void write_secret(TimePoint now, const std::function<void()>& change);

    Config& config_;
    Counters& counters_;
    std::map<std::uint8_t, User> factory_users_;
    Bytes factory_k_g_;
    std::map<std::uint8_t, History> histories_;
    std::map<std::uint8_t, std::array<std::uint8_t, 4>> payload_access_;
    std::vector<LateWrite> late_writes_;
    std::optional<Snapshot> before_last_write_;
    std::optional<TimePoint> last_write_;
};

}  // namespace bmcvault::virtual_bmc
