// vault backup, restore, verify FILE, accept-restore.

#include <fmt/format.h>
#include <unistd.h>

#include "cli/commands.hpp"
#include "cli/json.hpp"
#include "cli/secret_input.hpp"
#include "cli/shares.hpp"

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
    context.entry.text = fmt::format("{}: {}", command, text);
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

// Of a backup file, which is not the vault: nothing is wrong with that one.
std::unexpected<Failure> backup_error(std::string_view doing, const std::string& file, const Error& error) {
    auto failure = vault_error(doing, error);
    if (error.code == ErrorCode::kDamaged || error.code == ErrorCode::kUnsupported) {
        failure.error().what = fmt::format("{}: {}: {}", doing, printable(file), printable(error.detail));
        failure.error().safety = "This file is no backup, or a damaged one. The vault itself is not touched by that.";
        failure.error().next = "another backup; or a new one: bmcvault vault backup NEW-FILE";
    } else if (error.code == ErrorCode::kIo) {
        failure.error().next = "the same command with the path of a backup, in a directory that you may use";
    }
    return failure;
}

Outcome<void> is_there(std::string_view doing, const std::string& file) {
    std::error_code error;
    if (std::filesystem::exists(file, error) || error) return {};
    return usage_error(fmt::format("{}: there is no file {}", doing, printable(file)),
                       "the same command with a backup");
}

Outcome<Passphrase> passphrase_of(const Context& context, const std::string& file) {
    return read_passphrase(context, fmt::format("Passphrase of {}: ", printable(file)));
}

// What opens a backup and then the vault that is made of it: asked for once.
class WayIn {
public:
    WayIn(Passphrase passphrase, std::optional<std::string> identity)
        : passphrase_(std::move(passphrase)), identity_(std::move(identity)) {}
    explicit WayIn(std::vector<NamedShare> shares) : shares_(std::move(shares)) {}

    [[nodiscard]] Result<Report> restore(const std::string& file, const std::filesystem::path& directory,
                                         const std::optional<std::string>& group) const {
        if (passphrase_) return vault::Store::restore(file, directory, *passphrase_, group, {{}, identity_});
        return vault::Store::restore(file, directory, keys_from(shares_), group);
    }
    [[nodiscard]] Result<std::unique_ptr<vault::Store>> open(const std::filesystem::path& directory) const {
        if (passphrase_) return vault::Store::open(directory, *passphrase_, {heads_directory(), identity_});
        auto store = vault::Store::open(directory, keys_from(shares_), {heads_directory(), std::nullopt});
        if (store) (*store)->team().opened_by(numbers_of(shares_));
        return store;
    }

private:
    std::optional<Passphrase> passphrase_;  // nullopt: the shares
    std::optional<std::string> identity_;
    std::vector<NamedShare> shares_;
};

Outcome<WayIn> way_in_of(const Context& context, const std::string& file) {
    if (!context.options.shares.empty()) {
        auto shares = read_shares(context);
        if (!shares) return std::unexpected(shares.error());
        return WayIn(std::move(*shares));
    }
    auto passphrase = passphrase_of(context, file);
    if (!passphrase) return std::unexpected(passphrase.error());
    const auto identity = read_identity(context);
    if (!identity) return std::unexpected(identity.error());
    return WayIn(std::move(*passphrase), *identity);
}

}  // namespace

