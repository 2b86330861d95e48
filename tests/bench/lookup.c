/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Clients of the lookup service, each a process that asks as fast as it is
 * answered, by netstrings on one connection. Every other address is in the
 * map that `record fill' has made, the others are not; each answer is
 * compared with what it should be.
 *
 *	lookup -u socket -n entries -x expiry [-c clients] [-s seconds]
 *
 * One line tells what came of it: `answered N wrong N failed N rate R p50 T
 * p99 T p99.9 T max T`, the times in microseconds. Status 1: something was
 * wrong or failed.
 */

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "addr.h"

#define CLIENTS_MAX 256u
#define WAIT_S      30 /* for one answer; then it is a failure */

/* Times by size: one in 128 is what they are off at most. */
#define FINE_BITS 7u
#define SLOTS     ((32u - FINE_BITS + 1) << FINE_BITS)

static struct {
	const char *socket;
	uint32_t entries;
	time_t expiry;
	unsigned clients;
	double seconds;
} bench = { .clients = 1, .seconds = 3 };

/* What a client tells. */
struct tally {
	uint64_t answered;
	uint64_t wrong;
	uint64_t failed;
	uint32_t max_ns;
	uint64_t took[SLOTS];
};

static struct tally *tallies; /* shared */

static uint64_t
clock_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Times. */

static unsigned
slot_of(uint32_t ns)
{
	unsigned shift = 0;

	while (ns >> shift >= 2u << FINE_BITS)
		shift++;
	return (shift << FINE_BITS) + (ns >> shift);
}

static uint32_t
slot_ns(unsigned slot)
{
	unsigned shift = slot >> FINE_BITS;

	if (shift == 0)
		return slot;
	shift--;
	return ((slot - (shift << FINE_BITS) + 1) << shift) - 1;
}

static double
quantile_us(const struct tally *all, double share)
{
	uint64_t wanted = (uint64_t)((double)all->answered * share);
	uint64_t seen = 0;

	for (unsigned i = 0; i < SLOTS; i++) {
		seen += all->took[i];
		if (seen > wanted)
			return slot_ns(i) / 1e3;
	}
	return all->max_ns / 1e3;
}

/* Asking. */

/* As `record fill' numbers them; the second is a block that it leaves out. */
static void
address(uint32_t i, bool there, struct drac_addr *addr)
{
	static const unsigned char block[4] = { 0x20, 0x01, 0x0d, 0xb8 };

	i = (i ^ i >> 16) * 0x85ebca6bu;
	i = (i ^ i >> 13) * 0xc2b2ae35u;
	i ^= i >> 16;
	memset(addr, 0, sizeof(*addr));
	addr->len = 16;
	memcpy(addr->octet, block, sizeof(block));
	memcpy(addr->octet + 16 - sizeof(i), &i, sizeof(i));
	if (!there)
		addr->octet[4] = 0xff;
}

static size_t
request_for(const struct drac_addr *addr, char text[128])
{
	char name[DRAC_ADDR_TEXT], body[64];
	int length;

	drac_addr_text(addr, name);
	length = snprintf(body, sizeof(body), "drac %s", name);
	return (size_t)snprintf(text, 128, "%d:%s,", length, body);
}

static int
call_service(void)
{
	const struct timeval patience = { .tv_sec = WAIT_S };
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", bench.socket);
	if (fd == -1 || connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1)
		err(2, "%s", bench.socket);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
	    sizeof(patience));
	return fd;
}

/* One reply, without its comma; false: there is none. */
static bool
ask(int fd, const char *request, size_t length, char reply[128])
{
	size_t got = 0;

	if (send(fd, request, length, MSG_NOSIGNAL) != (ssize_t)length)
		return false;
	do {
		ssize_t n = recv(fd, reply + got, 127 - got, 0);

		if (n <= 0)
			return false;
		got += (size_t)n;
	} while (got < 127 && reply[got - 1] != ',');
	reply[got - 1] = '\0';
	return true;
}

/* As the service sees it; time(2) may be some milliseconds late. */
static time_t
this_second(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec;
}

