// practice: a fleet of virtual BMCs on loopback, with the inventory to import. Needs no vault.

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <thread>

#include "cli/commands.hpp"
#include "cli/csv.hpp"
#include "cli/interrupts.hpp"
#include "cli/inventory_csv.hpp"
#include "cli/json.hpp"
#include "cli/secret_input.hpp"
#include "ipmi/virtual_bmc/fleet_server.hpp"

namespace bmcvault::cli {
namespace {

using virtual_bmc::Config;
using virtual_bmc::FleetServer;

constexpr std::string_view kPracticePrefix = "127.66.";  // FleetServer's addresses

struct Entry {  // one virtual BMC as the inventory shows it
    std::string name, address, user_name, password, k_g;
};

Exit list_quirks(const Context& context) {
    std::vector<std::vector<Cell>> rows;
    for (const auto& quirk : virtual_bmc::list_quirks()) {
        rows.push_back({{std::string(quirk.name) + (quirk.takes_value ? "=..." : "")}, {std::string(quirk.help)}});
    }
    context.out(table({"QUIRK", "WHAT IT DOES"}, rows, context.out_style));
    return ExitCode::kAsAsked;
}

Outcome<std::vector<Config>> configs_of(const PracticeCommand& command) {
    std::vector<Config> configs;
    configs.reserve(command.count);
    for (std::size_t i = 0; i < command.count; ++i) {
        auto config = command.mixed ? virtual_bmc::mixed_vendor_config(i, command.seed)
                                    : virtual_bmc::plain_config(i, command.seed);
        for (const auto& quirk : command.quirks) {
            if (auto applied = virtual_bmc::apply_quirk(config, quirk); !applied) {
                return usage_error(fmt::format("--quirk {}", printable(applied.error().detail)),
                                   "bmcvault practice --list-quirks");
            }
        }
        configs.push_back(std::move(config));
    }
    return configs;
}

// The account that can log in as administrator, in the lowest slot.
Entry entry_of(const Config& config, std::size_t i, std::size_t count, std::string address) {
    Entry entry;
    const std::size_t digits = std::max<std::size_t>(2, std::to_string(count).size());
    entry.name = fmt::format("bmc{:0{}}", i + 1, digits);
    entry.address = std::move(address);
    for (const auto& [id, user] : config.users) {
        if (!user.enabled || user.name.empty() || user.privilege_limit != ipmi::PrivilegeLevel::kAdministrator)
            continue;
        entry.user_name = user.name;
        entry.password.assign(user.password.begin(), std::ranges::find(user.password, std::uint8_t{0}));
        break;
    }
    if (!config.k_g.empty()) entry.k_g = to_hex(config.k_g);
    return entry;
}

std::string inventory_text(const std::vector<Entry>& entries, std::uint16_t port) {
    const std::string port_text = std::to_string(port);
    std::string text = csv_line({"name", "address", "port", "username", "password", "k_g"});
    for (const auto& entry : entries) {
        text += csv_line({entry.name, entry.address, port_text, entry.user_name, entry.password, entry.k_g});
    }
    return text;
}

// A file may be overwritten when it is empty or an inventory of an earlier practice; anything else may be somebody's
// real passwords.
std::optional<Failure> refuse_overwriting(const Context& context, const std::string& path) {
    struct stat status{};
    if (stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode) || status.st_size == 0) return std::nullopt;
    const auto text = read_whole(context, path, kMaxInventorySize);
    if (!text) return text.error();
    const auto rows = text->expose([](std::string_view bytes) { return parse_inventory(bytes); });
    const auto from_practice = [](const InventoryRow& row) { return row.address.starts_with(kPracticePrefix); };
    if (rows && std::ranges::all_of(*rows, from_practice)) return std::nullopt;
    return usage_error(
               fmt::format("--inventory {}: the file exists and is not an inventory of practice; it was not touched",
                           printable(path)),
               "name another file")
        .error();
}

std::optional<Failure> write_inventory(const Context& context, const std::string& path, const std::string& text) {
    if (path.empty()) return std::nullopt;
    if (auto failure = refuse_overwriting(context, path)) return failure;
    const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0600);
    bool written = fd >= 0;
    for (std::string_view rest = text; written && !rest.empty();) {
        const ssize_t count = write(fd, rest.data(), rest.size());
        written = count > 0;
        if (written) rest.remove_prefix(static_cast<std::size_t>(count));
    }
    const int reason = errno;
    if (fd >= 0) close(fd);
    if (written) return std::nullopt;
    return usage_error(fmt::format("--inventory {}: {}", printable(path), std::strerror(reason))).error();
}

