#!/usr/bin/env bash
# Calls that have a better replacement. Exceptions stand in calls_allowed.txt with their reason.
# Use: gate_calls.sh <root of the tree>

# shellcheck source=tests/tools/gate_lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/gate_lib.sh"
tools=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$1"

mapfile -t folders < <(gate_folders)
mapfile -t files < <(gate_files "${folders[@]}")
[ ${#files[@]} -gt 0 ] || exit 2
allowed=tests/tools/calls_allowed.txt
[ -f "$allowed" ] || allowed=/dev/null

awk -f "$tools/strip_comments.awk" "${files[@]}" | awk -v allowed="$allowed" '
BEGIN {
	instead["strcpy"] = instead["stpcpy"] = "snprintf, memcpy with a known size or buf_put"
	instead["strcat"] = instead["strncat"] = "buf_put or snprintf"
	instead["sprintf"] = instead["vsprintf"] = "snprintf or buf_printf"
	instead["gets"] = "fgets or getline"
	instead["atoi"] = instead["atol"] = instead["atoll"] = instead["atof"] = "strtol with a check"
	instead["rand"] = instead["srand"] = instead["random"] = "base/prng.h or base/os_entropy.h"
	instead["alloca"] = "a bounded array, an arena or malloc"
	instead["strtok"] = "strtok_r or strcspn"
	in_tests["sleep"] = in_tests["usleep"] = in_tests["nanosleep"] = in_tests["clock_nanosleep"] = \
		"waiting for a condition with a deadline"

	while ((getline line < allowed) > 0) {
		if (line !~ /^#/ && split(line, words, " ") >= 3)
			excused[words[1] " " words[2]] = 1
	}
}

{
	match($0, /^[^:]*:[0-9]+:/)
	place = substr($0, 1, RLENGTH - 1)
	rest = substr($0, RLENGTH + 1)
	file = place
	sub(/:[0-9]+$/, "", file)
	while (match(rest, /[A-Za-z_][A-Za-z_0-9]*[ \t]*\(/)) {
		name = substr(rest, RSTART, RLENGTH - 1)
		sub(/[ \t]+$/, "", name)
		rest = substr(rest, RSTART + RLENGTH)
		if (excused[file " " name])
			continue
		if (name in instead)
			print place ": " name ": use " instead[name]
		else if (file ~ /^tests\// && name in in_tests)
			print place ": " name ": use " in_tests[name]
	}
}
' | gate_verdict calls
