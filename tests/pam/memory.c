/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Each allocation of a login fails once, and once with all that follow it:
 * the login must go on, nothing may be left behind, and the next login
 * must be recorded as if nothing had happened. Only what we ask for fails,
 * directly or through the C library: libpam is not ours to test. All this
 * when the map is written, and when daemons are told.
 */

#include <dlfcn.h>

#include "../unit/server.h"
#include "apart.h"

#ifdef __SANITIZE_ADDRESS__

int
main(void)
{
	printf("skip memory: the sanitizer has the allocator\n");
	return TEST_RESULT();
}

#else

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void __libc_free(void *old);

static long live; /* allocations not freed */

static long countdown = -1; /* allocations until one fails; -1 never */
static bool all_after;
static bool reached;

static bool
fails(const void *caller)
{
	Dl_info info;

	if (countdown < 0)
		return false;
	if (dladdr(caller, &info) == 0 ||
	    strstr(info.dli_fname, "/libpam.") != NULL)
		return false;
	if (countdown > 0) {
		countdown--;
		return false;
	}
	if (!all_after)
		countdown = -1;
	reached = true;
	errno = ENOMEM;
	return true;
}

#define EXPORT __attribute__((visibility("default")))

static void *
counted(void *made)
{
	if (made != NULL)
		live++;
	return made;
}

EXPORT void *
malloc(size_t size)
{
	if (fails(__builtin_return_address(0)))
		return NULL;
	return counted(__libc_malloc(size));
}

EXPORT void *
calloc(size_t count, size_t size)
{
	if (fails(__builtin_return_address(0)))
		return NULL;
	return counted(__libc_calloc(count, size));
}

EXPORT void *
realloc(void *old, size_t size)
{
	void *made;

	if (fails(__builtin_return_address(0)))
		return NULL;
	made = __libc_realloc(old, size);
	return old == NULL ? counted(made) : made;
}

EXPORT void
free(void *old)
{
	if (old != NULL)
		live--;
	__libc_free(old);
}

/*
 * Allocation number `number` fails in the account phase, and in pam_end(3)
 * if the phase did not get that far. libpam has loaded its modules before.
 */
static void
starve(long number, bool all)
{
	pam_handle_t *pamh = start("alice", "192.0.2.7");

	CHECK(call(pamh, "A") == PAM_SUCCESS);
	all_after = all;
	reached = false;
	countdown = number;
	call(pamh, "C");
	pam_end(pamh, PAM_ACCT_EXPIRED);
	countdown = -1;
}

/* Where an entry is looked for. */
struct road {
	time_t (*get)(const char *text);
	void (*set)(const char *text, time_t expiry);
};

static struct server local;

static time_t
get_told(const char *text)
{
	return served_expiry(&local, text);
}

static void
set_told(const char *text, time_t expiry)
{
	served_set(&local, text, expiry);
}

static const struct road to_the_map = { entry, set_entry };
static const struct road to_a_daemon = { get_told, set_told };

/* What could not be taken back has to be in the log. */
static void
check_each(const struct road *road, bool all)
{
	char row[32];
	long number, before;

	for (number = 0; number == 0 || reached; number++) {
		snprintf(row, sizeof(row), "%ld", number);
		road->set("192.0.2.7", 0);
		road->set("192.0.2.8", 0);
		forget_log();
		before = live;
		starve(number, all);
		CHECK_ROW(live == before, row);
		CHECK_ROW(road->get("192.0.2.7") == 0 ||
			      logged(LOG_ERR,
				  "could not take back 192.0.2.7") == 1,
		    row);
		CHECK_ROW(log_in("192.0.2.8", "AC") == PAM_SUCCESS, row);
		CHECK_ROW(road->get("192.0.2.8") > time(NULL), row);
	}
	printf("  %ld allocations\n", number);
	CHECK(number > 10);
	CHECK(road->get("192.0.2.7") == 0);
}

static void
one_allocation_fails(void)
{
	check_each(&to_the_map, false);
}

static void
all_further_allocations_fail(void)
{
	check_each(&to_the_map, true);
}

/* Three servers, one of them named, one not to be found. */
static void
tell_daemons(const struct server *host)
{
	char conf[512];

	snprintf(conf, sizeof(conf),
	    "socket = %s/sock\ntimeout = 10s\n"
	    "server = local smtp1.example.org%s smtp9.example.org\n",
	    place, strrchr(host->name, ':'));
	write_conf(conf);
}

static void
one_allocation_fails_when_daemons_are_told(void)
{
	check_each(&to_a_daemon, false);
}

static void
all_further_allocations_fail_when_daemons_are_told(void)
{
	check_each(&to_a_daemon, true);
}

int
main(void)
{
	struct server host;
	char path[64];

	make_place();
	hide_files("127.0.0.1 smtp1.example.org\n");
	snprintf(path, sizeof(path), "%s/sock", place);
	server_on_path(&local, path);
	server_on_port(&host);
	write_usual();
	/* The first login alone loads the module and its libraries. */
	log_in("192.0.2.7", "AC");
	RUN(one_allocation_fails);
	RUN(all_further_allocations_fail);
	tell_daemons(&host);
	RUN(one_allocation_fails_when_daemons_are_told);
	RUN(all_further_allocations_fail_when_daemons_are_told);
	server_stop(&local);
	server_stop(&host);
	remove_place();
	return TEST_RESULT();
}

#endif
