/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Callers that report addresses to a daemon as fast as they are answered,
 * each a process of its own, and go on while it dies and comes back.
 *
 *	load [-c callers] [-n calls] [-s seconds] [-w road]... [-u socket]
 *	    [-h host] [-p port] [-a network]... [-f first] [-r percent]
 *	    [-t timeout_ms] [-o prefix]
 *
 * Roads are unix, udp and tcp, each call with a fresh socket, as logins
 * make them; and unix-kept, udp-kept and tcp-kept. Several are shared out
 * among the callers; without -w it is all of them. Addresses are distinct,
 * in no order, until the networks are used up: the first-th address and
 * those after it, of each network in turn. With -r so many calls in a
 * hundred report one again that its caller has reported before.
 *
 * An acknowledged address becomes a line `ADDRESS BEFORE AFTER` of the file
 * prefix.CALLER: when the call began and when it was answered, in seconds.
 * At the end, or at SIGTERM, one line tells what came of all calls:
 * `acknowledged N failed N seconds S rate R p50 T p99 T p99.9 T max T`, with
 * the times an acknowledged call took in microseconds.
 */

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "addr.h"
#include "client.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

#define CALLERS_MAX 256u
#define NETS_MAX    8u
#define HOST_BITS   48u /* of a larger network these vary */
#define PAUSE_MS    2   /* after a failure */

/* Times by size: one in 128 is what they are off at most. */
#define FINE_BITS 7u
#define SLOTS     ((32u - FINE_BITS + 1) << FINE_BITS)

static const struct road {
	const char *name;
	bool local;
	bool tcp;
	bool kept;
} roads[] = {
	{ "unix", true, false, false },
	{ "unix-kept", true, false, true },
	{ "udp", false, false, false },
	{ "udp-kept", false, false, true },
	{ "tcp", false, true, false },
	{ "tcp-kept", false, true, true },
};

static struct load {
	unsigned callers;
	uint64_t calls; /* of one caller; 0: no limit */
	double seconds;
	const struct road *road[COUNT(roads)];
	unsigned road_count;
	const char *socket;
	struct drac_addr host;
	unsigned short port;
	struct drac_net net[NETS_MAX];
	unsigned net_count;
	uint64_t first;
	unsigned renewals; /* per cent */
	unsigned timeout_ms;
	const char *prefix; /* NULL: nothing is noted */
} load = { .callers = 8, .timeout_ms = 1000 };

/* What a caller tells. */
struct tally {
	uint64_t acknowledged;
	uint64_t failed;
	uint32_t max_us;
	uint64_t took[SLOTS];
};

static struct shared {
	atomic_bool stop;
	struct tally tally[CALLERS_MAX];
} * shared;

struct caller {
	unsigned number;
	const struct road *road;
	struct drac_ask ask;
	struct drac_conn *conn;
	int notes;     /* -1: none */
	uint64_t made; /* distinct addresses so far */
	uint64_t random;
	struct tally *tally;
};

static uint64_t
clock_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* Times. */

static unsigned
slot_of(uint32_t us)
{
	unsigned shift = 0;

	while (us >> shift >= 2u << FINE_BITS)
		shift++;
	return (shift << FINE_BITS) + (us >> shift);
}

/* The longest time that has this slot. */
static uint32_t
slot_us(unsigned slot)
{
	unsigned shift = slot >> FINE_BITS;

	if (shift == 0)
		return slot;
	shift--;
	return ((slot - (shift << FINE_BITS) + 1) << shift) - 1;
}

static uint32_t
quantile(const struct tally *all, double share)
{
	uint64_t wanted = (uint64_t)((double)all->acknowledged * share);
	uint64_t seen = 0;

	for (unsigned i = 0; i < SLOTS; i++) {
		seen += all->took[i];
		if (seen > wanted)
			return slot_us(i) < all->max_us ? slot_us(i)
							: all->max_us;
	}
	return all->max_us;
}

/* Addresses. */

/* A number of so many bits becomes another one; no two the same one. */
static uint64_t
shuffle(uint64_t number, unsigned bits)
{
	const uint64_t mask = ((uint64_t)1 << bits) - 1;

	for (unsigned round = 0; round < 3; round++) {
		number = number * 0x9e3779b97f4a7c15u + 0x7f4a7c15u;
		number &= mask;
		number ^= number >> (bits / 2 + 1);
	}
	return number;
}

