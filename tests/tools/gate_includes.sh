#!/usr/bin/env bash
# Which folder may include which, and where headers of foreign libraries may stand.
# Use: gate_includes.sh <root of the tree>

# shellcheck source=tests/tools/gate_lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/gate_lib.sh"
cd "$1"

mapfile -t folders < <(gate_folders)
mapfile -t files < <(gate_files "${folders[@]}")
[ ${#files[@]} -gt 0 ] || exit 2

awk '
BEGIN {
	# The arrows: each folder may use itself and those named here.
	may["base"] = ""
	may["wire"] = "base"
	may["txn"] = "base wire"
	may["transport"] = "base wire txn"
	may["journal"] = "base wire txn transport"
	may["lease"] = "base wire txn transport journal"
	may["sharding"] = "base wire txn transport journal lease"
	may["node"] = "base wire txn transport journal lease sharding"
	may["client"] = "base wire transport"
	may["cli"] = "base wire txn transport client" # txn: dry runs
	# The demo starts clusters with the launcher of the tests.
	may["examples"] = "base wire transport client tests"
	may["tests"] = "base wire txn transport journal lease sharding node client cli examples"

	# Foreign headers (as patterns) and the file names they may stand in.
	foreign["^(nats\\.h|nats/.*|adapters/libuv\\.h)$"] = "/[a-z0-9_]*(nats|jetstream)[a-z0-9_]*\\.[ch]$"
	foreign["^uv\\.h$"] = "/[a-z0-9_]*(uv|nats|jetstream|etcd|loop)[a-z0-9_]*\\.[ch]$"
	foreign["^curl/"] = "/[a-z0-9_]*(curl|etcd|http)[a-z0-9_]*\\.[ch]$"
	foreign["^jansson\\.h$"] = "/[a-z0-9_]*(jansson|json|etcd)[a-z0-9_]*\\.[ch]$"
	foreign["^sqlite3\\.h$"] = "/[a-z0-9_]*sqlite[a-z0-9_]*\\.[ch]$"
	foreign["^microhttpd\\.h$"] = "/[a-z0-9_]*microhttpd[a-z0-9_]*\\.[ch]$"
	foreign["^yaml\\.h$"] = "/[a-z0-9_]*yaml[a-z0-9_]*\\.[ch]$"
	foreign["^msgpack"] = "^tests/" # only to compare with
	foreign["^xxhash\\.h$"] = "^base/hash_xxhash\\.c$"
	foreign["^openssl/"] = "^(base/sha1|transport/nats_nkey)_openssl\\.c$"
	foreign["^cmocka\\.h$"] = "^tests/"
	foreign["^(uthash|utlist|utarray|utstring)\\.h$"] = "."

	count = split("assert argp arpa/inet ctype dirent dlfcn endian errno execinfo fcntl float " \
		"getopt glob grp immintrin inttypes libgen limits locale math netdb netinet/in " \
		"netinet/tcp nmmintrin poll pthread pwd sched semaphore setjmp signal spawn " \
		"stdalign stdarg stdatomic stdbool stddef stdint stdio stdlib stdnoreturn " \
		"string strings sys/epoll sys/eventfd sys/file sys/ioctl sys/mman sys/param " \
		"sys/prctl sys/random sys/resource sys/select sys/signalfd sys/socket " \
		"sys/stat sys/statvfs sys/syscall sys/time sys/timerfd sys/types sys/uio sys/un " \
		"sys/utsname sys/wait sysexits syslog termios threads time ucontext unistd " \
		"valgrind/valgrind wchar", names, " ")
	for (i = 1; i <= count; i++)
		standard[names[i] ".h"] = 1
}

function report(text)
{
	print FILENAME ":" FNR ": " text
}

# Free of clocks, sockets, threads, files and chance: see docs/architecture.md.
function is_pure(file)
{
	return file ~ /^(wire|txn|sharding)\// || file ~ /^node\/core/ ||
	       file ~ /^client\/barrier\.[ch]$/ ||
	       (file ~ /^base\// && file !~ /^base\/os_/)
}

/^[ \t]*#[ \t]*include[ \t]*"/ {
	split($0, parts, "\"")
	target = parts[2]
	split(FILENAME, path, "/")
	from = path[1]
	to = target
	sub(/\/.*/, "", to)
	if (to == target || !(to in may)) {
		# Examples and tests may name a neighbour without its folder.
		if (from != "examples" && from != "tests")
			report("\"" target "\": name it from the root of the tree")
	} else if (FILENAME ~ /^tests\/judge\/[^\/]*$/ && target !~ /^(base|wire|tests\/judge)\//) {
		report("the judges may not include " target)
	} else if (to != from && index(" " may[from] " ", " " to " ") == 0) {
		report(from " may not include " to " (" target ")")
	} else if (target ~ /^base\/os_/ && is_pure(FILENAME)) {
		report("a pure file may not include " target)
	}
	next
}

/^[ \t]*#[ \t]*include[ \t]*</ {
	target = $0
	sub(/^[^<]*</, "", target)
	sub(/>.*/, "", target)
	if (target in standard || FILENAME ~ /^tests\//)
		next
	if (target ~ /^saga(_[a-z]+)?\.h$/) {
		# The installed headers of libsaga are used as its users use them.
		if (FILENAME !~ /^(client|cli|examples)\//)
			report("<" target "> is for the users of libsaga")
		next
	}
	known = 0
	for (pattern in foreign) {
		if (target !~ pattern)
			continue
		known = 1
		# The example services are user code: they may use what they like.
		if (FILENAME !~ foreign[pattern] && FILENAME !~ /^examples\//)
			report("<" target "> belongs into a file named after its library")
	}
	if (!known)
		report("<" target "> is not a header that this gate knows")
}
' "${files[@]}" | gate_verdict includes
