#include "rotate/engine/account_operations.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "rotate/engine/account_closing.hpp"
#include "rotate/engine/account_creation.hpp"
#include "rotate/engine/account_reader.hpp"
#include "rotate/engine/account_record.hpp"
#include "rotate/engine/suite_0.hpp"

namespace bmcvault::rotate {
namespace {

using vault::VersionState;

std::string shown(const AccountSlot& slot) {
    const bool named = slot.name && !slot.name->empty();
    return named ? fmt::format("slot {} '{}'", slot.id.value, *slot.name)
                 : fmt::format("slot {} (null name)", slot.id.value);
}

asio::awaitable<Result<AccountRecords>> records_of(BmcContact& contact) {
    AccountRecords records;
    const VaultPort::Read work = [&](const vault::Store& store) -> Result<void> {
        auto read = read_account_records(store, contact.bmc());
        if (!read) return std::unexpected(read.error());
        records = std::move(*read);
        return {};
    };
    const auto read = co_await contact.ports().vault.read(work);
    if (!read) co_return std::unexpected(read.error());
    co_return std::move(records);
}

AccountSlot* slot_of(AccountTable& table, UserId id) {
    const auto found = std::ranges::find(table.slots, id, &AccountSlot::id);
    return found == table.slots.end() ? nullptr : &*found;
}

// What we did ourselves is accepted.
void accept_slot(AccountTable& accepted, const AccountSlot& slot) {
    if (auto* before = slot_of(accepted, slot.id)) {
        *before = slot;
    } else {
        accepted.slots.push_back(slot);
    }
}

void take_over_answers(AccountTable& table, const AccountTable& asked) {
    for (const auto& slot : asked.slots) {
        auto* same = slot_of(table, slot.id);
        if (same == nullptr || same->name != slot.name) continue;
        same->asked = slot.asked;
        same->opened_by = slot.opened_by;
    }
}

class AccountOperation {
public:
    AccountOperation(OperationContext& context, BmcVisit& visit)
        : context_(context), visit_(visit), contact_(visit.contact()), report_(visit.report()) {}

    asio::awaitable<void> list();
    asio::awaitable<void> secure();
    asio::awaitable<void> close_again();
    asio::awaitable<void> close_exposed();
    asio::awaitable<void> replace_exposed(UserId id);
    asio::awaitable<void> adopt();

private:
    asio::awaitable<bool> log_in(bool must_be_proved);
    asio::awaitable<bool> read_table();
    asio::awaitable<std::set<UserId>> slots_closed_before();
    asio::awaitable<void> ask(std::function<bool(const AccountSlot&)> wanted);
    asio::awaitable<void> tell_what_is();
    void plan(const std::vector<AccountSlot>& targets, const std::vector<AccountSlot>& open);
    void tell_left_open(const std::vector<AccountSlot>& open);
    asio::awaitable<void> close_all(const std::vector<AccountSlot>& targets);
    asio::awaitable<void> close_one(const AccountSlot& target);
    asio::awaitable<void> describe_after();
    asio::awaitable<void> make(UserId id);
    asio::awaitable<void> close_half_made(UserId id);
    [[nodiscard]] bool is_there_already();
    asio::awaitable<bool> store_tables();
    [[nodiscard]] OwnAccount own() const { return contact_.own_account(); }

