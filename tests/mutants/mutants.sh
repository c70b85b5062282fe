#!/usr/bin/env bash
# Breaks each safety rule by a small change of the source and demands that a test fails.
#
#   mutants.sh --check <root>                   does every change still apply, has every rule a row?
#   mutants.sh <root> <scratch> [rule...]       do it, in a copy of the tree in <scratch>
#
# The changes are in mutants.txt beside this script. Exit: 0 = all caught, 1 = one survived, does not
# apply or does not build.

set -euo pipefail
export LC_ALL=C
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
list=$here/mutants.txt
# Every rule that is built, and invariants of transactions (docs/testing.md).
rules=(S1 S2 S3 S4 S5 S6 S7 S8 S9 S10 S11 S12 S13 S14 S15 S16 S17 S19 S20 S21 S22 S23 S24 S25 S28
	10 13 14 16 17 24 26 27 28 38 40)

# Splits the list into <folder>/<number>/{rule,what,file,build,test,from,to}.
split_list() {
	mkdir -p "$1"
	awk -v into="$1" '
	part != "" && $0 == (part == "from" ? "to" : "end") {
		close(name)
		part = part == "from" ? "to" : ""
		name = into "/" number "/to"
		if (part != "") printf "" > name
		next
	}
	part != "" { print > name; next }
	/^rule / {
		number = sprintf("%03d", ++count)
		system("mkdir -p " into "/" number)
	}
	/^(rule|what|file|build|test) / {
		key = $1
		sub(/^[a-z]+ /, "")
		print > (into "/" number "/" key)
		close(into "/" number "/" key)
		next
	}
	$0 == "from" { part = "from"; name = into "/" number "/from"; printf "" > name }
	' "$list"
}

# change <mutant> <file>: replaces the text in place; fails unless it is there once.
change() {
	perl -e '
		local $/;
		my ($dir, $path) = @ARGV;
		sub slurp { open(my $f, "<", $_[0]) or die "$_[0]: $!\n"; return <$f> }
		my ($from, $to, $text) = (slurp("$dir/from"), slurp("$dir/to"), slurp($path));
		my $at = index($text, $from);
		exit 1 if $at < 0 || index($text, $from, $at + 1) >= 0;
		substr($text, $at, length $from) = $to;
		open(my $f, ">", $path) or die "$path: $!\n";
		print $f $text;
		close($f) or die "$path: $!\n";
	' "$1" "$2"
}

check() {
	local root=$1 work status=0 mutant rule file
	work=$(mktemp -d)
	# shellcheck disable=SC2064 # now: the variable is local
	trap "rm -rf '$work'" EXIT
	split_list "$work"
	for mutant in "$work"/*/; do
		rule=$(cat "$mutant/rule") file=$(cat "$mutant/file")
		cp "$root/$file" "$work/file" || status=1
		change "${mutant%/}" "$work/file" || {
			echo "mutants: $rule ($(cat "$mutant/what")): no longer applies to $file"
			status=1
		}
		grep -q "^| $rule |.*\`$(cat "$mutant/test")\`" "$root/docs/testing.md" || {
			echo "mutants: docs/testing.md: the row of $rule does not name $(cat "$mutant/test")"
			status=1
		}
	done
	for rule in "${rules[@]}"; do
		grep -qhx "$rule" "$work"/*/rule || {
			echo "mutants: nothing breaks $rule"
			status=1
		}
	done
	for rule in "${rules[@]}"; do
		grep -q "^| $rule |" "$root/docs/testing.md" || {
			echo "mutants: docs/testing.md has no row for $rule"
			status=1
		}
	done
	[ "$status" -ne 0 ] || echo "mutants: $(find "$work" -name rule | wc -l) changes apply"
	return "$status"
}

run_test() {
	(cd "$build" && ctest -R "^$1\$" --no-tests=error --timeout 600 >"$scratch/last.log" 2>&1)
}

# One line of the table. Mutants are tried one after the other in the same tree.
try() {
	local mutant=$1 rule file test result=caught started=$SECONDS
	rule=$(cat "$mutant/rule") file=$(cat "$mutant/file") test=$(cat "$mutant/test")
	read -ra targets <"$mutant/build"
	if ! change "$mutant" "$source/$file"; then
		result="DOES NOT APPLY"
	elif ! ninja -C "$build" "${targets[@]}" >"$scratch/last.log" 2>&1; then
		result="DOES NOT BUILD"
	elif run_test "$test"; then
		result=SURVIVED
	fi
	# Newer than what was built of the mutant.
	cp "$root/$file" "$source/$file"
	printf '%-4s %-62s %-28s %-14s %4d s\n' "$rule" "$(cat "$mutant/what")" "$test" "$result" \
		$((SECONDS - started))
	[ "$result" = caught ]
}

wanted() {
	local rule=$1 one
	shift
	[ $# -eq 0 ] && return 0
	for one in "$@"; do
		[ "$rule" = "$one" ] && return 0
	done
	return 1
}

run() {
	local status=0 mutant test file
	local -A sound=()
	rm -rf "$scratch/list"
	mkdir -p "$source"
	(cd "$root" && git ls-files -z | tar --null --ignore-failed-read -T - -cf -) |
		tar -xf - -C "$source"
	cmake -S "$source" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Debug >"$scratch/last.log" || {
		cat "$scratch/last.log"
		return 1
	}
	split_list "$scratch/list"
	# What a run before has built of a mutant must not look newer than the source.
	for mutant in "$scratch"/list/*/; do
		file=$(cat "$mutant/file")
		cp "$root/$file" "$source/$file"
	done
	for mutant in "$scratch"/list/*/; do
		mutant=${mutant%/}
		wanted "$(cat "$mutant/rule")" "$@" || continue
		test=$(cat "$mutant/test")
		# A test that fails anyway proves nothing.
		if [ -z "${sound[$test]:-}" ]; then
			read -ra targets <"$mutant/build"
			if ! ninja -C "$build" "${targets[@]}" >"$scratch/last.log" 2>&1 ||
				! run_test "$test"; then
				tail -30 "$scratch/last.log"
				echo "mutants: $test does not pass as it is"
				return 1
			fi
			sound[$test]=yes
		fi
		try "$mutant" || status=1
	done
	[ ${#sound[@]} -gt 0 ] || { echo "mutants: nothing of: $*"; return 1; }
	return "$status"
}

if [ "${1:-}" = --check ]; then
	check "$2"
	exit
fi
root=$(cd "$1" && pwd)
mkdir -p "$2"
scratch=$(cd "$2" && pwd)
source=$scratch/source
build=$scratch/build
shift 2
run "$@"
