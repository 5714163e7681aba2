#!/bin/sh
# Looks for MINUTES (60) for what the ordinary run of the tests does not find: the random campaigns with other seeds
# each time, until one fails. What failed has printed its seed: docs/development/testing.md, "Repeating a failure".
set -eu
cd "$(dirname "$0")/.."
cargo=$(scripts/toolchain.sh)
end=$(($(date +%s) + ${MINUTES:-60} * 60))
rounds=0
while [ "$(date +%s)" -lt "$end" ]; do
	PROPTEST_RNG_SEED=$(od -An -N8 -tu8 /dev/urandom | tr -d ' ')
	export PROPTEST_RNG_SEED
	echo "PROPTEST_RNG_SEED=$PROPTEST_RNG_SEED"
	"$cargo" test -q --lib
	SIMULATION_SEED=random SIMULATION_CASES=${SIMULATION_CASES:-2000} "$cargo" test -q --test simulation every_ -- --nocapture
	FUZZ_SEED=random FUZZ_SECONDS=${FUZZ_SECONDS:-10} "$cargo" test -q --test fuzz -- --nocapture
	rounds=$((rounds + 1))
done
echo "nothing found in $rounds rounds"
