# The text of `gcov --branch-probabilities --branch-counts --stdout` for the objects of the covered
# parts -> a table by file and by part. Exits 1 when a part has less than it must.
#
# Variables: line_min and branch_min in percent, uncovered = a file for what was not run, sources and
# headers = the files of the covered parts, each as <folder>/<name>, with spaces between. Sources must
# be in it, headers may: not every one has code.
#
# A line of a header is there once for each object: it was run when one of them ran it.

function percent(some, all)
{
	return all == 0 ? 100 : 100 * some / all
}

# Rounded down, so that no figure looks better than it is.
function shown(some, all,    tenths)
{
	tenths = int(10 * percent(some, all))
	return sprintf("%.1f", tenths / 10)
}

function row(name, lines_run, lines, branches_run, branches)
{
	printf "%-28s %6d %7s %9d %9s\n", name, lines, shown(lines_run, lines), branches,
		shown(branches_run, branches)
}

function part_of(file)
{
	if (file ~ /^txn\//)
		return "txn"
	if (file ~ /^sharding\//)
		return "sharding"
	if (file ~ /^node\//)
		return "node core"
	return ""
}

# Insertion sort: mawk has none of its own, and there are few files.
function sort(list, count,    i, j, held)
{
	for (i = 2; i <= count; i++) {
		held = list[i]
		for (j = i - 1; j >= 1 && list[j] > held; j--)
			list[j + 1] = list[j]
		list[j + 1] = held
	}
}

BEGIN {
	count = split(sources " " headers, wanted, " ")
	for (i = 1; i <= count; i++)
		known[wanted[i]] = 1
}

# The path is as the compiler was given it, absolute or not.
/^ *-: *0:Source:/ {
	count = split(substr($0, index($0, "Source:") + 7), path, "/")
	file = path[count - 1] "/" path[count]
	counted = file in known
	if (counted && !(file in files)) {
		files[file] = 1
		names[++file_count] = file
	}
	next
}

!counted {
	next
}

/^ *[0-9#=-]+\*?: *[0-9]+:/ {
	split($0, column, ":")
	line = column[2] + 0
	if (line == 0 || column[1] ~ /-$/)
		next
	key = file SUBSEP line
	if (!(key in run)) {
		run[key] = 0
		last[file] = last[file] < line ? line : last[file]
		text[key] = substr($0, length(column[1]) + length(column[2]) + 3)
	}
	if (column[1] ~ /[1-9]/)
		run[key] = 1
	next
}

/^branch +[0-9]+ (taken|never executed)/ {
	arm = key SUBSEP $2
	if (!(arm in taken)) {
		taken[arm] = 0
		arms[key] = arms[key] " " $2
	}
	if ($3 == "taken" && $4 > 0)
		taken[arm] = 1
}

function add(file,    line, key, i, count, numbers)
{
	for (line = 1; line <= last[file]; line++) {
		key = file SUBSEP line
		if (!(key in run))
			continue
		lines[file]++
		lines_run[file] += run[key]
		if (!run[key])
			printf "%s:%d: not run: %s\n", file, line, text[key] >uncovered
		count = split(arms[key], numbers, " ")
		for (i = 1; i <= count; i++) {
			branches[file]++
			branches_run[file] += taken[key SUBSEP numbers[i]]
			if (run[key] && !taken[key SUBSEP numbers[i]])
				printf "%s:%d: branch %d of %d not taken: %s\n", file, line, i, count,
					text[key] >uncovered
		}
	}
}

END {
	printf "" >uncovered
	sort(names, file_count)
	printf "%-28s %6s %7s %9s %9s\n", "file", "lines", "line %", "branches", "branch %"
	for (i = 1; i <= file_count; i++) {
		file = names[i]
		add(file)
		row(file, lines_run[file], lines[file], branches_run[file], branches[file])
		part = part_of(file)
		part_lines[part] += lines[file]
		part_lines_run[part] += lines_run[file]
		part_branches[part] += branches[file]
		part_branches_run[part] += branches_run[file]
	}
	count = split(sources, wanted, " ")
	for (i = 1; i <= count; i++)
		if (!(wanted[i] in files)) {
			printf "%s was not measured\n", wanted[i]
			failed = 1
		}
	print ""
	count = split("txn,sharding,node core", parts, ",")
	for (i = 1; i <= count; i++) {
		part = parts[i]
		row(part, part_lines_run[part], part_lines[part], part_branches_run[part],
			part_branches[part])
		if (part_lines[part] == 0 ||
		    percent(part_lines_run[part], part_lines[part]) < line_min ||
		    percent(part_branches_run[part], part_branches[part]) < branch_min) {
			short = short " " part ","
			failed = 1
		}
	}
	if (short != "")
		printf "below %s %% of the lines or %s %% of the branches:%s see %s\n", line_min,
			branch_min, short, uncovered
	exit failed
}
