// Damage and forgery: bits, pages, rows, audit records and headers that are not what the vault wrote.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "tests/vault/test_vault.hpp"
#include "vault/store/store.hpp"

namespace bmcvault::vault {
namespace {

namespace fs = std::filesystem;
using test::code_of;
using test::must;

constexpr std::size_t kSaltSize = 16;  // of page 1: not used, the salt comes with the key
constexpr std::size_t kPadSize = 12;   // random end of each page's reserve: IV 16, HMAC 20, pad 12

class Damage : public test::VaultTest {
protected:
    Damage() {
        for (std::uint32_t number = 1; number <= 2; ++number) {
            bmcs_.push_back(add_bmc(number));
            rotate(bmcs_.back(), fmt::format("first-of-{}", number));
            rotate(bmcs_.back(), fmt::format("second-of-{}", number));
            rotate(bmcs_.back(), fmt::format("key-of-{}", number), {Kind::kKg, 1});
        }
        must(store().verify());
    }

    void run_raw(const std::string& sql) {
        const auto database = raw_database();
        test::run_past_the_triggers(*database, sql);
    }
    void flip(const fs::path& file, std::size_t byte, int bit) {
        auto content = test::read_file(file);
        content.at(byte) = static_cast<char>(content[byte] ^ (1 << bit));
        test::write_file(file, content);
    }
    // What verify says is wrong, in its words.
    std::string verdict() {
        const auto verified = store().verify();
        if (verified) return "fine";
        EXPECT_EQ(verified.error().code, ErrorCode::kDamaged) << verified.error().detail;
        return verified.error().detail;
    }

