/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * churn MAP RATE SECONDS KEEP   change a map while mail servers read it.
 *
 * Each update adds a random address of 2001:db8::/32 or, once KEEP of them
 * are in, by turns removes the oldest. RATE updates a second for SECONDS;
 * with RATE 0 as fast as it goes, until KEEP addresses are in. Says when the
 * map was replaced by another file and what that took, and at the end:
 *
 *   updates=N failed=N deferred=N replaced=N mean_us=N longest_ms=N
 *
 * Exit status 0: every update was made; 1: some failed; 2: usage.
 */
#include <sys/stat.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "store.h"

#define LIFETIME_S 1800

struct churn {
	const char *map;
	struct drac_store *store;
	struct drac_addr *kept; /* a ring of keep addresses */
	size_t keep;
	size_t in;     /* addresses in the map */
	size_t oldest; /* of the ring */
	uint64_t random;
	uint64_t updates, failed, deferred, replaced;
	uint64_t total_us, longest_us;
};

static uint64_t
now_us(clockid_t clock)
{
	struct timespec ts;

	(void)clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* xorshift64 (Marsaglia 2003). */
static unsigned char
random_octet(struct churn *c)
{
	c->random ^= c->random << 13;
	c->random ^= c->random >> 7;
	c->random ^= c->random << 17;
	return (unsigned char)(c->random >> 32);
}

static struct drac_addr
random_addr(struct churn *c)
{
	struct drac_addr addr = { 16, { 0x20, 0x01, 0x0d, 0xb8 } };

	for (int i = 4; i < 16; i++)
		addr.octet[i] = random_octet(c);
	return addr;
}

static ino_t
inode(const char *path)
{
	struct stat st;

	return stat(path, &st) == -1 ? 0 : st.st_ino;
}

static int
add_one(struct churn *c, struct drac_why *why)
{
	struct drac_addr addr = random_addr(c);
	struct drac_grant grant;
	time_t now = time(NULL);

	if (drac_store_add(c->store, &addr, now, now + LIFETIME_S, 0, &grant,
		why) == -1)
		return -1;
	c->deferred += grant.deferred;
	c->kept[(c->oldest + c->in++) % c->keep] = addr;
	return 0;
}

static int
drop_one(struct churn *c, struct drac_why *why)
{
	if (drac_store_drop(c->store, &c->kept[c->oldest], why) == -1)
		return -1;
	c->oldest = (c->oldest + 1) % c->keep;
	c->in--;
	return 0;
}

static void
update(struct churn *c)
{
	struct drac_why why = { "" };
	ino_t before = inode(c->map);
	uint64_t began = now_us(CLOCK_MONOTONIC);
	uint64_t took;

	if ((c->in < c->keep ? add_one(c, &why) : drop_one(c, &why)) == -1) {
		c->failed++;
		printf("failed: %s\n", why.text);
	}
	took = now_us(CLOCK_MONOTONIC) - began;
	c->updates++;
	c->total_us += took;
	if (took > c->longest_us)
		c->longest_us = took;
	if (inode(c->map) != before) {
		double end = (double)now_us(CLOCK_REALTIME) / 1e6;

		c->replaced++;
		printf("replaced at %.3f with %zu in, took %.1f ms\n", end,
		    c->in, (double)took / 1e3);
	}
}

/* Paced against the start, so that a slow update is caught up with. */
static void
run(struct churn *c, unsigned long rate, unsigned long seconds)
{
	uint64_t began = now_us(CLOCK_MONOTONIC);

	for (uint64_t i = 0;; i++) {
		uint64_t since = now_us(CLOCK_MONOTONIC) - began;
		uint64_t due = rate == 0 ? since : i * 1000000 / rate;

		if (since >= seconds * 1000000 ||
		    (rate == 0 && c->in == c->keep))
			return;
		if (due > since)
			(void)usleep((useconds_t)(due - since));
		update(c);
	}
}

int
main(int argc, char **argv)
{
	struct churn c = { .random = (uint64_t)getpid() << 20 | 1 };
	struct drac_store_opts opts = { .mode = 0644,
		.sync = true,
		.timeout_ms = 1000 };
	struct drac_why why = { "" };

	if (argc != 5 || (c.keep = strtoul(argv[4], NULL, 10)) == 0) {
		fputs("usage: churn MAP RATE SECONDS KEEP\n", stderr);
		return 2;
	}
	opts.path = c.map = argv[1];
	setvbuf(stdout, NULL, _IOLBF, 0);
	c.kept = calloc(c.keep, sizeof(*c.kept));
	if (c.kept == NULL || drac_store_open(&opts, &c.store, &why) == -1) {
		fprintf(stderr, "churn: %s\n",
		    why.text[0] != '\0' ? why.text : strerror(errno));
		return 1;
	}
	run(&c, strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10));
	printf("updates=%" PRIu64 " failed=%" PRIu64 " deferred=%" PRIu64
	       " replaced=%" PRIu64 " mean_us=%" PRIu64 " longest_ms=%.1f\n",
	    c.updates, c.failed, c.deferred, c.replaced,
	    c.updates == 0 ? 0 : c.total_us / c.updates,
	    (double)c.longest_us / 1e3);
	drac_store_close(c.store);
	free(c.kept);
	return c.failed != 0;
}
