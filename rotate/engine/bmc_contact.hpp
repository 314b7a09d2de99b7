// One BMC during one operation: its record, what we know of it, the kept session. Every handshake goes through here,
// so that the pin is compared (I10), the suite is strong enough (I11) and no session slot is wasted.
#pragma once

#include <array>
#include <asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ipmi/io/bmc_client.hpp"
#include "rotate/core/k_g_machine.hpp"
#include "rotate/core/password_machine.hpp"
#include "rotate/engine/audit_body.hpp"
#include "rotate/engine/candidates_elsewhere.hpp"
#include "rotate/engine/known_credentials.hpp"
#include "rotate/engine/learned_facts.hpp"
#include "rotate/engine/ports.hpp"
#include "rotate/engine/session_slots.hpp"

namespace bmcvault::rotate {

// What one login (or question) showed. The password's exact live bytes are kept for RecordObserved.
struct Seen {
    Answer answer{};
    std::optional<VersionNumber> password;  // which version, when RAKP 2 named one of this BMC's own
    const Origin* elsewhere = nullptr;      // where the password comes from, when it is none of them
    Form form = Form::kExact;
    std::optional<Key20> live;  // what the BMC really holds
    bool k_g_asked = false;
    std::optional<VersionNumber> k_g;  // nullopt with k_g_asked: none is set, or one from elsewhere
    const Origin* k_g_elsewhere = nullptr;
    std::optional<Key20> live_k_g;
    bool k_g_cut_at_zero_byte = false;
    bool strange_board = false;  // never seen before, and what matched does not show that it is ours
    bool administrator = false;
    std::optional<std::uint8_t> weak_suite;  // named under a suite for identification only
    std::string why;                         // for people: "GUID ... instead of ..."
};

// What one handshake as another account of the board showed.
struct AccountAnswer {
    Answer answer{};
    std::optional<std::uint32_t> candidate;  // whose password opened it, when RAKP 2 named one
    bool exact = false;                      // ... and not in a mangled form
    bool administrator = false;              // ADMINISTRATOR was granted, when that was asked for
};

struct ContactOptions {
    ipmi::ClientOptions client;
    const CandidatesElsewhere* elsewhere = nullptr;  // offered after the BMC's own versions; outlives the contact
    int login_attempts = 0;      // where RAKP 2 proves nothing: so many real logins may fail in this operation
    bool first_contact = false;  // a person vouches for boards that were never seen before
    bool dry_run = false;        // nothing is stored
    std::optional<std::int64_t> campaign;  // that new versions are staged for
    Purpose purpose;                       // why, for the audit log
};

inline constexpr std::string_view kAskedAndNotHeld = "the BMC was asked and does not hold it";
inline constexpr std::string_view kStagedForAnotherSession =
    "it was staged for a session that the current password opens";
inline constexpr std::string_view kRefusedForItsSize = "the BMC refused a password of this size";
inline constexpr std::string_view kRefusedByItsRules = "the BMC refused this password by its rules";
inline constexpr std::string_view kKeepsLess = "the BMC keeps less than these 20 bytes";
inline constexpr std::string_view kTestedAndNotHeld = "the BMC says that it does not hold it (Test Password)";

class BmcContact {
public:
    using StepListener = std::function<void(std::string_view step)>;

    BmcContact(Ports& ports, vault::Bmc bmc, ContactOptions options, StepListener on_step);
    ~BmcContact();
    BmcContact(const BmcContact&) = delete;
    BmcContact& operator=(const BmcContact&) = delete;

    // Reads record and credentials anew from the vault. Errors are the vault's.
    [[nodiscard]] asio::awaitable<Result<void>> load();
    // Resolves the address, and takes over the account of session slots that lies with the lock, which outlives this
    // contact's traffic. kNotFound for a host name without address.
    [[nodiscard]] asio::awaitable<Result<void>> connect(vault::BmcLock& lock);

    // Around every action of a machine: the live board is told, tests may stop the process there.
    void before(std::string_view step);
    void after(std::string_view step) const;

    // One fresh handshake with every candidate, finished and closed again.
    [[nodiscard]] asio::awaitable<Seen> look();
    // The same, and the session stays open: the kept session. Closes an earlier one first.
    [[nodiscard]] asio::awaitable<Seen> look_and_keep();
    // Where no suite for work is offered, ask under a weaker one: it names the password, and nothing else is sent
    // (I11).
    void allow_suites_for_identification() { identify_ = true; }
    // Two round trips, nothing finished (check --no-login): leaves a half-open slot behind.
    [[nodiscard]] asio::awaitable<Seen> ask_only();

