#!/usr/bin/env bash
# Installs what the tests need, builds, and runs everything that has to pass. Stops at the first stage that fails.
# `tests/run.sh STAGE...` runs only those stages; the stages are the functions below, in the order of `all`.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
exec </dev/null
all=(format asan quickstart clang tidy fuzz tsan)
jobs=$(nproc)
export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1
export UBSAN_OPTIONS=print_stacktrace=1
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
[[ -w "${HOME:-/nonexistent}" ]] || export CCACHE_DISABLE=1

# The vaults of the tests in memory, where there is room: they wait for the disk otherwise, some thousand times.
memory=/dev/shm
if [[ -w $memory ]] && (($(df --output=avail --block-size=1M $memory | tail -1) >= 4096)); then TMPDIR=$memory; fi
logs=$(TMPDIR=${TMPDIR:-/tmp} mktemp --directory --tmpdir bmcvault-tests-XXXXXX)
export TMPDIR=$logs/tmp
mkdir "$TMPDIR"
current=setup
summary=()
fixed_addresses=()
finish() {
    local code=$?
    rm -rf "$logs"
    ((code == 0)) || printf '\ntests/run.sh: FAILED in stage %s (exit code %d)\n' "$current" "$code" >&2
}
trap finish EXIT

# build PRESET [TARGET...]: configures and builds; sets $build.
build() {
    local preset=$1
    shift
    build=$("$root/cli/packaging/build-directory.sh" "$preset")
    cmake --fresh --preset "$preset" -B "$build" >"$logs/configure" 2>&1 || { cat "$logs/configure"; return 1; }
    "${fixed_addresses[@]}" cmake --build "$build" --parallel "$jobs" ${1:+--target "$@"} -- --quiet
}

# run_tests CTEST_OPTION...: everything in $build; the last lines are kept for the summary. More at once than there
# are cores: most wait for BMCs most of the time (a deprovisioning of four takes 170 s, of which 2 s are of the CPU).
run_tests() {
    "${fixed_addresses[@]}" ctest --test-dir "$build" --parallel $((3 * jobs)) --output-on-failure --no-tests=error --timeout 900 "$@" |
        tee "$logs/ctest"
    result=$(grep -E 'tests passed' "$logs/ctest")
}

our_sources() {
    find vault ipmi rotate cli tests -name '*.[ch]pp' -print0
}

# The code is formatted as .clang-format says.
format() {
    our_sources | xargs -0 clang-format-19 --dry-run -Werror
    result="$(our_sources | tr -cd '\0' | wc -c) files formatted"
}

# Every test, with AddressSanitizer and UndefinedBehaviorSanitizer (g++). Fuzz corpora, the commands in README.md and
# docs/, and real IPMI servers and clients are among them.
asan() {
    build asan
    run_tests
}

# The first command that a newcomer types, twice in a row.
quickstart() {
    cli/quickstart.sh
    (cd / && "$root/cli/quickstart.sh" >/dev/null)
    result="played twice"
}

# The other compiler: everything builds without a warning.
clang() {
    build clang
    result="no warnings"
}

# clang-tidy over the program (.clang-tidy says what it looks for).
tidy() {
    build clang bmcvault
    # That a translation unit includes .cpp files is what a unity build is.
    run-clang-tidy-19 -quiet -j "$jobs" -p "$build" -checks=-bugprone-suspicious-include \
        "^($root|$build)/(vault|ipmi|rotate|cli)/" >"$logs/tidy" 2>/dev/null ||
        { grep -E -A4 '(error|warning): ' "$logs/tidy" || cat "$logs/tidy"; return 1; }
    result="clean"
}

# Each fuzz target for some thousand inputs beyond its corpus, always the same ones.
fuzz() {
    build fuzz fuzzers
    local fuzzer count=0
    for fuzzer in "$build"/tests/fuzz/fuzz_*; do
        [[ -x "$fuzzer" && -f "$fuzzer" ]] || continue
        local name=${fuzzer##*/fuzz_}
        mkdir -p "$logs/found/$name"
        "$fuzzer" -seed=1 -runs=20000 -max_total_time=10 -timeout=10 -rss_limit_mb=2048 -verbosity=1 \
            -artifact_prefix="$build/tests/fuzz/" "$logs/found/$name" "tests/fuzz/corpus/$name" >"$logs/fuzz" 2>&1 ||
            { cat "$logs/fuzz"; return 1; }
        echo "$name: $(grep -E 'DONE' "$logs/fuzz")"
        count=$((count + 1))
    done
    ((count > 0))
    result="$count targets, no crash"
}

# The tests with threads, under ThreadSanitizer; it dislikes an address space that is randomised widely. Power cuts and
# histories of a team are long, and have one thread.
tsan() {
    if setarch --addr-no-randomize true 2>/dev/null; then fixed_addresses=(setarch --addr-no-randomize); fi
    build tsan threaded_tests
    run_tests --label-regex '^tsan$' --exclude-regex '^vault\.(power|exposure)_test$'
    fixed_addresses=()
}

if [[ -n "${1:-}" ]]; then stages=("$@"); else stages=("${all[@]}"); fi
cli/packaging/install-dependencies.sh test
for current in "${stages[@]}"; do
    [[ " ${all[*]} " == *" $current "* ]] || { echo "tests/run.sh: no stage '$current'; there are: ${all[*]}" >&2; exit 2; }
    printf '\n==== %s ====\n' "$current"
    start=$SECONDS
    "$current"
    summary+=("$(printf '%-10s %5d s  %s' "$current" $((SECONDS - start)) "$result")")
done

printf '\n==== summary ====\n'
printf '%s\n' "${summary[@]}"
printf 'all passed in %d min\n' $(((SECONDS + 59) / 60))
