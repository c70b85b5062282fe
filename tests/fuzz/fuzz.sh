#!/usr/bin/env bash
# Runs fuzz targets and prints what they did. Use: fuzz.sh <build folder> [target] [options]
#
# Findings, and what was learned (the grown corpora), stay in <build folder>/fuzz/.

set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
targets=(wire journal engine etcd ack inbox pick definition config answer)

usage() {
	cat <<'EOF'
Usage: ./dev fuzz [target] [--seconds N] [--jobs N] [-o table|json]

Looks for inputs that crash, time out or break a promise. Without a target: all of them.

  wire        messages and records: decoding, and the way back to the same bytes
  journal     batches of a journal: the reader, and the fold behind it
  engine      requests, answers and entries of the inbox in any order at a live engine
  etcd        etcd's replies, and its watch stream cut at any point
  ack         the broker's acknowledgements
  inbox       the broker's answers about the durable inbox
  pick        templates of inputs, against another reader of JSON
  definition  saga definitions in YAML
  config      the daemon's configuration file
  answer      what a client makes of the answers of nodes

  --seconds N  for each target; default 600
  --jobs N     so many targets at a time; default: half of the cores
  -o FORMAT    table (the default) or json, on standard output
EOF
}

fail_usage() {
	printf 'dev fuzz: %s\n' "$1" >&2
	usage >&2
	exit 64
}

build=$1
shift
seconds=600
format=table
jobs=$((($(nproc) + 1) / 2))
chosen=()
while [ $# -gt 0 ]; do
	case $1 in
	--seconds | --jobs)
		[[ ${2:-} =~ ^[1-9][0-9]{0,6}$ ]] || fail_usage "$1 wants a number"
		if [ "$1" = --seconds ]; then seconds=$2; else jobs=$2; fi
		shift
		;;
	-o)
		case ${2:-} in
		table | json) format=$2 ;;
		*) fail_usage "-o wants table or json" ;;
		esac
		shift
		;;
	--help | -h)
		usage
		exit 0
		;;
	*)
		[[ " ${targets[*]} " == *" $1 "* ]] || fail_usage "no target '$1'"
		chosen+=("$1")
		;;
	esac
	shift
done
[ ${#chosen[@]} -gt 0 ] || chosen=("${targets[@]}")
work=$build/fuzz
mkdir -p "$work"

# The largest input that is worth trying.
size_of() {
	case $1 in
	journal | engine) echo 16384 ;;
	*) echo 4096 ;;
	esac
}

run_target() {
	local target=$1 folder program status=0
	program=$build/tests/fuzz/fuzz-$target
	local options=("-max_total_time=$seconds" "-max_len=$(size_of "$target")" -timeout=20
		-rss_limit_mb=3000 -print_final_stats=1 -use_value_profile=1
		"-artifact_prefix=$work/$target-finding-")
	local corpora=("$work/corpus-$target")
	[ ! -f "$here/$target.dict" ] || options+=("-dict=$here/$target.dict")
	mkdir -p "${corpora[0]}"
	for folder in "$here/corpus/$target" "$here/regressions/$target" \
		"$build/tests/fuzz/seeds/$target"; do
		[ ! -d "$folder" ] || corpora+=("$folder")
	done
	ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:allocator_may_return_null=1 \
		UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 \
		"$program" "${options[@]}" "${corpora[@]}" >"$work/$target.log" 2>&1 || status=$?
	echo "$status" >"$work/$target.status"
}

# number <file> <extended regular expression whose last match ends in a number>
number() {
	grep -aoE "$2" "$1" | tail -n 1 | grep -oE '[0-9]+$' || echo 0
}

findings=0
report() {
	local target=$1 log=$work/$1.log status finding=''
	status=$(cat "$work/$target.status" 2>/dev/null || echo 1)
	executions=$(number "$log" 'stat::number_of_executed_units: +[0-9]+')
	edges=$(number "$log" ' cov: [0-9]+')
	features=$(number "$log" ' ft: [0-9]+')
	corpus=$(grep -aoE 'corp: [0-9]+' "$log" | tail -n 1 | grep -oE '[0-9]+$' || echo 0)
	result=none
	if [ "$status" -ne 0 ] || [ "$executions" -eq 0 ]; then
		findings=$((findings + 1))
		finding=$(grep -aoE "Test unit written to .*" "$log" | tail -n 1 | cut -d' ' -f5- || true)
		result=${finding:-$log}
		{
			printf '\n%s: a finding\n' "$target"
			grep -aE 'CHECK failed|not sound|ERROR: |runtime error: |SUMMARY: ' "$log" | head -n 6 || true
			printf '  all of it:  %s\n' "$log"
			if [ -n "$finding" ]; then
				printf '  the input:  %s\n' "$finding"
				printf '  reproduce:  %s %s\n' "$build/tests/fuzz/fuzz-$target" "$finding"
				printf '  once fixed: keep it as tests/fuzz/regressions/%s/<what it was>\n' "$target"
			fi
		} >&2
	fi
}

printf 'fuzzing %s for %d s each, %d at a time\n' "${chosen[*]}" "$seconds" "$jobs" >&2
for target in "${chosen[@]}"; do
	while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do
		wait -n || true
	done
	rm -f "$work/$target.status"
	run_target "$target" &
done
wait

rows=''
[ "$format" = json ] ||
	printf '%-11s %8s %12s %8s %9s %7s  %s\n' target seconds executions edges features corpus finding
for target in "${chosen[@]}"; do
	report "$target"
	if [ "$format" = json ]; then
		rows+="${rows:+,}{\"target\":\"$target\",\"seconds\":$seconds,\"executions\":$executions,"
		rows+="\"edges\":$edges,\"features\":$features,\"corpus\":$corpus,"
		if [ "$result" = none ]; then rows+="\"finding\":null}"; else rows+="\"finding\":\"$result\"}"; fi
	else
		printf '%-11s %8d %12d %8d %9d %7d  %s\n' "$target" "$seconds" "$executions" "$edges" \
			"$features" "$corpus" "$result"
	fi
done
[ "$format" = table ] || printf '{"targets":[%s],"findings":%d}\n' "$rows" "$findings"
[ "$findings" -eq 0 ]
