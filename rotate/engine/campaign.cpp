// Puts the real ports together and runs one command over a fleet.
#include "rotate/engine/campaign.hpp"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/thread_pool.hpp>
#include <map>
#include <set>

#include "ipmi/io/udp_network.hpp"
#include "rotate/engine/account_operations.hpp"
#include "rotate/engine/client_hooks.hpp"
#include "rotate/engine/completed_elsewhere.hpp"
#include "rotate/engine/fan_out.hpp"
#include "rotate/engine/learned_facts.hpp"
#include "rotate/engine/operations.hpp"
#include "rotate/engine/vault_thread.hpp"
#include "rotate/engine/wipe_operation.hpp"

namespace bmcvault::rotate {
namespace {

using namespace std::chrono_literals;
using vault::Bmc;

// An interrupted run that is older is not continued: what it did then says nothing about now.
constexpr std::int64_t kContinueWithin_s = 7 * 24 * 3600;

class SystemClock final : public WallClock {
public:
    [[nodiscard]] UnixTime now() const override {
        const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
        return {std::chrono::duration_cast<std::chrono::seconds>(since_1970).count()};
    }
};

class SystemRandom final : public vault::RandomBytes {
public:
    void fill(std::span<std::uint8_t> out) override { randombytes_buf(out.data(), out.size()); }
};

// As many transmissions, each waited for half as long again as the one before, as fit into --timeout.
ipmi::ClientOptions client_options(const RunOptions& options) {
    ipmi::ClientOptions client;
    client.first_timeout = std::min(client.first_timeout, options.timeout);
    client.write_timeout = std::max(client.write_timeout, options.timeout);
    client.attempts = 0;
    auto wait = client.first_timeout;
    for (auto spent = milliseconds{0}; spent + wait <= options.timeout; wait = wait * 3 / 2) {
        spent += wait;
        ++client.attempts;
    }
    return client;
}

constexpr int kMostHooksAtOnce = 16;

// Everything a command needs while it runs: one network thread (this one), one vault thread, and where there are hooks
// some that wait for them.
class Run {
public:
    [[nodiscard]] static Result<std::unique_ptr<Run>> open(Environment& environment, const RunOptions& options,
                                                           Observer& observer) {
        auto writer = environment.store->clone();
        if (!writer) return std::unexpected(writer.error());
        auto io = std::make_unique<asio::io_context>(1);
        auto network = ipmi::UdpNetwork::open(*io);
        if (!network) return std::unexpected(network.error());
        return std::unique_ptr<Run>(
            new Run(environment, options, observer, std::move(*writer), std::move(io), std::move(*network)));
    }

    [[nodiscard]] OperationContext& context() { return context_; }

    FanOutEnd over(std::span<const Bmc> bmcs, const CampaignPlan& plan, OneBmc one) {
        return over(bmcs, plan, std::move(one), observer_);
    }

    FanOutEnd over(std::span<const Bmc> bmcs, const CampaignPlan& plan, OneBmc one, Observer& observer) {
        FanOutEnd end;
        io_->restart();
        asio::co_spawn(*io_, run_all({*network_, observer, environment_.stop}, bmcs, plan, std::move(one)),
                       [&](std::exception_ptr failure, FanOutEnd result) {
                           if (failure) std::rethrow_exception(failure);
                           end = std::move(result);
                           io_->stop();  // the socket would wait for datagrams for ever
                       });
        io_->run();
        return end;
    }

private:
    Run(Environment& environment, const RunOptions& options, Observer& observer, std::unique_ptr<vault::Store> writer,
        std::unique_ptr<asio::io_context> io, std::unique_ptr<ipmi::UdpNetwork> network)
        : environment_(environment),
          observer_(observer),
          io_(std::move(io)),
          network_(std::move(network)),
          hooks_(options.hooks == nullptr
                     ? nullptr
                     : std::make_unique<asio::thread_pool>(std::clamp(options.parallel, 1, kMostHooksAtOnce))),
          vault_(
              std::move(writer), options.actor, [this] { return clock_.now(); }, io_->get_executor()),
          ports_{vault_,
                 *network_,
                 clock_,
                 random_,
                 [](const Bmc& bmc) { return ipmi::resolve(bmc.address, bmc.port); },
                 [this](std::function<Result<void>()> work) { return aside(std::move(work)); },
                 environment.hook},
          context_{ports_, options, client_options(options), environment.store->directory(), std::nullopt, observer} {}

    asio::awaitable<Result<void>> aside(std::function<Result<void>()> work) {
        return completed_elsewhere(io_->get_executor(), [this, work = std::move(work)](auto done) {
            asio::post(*hooks_, [work, done = std::move(done)]() mutable { done(work()); });
        });
    }

