// What the vault costs: status of a fleet of 10,000 BMCs, one step alone and in a group, one unsealing. Not run by
// ctest: numbers depend on the disk.
#include <benchmark/benchmark.h>

#include "tests/vault/test_vault.hpp"

namespace bmcvault::vault {
namespace {

constexpr std::uint32_t kFleet = 10'000;
constexpr std::uint32_t kVersions = 10;
constexpr Subject kPassword{Kind::kPassword, Subject::kOwnAccount};

// One vault with the whole fleet, ten versions each, for all benchmarks.
Store& fleet() {
    static const test::TemporaryDirectory parent;
    static const std::unique_ptr<Store> store = [] {
        test::must(Store::create(parent.path() / "v", test::passphrase(), test::options()));
        auto opened = test::must(Store::open(parent.path() / "v", test::passphrase()));
        test::must(opened->transact("benchmark", test::kNow, [](Transaction& t) -> Result<void> {
            for (std::uint32_t number = 1; number <= kFleet; ++number) {
                const auto bmc = test::make_bmc(number);
                test::must(t.add_bmc(bmc));
                for (std::uint32_t rotation = 0; rotation < kVersions; ++rotation) {
                    const auto version = test::must(
                        t.stage(bmc.id, kPassword, test::secret("one"), StoredSize::k20, Provenance::kGenerated, ""));
                    test::must(t.commit_pending(bmc.id, kPassword, version));
                }
            }
            return {};
        }));
        return opened;
    }();
    return *store;
}

void status_of_10000_bmcs(benchmark::State& state) {
    auto& store = fleet();
    for (auto _ : state) {
        const auto fresh = test::must(store.clone());  // a new process has a cold page cache
        benchmark::DoNotOptimize(test::must(fresh->bmcs()));
        benchmark::DoNotOptimize(test::must(fresh->current_versions()));
    }
}
BENCHMARK(status_of_10000_bmcs)->Unit(benchmark::kMillisecond);

void open_without_key_derivation(benchmark::State& state) {
    auto& store = fleet();
    for (auto _ : state) benchmark::DoNotOptimize(test::must(store.clone()));
}
BENCHMARK(open_without_key_derivation)->Unit(benchmark::kMicrosecond);

void unseal_one(benchmark::State& state) {
    auto& store = fleet();
    const auto versions = test::must(store.versions(test::make_bmc(5'000).id));
    for (auto _ : state) benchmark::DoNotOptimize(test::must(store.unseal(versions[2])));
}
BENCHMARK(unseal_one)->Unit(benchmark::kMicrosecond);

// A rotation has three steps; in a campaign the steps of up to 32 BMCs share a commit.
void steps_per_commit(benchmark::State& state) {
    auto& store = fleet();
    std::vector<Store::Work> works;
    for (std::uint32_t number = 1; number <= static_cast<std::uint32_t>(state.range(0)); ++number)
        works.emplace_back([number](Transaction& t) {
            return t.mark_proved(test::make_bmc(number).id, kPassword, VersionNumber{kVersions});
        });
    for (auto _ : state)
        for (const auto& result : store.transact_group("benchmark", test::kNow, works)) test::must(result);
    state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(steps_per_commit)->Arg(1)->Arg(8)->Arg(32)->Unit(benchmark::kMillisecond);

void verify_everything(benchmark::State& state) {
    auto& store = fleet();
    for (auto _ : state) test::must(store.verify());
}
BENCHMARK(verify_everything)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace bmcvault::vault

int main(int argc, char** argv) {
    BMCVAULT_CHECK(bmcvault::secret_arena::initialize().has_value());
    benchmark::Initialize(&argc, argv);
    benchmark::RunSpecifiedBenchmarks();
}
