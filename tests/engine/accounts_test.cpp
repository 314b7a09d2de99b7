// The accounts of a BMC: read, asked, closed and made, in virtual time, against boards with every manner that has been
// seen. What must hold in all of them: our own account gets in afterwards, no login was ever rejected for a wrong
// password, and what is called closed does not open.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "rotate/engine/account_passwords.hpp"
#include "rotate/engine/account_record.hpp"
#include "tests/engine/sim_world.hpp"
#include "vault/base/secret.hpp"

namespace bmcvault::rotate::sim {
namespace {

using namespace std::chrono_literals;
using virtual_bmc::Config;
using Command = SimFleet::Command;

using Quirks = std::vector<std::string>;

Config board(const Quirks& quirks) {
    auto config = virtual_bmc::plain_config(0, 1);
    for (const auto& quirk : quirks) EXPECT_TRUE(virtual_bmc::apply_quirk(config, quirk).has_value()) << quirk;
    return config;
}

RunOptions with_defaults() {
    RunOptions options;
    options.elsewhere.vendor_defaults = true;
    return options;
}

Bytes bytes_of(std::string_view text) {
    return {text.begin(), text.end()};
}

class Accounts : public testing::Test {
protected:
    // One BMC that we have rotated, so that our own password is proved.
    void begin(const Quirks& quirks) {
        fleet_.emplace(std::vector<Config>{board(quirks)}, SimOptions{});
        const auto life = fleet_->live(Command::kRotate);
        ASSERT_TRUE(life.reports.front().as_asked)
            << life.reports.front().outcome << " " << life.reports.front().detail;
        fleet_->let_time_pass(3700s);
    }

    SimFleet::Life run(Command command, const RunOptions& options = with_defaults()) {
        auto life = fleet_->live(command, options);
        fleet_->let_time_pass(3700s);
        expect_the_rules();
        return life;
    }

    void expect_the_rules() {
        EXPECT_TRUE(fleet_->current_is_live(0)) << "our own account must get in";
        EXPECT_EQ(fleet_->rejected_logins(), 0u);
        EXPECT_EQ(bmc().counters().unencrypted_secrets, 0u);
    }

    void add_user(std::uint8_t slot, std::string user, std::string_view password, bool enabled) {
        fleet_->replace(0, [&](Config& config) {
            auto& added = config.users[slot];
            added = config.users.at(2);
            added.name = std::move(user);
            added.password = bytes_of(password);
            added.enabled = enabled;
        });
    }

    virtual_bmc::VirtualBmc& bmc() { return fleet_->bmc(0); }
    const std::string& name() { return fleet_->record(0).name; }
    bool opens(std::string_view user, std::string_view password) {
        return bmc().accepts(user, bytes_of(password), {}, fleet_->now());
    }

    std::vector<std::string> words(const SimFleet::Life& life) {
        std::vector<std::string> out;
        const auto found = life.findings.find(name());
        if (found == life.findings.end()) return out;
        for (const auto& finding : found->second) {
            out.push_back(fmt::format("{} {}", finding.slot ? finding.slot->value : 0, word(finding.kind)));
        }
        return out;
    }

    // The vault holds what the slot's password is, as some version of that slot.
    bool vault_holds(std::uint8_t slot) {
        const auto store = fleet_->open_vault();
        const auto known = AccountPasswords::load(*store, fleet_->record(0), nullptr);
        EXPECT_TRUE(known.has_value());
        auto stored = bmc().stored_password(slot, fleet_->now());
        stored.resize(20, 0);
        for (std::uint32_t version = 1; version < 5; ++version) {
            const auto* found = known->version(UserId{slot}, VersionNumber{version});
            if (found == nullptr) continue;
            if (known->secret_of(*found).expose([&](auto bytes) { return std::ranges::equal(bytes, stored); }))
                return true;
        }
        return false;
    }