    Environment& environment_;
    Observer& observer_;
    std::unique_ptr<asio::io_context> io_;
    std::unique_ptr<ipmi::UdpNetwork> network_;
    std::unique_ptr<asio::thread_pool> hooks_;  // null: nobody is told
    SystemClock clock_;
    SystemRandom random_;
    VaultThread vault_;
    Ports ports_;
    OperationContext context_;
};

CampaignPlan plan_for(std::span<const Bmc> bmcs, const RunOptions& options, bool changes) {
    std::vector<CampaignItem> items;
    for (const auto& bmc : bmcs) items.push_back({card_key(bmc), bmc.group});
    CampaignOptions plan;
    plan.parallel = static_cast<std::size_t>(std::max(1, options.parallel));
    plan.canary = changes;
    if (!changes) plan.fuse = 0;
    return {items, plan};
}

// `selected`: also those that were not started after a stop.
RunSummary summarize(std::string command, std::size_t selected, const std::vector<BmcReport>& reports) {
    RunSummary summary;
    summary.command = std::move(command);
    summary.total = selected;
    std::map<std::string, std::size_t> counts;
    for (const auto& report : reports) {
        ++counts[report.outcome];
        summary.failed_logins += report.failed_logins;
        summary.all_as_asked = summary.all_as_asked && report.as_asked;
        summary.attention = summary.attention || report.attention;
    }
    summary.all_as_asked = summary.all_as_asked && reports.size() == selected;
    summary.outcomes.assign(counts.begin(), counts.end());
    std::ranges::stable_sort(summary.outcomes, std::greater{}, [](const auto& pair) { return pair.second; });
    return summary;
}

RunSummary dry_run(std::string command, Goal goal, std::span<const Bmc> bmcs, const RunOptions& options,
                   Observer& observer) {
    const SystemClock clock;
    std::vector<BmcReport> reports;
    for (const auto& bmc : bmcs) {
        reports.push_back(plan_bmc(bmc, options, goal, clock.now()));
        observer.finished(reports.back());
    }
    return summarize(std::move(command), bmcs.size(), reports);
}

struct Continued {
    std::int64_t id;
    std::set<BmcId> done;
};

struct Gathered {
    CandidatesElsewhere elsewhere;
    SharedPasswords shared;
    std::optional<vault::Store::AcceptedRestore> restored;
};

bool opens_more_than_granted(const CandidateSources& sources) {
    return sources.fleet_history || !sources.history_of.empty() || sources.lists;
}

// Passwords of other BMCs, and lists of nobody knows whose, would open what was not granted.
Result<void> check_that_sources_are_granted(vault::Store& store, const CandidateSources& sources) {
    const bool owner = vault::role_of(store.team().own_slot()) == vault::Role::kOwner;
    if (owner || !opens_more_than_granted(sources)) return {};
    return fail(ErrorCode::kNotPermitted,
                "passwords of other BMCs (--fleet-history, --history-of) and of lists are offered by owners only");
}

// Old passwords, and those of others, were asked for: that is written down before anything is asked.
Result<void> audit_sources(Environment& environment, const RunOptions& options, std::string_view command,
                           const CandidatesElsewhere& elsewhere) {
    const auto& sources = options.elsewhere;
    if (!opens_more_than_granted(sources)) return {};
    const auto body =
        audit_body(options.purpose, {{"command", std::string(command)},
                                     {"k_gs", static_cast<std::int64_t>(elsewhere.k_g_count())},
                                     {"passwords", static_cast<std::int64_t>(elsewhere.password_count())}});
    return environment.store->transact(options.actor, SystemClock().now(), [&](vault::Transaction& transaction) {
        return transaction.audit("candidates.offered", std::nullopt, body);
    });
}

Result<Gathered> gather(Environment& environment, const RunOptions& options, std::string_view command) {
    const auto granted = check_that_sources_are_granted(*environment.store, options.elsewhere);
    if (!granted) return std::unexpected(granted.error());
    Gathered gathered;
    auto elsewhere = CandidatesElsewhere::gather(*environment.store, options.elsewhere);
    if (!elsewhere) return std::unexpected(elsewhere.error());
    gathered.elsewhere = std::move(*elsewhere);
    if (command == "check") {
        auto shared = SharedPasswords::read(*environment.store);
        if (!shared) return std::unexpected(shared.error());
        gathered.shared = std::move(*shared);
    }
    const auto restored = environment.store->accepted_restore();
    if (!restored) return std::unexpected(restored.error());
    gathered.restored = *restored;
    if (options.dry_run) return gathered;
    if (auto written = audit_sources(environment, options, command, gathered.elsewhere); !written) {
        return std::unexpected(written.error());
    }
    return gathered;
}

Result<Continued> continued(const vault::Store& store, std::int64_t campaign) {
    const auto done = store.campaign_done(campaign);
    if (!done) return std::unexpected(done.error());
    return Continued{campaign, {done->begin(), done->end()}};
}

// The one given, else the unfinished campaign of the same command and selection, or a new one.
Result<Continued> open_campaign(Environment& environment, const RunOptions& options) {
    if (options.campaign) return continued(*environment.store, *options.campaign);
    const SystemClock clock;
    const auto selection =
        fmt::format("{}{}{}{}", options.selection, options.k_g ? " --k-g" : "", options.put_back ? " --put-back" : "",
                    options.only_role ? fmt::format(" --role {}", word(*options.only_role)) : "");
    auto unfinished = environment.store->unfinished_campaign("rotate", selection);
    if (!unfinished) return std::unexpected(unfinished.error());
    const bool recent = *unfinished && clock.now().value - (*unfinished)->started_at.value < kContinueWithin_s;
    if (recent && !options.fresh) return continued(*environment.store, (*unfinished)->id);
    std::int64_t id = 0;
    auto begun =
        environment.store->transact(options.actor, clock.now(), [&](vault::Transaction& transaction) -> Result<void> {
            if (*unfinished) {
                if (auto ended = transaction.finish_campaign((*unfinished)->id); !ended) return ended;
            }
            auto started = transaction.begin_campaign("rotate", selection);
            if (!started) return std::unexpected(started.error());
            id = *started;
            return {};
        });
    if (!begun) return std::unexpected(begun.error());
    return Continued{id, {}};
}

Result<void> close_campaign(Environment& environment, const RunOptions& options, std::int64_t id) {
    const SystemClock clock;
    auto closed = environment.store->transact(
        options.actor, clock.now(), [&](vault::Transaction& transaction) { return transaction.finish_campaign(id); });
    // Another process that shared this campaign ended first.
    if (!closed && closed.error().code == ErrorCode::kConflict) return {};
    return closed;
}

BmcReport already_done(const Bmc& bmc) {
    return report_without_contact(bmc, Outcome::kAlreadyCurrent, "done earlier in this run");
}

milliseconds since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - start);
}

}  // namespace

