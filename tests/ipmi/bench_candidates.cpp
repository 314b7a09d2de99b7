// Candidates per second against one RAKP 2 and one RAKP 4. Not run by ctest: it asserts nothing.
#include <benchmark/benchmark.h>

#include "ipmi/core/candidates.hpp"
#include "tests/ipmi/facts.hpp"
#include "tests/ipmi/keys.hpp"
#include "vault/base/check.hpp"

namespace bmcvault::ipmi::test {
namespace {

// The right one is the last of `count`: every exact form is tried.
void match_last_password(benchmark::State& state) {
    const auto algorithm = static_cast<AuthenticationAlgorithm>(state.range(0));
    const auto count = static_cast<std::size_t>(state.range(1));
    const Keys passwords(among(count - 1, kPassword, count - 1));
    const auto facts = answered(algorithm, kPassword);
    for (auto _ : state) {
        const auto match = match_password(facts, passwords.passwords());
        BMCVAULT_CHECK(match && match->id == count - 1);
    }
    state.SetItemsProcessed(state.iterations() * state.range(1));
}
BENCHMARK(match_last_password)->ArgsProduct({{1, 2, 3}, {10, 1000}})->ArgNames({"algorithm", "candidates"});

// None fits: every variant, every form and every hybrid is tried. What a foreign BMC costs.
void match_no_password(benchmark::State& state) {
    const auto count = static_cast<std::size_t>(state.range(0));
    const Keys passwords(among(count - 1, "neither", 0));
    const auto facts = answered(AuthenticationAlgorithm::kHmacSha1, kPassword);
    for (auto _ : state) benchmark::DoNotOptimize(match_password(facts, passwords.passwords()));
}
BENCHMARK(match_no_password)->Arg(10)->Arg(100)->Arg(1000)->ArgName("candidates");

void match_last_k_g(benchmark::State& state) {
    const auto algorithm = static_cast<AuthenticationAlgorithm>(state.range(0));
    const Keys passwords({kPassword});
    const Keys k_gs(among(99, kKg, 99));
    const auto facts = answered(algorithm, kPassword);
    const auto match = match_password(facts, passwords.passwords());
    const auto rakp4 = finished(facts, kKg);
    for (auto _ : state) {
        const auto k_g = match_k_g(rakp4, *match, k_gs.k_gs());
        BMCVAULT_CHECK(k_g && k_g->id == 99);
    }
    state.SetItemsProcessed(state.iterations() * 100);
}
BENCHMARK(match_last_k_g)->Arg(1)->Arg(2)->Arg(3)->ArgName("algorithm");

}  // namespace
}  // namespace bmcvault::ipmi::test

int main(int argc, char** argv) {
    BMCVAULT_CHECK(bmcvault::secret_arena::initialize().has_value());
    benchmark::Initialize(&argc, argv);
    benchmark::RunSpecifiedBenchmarks();
}
