#!/usr/bin/env bash
# Links of the documentation: files and headings that are there, no placeholder left. The tree's
# verbs in `./dev help` are those that dev knows.
# Use: gate_links.sh <root of the tree>

# shellcheck source=tests/tools/gate_lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/gate_lib.sh"
cd "$1"

mapfile -t pages < <(find . -maxdepth 1 -name '*.md' | sort
	find docs examples deploy -name '*.md' 2>/dev/null | sort)
[ ${#pages[@]} -gt 0 ] || exit 2

# The anchors of a page: its headings in lower case, blanks as hyphens, without punctuation.
anchors() {
	awk '/^```/ { code = !code } !code && /^#+ / { sub(/^#+ /, ""); print }' "$1" |
		tr '[:upper:] ' '[:lower:]-' | tr -cd 'a-z0-9_\n-'
}

# "line target" of each link outside of code.
links() {
	awk '/^```/ { code = !code }
		!code {
			gsub(/`[^`]*`/, "")
			while (match($0, /\]\([^)]+\)/)) {
				print FNR, substr($0, RSTART + 2, RLENGTH - 3)
				$0 = substr($0, RSTART + RLENGTH)
			}
		}' "$1"
}

check_links() {
	local page line target file anchor
	for page in "${pages[@]}"; do
		while read -r line target; do
			[[ $target != *://* ]] || continue
			file=${target%%#*}
			anchor=
			[[ $target != *'#'* ]] || anchor=${target#*#}
			[ -z "$file" ] && file=$page || file=$(dirname "$page")/$file
			if [ ! -e "$file" ]; then
				echo "$page:$line: no file $target"
			elif [ -n "$anchor" ] && ! anchors "$file" | grep -qxF -- "$anchor"; then
				echo "$page:$line: no heading $target"
			fi
		done < <(links "$page")
		grep -nE '^@[A-Z]+@$' "$page" | sed "s|^|$page:|; s|\$|: a placeholder|" || true
	done
}

# Both ways: "  verb ..." in the help, "verb) verb_..." in the table.
check_verbs() {
	local verb known told
	[ -x dev ] || return 0
	told=$(./dev help | sed -n '/^$/,/^$/s/^  \([a-z][a-z0-9-]*\)\b.*/\1/p')
	known=$(sed -n '/^case \$verb in/,$s/^\([a-z0-9 |-]*\)) verb_.*/\1/p' dev | tr -d ' ' | tr '|' '\n')
	for verb in $known; do
		grep -qx "$verb" <<<"$told" || echo "dev: $verb is not in its help"
	done
	for verb in $told; do
		[ "$verb" = help ] || grep -qx "$verb" <<<"$known" ||
			echo "dev: its help tells of $verb, which is not there"
	done
}

{
	check_links
	check_verbs
} | gate_verdict links
