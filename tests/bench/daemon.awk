# SPDX-License-Identifier: BSD-2-Clause
#
# From the `NAME FIGURE...` lines of tests/bench/daemon to its table. What
# stands here of the original was measured once, on a disk, with its own
# library and its own calls; it is quoted, not measured again.

$1 == "one" {
	one[$2] = pair($3, $4)
	failed += $7
}

$1 == "many" {
	times[$2, $3, $4] = pair($5, $6)
	longest[$2, $3, $4] = $7
	p99[$2, $3, $4] = $6
	rate[$2, $3, $4] = $8
	failed += $9
}

$1 == "sweep" {
	sweep[$2, $3] = sprintf("%22s%14s%14s/s", pair($4, $5), spell($6), \
		thousands($7))
	failed += $8
}

$1 == "disk" { disk = disk ", " pair($2, $3) " / " spell($4) }
$1 ~ /-dracauth$/ { one[$1] = pair($2, $3) }
$1 == "late" { late = pair($2, $3); latest = spell($4); samples = $5 }
$1 == "gone" {
	gone[$2] = spell($3) " after its time" \
		($4 > 0 ? ", and " $4 " are left" : "")
}

$1 == "resident" { resident[$2] = sprintf("%.1f MB", $3 / 1024) }

# Microseconds as people read them.
function spell(us) {
	if (us < 1000)
		return sprintf("%.0f us", us)
	if (us < 1000000)
		return sprintf("%.1f ms", us / 1000)
	return sprintf("%.2f s", us / 1000000)
}

function pair(median, p99) {
	return spell(median) " / " spell(p99)
}

function thousands(n) {
	return n < 1000 ? sprintf("%d", n) : \
		sprintf("%d,%03d", n / 1000, n % 1000)
}

function quoted(text) {
	printf "  %-30s%s\n", "the original (quoted)", text
}

function goal(text) {
	printf "  %-30s%s\n", "goal", text
}

function row(label, fresh, kept) {
	printf "  %-30s%22s", label, one[fresh]
	printf kept == "" ? "\n" : "%22s\n", one[kept]
}

function adds(label, road, callers, count) {
	if ((road, callers, count) in rate)
		printf "  %-30s%12s%22s%14s\n", label, \
			thousands(rate[road, callers, count]), \
			times[road, callers, count], \
			spell(longest[road, callers, count])
}

function people(n) {
	return n == 1 ? "1 caller" : n " callers"
}

function adds_at(count,    i, callers) {
	printf "\n%-32s%12s%22s%14s\n", "Adds, " count " entries", \
		"a second", "median / 99th", "longest"
	split("1 4 16", callers, " ")
	for (i = 1; i <= 3; i++)
		adds("local socket, " people(callers[i]), "unix-kept", \
			callers[i], count)
	for (i = 1; i <= 3; i++)
		adds("UDP, " people(callers[i]), "udp-kept", \
			callers[i], count)
}

# So many times as fast as the original.
function compared(count, adds_s, p99_us) {
	printf "  %-30s%.1f times the adds", "with 16 callers", \
		rate["unix-kept", 16, count] / adds_s
	if (p99_us > 0)
		printf ", the 99th percentile %.1f times lower", \
			p99_us / p99["unix-kept", 16, count]
	printf "; goal: 10\n"
}

function swept(sync, label) {
	printf "  %-30s%s\n", "nothing expires" label, sweep["none", sync]
	if (!(("all", sync) in sweep))
		return
	printf "  %-30s%s\n", "all expire" label, sweep["all", sync]
	printf "  %-30s%36s\n", "the last one gone" label, gone[sync]
}

END {
	all = many == "" ? few : many
	print "The daemon, sync: median / 99th percentile. Callers and daemon" \
		" share the machine."
	print "Load: " load
	print "The disk, to append 4 KB and wait for them, 500 times: median /" \
		" 99th / longest"
	print "  before, between and after" disk
	if (failed > 0)
		print failed " calls failed"

	printf "\n%-32s%22s%22s\n", "One login, " few " entries", \
		"connection made", "connection kept"
	row("local socket", "unix", "unix-kept")
	row("UDP", "udp", "udp-kept")
	row("TCP", "tcp", "tcp-kept")
	row("dracauth, HOST:PORT", "host-dracauth")
	row("dracauth, local", "local-dracauth")
	quoted("one add 140 to 450 us / 4 to 13 ms;")
	printf "  %-30s%s\n", "", "dracauth, with the query to rpcbind, 290 us"
	goal("a 99th percentile of 0.4 to 1.3 ms, 10 times lower")

	adds_at(few)
	quoted("about 4,000 a second, nothing in the map")
	compared(few, 4000)
	if (many != "") {
		adds_at(many)
		quoted("about 1,000 a second with 16 callers, 99th 60 to 110 ms")
		compared(many, 1000, 60000)
	}

	printf "\n%-32s%22s%14s%16s\n", "While " all " expire", \
		"median / 99th", "longest", "adds"
	swept("yes", "")
	swept("no", ", without sync")
	quoted("a scan of a million stalls all for 0.6 to 1.5 s")
	goal("none over 5 ms")
	print "  Two callers as fast as they are answered, one on each road."

	printf "\n%-32s%22s%14s\n", "Gone from the map after expiry", \
		"median / 99th", "longest"
	printf "  %-30s%22s%14s\n", samples " entries over 5 s", late, latest
	quoted("up to a tenth of the lifetime; 186 s seen with 30 minutes")
	goal("at most a second")

	printf "\nResident memory\n"
	printf "  %-30s%22s\n", few " entries", resident[few]
	if (many != "")
		printf "  %-30s%22s\n", many " entries", resident[many]
	if ("after" in resident)
		printf "  %-30s%22s\n", "after they have expired", \
			resident["after"]
	quoted("4 MB")
}
