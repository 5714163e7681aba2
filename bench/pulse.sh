#!/bin/sh
# What a pulse costs, and what the daemon costs while nothing moves, beside the budgets:
#
#   bench/pulse.sh [PROGRAM]          (target/release/powerlogger)
#
# A simulated house of six meters with default filters makes some 180 pulses/s. CPU time and context switches are the
# kernel's own counts over SECONDS_MEASURED (60); system calls are counted by strace in a stretch of their own, because
# it slows what it counts. Idle, the house makes no pulse: wake-ups are voluntary context switches of all threads;
# SQL is what takes a lock of the WAL to read it, a write is what goes to a file. With INFLUXD=/path/to/influxd the
# idle part runs once more with a server. Needs strace; works as root and in any directory. On a busy machine CPU time
# and involuntary switches are more: compare figures of one hour.
set -eu
program=$(readlink -f "${1:-target/release/powerlogger}")
seconds=${SECONDS_MEASURED:-60}
traced=${SECONDS_TRACED:-15}
settled=${SECONDS_SETTLED:-75}
work=$(mktemp -d)
pid='' server=''
trap 'kill $pid $server 2>/dev/null || :; wait; rm -rf "$work"' EXIT

# The moment at which all loads have just begun to run: as many pulses each time.
since=2026-06-21T12:04:10Z

house() { # impulses a kilowatt-hour
	for n in 1 2 3 4 5 6; do
		printf '[[meter]]\nname = "Load%s"\nline = %s\nimp_per_kwh = %s\nmax_power_kw = 100000\nmin_interval_ms = 10\n\n' \
			"$n" "$((10 + n))" "$1"
	done >"$work/powerlogger.toml"
	printf '[web]\nlisten = "off"\n' >>"$work/powerlogger.toml"
}
run() {
	"$program" --config-dir "$work" --queue-dir "$work/queue" run --simulate --since "$since" 2>"$work/log" &
	pid=$!
	deadline=$(($(date +%s) + 20))
	until grep -q 'journal open' "$work/log"; do
		[ "$(date +%s)" -lt "$deadline" ] || { cat "$work/log"; exit 1; }
		sleep 0.1
	done
}
end() {
	kill "$pid"
	wait "$pid" || :
	pid=''
	rm -rf "$work/queue"
}
pulses() { # counted so far by the meters: those of days and months stand deeper
	"$program" --config-dir "$work" --queue-dir "$work/queue" status --json 2>/dev/null |
		awk '/^      "pulses":/ { gsub(/[^0-9]/, ""); sum += $0 } END { print sum + 0 }'
}
# CPU nanoseconds, voluntary and other context switches of all threads.
cost() {
	cat /proc/"$pid"/task/*/schedstat | awk '{ ns += $1 } END { printf "%d ", ns }'
	cat /proc/"$pid"/task/*/status | awk '
		/^voluntary_ctxt/ { own += $2 } /^nonvoluntary_ctxt/ { other += $2 } END { print own + 0, other + 0 }'
}
trace() { # seconds, what; to $work/trace
	rm -f "$work/trace"
	# shellcheck disable=SC2086
	timeout -s INT "$1" strace -f $2 -p "$pid" -o "$work/trace" 2>"$work/strace" || :
	[ -s "$work/trace" ] || { cat "$work/strace"; exit 1; }
}
row() { # what, figure, budget
	awk -v what="$1" -v is="$2" -v budget="$3" 'BEGIN {
		printf "%-34s %8.3f   budget %6s   %5.2f of it\n", what, is, budget, is / budget }'
}

house 108000
run
sleep 5
before=$(pulses)
# shellcheck disable=SC2046
set -- $(cost)
sleep "$seconds"
now=$(cost)
count=$(($(pulses) - before))
echo "pulses: $count in $seconds s, $(awk "BEGIN { printf \"%.0f\", $count / $seconds }")/s"
per() { awk -v a="$1" -v b="$2" -v n="$count" -v unit="$3" 'BEGIN { printf "%.4f", (b - a) / n / unit }'; }
row 'CPU a pulse, ms' "$(per "$1" "${now%% *}" 1e6)" 0.1
own=$(echo "$now" | cut -d' ' -f2)
other=$(echo "$now" | cut -d' ' -f3)
row 'context switches a pulse' "$(per "$(($2 + $3))" "$((own + other))" 1)" 4
echo "  of them voluntary: $(per "$2" "$own" 1)"
before=$(pulses)
trace "$traced" -c
count=$(($(pulses) - before))
calls=$(awk '$NF == "total" { print $4 }' "$work/trace")
# The trace is some moments shorter than the stretch between the two counts.
row 'system calls a pulse' "$(per 0 "$calls" 1)" 10
sed -n '3,10p' "$work/trace" | awk -v n="$count" 'NF > 4 { printf "  %-16s %.2f\n", $NF, $4 / n }'
end

idle() { # whose
	run
	sleep "$settled"
	# shellcheck disable=SC2046
	set -- "$1" $(cost)
	sleep "$seconds"
	now=$(cost | cut -d' ' -f2)
	wakes=$(awk -v a="$3" -v b="$now" -v s="$seconds" 'BEGIN { printf "%.3f", (b - a) / s }')
	row "idle, $1: wake-ups a second" "$wakes" 2
	trace "$seconds" '-e trace=fcntl,pwrite64,fdatasync'
	awk -v s="$seconds" '
		/F_RDLCK/ { reads++ } /pwrite64/ { writes++ } /fdatasync/ { syncs++ }
		END { printf "  a minute: %.1f transactions of SQL, %.1f writes, %.1f syncs\n",
			reads * 60 / s, writes * 60 / s, syncs * 60 / s }' "$work/trace"
	end
}
house 0.001
idle 'no server'

[ -n "${INFLUXD:-}" ] || { echo 'skipped: idle with a server (no INFLUXD)'; exit 0; }
"$INFLUXD" --http-bind-address 127.0.0.1:0 --bolt-path "$work/bolt" --sqlite-path "$work/sqlite" \
	--engine-path "$work/engine" --reporting-disabled --ui-disabled >"$work/influxd" 2>&1 &
server=$!
until port=$(sed -n '/Listening.*http/s/.* port=\([0-9]*\).*/\1/p' "$work/influxd") && [ -n "$port" ]; do sleep 0.2; done
api() { # path, JSON
	curl -fsS -H 'Authorization: Token bench' -H 'Content-Type: application/json' -d "$2" "http://127.0.0.1:$port/api/v2/$1"
}
org=$(api setup '{"username":"owner","password":"a-long-password","org":"home","bucket":"first","token":"bench"}' |
	sed -n 's/.*"orgID": *"\([0-9a-f]*\)".*/\1/p' | head -n 1)
for level in raw 1m 5m 1h; do
	api buckets "{\"orgID\":\"$org\",\"name\":\"simulated_$level\",\"retentionRules\":[]}" >/dev/null
done
printf '%s\n' "INFLUX_HOST=http://127.0.0.1:$port" INFLUX_ORG=home INFLUX_TOKEN=bench >"$work/.env"
chmod 600 "$work/.env"
printf '[influx]\n' >>"$work/powerlogger.toml"
for level in raw 1m 5m 1h; do
	case $level in raw) key=raw_bucket ;; *) key=b${level}_bucket ;; esac
	printf '%s = "simulated_%s"\n' "$key" "$level" >>"$work/powerlogger.toml"
done
idle 'a server'