Result<RunSummary> run_rotate(Environment& environment, std::span<const Bmc> bmcs, const RunOptions& options,
                              Observer& observer) {
    const auto goal = options.put_back ? Goal::kPutBack : Goal::kRotate;
    if (options.dry_run) return dry_run("rotate", goal, bmcs, options, observer);
    const auto start = std::chrono::steady_clock::now();
    auto campaign = open_campaign(environment, options);
    if (!campaign) return std::unexpected(campaign.error());
    auto run = Run::open(environment, options, observer);
    if (!run) return std::unexpected(run.error());

    std::vector<BmcReport> reports;
    std::vector<Bmc> to_do;
    for (const auto& bmc : bmcs) {
        if (!campaign->done.contains(bmc.id)) {
            to_do.push_back(bmc);
            continue;
        }
        reports.push_back(already_done(bmc));
        observer.finished(reports.back());
    }
    const auto continued = reports.size();
    auto& context = (*run)->context();
    context.campaign = campaign->id;
    auto end = (*run)->over(to_do, plan_for(to_do, options, true),
                            [&](const Bmc& bmc) { return rotate_bmc(context, bmc, goal); });
    std::ranges::move(end.reports, std::back_inserter(reports));
    auto summary = summarize("rotate", bmcs.size(), reports);
    summary.continued = continued;
    summary.stopped = end.stopped;
    summary.all_as_asked = summary.all_as_asked && !end.stopped;
    summary.elapsed = since(start);
    if (!end.stopped) {
        if (auto closed = close_campaign(environment, options, campaign->id); !closed) {
            return std::unexpected(closed.error());
        }
    }
    return summary;
}

