/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * loop [LOGINS]: an authentication daemon that is never replaced. So many
 * logins (100,000), from pam_start(3) to pam_end(3), in one process under
 * the limits of a small worker: no descriptor and no memory may be left
 * behind. One in ten comes from an address of its own and is written, one
 * in ten of those is taken back, and some are refused; the others find
 * their address recorded. Then some that fail, some by four threads at
 * once, and all this with daemons that are told.
 */

#include <sys/resource.h>

#include <dirent.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>

#include "../unit/server.h"
#include "apart.h"

#define THREADS 4

/* What may come on top after the first tenth; a leak of an octet a login
 * would be more. */
#define GROWTH_MAX (64 * 1024)

/* As in Dovecot's workers (default_vsz_limit). */
#define AS_LIMIT (256ul << 20)

/* Under a sanitizer memory is its to watch. */
static bool watched;

static struct server local, host;

static unsigned long logins = 100000;
static atomic_ulong wrong;

static int
descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	if (dir == NULL)
		die("/proc/self/fd");
	while (readdir(dir) != NULL)
		count++;
	closedir(dir);
	return count;
}

/* Octets in memory, and of address space. */
static long
resident(long *space)
{
	FILE *file = fopen("/proc/self/statm", "re");
	long page = sysconf(_SC_PAGESIZE), size = 0, pages = 0;

	if (file == NULL || fscanf(file, "%ld %ld", &size, &pages) != 2)
		die("/proc/self/statm");
	fclose(file);
	if (space != NULL)
		*space = size * page;
	return pages * page;
}

/* The soft limit alone: valgrind lets nobody change the hard one. */
static void
limit(int resource, rlim_t value)
{
	struct rlimit limits;

	if (getrlimit(resource, &limits) == -1)
		die("getrlimit");
	limits.rlim_cur = value;
	if (setrlimit(resource, &limits) == -1)
		die("setrlimit");
}

/* A sanitizer needs more address space than that, and has it already. */
static void
limit_space(void)
{
	long space;

	resident(&space);
	watched = (unsigned long)space > AS_LIMIT / 2;
	if (!watched)
		limit(RLIMIT_AS, AS_LIMIT);
}

static void
own_address(unsigned long number, char text[DRAC_ADDR_TEXT])
{
	snprintf(text, DRAC_ADDR_TEXT, "2001:db8::%lx:%lx",
	    number >> 16 & 0xffff, number & 0xffff);
}

/* NULL: descriptor 0 and all the others are looked at, in vain. */
static const char *
rhost_of(unsigned long number, char text[DRAC_ADDR_TEXT])
{
	if (number % 50 == 1)
		return "127.0.0.1";
	if (number % 50 == 3)
		return NULL;
	if (number % 10 != 0)
		return "192.0.2.7";
	own_address(number, text);
	return text;
}

static void
one_login(unsigned long number)
{
	char text[DRAC_ADDR_TEXT];
	pam_handle_t *pamh = start("alice", rhost_of(number, text));
	bool fails = number % 100 == 0;

	if (call(pamh, "AC") != PAM_SUCCESS)
		wrong++;
	if (pam_end(pamh, fails ? PAM_ACCT_EXPIRED : PAM_SUCCESS) !=
	    PAM_SUCCESS)
		wrong++;
}

/* What is left behind after the first tenth, when all is warm. */
static void
check_logins(const char *row, unsigned long count)
{
	unsigned long number = 0;
	size_t used = 0;
	long before = 0, more;
	int open = 0;

	for (; number < count; number++) {
		if (number == count / 10) {
			used = mallinfo2().uordblks;
			before = resident(NULL);
			open = descriptors();
		}
		one_login(number);
	}
	more = (long)(mallinfo2().uordblks - used);
	before = resident(NULL) - before;
	CHECK_ROW(wrong == 0, row);
	CHECK_ROW(descriptors() == open, row);
	printf("  %s: %lu logins, %ld octets more in use, %ld resident\n", row,
	    number, more, before);
	/* Few logins (under valgrind) do not get past the first warmth. */
	if (watched || count < 1000)
		return;
	CHECK_ROW(more < GROWTH_MAX, row);
	CHECK_ROW(before < 16 * GROWTH_MAX, row);
}

static void
many_logins_leave_nothing_behind(void)
{
	check_logins("recorded", logins);
}

static void
what_was_written_is_there(void)
{
	unsigned long last = (logins - 1) / 10 * 10;
	char text[DRAC_ADDR_TEXT];

	if (last % 100 == 0)
		last -= 10;
	own_address(last, text);
	CHECK_ROW(entry(text) > time(NULL), text);
	CHECK(entry("192.0.2.7") > time(NULL));
	CHECK(entry("2001:db8::0:64") == 0);
	CHECK(entry("127.0.0.1") == 0);
}

