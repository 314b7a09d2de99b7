// accounts, accounts secure, adopt, accept.

#include <fmt/format.h>

#include "cli/fleet_run.hpp"
#include "cli/json.hpp"
#include "rotate/engine/account_record.hpp"

namespace bmcvault::cli {

Exit perform(const Context& context, const AccountsCommand& command) {
    auto options = common_options(context, command.selection);
    options.ask_accounts = !command.table_only;
    return run_fleet(context, {"accounts", command.selection, options, &rotate::run_accounts, command.elsewhere});
}

Exit perform(const Context& context, const AccountsSecureCommand& command) {
    auto options = common_options(context, command.selection);
    options.closing.close_unknown = command.close_unknown;
    options.closing.keep = {command.keep.begin(), command.keep.end()};
    return run_fleet(context,
                     {"accounts secure", command.selection, options, &rotate::run_secure_accounts, command.elsewhere});
}

Exit perform(const Context& context, const AccountsAdoptCommand& command) {
    if (const auto why_not = rotate::why_not_a_user_name(command.user_name); !why_not.empty()) {
        return usage_error(
            fmt::format("'{}' can't be the name of our account: {}", printable(command.user_name), why_not),
            "bmcvault accounts adopt SELECTOR --name bmcvault");
    }
    auto options = common_options(context, command.selection);
    options.adopted_name = command.user_name;
    return run_fleet(context, {"accounts adopt", command.selection, options, &rotate::run_adopt_account, std::nullopt,
                               fmt::format("--name {}", command.user_name)});
}

// What was seen last becomes what is accepted: a person has read it. No BMC is contacted.
Exit perform(const Context& context, const AccountsAcceptCommand& command) {
    if (auto failure = nothing_selected("accounts accept", command.selection)) return std::unexpected(*failure);
    const auto store = open_vault(context);
    if (!store) return std::unexpected(store.error());
    const auto selected = selected_bmcs(context, **store, command.selection);
    if (!selected) return std::unexpected(selected.error());
    std::vector<std::pair<vault::Bmc, rotate::AccountTable>> tables;
    for (const auto& bmc : *selected) {
        auto records = rotate::read_account_records(**store, bmc);
        if (!records) return vault_error("accounts accept", records.error());
        if (!records->seen) {
            return usage_error(
                fmt::format("accounts accept: the accounts of '{}' were never read", printable(bmc.name)),
                fmt::format("bmcvault accounts {}", bmc.name));
        }
        tables.emplace_back(bmc, std::move(*records->seen));
    }
    if (!context.options.dry_run) {
        const auto stored = (*store)->transact(actor(), now(), [&](vault::Transaction& transaction) -> Result<void> {
            for (const auto& [bmc, table] : tables) {
                if (auto done = rotate::record_accepted(transaction, bmc, table); !done) return done;
                auto logged = transaction.audit(
                    "accounts.accepted", bmc.id,
                    json_body({{"reason", context.options.reason}, {"ticket", context.options.ticket}}));
                if (!logged) return logged;
            }
            return {};
        });
        if (!stored) return vault_error("accounts accept", stored.error());
    }
    const bool json = context.options.json;
    if (json) {
        context.out(
            json_summary(PlainSummary{"accounts accept", tables.size(), {}, std::nullopt, context.options.dry_run}));
    } else {
        context.out(fmt::format("accounts accept: {}, as last seen.{}\n", counted(tables.size(), "BMC"),
                                context.options.dry_run ? " Dry run, nothing was changed." : ""));
    }
    return ExitCode::kAsAsked;
}

}  // namespace bmcvault::cli
