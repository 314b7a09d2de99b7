// De-provisioning in virtual time, against boards with every manner that bites here. What must hold: no failed login,
// what is called wiped does not open, what can't be wiped is said, and a run that dies on the way is finished by the
// next one.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "rotate/engine/wipe_record.hpp"
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
    options.purpose.reason = "sold";
    options.actor = "tester";
    return options;
}

RunOptions with_factory_reset() {
    auto options = with_defaults();
    options.factory_reset = true;
    return options;
}

Config board_of(std::uint32_t manufacturer, Config config) {
    config.manufacturer = manufacturer;
    return config;
}

constexpr std::uint32_t kSupermicro = 10876;
constexpr std::uint32_t kGigabyte = 15370;
constexpr std::uint32_t kOpenPower = 42817;  // and OpenBMC, which knows no such command

class Deprovision : public testing::Test {
protected:
    void begin(const Quirks& quirks, bool k_g = false, std::uint64_t seed = SimOptions{}.seed) {
        SimOptions sim;
        sim.seed = seed;
        begin_with(board(quirks), k_g, sim);
    }

    void begin_with(Config config, bool k_g = false, const SimOptions& sim = {}) {
        fleet_.emplace(std::vector<Config>{std::move(config)}, sim);
        old_ = fleet_->bmc(0).stored_password(2, fleet_->now());
        RunOptions options;
        options.k_g = k_g;
        const auto life = fleet_->live(Command::kRotate, options);
        ASSERT_TRUE(life.reports.front().as_asked) << life.reports.front().detail;
        rotated_ = fleet_->bmc(0).stored_password(2, fleet_->now());
        fleet_->let_time_pass(3700s);
    }

    BmcReport wipe(const RunOptions& options = with_defaults()) {
        const auto life = fleet_->live(Command::kDeprovision, options);
        fleet_->let_time_pass(3700s);
        EXPECT_EQ(fleet_->rejected_logins(), 0u);
        EXPECT_EQ(bmc().counters().unencrypted_secrets, 0u);
        return life.reports.front();
    }

    virtual_bmc::VirtualBmc& bmc() { return fleet_->bmc(0); }
    bool opens(std::string_view user, const Bytes& password) {
        return bmc().accepts(user, password, {}, fleet_->now());
    }
    bool opens(std::string_view user, std::string_view password) {
        return opens(user, Bytes(password.begin(), password.end()));
    }
    void expect_nothing_old_opens() {
        for (const auto* password : {&old_, &rotated_})
            for (const char* user : {"ADMIN", ""}) EXPECT_FALSE(opens(user, *password)) << user;
        EXPECT_FALSE(opens("root", "root"));
        EXPECT_FALSE(opens("", ""));
        EXPECT_TRUE(bmc().stored_k_g().empty());
    }

    WipeRecord record() {
        const auto store = fleet_->open_vault();
        auto read = read_wipe_record(*store, fleet_->record(0));
        EXPECT_TRUE(read.has_value() && read->has_value());
        return read && *read ? **read : WipeRecord{};
    }
    std::string result_of(std::string_view item) {
        const auto all = record();
        const auto found = std::ranges::find(all.items, item, &WipeItem::name);
        return found == all.items.end() ? "no such item" : std::string(word(found->result));
    }

    std::optional<SimFleet> fleet_;
    Bytes old_;
    Bytes rotated_;
};

TEST_F(Deprovision, APlainBoardIsWipedAndNothingOpensIt) {
    begin({"anonymous-account", "default-account", "name-with-spaces"}, true);
    const auto report = wipe();
    EXPECT_EQ(report.outcome, "wiped") << report.detail;
    EXPECT_TRUE(report.as_asked);
    expect_nothing_old_opens();
    const auto all = record();
    EXPECT_EQ(all.result, WipeResult::kProved);
    EXPECT_TRUE(all.is_complete());
    EXPECT_EQ(all.serial.substr(0, 3), "SN-");
    for (const char* item :
         {"our own account, its name", "SNMP community string", "serial over LAN", "boot flags",
          "boot initiator mailbox", "system name", "DCMI asset tag", "PEF control", "PEF alert policies",
          "PEF event filters", "PEF alert strings", "alert destination types", "K_G", "our own account"})
        EXPECT_EQ(result_of(item), "erased") << item;
    for (const auto& [id, user] : bmc().config().users) EXPECT_EQ(user.name, "") << int{id};
}

