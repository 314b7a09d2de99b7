#include "cli/checkpoints.hpp"

#include <fmt/format.h>
#include <paths.h>
#include <syslog.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "cli/due.hpp"
#include "cli/hook_program.hpp"
#include "cli/plain_file.hpp"
#include "vault/core/checkpoint.hpp"

namespace bmcvault::cli {
namespace {

constexpr std::size_t kMaxFileSize = 64u << 20;
constexpr std::string_view kBegins = "bmcvault-checkpoint/1 ";

void tell_system_log(const std::string& line) {
    openlog("bmcvault", LOG_PID, LOG_AUTHPRIV);
    syslog(LOG_NOTICE, "%s", line.c_str());
    closelog();
}

void tell_program(const Context& context, vault::Store& store, const std::string& line) {
    const auto policy = read_policy(context);
    if (!policy || policy->hooks.checkpoint.empty()) return;
    const auto& program = policy->hooks.checkpoint;
    const auto called = call_hook({program, line + "\n", {}, policy->hooks.timeout}, {});
    if (called) return;
    context.warn(fmt::format("warning: hook checkpoint: {}", called.error().detail));
    const nlohmann::json body{{"program", program}, {"why", called.error().detail}};
    const auto logged = store.transact(actor(), now(), [&](vault::Transaction& transaction) {
        return transaction.audit("checkpoint-not-kept", std::nullopt,
                                 body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    });
    if (!logged) context.warn(fmt::format("warning: hook checkpoint: {}", printable(logged.error().detail)));
}

}  // namespace

void keep_checkpoint(const Context& context, vault::Store& store) {
    const auto made = store.checkpoint(actor(), now());
    if (!made) {
        context.warn(
            fmt::format("warning: the log was not closed by a checkpoint: {}", printable(made.error().detail)));
        return;
    }
    if (!*made) return;
    const auto line = vault::format_checkpoint(**made);
    tell_system_log(line);
    tell_program(context, store, line);
}

namespace {

struct Kept {
    std::vector<vault::Checkpoint> of_this_vault;
    std::size_t others = 0;  // of another vault, or what nobody has signed
};

// A log has lines of other vaults, and of whoever may write to it.
Kept kept_in(std::string_view text, const vault::VaultId& vault_id) {
    Kept kept;
    for (auto begin = text.find(kBegins); begin != std::string_view::npos;) {
        const auto end = std::min(text.find('\n', begin), text.size());
        const auto parsed = vault::parse_checkpoint(text.substr(begin, end - begin));
        if (parsed && parsed->vault_id == vault_id)
            kept.of_this_vault.push_back(*parsed);
        else
            ++kept.others;
        begin = text.find(kBegins, end);
    }
    return kept;
}

}  // namespace

Outcome<std::vector<std::string>> places_of_checkpoints(const Context& context) {
    const auto policy = read_policy(context);
    if (!policy) return std::unexpected(policy.error());
    std::vector<std::string> places;
    if (access(_PATH_LOG, W_OK) == 0) places.emplace_back("system log");
    if (!policy->hooks.checkpoint.empty()) places.push_back(policy->hooks.checkpoint);
    return places;
}

Outcome<KeptCheckpoints> compare_with_kept(const vault::Store& store, const std::string& file) {
    const auto text = read_plain_file(file, kMaxFileSize);
    const auto shown = printable(file);
    if (!text) return usage_error(fmt::format("--head {}: {}", shown, text.error().detail));
    const auto info = store.info();
    if (!info) return vault_error("vault verify", info.error());
    const auto kept = kept_in(*text, info->vault_id);
    if (kept.of_this_vault.empty())
        return usage_error(fmt::format("--head {}: no checkpoint of this vault is in it", shown));
    for (const auto& checkpoint : kept.of_this_vault) {
        const auto freshness = store.compare_with(checkpoint);
        if (!freshness) return vault_error(fmt::format("--head {}", shown), freshness.error());
        if (*freshness == vault::Freshness::kFresh) continue;
        const auto what =
            *freshness == vault::Freshness::kRolledBack
                ? fmt::format("rolled back: {} has seen audit record {}", shown, checkpoint.audit_count)
                : fmt::format("forked: audit record {} is another than {} has seen", checkpoint.audit_count, shown);
        return vault_error("vault verify", Error{ErrorCode::kRolledBack, what, std::nullopt});
    }
    const auto newest = std::ranges::max(kept.of_this_vault, {}, &vault::Checkpoint::audit_count).audit_count;
    const auto record = store.audit_log(newest - 1, 1);
    if (!record) return vault_error("vault verify", record.error());
    return KeptCheckpoints{file,   kept.of_this_vault.size(), kept.others,
                           newest, record->front().at,        info->audit_records - newest};
}

std::string text_of(const KeptCheckpoints& kept) {
    const auto since = kept.records_since == 0 ? "nothing was written since"
                                               : counted(kept.records_since, "record") + " came after it";
    return fmt::format(
        "Fresh: it has all {} of {}; the newest is of record {}, {}, and {}{}.\n",
        counted(kept.of_this_vault, "checkpoint"), printable(kept.file), kept.newest_record, iso_time(kept.newest_at),
        since, kept.other_lines == 0 ? "" : fmt::format("; {} passed over", counted(kept.other_lines, "other line")));
}

}  // namespace bmcvault::cli
