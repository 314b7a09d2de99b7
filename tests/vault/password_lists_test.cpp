// Lists of old passwords: kept sealed, each in its own place, named by their labels and never by their texts.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "tests/vault/test_vault.hpp"
#include "vault/store/schema.hpp"

namespace bmcvault::vault {
namespace {

using test::code_of;
using test::must;

struct Line {
    std::string label;
    std::string text;
    std::optional<UnixTime> from;
    std::optional<UnixTime> until;
    StoredSize size = StoredSize::k20;
};

std::vector<NewListedPassword> passwords(const std::vector<Line>& lines) {
    std::vector<NewListedPassword> all;
    for (const auto& line : lines)
        all.push_back({line.label, test::secret(line.text), line.size, line.from, line.until});
    return all;
}

// `count` of them, "NAME #1" upwards, with the texts "old-NAME-1" upwards.
std::vector<NewListedPassword> numbered(const std::string& name, std::size_t count) {
    std::vector<NewListedPassword> all;
    for (std::size_t i = 1; i <= count; ++i)
        all.push_back({fmt::format("{} #{}", name, i), test::secret(fmt::format("old-{}-{}", name, i)), StoredSize::k20,
                       std::nullopt, std::nullopt});
    return all;
}

class PasswordLists : public test::VaultTest {
protected:
    Result<void> add(const std::string& name, const std::vector<NewListedPassword>& list) {
        return try_transact([&](Transaction& transaction) -> Result<void> {
            const auto number = transaction.add_password_list(name, list);
            return number ? Result<void>() : std::unexpected(number.error());
        });
    }
    std::vector<std::string> labels() {
        std::vector<std::string> all;
        for (const auto& password : must(store().listed_passwords())) all.push_back(password.label);
        return all;
    }
    std::string text(const ListedPassword& password) { return test::text_of(must(store().unseal(password))); }
    void run_raw(const std::string& sql) { test::run_past_the_triggers(*raw_database(), sql); }
};

TEST_F(PasswordLists, every_field_comes_back_and_the_text_is_unsealed) {
    EXPECT_TRUE(must(store().listed_passwords()).empty());
    must(add("2019-shared", passwords({{"rack 7", "calvin", UnixTime{86400}, UnixTime{172800}, StoredSize::k16}})));
    const auto all = must(store().listed_passwords());
    ASSERT_EQ(all.size(), 1u);
    EXPECT_EQ(all[0].list, 1u);
    EXPECT_EQ(all[0].entry, 1u);
    EXPECT_EQ(all[0].list_name, "2019-shared");
    EXPECT_EQ(all[0].label, "rack 7");
    EXPECT_EQ(all[0].size, StoredSize::k16);
    EXPECT_EQ(all[0].used_from, UnixTime{86400});
    EXPECT_EQ(all[0].used_until, UnixTime{172800});
    EXPECT_EQ(all[0].created_at, test::kNow);
    EXPECT_EQ(text(all[0]), "calvin");
    EXPECT_TRUE(store().verify());
    EXPECT_EQ(must(store().info()).listed_passwords, 1u);
}

TEST_F(PasswordLists, the_newest_list_and_the_newest_use_come_first_then_the_order_of_the_file) {
    const auto at = [](std::int64_t time) { return std::optional(UnixTime{time}); };
    must(add("old", numbered("old", 2)));
    must(add("new", passwords({{"undated 1", "a", {}, {}},
                               {"until 5", "b", {}, at(5)},
                               {"2 to 9", "c", at(2), at(9)},
                               {"undated 2", "d", {}, {}},
                               {"4 to 9", "e", at(4), at(9)},
                               {"since 3", "f", at(3), {}},
                               {"since 4", "g", at(4), {}}})));
    EXPECT_EQ(labels(), (std::vector<std::string>{"since 4", "since 3", "4 to 9", "2 to 9", "until 5", "undated 1",
                                                  "undated 2", "old #1", "old #2"}));
    EXPECT_EQ(text(must(store().listed_passwords())[0]), "g");
}

TEST_F(PasswordLists, names_of_lists_and_labels_are_unique) {
    must(add("a", numbered("a", 2)));
    const auto same_name = add("a", numbered("b", 1));
    EXPECT_EQ(code_of(same_name), ErrorCode::kAlreadyExists);
    EXPECT_TRUE(same_name.error().detail.contains("\"a\"")) << same_name.error().detail;
    const auto same_label = add("b", passwords({{"b #1", "x", {}, {}}, {"a #2", "y", {}, {}}}));
    EXPECT_EQ(code_of(same_label), ErrorCode::kAlreadyExists);
    EXPECT_TRUE(same_label.error().detail.contains("\"a #2\"")) << same_label.error().detail;
    EXPECT_EQ(code_of(add("b", passwords({{"b #1", "x", {}, {}}, {"b #1", "y", {}, {}}}))), ErrorCode::kAlreadyExists);
    EXPECT_EQ(labels(), (std::vector<std::string>{"a #1", "a #2"})) << "a list comes whole or not at all";
    must(add("b", numbered("b", 1)));
}

TEST_F(PasswordLists, what_can_not_be_a_list_is_refused_by_name_of_the_entry) {
    const auto refused = [&](const std::string& name, const std::vector<NewListedPassword>& list,
                             std::string_view word) {
        const auto added = add(name, list);
        EXPECT_EQ(code_of(added), ErrorCode::kInvalidArgument);
        EXPECT_TRUE(added.error().detail.contains(word)) << added.error().detail;
    };
    for (const auto& name : {std::string(), std::string(49, 'n'), std::string(" n"), std::string("n\n")})
        refused(name, numbered("x", 1), "name");
    for (const auto& label : {std::string(), std::string(65, 'n'), std::string("n "), std::string("n\x7f")})
        refused("x", passwords({{"x", "y", {}, {}}, {label, "z", {}, {}}}), "entry 2: the label");
    refused("x", passwords({{"x", "", {}, {}}}), "entry 1: the password is empty");
    refused("x", passwords({{"x", "y", UnixTime{2}, UnixTime{1}}}), "ends before");
    refused("x", {}, "without passwords");
    EXPECT_EQ(must(store().info()).audit_records, 1u);
    must(add(std::string(48, 'n'), passwords({{std::string(64, 'l'), "y", UnixTime{2}, UnixTime{2}}})));
}

TEST_F(PasswordLists, all_lists_together_hold_no_more_than_the_limit) {
    must(add("most", numbered("most", kMaxListedPasswords - 1)));
    const auto too_many = add("more", numbered("more", 2));
    EXPECT_EQ(code_of(too_many), ErrorCode::kInvalidArgument);
    EXPECT_TRUE(too_many.error().detail.contains("at most 10000")) << too_many.error().detail;
    must(add("more", numbered("more", 1)));
    EXPECT_EQ(code_of(add("one", numbered("one", 1))), ErrorCode::kInvalidArgument);
    EXPECT_EQ(must(store().listed_passwords()).size(), kMaxListedPasswords);
    EXPECT_TRUE(store().verify());
}

TEST_F(PasswordLists, the_audit_record_has_name_and_count_and_no_text) {
    must(add("2019-shared", numbered("findme", 3)));
    const auto record = must(store().audit_log(0, 100)).back();
    EXPECT_EQ(record.event, "passwords.imported");
    EXPECT_EQ(record.actor, "tester");
    EXPECT_EQ(record.bmc, std::nullopt);
    EXPECT_EQ(record.body, R"({"count":3,"list":1,"name":"2019-shared"})");
}

TEST_F(PasswordLists, no_text_and_no_label_is_found_in_any_file_nor_a_text_in_any_cell) {
    must(add("findme-list", numbered("findme", 50)));
    for (const auto& [name, content] : test::snapshot(directory())) EXPECT_FALSE(content.contains("findme")) << name;
    must(raw_database()->query("SELECT sealed FROM listed_password", {}, [](const Row& row) {
        const auto sealed = row.blob(0);
        EXPECT_EQ(sealed.size(), 60u);
        EXPECT_TRUE(std::ranges::search(sealed, as_bytes("old-findme")).empty());
        return Result<void>();
    }));
}

TEST_F(PasswordLists, a_text_moved_or_copied_to_another_place_is_noticed_by_reading_and_by_verify) {
    must(add("a", numbered("a", 2)));
    must(add("b", numbered("b", 2)));
    const auto original = test::read_file(store_file());
    const std::string off = "DROP TRIGGER listed_password_seal_fixed; DROP TRIGGER listed_password_identity_fixed;";
    struct Case {
        const char* sql;
        const char* named;
    };
    for (const Case& it :
         {Case{"UPDATE listed_password SET sealed=(SELECT sealed FROM listed_password WHERE list_id=1 AND entry=2) "
               "WHERE list_id=1 AND entry=1",
               "a #1"},
          Case{"UPDATE listed_password SET sealed=(SELECT sealed FROM listed_password WHERE list_id=1 AND entry=2) "
               "WHERE list_id=2 AND entry=2",
               "b #2"},
          Case{"UPDATE listed_password SET entry=3 WHERE list_id=2 AND entry=1", "b #1"},
          Case{"UPDATE listed_password SET list_id=1,entry=4 WHERE list_id=2 AND entry=1", "b #1"},
          Case{"UPDATE listed_password SET entry=9 WHERE list_id=1 AND entry=1;"
               "UPDATE listed_password SET entry=1 WHERE list_id=1 AND entry=2;"
               "UPDATE listed_password SET entry=2 WHERE list_id=1 AND entry=9",
               "a #2"}}) {
        close();
        run_raw(off + it.sql);
        const auto verified = store().verify();
        EXPECT_EQ(code_of(verified), ErrorCode::kDamaged) << it.sql;
        EXPECT_EQ(verified.error().detail, fmt::format("listed password \"{}\" does not verify", it.named)) << it.sql;
        const auto all = must(store().listed_passwords());
        const auto moved = std::ranges::find(all, it.named, &ListedPassword::label);
        ASSERT_NE(moved, all.end());
        EXPECT_EQ(code_of(store().unseal(*moved)), ErrorCode::kDamaged) << it.sql;
        close();
        test::write_file(store_file(), original);
    }
    EXPECT_TRUE(store().verify());
}

TEST_F(PasswordLists, a_seal_of_a_credential_does_not_open_as_a_listed_password) {
    stage(add_bmc(1), "of-a-bmc");
    must(add("a", numbered("a", 1)));
    close();
    run_raw(
        "DROP TRIGGER listed_password_seal_fixed; UPDATE listed_password SET sealed=(SELECT sealed FROM credential)");
    EXPECT_EQ(code_of(store().unseal(must(store().listed_passwords()).at(0))), ErrorCode::kDamaged);
    EXPECT_EQ(code_of(store().verify()), ErrorCode::kDamaged);
}

TEST_F(PasswordLists, one_flipped_bit_of_a_sealed_text_is_noticed) {
    must(add("a", numbered("a", 1)));
    close();
    const auto database = raw_database();
    Bytes sealed;
    must(database->query("SELECT sealed FROM listed_password", {}, [&](const Row& row) {
        sealed = row.blob(0);
        return Result<void>();
    }));
    const auto opens = [&](const Bytes& bytes) {
        test::run_past_the_triggers(*database, fmt::format("DROP TRIGGER listed_password_seal_fixed;"
                                                           "UPDATE listed_password SET sealed=x'{}'",
                                                           to_hex(bytes)));
        return store().unseal(must(store().listed_passwords()).at(0)).has_value();
    };
    for (std::size_t byte = 0; byte < sealed.size(); ++byte) {
        auto damaged = sealed;
        damaged[byte] ^= static_cast<std::uint8_t>(1 << (byte % 8));
        EXPECT_FALSE(opens(damaged)) << "byte " << byte;
    }
    EXPECT_TRUE(opens(sealed));
}

TEST_F(PasswordLists, the_database_itself_keeps_their_rules) {
    must(add("a", numbered("a", 2)));
    close();
    const auto database = raw_database();
    for (const auto* sql : {"DELETE FROM listed_password",
                            "DELETE FROM password_list",
                            "UPDATE password_list SET name='b'",
                            "UPDATE password_list SET created_at=1",
                            "UPDATE listed_password SET label='x' WHERE entry=1",
                            "UPDATE listed_password SET entry=7 WHERE entry=1",
                            "UPDATE listed_password SET used_from=1",
                            "UPDATE listed_password SET used_until=1",
                            "UPDATE listed_password SET stored_size=16",
                            "UPDATE listed_password SET sealed=zeroblob(60)",
                            "UPDATE listed_password SET epoch=0",
                            "UPDATE listed_password SET epoch=2,sealed=zeroblob(59)",
                            "UPDATE listed_password SET epoch=2,sealed=NULL",
                            "INSERT INTO password_list VALUES(0,'z',1,0)",
                            "INSERT INTO password_list VALUES(9,'a',1,0)",
                            "INSERT INTO password_list VALUES(9,'z',2,0)",
                            "INSERT INTO listed_password VALUES(1,3,'a #1',20,NULL,NULL,1,zeroblob(60))",
                            "INSERT INTO listed_password VALUES(1,1,'z',20,NULL,NULL,1,zeroblob(60))",
                            "INSERT INTO listed_password VALUES(2,1,'z',20,NULL,NULL,1,zeroblob(60))",
                            "INSERT INTO listed_password VALUES(1,3,'z',18,NULL,NULL,1,zeroblob(60))",
                            "INSERT INTO listed_password VALUES(1,3,'z',20,2,1,1,zeroblob(60))",
                            "INSERT INTO listed_password VALUES(1,0,'z',20,NULL,NULL,1,zeroblob(60))"})
        EXPECT_EQ(code_of(database->run_script(sql)), ErrorCode::kConflict) << sql;
    EXPECT_TRUE(database->run_script("UPDATE listed_password SET epoch=2,sealed=zeroblob(60)")) << "a new key epoch";
}

}  // namespace
}  // namespace bmcvault::vault
