// The log whose older records are in packs: it reads as before for everybody, verifies, and damage to a pack has a
// name. Packs are made within the commit that they belong to, whatever happens to the disk.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "tests/vault/faulty_vfs.hpp"
#include "tests/vault/test_vault.hpp"
#include "vault/core/audit_pack.hpp"
#include "vault/store/audit_log.hpp"
#include "vault/store/compression.hpp"
#include "vault/store/head_file.hpp"
#include "vault/store/identities.hpp"
#include "vault/store/sqlcipher_store.hpp"
#include "vault/store/state.hpp"

namespace bmcvault::vault {
namespace {

namespace fs = std::filesystem;
namespace vfs = test::faulty_vfs;
using test::code_of;
using test::Fault;
using test::must;

constexpr std::size_t kAll = 100'000;

std::vector<std::string> lines_of(const std::vector<AuditRecord>& records) {
    std::vector<std::string> lines;
    lines.reserve(records.size());
    for (const auto& each : records)
        lines.push_back(fmt::format("{} {} {} {} {} {} {}", each.sequence, each.at.value, each.actor, each.event,
                                    each.bmc ? to_hex(each.bmc->uuid) : "-", each.body, to_hex(each.hash)));
    return lines;
}

class AuditLog : public test::VaultTest {
protected:
    AuditLog() : bmc_(add_bmc(1)) {
        vfs::install();
        rotate(bmc_, "first");
        header_ = must(parse_header(test::read_file(header_file())));
        unlocked_ = std::make_unique<Unlocked>(must(unlock(header_, test::passphrase())));
    }
    ~AuditLog() override { vfs::disarm(); }

