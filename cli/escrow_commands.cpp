// vault escrow enable, disable, show, replay.

#include <fmt/format.h>
#include <sys/stat.h>

#include <filesystem>

#include "cli/commands.hpp"
#include "cli/json.hpp"

namespace bmcvault::cli {
namespace {

namespace fs = std::filesystem;

Exit would(const Context& context, const std::string& command, const std::string& what) {
    context.out(context.options.json ? json_summary(PlainSummary{command, 0, {}, std::nullopt, true})
                                     : fmt::format("would {}\n", what));
    return ExitCode::kAsAsked;
}

std::unexpected<Failure> escrow_error(const std::string& command, const Error& error, std::string next) {
    auto failure = vault_error(command, error);
    if (!next.empty()) failure.error().next = std::move(next);
    return failure;
}

bool on_one_file_system(const fs::path& one, const fs::path& other) {
    struct stat first{};
    struct stat second{};
    return stat(one.c_str(), &first) == 0 && stat(other.c_str(), &second) == 0 && first.st_dev == second.st_dev;
}

std::string next_of(ErrorCode code) {
    if (code == ErrorCode::kConflict) return "bmcvault vault escrow show, or bmcvault vault break-glass create --help";
    if (code == ErrorCode::kAlreadyExists) return "bmcvault vault escrow enable --to OTHER-FILE";
    return {};
}

// What the log could not give back, to be seen by a person.
void warn_of_rest(const Context& context, const vault::EscrowReplay& replay, const std::string& file) {
    if (replay.unread > 0)
        context.warn(
            fmt::format("{}: {} could not be read: cut off, of another vault, or sealed to another key; the "
                        "first is line {}",
                        printable(file), counted(replay.unread, "line"), replay.unread_lines.front()));
    for (const auto& name : replay.not_in_vault)
        context.warn(
            fmt::format("{}: left out: it is out of the inventory, or another BMC has its name now", printable(name)));
}

}  // namespace

Exit perform(const Context& context, const EscrowEnableCommand& command) {
    auto store = open_vault(context);
    if (!store) return std::unexpected(store.error());
    const auto shown = printable(command.file);
    if (context.options.dry_run) return would(context, "vault escrow enable", fmt::format("keep {}", shown));
    const auto count = (*store)->team().enable_escrow(acting(context), command.file);
    if (!count) return escrow_error("vault escrow enable", count.error(), next_of(count.error().code));
    if (on_one_file_system(command.file, (*store)->directory()))
        context.warn(fmt::format("warning: {} is on the file system of the vault: one disk lost is both lost", shown));
    context.out(
        context.options.json
            ? json_summary(PlainSummary{"vault escrow enable", *count, {{"written", *count}}, std::nullopt, false})
            : fmt::format("Wrote {} to {}. Each new one goes there before it is sent.\n"
                          "Next: bmcvault vault break-glass drill, so that the shares are known to open it\n",
                          counted(*count, "credential version"), shown));
    return ExitCode::kAsAsked;
}

Exit perform(const Context& context, const EscrowDisableCommand&) {
    auto store = open_vault(context);
    if (!store) return std::unexpected(store.error());
    if (context.options.dry_run) return would(context, "vault escrow disable", "end the escrow log");
    if (auto done = (*store)->team().disable_escrow(acting(context)); !done)
        return escrow_error("vault escrow disable", done.error(), {});
    context.out(context.options.json
                    ? json_summary(PlainSummary{"vault escrow disable", 1, {{"ended", 1}}, std::nullopt, false})
                    : "Ended. The file stays: whoever has the shares reads it.\n");
    return ExitCode::kAsAsked;
}

Exit perform(const Context& context, const EscrowShowCommand&) {
    auto store = open_vault_to_look(context);
    if (!store) return std::unexpected(store.error());
    const auto kept = (*store)->team().escrow();
    if (!kept) return vault_error("vault escrow show", kept.error());
    if (context.options.json) {
        if (*kept) context.out(json_escrow(**kept));
        const std::size_t count = *kept ? 1 : 0;
        context.out(json_summary(PlainSummary{"vault escrow show", count, {{"kept", count}}, std::nullopt, false}));
    } else {
        context.out(*kept ? fmt::format("{}, since {}, sealed to slot {} (break-glass)\n", printable((*kept)->file),
                                        iso_time((*kept)->since), (*kept)->slot)
                          : "No escrow log is kept. Next: bmcvault vault escrow enable --to FILE\n");
    }
    if (!*kept || (*kept)->problem.empty()) return ExitCode::kAsAsked;
    context.warn(fmt::format("{}; nothing is stored or sent until it can be written\n  next: {}",
                             printable((*kept)->problem), context.commands(kMendEscrow)));
    return ExitCode::kAttention;
}

Exit perform(const Context& context, const EscrowReplayCommand& command) {
    if (context.options.shares.empty())
        return usage_error("vault escrow replay needs --share: only the shares open an escrow log",
                           "bmcvault vault escrow replay --help");
    // A use of the shares exposes everything: not for a mistyped name.
    if (auto log = vault::Store::check_escrow_log(command.file); !log)
        return usage_error(
            fmt::format("vault escrow replay: {}; the shares were not used", printable(log.error().detail)),
            "the same command with the file that bmcvault vault escrow enable --to named");
    auto store = open_vault(context);
    if (!store) return std::unexpected(store.error());
    const auto replay = (*store)->team().replay_escrow(acting(context), command.file);
    if (!replay) return escrow_error("vault escrow replay", replay.error(), {});
    warn_of_rest(context, *replay, command.file);
    const bool whole = replay->unread == 0 && replay->not_in_vault.empty();
    if (context.options.json) {
        context.out(json_replay(*replay, command.file));
        context.out(json_summary(PlainSummary{"vault escrow replay",
                                              replay->lines,
                                              {{"added", replay->added}, {"known", replay->known}},
                                              std::nullopt,
                                              false}));
    } else {
        context.out(fmt::format("Added {} and {} from {}; {} known already. Next: {}\n",
                                counted(replay->added, "credential version"), counted(replay->bmcs_added.size(), "BMC"),
                                printable(command.file), replay->known, context.commands("bmcvault check --all")));
    }
    return whole ? ExitCode::kAsAsked : ExitCode::kAttention;
}

}  // namespace bmcvault::cli
