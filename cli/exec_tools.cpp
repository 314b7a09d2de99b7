#include "cli/exec_tools.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

namespace bmcvault::cli {
namespace {

bool is_freeipmi(std::string_view program) {
    return program.starts_with("ipmi-") || program.starts_with("bmc-") || program == "ipmipower" ||
           program == "ipmiconsole";
}

std::string program_of(const std::vector<std::string>& command) {
    return std::filesystem::path(command.front()).filename().string();
}

// As the tools have it, which differ in what they call the highest.
std::string in_capitals(ipmi::PrivilegeLevel privilege, const std::string& administrator) {
    if (privilege == ipmi::PrivilegeLevel::kUser) return "USER";
    return privilege == ipmi::PrivilegeLevel::kOperator ? "OPERATOR" : administrator;
}

SecretText password_text(const Disclosed& credential) {
    SecretText out;
    credential.password.expose([&](auto bytes) { out.append(without_padding(bytes)); });
    return out;
}

SecretText k_g_hex(const Disclosed& credential) {
    SecretText out;
    if (credential.k_g) credential.k_g->expose([&](auto bytes) { append_hex(out, bytes); });
    return out;
}

// It reads a password from a regular file only, and a K_G in hexadecimal only as an argument: so the key's bytes go
// where it asks for them.
Outcome<ExecPlan> plan_ipmitool(const Disclosed& credential, bool with_program, const std::vector<std::string>& command,
                                const PrivateDirectory& directory) {
    const auto& bmc = credential.bmc;
    ExecPlan plan;
    const std::string program = with_program ? "ipmitool" : command.front();
    plan.words = {program, "-I", "lanplus", "-H", bmc.address, "-p", std::to_string(bmc.port), "-U", bmc.user_name};
    if (bmc.cipher_suite) plan.words.insert(plan.words.end(), {"-C", std::to_string(*bmc.cipher_suite)});
    if (credential.privilege != ipmi::PrivilegeLevel::kAdministrator)
        plan.words.insert(plan.words.end(), {"-L", in_capitals(credential.privilege, "ADMINISTRATOR")});
    SecretText password = password_text(credential);
    if (password.size() == 0) {
        plan.words.insert(plan.words.end(), {"-P", ""});  // it takes an empty file for no password, and asks
    } else {
        password.append("\n");
        const auto file = directory.write("password", password);
        if (!file) return std::unexpected(file.error());
        plan.words.insert(plan.words.end(), {"-f", file->string()});
    }
    if (credential.k_g) {
        credential.k_g->expose([&](auto bytes) { plan.standard_input.append(without_padding(bytes)); });
        const bool cut =
            plan.standard_input.expose([](std::string_view key) { return key.contains('\n') || key.contains('\0'); });
        if (cut) {
            return usage_error(
                fmt::format("{}: ipmitool takes a K_G like this one only where others can see it", bmc.name),
                fmt::format("bmcvault exec -t freeipmi {} -- chassis --get-chassis-status", bmc.name));
        }
        plan.standard_input.append("\n");
        plan.words.emplace_back("-Y");
    }
    plan.words.insert(plan.words.end(), command.begin() + (with_program ? 0 : 1), command.end());
    return plan;
}

Outcome<ExecPlan> plan_freeipmi(const Disclosed& credential, const std::vector<std::string>& command,
                                const PrivateDirectory& directory) {
    const auto file = directory.write("freeipmi.conf", freeipmi_configuration(credential));
    if (!file) return std::unexpected(file.error());
    const std::string program =
        is_freeipmi(program_of(command)) ? command.front() : fmt::format("ipmi-{}", command.front());
    ExecPlan plan;
    plan.words = {program, "--config-file", file->string(), "-h",
                  host_and_port(credential.bmc.address, credential.bmc.port)};
    plan.words.insert(plan.words.end(), command.begin() + 1, command.end());
    return plan;
}

void replace_all(std::string& text, std::string_view what, const std::string& by) {
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size())) {
        text.replace(at, what.size(), by);
    }
}

Outcome<ExecPlan> plan_generic(const Disclosed& credential, const std::vector<std::string>& command,
                               const PrivateDirectory& directory) {
    const bool asks = std::ranges::any_of(command, [](const auto& word) { return word.contains("{password-file}"); });
    if (!asks) {
        return usage_error(
            fmt::format("exec: how {} takes a password is not known here", printable(program_of(command))),
            "name its place in the command: {password-file}, and {k_g-file} {address} {port} {user}");
    }
    const auto password = directory.write("password", password_text(credential));
    if (!password) return std::unexpected(password.error());
    const auto k_g = directory.write("k_g", k_g_hex(credential));
    if (!k_g) return std::unexpected(k_g.error());
    ExecPlan plan{command, {}};
    for (auto& word : plan.words) {
        replace_all(word, "{password-file}", password->string());
        replace_all(word, "{k_g-file}", k_g->string());
        replace_all(word, "{address}", credential.bmc.address);
        replace_all(word, "{port}", std::to_string(credential.bmc.port));
        replace_all(word, "{user}", credential.bmc.user_name);
    }
    return plan;
}

}  // namespace

ExecTool exec_tool(const std::string& named, const std::vector<std::string>& command) {
    if (named == "ipmitool") return ExecTool::kIpmitool;
    if (named == "freeipmi") return ExecTool::kFreeIpmi;
    const std::string program = program_of(command);
    if (program == "ipmitool") return ExecTool::kIpmitool;
    return is_freeipmi(program) ? ExecTool::kFreeIpmi : ExecTool::kGeneric;
}

SecretText freeipmi_configuration(const Disclosed& credential) {
    const auto& bmc = credential.bmc;
    SecretText out;
    const auto quoted = [&](std::string_view text) {
        out.append("\"");
        for (const char& c : text) {
            if (c == '"' || c == '\\') out.append("\\");
            out.append({&c, 1});
        }
        out.append("\"\n");
    };
    out.append(fmt::format("driver-type LAN_2_0\nprivilege-level {}\n", in_capitals(credential.privilege, "ADMIN")));
    if (bmc.cipher_suite) out.append(fmt::format("cipher-suite-id {}\n", *bmc.cipher_suite));
    out.append("username ");
    quoted(bmc.user_name);
    out.append("password ");
    credential.password.expose([&](auto bytes) { quoted(without_padding(bytes)); });
    if (credential.k_g) {
        out.append("k_g 0x");
        k_g_hex(credential).expose([&](std::string_view digits) { out.append(digits); });
        out.append("\n");
    }
    return out;
}

Outcome<ExecPlan> plan_exec(const Disclosed& credential, ExecTool tool, bool with_program,
                            const std::vector<std::string>& command, const PrivateDirectory& directory) {
    const bool mangled = password_text(credential).expose([](std::string_view text) { return text.contains('\0'); });
    if (mangled) {
        return usage_error(fmt::format("{}: the live password has zero bytes inside, and no tool takes such a one",
                                       credential.bmc.name),
                           fmt::format("bmcvault rotate {}", credential.bmc.name));
    }
    switch (tool) {
        case ExecTool::kIpmitool:
            return plan_ipmitool(credential, with_program && program_of(command) != "ipmitool", command, directory);
        case ExecTool::kFreeIpmi:
            return plan_freeipmi(credential, command, directory);
        case ExecTool::kGeneric:
            break;
    }
    return plan_generic(credential, command, directory);
}

}  // namespace bmcvault::cli
