#!/usr/bin/env bash
# Installs what Debian 12 needs to build bmcvault (build), or to build it and run every test (test).
# Does nothing when all of it is there. Works as root and for a user with sudo.
set -euo pipefail

build_packages=(
    g++ cmake ninja-build pkg-config
    libasio-dev libfreeipmi-dev libsqlcipher-dev libsodium-dev libgfshare-dev libssl-dev libzstd-dev
    libcli11-dev nlohmann-json3-dev libfmt-dev libtomlplusplus-dev
)
test_packages=(
    ccache clang-19 clang-tidy-19 clang-format-19 libclang-rt-19-dev
    libgtest-dev libgmock-dev librapidcheck-dev libbenchmark-dev
    openipmi ipmitool freeipmi-tools python3 python3-pyghmi
    libgfshare-bin python3-nacl strace chromium openssl faketime systemd python3-yaml prometheus-ipmi-exporter
)

# SQLCipher 4, which Debian 12 does not have: the tests let it read and write our files.
sqlcipher_4=@journeyapps/sqlcipher@6.0.0
npm_directory=/usr/local/lib/bmcvault-test
command -v npm >/dev/null || test_packages+=(nodejs npm libnode-dev)

case "${1:-}" in
    build) wanted=("${build_packages[@]}") ;;
    test) wanted=("${build_packages[@]}" "${test_packages[@]}") ;;
    *)
        echo "usage: install-dependencies.sh build|test" >&2
        exit 2
        ;;
esac

is_installed() {
    [[ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null)" == installed ]]
}

missing=()
if command -v dpkg-query >/dev/null; then
    for package in "${wanted[@]}"; do
        is_installed "$package" || missing+=("$package")
    done
else
    missing=("${wanted[@]}")
fi
wants_npm=false
if [[ "$1" == test && ! -d "$npm_directory/node_modules/@journeyapps/sqlcipher/build/Release" ]]; then wants_npm=true; fi
if ((${#missing[@]} == 0)) && ! $wants_npm; then
    exit 0
fi

system=$(. /etc/os-release 2>/dev/null && echo "${ID:-} ${VERSION_ID:-}") || system=
if [[ "$system" != "debian 12" ]]; then
    echo "install-dependencies.sh: this is '${system:-an unknown system}', not Debian 12, so nothing was installed." >&2
    echo "Install the equivalents of these packages by hand, then run the same command again:" >&2
    echo "  ${missing[*]}" >&2
    exit 1
fi

as_root=()
if ((EUID != 0)); then
    if ! command -v sudo >/dev/null; then
        echo "install-dependencies.sh: packages are missing and there is no sudo here. As root, run:" >&2
        echo "  apt-get install ${missing[*]}" >&2
        exit 1
    fi
    as_root=(sudo)
fi

apt_get() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@" </dev/null
}
if ((${#missing[@]} > 0)); then
    echo "Installing: ${missing[*]}"
    apt_get update
    apt_get install --yes --no-install-recommends "${missing[@]}" >/dev/null
fi
if $wants_npm; then
    echo "Installing with npm: $sqlcipher_4"
    "${as_root[@]}" npm install --silent --no-save --prefix "$npm_directory" "$sqlcipher_4" </dev/null >/dev/null
fi
