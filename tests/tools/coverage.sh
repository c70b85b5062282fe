#!/usr/bin/env bash
# coverage.sh <source root> <build folder> [<line %> <branch %>]: prints what the tests that ran in a
# build with SAGAD_COVERAGE have covered of txn, sharding and the node core, file by file; what they
# have not is listed in <build folder>/uncovered.txt. Exits 1 when a part has less than it must.
set -euo pipefail
export LC_ALL=C

source=$1
build=$2
line_min=${3:-97}
branch_min=${4:-92}
gcov=${GCOV:-gcov}
libraries=(txn/CMakeFiles/sagad_txn.dir sharding/CMakeFiles/sagad_sharding.dir
	node/CMakeFiles/sagad_node_core.dir)

# A source that is in no library, or was built without counters, must not go unnoticed.
sources=$(cd "$source" && echo txn/*.c sharding/*.c node/core*.c node/outbox.c \
	node/reply_subject.c node/tokens.c)
headers=$(cd "$source" && echo txn/*.h sharding/*.h node/*.h)

mapfile -t notes < <(cd "$build" && find "${libraries[@]}" -name '*.gcno' | sort)
if [ ${#notes[@]} -eq 0 ]; then
	echo "coverage: $build was not built with SAGAD_COVERAGE" >&2
	exit 1
fi
if ! (cd "$build" && find "${libraries[@]}" -name '*.gcda' | grep -q .); then
	echo "coverage: no test has run in $build" >&2
	exit 1
fi

# Of an object that no test runs there are notes and no data: then nothing of it was run.
(cd "$build" && "$gcov" --branch-probabilities --branch-counts --stdout "${notes[@]}" 2>gcov.log) |
	awk -v line_min="$line_min" -v branch_min="$branch_min" -v uncovered="$build/uncovered.txt" \
		-v sources="$sources" -v headers="$headers" \
		-f "$(dirname "${BASH_SOURCE[0]}")/coverage.awk"
