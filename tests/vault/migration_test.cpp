// A vault that an older bmcvault made: opened as it is, brought up to date whole or not at all, by one process or by
// several at once, whatever happens to the disk or to the process.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sodium.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <map>

#include "tests/vault/faulty_vfs.hpp"
#include "tests/vault/test_vault.hpp"
#include "vault/core/version_chain.hpp"
#include "vault/store/migrate.hpp"
#include "vault/store/schema.hpp"
#include "vault/store/sqlcipher_store.hpp"
#include "vault/store/transaction.hpp"

namespace bmcvault::vault {
namespace {

namespace fs = std::filesystem;
namespace vfs = test::faulty_vfs;
using test::code_of;
using test::Fault;
using test::must;

constexpr Subject kPassword{Kind::kPassword, Subject::kOwnAccount};
constexpr std::uint32_t kFarTooMany = 500;

// Both statements are literals: the database keeps them by their text.
void copy_rows(Database& from, Database& to, std::string_view select, std::string_view insert,
               const std::function<Database::Values(const Row&)>& values) {
    must(from.query(select, {}, [&](const Row& row) { return to.run(insert, values(row)); }));
}

// name -> SQL of every table, index and trigger.
std::map<std::string, std::string> schema_of(Database& database) {
    std::map<std::string, std::string> all;
    must(database.query("SELECT type,name,sql FROM sqlite_master", {}, [&](const Row& row) {
        all[row.text(0) + " " + row.text(1)] = row.text(2);
        return Result<void>();
    }));
    return all;
}

class Migration : public test::VaultTest {
protected:
    Migration() {
        vfs::install();
        const auto header = must(parse_header(test::read_file(header_file())));
        auto unlocked = must(unlock(header, test::passphrase()));
        const auto bundle = unlocked.bundle.clone();
        keyring_ = std::make_unique<Keyring>(header, std::move(unlocked));
        bmc_ = test::make_bmc(1).id;
        {
            const auto as_made = raw_database();
            new_schema_ = schema_of(*as_made);
            const auto wrapped = [&] {
                Bytes value;
                must(as_made->query("SELECT wrapped FROM data_key", {}, [&](const Row& row) {
                    value = row.blob(0);
                    return Result<void>();
                }));
                return value;
            }();
            keyring_->add_data_key(kDefaultCompartment, kFirstEpoch, true,
                                   must(unwrap_data_key(wrapped, bundle.compartments.front().key, header.vault_id,
                                                        kDefaultCompartment, kFirstEpoch)));
            make_version_1_from(*as_made);
        }
        version_1_ = test::read_file(store_file());
        rewrite_header([&](Header& of_version_1) {
            of_version_1.audit_count = 1;
            of_version_1.audit_head = first_record_;
        });
        keyring_->replace_header(must(parse_header(test::read_file(header_file()))));
    }
    ~Migration() override { vfs::disarm(); }

    // A store file as the program of version 1 made it: its tables, the same keys, a BMC with a password.
    void make_version_1_from(Database& as_made) {
        const auto file = directory() / "version-1";
        test::write_file(file, "");
        fs::permissions(file, fs::perms::owner_read | fs::perms::owner_write);
        {
            const auto old = must(Database::open(file, keyring_->database_keys()));
            must(old->run("BEGIN IMMEDIATE"));
            must(old->run_script(schema_steps().front()));
            copy_rows(as_made, *old, "SELECT k,v FROM meta", "INSERT INTO meta(k,v) VALUES(?,?)", [](const Row& row) {
                return Database::Values{row.text(0), row.text(0) == "schema-version" ? Bytes{1} : row.blob(1)};
            });
            copy_rows(as_made, *old, "SELECT id,name FROM compartment", "INSERT INTO compartment(id,name) VALUES(?,?)",
                      [](const Row& row) { return Database::Values{row.integer(0), row.text(1)}; });
            copy_rows(as_made, *old, "SELECT compartment_id,epoch,wrapped,state,created_at FROM data_key",
                      "INSERT INTO data_key(compartment_id,epoch,wrapped,state,created_at) VALUES(?,?,?,?,?)",
                      [](const Row& row) {
                          return Database::Values{row.integer(0), row.integer(1), row.blob(2), row.text(3),
                                                  row.integer(4)};
                      });
            add_old_record(*old, "vault.created", std::nullopt);
            add_old_bmc(*old, test::make_bmc(1), VersionState::kPending, "staged-by-the-old");
            auto wiped = test::make_bmc(2);
            wiped.retired = true;
            add_old_bmc(*old, wiped, VersionState::kUnknown, "long-gone");
            add_old_record(*old, "bmc.deprovisioned", wiped.id);
            must(old->query("SELECT hash FROM audit WHERE seq=1", {}, [&](const Row& row) {
                first_record_ = row.bytes<32>(0);
                return Result<void>();
            }));
            must(old->run("COMMIT"));
        }
        fs::rename(file, store_file());
    }

