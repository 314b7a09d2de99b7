// Seeded simulation: small fleets of mixed BMCs behind a bad network, our process crashing at any step, then an
// ordinary `recover`. What must hold after every life: the vault holds what each BMC accepts (the promise), no login
// was ever rejected, no secret travelled outside AES. What must hold at the end: every BMC is proved, or named.
//
// Replay one seed: BMCVAULT_SIM_SEED=<seed> tests/engine/simulation_test
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "tests/engine/sim_world.hpp"

namespace bmcvault::rotate::sim {
namespace {

using namespace std::chrono_literals;
using virtual_bmc::Config;
using virtual_bmc::Quirks;

constexpr std::uint64_t kSeeds = 300;

using Draw = std::mt19937_64;

bool chance(Draw& draw, double probability) {
    return std::uniform_real_distribution<>(0, 1)(draw) < probability;
}
int between(Draw& draw, int low, int high) {
    return std::uniform_int_distribution<>(low, high)(draw);
}

// One BMC with zero to two quirks.
void add_quirk(Draw& draw, Config& config) {
    Quirks& quirks = config.quirks;
    const int quirk = between(draw, 0, 19);
    if (std::getenv("BMCVAULT_SIM_SEED") != nullptr) fmt::print("{} {}: quirk {}\n", config.vendor, config.name, quirk);
    switch (quirk) {
        case 0:
            quirks.truncates_to_16 = true;
            break;
        case 1:
            quirks.truncates_to_19 = true;
            break;
        case 2:
            quirks.keeps_old_tail = true;
            break;
        case 3:
            quirks.refuses_by_policy = 0xcc;
            break;
        case 4:
            quirks.refuses_always = 0xd4;
            break;
        case 5:
            quirks.refuses_but_stores = 0xff;
            break;
        case 6:
            quirks.applies_and_loses_reply = true;
            break;
        case 7:
            quirks.acknowledges_and_forgets = true;
            break;
        case 8:
            quirks.applies_after = 1500ms;
            break;
        case 9:
            quirks.breaks_on_two_writes_in_one_second = true;
            break;
        case 10:
            quirks.takes_rights_away = true;
            break;
        case 11:
            quirks.k_g_unsupported = true;
            break;
        case 12:
            quirks.k_g_refused = true;
            break;
        case 13:
            quirks.error_replies_with_tag_0 = true;
            break;
        case 14:
            quirks.open_session_privilege = true;
            break;
        case 15:
            quirks.hmac_one_byte_too_long = true;
            break;
        case 16:
            quirks.slow = 3000ms;
            config.half_open_timeout = 60s;  // or nobody could log in
            break;
        case 17:
            quirks.reboots_after_commands = between(draw, 1, 12);
            break;
        case 18:
            config.session_slots = 4;
            break;
        default:
            config.bad_password_threshold = 1;
            break;
    }
}

Config random_bmc(Draw& draw, std::size_t index, std::uint64_t seed) {
    auto config =
        chance(draw, 0.5) ? virtual_bmc::plain_config(index, seed) : virtual_bmc::mixed_vendor_config(index, seed);
    for (int quirks = between(draw, 0, 2); quirks > 0; --quirks) add_quirk(draw, config);
    return config;
}

virtual_bmc::LinkFaults random_faults(Draw& draw) {
    virtual_bmc::LinkFaults faults;
    faults.latency = std::chrono::milliseconds(between(draw, 0, 80));
    if (chance(draw, 0.6)) {
        faults.loss = 0.08;
        faults.duplicate = 0.05;
        faults.reorder = 0.05;
        faults.corrupt = 0.03;
    }
    return faults;
}

struct World {
    explicit World(std::uint64_t seed) : draw(seed) {
        std::vector<Config> configs;
        const auto size = static_cast<std::size_t>(between(draw, 2, 4));
        for (std::size_t i = 0; i < size; ++i) configs.push_back(random_bmc(draw, i, seed));
        fleet = std::make_unique<SimFleet>(std::move(configs), SimOptions{seed, random_faults(draw)});
    }

