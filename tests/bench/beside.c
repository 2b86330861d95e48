/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Who is beside the daemon while tests/bench/daemon measures it.
 *
 *	dracauth SERVER          762 addresses, one dracauth(3) each
 *	late MAP SECONDS         how long after its time each entry leaves
 *	                         the map; for so long at most
 *	gone MAP EXPIRY SECONDS  how long after EXPIRY the last entry leaves
 *	                         the map that does not last longer
 *	disk FILE N              N times 4 KB are appended to FILE and safe
 *
 * A map is read as a mail server does that knows nothing of us and takes
 * no lock. A line of output is a name, then the median, the 99th
 * percentile, the maximum (microseconds) and the number of samples; of gone
 * it is the time, and the entries that are left.
 */

#include <arpa/inet.h>
#include <db.h>
#include <err.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "drac.h"

#define SAMPLES  1024u
#define KEY_MAX  64u
#define PAUSE_US 2000

/* One entry that is waited for. */
struct entry {
	char key[KEY_MAX];
	u_int32_t length;
	double expiry_us;
	bool gone;
};

static struct {
	float us[SAMPLES];
	unsigned count;
} samples;

static struct entry entries[SAMPLES];
static unsigned entry_count;

static double
clock_us(clockid_t clock)
{
	struct timespec now;

	(void)clock_gettime(clock, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void
pause_us(long us)
{
	struct timespec pause = { .tv_nsec = us * 1000 };

	(void)nanosleep(&pause, NULL);
}

static void
note(double us)
{
	if (samples.count < SAMPLES)
		samples.us[samples.count++] = (float)us;
}

static int
by_size(const void *a, const void *b)
{
	const float *x = a;
	const float *y = b;

	return (*x > *y) - (*x < *y);
}

static void
report(const char *name)
{
	unsigned n = samples.count;

	if (n == 0)
		errx(1, "%s: nothing was measured", name);
	qsort(samples.us, n, sizeof(samples.us[0]), by_size);
	printf("%s %.1f %.1f %.1f %u\n", name, (double)samples.us[n / 2],
	    (double)samples.us[n - 1 - n / 100], (double)samples.us[n - 1], n);
}

/* Callers of the library. */

static void
authorise(const char *server, uint32_t addr)
{
	double start_us = clock_us(CLOCK_MONOTONIC);
	char *text = NULL;

	if (dracauth(server, htonl(addr), &text) != 0)
		errx(1, "dracauth: %s", text);
	note(clock_us(CLOCK_MONOTONIC) - start_us);
}

/* 192.0.2.0/24, 198.51.100.0/24 and 203.0.113.0/24, each address once. */
static void
call_dracauth(const char *server)
{
	static const uint32_t nets[] = { 0xc0000200, 0xc6336400, 0xcb007100 };

	for (unsigned i = 1; i < 255; i++)
		for (unsigned j = 0; j < sizeof(nets) / sizeof(nets[0]); j++)
			authorise(server, nets[j] + i);
	report("dracauth");
}

/* A plain reader. */

static DB *
open_map(const char *path)
{
	DB *db;

	if (db_create(&db, NULL, 0) != 0)
		errx(1, "db_create");
	db->set_errfile(db, NULL);
	if (db->open(db, NULL, path, NULL, DB_BTREE, DB_RDONLY, 0) != 0)
		errx(1, "%s: cannot be read", path);
	return db;
}

static double
expiry_of(const DBT *value)
{
	char text[32];

	snprintf(text, sizeof(text), "%.*s", (int)value->size,
	    (const char *)value->data);
	return strtod(text, NULL) * 1e6;
}

static void
remember(const DBT *key, const DBT *value)
{
	struct entry *entry = &entries[entry_count];

	if (entry_count == SAMPLES || key->size > KEY_MAX)
		errx(1, "too much is in the map");
	memcpy(entry->key, key->data, key->size);
	entry->length = key->size;
	entry->expiry_us = expiry_of(value);
	entry_count++;
}

/* What the map holds, from its end; visit returns whether to go on. */
static void
each(const char *path, bool (*visit)(const DBT *, const DBT *, void *),
    void *arg)
{
	DB *db = open_map(path);
	DBT key = { 0 }, value = { 0 };
	DBC *cursor;

	if (db->cursor(db, NULL, &cursor, 0) != 0)
		errx(1, "cursor");
	while (cursor->get(cursor, &key, &value, DB_PREV) == 0)
		if (!visit(&key, &value, arg))
			break;
	(void)cursor->close(cursor);
	(void)db->close(db, 0);
}

static bool
remember_all(const DBT *key, const DBT *value, void *arg)
{
	(void)arg;
	remember(key, value);
	return true;
}

/* Look each of them up. The number of those that are still there. */
static unsigned
look(const char *path)
{
	DB *db = open_map(path);
	unsigned there = 0;

	for (unsigned i = 0; i < entry_count; i++) {
		struct entry *entry = &entries[i];
		DBT key = { .data = entry->key, .size = entry->length };
		DBT value = { 0 };

		if (entry->gone)
			continue;
		entry->gone = db->get(db, NULL, &key, &value, 0) == DB_NOTFOUND;
		if (entry->gone)
			note(clock_us(CLOCK_REALTIME) - entry->expiry_us);
		else
			there++;
	}
	(void)db->close(db, 0);
	return there;
}

static void
watch_late(const char *path, double seconds)
{
	double until_us = clock_us(CLOCK_MONOTONIC) + seconds * 1e6;

	each(path, remember_all, NULL);
	while (look(path) > 0 && clock_us(CLOCK_MONOTONIC) < until_us)
		pause_us(PAUSE_US);
	report("late");
}

struct search {
	double expiry_us;
	bool all;
	uint64_t found;
};

static bool
find_due(const DBT *key, const DBT *value, void *arg)
{
	struct search *search = arg;

	(void)key;
	if (expiry_of(value) <= search->expiry_us)
		search->found++;
	return search->found == 0 || search->all;
}

static void
watch_gone(const char *path, double expiry_us, double seconds)
{
	struct search search = { .expiry_us = expiry_us };
	double now_us;

	do {
		pause_us(10L * PAUSE_US);
		search.found = 0;
		each(path, find_due, &search);
		now_us = clock_us(CLOCK_REALTIME);
	} while (search.found > 0 && now_us < expiry_us + seconds * 1e6);
	if (search.found > 0) {
		search.all = true;
		each(path, find_due, &search);
	}
	printf("gone %.0f %ju\n", now_us - expiry_us, (uintmax_t)search.found);
}

/* The disk. */

static void
write_some(const char *path, unsigned n)
{
	static const char block[4096];
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd == -1)
		err(1, "%s", path);
	while (n-- > 0) {
		double start_us = clock_us(CLOCK_MONOTONIC);

		if (write(fd, block, sizeof(block)) != sizeof(block) ||
		    fdatasync(fd) == -1)
			err(1, "%s", path);
		note(clock_us(CLOCK_MONOTONIC) - start_us);
	}
	(void)close(fd);
	report("disk");
}

int
main(int argc, char **argv)
{
	const char *verb = argc > 2 ? argv[1] : "";

	if (strcmp(verb, "dracauth") == 0 && argc == 3)
		call_dracauth(argv[2]);
	else if (strcmp(verb, "late") == 0 && argc == 4)
		watch_late(argv[2], strtod(argv[3], NULL));
	else if (strcmp(verb, "gone") == 0 && argc == 5)
		watch_gone(argv[2], strtod(argv[3], NULL) * 1e6,
		    strtod(argv[4], NULL));
	else if (strcmp(verb, "disk") == 0 && argc == 4)
		write_some(argv[2], (unsigned)strtoul(argv[3], NULL, 10));
	else
		return 2;
	return 0;
}
