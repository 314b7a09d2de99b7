#include "rotate/engine/operations.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <span>

#include "rotate/engine/bmc_contact.hpp"
#include "rotate/engine/k_g_rotation.hpp"
#include "rotate/engine/password_rotation.hpp"
#include "vault/store/locks.hpp"

namespace bmcvault::rotate {

namespace {

using vault::VersionState;

constexpr std::chrono::seconds kLookAtExperiment{1};

void add_detail(std::string& detail, std::string_view more) {
    if (more.empty()) return;
    if (!detail.empty()) detail += "; ";
    detail += more;
}

// "192.0.2.7:623", "[2001:db8::7]:623"
std::string address_of(const vault::Bmc& bmc) {
    const bool v6 = bmc.address.find(':') != std::string::npos;
    return v6 ? fmt::format("[{}]:{}", bmc.address, bmc.port) : fmt::format("{}:{}", bmc.address, bmc.port);
}

BmcReport report_for(const vault::Bmc& bmc) {
    BmcReport report;
    report.id = bmc.id;
    report.name = bmc.name;
    report.address = address_of(bmc);
    return report;
}

void set_outcome(BmcReport& report, Outcome outcome, std::string_view detail) {
    report.outcome = word(outcome);
    report.as_asked = as_asked(outcome);
    add_detail(report.detail, detail);
}

Outcome unproved(Answer why) {
    switch (why) {
        case Answer::kIdentityChanged:
            return Outcome::kIdentityChanged;
        case Answer::kUnknownUserOrLocked:
            return Outcome::kLocked;
        case Answer::kNoSessionSlot:
            return Outcome::kBusy;
        case Answer::kNoAnswer:
            return Outcome::kUnreachable;
        default:
            return Outcome::kRefused;
    }
}

// The outcome of both phases. That a BMC can't do K_G is a fact, not a failure; the detail says it.
Outcome with_k_g(Outcome password, KgOutcome k_g, Answer last_answer) {
    switch (k_g) {
        case KgOutcome::kChanged:  // a pending K_G of an interrupted run was all that was left to do
            return password == Outcome::kAlreadyCurrent ? Outcome::kRecovered : password;
        case KgOutcome::kUnchanged:
        case KgOutcome::kNotSupported:
        case KgOutcome::kUnusable:
            return password;
        case KgOutcome::kRefused:
            return Outcome::kRefused;
        case KgOutcome::kUnproved:
            return unproved(last_answer);
        case KgOutcome::kQuarantined:
            return Outcome::kQuarantined;
        case KgOutcome::kVaultNotWritten:
            return Outcome::kBlocked;
    }
    return password;
}

// Reasons to leave a BMC alone that are known before anything is sent.
struct Excuse {
    Outcome outcome;
    std::string detail;
};

std::optional<Excuse> excuse(const vault::Bmc& bmc, UnixTime now, bool changes, bool more_to_offer) {
    if (changes && bmc.hold && (!bmc.hold->until || *bmc.hold->until > now)) {
        return Excuse{Outcome::kHeld, bmc.hold->reason};
    }
    if (bmc.quarantine && bmc.quarantine->retry_at > now && !more_to_offer) {
        return Excuse{Outcome::kQuarantined, fmt::format("{}; retried after {} s", bmc.quarantine->reason,
                                                         bmc.quarantine->retry_at.value - now.value)};
    }
    return std::nullopt;
}

// While it lives, this BMC is the one of its kind that tries whether a K_G can be used.
class Experiment {
public:
    Experiment(std::set<std::string>& running, const BmcContact& contact) : running_(running) {
        if (contact.k_g_is_an_experiment()) card_ = contact.card_key();
        if (!card_.empty()) running_.insert(card_);
    }
    ~Experiment() { running_.erase(card_); }
    Experiment(const Experiment&) = delete;
    Experiment& operator=(const Experiment&) = delete;

private:
    std::set<std::string>& running_;
    std::string card_;
};

// One operation on one BMC: the lock, the contact, the clock of the report.
class Operation {
public:
    Operation(OperationContext& context, const vault::Bmc& bmc, std::string command)
        : context_(context),
          contact_(context.ports, bmc,
                   ContactOptions{context.client, context.elsewhere, context.options.login_attempts,
                                  context.options.first_contact, context.options.dry_run, context.campaign},
                   [this](std::string_view step) { context_.observer.step(contact_.bmc(), step); }),
          report_(report_for(bmc)),
          command_(std::move(command)),
          started_(context.ports.network.now()) {}

