#include "rotate/engine/wipe_operation.hpp"

#include <fmt/format.h>

#include "rotate/engine/wiping.hpp"

namespace bmcvault::rotate {
namespace {

// As an earlier run left it, or a fresh one, which is written down before anything is changed: passwords made from then
// on are those of the wipe. A run that changed nothing has not begun.
asio::awaitable<Result<WipeRecord>> open_record(OperationContext& context, BmcContact& contact) {
    std::optional<WipeRecord> record;
    const VaultPort::Read work = [&](const vault::Store& store) -> Result<void> {
        auto read = read_wipe_record(store, contact.bmc());
        if (!read) return std::unexpected(read.error());
        record = std::move(*read);
        if (!record || !record->is_over()) return {};
        const auto in_use = was_opened_since(store, contact.bmc(), *record);
        if (!in_use) return std::unexpected(in_use.error());
        if (*in_use) record.reset();
        return {};
    };
    const auto read = co_await contact.ports().vault.read(work);
    if (!read) co_return std::unexpected(read.error());
    if (!record || record->result == WipeResult::kNotDone) {
        record.emplace();
        record->begun_at = contact.ports().clock.now();
        record->result = WipeResult::kUnfinished;
    }
    const auto before = record->result;
    record->result = WipeResult::kUnfinished;  // until this run knows better
    record->reason = context.options.purpose.reason;
    record->ticket = context.options.purpose.ticket;
    record->actor = context.options.actor;
    const vault::Store::Work begin = [&](vault::Transaction& transaction) {
        return record_wipe(transaction, contact.bmc(), *record);
    };
    const auto written = co_await contact.store(begin);
    if (written != Durable::kCommitted) co_return fail(ErrorCode::kIo, "its beginning could not be written down");
    record->result = before;
    co_return std::move(*record);
}

void describe(BmcReport& report, const WipeRecord& record) {
    const bool proved = record.result == WipeResult::kProved;
    report.as_asked = record.is_complete();
    report.outcome = proved ? "wiped-except" : word(record.result);
    if (report.as_asked) report.outcome = "wiped";
    if (!proved && record.asked.empty()) add_detail(report.detail, record.why);
    for (const auto& item : record.items)
        if (!is_fine(item.result))
            add_detail(report.detail, fmt::format("{}: {}{}{}", item.name, word(item.result),
                                                  item.detail.empty() ? "" : ", ", item.detail));
    for (const auto& name : record.asked)
        if (name.verdict >= NameAsked::Verdict::kOnlyLast)
            add_detail(report.detail, fmt::format("'{}': {} ({})", name.name, word(name.verdict), name.opened_by));
}

}  // namespace

asio::awaitable<BmcReport> deprovision_bmc(OperationContext& context, const vault::Bmc& bmc) {
    BmcVisit visit(context, bmc, "deprovision");
    auto& report = visit.report();
    const bool begun = co_await visit.begin(true);
    if (begun) {
        auto& contact = visit.contact();
        auto record = co_await open_record(context, contact);
        if (!record) {
            set_outcome(report, Outcome::kBlocked, record.error().detail);
        } else {
            WipeExtras extras{context.options.keep_event_log, context.options.factory_reset};
            Wiping wiping(contact, std::move(*record), context.elsewhere, visit.note(), std::move(extras));
            (void)co_await wiping.run();
            const vault::Store::Work work = [&](vault::Transaction& transaction) {
                return record_wipe(transaction, contact.bmc(), wiping.record());
            };
            const auto stored = co_await contact.store(work);
            describe(report, wiping.record());
            if (stored != Durable::kCommitted) {
                set_outcome(report, Outcome::kBlocked, "what was done is not written down: the same command again");
            }
            visit.fill_versions();
        }
    }
    co_await visit.end();
    co_return report;
}

}  // namespace bmcvault::rotate
