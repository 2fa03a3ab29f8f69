# SPDX-License-Identifier: GPL-2.0
#
# Tables of what lines.awk has read.

# In how many functions, where that is more than the heading says.
function title(kernel, row) {
	if (functions[kernel, row] > 1000)
		return name_of(row) ", " functions[kernel, row]
	return name_of(row)
}

function or_dash(value) {
	return value == "" ? "-" : value
}

function text_calls(kernel,	i, row, group, n) {
	printf "%s (%s): instructions that a traced call takes longer\n\n", kernel, about[kernel]
	printf "%-36s %9s %9s %9s %9s\n", "", "added", "each", "/native", "/f+f"
	for (i = 1; i <= nr_rows; i++) {
		row = rows[i]
		if (!((kernel, row) in added) && !((kernel, row) in missing))
			continue
		if (group_of(row) != group) {
			group = group_of(row)
			print group
		}
		if ((kernel, row) in missing) {
			printf "  %-34s %9s %s\n", name_of(row), "-", missing[kernel, row]
			continue
		}
		n = programs[kernel, row]
		printf "  %-34s %9.1f %9s %9s %9s\n", title(kernel, row), added[kernel, row],
			n ? sprintf("%.1f", added[kernel, row] / n) : "-", or_dash(ratio(kernel, row, native)),
			or_dash(ratio(kernel, row, pair))
	}
	print ""
}

# Which depths have a column.
function shown(depth) {
	return depth <= 2 || depth == 4 || depth == 8 || depth >= 12
}

function has_misses(	shape) {
	return misses[shapes[1], 1] != "not available"
}

function text_cycles(	i, d) {
	printf "%s: cycles that a traced call takes longer, by the calls above it\n", processor
	printf "(of many runs the least; below, the median)\n\n"
	printf "%-36s %6s", "", "instr."
	for (d = 1; d <= depths; d++)
		if (shown(d))
			printf " %6d", d
	printf " %7s\n", "1 to 13"
	for (i = 2; i <= nr_shapes; i++) {
		text_depths(shapes[i], instructions[shapes[i]], cycles_added)
		text_depths("", "", cycles_usual)
	}
	if (!has_misses()) {
		print "branch misses: not available"
		return
	}
	print "branch misses"
	for (i = 1; i <= nr_shapes; i++) {
		printf "%-36s %6s", shapes[i], ""
		for (d = 1; d <= depths; d++)
			if (shown(d))
				printf " %6.2f", misses[shapes[i], d]
		print ""
	}
}

function text_threads(	i, t) {
	printf "\n%s: the same under one call, by how many threads call the function at a time\n\n%-43s", processor, ""
	for (t = 1; t <= nr_threads; t++)
		printf " %6d", threads[t]
	print ""
	for (i = 1; i <= nr_threaded; i++) {
		printf "%-43s", threaded[i]
		for (t = 1; t <= nr_threads; t++)
			printf " %6.1f", threads_added[threaded[i], threads[t]]
		print ""
	}
}

# @by is for the shape that was named last.
function text_depths(name, count, by,	d) {
	if (name != "")
		current = name
	printf "%-36s %6s", name, count
	for (d = 1; d <= depths; d++)
		if (shown(d))
			printf " %6.1f", by[current, d]
	if (depths >= 13)
		printf " %+7.1f", by[current, 13] - by[current, 1]
	print ""
}

function markdown_head(first, columns, nr,	i) {
	printf "| %s |", first
	for (i = 1; i <= nr; i++)
		printf " %s |", columns[i]
	printf "\n|---|"
	for (i = 1; i <= nr; i++)
		printf "--:|"
	print ""
}