    std::vector<BmcId> bmcs_;
};

TEST_F(Damage, one_flipped_bit_anywhere_in_any_page_is_noticed_or_lies_in_the_pad) {
    const auto original = test::read_file(store_file());
    const std::size_t pages = original.size() / kPageSize;
    ASSERT_GT(pages, 10u);
    std::size_t noticed = 0;
    for (std::size_t page = 0; page < pages; ++page)
        for (std::size_t step = 0; step < kPageSize; step += 128) {
            // Another offset in each page and step, and always the first and last bytes that count.
            const std::size_t offset = step == 0 ? (page == 0 ? kSaltSize : 0) : (step + 37 * page) % kPageSize;
            const bool ignored = offset >= kPageSize - kPadSize || (page == 0 && offset < kSaltSize);
            auto damaged = original;
            damaged[page * kPageSize + offset] =
                static_cast<char>(damaged[page * kPageSize + offset] ^ (1 << ((page + step / 128) % 8)));
            test::write_file(store_file(), damaged);
            const auto verified = store().verify();
            EXPECT_EQ(verified.has_value(), ignored) << "page " << page << " offset " << offset;
            if (!verified) {
                ++noticed;
                EXPECT_EQ(verified.error().code, ErrorCode::kDamaged) << verified.error().detail;
            }
        }
    EXPECT_GT(noticed, pages * 30);
    test::write_file(store_file(), original);
    EXPECT_TRUE(store().verify());
}

TEST_F(Damage, the_bytes_that_may_flip_hold_nothing) {
    auto content = test::read_file(store_file());
    for (std::size_t page = 0; page < content.size() / kPageSize; ++page)
        for (std::size_t i = 1; i <= kPadSize; ++i) content[(page + 1) * kPageSize - i] ^= 0x55;
    for (std::size_t i = 0; i < kSaltSize; ++i) content[i] ^= 0x55;
    test::write_file(store_file(), content);
    EXPECT_EQ(verdict(), "fine");
    close();
    const auto versions = must(store().versions(bmcs_[0]));
    EXPECT_EQ(test::text_of(must(store().unseal(versions[1]))), "second-of-1");
}

TEST_F(Damage, every_zeroed_page_and_every_truncation_is_noticed) {
    const auto original = test::read_file(store_file());
    for (std::size_t page = 0; page < original.size() / kPageSize; ++page) {
        auto damaged = original;
        std::fill_n(damaged.begin() + static_cast<std::ptrdiff_t>(page * kPageSize), kPageSize, '\0');
        test::write_file(store_file(), damaged);
        EXPECT_NE(verdict(), "fine") << "page " << page;
    }
    for (std::size_t size = 0; size < original.size(); size += 512) {
        test::write_file(store_file(), std::string_view(original).substr(0, size));
        EXPECT_NE(verdict(), "fine") << "size " << size;
    }
    test::write_file(store_file(), original);
    EXPECT_EQ(verdict(), "fine");
}

TEST_F(Damage, an_empty_store_file_is_never_an_empty_vault) {
    close();
    test::write_file(store_file(), "");
    EXPECT_EQ(code_of(Store::open(directory(), test::passphrase())), ErrorCode::kDamaged);
    EXPECT_EQ(fs::file_size(store_file()), 0u);
}

TEST_F(Damage, sealed_values_swapped_between_rows_are_noticed_by_reading_and_by_verify) {
    struct Swap {
        const char* what;
        const char* a;
        const char* b;
    };
    for (const Swap& swap : {Swap{"versions", "bmc_id=1 AND kind=1 AND version=1", "bmc_id=1 AND kind=1 AND version=2"},
                             Swap{"BMCs", "bmc_id=1 AND kind=1 AND version=1", "bmc_id=2 AND kind=1 AND version=1"},
                             Swap{"kinds", "bmc_id=1 AND kind=1 AND version=1", "bmc_id=1 AND kind=2 AND version=1"}}) {
        const auto original = test::read_file(store_file());
        run_raw(
            fmt::format("DROP TRIGGER credential_seal_fixed; CREATE TABLE t AS SELECT sealed FROM credential WHERE {0};"
                        "UPDATE credential SET sealed=(SELECT sealed FROM credential WHERE {1}) WHERE {0};"
                        "UPDATE credential SET sealed=(SELECT sealed FROM t) WHERE {1}; DROP TABLE t;",
                        swap.a, swap.b));
        EXPECT_EQ(verdict(), "bmc-00001: password 0 version 1 does not verify") << swap.what;
        EXPECT_EQ(code_of(store().unseal(must(store().versions(bmcs_[0]))[0])), ErrorCode::kDamaged) << swap.what;
        close();
        test::write_file(store_file(), original);
    }
}

// It would act in everybody's name, and a new generation would take it over.
TEST_F(Damage, a_trigger_or_table_that_somebody_has_added_or_taken_away_is_refused_at_the_next_open) {
    const auto original = test::read_file(store_file());
    for (const auto* change : {"CREATE TRIGGER quiet BEFORE INSERT ON exposure BEGIN SELECT RAISE(IGNORE); END",
                               "DROP TRIGGER state_bmc_update", "CREATE TABLE t(x)",
                               "DROP TRIGGER audit_no_delete; CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit "
                               "BEGIN SELECT 1; END"}) {
        must(raw_database()->run_script(change));
        const auto opened = Store::open(directory(), test::passphrase());
        EXPECT_EQ(code_of(opened), ErrorCode::kDamaged) << change;
        const auto why = opened ? std::string() : opened.error().detail;
        EXPECT_TRUE(why.starts_with("the store has other tables or triggers")) << change;
        test::write_file(store_file(), original);
    }
    EXPECT_TRUE(Store::open(directory(), test::passphrase()).has_value());
}

TEST_F(Damage, a_row_moved_to_another_subject_or_bmc_is_noticed) {
    const auto original = test::read_file(store_file());
    for (const auto* change : {"subject=7", "version=9", "kind=2,subject=9"}) {
        run_raw(
            fmt::format("DROP TRIGGER credential_identity_fixed;"
                        "UPDATE credential SET {} WHERE bmc_id=1 AND kind=1 AND version=2",
                        change));
        EXPECT_NE(verdict(), "fine") << change;
        close();
        test::write_file(store_file(), original);
    }
    run_raw("DROP TRIGGER bmc_identity_fixed; UPDATE bmc SET uuid=zeroblob(16) WHERE id=1");
    EXPECT_NE(verdict(), "fine");
}

TEST_F(Damage, the_first_audit_record_that_was_touched_is_named) {
    const auto original = test::read_file(store_file());
    const std::string off = "DROP TRIGGER audit_no_update; DROP TRIGGER audit_no_delete; DROP TRIGGER audit_chain;";
    const auto after = [&](const std::string& sql) {
        run_raw(off + sql);
        auto said = verdict();
        close();
        test::write_file(store_file(), original);
        return said;
    };
    for (const auto* column : {"at=at+1", "actor='x'", "event='x'", "body='{}'", "bmc_uuid=NULL", "hash=zeroblob(32)"})
        EXPECT_EQ(after(fmt::format("UPDATE audit SET {} WHERE seq=5", column)), "audit record 5 does not verify");
    EXPECT_EQ(after("DELETE FROM audit WHERE seq=4"), "audit record 4 does not verify");
    EXPECT_EQ(after("UPDATE audit SET seq=100 WHERE seq=3; UPDATE audit SET seq=3 WHERE seq=4;"
                    "UPDATE audit SET seq=4 WHERE seq=100"),
              "audit record 3 does not verify");
    EXPECT_EQ(verdict(), "fine");
}

TEST_F(Damage, a_wrapped_data_key_that_was_touched_opens_nothing) {
    close();
    run_raw("UPDATE data_key SET wrapped=zeroblob(72)");
    EXPECT_EQ(code_of(Store::open(directory(), test::passphrase())), ErrorCode::kDamaged);
}

TEST_F(Damage, every_flipped_bit_and_cut_of_the_header_file_is_refused_and_no_file_is_changed) {
    close();
    const auto before = test::snapshot(directory());
    const auto original = before.at("vault.hdr");
    for (std::size_t bit = 0; bit < original.size() * 8; ++bit) {
        flip(header_file(), bit / 8, static_cast<int>(bit % 8));
        const auto opened = Store::open(directory(), test::passphrase());
        ASSERT_FALSE(opened) << "bit " << bit;
        EXPECT_TRUE(opened.error().code == ErrorCode::kDamaged || opened.error().code == ErrorCode::kUnsupported);
        test::write_file(header_file(), original);
    }
    for (std::size_t size = 0; size < original.size(); ++size) {
        test::write_file(header_file(), std::string_view(original).substr(0, size));
        ASSERT_EQ(code_of(Store::open(directory(), test::passphrase())), ErrorCode::kDamaged) << "size " << size;
    }
    test::write_file(header_file(), original);
    EXPECT_EQ(test::snapshot(directory()), before);
}

TEST_F(Damage, a_header_signed_by_a_stranger_is_refused_after_unlocking) {
    close();
    auto header = must(parse_header(test::read_file(header_file())));
    const Key32 strangers_master = random_key();
    const Key32 strangers_seed = random_key();
    header.created_at += 1;
    authenticate_header(header, strangers_master, strangers_seed);
    test::write_file(header_file(), format_header(header));
    const auto opened = Store::open(directory(), test::passphrase());
    EXPECT_EQ(code_of(opened), ErrorCode::kDamaged);
    EXPECT_TRUE(opened.error().detail.contains("does not hold the vault's keys")) << opened.error().detail;
}

TEST_F(Damage, a_member_without_the_signing_key_can_not_put_in_an_administrator_key_of_his_own) {
    close();
    auto header = must(parse_header(test::read_file(header_file())));
    const auto bundle = must(unlock(header, test::passphrase())).bundle.clone();
    authenticate_header(header, bundle.master_key, random_key());
    test::write_file(header_file(), format_header(header));
    EXPECT_EQ(code_of(Store::open(directory(), test::passphrase())), ErrorCode::kDamaged);
}

TEST_F(Damage, a_store_older_than_its_header_is_refused) {
    const auto old_store = test::read_file(store_file());
    rotate(bmcs_[0], "third");
    const auto log = must(store().audit_log(0, 1000));
    close();
    rewrite_header([&](Header& header) {
        header.audit_count = log.back().sequence;
        header.audit_head = log.back().hash;
    });
    EXPECT_TRUE(Store::open(directory(), test::passphrase()));
    test::write_file(store_file(), old_store);
    EXPECT_EQ(code_of(Store::open(directory(), test::passphrase())), ErrorCode::kRolledBack);
}

TEST_F(Damage, the_store_of_another_vault_is_refused) {
    close();
    const test::TemporaryDirectory parent;
    must(Store::create(parent.path() / "other", test::passphrase(), test::options()));
    test::write_file(store_file(), test::read_file(parent.path() / "other" / "store-000001.db"));
    EXPECT_EQ(code_of(Store::open(directory(), test::passphrase())), ErrorCode::kDamaged);
}

TEST_F(Damage, slots_of_a_newer_program_are_skipped_and_kept) {
    close();
    rewrite_header([](Header& header) {
        header.slots.insert(header.slots.begin(), {2, "alice", UnknownSlot{"tpm2", "pk=AAAA caps=1"}, Bytes(48, 1)});
    });
    EXPECT_EQ(must(store().info()).slots, (std::vector<std::string>{"tpm2 alice", "argon2id passphrase"}));
    EXPECT_EQ(verdict(), "fine");
}

}  // namespace
}  // namespace bmcvault::vault
