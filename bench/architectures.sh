#!/bin/bash
# Size of each architecture's program, and its start and memory on a simulated house: bench/architectures.sh
# Takes what scripts/package/build.sh has built. Other architectures run through qemu: their start is an upper
# bound, and their memory is that of qemu with the program inside.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

measure() { # NAME BINARY RUNNER...
	local name=$1 binary=$PWD/$2 starts=() begin pid line memory
	shift 2
	[ -e "$binary" ] || {
		echo "$name: not built"
		return
	}
	for run in 1 2 3 4 5; do
		begin=$(date +%s%N)
		(cd "$work" && exec env -i MALLOC_ARENA_MAX=1 "$@" "$binary" --queue-dir "$work/$name-$run" run --simulate \
			>"$work/log" 2>&1) &
		pid=$!
		until grep -q 'journal open' "$work/log" 2>/dev/null; do sleep 0.05; done
		line=$(grep -m 1 'counting on line' "$work/log" | cut -d ' ' -f 1)
		starts+=("$((($(date -d "$line" +%s%N) - begin) / 100000))")
		if [ "$run" = 5 ]; then
			sleep 20
			memory=$(awk '/^(RssAnon|VmRSS):/ { printf "%s %.1f MiB  ", $1, $2 / 1024 }' "/proc/$pid/status")
		fi
		kill "$pid"
		wait "$pid" || true
		rm -f "$work/log"
	done
	echo "$name: $(stat -c %s "$binary") bytes, gzip $(gzip -9c "$binary" | wc -c); start to the first line, 5 times:" \
		"$(printf '%s\n' "${starts[@]}" | sort -n | awk '{ printf "%.1f ", $1 / 10 }')ms; $memory"
}

measure amd64 target/package/x86_64-unknown-linux-gnu/release/powerlogger
measure arm64 target/package/aarch64-unknown-linux-gnu/release/powerlogger qemu-aarch64-static -L /usr/aarch64-linux-gnu
measure armhf target/package/armv7-unknown-linux-gnueabihf/release/powerlogger qemu-arm-static -L /usr/arm-linux-gnueabihf
measure armv6 target/package/arm-unknown-linux-musleabihf/release/powerlogger qemu-arm-static -cpu arm1176
