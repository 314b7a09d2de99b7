#include "tests/cli/program.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <regex>
#include <sstream>
#include <stdexcept>

namespace bmcvault::cli::program {
namespace {

constexpr int kLongestSilence_ms = 60'000;

struct Pipe {
    int read_end = -1;
    int write_end = -1;
    Pipe() {
        std::array<int, 2> ends{};
        if (pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe");
        read_end = ends[0];
        write_end = ends[1];
    }
};

void write_all(int fd, const std::string& text) {
    for (std::size_t done = 0; done < text.size();) {
        const ssize_t count = write(fd, text.data() + done, text.size() - done);
        if (count <= 0) return;  // the reader has ended: its exit code tells why
        done += static_cast<std::size_t>(count);
    }
}

std::vector<char*> pointers(std::vector<std::string>& words) {
    std::vector<char*> out;
    for (auto& word : words) out.push_back(word.data());
    out.push_back(nullptr);
    return out;
}

std::vector<std::string> command_of(const std::vector<std::string>& arguments) {
    std::vector<std::string> words{BMCVAULT_PROGRAM};
    words.insert(words.end(), arguments.begin(), arguments.end());
    return words;
}

// What this host has seen of the vaults of all tests: they have ids of their own.
const std::string& heads() {
    static const Directory directory;
    static const std::string path = (directory.path() / "heads").string();
    return path;
}

std::vector<std::string> environment_of(const std::map<std::string, std::string>& more) {
    std::vector<std::string> words{"PATH=/usr/bin:/bin", "HOME=/nonexistent", "TERM=xterm",
                                   "BMCVAULT_HEADS=" + heads()};
    for (const char* kept : {"ASAN_OPTIONS", "UBSAN_OPTIONS"}) {
        if (const char* value = std::getenv(kept)) words.push_back(std::string(kept) + "=" + value);
    }
    for (const auto& [name, value] : more) words.push_back(name + "=" + value);
    return words;
}

int exit_code_of(pid_t pid) {
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// False at the end of the file.
bool append_available(int fd, std::string& text) {
    std::array<char, 4096> buffer{};
    const ssize_t got = read(fd, buffer.data(), buffer.size());
    if (got <= 0) return false;
    text.append(buffer.data(), static_cast<std::size_t>(got));
    return true;
}

}  // namespace

Running::Running(const std::vector<std::string>& arguments, const Input& input) {
    std::signal(SIGPIPE, SIG_IGN);
    auto words = command_of(arguments);
    auto variables = environment_of(input.environment);
    auto argv = pointers(words);
    auto envp = pointers(variables);
    const Pipe in;
    const Pipe out;
    const Pipe err;
    const Pipe three;
    pid_ = fork();
    if (pid_ == 0) {
        setsid();  // no terminal: nothing can be asked
        dup2(in.read_end, 0);
        dup2(out.write_end, 1);
        dup2(err.write_end, 2);
        if (!input.three.empty()) {
            const int kept = fcntl(three.read_end, F_DUPFD, 10);
            dup2(kept, 3);
            close(kept);
        }
        std::signal(SIGPIPE, SIG_DFL);
        execve(argv[0], argv.data(), envp.data());
        _exit(126);
    }
    for (const int fd : {in.read_end, out.write_end, err.write_end, three.read_end}) close(fd);
    in_ = in.write_end;
    out_ = out.read_end;
    err_ = err.read_end;
    write_all(three.write_end, input.three);
    close(three.write_end);
}

Running::~Running() {
    for (const int fd : {in_, out_, err_}) {
        if (fd >= 0) close(fd);
    }
    if (pid_ < 0) return;
    kill(pid_, SIGKILL);
    exit_code_of(pid_);
}

void Running::write_input(const std::string& text) {
    write_all(in_, text);
}

// False when both streams have ended.
bool Running::read_some() {
    std::array<pollfd, 2> ready{pollfd{out_, POLLIN, 0}, pollfd{err_, POLLIN, 0}};
    if (out_ < 0 && err_ < 0) return false;
    if (poll(ready.data(), ready.size(), kLongestSilence_ms) <= 0) {
        ADD_FAILURE() << "no output for a minute; so far:\n" << ran_.out << ran_.err;
        kill(pid_, SIGKILL);
        return false;
    }
    const auto take = [](const pollfd& entry, int& fd, std::string& text) {
        if (entry.revents == 0 || append_available(fd, text)) return;
        close(fd);
        fd = -1;
    };
    take(ready[0], out_, ran_.out);
    take(ready[1], err_, ran_.err);
    return true;
}

void Running::await_output(const std::string& text) {
    while ((ran_.out + ran_.err).find(text) == std::string::npos) {
        if (!read_some()) {
            ADD_FAILURE() << "ended without saying '" << text << "':\n" << ran_.out << ran_.err;
            return;
        }
    }
}

Ran Running::finish() {
    close(in_);
    in_ = -1;
    while (read_some()) {
    }
    ran_.exit_code = exit_code_of(pid_);
    pid_ = -1;
    return ran_;
}

Ran run(const std::vector<std::string>& arguments, const Input& input) {
    Running running(arguments, input);
    running.write_input(input.standard_input);
    return running.finish();
}

OnTerminal::OnTerminal(const std::vector<std::string>& arguments) {
    auto words = command_of(arguments);
    auto variables = environment_of({});
    auto argv = pointers(words);
    auto envp = pointers(variables);
    winsize size{};
    size.ws_row = 40;
    size.ws_col = 100;
    pid_ = forkpty(&terminal_, nullptr, nullptr, &size);
    if (pid_ == 0) {
        execve(argv[0], argv.data(), envp.data());
        _exit(126);
    }
}

OnTerminal::~OnTerminal() {
    if (terminal_ >= 0) close(terminal_);
    if (pid_ < 0) return;
    kill(pid_, SIGKILL);
    exit_code_of(pid_);
}

bool OnTerminal::read_some() {
    pollfd ready{terminal_, POLLIN, 0};
    if (poll(&ready, 1, kLongestSilence_ms) <= 0) {
        ADD_FAILURE() << "no output for a minute; so far:\n" << transcript_;
        kill(pid_, SIGKILL);
        return false;
    }
    return append_available(terminal_, transcript_);
}

void OnTerminal::await_output(const std::string& text) {
    std::size_t found = 0;
    while ((found = transcript_.find(text, seen_)) == std::string::npos) {
        if (!read_some()) {
            ADD_FAILURE() << "ended without saying '" << text << "':\n" << transcript_;
            return;
        }
    }
    seen_ = found + text.size();
}

void OnTerminal::type(const std::string& keys) {
    write_all(terminal_, keys);
}

bool OnTerminal::echoes() const {
    termios settings{};
    EXPECT_EQ(tcgetattr(terminal_, &settings), 0);
    return (settings.c_lflag & static_cast<tcflag_t>(ECHO)) != 0;
}

int OnTerminal::finish() {
    while (read_some()) {
    }
    const int code = exit_code_of(pid_);
    pid_ = -1;
    return code;
}

Directory::Directory() {
    std::string name = (std::filesystem::temp_directory_path() / "bmcvault-cli-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
    path_ = name;
}

Directory::~Directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

std::string Directory::file(const std::string& name, const std::string& text, unsigned mode) const {
    const std::string made = (path_ / name).string();
    std::ofstream(made, std::ios::binary) << text;
    EXPECT_EQ(chmod(made.c_str(), mode), 0);
    return made;
}

std::map<std::string, std::string> Directory::contents(const std::string& name) const {
    std::map<std::string, std::string> all;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path_ / name)) {
        all[entry.path().string()] = entry.is_regular_file() ? whole_file(entry.path().string()) : "";
    }
    return all;
}

Vault::Vault() : passphrase_file_(directory_.file("passphrase", std::string(kPassphrase) + "\n")) {
    const Ran made = run({"init", "--kdf-memory", "64", "--kdf-operations", "1"});
    EXPECT_EQ(made.exit_code, 0) << made.err;
}

std::vector<std::string> Vault::with_options(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"--vault", path(), "--passphrase-file", passphrase_file_});
    return arguments;
}

