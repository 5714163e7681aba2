#!/bin/sh
# Builds for another machine: scripts/package/build.sh amd64|arm64|armhf|armv6 [CARGO-ARGUMENTS...]
# Prints the path of the binary. Needs what cross-setup.sh puts in place (armv6: `cross-setup.sh static`).
#
# COMMAND (build)              build, or test: runs the tests, through qemu
# TARGET_DIR (target/package)  where cargo builds
#
# The bytes depend on sources and compiler only: neither on this directory nor on the day.
set -eu
cd "$(dirname "$0")/../.."
# shellcheck source=scripts/package/common.sh
. scripts/package/common.sh

arch=${1:?amd64, arm64, armhf or armv6}
shift
command=${COMMAND:-build}
dir=${TARGET_DIR:-target/package}
top=$(pwd -P)
cargo_home=${CARGO_HOME:-$HOME/.cargo}

case $arch in
amd64) target=x86_64-unknown-linux-gnu cross='' qemu='' ;;
arm64) target=aarch64-unknown-linux-gnu cross=aarch64-linux-gnu qemu=qemu-aarch64-static ;;
armhf) target=armv7-unknown-linux-gnueabihf cross=arm-linux-gnueabihf qemu=qemu-arm-static ;;
armv6) target=arm-unknown-linux-musleabihf cross='' qemu='qemu-arm-static -cpu arm1176' ;;
*) die "no such architecture: $arch" ;;
esac

# RUSTFLAGS would make cargo overlook the flags of the target.
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS CARGO_BUILD_RUSTFLAGS
big=$(echo "$target" | tr 'a-z-' 'A-Z_')
small=$(echo "$target" | tr - _)
rust="--remap-path-prefix=$top=/powerlogger --remap-path-prefix=$cargo_home=/cargo"
rust="$rust --remap-path-prefix=$CROSS_PREFIX=/cross"
c="-ffile-prefix-map=$top=/powerlogger -ffile-prefix-map=$cargo_home=/cargo"
path=/usr/bin:/bin:/usr/sbin:/sbin

versions_agree() {
	# dpkg-query's own placeholder, and nothing installed is an answer, too.
	# shellcheck disable=SC2016
	host=$(dpkg-query -W -f '${Version}' libstd-rust-web-dev:amd64 2>/dev/null || true)
	if [ -z "$host" ] || [ "$host" != "$(cat "$CROSS_PREFIX/std/.version" 2>/dev/null)" ]; then
		die "the compilers are missing or differ in version; run scripts/package/cross-setup.sh"
	fi
}

case $arch in
amd64 | arm64 | armhf)
	versions_agree
	export PATH=$path RUSTC=/usr/bin/rustc RUSTDOC=/usr/bin/rustdoc
	if [ -n "$cross" ]; then
		rust="$rust --sysroot=$CROSS_PREFIX/std/usr"
		export "CARGO_TARGET_${big}_LINKER=$cross-gcc" "CARGO_TARGET_${big}_RUNNER=$qemu -L /usr/$cross" \
			"CC_$small=$cross-gcc" "AR_$small=$cross-ar"
	fi
	# SQLite's times on 32 bits, too.
	[ "$arch" != armhf ] || c="$c -D_TIME_BITS=64 -D_FILE_OFFSET_BITS=64"
	tool=/usr/bin/cargo
	more=
	;;
armv6)
	new=$CROSS_PREFIX/new
	[ -x "$new/zig/bin/cargo-zigbuild" ] || die "run \`scripts/package/cross-setup.sh static\` first"
	# The compiler of the distribution has no standard library for musl: it is built along, which only a
	# compiler that takes unstable options does. Zig brings the start files.
	export PATH="$new/zig/bin:$new/bin:$path" RUSTC="$new/bin/rustc" RUSTDOC="$new/bin/rustdoc" \
		RUSTC_BOOTSTRAP=1 "CARGO_TARGET_${big}_RUNNER=$qemu"
	rust="$rust -Clink-self-contained=no"
	tool=cargo-zigbuild
	[ "$command" = test ] || command=zigbuild
	more=-Zbuild-std=std,panic_unwind
	;;
esac
export "CARGO_TARGET_${big}_RUSTFLAGS=$rust" "CFLAGS_$small=$c"
stamp
profile=release
[ "$command" != test ] || profile=dev
# shellcheck disable=SC2086  # none or one
"$tool" "$command" --locked --profile "$profile" --target "$target" --target-dir "$dir" $more "$@" >&2
[ "$command" = test ] || echo "$dir/$target/release/powerlogger"