    OperationContext& context_;
    BmcVisit& visit_;
    BmcContact& contact_;
    BmcReport& report_;
    AccountTable table_;
    AccountRecords records_;
    std::vector<UserId> touched_;
    bool all_closed_ = true;
};

// In as ourselves, with a session that stays open, and with a slot that is certainly ours.
asio::awaitable<bool> AccountOperation::log_in(bool must_be_proved) {
    const auto seen = co_await contact_.look_and_keep();
    add_detail(report_.detail, seen.why);
    if (!contact_.has_kept_session()) {
        set_outcome(report_, outcome_of(seen.answer), word(seen.answer));
        co_return false;
    }
    const auto* current = contact_.known().password_in(VersionState::kCurrent);
    const bool proved = current != nullptr && seen.password == current->version && seen.form == Form::kExact;
    if (must_be_proved && (!proved || !seen.administrator)) {
        set_outcome(report_, Outcome::kRefused, "own-account-not-proved: rotate or recover it first");
        co_return false;
    }
    if (must_be_proved && !contact_.bmc().pin.manufacturer) {  // settings are written before anything is stored
        set_outcome(report_, Outcome::kBlocked, "vault-not-written");
        co_return false;
    }
    const auto slot = co_await contact_.check_slot();
    if (slot != SlotFact::kOurs) {
        set_outcome(report_, Outcome::kRefused, "own-slot-not-known");
        co_return false;
    }
    auto records = co_await records_of(contact_);
    if (!records) {
        set_outcome(report_, Outcome::kBlocked, records.error().detail);
        co_return false;
    }
    records_ = std::move(*records);
    co_return true;
}

asio::awaitable<bool> AccountOperation::read_table() {
    contact_.before("read-accounts");
    auto table = co_await read_accounts(contact_);
    contact_.after("read-accounts");
    if (!table) {
        const bool lost = table.error().code == ErrorCode::kNoAnswer;
        set_outcome(report_, lost ? Outcome::kUnreachable : Outcome::kRefused, table.error().detail);
        co_return false;
    }
    table_ = std::move(*table);
    table_.suite_0_open = contact_.suite_0_open();
    if (auto* slot = slot_of(table_, own().id)) {
        slot->asked = Answer::kMatched;
        slot->opened_by = OpenedBy{OpenedBy::Source::kOurs, "our own"};
    }
    co_return true;
}

// Empty, too, where the vault can't be read: that is said.
asio::awaitable<std::set<UserId>> AccountOperation::slots_closed_before() {
    std::set<UserId> slots;
    const VaultPort::Read work = [&](const vault::Store& store) -> Result<void> {
        const auto versions = store.versions(contact_.bmc().id);
        if (!versions) return std::unexpected(versions.error());
        for (const auto& version : *versions) {
            const auto& subject = version.subject;
            const bool another = subject.index != vault::Subject::kOwnAccount;
            if (subject.kind != vault::Kind::kPassword || !another) continue;
            if (version.state == VersionState::kCurrent) slots.insert(UserId{subject.index});
        }
        for (const auto& account : contact_.role_accounts()) slots.erase(account.slot);
        return {};
    };
    const auto read = co_await contact_.ports().vault.read(work);
    if (!read) add_detail(report_.detail, "accounts not closed again: " + read.error().detail);
    co_return slots;
}

asio::awaitable<void> AccountOperation::ask(std::function<bool(const AccountSlot&)> wanted) {
    AccountPasswords known;
    const VaultPort::Read work = [&](const vault::Store& store) -> Result<void> {
        auto loaded = AccountPasswords::load(store, contact_.bmc(), context_.elsewhere);
        if (!loaded) return std::unexpected(loaded.error());
        known = std::move(*loaded);
        return {};
    };
    const auto read = co_await contact_.ports().vault.read(work);
    if (!read) {
        add_detail(report_.detail, "not asked: " + read.error().detail);
        co_return;
    }
    contact_.before("ask-accounts");
    co_await ask_accounts(contact_, table_, known, own(), wanted);
    for (const auto& account : contact_.role_accounts()) {
        auto* slot = slot_of(table_, account.slot);
        const bool ours = slot != nullptr && slot->name == account.name && slot->opened_by &&
                          slot->opened_by->source == OpenedBy::Source::kOurs;
        if (ours) slot->opened_by->label = fmt::format("our {}", word(account.role));
    }
    contact_.after("ask-accounts");
}

asio::awaitable<bool> AccountOperation::store_tables() {
    if (context_.options.dry_run) co_return true;
    const vault::Store::Work work = [&](vault::Transaction& transaction) -> Result<void> {
        if (auto seen = record_seen(transaction, contact_.bmc(), table_); !seen) return seen;
        return records_.accepted ? record_accepted(transaction, contact_.bmc(), *records_.accepted) : Result<void>{};
    };
    const auto stored = co_await contact_.ports().vault.write(work);
    if (!stored) add_detail(report_.detail, "accounts not stored: " + stored.error().detail);
    co_return stored.has_value();
}

asio::awaitable<void> AccountOperation::tell_what_is() {
    auto findings = findings_in(table_, own());
    if (records_.accepted)
        std::ranges::move(drift_between(*records_.accepted, table_, own()), std::back_inserter(findings));
    context_.observer.accounts(contact_.bmc(), table_, findings);
    const bool drifts = std::ranges::any_of(findings, [](const Finding& each) { return is_drift(each.kind); });
    report_.attention = std::ranges::any_of(findings, [](const Finding& each) { return needs_attention(each.kind); });
    report_.as_asked = true;
    report_.outcome = drifts ? "drift" : "findings";
    if (!report_.attention) report_.outcome = records_.accepted ? "as-accepted" : "not-accepted-yet";
    visit_.fill_versions();
    const bool stored = co_await store_tables();
    report_.attention = report_.attention || !stored;
}

asio::awaitable<void> AccountOperation::list() {
    const bool in = co_await log_in(false);
    const bool read = in && co_await read_table();
    const std::function<bool(const AccountSlot&)> everybody = [](const AccountSlot&) { return true; };
    if (read && context_.options.ask_accounts) co_await ask(everybody);
    if (read) co_await tell_what_is();
}

asio::awaitable<void> AccountOperation::secure() {
    const bool in = co_await log_in(true);
    const bool read = in && co_await read_table();
    if (!read) co_return;
    const auto& choice = context_.options.closing;
    const std::function<bool(const AccountSlot&)> not_kept = [&](const AccountSlot& slot) {
        return !choice.keep.contains(slot.name.value_or(""));
    };
    co_await ask(not_kept);
    const auto targets = slots_to_close(table_, own(), choice);
    const auto open = left_open(table_, own(), choice);
    if (context_.options.dry_run) {
        plan(targets, open);
        co_return;
    }
    const auto said = report_.detail.size();
    co_await close_all(targets);
    tell_left_open(open);
    if (report_.detail.size() == said) add_detail(report_.detail, "nothing to close");
    const bool secured = all_closed_ && open.empty();
    set_outcome(report_, secured ? Outcome::kSecured : Outcome::kNotSecured, "");
}

void AccountOperation::tell_left_open(const std::vector<AccountSlot>& open) {
    for (const auto& slot : open) {
        const auto how = slot.opened_by ? "left-open: {} opens with {}" : "not-asked: {}: {}";
        const auto why = slot.asked ? word(*slot.asked) : std::string_view("another slot has its name");
        const std::string_view what = slot.opened_by ? std::string_view(slot.opened_by->label) : why;
        add_detail(report_.detail, fmt::format(fmt::runtime(how), shown(slot), what));
    }
}

// Only slots whose password the vault has set: those that it has closed before. Where there is none, nothing is sent.
asio::awaitable<void> AccountOperation::close_again() {
    const auto closed_before = co_await slots_closed_before();
    if (closed_before.empty()) co_return;
    const bool in = co_await log_in(true);
    const bool read = in && co_await read_table();
    if (!read) co_return;
    const std::function<bool(const AccountSlot&)> closable = [&](const AccountSlot& slot) {
        return closed_before.contains(slot.id) && may_be_closed(slot, own(), {});
    };
    co_await ask(closable);
    auto targets = slots_to_close(table_, own(), {});
    std::erase_if(targets, [&](const AccountSlot& slot) { return !closed_before.contains(slot.id); });
    co_await close_all(targets);
    if (!all_closed_) set_outcome(report_, Outcome::kNotSecured, "");
}

// They are closed; but boards exist where a disabled user still gets in. What is not closed any more is somebody else's
// by now, unless our password opens it still.
asio::awaitable<void> AccountOperation::close_exposed() {
    const auto exposed = contact_.exposed_closed_accounts();
    const bool in = co_await log_in(true);
    const bool read = in && co_await read_table();
    if (!read) co_return;
    const std::function<bool(const AccountSlot&)> open = [&](const AccountSlot& slot) {
        return exposed.contains(slot.id) && has_a_way_in(slot);
    };
    co_await ask(open);
    for (const auto id : exposed) co_await replace_exposed(id);
    co_await describe_after();
    if (!all_closed_) set_outcome(report_, Outcome::kNotSecured, "");
}

asio::awaitable<void> AccountOperation::replace_exposed(UserId id) {
    const auto* slot = slot_of(table_, id);
    // Our own account's password is not kept under its slot.
    const bool gone = slot == nullptr || is_empty(*slot) || id == own().id;
    const bool is_closed = !gone && !has_a_way_in(*slot);
    const bool opens = !gone && slot->opened_by && slot->opened_by->source == OpenedBy::Source::kOurs;
    if (is_closed || (opens && may_be_closed(*slot, own(), {}))) {
        const auto target = *slot;
        co_await close_one(target);
        co_return;
    }
    const bool is_anothers = gone || slot->asked == Answer::kNoCandidateMatches || slot->asked == Answer::kMatched;
    if (opens || !is_anothers) {
        add_detail(report_.detail, fmt::format("still-exposed: {}", shown(*slot)));
        all_closed_ = false;
        co_return;
    }
    const vault::Store::Work work = [&](vault::Transaction& transaction) {
        return transaction.found_none_live(contact_.bmc().id, AccountPasswords::subject_of(id));
    };
    const auto stored = co_await contact_.store(work);
    all_closed_ = all_closed_ && stored == Durable::kCommitted;
}

void AccountOperation::plan(const std::vector<AccountSlot>& targets, const std::vector<AccountSlot>& open) {
    report_.outcome = "planned";
    report_.as_asked = true;
    for (const auto& target : targets) add_detail(report_.detail, "would close " + shown(target));
    if (targets.empty()) add_detail(report_.detail, "no account would be closed");
    tell_left_open(open);
}

// Suite 0 first: it is a way in as whoever one likes.
asio::awaitable<void> AccountOperation::close_all(const std::vector<AccountSlot>& targets) {
    contact_.before("close-suite-0");
    const auto suite_0 = co_await close_suite_0(contact_);
    contact_.after("close-suite-0");
    add_detail(report_.detail, suite_0.detail);
    all_closed_ = suite_0.closed;
    for (const auto& target : targets) co_await close_one(target);
    co_await describe_after();
}

asio::awaitable<void> AccountOperation::close_one(const AccountSlot& target) {
    AccountClosing closing(contact_, target, context_.elsewhere, visit_.note());
    const auto outcome = co_await closing.run();
    add_detail(report_.detail, fmt::format("{}: {}", shown(target), word(outcome)));
    all_closed_ = all_closed_ && (outcome == ClosingOutcome::kClosed || outcome == ClosingOutcome::kOnlyOurs);
    touched_.push_back(target.id);
    if (auto* slot = slot_of(table_, target.id)) *slot = closing.slot();
}

// The table as it is now, with what each account has answered last.
asio::awaitable<void> AccountOperation::describe_after() {
    visit_.fill_versions();
    if (!contact_.has_kept_session()) co_return;
    const auto asked = table_;
    auto table = co_await read_accounts(contact_);
    if (!table) co_return;
    table_ = std::move(*table);
    table_.suite_0_open = contact_.suite_0_open();
    take_over_answers(table_, asked);
    if (records_.accepted) {
        for (const auto id : touched_) {
            if (const auto* slot = slot_of(table_, id)) accept_slot(*records_.accepted, *slot);
        }
    }
    const auto findings = findings_in(table_, own());
    context_.observer.accounts(contact_.bmc(), table_, findings);
    (void)co_await store_tables();
}

// True: nothing is to be made, and the report says why. A name stands for one account.
bool AccountOperation::is_there_already() {
    const auto& name = context_.options.adopted_name;
    const auto& role = context_.options.adopted_role;
    const auto* same_role = role ? find_role(contact_.role_accounts(), *role) : nullptr;
    const auto* same_name = find_named(contact_.role_accounts(), name);
    const bool is_own = contact_.bmc().user_name == name;
    const bool takes_turns = is_own && role == AccountRole::kSpare && same_role != nullptr;
    if ((is_own && !role) || takes_turns || (same_name != nullptr && same_name == same_role)) {
        set_outcome(report_, Outcome::kAlreadyCurrent, "that is our account already");
        return true;
    }
    if (!role && find_role(contact_.role_accounts(), AccountRole::kSpare) != nullptr) {
        set_outcome(report_, Outcome::kRefused, "spare-in-turn");
        return true;
    }
    if (same_role != nullptr) {
        set_outcome(report_, Outcome::kRefused,
                    fmt::format("has-one: {} '{}'", word(same_role->role), same_role->name));
    } else if (is_own || same_name != nullptr) {
        set_outcome(report_, Outcome::kRefused,
                    fmt::format("name-taken: it is that of our {} account",
                                same_name != nullptr ? word(same_name->role) : "own"));
    }
    return same_role != nullptr || is_own || same_name != nullptr;
}

asio::awaitable<void> AccountOperation::adopt() {
    if (is_there_already()) {
        visit_.fill_versions();
        co_return;
    }
    const bool in = co_await log_in(true);
    const bool read = in && co_await read_table();
    const auto slot = read ? slot_for(table_, context_.options.adopted_name) : std::nullopt;
    if (slot) co_await make(*slot);
    if (read && !slot) set_outcome(report_, Outcome::kRefused, "no-free-slot: every user slot carries an account");
}

asio::awaitable<void> AccountOperation::close_half_made(UserId id) {
    auto table = co_await read_accounts(contact_);
    if (!table) co_return;
    table_ = std::move(*table);
    const auto* slot = slot_of(table_, id);
    if (slot == nullptr || slot->name != context_.options.adopted_name || !has_a_way_in(*slot)) co_return;
    const auto target = *slot;
    co_await close_one(target);
}

asio::awaitable<void> AccountOperation::make(UserId id) {
    const auto& options = context_.options;
    const auto& slot = *slot_of(table_, id);
    if (options.dry_run) {
        report_.outcome = "planned";
        report_.as_asked = true;
        add_detail(report_.detail, fmt::format("'{}' would be made in slot {}", options.adopted_name, id.value));
        co_return;
    }
    AccountToMake account{slot, options.adopted_name};
    if (options.adopted_role) {
        account.privilege = options.adopted_privilege;
        account.beside = contact_.role_accounts();
        account.beside->push_back({*options.adopted_role, id, options.adopted_name, options.adopted_privilege});
    }
    AccountCreation creation(contact_, account, visit_.note());
    CreationEnd end;
    if (options.adopted_role)
        end = co_await creation.make_beside();
    else
        end = co_await creation.make_own();
    set_outcome(report_, end.outcome, end.detail);
    if (end.outcome != Outcome::kAdopted) {
        // What may do more than it should does not stay open.
        const bool half_made = options.adopted_role && end.has_written && contact_.has_kept_session();
        if (half_made) co_await close_half_made(id);
        co_return;
    }
    if (records_.accepted) {
        if (auto table = co_await read_accounts(contact_)) {
            table_ = std::move(*table);
            if (const auto* made = slot_of(table_, id)) accept_slot(*records_.accepted, *made);
        }
    }
    (void)co_await store_tables();
    visit_.fill_versions();
}

asio::awaitable<BmcReport> visited(OperationContext& context, BmcVisit& visit, bool changes,
                                   asio::awaitable<void> (AccountOperation::*work)()) {
    AccountOperation operation(context, visit);
    const bool begun = co_await visit.begin(changes);
    if (begun) co_await (operation.*work)();
    co_await visit.contact().close();
    co_await visit.end();
    co_return visit.report();
}

}  // namespace

asio::awaitable<BmcReport> list_accounts(OperationContext& context, const vault::Bmc& bmc) {
    BmcVisit visit(context, bmc, "accounts");
    visit.report().attention = true;
    co_return co_await visited(context, visit, false, &AccountOperation::list);
}

asio::awaitable<BmcReport> secure_accounts(OperationContext& context, const vault::Bmc& bmc) {
    BmcVisit visit(context, bmc, "accounts secure");
    co_return co_await visited(context, visit, true, &AccountOperation::secure);
}

asio::awaitable<BmcReport> adopt_account(OperationContext& context, const vault::Bmc& bmc) {
    BmcVisit visit(context, bmc, "accounts adopt");
    co_return co_await visited(context, visit, true, &AccountOperation::adopt);
}

asio::awaitable<void> close_accounts_again(OperationContext& context, BmcVisit& visit) {
    AccountOperation operation(context, visit);
    co_await operation.close_again();
    co_await visit.contact().close();
}

asio::awaitable<void> close_exposed_accounts(OperationContext& context, BmcVisit& visit) {
    if (visit.contact().exposed_closed_accounts().empty()) co_return;
    AccountOperation operation(context, visit);
    co_await operation.close_exposed();
    co_await visit.contact().close();
}

asio::awaitable<Result<AccountDrift>> read_drift(BmcContact& contact) {
    auto records = co_await records_of(contact);
    if (!records) co_return std::unexpected(records.error());
    const auto slot = co_await contact.check_slot();
    if (slot != SlotFact::kOurs) co_return fail(ErrorCode::kUnsupported, "own slot not known");
    auto table = co_await read_accounts(contact);
    if (!table) co_return std::unexpected(table.error());
    const auto own = contact.own_account();
    AccountDrift drift{std::move(*table), {}};
    drift.findings = findings_in(drift.table, own);
    if (records->accepted) {
        std::ranges::move(drift_between(*records->accepted, drift.table, own), std::back_inserter(drift.findings));
    }
    co_return std::move(drift);
}

}  // namespace bmcvault::rotate