/* While a second begins either may be true. */
static bool
is_right(const char *reply, bool there, time_t before, time_t after)
{
	char found[64];

	snprintf(found, sizeof(found), "13:OK %jd", (intmax_t)bench.expiry);
	if (there && before < bench.expiry && strcmp(reply, found) == 0)
		return true;
	return (!there || after >= bench.expiry) &&
	       strcmp(reply, "9:NOTFOUND ") == 0;
}

static void
count(struct tally *tally, uint64_t ns)
{
	uint32_t took = ns < UINT32_MAX ? (uint32_t)ns : UINT32_MAX;

	tally->answered++;
	tally->took[slot_of(took)]++;
	if (took > tally->max_ns)
		tally->max_ns = took;
}

static void
run_client(unsigned number, uint64_t until_ns)
{
	struct tally *tally = &tallies[number];
	uint64_t random = number + 1, began;
	char request[128], reply[128];
	int fd = call_service();

	while ((began = clock_ns()) < until_ns) {
		struct drac_addr addr;
		time_t before = this_second();
		bool there;

		random = random * 6364136223846793005u + 1442695040888963407u;
		there = (random >> 40 & 1) != 0;
		address((uint32_t)((random >> 33) % bench.entries), there,
		    &addr);
		if (!ask(fd, request, request_for(&addr, request), reply)) {
			tally->failed++;
			return;
		}
		count(tally, clock_ns() - began);
		tally->wrong += !is_right(reply, there, before, this_second());
	}
	(void)close(fd);
}

/* All of them. */

static void
add_up(struct tally *all)
{
	for (unsigned i = 0; i < bench.clients; i++) {
		const struct tally *one = &tallies[i];

		all->answered += one->answered;
		all->wrong += one->wrong;
		all->failed += one->failed;
		if (one->max_ns > all->max_ns)
			all->max_ns = one->max_ns;
		for (unsigned j = 0; j < SLOTS; j++)
			all->took[j] += one->took[j];
	}
}

static int
tell(double seconds)
{
	static struct tally all;

	add_up(&all);
	printf("answered %" PRIu64 " wrong %" PRIu64 " failed %" PRIu64
	       " rate %.0f p50 %.1f p99 %.1f p99.9 %.1f max %.1f\n",
	    all.answered, all.wrong, all.failed, (double)all.answered / seconds,
	    quantile_us(&all, 0.5), quantile_us(&all, 0.99),
	    quantile_us(&all, 0.999), all.max_ns / 1e3);
	return all.wrong > 0 || all.failed > 0;
}

static void
read_options(int argc, char **argv)
{
	int letter;

	while ((letter = getopt(argc, argv, "c:n:s:u:x:")) != -1) {
		switch (letter) {
		case 'c':
			bench.clients = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'n':
			bench.entries = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 's':
			bench.seconds = strtod(optarg, NULL);
			break;
		case 'u':
			bench.socket = optarg;
			break;
		case 'x':
			bench.expiry = (time_t)strtoll(optarg, NULL, 10);
			break;
		default:
			exit(2);
		}
	}
	if (bench.socket == NULL || bench.entries == 0 || bench.expiry == 0 ||
	    bench.clients == 0 || bench.clients > CLIENTS_MAX)
		errx(2, "lookup -u socket -n entries -x expiry [-c clients] "
			"[-s seconds]");
}

int
main(int argc, char **argv)
{
	uint64_t began;
	int status, result = 0;

	read_options(argc, argv);
	tallies = mmap(NULL, bench.clients * sizeof(*tallies),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (tallies == MAP_FAILED)
		err(2, "mmap");
	began = clock_ns();
	for (unsigned i = 0; i < bench.clients; i++) {
		pid_t pid = fork();

		if (pid == -1)
			err(2, "fork");
		if (pid == 0) {
			run_client(i, began + (uint64_t)(bench.seconds * 1e9));
			exit(0);
		}
	}
	while (wait(&status) != -1 || errno == EINTR)
		result |= status != 0;
	return tell((double)(clock_ns() - began) / 1e9) | result;
}