Ran Vault::run(std::vector<std::string> arguments, const Input& input) const {
    return program::run(with_options(std::move(arguments)), input);
}

void Vault::import(const std::string& csv) const {
    const Ran imported = run({"bmc", "import", "-"}, {csv, {}, ""});
    EXPECT_EQ(imported.exit_code, 0) << imported.err;
}

std::map<std::string, std::string> Vault::fingerprint() const {
    auto all = contents();
    for (auto& [path, bytes] : all) {
        bytes = std::to_string(bytes.size()) + " bytes, hash " + std::to_string(std::hash<std::string>{}(bytes));
    }
    return all;
}

std::string whole_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

std::string lines(std::initializer_list<std::string> list) {
    std::string text;
    for (const auto& line : list) text += line + "\n";
    return text;
}

std::string normal(std::string text, const Vault& vault) {
    const std::string directory = vault.path();
    for (std::size_t at = 0; (at = text.find(directory, at)) != std::string::npos;) {
        text.replace(at, directory.size(), "VAULT");
    }
    text = std::regex_replace(text, std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)"), "TIME");
    text = std::regex_replace(text, std::regex(R"(\b[0-9a-f]{32}([0-9a-f]{32})?\b)"), "ID");
    return std::regex_replace(text, std::regex(R"(:\d{4,5}\b)"), ":PORT");
}

}  // namespace bmcvault::cli::program
