// vault backup, restore, verify FILE, accept-restore.

#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/json.hpp"
#include "cli/secret_input.hpp"

namespace bmcvault::cli {
namespace {

using Report = vault::Store::BackupReport;

std::string contents(const Report& report) {
    return fmt::format(
        "generation {}, {}, {} and {}", report.generation, counted(report.credential_versions, "credential version"),
        counted(report.listed_passwords, "listed password"), counted(report.audit_records, "audit record"));
}

ExitCode say(const Context& context, std::string_view command, std::string_view outcome, const Report& report,
             const std::string& file, const std::string& text) {
    if (context.options.json) {
        context.out(json_backup(report, file));
        context.out(
            json_summary(PlainSummary{std::string(command), 1, {{std::string(outcome), 1}}, std::nullopt, false}));
    } else {
        context.out(text);
    }
    return ExitCode::kAsAsked;
}

Exit say_dry_run(const Context& context, std::string_view command, const std::string& what) {
    context.out(context.options.json ? json_summary(PlainSummary{std::string(command), 0, {}, std::nullopt, true})
                                     : fmt::format("would {}\n", what));
    return ExitCode::kAsAsked;
}

Outcome<Passphrase> passphrase_of(const Context& context, const std::string& file) {
    return read_passphrase(context, fmt::format("Passphrase of {}: ", printable(file)));
}

}  // namespace

Exit perform(const Context& context, const VaultBackupCommand& command) {
    const std::string shown = printable(command.file);
    auto store = open_vault(context);
    if (!store) return std::unexpected(store.error());
    if (context.options.dry_run) return say_dry_run(context, "vault backup", fmt::format("write {}", shown));
    const auto report = (*store)->backup(command.file, actor(), now(), context.options.reason);
    if (!report) {
        auto failure = vault_error("vault backup", report.error());
        if (report.error().code == ErrorCode::kAlreadyExists) failure.error().next = "bmcvault vault backup OTHER-FILE";
        return failure;
    }
    return say(
        context, "vault backup", "backed-up", *report, command.file,
        fmt::format("Wrote {}: {}; read back and verified.\nNext: keep it on another machine. It opens with what "
                    "opens the vault now.\n",
                    shown, contents(*report)));
}

Exit verify_backup(const Context& context, const std::string& file) {
    const auto passphrase = passphrase_of(context, file);
    if (!passphrase) return std::unexpected(passphrase.error());
    const auto identity = read_identity(context);
    if (!identity) return std::unexpected(identity.error());
    const auto report = vault::Store::verify_backup(file, *passphrase, {{}, *identity});
    if (!report) return vault_error("vault verify", report.error());
    return say(
        context, "vault verify", "verified", *report, file,
        fmt::format("Verified {}, taken {}: {}.\n", printable(file), iso_time(report->taken_at), contents(*report)));
}

Exit perform(const Context& context, const VaultRestoreCommand& command) {
    const auto directory = vault_directory(context);
    const std::string shown = printable(directory.string());
    if (context.options.dry_run)
        return say_dry_run(context, "vault restore",
                           fmt::format("make the vault {} of {}", shown, printable(command.file)));
    const auto passphrase = passphrase_of(context, command.file);
    if (!passphrase) return std::unexpected(passphrase.error());
    const auto identity = read_identity(context);
    if (!identity) return std::unexpected(identity.error());
    const auto group = command.group.empty() ? std::nullopt : std::optional(command.group);
    const auto report = vault::Store::restore(command.file, directory, *passphrase, group, {{}, *identity});
    if (!report) {
        auto failure = vault_error("vault restore", report.error());
        if (report.error().code == ErrorCode::kAlreadyExists)
            failure.error().next = "move that directory away first, or restore to another one: --vault DIR";
        return failure;
    }
    const auto exit = say(context, "vault restore", "restored", *report, command.file,
                          fmt::format("Restored {} to {}, as of {}: {}.\n", printable(command.file), shown,
                                      iso_time(report->taken_at), contents(*report)));
    const auto store = vault::Store::open(directory, *passphrase, {heads_directory(), *identity});
    if (!store) return vault_error("vault restore", store.error());
    const auto& refusal = (*store)->refusal();
    context.warn(refusal.empty()
                     ? "passwords set since the backup are not in it; next: bmcvault check --all"
                     : fmt::format("{}\n  next: bmcvault vault accept-restore --reason TEXT", printable(refusal)));
    return exit;
}

Exit perform(const Context& context, const VaultAcceptRestoreCommand&) {
    if (context.options.reason.empty())
        return usage_error("vault accept-restore needs --reason", "bmcvault vault accept-restore --help");
    auto store = open_vault_to_look(context);
    if (!store) return std::unexpected(store.error());
    const std::string question =
        "Go on from this state of the vault? Every credential becomes unknown until check has asked the BMCs.";
    if (context.options.dry_run)
        return say_dry_run(context, "vault accept-restore", "make every current and pending credential unknown");
    if (!confirmed(context, question))
        return std::unexpected(Failure{ExitCode::kNotAsAsked, "vault accept-restore: nothing was changed", "", ""});
    if (auto done = (*store)->accept_restore(actor(), now(), context.options.reason); !done)
        return vault_error("vault accept-restore", done.error());
    context.out(context.options.json
                    ? json_summary(PlainSummary{"vault accept-restore", 1, {{"accepted", 1}}, std::nullopt, false})
                    : std::string("Accepted. Every credential is unknown now. Next: bmcvault check --all\n"));
    return ExitCode::kAsAsked;
}

}  // namespace bmcvault::cli
