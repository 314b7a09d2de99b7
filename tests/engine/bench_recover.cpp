// Stragglers brought back over real sockets: a fleet of virtual BMCs in a process of its own, each with one of its many
// historical passwords and K_Gs live. Fails unless all come back, without one rejected login or refused slot; of time
// it asserts nothing. ctest runs it small.
//   bench_recover BMCS PASSWORDS K_GS LATENCY_MS PARALLEL [rotate]
// "rotate" replaces what was found (recover); without it, it is only found (recover --find-only). With either, a
// rotation of BMCs that are known by then is measured last.
#include <fmt/format.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <random>
#include <span>
#include <thread>

#include "ipmi/virtual_bmc/fleet_server.hpp"
#include "rotate/engine/campaign.hpp"
#include "vault/core/password_policy.hpp"

namespace bmcvault::rotate {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

struct Shape {
    std::size_t bmcs = 1000;
    std::uint32_t passwords = 100;
    std::uint32_t k_gs = 20;
    std::chrono::milliseconds latency{50};
    int parallel = 500;
    bool rotate = false;
};

// The n-th secret that BMC i once had.
Bytes secret_text(std::string_view kind, std::size_t i, std::uint32_t n) {
    const auto text = fmt::format("{}{:06}-{:05}------------", kind, i, n).substr(0, kKeySize);
    return {text.begin(), text.end()};
}

Key20 key_of(const Bytes& bytes) {
    return Key20(std::span<const std::uint8_t, kKeySize>(bytes.data(), kKeySize));
}

// Mixed manners, and one rejected login locks the account for good.
virtual_bmc::Config straggler(std::size_t i, const Shape& shape) {
    std::mt19937_64 draw(i);
    auto config = virtual_bmc::plain_config(i, 1);
    auto& user = config.users.at(config.administrator_id);
    user.password = secret_text("p", i, 1 + static_cast<std::uint32_t>(draw() % shape.passwords));
    user.stored_size = 20;
    if (i % 3 == 0) user.password.resize(16);  // stored cut
    config.k_g = secret_text("k", i, 1 + static_cast<std::uint32_t>(draw() % shape.k_gs));
    config.bad_password_threshold = 1;
    config.lockout = std::chrono::hours(1000);
    if (i % 5 == 0) config.quirks.hmac_one_byte_too_long = true;
    if (i % 7 == 0) config.quirks.error_replies_with_tag_0 = true;
    if (i % 11 == 0) config.session_slots = 4;
    config.quirks.truncates_to_16 = i % 3 == 0;
    return config;
}

struct Tally {
    std::uint64_t rejected = 0;
    std::uint64_t slots_refused = 0;
};

// In the child: serves until the parent closes its end, then says what the BMCs counted.
[[noreturn]] void serve(const Shape& shape, int ask, int answer) {
    std::vector<virtual_bmc::Config> configs;
    for (std::size_t i = 0; i < shape.bmcs; ++i) configs.push_back(straggler(i, shape));
    virtual_bmc::LinkFaults faults;
    faults.latency = shape.latency / 2;  // there, and back
    auto server = virtual_bmc::FleetServer::start(std::move(configs), 0, faults, 1);
    BMCVAULT_CHECK(server.has_value());
    const auto port = (*server)->port();
    BMCVAULT_CHECK(write(answer, &port, sizeof port) == sizeof port);
    std::atomic<bool> stop{false};
    std::thread watcher([&] {
        char byte = 0;
        stop = read(ask, &byte, 1) == 0;
    });
    (*server)->serve(stop);
    watcher.join();
    Tally tally;
    for (std::size_t i = 0; i < shape.bmcs; ++i) {
        (*server)->inspect(i, [&](virtual_bmc::VirtualBmc& bmc) {
            tally.rejected += bmc.counters().rejected_rakp3;
            tally.slots_refused += bmc.counters().slots_refused;
        });
    }
    BMCVAULT_CHECK(write(answer, &tally, sizeof tally) == sizeof tally);
    _exit(0);
}

std::string address_of(std::size_t i) {
    return fmt::format("127.66.{}.{}", i / 250, 1 + i % 250);
}

Result<void> fill(vault::Store& store, const Shape& shape, std::uint16_t port, std::size_t first, std::size_t last) {
    return store.transact("bench", {1'790'000'000}, [&](vault::Transaction& transaction) -> Result<void> {
        for (auto i = first; i < last; ++i) {
            vault::Bmc bmc;
            for (std::size_t byte = 0; byte < sizeof i; ++byte) {
                bmc.id.uuid[byte] = static_cast<std::uint8_t>((i + 1) >> (8 * byte));
            }
            bmc.name = fmt::format("bmc{:06}", i);
            bmc.address = address_of(i);
            bmc.port = port;
            bmc.user_name = "ADMIN";
            if (auto added = transaction.add_bmc(bmc); !added) return added;
            for (std::uint32_t n = 1; n <= shape.passwords; ++n) {
                auto added = transaction.add_version(bmc.id, bmc.own_password(), key_of(secret_text("p", i, n)),
                                                     vault::StoredSize::k20, vault::VersionState::kUnknown,
                                                     vault::Provenance::kImported, "");
                if (!added) return std::unexpected(added.error());
            }
            for (std::uint32_t n = 1; n <= shape.k_gs; ++n) {
                auto added = transaction.add_version(bmc.id, bmc.k_g_subject(), key_of(secret_text("k", i, n)),
                                                     vault::StoredSize::k20, vault::VersionState::kUnknown,
                                                     vault::Provenance::kImported, "");
                if (!added) return std::unexpected(added.error());
            }
        }
        return {};
    });
}

class Adder final : public Observer {
public:
    void finished(const BmcReport& report) override { round_trips += report.round_trips; }
    std::uint64_t round_trips = 0;
};

// Of this process, all threads; milliseconds.
struct Cpu {
    double user = 0;
    double kernel = 0;
};

Cpu cpu_used() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto milliseconds = [](timeval time) {
        return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_usec) / 1e3;
    };
    return {milliseconds(usage.ru_utime), milliseconds(usage.ru_stime)};
}

