// exec: another tool works on a BMC with the vault's credential. Logged before the tool starts.

#include <fmt/format.h>

#include "cli/child.hpp"
#include "cli/commands.hpp"
#include "cli/exec_tools.hpp"

namespace bmcvault::cli {

Exit perform(const Context& context, const ExecCommand& command) {
    auto store = open_vault(context);
    if (!store) return std::unexpected(store.error());
    const auto found = find_bmc(**store, command.name);
    if (!found) return std::unexpected(found.error());
    const auto account = account_of(**store, *found, command.account);
    if (!account) return std::unexpected(account.error());
    const auto* bmc = &account->bmc;
    const auto chosen = choose_versions(**store, *account);
    if (!chosen) return std::unexpected(chosen.error());
    const ExecTool tool = exec_tool(command.tool, command.command);
    const std::string program = command.tool.empty() ? command.command.front() : command.tool;
    if (context.options.dry_run) {
        context.warn(fmt::format("would run {} on {} with password version {} (dry run, nothing was logged)",
                                 printable(program), bmc->name, chosen->password.version.value));
        return ExitCode::kAsAsked;
    }
    const auto directory = PrivateDirectory::make();
    if (!directory) return std::unexpected(directory.error());
    // Only the program: its arguments may be secrets too.
    const auto credential = disclose(context, **store, "exec", *bmc, *chosen, {{"program", printable(program)}});
    if (!credential) return std::unexpected(credential.error());
    warn_about_pending(context, *bmc, *chosen);
    const auto plan = plan_exec(*credential, tool, !command.tool.empty(), command.command, **directory);
    if (!plan) return std::unexpected(plan.error());
    MaskedForms forms;
    forms.add(credential->password);
    if (credential->k_g) forms.add(*credential->k_g);
    store->reset();  // a long run keeps nobody from a new generation of the vault
    return static_cast<ExitCode>(run_masked(context, plan->words, plan->standard_input, forms));
}

}  // namespace bmcvault::cli
