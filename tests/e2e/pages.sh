# SPDX-License-Identifier: BSD-2-Clause
#
# A page of docs/ taken at its word: what it prints in ```sh blocks is run as
# it stands, by root, in the root. Sourced after cases.sh; $page is the page.

page_step=0

# run_page FILE: each block is a check. The number goes on from page to page;
# what block N printed is in $work/page.N.out.
run_page()
{
	rm -rf "$work/page"
	mkdir "$work/page"
	awk -v dir="$work/page" '
		/^```$/ { file = "" }
		file { print >file }
		/^```sh$/ { file = sprintf("%s/%03d.sh", dir, ++n) }
		END { exit file != "" || !n }
	' "$1" || die "no blocks, or one without an end, in $1"
	for block in "$work/page"/*.sh; do
		page_step=$((page_step + 1))
		run_block "$block"
	done
}

run_block()
{
	cp "$1" "$root/tmp/page.sh"
	DEBIAN_FRONTEND=noninteractive inside sh -e /tmp/page.sh \
	    </dev/null >"$work/page.$page_step.out" 2>&1
	result=$?
	check "page step $page_step: $(grep -v '^#' "$1" | head -n 1)" 0 $result
	[ $result -eq 0 ] || tail -n 20 "$work/page.$page_step.out"
}

# section HEADING: the part of the page under this heading, run as it stands.
section()
{
	awk -v heading="## $1" '/^## / { on = $0 == heading } on' "$page" \
	    >"$work/section.md"
	[ -s "$work/section.md" ] || die "no section '$1' in $page"
	run_page "$work/section.md"
}

# send NAME EXPECTED ADDRESS PORT HOW [PASSWORD]: may this client send to the
# outside when it logs in with this mechanism?
send()
{
	reply=$(client --from "$3" auth "$5" "$(server_for "$3")" "$4" alice \
	    "${6-s3cret}" alice@example.org someone@example.net)
	got=$(verdict $?)
	[ "$got" = "$2" ] || got="$got ($reply)"
	check "$1" "$2" "$got"
}
