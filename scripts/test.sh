#!/bin/sh
# Format, lints, docs, all tests; then the counts: what passed, what failed, what was skipped because a
# real part (GPIO rig, InfluxDB, VictoriaMetrics, Prometheus, Chromium) is missing here.
#
# HOURS=all    tests that simulate days, also at other hours, seasons and changes of summer time (in the rig)
# RUST_TEST_THREADS=N   so many tests at a time (two for each processor)
# TEST_ARM=1   also journal, windows, time and line protocol as ARMv7, through qemu (after `make cross-setup`)
set -eu
cd "$(dirname "$0")/.."
cargo=$(scripts/toolchain.sh)
log=$(mktemp "${TMPDIR:-/tmp}/powerlogger-test.XXXXXX")
trap 'rm -f "$log"' EXIT
failed=0

step() { # NAME COMMAND...: run, be quiet unless it fails
	name=$1
	shift
	printf '%-40s' "$name"
	begin=$(date +%s)
	if "$@" >"$log" 2>&1; then
		echo "ok ($(($(date +%s) - begin)) s)"
	else
		echo FAILED
		cat "$log"
		failed=$((failed + 1))
	fi
}

has() { "$cargo" "$1" --version >/dev/null 2>&1; }

if has fmt; then step "cargo fmt --check" "$cargo" fmt --check; else echo "rustfmt is not installed: format not checked"; fi
if has clippy; then step "cargo clippy" "$cargo" clippy --all-targets -q -- -D warnings; else echo "clippy is not installed: lints not checked"; fi
step "cargo doc" env RUSTDOCFLAGS="-D warnings" "$cargo" doc --no-deps -q
step "building the tests" "$cargo" test --no-run
if [ -n "${TEST_ARM:-}" ]; then
	step "unit tests as ARMv7, a part" env COMMAND=test scripts/package/build.sh armhf --lib -- \
		journal:: model:: clock:: server:: deliver:: import:: influx::
fi

echo "running the tests (some minutes) ..."
begin=$(date +%s)
# Most tests wait for a guest, a server or a browser: others go on meanwhile.
RUST_TEST_THREADS=${RUST_TEST_THREADS:-$(($(nproc) * 2))}
export RUST_TEST_THREADS
"$cargo" test --no-fail-fast -- --nocapture >"$log" 2>&1 || true
sed -n 's/^test result: [A-Za-z]*\. \([0-9]*\) passed; \([0-9]*\) failed.*/\1 \2/p' "$log" >"$log.counts"
passed=$(awk '{ n += $1 } END { print n + 0 }' "$log.counts")
broken=$(awk '{ n += $2 } END { print n + 0 }' "$log.counts")
rm -f "$log.counts"
if grep -qE '^error(\[|:)' "$log" && [ "$broken" = 0 ]; then
	broken=1
fi
skipped=$(grep -c '^skipped: ' "$log" || true)
if [ "$broken" != 0 ]; then
	grep -vE '^test .* \.\.\. ok$' "$log" | tail -n 400
	# Once more, together: what failed and what it said last, up to twenty lines of it.
	awk -F "'" '
		/^thread .* panicked at/ { test = $2; said[test] = ""; left = 20; next }
		/^(stack backtrace:|note: |test .* \.\.\. |thread )/ { left = 0 }
		left > 0 { said[test] = said[test] (left == 20 ? "" : "\n    ") substr($0, 1, 400); left -= 1 }
		/^test .* \.\.\. FAILED$/ { split($0, words, " "); print "failed: " words[2] ": " said[words[2]] }
	' "$log"
fi
grep '^skipped: ' "$log" || true
echo "tests took $(($(date +%s) - begin)) s"
# A skipped test ended well for cargo; it is not counted as passed here.
passed=$((passed - skipped))
broken=$((broken + failed))
echo "$passed passed, $broken failed, $skipped skipped"
[ "$broken" = 0 ]
