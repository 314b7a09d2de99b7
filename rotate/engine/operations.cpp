#include "rotate/engine/operations.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <span>

#include "rotate/core/schedule.hpp"
#include "rotate/engine/account_operations.hpp"
#include "rotate/engine/account_return.hpp"
#include "rotate/engine/alternation.hpp"
#include "rotate/engine/bmc_visit.hpp"
#include "rotate/engine/client_hooks.hpp"
#include "rotate/engine/k_g_rotation.hpp"
#include "rotate/engine/password_rotation.hpp"

namespace bmcvault::rotate {

namespace {

using vault::VersionState;

constexpr std::chrono::seconds kLookAtExperiment{1};
// A code that the BMC makes up at random looks like a proof of a password that we don't know.
constexpr std::string_view kChangedByOthers =
    "nothing that the vault knows opens this account, and it has proved ours before: somebody else changed it";
constexpr std::string_view kChangedOrMadeUp =
    "nothing that the vault knows opens this account: somebody else changed it, or this BMC, which has never proved a "
    "password of ours, makes up its answers";

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
            return outcome_of(last_answer);
        case KgOutcome::kQuarantined:
            return Outcome::kQuarantined;
        case KgOutcome::kVaultNotWritten:
            return Outcome::kBlocked;
    }
    return password;
}

// While it lives, this BMC is the one of its kind that tries whether a K_G can be used.
class Experiment {
public:
    Experiment(std::set<std::string>& running, const BmcContact& contact) : running_(running) {
        if (!contact.k_g_is_an_experiment() || contact.card_key().empty()) return;
        if (running_.insert(contact.card_key()).second) card_ = contact.card_key();
    }
    ~Experiment() {
        if (!card_.empty()) running_.erase(card_);
    }
    Experiment(const Experiment&) = delete;
    Experiment& operator=(const Experiment&) = delete;

private:
    std::set<std::string>& running_;
    std::string card_;
};

// What one command does to one BMC.
class Operation {
public:
    Operation(OperationContext& context, const vault::Bmc& bmc, std::string command)
        : context_(context),
          visit_(context, bmc, std::move(command)),
          contact_(visit_.contact()),
          report_(visit_.report()) {}

    asio::awaitable<BmcReport> rotate(Goal goal);
    asio::awaitable<BmcReport> ask_for_life();
    asio::awaitable<BmcReport> check();

private:
    asio::awaitable<void> run_machines_once(Goal goal);
    asio::awaitable<bool> tell_clients_before();
    asio::awaitable<void> tell_clients_after();
    asio::awaitable<void> let_follow(AccountRole role);
    asio::awaitable<void> mark_only(AccountRole role);
    asio::awaitable<void> mark_older_spare();
    asio::awaitable<bool> somebody_waits();
    [[nodiscard]] std::optional<AccountRole> only_role() const;
    asio::awaitable<void> run_machines(Goal goal);
    asio::awaitable<PasswordEnd> run_password(Goal goal);
    asio::awaitable<void> run_k_g(Goal goal, PasswordEnd& password);
    [[nodiscard]] bool has_vanished(const Seen& seen) const;
    asio::awaitable<bool> adopt_k_g(Seen& seen);
    asio::awaitable<void> wait_for_k_g_experiment();
    asio::awaitable<void> tell_ipmi_off();
    asio::awaitable<void> ask_and_describe();
    asio::awaitable<void> describe_beside();
    asio::awaitable<void> describe_check(const Seen& seen);
    asio::awaitable<void> describe_version(const Seen& seen);
    void describe_elsewhere(const Origin& origin);
    void describe_sharing(const Seen& seen);
    void describe_unfinished(const Seen& seen);
    [[nodiscard]] std::string describe_foreign() const;
    asio::awaitable<void> record_proof(const Seen& seen);
    void check_k_g(const Seen& seen);
    asio::awaitable<void> describe_accounts();

    OperationContext& context_;
    BmcVisit visit_;
    BmcContact& contact_;
    BmcReport& report_;
    bool waits_ = false;         // only its minimum change interval stands in the way of a fresh password
    bool clients_wait_ = false;  // they were told before, and not after
    bool clients_know_ = true;   // nobody has waited since an earlier run
};

