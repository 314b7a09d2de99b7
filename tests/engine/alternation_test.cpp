// Accounts of ours beside our own one. What must hold: with a spare a client that uses what it was told last gets in at
// every instant of a rotation, wherever it dies; nobody's old password survives a rotation that ended; and whatever is
// on the BMC is in the vault.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "rotate/engine/account_passwords.hpp"
#include "rotate/engine/account_record.hpp"
#include "rotate/engine/learned_facts.hpp"
#include "tests/engine/sim_world.hpp"
#include "vault/base/secret.hpp"

namespace bmcvault::rotate::sim {
namespace {

using namespace std::chrono_literals;
using virtual_bmc::Config;
using Command = SimFleet::Command;

struct Login {
    std::string user;
    Bytes password;
};

// A program that logs in with what it was told last.
class Client final : public ClientHooks {
public:
    explicit Client(SimFleet& fleet) : fleet_(fleet) { login = current(); }

    Result<void> before(const vault::Bmc&) override { return {}; }
    Result<void> after(const vault::Bmc&, const BmcReport&) override {
        if (fails_after) return fail(ErrorCode::kIo, "no route");
        login = current();
        return {};
    }
    [[nodiscard]] bool gets_in() const { return fleet_.bmc(0).accepts(login.user, login.password, {}, fleet_.now()); }
    [[nodiscard]] Login current() const {
        const auto store = fleet_.open_vault();
        const auto bmc = *store->bmc(fleet_.record(0).id);
        const auto known = AccountPasswords::load(*store, bmc, nullptr);
        const auto* own = known->version_in(UserId{vault::Subject::kOwnAccount}, vault::VersionState::kCurrent);
        return {bmc.user_name, known->secret_of(*own).expose([](auto all) { return Bytes(all.begin(), all.end()); })};
    }

    Login login;
    bool fails_after = false;

private:
    SimFleet& fleet_;
};

class Alternating : public testing::Test {
protected:
    void begin(std::vector<AccountRole> roles = {AccountRole::kSpare}, const std::vector<std::string>& quirks = {}) {
        auto config = virtual_bmc::plain_config(0, 1);
        for (const auto& quirk : quirks) ASSERT_TRUE(virtual_bmc::apply_quirk(config, quirk).has_value()) << quirk;
        fleet_.emplace(std::vector<Config>{config}, SimOptions{});
        ASSERT_TRUE(run(Command::kRotate).as_asked);
        for (const auto role : roles) {
            RunOptions options;
            options.adopted_role = role;
            options.adopted_name = role == AccountRole::kSpare ? "bmcvault-2" : "mon";
            if (role == AccountRole::kMonitor) options.adopted_privilege = ipmi::PrivilegeLevel::kUser;
            const auto report = run(Command::kAdopt, options);
            ASSERT_EQ(report.outcome, "adopted") << report.detail;
        }
        client_.emplace(*fleet_);
        options_.hooks = &*client_;
    }
    BmcReport run(Command command, const RunOptions& options = {}) {
        auto life = fleet_->live(command, options);
        fleet_->let_time_pass(3700s);
        EXPECT_EQ(fleet_->rejected_logins(), 0u);
        EXPECT_EQ(fleet_->bmc(0).counters().unencrypted_secrets, 0u);
        return life.reports.front();
    }
    [[nodiscard]] std::string own_name() { return fleet_->open_vault()->bmc(fleet_->record(0).id)->user_name; }
    [[nodiscard]] std::vector<RoleAccount> accounts() {
        return *role_accounts(*fleet_->open_vault(), fleet_->record(0));
    }
    [[nodiscard]] bool somebody_follows() {
        const auto store = fleet_->open_vault();
        return !with_followers(*store, *store->bmcs())->empty();
    }
    void forget_the_card() {
        const auto store = fleet_->open_vault();
        const auto card = card_key(*store->bmc(fleet_->record(0).id));
        fleet_->teach([&](vault::Transaction& transaction) {
            return transaction.learn(card, std::string(kPasswordSizeFact), "forgotten");
        });
    }
    // What is stored in that slot of the board now.
    [[nodiscard]] Bytes on_the_board(UserId slot) { return fleet_->bmc(0).stored_password(slot.value, fleet_->now()); }
    [[nodiscard]] UserId slot_named(std::string_view name) {
        for (const auto& account : accounts())
            if (account.name == name) return account.slot;
        return UserId{*fleet_->open_vault()->bmc(fleet_->record(0).id)->user_id};
    }
    // The vault's current version of that account opens it.
    [[nodiscard]] bool opens_with_the_vaults(const RoleAccount& account) {
        const auto store = fleet_->open_vault();
        const auto known = AccountPasswords::load(*store, fleet_->record(0), nullptr);
        const auto* version = known->version_in(account.slot, vault::VersionState::kCurrent);
        if (version == nullptr) return false;
        const auto password = known->secret_of(*version).expose([](auto all) { return Bytes(all.begin(), all.end()); });
        return fleet_->bmc(0).accepts(account.name, password, {}, fleet_->now());
    }

