#include "cli/secret_input.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <functional>

#include "vault/core/identity.hpp"
#include "vault/core/share.hpp"

namespace bmcvault::cli {
namespace {

constexpr std::size_t kMaxLine = Passphrase::kMaxSize + 2;  // and its line end

class Descriptor {
public:
    explicit Descriptor(int fd) : fd_(fd) {}
    ~Descriptor() {
        if (fd_ >= 0) close(fd_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    [[nodiscard]] int get() const { return fd_; }

private:
    int fd_;
};

constexpr std::size_t kMinPassphrase = 12;  // characters, of a new one

std::unexpected<Failure> no_secret(std::string what, std::string next = {}) {
    return std::unexpected(Failure{ExitCode::kNotUnlocked, std::move(what), std::move(next), ""});
}

std::unexpected<Error> unreadable() {
    return fail(ErrorCode::kIo, fmt::format("can't be read: {}", std::strerror(errno)));
}

// Up to the end of the file.
Result<SecretText> read_to_end(int fd, std::size_t max_size) {
    SecretText text;
    while (true) {
        const auto room = text.spare(4096);
        const ssize_t got = read(fd, room.data(), room.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return unreadable();
        if (got == 0) return text;
        text.grow(static_cast<std::size_t>(got));
        if (text.size() > max_size) {
            return fail(ErrorCode::kInvalidArgument, fmt::format("is longer than {} bytes", max_size));
        }
    }
}

void drop_line_end(SecretText& text) {
    const std::size_t size = text.expose([](std::string_view all) {
        if (all.ends_with('\n')) all.remove_suffix(1);
        if (all.ends_with('\r')) all.remove_suffix(1);
        return all.size();
    });
    text.shrink_to(size);
}

// The next line of a descriptor, byte by byte: what follows belongs to the next reader (a second secret, a CSV).
Result<SecretText> read_next_line(int fd) {
    SecretText text;
    while (text.size() <= kMaxLine) {
        const auto room = text.spare(1);
        const ssize_t got = read(fd, room.data(), 1);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return unreadable();
        const bool end = got == 0 || room[0] == '\n';
        if (got == 1) text.grow(1);
        if (!end) continue;
        drop_line_end(text);
        return text;
    }
    return fail(ErrorCode::kInvalidArgument, fmt::format("is longer than {} bytes", Passphrase::kMaxSize));
}

// A file of one line; more lines are a mistake (a key file, a CSV), not a passphrase.
Result<SecretText> read_single_line(int fd) {
    auto text = read_to_end(fd, kMaxLine);
    if (!text) return text;
    drop_line_end(*text);
    if (text->expose([](std::string_view all) { return all.find('\n') != std::string_view::npos; })) {
        return fail(ErrorCode::kInvalidArgument, "holds more than one line");
    }
    return text;
}

// Opens a file that holds a secret: a regular file of this user (or root), closed to everyone else.
Result<SecretText> read_private_file(const std::string& path, bool check_mode,
                                     const std::function<Result<SecretText>(int)>& read_from) {
    const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK));
    if (file.get() < 0) {
        if (errno == ELOOP) return fail(ErrorCode::kIo, "is a symbolic link, which is not followed");
        return unreadable();
    }
    struct stat status{};
    if (fstat(file.get(), &status) != 0) return unreadable();
    if (!S_ISREG(status.st_mode)) return fail(ErrorCode::kUnsafeFile, "is not a regular file");
    if (check_mode && status.st_uid != geteuid() && status.st_uid != 0) {
        return fail(ErrorCode::kUnsafeFile, "belongs to another user");
    }
    if (check_mode && (status.st_mode & 077) != 0) {
        return fail(ErrorCode::kUnsafeFile,
                    fmt::format("is open to others (mode {:04o}); chmod 600 it", status.st_mode & 07777u));
    }
    return read_from(file.get());
}

Result<SecretText> read_secret_file(const std::string& path, bool check_mode) {
    return read_private_file(path, check_mode, read_single_line);
}

// ---- the terminal ----

constexpr std::array kSignals{SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU, SIGPIPE, SIGALRM};
volatile std::sig_atomic_t pending_signal = 0;

void remember_signal(int number) {
    pending_signal = number;
}

// Echo off while it lives. Signals are let in only while it waits for a key, so that none is missed between two keys;
// echo comes back first, then the signal gets its way.
class QuietTerminal {
public:
    explicit QuietTerminal(int fd) : fd_(fd) {
        pending_signal = 0;
        struct sigaction action{};
        action.sa_handler = remember_signal;  // without SA_RESTART
        sigset_t blocked;
        sigemptyset(&blocked);
        for (std::size_t i = 0; i < kSignals.size(); ++i) {
            sigaction(kSignals[i], &action, &before_[i]);
            sigaddset(&blocked, kSignals[i]);
        }
        pthread_sigmask(SIG_BLOCK, &blocked, &mask_before_);
        quiet_ = tcgetattr(fd_, &saved_) == 0;
        if (!quiet_) return;
        termios silent = saved_;
        silent.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHONL);
        silent.c_lflag |= ICANON;
        quiet_ = tcsetattr(fd_, TCSAFLUSH, &silent) == 0;
    }
    ~QuietTerminal() {
        if (quiet_) tcsetattr(fd_, TCSAFLUSH, &saved_);
        pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);  // those that waited are remembered, not obeyed
        for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &before_[i], nullptr);
    }
    QuietTerminal(const QuietTerminal&) = delete;
    QuietTerminal& operator=(const QuietTerminal&) = delete;
    [[nodiscard]] bool quiet() const { return quiet_; }
    // False when a signal came instead of a key.
    [[nodiscard]] bool wait_for_key() const {
        pollfd key{fd_, POLLIN, 0};
        return ppoll(&key, 1, nullptr, &mask_before_) > 0 && pending_signal == 0;
    }

private:
    int fd_;
    bool quiet_ = false;
    sigset_t mask_before_{};
    termios saved_{};
    std::array<struct sigaction, kSignals.size()> before_{};
};

