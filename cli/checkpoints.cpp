#include "cli/checkpoints.hpp"

#include <fmt/format.h>
#include <syslog.h>

#include <nlohmann/json.hpp>

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

Outcome<std::string> compare_with_kept(const vault::Store& store, const std::string& file) {
    const auto text = read_plain_file(file, kMaxFileSize);
    const auto shown = printable(file);
    if (!text) return usage_error(fmt::format("--head {}: {}", shown, text.error().detail));
    const auto begin = text->rfind(kBegins);
    if (begin == std::string::npos) return usage_error(fmt::format("--head {}: no checkpoint is in it", shown));
    const auto kept = vault::parse_checkpoint(text->substr(begin, text->find('\n', begin) - begin));
    if (!kept) return usage_error(fmt::format("--head {}: {}", shown, kept.error().detail));
    const auto freshness = store.compare_with(*kept);
    if (!freshness) return vault_error(fmt::format("--head {}", shown), freshness.error());
    const auto of = fmt::format("generation {} and audit record {}", kept->generation, kept->audit_count);
    if (*freshness == vault::Freshness::kFresh) return fmt::format("Fresh: it holds {} of {}.\n", of, shown);
    const auto what =
        *freshness == vault::Freshness::kRolledBack
            ? fmt::format("rolled back: {} has seen {}", shown, of)
            : fmt::format("forked: audit record {} is another than {} has seen", kept->audit_count, shown);
    return vault_error("vault verify", Error{ErrorCode::kRolledBack, what, std::nullopt});
}

}  // namespace bmcvault::cli
