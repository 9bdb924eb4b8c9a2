#!/bin/sh
# Install the Debian packages whose command is missing; where that is not allowed, say in one sentence which they are.
# Usage: install-packages.sh FILE, with one "package command" a line.
set -eu

list=$1
log=${TMPDIR:-/tmp}/tallystick-packages.$$.log

packages_missing() {
    while read -r package command _; do
        case $package in '' | '#'*) continue ;; esac
        command -v "$command" >/dev/null 2>&1 || printf ' %s' "$package"
    done <"$list"
}

missing=$(packages_missing)
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "the tests need these Debian packages or their like, and there is no apt-get here:$missing" >&2
    exit 1
elif [ "$(id -u)" -eq 0 ]; then
    as_root=env
elif sudo -n true >/dev/null 2>&1; then
    as_root="sudo -n env"
else
    echo "the tests need these Debian packages, and installing them takes root:$missing" >&2
    exit 1
fi

echo "installing Debian packages:$missing"
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086  # both are lists of words
if ! { $as_root apt-get update && $as_root DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing; } \
    </dev/null >"$log" 2>&1; then
    cat "$log" >&2
    echo "apt-get could not install these Debian packages:$missing" >&2
    exit 1
fi

missing=$(packages_missing)
[ -z "$missing" ] || { echo "these Debian packages are installed, and their commands are still not there:$missing" >&2; exit 1; }