void say(int fd, std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = write(fd, text.data(), text.size());
        if (written <= 0) return;
        text.remove_prefix(static_cast<std::size_t>(written));
    }
}

Result<SecretText> read_line_quietly(int fd, std::string_view prompt) {
    SecretText line;
    const QuietTerminal terminal(fd);
    if (!terminal.quiet()) return fail(ErrorCode::kIo, "the terminal's echo could not be switched off");
    say(fd, prompt);
    while (true) {
        const auto room = line.spare(1);
        const ssize_t got = terminal.wait_for_key() ? read(fd, room.data(), 1) : -1;
        if (got <= 0) {
            say(fd, "\n");
            return fail(ErrorCode::kCancelled, "nothing was entered");
        }
        if (room[0] == '\n') break;
        line.grow(1);
        if (line.size() > Passphrase::kMaxSize) return fail(ErrorCode::kInvalidArgument, "is longer than 1024 bytes");
    }
    say(fd, "\n");
    return line;
}

// From /dev/tty, so that standard input may carry something else. nullopt: there is no terminal.
std::optional<Result<SecretText>> prompt_on_terminal(std::string_view prompt) {
    const Descriptor terminal(open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
    if (terminal.get() < 0) return std::nullopt;
    auto line = read_line_quietly(terminal.get(), prompt);
    if (!line && pending_signal != 0) {
        raise(pending_signal);  // Ctrl-C ends the program now that echo is back; Ctrl-Z stops it here
        pending_signal = 0;
    }
    return line;
}

Outcome<Passphrase> as_passphrase(Result<SecretText> text, std::string_view source) {
    const std::string next = "the same command, with the passphrase in one line";
    if (!text) return no_secret(fmt::format("{}: {}", source, text.error().detail), next);
    auto passphrase = text->expose([](std::string_view bytes) { return Passphrase::from(as_bytes(bytes)); });
    if (!passphrase) return no_secret(fmt::format("{}: {}", source, passphrase.error().detail), next);
    return std::move(*passphrase);
}

// Empty: there is none.
std::string systemd_credential() {
    const char* directory = std::getenv("CREDENTIALS_DIRECTORY");
    if (directory == nullptr || *directory == '\0') return {};
    auto path = std::string(directory) + "/bmcvault";
    return access(path.c_str(), F_OK) == 0 ? path : std::string();
}

// nullopt: none of the sources without a person is there.
std::optional<Outcome<Passphrase>> passphrase_without_prompt(const Context& context) {
    const GlobalOptions& options = context.options;
    if (options.passphrase_fd) {
        // No program that we start inherits it. (0 to 2 are the child's own: run_masked() sees to those.)
        if (*options.passphrase_fd > STDERR_FILENO) (void)fcntl(*options.passphrase_fd, F_SETFD, FD_CLOEXEC);
        return as_passphrase(read_next_line(*options.passphrase_fd),
                             fmt::format("passphrase from descriptor {}", *options.passphrase_fd));
    }
    if (options.passphrase_file) {
        return as_passphrase(read_secret_file(*options.passphrase_file, true),
                             fmt::format("passphrase file {}", printable(*options.passphrase_file)));
    }
    const auto path = systemd_credential();
    if (path.empty()) return std::nullopt;
    // systemd answers for this directory; its files may be 0440 of root with an ACL.
    return as_passphrase(read_secret_file(path, false), fmt::format("passphrase credential {}", printable(path)));
}

std::unexpected<Failure> no_terminal() {
    return no_secret("no passphrase: there is no terminal to ask on",
                     "the same command with --passphrase-file FILE or --passphrase-fd N");
}

std::unexpected<Failure> bad_credential(std::string_view source, const Error& error) {
    return usage_error(fmt::format("{} {}", source, error.detail));
}

Outcome<std::optional<PasswordField>> password_of(Result<SecretText> text, std::string_view source) {
    if (!text) return bad_credential(source, text.error());
    if (text->size() == 0) return std::nullopt;
    auto field = text->expose([](std::string_view bytes) { return parse_password(bytes); });
    if (!field) return bad_credential(source, field.error());
    return std::optional<PasswordField>(std::move(*field));
}

Outcome<std::optional<PasswordField>> read_password(const CredentialInput& input, bool prompt_by_default,
                                                    const std::string& bmc_name) {
    if (input.password_fd) return password_of(read_next_line(*input.password_fd), "the password (--password-fd)");
    if (input.password_file) {
        return password_of(read_secret_file(*input.password_file, true), "the password file (--password-file)");
    }
    if (!input.ask && !prompt_by_default) return std::nullopt;
    auto typed = prompt_on_terminal(fmt::format("Password of {} (empty: unknown): ", bmc_name));
    if (!typed && input.ask) return usage_error("--ask-password: there is no terminal to ask on");
    if (!typed) return std::nullopt;
    return password_of(std::move(*typed), "the password");
}

Outcome<Passphrase> prompt_twice() {
    auto first = prompt_on_terminal("New passphrase (nobody can restore it): ");
    if (!first) return no_terminal();
    auto passphrase = as_passphrase(std::move(*first), "passphrase");
    if (!passphrase) return passphrase;
    auto second = prompt_on_terminal("The same again: ");
    if (!second) return no_terminal();
    auto repeated = as_passphrase(std::move(*second), "passphrase");
    if (!repeated) return repeated;
    if (!passphrase->equals(*repeated))
        return no_secret("the two passphrases differ; nothing was made", "the same command again");
    return passphrase;
}

// Of UTF-8; in any other encoding at least their number.
std::size_t characters_of(const Passphrase& passphrase) {
    return passphrase.expose([](ByteView bytes) {
        return static_cast<std::size_t>(std::ranges::count_if(bytes, [](auto b) { return (b & 0xc0) != 0x80; }));
    });
}

}  // namespace

