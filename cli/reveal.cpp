// reveal: a password to a person's eyes. The audit record is durable before the first byte is shown.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "cli/commands.hpp"
#include "cli/json.hpp"
#include "cli/secret_text.hpp"

namespace bmcvault::cli {
namespace {

using vault::CredentialVersion;
using vault::Subject;
using vault::VersionState;

// The version asked for; else the current one; else the newest that a person gave.
std::optional<CredentialVersion> choose(const std::vector<CredentialVersion>& versions, Subject subject,
                                        std::optional<std::uint32_t> number) {
    std::optional<CredentialVersion> chosen;
    for (const auto& version : versions) {
        if (version.subject != subject || version.state == VersionState::kDestroyed) continue;
        if (number) {
            if (version.version.value == *number) return version;
            continue;
        }
        if (version.state == VersionState::kCurrent) return version;
        if (version.state == VersionState::kUnknown) chosen = version;  // oldest first: the last one stays
    }
    return chosen;
}

void append_hex(SecretText& out, ByteView bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    for (const std::uint8_t byte : bytes) {
        out.append(kDigits.substr(byte >> 4, 1));
        out.append(kDigits.substr(byte & 15, 1));
    }
}

std::string_view without_padding(std::span<const std::uint8_t, kKeySize> bytes) {
    const auto end = std::ranges::find(bytes, std::uint8_t{0});
    return {reinterpret_cast<const char*>(bytes.data()), static_cast<std::size_t>(end - bytes.begin())};
}

// A mangled or hand-made password may be any bytes; those that are not printable ASCII go out in hexadecimal.
bool is_plain(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; });
}

void append_password_json(SecretText& out, const Key20& password) {
    password.expose([&](auto bytes) {
        const std::string_view text = without_padding(bytes);
        if (!is_plain(text)) {
            out.append(R"(,"password":null,"password_hex":")");
            append_hex(out, as_bytes(text));
            out.append("\"");
            return;
        }
        out.append(R"(,"password":")");
        for (const char& c : text) {
            if (c == '"' || c == '\\') out.append("\\");
            out.append({&c, 1});
        }
        out.append("\"");
    });
}

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

struct Revealed {
    vault::Bmc bmc;
    CredentialVersion password_version;
    Key20 password;
    std::optional<CredentialVersion> k_g_version;
    std::optional<Key20> k_g;
};

SecretText as_json(const Revealed& revealed) {
    SecretText out;
    out.append(json_reveal_head(revealed.bmc, revealed.password_version, revealed.k_g_version));
    append_password_json(out, revealed.password);
    if (revealed.k_g) {
        out.append(R"(,"k_g":")");
        revealed.k_g->expose([&](auto bytes) { append_hex(out, bytes); });
        out.append("\"}\n");
    } else {
        out.append(",\"k_g\":null}\n");
    }
    out.append(json_summary(PlainSummary{"reveal", 1, {{"revealed", 1}}, std::nullopt, false}));
    return out;
}

std::string state_text(const CredentialVersion& version) {
    return fmt::format("version {}, {}{}", version.version.value, word(version.state),
                       version.proved_at ? fmt::format(", proved {}", iso_time(*version.proved_at)) : ", never proved");
}

SecretText as_text(const Revealed& revealed) {
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
    return out;
}

SecretText password_alone(const Revealed& revealed) {
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

Result<void> log_disclosure(vault::Store& store, const Context& context, const vault::Bmc& bmc,
                            const CredentialVersion& password, const std::optional<CredentialVersion>& k_g) {
    const std::string body = json_body({{"name", bmc.name},
                                        {"password_version", std::to_string(password.version.value)},
                                        {"k_g_version", k_g ? std::to_string(k_g->version.value) : ""},
                                        {"reason", context.options.reason},
                                        {"ticket", context.options.ticket}});
    std::vector<CredentialVersion> shown{password};
    if (k_g) shown.push_back(*k_g);
    return store.transact(actor(), now(), [&](vault::Transaction& transaction) {
        return transaction.disclose("reveal", bmc.id, shown, body);
    });
}

void warn_about_pending(const Context& context, const vault::Bmc& bmc, const std::vector<CredentialVersion>& versions) {
    const bool pending = std::ranges::any_of(versions, [&](const auto& version) {
        const bool ours = version.subject == bmc.own_password() || version.subject == bmc.k_g_subject();
        return version.state == VersionState::kPending && ours;
    });
    if (!pending) return;
    context.warn(
        fmt::format("{}: a rotation was interrupted; the BMC may hold the pending version instead\n"
                    "  next: bmcvault recover {}",
                    bmc.name, bmc.name));
}

}  // namespace

Exit perform(const Context& context, const RevealCommand& command) {
    auto store = open_vault(context);
    if (!store) return std::unexpected(store.error());
    const auto bmc = find_bmc(**store, command.name);
    if (!bmc) return std::unexpected(bmc.error());
    const auto versions = (*store)->versions(bmc->id);
    if (!versions) return vault_error("reveal", versions.error());
    const auto password = choose(*versions, bmc->own_password(), command.version);
    if (!password) {
        return usage_error(command.version ? fmt::format("{} has no password version {}", bmc->name, *command.version)
                                           : fmt::format("the vault has no password of {}", bmc->name),
                           fmt::format("bmcvault history {}", bmc->name));
    }
    const auto k_g = choose(*versions, bmc->k_g_subject(), std::nullopt);
    if (context.options.dry_run) {
        context.warn(fmt::format("would reveal {}: password {} (dry run, nothing was logged)", bmc->name,
                                 state_text(*password)));
        return ExitCode::kAsAsked;
    }
    if (auto logged = log_disclosure(**store, context, *bmc, *password, k_g); !logged) {
        return vault_error(fmt::format("reveal {}: not shown, because it could not be logged", bmc->name),
                           logged.error());
    }
    auto bytes = (*store)->unseal(*password);
    if (!bytes) return vault_error(fmt::format("reveal {}", bmc->name), bytes.error());
    Revealed revealed{*bmc, *password, std::move(*bytes), k_g, std::nullopt};
    if (k_g) {
        auto key = (*store)->unseal(*k_g);
        if (!key) return vault_error(fmt::format("reveal {}", bmc->name), key.error());
        revealed.k_g = std::move(*key);
    }
    if (!command.version) warn_about_pending(context, *bmc, *versions);
    if (command.password_only) return write_out(context, password_alone(revealed));
    return write_out(context, context.options.json ? as_json(revealed) : as_text(revealed));
}

}  // namespace bmcvault::cli