    // Another account of the same board (I10), by a handshake that is finished and closed again where a candidate
    // matches. The kept session stays open. Candidates outlive the call.
    [[nodiscard]] asio::awaitable<AccountAnswer> ask_as(std::string user_name,
                                                        std::span<const ipmi::PasswordCandidate> candidates,
                                                        ipmi::PrivilegeLevel privilege = ipmi::PrivilegeLevel::kUser);
    // In as another account of the pinned board, at ADMINISTRATOR, and that session is kept. What a login shows of our
    // own account (slot, rights) is not learned here.
    [[nodiscard]] asio::awaitable<AccountAnswer> keep_as(std::string user_name,
                                                         std::span<const ipmi::PasswordCandidate> candidates);
    // Does cipher suite 0 open a session? Two round trips; nothing is finished. nullopt: no answer.
    [[nodiscard]] asio::awaitable<std::optional<bool>> try_suite_0();

    [[nodiscard]] bool has_kept_session() const;
    [[nodiscard]] bool is_loaded() const { return loaded_; }
    // The record in memory may not be what the vault holds: it is not written back.
    void doubt_record() { loaded_ = false; }
    // In the kept session. kNoAnswer: effect unknown; the session counts as lost afterwards when it really is.
    [[nodiscard]] asio::awaitable<Result<ipmi::Response>> command(const ipmi::Request& request);
    [[nodiscard]] asio::awaitable<void> close();
    // Waits. A kept session that was not used for 10 s gets a harmless command, so that it lives.
    [[nodiscard]] asio::awaitable<void> wait(milliseconds time);
    // At least two seconds between credential writes: BMCs reload user files by whole-second time stamps.
    [[nodiscard]] asio::awaitable<void> pace_credential_write();
    [[nodiscard]] bool has_written() const { return written_; }  // or was about to, in this operation

    // Exactly one enabled slot is ours? By Get Session Info, else by the names of all slots.
    [[nodiscard]] asio::awaitable<SlotFact> check_slot();
    [[nodiscard]] asio::awaitable<bool> restore_rights();

    // From now on this is our account: what the vault has just committed. The kept session is closed.
    [[nodiscard]] asio::awaitable<void> become(std::string user_name, UserId slot);

    [[nodiscard]] UserId user_id() const;   // after check_slot() said kOurs
    [[nodiscard]] Channel channel() const;  // the real one where the BMC names it
    [[nodiscard]] vault::Bmc& bmc() { return bmc_; }
    [[nodiscard]] const vault::Bmc& bmc() const { return bmc_; }
    [[nodiscard]] const KnownCredentials& known() const { return known_; }
    [[nodiscard]] const ipmi::WireCounters& counters() const;
    [[nodiscard]] Ports& ports() { return ports_; }
    [[nodiscard]] std::string card_key() const { return rotate::card_key(bmc_); }
    // It refused a change as too early, and this is known not to be over before; nullopt: nothing is known.
    [[nodiscard]] std::optional<UnixTime> no_change_before() const;
    // It has just refused one, that long after the account's last change. Stored; the detail of the report.
    [[nodiscard]] asio::awaitable<std::string> remember_too_early(std::optional<UnixTime> last_change);
    [[nodiscard]] std::string too_early_detail() const;
    // It has just taken one of our own account.
    [[nodiscard]] Result<void> note_change_taken(vault::Transaction& transaction) const;
    // Found live instead of a newer one; to be replaced as long as it is current.
    [[nodiscard]] std::optional<VersionNumber> due_version() const { return facts_.due_version; }
    // Accounts of ours beside our own one, as load() read them.
    [[nodiscard]] const std::vector<RoleAccount>& role_accounts() const { return facts_.role_accounts; }
    // Our own account and those.
    [[nodiscard]] OwnAccount own_account() const;  // after check_slot() said kOurs
    // Closed accounts whose random password somebody knows who should not. Read by load().
    [[nodiscard]] std::set<UserId> exposed_closed_accounts() const;
    [[nodiscard]] bool is_exposed(UserId account) const;
    // Our own password became this version in this campaign.
    [[nodiscard]] Result<void> note_made(vault::Transaction& transaction, VersionNumber version) const;
    // The current version was staged by this very campaign, perhaps before a crash: it needs no second one, unless it
    // was exposed since.
    [[nodiscard]] bool password_is_of_this_campaign() const;
    [[nodiscard]] bool k_g_is_of_this_campaign() const;
    // The capability card says that this kind of BMC keeps 16 bytes of a password. Read by load().
    [[nodiscard]] bool keeps_only_16() const { return facts_.keeps_only_16; }
    // ... and of which characters it takes a password.
    [[nodiscard]] vault::Alphabet alphabet() const { return facts_.alphabet; }
    // This BMC, or its kind by the capability card: can it have a K_G? nullopt: not known.
    [[nodiscard]] std::optional<bool> k_g_supported() const;
    // A reset was found, and what it took away is not back yet.
    [[nodiscard]] bool reset_is_unfinished() const { return facts_.reset_unfinished; }
    void reset_is_settled() { reset_settled_ = facts_.reset_unfinished; }
    // Neither this BMC nor its kind has shown that a K_G that was set can be used.
    [[nodiscard]] bool k_g_is_an_experiment() const;
    // It offered cipher suite 0 when it was last asked: anybody gets in without a password. nullopt: never asked.
    [[nodiscard]] std::optional<bool> suite_0_open() const { return facts_.suite_0_open; }
    [[nodiscard]] bool suite_0_is_open() const { return facts_.suite_0_open == true; }
    // Stores what the BMC said of suite 0, of its lock-out and of its session slots in this operation, if it was asked.
    [[nodiscard]] Result<void> learn_manners(vault::Transaction& transaction) const;