struct Manner {
    const char* quirks;
    const char* outcome;
    const char* detail;
};
class ByManner : public Deprovision, public testing::WithParamInterface<Manner> {};

TEST_P(ByManner, EndsWithTheTruth) {
    Quirks quirks{"default-account", "anonymous-account"};
    const std::string text = GetParam().quirks;
    for (std::size_t at = 0; at < text.size();) {
        const auto end = std::min(text.find(' ', at), text.size());
        quirks.push_back(text.substr(at, end - at));
        at = end + 1;
    }
    begin(quirks);
    const auto report = wipe();
    EXPECT_EQ(report.outcome, GetParam().outcome) << report.detail;
    EXPECT_NE(report.detail.find(GetParam().detail), std::string::npos) << report.detail;
    EXPECT_EQ(report.as_asked, report.outcome == "wiped");
    expect_nothing_old_opens();
}

INSTANTIATE_TEST_SUITE_P(
    Boards, ByManner,
    testing::Values(Manner{"cleared-name-revives-default", "wiped-except", "its name: not-erased"},
                    Manner{"cleared-name-deletes-user", "wiped", ""},
                    Manner{"disabled-user-still-logs-in", "wiped", ""}, Manner{"ignores-user-access", "wiped", ""},
                    Manner{"no-access-refused", "wiped", ""}, Manner{"slot-1-stays-enabled", "wiped", ""},
                    Manner{"enable-wants-password", "wiped", ""},
                    Manner{"keeps-settings", "wiped-except", "SNMP community string: not-erased"},
                    Manner{"truncates-to-16", "wiped", ""}, Manner{"only-16-byte-passwords", "wiped", ""},
                    Manner{"breaks-on-two-writes-in-one-second", "wiped-except", "passwords of unused slots"},
                    Manner{"user-slots-full", "wiped", ""}, Manner{"get-session-info-unsupported", "wiped", ""},
                    Manner{"refuses-by-policy=cc", "wiped", ""}, Manner{"drops-first-command", "wiped", ""}),
    [](const auto& tested) {
        std::string name;
        for (const char c : std::string_view(tested.param.quirks)) name += std::isalnum(c) != 0 ? c : '_';
        return name;
    });

TEST_F(Deprovision, ABoardThatNeverAnswersIsNotDone) {
    begin({});
    fleet_->set_faults({.loss = 1.0});
    const auto report = wipe();
    EXPECT_EQ(report.outcome, "not-done");
    EXPECT_FALSE(report.as_asked);
    EXPECT_TRUE(opens("ADMIN", rotated_));
}

TEST_F(Deprovision, AStrangeBoardIsNotTouched) {
    begin({});
    fleet_->replace(0, [](Config& config) { config.guid[0] = static_cast<std::uint8_t>(config.guid[0] ^ 0xff); });
    const auto before = bmc().counters().passwords_set;
    const auto report = wipe();
    EXPECT_EQ(report.outcome, "not-done") << report.detail;
    EXPECT_EQ(bmc().counters().passwords_set, before);
}

TEST_F(Deprovision, WhereverItDiesTheNextRunEndsIt) {
    bool crashed = true;
    int step = 1;
    for (; crashed; ++step) {
        begin({"default-account"}, true);
        crashed = fleet_->live(Command::kDeprovision, with_defaults(), step).crashed;
        fleet_->let_time_pass(3700s);
        EXPECT_EQ(fleet_->rejected_logins(), 0u) << step;
        const auto report = wipe();
        EXPECT_EQ(report.outcome, "wiped") << step << ": " << report.detail;
        expect_nothing_old_opens();
    }
    EXPECT_GT(step, 40);
}