Outcome<Passphrase> read_passphrase(const Context& context, const std::string& prompt) {
    if (auto given = passphrase_without_prompt(context)) return std::move(*given);
    auto typed = prompt_on_terminal(prompt);
    if (!typed) return no_terminal();
    return as_passphrase(std::move(*typed), "passphrase");
}

bool passphrase_is_given(const Context& context) {
    return context.options.passphrase_fd || context.options.passphrase_file || !systemd_credential().empty();
}

Outcome<Passphrase> read_new_passphrase(const Context& context) {
    auto given = passphrase_without_prompt(context);
    auto passphrase = given ? std::move(*given) : prompt_twice();
    if (passphrase && characters_of(*passphrase) < kMinPassphrase)
        return no_secret(fmt::format("the passphrase is shorter than {} characters: whoever gets a copy or a backup of "
                                     "the vault could guess it; nothing was made",
                                     kMinPassphrase),
                         "the same command with a longer one: five words taken at random are good");
    return passphrase;
}

Outcome<std::optional<std::string>> read_identity(const Context& context) {
    const auto& path = context.options.identity;
    if (path.empty()) return std::nullopt;
    const auto wrong = [&](std::string_view why) {
        return no_secret(fmt::format("identity file {} {}", printable(path), why),
                         "name the file that member keygen wrote: --identity FILE");
    };
    if (path.ends_with(".pub")) return wrong("is the public half");
    const auto text = read_private_file(path, true, [](int fd) { return read_to_end(fd, vault::kMaxIdentitySize); });
    if (!text) return wrong(text.error().detail);
    auto sealed = text->expose([](std::string_view all) { return std::string(all); });
    if (const auto file = vault::parse_identity(sealed); !file && file.error().code != ErrorCode::kUnsupported)
        return wrong(fmt::format("is not as member keygen wrote it ({})", file.error().detail));
    return std::optional(std::move(sealed));
}

