#include "cli/rescue.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sodium.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "cli/json.hpp"
#include "cli/rescue_script.hpp"
#include "cli/secret_input.hpp"

namespace bmcvault::cli {
namespace {

constexpr int kLongestRun_ms = 60'000;
constexpr std::string_view kScheme = "ssh://";

class SystemRandom final : public vault::RandomBytes {
public:
    void fill(std::span<std::uint8_t> out) override { randombytes_buf(out.data(), out.size()); }
};

bool is_harmless(std::string_view text) {
    constexpr std::string_view kAlso = "._-:";
    return !text.empty() && text.front() != '-' && std::ranges::all_of(text, [&](char c) {
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        return letter || kAlso.find(c) != std::string_view::npos;
    });
}

Result<Key20> staged_password(const vault::Store& store, const rotate::StagedRescue& staged) {
    const auto versions = store.versions(staged.bmc.id);
    if (!versions) return std::unexpected(versions.error());
    const auto found = std::ranges::find_if(*versions, [&](const auto& version) {
        return version.subject == staged.bmc.own_password() && version.version == staged.version;
    });
    BMCVAULT_CHECK(found != versions->end());
    return store.unseal(*found);
}

// The one place where this path gives a password away: into the pipe of ssh.
void write_password(int pipe, const Key20& password) {
    password.expose([&](auto bytes) {
        const auto end = std::ranges::find(bytes, std::uint8_t{0});
        [[maybe_unused]] auto written = write(pipe, bytes.data(), static_cast<std::size_t>(end - bytes.begin()));
        written = write(pipe, "\n", 1);
    });
}

std::vector<std::string> ssh_command(const SshTarget& target, const std::string& script) {
    std::vector<std::string> words{"ssh", "-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=15"};
    if (!target.port.empty()) words.insert(words.end(), {"-p", target.port});
    words.insert(words.end(), {"--", target.destination, "sh -c " + shell_quoted(script)});
    return words;
}

// What ssh said, in words; empty: it ended with 0.
std::string outcome_of(pid_t child) {
    const int descriptor = static_cast<int>(syscall(SYS_pidfd_open, child, 0));
    pollfd wait{descriptor, POLLIN, 0};
    int ready = descriptor < 0 ? 1 : 0;  // an old kernel: waited for without a limit
    while (descriptor >= 0 && (ready = poll(&wait, 1, kLongestRun_ms)) < 0 && errno == EINTR) {
    }
    if (descriptor >= 0) close(descriptor);
    if (ready == 0) (void)kill(child, SIGKILL);
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (ready == 0) return fmt::format("no end after {} s", kLongestRun_ms / 1000);
    if (WIFSIGNALED(status)) return fmt::format("ended by signal {}", WTERMSIG(status));
    return WEXITSTATUS(status) == 0 ? "" : fmt::format("exit code {}", WEXITSTATUS(status));
}

std::string run_ssh(const std::vector<std::string>& words, const Key20& password) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return std::strerror(errno);
    std::vector<char*> argv;
    argv.reserve(words.size() + 1);
    for (const auto& word : words) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);  // our standard output is the report's
    pid_t child = 0;
    const int error = posix_spawnp(&child, argv[0], &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[0]);
    if (error == 0) write_password(ends[1], password);
    close(ends[1]);
    return error != 0 ? std::strerror(error) : outcome_of(child);
}

void print_script(const Context& context, const rotate::StagedRescue& staged, const std::string& script) {
    const auto& bmc = staged.bmc;
    if (context.options.json) {
        context.out(json_rescue(bmc, staged.version, script));
        context.out(json_summary(PlainSummary{"recover", 1, {{"staged", 1}}, std::nullopt, false}));
        return;
    }
    context.out(script);
    context.warn(fmt::format(
        "{}: password version {} is staged; nothing was sent. As root on that server:\n"
        "  bmcvault reveal {} --version {} --password-only | ssh root@SERVER sh rescue.sh\n"
        "  next: bmcvault recover {}",
        printable(bmc.name), staged.version.value, printable(bmc.name), staged.version.value, printable(bmc.name)));
}

}  // namespace

Result<SshTarget> parse_ssh_target(std::string_view text) {
    const auto bad = fail(ErrorCode::kInvalidArgument, "must be ssh://host, ssh://user@host or ssh://user@host:port");
    if (!text.starts_with(kScheme)) return bad;
    text.remove_prefix(kScheme.size());
    std::string user;
    if (const auto at = text.find('@'); at != std::string_view::npos) {
        user = text.substr(0, at);
        if (!is_harmless(user) || user.find(':') != std::string::npos) return bad;  // "user:password": not here
        text.remove_prefix(at + 1);
    }
    SshTarget target;
    const bool v6 = text.starts_with('[');
    const auto end = v6 ? text.find(']') : text.find(':');
    auto host = text.substr(v6 ? 1 : 0, end == std::string_view::npos ? end : end - (v6 ? 1 : 0));
    if (v6 && end == std::string_view::npos) return bad;
    auto rest = end == std::string_view::npos ? std::string_view{} : text.substr(end + (v6 ? 1 : 0));
    if (!rest.empty()) {
        if (rest.front() != ':') return bad;
        target.port = rest.substr(1);
        const bool digits = std::ranges::all_of(target.port, [](char c) { return c >= '0' && c <= '9'; });
        if (target.port.empty() || target.port.size() > 5 || !digits) return bad;
    }
    if (!is_harmless(host)) return bad;
    target.destination = user.empty() ? std::string(host) : user + "@" + std::string(host);
    return target;
}

Exit rescue(const Context& context, vault::Store& store, const RecoverCommand& command,
            const rotate::RunOptions& options) {
    SshTarget target;
    if (!command.via.empty()) {
        auto parsed = parse_ssh_target(command.via);
        if (!parsed) return usage_error("--via " + parsed.error().detail);
        target = std::move(*parsed);
    }
    const auto bmc = find_bmc(store, command.selection.words.front());
    if (!bmc) return std::unexpected(bmc.error());
    if (context.options.dry_run) {
        context.warn(fmt::format("{}: a fresh password would be staged (dry run, nothing was changed)", bmc->name));
        return ExitCode::kAsAsked;
    }
    SystemRandom random;
    const std::string via = command.via.empty() ? "script" : command.via;
    const auto staged = rotate::stage_rescue(store, bmc->id, options, via, random, now());
    if (!staged) return vault_error(fmt::format("recover {}", bmc->name), staged.error());
    const auto script = rescue_script(staged->bmc, staged->size);
    if (command.via.empty()) {
        print_script(context, *staged, script);
        return ExitCode::kAsAsked;
    }
    if (context.hooks.step) context.hooks.step("before-rescue");
    const auto password = staged_password(store, *staged);
    if (!password) return vault_error(fmt::format("recover {}", bmc->name), password.error());
    const auto said = run_ssh(ssh_command(target, script), *password);
    if (!said.empty()) {
        context.warn(fmt::format("{}: ssh {}: {}; whether the BMC has the password is asked now", bmc->name,
                                 target.destination, said));
    }
    if (context.hooks.step) context.hooks.step("after-rescue");
    return ExitCode::kAsAsked;
}

}  // namespace bmcvault::cli
