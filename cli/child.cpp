#include "cli/child.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>

#include "cli/interrupts.hpp"

namespace bmcvault::cli {
namespace {

constexpr int kLongestWait_ms = 100;  // a signal that comes just before poll() is seen so late

struct Pipe {
    int read = -1;
    int write = -1;

    Pipe() {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) != 0) return;
        read = ends[0];
        write = ends[1];
    }
    ~Pipe() {
        close_end(read);
        close_end(write);
    }
    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;

    static void close_end(int& end) {
        if (end >= 0) close(end);
        end = -1;
    }
};

// One of the child's two streams, on its way to ours.
struct Stream {
    Pipe pipe;
    Masking masking;
    std::FILE* to;

    void pass(std::string text) const {
        std::fwrite(text.data(), 1, text.size(), to);
        std::fflush(to);
    }
    // False: nothing more will come.
    bool read_some() {
        std::array<char, 4096> buffer;
        const ssize_t count = read(pipe.read, buffer.data(), buffer.size());
        if (count < 0 && (errno == EINTR || errno == EAGAIN)) return errno == EINTR;
        if (count > 0) pass(masking.feed({buffer.data(), static_cast<std::size_t>(count)}));
        explicit_bzero(buffer.data(), buffer.size());
        if (count <= 0) Pipe::close_end(pipe.read);
        return count > 0;
    }
};

// `input`: its standard input; negative: ours.
int spawn(const std::vector<std::string>& words, bool own_session, int input, int out, int err, pid_t& child) {
    std::vector<char*> argv;
    argv.reserve(words.size() + 1);
    for (const auto& word : words) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t defaults;
    sigemptyset(&defaults);
    for (const int signal : {SIGPIPE, SIGXFSZ}) sigaddset(&defaults, signal);  // we ignore them
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes,
                             static_cast<short>(POSIX_SPAWN_SETSIGDEF | (own_session ? POSIX_SPAWN_SETSID : 0)));
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    if (input >= 0) posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
    auto environment = environment_of_child();
    const int error = posix_spawnp(&child, argv[0], &actions, &attributes, argv.data(), environment.data());
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return error;
}

void pass_signals_on(pid_t child, int& passed) {
    const int count = Interrupts::count();
    if (count == passed) return;
    (void)kill(child, passed == 0 ? SIGTERM : SIGKILL);
    passed = count;
}

std::optional<int> ended(pid_t child) {
    int status = 0;
    if (waitpid(child, &status, WNOHANG) != child) return std::nullopt;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// Until the child has ended and its pipes are empty. A grandchild may keep them open: it is not waited for.
int pass_output_on(pid_t child, std::array<Stream*, 2> streams) {
    int passed = 0;
    std::optional<int> code;
    for (;;) {
        pass_signals_on(child, passed);
        if (!code) code = ended(child);
        std::array<pollfd, 2> wait{{{streams[0]->pipe.read, POLLIN, 0}, {streams[1]->pipe.read, POLLIN, 0}}};
        const int ready = poll(wait.data(), wait.size(), code ? 0 : kLongestWait_ms);
        if (ready <= 0 && code) return *code;
        for (std::size_t i = 0; ready > 0 && i < streams.size(); ++i) {
            if (wait[i].revents != 0) streams[i]->read_some();
        }
    }
}

}  // namespace

std::vector<char*> environment_of_child() {
    std::vector<char*> kept;
    for (char** each = environ; *each != nullptr; ++each) {
        if (!std::string_view(*each).starts_with("CREDENTIALS_DIRECTORY=")) kept.push_back(*each);
    }
    kept.push_back(nullptr);
    return kept;
}

int run_masked(const Context& context, const std::vector<std::string>& words, const SecretText& input,
               const MaskedForms& forms) {
    const Interrupts interrupts;
    Stream out{{}, Masking(forms), context.streams.out};
    Stream err{{}, Masking(forms), context.streams.err};
    Pipe in;
    std::fflush(context.streams.out);
    pid_t child = 0;
    // Where the passphrase came in on standard input the child gets an empty one.
    const bool closed = input.size() > 0 || context.options.passphrase_fd == STDIN_FILENO;
    const int error = spawn(words, input.size() > 0, closed ? in.read : -1, out.pipe.write, err.pipe.write, child);
    if (error != 0) {
        context.warn(fmt::format("exec: {}: {}", printable(words.front()), std::strerror(error)));
        return 127;
    }
    Pipe::close_end(out.pipe.write);
    Pipe::close_end(err.pipe.write);
    Pipe::close_end(in.read);
    input.expose([&](std::string_view bytes) {
        if (!bytes.empty()) (void)!write(in.write, bytes.data(), bytes.size());
    });
    Pipe::close_end(in.write);
    const int code = pass_output_on(child, {&out, &err});
    out.pass(out.masking.finish());
    err.pass(err.masking.finish());
    return code;
}

}  // namespace bmcvault::cli