TEST_F(Deprovision, WhereverItDiesAroundAFactoryResetTheNextRunEndsIt) {
    bool crashed = true;
    int step = 1;
    int unseen_ones = 0;
    for (; crashed; ++step) {
        begin_with(board_of(kSupermicro, board({"factory-reset-gives-label-password"})));
        crashed = fleet_->live(Command::kDeprovision, with_factory_reset(), step).crashed;
        fleet_->let_time_pass(3700s);
        EXPECT_EQ(fleet_->rejected_logins(), 0u) << step;
        const auto report = wipe(with_factory_reset());
        const bool unseen = result_of("factory reset") == "not-verified";  // it died between sending and seeing
        unseen_ones += unseen ? 1 : 0;
        EXPECT_EQ(report.outcome, unseen ? "wiped-except" : "wiped") << step << ": " << report.detail;
        EXPECT_TRUE(opens("ADMIN", "LABEL-7Q4M2")) << step << ": the reset was not done";
        expect_nothing_old_opens();
    }
    EXPECT_GT(step, 25);
    EXPECT_GT(unseen_ones, 0);
    EXPECT_LT(unseen_ones, 8);
}

// Of a board that has none of our names every name is refused, as of one that was wiped.
TEST_F(Deprovision, AnotherBoardAtTheAddressIsNotTakenForTheClosedOne) {
    begin({});
    const auto steps = fleet_->live(Command::kDeprovision, with_defaults()).steps;
    for (int step = steps - 4; step <= steps; ++step) {
        begin({});
        (void)fleet_->live(Command::kDeprovision, with_defaults(), step);
        fleet_->let_time_pass(3700s);
        fleet_->replace(0, [](Config& config) {
            config.guid[0] = static_cast<std::uint8_t>(config.guid[0] ^ 0xff);
            config.users = {{3, config.users[2]}};
            config.users[3].name = "theirs";
        });
        const auto report = wipe();
        EXPECT_FALSE(report.as_asked) << step;
        EXPECT_NE(report.outcome, "wiped-except") << step;
    }
}

TEST_F(Deprovision, AWipeOfABoardThatIsInUseAgainSaysNothingAnyMore) {
    begin({});
    EXPECT_EQ(wipe().outcome, "wiped");
    fleet_->replace(0, [&](Config& config) {
        config.users = virtual_bmc::plain_config(0, 1).users;
        config.users[2].password = rotated_;
    });
    EXPECT_TRUE(fleet_->live(Command::kRecover, RunOptions{}).reports.front().as_asked);
    fleet_->let_time_pass(3700s);
    const auto begun = record().begun_at;
    EXPECT_EQ(wipe().outcome, "wiped");
    EXPECT_GT(record().begun_at, begun);
    expect_nothing_old_opens();
}

TEST_F(Deprovision, CipherSuiteZeroIsSwitchedOffAndTried) {
    begin({"suites=0,3,17"});
    EXPECT_EQ(wipe().outcome, "wiped");
    EXPECT_EQ(result_of("cipher suite 0"), "erased");
    begin({"suites=0,3,17", "suite-0-stays-open"});
    const auto report = wipe();
    EXPECT_FALSE(report.as_asked) << report.outcome;
    EXPECT_EQ(result_of("cipher suite 0"), "not-erased");
}

TEST_F(Deprovision, ADoneOneIsAskedAgainAndStaysDone) {
    begin({});
    EXPECT_EQ(wipe().outcome, "wiped");
    const auto writes = bmc().counters().passwords_set;
    EXPECT_EQ(wipe().outcome, "wiped");
    EXPECT_EQ(bmc().counters().passwords_set, writes);
}