static struct drac_addr
nth_address(uint64_t number)
{
	const struct drac_net *net = &load.net[number % load.net_count];
	struct drac_addr addr = net->addr;
	unsigned bits = addr.len * 8u - net->bits;

	if (bits > HOST_BITS)
		bits = HOST_BITS;
	number = shuffle(number / load.net_count, bits);
	for (unsigned i = addr.len; number != 0; number >>= 8)
		addr.octet[--i] |= number & 0xff;
	return addr;
}

static struct drac_addr
next_address(struct caller *caller)
{
	uint64_t which = caller->made;

	caller->random = caller->random * 6364136223846793005u + 1;
	if (which > 0 && (caller->random >> 33) % 100 < load.renewals)
		which = (caller->random >> 32) % which;
	else
		caller->made++;
	return nth_address(load.first + which * load.callers + caller->number);
}

/* Calling. */

static bool
call(struct caller *caller, const struct drac_addr *addr)
{
	struct drac_ask *ask = &caller->ask;

	if (!caller->road->kept)
		return drac_client_add(ask, 1, addr, load.timeout_ms) == 1;
	if (caller->conn == NULL && drac_conn_open(ask, addr->len == 16,
					load.timeout_ms, &caller->conn) == -1)
		return false;
	return drac_conn_add(caller->conn, addr, load.timeout_ms) == 0;
}

static void
note(const struct caller *caller, const struct drac_addr *addr, time_t before)
{
	char text[DRAC_ADDR_TEXT], line[128];
	int length;

	if (caller->notes == -1)
		return;
	drac_addr_text(addr, text);
	length = snprintf(line, sizeof(line), "%s %jd %jd\n", text,
	    (intmax_t)before, (intmax_t)time(NULL));
	if (write(caller->notes, line, (size_t)length) != length)
		err(2, "%s.%u", load.prefix, caller->number);
}

static void
count(struct tally *tally, uint64_t us)
{
	uint32_t took = us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;

	tally->acknowledged++;
	tally->took[slot_of(took)]++;
	if (took > tally->max_us)
		tally->max_us = took;
}

/* Until it is acknowledged, or there is no time left. */
static void
report(struct caller *caller, const struct drac_addr *addr, uint64_t until_us)
{
	const struct timespec pause = { 0, PAUSE_MS * 1000000L };

	while (!shared->stop) {
		time_t before = time(NULL);
		uint64_t began = clock_us();

		if (call(caller, addr)) {
			count(caller->tally, clock_us() - began);
			note(caller, addr, before);
			return;
		}
		caller->tally->failed++;
		if (clock_us() >= until_us)
			return;
		(void)nanosleep(&pause, NULL);
	}
}

static void
open_notes(struct caller *caller)
{
	char path[4096];

	caller->notes = -1;
	if (load.prefix == NULL)
		return;
	snprintf(path, sizeof(path), "%s.%u", load.prefix, caller->number);
	caller->notes =
	    open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (caller->notes == -1)
		err(2, "%s", path);
}

static void
run_caller(unsigned number, uint64_t until_us)
{
	struct caller caller = { .number = number,
		.road = load.road[number % load.road_count],
		.random = load.first + number,
		.tally = &shared->tally[number] };

	caller.ask.name = caller.road->name;
	caller.ask.socket = caller.road->local ? load.socket : NULL;
	caller.ask.hosts[0] = load.host;
	caller.ask.host_count = 1;
	caller.ask.port = load.port;
	caller.ask.transport =
	    caller.road->tcp ? DRAC_TRANSPORT_TCP : DRAC_TRANSPORT_UDP;
	open_notes(&caller);
	for (uint64_t i = 0; load.calls == 0 || i < load.calls; i++) {
		struct drac_addr addr = next_address(&caller);

		if (shared->stop || clock_us() >= until_us)
			break;
		report(&caller, &addr, until_us);
	}
	drac_conn_close(caller.conn);
	if (caller.notes != -1)
		(void)close(caller.notes);
}

/* All of them. */

static void
stop(int signal)
{
	(void)signal;
	shared->stop = true;
}

static void
start_caller(unsigned number, uint64_t until_us)
{
	pid_t parent = getpid(), pid = fork();

	if (pid == -1)
		err(2, "fork");
	if (pid != 0)
		return;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() == parent)
		run_caller(number, until_us);
	exit(0);
}

static int
wait_for_all(void)
{
	int result = 0, status;
	pid_t pid;

	while ((pid = wait(&status)) != -1 || errno == EINTR) {
		if (pid != -1 && status != 0)
			result = 1;
	}
	return result;
}

