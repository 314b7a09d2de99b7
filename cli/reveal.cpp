// reveal: a password to a person's eyes. The audit record is durable before the first byte is shown.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "cli/approval.hpp"
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
    return out;
}

std::string state_text(const CredentialVersion& version) {
    return fmt::format("version {}, {}{}", version.version.value, word(version.state),
                       version.proved_at ? fmt::format(", proved {}", iso_time(*version.proved_at)) : ", never proved");
}

// How ipmitool logs in: it asks for the password; the K_G it takes in an argument only.
std::string login_line(const Disclosed& revealed) {
    const auto& bmc = revealed.bmc;
    const bool is_administrator = revealed.privilege == ipmi::PrivilegeLevel::kAdministrator;
    return fmt::format("login     ipmitool -I lanplus -H {} -p {} -U {}{}{} -a{} mc info\n", shell_word(bmc.address),
                       bmc.port, shell_word(bmc.user_name),
                       is_administrator ? "" : fmt::format(" -L {}", word(revealed.privilege)),
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
    // An older password may be of another account than the one that is ours now.
    const bool may_be_live = revealed.password_version.state != vault::VersionState::kPrevious &&
                             revealed.password_version.state != vault::VersionState::kRetired;
    if (may_be_live) out.append(login_line(revealed));
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

struct Chosen {
    vault::Bmc bmc;
    ChosenVersions versions;
};

// Of all of them, or an error: nothing is shown then.
Outcome<std::vector<Chosen>> choose_all(const vault::Store& store, const std::vector<vault::Bmc>& bmcs,
                                        const RevealCommand& command) {
    std::vector<Chosen> all;
    all.reserve(bmcs.size());
    for (const auto& bmc : bmcs) {
        auto account = account_of(store, bmc, command.account);
        if (!account) return std::unexpected(account.error());
        auto versions = choose_versions(store, *account, command.version);
        if (!versions) return std::unexpected(versions.error());
        all.push_back({std::move(account->bmc), std::move(*versions)});
    }
    return all;
}

Exit reveal_one(const Context& context, vault::Store& store, const Chosen& chosen, const RevealCommand& command) {
    const auto disclosed = disclose(context, store, "reveal", chosen.bmc, chosen.versions);
    if (!disclosed) return std::unexpected(disclosed.error());
    if (!command.version) warn_about_pending(context, chosen.bmc, chosen.versions);
    if (command.password_only) return write_out(context, password_alone(*disclosed));
    return write_out(context, context.options.json ? as_json(*disclosed) : as_text(*disclosed));
}

Exit reveal_all(const Context& context, vault::Store& store, const std::vector<Chosen>& all,
                const RevealCommand& command) {
    for (const auto& chosen : all) {
        if (context.options.dry_run) {
            context.warn(fmt::format("would reveal {}: password {} (dry run, nothing was logged)", chosen.bmc.name,
                                     state_text(chosen.versions.password)));
            continue;
        }
        if (&chosen != &all.front() && !context.options.json) context.out("\n");
        if (auto shown = reveal_one(context, store, chosen, command); !shown) return shown;
    }
    if (context.options.json && !context.options.dry_run && !command.password_only)
        context.out(json_summary(PlainSummary{"reveal", all.size(), {{"revealed", all.size()}}, std::nullopt, false}));
    return ExitCode::kAsAsked;
}

Outcome<void> only_one(const RevealCommand& command, std::size_t count) {
    if (count == 1 || !(command.version || command.password_only)) return {};
    return usage_error("reveal: --version and --password-only are for one BMC", "one after the other");
}

Exit reveal_as_approved(const Context& given, const RevealCommand& command) {
    const auto approved = open_approved(given, command.approval.approved, "reveal");
    if (!approved) return std::unexpected(approved.error());
    const auto context = approved->context(given);
    auto planned = command;
    const auto& work = std::get<PlannedReveal>(approved->plan.work);
    planned.version = work.version;
    planned.account = work.account;
    if (auto one = only_one(planned, approved->bmcs.size()); !one) return std::unexpected(one.error());
    const auto chosen = choose_all(*approved->store, approved->bmcs, planned);
    if (!chosen) return std::unexpected(chosen.error());
    if (!context.options.dry_run)
        if (auto recorded = record_use(context, *approved); !recorded) return std::unexpected(recorded.error());
    return reveal_all(context, *approved->store, *chosen, planned);
}

}  // namespace

Exit perform(const Context& context, const RevealCommand& command) {
    if (command.approval.is_approved()) return reveal_as_approved(context, command);
    auto store = open_vault(context);
    if (!store) return std::unexpected(store.error());
    const auto selected = selected_bmcs(context, **store, command.selection);
    if (!selected) return std::unexpected(selected.error());
    if (auto one = only_one(command, selected->size()); !one) return std::unexpected(one.error());
    const auto chosen = choose_all(**store, *selected, command);
    if (!chosen) return std::unexpected(chosen.error());
    if (command.approval.plan)
        return write_plan(context, **store,
                          {PlannedReveal{command.version, command.account},
                           *selected,
                           {},
                           command.approval.plan_file,
                           command.approval.valid_days});
    if (selected->size() > 1)
        if (auto enough = one_signature_is_enough(context, "reveal"); !enough) return std::unexpected(enough.error());
    return reveal_all(context, **store, *chosen, command);
}

}  // namespace bmcvault::cli
