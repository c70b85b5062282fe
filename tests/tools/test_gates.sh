#!/usr/bin/env bash
# Each gate must find its planted mistakes, name them, and pass the same tree without them.
# Use: test_gates.sh [cc] [ar] [nm]

set -euo pipefail
tools=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cc=${1:-cc}
ar=${2:-ar}
nm=${3:-nm}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0
cases=0

# A new tree at $work/tree with nothing wrong in it.
fresh_tree() {
	rm -rf "$work/tree" "$work/build"
	mkdir -p "$work/tree"/{base,wire,txn,node,client,examples/travel,tests/unit,tests/tools}
	put base/good.h '#include <stdint.h>' 'int good(int a);'
	put base/good.c '#include "base/good.h"' 'int good(int a)' '{' $'\treturn a;' '}'
	put base/os_good.h '#include <stdint.h>'
	put wire/pack.c '#include "base/good.h"'
	put tests/unit/good.c '#include "unit.h"' '#include <cmocka.h>'
	put client/store_sqlite.c '#include <saga.h>' '#include <sqlite3.h>'
}

# put <file> <line>...
put() {
	local file=$work/tree/$1
	shift
	printf '%s\n' "$@" >"$file"
}

# passes <what> <gate> <argument>...
passes() {
	local what=$1 output
	shift
	cases=$((cases + 1))
	if ! output=$("$@" 2>&1); then
		printf 'FAILED: %s should pass, but said:\n%s\n' "$what" "$output"
		failures=$((failures + 1))
	fi
}

# finds <what> <text that must be in the output> <gate> <argument>...
finds() {
	local what=$1 text=$2 output
	shift 2
	cases=$((cases + 1))
	if output=$("$@" 2>&1); then
		printf 'FAILED: %s should be found, but passed\n' "$what"
		failures=$((failures + 1))
	elif [[ $output != *"$text"* ]]; then
		printf 'FAILED: %s should be told as "%s", but it said:\n%s\n' \
			"$what" "$text" "$output"
		failures=$((failures + 1))
	fi
}

test_includes() {
	local gate=("$tools/gate_includes.sh" "$work/tree")
	fresh_tree
	passes "a good tree" "${gate[@]}"
	put wire/bad.c '#include "txn/engine.h"'
	finds "an arrow upwards" "wire/bad.c:1: wire may not include txn" "${gate[@]}"
	put wire/bad.c '  #  include   "journal/journal.h"'
	finds "odd blanks" "wire may not include journal" "${gate[@]}"
	put wire/bad.c '#include "base/os_good.h"'
	finds "a clock in a pure file" "may not include base/os_good.h" "${gate[@]}"
	put wire/bad.c '#include "good.h"'
	finds "a name without folder" "from the root of the tree" "${gate[@]}"
	put wire/bad.c '#include <sqlite3.h>'
	finds "a foreign header" "belongs into a file named after its library" "${gate[@]}"
	put wire/bad.c '#include <msgpack.h>'
	finds "msgpack in another file" "<msgpack.h> belongs" "${gate[@]}"
	put wire/bad.c '#include <zlib.h>'
	finds "an unknown library" "<zlib.h> is not a header" "${gate[@]}"
	put wire/bad.c '#include <saga.h>'
	finds "the public header inside" "for the users of libsaga" "${gate[@]}"
	put wire/bad.c '#include <stdio.h>'
	put node/core.c '#include "base/os_good.h"'
	finds "a clock in the core" "node/core.c:1" "${gate[@]}"
	put node/core.c '#include <stdio.h>'
	put client/barrier.c '#include "base/os_good.h"'
	finds "a clock in the barrier" "client/barrier.c:1" "${gate[@]}"
	put client/barrier.c '#include <saga.h>'
	put node/core.c '#include "client/client.h"'
	finds "the node on the client" "node may not include client" "${gate[@]}"
	put node/core.c '#include <stdio.h>'
	mkdir -p "$work/tree/tests/judge"
	put tests/judge/judge.c '#include "txn/txn.h"'
	finds "a judge on the engine" "the judges may not include txn/txn.h" "${gate[@]}"
	finds "an empty tree" "no folders" "$tools/gate_includes.sh" "$work"
}

