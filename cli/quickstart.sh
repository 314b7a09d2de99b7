#!/usr/bin/env bash
# From a fresh Debian 12 to a rotated fleet: installs what the build needs, builds bmcvault, and plays one rotation
# against eight virtual BMCs of mixed vendors. Nothing leaves this machine; the practice fleet and its vault are deleted.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# ---- inside `bmcvault practice`: the fleet is up, fleet.csv is its inventory, this directory is empty otherwise ----

run() {
    printf '\n$ %s\n' "$*"
    "$@"
}

# Before the first rotation a check may well find something to report (exit code 6): factory passwords, for one.
run_may_report() {
    local code=0
    run "$@" || code=$?
    ((code == 0 || code == 6)) || exit "$code"
}

tour() {
    (umask 077 && head -c 18 /dev/urandom | base64 >passphrase)
    export BMCVAULT_DIR=$PWD/vault BMCVAULT_HEADS=$PWD/heads
    printf '\n$ export BMCVAULT_DIR=%s\n' "$BMCVAULT_DIR"

    run bmcvault init --passphrase-file passphrase
    run bmcvault bmc import fleet.csv --passphrase-file passphrase
    run_may_report bmcvault check --all --passphrase-file passphrase
    run bmcvault rotate --all --k-g --passphrase-file passphrase
    run bmcvault check --all --passphrase-file passphrase
    run bmcvault status --passphrase-file passphrase
}

if [[ "${1:-}" == --tour ]]; then
    tour
    exit
fi

# ---- the outside: packages, build, fleet ----

if (($# > 0)); then
    echo "usage: quickstart.sh" >&2
    exit 2
fi

"$root/cli/packaging/install-dependencies.sh" build
[[ -w "${HOME:-/nonexistent}" ]] || export CCACHE_DISABLE=1

build=$("$root/cli/packaging/build-directory.sh" release)
echo "Building bmcvault in $build (some minutes the first time) ..."
log=$(mktemp)
scratch=$(mktemp --directory)
trap 'rm -rf "$log" "$scratch"' EXIT
trap 'exit 130' INT TERM
if ! {
    cd "$root" && cmake --fresh --preset release -B "$build" &&
        cmake --build "$build" --target bmcvault --parallel "$(nproc)"
} >"$log" 2>&1 </dev/null; then
    cat "$log" >&2
    echo "quickstart.sh: the build failed; the lines above say where." >&2
    exit 1
fi

export PATH="$build/cli:$PATH"
cd "$scratch"
echo
echo "Eight virtual BMCs of mixed vendors on loopback, an empty directory, and:"
bmcvault practice --count 8 --mixed --seed 7 --inventory fleet.csv -- "$root/cli/quickstart.sh" --tour

cat <<END

Every BMC now holds a password, and where it can a K_G, that only that vault knew. The vault and the fleet are gone.
To go on by yourself:

  export PATH=$build/cli:\$PATH
  bmcvault practice --count 8 --mixed --inventory fleet.csv    # leave it running, and in a second terminal:
  bmcvault init                                                # asks for a passphrase
  bmcvault bmc import fleet.csv
  bmcvault rotate --all --dry-run

With real BMCs, write their names, addresses and users into a CSV file like fleet.csv and begin with
\`bmcvault check --all\`: it asks every BMC which credential it holds and changes nothing. README.md has the rest.
END
