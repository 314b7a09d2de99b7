// BMCs that missed a rotation, were reset, changed places, or had a password set by hand: found by one handshake among
// everything the vault knows, without a failed login, and nothing sent to a board that may not be ours.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "rotate/engine/known_credentials.hpp"
#include "rotate/engine/rescue.hpp"
#include "tests/engine/sim_world.hpp"
#include "vault/base/secret.hpp"

namespace bmcvault::rotate::sim {
namespace {

using namespace std::chrono_literals;
using virtual_bmc::Config;
using Command = SimFleet::Command;

constexpr const char* kOurs = "Our-First-Password-1";

Bytes bytes_of(std::string_view text) {
    return {text.begin(), text.end()};
}

Key20 key_of(ByteView text) {
    Key20 key;
    key.expose_mutable([&](auto bytes) { std::ranges::copy(text, bytes.begin()); });
    return key;
}

// One rejected login locks the account for good.
Config unforgiving(std::size_t i, std::string_view password) {
    auto config = virtual_bmc::plain_config(i, 1);
    config.users.at(2).password = bytes_of(password);
    config.users.at(2).stored_size = password.size() > 16 ? 20 : 16;
    config.bad_password_threshold = 1;
    config.lockout = std::chrono::hours(1000);
    config.half_open_timeout = 60s;
    return config;
}

std::vector<Config> fleet_with(std::initializer_list<std::string_view> passwords) {
    std::vector<Config> configs;
    for (const auto password : passwords) configs.push_back(unforgiving(configs.size(), password));
    return configs;
}

// A person at the console, or a reset, leaves this password on the BMC.
void set_by_hand(SimFleet& fleet, std::size_t i, ByteView password) {
    fleet.replace(i, [&](Config& config) {
        config.users.at(2).password = Bytes(password.begin(), password.end());
        config.users.at(2).stored_size = password.size() > 16 ? 20 : 16;
    });
}

Bytes live_password(SimFleet& fleet, std::size_t i) {
    return fleet.bmc(i).stored_password(2, fleet.now());
}

const Purpose kPurpose{"the board was \"swapped\"", "T-7"};
constexpr const char* kReasonLogged = R"("reason":"the board was \"swapped\"","ticket":"T-7")";

std::vector<vault::AuditRecord> logged(const SimFleet& fleet, std::string_view event) {
    auto records = fleet.open_vault()->audit_log(0, 10'000);
    BMCVAULT_CHECK(records.has_value());
    std::erase_if(*records, [&](const auto& record) { return record.event != event; });
    return std::move(*records);
}

bool log_contains(const SimFleet& fleet, std::string_view text) {
    const auto records = fleet.open_vault()->audit_log(0, 10'000);
    BMCVAULT_CHECK(records.has_value());
    return std::ranges::any_of(*records, [&](const auto& record) { return record.body.contains(text); });
}

class Stragglers : public testing::Test {
protected:
    const BmcReport& run(SimFleet& fleet, Command command, std::size_t i = 0) {
        fleet.let_time_pass(70s);
        life_ = fleet.live(command, options_);
        EXPECT_EQ(fleet.rejected_logins(), 0u);
        const auto report = std::ranges::find(life_.reports, fleet.record(i).name, &BmcReport::name);
        EXPECT_NE(report, life_.reports.end());
        return *report;
    }
    static bool says(const BmcReport& report, std::string_view words) {
        return report.detail.find(words) != std::string::npos;
    }

    RunOptions options_;
    SimFleet::Life life_;
};

TEST_F(Stragglers, AResetBoardIsFoundByTheVendorsDefaultAndGetsAFreshPasswordAndAKg) {
    SimFleet fleet(fleet_with({kOurs}), {});
    options_.k_g = true;
    ASSERT_EQ(run(fleet, Command::kRotate).outcome, "rotated");
    options_.k_g = false;
    set_by_hand(fleet, 0, bytes_of("calvin"));

    ASSERT_EQ(run(fleet, Command::kRecover).outcome, "quarantined");
    options_.elsewhere.vendor_defaults = true;
    EXPECT_EQ(run(fleet, Command::kCheck).outcome, "vendor-default");
    EXPECT_EQ(fleet.bmc(0).counters().passwords_set, 0u);
    const auto& report = run(fleet, Command::kRecover);
    EXPECT_EQ(report.outcome, "recovered") << report.detail;
    EXPECT_TRUE(says(report, "factory-reset; vendor-default: root of Dell")) << report.detail;
    EXPECT_TRUE(says(report, "k_g-changed")) << report.detail;
    EXPECT_EQ(fleet.bmc(0).counters().k_gs_set, 1u);
    EXPECT_TRUE(fleet.current_is_live(0));
    EXPECT_EQ(run(fleet, Command::kCheck).outcome, "as-in-vault");
}

// Imported as it came from the vendor, rotated, then reset: an own old version matches first, and it is a reset all the
// same. What it took away comes back also after a look, or a kill, in between.
TEST_F(Stragglers, AResetToADefaultThatWasOnceOurOwnIsAResetAlsoAfterALook) {
    for (const bool looked : {false, true}) {
        SimFleet fleet(fleet_with({"ADMIN"}), {});
        options_.k_g = true;
        ASSERT_EQ(run(fleet, Command::kRotate).outcome, "rotated");
        options_.k_g = false;
        set_by_hand(fleet, 0, bytes_of("ADMIN"));
        if (looked) {
            EXPECT_TRUE(says(run(fleet, Command::kFind), "factory-reset; factory-password"));
        }
        const auto& report = run(fleet, Command::kRecover);
        EXPECT_EQ(report.outcome, "recovered") << report.detail;
        EXPECT_TRUE(says(report, "factory-reset")) << report.detail;
        EXPECT_TRUE(says(report, "k_g-changed")) << report.detail;
        EXPECT_EQ(fleet.bmc(0).counters().k_gs_set, 1u);
        EXPECT_FALSE(says(run(fleet, Command::kRecover), "factory-reset")) << "settled";
    }
}

TEST_F(Stragglers, ADefaultOnABoardThatWasNeverSeenIsReportedAndNothingIsSentUnlessAPersonVouches) {
    SimFleet fleet(fleet_with({kOurs}), {});
    set_by_hand(fleet, 0, bytes_of("calvin"));
    options_.elsewhere.vendor_defaults = true;
    for (const auto command : {Command::kRecover, Command::kFind, Command::kRecover}) {
        const auto& report = run(fleet, command);
        EXPECT_EQ(report.outcome, "blocked");
        EXPECT_TRUE(says(report, "first-contact")) << report.detail;
        EXPECT_FALSE(says(report, "factory-reset")) << report.detail;
    }
    EXPECT_TRUE(says(run(fleet, Command::kCheck), "first-contact"));
    EXPECT_EQ(fleet.bmc(0).counters().passwords_set, 0u);
    EXPECT_EQ(fleet.open_vault()->bmc(fleet.record(0).id)->pin, vault::Pin{});
    EXPECT_FALSE(fleet.current_is_live(0));

    EXPECT_TRUE(logged(fleet, "first-contact.vouched").empty());

    options_.first_contact = true;
    options_.purpose = kPurpose;
    EXPECT_EQ(run(fleet, Command::kRecover).outcome, "recovered");
    EXPECT_TRUE(fleet.current_is_live(0));
    const auto vouched = logged(fleet, "first-contact.vouched");
    ASSERT_EQ(vouched.size(), 1u) << "once: it is pinned from then on";
    EXPECT_EQ(vouched[0].bmc, fleet.record(0).id);
    for (const auto* said : {kReasonLogged, R"("opened_by":"root of Dell)", R"("guid":")"}) {
        EXPECT_NE(vouched[0].body.find(said), std::string::npos) << said << " in " << vouched[0].body;
    }
    EXPECT_FALSE(log_contains(fleet, "calvin"));
}

TEST_F(Stragglers, AFactoryPasswordOfTheInventoryIsNoProofWhereAPersonGaveAnotherOne) {
    SimFleet fleet(fleet_with({kOurs}), {});
    set_by_hand(fleet, 0, bytes_of("Label-Password"));
    const auto& bmc = fleet.record(0);
    fleet.teach([&](vault::Transaction& transaction) -> Result<void> {
        auto added = transaction.add_version(bmc.id, bmc.own_password(), key_of(bytes_of("Label-Password")),
                                             vault::StoredSize::k16, vault::VersionState::kRetired,
                                             vault::Provenance::kFactory, "");
        return added ? Result<void>() : std::unexpected(added.error());
    });
    EXPECT_EQ(run(fleet, Command::kRotate).outcome, "blocked");
    EXPECT_EQ(fleet.bmc(0).counters().passwords_set, 0u);
    options_.first_contact = true;
    const auto& report = run(fleet, Command::kRecover);
    EXPECT_EQ(report.outcome, "recovered") << report.detail;
    EXPECT_TRUE(says(report, "factory-password")) << report.detail;
    EXPECT_EQ(fleet.bmc(0).counters().passwords_set, 1u) << "a factory password is never good enough";
    EXPECT_TRUE(fleet.current_is_live(0));
}

TEST_F(Stragglers, AnotherBmcsPasswordIsFoundWhenTheHistoryOfTheFleetIsAskedFor) {
    SimFleet fleet(fleet_with({kOurs, "Our-First-Password-2"}), {});
    ASSERT_EQ(run(fleet, Command::kRotate).outcome, "rotated");
    set_by_hand(fleet, 1, live_password(fleet, 0));

    EXPECT_EQ(run(fleet, Command::kRecover, 1).outcome, "quarantined");
    options_.elsewhere.history_of = {fleet.record(1).id};  // only its own: nothing new
    EXPECT_EQ(run(fleet, Command::kCheck, 1).outcome, "foreign");
    options_.elsewhere = {.fleet_history = true};
    EXPECT_EQ(run(fleet, Command::kCheck, 1).outcome, "shared");
    // The back-off of the quarantine does not hold it back: there is more to offer than last time.
    const auto& report = run(fleet, Command::kRecover, 1);
    EXPECT_EQ(report.outcome, "recovered") << report.detail;
    EXPECT_TRUE(says(report, "password-from: bmc00 version 2")) << report.detail;
    EXPECT_TRUE(fleet.current_is_live(0) && fleet.current_is_live(1));
    EXPECT_NE(live_password(fleet, 0), live_password(fleet, 1));
}

TEST_F(Stragglers, TheOlderOfTwoImportedPasswordsIsReplacedAlsoWhenItIsTheFirstThatIsEverProved) {
    for (const auto first : {Command::kRecover, Command::kFind}) {
        SimFleet fleet(fleet_with({kOurs}), {});
        const auto& bmc = fleet.record(0);
        fleet.teach([&](vault::Transaction& transaction) -> Result<void> {
            auto added = transaction.add_version(bmc.id, bmc.own_password(), key_of(bytes_of("It-never-got-this-1")),
                                                 vault::StoredSize::k20, vault::VersionState::kUnknown,
                                                 vault::Provenance::kImported, "");
            return added ? Result<void>() : std::unexpected(added.error());
        });
        EXPECT_EQ(run(fleet, first).outcome, "recovered");
        EXPECT_EQ(run(fleet, Command::kRecover).outcome, first == Command::kFind ? "recovered" : "already-current");
        EXPECT_EQ(fleet.bmc(0).counters().passwords_set, 1u);
        EXPECT_TRUE(fleet.current_is_live(0));
    }
}

TEST_F(Stragglers, CheckSaysWhetherTheBmcHasEverProvedOneOfOurs) {
    SimFleet fleet(fleet_with({kOurs}), {});
    set_by_hand(fleet, 0, bytes_of("nobody knows this"));
    EXPECT_TRUE(says(run(fleet, Command::kCheck), "makes up its answers"));
    set_by_hand(fleet, 0, bytes_of(kOurs));
    ASSERT_EQ(run(fleet, Command::kRotate).outcome, "rotated");
    set_by_hand(fleet, 0, bytes_of("nobody knows this"));
    EXPECT_TRUE(says(run(fleet, Command::kCheck), "it has proved ours before"));
}

TEST_F(Stragglers, AQuarantineHoldsBackWhereThereIsNothingMoreToOffer) {
    SimFleet fleet(fleet_with({kOurs}), {});
    ASSERT_EQ(run(fleet, Command::kRotate).outcome, "rotated");
    set_by_hand(fleet, 0, bytes_of("nobody knows this"));
    for (int asked = 0; asked < 3; ++asked) {  // the pauses grow: 60 s, then as long as it is quarantined already
        const auto& report = run(fleet, Command::kRecover);
        ASSERT_EQ(report.outcome, "quarantined");
        ASSERT_FALSE(says(report, "not asked")) << report.detail;
    }
    const auto asked = fleet.bmc(0).counters().datagrams;
    const auto& report = run(fleet, Command::kRecover);
    EXPECT_EQ(report.outcome, "quarantined");
    EXPECT_TRUE(says(report, "not asked")) << report.detail;
    EXPECT_EQ(fleet.bmc(0).counters().datagrams, asked);
    fleet.let_time_pass(3600s);
    EXPECT_FALSE(says(run(fleet, Command::kRecover), "not asked"));
}

// A man in the middle swallows the reply to Set User Password and then answers in the board's place, with a password
// that he knew years ago. What the real board has by now is not sent to him.
TEST_F(Stragglers, WhoProvesAnOldPasswordGetsNothingThatTheRealBoardMayHave) {
    for (const bool looked : {false, true}) {
        SimFleet fleet(fleet_with({kOurs}), {});
        ASSERT_EQ(run(fleet, Command::kRotate).outcome, "rotated");
        const auto before = live_password(fleet, 0);
        Bytes on_the_real_board = before;
        for (int step = 1; on_the_real_board == before; ++step) {
            ASSERT_TRUE(fleet.live(Command::kRotate, {}, step).crashed);
            fleet.let_time_pass(70s);
            on_the_real_board = live_password(fleet, 0);
        }
        set_by_hand(fleet, 0, bytes_of(kOurs));  // the impostor
        if (looked) (void)run(fleet, Command::kCheck);
        (void)run(fleet, Command::kRotate);
        EXPECT_NE(live_password(fleet, 0), on_the_real_board) << "sent to whoever knows an old password";
        set_by_hand(fleet, 0, on_the_real_board);  // he has gone
        EXPECT_EQ(run(fleet, Command::kRecover).outcome, "recovered") << "and it is still known";
    }
}

TEST_F(Stragglers, AKgThatHasVanishedStopsARotationAndIsMadeAnewByRecover) {
    SimFleet fleet(fleet_with({kOurs}), {});
    options_.k_g = true;
    ASSERT_EQ(run(fleet, Command::kRotate).outcome, "rotated");
    options_.k_g = false;
    fleet.replace(0, [&](Config& config) { config.k_g.clear(); });
    EXPECT_TRUE(says(run(fleet, Command::kFind), "k_g-lost"));
    auto report = run(fleet, Command::kRotate);
    EXPECT_EQ(report.outcome, "refused") << report.detail;
    EXPECT_TRUE(says(report, "k_g-lost")) << report.detail;
    EXPECT_TRUE(report.k_g_version.has_value()) << "what the vault has is not given up";
    report = run(fleet, Command::kRecover);
    EXPECT_EQ(report.outcome, "recovered") << report.detail;
    EXPECT_TRUE(says(report, "k_g-lost; k_g-changed")) << report.detail;
    EXPECT_EQ(run(fleet, Command::kCheck).outcome, "as-in-vault");
}

// ADMIN on a board without GUID and MAC address may be any board of that make.
TEST_F(Stragglers, AMakeAloneDoesNotShowThatAResetBoardIsOurs) {
    auto configs = fleet_with({kOurs});
    ASSERT_TRUE(virtual_bmc::apply_quirk(configs[0], "null-guid").has_value());
    configs[0].mac = {};
    SimFleet fleet(std::move(configs), {});
    ASSERT_EQ(run(fleet, Command::kRotate).outcome, "rotated");
    set_by_hand(fleet, 0, bytes_of("calvin"));
    options_.elsewhere.vendor_defaults = true;
    const auto report = run(fleet, Command::kRecover);
    EXPECT_EQ(report.outcome, "blocked") << report.detail;
    EXPECT_TRUE(says(report, "first-contact")) << report.detail;
    options_.first_contact = true;
    EXPECT_EQ(run(fleet, Command::kRecover).outcome, "recovered");
}

// What was offered once, on request, does not hold back what is offered otherwise.
TEST_F(Stragglers, APasswordThatIsEnteredIsAskedAtOnceAlsoAfterTheFleetsHistoryWas) {
    SimFleet fleet(fleet_with({kOurs, "Another-BMCs-Own-1", "Another-BMCs-Own-2"}), {});
    ASSERT_EQ(run(fleet, Command::kRotate).outcome, "rotated");
    set_by_hand(fleet, 0, bytes_of("known to somebody"));
    options_.elsewhere.fleet_history = true;
    ASSERT_EQ(run(fleet, Command::kRecover).outcome, "quarantined");
    options_.elsewhere = {};
    const auto& bmc = fleet.record(0);
    fleet.teach([&](vault::Transaction& transaction) -> Result<void> {
        auto added = transaction.add_version(bmc.id, bmc.own_password(), key_of(bytes_of("known to somebody")),
                                             vault::StoredSize::k20, vault::VersionState::kUnknown,
                                             vault::Provenance::kImported, "");
        return added ? Result<void>{} : std::unexpected(added.error());
    });
    life_ = fleet.live(Command::kRecover, options_);  // within the minute
    const auto report = std::ranges::find(life_.reports, bmc.name, &BmcReport::name);
    EXPECT_EQ(report->outcome, "recovered") << report->detail;
}

// Whoever has one compartment must not learn what lives in another one.
TEST_F(Stragglers, AnotherCompartmentsPasswordsAreNotOffered) {
    SimFleet fleet(fleet_with({kOurs, "Of-the-other-compart"}), {});
    ASSERT_EQ(run(fleet, Command::kRotate).outcome, "rotated");
    auto store = fleet.open_vault();
    const vault::Acting acting{"test", UnixTime{1'790'100'000}, {}};
    ASSERT_TRUE(store->team().add_compartment(acting, "edge").has_value());
    ASSERT_TRUE(store->team().move_bmcs(acting, "edge", std::span(&fleet.record(1).id, 1)).has_value());
    const auto gathered = CandidatesElsewhere::gather(*store, {.fleet_history = true, .vendor_defaults = true});
    ASSERT_TRUE(gathered.has_value());
    const auto inventory = store->bmcs();
    for (const auto& bmc : *inventory) {
        ASSERT_FALSE(gathered->passwords(bmc.compartment).empty());
        for (const auto& candidate : gathered->passwords(bmc.compartment)) {
            const auto& origin = gathered->password_origin(candidate.id);
            if (origin.kind != Origin::Kind::kOtherBmc) continue;
            EXPECT_TRUE(origin.label.starts_with(bmc.name + " ")) << origin.label << " offered to " << bmc.name;
        }
    }
}

TEST_F(Stragglers, AListedPasswordIsFoundInItsCutFormTooAndNamedByItsLabelOnly) {
    constexpr std::string_view kListed = "Shared-in-2019-by-all";
    SimFleet fleet(fleet_with({kOurs, "Our-First-Password-2"}), {});
    ASSERT_EQ(run(fleet, Command::kRotate).outcome, "rotated");
    const auto listed = bytes_of(kListed.substr(0, 20));
    set_by_hand(fleet, 0, listed);
    set_by_hand(fleet, 1, ByteView(listed).first(16));
    fleet.teach([&](vault::Transaction& transaction) -> Result<void> {
        std::vector<vault::NewListedPassword> passwords(1);
        passwords[0].label = "2019-shared #1";
        passwords[0].password = key_of(listed);
        passwords[0].size = vault::StoredSize::k20;
        auto added = transaction.add_password_list("2019-shared", passwords);
        return added ? Result<void>() : std::unexpected(added.error());
    });
    options_.elsewhere.lists = true;
    EXPECT_EQ(run(fleet, Command::kCheck).outcome, "older-version");
    (void)run(fleet, Command::kRecover);
    for (const auto& report : life_.reports) {
        EXPECT_EQ(report.outcome, "recovered") << report.detail;
        EXPECT_TRUE(says(report, "password-from: 2019-shared #1")) << report.detail;
        EXPECT_FALSE(says(report, "Shared-in")) << report.detail;
    }
    EXPECT_TRUE(fleet.current_is_live(0) && fleet.current_is_live(1));
}

TEST_F(Stragglers, AKgOfAnotherBmcIsFoundAndBelongsToThisOneFromThenOn) {
    SimFleet fleet(fleet_with({kOurs, "Our-First-Password-2"}), {});
    options_.k_g = true;
    ASSERT_EQ(run(fleet, Command::kRotate).outcome, "rotated");
    options_.k_g = false;
    const auto store = fleet.open_vault();
    const auto known = KnownCredentials::load(*store, fleet.record(0));
    const auto* first = known->k_g_in(vault::VersionState::kCurrent);
    ASSERT_NE(first, nullptr);
    fleet.replace(1, [&](Config& config) {
        config.k_g.resize(20);
        known->k_g_secret(first->version).expose([&](auto bytes) { std::ranges::copy(bytes, config.k_g.begin()); });
    });
    EXPECT_EQ(run(fleet, Command::kCheck, 1).outcome, "k_g-unknown");
    fleet.let_time_pass(70s);
    options_.elsewhere.fleet_history = true;
    EXPECT_TRUE(says(run(fleet, Command::kCheck, 1), "k_g-from: bmc00 version 1"));
    const auto& report = run(fleet, Command::kRecover, 1);
    EXPECT_EQ(report.outcome, "recovered") << report.detail;
    EXPECT_TRUE(says(report, "k_g-from: bmc00 version 1")) << report.detail;
    options_.elsewhere = {};
    EXPECT_EQ(run(fleet, Command::kCheck, 1).outcome, "as-in-vault");
    EXPECT_EQ(life_.reports[1].detail, "");
}

TEST_F(Stragglers, FindOnlyWritesDownWhatIsLiveAndChangesNothing) {
    SimFleet fleet(fleet_with({kOurs}), {});
    ASSERT_EQ(run(fleet, Command::kRotate).outcome, "rotated");
    set_by_hand(fleet, 0, bytes_of(kOurs));
    EXPECT_EQ(run(fleet, Command::kFind).outcome, "recovered");
    EXPECT_TRUE(fleet.current_is_live(0));
    EXPECT_EQ(run(fleet, Command::kFind).outcome, "already-current");

    set_by_hand(fleet, 0, bytes_of("ADMIN"));
    options_.elsewhere.vendor_defaults = true;
    const auto& report = run(fleet, Command::kFind);
    EXPECT_EQ(report.outcome, "recovered") << report.detail;
    EXPECT_TRUE(says(report, "vendor-default: ADMIN of Supermicro")) << report.detail;
    EXPECT_TRUE(fleet.current_is_live(0));
    EXPECT_EQ(fleet.bmc(0).counters().passwords_set, 0u);
}

TEST_F(Stragglers, CheckNamesTheBmcsThatShareAPassword) {
    SimFleet fleet(fleet_with({kOurs, kOurs, "Our-First-Password-2", kOurs, kOurs, kOurs}), {});
    EXPECT_EQ(run(fleet, Command::kCheck, 2).outcome, "as-in-vault");
    const auto& report = run(fleet, Command::kCheck, 1);
    EXPECT_EQ(report.outcome, "shared");
    EXPECT_TRUE(report.attention);
    EXPECT_EQ(report.detail, "with bmc00, bmc03, bmc04 and 1 more");
    (void)run(fleet, Command::kRotate);
    EXPECT_EQ(run(fleet, Command::kCheck, 1).outcome, "as-in-vault");
}

// A BMC whose RAKP 2 is all zero proves nothing offline.
class NoProof : public testing::Test {
protected:
    explicit NoProof(int threshold = 3) {
        auto config = unforgiving(0, kOurs);
        config.bad_password_threshold = threshold;
        fleet_ = std::make_unique<SimFleet>(std::vector<Config>{std::move(config)}, SimOptions{});
        EXPECT_EQ(recover().outcome, "recovered");  // first contact, while it still gave proofs
        for (const auto* text : {"Newer-than-that-0002", "Newer-than-that-0003"}) learn(text);
        fleet_->replace(0, [](Config& changed) { changed.quirks.bogus_rakp2 = true; });
    }
    void learn(std::string_view text) {
        const auto& bmc = fleet_->record(0);
        fleet_->teach([&](vault::Transaction& transaction) -> Result<void> {
            auto added =
                transaction.add_version(bmc.id, bmc.own_password(), key_of(bytes_of(text)), vault::StoredSize::k20,
                                        vault::VersionState::kUnknown, vault::Provenance::kManual, "");
            return added ? Result<void>() : std::unexpected(added.error());
        });
    }
    const BmcReport& recover(int attempts = 0) {
        fleet_->let_time_pass(4000s);
        RunOptions options;
        options.login_attempts = attempts;
        options.purpose = purpose_;
        life_ = fleet_->live(Command::kRecover, options);
        return life_.reports.front();
    }
    [[nodiscard]] bool is_locked() {
        return !fleet_->bmc(0).accepts("ADMIN", live_password(*fleet_, 0), {}, fleet_->now());
    }

    // What the BMC said of its lock-out: "BAD_PASSWORDS RESET_INTERVAL_S".
    void set_lock_out(std::string_view value) {
        fleet_->teach([&](vault::Transaction& transaction) {
            return transaction.learn(facts_key(fleet_->record(0)), std::string(kLockOutFact), std::string(value));
        });
    }

    std::unique_ptr<SimFleet> fleet_;
    SimFleet::Life life_;
    Purpose purpose_;
};

TEST_F(NoProof, IsSaidAndNoLoginIsTriedUnlessAPersonAllowsIt) {
    const auto& report = recover();
    EXPECT_EQ(report.outcome, "refused");
    EXPECT_EQ(report.detail, "no-rakp2-proof");
    EXPECT_EQ(fleet_->bmc(0).counters().rejected_rakp3, 0u);
}

TEST_F(NoProof, CurrentThenNewestIsTriedInRealLoginsAndTheFreshPasswordIsProvedByOne) {
    fleet_->replace(0, [](Config& config) { config.users.at(2).password = bytes_of("Newer-than-that-0003"); });
    const auto& report = recover(2);
    EXPECT_EQ(report.outcome, "recovered") << report.detail;
    EXPECT_EQ(report.failed_logins, 1u);  // that of the vault's current one; counted, not hidden
    EXPECT_EQ(fleet_->bmc(0).counters().rejected_rakp3, 1u);
    EXPECT_TRUE(fleet_->current_is_live(0));
}

TEST_F(NoProof, EveryAttemptIsCountedInTheVaultBeforeItIsSent) {
    fleet_->replace(0, [](Config& config) { config.users.at(2).password = bytes_of("nobody knows this"); });
    EXPECT_EQ(recover(1).outcome, "refused");
    const auto facts = fleet_->open_vault()->facts(facts_key(fleet_->record(0)));
    ASSERT_TRUE(facts.has_value());
    EXPECT_TRUE(facts->at(std::string(kFailedLoginsFact)).starts_with("1 "));
}

TEST_F(NoProof, EveryAttemptIsInTheAuditLogWithItsReasonAndWithoutThePassword) {
    purpose_ = kPurpose;
    fleet_->replace(0, [](Config& config) { config.users.at(2).password = bytes_of("nobody knows this"); });
    EXPECT_EQ(recover(2).failed_logins, 2u);
    const auto attempts = logged(*fleet_, "login.attempted");
    ASSERT_EQ(attempts.size(), 2u);
    for (std::size_t i = 0; i < attempts.size(); ++i) {
        EXPECT_EQ(attempts[i].bmc, fleet_->record(0).id);
        for (const auto& said : {std::string(kReasonLogged), fmt::format(R"("attempt":{})", i + 1),
                                 fmt::format(R"("failures_remembered":{})", i), std::string(R"("version":)"),
                                 std::string(R"("allowed":2)"), std::string(R"("vouched":"by the pinned GUID")")}) {
            EXPECT_TRUE(attempts[i].body.contains(said)) << said << " in " << attempts[i].body;
        }
    }
    for (const auto* secret : {kOurs, "Newer-than-that-0002", "Newer-than-that-0003"}) {
        EXPECT_FALSE(log_contains(*fleet_, secret)) << secret;
    }
}

TEST_F(NoProof, ACutPasswordIsFoundInARealLoginWithinTheSameBudget) {
    fleet_->replace(0, [](Config& config) {
        config.users.at(2).password = bytes_of(std::string_view("Newer-than-that-0003").substr(0, 16));
        config.users.at(2).stored_size = 16;
        config.quirks.truncates_to_16 = true;
        config.bad_password_threshold = 8;
    });
    set_lock_out("8 0");
    EXPECT_EQ(recover(3).outcome, "refused") << "three whole ones, and three were allowed";
    EXPECT_EQ(fleet_->bmc(0).counters().rejected_rakp3, 3u);
    const auto& report = recover(3);
    EXPECT_EQ(report.outcome, "refused") << "the whole ones come first, again";
    EXPECT_EQ(fleet_->bmc(0).counters().rejected_rakp3, 6u);
    EXPECT_FALSE(is_locked());

    set_lock_out("12 0");
    fleet_->replace(0, [](Config& config) { config.bad_password_threshold = 12; });
    const auto& found = recover(5);
    EXPECT_EQ(found.outcome, "recovered") << found.detail;
    EXPECT_EQ(fleet_->bmc(0).counters().rejected_rakp3, found.failed_logins);
    EXPECT_FALSE(is_locked());
    EXPECT_TRUE(fleet_->current_is_live(0));
}

TEST_F(NoProof, AFreshPasswordThatIsCutIsProvedByTheSecondLogin) {
    fleet_->replace(0, [](Config& config) { config.quirks.truncates_to_16 = true; });
    fleet_->let_time_pass(4000s);
    RunOptions options;
    options.login_attempts = 2;
    const auto life = fleet_->live(Command::kRotate, options);
    EXPECT_EQ(life.reports.front().outcome, "settled-16") << life.reports.front().detail;
    EXPECT_EQ(fleet_->bmc(0).counters().rejected_rakp3, 1u);
    EXPECT_TRUE(fleet_->current_is_live(0));
}

TEST(Rescue, IsInTheAuditLogWithItsReason) {
    SimFleet fleet(fleet_with({kOurs}), {});
    SeededRandom random(1);
    RunOptions options;
    options.purpose = kPurpose;
    options.actor = "test";
    const auto store = fleet.open_vault();
    const auto staged = stage_rescue(*store, fleet.record(0).id, options, "ssh://root@server", random, {1'800'000'000});
    ASSERT_TRUE(staged.has_value());
    const auto records = logged(fleet, "rescue.staged");
    ASSERT_EQ(records.size(), 1u);
    EXPECT_EQ(records[0].bmc, fleet.record(0).id);
    EXPECT_EQ(records[0].body,
              fmt::format(R"({{{},"version":{},"via":"ssh://root@server"}})", kReasonLogged, staged->version.value));
    const auto known = KnownCredentials::load(*store, fleet.record(0));
    ASSERT_TRUE(known.has_value());
    known->password_secret(staged->version).expose([&](auto bytes) {
        EXPECT_FALSE(log_contains(fleet, {reinterpret_cast<const char*>(bytes.data()), bytes.size()}));
    });
}

TEST_F(NoProof, TheAccountIsNeverLockedHoweverManyAttemptsAreAllowed) {
    for (const auto* text : {"Newer-than-that-0004", "Newer-than-that-0005", "Newer-than-that-0006"}) learn(text);
    fleet_->replace(0, [](Config& config) { config.users.at(2).password = bytes_of("nobody knows this"); });
    const auto& report = recover(10);
    EXPECT_EQ(report.outcome, "refused") << report.detail;
    EXPECT_EQ(report.failed_logins, 2u);  // three lock it, as it said when it was first met
    EXPECT_FALSE(is_locked());
    EXPECT_EQ(recover(10).failed_logins, 0u) << "it never forgets them, and neither do we";
    EXPECT_FALSE(is_locked());
}

TEST(NeverSeen, ABoardWithoutProofGetsNoLoginUnlessAPersonVouches) {
    auto config = unforgiving(0, kOurs);
    config.quirks.bogus_rakp2 = true;
    SimFleet fleet({std::move(config)}, {});
    RunOptions options;
    options.login_attempts = 1;
    const auto life = fleet.live(Command::kRecover, options);
    EXPECT_EQ(life.reports.front().detail,
              "no-rakp2-proof; no-login-tried: no GUID is pinned that shows that this board is ours");
    EXPECT_EQ(life.reports.front().failed_logins, 0u);
    const auto facts = fleet.open_vault()->facts(facts_key(fleet.record(0)));
    ASSERT_TRUE(facts.has_value());
    EXPECT_FALSE(facts->contains(std::string(kFailedLoginsFact))) << "nothing was even begun";

    options.first_contact = true;
    fleet.let_time_pass(4000s);
    EXPECT_EQ(fleet.live(Command::kRecover, options).reports.front().outcome, "recovered");
}

// A code that is made up each time can't be told from a proof of a password that nobody here knows, however often one
// asks: so it is taken for that, no login is tried, and the BMC is left alone.
TEST_F(Stragglers, ABmcThatMakesUpItsProofsIsNeitherAskedInALoopNorLoggedInTo) {
    SimFleet fleet(fleet_with({kOurs}), {});
    fleet.replace(0, [](Config& config) { config.quirks.random_rakp2 = true; });
    options_.login_attempts = 10;
    options_.first_contact = true;
    for (const auto& report : {run(fleet, Command::kRecover), run(fleet, Command::kRotate)}) {
        EXPECT_EQ(report.outcome, "quarantined");
        EXPECT_EQ(report.failed_logins, 0u);
        EXPECT_LE(report.round_trips, 8u);
    }
    const auto& check = run(fleet, Command::kCheck);
    EXPECT_EQ(check.outcome, "foreign");
    EXPECT_TRUE(says(check, "makes up its answers")) << check.detail;
    EXPECT_EQ(fleet.bmc(0).counters().sessions_opened, 0u);
    EXPECT_EQ(fleet.bmc(0).counters().most_sessions, 1);
    EXPECT_TRUE(logged(fleet, "login.attempted").empty());
}

// Four session slots, and accounts that none of our passwords opens: each question leaves one half-open for a minute.
class FewSlots : public testing::Test {
protected:
    explicit FewSlots(int slots = 4, bool says_how_many = true) {
        auto config = unforgiving(0, kOurs);
        config.session_slots = slots;
        config.quirks.get_session_info_unsupported = !says_how_many;
        for (std::uint8_t id = 3; id < 9; ++id) {
            config.users[id] = {.name = fmt::format("operator{}", id),
                                .password = bytes_of(fmt::format("unknown-to-us-{}", id)),
                                .enabled = true,
                                .privilege_limit = ipmi::PrivilegeLevel::kOperator};
        }
        fleet_ = std::make_unique<SimFleet>(std::vector<Config>{std::move(config)}, SimOptions{});
    }
    BmcReport run(Command command, bool no_login = false) {
        RunOptions options;
        options.no_login = no_login;
        auto life = fleet_->live(command, options);
        EXPECT_EQ(fleet_->bmc(0).counters().slots_refused, 0u);
        EXPECT_EQ(fleet_->rejected_logins(), 0u);
        return std::move(life.reports.front());
    }
    [[nodiscard]] int most_sessions() { return fleet_->bmc(0).counters().most_sessions; }

    std::unique_ptr<SimFleet> fleet_;
};
class FewUntoldSlots : public FewSlots {
protected:
    FewUntoldSlots() : FewSlots(4, false) {}
};
class SixteenSlots : public FewSlots {
protected:
    SixteenSlots() : FewSlots(16) {}
};

TEST_F(FewSlots, OneIsLeftForAnotherClientThroughoutAndTheNumberIsRemembered) {
    EXPECT_EQ(run(Command::kRotate).outcome, "rotated");
    const auto facts = fleet_->open_vault()->facts(facts_key(fleet_->record(0)));
    ASSERT_TRUE(facts.has_value());
    EXPECT_EQ(facts->at(std::string(kSessionSlotsFact)), "4");
    run(Command::kAccounts);
    run(Command::kCheck);
    run(Command::kRotate);
    EXPECT_EQ(most_sessions(), 3);
}

TEST_F(FewSlots, WhereTheNumberIsKnownAHalfOpenOneIsNotWaitedFor) {
    run(Command::kCheck);
    run(Command::kCheck, true);
    EXPECT_LT(run(Command::kCheck, true).elapsed, 10s);
    EXPECT_LE(most_sessions(), 3);
}

TEST_F(FewUntoldSlots, AHalfOpenOneIsWaitedFor) {
    run(Command::kCheck);
    run(Command::kCheck, true);
    EXPECT_GT(run(Command::kCheck, true).elapsed, 50s);
    run(Command::kAccounts);
    EXPECT_LE(most_sessions(), 3);
}

TEST_F(SixteenSlots, AccountsThatNothingOpensAreAskedWithoutWaiting) {
    EXPECT_LT(run(Command::kAccounts).elapsed, 30s);
    EXPECT_GT(most_sessions(), 3);
    EXPECT_LE(most_sessions(), 15);
}

TEST(Elsewhere, MoreThanTenThousandCandidatesAreRefused) {
    SimFleet fleet(fleet_with({kOurs}), {});
    const auto& bmc = fleet.record(0);
    const auto add = [&](std::uint32_t first, std::uint32_t last) {
        fleet.teach([&](vault::Transaction& transaction) -> Result<void> {
            for (auto i = first; i <= last; ++i) {
                const auto text = bytes_of(fmt::format("old password {}", i));
                auto added = transaction.add_version(bmc.id, bmc.own_password(), key_of(text), vault::StoredSize::k20,
                                                     vault::VersionState::kRetired, vault::Provenance::kImported, "");
                if (!added) return std::unexpected(added.error());
            }
            return {};
        });
    };
    const CandidateSources all{.fleet_history = true};
    add(1, kMaxCandidates - 1);
    auto gathered = CandidatesElsewhere::gather(*fleet.open_vault(), all);
    ASSERT_TRUE(gathered.has_value());
    EXPECT_EQ(gathered->passwords(1).size(), kMaxCandidates);
    add(1, 1);  // the same secret again is no new candidate
    EXPECT_TRUE(CandidatesElsewhere::gather(*fleet.open_vault(), all).has_value());
    add(kMaxCandidates, kMaxCandidates);
    gathered = CandidatesElsewhere::gather(*fleet.open_vault(), all);
    ASSERT_FALSE(gathered.has_value());
    EXPECT_EQ(gathered.error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace bmcvault::rotate::sim

int main(int argc, char** argv) {
    if (!bmcvault::secret_arena::initialize()) return 1;
    testing::InitGoogleTest(&argc, argv);
    return RUN_ALL_TESTS();
}
