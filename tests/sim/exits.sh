#!/bin/bash
# exits.sh <simulator> <one that is unsafe> <one that does not end> <1: memory can be limited>
set -u
simulator=$1
planted=$2
endless=$3
limits=$4
status=0

# expect <code> <what must stand in the output> <command...>
expect() {
	local code=$1 text=$2 output is
	shift 2
	output=$("$@" 2>&1)
	is=$?
	if [ "$is" -ne "$code" ] || ! grep -q -- "$text" <<<"$output"; then
		printf '%s\nexit code %s instead of %s, or no "%s": %s\n' "$output" "$is" "$code" "$text" "$*"
		status=1
	fi
}

# shellcheck disable=SC2317 # expect calls it
starved() {
	(
		ulimit -v 40000
		"$@"
	)
}

expect 0 '"verdict":"good".*"commit":"abc".*"counters":{' "$simulator" --seeds 2 --commit abc -o json
expect 1 'SAFETY: invariant' "$planted" --seeds 8 --mode safety
expect 1 '"verdict":"safety".*"ending":"SAFETY"' "$planted" --seeds 8 --mode safety -o json
expect 2 'LIVENESS: L' "$endless" --seeds 50 --mode safety
expect 5 'NOT found' "$simulator" --seeds 2 --find
expect 5 'nothing is wrong' "$simulator" --shrink 1
expect 64 usage "$simulator" --seeds many
expect 64 usage "$simulator" --what
expect 64 'not understood' "$simulator" --regression "$0"
[ "$limits" -eq 0 ] || expect 6 'CRASH' starved "$simulator" --seeds 2 --jobs 2
exit "$status"
