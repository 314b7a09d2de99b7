#include "cli/journal.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>

namespace bmcvault::cli {
namespace {

constexpr std::string_view kSocket = "/run/systemd/journal/socket";
// Made once for "a run of bmcvault has ended": journalctl MESSAGE_ID=...
constexpr std::string_view kRunEnded = "3d6875bbaad1493caf205056d7967a53";
constexpr std::size_t kMaxTextSize = 4096;

constexpr int kError = 3, kWarning = 4, kInformation = 6;  // of syslog(3)
constexpr int kAttention = 6;                              // exit code: all went well, something needs a person

int priority(int exit_code) {
    if (exit_code == 0) return kInformation;
    return exit_code == kAttention ? kWarning : kError;
}

// A line break would end the field.
std::string one_line(std::string_view text) {
    std::string line(text.substr(0, kMaxTextSize));
    std::ranges::replace_if(line, [](char byte) { return std::iscntrl(static_cast<unsigned char>(byte)) != 0; }, ' ');
    return line;
}

// "still-open" -> "BMCVAULT_STILL_OPEN".
std::string field_name(std::string_view outcome) {
    std::string name = "BMCVAULT_";
    for (const char byte : outcome) {
        const auto letter = static_cast<unsigned char>(byte);
        name += std::isalnum(letter) != 0 ? static_cast<char>(std::toupper(letter)) : '_';
    }
    return name;
}

}  // namespace

std::string journal_entry(const RunEntry& entry) {
    std::string text = fmt::format(
        "MESSAGE={}\nPRIORITY={}\nSYSLOG_IDENTIFIER=bmcvault\nMESSAGE_ID={}\nBMCVAULT_COMMAND={}\n"
        "BMCVAULT_EXIT_CODE={}\nBMCVAULT_BMCS={}\nBMCVAULT_FAILED_LOGINS={}\n",
        one_line(entry.text), priority(entry.exit_code), kRunEnded, one_line(entry.command), entry.exit_code,
        entry.bmcs, entry.failed_logins);
    for (const auto& [outcome, count] : entry.outcomes) text += fmt::format("{}={}\n", field_name(outcome), count);
    return text;
}

bool is_in_journal(std::string_view journal_stream) {
    constexpr std::array kStreams{STDERR_FILENO, STDOUT_FILENO};
    return std::ranges::any_of(kStreams, [&](int fd) {
        struct stat status{};
        return fstat(fd, &status) == 0 && fmt::format("{}:{}", status.st_dev, status.st_ino) == journal_stream;
    });
}

void write_to_journal(const RunEntry& entry) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::ranges::copy(kSocket, address.sun_path);
    const int journal = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (journal < 0) return;
    const auto text = journal_entry(entry);
    (void)sendto(journal, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                 reinterpret_cast<const sockaddr*>(&address), sizeof address);
    close(journal);
}

}  // namespace bmcvault::cli
