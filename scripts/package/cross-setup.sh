#!/bin/sh
# Prepares an x86-64 Debian 12 for building packages of all three architectures; safe to run again.
#
#   scripts/package/cross-setup.sh          amd64, arm64, armhf (Rust of the distribution, glibc 2.34 or newer)
#   scripts/package/cross-setup.sh static   also what the static ARMv6 tarball needs
#
# CROSS_PREFIX (~/.cache/powerlogger-cross)   where the foreign standard libraries are unpacked
#
# Compilers come from apt as usual. The ARM standard libraries are only unpacked: installing them would
# want foreign copies of libllvm and libxml2 at just the native version, which apt refuses whenever one
# index is older than another. They must be of exactly the compiler's version, so the newest version that
# all three architectures have is chosen. No foreign architecture is added to the system.
set -eu
cd "$(dirname "$0")/../.."
# shellcheck source=scripts/package/common.sh
. scripts/package/common.sh

what=${1:-}
state=$CROSS_PREFIX/apt
suite=bookworm
foreign="arm64 armhf"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
static_tools="ziglang==0.17.1 cargo-zigbuild==0.24.0"

as_root() { # COMMAND...
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null 2>&1; then
		sudo "$@"
	else
		die "this needs root, and there is no sudo. Run as root: $*"
	fi
}

apt_install() {
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 \
		install -y -qq --no-install-recommends --allow-downgrades "$@"
}

# The mirror that this machine already uses: LABEL SUITE
mirror() {
	# shellcheck disable=SC2016  # apt's own placeholders
	apt-get indextargets --format '$(LABEL)|$(CODENAME)|$(COMPONENT)|$(REPO_URI)' 'Created-By: Packages' |
		awk -F'|' -v label="$1" -v suite="$2" '$1 == label && $2 == suite && $3 == "main" { print $4; exit }'
}

# apt with its state of our own, which knows the foreign architectures.
own() { # apt-get|apt-cache ARGUMENTS...
	command=$1
	shift
	"$command" -qq -o "Dir::State::lists=$state/lists" -o "Dir::Cache=$state/cache" \
		-o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$state/sources" \
		-o APT::Architectures::=amd64 -o APT::Architectures::=arm64 -o APT::Architectures::=armhf \
		-o APT::Sandbox::User=root "$@"
}

own_sources() {
	mkdir -p "$state/lists/partial" "$state/cache/archives/partial" "$state/sources"
	rm -f "$state/sources"/*.sources
	main=$(mirror Debian $suite)
	[ -n "$main" ] || die "apt has no source for $suite main"
	source_file main "$main" $suite "amd64 $foreign"
	if [ "$what" = static ]; then
		security=$(mirror Debian-Security $suite-security)
		[ -n "$security" ] || die "apt has no source for $suite-security main"
		source_file security "$security" $suite-security amd64
	fi
	own apt-get update
}

source_file() { # NAME URI SUITE ARCHITECTURES
	printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nArchitectures: %s\nSigned-By: %s\n' \
		"$2" "$3" "$4" "$keyring" >"$state/sources/$1.sources"
}

versions() { # PACKAGE:ARCHITECTURE
	own apt-cache madison "$1" | awk -F'|' '{ gsub(/ /, "", $2); print $2 }' | sort -u
}

newest_common() { # PACKAGE: the newest version that every architecture has
	versions "$1:amd64" >"$state/common"
	for arch in $foreign; do
		versions "$1:$arch" | comm -12 "$state/common" - >"$state/both"
		mv "$state/both" "$state/common"
	done
	sort -V "$state/common" | tail -n 1
}

short() { echo "$1" | sed -E 's/^([0-9]+\.[0-9]+).*/\1/'; }

unpack() { # PACKAGE:ARCHITECTURE VERSION DIRECTORY: apt checks the hash
	fetched=$state/fetched
	rm -rf "$fetched"
	mkdir -p "$fetched"
	(cd "$fetched" && own apt-get download "$1=$2")
	dpkg -x "$fetched"/*.deb "$3"
	rm -rf "$fetched"
}

compilers() {
	version=$(newest_common libstd-rust-web-dev)
	[ -n "$version" ] || die "there is no Rust that amd64, arm64 and armhf have in common"
	say "Rust $version for all architectures"
	apt_install "rustc-web=$version" "cargo-web=$version" "libstd-rust-web-dev=$version" \
		"libstd-rust-web-$(short "$version")=$version" gcc libc6-dev gcc-aarch64-linux-gnu \
		gcc-arm-linux-gnueabihf libc6-dev-arm64-cross libc6-dev-armhf-cross qemu-user-static \
		lintian dpkg-dev xz-utils gzip debootstrap
	if [ "$(cat "$CROSS_PREFIX/std/.version" 2>/dev/null)" != "$version" ]; then
		rm -rf "$CROSS_PREFIX/std"
		mkdir -p "$CROSS_PREFIX/std"
		for arch in $foreign; do
			unpack "libstd-rust-web-dev:$arch" "$version" "$CROSS_PREFIX/std"
		done
		echo "$version" >"$CROSS_PREFIX/std/.version"
	fi
}

# A second, newer compiler beside the first, whose standard library is built from source for musl; zig
# brings musl, its start files and a linker for the very CPU. (Debian's cross gcc has ARMv7 start files.)
static() {
	version=$(versions rust-web-src:amd64 | sort -V | tail -n 1)
	new=$CROSS_PREFIX/new
	std=libstd-rust-web-$(short "$version")
	llvm=$(own apt-cache show "$std=$version" | sed -n 's/^Depends:.*\(libllvm[0-9]*\).*/\1/p' | head -n 1)
	if [ "$(cat "$new/.version" 2>/dev/null)" != "$version" ]; then
		rm -rf "$new"
		mkdir -p "$new/bin"
		for package in rustc-web cargo-web "$std" libstd-rust-web-dev; do
			unpack "$package:amd64" "$version" "$new"
		done
		unpack rust-web-src "$version" "$new"
		unpack "$llvm:amd64" "$(versions "$llvm:amd64" | sort -V | tail -n 1)" "$new"
		for tool in rustc cargo rustdoc; do
			printf '#!/bin/sh\nexport LD_LIBRARY_PATH=%s/usr/lib/x86_64-linux-gnu\nexec %s/usr/bin/%s "$@"\n' \
				"$new" "$new" "$tool" >"$new/bin/$tool"
			chmod +x "$new/bin/$tool"
		done
		echo "$version" >"$new/.version"
	fi
	apt_install libgit2-1.5 libz3-4 libedit2 libxml2 python3-venv
	if [ ! -x "$new/zig/bin/cargo-zigbuild" ]; then
		python3 -m venv "$new/zig"
		# shellcheck disable=SC2086  # a list
		"$new/zig/bin/pip" -q install $static_tools
	fi
	"$new/bin/rustc" --version
}

[ "$(dpkg --print-architecture)" = amd64 ] || die "this is for an amd64 machine"
# shellcheck source=/dev/null
. /etc/os-release
[ "${VERSION_CODENAME:-}" = $suite ] || say "note: tried on Debian 12 ($suite) only"
as_root apt-get update -qq || say "note: some of apt's indexes were not updated; going on"
own_sources
compilers
[ "$what" != static ] || static
say "ready: $(/usr/bin/rustc --version), in $CROSS_PREFIX: $(ls "$CROSS_PREFIX")"