asio::awaitable<BmcReport> Operation::rotate(Goal goal) {
    const bool begun = co_await visit_.begin(true);
    if (begun) co_await run_machines_once(goal);
    // A straggler that was asked in vain says nothing about its kind: nothing was done to it.
    const bool in_vain = goal != Goal::kRotate && !report_.as_asked && !contact_.has_written();
    report_.contacted = report_.contacted && !in_vain && !waits_;
    const bool changes = begun && goal != Goal::kFind;
    if (changes) co_await let_follow(AccountRole::kMonitor);
    if (clients_wait_) co_await tell_clients_after();
    // What the clients knew until now goes when they have been told, not before.
    const bool told = context_.options.hooks == nullptr || (clients_wait_ && report_.as_asked);
    if (changes && told) co_await let_follow(AccountRole::kSpare);
    const bool goes_on = report_.as_asked || waits_;
    if (changes && goes_on && !only_role()) co_await close_exposed_accounts(context_, visit_);
    co_await visit_.end();
    co_return report_;
}

asio::awaitable<void> Operation::let_follow(AccountRole role) {
    const auto follows = [&](const RoleAccount& account) { return account.role == role && account.follows; };
    if (!report_.as_asked || std::ranges::none_of(contact_.role_accounts(), follows)) co_return;
    Alternation alternation(contact_, visit_.note(), clients_know_);
    const auto why_not = co_await alternation.follow(role);
    if (why_not.empty()) {
        if (report_.outcome == word(Outcome::kAlreadyCurrent)) set_outcome(report_, Outcome::kRecovered, "");
        co_return;
    }
    if (only_role()) set_outcome(report_, Outcome::kRefused, "");  // it was all that there was to do
    add_detail(report_.detail, "not-followed: " + why_not);
    report_.as_asked = false;
}

asio::awaitable<BmcReport> Operation::ask_for_life() {
    const bool begun = co_await visit_.begin(true);
    if (!begun) co_return report_for(contact_.bmc());
    const bool answers = co_await contact_.answers();
    if (answers) co_return report_;
    set_outcome(report_, Outcome::kUnreachable, "");
    report_.contacted = false;
    visit_.fill_versions();
    co_await visit_.end();
    co_return report_;
}

// Not twice in one campaign, also when two processes run it.
asio::awaitable<void> Operation::run_machines_once(Goal goal) {
    const bool done = co_await visit_.done_in_this_campaign();
    if (done) {
        report_.contacted = false;
        set_outcome(report_, Outcome::kAlreadyCurrent, "done earlier in this run");
        visit_.fill_versions();
    } else if (goal == Goal::kPutBack && find_role(contact_.role_accounts(), AccountRole::kSpare) != nullptr) {
        set_outcome(report_, Outcome::kRefused, "has-a-spare");
    } else if (goal == Goal::kPutBack && contact_.known().password_in(VersionState::kPrevious) == nullptr) {
        set_outcome(report_, Outcome::kRefused, "no-previous-password");
    } else {
        bool may = true;
        if (goal != Goal::kFind) may = co_await tell_clients_before();
        const auto only = only_role();
        if (may && only)
            co_await mark_only(*only);
        else if (may)
            co_await run_machines(goal);
    }
}

std::optional<AccountRole> Operation::only_role() const {
    const auto& options = context_.options;
    if (options.only_monitor_of.contains(contact_.bmc().id)) return AccountRole::kMonitor;
    return options.only_role;
}

asio::awaitable<void> Operation::mark_older_spare() {
    Alternation alternation(contact_, visit_.note(), clients_know_);
    const bool marked = co_await alternation.mark_older_spare();
    if (!marked) set_outcome(report_, Outcome::kBlocked, "vault-not-written");
}

// The accounts of that role are changed, and nothing else (let_follow).
asio::awaitable<void> Operation::mark_only(AccountRole role) {
    const auto* account = find_role(contact_.role_accounts(), role);
    if (account == nullptr) {
        set_outcome(report_, Outcome::kRefused, fmt::format("no-{}", word(role)));
        co_return;
    }
    set_outcome(report_, Outcome::kRotated, fmt::format("{} '{}'", word(role), account->name));
    Alternation alternation(contact_, visit_.note(), clients_know_);
    const bool marked = co_await alternation.mark_followers(role);
    if (!marked) set_outcome(report_, Outcome::kBlocked, "vault-not-written");
    visit_.fill_versions();
}

