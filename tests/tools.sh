#!/bin/sh
# Install the programs that tests drive, with apt-get, where they are missing and we may; `tools.sh PROGRAM:PACKAGE…`
# installs others. What stays missing is no error here: its tests are skipped and say so (or fail, with CI=true).
set -eu

missing=""
for pair in ${*:-redis-server:redis-server chromium:chromium postgres:postgresql wrk:wrk}; do
    program=${pair%%:*}
    package=${pair#*:}
    command -v "$program" >/dev/null 2>&1 || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "test-tools: missing:$missing (no apt-get here: install them by hand, or their tests are skipped)"
    exit 0
fi
if [ "$(id -u)" -eq 0 ]; then
    as_root=""
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    as_root="sudo -n"
else
    echo "test-tools: missing:$missing (not root and no password-free sudo: their tests are skipped)"
    exit 0
fi

echo "test-tools: installing$missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# Each package apart, so that one the distribution lacks does not hold back the others.
$as_root env DEBIAN_FRONTEND=noninteractive apt-get update </dev/null >"$log" 2>&1 || true
for package in $missing; do
    if ! $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$package" \
        </dev/null >"$log" 2>&1; then
        echo "test-tools: $package could not be installed:"
        tail -n 5 "$log"
    fi
done
