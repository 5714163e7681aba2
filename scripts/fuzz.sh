#!/bin/sh
# Runs each fuzz target (or those named) under libFuzzer for FUZZ_SECONDS (900), beginning with the corpus of
# tests/fuzz. Needs a nightly toolchain and cargo-fuzz (`cargo install cargo-fuzz`).
set -eu
cd "$(dirname "$0")/.."
cargo fuzz --version >/dev/null 2>&1 || {
	echo "cargo-fuzz is not installed: cargo install cargo-fuzz (and rustup toolchain install nightly)" >&2
	exit 1
}
seconds=${FUZZ_SECONDS:-900}
if [ "$#" = 0 ]; then
	for target in fuzz/fuzz_targets/*.rs; do
		set -- "$@" "$(basename "$target" .rs)"
	done
fi
FUZZ_CORPUS=$PWD/fuzz/corpus cargo test -q --test fuzz >/dev/null
for target in "$@"; do
	echo "$target: $seconds s"
	cargo +nightly fuzz run "$target" -- -max_total_time="$seconds" -timeout=120 -max_len=262144 -print_final_stats=1
done
