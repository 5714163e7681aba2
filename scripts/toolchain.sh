#!/bin/sh
# Prints the path of a cargo that can build PowerLogger (1.85 or newer, with a C compiler beside it
# for SQLite), after installing what is missing. All talk goes to stderr. Running it again does nothing.
set -eu

need_minor=85

say() { echo "powerlogger: $*" >&2; }

good() { # a cargo whose rustc is new enough
	"$1" --version >/dev/null 2>&1 || return 1
	minor=$("$1" --version | sed -n 's/^cargo 1\.\([0-9]*\).*/\1/p')
	[ "${minor:-0}" -ge "$need_minor" ]
}

find_cargo() {
	for candidate in cargo "$HOME/.cargo/bin/cargo" /usr/bin/cargo; do
		path=$(command -v "$candidate" 2>/dev/null) || continue
		if good "$path"; then
			echo "$path"
			return 0
		fi
	done
	return 1
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null 2>&1; then
		sudo "$@"
	else
		say "this needs root, and there is no sudo. Run as root: $*"
		exit 1
	fi
}

# The version of a package that apt would install; empty: none.
apt_version() { apt-cache policy "$1" 2>/dev/null | sed -n 's/^ *Candidate: \([0-9][^ ]*\)/\1/p'; }

apt_new_enough() {
	version=$(apt_version "$1")
	minor=${version#1.}
	[ "$minor" != "$version" ] && [ "${minor%%[!0-9]*}" -ge "$need_minor" ]
}

install_packages() {
	say "installing $* (by the system's package manager)"
	if command -v apt-get >/dev/null 2>&1; then
		as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" >&2
	elif command -v dnf >/dev/null 2>&1; then
		as_root dnf install -y "$@" >&2
	elif command -v yum >/dev/null 2>&1; then
		as_root yum install -y "$@" >&2
	elif command -v pacman >/dev/null 2>&1; then
		as_root pacman -S --noconfirm --needed "$@" >&2
	else
		say "no package manager that is known here; install these by hand: $*"
		exit 1
	fi
}

install_rustup() {
	say "installing Rust by rustup into ~/.cargo (no packaged Rust is new enough)"
	command -v curl >/dev/null 2>&1 || install_packages curl ca-certificates
	curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs |
		sh -s -- -y -q --profile minimal -c rustfmt -c clippy --no-modify-path >&2
}

install_cargo() {
	say "no Rust of 1.$need_minor or newer was found: it is installed now, a download of some 220 MB that takes"
	say "some 470 MB of the disk. It stays afterwards; remove it with the package manager (or \`rustup self uninstall\`)."
	if command -v apt-get >/dev/null 2>&1; then
		as_root apt-get update -q >&2
		if apt_new_enough cargo; then
			install_packages cargo rustc
		elif apt_new_enough cargo-web; then
			install_packages cargo-web rustc-web
		else
			install_rustup
		fi
	elif command -v pacman >/dev/null 2>&1; then
		install_packages rust
	elif command -v dnf >/dev/null 2>&1 || command -v yum >/dev/null 2>&1; then
		install_packages cargo rust
	else
		install_rustup
	fi
	find_cargo >/dev/null || install_rustup
}

command -v cc >/dev/null 2>&1 || {
	say "a C compiler is needed to build SQLite"
	if command -v apt-get >/dev/null 2>&1; then
		as_root apt-get update -q >&2
		install_packages gcc libc6-dev
	else
		install_packages gcc
	fi
}
find_cargo >/dev/null || install_cargo
find_cargo || {
	say "there is still no cargo of 1.$need_minor or newer; see https://rustup.rs"
	exit 1
}