// True also where that can't be read.
asio::awaitable<bool> Operation::somebody_waits() {
    bool waits = true;
    const VaultPort::Read work = [&](const vault::Store& store) -> Result<void> {
        const auto waiting = owed(store, std::span(&contact_.bmc(), 1));
        if (!waiting) return std::unexpected(waiting.error());
        waits = !waiting->empty();
        return {};
    };
    (void)co_await context_.ports.vault.read(work);
    co_return waits;
}

asio::awaitable<bool> Operation::tell_clients_before() {
    const auto* hooks = context_.options.hooks;
    if (hooks == nullptr) co_return true;
    const auto role = hooks->gives();
    if (role && find_role(contact_.role_accounts(), *role) == nullptr) {
        set_outcome(report_, Outcome::kBlocked, fmt::format("no-{}: hooks are to give its credential", word(*role)));
        report_.contacted = false;
        visit_.fill_versions();
        co_return false;
    }
    const bool waits = co_await somebody_waits();
    clients_know_ = !waits;
    clients_wait_ = true;
    contact_.before("tell-before");
    const auto told = co_await tell_before(context_, contact_.bmc());
    contact_.after("tell-before");
    if (told) co_return true;
    set_outcome(report_, Outcome::kBlocked, "hook-before: " + told.error().detail);
    report_.contacted = false;
    visit_.fill_versions();
    co_return false;
}

asio::awaitable<void> Operation::tell_clients_after() {
    contact_.before("tell-after");
    const auto told = co_await tell_after(context_, contact_.bmc(), report_);
    contact_.after("tell-after");
    if (told) co_return;
    add_detail(report_.detail, "hook-after: " + told.error().detail);
    report_.as_asked = false;
}

asio::awaitable<void> Operation::run_machines(Goal goal) {
    const bool rotates = goal == Goal::kRotate;
    // Killed between its commit and the campaign's mark: looked at again, not rotated again.
    if (goal == Goal::kRotate && contact_.password_is_of_this_campaign()) goal = Goal::kRecover;
    auto ended = co_await run_password(goal);
    set_outcome(report_, ended.outcome, ended.detail);
    const bool same_board = ended.outcome != Outcome::kIdentityChanged;
    if (same_board && ended.was_reset) add_detail(report_.detail, "factory-reset");
    if (same_board) add_detail(report_.detail, ended.came_from);
    if (ended.last_seen) add_detail(report_.detail, ended.last_seen->why);
    waits_ = ended.outcome == Outcome::kBlocked && ended.detail.starts_with(kTooEarly);
    const bool goes_on = report_.as_asked || waits_;
    if (goes_on && ended.last_seen) co_await run_k_g(goal, ended);
    if (report_.as_asked && rotates) co_await mark_older_spare();
    co_await contact_.close();
    const bool lost_its_settings = ended.was_reset || ended.was_put_right;
    if (report_.as_asked && goal != Goal::kFind) {
        if (lost_its_settings) co_await close_accounts_again(context_, visit_);
        contact_.reset_is_settled();
    }
    if (ended.outcome == Outcome::kUnreachable) co_await tell_ipmi_off();
    if (report_.as_asked) contact_.clear_quarantine();
    if (report_.outcome == word(Outcome::kQuarantined) && ended.last_seen &&
        ended.last_seen->answer == Answer::kNoCandidateMatches && context_.restored) {
        add_detail(report_.detail, describe_foreign());
    }
    visit_.fill_versions();
}

