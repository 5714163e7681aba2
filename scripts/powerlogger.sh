#!/bin/sh
# Runs a command of the binary: the installed one with the service's configuration if there is one, else
# that of this clone (built if it must be) with ./.env and ./powerlogger.toml.
set -eu
cd "$(dirname "$0")/.."

PREFIX=${PREFIX:-/usr/local}
conf=/etc/powerlogger

say() { echo "powerlogger: $*" >&2; }

for binary in "$PREFIX/bin/powerlogger" /usr/bin/powerlogger; do
	if [ -x "$binary" ] && [ -d "$conf" ]; then
		say "using $binary with $conf"
		if [ "$(id -u)" != 0 ] && command -v sudo >/dev/null 2>&1; then
			# The configuration holds a secret and belongs to root.
			exec sudo "$binary" --config-dir "$conf" "$@"
		fi
		exec "$binary" --config-dir "$conf" "$@"
	fi
done
binary=target/release/powerlogger
if [ ! -x "$binary" ]; then
	cargo=$(scripts/toolchain.sh)
	say "building (some minutes on a Raspberry Pi, the first time only)"
	"$cargo" build --release
fi
exec "$binary" "$@"