    // As the programs before version 5 did: the record does not speak of the state.
    static void add_old_record(Database& old, std::string_view event, std::optional<BmcId> bmc) {
        const auto head = must(read_audit_head(old));
        const auto sequence = head.sequence + 1;
        const auto hash = audit_hash(head.hash, {sequence, test::kNow, "tester", event, bmc, "{}"});
        must(old.run("INSERT INTO audit(seq,at,actor,event,bmc_uuid,body,prev,hash) VALUES(?,?,'tester',?,?,'{}',?,?)",
                     {sequence, test::kNow, event, bmc ? Value(bmc->uuid) : Value(), head.hash, hash}));
    }
    void add_old_bmc(Database& old, const Bmc& bmc, VersionState state, std::string_view password) {
        must(old.run(
            "INSERT INTO bmc(uuid,compartment_id,created_at,name,address,port,user_name,channel,group_name,tags,"
            "retired,firmware,weaker_suite_allowed) VALUES(?,?,?,?,?,?,?,?,'','',?,'',0)",
            {bmc.id.uuid, kDefaultCompartment, test::kNow, bmc.name, bmc.address, bmc.port, bmc.user_name, bmc.channel,
             bmc.retired}));
        add_old_record(old, "bmc.added", bmc.id);
        const SealContext context{keyring_->header().vault_id, bmc.id, kPassword, VersionNumber{1}, kFirstEpoch};
        const auto sealed = seal(test::secret(password), context, *keyring_->data_key(kDefaultCompartment, kFirstEpoch),
                                 random_nonce());
        must(old.run(
            "INSERT INTO credential(bmc_id,kind,subject,version,state,provenance,stored_size,epoch,sealed,created_at,"
            "note) VALUES((SELECT id FROM bmc WHERE uuid=?),1,0,1,?,'generated',20,?,?,?,'')",
            {bmc.id.uuid, to_word(state), kFirstEpoch, sealed, test::kNow}));
        add_old_record(old, "credential.staged", bmc.id);
    }

    // With the keys at hand: no derivation from the passphrase at each of some hundred looks.
    [[nodiscard]] std::unique_ptr<Database> raw() {
        return must(Database::open(store_file(), keyring_->database_keys()));
    }
    [[nodiscard]] int version_on_disk() { return must(read_schema_version(*raw())); }
    void back_to_version_1() {
        close();
        test::write_file(store_file(), version_1_);
    }
    // The tables are those of one version or the other, never something in between; a connection makes them the new
    // ones, and what the old program stored is there.
    void expect_whole(const std::string& when) {
        EXPECT_EQ(version_on_disk() == kSchemaVersion, schema_of(*raw()).contains("table listed_password")) << when;
        const auto connection = must(connect(directory(), *keyring_));
        EXPECT_TRUE(verify_database(*connection, *keyring_)) << when;
        EXPECT_EQ(count(*connection, "SELECT count(*) FROM audit WHERE event='vault.migrated'"), 1) << when;
        EXPECT_EQ(count(*connection, "SELECT count(*) FROM credential WHERE state='pending'"), 1) << when;
        EXPECT_EQ(schema_of(*raw()), new_schema_) << when;
    }
    static std::int64_t count(Database& database, std::string_view sql) {
        std::int64_t found = -1;
        must(database.query(sql, {}, [&](const Row& row) {
            found = row.integer(0);
            return Result<void>();
        }));
        return found;
    }

