// init, vault info, vault verify.

#include <fmt/format.h>

#include "cli/checkpoints.hpp"
#include "cli/commands.hpp"
#include "cli/json.hpp"
#include "cli/secret_input.hpp"

namespace bmcvault::cli {

Exit perform(const Context& context, const InitCommand& command) {
    const auto directory = vault_directory(context);
    const std::string shown = printable(directory.string());
    if (context.options.dry_run) {
        context.out(context.options.json ? json_summary(PlainSummary{"init", 0, {}, std::nullopt, true})
                                         : fmt::format("would create a vault in {}\n", shown));
        return ExitCode::kAsAsked;
    }
    const auto passphrase = read_new_passphrase(context);
    if (!passphrase) return std::unexpected(passphrase.error());
    vault::CreateOptions options;
    options.kdf = {std::uint64_t{command.kdf_memory_mib} << 20, command.kdf_operations};
    if (!command.group.empty()) options.group = command.group;
    options.now = now();
    if (auto created = vault::Store::create(directory, *passphrase, options); !created) {
        auto failure = vault_error(fmt::format("init {}", shown), created.error());
        if (created.error().code == ErrorCode::kAlreadyExists) {
            failure.error().next = "bmcvault vault info, or init another one: --vault DIR";
        }
        return failure;
    }
    if (context.options.json) {
        context.out(json_summary(PlainSummary{"init", 0, {}, std::nullopt, false}));
    } else {
        context.out(fmt::format(
            "Created the vault {}. Keep the passphrase: nobody can restore it.\n"
            "Next: {}\n",
            shown, context.commands("bmcvault bmc import FILE, or bmcvault bmc add NAME ADDRESS --username USER")));
    }
    return ExitCode::kAsAsked;
}

namespace {

// Of what is signed by whoever has opened the vault: statements, certificates. Empty: that slot can't sign.
std::string signing_key(vault::Store& store) {
    const auto made = store.team().sign_statement("");
    return made ? to_hex(made->signer) : "";
}

}  // namespace

Exit perform(const Context& context, const VaultInfoCommand&) {
    auto store = open_vault_to_look(context);
    if (!store) return std::unexpected(store.error());
    const auto info = (*store)->info();
    if (!info) return vault_error("vault info", info.error());
    const auto places = places_of_checkpoints(context);
    if (!places) return std::unexpected(places.error());
    const std::string directory = (*store)->directory().string();
    if (context.options.json) {
        context.out(json_vault(*info, directory, signing_key(**store)));
        context.out(json_places_of_checkpoints(*places));
        context.out(json_summary(PlainSummary{"vault info", 1, {}, std::nullopt, false}));
        return ExitCode::kAsAsked;
    }
    context.out(
        fmt::format("directory            {}\n"
                    "vault id             {}\n"
                    "generation           {}\n"
                    "SQLCipher            {}\n"
                    "credential versions  {}\n"
                    "listed passwords     {}\n"
                    "audit records        {}\n",
                    printable(directory), to_hex(info->vault_id), info->generation, info->sqlcipher_version,
                    info->credential_versions, info->listed_passwords, info->audit_records));
    for (const auto& slot : info->slots) context.out(fmt::format("opened by            {}\n", printable(slot)));
    for (const auto& place : *places) context.out(fmt::format("checkpoints go to    {}\n", printable(place)));
    if (places->empty())
        context.out("checkpoints go to    nowhere: this host has no system log, and the policy no hook `checkpoint`\n");
    if (const auto key = signing_key(**store); !key.empty()) context.out(fmt::format("you sign with key    {}\n", key));
    return ExitCode::kAsAsked;
}

Exit perform(const Context& context, const VaultVerifyCommand& command) {
    if (!command.file.empty()) return verify_backup(context, command.file);
    auto store = command.head.empty() ? open_vault(context) : open_vault_to_look(context);
    if (!store) return std::unexpected(store.error());
    std::optional<KeptCheckpoints> kept;
    if (!command.head.empty()) {
        auto fresh = compare_with_kept(**store, command.head);
        if (!fresh) return std::unexpected(fresh.error());
        kept = std::move(*fresh);
    }
    if (auto verified = (*store)->verify(); !verified) return vault_error("vault verify", verified.error());
    const auto info = (*store)->info();
    if (!info) return vault_error("vault verify", info.error());
    if (context.options.json) {
        context.out(json_vault(*info, (*store)->directory().string(), signing_key(**store)));
        if (kept) context.out(json_kept_checkpoints(*kept));
        context.out(json_summary(PlainSummary{"vault verify", 1, {{"verified", 1}}, std::nullopt, false}));
    } else {
        context.out(fmt::format("Verified: every page, {}, {} and {}.\n{}",
                                counted(info->credential_versions, "credential version"),
                                counted(info->listed_passwords, "listed password"),
                                counted(info->audit_records, "audit record"), kept ? text_of(*kept) : ""));
    }
    return ExitCode::kAsAsked;
}

}  // namespace bmcvault::cli
