#!/bin/sh
# Prints the copyright file of a package: of us and of everything that is linked in, as Cargo.lock has it.
#
#   scripts/package/copyright.sh TARGET     a triple: what is linked in differs a little by architecture
#
# CARGO (scripts/toolchain.sh)   which cargo to ask; nothing is built or fetched
set -eu
cd "$(dirname "$0")/../.."
# shellcheck source=scripts/package/common.sh
. scripts/package/common.sh

target=${1:?a target triple}
cargo=${CARGO:-$(scripts/toolchain.sh)}
texts=scripts/package/licences
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Where each crate's sources are.
"$cargo" metadata --locked --offline --format-version 1 --filter-platform "$target" |
	grep -o '"manifest_path":"[^"]*"' | sed 's/^[^:]*:"//; s/\/Cargo.toml"$//' >"$work/sources"

# NAME VERSION|LICENCE of each crate that is linked in: not what only builds, tests or expands macros.
"$cargo" tree --locked --offline -e normal,no-proc-macro --target "$target" --prefix none -f '{p}|{l}' |
	sed 's/ (\*)$//; s/ (\/[^|]*)|/|/' | grep -v '^powerlogger ' | sort -u >"$work/crates"

# The licence of which we make use, of those that are offered.
chosen() { # EXPRESSION
	case $1 in
	*" AND "*) echo "$1" | sed 's/ AND / and /g; s/ OR / or /g' ;;
	*MIT*) echo MIT ;;
	*ISC*) echo ISC ;;
	*Zlib*) echo Zlib ;;
	*BSD-3-Clause*) echo BSD-3-Clause ;;
	*) echo "$1" ;;
	esac
}

# Who holds the copyright: the lines of the licence files, else the authors that Cargo.toml names.
holders() { # DIRECTORY NAME
	lines=$(find "$1" -maxdepth 1 -type f \( -iname 'licen*' -o -iname 'copying*' -o -iname 'copyright*' \) -exec cat {} + |
		sed 's/^[/#* \t]*//' | grep -iE '^(copyright|\(c\)|©).*[0-9]{4}' | grep -vE '\[yyyy\]|\{yyyy\}' |
		sed -E 's/^(copyright|\(c\)|©)[: ]*//I; s/^(\(c\)|©) *//I; s/[ \t]*$//' | sort -u)
	if [ -z "$lines" ]; then
		lines=$(awk '/^authors = \[/ { on = 1 } on { print } /\]/ { on = 0 }' "$1/Cargo.toml" |
			grep -o '"[^"]*"' | tr -d '"' || true)
	fi
	printf '%s\n' "${lines:-the authors of $2}"
}

continued() { sed 's/^$/./; s/^/ /'; }

cat <<'HEAD'
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: powerlogger
Comment:
 The first paragraph is of PowerLogger itself. The others are of the libraries that are linked into its
 program; where a library offers several licences, the one given here is that of which use is made.

Files: *
HEAD
sed -n 's/^Copyright (c) /Copyright: /p' LICENSE-MIT
echo 'License: MIT or Apache-2.0'
printf 'MIT\nApache-2.0\npublic-domain\n' >"$work/used"

while IFS='|' read -r crate licence; do
	name=${crate%% *}
	version=${crate##* v}
	dir=$(grep -E "/$name-$(echo "$version" | sed 's/[.+]/\\&/g')\$" "$work/sources" | head -n 1)
	[ -n "$dir" ] || die "the sources of $name $version are not here; run \`cargo fetch\`"
	licence=$(chosen "$licence")
	echo "$licence" | sed 's/ and / or /g; s/ or /\n/g' >>"$work/used"
	printf '\nFiles: crates/%s-%s/*\nCopyright:\n' "$name" "$version"
	holders "$dir" "$name" | continued
	echo "License: $licence"
done <"$work/crates"

cat <<'STD'

Files: rust/library/*
Copyright: The Rust Project Developers, and the authors of the crates that it is made of
License: MIT
Comment:
 The standard library, with addr2line, backtrace, cfg-if, compiler-builtins, gimli, hashbrown, libc, memchr,
 miniz_oxide, object and rustc-demangle, each of which is offered under MIT, too.

Files: sqlite3.c
Copyright: none
License: public-domain
STD
case $target in
*-musl*)
	cat <<-'STATIC'

		Files: musl/*
		Copyright: 2005-2020 Rich Felker, et al.
		License: MIT
		Comment: the C library, linked in

		Files: llvm-project/libunwind/* llvm-project/compiler-rt/*
		Copyright: 2009-2019 the contributors listed in their CREDITS.TXT, and the LLVM contributors since
		License: Apache-2.0 with LLVM-exception
		Comment: linked in
	STATIC
	echo 'Apache-2.0 with LLVM-exception' >>"$work/used"
	;;
esac

sort -u "$work/used" | while read -r licence; do
	[ -f "$texts/$licence" ] || die "there is no text of the licence $licence in $texts"
	printf '\nLicense: %s\n' "$licence"
	continued <"$texts/$licence"
done
