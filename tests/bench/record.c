/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Measure what a login's recording costs; tests/bench/run makes the table.
 *
 *	fill RAW COUNT            a Berkeley DB file as others write it
 *	fill RAW COUNT EXPIRY N   the same; they expire in N seconds from
 *	                          EXPIRY on, as many in each
 *	lay RAW MAP [full]        the same entries as a map of ours
 *	size MAP                  its entries and octets
 *	logins MAP RAW SYNC N     logins, ours and put into RAW in place
 *	copies RAW SYNC N         the same by copy and rename
 *	script RAW SCRIPT N       the same by a script for each login
 *	enlarge MAP SYNC          the login that finds no page free
 *	sweep MAP SYNC WHAT       WHAT: none, half or all; beside it a
 *	                          program that adds and one that reads
 *
 * SYNC is yes or no. Each line of output is a name and then the median,
 * the 99th percentile, the maximum (microseconds) and the number of samples.
 */

#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <db.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "addr.h"
#include "journal.h"
#include "key.h"
#include "page.h"
#include "place.h"
#include "remap.h"
#include "store.h"

/* The clock of the entries stands still: half expire at each of two times. */
#define NOW        ((time_t)1800000000)
#define EXPIRY_ONE (NOW + 1000)
#define EXPIRY_TWO (NOW + 2000)
#define EXPIRY_NEW (NOW + 9000)

#define SAMPLES  400000u
#define NEW_FROM 0x80000000u /* numbers of addresses that are not there yet */

struct samples {
	_Atomic unsigned count; /* several processes may add */
	float us[SAMPLES];
};

/* What one way of recording took. */
struct bucket {
	struct samples inside;  /* open to close of one login */
	struct samples outside; /* the same with its process */
	struct samples locked;  /* readers locked out by one login */
};

#define WAYS 5

/* Shared with every child. */
static struct shared {
	struct bucket bucket[WAYS];
	struct bucket unused;
	struct samples waited; /* a reader for its lock */
	volatile int stop;
} * shared;

/* Where this process notes what it measures. */
static struct bucket *current;

static double
now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void
note(struct samples *samples, double us)
{
	unsigned at = samples->count++;

	if (at < SAMPLES)
		samples->us[at] = (float)us;
}

static int
by_size(const void *a, const void *b)
{
	const float *x = a;
	const float *y = b;

	return (*x > *y) - (*x < *y);
}

static void
report(const char *name, struct samples *samples)
{
	unsigned n = samples->count < SAMPLES ? samples->count : SAMPLES;

	if (n > 0) {
		qsort(samples->us, n, sizeof(samples->us[0]), by_size);
		printf("%s %.1f %.1f %.1f %u\n", name,
		    (double)samples->us[n / 2],
		    (double)samples->us[n - 1 - n / 100],
		    (double)samples->us[n - 1], n);
	}
	samples->count = 0;
}

/*
 * The linker takes this flock(2) before the C library's, for the store as
 * well. The file beside the map that only writers lock is empty.
 */
int
flock(int fd, int operation)
{
	static double since;
	static int held = -1;
	int result = (int)syscall(SYS_flock, fd, operation);
	struct stat st;

	if (result == 0 && (operation & LOCK_EX) != 0 && held == -1 &&
	    fstat(fd, &st) == 0 && st.st_size > 0) {
		since = now_us();
		held = fd;
	} else if (result == 0 && operation == LOCK_UN && fd == held) {
		note(&current->locked, now_us() - since);
		held = -1;
	}
	return result;
}

/* Address number i of 2001:db8::/96; no two numbers share one. */
static void
address(uint32_t i, struct drac_addr *addr)
{
	static const unsigned char block[4] = { 0x20, 0x01, 0x0d, 0xb8 };

	i = (i ^ i >> 16) * 0x85ebca6bu;
	i = (i ^ i >> 13) * 0xc2b2ae35u;
	i ^= i >> 16;
	memset(addr, 0, sizeof(*addr));
	addr->len = 16;
	memcpy(addr->octet, block, sizeof(block));
	memcpy(addr->octet + 16 - sizeof(i), &i, sizeof(i));
}

