// How each tool takes a credential without it being seen in its arguments or its environment.
#pragma once

#include <string>
#include <vector>

#include "cli/disclosure.hpp"
#include "cli/private_file.hpp"

namespace bmcvault::cli {

enum class ExecTool { kIpmitool, kFreeIpmi, kGeneric };

// The tool that `--tool` names, else that of the command's first word.
[[nodiscard]] ExecTool exec_tool(const std::string& named, const std::vector<std::string>& command);

struct ExecPlan {
    std::vector<std::string> words;  // without a secret
    SecretText standard_input;       // what ipmitool asks for as "Key: "; empty: ours is the child's
};
// Writes the files that the words name. `with_program`: the command has no program in front, --tool stands for it.
[[nodiscard]] Outcome<ExecPlan> plan_exec(const Disclosed& credential, ExecTool tool, bool with_program,
                                          const std::vector<std::string>& command, const PrivateDirectory& directory);

// The lines of freeipmi.conf(5) that log in to this BMC.
[[nodiscard]] SecretText freeipmi_configuration(const Disclosed& credential);

}  // namespace bmcvault::cli