    void write(int records) {
        transact([&](Transaction& transaction) -> Result<void> {
            for (int i = 0; i < records; ++i)
                must(transaction.audit(i % 3 == 0 ? "fact.learned" : "credential.proved",
                                       i % 2 == 0 ? std::optional(bmc_) : std::nullopt,
                                       fmt::format(R"({{"number":{}}})", ++written_)));
            return {};
        });
    }
    // As an older program left it: 24,000 records, and nothing is packed.
    void write_without_packing() {
        close();
        const Keyring keyring(header_, {unlocked_->bundle.clone(), unlocked_->slot, unlocked_->identity->clone(), {}});
        const auto database = tables();
        must(database->run("BEGIN IMMEDIATE"));
        StoreTransaction steps(*database, keyring, "an older program", test::kNow, must(read_audit_head(*database)));
        for (int i = 0; i < 24'000; ++i) must(steps.audit("fact.learned", bmc_, "{}"));
        must(database->run("COMMIT"));
    }
    void disclose() {
        const auto versions = must(store().versions(bmc_));
        transact([&](Transaction& transaction) { return transaction.disclose("exec", bmc_, versions, "{}"); });
    }
    std::vector<std::string> log(std::uint64_t after = 0, std::size_t limit = kAll) {
        return lines_of(must(store().audit_log(after, limit)));
    }
    static std::int64_t number(Database& database, std::string_view sql) {
        std::int64_t found = -1;
        must(database.query(sql, {}, [&](const Row& row) {
            found = row.integer(0);
            return Result<void>();
        }));
        return found;
    }
    // As raw_database(), of the first generation, without a derivation each time.
    std::unique_ptr<Database> tables() {
        return must(Database::open(store_file(), DatabaseKeys::of(unlocked_->bundle.master_key)));
    }
    std::int64_t packed() { return packed_in(*tables()); }
    static std::int64_t packed_in(Database& database) {
        return number(database, "SELECT coalesce(max(last),0) FROM audit_pack");
    }
    // What is written until nothing is packed any more, and two packs are there.
    void make_two_packs() {
        write(1500);
        disclose();
        write(1600);
        ASSERT_EQ(packed(), 2000);
    }
    std::string verdict() {
        const auto verified = store().verify();
        return verified ? "fine" : verified.error().detail;
    }
    // As `vault verify` has it, on a connection of its own.
    static bool is_whole(Database& database) {
        bool pages = false;
        const auto asked = database.query("PRAGMA integrity_check", {}, [&](const Row& row) {
            pages = row.text(0) == "ok";
            return Result<void>();
        });
        return asked && pages && verify_audit_log(database) && verify_state(database);
    }
    // With `sql` done by somebody who holds the keys, and undone again.
    std::string verdict_after(const std::string& sql) {
        close();
        const auto original = test::read_file(store_file());
        test::run_past_the_triggers(*tables(), kWithoutGuards + sql);
        auto said = verdict();
        close();
        test::write_file(store_file(), original);
        return said;
    }

    static inline const std::string kWithoutGuards =
        "DROP TRIGGER audit_no_update; DROP TRIGGER audit_no_delete; DROP TRIGGER audit_chain;"
        "DROP TRIGGER audit_pack_no_update; DROP TRIGGER audit_pack_no_delete; DROP TRIGGER audit_pack_chain;";
    BmcId bmc_;
    Header header_;
    std::unique_ptr<Unlocked> unlocked_;
    int written_ = 0;
};

TEST_F(AuditLog, reads_the_same_before_and_after_records_are_packed) {
    write(1900);
    disclose();
    const auto before = log();
    EXPECT_EQ(packed(), 0);
    write(1200);
    EXPECT_EQ(packed(), 2000);
    const auto after = log();
    ASSERT_GT(after.size(), before.size());
    EXPECT_TRUE(std::ranges::equal(before, std::span(after).first(before.size())));
    for (const std::uint64_t start : {0U, 1U, 998U, 999U, 1000U, 1001U, 1999U, 2000U, 2001U, 3000U})
        for (const std::size_t limit : {0U, 1U, 2U, 999U, 1000U, 1001U, 2500U}) {
            const auto some = std::span(after).subspan(start, std::min(limit, after.size() - start));
            EXPECT_TRUE(std::ranges::equal(log(start, limit), some)) << start << " " << limit;
        }
    EXPECT_TRUE(log(after.size()).empty());
    EXPECT_EQ(must(store().info()).audit_records, after.size());
    EXPECT_EQ(verdict(), "fine");
}

TEST_F(AuditLog, the_newest_thousand_and_what_is_signed_or_disclosed_keep_their_rows) {
    make_two_packs();
    const auto database = tables();
    EXPECT_EQ(number(*database, "SELECT count(*) FROM audit WHERE seq>2000"),
              number(*database, "SELECT max(seq)-2000 FROM audit"));
    EXPECT_GE(number(*database, "SELECT max(seq)-2000 FROM audit"), 1000);
    EXPECT_EQ(number(*database,
                     "SELECT count(*) FROM audit WHERE seq<=2000 AND seq NOT IN(SELECT seq FROM audit_signature) AND "
                     "seq NOT IN(SELECT seq FROM disclosure)"),
              0);
    EXPECT_GT(number(*database, "SELECT count(*) FROM audit WHERE seq<=2000 AND seq IN(SELECT seq FROM disclosure)"),
              0);
    EXPECT_EQ(number(*database, "SELECT count(*) FROM audit_signature WHERE seq NOT IN(SELECT seq FROM audit)"), 0);
    EXPECT_GT(number(*database, "SELECT count(*) FROM audit_signature WHERE seq<=2000"), 0);
}

TEST_F(AuditLog, a_pack_ends_where_its_bodies_are_long) {
    const std::string body = R"({"long":")" + std::string(1000, 'x') + "\"}";
    for (int i = 0; i < 11; ++i)
        transact([&](Transaction& transaction) -> Result<void> {
            for (int each = 0; each < 200; ++each) must(transaction.audit("fact.learned", bmc_, body));
            return {};
        });
    EXPECT_GT(packed(), 200);
    EXPECT_LT(packed(), 300);
    EXPECT_EQ(verdict(), "fine");
    const auto too_long = try_transact([&](Transaction& transaction) {
        return transaction.audit("fact.learned", bmc_, std::string(kMaxAuditBody + 1, 'x'));
    });
    EXPECT_EQ(code_of(too_long), ErrorCode::kInvalidArgument);
}

TEST_F(AuditLog, the_longest_record_that_can_be_is_packed) {
    std::string body;
    for (std::uint64_t seed = 1; body.size() < kMaxAuditBody; seed = seed * 6364136223846793005ULL + 1)
        body += fmt::format("{:016x}", seed);
    body.resize(kMaxAuditBody);
    transact([&](Transaction& transaction) { return transaction.audit("fact.learned", bmc_, body); });
    const auto at = must(store().info()).audit_records;
    write(1000);
    write(1100);
    EXPECT_GE(packed(), static_cast<std::int64_t>(at));
    EXPECT_EQ(must(store().audit_log(at - 1, 1)).front().body, body);
    EXPECT_EQ(verdict(), "fine");
}

TEST_F(AuditLog, a_head_and_a_checkpoint_are_compared_with_packed_records) {
    make_two_packs();
    const auto record = must(store().audit_log(1233, 1)).front();
    ASSERT_EQ(number(*tables(), "SELECT count(*) FROM audit WHERE seq=1234"), 0);
    const auto root = (*must(find_audit_record(*tables(), 1234))->state).root;
    const auto info = must(store().info());
    Checkpoint kept{info.vault_id, info.generation, 1234, record.hash, root, {}, {}};
    must(raw_database()->query("SELECT signer FROM audit_signature", {}, [&](const Row& row) {
        kept.signer = row.bytes<32>(0);
        return Result<void>();
    }));
    EXPECT_EQ(must(store().compare_with(kept)), Freshness::kFresh);
    kept.audit_head[0] ^= 1;
    EXPECT_EQ(must(store().compare_with(kept)), Freshness::kForked);
    kept.audit_head = record.hash;
    kept.root[0] ^= 1;
    EXPECT_EQ(code_of(store().compare_with(kept)), ErrorCode::kRolledBack);
    kept.audit_count = 1'000'000;
    EXPECT_EQ(must(store().compare_with(kept)), Freshness::kRolledBack);

    close();
    const test::TemporaryDirectory heads;
    const HeadFile file(heads.path(), info.vault_id);
    must(file.reset({info.vault_id, info.generation, 1234, record.hash, std::nullopt}));
    EXPECT_EQ(must(Store::open(directory(), test::passphrase(), {heads.path(), {}}))->refusal(), "");
    auto other = record.hash;
    other[5] ^= 1;
    must(file.reset({info.vault_id, info.generation, 1234, other, std::nullopt}));
    EXPECT_EQ(must(Store::open(directory(), test::passphrase(), {heads.path(), {}}))->refusal(),
              "forked: audit record 1234 is another than this host has seen");
    // The header of a vault in which nobody joins and nothing gets new keys is as old.
    rewrite_header([&](Header& header) {
        header.audit_count = 1234;
        header.audit_head = record.hash;
    });
    EXPECT_TRUE(Store::open(directory(), test::passphrase()));
    rewrite_header([&](Header& header) { header.audit_head = other; });
    EXPECT_EQ(code_of(Store::open(directory(), test::passphrase())), ErrorCode::kRolledBack);
}

TEST_F(AuditLog, every_flipped_bit_of_a_pack_is_noticed_or_makes_the_same_records) {
    write(1000);
    write(1100);
    ASSERT_EQ(packed(), 1000);
    const auto before = log();
    close();
    const auto database = tables();
    must(database->run_script("DROP TRIGGER audit_pack_no_update"));
    Bytes records;
    Bytes roots;
    must(database->query("SELECT records,roots FROM audit_pack", {}, [&](const Row& row) {
        records = row.blob(0);
        roots = row.blob(1);
        return Result<void>();
    }));
    EXPECT_EQ(roots.size(), 32'000u);
    std::size_t missed = 0;
    const auto try_with = [&](std::string_view update, const Bytes& changed) {
        must(database->run(update, {changed}));
        const auto verified = verify_audit_log(*database);
        if (verified) ++missed;
        if (verified)
            EXPECT_EQ(lines_of(must(read_audit_log(*database, 0, kAll))), before);
        else
            EXPECT_EQ(verified.error().detail, "audit records 1 to 1000 do not verify");
    };
    for (std::size_t bit = 0; bit < records.size() * 8; bit += bit < 512 ? 1 : 101) {
        auto changed = records;
        changed[bit / 8] = static_cast<std::uint8_t>(changed[bit / 8] ^ (1U << (bit % 8)));
        try_with("UPDATE audit_pack SET records=?", changed);
    }
    EXPECT_LT(missed, 16u) << "what a compressor may write in two ways";
    must(database->run("UPDATE audit_pack SET records=?", {records}));
    missed = 0;
    for (std::size_t bit = 0; bit < roots.size() * 8; bit += 997) {
        auto changed = roots;
        changed[bit / 8] = static_cast<std::uint8_t>(changed[bit / 8] ^ (1U << (bit % 8)));
        try_with("UPDATE audit_pack SET roots=?", changed);
    }
    EXPECT_EQ(missed, 0u);
}

TEST_F(AuditLog, the_first_records_that_were_touched_are_named) {
    make_two_packs();
    const auto signed_row = number(*tables(), "SELECT max(seq) FROM audit_signature WHERE seq<=2000");
    const auto row = fmt::format(" WHERE seq={}", signed_row);
    const auto that_row = fmt::format("audit record {} does not verify", signed_row);
    for (const auto* change : {"at=at+1", "actor='x'", "body='[]'", "hash=zeroblob(32)", "root=zeroblob(32)"})
        EXPECT_EQ(verdict_after(fmt::format("UPDATE audit SET {}", change) + row), that_row) << change;
    EXPECT_EQ(verdict_after("UPDATE audit_pack SET last_hash=zeroblob(32) WHERE first=1001"),
              "audit records 1001 to 2000 do not verify");
    EXPECT_EQ(verdict_after("UPDATE audit_pack SET last=1999 WHERE first=1001"),
              "audit records 1001 to 1999 do not verify");
    EXPECT_EQ(verdict_after("UPDATE audit_pack SET records=zeroblob(9) WHERE first=1"),
              "audit records 1 to 1000 do not verify");
    EXPECT_EQ(verdict_after("DELETE FROM audit_pack WHERE first=1"), "audit record 2 does not verify");
    EXPECT_EQ(verdict_after("DELETE FROM audit_pack WHERE first=1001"), "audit record 1001 does not verify");
    EXPECT_EQ(verdict_after("UPDATE audit_pack SET first=1002 WHERE first=1001"), "audit record 1001 does not verify");
    EXPECT_EQ(verdict_after("DELETE FROM audit WHERE seq=2001"), "audit record 2001 does not verify");
    EXPECT_EQ(verdict_after(fmt::format("PRAGMA foreign_keys=OFF; DROP TRIGGER audit_signature_no_delete;"
                                        "DELETE FROM audit_signature WHERE seq={}",
                                        signed_row)),
              fmt::format("the signature of audit record {} is missing", signed_row));
    EXPECT_EQ(verdict_after("PRAGMA foreign_keys=OFF; DELETE FROM audit" + row),
              fmt::format("the row of audit record {} is missing beside its pack", signed_row));
    EXPECT_EQ(verdict_after("PRAGMA foreign_keys=OFF; DROP TRIGGER audit_signature_no_delete;"
                            "DELETE FROM audit WHERE seq=1; DELETE FROM audit_signature WHERE seq=1"),
              "the row of audit record 1 is missing beside its pack")
        << "vault.created, which is looked for by its event";
    EXPECT_EQ(verdict(), "fine");
}

TEST_F(AuditLog, a_pack_that_says_it_is_huge_is_refused_unread) {
    make_two_packs();
    const auto database = tables();
    must(database->run_script("DROP TRIGGER audit_pack_no_update"));
    const auto bomb = must(compress(Bytes(kMaxAuditColumns + 1)));
    EXPECT_LT(bomb.size(), 1000u);
    must(database->run("UPDATE audit_pack SET records=? WHERE first=1", {bomb}));
    const auto read = read_audit_log(*database, 10, 10);
    EXPECT_EQ(code_of(read), ErrorCode::kDamaged);
    EXPECT_EQ(read.error().detail, "audit records 1 to 1000 do not verify");
    EXPECT_TRUE(read_audit_log(*database, 2000, 10)) << "the other ones can be read";
}

TEST_F(AuditLog, a_record_that_does_not_verify_is_never_packed) {
    write(1000);
    close();
    test::run_past_the_triggers(*tables(), "DROP TRIGGER audit_no_update; UPDATE audit SET body='[]' WHERE seq=500");
    write(1500);
    EXPECT_EQ(packed(), 499);
    EXPECT_EQ(verdict(), "audit record 500 does not verify");
    EXPECT_EQ(must(store().audit_log(499, 1)).front().body, "[]") << "it is there to be looked at";
}

TEST_F(AuditLog, rows_of_an_older_copy_beside_the_pack_are_noticed) {
    write(1500);
    const auto copy = test::read_file(store_file());
    write(1000);
    EXPECT_EQ(packed(), 1000);
    const auto latest = test::read_file(store_file());
    const auto before = log();
    close();
    std::size_t noticed = 0;
    for (std::size_t page = 0; page < copy.size() / kPageSize; ++page) {
        const auto old_page = copy.substr(page * kPageSize, kPageSize);
        if (old_page == latest.substr(page * kPageSize, kPageSize)) continue;
        auto mixed = latest;
        mixed.replace(page * kPageSize, kPageSize, old_page);
        test::write_file(store_file(), mixed);
        const auto database = tables();
        if (!is_whole(*database)) {
            ++noticed;
            continue;
        }
        EXPECT_EQ(lines_of(must(read_audit_log(*database, 0, kAll))), before) << "page " << page;
    }
    EXPECT_GT(noticed, 5u) << "most of the others are free pages now, which nobody reads";
    test::write_file(store_file(), latest);
    EXPECT_EQ(verdict(), "fine");
}

TEST_F(AuditLog, a_new_generation_packs_all_it_can_and_is_no_larger_than_its_rows) {
    write_without_packing();
    const auto before = log();
    const auto versions = must(store().versions(bmc_));
    const auto size = fs::file_size(store_file());
    must(store().team().new_generation({"tester", test::kNow, "because", {}}));
    EXPECT_EQ(packed_in(*raw_database()), 23'000);
    const auto after = log();
    ASSERT_EQ(after.size(), before.size() + 1);
    EXPECT_TRUE(std::ranges::equal(before, std::span(after).first(before.size())));
    EXPECT_LT(fs::file_size(directory() / "store-000002.db"), size / 2);
    EXPECT_EQ(verdict(), "fine");
    EXPECT_EQ(test::text_of(must(store().unseal(must(store().versions(bmc_)).front()))), "first");
    EXPECT_EQ(must(store().versions(bmc_)).size(), versions.size());
    const auto database = raw_database();
    EXPECT_EQ(number(*database, "SELECT count(*) FROM credential WHERE epoch=1"), 0);
}

TEST_F(AuditLog, the_log_of_an_older_program_is_packed_a_part_at_each_commit) {
    write_without_packing();
    write(1);
    EXPECT_EQ(packed(), 20'000);
    write(1);
    EXPECT_EQ(packed(), 23'000);
    EXPECT_EQ(verdict(), "fine");
}

TEST_F(AuditLog, a_backup_carries_the_packs) {
    make_two_packs();
    const test::TemporaryDirectory elsewhere;
    must(store().backup(elsewhere.path() / "backup", {"tester", test::kNow, "because"}));
    const auto before = log();
    must(Store::verify_backup(elsewhere.path() / "backup", test::passphrase()));
    must(Store::restore(elsewhere.path() / "backup", elsewhere.path() / "vault", test::passphrase(), {}, {}));
    const auto restored = must(Store::open(elsewhere.path() / "vault", test::passphrase()));
    EXPECT_EQ(lines_of(must(restored->audit_log(0, kAll))), before);
    EXPECT_TRUE(restored->verify());
}

TEST_F(AuditLog, an_auditor_and_an_operator_of_another_compartment_read_all_of_it) {
    static const auto auditor = must(make_identity(test::passphrase("identity"), test::kLowestCost));
    static const auto operator_of_edge = must(make_identity(test::passphrase("identity"), test::kLowestCost));
    const Acting acting{"tester", test::kNow, "because", {}};
    must(store().team().add_compartment(acting, "edge"));
    must(store().team().add_member(acting, {"auditor", false, Role::kAuditor, {}, auditor.keys}));
    must(store().team().add_member(acting, {"edge", false, Role::kOperator, {"edge"}, operator_of_edge.keys}));
    make_two_packs();
    const auto all = log();
    for (const auto* member : {&auditor, &operator_of_edge}) {
        const auto opened = must(Store::open(directory(), test::passphrase("identity"), {{}, member->file}));
        EXPECT_EQ(lines_of(must(opened->audit_log(0, kAll))), all);
        EXPECT_TRUE(opened->verify());
    }
}

TEST_F(AuditLog, a_full_disk_or_a_kill_while_packing_leaves_the_log_whole) {
    write(900);
    write(1075);  // one record more, and a pack is made
    ASSERT_EQ(packed(), 0);
    const auto before = log();
    const auto missing = 2000 - static_cast<int>(before.size());
    ASSERT_GT(missing, 0);
    const auto one_more = [&](Transaction& transaction) -> Result<void> {
        for (int i = 0; i < missing; ++i)
            if (auto done = transaction.audit("fact.learned", bmc_, "{}"); !done) return done;
        return {};
    };
    const auto original = test::read_file(store_file());
    for (const auto fault : {Fault::kDiskFull, Fault::kErrorOnce, Fault::kKillBefore, Fault::kKillAfter}) {
        std::uint32_t operation = 0;
        bool fired = true;
        for (; fired && operation < 3000; operation += 17) {
            const int status = test::in_child([&] {
                const auto child = must(store().clone());
                vfs::arm(fault, operation);
                const auto done = child->transact("child", test::kNow, one_more);
                vfs::disarm();
                if (!vfs::fired()) must(done);
                _exit(vfs::fired() ? 7 : 0);
            });
            fired = !test::ended_well(status);
            {
                const auto database = tables();
                const auto after = lines_of(must(read_audit_log(*database, 0, kAll)));
                const bool old_one = after.size() == before.size();
                EXPECT_TRUE(old_one || after.size() == 2000) << after.size() << " records, operation " << operation;
                EXPECT_TRUE(std::ranges::equal(before, std::span(after).first(before.size())));
                EXPECT_EQ(packed_in(*database), old_one ? 0 : 1000) << "packs and records come in one commit";
                EXPECT_TRUE(is_whole(*database)) << "operation " << operation;
            }
            fs::remove(store_file().string() + "-journal");
            test::write_file(store_file(), original);
        }
        EXPECT_GT(operation, 50u);
    }
}

}  // namespace
}  // namespace bmcvault::vault
