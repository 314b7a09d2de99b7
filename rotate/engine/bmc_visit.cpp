#include "rotate/engine/bmc_visit.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace bmcvault::rotate {
namespace {

using vault::VersionState;

// "192.0.2.7:623", "[2001:db8::7]:623"
std::string address_of(const vault::Bmc& bmc) {
    const bool v6 = bmc.address.find(':') != std::string::npos;
    return v6 ? fmt::format("[{}]:{}", bmc.address, bmc.port) : fmt::format("{}:{}", bmc.address, bmc.port);
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
    // A look is always allowed: it costs no failed login, and what was put right at the board shows.
    if (changes && bmc.quarantine && bmc.quarantine->retry_at > now && !more_to_offer) {
        return Excuse{Outcome::kQuarantined,
                      fmt::format("{}; not asked: its next turn is in {} s", bmc.quarantine->reason,
                                  bmc.quarantine->retry_at.value - now.value)};
    }
    return std::nullopt;
}

// Whether a BMC that was seen to hold another password has said anything since: these outcomes mean that it has.
bool has_answered(std::string_view outcome) {
    return outcome == word(Outcome::kRefused) || outcome == word(Outcome::kBlocked) ||
           outcome == word(Outcome::kNotSecured);
}

// `bmc` as it was before this run; a quarantine that ends well has been lifted.
Knowledge knowledge_of(const vault::Bmc& bmc, const KnownCredentials& known, const BmcReport& report) {
    if (!known.has_password()) return Knowledge::kNothing;
    const bool quarantined = bmc.quarantine && bmc.quarantine->reason != word(Answer::kKgUnknown);
    const bool foreign =
        bmc.last && (bmc.last->outcome == "foreign" || bmc.last->outcome == word(Answer::kNoCandidateMatches));
    if ((quarantined || foreign) && !has_answered(report.outcome)) return Knowledge::kNotLive;
    const auto* current = known.password_in(VersionState::kCurrent);
    return current != nullptr && current->proved_at ? Knowledge::kProved : Knowledge::kNeverProved;
}

}  // namespace

Outcome outcome_of(Answer why) {
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

BmcReport report_for(const vault::Bmc& bmc) {
    BmcReport report;
    report.id = bmc.id;
    report.name = bmc.name;
    report.address = address_of(bmc);
    return report;
}

void add_detail(std::string& detail, std::string_view more) {
    if (more.empty()) return;
    if (!detail.empty()) detail += "; ";
    detail += more;
}

void set_outcome(BmcReport& report, Outcome outcome, std::string_view detail) {
    report.outcome = word(outcome);
    report.as_asked = as_asked(outcome);
    add_detail(report.detail, detail);
}

BmcReport report_without_contact(const vault::Bmc& bmc, Outcome outcome, std::string detail) {
    auto report = report_for(bmc);
    set_outcome(report, outcome, detail);
    return report;
}

std::optional<BmcReport> excused_from_change(const vault::Bmc& bmc, UnixTime now) {
    const auto reason = excuse(bmc, now, true, false);
    if (!reason) return std::nullopt;
    return report_without_contact(bmc, reason->outcome, reason->detail);
}

BmcVisit::BmcVisit(OperationContext& context, const vault::Bmc& bmc, std::string command)
    : context_(context),
      contact_(context.ports, bmc,
               ContactOptions{context.client, context.elsewhere, context.options.login_attempts,
                              context.options.first_contact, context.options.dry_run, context.campaign,
                              context.options.purpose},
               [this](std::string_view step) { context_.observer.step(contact_.bmc(), step); }),
      report_(report_for(bmc)),
      command_(std::move(command)),
      started_(context.ports.network.now()) {}

asio::awaitable<bool> BmcVisit::begin(bool changes) {
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
    const auto compartment = contact_.bmc().compartment;
    const bool offers_more = context_.elsewhere != nullptr && !context_.elsewhere->passwords(compartment).empty();
    if (!contact_.known().has_password() && !offers_more) {
        set_outcome(report_, Outcome::kRefused, "no-known-password");
        co_return false;
    }
    const auto connected = co_await contact_.connect(*lock_);
    if (!connected) {
        const bool taken = connected.error().code == ErrorCode::kBusy;
        if (connected.error().code == ErrorCode::kNotFound) add_detail(report_.detail, "name-not-known");
        set_outcome(report_, taken ? Outcome::kBusy : Outcome::kUnreachable, connected.error().detail);
        co_return false;
    }
    report_.contacted = true;
    co_return true;
}

asio::awaitable<bool> BmcVisit::done_in_this_campaign() {
    if (!context_.campaign) co_return false;
    bool done = false;
    const VaultPort::Read work = [&](const vault::Store& store) -> Result<void> {
        const auto is_done = store.is_done(*context_.campaign, contact_.bmc().id);
        if (!is_done) return std::unexpected(is_done.error());
        done = *is_done;
        return {};
    };
    const auto read = co_await context_.ports.vault.read(work);
    co_return read.has_value() && done;
}

void BmcVisit::fill_versions() {
    if (const auto* current = contact_.known().password_in(VersionState::kCurrent)) {
        report_.password_version = current->version;
        report_.password_size = current->size;
        report_.version_since = current->proved_at;
    }
    if (const auto* current = contact_.known().k_g_in(VersionState::kCurrent)) report_.k_g_version = current->version;
}

std::string BmcVisit::note() const {
    std::string note = context_.options.purpose.reason;
    if (!context_.options.purpose.ticket.empty()) add_detail(note, "ticket " + context_.options.purpose.ticket);
    return note;
}

asio::awaitable<void> BmcVisit::end() {
    const auto& counters = contact_.counters();
    report_.failed_logins = counters.failed_logins;
    report_.round_trips = counters.round_trips;
    report_.elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(context_.ports.network.now() - started_);
    report_.class_name = contact_.card_key();
    if (contact_.suite_0_is_open()) add_detail(report_.detail, "suite-0-open");
    if (contact_.is_loaded()) report_.knowledge = knowledge_of(contact_.bmc(), contact_.known(), report_);
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
    if (!stored) {
        add_detail(report_.detail, "result not stored: " + stored.error().detail);
        report_.as_asked = false;  // what was learned, and that it is done, is lost
        report_.attention = true;
    }
    lock_.reset();
}

}  // namespace bmcvault::rotate
