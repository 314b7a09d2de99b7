#include "cli/run.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <exception>

#include "cli/commands.hpp"
#include "cli/options.hpp"
#include "cli/scheduled_run.hpp"
#include "cli/unattended.hpp"
#include "vault/base/secret.hpp"

namespace bmcvault::cli {
namespace {

// Without this the next file opened becomes standard error, and a message is written into the vault.
void open_missing_standard_streams() {
    for (int fd = 0; fd <= 2; ++fd) {
        if (fcntl(fd, F_GETFD) >= 0) continue;
        const int null = open("/dev/null", fd == 0 ? O_RDONLY : O_WRONLY);
        BMCVAULT_CHECK(null == fd);
    }
}

void end_after_check(int) {
    _exit(static_cast<int>(ExitCode::kOurBug));
}

void set_signals() {
    std::signal(SIGCHLD, SIG_DFL);          // a supervisor that ignores it would leave nothing to wait for
    std::signal(SIGPIPE, SIG_IGN);          // `rotate | head` must not die between two steps
    std::signal(SIGXFSZ, SIG_IGN);          // a file size limit is a full disk: an error, not an end
    std::signal(SIGABRT, end_after_check);  // a CHECK has said where; scripts get the exit code of cli.md
}

// Its reason is that of the plan, which is read later.
bool is_approved(const Command& command) {
    return std::visit(
        [](const auto& each) {
            if constexpr (requires { each.approval; })
                return each.approval.is_approved();
            else
                return false;
        },
        command);
}

bool wants_color(const GlobalOptions& options, std::FILE* stream) {
    if (options.color != ColorChoice::kAuto) return options.color == ColorChoice::kAlways;
    const char* no_color = std::getenv("NO_COLOR");
    if (no_color != nullptr && *no_color != '\0') return false;
    const char* terminal = std::getenv("TERM");
    if (terminal != nullptr && std::string_view(terminal) == "dumb") return false;
    return isatty(fileno(stream)) != 0;
}

// Output that could not be written (disk full, reader gone) is a failure even when the work was done.
ExitCode flushed(const Streams& streams, ExitCode code) {
    if (std::fflush(streams.out) == 0 && std::ferror(streams.out) == 0) return code;
    fmt::print(streams.err, "bmcvault: standard output: {}\n", std::strerror(errno));
    return code == ExitCode::kAsAsked ? ExitCode::kNotAsAsked : code;
}

ExitCode run_command(const Invocation& invocation, const Streams& streams, const Hooks& hooks) {
    RunEntry entry;
    const Context context{invocation.global,
                          streams,
                          hooks,
                          Style{wants_color(invocation.global, streams.out)},
                          Style{wants_color(invocation.global, streams.err)},
                          entry};
    if (auto ready = secret_arena::initialize(); !ready) {
        print(streams, vault_error("memory for secrets", ready.error()).error());
        return ExitCode::kNotUnlocked;
    }
    if (!secret_arena::is_locked()) {
        context.warn("warning: memory for secrets could not be locked and may reach the swap (raise `ulimit -l`)");
    }
    const bool has_rules = !std::holds_alternative<PolicyCheckCommand>(invocation.command) &&
                           !std::holds_alternative<PracticeCommand>(invocation.command) &&
                           !is_approved(invocation.command);
    const auto given =
        has_rules && !invocation.global.dry_run ? reason_is_given(context, invocation.name) : Outcome<void>{};
    const Exit exit =
        given ? std::visit([&](const auto& command) { return perform(context, command); }, invocation.command)
              : Exit(std::unexpected(given.error()));
    if (!exit) {
        Failure failure = exit.error();
        failure.next = context.commands(failure.next);
        print(streams, failure);
    }
    const auto code = exit ? *exit : exit.error().exit;
    if (!invocation.global.dry_run) tell_of_run(context, invocation.name, code, exit ? "" : exit.error().what);
    return code;
}

ExitCode run_line(int argc, const char* const* argv, const Streams& streams, const Hooks& hooks) {
    const auto invocation = parse_options(argc, argv);
    if (invocation) return flushed(streams, run_command(*invocation, streams, hooks));
    if (invocation.error().mistake.empty()) {
        std::fputs(invocation.error().help.c_str(), streams.out);
        return flushed(streams, ExitCode::kAsAsked);
    }
    print(streams, {ExitCode::kUsage, invocation.error().mistake, invocation.error().next, ""});
    return ExitCode::kUsage;
}

}  // namespace

int run(int argc, const char* const* argv, const Streams& streams, const Hooks& hooks) {
    open_missing_standard_streams();
    set_signals();
    try {
        return static_cast<int>(run_line(argc, argv, streams, hooks));
    } catch (const std::exception& error) {
        fmt::print(streams.err, "bmcvault: bug: an exception reached the top: {}\n", typeid(error).name());
        return static_cast<int>(ExitCode::kOurBug);
    }
}

}  // namespace bmcvault::cli