test_calls() {
	local gate=("$tools/gate_calls.sh" "$work/tree") call
	fresh_tree
	put base/fine.c '/* strcpy(a, b) */ char c = '"'\"'"'; const char *s = "atoi(x) \" gets(y)";' \
		'int my_strcpy(int a); // rand()' '/* sprintf(' ' * strtok(' ' */' \
		'int x = strtok_r(a) + snprintf(b) + rand_r(c);'
	passes "words in comments, strings and longer names" "${gate[@]}"
	for call in strcpy strcat sprintf gets atoi rand alloca strtok; do
		put base/bad.c '/* one' ' * two */' "	x = y + $call (a, b);"
		finds "$call" "base/bad.c:3: $call: use " "${gate[@]}"
	done
	put base/bad.c 'const char quote = '"'\"'"'; int x = atoi("1");'
	finds "a call after a quote" "atoi" "${gate[@]}"
	put base/bad.c 'void f(void) { sleep(1); }'
	passes "sleep outside tests" "${gate[@]}"
	put tests/unit/bad.c 'void f(void) { usleep(1); }'
	finds "usleep in a test" "usleep: use waiting" "${gate[@]}"
	put tests/tools/calls_allowed.txt 'tests/unit/bad.c usleep is the only place that polls'
	passes "an excused call" "${gate[@]}"
	put tests/unit/bad.c 'void f(void) { usleep(1); sleep(1); }'
	finds "another call beside an excused one" "bad.c:1: sleep" "${gate[@]}"
}

# lines <count> <text>: the text so many times
lines() {
	awk -v count="$1" -v text="$2" 'BEGIN { for (i = 0; i < count; i++) print text }'
}

test_lengths() {
	local gate=("$tools/gate_lengths.sh" "$work/tree") body
	fresh_tree
	mapfile -t body < <(lines 70 $'\tx++;')
	put base/long.c 'void f(void)' '{' "${body[@]}" '}'
	passes "a function of 70 lines" "${gate[@]}"
	put base/long.c 'void f(void)' '{' "${body[@]}" $'\ty++;' '}'
	finds "a function of 71 lines" "base/long.c:2: a function of 71 lines" "${gate[@]}"
	mapfile -t body < <(lines 800 'int f(void);')
	put base/long.c "${body[@]}"
	passes "a file of 800 lines" "${gate[@]}"
	put base/long.c "${body[@]}" 'int g(void);'
	finds "a file of 801 lines" "base/long.c: 801 lines" "${gate[@]}"
	put base/long.c 'void f(void)' '{'
	finds "a function without end" "does not end" "${gate[@]}"
}

# archive <archive> <member> <line>...: compiles one member into the build's archive
archive() {
	local archive=$work/build/$1 member=$2
	shift 2
	mkdir -p "$(dirname "$archive")" "$work/objects"
	printf '%s\n' "$@" >"$work/objects/$member.c"
	"$cc" -fPIC -w -c "$work/objects/$member.c" -o "$work/objects/$member.c.o"
	rm -f "$archive"
	"$ar" rc "$archive" "$work/objects/$member.c.o"
}

