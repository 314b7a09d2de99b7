// A vault of a large fleet with its history: what it costs to open, to read for a status, to rotate in, to verify, to
// back up and to bring into a new generation. Each is a process of its own, so that its memory is its own.
//
//   bench_fleet BMCS VERSIONS DIRECTORY [keep]     (a vault that was kept there is measured again)
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <functional>

#include "tests/vault/test_vault.hpp"
#include "vault/base/check.hpp"
#include "vault/store/sqlcipher_store.hpp"

namespace bmcvault::vault {
namespace {

namespace fs = std::filesystem;
using test::must;
using Clock = std::chrono::steady_clock;

constexpr Subject kPassword{Kind::kPassword, Subject::kOwnAccount};
constexpr Subject kChannelKey{Kind::kKg, 1};
constexpr std::uint32_t kBmcsPerCommit = 500;
constexpr double kMebibyte = 1024.0 * 1024.0;

struct Shape {
    std::uint32_t bmcs = 0;
    std::uint32_t versions = 0;
    fs::path directory;
    bool keep = false;
};

double seconds_of(const std::function<void()>& work) {
    const auto begin = Clock::now();
    work();
    return std::chrono::duration<double>(Clock::now() - begin).count();
}

Header header_of(const Shape& shape) {
    return must(parse_header(test::read_file(shape.directory / "vault.hdr")));
}

double mebibytes(const Shape& shape) {
    return static_cast<double>(fs::file_size(shape.directory / header_of(shape).store_file)) / kMebibyte;
}

// In a process of its own: what it took, and the most memory it ever had.
void measure(std::string_view what, const std::function<void()>& work) {
    const auto begin = Clock::now();
    (void)std::fflush(stdout);
    const auto child = fork();
    BMCVAULT_CHECK(child >= 0);
    if (child == 0) {
        BMCVAULT_CHECK(secret_arena::initialize().has_value());
        work();
        (void)std::fflush(stdout);
        _exit(0);
    }
    int status = 0;
    struct rusage used{};
    BMCVAULT_CHECK(wait4(child, &status, 0, &used) == child && test::ended_well(status));
    const auto cpu = static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                     static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    fmt::print("{:32} {:8.2f} s  {:8.2f} s of CPU {:6.0f} MiB at most\n", what,
               std::chrono::duration<double>(Clock::now() - begin).count(), cpu,
               static_cast<double>(used.ru_maxrss) / 1024.0);
}

std::unique_ptr<Store> open_vault(const Shape& shape) {
    return must(Store::open(shape.directory, test::passphrase()));
}

void rotate_once(Transaction& transaction, BmcId bmc, Subject subject) {
    const auto version =
        must(transaction.stage(bmc, subject, test::secret("bench"), StoredSize::k20, Provenance::kGenerated, ""));
    must(transaction.mark_sent(bmc, subject, version));
    must(transaction.commit_pending(bmc, subject, version));
}

void fill_a_part(Transaction& transaction, const Shape& shape, std::uint32_t version, std::uint32_t first) {
    for (auto number = first; number < std::min(first + kBmcsPerCommit, shape.bmcs + 1); ++number) {
        const auto bmc = test::make_bmc(number);
        if (version == 0) must(transaction.add_bmc(bmc));
        rotate_once(transaction, bmc.id, kPassword);
        rotate_once(transaction, bmc.id, kChannelKey);
    }
}

// The history as rotations write it: one campaign a version, all of the fleet in each. Without a journal, because it is
// long.
void fill(const Shape& shape) {
    must(Store::create(shape.directory, test::passphrase(), test::options()));
    const auto header = header_of(shape);
    Keyring keyring(header, must(unlock(header, test::passphrase())));
    const auto database = must(Database::open(shape.directory / header.store_file, keyring.database_keys()));
    must(load_data_keys(*database, keyring));
    must(database->run_script("PRAGMA journal_mode=OFF"));
    for (std::uint32_t version = 0; version < shape.versions; ++version)
        for (std::uint32_t first = 1; first <= shape.bmcs; first += kBmcsPerCommit) {
            must(database->run("BEGIN IMMEDIATE"));
            StoreTransaction transaction(*database, keyring, "bench", {test::kNow.value + version},
                                         must(read_audit_head(*database)));
            fill_a_part(transaction, shape, version, first);
            must(transaction.end_with_state());
            must(database->run("COMMIT"));
        }
}

// What the audit log takes of the file, without the overhead of its rows.
void count_audit(const Shape& shape) {
    const auto header = header_of(shape);
    const Keyring keyring(header, must(unlock(header, test::passphrase())));
    const auto database = must(Database::open(shape.directory / header.store_file, keyring.database_keys()));
    for (const auto& [sql, what] :
         {std::pair<std::string_view, std::string_view>{
              "SELECT coalesce(max(seq),0),sum(length(actor)+length(event)+length(body)+128),count(*) FROM audit",
              "rows"},
          {"SELECT coalesce(max(last),0),sum(length(records)+length(roots)),count(*) FROM audit_pack", "packs"}})
        must(database->query(sql, {}, [&](const Row& row) {
            fmt::print("  audit records up to {}: {:.0f} MiB of content in {} {}\n", row.integer(0),
                       static_cast<double>(row.integer(1)) / kMebibyte, row.integer(2), what);
            return Result<void>();
        }));
}

void open_only(const Shape& shape) {
    const auto header = header_of(shape);
    const auto derived = seconds_of([&] { must(unlock(header, test::passphrase())); });
    const auto opened = seconds_of([&] { open_vault(shape); });
    fmt::print("  key derivation {:.3f} s, open with key derivation {:.3f} s\n", derived, opened);
}

void status(const Shape& shape) {
    const auto store = open_vault(shape);
    BMCVAULT_CHECK(must(store->bmcs()).size() == shape.bmcs);
    BMCVAULT_CHECK(must(store->current_versions()).size() == 2 * std::size_t{shape.bmcs});
}

// Alone, so that each durable step is a commit of its own.
void rotate_one(const Shape& shape) {
    const auto store = open_vault(shape);
    const auto bmc = test::make_bmc(shape.bmcs / 2 + 1).id;
    VersionNumber version;
    const auto taken = seconds_of([&] {
        must(store->transact("bench", test::kNow, [&](Transaction& transaction) -> Result<void> {
            version = must(
                transaction.stage(bmc, kPassword, test::secret("next"), StoredSize::k20, Provenance::kGenerated, ""));
            return {};
        }));
        must(
            store->transact("bench", test::kNow, [&](Transaction& t) { return t.mark_sent(bmc, kPassword, version); }));
        must(store->transact("bench", test::kNow,
                             [&](Transaction& t) { return t.commit_pending(bmc, kPassword, version); }));
    });
    fmt::print("  three commits {:.3f} s\n", taken);
}

void new_generation(const Shape& shape) {
    const auto store = open_vault(shape);
    const auto begin = Clock::now();
    const auto say = [&](std::string_view step) {
        fmt::print("  {:30} {:8.2f} s\n", step, std::chrono::duration<double>(Clock::now() - begin).count());
    };
    must(store->team().new_generation({"bench", test::kNow, "measured", say}));
}

void run(const Shape& shape) {
    if (!fs::exists(shape.directory)) measure("fill", [&] { fill(shape); });
    fmt::print("{} BMCs, {} credential versions: {:.0f} MiB\n", shape.bmcs,
               2 * std::size_t{shape.bmcs} * shape.versions, mebibytes(shape));
    measure("count the audit log", [&] { count_audit(shape); });
    measure("open", [&] { open_only(shape); });
    measure("status", [&] { status(shape); });
    measure("rotate one BMC", [&] { rotate_one(shape); });
    measure("verify", [&] { must(open_vault(shape)->verify()); });
    const auto backup = fs::path(shape.directory.string() + ".bmcvault");
    measure("backup", [&] { must(open_vault(shape)->backup(backup, {"bench", test::kNow, "measured"})); });
    fs::remove(backup);
    measure("new generation", [&] { new_generation(shape); });
    measure("verify again", [&] { must(open_vault(shape)->verify()); });
    fmt::print("after the new generation: {:.0f} MiB\n", mebibytes(shape));
    if (!shape.keep) fs::remove_all(shape.directory);
}

}  // namespace
}  // namespace bmcvault::vault

int main(int argc, char** argv) {
    using namespace bmcvault::vault;
    BMCVAULT_CHECK(argc == 4 || (argc == 5 && std::string_view(argv[4]) == "keep"));
    const Shape shape{static_cast<std::uint32_t>(std::stoul(argv[1])), static_cast<std::uint32_t>(std::stoul(argv[2])),
                      argv[3], argc == 5};
    BMCVAULT_CHECK(shape.bmcs > 0 && shape.versions > 0);
    run(shape);
}
