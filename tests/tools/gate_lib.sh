# shellcheck shell=bash
# For the gates: which files they look at, and how they tell what they found.

set -euo pipefail
export LC_ALL=C

# The folders with C code that are there, one a line. Run it in the root of the tree.
gate_folders() {
	local folder
	for folder in base wire txn transport journal lease sharding node client cli examples tests; do
		[ -d "$folder" ] && echo "$folder"
	done
	return 0
}

# The C files of the given folders, one a line; a tree without any is a mistake of the caller.
gate_files() {
	local files
	if [ $# -eq 0 ]; then
		echo "gate: no folders with C code in $PWD" >&2
		return 2
	fi
	files=$(find "$@" -type f \( -name '*.c' -o -name '*.h' \) | sort)
	if [ -z "$files" ]; then
		echo "gate: no C files under $*" >&2
		return 2
	fi
	printf '%s\n' "$files"
}

# Reads findings from standard input, repeats them, and says whether there were none.
gate_verdict() {
	local name=$1 findings
	findings=$(cat)
	if [ -n "$findings" ]; then
		printf '%s\n' "$findings"
		printf '%s: %d finding(s)\n' "$name" "$(printf '%s\n' "$findings" | wc -l)"
		return 1
	fi
	echo "$name: nothing found"
}