test_symbols() {
	local gate=("$tools/gate_symbols.sh" "$work/tree" "$work/build" "$nm") bad
	fresh_tree
	finds "a tree without a build" "no pure folder" "${gate[@]}"
	put base/CMakeLists.txt ''
	put wire/CMakeLists.txt ''
	archive base/libsagad_base.a buf '#include <stdlib.h>' 'void *f(void) { return malloc(1); }'
	finds "an archive that is missing" "libsagad_wire.a is not built" "${gate[@]}"
	archive wire/libsagad_wire.a names '#include <string.h>' 'void *f(void);' \
		'static const char *const table[] = {"a", "b"};' \
		'const char *g(int i) { return f() ? table[i] : strchr("a", i); }'
	passes "pure archives" "${gate[@]}"
	for bad in 'clock_gettime' 'pthread_create' 'fopen' 'printf' 'getrandom' 'socket' 'malloc' \
		'read' 'getenv' 'os_clock_wall_ms' 'msgpack_unpack_next'; do
		archive wire/libsagad_wire.a names "void $bad(); void g(void) { $bad(); }"
		finds "$bad" "libsagad_wire.a names.c.o: uses $bad" "${gate[@]}"
	done
	archive wire/libsagad_wire.a names 'extern void *stderr; void *g(void) { return stderr; }'
	finds "stderr" "uses stderr" "${gate[@]}"
	for bad in 'static int count' 'int count = 1' 'static _Thread_local int count'; do
		archive wire/libsagad_wire.a names "$bad; int g(void) { return count++; }"
		finds "a variable: $bad" "names.c.o: keeps state in count" "${gate[@]}"
	done
	archive wire/libsagad_wire.a names 'int g(void) { return 1; }'
	put node/CMakeLists.txt ''
	put node/core_shard.c ''
	mkdir -p "$work/build/node"
	finds "a core that is not built" "node has no archive" "${gate[@]}"
	archive node/libsagad_node.a loop 'void time(); void h(void) { time(); }'
	finds "an archive without the core" "" "${gate[@]}"
	archive node/libsagad_node.a core_shard 'void time(); void h(void) { time(); }'
	finds "a clock in the core" "core_shard.c.o: uses time" "${gate[@]}"
	archive node/libsagad_node.a core_shard 'int g(void); int h(void) { return g(); }'
	passes "a pure core" "${gate[@]}"
	put client/barrier.c ''
	archive client/libsagad_client_barrier.a barrier 'void sqlite3_exec(); void f(void) { sqlite3_exec(); }'
	finds "a database in the barrier" "barrier.c.o: uses sqlite3_exec" "${gate[@]}"
	archive client/libsagad_client_barrier.a barrier 'int saga_context_op(void); int k(void) { return saga_context_op(); }'
	passes "a pure barrier" "${gate[@]}"
}

# shellcheck disable=SC2016 # what is put there is text
test_links() {
	local gate=("$tools/gate_links.sh" "$work/tree")
	fresh_tree
	mkdir -p "$work/tree/docs"
	put docs/b.md '# B' '' '## What to do?' '' '[up](../README.md)' '[own](#what-to-do)'
	put README.md '# A' '[b](docs/b.md#what-to-do) `[no](link.md)`' '```' '[no](link.md)' '```'
	passes "pages whose links are good" "${gate[@]}"
	put README.md '# A' '[b](docs/c.md)'
	finds "a link to no file" "README.md:2: no file docs/c.md" "${gate[@]}"
	put README.md '[b](docs/b.md) and [b](docs/b.md#what)'
	finds "a link to no heading" "README.md:1: no heading docs/b.md#what" "${gate[@]}"
	put README.md '```' '@DEMO@' '```'
	finds "a placeholder" "README.md:2:@DEMO@: a placeholder" "${gate[@]}"
	put README.md '# A'
	put dev '#!/bin/sh' 'printf "\n  up    start\n  fly   away\n  help  this\n\n"' 'exit 0' \
		'case $verb in' 'up) verb_up ;;' 'dig | hide) verb_dig ;;' 'esac'
	chmod +x "$work/tree/dev"
	finds "a verb that is told of" "dev: its help tells of fly" "${gate[@]}"
	finds "a verb that is not told of" "dev: dig is not in its help" "${gate[@]}"
}

test_includes
test_calls
test_lengths
test_links
test_symbols
echo "$cases cases, $failures failed"
[ "$failures" -eq 0 ] && [ "$cases" -gt 40 ]