    std::optional<SimFleet> fleet_;
};

TEST_F(Accounts, AreReadAndAskedWithoutAFailedLogin) {
    begin({"anonymous-account", "default-account", "name-with-spaces"});
    const auto life = run(Command::kAccounts);
    const auto& report = life.reports.front();
    EXPECT_EQ(report.outcome, "findings") << report.detail;
    EXPECT_TRUE(report.attention);
    EXPECT_EQ(words(life),
              (std::vector<std::string>{"1 anonymous-login", "1 default-password", "2 own-is-vendor-account",
                                        "3 vendor-account", "3 default-password"}));
    const auto& table = life.tables.at(name());
    EXPECT_EQ(table.slots[1].opened_by, (OpenedBy{OpenedBy::Source::kOurs, "our own"}));
    EXPECT_EQ(table.slots[2].opened_by->label, "the default root of Quanta");
    ASSERT_EQ(table.slots.size(), 16u);
    EXPECT_EQ(table.slots[0].opened_by, (OpenedBy{OpenedBy::Source::kNothing, "no password"}));
    EXPECT_EQ(table.slots[2].opened_by->source, OpenedBy::Source::kVendorDefault);
    EXPECT_EQ(table.slots[3].name, "night shift");
    EXPECT_EQ(table.slots[3].asked, Answer::kNoCandidateMatches);
    EXPECT_EQ(table.slots[3].channels.front().privilege_limit, ipmi::PrivilegeLevel::kOperator);
    EXPECT_EQ(table.slots[3].enabled, true);
    EXPECT_TRUE(table.anonymous_login);
    EXPECT_EQ(bmc().counters().sessions_opened, bmc().counters().sessions_closed);
}

TEST_F(Accounts, WithoutAskingOnlyTheTableIsRead) {
    begin({"default-account"});
    auto options = with_defaults();
    options.ask_accounts = false;
    const auto life = run(Command::kAccounts, options);
    EXPECT_EQ(life.tables.at(name()).slots[2].asked, std::nullopt);
    EXPECT_EQ(words(life), (std::vector<std::string>{"2 own-is-vendor-account", "3 vendor-account"}));
}

TEST_F(Accounts, AreClosedAndProvedClosed) {
    begin({"anonymous-account", "default-account", "name-with-spaces"});
    ASSERT_TRUE(opens("", ""));
    ASSERT_TRUE(opens("root", "root"));
    const auto life = run(Command::kSecure);
    EXPECT_EQ(life.reports.front().outcome, "secured") << life.reports.front().detail;
    EXPECT_EQ(life.reports.front().detail, "slot 1 (null name): closed; slot 3 'root': closed");
    EXPECT_FALSE(opens("", ""));
    EXPECT_FALSE(opens("root", "root"));
    EXPECT_TRUE(opens("night shift", "NightShift-2019")) << "nobody's default: not touched";
    EXPECT_TRUE(vault_holds(1));
    EXPECT_TRUE(vault_holds(3));
    EXPECT_EQ(words(life), std::vector<std::string>{"2 own-is-vendor-account"});

    const auto written = bmc().counters().passwords_set;
    const auto again = run(Command::kSecure);
    EXPECT_EQ(again.reports.front().detail, "nothing to close");
    EXPECT_EQ(bmc().counters().passwords_set, written);
}

// Our own account, the anonymous one and the vendor's as the factory made them; the unknown one was never ours.
void factory_reset(SimFleet& fleet, const Config& factory) {
    fleet.replace(0, [&](Config& config) {
        config.users = factory.users;
        config.users.at(2).password = bytes_of("calvin");
        config.users.at(2).stored_size = 16;
        config.cipher_suites = factory.cipher_suites;
        config.quirks.suite_0_stays_open = factory.quirks.suite_0_stays_open;
    });
    fleet.let_time_pass(3700s);
}

TEST_F(Accounts, ThatAResetOpensAreClosedAgainByRecover) {
    const Quirks quirks{"anonymous-account", "default-account", "name-with-spaces", "suites=0,3,17"};
    begin(quirks);
    (void)run(Command::kSecure);
    factory_reset(*fleet_, board(quirks));
    ASSERT_TRUE(opens("root", "root"));

    const auto report = run(Command::kRecover).reports.front();
    EXPECT_EQ(report.outcome, "recovered") << report.detail;
    EXPECT_EQ(report.detail,
              "factory-reset; vendor-default: root of Dell; suite-0-closed; slot 1 (null name): closed; "
              "slot 3 'root': closed");
    EXPECT_FALSE(opens("", ""));
    EXPECT_FALSE(opens("root", "root"));
    EXPECT_TRUE(opens("night shift", "NightShift-2019")) << "never closed by us";
    EXPECT_TRUE(vault_holds(3));

    const auto written = bmc().counters().passwords_set;
    EXPECT_EQ(run(Command::kRecover).reports.front().outcome, "already-current");
    EXPECT_EQ(bmc().counters().passwords_set, written);
}

TEST_F(Accounts, ThatWereNeverClosedAreLeftAsAResetHasMadeThem) {
    begin({"default-account"});
    factory_reset(*fleet_, board({"default-account"}));
    EXPECT_EQ(run(Command::kRecover).reports.front().detail, "factory-reset; vendor-default: root of Dell");
    EXPECT_TRUE(opens("root", "root"));
}

TEST_F(Accounts, AWayInThatAResetOpensAndThatStaysOpenIsSaid) {
    begin({"default-account"});
    (void)run(Command::kSecure);
    factory_reset(*fleet_, board({"default-account", "suites=0,3,17", "suite-0-stays-open"}));
    const auto report = run(Command::kRecover).reports.front();
    EXPECT_EQ(report.outcome, "not-secured") << report.detail;
    EXPECT_FALSE(opens("root", "root"));
}

// Crashed anywhere in between: the next recover finishes it.
TEST_F(Accounts, AreClosedAgainAfterAResetWhereverARunWasKilled) {
    int steps = 1;
    for (int crash_at = 1; crash_at <= steps; ++crash_at) {
        begin({"default-account"});
        (void)run(Command::kSecure);
        factory_reset(*fleet_, board({"default-account"}));
        const auto killed = fleet_->live(Command::kRecover, with_defaults(), crash_at);
        steps = std::max(steps, killed.crashed ? crash_at + 1 : 0);
        fleet_->let_time_pass(3700s);
        (void)run(Command::kRecover);
        EXPECT_FALSE(opens("root", "root")) << "killed at step " << crash_at;
        if (!killed.crashed) break;
    }
    EXPECT_GT(steps, 20);
}

TEST_F(Accounts, ThatNobodyKnowsAreClosedWhenThatIsAskedForAndKeptWhenThatIs) {
    begin({"default-account", "name-with-spaces"});
    auto options = with_defaults();
    options.closing.close_unknown = true;
    options.closing.keep = {"root"};
    EXPECT_EQ(run(Command::kSecure, options).reports.front().detail, "slot 4 'night shift': closed");
    EXPECT_FALSE(opens("night shift", "NightShift-2019"));
    EXPECT_TRUE(opens("root", "root"));
}

TEST_F(Accounts, OfNobodyThatOpenWithADefaultAreNotTouchedAndNotCalledSecured) {
    begin({});
    add_user(5, "backup", "calvin", true);
    const auto dry = [] {
        auto options = with_defaults();
        options.dry_run = true;
        return options;
    };
    const std::string left = "left-open: slot 5 'backup' opens with the default root of Dell";
    EXPECT_EQ(run(Command::kSecure, dry()).reports.front().detail, "no account would be closed; " + left);
    const auto secured = run(Command::kSecure).reports.front();
    EXPECT_EQ(secured.outcome, "not-secured");
    EXPECT_EQ(secured.detail, left);
    EXPECT_TRUE(opens("backup", "calvin")) << "unknown accounts are not touched";
    auto kept = with_defaults();
    kept.closing.keep = {"backup"};
    EXPECT_EQ(run(Command::kSecure, kept).reports.front().outcome, "secured");
    auto all = with_defaults();
    all.closing.close_unknown = true;
    EXPECT_EQ(run(Command::kSecure, all).reports.front().outcome, "secured");
    EXPECT_FALSE(opens("backup", "calvin"));
}

// "Disabled" is what this board says, and not what it does.
TEST_F(Accounts, OfNobodyThatAreDisabledAndOpenAllTheSameAreNotCalledSecured) {
    begin({"disabled-user-still-logs-in"});
    add_user(5, "backup", "calvin", false);
    const auto secured = run(Command::kSecure).reports.front();
    EXPECT_EQ(secured.outcome, "not-secured");
    EXPECT_EQ(secured.detail, "left-open: slot 5 'backup' opens with the default root of Dell");
}

TEST_F(Accounts, OfNobodyThatAreKeptAreNotAsked) {
    begin({"counts-abandoned-handshakes", "bad-password-threshold=3"});
    add_user(5, "carol", "hers", true);
    auto kept = with_defaults();
    kept.closing.keep = {"carol"};
    for (int run_number = 0; run_number < 4; ++run_number)
        EXPECT_EQ(run(Command::kSecure, kept).reports.front().outcome, "secured");
    EXPECT_TRUE(opens("carol", "hers"));
}

TEST_F(Accounts, ThatDoNotAnswerAreNotCalledClosed) {
    begin({});
    add_user(5, "backup", "calvin", true);
    add_user(6, "backup", "calvin", true);
    const auto secured = run(Command::kSecure).reports.front();
    EXPECT_EQ(secured.outcome, "not-secured");
    EXPECT_EQ(
        secured.detail,
        "left-open: slot 5 'backup' opens with the default root of Dell; not-asked: slot 6 'backup': another slot "
        "has its name");
}

TEST_F(Accounts, ADryRunChangesNothing) {
    begin({"default-account"});
    auto options = with_defaults();
    options.dry_run = true;
    const auto written = bmc().counters().passwords_set;
    EXPECT_EQ(run(Command::kSecure, options).reports.front().detail, "would close slot 3 'root'");
    EXPECT_TRUE(opens("root", "root"));
    EXPECT_EQ(bmc().counters().passwords_set, written);
    EXPECT_FALSE(vault_holds(3));
}

TEST_F(Accounts, NothingIsClosedOnABoardWhosePinCouldNotBeStored) {
    begin({"default-account", "suites=0,3,17"});
    auto unpinned = *fleet_->open_vault()->bmc(fleet_->record(0).id);
    unpinned.pin = {};
    fleet_->teach([&](vault::Transaction& transaction) { return transaction.update_bmc(unpinned); });
    const auto life = fleet_->live(Command::kSecure, with_defaults(), 0,
                                   [](SimVault& store) { store.fail_write(1, SimVault::Fault::kRefused); });
    EXPECT_EQ(life.reports.front().outcome, "blocked");
    EXPECT_EQ(life.reports.front().detail, "vault-not-written; suite-0-open");
    EXPECT_TRUE(opens("root", "root"));
}

TEST_F(Accounts, AreNotClosedBeforeOurOwnIsProved) {
    fleet_.emplace(std::vector<Config>{board({"default-account"})}, SimOptions{});
    const auto life = fleet_->live(Command::kSecure, with_defaults());
    EXPECT_EQ(life.reports.front().outcome, "refused");
    EXPECT_EQ(life.reports.front().detail, "own-account-not-proved: rotate or recover it first");
    EXPECT_TRUE(opens("root", "root"));
}

// What the next process reads of our session is how the BMC counts it: from the last command, not from the login.
TEST_F(Accounts, AKilledRunLeavesItsSessionsTimeOfTheLastCommand) {
    begin({});
    fleet_->set_faults({.latency = 300ms});
    const auto life = fleet_->live(Command::kAccounts, with_defaults(), 2);
    ASSERT_TRUE(life.crashed) << "after the accounts were read";
    std::istringstream note(life.note_at_crash);
    std::string format;
    std::int64_t half_open_until = 0;
    std::int64_t sessions_until = 0;
    int sessions = 0;
    note >> format >> half_open_until >> sessions >> sessions_until;
    EXPECT_EQ(sessions, 1);
    EXPECT_GE(sessions_until, life.crashed_at.value + 60);
}

// Each manner of a board, and how it ends: closed, or named.
// A test's name out of a quirk's.
std::string name_of_test(std::string quirk) {
    std::ranges::replace_if(quirk, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
    return quirk;
}

struct Manner {
    std::string quirk;
    std::string outcome;
    std::string detail;
};

class Manners : public Accounts, public testing::WithParamInterface<Manner> {};

TEST_P(Manners, EndClosedOrNamedAndNeverInALockOut) {
    begin({"anonymous-account", "default-account", GetParam().quirk});
    const auto life = run(Command::kSecure);
    const auto& report = life.reports.front();
    EXPECT_EQ(report.outcome, GetParam().outcome) << report.detail;
    EXPECT_EQ(report.detail, GetParam().detail);
    if (report.outcome != "secured") return;
    EXPECT_FALSE(opens("", ""));
    EXPECT_FALSE(opens("root", "root"));
}

const std::string kBothClosed = "slot 1 (null name): closed; slot 3 'root': closed";

INSTANTIATE_TEST_SUITE_P(
    OfBoards, Manners,
    testing::Values(
        Manner{"disabled-user-still-logs-in", "secured", kBothClosed},
        Manner{"cleared-name-revives-default", "secured", kBothClosed},
        Manner{"set-access-needs-four-bytes", "secured", kBothClosed},
        Manner{"no-access-refused", "secured", kBothClosed}, Manner{"slot-1-stays-enabled", "secured", kBothClosed},
        Manner{"enabled-bits-never-set", "secured", kBothClosed},
        Manner{"duplicate-name", "not-secured",
               std::string(kBothClosed) + "; not-asked: slot 16 'ADMIN': another slot has its name"},
        Manner{"name-with-spaces", "secured", kBothClosed}, Manner{"user-slots-full", "secured", kBothClosed},
        Manner{"truncates-to-16", "secured", kBothClosed}, Manner{"keeps-old-tail", "secured", kBothClosed},
        Manner{"only-16-byte-passwords", "secured", kBothClosed}, Manner{"applies-after=1500", "secured", kBothClosed},
        Manner{"applies-and-loses-reply", "secured", kBothClosed},
        Manner{"enable-wants-password", "secured", kBothClosed}, Manner{"takes-rights-away", "secured", kBothClosed},
        Manner{"breaks-on-two-writes-in-one-second", "secured", kBothClosed},
        Manner{"drops-first-command", "secured", kBothClosed},
        Manner{"error-replies-with-tag-0", "secured", kBothClosed},
        Manner{"short-error-replies", "secured", kBothClosed}, Manner{"session-slots=4", "secured", kBothClosed},
        Manner{"half-open-ms=60000", "secured", kBothClosed}),
    [](const auto& tested) { return name_of_test(tested.param.quirk); });

// Both measures fail: disabling is ignored, and so are the rights. Then the random password is what keeps people out.
TEST_F(Accounts, ABoardThatIgnoresEverythingElseKeepsOurRandomPassword) {
    begin({"default-account", "disabled-user-still-logs-in", "ignores-user-access"});
    const auto life = run(Command::kSecure);
    EXPECT_EQ(life.reports.front().detail, "slot 3 'root': only-our-random-password");
    EXPECT_EQ(life.reports.front().outcome, "secured");
    EXPECT_FALSE(opens("root", "root"));
    EXPECT_TRUE(vault_holds(3));
    const auto found = words(life);
    EXPECT_EQ(std::ranges::count(found, "3 disabled-but-open"), 1);
}

TEST_F(Accounts, ABoardThatTakesNothingIsNamed) {
    begin({"default-account", "disabled-user-still-logs-in", "ignores-user-access"});
    fleet_->replace(0, [](Config& config) {
        config.quirks.default_account = false;  // it is there already
        config.quirks.refuses_always = 0xcc;
    });
    const auto life = run(Command::kSecure);
    EXPECT_EQ(life.reports.front().outcome, "not-secured");
    EXPECT_EQ(life.reports.front().detail, "slot 3 'root': still-open");
    EXPECT_TRUE(opens("root", "root"));
}

TEST_F(Accounts, Suite0IsClosedAndTriedAgain) {
    begin({"suites=0,3,17"});
    const auto life = run(Command::kSecure);
    EXPECT_EQ(life.reports.front().outcome, "secured");
    EXPECT_EQ(life.reports.front().detail, "suite-0-closed");
    const auto again = run(Command::kSecure);
    EXPECT_EQ(again.reports.front().detail, "nothing to close");
}

// A full session table refuses cipher suite 0 as it refuses any other.
TEST_F(Accounts, ASuite0ThatCouldNotBeAskedIsNotCalledClosed) {
    begin({"suites=0,3,17"});
    ASSERT_EQ(run(Command::kSecure).reports.front().detail, "suite-0-closed");
    fleet_->replace(0, [](Config& config) { config.session_slots = 1; });  // and suite 0 is open again
    const auto life = run(Command::kSecure);
    EXPECT_EQ(life.reports.front().outcome, "not-secured");
    EXPECT_EQ(life.reports.front().detail, "suite-0: it is not known whether it is open");
}

TEST_F(Accounts, ASuite0ThatNobodyHasAskedForIsNotCalledClosed) {
    fleet_.emplace(std::vector<Config>{board({"suites=0,3,17"})}, SimOptions{});
    auto known = fleet_->record(0);
    known.cipher_suite = 3;  // a person said so: the list is not asked for
    fleet_->teach([&](vault::Transaction& transaction) { return transaction.update_bmc(known); });
    const auto life = fleet_->live(Command::kAccounts, with_defaults());
    EXPECT_EQ(life.tables.at(name()).suite_0_open, std::nullopt);
}

TEST_F(Accounts, ASuite0ThatStaysOpenIsNamed) {
    begin({"suites=0,3,17", "suite-0-stays-open"});
    const auto life = run(Command::kSecure);
    EXPECT_EQ(life.reports.front().outcome, "not-secured");
    EXPECT_EQ(life.reports.front().detail,
              "suite-0-open: the BMC says it is off and takes it all the same; suite-0-open");
}

TEST_F(Accounts, WhatIsAbandonedIsLoggedWithWhatTheBmcWasReallyAsked) {
    begin({"default-account"});
    fleet_->replace(0, [](Config& config) {
        config.quirks.default_account = false;  // it is there already
        config.quirks.only_16_byte_passwords = true;
    });
    ASSERT_EQ(run(Command::kSecure).reports.front().detail, "slot 3 'root': closed");
    const auto log = fleet_->open_vault()->audit_log(0, 1000);
    ASSERT_TRUE(log.has_value());
    const auto abandoned = std::ranges::find(*log, "credential.abandoned", &vault::AuditRecord::event);
    ASSERT_NE(abandoned, log->end());
    EXPECT_TRUE(abandoned->body.contains(kRefusedForItsSize)) << abandoned->body;
}

// With a kill -9 at each step, on boards that make closing hard.
class ClosingDies : public Accounts, public testing::WithParamInterface<std::string> {};

TEST_P(ClosingDies, AndTheNextRunEndsIt) {
    bool crashed = true;
    for (int step = 1; crashed; ++step) {
        begin({"anonymous-account", "default-account", GetParam()});
        crashed = fleet_->live(Command::kSecure, with_defaults(), step).crashed;
        fleet_->let_time_pass(3700s);
        expect_the_rules();
        EXPECT_TRUE(opens("root", "root") || vault_holds(3)) << "the vault holds what the slot has; step " << step;
        const auto again = run(Command::kSecure);
        EXPECT_EQ(again.reports.front().outcome, "secured") << step;
        EXPECT_FALSE(opens("", "")) << step;
        EXPECT_FALSE(opens("root", "root")) << step;
        EXPECT_TRUE(vault_holds(1) && vault_holds(3)) << step;
    }
}

INSTANTIATE_TEST_SUITE_P(OnBoards, ClosingDies,
                         testing::Values("session-slots=4", "disabled-user-still-logs-in",
                                         "cleared-name-revives-default", "no-access-refused", "enabled-bits-never-set"),
                         [](const auto& tested) { return name_of_test(tested.param); });

TEST_F(Accounts, ALeaverWhoKnewAClosedAccountsPasswordKnowsItNoMoreAfterARotation) {
    begin({"default-account"});
    ASSERT_EQ(run(Command::kSecure).reports.front().outcome, "secured");
    const auto before = bmc().stored_password(3, fleet_->now());
    const auto id = fleet_->record(0).id;
    const auto marked =
        fleet_->open_vault()->team().expose({"test", UnixTime{1'790'010'000}, "left", {}}, std::span(&id, 1));
    ASSERT_TRUE(marked.has_value()) << marked.error().detail;
    const auto life = run(Command::kRotate);
    EXPECT_EQ(life.reports.front().outcome, "rotated") << life.reports.front().detail;
    EXPECT_NE(bmc().stored_password(3, fleet_->now()), before);
    EXPECT_TRUE(vault_holds(3));
    EXPECT_TRUE(fleet_->open_vault()->team().due()->empty()) << "nothing is left to do there";
}

TEST_F(Accounts, ASlotThatIsSomebodyElsesByNowIsLeftAlone) {
    begin({"default-account"});
    ASSERT_EQ(run(Command::kSecure).reports.front().outcome, "secured");
    fleet_->replace(0, [](Config& config) {
        config.quirks.default_account = false;  // it is there already
        auto& user = config.users.at(3);
        user = config.users.at(2);
        user.name = "nagios";
        user.password = Bytes(20, 'n');
    });
    const auto id = fleet_->record(0).id;
    const auto marked =
        fleet_->open_vault()->team().expose({"test", UnixTime{1'790'010'000}, "left", {}}, std::span(&id, 1));
    ASSERT_TRUE(marked.has_value()) << marked.error().detail;
    const auto life = run(Command::kRotate);
    EXPECT_EQ(life.reports.front().outcome, "rotated") << life.reports.front().detail;
    EXPECT_TRUE(opens("nagios", std::string(20, 'n')));
    EXPECT_TRUE(fleet_->open_vault()->team().due()->empty()) << "the password that was exposed is not there any more";
}

TEST_F(Accounts, ADepartureEndsWhereOurAccountWasMadeByUs) {
    begin({});
    RunOptions options;
    options.adopted_name = "bmcvault";
    ASSERT_EQ(run(Command::kAdopt, options).reports.front().outcome, "adopted");
    ASSERT_TRUE(run(Command::kRotate).reports.front().as_asked);
    const auto id = fleet_->record(0).id;
    ASSERT_TRUE(fleet_->open_vault()
                    ->team()
                    .expose({"test", UnixTime{1'790'010'000}, "left", {}}, std::span(&id, 1))
                    .has_value());
    ASSERT_TRUE(run(Command::kRotate).reports.front().as_asked);
    EXPECT_TRUE(fleet_->open_vault()->team().due()->empty());
}

TEST_F(Accounts, ASlotThatIsNotShownIsNoFreeOneAndNoClosedOne) {
    begin({"default-account", "busy-slot=3"});
    const auto writes = bmc().counters().passwords_set;
    RunOptions adopted;
    adopted.adopted_name = "bmcvault";
    for (const auto command : {Command::kAdopt, Command::kSecure, Command::kAccounts}) {
        const auto report = run(command, command == Command::kAdopt ? adopted : with_defaults()).reports.front();
        EXPECT_EQ(report.outcome, "refused");
        EXPECT_EQ(report.detail, "the BMC was too busy to show user slot 3");
    }
    EXPECT_EQ(bmc().counters().passwords_set, writes);
    EXPECT_TRUE(opens("root", "root")) << "nobody touched the stranger's account";
}

// ---- drift ----

class Drift : public Accounts {
protected:
    void accept() {
        const auto life = run(Command::kAccounts);
        fleet_->teach([&](vault::Transaction& transaction) {
            return record_accepted(transaction, fleet_->record(0), life.tables.at(name()));
        });
    }
    void add_behind_our_back(std::uint8_t slot, std::string user) {
        fleet_->replace(0, [&](Config& config) {
            auto& added = config.users[slot];
            added = config.users.at(2);
            added.name = std::move(user);
        });
    }
};

TEST_F(Drift, AnAcceptedTableIsQuiet) {
    begin({"name-with-spaces"});
    EXPECT_EQ(run(Command::kAccounts).reports.front().outcome, "not-accepted-yet");
    accept();
    const auto life = run(Command::kAccounts);
    EXPECT_EQ(life.reports.front().outcome, "as-accepted");
    EXPECT_FALSE(life.reports.front().attention);
}

TEST_F(Drift, AnAccountAddedBehindOurBackIsReportedByTheNextCheck) {
    begin({});
    accept();
    add_behind_our_back(5, "mallory");
    auto options = with_defaults();
    options.accounts = true;
    const auto life = run(Command::kCheck, options);
    EXPECT_EQ(words(life), (std::vector<std::string>{"2 own-is-vendor-account", "5 new-account"}));
    EXPECT_TRUE(life.reports.front().attention);
    EXPECT_EQ(life.reports.front().detail, "account findings: 1");
    EXPECT_EQ(run(Command::kAccounts).reports.front().outcome, "drift");
}

TEST_F(Drift, WhatWeCloseOurselvesIsNone) {
    begin({"default-account"});
    accept();
    EXPECT_EQ(run(Command::kSecure).reports.front().outcome, "secured");
    EXPECT_EQ(run(Command::kAccounts).reports.front().outcome, "as-accepted");
}

// ---- an account of our own ----

class Adopted : public Accounts {
protected:
    static RunOptions as(std::string name) {
        auto options = with_defaults();
        options.adopted_name = std::move(name);
        return options;
    }
    vault::Bmc record() {
        const auto bmc = fleet_->open_vault()->bmc(fleet_->record(0).id);
        EXPECT_TRUE(bmc.has_value());
        return *bmc;
    }
};

TEST_F(Adopted, IsMadeProvedAndRotatedAndTheVendorsIsClosed) {
    begin({});
    const auto life = run(Command::kAdopt, as("bmcvault"));
    EXPECT_EQ(life.reports.front().outcome, "adopted") << life.reports.front().detail;
    EXPECT_EQ(life.reports.front().detail, "'bmcvault' in slot 3");
    EXPECT_EQ(record().user_name, "bmcvault");
    EXPECT_EQ(record().user_id, 3);
    EXPECT_TRUE(vault_holds(3));

    EXPECT_EQ(run(Command::kRotate).reports.front().outcome, "rotated");
    const auto secured = run(Command::kSecure);
    EXPECT_EQ(secured.reports.front().detail, "slot 2 'ADMIN': closed");
    EXPECT_EQ(bmc().config().users.at(2).enabled, false);
    EXPECT_EQ(run(Command::kAdopt, as("bmcvault")).reports.front().outcome, "already-current");
}

TEST_F(Adopted, NeedsAFreeSlot) {
    begin({"user-slots=10", "user-slots-full"});
    const auto life = run(Command::kAdopt, as("bmcvault"));
    EXPECT_EQ(life.reports.front().outcome, "refused");
    EXPECT_EQ(life.reports.front().detail, "no-free-slot: every user slot carries an account");
}

// The slot without a name was closed before: what it holds is of that account, perhaps revealed since.
TEST_F(Adopted, InASlotThatWasClosedGetsAFreshPassword) {
    begin({"default-account"});
    fleet_->replace(0, [](Config& config) {
        config.quirks.default_account = false;  // it is there already
        config.users.at(3).name.clear();
    });
    ASSERT_EQ(run(Command::kSecure).reports.front().detail, "slot 3 (null name): closed");
    const auto closed_with = bmc().stored_password(3, fleet_->now());
    ASSERT_EQ(run(Command::kAdopt, as("bmcvault")).reports.front().detail, "'bmcvault' in slot 3");
    EXPECT_NE(bmc().stored_password(3, fleet_->now()), closed_with);
}

TEST_F(Adopted, DoesNotTakeSomebodysAccountOver) {
    begin({"name-with-spaces"});
    fleet_->replace(0, [](Config& config) { config.users.at(3).name = "bmcvault"; });
    const auto life = run(Command::kAdopt, as("bmcvault"));
    EXPECT_EQ(life.reports.front().detail, "stage-account: somebody else's account in slot 3 has that name");
    EXPECT_TRUE(opens("bmcvault", "NightShift-2019"));
}

TEST_F(Adopted, NorClosesItWhereOneOfItsNameWasWanted) {
    begin({"name-with-spaces"});
    fleet_->replace(0, [](Config& config) { config.users.at(3).name = "mon"; });
    auto options = as("mon");
    options.adopted_role = AccountRole::kMonitor;
    options.adopted_privilege = ipmi::PrivilegeLevel::kUser;
    const auto life = run(Command::kAdopt, options);
    EXPECT_EQ(life.reports.front().detail, "stage-account: somebody else's account in slot 3 has that name");
    EXPECT_TRUE(opens("mon", "NightShift-2019"));
}

class AdoptedOn : public Adopted, public testing::WithParamInterface<std::string> {};

TEST_P(AdoptedOn, BoardsOfEveryManner) {
    begin({GetParam()});
    const auto life = run(Command::kAdopt, as("bmcvault"));
    EXPECT_EQ(life.reports.front().outcome, "adopted") << life.reports.front().detail;
    EXPECT_EQ(record().user_name, "bmcvault");
}

INSTANTIATE_TEST_SUITE_P(Quirks, AdoptedOn,
                         testing::Values("only-16-byte-passwords", "applies-after=1000", "set-access-needs-four-bytes",
                                         "enabled-bits-never-set", "enable-wants-password", "drops-first-command",
                                         "breaks-on-two-writes-in-one-second", "session-slots=4"),
                         [](const auto& tested) { return name_of_test(tested.param); });

TEST_F(Adopted, WhereverItDiesTheNextRunEndsIt) {
    bool crashed = true;
    for (int step = 1; crashed; ++step) {
        begin({});
        crashed = fleet_->live(Command::kAdopt, as("bmcvault"), step).crashed;
        fleet_->let_time_pass(3700s);
        EXPECT_TRUE(fleet_->vault_holds_live_credential(0)) << step;
        const auto again = run(Command::kAdopt, as("bmcvault"));
        EXPECT_TRUE(again.reports.front().as_asked) << step << ": " << again.reports.front().detail;
        EXPECT_EQ(record().user_name, "bmcvault") << step;
        EXPECT_EQ(record().user_id, 3) << step;
    }
}

// ---- our own account, lost ----

// What somebody did to our account in slot 3, while the vendor's in slot 2 still has the password that we gave it.
struct Loss {
    std::string name;
    void (*happens)(Config&);
    std::uint8_t slot = 3;  // where our account is afterwards
};

class Returned : public Adopted {
protected:
    void begin_with_own_account(const Quirks& quirks = {}) {
        begin(quirks);
        ASSERT_EQ(run(Command::kAdopt, as("bmcvault")).reports.front().outcome, "adopted");
        ASSERT_EQ(run(Command::kRotate).reports.front().outcome, "rotated");
        ASSERT_TRUE(record().pin.manufacturer.has_value());
    }
    // Our own account need not get in afterwards.
    SimFleet::Life run_only(Command command, int crash_at_step = 0) {
        auto life = fleet_->live(command, with_defaults(), crash_at_step);
        fleet_->let_time_pass(3700s);
        EXPECT_EQ(fleet_->rejected_logins(), 0u);
        return life;
    }
    SimFleet::Life recover(int crash_at_step = 0) { return run_only(Command::kRecover, crash_at_step); }
    void expect_it_is_back(std::uint8_t slot) {
        expect_the_rules();
        EXPECT_EQ(record().user_name, "bmcvault");
        EXPECT_EQ(record().user_id, slot);
        EXPECT_EQ(bmc().config().users.at(slot).name, "bmcvault");
        EXPECT_EQ(bmc().config().users.at(slot).privilege_limit, ipmi::PrivilegeLevel::kAdministrator);
        EXPECT_EQ(run(Command::kCheck).reports.front().outcome, "as-in-vault");
    }
};

void is_renamed(Config& config) {
    config.users.at(3).name = "renamed";
}

class ReturnedAfter : public Returned, public testing::WithParamInterface<Loss> {};

TEST_P(ReturnedAfter, AnotherAccountOfTheVaultPutsItRight) {
    begin_with_own_account();
    fleet_->replace(0, GetParam().happens);
    const auto old_slot_2 = bmc().stored_password(2, fleet_->now());
    EXPECT_TRUE(run_only(Command::kCheck).reports.front().attention);
    const auto life = recover();
    const auto& report = life.reports.front();
    EXPECT_EQ(report.outcome, "recovered") << report.detail;
    const auto expected = fmt::format("account-put-right: slot {}, through 'ADMIN'", GetParam().slot);
    EXPECT_NE(report.detail.find(expected), std::string::npos) << report.detail;
    EXPECT_EQ(report.failed_logins, 0u);
    EXPECT_EQ(bmc().stored_password(2, fleet_->now()), old_slot_2) << "the other account is left as it is (I9)";
    expect_it_is_back(GetParam().slot);
}

INSTANTIATE_TEST_SUITE_P(
    Losses, ReturnedAfter,
    testing::Values(Loss{"missing", [](Config& config) { config.users.erase(3); }},
                    Loss{"disabled", [](Config& config) { config.users.at(3).enabled = false; }},
                    Loss{"renamed", is_renamed},
                    Loss{"renamed_and_disabled",
                         [](Config& config) {
                             is_renamed(config);
                             config.users.at(3).enabled = false;
                         },
                         4},
                    Loss{"a_strangers_by_now",
                         [](Config& config) {
                             config.users.at(3).name = "stranger";
                             config.users.at(3).password = bytes_of("Stranger-Password");
                         },
                         4},
                    Loss{"given_another_password",
                         [](Config& config) { config.users.at(3).password = bytes_of("nobody knows this"); }},
                    Loss{"demoted",
                         [](Config& config) { config.users.at(3).privilege_limit = ipmi::PrivilegeLevel::kUser; }},
                    Loss{"without_access", [](Config& config) { config.users.at(3).ipmi_messaging = false; }},
                    Loss{"moved",
                         [](Config& config) {
                             config.users[6] = config.users.at(3);
                             config.users[6].password = bytes_of("nobody knows this");
                             config.users.erase(3);
                         },
                         6}),
    [](const auto& tested) { return tested.param.name; });

TEST_F(Returned, ThroughAnAccountThatWasClosedAndThatIsClosedAgain) {
    begin_with_own_account();
    const auto factory = board({}).users;
    ASSERT_EQ(run(Command::kSecure).reports.front().detail, "slot 2 'ADMIN': closed");
    fleet_->replace(0, [&](Config& config) { config.users = factory; });
    const auto first = factory.at(2).password;
    ASSERT_TRUE(bmc().accepts("ADMIN", first, {}, fleet_->now()));
    const auto report = recover().reports.front();
    EXPECT_EQ(report.outcome, "recovered") << report.detail;
    EXPECT_NE(report.detail.find("slot 2 'ADMIN': closed"), std::string::npos) << report.detail;
    EXPECT_FALSE(bmc().accepts("ADMIN", first, {}, fleet_->now()));
    expect_it_is_back(3);
}

TEST_F(Returned, AStrangersAccountIsLeftAsItIs) {
    begin_with_own_account();
    fleet_->replace(0, [](Config& config) {
        config.users.at(3).name = "stranger";
        config.users.at(3).password = bytes_of("Stranger-Password");
    });
    EXPECT_EQ(recover().reports.front().outcome, "recovered");
    EXPECT_TRUE(opens("stranger", "Stranger-Password"));
}

TEST_F(Returned, NotWithoutAnAdministratorThatTheVaultKnows) {
    begin_with_own_account();
    fleet_->replace(0, [](Config& config) {
        config.users.erase(3);
        config.users.at(2).privilege_limit = ipmi::PrivilegeLevel::kOperator;
    });
    const auto life = recover();
    EXPECT_EQ(life.reports.front().outcome, "locked");
    EXPECT_EQ(life.reports.front().detail, "other-accounts-asked: 1");
    EXPECT_EQ(bmc().counters().passwords_set, 0u);
}

TEST_F(Returned, NotOnAnotherBoard) {
    begin_with_own_account();
    fleet_->replace(0, [](Config& config) {
        config.users.erase(3);
        config.guid.fill(0x5a);
    });
    EXPECT_NE(recover().reports.front().outcome, "recovered");
    EXPECT_EQ(bmc().counters().passwords_set, 0u);
    EXPECT_FALSE(bmc().config().users.contains(3));
}

TEST_F(Returned, NotByCheckOrRotateOrFindOnly) {
    begin_with_own_account();
    fleet_->replace(0, [](Config& config) { config.users.erase(3); });
    for (const auto command : {Command::kCheck, Command::kRotate, Command::kFind}) {
        EXPECT_NE(run_only(command).reports.front().outcome, "recovered");
    }
    EXPECT_EQ(bmc().counters().passwords_set, 0u);
}

class ReturnedOn : public Returned, public testing::WithParamInterface<std::string> {};

TEST_P(ReturnedOn, BoardsOfEveryManner) {
    begin_with_own_account();
    fleet_->replace(0, [](Config& config) {
        EXPECT_TRUE(virtual_bmc::apply_quirk(config, GetParam()).has_value());
        config.users.erase(3);
    });
    const auto life = recover();
    EXPECT_EQ(life.reports.front().outcome, "recovered") << life.reports.front().detail;
    expect_it_is_back(3);
}

INSTANTIATE_TEST_SUITE_P(Quirks, ReturnedOn,
                         testing::Values("only-16-byte-passwords", "truncates-to-16", "keeps-old-tail",
                                         "applies-after=1000", "set-access-needs-four-bytes", "enable-wants-password",
                                         "drops-first-command", "breaks-on-two-writes-in-one-second",
                                         "get-session-info-unsupported", "session-slots=4", "half-open-ms=60000"),
                         [](const auto& tested) { return name_of_test(tested.param); });

TEST_F(Returned, WhereverItDiesTheNextRunEndsIt) {
    bool crashed = true;
    for (int step = 1; crashed; ++step) {
        begin_with_own_account();
        fleet_->replace(0, is_renamed);
        crashed = recover(step).crashed;
        EXPECT_TRUE(fleet_->vault_holds_live_credential(0)) << step;
        if (crashed) {
            const auto again = recover();
            EXPECT_TRUE(again.reports.front().as_asked) << step << ": " << again.reports.front().detail;
        }
        expect_it_is_back(3);
    }
}

}  // namespace
}  // namespace bmcvault::rotate::sim

int main(int argc, char** argv) {
    if (!bmcvault::secret_arena::initialize()) return 1;
    testing::InitGoogleTest(&argc, argv);
    return RUN_ALL_TESTS();
}
