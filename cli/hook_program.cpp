#include "cli/hook_program.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>
#include <tuple>

#include "cli/child.hpp"
#include "cli/text.hpp"

namespace bmcvault::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kSecretDescriptor = 3;
constexpr std::size_t kLastWords = 4096;  // bytes of output that are kept
constexpr std::size_t kShown = 160;
constexpr std::size_t kPipe = 64 << 10;         // what one holds
constexpr std::int64_t kWithoutPidfd_ms = 100;  // kernels before 5.3: looked at so often
constexpr std::chrono::seconds kToEnd{2};       // between asking it to end and ending it

class Pipe {
public:
    Pipe() {
        if (pipe2(ends_.data(), O_CLOEXEC) != 0) ends_ = {-1, -1};
    }
    ~Pipe() {
        close_read();
        close_write();
    }
    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;
    [[nodiscard]] bool valid() const { return ends_[0] >= 0; }
    [[nodiscard]] int read_end() const { return ends_[0]; }
    [[nodiscard]] int write_end() const { return ends_[1]; }
    void close_read() { close_end(ends_[0]); }
    void close_write() { close_end(ends_[1]); }
    // What fits into a pipe does not block.
    void put_in(std::string_view bytes) {
        if (!bytes.empty()) std::ignore = write(ends_[1], bytes.data(), bytes.size());
        close_write();
    }

private:
    static void close_end(int& end) {
        if (end >= 0) close(end);
        end = -1;
    }
    std::array<int, 2> ends_{-1, -1};
};

std::unexpected<Error> not_run(const HookCall& call, std::string_view why) {
    return fail(ErrorCode::kIo, fmt::format("{}: {}", printable(call.program), why));
}

// A session of its own: what it starts can be ended with it, and Ctrl-C is not for it.
int spawn(const HookCall& call, const Pipe& in, const Pipe& secret, const Pipe& out, pid_t& child) {
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t defaults;
    sigemptyset(&defaults);
    for (const int signal : {SIGPIPE, SIGXFSZ}) sigaddset(&defaults, signal);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes, static_cast<short>(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID));
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in.read_end(), STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out.write_end(), STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out.write_end(), STDERR_FILENO);
    if (call.secret.size() > 0) posix_spawn_file_actions_adddup2(&actions, secret.read_end(), kSecretDescriptor);
    auto program = call.program;
    std::array<char*, 2> argv{program.data(), nullptr};
    auto environment = environment_of_child();
    const int error = posix_spawn(&child, program.c_str(), &actions, &attributes, argv.data(), environment.data());
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return error;
}

// What a program prints, as long as it is of use: its last bytes.
class LastWords {
public:
    explicit LastWords(const MaskedForms& forms) : masking_(forms) {}

    // One piece; false: there is none now.
    bool read_some(int from) {
        std::array<char, 4096> buffer{};
        const auto count = read(from, buffer.data(), buffer.size());
        if (count > 0) take(masking_.feed({buffer.data(), static_cast<std::size_t>(count)}));
        explicit_bzero(buffer.data(), buffer.size());
        return count > 0;
    }
    // What it had printed when it ended. A child that it left behind may go on for ever.
    void read_the_rest(int from) {
        for (std::size_t piece = 0; piece < kPipe / kLastWords && read_some(from); ++piece) {
        }
    }
    [[nodiscard]] std::string line() {
        take(masking_.finish());
        while (!text_.empty() && (text_.back() == '\n' || text_.back() == '\r' || text_.back() == ' '))
            text_.pop_back();
        const auto from = text_.rfind('\n');
        return printable(std::string_view(text_).substr(from == std::string::npos ? 0 : from + 1).substr(0, kShown));
    }

private:
    void take(const std::string& more) {
        text_ += more;
        if (text_.size() > kLastWords) text_.erase(0, text_.size() - kLastWords);
    }

    Masking masking_;
    std::string text_;
};

// nullopt: it has not ended by then.
std::optional<int> ended_by(pid_t child, int pidfd, int out, LastWords& words, Clock::time_point deadline) {
    bool talks = true;
    for (;;) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
        std::array<pollfd, 2> wait{{{pidfd, POLLIN, 0}, {talks ? out : -1, POLLIN, 0}}};
        const auto longest = pidfd < 0 ? std::min<decltype(left)>(left, kWithoutPidfd_ms) : left;
        const int ready = poll(wait.data(), wait.size(), longest > 0 ? static_cast<int>(longest) : 0);
        if (ready < 0 && errno != EINTR) return std::nullopt;
        if (ready > 0 && wait[1].revents != 0) talks = words.read_some(out) || (wait[1].revents & POLLHUP) == 0;
        int status = 0;
        if (waitpid(child, &status, WNOHANG) == child) {
            words.read_the_rest(out);
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        }
        if (left <= 0) return std::nullopt;
    }
}

// With all that it started. It is not reaped before that, so its process group is its own until then.
void end_it(pid_t child, int pidfd) {
    kill(-child, SIGTERM);
    pollfd wait{pidfd, POLLIN, 0};
    poll(&wait, 1, static_cast<int>(std::chrono::milliseconds(kToEnd).count()));
    kill(-child, SIGKILL);
    waitpid(child, nullptr, 0);
}

}  // namespace

Result<void> call_hook(const HookCall& call, const MaskedForms& forms) {
    Pipe in;
    Pipe out;
    Pipe secret;
    if (!in.valid() || !out.valid() || !secret.valid()) return not_run(call, std::strerror(errno));
    for (const int end : {out.read_end(), in.write_end(), secret.write_end()}) fcntl(end, F_SETFL, O_NONBLOCK);
    pid_t child = 0;
    if (const int error = spawn(call, in, secret, out, child); error != 0) return not_run(call, std::strerror(error));
    const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, child, 0));
    in.close_read();
    out.close_write();
    secret.close_read();
    in.put_in(call.input);
    call.secret.expose([&](std::string_view bytes) { secret.put_in(bytes); });

    LastWords words(forms);
    const auto code = ended_by(child, pidfd, out.read_end(), words, Clock::now() + call.timeout);
    if (!code) end_it(child, pidfd);
    if (pidfd >= 0) close(pidfd);
    if (code == 0) return {};
    const auto said = words.line();
    const auto why =
        code ? fmt::format("exit code {}", *code) : fmt::format("no end within {} s", call.timeout.count());
    return not_run(call, said.empty() ? why : fmt::format("{}: {}", why, said));
}

}  // namespace bmcvault::cli
