#include "cli/credential_files.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace bmcvault::cli {
namespace {

// In double quotes, as YAML and JSON have it. Printable ASCII only: see why_not().
void append_quoted(SecretText& out, std::string_view text) {
    out.append("\"");
    for (const char& c : text) {
        if (c == '"' || c == '\\') out.append("\\");
        out.append({&c, 1});
    }
    out.append("\"\n");
}

void append_password(SecretText& out, const Disclosed& credential) {
    credential.password.expose([&](auto bytes) { append_quoted(out, without_padding(bytes)); });
}

// In freeipmi.conf, which ipmi_exporter writes without quotes. It escapes a '#' in passwords only.
bool stands_without_quotes(std::string_view text) {
    constexpr std::string_view kEndsAWord = "\"\\' ";
    return text.find_first_of(kEndsAWord) == std::string_view::npos;
}

}  // namespace

std::optional<FileFormat> file_format(std::string_view word) {
    if (word == "ansible") return FileFormat::kAnsible;
    if (word == "freeipmi") return FileFormat::kFreeIpmi;
    if (word == "ipmi_exporter") return FileFormat::kIpmiExporter;
    return std::nullopt;
}

std::string why_not(FileFormat format, const Disclosed& credential) {
    const auto is = [&](bool (*test)(std::string_view)) {
        return credential.password.expose([&](auto bytes) { return test(without_padding(bytes)); });
    };
    if (!is(is_plain)) return "its password has bytes that are not printable";
    if (format != FileFormat::kIpmiExporter) return "";
    if (credential.k_g) return "ipmi_exporter takes no K_G";
    const auto& user = credential.bmc.user_name;
    if (!stands_without_quotes(user) || user.contains('#'))
        return "ipmi_exporter takes no user name with a space, a quote, a backslash or a '#'";
    if (!is(stands_without_quotes)) return "ipmi_exporter takes no password with a space, a quote or a backslash";
    return "";
}

SecretText ansible_inventory(std::span<const Disclosed> credentials) {
    SecretText out;
    out.append("all:\n  hosts:\n");
    for (const auto& credential : credentials) {
        const auto& bmc = credential.bmc;
        // Unsafe in Ansible's sense: braces in it are no template.
        out.append(fmt::format("    \"{}\":\n      bmc_host: \"{}\"\n      bmc_port: {}\n      bmc_user: !unsafe ",
                               bmc.name, bmc.address, bmc.port));
        append_quoted(out, bmc.user_name);
        out.append(fmt::format("      bmc_privilege: {}\n      bmc_password: !unsafe ", word(credential.privilege)));
        append_password(out, credential);
        if (!credential.k_g) continue;
        out.append("      bmc_key: \"");
        credential.k_g->expose([&](auto bytes) { append_hex(out, bytes); });
        out.append("\"\n");
    }
    return out;
}

SecretText ipmi_exporter_configuration(std::span<const Disclosed> credentials) {
    SecretText out;
    out.append("modules:\n");
    for (const auto& credential : credentials) {
        const bool is_administrator = credential.privilege == ipmi::PrivilegeLevel::kAdministrator;
        out.append(fmt::format("  \"{}\":\n    driver: \"LAN_2_0\"\n    privilege: \"{}\"\n    user: ",
                               credential.bmc.name, is_administrator ? "admin" : word(credential.privilege)));
        append_quoted(out, credential.bmc.user_name);
        out.append("    pass: ");
        append_password(out, credential);
    }
    return out;
}

}  // namespace bmcvault::cli
