// The programs of others around a rotation. What must hold: they are told before anything is sent, a "no" means that
// nothing is, and wherever a run dies the last thing they hear is what is live.
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <string>
#include <vector>

#include "rotate/engine/client_hooks.hpp"
#include "rotate/engine/learned_facts.hpp"
#include "tests/engine/sim_world.hpp"
#include "vault/base/secret.hpp"

namespace bmcvault::rotate::sim {
namespace {

using namespace std::chrono_literals;
using Command = SimFleet::Command;

// Notes what it is told, and how often a password had been set by then.
class Notes final : public ClientHooks {
public:
    explicit Notes(SimFleet& fleet) : fleet_(fleet) {}

    Result<void> before(const vault::Bmc&) override {
        calls.emplace_back("before");
        writes_before = fleet_.bmc(0).counters().passwords_set;
        datagrams_before = fleet_.bmc(0).counters().datagrams;
        waiting = true;
        return says_no ? Result<void>(fail(ErrorCode::kIo, "the monitoring is down")) : Result<void>{};
    }
    Result<void> after(const vault::Bmc&, const BmcReport& report) override {
        calls.emplace_back("after");
        if (fails_after) return fail(ErrorCode::kIo, "no route");
        heard = report.password_version;
        waiting = false;
        return {};
    }

    std::vector<std::string> calls;
    std::optional<VersionNumber> heard;
    std::uint64_t writes_before = 0;
    std::uint64_t datagrams_before = 0;
    bool waiting = false;  // told before, and not after
    bool says_no = false;
    bool fails_after = false;

private:
    SimFleet& fleet_;
};

class Hooks : public testing::Test {
protected:
    void begin() {
        fleet_.emplace(std::vector{virtual_bmc::plain_config(0, 1)}, SimOptions{});
        notes_.emplace(*fleet_);
        options_.hooks = &*notes_;
    }
    BmcReport rotate() {
        const auto life = fleet_->live(Command::kRotate, options_);
        fleet_->let_time_pass(3700s);
        return life.reports.front();
    }
    [[nodiscard]] std::optional<VersionNumber> live_version() {
        const auto versions = fleet_->open_vault()->versions(fleet_->record(0).id);
        for (const auto& version : *versions)
            if (version.state == vault::VersionState::kCurrent) return version.version;
        return std::nullopt;
    }
    [[nodiscard]] std::vector<vault::Bmc> waiting_by_the_vault() {
        const auto store = fleet_->open_vault();
        const auto all = *store->bmcs();
        return *owed(*store, all);
    }

    std::optional<SimFleet> fleet_;
    std::optional<Notes> notes_;
    RunOptions options_;
};

TEST_F(Hooks, AreToldBeforeAnythingIsSentAndAfterItIsProved) {
    begin();
    EXPECT_EQ(rotate().outcome, "rotated");
    EXPECT_EQ(notes_->calls, (std::vector<std::string>{"before", "after"}));
    EXPECT_EQ(notes_->datagrams_before, 0u);
    EXPECT_EQ(notes_->heard, live_version());
    EXPECT_TRUE(waiting_by_the_vault().empty());
}

TEST_F(Hooks, ANoMeansThatNothingIsSent) {
    begin();
    notes_->says_no = true;
    const auto report = rotate();
    EXPECT_EQ(report.outcome, "blocked");
    EXPECT_EQ(report.detail, "hook-before: the monitoring is down");
    EXPECT_FALSE(report.contacted) << "it says nothing about BMCs of its kind";
    EXPECT_EQ(fleet_->bmc(0).counters().datagrams, 0u);
    EXPECT_EQ(notes_->calls.back(), "after") << "what it stopped goes on";
}

TEST_F(Hooks, WhoCouldNotBeToldIsOwedIt) {
    begin();
    notes_->fails_after = true;
    const auto report = rotate();
    EXPECT_EQ(report.outcome, "rotated");
    EXPECT_EQ(report.detail, "hook-after: no route");
    EXPECT_FALSE(report.as_asked);
    ASSERT_EQ(waiting_by_the_vault().size(), 1u);
    EXPECT_EQ(waiting_by_the_vault().front().id, fleet_->record(0).id);
}

TEST_F(Hooks, ALookCallsNobody) {
    begin();
    (void)fleet_->live(Command::kFind, options_);
    EXPECT_TRUE(notes_->calls.empty());
}

// Who is told from the vault alone hears what the BMC holds, or waits on.
TEST_F(Hooks, NobodyIsToldAPasswordThatMayNotBeLive) {
    bool crashed = true;
    int waited = 0;
    int told = 0;
    for (int step = 1; crashed; ++step) {
        begin();
        crashed = fleet_->live(Command::kRotate, options_, step).crashed;
        fleet_->let_time_pass(3700s);
        if (waiting_by_the_vault().empty()) continue;
        notes_->heard.reset();
        const auto life = fleet_->live(Command::kTell, options_);
        const bool waits = !waiting_by_the_vault().empty();
        EXPECT_EQ(waits, !life.reports.front().outcome.empty()) << step;
        ++(waits ? waited : told);
        if (waits) continue;
        EXPECT_EQ(notes_->heard, live_version()) << step;
        EXPECT_TRUE(fleet_->vault_holds_live_credential(0)) << step;
        EXPECT_EQ(fleet_->live(Command::kCheck).reports.front().outcome, "as-in-vault") << step;
    }
    EXPECT_GT(waited, 2) << "between sending and proving nothing is known";
    EXPECT_GT(told, 2);
}

TEST_F(Hooks, WhereverARunDiesTheNextOneTellsThemWhatIsLive) {
    bool crashed = true;
    int step = 1;
    int found_waiting = 0;
    for (; crashed; ++step) {
        begin();
        crashed = fleet_->live(Command::kRotate, options_, step).crashed;
        fleet_->let_time_pass(3700s);
        if (notes_->waiting) {
            ++found_waiting;
            EXPECT_EQ(waiting_by_the_vault().size(), 1u) << step << ": nobody knows that they wait";
        }
        EXPECT_NE(rotate().outcome, "") << step;
        EXPECT_FALSE(notes_->waiting) << step;
        EXPECT_EQ(notes_->heard, live_version()) << step;
        EXPECT_TRUE(waiting_by_the_vault().empty()) << step;
        EXPECT_EQ(fleet_->rejected_logins(), 0u) << step;
    }
    EXPECT_GT(found_waiting, 5);
}

}  // namespace
}  // namespace bmcvault::rotate::sim

int main(int argc, char** argv) {
    if (!bmcvault::secret_arena::initialize()) return 1;
    testing::InitGoogleTest(&argc, argv);
    return RUN_ALL_TESTS();
}
