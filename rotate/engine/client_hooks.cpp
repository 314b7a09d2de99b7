#include "rotate/engine/client_hooks.hpp"

#include <fmt/format.h>

#include "rotate/engine/learned_facts.hpp"

namespace bmcvault::rotate {
namespace {

// Of the account beside our own one that the clients are given; nullopt: they are given our own.
Result<std::optional<vault::Subject>> subject_given(const vault::Store& store, const vault::Bmc& bmc,
                                                    std::optional<AccountRole> role) {
    if (!role) return std::nullopt;
    const auto accounts = role_accounts(store, bmc);
    if (!accounts) return std::unexpected(accounts.error());
    const auto* account = find_role(*accounts, *role);
    if (account == nullptr) return std::nullopt;
    return vault::Subject{vault::Kind::kPassword, account->slot.value};
}

// What of our account, or of the one that they are given, the clients are to know, into the report. An error: that is
// not known, for the BMC may hold what an interrupted rotation has sent. Whoever settles it tells them.
asio::awaitable<Result<void>> fill_with_what_is_live(OperationContext& context, const vault::Bmc& bmc,
                                                     BmcReport& report) {
    const VaultPort::Read work = [&](const vault::Store& store) -> Result<void> {
        const auto versions = store.versions(bmc.id);
        if (!versions) return std::unexpected(versions.error());
        const auto beside = subject_given(store, bmc, context.options.hooks->gives());
        if (!beside) return std::unexpected(beside.error());
        for (const auto& version : *versions) {
            const bool password = version.subject == bmc.own_password();
            const bool given = version.subject == *beside;
            if (!password && !given && version.subject != bmc.k_g_subject()) continue;
            if (given && version.state != vault::VersionState::kPending) continue;
            if (version.state == vault::VersionState::kPending && version.sent_at)
                return fail(ErrorCode::kConflict,
                            fmt::format("a rotation is unfinished: bmcvault recover {}", bmc.name));
            if (version.state != vault::VersionState::kCurrent) continue;
            (password ? report.password_version : report.k_g_version) = version.version;
        }
        return {};
    };
    co_return co_await context.ports.vault.read(work);
}

}  // namespace

asio::awaitable<Result<void>> tell_before(OperationContext& context, const vault::Bmc& bmc) {
    if (context.options.hooks == nullptr) co_return Result<void>{};
    const vault::Store::Work work = [&](vault::Transaction& transaction) { return owe(transaction, bmc); };
    const auto written = co_await context.ports.vault.write(work);
    if (!written) co_return std::unexpected(written.error());
    std::function<Result<void>()> call = [&] { return context.options.hooks->before(bmc); };
    co_return co_await context.ports.aside(std::move(call));
}

asio::awaitable<Result<void>> tell_after(OperationContext& context, const vault::Bmc& bmc, const BmcReport& report) {
    if (context.options.hooks == nullptr) co_return Result<void>{};
    auto what_is_live = report;
    const auto known = co_await fill_with_what_is_live(context, bmc, what_is_live);
    if (!known) co_return std::unexpected(known.error());
    std::function<Result<void>()> call = [&] { return context.options.hooks->after(bmc, what_is_live); };
    const auto told = co_await context.ports.aside(std::move(call));
    if (!told) co_return std::unexpected(told.error());
    const vault::Store::Work work = [&](vault::Transaction& transaction) { return no_longer_owed(transaction, bmc); };
    co_return co_await context.ports.vault.write(work);
}

asio::awaitable<BmcReport> tell_owed(OperationContext& context, const vault::Bmc& bmc) {
    auto report = report_for(bmc);
    const auto lock = vault::BmcLock::try_acquire(context.vault_directory, bmc.id);
    if (!lock) co_return report;
    const auto told = co_await tell_after(context, bmc, report);
    if (!told) set_outcome(report, Outcome::kBlocked, "hook-after: " + told.error().detail);
    co_return report;
}

}  // namespace bmcvault::rotate
