#!/bin/sh
# The true daemon on a simulated house, an hour a minute. Nothing is sent anywhere, and its journal is
# apart from any real one.
set -eu
cd "$(dirname "$0")/.."
cargo=$(scripts/toolchain.sh)
echo "Building, the first time only (some minutes on a PC, much longer on a small board) ..."
"$cargo" build --release
dir=$(mktemp -d "${TMPDIR:-/tmp}/powerlogger-demo.XXXXXX")
trap 'rm -rf "$dir"' EXIT
echo
# By daylight, so that there is something to generate and export.
morning=$(date -u -d yesterday +%Y-%m-%dT09:00:00Z)
echo "A simulated house, 60 times as fast as life. Every 5 s a line says what has been counted."
echo "The page: http://127.0.0.1:8077/ (where another program has that port, the log says so)"
echo "Ctrl-C ends it, and then shows the status. (DEMO_SPAN=1h ends it after an hour of its time.)"
echo
trap : INT
target/release/powerlogger --config-dir "$dir" --queue-dir "$dir" run --simulate --speed 60 --since "$morning" \
	${DEMO_SPAN:+--for "$DEMO_SPAN"} || exit $?
echo
target/release/powerlogger --config-dir "$dir" --queue-dir "$dir" status