// ---- the event log ----

constexpr std::size_t kEventsOfABoard = 4;

TEST_F(Deprovision, TheEventLogStaysUnlessItIsAskedFor) {
    begin({});
    EXPECT_EQ(wipe().outcome, "wiped");
    EXPECT_EQ(bmc().events_logged(), kEventsOfABoard);
    EXPECT_EQ(result_of("system event log"), "no such item");
}

TEST_F(Deprovision, TheEventLogIsKeptBeforeItIsCleared) {
    begin({});
    std::vector<EventRecord> kept;
    std::size_t there_when_kept = 0;
    auto options = with_defaults();
    options.keep_event_log = [&](const vault::Bmc&, std::span<const EventRecord> records) -> Result<std::string> {
        kept.assign(records.begin(), records.end());
        there_when_kept = bmc().events_logged();
        return "a-file";
    };
    EXPECT_EQ(wipe(options).outcome, "wiped");
    ASSERT_EQ(kept.size(), kEventsOfABoard);
    EXPECT_EQ(there_when_kept, kEventsOfABoard);
    EXPECT_EQ(kept.front()[0], 1) << "the first record is not the first one";
    EXPECT_NE(kept.front(), kept.back());
    EXPECT_EQ(result_of("system event log"), "erased");
    EXPECT_EQ(bmc().events_logged(), 1u) << "that it was cleared is its only event";
}

TEST_F(Deprovision, AnEventLogThatCouldNotBeKeptIsNotCleared) {
    begin({});
    auto options = with_defaults();
    options.keep_event_log = [](const vault::Bmc&, std::span<const EventRecord>) -> Result<std::string> {
        return fail(ErrorCode::kNoSpace, "no room");
    };
    const auto report = wipe(options);
    EXPECT_EQ(report.outcome, "wiped-except");
    EXPECT_NE(report.detail.find("system event log: not-erased, no room"), std::string::npos) << report.detail;
    EXPECT_EQ(bmc().events_logged(), kEventsOfABoard);
}

TEST_F(Deprovision, AnEventLogThatLiesIsSaid) {
    struct Lie {
        const char* quirk;
        const char* result;
        std::size_t kept;
    };
    for (const auto& lie : {Lie{"keeps-event-log", "not-erased", kEventsOfABoard},
                            Lie{"event-log-without-end", "refused", 0}, Lie{"event-log-ends-early", "refused", 0}}) {
        begin({lie.quirk});
        std::size_t kept = 0;
        auto options = with_defaults();
        options.keep_event_log = [&](const vault::Bmc&, std::span<const EventRecord> records) -> Result<std::string> {
            kept = records.size();
            return "a-file";
        };
        EXPECT_EQ(wipe(options).outcome, "wiped-except") << lie.quirk;
        EXPECT_EQ(result_of("system event log"), lie.result) << lie.quirk;
        EXPECT_EQ(kept, lie.kept) << lie.quirk;
        EXPECT_EQ(bmc().events_logged(), kEventsOfABoard) << lie.quirk;
    }
}

TEST_F(Deprovision, AFactoryAccountThatAResetBroughtBackIsAFinding) {
    for (const auto manufacturer : {kSupermicro, kGigabyte}) {
        begin_with(board_of(manufacturer, board({})));
        const auto report = wipe(with_factory_reset());
        EXPECT_EQ(report.outcome, "still-open") << report.detail;
        EXPECT_EQ(result_of("factory reset"), "erased");
        EXPECT_NE(report.detail.find("'ADMIN': open"), std::string::npos) << report.detail;
        EXPECT_TRUE(opens("ADMIN", old_)) << "the reset was not done";
        EXPECT_FALSE(opens("ADMIN", rotated_));
        const auto again = wipe(with_factory_reset());
        EXPECT_EQ(again.outcome, "still-open") << "the factory account is not wiped in turn";
        EXPECT_TRUE(opens("ADMIN", old_));
    }
}