    // The durable steps that both machines ask for. kCommitted: COMMIT said OK and what is known was read again, so
    // that what is sent next is what the vault gives back. `work` and what it refers to outlive the call.
    [[nodiscard]] asio::awaitable<Durable> store(const vault::Store::Work& work);
    // After a COMMIT without an answer (I5). What is visible may still not be on the disk: one more COMMIT that says OK
    // settles it. False: nothing is known, and nothing may be sent.
    [[nodiscard]] asio::awaitable<bool> reload();
    [[nodiscard]] asio::awaitable<Durable> stage(vault::Subject subject, const Key20& secret, vault::StoredSize size,
                                                 vault::Provenance provenance, const std::string& note,
                                                 VersionNumber& staged);
    [[nodiscard]] asio::awaitable<Durable> commit(vault::Subject subject, VersionNumber version);
    // `why`: what shows that the BMC does not hold it, for the audit log.
    [[nodiscard]] asio::awaitable<Durable> abandon(vault::Subject subject, VersionNumber version, std::string_view why);
    // Live credential unknown: automation leaves this BMC alone for 60 s, then longer, up to an hour.
    [[nodiscard]] asio::awaitable<Durable> quarantine(Answer why);
    // `of_this_bmc_only`: it refused the command, which costs nothing to ask of each one; its kind is not judged by it.
    [[nodiscard]] asio::awaitable<Durable> learn_k_g_support(bool supported, bool of_this_bmc_only);
    // A K_G from elsewhere is live: it becomes this BMC's current one.
    [[nodiscard]] asio::awaitable<Durable> record_k_g(const Seen& seen, VersionNumber& recorded);
    void clear_quarantine();
    // There are more candidates than when this BMC was quarantined: worth asking at once.
    [[nodiscard]] bool has_more_to_offer() const { return offered().exceeds(facts_.offered); }

    // No RMCP+ session could be had; does it answer IPMI at all? Two seconds at most; ends this contact.
    [[nodiscard]] asio::awaitable<bool> answers_without_rmcp_plus();
    // By Get System GUID, outside a session: also where no name is left that RAKP 2 would answer for.
    enum class BoardShown : std::uint8_t { kOurs, kAnother, kNotShown };
    [[nodiscard]] asio::awaitable<BoardShown> which_board();
    // Questions without a session, before any other: false when nothing came back in all the time there is.
    [[nodiscard]] asio::awaitable<bool> answers();

private:
    using MacAddress = std::array<std::uint8_t, 6>;

    struct Slot {
        std::optional<UserId> user;
        std::optional<std::uint8_t> channel;
        std::optional<ipmi::UserAccess> access;
    };

