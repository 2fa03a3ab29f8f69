# SPDX-License-Identifier: GPL-2.0
#
# Plots of what lines.awk has read.

function escaped(text) {
	gsub(/&/, "\\&amp;", text)
	gsub(/</, "\\&lt;", text)
	gsub(/>/, "\\&gt;", text)
	gsub(/"/, "\\&quot;", text)
	return text
}

function open_svg(width, height) {
	printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\"", width, height, width, height
	print " font-family=\"sans-serif\" font-size=\"12\">"
	print "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>"
}

function text_at(x, y, anchor, text, more) {
	printf "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\"%s>%s</text>\n", x, y, anchor, more, escaped(text)
}

function line(x1, y1, x2, y2, colour) {
	printf "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\"/>\n", x1, y1, x2, y2, colour
}

function dot(x, y, colour, text) {
	printf "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" fill=\"%s\"><title>%s</title></circle>\n", x, y, colour, escaped(text)
}

function legend(x, y, colour, text) {
	dot(x, y - 4, colour, text)
	text_at(x + 10, y, "start", text, "")
}

# From 10 instructions on; all rows have to be told apart, from tens to tens of thousands.
function log_x(value) {
	return left + (value < 10 ? 0 : log(value / 10) / log(10)) * decade
}

# The untraced call is what all others are longer than.
function drop_first_row(	i) {
	for (i = 1; i < nr_rows; i++)
		rows[i] = rows[i + 1]
	nr_rows--
}

function plot_calls(	i, k, y, row, group, top, bottom, decades, value, largest) {
	left = 260
	decade = 200
	top = 60
	if (nr_rows && group_of(rows[1]) == "untraced")
		drop_first_row()
	for (k = 1; k <= nr_kernels; k++)
		for (i = 1; i <= nr_rows; i++)
			if ((kernels[k], rows[i]) in added && added[kernels[k], rows[i]] > largest)
				largest = added[kernels[k], rows[i]]
	decades = 2
	for (value = 1000; value < largest; value *= 10)
		decades++
	bottom = top
	for (i = 1; i <= nr_rows; i++) {
		bottom += 16 + (group_of(rows[i]) != group ? 22 : 0)
		group = group_of(rows[i])
	}
	open_svg(left + decades * decade + 40, bottom + 40)
	text_at(left, 20, "start", "instructions that a traced call takes longer (logarithmic)", " font-weight=\"bold\"")
	for (k = 1; k <= nr_kernels; k++)
		legend(left + (k - 1) * 110, 42, colours[k], kernels[k])
	for (i = 0; i <= decades; i++) {
		line(left + i * decade, top, left + i * decade, bottom + 8, "#ccc")
		text_at(left + i * decade, bottom + 24, "middle", sprintf("%d", 10 ^ (i + 1)), "")
	}
	y = top
	group = ""
	for (i = 1; i <= nr_rows; i++) {
		row = rows[i]
		if (group_of(row) != group) {
			y += 22
			group = group_of(row)
			text_at(10, y, "start", group, " font-weight=\"bold\"")
		}
		y += 16
		text_at(left - 10, y, "end", name_of(row), "")
		line(left, y - 4, left + decades * decade, y - 4, "#eee")
		for (k = 1; k <= nr_kernels; k++)
			if ((kernels[k], row) in added)
				dot(log_x(added[kernels[k], row]), y - 4, colours[k],
				    kernels[k] ": " added[kernels[k], row])
	}
	print "</svg>"
}

function plot_cycles(	i, d, largest, step, width, height, points, top) {
	left = 60
	top = 50 + nr_shapes * 16
	width = 600
	height = 320
	for (i = 2; i <= nr_shapes; i++)
		for (d = 1; d <= depths; d++)
			if (cycles_added[shapes[i], d] > largest)
				largest = cycles_added[shapes[i], d]
	largest = (int(largest / 100) + 1) * 100
	open_svg(left + width + 40, top + height + 60)
	text_at(left, 20, "start", "cycles that a traced call takes longer, by the calls above it", " font-weight=\"bold\"")
	text_at(left, 36, "start", processor, "")
	for (step = 0; step <= largest; step += 100) {
		line(left, top + height * (1 - step / largest), left + width, top + height * (1 - step / largest), "#ccc")
		text_at(left - 8, top + height * (1 - step / largest) + 4, "end", step, "")
	}
	for (d = 1; d <= depths; d++)
		text_at(left + width * (d - 0.5) / depths, top + height + 18, "middle", d, "")
	for (i = 2; i <= nr_shapes; i++) {
		legend(left + 5, 38 + 16 * (i - 1), colours[i - 1], shapes[i])
		points = ""
		for (d = 1; d <= depths; d++)
			points = points sprintf("%.1f,%.1f ", left + width * (d - 0.5) / depths,
				top + height * (1 - (cycles_added[shapes[i], d] > 0 ? cycles_added[shapes[i], d] : 0) / largest))
		printf "<polyline points=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"2\"/>\n", points, colours[i - 1]
	}
	print "</svg>"
}

BEGIN {
	split("#1b6ca8 #c8553d #588157 #8e44ad #d4a017 #444444 #17a2a2 #c71585", colours, " ")
}

END {
	if (form == "svg-calls")
		plot_calls()
	else
		plot_cycles()
}