static void
failed_logins_leave_nothing_behind(void)
{
	static const struct {
		const char *name;
		const char *text;
	} rows[] = {
		{ "no map", "auth required %S\naccount required %S\n"
			    "account optional %M database=/nonexistent/db\n" },
		{ "no configuration",
		    "auth required %S\naccount required %S\n"
		    "account optional %N conf=/nonexistent\n" },
		{ "broken arguments",
		    "auth required %S\naccount required %S\n"
		    "account optional %M lifetime=never peer=x services=,\n" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		write_lines(rows[i].text);
		check_logins(rows[i].name, logins / 20);
	}
	write_usual();
}

static unsigned long
thread_count(void)
{
	return logins / 20 + 100;
}

static void *
thread_logins(void *arg)
{
	unsigned long from = *(unsigned long *)arg;

	for (unsigned long i = 0; i < thread_count(); i++)
		one_login(from + i);
	return NULL;
}

static void
run_threads(unsigned long from[THREADS])
{
	pthread_t thread[THREADS];
	int open = descriptors();

	for (unsigned i = 0; i < THREADS; i++) {
		from[i] = (i + 1) * 1000000ul;
		if (pthread_create(&thread[i], NULL, thread_logins, &from[i]) !=
		    0)
			die("pthread_create");
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	CHECK(wrong == 0);
	CHECK(descriptors() == open);
}

static void
threads_at_once_leave_nothing_behind(void)
{
	unsigned long from[THREADS];

	run_threads(from);
	for (unsigned i = 0; i < THREADS; i++) {
		char text[DRAC_ADDR_TEXT];

		own_address(from[i] + 50, text);
		CHECK_ROW(entry(text) > time(NULL), text);
	}
}

static void
tell_daemons(const char *more)
{
	char conf[512];

	snprintf(conf, sizeof(conf),
	    "timeout = 10s\nsocket = %s/sock\nserver = local %s%s\n", place,
	    host.name, more);
	write_conf(conf);
}

static void
told_logins_leave_nothing_behind(void)
{
	tell_daemons("");
	check_logins("told", logins / 10);
	CHECK(served_expiry(&local, "192.0.2.7") > time(NULL));
	CHECK(served_expiry(&host, "192.0.2.7") > time(NULL));
	CHECK(local.served->backs == (logins / 10 + 99) / 100);
}

static void
threads_that_tell_leave_nothing_behind(void)
{
	unsigned long from[THREADS];
	unsigned before = host.served->adds;

	tell_daemons("");
	run_threads(from);
	CHECK(host.served->adds - before >= THREADS * thread_count() / 10 * 9);
}

/* Nobody is there, or nobody knows where; first asked, then left alone. */
static void
told_in_vain_leaves_nothing_behind(void)
{
	char nowhere[64], more[128];

	close(bind_port(nowhere));
	snprintf(more, sizeof(more), " %s smtp9.example.org", nowhere);
	tell_daemons(more);
	check_logins("told in part", logins / 50);
	write_conf("server = local smtp9.example.org\n"
		   "socket = /nonexistent/sock\nfallback = direct\n"
		   "renew = 29m\ntimeout = 10s\n");
	check_logins("fallback", logins / 50);
}

int
main(int argc, char **argv)
{
	char path[64];

	if (argc > 1)
		logins = strtoul(argv[1], NULL, 10);
	if (logins < 200)
		die("at least 200 logins");
	make_place();
	hide_files("127.0.0.1 localhost\n");
	snprintf(path, sizeof(path), "%s/sock", place);
	server_on_path(&local, path);
	server_on_port(&host);
	/* A renewal is not written again, however long this runs. */
	write_conf("renew = 29m\ntimeout = 10s\npeer = port:110,143\n");
	write_usual();
	catch_nothing = true;
	/* A second arena would reserve a quarter of the address space. */
	mallopt(M_ARENA_MAX, 1);
	limit_space();
	limit(RLIMIT_NOFILE, 32);
	RUN(many_logins_leave_nothing_behind);
	RUN(what_was_written_is_there);
	RUN(failed_logins_leave_nothing_behind);
	RUN(threads_at_once_leave_nothing_behind);
	RUN(told_logins_leave_nothing_behind);
	RUN(threads_that_tell_leave_nothing_behind);
	RUN(told_in_vain_leaves_nothing_behind);
	server_stop(&local);
	server_stop(&host);
	remove_place();
	return TEST_RESULT();
}
