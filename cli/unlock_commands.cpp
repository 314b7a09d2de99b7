// unlock, lock, and the agent between them.

#include <fmt/format.h>

#include "cli/agent.hpp"
#include "cli/commands.hpp"
#include "cli/json.hpp"

namespace bmcvault::cli {
namespace {

Exit say(const Context& context, std::string_view command, std::string_view outcome, const std::string& text) {
    context.out(context.options.json ? json_summary(PlainSummary{
                                           std::string(command), 1, {{std::string(outcome), 1}}, std::nullopt, false})
                                     : text);
    return ExitCode::kAsAsked;
}

std::unexpected<Failure> no_agent(const Error& error) {
    return std::unexpected(Failure{ExitCode::kNotUnlocked, fmt::format("unlock: {}", printable(error.detail)),
                                   "--passphrase-file FILE works without an agent", ""});
}

std::unexpected<Failure> does_not_answer(std::string_view command, std::optional<pid_t> agent) {
    return std::unexpected(
        Failure{ExitCode::kBusy, fmt::format("{}: the agent does not answer, and may hold its keys still", command),
                agent ? fmt::format("end its process: kill -KILL {}", *agent)
                      : "end its process, a `bmcvault agent` of this user: pgrep -f '^bmcvault agent'",
                ""});
}

std::string in_words(std::chrono::seconds time) {
    if (time.count() % 3600 == 0) return counted(static_cast<std::size_t>(time.count() / 3600), "hour");
    if (time.count() % 60 == 0) return counted(static_cast<std::size_t>(time.count() / 60), "minute");
    return counted(static_cast<std::size_t>(time.count()), "second");
}

Outcome<void> record_unlock(const Context& context, vault::Store& store, const AgentLimits& limits) {
    if (vault::role_of(store.team().own_slot()) == vault::Role::kAuditor) return {};
    const auto recorded = store.transact(actor(), now(), [&](vault::Transaction& transaction) {
        return transaction.audit("vault.unlocked", std::nullopt,
                                 json_body({{"ttl_s", std::to_string(limits.idle.count())},
                                            {"max_s", std::to_string(limits.at_most.count())},
                                            {"reason", context.options.reason},
                                            {"ticket", context.options.ticket}}));
    });
    if (!recorded) return vault_error("unlock", recorded.error());
    return {};
}

}  // namespace

Exit perform(const Context& context, const UnlockCommand& command) {
    if (!context.options.shares.empty())
        return usage_error("unlock: shares are for an emergency, and no agent keeps their key");
    const auto socket = agent_socket(vault_directory(context));
    if (!socket) return no_agent(socket.error());
    if (context.options.dry_run) return say(context, "unlock", "planned", "would unlock the vault\n");
    // What opens the vault is asked for anew; and no socket is taken from an agent that goes on without it.
    if (const auto before = lock_agent(*socket); before.locked == Locked::kNoAnswer)
        return does_not_answer("unlock", before.agent);
    const auto store = open_vault_to_look(context);
    if (!store) return std::unexpected(store.error());
    auto keys = (*store)->identity();
    if (!keys) return vault_error("unlock", keys.error());
    const auto info = (*store)->info();
    if (!info) return vault_error("unlock", info.error());
    if (auto recorded = record_unlock(context, **store, command.limits); !recorded)
        return std::unexpected(recorded.error());
    const AgentKeys held{info->vault_id, info->generation, std::move(*keys)};
    if (!secret_arena::is_locked())
        return no_agent(
            Error{ErrorCode::kNoMemory, "memory for an agent's keys can't be locked (raise `ulimit -l`)", {}});
    if (auto started = start_agent(*socket, held, command.limits); !started) return no_agent(started.error());
    return say(context, "unlock", "unlocked",
               fmt::format("Unlocked: until {} after the last command, {} at most. To end it: {}\n",
                           in_words(command.limits.idle), in_words(command.limits.at_most),
                           context.commands("bmcvault lock")));
}

Exit perform(const Context& context, const LockCommand&) {
    const auto socket = agent_socket(vault_directory(context));
    const auto answer = socket ? lock_agent(*socket) : LockAnswer{Locked::kNobodyWasThere};
    if (answer.locked == Locked::kNoAnswer) return does_not_answer("lock", answer.agent);
    const bool was_there = answer.locked == Locked::kWiped;
    return say(context, "lock", was_there ? "locked" : "not-unlocked",
               was_there ? "Locked: the agent has wiped its keys.\n" : "No agent had this vault open.\n");
}

Exit perform(const Context&, const AgentCommand& command) {
    if (!secret_arena::is_locked())
        return std::unexpected(Failure{ExitCode::kNotUnlocked, "agent: its memory can't be locked", "", ""});
    return serve_as_agent(command.limits) == 0 ? ExitCode::kAsAsked : ExitCode::kNotUnlocked;
}

}  // namespace bmcvault::cli
