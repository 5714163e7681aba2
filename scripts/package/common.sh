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

triple() { # ARCHITECTURE
	case $1 in
	amd64) echo x86_64-unknown-linux-gnu ;;
	arm64) echo aarch64-unknown-linux-gnu ;;
	armhf) echo armv7-unknown-linux-gnueabihf ;;
	armv6) echo arm-unknown-linux-musleabihf ;;
	*) die "no such architecture: $1" ;;
	esac
}

# Runs a binary of an architecture here.
run() { # ARCHITECTURE BINARY ARGUMENTS...
	arch=$1
	shift
	case $arch in
	"$(dpkg --print-architecture)") "$@" ;;
	arm64) qemu-aarch64-static -L /usr/aarch64-linux-gnu "$@" ;;
	armhf) qemu-arm-static -L /usr/arm-linux-gnueabihf "$@" ;;
	armv6) qemu-arm-static -cpu arm1176 "$@" ;;
	amd64) qemu-x86_64-static "$@" ;;
	esac
}

# What the binary says about itself: DIRECTORY/man/*.gz and DIRECTORY/bash, zsh, fish.
manual() { # ARCHITECTURE BINARY DIRECTORY
	run "$1" "$2" man "$3/man"
	gzip -9n "$3"/man/*
	for shell in bash zsh fish; do
		run "$1" "$2" completions "$shell" >"$3/$shell"
	done
}

# Into what is being made: $root, which is set by who sources this.
# shellcheck disable=SC2154
put() { # MODE FROM TO
	install -D -m "$1" "$2" "$root/$3"
}

# Everything that there is to read, laid out as in the clone: links and pictures find each other.
documentation() { # DIRECTORY
	for page in README.md ARCHITECTURE.md CONTRIBUTING.md CHANGELOG.md docs/*.md docs/usage/*.md docs/usage/images/* docs/images/* docs/development/*.md; do
		put 0644 "$page" "$1/$page"
	done
}

date_back() { find "$root" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +; }
