// A full disk, an error or a kill at every single file operation of a transaction and of making a vault: what was
// stored stays, what was not stored is not there by half, and the answer is never a wrong one (I1, I5).
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/vault/faulty_vfs.hpp"
#include "tests/vault/test_vault.hpp"

namespace bmcvault::vault {
namespace {

namespace fs = std::filesystem;
namespace vfs = test::faulty_vfs;
using test::code_of;
using test::Fault;
using test::must;

constexpr Subject kPassword{Kind::kPassword, Subject::kOwnAccount};
constexpr std::uint32_t kFarTooMany = 500;

class Faults : public test::VaultTest {
protected:
    Faults() {
        vfs::install();
        anchor_ = add_bmc(1);
        rotate(anchor_, "anchor-secret");
    }
    ~Faults() override { vfs::disarm(); }

    // One transaction of the size of a real step: a new BMC and its first pending version, all or nothing.
    static Store::Work add_and_stage(std::uint32_t number) {
        return [number](Transaction& transaction) -> Result<void> {
            const auto bmc = test::make_bmc(number);
            if (auto done = transaction.add_bmc(bmc); !done) return done;
            const auto version = transaction.stage(bmc.id, kPassword, test::secret(fmt::format("secret-{}", number)),
                                                   StoredSize::k20, Provenance::kGenerated, std::string(3000, 'n'));
            return version ? Result<void>() : std::unexpected(version.error());
        };
    }

    enum class Found { kAbsent, kWhole, kHalf };
    static Found look(const Store& from, std::uint32_t number) {
        const auto id = test::make_bmc(number).id;
        if (!from.bmc(id)) return Found::kAbsent;
        const auto versions = must(from.versions(id));
        if (versions.size() != 1) return Found::kHalf;
        const auto text = test::text_of(must(from.unseal(versions[0])));
        return text == fmt::format("secret-{}", number) ? Found::kWhole : Found::kHalf;
    }
    void expect_unharmed(const std::string& when) {
        const auto verified = store().verify();
        EXPECT_TRUE(verified) << when << ": " << verified.error().detail;
        EXPECT_EQ(states(anchor_), "current") << when;
    }

    // Tries the fault at operation 0, 1, 2 ... until a transaction gets through without meeting it.
    void at_every_operation(Fault fault, const std::function<void(std::uint32_t, const Result<void>&)>& judge,
                            std::uint32_t first_number = 100) {
        std::uint32_t operation = 0;
        for (; operation < kFarTooMany; ++operation) {
            const auto number = first_number + operation;
            vfs::arm(fault, operation);
            const auto result = store().transact("tester", test::kNow, add_and_stage(number));
            vfs::disarm();
            if (!vfs::fired()) {
                EXPECT_TRUE(result);
                break;
            }
            judge(number, result);
            expect_unharmed(fmt::format("operation {}", operation));
        }
        EXPECT_GT(operation, 8u) << "a transaction has more operations than that";
        EXPECT_LT(operation, kFarTooMany);
    }