TEST_F(Deprovision, AResetToAFactoryStateThatNobodyKnowsIsProved) {
    begin_with(board_of(kSupermicro, board({"factory-reset-gives-label-password"})));
    const auto report = wipe(with_factory_reset());
    EXPECT_EQ(report.outcome, "wiped") << report.detail;
    EXPECT_EQ(result_of("factory reset"), "erased");
    EXPECT_TRUE(opens("ADMIN", "LABEL-7Q4M2")) << "the reset was not done";
    expect_nothing_old_opens();
    const auto all = record();
    const auto own = std::ranges::find(all.items, "our own account", &WipeItem::name);
    ASSERT_NE(own, all.items.end());
    EXPECT_EQ(own->action, "went with the factory reset");
    EXPECT_EQ(own->detail, "asked as it: nothing-known-opens-it") << "it is not told of an interruption that never was";
}

TEST_F(Deprovision, AFactoryResetThatDoesNothingIsSaidAndTheBoardIsClosedAllTheSame) {
    begin_with(board_of(kSupermicro, board({"factory-reset-does-nothing"})));
    const auto report = wipe(with_factory_reset());
    EXPECT_EQ(report.outcome, "wiped-except") << report.detail;
    EXPECT_EQ(result_of("factory reset"), "not-erased");
    expect_nothing_old_opens();
}

// The account of the vault never had it, and whoever reads manuals knows it.
TEST_F(Deprovision, AResetToAPublishedDefaultThatTheVaultNeverHeldIsAFindingInTheFirstRun) {
    auto config = board_of(kSupermicro, board({"factory-reset-gives-published-password"}));
    const std::string_view other = "Delivered-2024";
    config.users[2].password.assign(other.begin(), other.end());
    begin_with(config);
    const auto report = wipe(with_factory_reset());
    EXPECT_EQ(report.outcome, "still-open") << report.detail;
    EXPECT_EQ(result_of("factory reset"), "erased");
    EXPECT_TRUE(opens("ADMIN", "ADMIN")) << "the reset was not done";
}

constexpr int kStepsFromClosingOurAccount = 3;  // after close-own, before and after ask-everybody

// A reset that did nothing, then a run that dies with a fresh password of its own under way: that is no account that a
// reset has brought back.
TEST_F(Deprovision, OurOwnFreshPasswordIsNotTakenForTheFactorys) {
    int runs = 0;
    begin_with(board_of(kSupermicro, board({"factory-reset-does-nothing"})));
    const int dies_at = fleet_->live(Command::kDeprovision, with_factory_reset()).steps - kStepsFromClosingOurAccount;
    for (int step = 1; step < 200; ++step) {
        begin_with(board_of(kSupermicro, board({"factory-reset-does-nothing"})));
        (void)fleet_->live(Command::kDeprovision, with_factory_reset(), dies_at);
        fleet_->let_time_pass(3700s);
        const bool crashed = fleet_->live(Command::kDeprovision, with_factory_reset(), step).crashed;
        fleet_->let_time_pass(3700s);
        if (!crashed) break;
        ++runs;
        (void)wipe(with_factory_reset());
        EXPECT_FALSE(result_of("our own account") == "not-erased") << step;
        const auto last = bmc().stored_password(2, fleet_->now());
        EXPECT_FALSE(opens("ADMIN", last)) << step << ": our administrator was left open";
    }
    EXPECT_GT(runs, 25);
}

