#!/bin/sh
# What the scripts of this directory share; sourced by them from the top of the clone.

CROSS_PREFIX=${CROSS_PREFIX:-${XDG_CACHE_HOME:-$HOME/.cache}/powerlogger-cross}

say() { echo "powerlogger: $*" >&2; }

die() {
	say "$*"
	exit 1
}
