// reveal: a password to a person's eyes. The audit record is durable before the first byte is shown.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "cli/commands.hpp"
#include "cli/disclosure.hpp"
#include "cli/json.hpp"
#include "cli/secret_text.hpp"

namespace bmcvault::cli {
namespace {

using vault::CredentialVersion;

void append_password_text(SecretText& out, const Key20& password) {
    password.expose([&](auto bytes) {
        const std::string_view text = without_padding(bytes);
        if (is_plain(text)) {
            out.append(text);
        } else {
            out.append("hex ");
            append_hex(out, as_bytes(text));
        }
    });
}

SecretText as_json(const Disclosed& revealed) {
    auto out = credential_json(revealed);
    out.append("\n");
    out.append(json_summary(PlainSummary{"reveal", 1, {{"revealed", 1}}, std::nullopt, false}));
    return out;
}

std::string state_text(const CredentialVersion& version) {
    return fmt::format("version {}, {}{}", version.version.value, word(version.state),
                       version.proved_at ? fmt::format(", proved {}", iso_time(*version.proved_at)) : ", never proved");
}

// How ipmitool logs in: it asks for the password; the K_G it takes in an argument only.
std::string login_line(const Disclosed& revealed) {
    const auto& bmc = revealed.bmc;
    return fmt::format("login     ipmitool -I lanplus -H {} -p {} -U {}{} -a{} mc info\n", shell_word(bmc.address),
                       bmc.port, shell_word(bmc.user_name),
                       bmc.cipher_suite ? fmt::format(" -C {}", *bmc.cipher_suite) : "", revealed.k_g ? " -y K_G" : "");
}

SecretText as_text(const Disclosed& revealed) {
    SecretText out;
    const auto& bmc = revealed.bmc;
    out.append(fmt::format("bmc       {} ({})\nusername  {}\npassword  ", bmc.name,
                           host_and_port(bmc.address, bmc.port), printable(bmc.user_name)));
    append_password_text(out, revealed.password);
    out.append(fmt::format("\nsize      {} ({})\n", static_cast<int>(revealed.password_version.size),
                           state_text(revealed.password_version)));
    if (revealed.k_g) {
        out.append("k_g       ");
        revealed.k_g->expose([&](auto bytes) { append_hex(out, bytes); });
        out.append(fmt::format(" ({})\n", state_text(*revealed.k_g_version)));
    }
    out.append(login_line(revealed));
    return out;
}

SecretText password_alone(const Disclosed& revealed) {
    SecretText out;
    revealed.password.expose([&](auto bytes) { out.append(without_padding(bytes)); });
    out.append("\n");
    return out;
}

// Past stdio, whose buffers are neither locked nor wiped.
Exit write_out(const Context& context, const SecretText& text) {
    std::fflush(context.streams.out);
    return text.expose([&](std::string_view rest) -> Exit {
        while (!rest.empty()) {
            const ssize_t written = write(fileno(context.streams.out), rest.data(), rest.size());
            if (written < 0 && errno == EINTR) continue;
            if (written < 0) {
                return std::unexpected(
                    Failure{ExitCode::kNotAsAsked, fmt::format("standard output: {}", std::strerror(errno)), "", ""});
            }
            rest.remove_prefix(static_cast<std::size_t>(written));
        }
        return ExitCode::kAsAsked;
    });
}

}  // namespace

Exit perform(const Context& context, const RevealCommand& command) {
    auto store = open_vault(context);
    if (!store) return std::unexpected(store.error());
    const auto bmc = find_bmc(**store, command.name);
    if (!bmc) return std::unexpected(bmc.error());
    const auto chosen = choose_versions(**store, *bmc, command.version);
    if (!chosen) return std::unexpected(chosen.error());
    if (context.options.dry_run) {
        context.warn(fmt::format("would reveal {}: password {} (dry run, nothing was logged)", bmc->name,
                                 state_text(chosen->password)));
        return ExitCode::kAsAsked;
    }
    const auto disclosed = disclose(context, **store, "reveal", *bmc, *chosen);
    if (!disclosed) return std::unexpected(disclosed.error());
    const Disclosed& revealed = *disclosed;
    if (!command.version) warn_about_pending(context, *bmc, *chosen);
    if (command.password_only) return write_out(context, password_alone(revealed));
    return write_out(context, context.options.json ? as_json(revealed) : as_text(revealed));
}

}  // namespace bmcvault::cli
