// What is done to a fleet: rotate, check, recover a selection. Blocking calls for the command line; coroutines inside.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rotate/core/accounts.hpp"
#include "rotate/core/advice.hpp"
#include "rotate/core/words.hpp"
#include "rotate/engine/audit_body.hpp"
#include "rotate/engine/candidates_elsewhere.hpp"
#include "vault/base/error.hpp"
#include "vault/base/ids.hpp"
#include "vault/core/model.hpp"
#include "vault/store/store.hpp"

namespace bmcvault::rotate {

// One BMC, one line: the JSON object of type "bmc".
struct BmcReport {
    BmcId id;
    std::string name;
    std::string address;     // address:port as the inventory has it
    std::string outcome;     // a word of the outcome table
    std::string detail;      // words separated by "; ", never a secret
    std::string class_name;  // "manufacturer/product/firmware"; empty: not seen yet
    std::optional<VersionNumber> password_version;
    std::optional<vault::StoredSize> password_size;
    std::optional<VersionNumber> k_g_version;
    bool k_g_asked = true;                  // false: JSON says "k_g":"not-asked"
    std::optional<UnixTime> version_since;  // check: since when that version was current
    std::optional<Knowledge> knowledge;     // of the live password; nullopt: not looked up
    std::uint32_t failed_logins = 0;
    std::uint32_t round_trips = 0;
    std::chrono::milliseconds elapsed{0};
    bool contacted = false;  // what happened says something about its kind (fuse); held and busy BMCs don't
    bool as_asked = false;   // counts for exit code 0 (rotate, recover)
    bool attention = false;  // counts for exit code 6 (check)
};

// Called on the thread that called run_*(), between network events. For the live board.
class Observer {
public:
    virtual ~Observer() = default;
    virtual void started(const vault::Bmc&) {}
    virtual void step(const vault::Bmc&, std::string_view what) {
        (void)what;
    }  // "probe", "stage", "apply", "prove" ...
    // Before finished(): what the accounts of a BMC are, and what is to be said of them.
    virtual void accounts(const vault::Bmc&, const AccountTable&, std::span<const Finding>) {}
    virtual void finished(const BmcReport&) {}
    // An earlier run has left it to this one to tell the clients of this BMC, and that failed again.
    virtual void clients_not_told(const BmcReport&) {}
};

using EventRecord = std::array<std::uint8_t, 16>;  // of a System Event Log (IPMI 2.0 §32.1): ID, type, time ...
// Durable when it returns; where it is kept, for the certificate. After an error the log stays on the BMC.
using KeepEventLog = std::function<Result<std::string>(const vault::Bmc&, std::span<const EventRecord>)>;

// Other programs that log in to the BMCs, told before one is rotated and after. Called away from the network's thread,
// of several BMCs at once.
class ClientHooks {
public:
    virtual ~ClientHooks() = default;
    // Before anything is changed. An error: this BMC is left alone; its detail is for people.
    [[nodiscard]] virtual Result<void> before(const vault::Bmc& bmc) = 0;
    // When the last session is closed and the vault holds what is live. An error: they may not know it; they are told
    // again by the next run.
    [[nodiscard]] virtual Result<void> after(const vault::Bmc& bmc, const BmcReport& report) = 0;
    // Whose credential they are given; nullopt: of our own account.
    [[nodiscard]] virtual std::optional<AccountRole> gives() const { return std::nullopt; }
};

struct RunOptions {
    int parallel = 32;                         // BMCs in flight, at least 1
    std::chrono::milliseconds timeout{20000};  // of one exchange with a BMC, retransmissions included
    bool k_g = false;                          // rotate: K_G too
    std::set<BmcId> k_g_of;                    // rotate: K_G of these too, by the policy
    // rotate: whether one may begin now; those that may not are `outside-window`. Empty: all may, at any time.
    std::function<bool(const vault::Bmc&)> may_begin;
    ClientHooks* hooks = nullptr;  // rotate, recover; outlives the run
    bool put_back = false;         // rotate: the previous secret returns
    bool fresh = false;            // rotate: a new campaign even where an unfinished one exists
    bool no_login = false;         // check: two round trips, nothing finished
    int login_attempts = 0;        // recover: real logins that may fail where RAKP 2 proves nothing
    bool find_only = false;        // recover: say what is live, and change nothing
    bool first_contact = false;    // a person vouches for boards that were never seen before
    CandidateSources elsewhere;    // check, recover: what is offered beyond a BMC's own versions
    bool accounts = false;         // check: the account table, too
    bool ask_accounts = true;      // accounts: a handshake as each of them
    ClosingChoice closing;         // accounts secure
    KeepEventLog keep_event_log;   // deprovision: the event log is kept by this, then cleared; empty: it stays
    bool factory_reset = false;    // deprovision: by the vendor's own command, before our account is closed
    std::string adopted_name;      // accounts adopt: of our own account, or of the one beside it:
    std::optional<AccountRole> adopted_role;
    ipmi::PrivilegeLevel adopted_privilege = ipmi::PrivilegeLevel::kAdministrator;
    std::optional<AccountRole> only_role;  // rotate: the accounts of that role, and nothing else
    std::set<BmcId> only_monitor_of;       // rotate: of these only the account for monitoring
    bool dry_run = false;                  // say what would be done; nothing is sent that changes anything
    std::string selection;                 // canonical text: continues an unfinished campaign of the same
    // rotate: the one that the caller has begun, or found unfinished. Nobody looks for another by the selection.
    std::optional<std::int64_t> campaign;
    Purpose purpose;  // for the audit log
    std::string actor;
};

struct RunSummary {
    std::string command;
    std::size_t total = 0;
    std::vector<std::pair<std::string, std::size_t>> outcomes;  // word, count; most frequent first
    std::uint64_t failed_logins = 0;
    std::chrono::milliseconds elapsed{0};
    bool stopped = false;  // Ctrl-C: the rest was not started
    bool all_as_asked = true;
    bool attention = false;
    std::size_t continued = 0;  // BMCs that an interrupted run had done
};

// Called at every step boundary with its name ("after-stage", "before-apply" ...). Tests kill the process there.
using StepHook = std::function<void(std::string_view)>;

struct Environment {
    std::unique_ptr<vault::Store> store;      // reads; a clone of it writes
    const std::atomic<bool>* stop = nullptr;  // borrowed; set: finish what is in flight, start nothing
    StepHook hook;
};

// Errors are about the vault (as of Store) or this host (kIo: no socket); what happened on a BMC is in its report.
[[nodiscard]] Result<RunSummary> run_rotate(Environment&, std::span<const vault::Bmc>, const RunOptions&, Observer&);
// Before run_rotate and run_recover, where there are hooks: the clients that an earlier run has left waiting. Those
// that wait still are the observer's to know, and owed() says it too.
[[nodiscard]] Result<void> run_tell_owed(Environment&, const RunOptions&, Observer&);
[[nodiscard]] Result<RunSummary> run_check(Environment&, std::span<const vault::Bmc>, const RunOptions&, Observer&);
[[nodiscard]] Result<RunSummary> run_recover(Environment&, std::span<const vault::Bmc>, const RunOptions&, Observer&);
[[nodiscard]] Result<RunSummary> run_accounts(Environment&, std::span<const vault::Bmc>, const RunOptions&, Observer&);
[[nodiscard]] Result<RunSummary> run_secure_accounts(Environment&, std::span<const vault::Bmc>, const RunOptions&,
                                                     Observer&);
[[nodiscard]] Result<RunSummary> run_adopt_account(Environment&, std::span<const vault::Bmc>, const RunOptions&,
                                                   Observer&);
[[nodiscard]] Result<RunSummary> run_deprovision(Environment&, std::span<const vault::Bmc>, const RunOptions&,
                                                 Observer&);

}  // namespace bmcvault::rotate