namespace {

using Operation = asio::awaitable<BmcReport> (*)(OperationContext&, const Bmc&);

struct Command {
    std::string name;
    bool changes = false;  // with canaries and a fuse
    Operation operation = nullptr;
    // Asked of all before, side by side. Those of which its report has an outcome have ended with it.
    Operation first = nullptr;
};

// Shows only what has ended here.
class EndedHere final : public Observer {
public:
    explicit EndedHere(Observer& observer) : observer_(observer) {}
    void started(const Bmc& bmc) override { observer_.started(bmc); }
    void finished(const BmcReport& report) override {
        if (!report.outcome.empty()) observer_.finished(report);
    }

private:
    Observer& observer_;
};

FanOutEnd go_over(Run& run, const Command& command, std::vector<Bmc> bmcs, const RunOptions& options,
                  Observer& observer) {
    auto& context = run.context();
    FanOutEnd end;
    if (command.first != nullptr) {
        EndedHere ended_here(observer);
        end = run.over(
            bmcs, plan_for(bmcs, options, false), [&](const Bmc& bmc) { return command.first(context, bmc); },
            ended_here);
        std::erase_if(end.reports, [](const BmcReport& report) { return report.outcome.empty(); });
        std::set<BmcId> ended;
        for (const auto& report : end.reports) ended.insert(report.id);
        std::erase_if(bmcs, [&](const Bmc& bmc) { return ended.contains(bmc.id); });
        if (end.stopped) return end;
    }
    auto rest = run.over(bmcs, plan_for(bmcs, options, command.changes),
                         [&](const Bmc& bmc) { return command.operation(context, bmc); });
    std::ranges::move(rest.reports, std::back_inserter(end.reports));
    end.stopped = rest.stopped;
    return end;
}

Result<RunSummary> run_without_campaign(const Command& command, Environment& environment, std::span<const Bmc> bmcs,
                                        const RunOptions& options, Observer& observer) {
    const auto start = std::chrono::steady_clock::now();
    const auto gathered = gather(environment, options, command.name);
    if (!gathered) return std::unexpected(gathered.error());
    auto run = Run::open(environment, options, observer);
    if (!run) return std::unexpected(run.error());
    auto& context = (*run)->context();
    context.elsewhere = &gathered->elsewhere;
    context.shared = &gathered->shared;
    context.restored = gathered->restored;
    const auto end = go_over(**run, command, {bmcs.begin(), bmcs.end()}, options, observer);
    auto summary = summarize(command.name, bmcs.size(), end.reports);
    summary.stopped = end.stopped;
    summary.all_as_asked = summary.all_as_asked && !end.stopped;
    summary.elapsed = since(start);
    return summary;
}

asio::awaitable<BmcReport> recover_bmc(OperationContext& context, const Bmc& bmc) {
    return rotate_bmc(context, bmc, Goal::kRecover);
}

asio::awaitable<BmcReport> find_bmc(OperationContext& context, const Bmc& bmc) {
    return rotate_bmc(context, bmc, Goal::kFind);
}

}  // namespace

Result<void> run_tell_owed(Environment& environment, const RunOptions& options, Observer& observer) {
    const auto fleet = environment.store->bmcs();
    if (!fleet) return std::unexpected(fleet.error());
    const auto waiting = owed(*environment.store, *fleet);
    if (!waiting) return std::unexpected(waiting.error());
    if (waiting->empty()) return {};
    Observer unseen;
    auto run = Run::open(environment, options, unseen);
    if (!run) return std::unexpected(run.error());
    auto& context = (*run)->context();
    const auto end = (*run)->over(*waiting, plan_for(*waiting, options, false),
                                  [&](const Bmc& bmc) { return tell_owed(context, bmc); });
    for (const auto& report : end.reports)
        if (!report.outcome.empty()) observer.clients_not_told(report);
    return {};
}

Result<RunSummary> run_check(Environment& environment, std::span<const Bmc> bmcs, const RunOptions& options,
                             Observer& observer) {
    return run_without_campaign({"check", false, &check_bmc}, environment, bmcs, options, observer);
}

Result<RunSummary> run_accounts(Environment& environment, std::span<const Bmc> bmcs, const RunOptions& options,
                                Observer& observer) {
    return run_without_campaign({"accounts", false, &list_accounts}, environment, bmcs, options, observer);
}

Result<RunSummary> run_secure_accounts(Environment& environment, std::span<const Bmc> bmcs, const RunOptions& options,
                                       Observer& observer) {
    return run_without_campaign({"accounts secure", true, &secure_accounts}, environment, bmcs, options, observer);
}

Result<RunSummary> run_adopt_account(Environment& environment, std::span<const Bmc> bmcs, const RunOptions& options,
                                     Observer& observer) {
    return run_without_campaign({"accounts adopt", true, &adopt_account}, environment, bmcs, options, observer);
}

Result<RunSummary> run_deprovision(Environment& environment, std::span<const Bmc> bmcs, const RunOptions& options,
                                   Observer& observer) {
    return run_without_campaign({"deprovision", true, &deprovision_bmc}, environment, bmcs, options, observer);
}

Result<RunSummary> run_recover(Environment& environment, std::span<const Bmc> bmcs, const RunOptions& options,
                               Observer& observer) {
    if (options.dry_run) {
        return dry_run("recover", options.find_only ? Goal::kFind : Goal::kRecover, bmcs, options, observer);
    }
    if (options.find_only) {
        return run_without_campaign({"recover", false, &find_bmc}, environment, bmcs, options, observer);
    }
    // Stragglers are mostly BMCs that still don't answer, and each would hold its canary's seat for the whole time-out,
    // one after the other.
    return run_without_campaign({"recover", true, &recover_bmc, &ask_for_life}, environment, bmcs, options, observer);
}

}  // namespace bmcvault::rotate
