#include "cli/agent.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sodium.h>
#include <spawn.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <expected>
#include <tuple>
#include <utility>

#include "cli/child.hpp"

namespace bmcvault::cli {
namespace {

namespace fs = std::filesystem;

// Of the process that is started as agent.
constexpr int kListenerDescriptor = 3;
constexpr int kKeysDescriptor = 4;

// A question, and its answer. Both on one machine, by one program: in the byte order of the host.
enum class Ask : std::uint8_t { kKeys = 1, kLock = 2 };
struct Question {
    Ask ask{};
    std::array<std::uint8_t, 7> unused{};
    std::uint64_t generation = 0;
    vault::VaultId vault_id{};
};
static_assert(sizeof(Question) == 32);

constexpr std::size_t kKeysSize = 64;
using KeysBytes = Secret<kKeysSize>;  // X25519, then Ed25519 seed
constexpr int kMostWaiting = 8;       // connections
constexpr std::chrono::seconds kPatience{5};
constexpr std::chrono::seconds kLongestWait{5};

class Descriptor {
public:
    explicit Descriptor(int fd = -1) : fd_(fd) {}
    ~Descriptor() { reset(); }
    Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Descriptor& operator=(Descriptor&&) = delete;
    [[nodiscard]] int get() const { return fd_; }
    [[nodiscard]] bool valid() const { return fd_ >= 0; }
    void reset() {
        if (fd_ >= 0) close(fd_);
        fd_ = -1;
    }

private:
    int fd_;
};

std::unexpected<Error> system_error(const fs::path& what) {
    return fail(ErrorCode::kIo, fmt::format("{}: {}", what.string(), std::strerror(errno)));
}

Instant instant() {
    const auto read = [](clockid_t clock) {
        timespec time{};
        clock_gettime(clock, &time);
        return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::seconds(time.tv_sec) +
                                                                     std::chrono::nanoseconds(time.tv_nsec));
    };
    return {read(CLOCK_BOOTTIME), read(CLOCK_MONOTONIC)};
}

// Named through its directory's descriptor: a path may be longer than the 108 bytes of an address.
class SocketName {
public:
    explicit SocketName(const fs::path& socket)
        : directory_(open(socket.parent_path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)) {
        address_.sun_family = AF_UNIX;
        fmt::format_to_n(address_.sun_path, sizeof address_.sun_path - 1, "/proc/self/fd/{}/{}", directory_.get(),
                         socket.filename().string());
    }
    [[nodiscard]] const sockaddr* address() const { return reinterpret_cast<const sockaddr*>(&address_); }
    [[nodiscard]] static socklen_t size() { return sizeof(sockaddr_un); }

private:
    Descriptor directory_;
    sockaddr_un address_{};
};

std::optional<ucred> peer_of(int connection) {
    ucred peer{};
    socklen_t size = sizeof peer;
    if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return std::nullopt;
    return peer;
}

bool is_of_this_user(int connection) {
    const auto peer = peer_of(connection);
    return peer && peer->uid == geteuid();
}

void be_patient(int connection) {
    const timeval patience{kPatience.count(), 0};
    setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
}

// Otherwise its errno.
std::expected<Descriptor, int> connect_to(const fs::path& socket) {
    const SocketName name(socket);
    Descriptor connection(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    if (!connection.valid()) return std::unexpected(errno);
    be_patient(connection.get());
    if (connect(connection.get(), name.address(), SocketName::size()) != 0) return std::unexpected(errno);
    if (!is_of_this_user(connection.get())) return std::unexpected(ECONNREFUSED);
    return connection;
}

bool ask(int connection, const Question& question) {
    return send(connection, &question, sizeof question, MSG_NOSIGNAL) == sizeof question;
}

KeysBytes joined(const vault::IdentityKeys& keys) {
    KeysBytes all;
    all.expose_mutable([&](auto bytes) {
        keys.exchange.expose([&](auto half) { std::ranges::copy(half, bytes.begin()); });
        keys.signing.expose([&](auto half) { std::ranges::copy(half, bytes.begin() + 32); });
    });
    return all;
}

vault::IdentityKeys halves(const KeysBytes& all) {
    return all.expose([](auto bytes) {
        return vault::IdentityKeys{vault::Key32(bytes.template first<32>()), vault::Key32(bytes.template last<32>())};
    });
}

// Empty: not a directory of this user, closed to others.
fs::path own_directory(const fs::path& directory) {
    struct stat status{};
    if (lstat(directory.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) return {};
    return status.st_uid == geteuid() && (status.st_mode & 077) == 0 ? directory : fs::path();
}

fs::path directory_of_sockets() {
    const char* runtime = std::getenv("XDG_RUNTIME_DIR");
    const bool is_set = runtime != nullptr && *runtime == '/';
    if (!is_set && geteuid() != 0) return {};
    const auto directory = fs::path(is_set ? runtime : "/run") / "bmcvault";
    mkdir(directory.c_str(), 0700);
    return own_directory(directory);
}

// So that of two who unlock at once the later one ends the agent of the earlier one.
Result<Descriptor> take_turn(const fs::path& directory) {
    Descriptor turn(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!turn.valid()) return system_error(directory);
    while (flock(turn.get(), LOCK_EX) != 0)
        if (errno != EINTR) return system_error(directory);
    return turn;
}

Result<Descriptor> listen_at(const fs::path& socket) {
    const SocketName name(socket);
    Descriptor listener(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    if (!listener.valid()) return system_error(socket);
    unlink(socket.c_str());
    const auto before = umask(0177);
    const int bound = bind(listener.get(), name.address(), SocketName::size());
    umask(before);
    if (bound != 0 || listen(listener.get(), kMostWaiting) != 0) return system_error(socket);
    return listener;
}

// The pipe holds it all, so nobody has to read at the same time.
bool put_keys(int pipe, const AgentKeys& keys) {
    const auto bytes = joined(keys.keys);
    Question which{Ask::kKeys, {}, keys.generation, keys.vault_id};
    return write(pipe, &which, sizeof which) == sizeof which && bytes.expose([&](auto all) {
        return write(pipe, all.data(), all.size()) == static_cast<ssize_t>(all.size());
    });
}

std::optional<AgentKeys> take_keys(int pipe) {
    Question which;
    KeysBytes bytes;
    const bool whole = read(pipe, &which, sizeof which) == sizeof which && bytes.expose_mutable([&](auto all) {
        return read(pipe, all.data(), all.size()) == static_cast<ssize_t>(all.size());
    });
    if (!whole) return std::nullopt;
    return AgentKeys{which.vault_id, which.generation, halves(bytes)};
}

// One question of one client. Keys that have to go are wiped before it learns that.
void answer(int listener, std::optional<AgentKeys>& keys, AgentLife& life) {
    const Descriptor client(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
    if (!client.valid() || !is_of_this_user(client.get())) return;
    be_patient(client.get());
    Question question;
    if (recv(client.get(), &question, sizeof question, 0) != sizeof question) return;
    const bool same_vault = question.vault_id == keys->vault_id;
    const bool is_over = same_vault && (question.generation != keys->generation || life.end(instant()));
    if (question.ask != Ask::kKeys || is_over) {
        keys.reset();
        return;
    }
    if (!same_vault) return;
    life.use(instant());
    const auto bytes = joined(keys->keys);
    bytes.expose([&](auto all) { std::ignore = send(client.get(), all.data(), all.size(), MSG_NOSIGNAL); });
}

Descriptor signals() {
    sigset_t all;
    sigemptyset(&all);
    for (const int signal : {SIGHUP, SIGINT, SIGTERM, SIGQUIT}) sigaddset(&all, signal);
    sigprocmask(SIG_BLOCK, &all, nullptr);
    return Descriptor(signalfd(-1, &all, SFD_CLOEXEC));
}

}  // namespace

Result<fs::path> agent_socket(const fs::path& vault_directory) {
    const auto directory = directory_of_sockets();
    if (directory.empty())
        return fail(ErrorCode::kNotFound,
                    "no directory for the agent's socket: XDG_RUNTIME_DIR is not set, or others can write there");
    std::error_code ignored;
    const auto real = fs::weakly_canonical(vault_directory, ignored).string();
    std::array<std::uint8_t, 16> name{};
    crypto_generichash(name.data(), name.size(), reinterpret_cast<const std::uint8_t*>(real.data()), real.size(),
                       nullptr, 0);
    return directory / (to_hex(name) + ".agent");
}

Result<vault::IdentityKeys> keys_from_agent(const fs::path& socket, const vault::VaultId& vault_id,
                                            std::uint64_t generation) {
    const auto nothing = [] { return fail(ErrorCode::kNotFound, "no agent holds the keys of this vault"); };
    const auto connection = connect_to(socket);
    if (!connection || !ask(connection->get(), {Ask::kKeys, {}, generation, vault_id})) return nothing();
    KeysBytes bytes;
    const bool whole = bytes.expose_mutable([&](auto all) {
        return recv(connection->get(), all.data(), all.size(), 0) == static_cast<ssize_t>(all.size());
    });
    if (!whole) return nothing();
    return halves(bytes);
}

LockAnswer lock_agent(const fs::path& socket) {
    const auto connection = connect_to(socket);
    // One that is stopped has no room any more for those who wait.
    if (!connection) return {connection.error() == EAGAIN ? Locked::kNoAnswer : Locked::kNobodyWasThere};
    LockAnswer answer{Locked::kNoAnswer};
    const auto peer = peer_of(connection->get());
    if (peer && peer->pid > 0) answer.agent = peer->pid;  // 0: of another process namespace
    std::uint8_t end = 0;
    const bool asked = ask(connection->get(), {Ask::kLock, {}, 0, {}});
    if (asked && recv(connection->get(), &end, 1, 0) == 0) answer.locked = Locked::kWiped;  // closed when they are
    return answer;
}

Result<void> start_agent(const fs::path& socket, const AgentKeys& keys, const AgentLimits& limits) {
    const auto turn = take_turn(socket.parent_path());
    if (!turn) return std::unexpected(turn.error());
    if (lock_agent(socket).locked == Locked::kNoAnswer) return fail(ErrorCode::kBusy, "another agent does not answer");
    auto listener = listen_at(socket);
    if (!listener) return std::unexpected(listener.error());
    std::array<int, 2> pipe{};
    if (pipe2(pipe.data(), O_CLOEXEC) != 0) return system_error("pipe");
    Descriptor from(pipe[0]);
    const Descriptor to(pipe[1]);
    // Above the numbers that they get in the agent, so that neither is closed by the other's move.
    Descriptor listening(fcntl(listener->get(), F_DUPFD_CLOEXEC, kKeysDescriptor + 1));
    Descriptor reading(fcntl(from.get(), F_DUPFD_CLOEXEC, kKeysDescriptor + 1));
    if (!listening.valid() || !reading.valid()) return system_error("the agent");
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        posix_spawn_file_actions_addopen(&actions, standard, "/dev/null", O_RDWR, 0);
    posix_spawn_file_actions_adddup2(&actions, listening.get(), kListenerDescriptor);
    posix_spawn_file_actions_adddup2(&actions, reading.get(), kKeysDescriptor);
    std::array<std::string, 6> words{"bmcvault", "agent",
                                     "--ttl",    std::to_string(limits.idle.count()) + "s",
                                     "--max",    std::to_string(limits.at_most.count()) + "s"};
    std::array<char*, 7> argv{};
    for (std::size_t i = 0; i < words.size(); ++i) argv[i] = words[i].data();
    auto environment = environment_of_child();
    pid_t agent = 0;
    const int error = posix_spawn(&agent, "/proc/self/exe", &actions, &attributes, argv.data(), environment.data());
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    listener->reset();  // an agent that has ended is to be told from a slow one
    listening.reset();
    from.reset();
    reading.reset();
    errno = error;
    if (error != 0) return system_error("the agent");
    if (!put_keys(to.get(), keys)) return system_error("the agent");
    const auto held = keys_from_agent(socket, keys.vault_id, keys.generation);
    return held ? Result<void>() : fail(ErrorCode::kIo, "the agent did not start");
}

int serve_as_agent(const AgentLimits& limits) {
    auto keys = take_keys(kKeysDescriptor);
    close_range(kKeysDescriptor, ~0U, 0);  // and whatever the one who unlocked had open
    if (!keys || chdir("/") != 0) return 1;
    if (listen(kListenerDescriptor, kMostWaiting) != 0) return 1;  // so that its clients see this process
    const auto stop = signals();
    AgentLife life(limits, instant());
    while (keys) {
        std::array<pollfd, 2> wait{{{kListenerDescriptor, POLLIN, 0}, {stop.get(), POLLIN, 0}}};
        // Its clock stands still while the machine sleeps.
        const auto time = std::min<std::chrono::milliseconds>(life.left(instant()), kLongestWait);
        const int ready = poll(wait.data(), wait.size(), static_cast<int>(time.count()));
        const bool is_broken = ready < 0 && errno != EINTR;
        if (is_broken || life.end(instant()) || (ready > 0 && wait[1].revents != 0))
            keys.reset();
        else if (ready > 0)
            answer(kListenerDescriptor, keys, life);
    }
    return 0;
}

}  // namespace bmcvault::cli