    [[nodiscard]] bool is_of_this_campaign(const vault::CredentialVersion* current,
                                           const std::optional<MadeBy>& made) const;
    Result<void> read_facts(const vault::Store& store);
    void offer_candidates();
    [[nodiscard]] Offered offered() const;
    [[nodiscard]] Seen seen_from(ipmi::LoginReport& report, ipmi::LoginRequest::Depth depth) const;
    [[nodiscard]] bool shows_our_board(const Seen& seen) const;
    asio::awaitable<Seen> sight(ipmi::LoginRequest::Depth depth, bool keep);
    [[nodiscard]] ipmi::LoginRequest own_request(ipmi::LoginRequest::Depth depth) const;
    asio::awaitable<ipmi::LoginReport> login_as(std::string user_name,
                                                std::span<const ipmi::PasswordCandidate> candidates,
                                                ipmi::PrivilegeLevel privilege);
    asio::awaitable<ipmi::LoginReport> login(ipmi::LoginRequest request);
    asio::awaitable<ipmi::LoginReport> login_once(ipmi::LoginRequest request);
    asio::awaitable<ipmi::LoginReport> attempt_logins(ipmi::LoginRequest request, ipmi::LoginReport no_proof);
    [[nodiscard]] bool may_attempt_logins() const;
    [[nodiscard]] int failures_remembered() const;
    [[nodiscard]] std::string attempted_body(VersionNumber version, bool cut) const;
    // `attempted`: what the audit log gets to know of the attempt that is about to be made; empty: it was no failure.
    [[nodiscard]] asio::awaitable<bool> count_failure(int failures, std::string_view attempted);
    asio::awaitable<void> read_lock_out(ipmi::Session& session);
    asio::awaitable<std::vector<ipmi::CipherSuite>> suites_to_try();
    asio::awaitable<void> wait_for_free_slot();
    asio::awaitable<void> close(ipmi::Session& session);
    enum class Board { kSame, kChanged, kUnreadable };
    asio::awaitable<Board> compare_board(ipmi::Session& session, const ipmi::LoginReport& report, Seen& seen);
    [[nodiscard]] std::string vouched_body(const Seen& seen) const;
    asio::awaitable<Board> pin_board(Seen& seen);
    asio::awaitable<std::optional<MacAddress>> mac_address(ipmi::Session& session);
    asio::awaitable<void> read_rights(ipmi::Session& session, Seen& seen);
    asio::awaitable<bool> has_moved(UserId from, UserId to);
    asio::awaitable<SlotFact> find_slot_by_name();
    asio::awaitable<std::optional<ipmi::UserAccess>> access_of(ipmi::Session& session, UserId user) const;
    void remember_suite(const ipmi::CipherSuite& suite);

    Ports& ports_;
    vault::Bmc bmc_;
    ContactOptions options_;
    StepListener on_step_;
    KnownCredentials known_;
    std::vector<ipmi::PasswordCandidate> passwords_;  // own ones first
    std::vector<ipmi::KgCandidate> k_gs_;
    ipmi::Peer peer_;  // as connect() resolved it: a name may mean another address a moment later
    std::unique_ptr<ipmi::BmcClient> client_;
    std::unique_ptr<ipmi::Session> kept_;
    ipmi::TimePoint kept_used_{};
    Slot slot_;
    std::optional<ipmi::UserAccess> rights_before_;  // as the probe read them, to restore
    SessionSlots slots_;
    bool board_checked_ = false;         // beyond the GUID, in this operation
    std::optional<bool> kind_uses_k_g_;  // by the capability card
    LearnedFacts facts_;
    std::vector<std::uint8_t> exposed_accounts_;  // user IDs
    bool lock_out_asked_ = false;                 // in this operation: newer than what the vault has
    bool slots_asked_ = false;                    // likewise
    bool full_before_its_time_ = false;           // no session slot, though we left one
    int login_attempts_ = 0;                      // real logins that failed, or may have, in this operation
    bool login_attempts_made_ = false;  // this BMC proves nothing: what locks its account is asked for each time
    bool reset_settled_ = false;
    bool suite_0_asked_ = false;
    bool identify_ = false;
    bool loaded_ = false;
    bool written_ = false;
    bool had_a_session_ = false;
    bool record_changed_ = false;  // it learned something on the wire that load() must not overwrite
    ipmi::WireCounters counters_;  // of clients that are gone
};

// Suites that we send secrets under, strongest first: 17, 3, 8, 12 (I11).
[[nodiscard]] int suite_strength(std::uint8_t id);  // 0: not for work

}  // namespace bmcvault::rotate