    std::optional<SimFleet> fleet_;
    std::optional<Client> client_;
    RunOptions options_;
};

TEST_F(Alternating, BothGetFreshPasswordsAndTakeTurns) {
    begin();
    for (const auto* expected : {"bmcvault-2", "ADMIN", "bmcvault-2"}) {
        const auto spare = accounts().front();
        const auto before = std::pair{on_the_board(spare.slot), on_the_board(slot_named(own_name()))};
        const auto report = run(Command::kRotate, options_);
        EXPECT_EQ(report.outcome, "rotated") << report.detail;
        EXPECT_TRUE(report.as_asked);
        EXPECT_EQ(own_name(), expected);
        EXPECT_TRUE(fleet_->current_is_live(0));
        ASSERT_EQ(accounts().size(), 1u);
        EXPECT_FALSE(accounts().front().follows);
        EXPECT_NE(accounts().front().name, expected);
        EXPECT_TRUE(opens_with_the_vaults(accounts().front()));
        EXPECT_NE(on_the_board(spare.slot), before.first);
        EXPECT_NE(on_the_board(accounts().front().slot), before.second);
        EXPECT_TRUE(client_->gets_in());
    }
}

// Each point at which a run can die is an instant of the run that does not.
TEST_F(Alternating, AClientGetsInAtEveryInstant) {
    bool crashed = true;
    int steps = 0;
    for (int step = 1; crashed; ++step, ++steps) {
        begin();
        const auto before = on_the_board(slot_named("ADMIN"));
        crashed = fleet_->live(Command::kRotate, options_, step).crashed;
        EXPECT_TRUE(client_->gets_in()) << "died at step " << step;
        EXPECT_TRUE(fleet_->current_is_live(0)) << step;
        fleet_->let_time_pass(3700s);
        const auto report = run(Command::kRotate, options_);
        EXPECT_TRUE(report.as_asked) << step << " " << report.outcome << " " << report.detail;
        EXPECT_TRUE(client_->gets_in()) << step;
        EXPECT_TRUE(fleet_->current_is_live(0)) << step;
        EXPECT_FALSE(somebody_follows()) << step;
        EXPECT_TRUE(opens_with_the_vaults(accounts().front())) << step;
        EXPECT_NE(on_the_board(slot_named("ADMIN")), before) << step;
    }
    EXPECT_GT(steps, 20);
}

TEST_F(Alternating, ARecoveryLetsTheOtherOneFollow) {
    bool crashed = true;
    int unfinished = 0;
    for (int step = 1; crashed; ++step) {
        begin();
        crashed = fleet_->live(Command::kRotate, options_, step).crashed;
        fleet_->let_time_pass(3700s);
        if (!somebody_follows()) continue;
        ++unfinished;
        const auto own = own_name();
        const auto report = run(Command::kRecover, options_);
        EXPECT_TRUE(report.as_asked) << step << " " << report.outcome << " " << report.detail;
        EXPECT_EQ(own_name(), own) << step;
        EXPECT_FALSE(somebody_follows()) << step;
        EXPECT_TRUE(opens_with_the_vaults(accounts().front())) << step;
    }
    EXPECT_GT(unfinished, 5);
}

TEST_F(Alternating, WhatClientsKnowStaysUntilTheyAreTold) {
    begin();
    client_->fails_after = true;
    const auto report = run(Command::kRotate, options_);
    EXPECT_EQ(report.outcome, "rotated");
    EXPECT_EQ(report.detail, "now 'bmcvault-2' in slot 3; hook-after: no route");
    EXPECT_FALSE(report.as_asked);
    EXPECT_TRUE(client_->gets_in()) << "with the account and the password of before";
    EXPECT_TRUE(somebody_follows()) << "it stays due";
    client_->fails_after = false;
    const auto next = run(Command::kRotate, options_);
    EXPECT_TRUE(next.as_asked) << next.detail;
    EXPECT_EQ(own_name(), "bmcvault-2") << "the rotation that was begun is ended, and no second one begun";
    EXPECT_EQ(client_->login.user, "bmcvault-2");
    EXPECT_TRUE(client_->gets_in());
    EXPECT_FALSE(somebody_follows());
}

TEST_F(Alternating, WhereOurOwnIsNotAsInTheVaultItIsSeenToFirst) {
    begin();
    const auto old = client_->login.password;
    ASSERT_TRUE(run(Command::kRotate).as_asked);
    ASSERT_TRUE(run(Command::kRotate).as_asked);
    ASSERT_EQ(own_name(), "ADMIN");
    fleet_->replace(0, [&](Config& config) {  // somebody puts an older password back
        for (auto& [id, user] : config.users)
            if (user.name == "ADMIN") user.password = old;
    });
    const auto report = run(Command::kRotate);
    EXPECT_TRUE(report.as_asked) << report.outcome << " " << report.detail;
    EXPECT_EQ(own_name(), "ADMIN") << "they took no turns";
    EXPECT_TRUE(fleet_->current_is_live(0));
    EXPECT_FALSE(somebody_follows());
    EXPECT_TRUE(opens_with_the_vaults(accounts().front()));
}

TEST_F(Alternating, ASpareThatIsGoneIsMadeAgain) {
    begin();
    const auto slot = accounts().front().slot.value;
    fleet_->replace(0, [&](Config& config) { config.users.erase(slot); });
    const auto report = run(Command::kRotate, options_);
    EXPECT_TRUE(report.as_asked) << report.outcome << " " << report.detail;
    EXPECT_EQ(own_name(), "bmcvault-2");
    EXPECT_TRUE(client_->gets_in());
    EXPECT_TRUE(opens_with_the_vaults(accounts().front()));
}

TEST_F(Alternating, RightsThatAPasswordTakesAwayAreGivenBack) {
    begin({AccountRole::kSpare, AccountRole::kMonitor}, {"takes-rights-away"});
    for (int turn = 0; turn < 2; ++turn) {
        const auto report = run(Command::kRotate, options_);
        EXPECT_TRUE(report.as_asked) << report.outcome << " " << report.detail;
        EXPECT_TRUE(client_->gets_in());
        for (const auto& account : accounts()) EXPECT_TRUE(opens_with_the_vaults(account)) << account.name;
    }
}

TEST_F(Alternating, ACheckLogsInAsTheSpareToo) {
    begin({AccountRole::kSpare, AccountRole::kMonitor});
    const auto fine = run(Command::kCheck);
    EXPECT_EQ(fine.outcome, "as-in-vault");
    EXPECT_FALSE(fine.attention) << fine.detail;
    const auto slot = accounts().front().slot.value;
    fleet_->replace(0, [&](Config& config) { config.users.at(slot).password = Bytes(20, 'x'); });
    const auto changed = run(Command::kCheck);
    EXPECT_TRUE(changed.attention);
    EXPECT_EQ(changed.detail, "beside: spare 'bmcvault-2': no-candidate-matches");
    ASSERT_TRUE(run(Command::kRotate).as_asked);
    const auto mended = run(Command::kCheck);
    EXPECT_FALSE(mended.attention) << mended.detail;
}

TEST_F(Alternating, ARunThatDidNothingIsNotTakenForTheBeginningOfATurn) {
    begin();
    const auto before = client_->login.password;
    virtual_bmc::LinkFaults silence;
    silence.loss = 1.0;
    fleet_->set_faults(silence);
    EXPECT_EQ(run(Command::kRotate).outcome, "unreachable");
    fleet_->set_faults({});
    const auto report = run(Command::kRotate);
    EXPECT_TRUE(report.as_asked) << report.outcome << " " << report.detail;
    EXPECT_NE(client_->current().password, before);
    EXPECT_FALSE(client_->gets_in()) << "nobody told it";
    EXPECT_FALSE(somebody_follows());
}

TEST_F(Alternating, WhatWasExposedSinceATurnBeganIsReplaced) {
    begin();
    client_->fails_after = true;
    ASSERT_FALSE(run(Command::kRotate, options_).as_asked);
    const auto id = fleet_->record(0).id;
    ASSERT_TRUE(fleet_->open_vault()
                    ->team()
                    .expose({"test", UnixTime{1'790'020'000}, "left", {}}, std::span(&id, 1))
                    .has_value());
    client_->fails_after = false;
    const auto report = run(Command::kRotate, options_);
    EXPECT_TRUE(report.as_asked) << report.outcome << " " << report.detail;
    EXPECT_TRUE(fleet_->open_vault()->team().due()->empty());
    EXPECT_TRUE(client_->gets_in());
}

TEST_F(Alternating, ANameStandsForOneAccount) {
    begin({AccountRole::kMonitor});
    RunOptions options;
    options.adopted_name = "mon";
    const auto own = run(Command::kAdopt, options);
    EXPECT_EQ(own.outcome, "refused");
    EXPECT_EQ(own.detail, "name-taken: it is that of our monitor account");
    options.adopted_role = AccountRole::kSpare;
    EXPECT_EQ(run(Command::kAdopt, options).detail, "name-taken: it is that of our monitor account");
    options.adopted_name = "ADMIN";
    EXPECT_EQ(run(Command::kAdopt, options).detail, "name-taken: it is that of our own account");
    begin();
    options.adopted_role.reset();
    options.adopted_name = "another";
    EXPECT_EQ(run(Command::kAdopt, options).detail, "spare-in-turn") << "the account of before would be forgotten";
}

TEST_F(Alternating, ARecoveryComesInByTheSpare) {
    begin();
    fleet_->replace(0, [](Config& config) {
        for (auto& [id, user] : config.users)
            if (user.name == "ADMIN") user.password = Bytes(20, 'x');
    });
    const auto report = run(Command::kRecover);
    EXPECT_TRUE(report.as_asked) << report.outcome << " " << report.detail;
    EXPECT_TRUE(fleet_->current_is_live(0));
}

TEST_F(Alternating, WhatABoardRefusesIsTriedInAnotherShape) {
    begin({AccountRole::kSpare, AccountRole::kMonitor}, {"refuses-by-policy=cc"});
    for (int turn = 0; turn < 6; ++turn) {
        const auto report = run(Command::kRotate, options_);
        EXPECT_TRUE(report.as_asked) << report.outcome << " " << report.detail;
        EXPECT_TRUE(client_->gets_in());
        for (const auto& account : accounts()) EXPECT_TRUE(opens_with_the_vaults(account)) << account.name;
    }
}

TEST_F(Alternating, ABoardThatKeeps16BytesGetsThem) {
    for (const auto* quirk : {"truncates-to-16", "only-16-byte-passwords"}) {
        begin({}, {quirk});
        forget_the_card();
        RunOptions spare;
        spare.adopted_role = AccountRole::kSpare;
        spare.adopted_name = "bmcvault-2";
        const auto sent = fleet_->bmc(0).counters().passwords_set;
        const auto adopted = run(Command::kAdopt, spare);
        ASSERT_EQ(adopted.outcome, "adopted") << quirk << " " << adopted.detail;
        EXPECT_EQ(fleet_->bmc(0).counters().passwords_set - sent, 2u) << quirk << ": 20 bytes, then 16";
        const auto report = run(Command::kRotate, options_);
        EXPECT_TRUE(report.as_asked) << quirk << " " << report.outcome << " " << report.detail;
        EXPECT_TRUE(fleet_->current_is_live(0)) << quirk;
        EXPECT_TRUE(opens_with_the_vaults(accounts().front())) << quirk;
    }
}

TEST_F(Alternating, AnotherSlotWithTheNameOfOneOfOursIsNotTouched) {
    begin();
    fleet_->replace(0, [](Config& config) {
        auto stranger = config.users.begin()->second;
        stranger.name = "bmcvault-2";
        stranger.password = Bytes(20, 's');
        config.users[9] = stranger;
    });
    const auto before = on_the_board(UserId{9});
    const auto report = run(Command::kRotate, options_);
    EXPECT_EQ(report.outcome, "refused");
    EXPECT_EQ(report.detail, "spare: another slot bears its name");
    EXPECT_EQ(on_the_board(UserId{9}), before);
    EXPECT_TRUE(client_->gets_in());
}

TEST_F(Alternating, NothingIsPutBackWithASpare) {
    begin();
    ASSERT_TRUE(run(Command::kRotate).as_asked);
    const auto report = run(Command::kPutBack);
    EXPECT_EQ(report.outcome, "refused");
    EXPECT_EQ(report.detail, "has-a-spare");
}

// Whoever knew the password of our own account knows it still, when that account has become the spare.
TEST_F(Alternating, AnExposedPasswordStaysDueUntilItHasFollowed) {
    bool crashed = true;
    int followers = 0;
    for (int step = 1; crashed; ++step) {
        begin();
        const auto exposed = fleet_->record(0).id;
        const auto marked =
            fleet_->open_vault()->team().expose({"test", UnixTime{1'790'010'000}, "left", {}}, std::span(&exposed, 1));
        ASSERT_TRUE(marked.has_value()) << marked.error().detail;
        ASSERT_EQ(fleet_->open_vault()->team().due()->size(), 1u);
        crashed = fleet_->live(Command::kRotate, options_, step).crashed;
        fleet_->let_time_pass(3700s);
        const bool due = !fleet_->open_vault()->team().due()->empty();
        EXPECT_EQ(due, crashed && (own_name() == "ADMIN" || somebody_follows())) << step;
        if (own_name() != "ADMIN" && due) ++followers;
    }
    EXPECT_GT(followers, 5);
}

TEST_F(Alternating, AMonitorIsRotatedWithTheOthersOrAlone) {
    begin({AccountRole::kSpare, AccountRole::kMonitor});
    const auto slot = find_role(accounts(), AccountRole::kMonitor)->slot;
    const auto first = on_the_board(slot);
    ASSERT_TRUE(run(Command::kRotate, options_).as_asked);
    const auto second = on_the_board(slot);
    EXPECT_NE(second, first);
    const auto own = on_the_board(slot_named(own_name()));
    auto only = options_;
    only.only_role = AccountRole::kMonitor;
    const auto report = run(Command::kRotate, only);
    EXPECT_EQ(report.outcome, "rotated");
    EXPECT_EQ(report.detail, "monitor 'mon'");
    EXPECT_TRUE(report.as_asked);
    EXPECT_NE(on_the_board(slot), second);
    EXPECT_EQ(on_the_board(slot_named(own_name())), own);
    for (const auto& account : accounts()) EXPECT_TRUE(opens_with_the_vaults(account)) << account.name;
}

TEST_F(Alternating, WhereverAMonitorsRotationDiesTheNextOneEndsIt) {
    bool crashed = true;
    for (int step = 1; crashed; ++step) {
        begin({AccountRole::kMonitor});
        auto only = options_;
        only.only_role = AccountRole::kMonitor;
        crashed = fleet_->live(Command::kRotate, only, step).crashed;
        fleet_->let_time_pass(3700s);
        EXPECT_TRUE(client_->gets_in()) << step;
        const auto report = run(Command::kRotate, only);
        EXPECT_TRUE(report.as_asked) << step << " " << report.outcome << " " << report.detail;
        EXPECT_FALSE(somebody_follows()) << step;
        EXPECT_TRUE(opens_with_the_vaults(accounts().front())) << step;
    }
}

TEST_F(Alternating, AMonitorMayOnlyLook) {
    begin({AccountRole::kMonitor});
    const auto life = fleet_->live(Command::kAccounts);
    const auto& table = life.tables.at(fleet_->record(0).name);
    const auto slot = find_role(accounts(), AccountRole::kMonitor)->slot;
    const auto found = std::ranges::find(table.slots, slot, &AccountSlot::id);
    ASSERT_NE(found, table.slots.end());
    EXPECT_EQ(highest_privilege(*found), ipmi::PrivilegeLevel::kUser);
    ASSERT_TRUE(found->opened_by.has_value());
    EXPECT_EQ(found->opened_by->source, OpenedBy::Source::kOurs);
}

TEST_F(Alternating, OursAreNeverClosedAndTheirRotationIsNoDrift) {
    begin({AccountRole::kSpare, AccountRole::kMonitor});
    const auto seen = fleet_->live(Command::kAccounts);
    fleet_->let_time_pass(3700s);
    fleet_->teach([&](vault::Transaction& transaction) {
        return record_accepted(transaction, fleet_->record(0), seen.tables.at(fleet_->record(0).name));
    });
    RunOptions options;
    options.closing.close_unknown = true;
    const auto secured = run(Command::kSecure, options);
    EXPECT_EQ(secured.detail, "nothing to close");
    ASSERT_TRUE(run(Command::kRotate, options_).as_asked);
    for (const auto& account : accounts()) EXPECT_TRUE(opens_with_the_vaults(account)) << account.name;
    const auto after = run(Command::kAccounts);
    EXPECT_EQ(after.outcome, "as-accepted") << after.detail;
}

TEST_F(Alternating, OneOfEachRole) {
    begin();
    RunOptions second;
    second.adopted_role = AccountRole::kSpare;
    second.adopted_name = "another";
    const auto refused = run(Command::kAdopt, second);
    EXPECT_EQ(refused.outcome, "refused");
    EXPECT_EQ(refused.detail, "has-one: spare 'bmcvault-2'");
    second.adopted_name = "bmcvault-2";
    EXPECT_EQ(run(Command::kAdopt, second).outcome, "already-current");
    RunOptions monitor;
    monitor.only_role = AccountRole::kMonitor;
    EXPECT_EQ(run(Command::kRotate, monitor).detail, "no-monitor");
}

TEST(RoleAccounts, AreWrittenAndReadBack) {
    const std::vector<RoleAccount> accounts{
        {AccountRole::kSpare, UserId{5}, "bmcvault-2", ipmi::PrivilegeLevel::kAdministrator, true},
        {AccountRole::kMonitor, UserId{63}, "m", ipmi::PrivilegeLevel::kUser, false}};
    EXPECT_EQ(*role_accounts_from(role_accounts_text(accounts)), accounts);
    EXPECT_TRUE(role_accounts_from("")->empty());
    for (const auto* text :
         {"spare 5 4 follows\n", "spare 0 4 settled x\n", "spare 64 4 settled x\n", "spare 5 1 settled x\n",
          "spare 5 5 settled x\n", "other 5 4 settled x\n", "spare 5 4 sometimes x\n"})
        EXPECT_FALSE(role_accounts_from(text).has_value()) << text;
}

}  // namespace
}  // namespace bmcvault::rotate::sim

int main(int argc, char** argv) {
    if (!bmcvault::secret_arena::initialize()) return 1;
    testing::InitGoogleTest(&argc, argv);
    return RUN_ALL_TESTS();
}