function markdown_calls(	i, k, row, group, cell, reasons) {
	for (k = 1; k <= nr_kernels; k++)
		printf "%s%s is %s", k == 1 ? "" : "; ", kernels[k], about[kernels[k]]
	print ".\n"
	markdown_head("instructions added to a call", kernels, nr_kernels)
	for (i = 1; i <= nr_rows; i++) {
		row = rows[i]
		if (group_of(row) != group) {
			group = group_of(row)
			printf "| **%s** |", group
			for (k = 1; k <= nr_kernels; k++)
				printf " |"
			print ""
		}
		printf "| %s |", name_of(row)
		for (k = 1; k <= nr_kernels; k++) {
			cell = ""
			if ((kernels[k], row) in added)
				cell = sprintf("%.0f", added[kernels[k], row])
			else if ((kernels[k], row) in missing)
				cell = "-"
			if (cell == "-" && missing[kernels[k], row] != "not in this kernel")
				reasons = reasons "\n- " kernels[k] ", " group ", " name_of(row) ": " missing[kernels[k], row]
			printf " %s |", cell
		}
		print ""
	}
	print "\nNothing in a field: not measured. \"-\": not in this kernel" (reasons == "" ? "." : ", or:\n" reasons)
	markdown_ratio("a session to a native one", "session", native)
	markdown_ratio("a session to fentry + fexit", "session", pair)
	markdown_each()
}

function markdown_ratio(what, of, to,	i, k, row) {
	print ""
	markdown_head(what, kernels, nr_kernels)
	for (i = 1; i <= nr_rows; i++) {
		row = rows[i]
		# "session", and "session, native program".
		if (index(name_of(row) ",", of ",") != 1 || !((group_of(row), to) in row_known))
			continue
		printf "| %s%s |", group_of(row), substr(name_of(row), length(of) + 1)
		for (k = 1; k <= nr_kernels; k++)
			printf " %s |", or_dash(ratio(kernels[k], row, to))
		print ""
	}
}

function markdown_each(	i, k, row, most) {
	print ""
	markdown_head("instructions for each of", kernels, nr_kernels)
	for (i = 1; i <= nr_rows; i++) {
		row = rows[i]
		most = 0
		for (k = 1; k <= nr_kernels; k++)
			if (programs[kernels[k], row] > most)
				most = programs[kernels[k], row]
		if (most < 2)
			continue
		printf "| %d, %s |", most, name_of(row)
		for (k = 1; k <= nr_kernels; k++)
			printf " %s |", (kernels[k], row) in added ? sprintf("%.1f", added[kernels[k], row] / most) : "-"
		print ""
	}
}

function markdown_cycles(	i, d) {
	printf "\n| cycles added to a call, %s; calls above it: | instructions |", processor
	for (d = 1; d <= depths; d++)
		if (shown(d))
			printf " %d |", d
	print " 1 to 13 |"
	printf "|---|--:|"
	for (d = 1; d <= depths; d++)
		if (shown(d))
			printf "--:|"
	print "--:|"
	for (i = 2; i <= nr_shapes; i++) {
		printf "| %s | %s |", shapes[i], instructions[shapes[i]]
		for (d = 1; d <= depths; d++)
			if (shown(d))
				printf " %.0f |", cycles_added[shapes[i], d]
		printf " %+.0f |\n", cycles_added[shapes[i], 13] - cycles_added[shapes[i], 1]
	}
	print "\nBranch misses: " (has_misses() ? "in the JSON." : "not available on this machine.")
}

function markdown_threads(	i, t) {
	print ""
	markdown_head("cycles added to a call under one; threads that call the function at a time:", threads, nr_threads)
	for (i = 1; i <= nr_threaded; i++) {
		printf "| %s |", threaded[i]
		for (t = 1; t <= nr_threads; t++)
			printf " %.0f |", threads_added[threaded[i], threads[t]]
		print ""
	}
}

function json(	i, line, value) {
	print "["
	for (i = 1; i <= nr_lines; i++) {
		line = substr(lines[i], 1, length(lines[i]) - 1)
		if (i in line_row) {
			value = ratio(line_kernel[i], line_row[i], native)
			if (value != "")
				line = line ",\"to_native\":" value
			value = ratio(line_kernel[i], line_row[i], pair)
			if (value != "")
				line = line ",\"to_fentry_fexit\":" value
		}
		print line "}" (i < nr_lines ? "," : "")
	}
	print "]"
}

END {
	if (form == "json")
		json()
	for (k = 1; form == "text" && k <= nr_kernels; k++)
		text_calls(kernels[k])
	if (form == "text" && nr_shapes)
		text_cycles()
	if (form == "text" && nr_threads)
		text_threads()
	if (form == "markdown" && nr_kernels)
		markdown_calls()
	if (form == "markdown" && nr_shapes)
		markdown_cycles()
	if (form == "markdown" && nr_threads)
		markdown_threads()
}
