#!/bin/bash
# shrink.sh <simulator with a planted bug> <file>: finds a seed, makes it small, runs what is left.
set -u
simulator=$1
file=$2

rm -f "$file"
found=$("$simulator" --seeds 50 --jobs 1 --mode safety --find | sed -n 's/^bug .* found: seed \([0-9]*\),.*/\1/p')
[ -n "$found" ] || {
	echo "no seed found the bug"
	exit 1
}
"$simulator" --shrink "$found" --mode safety --budget 60 --into "$file" || exit
cat "$file"
"$simulator" --regression "$file" || exit
choices=$(grep -c '^strike ' "$file")
sagas=$(sed -n 's/^only //p' "$file" | wc -w)
if [ "$choices" -gt 12 ] || [ "$sagas" -gt 3 ]; then
	echo "$choices choices and $sagas transactions are left: too many"
	exit 1
fi
story=$("$simulator" --regression "$file" --trace --saga "$(sed -n 's/^only \([0-9]*\).*/\1/p' "$file")")
if ! grep -q 'saga-1-\|submit' <<<"$story" || ! grep -q 'owners and faults' <<<"$story"; then
	echo "no story: $story"
	exit 1
fi
# What does not fail cannot be made small, and is not what the file expects.
sed -i 's/^expect .*/expect good/' "$file"
"$simulator" --regression "$file" && {
	echo "a finding passes where none is expected"
	exit 1
}
exit 0