namespace {

constexpr std::size_t kMaxShareFile = 16 * 1024;

Outcome<SecretText> type_share(const std::string& which) {
    SecretText text;
    text.append(vault::kShareMagic);
    for (std::size_t line = 1; line <= vault::kShareLines;) {
        auto typed = prompt_on_terminal(fmt::format("{}, line {:02} of {}: ", which, line, vault::kShareLines));
        if (!typed) return no_secret("--share -: there is no terminal to ask on", "the same command with --share FILE");
        if (!*typed) return no_secret(fmt::format("--share -: {}", typed->error().detail), "the same command");
        const auto fits = (*typed)->expose([&](auto groups) { return vault::check_share_line(line, groups); });
        if (!fits) {
            fmt::print(stderr, "{}\n", fits.error().detail);
            continue;
        }
        text.append("\n");
        (*typed)->expose([&](auto groups) { text.append(groups); });
        ++line;
    }
    return text;
}

}  // namespace

Outcome<SecretText> read_share(const std::string& file, const std::string& which) {
    if (file == "-") return type_share(which);
    auto text = read_private_file(file, true, [](int fd) { return read_to_end(fd, kMaxShareFile); });
    if (!text)
        return no_secret(fmt::format("share {} {}", printable(file), text.error().detail),
                         "name a file that break-glass create wrote, or type the share: --share -");
    return std::move(*text);
}

Outcome<Credential> read_credential(const CredentialInput& input, bool prompt_by_default, const std::string& bmc_name) {
    Credential credential;
    auto password = read_password(input, prompt_by_default, bmc_name);
    if (!password) return std::unexpected(password.error());
    credential.password = std::move(*password);
    if (!input.k_g_fd && !input.k_g_file) return credential;
    auto text = input.k_g_fd ? read_next_line(*input.k_g_fd) : read_secret_file(*input.k_g_file, true);
    if (!text) return bad_credential("the K_G", text.error());
    auto k_g = text->expose([](std::string_view hex) { return parse_k_g(hex); });
    if (!k_g) return bad_credential("the K_G", k_g.error());
    credential.k_g = std::move(*k_g);
    return credential;
}

Outcome<SecretText> read_whole(const Context& context, const std::string& file, std::size_t max_size) {
    if (file == "-") {
        auto text = read_to_end(context.streams.in, max_size);
        if (!text) return usage_error(fmt::format("standard input: {}", text.error().detail));
        return std::move(*text);
    }
    const Descriptor opened(open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
    if (opened.get() < 0) return usage_error(fmt::format("{}: {}", printable(file), std::strerror(errno)));
    auto text = read_to_end(opened.get(), max_size);
    if (!text) return usage_error(fmt::format("{}: {}", printable(file), text.error().detail));
    return std::move(*text);
}

}  // namespace bmcvault::cli