Exit perform(const Context& context, const VaultBackupCommand& command) {
    const std::string shown = printable(command.file);
    auto store = open_vault(context);
    if (!store) return std::unexpected(store.error());
    if (context.options.dry_run) return say_dry_run(context, "vault backup", fmt::format("write {}", shown));
    const auto report = (*store)->backup(command.file, acting(context));
    if (!report) {
        auto failure = backup_error("vault backup", command.file, report.error());
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
    if (!context.options.shares.empty())
        return usage_error("vault verify FILE: not with --share; that they open the vault is proved by a drill",
                           "bmcvault vault break-glass drill");
    if (auto there = is_there("vault verify", file); !there) return std::unexpected(there.error());
    const auto passphrase = passphrase_of(context, file);
    if (!passphrase) return std::unexpected(passphrase.error());
    const auto identity = read_identity(context);
    if (!identity) return std::unexpected(identity.error());
    const auto report = vault::Store::verify_backup(file, *passphrase, {{}, *identity});
    if (!report) return backup_error("vault verify", file, report.error());
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
    if (auto there = is_there("vault restore", command.file); !there) return std::unexpected(there.error());
    const auto way_in = way_in_of(context, command.file);
    if (!way_in) return std::unexpected(way_in.error());
    const auto group = command.group.empty() ? std::nullopt : std::optional(command.group);
    const auto report = way_in->restore(command.file, directory, group);
    if (!report) {
        auto failure = backup_error("vault restore", command.file, report.error());
        if (report.error().code == ErrorCode::kAlreadyExists)
            failure.error().next = "move that directory away first, or restore to another one: --vault DIR";
        return failure;
    }
    const auto exit = say(context, "vault restore", "restored", *report, command.file,
                          fmt::format("Restored {} to {}, as of {}: {}.\n", printable(command.file), shown,
                                      iso_time(report->taken_at), contents(*report)));
    const auto store = way_in->open(directory);
    if (!store) return vault_error("vault restore", store.error());
    // Where it may not be written yet, accept-restore records it.
    if ((*store)->refusal().empty())
        if (auto recorded = record_use_of_shares(context, **store); !recorded) return std::unexpected(recorded.error());
    const auto& refusal = (*store)->refusal();
    const auto next = context.commands(refusal.empty() ? "bmcvault check --all" : next_of_refused(**store));
    context.warn(fmt::format(
        "{}\n  next: {}", refusal.empty() ? "passwords set since the backup are not in it" : printable(refusal), next));
    return exit;
}

namespace {

bool is_of_another_administrator(const vault::Store& store) {
    return store.refusal().starts_with("another administrator");
}

std::string question_of(const vault::Store& store) {
    if (is_of_another_administrator(store))
        return "Somebody else than this vault's administrator has signed its header, perhaps to give himself rights. "
               "Do you "
               "know who and why, and take that for right? Every credential becomes unknown.";
    const auto info = store.info();
    if (const auto newer = store.newer_generation())
        return fmt::format(
            "This vault is of generation {}, and this host has seen generation {}: who left since then opens this one "
            "still, and their departures are not in it. Go on from it? Every credential becomes unknown until check "
            "has asked the BMCs.",
            info ? info->generation : 0, *newer);
    const auto& other = store.other_copy();
    if (other.empty())
        return "Go on from this state of the vault? Every credential becomes unknown until check has asked the BMCs.";
    return fmt::format(
        "This host goes on with the vault in {}. Give that one up: refuse its every change, and go on from "
        "this one, with every credential unknown until check has asked the BMCs?",
        printable(other.string()));
}

void tell_who_is_back(const Context& context, vault::Store& store) {
    std::vector<std::string> names;
    for (const auto& slot : store.team().slots()) names.push_back(printable(slot.name));
    context.warn(fmt::format("it opens to {} again: who of them had left has to leave once more\n  next: {}",
                             fmt::join(names, ", "),
                             context.commands("bmcvault member list, and bmcvault depart NAME")));
}

}  // namespace

Exit perform(const Context& context, const VaultAcceptRestoreCommand&) {
    if (context.options.reason.empty())
        return usage_error("vault accept-restore needs --reason", "bmcvault vault accept-restore --help");
    auto store = open_vault_as_it_is(context);
    if (!store) return std::unexpected(store.error());
    if ((*store)->refusal().empty())
        return usage_error("vault accept-restore: this vault is not rolled back: there is nothing to accept",
                           "bmcvault status");
    const auto question = question_of(**store);
    if (context.options.dry_run)
        return say_dry_run(context, "vault accept-restore", "make every current and pending credential unknown");
    // Without a terminal nobody is asked: a script that restores for a drill must not stop the vault in use.
    const bool another_administrator = is_of_another_administrator(**store);
    const bool is_owner = vault::role_of((*store)->team().own_slot()) == vault::Role::kOwner;
    if (!is_owner)
        return std::unexpected(
            Failure{ExitCode::kNotUnlocked, "vault accept-restore is for owners", std::string(kAskAnOwner), ""});
    const bool is_older = (*store)->newer_generation().has_value();
    const bool must_be_meant = another_administrator || is_older || !(*store)->other_copy().empty();
    if (must_be_meant && !context.options.yes && isatty(context.streams.in) == 0)
        return usage_error("vault accept-restore: " + question, "the same command with --yes, if that is meant");
    if (!confirmed(context, question))
        return std::unexpected(Failure{ExitCode::kNotAsAsked, "vault accept-restore: nothing was changed", "", ""});
    if (auto done = (*store)->accept_restore(acting(context)); !done)
        return vault_error("vault accept-restore", done.error());
    if (auto recorded = record_use_of_shares(context, **store); !recorded) return std::unexpected(recorded.error());
    context.out(context.options.json
                    ? json_summary(PlainSummary{"vault accept-restore", 1, {{"accepted", 1}}, std::nullopt, false})
                    : fmt::format("Accepted. Every credential is unknown now. Next: {}\n",
                                  context.commands("bmcvault check --all")));
    if (is_older) tell_who_is_back(context, **store);
    return ExitCode::kAsAsked;
}

}  // namespace bmcvault::cli
