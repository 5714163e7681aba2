#!/bin/sh
# The true daemon on a simulated house, in the evening of a summer day, with a month of history. Nothing is sent anywhere,
# nothing is installed, and its journal is apart from any real one.
#   DEMO_SPEED=10    how many times as fast as life time runs after the history
#   DEMO_PAST=30days how much of its past is there from the start
#   DEMO_SPAN=1h     end after so much of its time
#   PROGRAM=PATH     another program than the one that is built here
set -eu
cd "$(dirname "$0")/.."
PROGRAM=${PROGRAM:-}
if [ -z "$PROGRAM" ]; then
	cargo=$(scripts/toolchain.sh)
	echo "Building, the first time only (some minutes on a PC, much longer on a small board) ..."
	"$cargo" build --release
	PROGRAM=target/release/powerlogger
fi

# Whether a port is listened at, by the kernel's lists.
is_taken() {
	grep -qiE ":$(printf %04x "$1") [0-9a-f]+:0000 0a " /proc/net/tcp /proc/net/tcp6 2>/dev/null
}

port=8077
while is_taken "$port" && [ "$port" -lt 8097 ]; do
	port=$((port + 1))
done
page=http://127.0.0.1:$port/

dir=$(mktemp -d "${TMPDIR:-/tmp}/powerlogger-demo.XXXXXX")
zone=Europe/Berlin
[ -e "/usr/share/zoneinfo/$zone" ] || zone=UTC
cat >"$dir/powerlogger.toml" <<END
# A house that is made up.
[site]
name = "Demo house (simulated)"
time_zone = "$zone"

[web]
listen = "127.0.0.1:$port"

[[meter]]
name = "Import"
line = 20
imp_per_kwh = 1000

[[meter]]
name = "Export"
line = 26
imp_per_kwh = 1000

[[meter]]
name = "Generate"
line = 21
imp_per_kwh = 1000
END

# The last midsummer that has passed; by then there is a month of this year behind it, and still some sun.
year=$(date -u +%Y)
[ "$(date -u +%m%d)" -gt 0621 ] || year=$((year - 1))
evening=${year}-06-21T16:30:00Z

powerlogger() {
	"$PROGRAM" --config-dir "$dir" --queue-dir "$dir/journal" "$@"
}

run() {
	# shellcheck disable=SC2086 # Two words, or none.
	exec "$PROGRAM" --config-dir "$dir" --queue-dir "$dir/journal" run --simulate --since "$evening" --past "${DEMO_PAST:-30days}" \
		--speed "${DEMO_SPEED:-10}" ${DEMO_SPAN:+--for "$DEMO_SPAN"}
}

# What is done as soon as it answers: the page is opened where there is somewhere to, and, when all of the past has been
# counted, the meters are read, even if the daemon has ended by then.
accompany() {
	until is_taken "$port" || ! kill -0 "$daemon" 2>/dev/null; do sleep 0.2; done
	if [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] && [ -t 1 ] && command -v xdg-open >/dev/null 2>&1; then
		xdg-open "$page" >/dev/null 2>&1 &
	fi
	ended=
	until grep -q "what is past has been counted" "$dir/log" 2>/dev/null; do
		[ -z "$ended" ] || return 0
		kill -0 "$daemon" 2>/dev/null || ended=1
		sleep 0.5
	done
	for reading in "Import 18250.4" "Export 6120.7" "Generate 9874.2"; do
		# shellcheck disable=SC2086 # Name and number.
		powerlogger register set $reading --at "$evening" >/dev/null 2>&1 || true
	done
}

daemon=
companion=
# The last that was shown is on the screen.
is_shown=
finish() {
	trap - EXIT
	[ -z "$daemon" ] || kill "$daemon" 2>/dev/null || true
	[ -z "$daemon" ] || wait "$daemon" 2>/dev/null || true
	[ -z "$companion" ] || wait "$companion" 2>/dev/null || true
	[ "${1:-0}" != 0 ] || [ -n "$is_shown" ] || powerlogger status || true
	echo
	echo "The demo has ended. All it leaves is $dir (\`rm -r $dir\`)."
	exit "${1:-0}"
}

echo
echo "A SIMULATED house on the evening of $year-06-21, ${DEMO_SPEED:-10} times as fast as life; first its past (${DEMO_PAST:-30days}),"
echo "which takes some seconds. Everything is in $dir."
echo
echo "The page:  $page"
echo
trap 'finish 0' INT
trap 'finish 1' TERM HUP
trap 'finish $?' EXIT
mkdir "$dir/journal"
if [ -t 0 ] && [ -t 1 ]; then
	run >/dev/null 2>"$dir/log" &
	daemon=$!
	accompany &
	companion=$!
	# There is something to show as soon as the journal can be read.
	while kill -0 "$daemon" 2>/dev/null && ! powerlogger status >/dev/null 2>&1; do sleep 0.2; done
	powerlogger status --watch || {
		cat "$dir/log" >&2
		finish 1
	}
	is_shown=1
	finish 0
fi
echo "Ctrl-C ends it, and then shows the status."
: >"$dir/log"
run 2>"$dir/log" &
daemon=$!
accompany &
companion=$!
tail -n +1 -f --pid="$daemon" "$dir/log" >&2
code=0
wait "$daemon" || code=$?
daemon=
if [ "$code" = 0 ]; then
	wait "$companion" || true
	companion=
fi
finish "$code"