/* Plain Berkeley DB. */

static void
must(int result, const char *what)
{
	if (result != 0)
		errx(1, "%s: %s", what, db_strerror(result));
}

static DB *
plain_open(const char *path, u_int32_t flags, u_int32_t cache)
{
	DB *db;

	must(db_create(&db, NULL, 0), "db_create");
	if (flags != 0)
		must(db->set_pagesize(db, DRAC_PAGE_SIZE), "set_pagesize");
	if (cache != 0)
		must(db->set_cachesize(db, 0, cache, 1), "set_cachesize");
	must(db->open(db, NULL, path, NULL, DB_BTREE, flags, 0644), path);
	return db;
}

static void
plain_put(DB *db, uint32_t i, time_t expiry)
{
	struct drac_text key[2];
	struct drac_text value;
	struct drac_addr addr;
	DBT k = { 0 };
	DBT v = { 0 };

	address(i, &addr);
	(void)drac_key_spell(&addr, DRAC_KEY_PLAIN, 0, key);
	drac_value_spell(expiry, DRAC_KEY_PLAIN, &value);
	k.data = key[0].text;
	k.size = (u_int32_t)key[0].length;
	v.data = value.text;
	v.size = (u_int32_t)value.length;
	must(db->put(db, NULL, &k, &v, 0), "put");
}

/* The times at which entries expire. */
struct times {
	time_t first;
	time_t step;
	unsigned count;
};

static void
fill(const char *raw, uint32_t count, const struct times *times)
{
	DB *db = plain_open(raw, DB_CREATE | DB_EXCL, 256u << 20);

	for (uint32_t i = 0; i < count; i++)
		plain_put(db, i,
		    times->first + times->step * (time_t)(i % times->count));
	must(db->close(db, 0), "close");
}

/* A map of ours. */

static int
read_pages(void *arg, uint32_t first, uint32_t count, unsigned char *pages)
{
	const int *fd = arg;

	return drac_read_full(*fd, pages, (size_t)count * DRAC_PAGE_SIZE,
	    (off_t)first * DRAC_PAGE_SIZE);
}

/* Ours differs from the plain file in its free pages and its journal. */
static void
lay(const char *raw, const char *map, bool full)
{
	struct drac_why why = { "" };
	struct drac_place place;
	struct drac_remap remap = { .place = &place, .mode = 0644 };
	int fd = open(raw, O_RDONLY | O_CLOEXEC);
	struct drac_remap_size pages = { 0 };
	struct stat st;

	if (fd == -1 || fstat(fd, &st) == -1)
		err(1, "%s", raw);
	pages.pages = pages.old_pages = (uint32_t)(st.st_size / DRAC_PAGE_SIZE);
	if (!full)
		pages.pages = drac_remap_next_size(pages.old_pages);
	if (drac_place_open(&place, map, &why) == -1 ||
	    drac_remap_copy(&remap, read_pages, &fd, &pages, &why) == -1)
		errx(1, "%s", why.text);
	drac_place_close(&place);
	(void)close(fd);
	sync();
}

static struct drac_store *
open_store(const char *map, bool sync, unsigned timeout_ms)
{
	struct drac_store_opts opts = { .path = map,
		.mode = 0644,
		.sync = sync,
		.timeout_ms = timeout_ms };
	struct drac_store *store;
	struct drac_why why;

	if (drac_store_open(&opts, &store, &why) == -1)
		errx(1, "%s", why.text);
	return store;
}

