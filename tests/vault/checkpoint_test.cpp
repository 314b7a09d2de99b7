// What is kept away from the vault: a signed checkpoint after each run, and what a host pins of the header. Both tell
// an older vault, another history and a foreign administrator.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/vault/test_vault.hpp"
#include "vault/core/audit_chain.hpp"
#include "vault/core/checkpoint.hpp"
#include "vault/store/identities.hpp"

namespace bmcvault::vault {
namespace {

namespace fs = std::filesystem;
using test::code_of;
using test::must;

class Checkpoints : public test::VaultTest {
protected:
    Checkpoints() : bmc_(add_bmc(1)) {}

    static Acting acting() { return {"tester", test::kNow, "because", {}}; }
    void write() {
        transact([&](Transaction& transaction) { return transaction.audit("fact.learned", bmc_, "{}"); });
    }
    std::optional<Checkpoint> end_run() { return must(store().checkpoint("tester", test::kNow)); }
    std::uint64_t records() { return must(store().info()).audit_records; }
    // As this host, which keeps what it has seen.
    [[nodiscard]] std::unique_ptr<Store> open_here() const {
        return must(Store::open(directory(), test::passphrase(), {heads_.path() / "heads", {}}));
    }
    [[nodiscard]] std::unique_ptr<Store> open_here_as(const MadeIdentity& member) const {
        return must(Store::open(directory(), test::passphrase("identity"), {heads_.path() / "heads", member.file}));
    }

