#include "cli/unattended.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "cli/due.hpp"
#include "cli/hook_program.hpp"
#include "cli/json.hpp"

namespace bmcvault::cli {
namespace {

constexpr std::array<std::string_view, 7> kUnattended{"rotate", "recover",      "check",       "accounts",
                                                      "due",    "vault backup", "vault forget"};

void tell_journal(const Context& context, const std::string& command, ExitCode exit, const std::string& failure) {
    const char* journal_stream = std::getenv("JOURNAL_STREAM");
    if (journal_stream == nullptr || !is_in_journal(journal_stream)) return;
    RunEntry entry = context.entry;
    entry.command = command;
    entry.exit_code = static_cast<int>(exit);
    if (!failure.empty()) entry.text = failure;
    if (entry.text.empty()) entry.text = fmt::format("{}: ended with exit code {}", command, entry.exit_code);
    write_to_journal(entry);
}

void call_for_attention(const Context& context, const std::string& command, ExitCode exit, const std::string& failure) {
    if (exit == ExitCode::kAsAsked || isatty(fileno(context.streams.err)) != 0) return;
    const auto policy = read_policy(context);
    if (!policy || policy->hooks.attention.empty()) return;
    const auto input = json_attention(command, static_cast<int>(exit), failure);
    const auto called = call_hook({policy->hooks.attention, input, {}, policy->hooks.timeout}, {});
    if (!called) context.warn(fmt::format("hook attention: {}", called.error().detail));
}

}  // namespace

void tell_of_run(const Context& context, const std::string& command, ExitCode exit, const std::string& failure) {
    if (std::ranges::find(kUnattended, command) == kUnattended.end()) return;
    tell_journal(context, command, exit, failure);
    call_for_attention(context, command, exit, failure);
}

}  // namespace bmcvault::cli