static void
size(const char *map)
{
	struct drac_store *store = open_store(map, false, 60000);
	struct drac_store_info info;
	struct drac_why why;

	if (drac_store_info(store, &info, &why) == -1)
		errx(1, "%s", why.text);
	drac_store_close(store);
	printf("size %" PRIu64 " %" PRIu64 "\n", info.entries, info.bytes);
}

/* The ways to record one login. */

struct job {
	const char *path;
	bool sync;
	unsigned renew_s;
	uint32_t next; /* address */
};

typedef void way_fn(struct job *);

static int
try_login(struct job *job, struct drac_why *why)
{
	struct drac_store *store = open_store(job->path, job->sync, 1000);
	struct drac_addr addr;
	int result;

	address(job->next, &addr);
	if (job->renew_s == 0)
		job->next++;
	result = drac_store_add(store, &addr, NOW, EXPIRY_NEW, job->renew_s,
	    NULL, why);
	drac_store_close(store);
	return result;
}

static void
login(struct job *job)
{
	struct drac_why why;

	if (try_login(job, &why) == -1)
		errx(1, "%s", why.text);
	if (why.text[0] != '\0')
		warnx("%s", why.text);
}

static int
sync_not(int fd)
{
	(void)fd;
	return 0;
}

static void
login_in_place(struct job *job)
{
	int fd = open(job->path, O_RDWR | O_CLOEXEC);
	DB *db;

	if (fd == -1 || flock(fd, LOCK_EX) == -1)
		err(1, "%s", job->path);
	db_env_set_func_fsync(job->sync ? fdatasync : sync_not);
	db = plain_open(job->path, 0, 0);
	plain_put(db, job->next++, EXPIRY_NEW);
	must(db->close(db, 0), "close");
	(void)flock(fd, LOCK_UN);
	(void)close(fd);
}

static void
copy_file(const char *from, const char *to)
{
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	ssize_t got;

	if (in == -1 || out == -1)
		err(1, "%s", to);
	do
		got = copy_file_range(in, NULL, out, NULL, 1u << 24, 0);
	while (got > 0);
	if (got == -1)
		err(1, "%s", to);
	(void)close(in);
	(void)close(out);
}

static void
login_by_copy(struct job *job)
{
	char copy[4096];
	DB *db;

	snprintf(copy, sizeof(copy), "%s.copy", job->path);
	copy_file(job->path, copy);
	db_env_set_func_fsync(job->sync ? fdatasync : sync_not);
	db = plain_open(copy, 0, 0);
	plain_put(db, job->next++, EXPIRY_NEW);
	must(db->close(db, 0), "close");
	if (rename(copy, job->path) == -1)
		err(1, "%s", copy);
}

/* Processes. */

static pid_t
start(void)
{
	pid_t pid;

	(void)fflush(stdout);
	pid = fork();
	if (pid == -1)
		err(1, "fork");
	return pid;
}

static void
finish(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) == -1 || status != 0)
		errx(1, "a child failed");
}

static void
timed(way_fn *way, struct job *job)
{
	double start_us = now_us();

	way(job);
	note(&current->inside, now_us() - start_us);
}

/* Each login in a process of its own. */
static void
fresh(way_fn *way, struct job *job, unsigned n)
{
	while (n-- > 0) {
		double start_us = now_us();
		pid_t pid = start();

		if (pid == 0) {
			timed(way, job);
			_exit(0);
		}
		finish(pid);
		note(&current->outside, now_us() - start_us);
		job->next++;
	}
}

/* All of them in one process; the first, which warms it up, is not noted. */
static void
long_lived(way_fn *way, struct job *job, unsigned n)
{
	struct bucket *mine = current;
	pid_t pid = start();

	if (pid != 0) {
		finish(pid);
		job->next += n + 1;
		return;
	}
	current = &shared->unused;
	way(job);
	current = mine;
	while (n-- > 0)
		timed(way, job);
	_exit(0);
}

