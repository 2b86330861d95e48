/* SPDX-License-Identifier: BSD-2-Clause */

/* The text of `dracctl status`: what it says, and that it fits. */

#include <limits.h>
#include <stdlib.h>

#include "../../dracd/dracd.h"
#include "test.h"

#define ROOM 16384u
#define NOW  ((time_t)1700000000)

static struct drac_state state;
static char text[ROOM];

static bool
says(const char *line)
{
	size_t length = strlen(line);
	const char *at = text;

	while ((at = strstr(at, line)) != NULL) {
		if ((at == text || at[-1] == '\n') && at[length] == '\n')
			return true;
		at++;
	}
	return false;
}

static unsigned
lines_with(const char *begin)
{
	unsigned count = 0;

	for (const char *at = text; *at != '\0'; at = strchr(at, '\n') + 1)
		count += strncmp(at, begin, strlen(begin)) == 0;
	return count;
}

static struct drac_caller
host(unsigned n)
{
	struct drac_caller made = { .road = DRAC_ROAD_UDP,
		.addr = { .len = 4, .octet = { 198, 51, 100 } },
		.port = (unsigned short)(600 + n) };

	made.addr.octet[2] = (unsigned char)(100 + n / 256);
	made.addr.octet[3] = (unsigned char)n;
	return made;
}

static void
counts_are_lines(void)
{
	static char database[] = "/var/lib/drac/dracd.db";

	memset(&drac_stats, 0, sizeof(drac_stats));
	drac_stats.started = NOW - 90;
	drac_stats.calls[DRAC_ROAD_TCP] = 3;
	drac_stats.refused[DRAC_REFUSAL_HOST] = UINT64_MAX;
	drac_stats.lookups = drac_stats.lookup_temp = 7;
	state.conf.database = database;
	state.conf.lifetime_s = 1800;
	state.entries = 12;
	drac_status_text(&state, NOW, text, sizeof(text));
	CHECK(says("version " DRAC_VERSION));
	CHECK(says("started 1699999910"));
	CHECK(says("uptime 90"));
	CHECK(says("database /var/lib/drac/dracd.db"));
	CHECK(says("lifetime 1800"));
	CHECK(says("entries 12"));
	CHECK(says("calls-tcp 3"));
	CHECK(says("refused-host 18446744073709551615"));
	CHECK(says("expired 0"));
	CHECK(says("lookups 7") && says("lookup-found 0"));
	CHECK(says("lookup-notfound 0") && says("lookup-temp 7"));
	CHECK(says("lookup-malformed 0") && says("lookup-open 0"));
	CHECK(lines_with("caller ") == 0);
}

static void
clock_stepped_back_is_no_uptime(void)
{
	drac_stats.started = NOW + 1000;
	drac_status_text(&state, NOW, text, sizeof(text));
	CHECK(says("uptime 0"));
}

/* The port differs from call to call, and so does a local caller's pid. */
static void
callers_are_hosts_and_users(void)
{
	struct drac_caller user = { .road = DRAC_ROAD_LOCAL, .uid = 1000 };
	struct drac_caller other = host(7), again = host(7);

	again.road = DRAC_ROAD_TCP;
	again.port = 999;
	drac_status_note(&other, false, NOW - 30);
	drac_status_note(&again, true, NOW - 20);
	user.pid = 1;
	drac_status_note(&user, false, NOW - 10);
	user.pid = 2;
	drac_status_note(&user, false, NOW - 5);
	drac_status_text(&state, NOW, text, sizeof(text));
	CHECK(says("caller 198.51.100.7 adds 1 refused 1 last 20"));
	CHECK(says("caller user:1000 adds 2 refused 0 last 5"));
	CHECK(lines_with("caller ") == 2);
}

static void
silent_longest_makes_room(void)
{
	struct drac_caller first = host(100), second = host(101);

	for (unsigned i = 0; i < 64; i++) {
		struct drac_caller c = host(100 + i);

		drac_status_note(&c, false, NOW + i);
	}
	drac_status_note(&first, false, NOW + 100);
	second = host(300);
	drac_status_note(&second, true, NOW + 101);
	drac_status_text(&state, NOW + 101, text, sizeof(text));
	CHECK(lines_with("caller ") == 64);
	CHECK(lines_with("caller 198.51.100.100 adds 2 ") == 1);
	CHECK(lines_with("caller 198.51.100.101 ") == 0);
	CHECK(lines_with("caller 198.51.101.44 adds 0 refused 1 ") == 1);
}

/* Senders that are forged at will cannot push real callers out. */
static void
refused_ones_have_half_of_the_lines(void)
{
	for (unsigned i = 0; i < 40; i++) {
		struct drac_caller c = host(400 + i);

		drac_status_note(&c, false, NOW + 300);
	}
	for (unsigned i = 0; i < 500; i++) {
		struct drac_caller c = host(1000 + i);

		drac_status_note(&c, true, NOW + 301 + i);
	}
	drac_status_text(&state, NOW + 900, text, sizeof(text));
	CHECK(lines_with("caller ") == 64);
	CHECK(lines_with("caller 198.51.101.") == 32); /* 400 to 439 */
	CHECK(lines_with("caller 198.51.105.219 adds 0 ") == 1); /* the last */
}

static void
longest_text_fits(void)
{
	static char longest[PATH_MAX];

	memset(longest, 'p', sizeof(longest) - 1);
	longest[0] = '/';
	longest[9] = '\n'; /* must not forge a line */
	state.conf.database = longest;
	memset(&drac_stats, 0xff, sizeof(drac_stats));
	for (unsigned i = 0; i < 64; i++) {
		struct drac_caller c = host(0);

		c.addr.len = 16;
		memset(c.addr.octet, 0xab, 16);
		c.addr.octet[15] = (unsigned char)(0xa0 + i);
		drac_status_note(&c, false, NOW + 200);
	}
	drac_status_text(&state, NOW, text, sizeof(text));
	CHECK(lines_with("caller ") == 64);
	CHECK(lines_with("database ") == 1);
	CHECK(lines_with("p") == 1); /* pid, and no part of the path */
}

/* In any room: whole lines, a NUL, and nothing behind it. */
static void
small_rooms_get_whole_lines(void)
{
	for (size_t room = 0; room < 700; room++) {
		char *small = malloc(room + 1);

		memset(small, '#', room + 1);
		drac_status_text(&state, NOW, small, room);
		CHECK(small[room] == '#');
		if (room > 0) {
			size_t length = strnlen(small, room);

			CHECK(length < room);
			CHECK(length == 0 || small[length - 1] == '\n');
		}
		free(small);
	}
}

int
main(void)
{
	RUN(counts_are_lines);
	RUN(clock_stepped_back_is_no_uptime);
	RUN(callers_are_hosts_and_users);
	RUN(silent_longest_makes_room);
	RUN(refused_ones_have_half_of_the_lines);
	RUN(longest_text_fits);
	RUN(small_rooms_get_whole_lines);
	return TEST_RESULT();
}
