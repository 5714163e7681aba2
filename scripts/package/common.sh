#!/bin/sh
# What the scripts of this directory share; sourced by them from the top of the clone.

CROSS_PREFIX=${CROSS_PREFIX:-${XDG_CACHE_HOME:-$HOME/.cache}/powerlogger-cross}

say() { echo "powerlogger: $*" >&2; }

die() {
	say "$*"
	exit 1
}

# The same sources give the same bytes: commit and time are those of the sources, never those of the build.
# Sets POWERLOGGER_COMMIT and SOURCE_DATE_EPOCH unless they are set.
stamp() {
	if [ -z "${POWERLOGGER_COMMIT:-}" ] || [ -z "${SOURCE_DATE_EPOCH:-}" ]; then
		if [ -e .git ] && shown=$(git log -1 --format='%h %ct' --abbrev=12 2>/dev/null); then
			[ -z "$(git status --porcelain --untracked-files=no)" ] || shown="${shown% *}+changes ${shown#* }"
		else
			shown=$(cat dist/COMMIT)
		fi
		case $shown in
		\$*) die "this is neither a clone nor an archive of one: set POWERLOGGER_COMMIT and SOURCE_DATE_EPOCH" ;;
		esac
		POWERLOGGER_COMMIT=${shown% *}
		SOURCE_DATE_EPOCH=${shown#* }
	fi
	export POWERLOGGER_COMMIT SOURCE_DATE_EPOCH
}

version() { sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1; }