static void
report_bucket(const char *name, struct bucket *bucket)
{
	char full[80];

	report(name, &bucket->inside);
	snprintf(full, sizeof(full), "%s-process", name);
	report(full, &bucket->outside);
	snprintf(full, sizeof(full), "%s-locked", name);
	report(full, &bucket->locked);
}

/* With and without sync, each has new addresses of its own. */
static uint32_t
first_new(bool sync_it)
{
	return NEW_FROM + (sync_it ? 0x01000000u : 0);
}

/* Every way in every round, so that a slow moment hits all alike. */
#define ROUNDS 8

static void
logins(const char *map, const char *raw, bool sync_it, unsigned n)
{
	static const struct {
		const char *name;
		void (*many)(way_fn *, struct job *, unsigned);
		way_fn *way;
		unsigned renew_s;
	} ways[WAYS] = {
		{ "fresh", fresh, login, 0 },
		{ "in-place-fresh", fresh, login_in_place, 0 },
		{ "long", long_lived, login, 0 },
		{ "in-place-long", long_lived, login_in_place, 0 },
		{ "renew", long_lived, login, 10 },
	};
	struct job job = { .sync = sync_it, .next = first_new(sync_it) };

	sync();
	for (unsigned round = 0; round < ROUNDS; round++)
		for (unsigned i = 0; i < WAYS; i++) {
			current = &shared->bucket[i];
			job.path = ways[i].way == login ? map : raw;
			job.renew_s = ways[i].renew_s;
			ways[i].many(ways[i].way, &job, n / ROUNDS);
		}
	for (unsigned i = 0; i < WAYS; i++)
		report_bucket(ways[i].name, &shared->bucket[i]);
}

static void
copies(const char *raw, bool sync_it, unsigned n)
{
	struct job job = { .path = raw,
		.sync = sync_it,
		.next = first_new(sync_it) };

	fresh(login_by_copy, &job, n);
	report_bucket("copy", current);
}

/* As pam_exec(8) does it: the address in the environment, a shell. */
static void
by_script(const char *raw, const char *script, unsigned n)
{
	if (setenv("MAP", raw, 1) == -1)
		err(1, "setenv");
	for (unsigned i = 0; i < n; i++) {
		char text[DRAC_ADDR_TEXT];
		struct drac_addr addr;
		double start_us;
		pid_t pid;

		address(NEW_FROM + i, &addr);
		drac_addr_text(&addr, text);
		start_us = now_us();
		pid = start();
		if (pid == 0) {
			(void)setenv("PAM_RHOST", text, 1);
			(void)execl(script, script, (char *)NULL);
			_exit(127);
		}
		finish(pid);
		note(&current->outside, now_us() - start_us);
	}
	report("script-process", &current->outside);
}

/* The one login that has to make the map bigger, or leaves it to the sweep. */
static void
enlarge(const char *map, bool sync_it)
{
	struct job job = { .path = map, .sync = sync_it, .next = NEW_FROM };
	struct drac_why why;
	struct stat before;
	struct stat after;

	if (stat(map, &before) == -1)
		err(1, "%s", map);
	do {
		double start_us = now_us();

		current->inside.count = 0;
		if (try_login(&job, &why) == -1) {
			if (errno != ENOSPC)
				errx(1, "%s", why.text);
			return;
		}
		note(&current->inside, now_us() - start_us);
		if (stat(map, &after) == -1)
			err(1, "%s", map);
	} while (after.st_ino == before.st_ino);
	report("enlarge", &current->inside);
}

/* The sweep and who is beside it. */

static void
pause_us(long us)
{
	struct timespec pause = { .tv_sec = us / 1000000,
		.tv_nsec = us % 1000000 * 1000 };

	(void)nanosleep(&pause, NULL);
}

