# SPDX-License-Identifier: BSD-2-Clause
#
# From `COUNT SYNC NAME MEDIAN P99 MAX N` lines to the table of tests/bench/run.

{
	median[$1, $2, $3] = $4
	p99[$1, $2, $3] = $5
	max[$1, $2, $3] = $6
}

# Microseconds as people read them.
function spell(us) {
	if (us == "")
		return "-"
	if (us < 1000)
		return sprintf("%.0f us", us)
	if (us < 1000000)
		return sprintf("%.1f ms", us / 1000)
	return sprintf("%.1f s", us / 1000000)
}

function row(label, sync, name,    i) {
	printf "  %-44s", label
	for (i = 1; i <= columns; i++)
		if ((count[i], sync, name) in median)
			printf "%20s", spell(median[count[i], sync, name]) \
				" / " spell(p99[count[i], sync, name])
		else
			printf "%20s", name == "enlarge" ? \
				"left to the sweep" : "-"
	printf "\n"
}

function both(label, name) {
	row(label, "no", name)
	row(label ", sync", "yes", name)
}

function heading(text,    i) {
	printf "\n%-46s", text
	for (i = 1; i <= columns; i++)
		printf "%20s", count[i] " entries"
	printf "\n"
}

function ratio(label, over, under, goal,    text) {
	text = under > 0 && over > 0 ? sprintf("%.2fx", over / under) : "-"
	printf "  %-58s%10s   %s\n", label, text, goal
}

# against NAME: ours over the other, in each column
function against(label, sync, ours, other, goal,    i, text) {
	text = ""
	for (i = 1; i <= columns; i++)
		if (median[count[i], sync, other] > 0)
			text = text sprintf("%7.2fx", \
				median[count[i], sync, ours] / \
				median[count[i], sync, other])
	printf "  %-44s%24s   %s\n", label, text, goal
}

function growth(label, sync, name) {
	ratio(label, median[largest, sync, name], median[1000, sync, name], \
		"goal: at most 1.2x")
}

function swept(what, label) {
	if ((what, sync_of(what), "sweep-s") in median)
		printf "  %-32s%9s%20s%22s%20s\n", label, \
			median[what, sync_of(what), "sweep-s"] " s", \
			pair(what, "sweep-add"), pair(what, "sweep-read"), \
			pair(what, "sweep-locked")
}

function sync_of(what) {
	return what ~ /yes$/ ? "yes" : "no"
}

function pair(what, name) {
	return spell(p99[what, sync_of(what), name]) " / " \
		spell(max[what, sync_of(what), name])
}

END {
	columns = split(counts, count, " ")
	print "Median / 99th percentile. A login: open the map, add a new" \
		" address, close."
	print "Load: " load
	heading("Size")
	printf "  %-44s", "map file"
	for (i = 1; i <= columns; i++)
		printf "%20s", sprintf("%.1f MB", \
			p99[count[i], "-", "size"] / 1e6)
	printf "\n"

	heading("One login")
	both("process that lives on", "long")
	both("fresh process, the recording", "fresh")
	both("fresh process, with fork and exit", "fresh-process")
	row("renewed within 10 s, process that lives on", "yes", "renew")
	both("the login that must enlarge the map", "enlarge")

	heading("The same by other means")
	both("in place under flock (can tear)", "in-place-long")
	both("in place, fresh process", "in-place-fresh")
	both("in place, fresh, with fork and exit", "in-place-fresh-process")
	both("copy and rename", "copy")
	row("a script by pam_exec", "-", "script-process")
	print "    (" tool ")"

	heading("Readers locked out by one login")
	both("ours, process that lives on", "long-locked")
	both("ours, fresh process", "fresh-locked")
	both("in place, fresh process", "in-place-fresh-locked")

	print "\nRatios of medians, one for each number of entries"
	against("to in place, fresh, with fork and exit", "no", \
		"fresh-process", "in-place-fresh-process", "goal: at most 1.25x")
	against("the same, sync", "yes", "fresh-process", \
		"in-place-fresh-process", "goal: at most 1.25x")
	against("to in place, process that lives on", "no", "long", \
		"in-place-long", "")
	against("the same, sync", "yes", "long", "in-place-long", "")
	for (i = 1; i <= columns; i++)
		median[count[i], "yes", "script"] = \
			median[count[i], "no", "script"] = \
			median[count[i], "-", "script-process"]
	against("script to ours, process that lives on", "no", "script", \
		"long", "goal: at least 20x")
	against("the same, ours with sync", "yes", "script", "long", \
		"goal: at least 20x")

	print "\nAt " largest " entries to a thousand"
	growth("process that lives on", "no", "long")
	growth("process that lives on, sync", "yes", "long")
	growth("fresh process, with fork and exit", "no", "fresh-process")
	growth("fresh process, with fork and exit, sync", "yes", \
		"fresh-process")
	printf "  %-58s%10s   %s\n", "readers locked out, median, sync", \
		spell(median[largest, "yes", "long-locked"]), \
		"goal: at most 100 us"

	printf "\n%-34s%9s%20s%22s%20s\n", "Sweep of " largest " entries", \
		"took", "an add waits", "a reader waits", "readers locked out"
	print "  99th percentile / longest; 500 adds a second" \
		" and 4,000 reads beside it; goal: none over 5 ms"
	swept("none.yes", "no sweep, sync")
	swept("half.yes", "half expired, sync")
	swept("all.yes", "all expired, sync")
	swept("all.no", "all expired")
}
