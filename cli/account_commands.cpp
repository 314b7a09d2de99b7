// accounts, accounts secure, adopt, accept.

#include <fmt/format.h>

#include "cli/fleet_run.hpp"
#include "cli/json.hpp"
#include "rotate/engine/account_record.hpp"
#include "rotate/engine/learned_facts.hpp"
#include "vault/store/locks.hpp"

namespace bmcvault::cli {
namespace {

std::string default_name(std::optional<rotate::AccountRole> role) {
    if (!role) return "bmcvault";
    return *role == rotate::AccountRole::kSpare ? "bmcvault-2" : "bmcvault-mon";
}

// Under the lock of the BMC: a rotation notes whose turn it is. False: it has none of that role.
Outcome<bool> release_one(const Context& context, vault::Store& store, const vault::Bmc& bmc,
                          const std::string& role_word) {
    const auto doing = fmt::format("accounts release: {}", printable(bmc.name));
    const auto lock = vault::BmcLock::try_acquire(store.directory(), bmc.id);
    if (!lock) return vault_error(doing, lock.error());
    auto accounts = rotate::role_accounts(store, bmc);
    if (!accounts) return vault_error(doing, accounts.error());
    const auto* found = rotate::find_role(*accounts, *rotate::account_role_from(role_word));
    if (found == nullptr) return false;
    const auto account = *found;
    if (account.follows)
        context.warn(fmt::format("{}: '{}' has the password of before the last rotation, and is open with it",
                                 printable(bmc.name), account.name));
    if (context.options.dry_run) return true;
    std::erase(*accounts, account);
    const vault::Store::Work work = [&](vault::Transaction& transaction) -> Result<void> {
        if (auto done = rotate::record_role_accounts(transaction, bmc, *accounts); !done) return done;
        return transaction.audit("accounts.released", bmc.id,
                                 json_body({{"role", role_word},
                                            {"user_name", account.name},
                                            {"reason", context.options.reason},
                                            {"ticket", context.options.ticket}}));
    };
    if (const auto stored = store.transact(actor(), now(), work); !stored) return vault_error(doing, stored.error());
    return true;
}

}  // namespace

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
    const auto role = rotate::account_role_from(command.role);
    if (!command.privilege.empty() && role != rotate::AccountRole::kMonitor)
        return usage_error("--privilege is for --role monitor; our own account and a spare are administrators",
                           "bmcvault accounts adopt --help");
    const auto name = command.user_name.empty() ? default_name(role) : command.user_name;
    const auto again = fmt::format("{}--name {}", role ? fmt::format("--role {} ", command.role) : "", name);
    if (const auto why_not = rotate::why_not_a_user_name(name); !why_not.empty()) {
        return usage_error(fmt::format("'{}' can't be the name of our account: {}", printable(name), why_not),
                           fmt::format("bmcvault accounts adopt SELECTOR{} --name {}",
                                       role ? fmt::format(" --role {}", command.role) : "", default_name(role)));
    }
    auto options = common_options(context, command.selection);
    options.adopted_name = name;
    options.adopted_role = role;
    if (role == rotate::AccountRole::kMonitor)
        options.adopted_privilege =
            command.privilege == "operator" ? ipmi::PrivilegeLevel::kOperator : ipmi::PrivilegeLevel::kUser;
    return run_fleet(context,
                     {"accounts adopt", command.selection, options, &rotate::run_adopt_account, std::nullopt, again});
}

Exit perform(const Context& context, const AccountsReleaseCommand& command) {
    if (auto failure = nothing_selected("accounts release", command.selection)) return std::unexpected(*failure);
    const auto store = open_vault(context);
    if (!store) return std::unexpected(store.error());
    const auto selected = selected_bmcs(context, **store, command.selection);
    if (!selected) return std::unexpected(selected.error());
    std::size_t released = 0;
    for (const auto& bmc : *selected) {
        const auto done = release_one(context, **store, bmc, command.role);
        if (!done) return std::unexpected(done.error());
        if (*done) ++released;
    }
    if (released == 0)
        return usage_error(fmt::format("accounts release: none of these BMCs has a {} account", command.role),
                           "bmcvault bmc show NAME");
    if (context.options.json) {
        context.out(json_summary(PlainSummary{
            "accounts release", selected->size(), {{"released", released}}, std::nullopt, context.options.dry_run}));
        return ExitCode::kAsAsked;
    }
    context.out(fmt::format("accounts release: the {} account of {}.{}\n", command.role, counted(released, "BMC"),
                            context.options.dry_run
                                ? " Dry run, nothing was changed."
                                : " It is open until: bmcvault accounts secure SELECTOR --unknown disable"));
    return ExitCode::kAsAsked;
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