/* Five hundred logins in a second. */
static pid_t
start_adder(const char *map, bool sync_it)
{
	struct job job = { .path = map, .sync = sync_it, .next = NEW_FROM };
	double due = now_us();
	pid_t pid = start();

	if (pid != 0)
		return pid;
	while (!shared->stop) {
		double left = due - now_us();

		if (left > 0)
			pause_us((long)left);
		timed(login, &job);
		due = left < -2000 ? now_us() : due + 2000;
	}
	_exit(0);
}

/* A mail server's look-up, as far as locks go, a few thousand a second. */
static pid_t
start_reader(const char *map)
{
	unsigned char page[DRAC_PAGE_SIZE];
	pid_t pid = start();

	if (pid != 0)
		return pid;
	while (!shared->stop) {
		int fd = open(map, O_RDONLY | O_CLOEXEC);
		double start_us = now_us();

		if (fd == -1 || flock(fd, LOCK_SH) == -1)
			_exit(1);
		note(&shared->waited, now_us() - start_us);
		if (drac_read_full(fd, page, sizeof(page), 0) == -1)
			_exit(1);
		(void)flock(fd, LOCK_UN);
		(void)close(fd);
		pause_us(150);
	}
	_exit(0);
}

static void
sweep(const char *map, bool sync_it, const char *what)
{
	struct drac_store *store = open_store(map, sync_it, 10000);
	time_t then = strcmp(what, "half") == 0 ? EXPIRY_ONE : EXPIRY_TWO;
	struct drac_swept swept = { 0 };
	struct drac_why why = { "" };
	pid_t reader = start_reader(map);
	pid_t adder = start_adder(map, sync_it);
	double start_us = now_us();

	if (strcmp(what, "none") == 0)
		pause_us(4000000);
	else if (drac_store_sweep(store, then, 0, &swept, &why) == -1)
		errx(1, "%s", why.text);
	start_us = now_us() - start_us;
	shared->stop = 1;
	finish(adder);
	finish(reader);
	drac_store_close(store);
	printf("sweep-s %.2f %" PRIu64 "\n", start_us / 1e6, swept.removed);
	report("sweep-add", &current->inside);
	report("sweep-read", &shared->waited);
	report("sweep-locked", &current->locked);
}

static bool
is_yes(const char *text)
{
	return strcmp(text, "yes") == 0;
}

static unsigned
number(const char *text)
{
	return (unsigned)strtoul(text, NULL, 10);
}

static int
run(int argc, char **argv)
{
	const char *verb = argv[1];

	if (strcmp(verb, "fill") == 0 && argc == 4)
		fill(argv[2], number(argv[3]),
		    &(struct times){ EXPIRY_ONE, EXPIRY_TWO - EXPIRY_ONE, 2 });
	else if (strcmp(verb, "fill") == 0 && argc == 6 && number(argv[5]) > 0)
		fill(argv[2], number(argv[3]),
		    &(struct times){ number(argv[4]), 1, number(argv[5]) });
	else if (strcmp(verb, "lay") == 0 && argc >= 4)
		lay(argv[2], argv[3], argc > 4);
	else if (strcmp(verb, "size") == 0 && argc == 3)
		size(argv[2]);
	else if (strcmp(verb, "logins") == 0 && argc == 6)
		logins(argv[2], argv[3], is_yes(argv[4]), number(argv[5]));
	else if (strcmp(verb, "copies") == 0 && argc == 5)
		copies(argv[2], is_yes(argv[3]), number(argv[4]));
	else if (strcmp(verb, "script") == 0 && argc == 5)
		by_script(argv[2], argv[3], number(argv[4]));
	else if (strcmp(verb, "enlarge") == 0 && argc == 4)
		enlarge(argv[2], is_yes(argv[3]));
	else if (strcmp(verb, "sweep") == 0 && argc == 5)
		sweep(argv[2], is_yes(argv[3]), argv[4]);
	else
		return 2;
	return 0;
}

int
main(int argc, char **argv)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		err(1, "mmap");
	current = &shared->bucket[0];
	return argc < 2 ? 2 : run(argc, argv);
}
