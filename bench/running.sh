#!/bin/sh
# Memory, CPU and device bytes of the running daemon at 10 pulses/s on 3 meters, and the time from its start to
# the last line requested. Run it where GPIO lines 20, 26 and 21 can be moved, as root: in a guest with a
# simulated chip (WIRES names the directory of sim_gpioN/pull), its journal in DIR on a disk of its own
# (DISK names it, as in /sys/block, for the bytes written). RATE: pulses a second over all meters.
set -eu
program=$(readlink -f "${1:-target/release/powerlogger}")
dir=${DIR:-$(mktemp -d)}
wires=${WIRES:-/dev/gpiosim0}
seconds=${SECONDS_MEASURED:-60}
rate=${RATE:-10}
conf=$(mktemp -d)
for meter in Import:20 Export:26 Generate:21; do
	printf '[[meter]]\nname = "%s"\nline = %s\nbias = "down"\n\n' "${meter%:*}" "${meter#*:}"
done >"$conf/powerlogger.toml"

"$program" --config-dir "$conf" --queue-dir "$dir" run 2>"$conf/log" &
pid=$!
deadline=$(($(date +%s) + 20))
until [ "$(grep -c 'counting on line' "$conf/log")" = 3 ] && grep -q 'journal open' "$conf/log"; do
	[ "$(date +%s)" -lt "$deadline" ] || { cat "$conf/log"; exit 1; }
	sleep 0.05
done
stamp() { sed -n "s/^\([^ ]*\).*$1.*/\1/p" "$conf/log" | tail -n 1; }
echo "start: $(stamp 'powerlogger starts'), all lines requested: $(stamp 'counting on line')"

sectors() { if [ -n "${DISK:-}" ]; then awk '{ print $7 }' "/sys/block/$DISK/stat"; else echo 0; fi; }
ticks() { awk '{ print $14 + $15 }' "/proc/$pid/stat"; }
play() { # the wires, in turn, for so many seconds
	pause=$(awk "BEGIN { print 1 / $rate - 0.05 }")
	end=$(($(date +%s) + $1))
	while [ "$(date +%s)" -lt "$end" ]; do
		for line in 20 26 21; do
			echo pull-up >"$wires/sim_gpio$line/pull"
			sleep 0.05
			echo pull-down >"$wires/sim_gpio$line/pull"
			sleep "$pause"
		done
	done
}
play 10
sync
before=$(sectors) cpu=$(ticks)
play "$seconds"
after=$(sectors) cpu=$(($(ticks) - cpu))
echo "CPU: $(awk "BEGIN { printf \"%.2f\", $cpu / $(getconf CLK_TCK) / $seconds * 100 }") % of one core"
[ -z "${DISK:-}" ] || echo "device: $(((after - before) / 2)) KiB in $seconds s, $(awk "BEGIN { printf \"%.1f\", ($after - $before) / 2 / $seconds }") KiB/s"
awk '/^(Rss|Pss|Anonymous|Private_Dirty):/ { print "memory: " $1 " " $2 " KiB" }' "/proc/$pid/smaps_rollup"
kill "$pid"
wait "$pid"
"$program" --config-dir "$conf" --queue-dir "$dir" status