// Where our account does not get in, another one of the vault's may put it right: its fresh password is pending then.
asio::awaitable<PasswordEnd> Operation::run_password(Goal goal) {
    if (goal == Goal::kRotate) {
        Alternation alternation(contact_, visit_.note(), clients_know_);
        auto changed = co_await alternation.change();
        if (changed) co_return std::move(*changed);
        const bool marked = co_await alternation.mark_followers(AccountRole::kMonitor);
        if (!marked) co_return PasswordEnd{Outcome::kBlocked, "vault-not-written", {}, {}};
    }
    PasswordRotation password(contact_, goal, visit_.note());
    auto ended = co_await password.run();
    const bool ended_well = as_asked(ended.outcome);
    if (goal != Goal::kRecover || ended_well || !ended.last_seen) co_return ended;
    if (!may_be_put_right(ended.last_seen->answer, ended.last_seen->administrator)) co_return ended;
    AccountReturn other(contact_, visit_.note());
    const auto returned = co_await other.run();
    if (!returned.put_right) {
        add_detail(ended.detail, returned.detail);
        co_return ended;
    }
    // Our account was brought back through a session that any old password may have opened: a K_G that was staged
    // before is not for it.
    if (const auto* k_g = contact_.known().k_g_in(VersionState::kPending)) {
        const auto subject = contact_.bmc().k_g_subject();
        const auto given_up = co_await contact_.abandon(subject, k_g->version, kStagedForAnotherSession);
        if (given_up != Durable::kCommitted) co_return PasswordEnd{Outcome::kBlocked, "vault-not-written", {}, {}};
    }
    PasswordRotation proof(contact_, goal, visit_.note());
    ended = co_await proof.run();
    ended.was_put_right = true;
    add_detail(ended.detail, returned.detail);
    co_return ended;
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
    const bool had_one = current != nullptr || contact_.known().k_g_in(VersionState::kPrevious) != nullptr;
    const bool vanished = !password.was_reset && has_vanished(seen);
    if (vanished) add_detail(report_.detail, "k_g-lost");
    if (vanished && goal == Goal::kFind) co_return;
    if (vanished && goal != Goal::kRecover) {
        set_outcome(report_, Outcome::kRefused, "");
        co_return;
    }
    const bool lost = vanished || (password.was_reset && had_one);
    const bool asked_for = (context_.options.k_g || context_.options.k_g_of.contains(contact_.bmc().id)) &&
                           !contact_.k_g_is_of_this_campaign();
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
    KgRotation k_g(contact_, seen.k_g, wanted, visit_.note());
    const auto outcome = co_await k_g.run();
    set_outcome(report_, with_k_g(password.outcome, outcome, k_g.last_answer()), word(outcome));
}

// It proved a K_G once, and now none is set: the board was reset, or it is another one.
bool Operation::has_vanished(const Seen& seen) const {
    const auto* current = contact_.known().k_g_in(VersionState::kCurrent);
    const bool proved = current != nullptr && current->proved_at;
    return proved && seen.k_g_asked && !seen.k_g && seen.k_g_elsewhere == nullptr;
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
    const bool begun = co_await visit_.begin(false);
    report_.attention = !begun;
    if (begun) co_await ask_and_describe();
    co_await visit_.end();
    co_return report_;
}

asio::awaitable<void> Operation::ask_and_describe() {
    report_.k_g_asked = !context_.options.no_login;
    contact_.allow_suites_for_identification();
    Seen seen;
    if (context_.options.no_login) {
        seen = co_await contact_.ask_only();
    } else if (context_.options.accounts) {
        seen = co_await contact_.look_and_keep();
    } else {
        seen = co_await contact_.look();
    }
    co_await describe_check(seen);
    if (seen.answer == Answer::kMatched && !context_.options.no_login) co_await describe_beside();
    if (contact_.has_kept_session()) co_await describe_accounts();
    co_await contact_.close();
}

asio::awaitable<void> Operation::describe_beside() {
    Alternation alternation(contact_, "", clients_know_);
    const auto wrong = co_await alternation.check();
    if (wrong.empty()) co_return;
    report_.attention = true;
    add_detail(report_.detail, "beside: " + wrong);
}

