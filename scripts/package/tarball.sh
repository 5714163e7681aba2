#!/bin/sh
# Makes the tarball: one static program for ARMv6 (the first Raspberry Pi, the Zero) and everything after it.
# Unpacked in /, it puts everything below /usr/local; docs/usage/install.md says what comes next.
#
# OUT (target/packages)   where it goes
# BINARY ()               an already built binary
#
# The same sources give the same bytes.
set -eu
cd "$(dirname "$0")/../.."
# shellcheck source=scripts/package/common.sh
. scripts/package/common.sh

OUT=${OUT:-target/packages}
stamp
umask 022
export LC_ALL=C

binary=${BINARY:-}
[ -n "$binary" ] || binary=$(scripts/package/build.sh armv6 --bin powerlogger)
if readelf -d "$binary" | grep -q NEEDED; then
	die "$binary is not static"
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
put 0755 "$binary" usr/local/bin/powerlogger
manual armv6 "$binary" "$work"
for page in "$work"/man/*.1.gz; do
	put 0644 "$page" "usr/local/share/man/man1/${page##*/}"
done
put 0644 "$work/man/powerlogger.toml.5.gz" usr/local/share/man/man5/powerlogger.toml.5.gz
put 0644 "$work/bash" usr/local/share/bash-completion/completions/powerlogger
put 0644 "$work/zsh" usr/local/share/zsh/site-functions/_powerlogger
put 0644 "$work/fish" usr/local/share/fish/vendor_completions.d/powerlogger.fish
for unit in powerlogger.service powerlogger-backup.service powerlogger-backup.timer; do
	put 0644 "dist/systemd/$unit" "usr/local/lib/systemd/system/$unit"
done
put 0644 dist/sysusers.d/powerlogger.conf usr/local/lib/sysusers.d/powerlogger.conf
put 0644 dist/tmpfiles.d/powerlogger.conf usr/local/lib/tmpfiles.d/powerlogger.conf
put 0644 dist/udev/60-powerlogger-gpio.rules usr/local/lib/udev/rules.d/60-powerlogger-gpio.rules
put 0644 dist/powerlogger.toml usr/local/share/powerlogger/powerlogger.toml
put 0644 .env.example usr/local/share/powerlogger/env.example
find dist/grafana -type f | sort | while read -r file; do
	put 0644 "$file" "usr/local/share/powerlogger/${file#dist/}"
done
scripts/package/copyright.sh "$(triple armv6)" >"$work/copyright"
put 0644 "$work/copyright" usr/local/share/doc/powerlogger/copyright
documentation usr/local/share/doc/powerlogger
date_back
mkdir -p "$OUT"
file=$OUT/powerlogger-$(version)-armv6.tar.gz
# Files only: the directories of the system keep their rights.
(cd "$root" && find usr -type f | sort) |
	tar -C "$root" --no-recursion --files-from=- --owner=root:0 --group=root:0 -c | gzip -9n >"$file"
echo "$file"
