// bmcvault as its user runs it: a process with pipes or a terminal, and a directory that goes away with the test.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace bmcvault::cli::program {

struct Ran {
    int exit_code = -1;  // 128 + signal when a signal ended it
    std::string out;
    std::string err;
};

struct Input {
    std::string standard_input;
    std::map<std::string, std::string> environment;  // besides PATH and HOME
    std::string three;                               // what can be read from descriptor 3; empty: closed
};

// Runs to the end. A run that takes longer than a minute is ended and fails the test.
[[nodiscard]] Ran run(const std::vector<std::string>& arguments, const Input& input = {});

// A running process whose standard input is still open.
class Running {
public:
    Running(const std::vector<std::string>& arguments, const Input& input);
    ~Running();
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;

    [[nodiscard]] pid_t pid() const { return pid_; }
    void write_input(const std::string& text);
    // Reads until `text` has come, on standard output or standard error.
    void await_output(const std::string& text);
    [[nodiscard]] Ran finish();  // closes standard input

private:
    bool read_some();

    pid_t pid_ = -1;
    int in_ = -1;
    int out_ = -1;
    int err_ = -1;
    Ran ran_;
};

// A process on a terminal of its own, as in an xterm.
class OnTerminal {
public:
    explicit OnTerminal(const std::vector<std::string>& arguments);
    ~OnTerminal();
    OnTerminal(const OnTerminal&) = delete;
    OnTerminal& operator=(const OnTerminal&) = delete;

    void await_output(const std::string& text);  // since the last await
    void type(const std::string& keys);
    [[nodiscard]] bool echoes() const;
    [[nodiscard]] int finish();  // exit code
    [[nodiscard]] const std::string& transcript() const { return transcript_; }

private:
    bool read_some();

    pid_t pid_ = -1;
    int terminal_ = -1;
    std::size_t seen_ = 0;
    std::string transcript_;
};

class Directory {
public:
    Directory();
    ~Directory();
    Directory(const Directory&) = delete;
    Directory& operator=(const Directory&) = delete;
    [[nodiscard]] std::filesystem::path path() const { return path_; }
    // Makes a file of this mode and returns its path.
    std::string file(const std::string& name, const std::string& text, unsigned mode = 0600) const;
    // Every file below `name` with its bytes.
    [[nodiscard]] std::map<std::string, std::string> contents(const std::string& name) const;

private:
    std::filesystem::path path_;
};

// A vault in a directory of its own, cheap to open.
class Vault {
public:
    static constexpr const char* kPassphrase = "correct horse battery";

    Vault();
    [[nodiscard]] Ran run(std::vector<std::string> arguments, const Input& input = {}) const;
    [[nodiscard]] std::vector<std::string> with_options(std::vector<std::string> arguments) const;
    void import(const std::string& csv) const;
    [[nodiscard]] const Directory& directory() const { return directory_; }
    [[nodiscard]] std::string path() const { return (directory_.path() / "vault").string(); }
    [[nodiscard]] std::map<std::string, std::string> contents() const { return directory_.contents("vault"); }
    // The same, short enough to be printed: equal when no byte and no file changed.
    [[nodiscard]] std::map<std::string, std::string> fingerprint() const;

private:
    Directory directory_;
    std::string passphrase_file_;
};

[[nodiscard]] std::string whole_file(const std::string& path);
[[nodiscard]] std::string lines(std::initializer_list<std::string> list);
// Times become TIME, the vault's directory VAULT, ports above 1023 PORT, hexadecimal ids ID.
[[nodiscard]] std::string normal(std::string text, const Vault& vault);

}  // namespace bmcvault::cli::program