asio::awaitable<void> Operation::describe_check(const Seen& seen) {
    report_.attention = true;
    add_detail(report_.detail, seen.why);
    if (seen.answer == Answer::kNoCandidateMatches) {
        report_.outcome = "foreign";
        add_detail(report_.detail, describe_foreign());
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

// Who has set the live password, as far as the vault can tell.
std::string Operation::describe_foreign() const {
    const auto& known = contact_.known();
    const auto* current = known.password_in(VersionState::kCurrent);
    if (current != nullptr) return std::string(current->proved_at ? kChangedByOthers : kChangedOrMadeUp);
    const auto distrusted = known.newest_unknown_password();
    const bool put_back =
        context_.restored && distrusted && known.password(*distrusted)->created_at.value <= context_.restored->at.value;
    return put_back ? fmt::format("vault-restored: as of {}", utc_text(context_.restored->state_of).substr(0, 10))
                    : std::string(kChangedOrMadeUp);
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
        describe_unfinished(seen);
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

// What was staged and is not current was asked for and not done: as-in-vault would hide that.
void Operation::describe_unfinished(const Seen& seen) {
    const auto* k_g = contact_.known().k_g_in(VersionState::kPending);
    if (k_g == nullptr && contact_.known().password_in(VersionState::kPending) == nullptr) return;
    const bool k_g_is_live = k_g != nullptr && seen.k_g_asked && seen.k_g == k_g->version;
    report_.outcome = k_g_is_live ? "pending-live" : "pending-not-live";
    report_.attention = true;
}

// A check changes nothing on the BMC; the vault learns that the version was proved, and one that was not known to be
// live becomes current, a K_G too: RAKP 4 has proved it.
asio::awaitable<void> Operation::record_proof(const Seen& seen) {
    if (!seen.administrator || seen.strange_board || context_.options.dry_run) co_return;
    const auto& bmc = contact_.bmc();
    const auto* current = contact_.known().password_in(VersionState::kCurrent);
    const bool is_current = current != nullptr && current->version == *seen.password;
    const bool any_k_g = seen.k_g_asked && seen.k_g && seen.k_g_elsewhere == nullptr;
    const auto* k_g = any_k_g ? contact_.known().k_g(*seen.k_g) : nullptr;
    const bool settles_k_g = k_g != nullptr && k_g->state == VersionState::kUnknown;
    const vault::Store::Work work = [&](vault::Transaction& transaction) {
        auto done = is_current ? transaction.mark_proved(bmc.id, bmc.own_password(), *seen.password)
                               : transaction.found_live(bmc.id, bmc.own_password(), *seen.password);
        return done && settles_k_g ? transaction.found_live(bmc.id, bmc.k_g_subject(), *seen.k_g) : done;
    };
    const auto stored = co_await context_.ports.vault.write(work);
    if (!stored) add_detail(report_.detail, "proof not stored: " + stored.error().detail);
}

asio::awaitable<void> Operation::describe_accounts() {
    const auto drift = co_await read_drift(contact_);
    if (!drift) {
        report_.attention = true;
        add_detail(report_.detail, "accounts not read: " + drift.error().detail);
        co_return;
    }
    context_.observer.accounts(contact_.bmc(), drift->table, drift->findings);
    const auto attention = [](const Finding& each) { return needs_attention(each.kind); };
    const auto count = std::ranges::count_if(drift->findings, attention);
    if (count == 0) co_return;
    report_.attention = true;
    add_detail(report_.detail, fmt::format("account findings: {}", count));
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

bool is_outside_window(const RunOptions& options, const vault::Bmc& bmc) {
    return options.may_begin && !options.may_begin(bmc);
}

}  // namespace

asio::awaitable<BmcReport> rotate_bmc(OperationContext& context, const vault::Bmc& bmc, Goal goal) {
    if (is_outside_window(context.options, bmc)) co_return report_without_contact(bmc, Outcome::kOutsideWindow, "");
    const bool recovers = goal == Goal::kRecover || goal == Goal::kFind;
    Operation operation(context, bmc, recovers ? "recover" : "rotate");
    co_return co_await operation.rotate(goal);
}

asio::awaitable<BmcReport> ask_for_life(OperationContext& context, const vault::Bmc& bmc) {
    Operation operation(context, bmc, "recover");
    co_return co_await operation.ask_for_life();
}

asio::awaitable<BmcReport> check_bmc(OperationContext& context, const vault::Bmc& bmc) {
    Operation operation(context, bmc, "check");
    co_return co_await operation.check();
}

BmcReport plan_bmc(const vault::Bmc& bmc, const RunOptions& options, Goal goal, UnixTime now) {
    if (auto excused = excused_from_change(bmc, now)) return *excused;
    if (is_outside_window(options, bmc)) return report_without_contact(bmc, Outcome::kOutsideWindow, "");
    auto report = report_for(bmc);
    report.outcome = "planned";
    report.as_asked = true;
    const bool monitor_alone = options.only_role || options.only_monitor_of.contains(bmc.id);
    switch (goal) {
        case Goal::kRotate:
            report.detail = monitor_alone ? "its monitoring account would get a fresh password"
                                          : "a fresh password would be set and proved";
            break;
        case Goal::kPutBack:
            report.detail = "the previous password would return";
            break;
        case Goal::kRecover:
            report.detail =
                "would be asked; only where it holds another password than the vault believes, a fresh one "
                "would be set and proved";
            break;
        case Goal::kFind:
            report.detail = "would be asked; nothing would be changed";
            break;
    }
    const bool with_k_g = !monitor_alone && (options.k_g || options.k_g_of.contains(bmc.id));
    if (with_k_g && bmc.k_g_supported.value_or(true)) add_detail(report.detail, "then a fresh K_G");
    return report;
}

}  // namespace bmcvault::rotate
