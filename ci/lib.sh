# shellcheck shell=bash
# What the scripts of this folder share. Sourced, never run.

set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export ROOT

# A clone in another folder finds what this one has compiled.
export CCACHE_BASEDIR=$ROOT CCACHE_NOHASHDIR=1

# Colours on a terminal only, and never when NO_COLOR is set (no-color.org).
if [ -t 2 ] && [ -z "${NO_COLOR:-}" ]; then
    BOLD=$'\e[1m' RED=$'\e[31m' GREEN=$'\e[32m' DIM=$'\e[2m' PLAIN=$'\e[0m'
else
    BOLD='' RED='' GREEN='' DIM='' PLAIN=''
fi
export BOLD RED GREEN DIM PLAIN

say() { printf '%s\n' "$*" >&2; }
die() {
    printf '%serror:%s %s\n' "$RED" "$PLAIN" "$1" >&2
    [ -z "${2:-}" ] || printf 'hint: %s\n' "$2" >&2
    exit "${3:-1}"
}

# Seconds since the epoch with three decimals, and the difference of two of them.
now() { printf '%s' "${EPOCHREALTIME/,/.}"; }
elapsed() { awk -v a="$1" -v b="$(now)" 'BEGIN { printf "%.1f", b - a }'; }

jobs_max() { nproc; }

# Where results that depend on nothing but the content of files are kept between runs and clones.
cache_dir() { printf '%s' "${LABCTL_CACHE:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/labctl-ci}"; }
