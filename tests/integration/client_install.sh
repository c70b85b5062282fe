#!/usr/bin/env bash
# Installs libsaga to a prefix of its own, moves that, and builds and runs one C and one C++ program
# outside the tree against it, with nothing but pkg-config.
# Use: client_install.sh <source> <build folder> <cmake> <C compiler>
set -euo pipefail

source=$1 build=$2 cmake=$3 compiler=$4

fail() {
	echo "client_install: $*" >&2
	exit 1
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$cmake" --install "$build" --prefix "$work/first" --component libsaga >"$work/install.log"
mv "$work/first" "$work/prefix"

pc=$(find "$work/prefix" -name saga.pc)
[ -n "$pc" ] || fail "no saga.pc among: $(find "$work/prefix")"
PKG_CONFIG_PATH=$(dirname "$pc")
export PKG_CONFIG_PATH
LD_LIBRARY_PATH=$(pkg-config --variable=libdir saga)
export LD_LIBRARY_PATH
[ "$(find "$work/prefix" -name '*.h' -printf '%f\n' | sort | xargs)" = "saga.h saga_sqlite.h" ] ||
	fail "other headers than the two: $(find "$work/prefix" -name '*.h')"
[ -z "$(find "$work/prefix" -name '*.a')" ] || fail "an archive was installed"
for library in saga saga-sqlite; do
	file=$LD_LIBRARY_PATH/lib$library.so
	readelf -d "$file" | grep -q "SONAME.*\[lib$library.so.0\]" || fail "$library: no SONAME 0"
	others=$(nm -D --defined-only "$file" | awk '$3 !~ /^saga_/ { print $3 }')
	[ -z "$others" ] || fail "$library shows more than saga_*: $others"
done

# Any C++ compiler: the library is C, only its headers are tried.
for plus in "${CXX:-}" c++ g++ clang++; do
	[ -n "$plus" ] && command -v "$plus" >/dev/null && break
	plus=
done
[ -n "$plus" ] || fail "no C++ compiler"

cp "$source/tests/integration/client_install_sqlite.c" "$work/program.c"
cp "$source/tests/integration/client_install_sqlite.c" "$work/program.cc"
cd "$work"
# shellcheck disable=SC2046 # the flags are words
"$compiler" -std=c99 -Wall -Wextra -Wpedantic -Werror program.c -o program_c \
	$(pkg-config --cflags --libs saga-sqlite)
# shellcheck disable=SC2046
"$plus" -std=c++11 -Wall -Wextra -Wpedantic -Werror program.cc -o program_cc \
	$(pkg-config --cflags --libs saga-sqlite)
# And without SQLite.
printf '#include <saga.h>\nint main(void) { return saga_state_final(SAGA_STATE_RUNNING); }\n' >plain.c
# shellcheck disable=SC2046
"$compiler" plain.c -o plain $(pkg-config --cflags --libs saga)
./plain
if ldd ./plain | grep -q sqlite; then
	fail "libsaga itself needs SQLite"
fi
for program in ./program_c ./program_cc; do
	output=$("$program" "$source/tests/integration/client_install.yaml")
	[ "$output" = "quickstart SAGA-5003 closed" ] || fail "$program said: $output"
done

# The programs of the manual are what they say.
awk -v work="$work" '/^```c$/ { n++; inside = 1; next } /^```/ { inside = 0 }
	inside { print > (work "/manual" n ".c") }' "$source/docs/libsaga.md"
for program in manual1 manual2 manual3; do
	[ -s "$program.c" ] || fail "docs/libsaga.md has lost $program"
	# shellcheck disable=SC2046
	"$compiler" -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror "$program.c" -o "$program" \
		$(pkg-config --cflags --libs saga-sqlite)
done
echo "client_install: all programs work"
