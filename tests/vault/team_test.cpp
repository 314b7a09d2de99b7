// Members, compartments, generations and departures: who can open what, what a leaver could read, and a kill at every
// step and every file operation on the way.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <map>
#include <set>

#include "tests/vault/faulty_vfs.hpp"
#include "tests/vault/test_vault.hpp"
#include "vault/store/identities.hpp"
#include "vault/store/transaction.hpp"

namespace bmcvault::vault {
namespace {

namespace fs = std::filesystem;
namespace vfs = test::faulty_vfs;
using test::code_of;
using test::must;

constexpr Subject kPassword{Kind::kPassword, Subject::kOwnAccount};

// Made once: unlocking is what takes most of the time here.
const MadeIdentity& identity(int number) {
    static std::map<int, MadeIdentity> all;
    const auto found = all.find(number);
    if (found != all.end()) return found->second;
    return all.emplace(number, must(make_identity(test::passphrase("identity"), test::kLowestCost))).first->second;
}

class Teams : public test::VaultTest {
protected:
    Teams() : bmc_(add_bmc(1)), other_(add_bmc(2)) {
        rotate(bmc_, "first");
        rotate(other_, "second");
    }
    ~Teams() override { vfs::disarm(); }

    [[nodiscard]] Team& team() { return store().team(); }
    static Acting acting(std::int64_t at = test::kNow.value) { return {"tester", {at}, "because", {}}; }
    static Acting killed_at(std::string_view step) {
        auto killed = acting();
        killed.hook = [step](std::string_view passed) {
            if (passed == step) kill(getpid(), SIGKILL);
        };
        return killed;
    }
    static NewMember member(const std::string& name, int number, Role role = Role::kOperator,
                            std::vector<std::string> compartments = {}) {
        return {name, false, role, std::move(compartments), identity(number).keys};
    }
    [[nodiscard]] Result<std::unique_ptr<Store>> try_open_as(int number, const fs::path& at) const {
        return Store::open(at, test::passphrase("identity"), {{}, identity(number).file});
    }
    [[nodiscard]] std::unique_ptr<Store> open_as(int number) const { return must(try_open_as(number, directory())); }
    static std::string password_of(const Store& from, BmcId bmc) {
        const auto versions = must(from.versions(bmc));
        return test::text_of(must(from.unseal(versions.back())));
    }
    std::string password_of(BmcId bmc) { return password_of(store(), bmc); }
    // The vault opens, says that all of it verifies, and every secret is what it was.
    void expect_whole(const std::string& when) {
        close();
        EXPECT_EQ(password_of(bmc_), "first") << when;
        EXPECT_EQ(password_of(other_), "second") << when;
        const auto verified = store().verify();
        EXPECT_TRUE(verified) << when << ": " << verified.error().detail;
    }

