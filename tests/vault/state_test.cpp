// The root of the state: kept by every change of every row, spoken of by the log, and what it is for: pages of an older
// copy of the store, put back one at a time or by two, are noticed; at once, and after whatever was written on top.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "tests/vault/test_vault.hpp"
#include "vault/core/audit_chain.hpp"
#include "vault/store/schema.hpp"
#include "vault/store/sqlcipher_store.hpp"
#include "vault/store/state.hpp"

namespace bmcvault::vault {
namespace {

namespace fs = std::filesystem;
using test::code_of;
using test::must;

constexpr Subject kPassword{Kind::kPassword, Subject::kOwnAccount};
constexpr std::size_t kSaltSize = 16;  // of page 1: not used, the salt comes with the key

std::string page_of(const std::string& file, std::size_t page) {
    return file.substr(page * kPageSize, kPageSize);
}

class State : public test::VaultTest {
protected:
    State() {
        header_ = must(parse_header(test::read_file(header_file())));
        bundle_ = must(unlock(header_, test::passphrase())).bundle.clone();
        for (std::uint32_t number = 1; number <= 20; ++number) bmcs_.push_back(add_bmc(number));
    }
    std::unique_ptr<Database> raw() { return must(Database::open(store_file(), DatabaseKeys::of(bundle_.master_key))); }

    // Every row that the vault holds, the log's too, in some order.
    std::vector<Digest> content() {
        const auto database = raw();
        const auto key = random_key_of_this_test();
        std::vector<Digest> rows;
        const auto take = [&](std::string_view table, std::string_view select) {
            must(database->query(select, {}, [&](const Row& row) {
                rows.push_back(row.state_row(table).hash(key));
                return Result<void>();
            }));
        };
        for (const auto& [table, select] : rows_of_state()) take(table, select);
        take("audit", "SELECT * FROM audit NOT INDEXED");
        take("audit_signature", "SELECT * FROM audit_signature NOT INDEXED");
        take("audit_pack", "SELECT * FROM audit_pack NOT INDEXED");
        std::ranges::sort(rows);
        return rows;
    }
    static Key32 random_key_of_this_test() { return {}; }

    // A page of each kind of table changes here and there; `old` are the store files of before each step.
    std::vector<std::string> write_history() {
        std::vector<std::string> old;
        const auto step = [&](const std::function<void()>& work) {
            old.push_back(test::read_file(store_file()));
            work();
        };
        step([&] { rotate(bmcs_[0], "first"); });
        step([&] { rotate(bmcs_[0], "second"); });
        step([&] {
            for (const auto& bmc : bmcs_) rotate(bmc, "each");
        });
        step([&] {
            transact([&](Transaction& transaction) { return transaction.learn("a card", "a fact", "a value"); });
        });
        step([&] {
            auto bmc = must(store().bmc(bmcs_[3]));
            bmc.address = "elsewhere.example";
            transact([&](Transaction& transaction) { return transaction.update_bmc(bmc); });
        });
        step([&] {
            const auto versions = must(store().versions(bmcs_[1]));
            transact([&](Transaction& transaction) {
                return transaction.disclose("reveal", bmcs_[1], versions, R"({"reason":"a test"})");
            });
        });
        step([&] {
            transact([&](Transaction& transaction) { return transaction.audit("fact.learned", bmcs_[2], "{}"); });
        });
        return old;
    }

