// The triggers and indexes of the database keep the rules by themselves: the table of states of version_chain.cpp, one
// pending and one current version, nothing deleted, nothing destroyed too early, an audit log that only grows.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/vault/test_vault.hpp"
#include "vault/core/version_chain.hpp"

namespace bmcvault::vault {
namespace {

using test::code_of;
using test::must;

class Schema : public test::VaultTest {
protected:
    Schema() : bmc_(add_bmc(1)) {
        close();
        database_ = raw_database();
    }

    Result<void> insert(int version, VersionState state, int subject = 0) {
        const bool proved = state == VersionState::kCurrent || state == VersionState::kPrevious;
        const bool destroyed = state == VersionState::kDestroyed;
        return database_->run(
            "INSERT INTO credential(bmc_id,kind,subject,version,state,provenance,stored_size,epoch,sealed,created_at,"
            "proved_at,note) VALUES(1,1,?,?,?,'generated',20,1,?,0,?,'')",
            {subject, version, to_word(state), destroyed ? Value() : Value(Bytes(60, 1)), proved ? Value(1) : Value()});
    }
    Result<void> change(int version, VersionState state) {
        const bool destroyed = state == VersionState::kDestroyed;
        return database_->run(
            "UPDATE credential SET state=?1,proved_at=coalesce(proved_at,CASE ?1 WHEN 'current' THEN 1 END),"
            "sealed=CASE WHEN ?2 THEN NULL ELSE sealed END WHERE version=?3",
            {to_word(state), destroyed, version});
    }
    void run(const char* sql) { must(database_->run_script(sql)); }
    ErrorCode refused(const char* sql) { return code_of(database_->run_script(sql)); }

