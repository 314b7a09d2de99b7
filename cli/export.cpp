// export: credentials for another program, in its own file. Whoever gets them is a holder before they are written.

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <functional>

#include "cli/approval.hpp"
#include "cli/commands.hpp"
#include "cli/credential_files.hpp"
#include "cli/exec_tools.hpp"
#include "cli/json.hpp"
#include "cli/private_file.hpp"
#include "vault/store/vault_files.hpp"

namespace bmcvault::cli {
namespace {

namespace fs = std::filesystem;

struct Chosen {
    vault::Bmc bmc;
    ChosenVersions versions;
};

struct Gathered {
    std::vector<Disclosed> credentials;
    std::size_t left_out = 0;
};

void leave_out(const Context& context, Gathered& gathered, const vault::Bmc& bmc, std::string_view why) {
    ++gathered.left_out;
    context.warn(fmt::format("{}: left out: {}", printable(bmc.name), why));
}

std::vector<Chosen> choose_all(const Context& context, const vault::Store& store, const std::vector<vault::Bmc>& bmcs,
                               const std::string& role, Gathered& gathered) {
    std::vector<Chosen> all;
    for (const auto& bmc : bmcs) {
        auto account = account_of(store, bmc, role);
        auto versions = account ? choose_versions(store, *account) : std::unexpected(account.error());
        if (versions)
            all.push_back({std::move(account->bmc), std::move(*versions)});
        else
            leave_out(context, gathered, bmc, versions.error().what);
    }
    return all;
}

Outcome<void> disclose_all(const Context& context, vault::Store& store, const ExportCommand& command, FileFormat format,
                           const std::vector<Chosen>& chosen, Gathered& gathered) {
    for (const auto& one : chosen) {
        auto credential = disclose(context, store, "export", one.bmc, one.versions,
                                   {{"format", command.format}, {"holder", command.holder}});
        if (!credential) return std::unexpected(credential.error());
        warn_about_pending(context, one.bmc, one.versions);
        if (const auto why = why_not(format, *credential); !why.empty())
            leave_out(context, gathered, one.bmc, why);
        else
            gathered.credentials.push_back(std::move(*credential));
    }
    return {};
}

std::unexpected<Failure> not_written(const Error& error) {
    return std::unexpected(Failure{ExitCode::kNotAsAsked, fmt::format("export: {}", printable(error.detail)),
                                   "make room, or name another place, then the same command again",
                                   "The holder is registered and the log says that it was exported."});
}

Outcome<void> write_directory(const fs::path& directory, const std::vector<Disclosed>& credentials) {
    if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST)
        return not_written(vault::system_error("can not make", directory).error());
    for (const auto& credential : credentials) {
        const auto file = directory / (credential.bmc.name + ".conf");
        if (auto written = replace_private_file(file, freeipmi_configuration(credential)); !written)
            return not_written(written.error());
    }
    return {};
}

Outcome<void> write_all(const ExportCommand& command, FileFormat format, const std::vector<Disclosed>& credentials) {
    if (format == FileFormat::kFreeIpmi) return write_directory(command.output, credentials);
    const auto text =
        format == FileFormat::kAnsible ? ansible_inventory(credentials) : ipmi_exporter_configuration(credentials);
    if (auto written = replace_private_file(command.output, text); !written) return not_written(written.error());
    return {};
}

void say(const Context& context, const ExportCommand& command, const Gathered& gathered) {
    const auto count = gathered.credentials.size();
    if (!context.options.json) {
        context.out(fmt::format(
            "Wrote the credentials of {} to {}, mode 0600. {} holds them now: when that ends, "
            "bmcvault depart {}\n",
            counted(count, "BMC"), printable(command.output), printable(command.holder), shell_word(command.holder)));
        return;
    }
    for (const auto& credential : gathered.credentials)
        context.out(json_exported(credential.bmc, credential.password_version.version, command.format));
    OutcomeCounts outcomes{{"exported", count}};
    if (gathered.left_out > 0) outcomes.emplace_back("left-out", gathered.left_out);
    context.out(json_summary(PlainSummary{"export", count + gathered.left_out, outcomes, std::nullopt, false}));
}

// `before`: what has to be durable before anybody becomes a holder.
Exit export_all(const Context& context, vault::Store& store, const ExportCommand& command,
                const std::vector<vault::Bmc>& selected, const std::function<Outcome<void>()>& before = {}) {
    const auto format = *file_format(command.format);
    Gathered gathered;
    const auto chosen = choose_all(context, store, selected, command.account, gathered);
    if (chosen.empty()) return usage_error("export: nothing to write; why not is said above");
    if (context.options.dry_run) {
        context.out(context.options.json
                        ? json_summary(PlainSummary{"export", selected.size(), {}, std::nullopt, true})
                        : fmt::format("would write the credentials of {} to {}, for {} (dry run, nothing was logged)\n",
                                      counted(chosen.size(), "BMC"), printable(command.output),
                                      printable(command.holder)));
        return ExitCode::kAsAsked;
    }
    if (before)
        if (auto done = before(); !done) return std::unexpected(done.error());
    std::vector<BmcId> ids;
    ids.reserve(chosen.size());
    for (const auto& one : chosen) ids.push_back(one.bmc.id);
    if (auto held = store.team().add_holder(acting(context), command.holder, ids, now()); !held)
        return vault_error(fmt::format("export: registering {}", printable(command.holder)), held.error());
    if (auto done = disclose_all(context, store, command, format, chosen, gathered); !done)
        return std::unexpected(done.error());
    if (auto written = write_all(command, format, gathered.credentials); !written)
        return std::unexpected(written.error());
    say(context, command, gathered);
    return gathered.left_out == 0 ? ExitCode::kAsAsked : ExitCode::kNotAsAsked;
}

Exit export_as_approved(const Context& given, const ExportCommand& command) {
    const auto approved = open_approved(given, command.approval.approved, "export");
    if (!approved) return std::unexpected(approved.error());
    const auto context = approved->context(given);
    const auto& work = std::get<PlannedExport>(approved->plan.work);
    if (!file_format(work.format)) return usage_error(fmt::format("no such format: {}", printable(work.format)));
    auto planned = command;
    planned.format = work.format;
    planned.holder = work.holder;
    planned.account = work.account;
    return export_all(context, *approved->store, planned, approved->bmcs, [&]() -> Outcome<void> {
        const auto recorded = record_use(context, *approved);
        if (!recorded) return std::unexpected(recorded.error());
        return {};
    });
}

}  // namespace

Exit perform(const Context& context, const ExportCommand& command) {
    if (command.approval.is_approved()) return export_as_approved(context, command);
    auto store = open_vault(context);
    if (!store) return std::unexpected(store.error());
    const auto selected = selected_bmcs(context, **store, command.selection);
    if (!selected) return std::unexpected(selected.error());
    if (command.approval.plan)
        return write_plan(context, **store,
                          {PlannedExport{command.format, command.holder, command.account},
                           *selected,
                           {},
                           command.output,
                           command.approval.valid_days});
    if (selected->size() > 1)
        if (auto enough = one_signature_is_enough(context, "export"); !enough) return std::unexpected(enough.error());
    return export_all(context, **store, command, *selected);
}

}  // namespace bmcvault::cli