    Header header_;
    Bundle bundle_;
    std::vector<BmcId> bmcs_;
};

TEST_F(State, every_table_but_the_log_has_its_columns_in_the_root) {
    const auto database = raw_database();
    std::vector<std::string> tables;
    must(database->query("SELECT name FROM sqlite_master WHERE type='table' ORDER BY rowid", {}, [&](const Row& row) {
        tables.push_back(row.text(0));
        return Result<void>();
    }));
    std::erase_if(tables, [](const auto& table) { return table.starts_with("audit") || table == "state"; });
    std::vector<std::string> summed;
    for (const auto& [table, select] : rows_of_state()) {
        summed.emplace_back(table);
        EXPECT_EQ(select, fmt::format("SELECT * FROM {} NOT INDEXED", table));
    }
    EXPECT_EQ(summed, tables);
    std::vector<std::string> pragmas;  // a statement's text has to live as long as the connection
    pragmas.reserve(tables.size());
    for (const auto& table : tables) {
        std::string added = fmt::format("'{}'", table);
        auto removed = added;
        must(
            database->query(pragmas.emplace_back(fmt::format("PRAGMA table_info({})", table)), {}, [&](const Row& row) {
                added += ",NEW." + row.text(1);
                removed += ",OLD." + row.text(1);
                return Result<void>();
            }));
        const auto trigger = [&](const std::string& kind) {
            std::string sql;
            must(database->query("SELECT sql FROM sqlite_master WHERE type='trigger' AND name=?",
                                 {fmt::format("state_{}_{}", table, kind)}, [&](const Row& row) {
                                     sql = row.text(0);
                                     return Result<void>();
                                 }));
            std::erase_if(sql, [](char each) { return each == ' ' || each == '\n'; });
            return sql;
        };
        EXPECT_TRUE(trigger("insert").ends_with(fmt::format("root=root_with(root,{});END", added))) << table;
        EXPECT_TRUE(
            trigger("update").ends_with(fmt::format("root=root_with(root_without(root,{}),{});END", removed, added)))
            << table;
    }
}

TEST_F(State, the_root_is_the_sum_of_the_rows_and_says_nothing_of_their_order) {
    const auto row = [](std::int64_t number, std::string_view text) {
        StateRow made("t");
        made.add_integer(number);
        made.add_text(text);
        made.add_null();
        return made.hash(Key32());
    };
    const auto one = root_with(root_with({}, row(1, "a")), row(2, "b"));
    EXPECT_EQ(one, root_with(root_with({}, row(2, "b")), row(1, "a")));
    EXPECT_EQ(root_without(one, row(2, "b")), root_with({}, row(1, "a")));
    EXPECT_EQ(root_without(root_with({}, row(1, "a")), row(1, "a")), Digest{});
    EXPECT_NE(one, root_with(root_with({}, row(1, "b")), row(2, "a")));
    StateRow as_text("t");
    as_text.add_text("ab");
    StateRow as_blob("t");
    as_blob.add_blob(as_bytes("ab"));
    StateRow two_texts("t");
    two_texts.add_text("a");
    two_texts.add_text("b");
    const std::vector all{as_text.hash(Key32()), as_blob.hash(Key32()), two_texts.hash(Key32())};
    EXPECT_TRUE(all[0] != all[1] && all[1] != all[2] && all[0] != all[2]);
}

// A page that came out the same, or one whose content nobody reads (counters of page 1), may be put back.
TEST_F(State, every_page_of_every_older_copy_is_noticed_at_once_and_after_a_write) {
    const auto old = write_history();
    const auto latest = test::read_file(store_file());
    const auto now = content();
    std::size_t noticed = 0;
    for (const auto& copy : old)
        for (std::size_t page = 0; page < copy.size() / kPageSize; ++page) {
            const auto put_back = page_of(copy, page);
            if (put_back == page_of(latest, page)) continue;
            auto mixed = latest;
            mixed.replace(page * kPageSize, kPageSize, put_back);
            test::write_file(store_file(), mixed);
            const auto verified = store().verify();
            if (verified) {
                const auto found = content();
                // The last page of the log alone is the whole older vault where nothing else was written since.
                const bool whole = found == now || (&copy == &old.back() && found.size() + 1 == now.size());
                EXPECT_TRUE(whole) << "page " << page << " of copy " << &copy - old.data();
            } else {
                ++noticed;
                EXPECT_EQ(verified.error().code, ErrorCode::kDamaged) << verified.error().detail;
                const auto later = must(store().clone());
                const auto written = later->transact("tester", test::kNow, [](Transaction& transaction) {
                    return transaction.learn("another card", "a fact", "a value");
                });
                EXPECT_TRUE(written || written.error().code == ErrorCode::kDamaged) << written.error().detail;
                EXPECT_EQ(code_of(store().verify()), ErrorCode::kDamaged)
                    << "page " << page << " of copy " << &copy - old.data() << ", after a write";
            }
            test::write_file(store_file(), latest);
        }
    EXPECT_GT(noticed, old.size() * 4);
    EXPECT_TRUE(store().verify());
}

TEST_F(State, any_two_pages_of_an_older_copy_are_noticed) {
    const auto old = write_history();
    const auto latest = test::read_file(store_file());
    const auto now = content();
    const auto& copy = old[3];
    std::vector<std::size_t> changed;
    for (std::size_t page = 0; page < copy.size() / kPageSize; ++page)
        if (page_of(copy, page) != page_of(latest, page)) changed.push_back(page);
    ASSERT_GT(changed.size(), 5u);
    for (const auto one : changed)
        for (const auto other : changed) {
            if (one >= other) continue;
            auto mixed = latest;
            mixed.replace(one * kPageSize, kPageSize, page_of(copy, one));
            mixed.replace(other * kPageSize, kPageSize, page_of(copy, other));
            test::write_file(store_file(), mixed);
            const auto verified = store().verify();
            EXPECT_TRUE(!verified || content() == now) << "pages " << one << " and " << other;
        }
    test::write_file(store_file(), latest);
    EXPECT_TRUE(store().verify());
}

TEST_F(State, an_older_row_of_the_root_is_noticed_before_anything_is_written) {
    const auto database = raw_database();
    const auto root = must(read_state_root(*database));
    rotate(bmcs_[0], "first");
    must(database->run("UPDATE state SET root=?", {root}));
    const auto before = test::read_file(store_file());
    const auto refused = try_transact([&](Transaction& transaction) { return transaction.learn("a", "b", "c"); });
    EXPECT_EQ(code_of(refused), ErrorCode::kDamaged);
    EXPECT_TRUE(refused.error().detail.contains("older copy")) << refused.error().detail;
    EXPECT_EQ(test::read_file(store_file()), before);
}

TEST_F(State, a_new_generation_does_not_make_an_older_page_a_new_one) {
    {
        const auto database = raw_database();
        test::run_past_the_triggers(*database,
                                    "DROP TRIGGER state_bmc_update; UPDATE bmc SET address='of.before' WHERE id=2");
    }
    const auto refused = store().team().new_generation({"tester", test::kNow, "a test"});
    EXPECT_EQ(code_of(refused), ErrorCode::kDamaged) << refused.error().detail;
    EXPECT_TRUE(refused.error().detail.contains("older copy")) << refused.error().detail;
    EXPECT_EQ(must(parse_header(test::read_file(header_file()))).generation, 1u);
}

TEST_F(State, what_comes_after_its_record_gets_a_checkpoint_in_the_same_commit) {
    rotate(bmcs_[1], "first");
    const auto versions = must(store().versions(bmcs_[1]));
    transact([&](Transaction& transaction) { return transaction.disclose("reveal", bmcs_[1], versions, "{}"); });
    const auto log = must(store().audit_log(0, 1000));
    ASSERT_GT(log.size(), 2u);
    EXPECT_EQ(log[log.size() - 2].event, "reveal");
    EXPECT_EQ(log.back().event, kCheckpointEvent);
    transact([&](Transaction& transaction) { return transaction.learn("a card", "a fact", "a value"); });
    EXPECT_EQ(must(store().audit_log(0, 1000)).back().event, "fact.learned") << "no checkpoint where none is needed";
    must(store().verify());
}

TEST_F(State, at_least_every_1000_records_one_is_signed) {
    transact([&](Transaction& transaction) -> Result<void> {
        for (int i = 0; i < 990; ++i) must(transaction.audit("fact.learned", bmcs_[0], "{}"));
        return {};
    });
    for (int i = 0; i < 20; ++i)
        transact([&](Transaction& transaction) { return transaction.audit("fact.learned", bmcs_[0], "{}"); });
    std::uint64_t last_signed = 0;
    const auto database = raw_database();
    must(database->query("SELECT max(seq) FROM audit_signature", {}, [&](const Row& row) {
        last_signed = static_cast<std::uint64_t>(row.integer(0));
        return Result<void>();
    }));
    const auto log = must(store().audit_log(0, 2000));
    ASSERT_GT(log.size(), 1010u);
    EXPECT_GT(last_signed, 900u);
    EXPECT_EQ(log[last_signed - 1].event, kCheckpointEvent);
    EXPECT_EQ(std::ranges::count(log, kCheckpointEvent, &AuditRecord::event), 1);
}

TEST_F(State, a_signature_that_is_gone_is_missed) {
    const auto database = raw_database();
    test::run_past_the_triggers(*database,
                                "DROP TRIGGER audit_signature_no_delete; DELETE FROM audit_signature WHERE seq=1");
    const auto verified = store().verify();
    EXPECT_EQ(code_of(verified), ErrorCode::kDamaged);
    EXPECT_EQ(verified.error().detail, "the signature of audit record 1 is missing");
}

}  // namespace
}  // namespace bmcvault::vault