    BmcId bmc_;
    std::unique_ptr<Database> database_;
};

TEST_F(Schema, first_states_are_those_of_the_version_chain) {
    for (const auto state : kAllStates) {
        run("SAVEPOINT one");
        EXPECT_EQ(insert(1, state).has_value(), may_begin_as(state)) << to_word(state);
        run("ROLLBACK TO one; RELEASE one");
    }
}

TEST_F(Schema, state_changes_are_those_of_the_version_chain_for_all_pairs) {
    run("DROP TRIGGER credential_begin_guard");
    run("DROP TRIGGER credential_destroy_guard");  // only the state table decides
    int allowed = 0;
    for (const auto from : kAllStates)
        for (const auto to : kAllStates) {
            run("SAVEPOINT one");
            must(insert(1, from));
            const auto changed = change(1, to);
            EXPECT_EQ(changed.has_value(), may_follow(from, to)) << to_word(from) << " to " << to_word(to);
            allowed += changed.has_value() ? 1 : 0;
            run("ROLLBACK TO one; RELEASE one");
        }
    EXPECT_EQ(allowed, 13 + 7 + 8);  // the table, to destroyed, and staying
}

TEST_F(Schema, nothing_is_destroyed_before_a_later_version_was_proved) {
    run("DROP TRIGGER credential_begin_guard");
    must(insert(1, VersionState::kPrevious));  // an earlier proved one does not count
    must(insert(2, VersionState::kRetired));
    must(insert(3, VersionState::kFailed));
    EXPECT_EQ(code_of(change(2, VersionState::kDestroyed)), ErrorCode::kConflict);
    EXPECT_EQ(code_of(change(3, VersionState::kDestroyed)), ErrorCode::kConflict);
    must(insert(4, VersionState::kCurrent));
    EXPECT_TRUE(change(2, VersionState::kDestroyed));
    EXPECT_TRUE(change(3, VersionState::kDestroyed));
    EXPECT_EQ(code_of(change(1, VersionState::kDestroyed)), ErrorCode::kConflict) << "previous must be retired first";
}

TEST_F(Schema, of_a_wiped_bmc_everything_may_be_destroyed_and_it_never_comes_back) {
    run("DROP TRIGGER credential_begin_guard");
    EXPECT_EQ(refused("INSERT INTO wiped(bmc_id,at) VALUES(1,5)"), ErrorCode::kConflict) << "it is in use";
    int version = 0;
    for (const auto state : kAllStates) must(insert(++version, state));
    run("UPDATE bmc SET retired=1");
    EXPECT_EQ(code_of(change(3, VersionState::kDestroyed)), ErrorCode::kConflict) << "retired, and never wiped";
    run("INSERT INTO wiped(bmc_id,at) VALUES(1,5)");
    for (int each = 1; each <= version; ++each) EXPECT_TRUE(change(each, VersionState::kDestroyed)) << each;
    for (const auto* sql : {"UPDATE bmc SET retired=0", "DELETE FROM wiped", "UPDATE wiped SET at=6"})
        EXPECT_EQ(refused(sql), ErrorCode::kConflict) << sql;
}

TEST_F(Schema, one_pending_and_one_current_per_subject) {
    must(insert(1, VersionState::kPending));
    EXPECT_EQ(code_of(insert(2, VersionState::kPending)), ErrorCode::kConflict);
    EXPECT_TRUE(insert(1, VersionState::kPending, 2)) << "another user ID has its own";
    must(insert(2, VersionState::kUnknown));
    must(database_->run("UPDATE credential SET state='current',proved_at=1 WHERE version=2"));
    must(insert(3, VersionState::kUnknown));
    EXPECT_EQ(code_of(change(3, VersionState::kCurrent)), ErrorCode::kConflict);
}

TEST_F(Schema, current_needs_a_proof) {
    must(insert(1, VersionState::kPending));
    EXPECT_EQ(code_of(database_->run("UPDATE credential SET state='current'")), ErrorCode::kConflict);
    EXPECT_TRUE(database_->run("UPDATE credential SET state='current',proved_at=5"));
}

TEST_F(Schema, identity_and_history_are_fixed) {
    must(insert(1, VersionState::kPending));
    for (const auto* sql :
         {"DELETE FROM credential", "DELETE FROM bmc", "UPDATE bmc SET uuid=zeroblob(16)",
          "UPDATE credential SET version=2", "UPDATE credential SET bmc_id=1", "UPDATE credential SET subject=3",
          "UPDATE credential SET kind=2", "UPDATE credential SET created_at=9", "UPDATE credential SET stored_size=16",
          "UPDATE credential SET provenance='manual'", "UPDATE credential SET sealed=zeroblob(60)",
          "UPDATE credential SET sealed=NULL", "UPDATE credential SET epoch=0",
          "UPDATE OR REPLACE credential SET version=version", "UPDATE audit SET body='x'", "DELETE FROM audit",
          "INSERT INTO audit(seq,at,actor,event,body,prev,hash) VALUES(9,0,'','','',zeroblob(32),zeroblob(32))",
          "INSERT INTO audit(seq,at,actor,event,body,prev,hash) VALUES(3,0,'','','',zeroblob(32),zeroblob(32))",
          "INSERT INTO audit(at,actor,event,body,prev,hash) VALUES(0,'','','',zeroblob(32),zeroblob(32))"})
        EXPECT_EQ(refused(sql), ErrorCode::kConflict) << sql;
    EXPECT_TRUE(database_->run("UPDATE credential SET sealed=?,epoch=2", {Bytes(60, 9)})) << "a new key epoch";
}

TEST_F(Schema, a_record_leaves_its_row_only_for_a_pack_and_packs_follow_one_another) {
    const auto pack = [&](const char* values) {
        const std::string sql = fmt::format("INSERT INTO audit_pack(first,last,last_hash,records,roots) {}", values);
        return database_->run_script(sql.c_str());
    };
    const auto* const first = "SELECT 1,1,hash,zeroblob(1),zeroblob(1) FROM audit WHERE seq=1";
    EXPECT_EQ(refused("DELETE FROM audit WHERE seq=1"), ErrorCode::kConflict);
    EXPECT_EQ(code_of(pack("VALUES(1,1,zeroblob(32),zeroblob(1),zeroblob(1))")), ErrorCode::kConflict);
    EXPECT_EQ(code_of(pack("SELECT 2,2,hash,zeroblob(1),zeroblob(1) FROM audit WHERE seq=2")), ErrorCode::kConflict);
    EXPECT_EQ(code_of(pack("SELECT 1,0,hash,zeroblob(1),zeroblob(1) FROM audit WHERE seq=1")), ErrorCode::kConflict);
    must(pack(first));
    EXPECT_EQ(code_of(pack(first)), ErrorCode::kConflict);
    EXPECT_EQ(code_of(pack("SELECT 3,3,hash,zeroblob(1),zeroblob(1) FROM audit WHERE seq=2")), ErrorCode::kConflict);
    EXPECT_EQ(refused("DELETE FROM audit WHERE seq=1"), ErrorCode::kConflict) << "its signature refers to it";
    must(pack("SELECT 2,2,hash,zeroblob(1),zeroblob(1) FROM audit WHERE seq=2"));
    EXPECT_EQ(refused("DELETE FROM audit WHERE seq=2"), ErrorCode::kConflict) << "the newest record stays";
    for (const auto* sql : {"UPDATE audit_pack SET roots=zeroblob(2)", "DELETE FROM audit_pack",
                            "UPDATE OR REPLACE audit_pack SET first=5"})
        EXPECT_EQ(refused(sql), ErrorCode::kConflict) << sql;
    run("INSERT INTO audit(seq,at,actor,event,body,prev,hash) SELECT 3,0,'','','',hash,zeroblob(32) FROM audit WHERE "
        "seq=2");
    EXPECT_TRUE(database_->run_script("DELETE FROM audit WHERE seq=2"));
    EXPECT_EQ(refused("DELETE FROM audit WHERE seq=3"), ErrorCode::kConflict);
}

TEST_F(Schema, values_have_their_types_and_lengths) {
    must(insert(1, VersionState::kPending));
    for (const auto* sql :
         {"UPDATE credential SET epoch=2,sealed=zeroblob(59)",
          "UPDATE credential SET epoch=2,sealed='text of sixty characters, as long as a sealed value is..60'",
          "UPDATE bmc SET port=0", "UPDATE bmc SET channel=16", "UPDATE bmc SET user_id=64",
          "UPDATE bmc SET pin_guid=zeroblob(15)", "UPDATE data_key SET wrapped=zeroblob(71)"})
        EXPECT_EQ(refused(sql), ErrorCode::kConflict) << sql;
}

TEST_F(Schema, the_restricted_connection_does_nothing_but_our_own_sql) {
    database_->restrict();
    for (const auto* sql :
         {"ATTACH ':memory:' AS other", "PRAGMA journal_mode=WAL", "PRAGMA synchronous=OFF",
          "PRAGMA cipher_profile='x'", "CREATE TABLE t(x)", "DROP TABLE audit", "DELETE FROM fact",
          "SELECT load_extension('x')", "SELECT hex(uuid) FROM bmc", "CREATE VIRTUAL TABLE t USING fts3(x)",
          "DROP TRIGGER audit_no_update", "ALTER TABLE bmc RENAME TO b", "PRAGMA integrity_check(1)"})
        EXPECT_FALSE(database_->run_script(sql)) << sql;
    EXPECT_TRUE(database_->run_script("PRAGMA integrity_check"));
    EXPECT_TRUE(database_->run_script("SELECT count(*) FROM bmc"));
}

}  // namespace
}  // namespace bmcvault::vault