    BmcId bmc_;
    test::TemporaryDirectory heads_;
};

TEST_F(Checkpoints, a_run_that_wrote_ends_with_a_signed_record_and_one_that_did_not_with_none) {
    const auto first = end_run();
    ASSERT_TRUE(first);
    EXPECT_EQ(must(store().audit_log(0, 100)).back().event, kCheckpointEvent);
    EXPECT_EQ(first->audit_count, records());
    const auto before = test::read_file(store_file());
    EXPECT_FALSE(end_run()) << "nothing was written since";
    close();
    must(store().verify());
    EXPECT_FALSE(end_run()) << "only looked at";
    EXPECT_EQ(test::read_file(store_file()), before);
    must(must(store().clone())->transact("tester", test::kNow, [](Transaction& transaction) {
        return transaction.audit("vault.note", std::nullopt, "{}");
    }));
    const auto second = end_run();
    ASSERT_TRUE(second) << "written by a clone";
    EXPECT_EQ(must(store().audit_log(0, 100)).back().event, "vault.note") << "that one is signed already";
    EXPECT_EQ(second->audit_count, first->audit_count + 1);
    must(store().verify());
}

TEST_F(Checkpoints, a_line_is_taken_as_it_was_written_and_in_no_other_form) {
    const auto checkpoint = *end_run();
    const auto line = format_checkpoint(checkpoint);
    EXPECT_EQ(must(parse_checkpoint(line)), checkpoint);
    EXPECT_EQ(must(parse_checkpoint(line + "\n")), checkpoint);
    for (std::size_t i = 0; i < line.size(); ++i)
        for (const int bit : {0, 5, 6}) {
            auto changed = line;
            changed[i] = static_cast<char>(changed[i] ^ (1 << bit));
            const auto parsed = parse_checkpoint(changed);
            // The signature covers vault, count and head; generation and root are compared with those of the vault.
            EXPECT_TRUE(!parsed || parsed->generation != checkpoint.generation || parsed->root != checkpoint.root) << i;
        }
    for (std::size_t size = 0; size < line.size(); ++size) EXPECT_FALSE(parse_checkpoint(line.substr(0, size)));
    EXPECT_FALSE(parse_checkpoint(line + " "));
    EXPECT_FALSE(parse_checkpoint(line + "\n\n"));
}

TEST_F(Checkpoints, a_vault_is_fresh_rolled_back_or_forked_against_one_that_was_kept) {
    write();
    std::ignore = end_run();
    close();
    const auto old = test::read_file(store_file());
    write();
    const auto kept = *end_run();
    EXPECT_EQ(must(store().compare_with(kept)), Freshness::kFresh);
    write();
    EXPECT_EQ(must(store().compare_with(kept)), Freshness::kFresh) << "and has gone on";
    close();
    test::write_file(store_file(), old);
    EXPECT_EQ(must(store().compare_with(kept)), Freshness::kRolledBack);
    write();
    write();
    EXPECT_EQ(must(store().compare_with(kept)), Freshness::kForked);
    auto of_another = kept;
    of_another.vault_id[0] ^= 1;
    EXPECT_EQ(code_of(store().compare_with(of_another)), ErrorCode::kInvalidArgument);
    auto other_root = kept;
    other_root.audit_count = 1;
    other_root.audit_head = must(store().audit_log(0, 1)).front().hash;
    EXPECT_EQ(code_of(store().compare_with(other_root)), ErrorCode::kRolledBack) << "another state than the record's";
    auto foreign = kept;
    foreign.signer[0] ^= 1;
    const auto unknown = store().compare_with(foreign);
    EXPECT_EQ(code_of(unknown), ErrorCode::kRolledBack);
    EXPECT_TRUE(unknown.error().detail.contains("nobody")) << unknown.error().detail;
}

TEST_F(Checkpoints, later_generations_are_accepted_where_the_key_was_handed_over) {
    close();
    EXPECT_EQ(open_here()->refusal(), "");
    must(store().team().new_generation(acting()));
    must(store().team().new_generation(acting()));
    close();
    EXPECT_EQ(open_here()->refusal(), "") << "also where this host has not seen the one in between";
    must(store().team().new_generation(acting()));
    must(store().verify());
    close();
    test::run_past_the_triggers(*raw_database(),
                                "DROP TRIGGER admin_key_fixed; DROP TRIGGER state_admin_key_update;"
                                "UPDATE admin_key SET endorsement=zeroblob(64) WHERE generation=4");
    const auto here = open_here();
    EXPECT_TRUE(here->refusal().contains("another administrator")) << here->refusal();
}

TEST_F(Checkpoints, an_administrator_whom_this_host_has_not_seen_is_refused_until_a_person_accepts) {
    const auto alice = must(make_identity(test::passphrase("identity"), test::kLowestCost));
    must(store().team().add_member(acting(), {"alice", false, Role::kOperator, {}, alice.keys}));
    close();
    EXPECT_EQ(open_here_as(alice)->refusal(), "");
    auto header = must(parse_header(test::read_file(header_file())));
    const auto bundle = must(unlock(header, test::passphrase())).bundle.clone();
    authenticate_header(header, bundle.master_key, random_key());  // an operator has the master key
    test::write_file(header_file(), format_header(header));
    const auto refused = open_here_as(alice);
    EXPECT_TRUE(refused->refusal().contains("another administrator")) << refused->refusal();
    EXPECT_EQ(code_of(refused->transact("alice", test::kNow, [](Transaction& t) { return t.learn("a", "b", "c"); })),
              ErrorCode::kRolledBack);
    must(refused->accept_restore({"alice", test::kNow, "the owner told me of the new key"}));
    EXPECT_EQ(open_here_as(alice)->refusal(), "");
}

TEST_F(Checkpoints, an_older_header_of_the_same_generation_is_refused) {
    close();
    const auto before = test::read_file(header_file());
    const auto alice = must(make_identity(test::passphrase("identity"), test::kLowestCost));
    must(store().team().add_member(acting(), {"alice", false, Role::kOperator, {}, alice.keys}));
    close();
    EXPECT_EQ(open_here()->refusal(), "");
    test::write_file(header_file(), before);
    EXPECT_TRUE(open_here()->refusal().contains("downgraded")) << open_here()->refusal();
}

TEST_F(Checkpoints, a_header_that_another_process_brings_on_while_this_one_opens_is_no_downgrade) {
    const auto keys = must(store().identity());
    close();
    EXPECT_EQ(open_here()->refusal(), "");
    const auto asked_for_keys = [&](const Header&) -> Result<IdentityKeys> {
        must(open_here()->team().add_compartment(acting(), "edge"));
        return keys.clone();
    };
    const auto meanwhile = must(Store::open(directory(), asked_for_keys, {heads_.path() / "heads", {}}));
    EXPECT_EQ(meanwhile->refusal(), "");
    EXPECT_EQ(open_here()->refusal(), "") << "and it has not put the pin back";
}

TEST(HeaderPins, a_header_that_asks_less_of_its_reader_is_downgraded) {
    Header header;
    header.generation = 3;
    header.min_reader = 2;
    header.audit_count = 7;
    Head head{{}, 3, 9, {}, pin_of(header)};
    EXPECT_EQ(must(parse_head(format_head(head))), head);
    EXPECT_FALSE(is_downgraded(head, header));
    for (const auto& change : std::initializer_list<void (*)(Header&)>{[](Header& h) { h.min_reader = 1; },
                                                                       [](Header& h) { h.sqlcipher_format = 2; },
                                                                       [](Header& h) { h.audit_count = 6; }}) {
        auto other = header;
        change(other);
        EXPECT_TRUE(is_downgraded(head, other));
    }
    auto next = header;
    next.generation = 4;
    next.audit_count = 1;
    EXPECT_FALSE(is_downgraded(head, next)) << "another generation may have begun in another file";
    auto later_header = head;
    later_header.pin->audit_count = 8;
    auto more_records = head;
    more_records.audit_count = 10;
    EXPECT_EQ(later(later_header, more_records).pin->audit_count, 8u) << "a process that still has the older header";
    EXPECT_EQ(later(more_records, head), more_records);
    Head without_pin = head;
    without_pin.pin.reset();
    EXPECT_EQ(must(parse_head(format_head(without_pin))), without_pin) << "of an older program";
    EXPECT_EQ(later(without_pin, head), head) << "pinned at the next look";
    EXPECT_FALSE(is_downgraded(without_pin, header));
}

}  // namespace
}  // namespace bmcvault::vault