template <class Command>
void measure(const Shape& shape, std::span<const vault::Bmc> bmcs, Command command) {
    Adder adder;
    const auto before = cpu_used();
    const auto summary = command(adder);
    BMCVAULT_CHECK(summary.has_value());
    const auto after = cpu_used();
    const auto count = static_cast<double>(bmcs.size());
    const auto round_trips = static_cast<double>(adder.round_trips);
    const double elapsed = static_cast<double>(summary->elapsed.count()) / 1000;
    const double floor = round_trips * static_cast<double>(shape.latency.count()) / 1000 / shape.parallel;
    fmt::print("{}: ", summary->command);
    for (const auto& [outcome, number] : summary->outcomes) fmt::print("{} {}; ", number, outcome);
    fmt::print(
        "failed logins {}; round trips {:.1f}, CPU {:.2f} ms user and {:.2f} ms kernel per BMC; {:.1f} s, {:.2f} times "
        "round trips x latency "
        "/ in flight\n",
        summary->failed_logins, round_trips / count, (after.user - before.user) / count,
        (after.kernel - before.kernel) / count, elapsed, elapsed / floor);
    BMCVAULT_CHECK(summary->all_as_asked && summary->failed_logins == 0);
}

void run(const Shape& shape, std::uint16_t port) {
    auto directory = (fs::temp_directory_path() / "bmcvault-bench-XXXXXX").string();
    BMCVAULT_CHECK(mkdtemp(directory.data()) != nullptr);
    const auto passphrase = Passphrase::from(as_bytes("a passphrase for the benchmark"));
    vault::CreateOptions create;
    create.kdf = {.memory_bytes = 64ull << 20, .operations = 1};
    BMCVAULT_CHECK(vault::Store::create(fs::path(directory) / "vault", *passphrase, create).has_value());
    auto store = vault::Store::open(fs::path(directory) / "vault", *passphrase);
    BMCVAULT_CHECK(store.has_value());
    constexpr std::size_t kAtOnce = 100;
    for (std::size_t i = 0; i < shape.bmcs; i += kAtOnce) {
        BMCVAULT_CHECK(fill(**store, shape, port, i, std::min(i + kAtOnce, shape.bmcs)).has_value());
    }
    const auto bmcs = (*store)->bmcs();
    Environment environment{std::move(*store), nullptr, {}};
    RunOptions options;
    options.parallel = shape.parallel;
    options.find_only = !shape.rotate;
    options.actor = "bench";
    measure(shape, *bmcs, [&](Observer& observer) { return run_recover(environment, *bmcs, options, observer); });
    measure(shape, *bmcs, [&](Observer& observer) { return run_rotate(environment, *bmcs, options, observer); });
    fs::remove_all(directory);
}

}  // namespace
}  // namespace bmcvault::rotate

int main(int argc, char** argv) {
    using namespace bmcvault;
    rotate::Shape shape;
    if (argc > 1) shape.bmcs = std::stoul(argv[1]);
    if (argc > 2) shape.passwords = static_cast<std::uint32_t>(std::stoul(argv[2]));
    if (argc > 3) shape.k_gs = static_cast<std::uint32_t>(std::stoul(argv[3]));
    if (argc > 4) shape.latency = std::chrono::milliseconds(std::stol(argv[4]));
    if (argc > 5) shape.parallel = std::stoi(argv[5]);
    shape.rotate = argc > 6;
    BMCVAULT_CHECK(shape.bmcs > 0 && shape.passwords > 0 && shape.k_gs > 0 && shape.parallel > 0);
    int ask[2];
    int answer[2];
    BMCVAULT_CHECK(pipe(ask) == 0 && pipe(answer) == 0);
    const auto child = fork();
    BMCVAULT_CHECK(child >= 0);
    if (child == 0) {
        close(ask[1]);
        rotate::serve(shape, ask[0], answer[1]);
    }
    close(ask[0]);
    std::uint16_t port = 0;
    BMCVAULT_CHECK(read(answer[0], &port, sizeof port) == sizeof port);
    BMCVAULT_CHECK(secret_arena::initialize().has_value());
    rotate::run(shape, port);
    close(ask[1]);
    rotate::Tally tally;
    BMCVAULT_CHECK(read(answer[0], &tally, sizeof tally) == sizeof tally);
    fmt::print("failed logins that the BMCs counted: {}, slots refused: {}\n", tally.rejected, tally.slots_refused);
    (void)waitpid(child, nullptr, 0);
    BMCVAULT_CHECK(tally.rejected == 0 && tally.slots_refused == 0);
}