TEST_F(Deprovision, AVaultThatCanNotBeWrittenSendsNoReset) {
    using Fault = SimVault::Fault;
    int refused = 0;
    for (int write = 1; write < 40; ++write) {
        begin_with(board_of(kSupermicro, board({"factory-reset-gives-label-password"})));
        const auto life = fleet_->live(Command::kDeprovision, with_factory_reset(), 0,
                                       [&](SimVault& store) { store.fail_write(write, Fault::kRefused); });
        fleet_->let_time_pass(3700s);
        if (life.reports.front().outcome != "vault-not-written") continue;
        ++refused;
        EXPECT_FALSE(opens("ADMIN", "LABEL-7Q4M2")) << write;
        EXPECT_EQ(result_of("factory reset"), "no such item") << write;
        EXPECT_EQ(wipe(with_factory_reset()).outcome, "wiped") << write;
    }
    EXPECT_GT(refused, 1);
}

TEST_F(Deprovision, AskedForAfterTheWipeNoResetIsDoneAndThatIsSaid) {
    begin_with(board_of(kSupermicro, board({})));
    EXPECT_EQ(wipe().outcome, "wiped");
    EXPECT_EQ(wipe(with_factory_reset()).outcome, "wiped-except");
    EXPECT_EQ(result_of("factory reset"), "not-erased");
    EXPECT_FALSE(opens("ADMIN", old_));
}

TEST_F(Deprovision, AFactoryResetThatIsRefusedIsSaidAndTheBoardIsClosedAllTheSame) {
    begin_with(board_of(kOpenPower, board({})));
    const auto report = wipe(with_factory_reset());
    EXPECT_EQ(report.outcome, "wiped-except") << report.detail;
    EXPECT_EQ(result_of("factory reset"), "refused");
    expect_nothing_old_opens();
}

TEST_F(Deprovision, WhereNoCommandIsKnownNoneIsSent) {
    begin({});
    const auto report = wipe(with_factory_reset());
    EXPECT_EQ(report.outcome, "wiped-except") << report.detail;
    EXPECT_EQ(result_of("factory reset"), "not-erased");
    expect_nothing_old_opens();
}

TEST_F(Deprovision, AnEventThatArrivesWhileTheLogIsKeptIsKeptToo) {
    begin({});
    std::vector<std::size_t> kept;
    auto options = with_defaults();
    options.keep_event_log = [&](const vault::Bmc&, std::span<const EventRecord> records) -> Result<std::string> {
        kept.push_back(records.size());
        if (kept.size() == 1) bmc().log_event();
        return "a-file";
    };
    EXPECT_EQ(wipe(options).outcome, "wiped");
    EXPECT_EQ(kept, (std::vector{kEventsOfABoard, kEventsOfABoard + 1}));
    EXPECT_EQ(bmc().events_logged(), 1u);
}

TEST_F(Deprovision, HoweverManyRepliesAreLostNoEventIsClearedThatWasNotKept) {
    int cleared = 0;
    for (std::uint64_t seed = 1; seed <= 12; ++seed) {
        begin({}, false, seed);
        std::size_t kept = 0;
        auto options = with_defaults();
        options.keep_event_log = [&](const vault::Bmc&, std::span<const EventRecord> records) -> Result<std::string> {
            kept = std::max(kept, records.size());
            return "a-file";
        };
        fleet_->set_faults({.loss = 0.2});
        (void)wipe(options);
        if (bmc().events_logged() == kEventsOfABoard) continue;
        ++cleared;
        EXPECT_EQ(kept, kEventsOfABoard) << seed;
    }
    EXPECT_GT(cleared, 0);
}

TEST_F(Deprovision, AskedForAfterTheWipeTheEventLogIsSaidToStay) {
    begin({});
    EXPECT_EQ(wipe().outcome, "wiped");
    auto options = with_defaults();
    options.keep_event_log = [](const vault::Bmc&, std::span<const EventRecord>) -> Result<std::string> { return "x"; };
    const auto report = wipe(options);
    EXPECT_EQ(report.outcome, "wiped-except") << report.detail;
    EXPECT_EQ(result_of("system event log"), "not-erased");
}

// ---- what a BMC, the net and the disk do on the way ----

