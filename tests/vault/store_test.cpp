// What the store keeps and refuses: inventory, the steps of a rotation, campaigns, facts, the audit log, the files.
#include "vault/store/store.hpp"

#include <fmt/format.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/vault/test_vault.hpp"
#include "vault/store/locks.hpp"
#include "vault/store/vault_files.hpp"

namespace bmcvault::vault {
namespace {

namespace fs = std::filesystem;
using test::code_of;
using test::must;
using test::secret;
using test::text_of;

constexpr Subject kPassword{Kind::kPassword, Subject::kOwnAccount};
constexpr Subject kKg{Kind::kKg, 1};

class StoreTest : public test::VaultTest {};

mode_t mode_of(const fs::path& path) {
    struct stat info{};
    if (lstat(path.c_str(), &info) != 0) throw std::runtime_error("no " + path.string());
    return info.st_mode & 07777;
}

TEST_F(StoreTest, a_new_vault_opens_is_empty_and_verifies) {
    EXPECT_TRUE(must(store().bmcs()).empty());
    EXPECT_TRUE(store().verify());
    const auto info = must(store().info());
    EXPECT_EQ(info.generation, 1u);
    EXPECT_EQ(info.audit_records, 1u);
    EXPECT_EQ(info.slots, std::vector<std::string>{"argon2id passphrase"});
    EXPECT_NE(info.vault_id, VaultId{});
}

TEST_F(StoreTest, every_field_of_a_bmc_comes_back) {
    auto bmc = test::make_bmc(1);
    bmc.port = 6230;
    bmc.user_id = 3;
    bmc.channel = 1;
    bmc.group = "web";
    bmc.tags = {"rack-1", "gpu"};
    bmc.hold = Hold{UnixTime{5}, "migration"};
    bmc.quarantine = Quarantine{{6}, {7}, "no candidate matches"};
    bmc.pin = {std::array<std::uint8_t, 16>{1, 2}, 674, 256, std::array<std::uint8_t, 6>{2, 3}};
    bmc.firmware = "1.70";
    bmc.cipher_suite = 17;
    bmc.weaker_suite_allowed = true;
    bmc.k_g_supported = false;
    bmc.last = LastResult{"rotate", "rotated", "suite-0-open", {8}};
    transact([&](Transaction& transaction) { return transaction.add_bmc(bmc); });
    const auto same = [](const Bmc& a, const Bmc& b) {
        EXPECT_EQ(a.id, b.id);
        EXPECT_EQ(std::tie(a.name, a.address, a.port, a.user_name, a.user_id, a.channel, a.group, a.tags, a.retired),
                  std::tie(b.name, b.address, b.port, b.user_name, b.user_id, b.channel, b.group, b.tags, b.retired));
        EXPECT_EQ(a.hold.has_value(), b.hold.has_value());
        if (a.hold && b.hold) {
            EXPECT_EQ(std::tie(a.hold->until, a.hold->reason), std::tie(b.hold->until, b.hold->reason));
        }
        EXPECT_EQ(a.quarantine.has_value(), b.quarantine.has_value());
        if (a.quarantine && b.quarantine) {
            EXPECT_EQ(std::tie(a.quarantine->since, a.quarantine->retry_at, a.quarantine->reason),
                      std::tie(b.quarantine->since, b.quarantine->retry_at, b.quarantine->reason));
        }
        EXPECT_EQ(a.pin, b.pin);
        EXPECT_EQ(std::tie(a.firmware, a.cipher_suite, a.weaker_suite_allowed, a.k_g_supported),
                  std::tie(b.firmware, b.cipher_suite, b.weaker_suite_allowed, b.k_g_supported));
        EXPECT_EQ(a.last.has_value(), b.last.has_value());
        if (a.last && b.last) {
            EXPECT_EQ(std::tie(a.last->command, a.last->outcome, a.last->detail, a.last->at),
                      std::tie(b.last->command, b.last->outcome, b.last->detail, b.last->at));
        }
    };
    same(must(store().bmc(bmc.id)), bmc);
    same(must(store().bmc(bmc.name)), bmc);
    auto empty = test::make_bmc(1);
    transact([&](Transaction& transaction) { return transaction.update_bmc(empty); });
    same(must(store().bmc(bmc.id)), empty);
    empty.hold = Hold{std::nullopt, ""};
    transact([&](Transaction& transaction) { return transaction.update_bmc(empty); });
    same(must(store().bmc(bmc.id)), empty);
}

TEST_F(StoreTest, names_are_unique_among_bmcs_that_are_not_retired) {
    auto first = test::make_bmc(1);
    auto second = test::make_bmc(2);
    second.name = first.name;
    transact([&](Transaction& transaction) { return transaction.add_bmc(first); });
    const auto clash = try_transact([&](Transaction& transaction) { return transaction.add_bmc(second); });
    EXPECT_EQ(code_of(clash), ErrorCode::kAlreadyExists);
    EXPECT_TRUE(clash.error().detail.contains(first.name));
    EXPECT_EQ(code_of(try_transact([&](Transaction& transaction) { return transaction.add_bmc(first); })),
              ErrorCode::kAlreadyExists);
    first.retired = true;
    transact([&](Transaction& transaction) { return transaction.update_bmc(first); });
    transact([&](Transaction& transaction) { return transaction.add_bmc(second); });
    EXPECT_EQ(must(store().bmc(first.name)).id, second.id);
    EXPECT_EQ(must(store().bmcs()).size(), 1u);
    EXPECT_EQ(must(store().bmcs(true)).size(), 2u);
    first.retired = false;
    EXPECT_EQ(code_of(try_transact([&](Transaction& transaction) { return transaction.update_bmc(first); })),
              ErrorCode::kAlreadyExists);
}

TEST_F(StoreTest, a_board_is_pinned_to_one_row) {
    auto first = test::make_bmc(1);
    auto second = test::make_bmc(2);
    transact([&](Transaction& t) { return t.add_bmc(first); });
    transact([&](Transaction& t) { return t.add_bmc(second); });
    first.pin.guid = second.pin.guid = std::array<std::uint8_t, 16>{7};
    transact([&](Transaction& t) { return t.pin_board(first); });
    const auto taken = try_transact([&](Transaction& t) { return t.pin_board(second); });
    EXPECT_EQ(code_of(taken), ErrorCode::kConflict);
    EXPECT_TRUE(taken.error().detail.contains(first.name));
    EXPECT_FALSE(must(store().bmc(second.id)).pin.guid);
    transact([&](Transaction& t) { return t.pin_board(first); });  // again: it is its own

    // Other MAC addresses: a GUID that the vendor gave to all boards.
    first.pin.mac = std::array<std::uint8_t, 6>{1};
    second.pin.mac = std::array<std::uint8_t, 6>{2};
    transact([&](Transaction& t) { return t.pin_board(first); });
    transact([&](Transaction& t) { return t.pin_board(second); });
    EXPECT_EQ(must(store().bmc(second.id)).pin, second.pin);
}

TEST_F(StoreTest, a_row_that_was_removed_gives_its_board_free) {
    auto first = test::make_bmc(1);
    auto second = test::make_bmc(2);
    transact([&](Transaction& t) { return t.add_bmc(first); });
    transact([&](Transaction& t) { return t.add_bmc(second); });
    first.pin.guid = second.pin.guid = std::array<std::uint8_t, 16>{7};
    transact([&](Transaction& t) { return t.pin_board(first); });
    first.retired = true;
    transact([&](Transaction& t) { return t.update_bmc(first); });
    transact([&](Transaction& t) { return t.pin_board(second); });
    EXPECT_EQ(must(store().bmc(second.id)).pin.guid, second.pin.guid);
}

TEST_F(StoreTest, what_can_not_be_a_bmc_is_refused_by_name_of_the_field) {
    const auto refused = [&](auto change, std::string_view word) {
        auto bmc = test::make_bmc(1);
        change(bmc);
        const auto result = try_transact([&](Transaction& transaction) { return transaction.add_bmc(bmc); });
        EXPECT_EQ(code_of(result), ErrorCode::kInvalidArgument);
        EXPECT_TRUE(result.error().detail.contains(word)) << result.error().detail;
    };
    refused([](Bmc& bmc) { bmc.name.clear(); }, "name");
    refused([](Bmc& bmc) { bmc.address.clear(); }, "address");
    refused([](Bmc& bmc) { bmc.port = 0; }, "port");
    refused([](Bmc& bmc) { bmc.user_name = "seventeen-letters"; }, "user name");
    refused([](Bmc& bmc) { bmc.user_id = 64; }, "user ID");
    refused([](Bmc& bmc) { bmc.channel = 16; }, "channel");
    refused([](Bmc& bmc) { bmc.tags = {"a\nb"}; }, "tag");
    EXPECT_EQ(must(store().info()).audit_records, 1u);
}

TEST_F(StoreTest, rotations_move_versions_along_the_chain) {
    const auto bmc = add_bmc(1);
    EXPECT_EQ(rotate(bmc, "first-password"), VersionNumber{1});
    EXPECT_EQ(states(bmc), "current");
    rotate(bmc, "second-password");
    EXPECT_EQ(states(bmc), "previous current");
    rotate(bmc, "third-password");
    EXPECT_EQ(states(bmc), "retired previous current");
    const auto versions = must(store().versions(bmc));
    EXPECT_EQ(text_of(must(store().unseal(versions[0]))), "first-password");
    EXPECT_EQ(text_of(must(store().unseal(versions[2]))), "third-password");
    EXPECT_EQ(versions[1].superseded_at, test::kNow);
    EXPECT_EQ(versions[2].superseded_at, std::nullopt);
    EXPECT_EQ(versions[2].sent_at, test::kNow);
    EXPECT_EQ(versions[2].proved_at, test::kNow);
}

TEST_F(StoreTest, a_second_pending_version_is_refused_and_the_first_kept) {
    const auto bmc = add_bmc(1);
    stage(bmc, "staged");
    const auto again = try_transact([&](Transaction& transaction) -> Result<void> {
        const auto version =
            transaction.stage(bmc, kPassword, secret("other"), StoredSize::k20, Provenance::kGenerated, "");
        return version ? Result<void>() : std::unexpected(version.error());
    });
    EXPECT_EQ(code_of(again), ErrorCode::kConflict);
    EXPECT_EQ(states(bmc), "pending");
    EXPECT_EQ(text_of(must(store().unseal(must(store().versions(bmc))[0]))), "staged");
    stage(bmc, "of the key", kKg);
    EXPECT_EQ(states(bmc, kKg), "pending") << "each subject has its own";
}

TEST_F(StoreTest, found_live_brings_an_old_version_back_and_fails_what_was_pending) {
    const auto bmc = add_bmc(1);
    rotate(bmc, "1");
    rotate(bmc, "2");
    rotate(bmc, "3");
    stage(bmc, "4");
    stage(bmc, "of the key", kKg);
    transact([&](Transaction& transaction) { return transaction.found_live(bmc, kPassword, {3}); });
    EXPECT_EQ(states(bmc), "retired previous current pending") << "it was current: nothing is new";
    transact([&](Transaction& transaction) { return transaction.found_live(bmc, kPassword, {1}); });
    EXPECT_EQ(states(bmc), "current retired previous failed");
    EXPECT_EQ(states(bmc, kKg), "failed") << "not for whoever proves an older password (I12)";
    transact([&](Transaction& transaction) { return transaction.found_live(bmc, kPassword, {3}); });
    EXPECT_EQ(states(bmc), "previous retired current failed");
    EXPECT_EQ(must(store().versions(bmc))[2].superseded_at, std::nullopt);
    transact([&](Transaction& transaction) { return transaction.found_live(bmc, kPassword, {3}); });
    EXPECT_EQ(states(bmc), "previous retired current failed");
}

TEST_F(StoreTest, found_none_live_leaves_no_current_k_g) {
    const auto bmc = add_bmc(1);
    rotate(bmc, "1", kKg);
    rotate(bmc, "2", kKg);
    stage(bmc, "3", kKg);
    transact([&](Transaction& transaction) { return transaction.found_none_live(bmc, kKg); });
    EXPECT_EQ(states(bmc, kKg), "retired previous pending");
    transact([&](Transaction& transaction) { return transaction.found_none_live(bmc, kKg); });
    EXPECT_EQ(states(bmc, kKg), "retired previous pending");
    transact([&](Transaction& transaction) { return transaction.commit_pending(bmc, kKg, {3}); });
    EXPECT_EQ(states(bmc, kKg), "retired previous current");
}

TEST_F(StoreTest, a_mangled_password_is_observed_in_one_step) {
    const auto bmc = add_bmc(1);
    rotate(bmc, "old");
    stage(bmc, "twenty-bytes-long-xx");
    transact([&](Transaction& transaction) -> Result<void> {
        EXPECT_EQ(must(transaction.observed_live(bmc, kPassword, secret("twenty-bytes-lon"), StoredSize::k16, "cut")),
                  VersionNumber{3});
        return {};
    });
    EXPECT_EQ(states(bmc), "previous failed current");
    const auto live = must(store().versions(bmc))[2];
    EXPECT_EQ(live.size, StoredSize::k16);
    EXPECT_EQ(live.provenance, Provenance::kObserved);
    EXPECT_EQ(text_of(must(store().unseal(live))), "twenty-bytes-lon");
}

TEST_F(StoreTest, abandoned_versions_stay_candidates_and_may_turn_up_late) {
    const auto bmc = add_bmc(1);
    rotate(bmc, "1");
    stage(bmc, "2");
    transact([&](Transaction& t) { return t.abandon_pending(bmc, kPassword, {2}, "refused by policy"); });
    EXPECT_EQ(states(bmc), "current failed");
    EXPECT_EQ(must(store().versions(bmc))[1].note, "refused by policy");
    EXPECT_EQ(text_of(must(store().unseal(must(store().versions(bmc))[1]))), "2");
    transact([&](Transaction& transaction) { return transaction.found_live(bmc, kPassword, {2}); });
    EXPECT_EQ(states(bmc), "previous current");
}

TEST_F(StoreTest, steps_out_of_order_are_refused_and_change_nothing) {
    const auto bmc = add_bmc(1);
    rotate(bmc, "1");
    const auto refused = [&](const Store::Work& work) { return code_of(try_transact(work)); };
    const auto before = must(store().info()).audit_records;
    EXPECT_EQ(refused([&](Transaction& t) { return t.commit_pending(bmc, kPassword, {1}); }), ErrorCode::kConflict);
    EXPECT_EQ(refused([&](Transaction& t) { return t.abandon_pending(bmc, kPassword, {1}, ""); }),
              ErrorCode::kConflict);
    EXPECT_EQ(refused([&](Transaction& t) { return t.commit_pending(bmc, kPassword, {9}); }), ErrorCode::kNotFound);
    EXPECT_EQ(refused([&](Transaction& t) { return t.mark_sent(bmc, kPassword, {9}); }), ErrorCode::kNotFound);
    EXPECT_EQ(refused([&](Transaction& t) { return t.found_live(BmcId{}, kPassword, {1}); }), ErrorCode::kNotFound);
    EXPECT_EQ(refused([&](Transaction& t) { return t.update_bmc(test::make_bmc(77)); }), ErrorCode::kNotFound);
    const auto add = [&](VersionState state, Subject subject, StoredSize size) {
        return refused([&](Transaction& t) -> Result<void> {
            const auto version = t.add_version(bmc, subject, secret("x"), size, state, Provenance::kImported, "");
            return version ? Result<void>() : std::unexpected(version.error());
        });
    };
    EXPECT_EQ(add(VersionState::kCurrent, kPassword, StoredSize::k20), ErrorCode::kConflict);
    EXPECT_EQ(add(VersionState::kPending, kPassword, StoredSize::k20), ErrorCode::kConflict);
    EXPECT_EQ(add(VersionState::kUnknown, kKg, StoredSize::k16), ErrorCode::kInvalidArgument);
    stage(bmc, "2");
    EXPECT_EQ(refused([&](Transaction& t) { return t.mark_proved(bmc, kPassword, {2}); }), ErrorCode::kConflict);
    EXPECT_EQ(states(bmc), "current pending");
    EXPECT_EQ(must(store().info()).audit_records, before + 1);
}

TEST_F(StoreTest, a_failed_work_of_a_group_harms_no_other) {
    const auto a = test::make_bmc(1);
    const auto b = test::make_bmc(2);
    const std::vector<Store::Work> works{
        [&](Transaction& t) { return t.add_bmc(a); },
        [&](Transaction& t) -> Result<void> {
            must(t.add_bmc(b));
            must(t.learn("card", "fact", "value"));
            return fail(ErrorCode::kCancelled, "changed my mind");
        },
        [&](Transaction& t) { return t.audit("test.event", a.id, "{}"); },
    };
    const auto results = store().transact_group("tester", test::kNow, works);
    ASSERT_EQ(results.size(), 3u);
    EXPECT_TRUE(results[0] && results[2]);
    EXPECT_EQ(code_of(results[1]), ErrorCode::kCancelled);
    EXPECT_EQ(must(store().bmcs()).size(), 1u);
    EXPECT_TRUE(must(store().facts("card")).empty());
    const auto log = must(store().audit_log(1, 100));
    ASSERT_EQ(log.size(), 2u);
    EXPECT_EQ(log[1].event, "test.event");
    EXPECT_TRUE(store().verify());
}

TEST_F(StoreTest, a_work_that_throws_leaves_nothing) {
    EXPECT_THROW(std::ignore = try_transact([&](Transaction& t) -> Result<void> {
                     must(t.add_bmc(test::make_bmc(1)));
                     throw std::runtime_error("thrown");
                 }),
                 std::runtime_error);
    EXPECT_TRUE(must(store().bmcs()).empty());
    add_bmc(2);
    EXPECT_TRUE(store().verify());
}

TEST_F(StoreTest, campaigns_are_continued_by_the_same_command) {
    const auto a = add_bmc(1);
    const auto b = add_bmc(2);
    std::int64_t campaign = 0;
    const auto begin = [&] {
        transact([&](Transaction& t) -> Result<void> {
            campaign = must(t.begin_campaign("rotate", "@web"));
            return {};
        });
        return campaign;
    };
    const auto first = begin();
    EXPECT_EQ(begin(), first) << "two starts are one campaign";
    transact([&](Transaction& t) { return t.campaign_done(first, b, "refused"); });
    transact([&](Transaction& t) { return t.campaign_done(first, b, "rotated"); });
    EXPECT_TRUE(must(store().is_done(first, b)));
    EXPECT_FALSE(must(store().is_done(first, a)));
    EXPECT_FALSE(must(store().is_done(first + 1, b)));
    transact([&](Transaction& t) { return t.campaign_done(first, a, "rotated"); });
    EXPECT_EQ(must(store().campaign_done(first)), (std::vector{a, b}));
    EXPECT_EQ(must(store().unfinished_campaign("rotate", "@web"))->id, first);
    EXPECT_FALSE(must(store().unfinished_campaign("rotate", "@db")));
    transact([&](Transaction& t) { return t.finish_campaign(first); });
    EXPECT_FALSE(must(store().unfinished_campaign("rotate", "@web")));
    EXPECT_EQ(code_of(try_transact([&](Transaction& t) { return t.finish_campaign(first); })), ErrorCode::kConflict);
    EXPECT_NE(begin(), first);
}

TEST_F(StoreTest, facts_are_learned_and_learned_anew) {
    for (const auto* value : {"", "20", "16", "16"})
        transact([&](Transaction& t) { return t.learn("674/256", "password-size", value); });
    EXPECT_EQ(must(store().facts("674/256")), (Store::Facts{{"password-size", "16"}}));
    EXPECT_EQ(must(store().audit_log(1, 100)).size(), 3u) << "what was known already is not news";
}

TEST_F(StoreTest, the_audit_log_names_who_what_and_when_without_the_secret) {
    const auto bmc = add_bmc(1);
    rotate(bmc, "never-in-the-log");
    const auto log = must(store().audit_log(0, 100));
    std::vector<std::string> events;
    for (const auto& record : log) {
        events.push_back(record.event);
        EXPECT_FALSE(record.body.contains("never-in-the-log"));
    }
    EXPECT_EQ(events, (std::vector<std::string>{"vault.created", "bmc.added", "credential.staged", "credential.sent",
                                                "credential.committed"}));
    EXPECT_EQ(log[2].actor, "tester");
    EXPECT_EQ(log[2].bmc, bmc);
    EXPECT_EQ(log[2].body, R"({"kind":"password","subject":0,"version":1})");
    EXPECT_EQ(must(store().audit_log(3, 1)).size(), 1u);
}

TEST_F(StoreTest, a_clone_sees_what_was_committed) {
    const auto clone = must(store().clone());
    const auto bmc = add_bmc(1);
    rotate(bmc, "secret");
    const auto versions = must(clone->versions(bmc));
    ASSERT_EQ(versions.size(), 1u);
    EXPECT_EQ(text_of(must(clone->unseal(versions[0]))), "secret");
    EXPECT_EQ(must(clone->current_versions()).size(), 1u);
}

TEST_F(StoreTest, a_wrong_passphrase_is_told_as_such_and_changes_no_byte) {
    rotate(add_bmc(1), "secret");
    close();
    const auto before = test::snapshot(directory());
    EXPECT_EQ(code_of(Store::open(directory(), test::passphrase("not it"))), ErrorCode::kWrongKey);
    EXPECT_EQ(code_of(Store::open(directory(), test::passphrase(std::string(test::kPassphrase) + " "))),
              ErrorCode::kWrongKey);
    EXPECT_EQ(test::snapshot(directory()), before);
}

TEST_F(StoreTest, create_refuses_what_is_there_already) {
    const auto before = test::snapshot(directory());
    EXPECT_EQ(code_of(Store::create(directory(), test::passphrase(), test::options())), ErrorCode::kAlreadyExists);
    EXPECT_EQ(test::snapshot(directory()), before);
    const test::TemporaryDirectory other;
    test::write_file(other.path() / "letter", "dear all");
    EXPECT_EQ(code_of(Store::create(other.path(), test::passphrase(), test::options())), ErrorCode::kAlreadyExists);
    EXPECT_EQ(test::snapshot(other.path()).size(), 1u);
}

TEST_F(StoreTest, create_fills_an_empty_directory_made_beforehand) {
    const test::TemporaryDirectory empty;
    must(Store::create(empty.path(), test::passphrase(), test::options()));
    EXPECT_TRUE(Store::open(empty.path(), test::passphrase()));
    EXPECT_EQ(test::snapshot(empty.path()).size(), 4u) << "header, store, lock, locks";
}

TEST_F(StoreTest, create_that_fails_leaves_nothing_behind) {
    const test::TemporaryDirectory parent;
    auto wrong = test::options();
    wrong.slot_name = "not a name";
    EXPECT_EQ(code_of(Store::create(parent.path() / "v", test::passphrase(), wrong)), ErrorCode::kInvalidArgument);
    wrong = test::options();
    wrong.kdf.memory_bytes = 1 << 20;
    EXPECT_EQ(code_of(Store::create(parent.path() / "v", test::passphrase(), wrong)), ErrorCode::kInvalidArgument);
    wrong = test::options();
    wrong.group = "no-such-group-here";
    EXPECT_EQ(code_of(Store::create(parent.path() / "v", test::passphrase(), wrong)), ErrorCode::kInvalidArgument);
    EXPECT_EQ(code_of(Store::create(parent.path() / "no" / "v", test::passphrase(), test::options())), ErrorCode::kIo);
    EXPECT_TRUE(test::snapshot(parent.path()).empty());
}

TEST_F(StoreTest, files_are_for_the_owner_alone_whatever_the_umask) {
    for (const mode_t mask : {0u, 0777u}) {
        const test::TemporaryDirectory parent;
        const auto old_mask = umask(mask);
        const auto created = Store::create(parent.path() / "v", test::passphrase(), test::options());
        umask(old_mask);
        must(created);
        EXPECT_EQ(mode_of(parent.path() / "v"), 0700u);
        EXPECT_EQ(mode_of(parent.path() / "v" / "locks"), 0700u);
        for (const auto* name : {"vault.hdr", "store-000001.db", "lock"})
            EXPECT_EQ(mode_of(parent.path() / "v" / name), 0600u) << name;
    }
}

TEST_F(StoreTest, locks_of_a_group_vault_are_the_groups_whatever_the_umask) {
    const auto* group = getgrgid(getegid());
    ASSERT_NE(group, nullptr);
    const test::TemporaryDirectory parent;
    auto shared = test::options();
    shared.group = group->gr_name;
    must(Store::create(parent.path() / "v", test::passphrase(), shared));
    const auto old_mask = umask(0077);
    const auto header = HeaderLock::try_acquire(parent.path() / "v");
    const auto bmc = BmcLock::try_acquire(parent.path() / "v", BmcId{});
    umask(old_mask);
    ASSERT_TRUE(header.has_value());
    ASSERT_TRUE(bmc.has_value());
    for (const auto& file : std::filesystem::directory_iterator(parent.path() / "v" / "locks"))
        EXPECT_EQ(mode_of(file.path()), 0660u) << file.path();
}

TEST_F(StoreTest, a_group_vault_belongs_to_its_group) {
    const auto* group = getgrgid(getegid());
    ASSERT_NE(group, nullptr);
    const test::TemporaryDirectory parent;
    auto shared = test::options();
    shared.group = group->gr_name;
    must(Store::create(parent.path() / "v", test::passphrase(), shared));
    EXPECT_EQ(mode_of(parent.path() / "v"), 02770u);
    EXPECT_EQ(mode_of(parent.path() / "v" / "vault.hdr"), 0660u);
    EXPECT_EQ(mode_of(parent.path() / "v" / "store-000001.db"), 0660u);
    EXPECT_TRUE(Store::open(parent.path() / "v", test::passphrase()));
}

TEST_F(StoreTest, open_modes_are_refused_and_nothing_is_changed) {
    for (const auto& [name, mode] : {std::pair<fs::path, mode_t>{"", 0755},
                                     {"", 0770},
                                     {"vault.hdr", 0644},
                                     {"store-000001.db", 0660},
                                     {"lock", 0666}}) {
        const auto path = name.empty() ? directory() : directory() / name;
        const auto old_mode = mode_of(path);
        ASSERT_EQ(chmod(path.c_str(), mode), 0);
        EXPECT_EQ(code_of(Store::open(directory(), test::passphrase())), ErrorCode::kUnsafeFile) << path;
        EXPECT_EQ(mode_of(path), mode);
        ASSERT_EQ(chmod(path.c_str(), old_mode), 0);
    }
    EXPECT_TRUE(Store::open(directory(), test::passphrase()));
}

TEST_F(StoreTest, links_in_place_of_files_are_refused) {
    for (const auto* name : {"vault.hdr", "store-000001.db", "lock"}) {
        const auto path = directory() / name;
        const auto elsewhere = directory().parent_path() / "elsewhere";
        fs::rename(path, elsewhere);
        fs::create_symlink(elsewhere, path);
        EXPECT_EQ(code_of(Store::open(directory(), test::passphrase())), ErrorCode::kUnsafeFile) << name;
        fs::remove(path);
        fs::rename(elsewhere, path);
    }
    const auto link = directory().parent_path() / "link";
    fs::create_directory_symlink(directory(), link);
    EXPECT_EQ(code_of(Store::open(link, test::passphrase())), ErrorCode::kUnsafeFile);
}

TEST_F(StoreTest, a_directory_of_another_user_is_refused) {
    // Root can give the directory away; for others, /root is one that is not theirs.
    const bool root = geteuid() == 0;
    ASSERT_TRUE(!root || chown(directory().c_str(), 12345, static_cast<gid_t>(-1)) == 0);
    EXPECT_EQ(code_of(check_directory(root ? directory() : fs::path("/root"))), ErrorCode::kUnsafeFile);
}

TEST_F(StoreTest, network_file_systems_are_known_by_their_numbers) {
    EXPECT_EQ(network_file_system(0x6969), "NFS");
    EXPECT_EQ(network_file_system(0xff534d42), "CIFS");
    EXPECT_EQ(network_file_system(0x517b), "SMB");
    EXPECT_EQ(network_file_system(0xfe534d42), "SMB2");
    EXPECT_EQ(network_file_system(0xef53), std::nullopt) << "ext4";
    EXPECT_EQ(network_file_system(0x01021994), std::nullopt) << "tmpfs";
}

TEST_F(StoreTest, missing_pieces_are_named) {
    EXPECT_EQ(code_of(Store::open(directory() / "nowhere", test::passphrase())), ErrorCode::kNotFound);
    for (const auto* name : {"vault.hdr", "store-000001.db", "lock"}) {
        const auto path = directory() / name;
        fs::rename(path, directory().parent_path() / "away");
        EXPECT_EQ(code_of(Store::open(directory(), test::passphrase())), ErrorCode::kNotFound) << name;
        EXPECT_FALSE(fs::exists(path)) << "never made anew";
        fs::rename(directory().parent_path() / "away", path);
    }
}

TEST_F(StoreTest, an_exclusive_vault_lock_makes_open_busy_and_a_shared_one_does_not) {
    {
        const auto exclusive = must(VaultLock::acquire(directory(), VaultLock::Mode::kExclusive));
        EXPECT_EQ(code_of(Store::open(directory(), test::passphrase())), ErrorCode::kBusy);
    }
    const auto open_store = must(Store::open(directory(), test::passphrase()));
    EXPECT_EQ(code_of(VaultLock::acquire(directory(), VaultLock::Mode::kExclusive)), ErrorCode::kBusy);
    EXPECT_TRUE(Store::open(directory(), test::passphrase()));
}

}  // namespace
}  // namespace bmcvault::vault
