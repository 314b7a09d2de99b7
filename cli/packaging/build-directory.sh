#!/usr/bin/env bash
# Prints where to build a preset: build/PRESET in the checkout, or the user's cache where the checkout is not theirs.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
preset=${1:?usage: build-directory.sh PRESET}

is_ours() {
    [[ -w "$1" ]] && [[ -z "$(find "$1" -maxdepth 1 ! -user "$(id -un)" -print -quit)" ]]
}

directory="$root/build/$preset"
if mkdir -p "$directory" 2>/dev/null && is_ours "$directory"; then
    echo "$directory"
else
    directory="${XDG_CACHE_HOME:-$HOME/.cache}/bmcvault/$preset"
    mkdir -p "$directory"
    echo "$directory"
fi
