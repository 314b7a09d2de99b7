// Several processes on one vault: writers side by side, per-BMC locks, another SQLite preloaded, and what can be found
// in the files by someone without the keys.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <set>

#include "tests/vault/test_vault.hpp"
#include "vault/store/locks.hpp"

namespace bmcvault::vault {
namespace {

namespace fs = std::filesystem;
using test::code_of;
using test::must;

constexpr Subject kPassword{Kind::kPassword, Subject::kOwnAccount};

class Processes : public test::VaultTest {};

class Child {
public:
    explicit Child(const std::function<void()>& body) : pid_(fork()) {
        if (pid_ != 0) return;
        try {
            body();
        } catch (const std::exception& error) {
            fmt::print(stderr, "child: {}\n", error.what());
            _exit(1);
        }
        _exit(0);
    }
    int wait() const {
        int status = 0;
        waitpid(pid_, &status, 0);
        return status;
    }
    void kill_now() const { kill(pid_, SIGKILL); }

private:
    pid_t pid_;
};

TEST_F(Processes, writers_side_by_side_lose_nothing_and_keep_one_chain) {
    constexpr int kProcesses = 4;
    constexpr int kEach = 25;
    const auto shared = add_bmc(1);
    std::vector<BmcId> own;
    for (std::uint32_t i = 0; i < kProcesses; ++i) own.push_back(add_bmc(10 + i));
    std::vector<Child> children;
    for (std::size_t child = 0; child < kProcesses; ++child)
        children.emplace_back([&, child] {
            const auto mine = must(store().clone());
            for (int i = 0; i < kEach; ++i)
                must(mine->transact(fmt::format("child-{}", child), test::kNow, [&](Transaction& t) -> Result<void> {
                    const auto text = fmt::format("{}-{}", child, i);
                    must(t.add_version(shared, kPassword, test::secret(text), StoredSize::k20, VersionState::kUnknown,
                                       Provenance::kImported, text));
                    const auto version = must(t.stage(own[child], kPassword, test::secret(text), StoredSize::k20,
                                                      Provenance::kGenerated, ""));
                    return t.commit_pending(own[child], kPassword, version);
                }));
        });
    for (const auto& child : children) EXPECT_TRUE(test::ended_well(child.wait()));
    const auto versions = must(store().versions(shared));
    std::set<std::string> notes;
    for (const auto& version : versions) {
        notes.insert(version.note);
        EXPECT_EQ(test::text_of(must(store().unseal(version))), version.note);
    }
    EXPECT_EQ(notes.size(), static_cast<std::size_t>(kProcesses * kEach));
    EXPECT_EQ(must(store().current_versions()).size(), static_cast<std::size_t>(kProcesses));
    EXPECT_TRUE(store().verify());
}

TEST_F(Processes, two_that_stage_for_one_subject_at_once_make_one_pending_version) {
    const auto bmc = add_bmc(1);
    std::vector<Child> children;
    for (int child = 0; child < 4; ++child)
        children.emplace_back([&, child] {
            const auto mine = must(store().clone());
            const auto done = mine->transact("child", test::kNow, [&](Transaction& t) -> Result<void> {
                const auto version = t.stage(bmc, kPassword, test::secret(std::to_string(child)), StoredSize::k20,
                                             Provenance::kGenerated, "");
                return version ? Result<void>() : std::unexpected(version.error());
            });
            _exit(done ? 0 : done.error().code == ErrorCode::kConflict ? 2 : 1);
        });
    std::multiset<int> codes;
    for (const auto& child : children) codes.insert(WEXITSTATUS(child.wait()));
    EXPECT_EQ(codes, (std::multiset<int>{0, 2, 2, 2}));
    EXPECT_EQ(states(bmc), "pending");
}

TEST_F(Processes, a_bmc_lock_is_held_by_one_at_a_time_and_released_by_death) {
    const auto bmc = test::make_bmc(1).id;
    const auto other = test::make_bmc(2).id;
    std::array<int, 2> ready{};
    ASSERT_EQ(pipe(ready.data()), 0);
    const Child child([&] {
        const auto lock = must(BmcLock::try_acquire(directory(), bmc));
        must(write(ready[1], "x", 1) == 1 ? Result<void>() : fail(ErrorCode::kIo, "pipe"));
        pause();
    });
    char byte = 0;
    ASSERT_EQ(read(ready[0], &byte, 1), 1);
    EXPECT_EQ(code_of(BmcLock::try_acquire(directory(), bmc)), ErrorCode::kBusy);
    EXPECT_TRUE(BmcLock::try_acquire(directory(), other));
    child.kill_now();
    EXPECT_TRUE(test::was_killed(child.wait()));
    {
        auto lock = must(BmcLock::try_acquire(directory(), bmc));
        EXPECT_EQ(code_of(BmcLock::try_acquire(directory(), bmc)), ErrorCode::kBusy) << "also within one process";
        const auto moved = std::move(lock);
        EXPECT_EQ(code_of(BmcLock::try_acquire(directory(), bmc)), ErrorCode::kBusy);
    }
    EXPECT_TRUE(BmcLock::try_acquire(directory(), bmc));
    ::close(ready[0]);
    ::close(ready[1]);
}

// Someone without the keys looks for what he knows: in every file, and in the journal of a transaction in progress.
TEST_F(Processes, no_secret_and_no_name_is_found_in_any_file) {
    auto bmc = test::make_bmc(1);
    bmc.name = "findme-name";
    bmc.address = "findme-address.example";
    bmc.user_name = "findme-user";
    bmc.tags = {"findme-tag"};
    transact([&](Transaction& t) { return t.add_bmc(bmc); });
    rotate(bmc.id, "findme-password-1");
    rotate(bmc.id, "findme-password-2");
    const auto scan = [&](std::string_view when) {
        std::size_t files = 0;
        for (const auto& [name, content] : test::snapshot(directory())) {
            ++files;
            std::string lowered = content + name;
            std::ranges::transform(lowered, lowered.begin(), [](unsigned char c) { return std::tolower(c); });
            for (const std::string_view word : {std::string_view("findme"), test::kPassphrase,
                                                std::string_view("sqlite format"), std::string_view("create table")})
                EXPECT_FALSE(lowered.contains(word)) << word << " in " << name << " " << when;
        }
        return files;
    };
    EXPECT_EQ(scan("at rest"), 4u);
    must(store().transact("tester", test::kNow, [&](Transaction& t) -> Result<void> {
        for (std::uint32_t i = 100; i < 1500; ++i) {  // more than the page cache keeps: pages are spilled to the file
            auto more = test::make_bmc(i);
            more.tags = {"findme-tag", std::string(2000, 'f') + "findme"};
            must(t.add_bmc(more));
        }
        EXPECT_EQ(scan("in a transaction"), 5u) << "the journal is there";
        return {};
    }));
    EXPECT_EQ(scan("afterwards"), 4u);
}

int run_with_preload(const std::string& library, const fs::path& directory) {
    const Child child([&] {
        setenv("LD_PRELOAD", library.c_str(), 1);
        setenv("ASAN_OPTIONS", "verify_asan_link_order=0", 1);
        execl(VAULT_PROBE, VAULT_PROBE, directory.c_str(), nullptr);
        _exit(127);
    });
    return child.wait();
}

// The probe makes a vault, writes to it and reads it back, with a plain SQLite first in the search order.
TEST_F(Processes, a_preloaded_plain_sqlite_does_not_get_hold_of_the_vault) {
    const test::TemporaryDirectory parent;
    ASSERT_TRUE(fs::exists(PLAIN_SQLITE));
    EXPECT_TRUE(test::ended_well(run_with_preload(PLAIN_SQLITE, parent.path() / "v")));
    for (const auto& [name, content] : test::snapshot(parent.path() / "v")) {
        EXPECT_FALSE(content.starts_with("SQLite format 3")) << name;
        EXPECT_FALSE(content.contains("probe-name")) << name;
    }
    const auto opened = must(Store::open(parent.path() / "v", test::passphrase()));
    EXPECT_TRUE(opened->bmc("probe-name")) << "SQLCipher wrote it";
}

}  // namespace
}  // namespace bmcvault::vault