// Until it is wiped, or three times: whatever happened, the vault's credential let us go on.
#define EXPECT_WIPED_IN_THE_END(what)                                                     \
    do {                                                                                  \
        BmcReport last;                                                                   \
        for (int again = 0; again < 3 && last.outcome != "wiped"; ++again) last = wipe(); \
        EXPECT_EQ(last.outcome, "wiped") << (what) << ": " << last.detail;                \
        expect_nothing_old_opens();                                                       \
    } while (false)

TEST_F(Deprovision, ARebootAfterAnyCommandCostsNothing) {
    for (int command = 1; command < 200; command += 7) {
        begin({"default-account"});
        fleet_->replace(0, [&](Config& config) {
            config.quirks.default_account = false;  // it is there already
            config.quirks.reboots_after_commands = command;
        });
        EXPECT_WIPED_IN_THE_END(command);
    }
}

TEST_F(Deprovision, ABoardSwappedOnTheWayIsNeverCalledWiped) {
    for (int command = 3; command < 120; command += 13) {
        begin({"default-account"});
        fleet_->replace(0, [&](Config& config) { config.quirks.swaps_board_after_commands = command; });
        const auto report = wipe();
        EXPECT_FALSE(report.as_asked) << command;
        EXPECT_TRUE(report.outcome == "unfinished" || report.outcome == "not-done" || report.outcome == "not-proved")
            << command << ": " << report.outcome;
    }
}

TEST_F(Deprovision, AFailedWriteOfTheVaultCostsNothing) {
    using Fault = SimVault::Fault;
    for (const auto fault : {Fault::kRefused, Fault::kUnknownStored, Fault::kUnknownNotStored}) {
        for (int write = 1; write <= 12; ++write) {
            begin({"default-account"}, true);
            (void)fleet_->live(Command::kDeprovision, with_defaults(), 0,
                               [&](SimVault& store) { store.fail_write(write, fault); });
            fleet_->let_time_pass(3700s);
            EXPECT_WIPED_IN_THE_END(fmt::format("write {}, fault {}", write, static_cast<int>(fault)));
        }
    }
}

TEST_F(Deprovision, ABadNetCostsNothing) {
    for (std::uint64_t seed = 1; seed <= 12; ++seed) {
        begin({"default-account"}, false, seed);
        fleet_->set_faults({.loss = 0.1, .duplicate = 0.1, .reorder = 0.1});
        (void)wipe();
        fleet_->set_faults({});
        EXPECT_WIPED_IN_THE_END(seed);
    }
}

TEST_F(Deprovision, ABoardThatForgetsPasswordsKeepsOurAccount) {
    begin({"default-account"});
    fleet_->replace(0, [](Config& config) { config.quirks.acknowledges_and_forgets = true; });
    const auto report = wipe();
    EXPECT_FALSE(report.as_asked) << report.outcome;
    EXPECT_TRUE(opens("ADMIN", rotated_)) << "our account was closed without its last password";
    EXPECT_TRUE(fleet_->vault_holds_live_credential(0));
}

TEST_F(Deprovision, AFixedNameIsSaid) {
    begin({"default-account"});
    fleet_->replace(0, [](Config& config) { config.users[2].name_fixed = true; });
    const auto report = wipe();
    EXPECT_EQ(report.outcome, "wiped-except") << report.detail;
    EXPECT_EQ(result_of("our own account, its name"), "refused");
}

TEST_F(Deprovision, ALockedKgIsSaid) {
    begin({}, true);
    fleet_->replace(0, [](Config& config) { config.k_g_locked = true; });
    const auto report = wipe();
    EXPECT_EQ(report.outcome, "wiped-except") << report.detail;
    EXPECT_EQ(result_of("K_G"), "refused");
}

}  // namespace
}  // namespace bmcvault::rotate::sim

int main(int argc, char** argv) {
    if (!bmcvault::secret_arena::initialize()) return 1;
    testing::InitGoogleTest(&argc, argv);
    return RUN_ALL_TESTS();
}
