#!/usr/bin/env bash
# From a clone to the first report, as somebody does who has just found hass: every command that
# must be typed, with its seconds, and those of computing, which do not depend on what else runs.
#
#   tests/bench/newcomer.sh [REPOSITORY [FOLDER]]    # this repository; a new folder in /tmp
#
# PIP_NO_CACHE_DIR=1 says what it takes where pip has downloaded nothing before.
set -euo pipefail

repository=${1:-$(git -C "$(dirname "$0")" rev-parse --show-toplevel)}
folder=${2:-$(mktemp -d)/hass}
commands=0 total=0 computed=0
TIMEFORMAT='%R %U %S'

timed() {
	echo "\$ $*"
	{ time "$@" >"$log" 2>&1; } 2>"$log.time" || { tail -n 20 "$log" >&2; exit 1; }
	local seconds cores # waited for, and computed on all cores together
	read -r seconds cores < <(awk '{ printf "%.0f %.0f\n", $1, $2 + $3 }' "$log.time")
	echo "  $seconds s, $cores s of computing"
	commands=$((commands + 1)) total=$((total + seconds)) computed=$((computed + cores))
}

log=${LOG:-$(mktemp)} # of the last command
timed git clone --quiet "$repository" "$folder"
cd "$folder"
commands=$((commands + 1)) # cd
timed make .venv/.run
installed=$commands
timed make run
commands=$installed # make run does both: they are timed apart
test -s out/digits/report.html
echo "$commands commands, $total s, $computed s of computing; $folder/out/digits/report.html, $(stat -c %s out/digits/report.html) bytes"
echo "pip's cache: $([ -n "${PIP_NO_CACHE_DIR:-}" ] && echo off || .venv/bin/python -m pip cache info 2>/dev/null | sed -n 's/^Package index page cache size: //p')"
