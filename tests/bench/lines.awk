# SPDX-License-Identifier: GPL-2.0
#
# Reads the lines of calls and cycles: JSON objects without anything nested. Other lines are a guest's talk.
#
# calls:  kernels[1..nr_kernels] in order of appearance, about[kernel]; rows[1..nr_rows] as GROUP SUBSEP NAME, groups together;
#         added, programs, functions, missing by [kernel, row]
# cycles: shapes[1..nr_shapes], depths; cycles_added, cycles_usual, misses by [shape, depth]; instructions by [shape];
#         threads[1..nr_threads], threaded[1..nr_threaded]: shapes; threads_added by [shape, threads]

# field(NAME): the value in this line, or "".
function field(name,	at, rest) {
	at = index($0, "\"" name "\":")
	if (!at)
		return ""
	rest = substr($0, at + length(name) + 3)
	if (substr(rest, 1, 1) == "\"") {
		rest = substr(rest, 2)
		return substr(rest, 1, index(rest, "\"") - 1)
	}
	match(rest, /^[-0-9.e+]+/)
	return substr(rest, 1, RLENGTH)
}

function add_row(group, row,	key, i) {
	key = group SUBSEP row
	if (key in row_known)
		return
	row_known[key] = 1
	# After the last one of its group.
	for (i = nr_rows; i > 0 && (group in group_known) && group_of(rows[i]) != group; i--)
		rows[i + 1] = rows[i]
	group_known[group] = 1
	rows[i + 1] = key
	nr_rows++
}

function group_of(key) {
	return substr(key, 1, index(key, SUBSEP) - 1)
}

function name_of(key) {
	return substr(key, index(key, SUBSEP) + 1)
}

# ratio(KERNEL, ROW, NAME): to the row NAME of the same group, or "".
function ratio(kernel, row, name,	other) {
	other = group_of(row) SUBSEP name
	if (!((kernel, row) in added) || !((kernel, other) in added) || added[kernel, other] <= 0)
		return ""
	return sprintf("%.2f", added[kernel, row] / added[kernel, other])
}

/^\{.*"bench":"calls"/ {
	kernel = field("kernel")
	if (kernel == "")
		kernel = field("release") " " field("arch")
	if (!(kernel in about)) {
		kernels[++nr_kernels] = kernel
		about[kernel] = field("release") ", " field("arch")
	}
	add_row(field("group"), field("row"))
	key = field("group") SUBSEP field("row")
	if (field("missing") != "") {
		missing[kernel, key] = field("missing")
	} else {
		added[kernel, key] = field("added") + 0
		programs[kernel, key] = field("programs") + 0
		functions[kernel, key] = field("functions") + 0
	}
	lines[++nr_lines] = $0
	line_kernel[nr_lines] = kernel
	line_row[nr_lines] = key
}

/^\{.*"bench":"cycles"/ {
	shape = field("row")
	depth = field("depth") + 0
	processor = field("cpu")
	if (!(shape in instructions))
		shapes[++nr_shapes] = shape
	instructions[shape] = field("instructions")
	cycles_added[shape, depth] = field("added") + 0
	cycles_usual[shape, depth] = field("usual") + 0
	misses[shape, depth] = field("misses")
	if (depth > depths)
		depths = depth
	lines[++nr_lines] = $0
}

/^\{.*"bench":"threads"/ {
	shape = field("row")
	if (!((shape, threads[1]) in threads_added))
		threaded[++nr_threaded] = shape
	if (!nr_threads || threads[nr_threads] != field("threads"))
		threads[++nr_threads] = field("threads")
	threads_added[shape, field("threads")] = field("added") + 0
	lines[++nr_lines] = $0
}

BEGIN {
	native = "native fsession"
	pair = "fentry + fexit"
}
