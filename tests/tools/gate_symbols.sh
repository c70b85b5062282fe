#!/usr/bin/env bash
# The pure archives use no clock, socket, thread, file, random or heap symbol, and keep no state:
# all of wire, txn, sharding, base without os_*, the core of node with its outbox and tokens, the
# appender and the reader of journal, and the barrier of client, which may ask its context.
# Use: gate_symbols.sh <root of the tree> <build folder> [nm]

# shellcheck source=tests/tools/gate_lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/gate_lib.sh"
root=$1
build=$2
nm=${3:-nm}

# "archive members-pattern", one a line, for each folder that is part of the build.
archives=()
for folder in base wire txn sharding; do
	[ -f "$root/$folder/CMakeLists.txt" ] || continue
	archives+=("$build/$folder/libsagad_$folder.a")
done
[ ${#archives[@]} -gt 0 ] || { echo "symbols: no pure folder in $root" >&2; exit 2; }
node_archives=()
if compgen -G "$root/node/core*.c" >/dev/null && [ -f "$root/node/CMakeLists.txt" ]; then
	mapfile -t node_archives < <(find "$build/node" -name 'libsagad_node*.a' | sort)
	[ ${#node_archives[@]} -gt 0 ] || { echo "symbols: node has no archive" >&2; exit 2; }
fi
for archive in "${archives[@]}"; do
	[ -f "$archive" ] || { echo "symbols: $archive is not built" >&2; exit 2; }
done

# One line a symbol: "archive member name type section". sysv format has columns between bars.
list_symbols() {
	local archive
	for archive in "$@"; do
		"$nm" --format=sysv "$archive" | awk -F '|' -v archive="${archive##*/}" '
			/^Symbols from / {
				member = $0
				sub(/^.*\[/, "", member)
				sub(/\].*/, "", member)
			}
			NF == 7 && $1 !~ /^Name/ {
				gsub(/ /, "")
				print archive, member, $1, $3, ($7 == "" ? "-" : $7)
			}'
	done
}

{
	list_symbols "${archives[@]}"
	if [ -f "$build/journal/libsagad_journal.a" ]; then
		list_symbols "$build/journal/libsagad_journal.a" |
			awk '$2 ~ /^(appender|reader)\.c\.o$/' | grep .
	fi
	if [ -f "$root/client/barrier.c" ]; then
		list_symbols "$build/client/libsagad_client_barrier.a" |
			awk '$2 == "barrier.c.o"' | grep .
	fi
	# `grep .` turns "no core member in any archive" into a failure.
	if [ ${#node_archives[@]} -gt 0 ]; then
		list_symbols "${node_archives[@]}" |
			awk '$2 ~ /^(core[a-z0-9_]*|outbox|reply_subject|tokens)\.c\.o$/' | grep .
	fi
} | awk '
BEGIN {
	count = split("memcpy memmove memset memcmp memchr strlen strnlen strcmp strncmp strchr " \
		"strrchr strstr strspn strcspn snprintf vsnprintf abort bcmp " \
		"__stack_chk_fail __popcountdi2 _GLOBAL_OFFSET_TABLE_ __cpu_model __cpu_indicator_init " \
		"__memcpy_chk __memmove_chk __memset_chk __snprintf_chk __vsnprintf_chk",
		names, " ")
	for (i = 1; i <= count; i++)
		allowed[names[i]] = 1

	# What single members may use beyond that: the adapters inside pure folders, and buf.
	count = split("malloc realloc free", names, " ")
	for (i = 1; i <= count; i++) {
		allowed_in["libsagad_base.a buf.c.o " names[i]] = 1
		# Inlined functions of xxHash that nothing calls; an optimiser drops them.
		allowed_in["libsagad_base.a hash_xxhash.c.o " names[i]] = 1
	}
	count = split("SHA1_Init SHA1_Update SHA1_Final", names, " ")
	for (i = 1; i <= count; i++)
		allowed_in["libsagad_base.a sha1_openssl.c.o " names[i]] = 1
	# The sink of CHECK, the one variable (base/check.h).
	state_allowed["libsagad_base.a check.c.o installed_sink"] = 1
}

{
	who = $1 " " $2
	if ($4 == "U" || $4 == "w" || $4 == "v") {
		wanted[who " " $3] = 1
	} else {
		defined[$3] = 1
		# Tables of pointers stand in .data.rel.ro, which is read-only once it is loaded.
		if (($5 ~ /^\.(bss|tbss|tdata)/ || $5 == "*COM*" ||
		     ($5 ~ /^\.data/ && $5 !~ /^\.data\.rel\.ro/)) &&
		    !((who " " $3) in state_allowed))
			print who ": keeps state in " $3
	}
}

END {
	for (key in wanted) {
		split(key, words, " ")
		if (words[2] == "barrier.c.o" && words[3] ~ /^saga_context_/)
			continue
		if (words[3] in allowed || words[3] in defined || key in allowed_in)
			continue
		print words[1] " " words[2] ": uses " words[3]
	}
}
' | sort | gate_verdict symbols