    BmcId bmc_;
    std::unique_ptr<Keyring> keyring_;
    std::map<std::string, std::string> new_schema_;
    std::string version_1_;
    Digest first_record_{};
};

// Whoever must change a released step wants a new step instead: vaults made by the old text exist.
TEST(SchemaSteps, released_ones_stay_as_they_are) {
    const auto digest = [](const char* text) {
        Digest hash{};
        const auto bytes = as_bytes(text);
        crypto_generichash(hash.data(), hash.size(), bytes.data(), bytes.size(), nullptr, 0);
        return to_hex(hash);
    };
    ASSERT_EQ(schema_steps().size(), static_cast<std::size_t>(kSchemaVersion));
    EXPECT_EQ(digest(schema_steps()[0]), "3c3f2bb7f69528ed9b93f72c8cade2c0b5e45b1ab0e132d29a378b8a5cf73676");
    EXPECT_EQ(digest(schema_steps()[1]), "7386ff0d498d2af18d6864c3ca1f763fe14754f30d3e48c0b14bf5a53325728e");
    EXPECT_EQ(digest(schema_steps()[2]), "96a39e5b1e7391427df41c1a7ceb84861ec5620220757ef2b5995b70f71e98ed");
    EXPECT_EQ(digest(schema_steps()[3]), "49ac411a3de442e6b7358484db852cde7f9a04f4c2feb65174005a8b3955f066");
    EXPECT_EQ(digest(schema_steps()[4]), "ffa408d018b4575943d9e777e24d19d7c9505744f66d552514073d5ea8321ebd");
    EXPECT_EQ(digest(schema_steps()[5]), "b0937ae10dab3daf29524383e1aa82f7fc2812e6f0c9758f6a45713e5d5fed0b");
    EXPECT_EQ(digest(schema_steps()[6]), "baf7daedb5e036a8faf0ae7201887216acea8ff32900af5e91a1476d18857a76");
    EXPECT_EQ(digest(schema_steps()[7]), "9932abffbf3f7b429f307578ca73803be8ef1fadce3b30c8b19980f06cabf748");
}

TEST_F(Migration, a_vault_of_version_1_opens_with_all_it_held_and_the_tables_of_a_new_one) {
    EXPECT_EQ(version_on_disk(), 1);
    EXPECT_FALSE(schema_of(*raw()).contains("table listed_password"));
    EXPECT_EQ(test::text_of(must(store().unseal(must(store().versions(bmc_)).at(0)))), "staged-by-the-old");
    EXPECT_EQ(version_on_disk(), kSchemaVersion);
    expect_whole("at the first open");
    EXPECT_TRUE(must(store().listed_passwords()).empty());
    ASSERT_EQ(must(store().team().wiped()).size(), 1u) << "one that the older program had wiped";
    EXPECT_EQ(must(store().team().wiped()).front().at, test::kNow);
    const auto record = must(store().audit_log(0, 1000)).back();
    EXPECT_EQ(record.event, "vault.migrated");
    EXPECT_EQ(record.body, fmt::format(R"({{"from":1,"to":{}}})", kSchemaVersion));
    close();
    expect_whole("at the second open");
}

TEST_F(Migration, a_long_log_of_version_1_reads_the_same_in_rows_and_in_packs) {
    std::vector<std::string> hashes;
    {
        const auto old = raw();
        must(old->run("BEGIN IMMEDIATE"));
        for (int i = 0; i < 2500; ++i)
            add_old_record(*old, "fact.learned", i % 2 == 0 ? std::optional(bmc_) : std::nullopt);
        must(old->run("COMMIT"));
        must(old->query("SELECT hash FROM audit ORDER BY seq", {}, [&](const Row& row) {
            hashes.push_back(to_hex(row.bytes<32>(0)));
            return Result<void>();
        }));
    }
    const auto expect_same_log = [&](const char* when) {
        const auto log = must(store().audit_log(0, 100'000));
        ASSERT_GT(log.size(), hashes.size());
        for (std::size_t i = 0; i < hashes.size(); ++i) ASSERT_EQ(to_hex(log[i].hash), hashes[i]) << when << ", " << i;
        must(store().verify());
    };
    const auto packed = [&] { return count(*raw(), "SELECT coalesce(max(last),0) FROM audit_pack"); };
    expect_same_log("after the migration");
    EXPECT_EQ(packed(), 0);
    transact([&](Transaction& transaction) { return transaction.audit("fact.learned", bmc_, "{}"); });
    EXPECT_EQ(packed(), 1000);
    transact([&](Transaction& transaction) -> Result<void> {
        for (int i = 0; i < 1600; ++i) must(transaction.audit("fact.learned", bmc_, "{}"));
        return {};
    });
    EXPECT_EQ(packed(), 3000) << "the last pack has records of both kinds";
    expect_same_log("in packs");
}

TEST_F(Migration, the_wrong_passphrase_changes_nothing) {
    EXPECT_EQ(code_of(Store::open(directory(), test::passphrase("another"))), ErrorCode::kWrongKey);
    EXPECT_EQ(test::read_file(store_file()), version_1_);
}

TEST_F(Migration, tables_of_a_newer_program_are_refused_and_left_alone) {
    for (const auto& version : {Bytes{kSchemaVersion + 1}, Bytes{255}, Bytes{0}, Bytes{1, 0}}) {
        must(raw()->run("UPDATE meta SET v=? WHERE k='schema-version'", {version}));
        const auto before = test::read_file(store_file());
        EXPECT_EQ(code_of(Store::open(directory(), test::passphrase())), ErrorCode::kUnsupported);
        EXPECT_EQ(test::read_file(store_file()), before);
    }
}

TEST_F(Migration, several_processes_at_once_all_open_and_one_migrates) {
    std::array<int, 2> gate{};
    ASSERT_EQ(pipe(gate.data()), 0);
    std::vector<pid_t> children;
    for (int i = 0; i < 4; ++i) {
        const pid_t child = fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            ::close(gate[1]);
            char byte = 0;
            std::ignore = read(gate[0], &byte, 1);  // the end of the pipe: all begin at once
            const auto opened = Store::open(directory(), test::passphrase());
            if (!opened) fmt::print(stderr, "child: {}\n", opened.error().detail);
            _exit(opened && (*opened)->verify() && (*opened)->listed_passwords() ? 0 : 1);
        }
        children.push_back(child);
    }
    ::close(gate[0]);
    ::close(gate[1]);
    for (const auto child : children) {
        int status = 0;
        waitpid(child, &status, 0);
        EXPECT_TRUE(test::ended_well(status));
    }
    expect_whole("after all");
}

TEST_F(Migration, a_process_that_comes_second_waits_and_finds_it_done) {
    {
        const auto first = must(Database::open(store_file(), keyring_->database_keys()));
        EXPECT_EQ(must(read_schema_version(*first)), 1);
        must(migrate(store_file(), *keyring_));
    }
    must(migrate(store_file(), *keyring_));  // it had read version 1 before the other one committed
    expect_whole("after both");
}

// It can't write any more: the triggers of the state call functions that its connection has not.
TEST_F(Migration, a_connection_of_before_reads_on) {
    const auto old = raw();
    old->restrict();
    EXPECT_EQ(count(*old, "SELECT count(*) FROM credential"), 2);
    must(store().verify());
    EXPECT_EQ(version_on_disk(), kSchemaVersion);
    EXPECT_EQ(count(*old, "SELECT count(*) FROM credential"), 2);
}

TEST_F(Migration, a_kill_at_any_operation_leaves_one_version_whole) {
    int old_kept = 0;
    int done = 0;
    for (const auto fault : {Fault::kKillBefore, Fault::kKillAfter}) {
        std::uint32_t operation = 0;
        for (; operation < kFarTooMany; ++operation) {
            const int status = test::in_child([&] {
                vfs::arm(fault, operation);
                must(migrate(store_file(), *keyring_));
            });
            if (test::ended_well(status)) break;
            ASSERT_TRUE(test::was_killed(status)) << "operation " << operation;
            ++(version_on_disk() == 1 ? old_kept : done);
            expect_whole(fmt::format("killed at operation {}", operation));
            back_to_version_1();
        }
        EXPECT_GT(operation, 8u);
        EXPECT_LT(operation, kFarTooMany);
        back_to_version_1();
    }
    EXPECT_GT(old_kept, 0);
    EXPECT_GT(done, 0) << "a kill after the journal was deleted comes after the commit point";
}

TEST_F(Migration, a_full_disk_at_any_operation_leaves_version_1_and_says_so) {
    std::uint32_t operation = 0;
    for (; operation < kFarTooMany; ++operation) {
        vfs::arm(Fault::kDiskFull, operation);
        const auto migrated = migrate(store_file(), *keyring_);
        vfs::disarm();
        if (!vfs::fired()) break;
        EXPECT_EQ(code_of(migrated), ErrorCode::kNoSpace) << migrated.error().detail;
        EXPECT_EQ(version_on_disk(), 1) << "operation " << operation;
    }
    EXPECT_GT(operation, 8u);
    expect_whole("when there was room again");
}

}  // namespace
}  // namespace bmcvault::vault
