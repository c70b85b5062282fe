#!/usr/bin/env bash
# The figures of coverage.sh on a small tree whose figures are known: a CHECK adds its line and no
# branch, everything else counts, and what is too little or was not measured fails.
# Use: test_coverage.sh <source root> [gcc]

set -euo pipefail
tools=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$1
cc=${2:-gcc}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

# At most the major version decides whether gcov reads what gcc wrote.
GCOV=gcov-$("$cc" -dumpversion | cut -d . -f 1)
command -v "$GCOV" >/dev/null || GCOV=gcov
export GCOV

mkdir -p "$work"/{txn,sharding,node}
cat >"$work/txn/sample.c" <<'TEXT'
#include "base/check.h"
#include <stddef.h>
int counted(const int *value);
int checked(const int *value, int other);
int counted(const int *value)
{
	if (value != NULL && *value > 3)
		return 1;
	return 0;
}
int checked(const int *value, int other)
{
	CHECK(value != NULL && (*value == 4 || *value == 5));
	CHECK_EQ(other > 2 ? *value : 0, 4);
	CHECK(counted(value) == 1);
	return 2;
}
TEXT
printf 'int %s(void);\nint %s(void)\n{\n\treturn 1;\n}\n' shards shards >"$work/sharding/sample.c"
for name in core outbox reply_subject tokens; do
	printf 'int %s(void);\nint %s(void)\n{\n\treturn 1;\n}\n' "$name" "$name" >"$work/node/$name.c"
done
cat >"$work/main.c" <<'TEXT'
int checked(const int *value, int other);
int shards(void);
int core(void);
int outbox(void);
int reply_subject(void);
int tokens(void);
int main(void)
{
	const int four = 4;
	return checked(&four, 3) + shards() + core() + outbox() + reply_subject() + tokens() == 7 ? 0 : 1;
}
TEXT

# build <file>...: as cmake names and places objects
build() {
	local file library objects=()
	rm -rf "$work/build"
	for file in "$@"; do
		case $file in
		txn/*) library=txn/CMakeFiles/sagad_txn.dir ;;
		sharding/*) library=sharding/CMakeFiles/sagad_sharding.dir ;;
		*) library=node/CMakeFiles/sagad_node_core.dir ;;
		esac
		mkdir -p "$work/build/$library"
		objects+=("$work/build/$library/$(basename "$file").o")
		"$cc" -std=c11 -O0 -g -DSAGAD_COVERAGE -Wall -Wextra -Werror --coverage -I "$root" \
			-c "$work/$file" -o "${objects[-1]}"
	done
	"$cc" -I "$root" "$work/main.c" "${objects[@]}" "$root/base/check.c" --coverage -o "$work/build/main"
}

# says <text> <argument>...: coverage.sh's output holds this, runs of blanks counting as one
says() {
	local text=$1 output status=0
	shift
	output=$("$tools/coverage.sh" "$work" "$work/build" "$@" | tr -s ' ') || status=$?
	if [[ $output != *"$text"* ]]; then
		printf 'FAILED: expected "%s", but it said:\n%s\n' "$text" "$output"
		failures=$((failures + 1))
	fi
	return "$status"
}

expect() {
	if [ "$1" != "$2" ]; then
		printf 'FAILED: status %s instead of %s: %s\n' "$2" "$1" "$3"
		failures=$((failures + 1))
	fi
}

all=(txn/sample.c sharding/sample.c node/core.c node/outbox.c node/reply_subject.c node/tokens.c)
build "${all[@]}"
status=0
"$tools/coverage.sh" "$work" "$work/build" >/dev/null 2>&1 || status=$?
expect 1 "$status" "nothing has run"

"$work/build/main"
# counted: 4 lines, 4 branches of which 2 are taken and 1 line is not run; checked: 5 lines, none.
status=0
says 'txn/sample.c 9 88.8 4 50.0' 88 50 || status=$?
expect 0 "$status" "enough"
status=0
says 'below 89 % of the lines or 50 % of the branches: txn,' 89 50 || status=$?
expect 1 "$status" "too few lines"
status=0
says 'below 88 % of the lines or 51 % of the branches: txn,' 88 51 || status=$?
expect 1 "$status" "too few branches"
if ! diff - "$work/build/uncovered.txt" <<'TEXT'; then
txn/sample.c:7: branch 2 of 4 not taken: 	if (value != NULL && *value > 3)
txn/sample.c:7: branch 4 of 4 not taken: 	if (value != NULL && *value > 3)
txn/sample.c:9: not run: 	return 0;
TEXT
	failures=$((failures + 1))
fi

# A folder's file that no library holds.
cp "$work/sharding/sample.c" "$work/sharding/forgotten.c"
status=0
says 'sharding/forgotten.c was not measured' 0 0 || status=$?
expect 1 "$status" "a source that was not measured"

[ "$failures" -eq 0 ] || exit 1
echo "coverage: all as expected"