static void
tell(uint64_t took_us)
{
	static struct tally all;
	double seconds = (double)took_us / 1e6;

	for (unsigned i = 0; i < load.callers; i++) {
		const struct tally *one = &shared->tally[i];

		all.acknowledged += one->acknowledged;
		all.failed += one->failed;
		if (one->max_us > all.max_us)
			all.max_us = one->max_us;
		for (unsigned j = 0; j < SLOTS; j++)
			all.took[j] += one->took[j];
	}
	printf("acknowledged %" PRIu64 " failed %" PRIu64
	       " seconds %.3f rate %.0f p50 %u p99 %u p99.9 %u max %u\n",
	    all.acknowledged, all.failed, seconds,
	    (double)all.acknowledged / seconds, quantile(&all, 0.5),
	    quantile(&all, 0.99), quantile(&all, 0.999), all.max_us);
}

/* The command line. */

static void
usage(void)
{
	fputs("usage: load [-c callers] [-n calls] [-s seconds] [-w road]... "
	      "[-u socket]\n"
	      "\t[-h host] [-p port] [-a network]... [-f first] [-r percent]\n"
	      "\t[-t timeout_ms] [-o prefix]\n",
	    stderr);
	exit(2);
}

static uint64_t
number_of(const char *text, uint64_t max)
{
	char *end;
	unsigned long long value;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 ||
	    value > max)
		usage();
	return value;
}

static double
seconds_of(const char *text)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end != '\0' || !(value > 0 && value < 1e6))
		usage();
	return value;
}

static void
add_road(const char *name)
{
	if (load.road_count == COUNT(load.road))
		usage();
	for (size_t i = 0; i < COUNT(roads); i++) {
		if (strcmp(roads[i].name, name) == 0) {
			load.road[load.road_count++] = &roads[i];
			return;
		}
	}
	usage();
}

static void
add_net(const char *text)
{
	if (load.net_count == NETS_MAX ||
	    drac_net_parse(text, &load.net[load.net_count]) == -1)
		usage();
	load.net_count++;
}

static void
set_option(int letter, const char *value)
{
	switch (letter) {
	case 'a':
		add_net(value);
		break;
	case 'c':
		load.callers = (unsigned)number_of(value, CALLERS_MAX);
		break;
	case 'f':
		load.first = number_of(value, UINT64_MAX / 2);
		break;
	case 'h':
		if (drac_addr_parse(value, &load.host) == -1)
			usage();
		break;
	case 'n':
		load.calls = number_of(value, UINT32_MAX);
		break;
	case 'o':
		load.prefix = value;
		break;
	case 'p':
		load.port = (unsigned short)number_of(value, 65535);
		break;
	case 'r':
		load.renewals = (unsigned)number_of(value, 100);
		break;
	case 's':
		load.seconds = seconds_of(value);
		break;
	case 't':
		load.timeout_ms = (unsigned)number_of(value, 60000);
		break;
	case 'u':
		load.socket = value;
		break;
	case 'w':
		add_road(value);
		break;
	default:
		usage();
	}
}

static void
read_options(int argc, char **argv)
{
	int letter;

	(void)drac_addr_parse("127.0.0.1", &load.host);
	while ((letter = getopt(argc, argv, "a:c:f:h:n:o:p:r:s:t:u:w:")) != -1)
		set_option(letter, optarg);
	if (optind != argc || load.callers == 0)
		usage();
	for (size_t i = 0; load.road_count == 0 && i < COUNT(roads); i++)
		load.road[i] = &roads[i];
	if (load.road_count == 0)
		load.road_count = COUNT(roads);
	for (unsigned i = 0; i < load.road_count; i++)
		if (load.road[i]->local ? load.socket == NULL : load.port == 0)
			usage();
	if (load.net_count == 0)
		add_net("2001:db8::/32");
	if (load.seconds == 0)
		load.seconds = load.calls == 0 ? 1 : 1e6;
	/* -n is for all of them together. */
	load.calls = (load.calls + load.callers - 1) / load.callers;
}

int
main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = stop };
	uint64_t began;
	int result;

	read_options(argc, argv);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		err(2, "mmap");
	(void)sigaction(SIGTERM, &action, NULL);
	(void)sigaction(SIGINT, &action, NULL);
	began = clock_us();
	for (unsigned i = 0; i < load.callers; i++)
		start_caller(i, began + (uint64_t)(load.seconds * 1e6));
	result = wait_for_all();
	tell(clock_us() - began);
	return result;
}