    BmcId anchor_;
};

TEST_F(Faults, disk_full_at_any_write_stores_nothing_and_says_so) {
    at_every_operation(Fault::kDiskFull, [&](std::uint32_t number, const Result<void>& result) {
        EXPECT_EQ(code_of(result), ErrorCode::kNoSpace) << result.error().detail;
        EXPECT_EQ(look(store(), number), Found::kAbsent);
    });
}

TEST_F(Faults, a_disk_that_takes_no_write_at_all_never_leaves_half_a_step) {
    at_every_operation(Fault::kNoWrites, [&](std::uint32_t number, const Result<void>& result) {
        // The old pages can't be put back while it lasts, so the store can't look: it must not claim to know.
        EXPECT_TRUE(code_of(result) == ErrorCode::kNoSpace || code_of(result) == ErrorCode::kCommitUnknown);
        EXPECT_EQ(look(store(), number), Found::kAbsent);
    });
}

TEST_F(Faults, an_io_error_at_any_operation_is_never_taken_for_success_nor_for_nothing) {
    int unknown = 0;
    at_every_operation(Fault::kErrorOnce, [&](std::uint32_t number, const Result<void>& result) {
        if (result) {  // an error in what comes after the commit point, such as closing the journal
            EXPECT_EQ(look(store(), number), Found::kWhole);
            return;
        }
        const auto found = look(store(), number);
        EXPECT_NE(found, Found::kHalf);
        if (result.error().code == ErrorCode::kCommitUnknown)
            ++unknown;
        else
            EXPECT_EQ(found, Found::kAbsent) << result.error().detail;
    });
    EXPECT_GT(unknown, 0) << "errors inside COMMIT are unknown until read again";
}

TEST_F(Faults, an_operation_that_worked_but_said_it_failed_is_unknown_until_read_again) {
    for (const auto fault : {Fault::kErrorAfterwards, Fault::kFullAfterwards}) {
        bool stored_though_unknown = false;
        const std::uint32_t first = fault == Fault::kErrorAfterwards ? 100 : 1100;
        at_every_operation(
            fault,
            [&](std::uint32_t number, const Result<void>& result) {
                const auto found = look(store(), number);
                EXPECT_NE(found, Found::kHalf);
                if (result) {
                    EXPECT_EQ(found, Found::kWhole);
                } else if (found == Found::kWhole) {
                    EXPECT_EQ(result.error().code, ErrorCode::kCommitUnknown);
                    stored_though_unknown = true;
                }
            },
            first);
        EXPECT_TRUE(stored_though_unknown) << "the case that I5 is about was met";
    }
}

TEST_F(Faults, after_an_unknown_commit_the_same_store_goes_on) {
    vfs::arm(Fault::kErrorOnce, 9);
    const auto result = store().transact("tester", test::kNow, add_and_stage(500));
    vfs::disarm();
    ASSERT_FALSE(result);
    transact(add_and_stage(501));
    EXPECT_EQ(look(store(), 501), Found::kWhole);
    expect_unharmed("afterwards");
}

TEST_F(Faults, a_group_on_a_full_disk_fails_as_a_whole) {
    std::uint32_t operation = 0;
    for (; operation < kFarTooMany; ++operation) {
        const std::vector<Store::Work> works{add_and_stage(2000 + operation), add_and_stage(4000 + operation)};
        vfs::arm(Fault::kDiskFull, operation);
        const auto results = store().transact_group("tester", test::kNow, works);
        vfs::disarm();
        if (!vfs::fired()) break;
        for (const auto& result : results) EXPECT_EQ(code_of(result), ErrorCode::kNoSpace);
        EXPECT_EQ(look(store(), 2000 + operation), Found::kAbsent);
        EXPECT_EQ(look(store(), 4000 + operation), Found::kAbsent);
    }
    EXPECT_GT(operation, 8u);
    expect_unharmed("after all");
}

void kill_at_every_operation(Fault fault, Store& store, const std::function<Store::Work(std::uint32_t)>& work,
                             const std::function<void(std::uint32_t)>& judge) {
    std::uint32_t operation = 0;
    for (; operation < kFarTooMany; ++operation) {
        const int status = test::in_child([&] {
            const auto child_store = must(store.clone());
            vfs::arm(fault, operation);
            must(child_store->transact("child", test::kNow, work(100 + operation)));
        });
        if (test::ended_well(status)) break;
        ASSERT_TRUE(test::was_killed(status)) << "operation " << operation;
        judge(100 + operation);
    }
    EXPECT_GT(operation, 8u);
    EXPECT_LT(operation, kFarTooMany);
}

TEST_F(Faults, a_kill_at_any_operation_leaves_the_old_or_the_new_state_whole) {
    int absent = 0;
    int whole = 0;
    for (const auto fault : {Fault::kKillBefore, Fault::kKillAfter}) {
        const std::uint32_t offset = fault == Fault::kKillBefore ? 0 : 1000;
        kill_at_every_operation(
            fault, store(), [&](std::uint32_t number) { return add_and_stage(offset + number); },
            [&](std::uint32_t number) {
                const auto found = look(store(), offset + number);
                EXPECT_NE(found, Found::kHalf);
                ++(found == Found::kWhole ? whole : absent);
                expect_unharmed("after a kill");
            });
    }
    EXPECT_GT(absent, 0);
    EXPECT_GT(whole, 0) << "a kill after the journal was deleted comes after the commit point";
}

TEST_F(Faults, what_transact_returned_for_survives_a_kill_right_after) {
    const int status = test::in_child([&] {
        const auto child_store = must(store().clone());
        must(child_store->transact("child", test::kNow, add_and_stage(77)));
        kill(getpid(), SIGKILL);
    });
    ASSERT_TRUE(test::was_killed(status));
    EXPECT_EQ(look(store(), 77), Found::kWhole);
}

TEST_F(Faults, a_kill_inside_the_work_stores_nothing) {
    const int status = test::in_child([&] {
        const auto child_store = must(store().clone());
        must(child_store->transact("child", test::kNow, [](Transaction& transaction) -> Result<void> {
            must(add_and_stage(78)(transaction));
            kill(getpid(), SIGKILL);
            return {};
        }));
    });
    ASSERT_TRUE(test::was_killed(status));
    EXPECT_EQ(look(store(), 78), Found::kAbsent);
    expect_unharmed("after a kill");
}

TEST_F(Faults, making_a_vault_on_a_full_disk_leaves_nothing_behind) {
    const test::TemporaryDirectory parent;
    std::uint32_t operation = 0;
    for (; operation < kFarTooMany; operation += 5) {
        vfs::arm(Fault::kDiskFull, operation);
        const auto created = Store::create(parent.path() / "v", test::passphrase(), test::options());
        vfs::disarm();
        if (!vfs::fired()) break;
        EXPECT_EQ(code_of(created), ErrorCode::kNoSpace);
        EXPECT_TRUE(test::snapshot(parent.path()).empty()) << "operation " << operation;
    }
    EXPECT_GT(operation, 8u);
    EXPECT_TRUE(Store::open(parent.path() / "v", test::passphrase()));
}

TEST_F(Faults, a_kill_while_making_a_vault_leaves_no_vault_and_no_obstacle) {
    const test::TemporaryDirectory parent;
    const int status = test::in_child([&] {
        vfs::arm(Fault::kKillBefore, 10);
        must(Store::create(parent.path() / "v", test::passphrase(), test::options()));
    });
    ASSERT_TRUE(test::was_killed(status));
    EXPECT_FALSE(fs::exists(parent.path() / "v"));
    must(Store::create(parent.path() / "v", test::passphrase(), test::options()));
    EXPECT_TRUE(Store::open(parent.path() / "v", test::passphrase()));
}

}  // namespace
}  // namespace bmcvault::vault
