// What was proved wiped may be forgotten: of those BMCs and of no other every credential is destroyed, in a new
// generation, wherever it is interrupted.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>

#include "tests/vault/test_vault.hpp"

namespace bmcvault::vault {
namespace {

namespace fs = std::filesystem;
using test::code_of;
using test::must;

constexpr Subject kPassword{Kind::kPassword, Subject::kOwnAccount};
constexpr UnixTime kWipedAt{test::kNow.value + 100};

class Retention : public test::VaultTest {
protected:
    Retention()
        : gone_(add_with_three_versions(1)), removed_(add_with_three_versions(2)), kept_(add_with_three_versions(3)) {
        retire(gone_, true);
        retire(removed_, false);
    }

    BmcId add_with_three_versions(std::uint8_t number) {
        const auto bmc = add_bmc(number);
        rotate(bmc, "first");
        rotate(bmc, "second");
        transact([&](Transaction& t) -> Result<void> {
            must(t.stage(bmc, kPassword, test::secret("staged"), StoredSize::k20, Provenance::kGenerated, ""));
            return {};
        });
        return bmc;
    }

    void retire(BmcId id, bool wiped) {
        auto bmc = must(store().bmc(id));
        must(store().transact("tester", kWipedAt, [&](Transaction& t) {
            if (wiped) return t.retire_wiped(bmc, "{}");
            bmc.retired = true;
            return t.update_bmc(bmc);
        }));
    }
    static Acting acting() { return {"tester", {kWipedAt.value + 10}, "retention time over", {}}; }
    [[nodiscard]] std::vector<WipedBmc> wiped() { return must(store().team().wiped()); }
    [[nodiscard]] std::size_t destroyed_of(BmcId bmc) {
        return static_cast<std::size_t>(
            std::ranges::count(must(store().versions(bmc)), VersionState::kDestroyed, &CredentialVersion::state));
    }
    void expect_only_the_wiped_are_gone(const std::string& when) {
        close();
        EXPECT_TRUE(store().verify()) << when;
        EXPECT_EQ(destroyed_of(gone_), 3u) << when;
        for (const auto& version : must(store().versions(gone_))) EXPECT_FALSE(store().unseal(version)) << when;
        for (const auto& bmc : {removed_, kept_}) {
            EXPECT_EQ(destroyed_of(bmc), 0u) << when;
            EXPECT_EQ(test::text_of(must(store().unseal(must(store().versions(bmc)).at(1)))), "second") << when;
        }
        EXPECT_TRUE(wiped().empty()) << when;
    }

    BmcId gone_;
    BmcId removed_;
    BmcId kept_;
};

TEST_F(Retention, only_what_was_proved_wiped_is_listed) {
    const auto all = wiped();
    ASSERT_EQ(all.size(), 1u);
    EXPECT_EQ(all[0].id, gone_);
    EXPECT_EQ(all[0].at, kWipedAt);
    EXPECT_EQ(all[0].since, test::kNow);
    EXPECT_EQ(all[0].versions, 3u);
    EXPECT_TRUE(must(store().bmc(gone_)).retired);
    EXPECT_EQ(must(store().audit_log(0, 1000)).rbegin()[1].event, "bmc.deprovisioned");
}

TEST_F(Retention, every_credential_of_the_wiped_is_destroyed_in_a_new_generation) {
    const auto before = store_file();
    must(store().team().destroy(acting(), std::span(&gone_, 1)));
    expect_only_the_wiped_are_gone("opened again");
    EXPECT_EQ(must(store().info()).generation, 2u);
    EXPECT_FALSE(fs::exists(before)) << "the file that held them";
    const auto log = must(store().audit_log(0, 1000));
    const auto record = std::ranges::find(log, "credential.destroyed", &AuditRecord::event);
    ASSERT_NE(record, log.end());
    EXPECT_EQ(record->bmc, gone_);
    EXPECT_EQ(record->body, R"({"reason":"retention time over","versions":3})");
    EXPECT_EQ(must(store().versions(gone_)).size(), 3u) << "that there were some stays known";
}

TEST_F(Retention, what_was_never_wiped_is_refused_and_nothing_is_changed) {
    for (const auto& bmc : {removed_, kept_}) {
        const std::array both{gone_, bmc};
        EXPECT_EQ(code_of(store().team().destroy(acting(), both)), ErrorCode::kConflict);
        close();
        EXPECT_EQ(must(store().info()).generation, 1u);
        EXPECT_EQ(destroyed_of(gone_), 0u);
        EXPECT_EQ(wiped().size(), 1u);
    }
}

TEST_F(Retention, a_kill_at_any_step_leaves_all_or_nothing_and_the_same_again_ends_it) {
    std::uint8_t number = 10;
    auto victim = gone_;
    for (const char* step : {"generation-file-made", "generation-copied", "generation-before-header",
                             "generation-after-header", "generation-done"}) {
        close();
        const int status = test::in_child([&] {
            auto killed = acting();
            killed.hook = [&](std::string_view passed) {
                if (passed == step) kill(getpid(), SIGKILL);
            };
            const auto mine = must(Store::open(directory(), test::passphrase()));
            must(mine->team().destroy(killed, std::span(&victim, 1)));
        });
        ASSERT_TRUE(test::was_killed(status)) << step;
        EXPECT_TRUE(store().verify()) << step;
        const bool after =
            std::string_view(step) == "generation-after-header" || std::string_view(step) == "generation-done";
        EXPECT_EQ(destroyed_of(victim), after ? 3u : 0u) << step;
        if (!after) must(store().team().destroy(acting(), std::span(&victim, 1)));
        expect_only_the_wiped_are_gone(step);
        EXPECT_EQ(destroyed_of(victim), 3u) << step;
        victim = add_with_three_versions(++number);
        retire(victim, true);
    }
}

TEST_F(Retention, backups_that_may_hold_them_are_named) {
    const auto file = directory().parent_path() / "monday.bmcvault";
    must(store().backup(file, {"tester", {kWipedAt.value + 1}, ""}));
    EXPECT_EQ(must(store().team().backups_since(test::kNow)), std::vector{file.string()});
    EXPECT_TRUE(must(store().team().backups_since({kWipedAt.value + 2})).empty());
}

}  // namespace
}  // namespace bmcvault::vault