    BmcId bmc_;
    BmcId other_;
};

TEST_F(Teams, a_member_opens_the_vault_with_an_identity) {
    must(team().add_member(acting(), member("alice", 1)));
    const auto alice = open_as(1);
    EXPECT_EQ(password_of(*alice, bmc_), "first");
    must(alice->transact("login", test::kNow, [](Transaction& t) { return t.audit("note", std::nullopt, "{}"); }));
    EXPECT_EQ(must(alice->audit_log(0, 1000)).back().actor, "alice (login)");
    EXPECT_EQ(code_of(try_open_as(2, directory())), ErrorCode::kNotPermitted) << "no member";
    EXPECT_EQ(code_of(Store::open(directory(), test::passphrase(), {{}, identity(1).file})), ErrorCode::kWrongKey);
    auto broken = identity(1).file;
    broken[broken.find("x25519 ") + 8] ^= 1;
    EXPECT_EQ(code_of(Store::open(directory(), test::passphrase("identity"), {{}, broken})), ErrorCode::kDamaged);
    EXPECT_EQ(must(store().info()).slots, (std::vector<std::string>{"argon2id passphrase", "x25519 alice"}));
    EXPECT_EQ(must(team().members()).back().compartments, std::vector<std::string>{"default"});
}

TEST_F(Teams, names_and_keys_are_used_once_and_only_owners_add) {
    must(team().add_member(acting(), member("alice", 1)));
    EXPECT_EQ(code_of(team().add_member(acting(), member("alice", 2))), ErrorCode::kAlreadyExists);
    EXPECT_EQ(code_of(team().add_member(acting(), member("bob", 1))), ErrorCode::kAlreadyExists);
    EXPECT_EQ(code_of(team().add_member(acting(), member("b b", 2))), ErrorCode::kInvalidArgument);
    EXPECT_EQ(code_of(team().add_member(acting(), member("bob", 2, Role::kOperator, {"none"}))), ErrorCode::kNotFound);
    EXPECT_EQ(code_of(team().add_member(acting(), member("bob", 2, Role::kOwner, {"default"}))),
              ErrorCode::kInvalidArgument);
    const auto alice = open_as(1);
    EXPECT_EQ(code_of(alice->team().add_member(acting(), member("bob", 2))), ErrorCode::kNotPermitted);
    EXPECT_EQ(code_of(alice->team().add_compartment(acting(), "edge")), ErrorCode::kNotPermitted);
    EXPECT_EQ(code_of(alice->team().new_generation(acting())), ErrorCode::kNotPermitted);
    EXPECT_EQ(code_of(alice->team().begin_departure(acting(), "passphrase")), ErrorCode::kNotPermitted);
}

TEST_F(Teams, an_auditor_looks_and_opens_nothing) {
    must(team().add_member(acting(), member("otto", 3, Role::kAuditor)));
    const auto otto = open_as(3);
    EXPECT_EQ(must(otto->bmcs()).size(), 2u);
    EXPECT_EQ(code_of(otto->unseal(must(otto->versions(bmc_)).back())), ErrorCode::kNotPermitted);
    EXPECT_EQ(
        code_of(otto->transact("otto", test::kNow, [](Transaction& t) { return t.audit("note", std::nullopt, "{}"); })),
        ErrorCode::kNotPermitted);
    must(otto->verify());
}

TEST_F(Teams, a_member_sees_and_opens_only_what_was_granted) {
    must(team().add_compartment(acting(), "edge"));
    must(team().move_bmcs(acting(), "edge", std::span(&other_, 1)));
    must(team().add_member(acting(), member("alice", 1, Role::kOperator, {"edge"})));
    must(team().add_member(acting(), member("bob", 2, Role::kOperator, {"default"})));
    expect_whole("after moving");
    const auto alice = open_as(1);
    ASSERT_EQ(must(alice->bmcs()).size(), 1u);
    EXPECT_EQ(must(alice->bmcs())[0].id, other_);
    EXPECT_EQ(password_of(*alice, other_), "second");
    EXPECT_EQ(code_of(alice->bmc(bmc_)), ErrorCode::kNotFound);
    EXPECT_EQ(code_of(alice->unseal(must(store().versions(bmc_)).back())), ErrorCode::kNotPermitted);
    const auto bob = open_as(2);
    EXPECT_EQ(password_of(*bob, bmc_), "first");
    EXPECT_EQ(code_of(bob->unseal(must(store().versions(other_)).back())), ErrorCode::kNotPermitted);
    EXPECT_EQ(code_of(bob->transact("bob", test::kNow,
                                    [&](Transaction& t) -> Result<void> {
                                        const auto staged = t.stage(other_, kPassword, test::secret("x"),
                                                                    StoredSize::k20, Provenance::kGenerated, "");
                                        return staged ? Result<void>() : std::unexpected(staged.error());
                                    })),
              ErrorCode::kNotPermitted);
    must(bob->verify());
}

TEST_F(Teams, a_kill_while_a_member_is_added_is_finished_by_the_same_command) {
    int number = 1;
    for (const auto* step : {"before-member-row", "after-member-row", "after-member-header"}) {
        const auto wanted = member(fmt::format("m{}", number), number);
        close();
        EXPECT_TRUE(test::was_killed(test::in_child([&] {
            const auto mine = must(Store::open(directory(), test::passphrase()));
            must(mine->team().add_member(killed_at(step), wanted));
        }))) << step;
        expect_whole(step);
        const auto again = team().add_member(acting(), wanted);
        const bool was_there = std::string_view(step) == "after-member-header";
        EXPECT_EQ(again.has_value(), !was_there) << step;
        EXPECT_EQ(password_of(*open_as(number), bmc_), "first") << step;
        EXPECT_EQ(must(team().members()).size(), static_cast<std::size_t>(number + 1)) << step;
        ++number;
    }
}

TEST_F(Teams, who_has_the_vault_open_since_before_a_change_of_its_keys_seals_them_to_nobody) {
    must(team().add_member(acting(), member("olga", 4, Role::kOwner)));
    const auto olga = open_as(4);
    must(team().add_compartment(acting(), "alpha"));
    must(team().move_bmcs(acting(), "alpha", std::span(&other_, 1)));
    const auto header = test::read_file(header_file());
    EXPECT_EQ(code_of(olga->team().add_member(acting(), member("bob", 5, Role::kOwner))), ErrorCode::kBusy);
    EXPECT_EQ(code_of(olga->team().add_compartment(acting(), "beta")), ErrorCode::kBusy);
    EXPECT_EQ(code_of(olga->team().begin_departure(acting(), "passphrase")), ErrorCode::kBusy);
    EXPECT_EQ(test::read_file(header_file()), header);
    must(open_as(4)->team().add_compartment(acting(), "gamma"));
    expect_whole("with what came after");
    EXPECT_EQ(must(team().compartments()).size(), 3u);
}

TEST_F(Teams, an_interrupted_command_is_ended_with_the_compartments_it_began_with) {
    must(team().add_compartment(acting(), "edge"));
    must(team().add_compartment(acting(), "core"));
    close();
    EXPECT_TRUE(test::was_killed(test::in_child([&] {
        const auto mine = must(Store::open(directory(), test::passphrase()));
        must(mine->team().add_member(killed_at("after-member-row"), member("bob", 5, Role::kOperator, {"edge"})));
    })));
    const auto other = team().add_member(acting(), member("bob", 5, Role::kOperator, {"core"}));
    EXPECT_EQ(code_of(other), ErrorCode::kConflict);
    EXPECT_TRUE(other.error().detail.contains("(edge)")) << other.error().detail;
    must(team().add_member(acting(), member("bob", 5, Role::kOperator, {"edge"})));
    EXPECT_EQ(must(team().members()).back().compartments, std::vector<std::string>{"edge"});
    EXPECT_EQ(compartments_of(must(parse_header(test::read_file(header_file()))).slots.back()),
              std::vector<std::uint32_t>{2});
}

TEST_F(Teams, a_header_that_was_not_renamed_goes_with_the_next_change) {
    test::write_file(directory() / ".vault.hdr.new-AbCdEf", "half a header");
    test::write_file(directory() / "vault.hdr.backup", "a person's copy");
    must(team().add_member(acting(), member("alice", 1)));
    EXPECT_FALSE(fs::exists(directory() / ".vault.hdr.new-AbCdEf"));
    EXPECT_TRUE(fs::exists(directory() / "vault.hdr.backup"));
    EXPECT_TRUE(fs::exists(header_file()));
}

TEST_F(Teams, a_member_who_is_in_opens_more_by_the_same_key_and_what_it_reads_counts_when_it_leaves) {
    must(team().add_compartment(acting(), "edge"));
    must(team().move_bmcs(acting(), "edge", std::span(&other_, 1)));
    must(team().add_member(acting(), member("alice", 1, Role::kOperator, {"default"})));
    must(team().add_member(acting(), member("otto", 2, Role::kAuditor)));
    must(team().add_member(acting(), member("olga", 3, Role::kOwner)));
    for (const auto& same : {member("alice", 1), member("alice", 1, Role::kOperator, {"default"}),
                             member("alice", 4, Role::kOperator, {"edge"}), member("eve", 1, Role::kOperator, {"edge"}),
                             member("alice", 1, Role::kOwner)})
        EXPECT_EQ(code_of(team().add_member(acting(), same)), ErrorCode::kAlreadyExists) << same.name;
    EXPECT_EQ(code_of(team().add_member(acting(), member("otto", 2, Role::kAuditor, {"edge"}))),
              ErrorCode::kInvalidArgument);
    EXPECT_EQ(code_of(open_as(1)->unseal(must(store().versions(other_)).back())), ErrorCode::kNotPermitted);
    must(team().add_member(acting(), member("alice", 1, Role::kOperator, {"edge"})));
    EXPECT_EQ(must(team().members()).size(), 4u);
    EXPECT_EQ(must(team().members())[1].compartments, (std::vector<std::string>{"default", "edge"}));
    EXPECT_EQ(password_of(*open_as(1), other_), "second");
    EXPECT_EQ(password_of(*open_as(1), bmc_), "first");
    const auto log = must(store().audit_log(0, 1000));
    EXPECT_EQ(log.back().event, "member.granted");
    expect_whole("wider");
    const auto departure = must(team().begin_departure(acting(), "alice"));
    EXPECT_EQ(must(team().exposed_by(departure)).size(), 2u);
}

TEST_F(Teams, keys_of_more_compartments_go_only_to_the_key_that_the_header_has) {
    must(team().add_compartment(acting(), "edge"));
    must(team().add_member(acting(), member("alice", 1, Role::kOperator, {"default"})));
    const auto& eve = identity(4).keys;
    must(store().transact("tester", test::kNow, [&](Transaction& t) {
        return static_cast<StoreTransaction&>(t).database().run(
            "UPDATE member SET exchange_key=?,signing_key=? WHERE name='alice'", {eve.exchange, eve.signing});
    }));
    EXPECT_EQ(code_of(team().add_member(acting(), member("alice", 4, Role::kOperator, {"edge"}))), ErrorCode::kDamaged);
    close();
    EXPECT_EQ(code_of(try_open_as(4, directory())), ErrorCode::kNotPermitted);
}

TEST_F(Teams, the_public_key_of_a_slot_that_is_no_identity_lets_nobody_in) {
    const auto& own = team().own_slot();
    const NewMember same{own.name, false, Role::kOwner, {}, *public_keys_of(own)};
    EXPECT_EQ(code_of(team().check_member(same)), ErrorCode::kAlreadyExists);
    EXPECT_EQ(code_of(team().add_member(acting(), same)), ErrorCode::kAlreadyExists);
}

TEST_F(Teams, who_leaves_while_they_are_granted_more_gets_nothing_more) {
    must(team().add_compartment(acting(), "edge"));
    must(team().move_bmcs(acting(), "edge", std::span(&other_, 1)));
    must(team().add_member(acting(), member("alice", 1, Role::kOperator, {"default"})));
    auto meanwhile = acting();
    const auto another = must(Store::open(directory(), test::passphrase()));
    meanwhile.hook = [&](std::string_view passed) {
        if (passed == "before-member-row") must(another->team().begin_departure(acting(), "alice"));
    };
    EXPECT_EQ(code_of(team().add_member(meanwhile, member("alice", 1, Role::kOperator, {"edge"}))),
              ErrorCode::kConflict);
    EXPECT_EQ(must(must(try_open_as(1, directory()))->bmcs()).size(), 1u);
}

TEST_F(Teams, an_interrupted_grant_is_ended_before_another_one) {
    must(team().add_compartment(acting(), "edge"));
    must(team().add_compartment(acting(), "lab"));
    must(team().add_member(acting(), member("alice", 1, Role::kOperator, {"default"})));
    close();
    EXPECT_TRUE(test::was_killed(test::in_child([&] {
        const auto mine = must(Store::open(directory(), test::passphrase()));
        must(mine->team().add_member(killed_at("after-member-row"), member("alice", 1, Role::kOperator, {"edge"})));
    })));
    EXPECT_EQ(code_of(team().add_member(acting(), member("alice", 1, Role::kOperator, {"lab"}))), ErrorCode::kConflict);
    must(team().add_member(acting(), member("alice", 1, Role::kOperator, {"edge", "lab"})));
    EXPECT_EQ(compartments_of(team().slots().back()).size(), 3u);
}

TEST_F(Teams, a_kill_while_a_member_is_granted_more_is_finished_by_the_same_command) {
    must(team().add_compartment(acting(), "edge"));
    must(team().move_bmcs(acting(), "edge", std::span(&other_, 1)));
    int number = 1;
    for (const auto* step : {"before-member-row", "after-member-row", "after-member-header"}) {
        const auto name = fmt::format("m{}", number);
        must(team().add_member(acting(), member(name, number, Role::kOperator, {"default"})));
        const auto wider = member(name, number, Role::kOperator, {"edge"});
        close();
        EXPECT_TRUE(test::was_killed(test::in_child([&] {
            const auto mine = must(Store::open(directory(), test::passphrase()));
            must(mine->team().add_member(killed_at(step), wider));
        }))) << step;
        expect_whole(step);
        EXPECT_EQ(password_of(*open_as(number), bmc_), "first") << step;
        const auto again = team().add_member(acting(), wider);
        EXPECT_EQ(again.has_value(), std::string_view(step) != "after-member-header") << step;
        EXPECT_EQ(password_of(*open_as(number), other_), "second") << step;
        expect_whole(step);
        ++number;
    }
}

TEST_F(Teams, a_kill_while_a_compartment_is_made_leaves_none_of_that_name) {
    close();
    EXPECT_TRUE(test::was_killed(test::in_child([&] {
        const auto mine = must(Store::open(directory(), test::passphrase()));
        must(mine->team().add_compartment(killed_at("after-compartment-header"), "edge"));
    })));
    expect_whole("after the kill");
    EXPECT_EQ(must(team().compartments()).size(), 1u);
    must(team().add_compartment(acting(), "edge"));
    must(team().move_bmcs(acting(), "edge", std::span(&other_, 1)));
    expect_whole("made");
    must(team().new_generation(acting()));
    expect_whole("a new generation");
}

TEST_F(Teams, a_member_key_put_into_the_header_by_someone_without_the_keys_is_refused) {
    must(team().add_member(acting(), member("alice", 1)));
    close();
    auto header = must(parse_header(test::read_file(header_file())));
    std::get<MemberSlot>(header.slots[1].kind).keys = identity(2).keys;
    Key32 own_seed(std::array<std::uint8_t, 32>{1});
    authenticate_header(header, Key32(), own_seed);
    test::write_file(header_file(), format_header(header));
    EXPECT_EQ(code_of(Store::open(directory(), test::passphrase())), ErrorCode::kDamaged);
    EXPECT_FALSE(try_open_as(2, directory()));
}

TEST_F(Teams, a_new_generation_keeps_everything_under_new_keys) {
    must(team().add_compartment(acting(), "edge"));
    must(team().move_bmcs(acting(), "edge", std::span(&other_, 1)));
    must(team().add_member(acting(), member("alice", 1)));
    transact([](Transaction& t) -> Result<void> {
        std::vector<NewListedPassword> listed;
        listed.push_back({"old", test::secret("listed"), StoredSize::k20, {}, {}});
        must(t.add_password_list("list", listed));
        return {};
    });
    close();
    fs::copy(directory(), directory().parent_path() / "old", fs::copy_options::recursive);
    must(team().new_generation(acting()));
    EXPECT_EQ(must(store().info()).generation, 2u);
    EXPECT_EQ(password_of(bmc_), "first") << "the store that changed it goes on";
    rotate(bmc_, "first");
    expect_whole("opened again");
    EXPECT_EQ(test::text_of(must(store().unseal(must(store().listed_passwords())[0]))), "listed");
    EXPECT_EQ(password_of(*open_as(1), other_), "second");
    EXPECT_FALSE(fs::exists(store_file())) << "the old store is gone";
    const auto before = must(parse_header(test::read_file(directory().parent_path() / "old" / "vault.hdr")));
    const auto after = must(parse_header(test::read_file(header_file())));
    EXPECT_EQ(after.previous_header, header_digest(before));
    EXPECT_NE(after.admin_public_key, before.admin_public_key);
    EXPECT_EQ(after.vault_id, before.vault_id);
}

TEST_F(Teams, disclosures_and_changes_of_members_are_signed_by_who_did_them) {
    must(team().add_member(acting(), member("alice", 1)));
    {
        const auto alice = open_as(1);
        const auto version = must(alice->versions(bmc_)).back();
        must(alice->transact("alice", test::kNow,
                             [&](Transaction& t) { return t.disclose("reveal", bmc_, std::span(&version, 1), "{}"); }));
        must(alice->transact("alice", test::kNow,
                             [&](Transaction& t) { return t.audit("plan.approved", std::nullopt, "{}"); }));
    }
    close();
    const auto raw = raw_database();
    std::vector<std::string> signed_events;
    bool by_alice = false;
    must(raw->query("SELECT a.event,s.signer FROM audit_signature s JOIN audit a ON a.seq=s.seq ORDER BY s.seq", {},
                    [&](const Row& row) {
                        signed_events.push_back(row.text(0));
                        by_alice = row.bytes<32>(1) == identity(1).keys.signing;
                        return Result<void>();
                    }));
    EXPECT_EQ(signed_events,
              (std::vector<std::string>{"vault.created", "member.added", "reveal", "checkpoint", "plan.approved"}));
    EXPECT_TRUE(by_alice);
    must(store().verify());
    for (const char* forged : {"UPDATE audit_signature SET signature=zeroblob(64) WHERE seq=1",
                               "UPDATE audit_signature SET signer=zeroblob(32) WHERE seq=1"}) {
        must(raw->run("BEGIN IMMEDIATE"));
        test::run_past_the_triggers(*raw, std::string("DROP TRIGGER audit_signature_no_update;") + forged);
        must(raw->run("COMMIT"));
        const auto verified = store().verify();
        EXPECT_EQ(code_of(verified), ErrorCode::kDamaged);
        EXPECT_NE(verified.error().detail.find("signature of audit record 1"), std::string::npos);
    }
}

TEST_F(Teams, nobody_else_may_have_the_vault_open_meanwhile) {
    const auto other = must(store().clone());
    EXPECT_EQ(code_of(team().new_generation(acting())), ErrorCode::kBusy);
    EXPECT_EQ(password_of(bmc_), "first");
    EXPECT_EQ(password_of(*other, bmc_), "first");
}

TEST_F(Teams, the_passphrase_slot_of_the_first_program_is_carried_over) {
    close();
    rewrite_header([&](Header& header) {
        auto& slot = header.slots[0];
        auto& argon2id = std::get<Argon2idSlot>(slot.kind);
        const auto all = must(unlock(header, test::passphrase())).bundle.clone();
        argon2id.keys.reset();
        const auto key = must(derive_slot_key(test::passphrase(), argon2id));
        slot.body = seal_bundle(all, key, header.vault_id, header.generation, slot.number, random_nonce());
        header.min_reader = 1;
    });
    expect_whole("as the first program made it");
    must(team().add_member(acting(), member("olga", 1, Role::kOwner)));
    must(team().new_generation(acting()));
    expect_whole("by its passphrase");
    close();
    EXPECT_EQ(code_of(open_as(1)->team().new_generation(acting())), ErrorCode::kConflict);
    expect_whole("not without it");
}

class Departing : public Teams {
protected:
    Departing() {
        must(team().add_member(acting(), member("olga", 2, Role::kOwner)));
        must(team().add_member(acting(), member("alice", 1)));
    }
    Departure depart(const std::string& who) {
        const auto departure = must(team().begin_departure(acting(test::kNow.value + 10), who));
        must(team().revoke(acting(test::kNow.value + 20), departure));
        return departure;
    }
    std::set<std::string> exposed_names(const Departure& departure) {
        std::set<std::string> names;
        for (const auto& one : must(team().exposed_by(departure)))
            names.insert(fmt::format("{}{}{}", one.bmc_name, one.revealed ? " revealed" : "", one.live ? " done" : ""));
        return names;
    }
    void rotate_later(BmcId bmc, std::string_view text, std::int64_t seconds = 30) {
        must(store().transact("tester", {test::kNow.value + seconds}, [&](Transaction& t) -> Result<void> {
            const auto version =
                must(t.stage(bmc, kPassword, test::secret(text), StoredSize::k20, Provenance::kGenerated, ""));
            return t.commit_pending(bmc, kPassword, version);
        }));
    }
};

TEST_F(Departing, an_old_identity_opens_nothing_new_and_only_the_old_of_an_old_copy) {
    close();
    const auto old = directory().parent_path() / "old";
    fs::copy(directory(), old, fs::copy_options::recursive);
    depart("alice");
    rotate_later(bmc_, "after");
    close();
    EXPECT_EQ(code_of(try_open_as(1, directory())), ErrorCode::kNotPermitted);
    // The old header beside the new store, and the new header beside the old store.
    const auto mixed = directory().parent_path() / "mixed";
    fs::copy(directory(), mixed, fs::copy_options::recursive);
    test::write_file(mixed / "vault.hdr", test::read_file(old / "vault.hdr"));
    fs::rename(mixed / "store-000002.db", mixed / "store-000001.db");
    EXPECT_EQ(code_of(try_open_as(1, mixed)), ErrorCode::kDamaged);
    EXPECT_EQ(password_of(*must(try_open_as(1, old)), bmc_), "first");
    EXPECT_EQ(password_of(*open_as(2), bmc_), "after");
}

TEST_F(Departing, what_they_could_read_is_due_until_it_is_changed) {
    {
        const auto alice = open_as(1);
        const auto version = must(alice->versions(other_)).back();
        must(alice->transact("alice", test::kNow, [&](Transaction& t) {
            return t.disclose("reveal", other_, std::span(&version, 1), "{}");
        }));
    }
    EXPECT_TRUE(must(team().due()).empty());
    const auto departure = depart("alice");
    EXPECT_EQ(exposed_names(departure), (std::set<std::string>{"bmc-00001", "bmc-00002 revealed"}));
    EXPECT_EQ(must(team().due()), (std::vector<BmcId>{bmc_, other_}));
    rotate_later(other_, "after");
    EXPECT_EQ(exposed_names(departure), (std::set<std::string>{"bmc-00001", "bmc-00002 revealed done"}));
    EXPECT_EQ(must(team().due()), (std::vector<BmcId>{bmc_}));
    rotate_later(bmc_, "after");
    EXPECT_TRUE(must(team().due()).empty());
    must(team().finish_departure(acting(), departure));
    EXPECT_TRUE(must(team().departures()).back().finished_at);
    EXPECT_EQ(code_of(team().begin_departure(acting(), "alice")), ErrorCode::kNotFound);
    must(store().verify());
}

TEST_F(Departing, a_compartment_that_a_bmc_has_left_still_counts) {
    must(team().add_compartment(acting(), "edge"));
    must(team().move_bmcs(acting(test::kNow.value + 5), "edge", std::span(&other_, 1)));
    const auto moved_before = depart("alice");
    EXPECT_EQ(exposed_names(moved_before), (std::set<std::string>{"bmc-00001", "bmc-00002"}));
}

TEST_F(Departing, the_last_owner_and_oneself_can_not_leave) {
    EXPECT_EQ(code_of(team().begin_departure(acting(), "passphrase")), ErrorCode::kConflict) << "oneself";
    depart("olga");
    EXPECT_EQ(code_of(team().begin_departure(acting(), "passphrase")), ErrorCode::kConflict) << "the last owner";
    EXPECT_EQ(code_of(team().begin_departure(acting(), "nobody")), ErrorCode::kNotFound);
}

TEST_F(Departing, a_holder_and_a_host_expose_what_they_know) {
    must(team().add_holder(acting(), "contractor", std::span(&bmc_, 1), {0}));
    EXPECT_EQ(must(team().holders())[0].bmcs, std::vector<std::string>{"bmc-00001"});
    const auto departure = depart("contractor");
    EXPECT_EQ(departure.type, DepartureType::kHolder);
    EXPECT_EQ(exposed_names(departure), std::set<std::string>{"bmc-00001 revealed"});
    EXPECT_EQ(must(store().info()).generation, 1u) << "a holder has no key";
    must(team().expose(acting(), std::span(&other_, 1)));
    EXPECT_EQ(must(team().due()), (std::vector<BmcId>{bmc_, other_}));
    rotate_later(other_, "after the host");
    EXPECT_EQ(must(team().due()), std::vector<BmcId>{bmc_});
    must(team().expose(acting(test::kNow.value + 40), std::span(&other_, 1)));
    EXPECT_EQ(must(team().due()), (std::vector<BmcId>{bmc_, other_})) << "for the same reason once more";
}

TEST_F(Departing, what_is_made_until_the_keys_are_new_is_exposed_as_well_and_they_are_shown_nothing_more) {
    auto alice = open_as(1);
    const auto departure = must(team().begin_departure(acting(test::kNow.value + 10), "alice"));
    const auto live = must(alice->versions(bmc_)).back();
    EXPECT_EQ(
        code_of(alice->transact("alice", {test::kNow.value + 11},
                                [&](Transaction& t) { return t.disclose("reveal", bmc_, std::span(&live, 1), "{}"); })),
        ErrorCode::kNotPermitted);
    rotate_later(bmc_, "between");
    EXPECT_EQ(exposed_names(departure), (std::set<std::string>{"bmc-00001", "bmc-00002"})) << "their key opens it";
    alice.reset();
    must(team().revoke(acting(test::kNow.value + 40), departure));
    EXPECT_EQ(exposed_names(departure), (std::set<std::string>{"bmc-00001", "bmc-00002"}));
    EXPECT_EQ(must(team().due()), (std::vector<BmcId>{bmc_, other_}));
    rotate_later(bmc_, "after");
    EXPECT_EQ(exposed_names(departure), (std::set<std::string>{"bmc-00001 done", "bmc-00002"}));
    EXPECT_EQ(must(team().due()), std::vector<BmcId>{other_});
}

TEST_F(Departing, who_comes_back_under_the_same_name_and_leaves_again_opens_nothing) {
    const auto first = depart("alice");
    rotate_later(bmc_, "after the first time");
    EXPECT_EQ(code_of(team().add_member(acting(), member("alice", 1))), ErrorCode::kAlreadyExists) << "that key left";
    must(team().add_member(acting(test::kNow.value + 40), member("alice", 7)));
    close();
    const auto second = must(team().begin_departure(acting(test::kNow.value + 50), "alice"));
    EXPECT_NE(second.slot, first.slot);
    must(team().revoke(acting(test::kNow.value + 60), second));
    close();
    EXPECT_EQ(code_of(try_open_as(7, directory())), ErrorCode::kNotPermitted);
    EXPECT_EQ(exposed_names(second), (std::set<std::string>{"bmc-00001", "bmc-00002"}));
    EXPECT_EQ(must(team().begin_departure(acting(), "alice")).id, second.id) << "nobody of that name is in any more";
    must(store().verify());
}

TEST_F(Departing, what_an_unrevoked_departure_had_not_seen_replaced_is_taken_over_with_what_came_after_the_mark) {
    must(team().add_compartment(acting(), "edge"));
    must(team().move_bmcs(acting(), "edge", std::span(&other_, 1)));
    const auto first = must(team().begin_departure(acting(test::kNow.value + 10), "alice"));
    rotate_later(bmc_, "the old key opens this");
    const auto added = team().add_member(acting(test::kNow.value + 40), member("alice", 7, Role::kOperator, {"edge"}));
    ASSERT_TRUE(added) << added.error().detail;
    close();
    const auto second = must(team().begin_departure(acting(test::kNow.value + 50), "alice"));
    EXPECT_NE(second.id, first.id);
    rotate_later(bmc_, "and this", 55);
    must(team().revoke(acting(test::kNow.value + 60), second));
    EXPECT_EQ(exposed_names(second), (std::set<std::string>{"bmc-00001", "bmc-00002"}));
}

TEST_F(Departing, a_holder_who_became_a_member_leaves_as_one) {
    must(team().add_holder(acting(), "carol", std::span(&bmc_, 1), {0}));
    EXPECT_EQ(code_of(team().add_member(acting(), member("carol", 6))), ErrorCode::kAlreadyExists) << "a holder";
    depart("carol");
    must(team().add_member(acting(), member("carol", 6)));
    const auto departure = depart("carol");
    EXPECT_EQ(departure.type, DepartureType::kMember);
    EXPECT_EQ(code_of(try_open_as(6, directory())), ErrorCode::kNotPermitted);
    EXPECT_EQ(exposed_names(departure), (std::set<std::string>{"bmc-00001 revealed", "bmc-00002"}));
}

// Older programs let one name be both.
TEST_F(Departing, a_departure_as_holder_ends_the_key_of_an_unrevoked_one_as_member) {
    const test::TemporaryDirectory elsewhere;
    must(store().backup(elsewhere.path() / "their-key-opens-it", acting()));
    must(team().begin_departure(acting(test::kNow.value + 10), "alice"));
    must(store().transact("tester", test::kNow, [&](Transaction& t) {
        return static_cast<StoreTransaction&>(t).database().run(
            "INSERT INTO holder(name,note,added_at) VALUES('alice','',0)", {});
    }));
    const auto departure = must(team().begin_departure(acting(test::kNow.value + 20), "alice"));
    EXPECT_EQ(departure.type, DepartureType::kHolder);
    rotate_later(bmc_, "the old key opens this", 25);
    must(team().revoke(acting(test::kNow.value + 30), departure));
    EXPECT_EQ(exposed_names(departure), (std::set<std::string>{"bmc-00001", "bmc-00002"}));
    EXPECT_EQ(must(store().info()).generation, 2u);
    EXPECT_EQ(must(team().backups_opened_by(departure)),
              std::vector<std::string>{(elsewhere.path() / "their-key-opens-it").string()});
    close();
    EXPECT_EQ(code_of(try_open_as(1, directory())), ErrorCode::kNotPermitted);
    must(team().revoke(acting(test::kNow.value + 40), departure));
    EXPECT_EQ(must(store().info()).generation, 2u) << "once";
}

TEST_F(Departing, a_campaign_has_to_do_again_what_came_back_from_outside_but_not_what_it_put_back_itself) {
    std::int64_t campaign = 0;
    const auto put_back = [&](BmcId bmc, std::int64_t at, bool by_campaign) {
        must(store().transact("tester", {at}, [&](Transaction& t) -> Result<void> {
            const auto version =
                must(t.stage(bmc, kPassword, test::secret("known"), StoredSize::k20, Provenance::kPutBack, ""));
            must(t.commit_pending(bmc, kPassword, version));
            if (!by_campaign) return {};
            campaign = must(t.begin_campaign("rotate", "all"));
            return t.campaign_done(campaign, bmc, "put-back");
        }));
    };
    depart("alice");
    put_back(bmc_, test::kNow.value + 30, true);
    EXPECT_TRUE(must(store().is_done(campaign, bmc_)));
    put_back(bmc_, test::kNow.value + 40, false);
    EXPECT_FALSE(must(store().is_done(campaign, bmc_)));
    EXPECT_TRUE(must(store().campaign_done(campaign)).empty());
    EXPECT_EQ(must(team().due()), (std::vector<BmcId>{bmc_, other_}));
}

TEST_F(Departing, an_old_credential_that_is_live_again_is_due_and_not_changed) {
    rotate(bmc_, "newer");
    rotate(bmc_, "newest");
    const auto departure = depart("alice");
    rotate_later(bmc_, "after");
    EXPECT_EQ(exposed_names(departure), (std::set<std::string>{"bmc-00001 done", "bmc-00002"}));
    must(store().transact("tester", {test::kNow.value + 40},
                          [&](Transaction& t) { return t.found_live(bmc_, kPassword, VersionNumber{1}); }));
    EXPECT_EQ(exposed_names(departure), (std::set<std::string>{"bmc-00001", "bmc-00002"}));
    EXPECT_EQ(must(team().due()), (std::vector<BmcId>{bmc_, other_}));
    must(store().transact("tester", {test::kNow.value + 50}, [&](Transaction& t) -> Result<void> {
        const auto version =
            must(t.stage(bmc_, kPassword, test::secret("first"), StoredSize::k20, Provenance::kPutBack, ""));
        return t.commit_pending(bmc_, kPassword, version);
    }));
    EXPECT_EQ(exposed_names(departure), (std::set<std::string>{"bmc-00001", "bmc-00002"})) << "the same once more";
    EXPECT_EQ(must(team().due()), (std::vector<BmcId>{bmc_, other_}));
}

TEST_F(Departing, a_k_g_that_is_due_is_told_from_a_password) {
    rotate(bmc_, "a channel key", {Kind::kKg, 1});
    depart("alice");
    rotate_later(bmc_, "after");
    EXPECT_EQ(must(team().due()), (std::vector<BmcId>{bmc_, other_}));
    EXPECT_EQ(must(team().due_for_k_g()), std::vector<BmcId>{bmc_});
}

TEST_F(Departing, a_holder_who_knew_it_earlier_is_a_holder_since_then) {
    rotate(bmc_, "second");
    must(team().add_holder(acting(), "they", std::span(&bmc_, 1), {test::kNow.value + 5}));
    must(team().add_holder(acting(), "they", std::span(&bmc_, 1), {test::kNow.value - 5}));
    close();
    std::int64_t since = 0;
    must(raw_database()->query("SELECT since FROM holder_bmc", {}, [&](const Row& row) {
        since = row.integer(0);
        return Result<void>();
    }));
    EXPECT_EQ(since, test::kNow.value - 5);
}

TEST_F(Departing, backups_that_the_leaver_can_open_are_named) {
    const test::TemporaryDirectory elsewhere;
    must(store().backup(elsewhere.path() / "b1", {"tester", test::kNow, ""}));
    const auto departure = depart("alice");
    must(store().backup(elsewhere.path() / "b2", acting(test::kNow.value + 100)));
    const auto files = must(team().backups_opened_by(must(team().departures()).back()));
    EXPECT_EQ(files, std::vector<std::string>{(elsewhere.path() / "b1").string()});
    EXPECT_FALSE(departure.finished_at);
}

TEST_F(Departing, a_kill_at_each_step_is_continued_by_the_same_command) {
    int generation = 1;
    for (const auto* step : {"after-mark", "generation-file-made", "generation-copied", "generation-before-header",
                             "generation-after-header", "generation-done"}) {
        const auto who = fmt::format("leaver-{}", generation);
        must(team().add_member(acting(), member(who, 100 + generation)));
        close();
        EXPECT_TRUE(test::was_killed(test::in_child([&] {
            const auto mine = must(Store::open(directory(), test::passphrase()));
            must(mine->team().revoke(killed_at(step), must(mine->team().begin_departure(killed_at(step), who))));
        }))) << step;
        expect_whole(step);
        EXPECT_EQ(must(team().due()).size(), 2u) << "marked first: " << step;
        const auto departure = must(team().begin_departure(acting(), who));
        must(team().revoke(acting(), departure));
        expect_whole(std::string(step) + ", continued");
        EXPECT_EQ(must(store().info()).generation, static_cast<std::uint64_t>(++generation)) << step;
        EXPECT_EQ(code_of(try_open_as(99 + generation, directory())), ErrorCode::kNotPermitted) << step;
        EXPECT_EQ(std::ranges::count_if(fs::directory_iterator(directory()),
                                        [](const auto& entry) { return entry.path().extension() == ".db"; }),
                  1)
            << step;
        must(team().finish_departure(acting(), departure));
    }
}

TEST_F(Departing, a_kill_or_a_full_disk_at_any_file_operation_leaves_a_whole_generation) {
    vfs::install();
    close();
    std::uint32_t killed = 0;
    for (std::uint32_t operation = 0; operation < 400; operation += 3) {
        const int status = test::in_child([&] {
            const auto mine = must(Store::open(directory(), test::passphrase()));
            vfs::arm(test::Fault::kKillBefore, operation);
            must(mine->team().new_generation(acting()));
        });
        if (test::ended_well(status)) break;
        ASSERT_TRUE(test::was_killed(status)) << operation;
        ++killed;
        expect_whole(fmt::format("killed at operation {}", operation));
        close();
    }
    EXPECT_GT(killed, 5u);
    std::uint32_t refused = 0;
    for (std::uint32_t operation = 0; operation < 400; operation += 3) {
        vfs::arm(test::Fault::kDiskFull, operation);
        const auto done = team().new_generation(acting());
        vfs::disarm();
        if (!vfs::fired()) break;
        if (!done) {
            ++refused;
            EXPECT_EQ(done.error().code, ErrorCode::kNoSpace) << done.error().detail;
        }
        expect_whole(fmt::format("disk full at operation {}", operation));
    }
    EXPECT_GT(refused, 0u);
}

// Whatever was granted, moved, revealed and rotated: marked is exactly what may be live in a compartment that they had
// or a BMC has left, and revealed exactly what they asked for.
RC_GTEST_FIXTURE_PROP(Departing, exposure_is_exactly_what_was_granted_and_revealed, ()) {
    const auto granted = *rc::gen::element(std::string("default"), std::string("edge"));
    const auto moved = *rc::gen::arbitrary<bool>();
    const auto shown = *rc::gen::arbitrary<bool>();
    const auto rotated = *rc::gen::inRange(0, 3);
    must(team().add_compartment(acting(), "edge"));
    if (moved) must(team().move_bmcs(acting(), "edge", std::span(&other_, 1)));
    must(team().add_member(acting(test::kNow.value + 1), member("max", 3, Role::kOperator, {granted})));
    for (int i = 0; i < rotated; ++i) rotate(other_, fmt::format("rotated-{}", i));
    const auto theirs = granted == "edge" ? (moved ? std::vector{other_} : std::vector<BmcId>())
                                          : (moved ? std::vector{bmc_} : std::vector{bmc_, other_});
    if (shown && !theirs.empty()) {
        const auto max = open_as(3);
        const auto version = must(max->versions(theirs.back())).back();
        must(max->transact("max", test::kNow, [&](Transaction& t) {
            return t.disclose("reveal", theirs.back(), std::span(&version, 1), "{}");
        }));
    }
    const auto departure = depart("max");
    std::set<BmcId> exposed;
    for (const auto& one : must(team().exposed_by(departure))) {
        exposed.insert(one.bmc);
        RC_ASSERT(one.revealed == (shown && one.bmc == theirs.back()));
    }
    RC_ASSERT(exposed == std::set<BmcId>(theirs.begin(), theirs.end()));
}

TEST(Identity, a_public_line_changed_on_its_way_is_refused) {
    const auto& line = identity(1).public_line;
    EXPECT_EQ(must(parse_public_line(line)), identity(1).keys);
    for (std::size_t i = 0; i < line.size(); ++i) {
        auto changed = line;
        changed[i] ^= 1;
        EXPECT_FALSE(parse_public_line(changed)) << i;
    }
    EXPECT_FALSE(parse_public_line(line + line));
    EXPECT_EQ(fingerprint(identity(1).keys).size(), 39u);
    EXPECT_NE(fingerprint(identity(1).keys), fingerprint(identity(2).keys));
}

TEST(Identity, only_the_canonical_file_within_the_bounds_is_read) {
    const auto& file = identity(1).file;
    EXPECT_EQ(format_identity(must(parse_identity(file))), file);
    for (std::size_t size = 0; size < file.size(); size += 7) EXPECT_FALSE(parse_identity(file.substr(0, size)));
    for (const auto& [from, to] :
         {std::pair{"mem=67108864", "mem=67108863"}, std::pair{"mem=67108864", "mem=99999999999"},
          std::pair{"ops=1", "ops=17"}, std::pair{"ops=1", "ops=0"}, std::pair{"/1", "/2"}}) {
        auto changed = file;
        changed.replace(changed.find(from), std::string_view(from).size(), to);
        EXPECT_FALSE(parse_identity(changed)) << to;
    }
}

}  // namespace
}  // namespace bmcvault::vault
