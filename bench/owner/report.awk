# SPDX-License-Identifier: GPL-2.0-only
# From samples to what is gained: a table, JSON or SVG, as "what" says. Part of pvkit-bench.
#
# A gain is taken between two runs of the same round; of all rounds the median, the least and the greatest.

function quote(text) {
	gsub(/\\/, "\\\\", text)
	gsub(/"/, "\\\"", text)
	return "\"" text "\""
}

function escape(text) {
	gsub(/&/, "\\&amp;", text)
	gsub(/</, "\\&lt;", text)
	return text
}

# Of the numbers in values[1] to values[n], which are sorted.
function sort_values(n,   i, j, value) {
	for (i = 2; i <= n; i++) {
		value = values[i]
		for (j = i - 1; j > 0 && values[j] > value; j--)
			values[j + 1] = values[j]
		values[j + 1] = value
	}
}
function median(n) {
	sort_values(n)
	return n % 2 ? values[(n + 1) / 2] : (values[n / 2] + values[n / 2 + 1]) / 2
}

function median_of(test, device,   n, round) {
	for (round = 1; round <= rounds; round++)
		if ((test, device, round) in value_of)
			values[++n] = value_of[test, device, round]
	return median(n)
}

function number(value) {
	if (value >= 1e6)
		return sprintf("%.2f M", value / 1e6)
	if (value >= 1e4)
		return sprintf("%.1f k", value / 1e3)
	return sprintf(value >= 100 ? "%.0f" : "%.1f", value)
}

function is_ours(device) { return driver_of[device] ~ /^pv(blk|net|clock)$/ && device !~ /, before$/ }
function label(device) { return driver_of[device] == substr(device, 1, length(driver_of[device])) ? device : device " (" driver_of[device] ")" }

# The gain of ours over another in a test, as median, least and greatest; whether there is one.
function find_gain(test, ours, other,   n, round, a, b) {
	n = 0
	for (round = 1; round <= rounds; round++) {
		if (!((test, ours, round) in value_of) || !((test, other, round) in value_of))
			continue
		a = value_of[test, ours, round]
		b = value_of[test, other, round]
		# Time is better the less it is.
		if (a > 0 && b > 0)
			values[++n] = unit_of[test] == "ns" ? b / a : a / b
	}
	if (!n)
		return 0
	gain = median(n)
	least = values[1]
	greatest = values[n]
	return 1
}

# Rows of what can be compared, and the tests that have none.
function find_rows(   t, i, j, found) {
	for (t = 1; t <= nr_tests; t++) {
		found = 0
		for (i = 1; i <= nr_devices; i++)
			for (j = 1; is_ours(devices[i]) && j <= nr_devices; j++)
				if (j != i && find_gain(tests[t], devices[i], devices[j])) {
					found = ++nr_rows
					row_test[nr_rows] = tests[t]
					row_ours[nr_rows] = devices[i]
					row_other[nr_rows] = devices[j]
					row_gain[nr_rows] = gain
					row_least[nr_rows] = least
					row_greatest[nr_rows] = greatest
				}
		if (!found)
			alone[++nr_alone] = tests[t]
	}
}

function print_table(   r, i, t, line, with_unit) {
	if (nr_rows) {
		print "A gain of 2.0x: twice as fast; of all rounds the median [the least - the greatest]."
		printf "\n%-18s  %-28s %12s   %-24s %12s  %-5s  %s\n", "workload", "against", "", "pvkit", "", "", "gain"
	}
	for (r = 1; r <= nr_rows; r++) {
		t = row_test[r]
		printf "%-18s  %-28s %12s   %-24s %12s  %-5s  %.2fx [%.2f - %.2f]\n", name_of[t], label(row_other[r]), number(median_of(t, row_other[r])),
			label(row_ours[r]), number(median_of(t, row_ours[r])), unit_of[t], row_gain[r], row_least[r], row_greatest[r]
	}
	if (!nr_alone)
		return
	print "\nNothing to compare with:"
	for (r = 1; r <= nr_alone; r++)
		for (i = 1; i <= nr_devices; i++)
			if (median_known[alone[r], devices[i]])
				printf "%-18s  %-28s %12s  %s\n", name_of[alone[r]], label(devices[i]), number(median_of(alone[r], devices[i])), unit_of[alone[r]]
	print "Keep this by --save FILE; when the devices of pvkit are there, --compare FILE says what they gain."
}

function print_json(   r, i) {
	printf "{\"pvkit_bench\":1,\"guest\":%s,\"date\":%s,\n\"gains\":[", quote(about), quote(date)
	for (r = 1; r <= nr_rows; r++)
		printf "%s\n{\"kind\":%s,\"workload\":%s,\"device\":%s,\"against\":%s,\"gain\":%.3f,\"least\":%.3f,\"greatest\":%.3f}", (r > 1 ? "," : ""),
			quote(kind_of[row_test[r]]), quote(name_of[row_test[r]]), quote(row_ours[r]), quote(row_other[r]), row_gain[r], row_least[r], row_greatest[r]
	printf "],\n\"samples\":["
	for (i = 1; i <= nr_samples; i++)
		printf "%s\n%s", (i > 1 ? "," : ""), json_samples[i]
	print "]}"
}

# A bar for each gain, on a scale of doublings.
function print_svg(   r, y, height, width, per_double) {
	height = 60 + 22 * nr_rows
	per_double = 60
	printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"960\" height=\"%d\" font-family=\"sans-serif\" font-size=\"13\">\n", height
	print "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>"
	printf "<text x=\"12\" y=\"24\" font-size=\"15\">What pvkit gains: %s</text>\n", escape(about)
	for (r = 1; r <= nr_rows; r++) {
		y = 40 + 22 * r
		width = log(row_gain[r]) / log(2) * per_double
		printf "<text x=\"12\" y=\"%d\">%s, against %s</text>\n", y, escape(name_of[row_test[r]]), escape(label(row_other[r]))
		printf "<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"14\" fill=\"%s\"/>\n", width < 0 ? 480 + width : 480, y - 12,
			width < 0 ? -width : width, width < 0 ? "#bab0ac" : "#e15759"
		printf "<text x=\"%.1f\" y=\"%d\">%.1fx</text>\n", width < 0 ? 486 : 486 + width, y, row_gain[r]
	}
	printf "<line x1=\"480\" y1=\"44\" x2=\"480\" y2=\"%d\" stroke=\"#444\"/>\n</svg>\n", height - 12
}

BEGIN { FS = "\t" }
NF == 7 {
	test = $1 " " $2
	if (!(test in name_of)) {
		tests[++nr_tests] = test
		name_of[test] = $2
		kind_of[test] = $1
		unit_of[test] = $7
	}
	if (!($3 in driver_of)) {
		devices[++nr_devices] = $3
		driver_of[$3] = $4
	}
	value_of[test, $3, $5] = $6
	median_known[test, $3] = 1
	if ($5 > rounds)
		rounds = $5
	json_samples[++nr_samples] = sprintf("{\"kind\":%s,\"workload\":%s,\"device\":%s,\"driver\":%s,\"round\":%d,\"value\":%s,\"unit\":%s}",
		quote($1), quote($2), quote($3), quote($4), $5, $6 + 0, quote($7))
}
END {
	find_rows()
	if (what == "json")
		print_json()
	else if (what == "svg")
		print_svg()
	else
		print_table()
}
