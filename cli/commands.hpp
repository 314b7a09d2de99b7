// Every command as a function: options in, exit code or Failure out. One file per family.
#pragma once

#include "cli/context.hpp"
#include "cli/options.hpp"

namespace bmcvault::cli {

using Exit = Outcome<ExitCode>;

// vault_commands.cpp
[[nodiscard]] Exit perform(const Context& context, const InitCommand& command);
[[nodiscard]] Exit perform(const Context& context, const VaultInfoCommand& command);
[[nodiscard]] Exit perform(const Context& context, const VaultVerifyCommand& command);
// backup_commands.cpp
[[nodiscard]] Exit perform(const Context& context, const VaultBackupCommand& command);
[[nodiscard]] Exit perform(const Context& context, const VaultRestoreCommand& command);
[[nodiscard]] Exit perform(const Context& context, const VaultAcceptRestoreCommand& command);
[[nodiscard]] Exit verify_backup(const Context& context, const std::string& file);
// break_glass_commands.cpp
[[nodiscard]] Exit perform(const Context& context, const BreakGlassCreateCommand& command);
[[nodiscard]] Exit perform(const Context& context, const BreakGlassDrillCommand& command);
// escrow_commands.cpp
[[nodiscard]] Exit perform(const Context& context, const EscrowEnableCommand& command);
[[nodiscard]] Exit perform(const Context& context, const EscrowDisableCommand& command);
[[nodiscard]] Exit perform(const Context& context, const EscrowShowCommand& command);
[[nodiscard]] Exit perform(const Context& context, const EscrowReplayCommand& command);
// retention_commands.cpp
[[nodiscard]] Exit perform(const Context& context, const VaultForgetCommand& command);
// member_commands.cpp
[[nodiscard]] Exit perform(const Context& context, const MemberKeygenCommand& command);
[[nodiscard]] Exit perform(const Context& context, const MemberAddCommand& command);
[[nodiscard]] Exit perform(const Context& context, const MemberListCommand& command);
[[nodiscard]] Exit perform(const Context& context, const CompartmentAddCommand& command);
[[nodiscard]] Exit perform(const Context& context, const CompartmentListCommand& command);
[[nodiscard]] Exit perform(const Context& context, const CompartmentMoveCommand& command);
[[nodiscard]] Exit perform(const Context& context, const HolderAddCommand& command);
[[nodiscard]] Exit perform(const Context& context, const HolderListCommand& command);
// depart.cpp
[[nodiscard]] Exit perform(const Context& context, const DepartCommand& command);
[[nodiscard]] Exit perform(const Context& context, const DeprovisionCommand& command);
[[nodiscard]] Exit perform(const Context& context, const ExposeCommand& command);
// bmc_commands.cpp
[[nodiscard]] Exit perform(const Context& context, const BmcAddCommand& command);
[[nodiscard]] Exit perform(const Context& context, const BmcImportCommand& command);
[[nodiscard]] Exit perform(const Context& context, const BmcSetCommand& command);
[[nodiscard]] Exit perform(const Context& context, const BmcReplaceCommand& command);
[[nodiscard]] Exit perform(const Context& context, const BmcHoldCommand& command);
[[nodiscard]] Exit perform(const Context& context, const BmcRemoveCommand& command);
// password_commands.cpp
[[nodiscard]] Exit perform(const Context& context, const BmcImportPasswordsCommand& command);
// look_commands.cpp: nothing is changed
[[nodiscard]] Exit perform(const Context& context, const BmcListCommand& command);
[[nodiscard]] Exit perform(const Context& context, const BmcShowCommand& command);
[[nodiscard]] Exit perform(const Context& context, const HistoryCommand& command);
[[nodiscard]] Exit perform(const Context& context, const StatusCommand& command);
// schedule_commands.cpp: nothing is changed
[[nodiscard]] Exit perform(const Context& context, const PolicyCheckCommand& command);
[[nodiscard]] Exit perform(const Context& context, const DueCommand& command);
[[nodiscard]] Exit perform(const Context& context, const ReportCommand& command);
// log_commands.cpp
[[nodiscard]] Exit perform(const Context& context, const LogCommand& command);
[[nodiscard]] Exit perform(const Context& context, const LogExportCommand& command);
// reveal.cpp
[[nodiscard]] Exit perform(const Context& context, const RevealCommand& command);
// exec.cpp
[[nodiscard]] Exit perform(const Context& context, const ExecCommand& command);
// export.cpp
[[nodiscard]] Exit perform(const Context& context, const ExportCommand& command);
// approve.cpp
[[nodiscard]] Exit perform(const Context& context, const ApproveCommand& command);
// fleet_commands.cpp
[[nodiscard]] Exit perform(const Context& context, const RotateCommand& command);
[[nodiscard]] Exit perform(const Context& context, const CheckCommand& command);
[[nodiscard]] Exit perform(const Context& context, const RecoverCommand& command);
// account_commands.cpp
[[nodiscard]] Exit perform(const Context& context, const AccountsCommand& command);
[[nodiscard]] Exit perform(const Context& context, const AccountsSecureCommand& command);
[[nodiscard]] Exit perform(const Context& context, const AccountsAdoptCommand& command);
[[nodiscard]] Exit perform(const Context& context, const AccountsReleaseCommand& command);
[[nodiscard]] Exit perform(const Context& context, const AccountsAcceptCommand& command);
// card_commands.cpp
[[nodiscard]] Exit perform(const Context& context, const CardShowCommand& command);
[[nodiscard]] Exit perform(const Context& context, const CardExportCommand& command);
[[nodiscard]] Exit perform(const Context& context, const CardImportCommand& command);
[[nodiscard]] Exit perform(const Context& context, const CardForgetCommand& command);

// unlock_commands.cpp
[[nodiscard]] Exit perform(const Context& context, const UnlockCommand& command);
[[nodiscard]] Exit perform(const Context& context, const LockCommand& command);
[[nodiscard]] Exit perform(const Context& context, const AgentCommand& command);
// practice.cpp
[[nodiscard]] Exit perform(const Context& context, const PracticeCommand& command);

}  // namespace bmcvault::cli