    asio::awaitable<BmcReport> rotate(Goal goal);
    asio::awaitable<BmcReport> check();

private:
    asio::awaitable<bool> begin(bool changes);
    asio::awaitable<bool> done_in_this_campaign();
    asio::awaitable<void> run_machines_once(Goal goal);
    asio::awaitable<void> run_machines(Goal goal);
    asio::awaitable<void> run_k_g(Goal goal, PasswordEnd& password);
    asio::awaitable<bool> adopt_k_g(Seen& seen);
    asio::awaitable<void> wait_for_k_g_experiment();
    asio::awaitable<void> tell_ipmi_off();
    asio::awaitable<void> ask_and_describe();
    asio::awaitable<void> describe_check(const Seen& seen);
    asio::awaitable<void> describe_version(const Seen& seen);
    void describe_elsewhere(const Origin& origin);
    void describe_sharing(const Seen& seen);
    asio::awaitable<void> record_proof(const Seen& seen);
    asio::awaitable<void> end();
    void check_k_g(const Seen& seen);
    void fill_versions();
    [[nodiscard]] std::string note() const;

    OperationContext& context_;
    BmcContact contact_;
    BmcReport report_;
    std::string command_;
    ipmi::TimePoint started_;
    std::optional<vault::BmcLock> lock_;
};

// Lock first, then read: what another process has done meanwhile is seen. False: the report says why not.
asio::awaitable<bool> Operation::begin(bool changes) {
    auto lock = vault::BmcLock::try_acquire(context_.vault_directory, contact_.bmc().id);
    if (!lock) {
        const bool busy = lock.error().code == ErrorCode::kBusy;
        set_outcome(report_, busy ? Outcome::kBusy : Outcome::kBlocked,
                    busy ? "another bmcvault is at work on this BMC" : lock.error().detail);
        co_return false;
    }
    lock_.emplace(std::move(*lock));
    const auto loaded = co_await contact_.load();
    if (!loaded) {
        set_outcome(report_, Outcome::kBlocked, "vault-not-readable: " + loaded.error().detail);
        co_return false;
    }
    if (contact_.bmc().retired) {
        lock_.reset();
        set_outcome(report_, Outcome::kRefused, "removed or replaced meanwhile");
        co_return false;
    }
    if (const auto reason = excuse(contact_.bmc(), context_.ports.clock.now(), changes, contact_.has_more_to_offer())) {
        set_outcome(report_, reason->outcome, reason->detail);
        co_return false;
    }
    const bool offers_more = context_.elsewhere != nullptr && !context_.elsewhere->passwords().empty();
    if (!contact_.known().has_password() && !offers_more) {
        set_outcome(report_, Outcome::kRefused, "no-known-password");
        co_return false;
    }
    const auto connected = co_await contact_.connect(*lock_);
    if (!connected) {
        const bool taken = connected.error().code == ErrorCode::kBusy;
        set_outcome(report_, taken ? Outcome::kBusy : Outcome::kUnreachable, connected.error().detail);
        co_return false;
    }
    report_.contacted = true;
    co_return true;
}

asio::awaitable<BmcReport> Operation::rotate(Goal goal) {
    const bool begun = co_await begin(true);
    if (begun) co_await run_machines_once(goal);
    // A straggler that was asked in vain says nothing about its kind: nothing was done to it.
    const bool in_vain = goal != Goal::kRotate && !report_.as_asked && !contact_.has_written();
    report_.contacted = report_.contacted && !in_vain;
    co_await end();
    co_return report_;
}

// Not twice in one campaign, also when two processes run it.
asio::awaitable<void> Operation::run_machines_once(Goal goal) {
    const bool done = co_await done_in_this_campaign();
    if (done) {
        report_.contacted = false;
        set_outcome(report_, Outcome::kAlreadyCurrent, "done earlier in this run");
        fill_versions();
    } else if (goal == Goal::kPutBack && contact_.known().password_in(VersionState::kPrevious) == nullptr) {
        set_outcome(report_, Outcome::kRefused, "no-previous-password");
    } else {
        co_await run_machines(goal);
    }
}

asio::awaitable<bool> Operation::done_in_this_campaign() {
    if (!context_.campaign) co_return false;
    bool done = false;
    const VaultPort::Read work = [&](const vault::Store& store) -> Result<void> {
        const auto ids = store.campaign_done(*context_.campaign);
        if (!ids) return std::unexpected(ids.error());
        done = std::ranges::find(*ids, contact_.bmc().id) != ids->end();
        return {};
    };
    const auto read = co_await context_.ports.vault.read(work);
    co_return read.has_value() && done;
}

asio::awaitable<void> Operation::run_machines(Goal goal) {
    // Killed between its commit and the campaign's mark: looked at again, not rotated again.
    if (goal == Goal::kRotate && contact_.password_is_of_this_campaign()) goal = Goal::kRecover;
    PasswordRotation password(contact_, goal, note());
    auto ended = co_await password.run();
    set_outcome(report_, ended.outcome, ended.detail);
    if (ended.was_reset) add_detail(report_.detail, "factory-reset");
    add_detail(report_.detail, ended.came_from);
    if (ended.last_seen) add_detail(report_.detail, ended.last_seen->why);
    if (report_.as_asked && ended.last_seen) co_await run_k_g(goal, ended);
    co_await contact_.close();
    if (ended.outcome == Outcome::kUnreachable) co_await tell_ipmi_off();
    if (report_.as_asked) contact_.clear_quarantine();
    fill_versions();
}

// A BMC that answers IPMI but opens no RMCP+ session is not unreachable: IPMI 2.0 over LAN is switched off.
asio::awaitable<void> Operation::tell_ipmi_off() {
    const bool answers = co_await contact_.answers_without_rmcp_plus();
    if (answers) set_outcome(report_, Outcome::kIpmiOff, "it answers, but opens no RMCP+ session");
}

// After the password, in the same kept session: what was asked for, what an interrupted run left pending, what is live
// and not what the vault believes, or what a reset has taken away.
asio::awaitable<void> Operation::run_k_g(Goal goal, PasswordEnd& password) {
    auto& seen = *password.last_seen;
    const auto* pending = contact_.known().k_g_in(VersionState::kPending);
    const auto* current = contact_.known().k_g_in(VersionState::kCurrent);
    const bool unexpected =
        seen.k_g_asked && seen.k_g != (current != nullptr ? std::optional(current->version) : std::nullopt);
    const bool lost = password.was_reset && current != nullptr;
    const bool asked_for = context_.options.k_g && !contact_.k_g_is_of_this_campaign();
    const bool wanted = (asked_for || lost) && goal != Goal::kFind;
    const bool open = pending != nullptr && goal != Goal::kFind;
    if (!wanted && !open && !unexpected && seen.k_g_elsewhere == nullptr) co_return;
    if (wanted) co_await wait_for_k_g_experiment();
    const Experiment experiment(context_.k_g_experiments, contact_);
    if (!contact_.has_kept_session()) seen = co_await contact_.look_and_keep();
    if (seen.answer != Answer::kMatched || !seen.k_g_asked) {  // "none" would be a guess
        set_outcome(report_, with_k_g(password.outcome, KgOutcome::kUnproved, seen.answer), word(KgOutcome::kUnproved));
        co_return;
    }
    const bool vault_was_behind = unexpected || seen.k_g_elsewhere != nullptr;
    const bool adopted = co_await adopt_k_g(seen);
    if (!adopted) co_return;
    if (vault_was_behind && password.outcome == Outcome::kAlreadyCurrent) password.outcome = Outcome::kRecovered;
    KgRotation k_g(contact_, seen.k_g, wanted, note());
    const auto outcome = co_await k_g.run();
    set_outcome(report_, with_k_g(password.outcome, outcome, k_g.last_answer()), word(outcome));
}

// False: it could not be written down, and the report says so.
asio::awaitable<bool> Operation::adopt_k_g(Seen& seen) {
    if (seen.k_g_elsewhere == nullptr) co_return true;
    VersionNumber version;
    const auto stored = co_await contact_.record_k_g(seen, version);
    if (stored != Durable::kCommitted) {
        set_outcome(report_, Outcome::kBlocked, word(KgOutcome::kVaultNotWritten));
        co_return false;
    }
    add_detail(report_.detail, "k_g-from: " + seen.k_g_elsewhere->label);
    seen.k_g = version;
    seen.k_g_elsewhere = nullptr;
    co_return true;
}

// A K_G that can be set but not used costs a walk to the server: of each kind one BMC goes first, alone.
asio::awaitable<void> Operation::wait_for_k_g_experiment() {
    while (contact_.k_g_is_an_experiment() && context_.k_g_experiments.contains(contact_.card_key())) {
        co_await contact_.wait(kLookAtExperiment);
        const auto loaded = co_await contact_.load();
        if (!loaded) break;
    }
}

asio::awaitable<BmcReport> Operation::check() {
    const bool begun = co_await begin(false);
    report_.attention = !begun;
    if (begun) co_await ask_and_describe();
    co_await end();
    co_return report_;
}

asio::awaitable<void> Operation::ask_and_describe() {
    report_.k_g_asked = !context_.options.no_login;
    contact_.allow_suites_for_identification();
    Seen seen;
    if (context_.options.no_login) {
        seen = co_await contact_.ask_only();
    } else {
        seen = co_await contact_.look();
    }
    co_await describe_check(seen);
}

asio::awaitable<void> Operation::describe_check(const Seen& seen) {
    report_.attention = true;
    add_detail(report_.detail, seen.why);
    if (seen.answer == Answer::kNoCandidateMatches) {
        report_.outcome = "foreign";
        add_detail(report_.detail, "nothing that the vault knows opens this account: somebody else changed it");
        co_return;
    }
    if (seen.answer != Answer::kMatched && seen.answer != Answer::kPrivilegeRefused) {
        report_.outcome = word(seen.answer);
        co_return;
    }
    if (seen.elsewhere != nullptr) {
        describe_elsewhere(*seen.elsewhere);
    } else if (seen.password) {
        co_await describe_version(seen);
    } else {
        report_.outcome = word(seen.answer);
    }
    if (seen.strange_board) add_detail(report_.detail, "first-contact");
    if (seen.answer == Answer::kPrivilegeRefused) add_detail(report_.detail, "live-without-rights");
    if (seen.weak_suite) {
        report_.attention = true;
        add_detail(report_.detail, fmt::format("suite-{}-only: no password can be sent", *seen.weak_suite));
    }
    check_k_g(seen);
}

void Operation::describe_elsewhere(const Origin& origin) {
    switch (origin.kind) {
        case Origin::Kind::kOtherBmc:
            report_.outcome = "shared";
            break;
        case Origin::Kind::kList:
            report_.outcome = "older-version";
            break;
        case Origin::Kind::kVendorDefault:
            report_.outcome = "vendor-default";
            break;
    }
    add_detail(report_.detail, origin.label);
}

asio::awaitable<void> Operation::describe_version(const Seen& seen) {
    const auto& version = *contact_.known().password(*seen.password);
    report_.password_version = version.version;
    report_.password_size = version.size;
    report_.version_since = version.proved_at ? version.proved_at : std::optional(version.created_at);
    if (seen.k_g_asked) report_.k_g_version = seen.k_g;
    if (seen.form != Form::kExact) {
        report_.outcome = "mangled";
    } else if (version.state == VersionState::kPending) {
        report_.outcome = "pending-live";
    } else if (version.provenance == vault::Provenance::kFactory) {
        report_.outcome = "vendor-default";
    } else if (version.state == VersionState::kCurrent || version.state == VersionState::kUnknown) {
        report_.outcome = "as-in-vault";
        report_.attention = seen.answer == Answer::kPrivilegeRefused;
        describe_sharing(seen);
        co_await record_proof(seen);
    } else {
        report_.outcome = "older-version";
    }
}

void Operation::describe_sharing(const Seen& seen) {
    if (context_.shared == nullptr || !seen.live) return;
    const auto others = context_.shared->others_with(*seen.live, contact_.bmc());
    if (others.empty()) return;
    constexpr std::size_t kNamed = 3;
    report_.outcome = "shared";
    report_.attention = true;
    auto names = fmt::format("with {}", fmt::join(std::span(others).first(std::min(kNamed, others.size())), ", "));
    if (others.size() > kNamed) names += fmt::format(" and {} more", others.size() - kNamed);
    add_detail(report_.detail, names);
}

// A check changes nothing on the BMC; the vault learns that the version was proved, and an imported one becomes
// current.
asio::awaitable<void> Operation::record_proof(const Seen& seen) {
    if (!seen.administrator || seen.strange_board || context_.options.dry_run) co_return;
    const auto& bmc = contact_.bmc();
    const auto* current = contact_.known().password_in(VersionState::kCurrent);
    const bool is_current = current != nullptr && current->version == *seen.password;
    const vault::Store::Work work = [&](vault::Transaction& transaction) {
        return is_current ? transaction.mark_proved(bmc.id, bmc.own_password(), *seen.password)
                          : transaction.found_live(bmc.id, bmc.own_password(), *seen.password);
    };
    const auto stored = co_await context_.ports.vault.write(work);
    if (!stored) add_detail(report_.detail, "proof not stored: " + stored.error().detail);
}

void Operation::check_k_g(const Seen& seen) {
    if (!seen.k_g_asked) return;
    if (seen.k_g_elsewhere != nullptr) {
        report_.attention = true;
        add_detail(report_.detail, "k_g-from: " + seen.k_g_elsewhere->label);
        return;
    }
    const auto* current = contact_.known().k_g_in(VersionState::kCurrent);
    const auto expected = current != nullptr ? std::optional(current->version) : std::nullopt;
    if (seen.k_g == expected) return;
    const auto* live = seen.k_g ? contact_.known().k_g(*seen.k_g) : nullptr;
    if (live != nullptr && live->state == VersionState::kUnknown) return;  // imported, now seen to be right
    report_.attention = true;
    add_detail(report_.detail, seen.k_g ? fmt::format("k_g-version-{}-live", seen.k_g->value) : "k_g-not-set");
}

void Operation::fill_versions() {
    if (const auto* current = contact_.known().password_in(VersionState::kCurrent)) {
        report_.password_version = current->version;
        report_.password_size = current->size;
        report_.version_since = current->proved_at;
    }
    if (const auto* current = contact_.known().k_g_in(VersionState::kCurrent)) report_.k_g_version = current->version;
}

std::string Operation::note() const {
    std::string note = context_.options.reason;
    if (!context_.options.ticket.empty()) add_detail(note, "ticket " + context_.options.ticket);
    return note;
}

// The last commit: what was learned, what happened, and that this BMC is done. Losing it loses no credential.
asio::awaitable<void> Operation::end() {
    const auto& counters = contact_.counters();
    report_.failed_logins = counters.failed_logins;
    report_.round_trips = counters.round_trips;
    report_.elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(context_.ports.network.now() - started_);
    report_.class_name = contact_.card_key();
    if (contact_.suite_0_is_open()) add_detail(report_.detail, "suite-0-open");
    // Without the lock it is somebody else's record; unread, it is an old one.
    if (!lock_ || !contact_.is_loaded() || context_.options.dry_run) co_return;
    auto& bmc = contact_.bmc();
    bmc.last = vault::LastResult{command_, report_.outcome, report_.detail, context_.ports.clock.now()};
    const bool done = report_.as_asked && context_.campaign.has_value();
    const vault::Store::Work work = [&](vault::Transaction& transaction) -> Result<void> {
        if (auto updated = transaction.update_bmc(bmc); !updated) return updated;
        if (auto learned = contact_.learn_manners(transaction); !learned) return learned;
        return done ? transaction.campaign_done(*context_.campaign, bmc.id, report_.outcome) : Result<void>{};
    };
    const auto stored = co_await context_.ports.vault.write(work);
    if (!stored) add_detail(report_.detail, "result not stored: " + stored.error().detail);
    lock_.reset();
}

}  // namespace

asio::awaitable<BmcReport> rotate_bmc(OperationContext& context, const vault::Bmc& bmc, Goal goal) {
    const bool recovers = goal == Goal::kRecover || goal == Goal::kFind;
    Operation operation(context, bmc, recovers ? "recover" : "rotate");
    co_return co_await operation.rotate(goal);
}

asio::awaitable<BmcReport> check_bmc(OperationContext& context, const vault::Bmc& bmc) {
    Operation operation(context, bmc, "check");
    co_return co_await operation.check();
}

BmcReport report_without_contact(const vault::Bmc& bmc, Outcome outcome, std::string detail) {
    auto report = report_for(bmc);
    set_outcome(report, outcome, detail);
    return report;
}

BmcReport plan_bmc(const vault::Bmc& bmc, const RunOptions& options, UnixTime now) {
    if (const auto reason = excuse(bmc, now, true, false)) {
        return report_without_contact(bmc, reason->outcome, reason->detail);
    }
    auto report = report_for(bmc);
    report.outcome = "planned";
    report.as_asked = true;
    report.detail =
        options.put_back ? "the previous password would return" : "a fresh password would be set and proved";
    if (options.k_g && bmc.k_g_supported.value_or(true)) add_detail(report.detail, "then a fresh K_G");
    return report;
}

}  // namespace bmcvault::rotate