    void expect_the_promise(std::string_view when) const {
        for (std::size_t i = 0; i < fleet->size(); ++i) {
            EXPECT_TRUE(fleet->vault_holds_live_credential(i)) << "bmc" << i << " " << when;
            EXPECT_EQ(fleet->bmc(i).counters().unencrypted_secrets, 0u) << "bmc" << i << " " << when;
        }
        EXPECT_EQ(fleet->rejected_logins(), 0u) << when;
    }

    Draw draw;
    std::unique_ptr<SimFleet> fleet;
};

RunOptions random_options(Draw& draw) {
    RunOptions options;
    options.k_g = chance(draw, 0.4);
    return options;
}

std::function<void(SimVault&)> random_sabotage(Draw& draw) {
    if (!chance(draw, 0.2)) return {};
    const int at = between(draw, 1, 8);
    const auto fault = static_cast<SimVault::Fault>(between(draw, 0, 2));
    return [at, fault](SimVault& store) { store.fail_write(at, fault); };
}

// With BMCVAULT_SIM_SEED: what happened, for the person who replays.
void tell(const SimFleet::Life& life, std::string_view command) {
    if (std::getenv("BMCVAULT_SIM_SEED") == nullptr) return;
    fmt::print("{} steps={}{}\n", command, life.steps, life.crashed ? " crashed" : "");
    for (const auto& report : life.reports) {
        fmt::print("  {} {} {} round_trips={} elapsed={} ms\n", report.name, report.outcome, report.detail,
                   report.round_trips, report.elapsed.count());
    }
}

void run_seed(std::uint64_t seed) {
    World world(seed);
    auto& fleet = *world.fleet;
    for (int life = 0; life < 2; ++life) {
        const int crash_at = chance(world.draw, 0.7) ? between(world.draw, 1, 40) : 0;
        const auto options = random_options(world.draw);
        const auto sabotage = random_sabotage(world.draw);
        tell(fleet.live(SimFleet::Command::kRotate, options, crash_at, sabotage), "rotate");
        world.expect_the_promise(fmt::format("after life {}", life));
        if (chance(world.draw, 0.2)) fleet.bmc(0).power_cycle(fleet.now());
        fleet.let_time_pass(std::chrono::seconds(between(world.draw, 0, 120)));
    }
    fleet.set_faults({});
    for (int healing = 0; healing < 3; ++healing) {
        fleet.let_time_pass(3700s);  // longer than any quarantine
        tell(fleet.live(SimFleet::Command::kRecover), "recover");
        world.expect_the_promise(fmt::format("after recovery {}", healing));
    }
    fleet.let_time_pass(3700s);
    const auto last = fleet.live(SimFleet::Command::kCheck);
    tell(last, "check");
    for (std::size_t i = 0; i < last.reports.size(); ++i) {
        const auto& report = last.reports[i];
        const bool proved =
            report.outcome == "as-in-vault" || report.outcome == "shared" || report.outcome == "pending-not-live";
        const bool named = report.outcome == "pending-live" || report.outcome == "mangled" ||
                           report.outcome == "older-version" || report.outcome == "identity-changed" ||
                           report.outcome == "privilege-refused";
        EXPECT_TRUE(proved || named) << report.name << ": " << report.outcome << " " << report.detail;
    }
}

TEST(Simulation, EverySeedKeepsThePromise) {
    if (const char* replay = std::getenv("BMCVAULT_SIM_SEED")) {
        run_seed(std::strtoull(replay, nullptr, 10));
        return;
    }
    for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
        run_seed(seed);
        ASSERT_FALSE(HasFailure()) << "replay: BMCVAULT_SIM_SEED=" << seed << " tests/engine/simulation_test";
    }
}

}  // namespace
}  // namespace bmcvault::rotate::sim

int main(int argc, char** argv) {
    if (!bmcvault::secret_arena::initialize()) return 1;
    testing::InitGoogleTest(&argc, argv);
    return RUN_ALL_TESTS();
}
