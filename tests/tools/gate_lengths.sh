#!/usr/bin/env bash
# Functions of at most 70 lines between their braces, files of at most 800.
# Use: gate_lengths.sh <root of the tree>

# shellcheck source=tests/tools/gate_lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/gate_lib.sh"
cd "$1"

mapfile -t folders < <(gate_folders)
mapfile -t files < <(gate_files "${folders[@]}")
[ ${#files[@]} -gt 0 ] || exit 2

# The format check sees to it that a brace in column 1 opens or closes a function, nothing else.
awk -v function_max=70 -v file_max=800 '
function end_of_file()
{
	if (lines > file_max)
		print file ": " lines " lines: at most " file_max
	if (open > 0)
		print file ":" open ": a function that does not end"
}

FNR == 1 {
	if (NR > 1)
		end_of_file()
	open = 0
	file = FILENAME
}

{
	lines = FNR
}

/^\{/ {
	open = FNR
}

/^\}/ && open > 0 {
	if (FNR - open - 1 > function_max)
		print FILENAME ":" open ": a function of " FNR - open - 1 " lines: at most " function_max
	open = 0
}

END {
	end_of_file()
}
' "${files[@]}" | gate_verdict lengths