void announce(const Context& context, const PracticeCommand& command, const std::vector<Entry>& entries,
              std::uint16_t port) {
    if (context.options.json && command.command.empty()) {
        for (const auto& entry : entries) {
            vault::Bmc bmc;
            bmc.name = entry.name;
            bmc.address = entry.address;
            bmc.port = port;
            bmc.user_name = entry.user_name;
            context.out(json_inventory(bmc, "running"));
        }
        context.out(
            json_summary(PlainSummary{"practice", entries.size(), {{"running", entries.size()}}, std::nullopt, false}));
    } else if (!context.options.quiet) {
        // Standard output belongs to COMMAND when there is one.
        fmt::print(command.command.empty() ? context.streams.out : context.streams.err,
                   "practice: {} on {} to {}, port {}{}{}\n", counted(entries.size(), "virtual BMC"),
                   entries.front().address, entries.back().address, port,
                   command.inventory.empty() ? "" : fmt::format("; inventory: {}", printable(command.inventory)),
                   command.command.empty() ? "; Ctrl-C ends it" : "");
    }
    std::fflush(context.streams.out);
    std::fflush(context.streams.err);
}

// 128 + signal, 127 when it could not be started: as a shell says it.
int run_child(const Context& context, const std::vector<std::string>& words) {
    std::vector<char*> argv;
    argv.reserve(words.size() + 1);
    for (const auto& word : words) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t defaults;
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);  // we ignore it, COMMAND may not expect that
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    pid_t child = 0;
    const int error = posix_spawnp(&child, argv[0], nullptr, &attributes, argv.data(), environ);
    posix_spawnattr_destroy(&attributes);
    if (error != 0) {
        context.warn(fmt::format("practice: {}: {}", printable(words[0]), std::strerror(error)));
        return 127;
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

ExitCode serve_until_command_ends(const Context& context, FleetServer& server,
                                  const std::vector<std::string>& command) {
    std::atomic<bool> stop{false};
    std::thread serving([&] {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_BLOCK, &all, nullptr);
        server.serve(stop);
    });
    const int code = run_child(context, command);
    stop = true;
    serving.join();
    return static_cast<ExitCode>(code);
}

}  // namespace

Exit perform(const Context& context, const PracticeCommand& command) {
    if (command.list_quirks) return list_quirks(context);
    auto configs = configs_of(command);
    if (!configs) return std::unexpected(configs.error());
    const auto kept = *configs;
    virtual_bmc::LinkFaults faults;
    faults.loss = command.loss;
    faults.latency = command.latency;
    const Interrupts interrupts;  // Ctrl-C reaches COMMAND too; practice ends when COMMAND does
    auto server = FleetServer::start(std::move(*configs), command.port, faults, command.seed);
    if (!server) {
        return std::unexpected(Failure{ExitCode::kNotAsAsked,
                                       fmt::format("practice: {}", printable(server.error().detail)),
                                       command.port == 0 ? "" : "the same command with another --port", ""});
    }
    std::vector<Entry> entries;
    entries.reserve(kept.size());
    for (std::size_t i = 0; i < kept.size(); ++i)
        entries.push_back(entry_of(kept[i], i, kept.size(), (*server)->address(i)));
    const std::uint16_t port = (*server)->port();
    if (auto failure = write_inventory(context, command.inventory, inventory_text(entries, port))) {
        return std::unexpected(*failure);
    }
    announce(context, command, entries, port);
    if (!command.command.empty()) return serve_until_command_ends(context, **server, command.command);
    (*server)->serve(interrupts.stop());
    return ExitCode::kAsAsked;
}

}  // namespace bmcvault::cli
