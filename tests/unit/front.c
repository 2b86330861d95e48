/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The front of the daemon, called over real sockets by the same process:
 * what arrives becomes jobs in fair shares, answers find their way, and no
 * caller gets more than its bounds. Time is an argument, so nothing sleeps.
 */
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "front.h"
#include "test.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* As long as anything may take before it counts as never. */
#define PATIENCE_MS 10000

#define IDLE_MS ((int64_t)DRAC_IDLE_S * 1000)

struct drac_stats drac_stats;

/* A front on every address of a family, and what the last turn took. */
static struct {
	struct drac_front *front;
	char dir[32];
	char path[64];
	unsigned short port;
	int64_t now_ms;
	size_t most;
	struct drac_job jobs[DRAC_JOBS_MAX];
	size_t count;
	struct drac_listed listed[DRAC_LIST_MAX];
} rig;

static int
open_front(unsigned char len)
{
	struct drac_conf conf = { .socket = rig.path };
	struct drac_endpoint any = { .addr = { .len = len } };
	struct drac_bound bound[4];
	struct drac_why why;

	memset(&drac_stats, 0, sizeof drac_stats);
	strcpy(rig.dir, "/tmp/drac-front-XXXXXX");
	CHECK(mkdtemp(rig.dir) != NULL);
	snprintf(rig.path, sizeof rig.path, "%s/sock", rig.dir);
	conf.listen = &any;
	conf.listen_count = 1;
	rig.now_ms = 1000000;
	rig.most = DRAC_JOBS_MAX;
	if (drac_front_open(&conf, &rig.front, &why) == -1) {
		printf("  %s\n", why.text);
		return -1;
	}
	CHECK(drac_front_bound(rig.front, bound, COUNT(bound)) == 2);
	rig.port = bound[0].port;
	return 0;
}

static void
set_up(void)
{
	if (open_front(4) == -1)
		exit(1);
}

static void
tear_down(void)
{
	drac_front_close(rig.front);
	CHECK(rmdir(rig.dir) == 0);
}

static void
collect(void)
{
	rig.count =
	    drac_front_collect(rig.front, rig.now_ms, rig.jobs, rig.most);
}

/* Every call is a success; a list is as long as it can be. */
static void
answer(void)
{
	for (size_t i = 0; i < rig.count; i++) {
		rig.jobs[i].answer = DRAC_ANSWER_SUCCESS;
		if (rig.jobs[i].call.procedure != DRAC_PROC_LIST)
			continue;
		rig.jobs[i].reply.listed = rig.listed;
		rig.jobs[i].reply.count = DRAC_LIST_MAX;
	}
	drac_front_answer(rig.front, rig.jobs, rig.count);
}

static bool
wait_for(int fd, short events, int timeout_ms)
{
	struct pollfd poll_fd = { .fd = fd, .events = events };

	return poll(&poll_fd, 1, timeout_ms) == 1;
}

static bool
has_work(int timeout_ms)
{
	return drac_front_more(rig.front) ||
	       wait_for(drac_front_fd(rig.front), POLLIN, timeout_ms);
}

/* Turns until so many calls were answered. */
static void
serve(size_t calls)
{
	size_t done = 0;

	while (done < calls && has_work(PATIENCE_MS)) {
		collect();
		done += rig.count;
		answer();
	}
	CHECK(done == calls);
}

/* Turns while there is something to do that is no call. */
static void
settle(void)
{
	for (int i = 0; i < 100 && has_work(0); i++) {
		collect();
		CHECK(rig.count == 0);
	}
	CHECK(!has_work(0));
}

/* Callers */

static struct sockaddr_in
sockaddr(const char *address, unsigned short port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_port = htons(port) };

	CHECK(inet_pton(AF_INET, address, &sin.sin_addr) == 1);
	return sin;
}

static void
be_patient(int fd)
{
	struct timeval patience = { .tv_sec = PATIENCE_MS / 1000 };

	CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
		  sizeof patience) == 0);
}

static int
caller_to(int type, const char *from, const char *to)
{
	struct sockaddr_in here = sockaddr(from, 0);
	struct sockaddr_in there = sockaddr(to, rig.port);
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	CHECK(fd != -1);
	be_patient(fd);
	CHECK(bind(fd, (struct sockaddr *)&here, sizeof here) == 0);
	CHECK(connect(fd, (struct sockaddr *)&there, sizeof there) == 0);
	return fd;
}

static int
tcp_from(const char *from)
{
	return caller_to(SOCK_STREAM, from, "127.0.0.1");
}

static int
udp(void)
{
	return caller_to(SOCK_DGRAM, "127.0.0.1", "127.0.0.1");
}

static int
local(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(sun.sun_path, rig.path);
	CHECK(fd != -1);
	be_patient(fd);
	CHECK(connect(fd, (struct sockaddr *)&sun, sizeof sun) == 0);
	return fd;
}

/* What they say */

struct message {
	size_t size;
	unsigned char octets[8192];
};

static void
append(struct message *message, const void *octets, size_t size)
{
	CHECK(size <= sizeof message->octets - message->size);
	memcpy(message->octets + message->size, octets, size);
	message->size += size;
}

static void
append_mark(struct message *message, uint32_t mark)
{
	uint32_t net = htonl(mark);

	append(message, &net, sizeof net);
}

static struct drac_call
call(uint32_t xid, uint32_t version, uint32_t procedure)
{
	struct drac_call made = { .xid = xid,
		.version = version,
		.procedure = procedure };

	if (procedure == DRAC_PROC_LIST)
		made.count = DRAC_LIST_MAX;
	else if (procedure != DRAC_PROC_NULL)
		(void)drac_addr_parse(version == 2 ? "2001:db8::7"
						   : "192.0.2.7",
		    &made.addr);
	return made;
}

/* A call as a datagram. */
static struct message
bare(uint32_t xid, uint32_t version, uint32_t procedure)
{
	struct drac_call made = call(xid, version, procedure);
	struct message message = { 0 };

	message.size = drac_wire_call(&made, message.octets);
	return message;
}

/* Append a call as a record. */
static void
append_record(struct message *message, const struct message *call_of)
{
	append_mark(message, DRAC_MARK_LAST | (uint32_t)call_of->size);
	append(message, call_of->octets, call_of->size);
}

static struct message
record(uint32_t xid, uint32_t version, uint32_t procedure)
{
	struct message one = bare(xid, version, procedure);
	struct message message = { 0 };

	append_record(&message, &one);
	return message;
}

static void
say(int fd, const struct message *message)
{
	CHECK(send(fd, message->octets, message->size, MSG_NOSIGNAL) ==
	      (ssize_t)message->size);
}

/* An ADD of version 1 from a connection. */
static void
say_call(int fd, uint32_t xid)
{
	struct message message = record(xid, 1, DRAC_PROC_ADD);

	say(fd, &message);
}

static uint32_t
word_at(const unsigned char *octets, size_t index)
{
	uint32_t net;

	memcpy(&net, octets + 4 * index, sizeof net);
	return ntohl(net);
}

/* One answer of a connection, which is the one-word success of xid. */
static void
hear_success(int fd, uint32_t xid)
{
	unsigned char octets[32];

	CHECK(recv(fd, octets, sizeof octets, MSG_WAITALL) == 32);
	CHECK(word_at(octets, 0) == (DRAC_MARK_LAST | 28));
	CHECK(word_at(octets, 1) == xid);
	CHECK(word_at(octets, 2) == 1);
	CHECK(word_at(octets, 7) == DRAC_ANSWER_SUCCESS);
}

/* The other side has closed; nothing more was said. */
static bool
is_closed(int fd)
{
	char octet;
	ssize_t got = recv(fd, &octet, 1, MSG_DONTWAIT);

	return got == 0 || (got == -1 && errno == ECONNRESET);
}

static bool
is_open(int fd)
{
	char octet;

	return recv(fd, &octet, 1, MSG_DONTWAIT) == -1 && errno == EAGAIN;
}

/* Datagrams */

static void
datagrams_are_answered(void)
{
	static const struct {
		const char *name;
		uint32_t version;
		uint32_t procedure;
		ssize_t size;
	} rows[] = {
		{ "version 1", 1, DRAC_PROC_ADD, 28 },
		{ "version 2", 2, DRAC_PROC_ADD, 28 },
		{ "version 1, null", 1, DRAC_PROC_NULL, 24 },
		{ "version 2, null", 2, DRAC_PROC_NULL, 24 },
	};
	int fd;

	set_up();
	fd = udp();
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct message message =
		    bare(100 + (uint32_t)i, rows[i].version, rows[i].procedure);
		unsigned char octets[64];

		say(fd, &message);
		serve(1);
		CHECK_ROW(rig.jobs[0].caller.road == DRAC_ROAD_UDP,
		    rows[i].name);
		CHECK_ROW(!rig.jobs[0].local, rows[i].name);
		CHECK_ROW(recv(fd, octets, sizeof octets, 0) == rows[i].size,
		    rows[i].name);
		CHECK_ROW(word_at(octets, 0) == 100 + i, rows[i].name);
	}
	CHECK(drac_stats.malformed == 0);
	close(fd);
	tear_down();
}

static void
caller_is_who_sent_it(void)
{
	struct sockaddr_in name;
	socklen_t len = sizeof name;
	struct message datagram = bare(1, 1, DRAC_PROC_ADD);
	struct drac_addr addr;
	int fds[2];

	set_up();
	fds[0] = caller_to(SOCK_DGRAM, "127.0.0.2", "127.0.0.1");
	fds[1] = tcp_from("127.0.0.2");
	say(fds[0], &datagram);
	for (int i = 0; i < 2; i++) {
		CHECK(getsockname(fds[i], (struct sockaddr *)&name, &len) == 0);
		if (i == 1)
			say_call(fds[1], 2);
		serve(1);
		CHECK(drac_addr_parse("127.0.0.2", &addr) == 0);
		CHECK(drac_addr_equal(&rig.jobs[0].caller.addr, &addr));
		CHECK(rig.jobs[0].caller.port == ntohs(name.sin_port));
		close(fds[i]);
	}
	settle();
	tear_down();
}

/* A connected socket hears only whom it asked. */
static void
answer_leaves_from_the_address_asked(void)
{
	struct message message = bare(7, 1, DRAC_PROC_ADD);
	unsigned char octets[64];
	int fd;

	set_up();
	fd = caller_to(SOCK_DGRAM, "127.0.0.1", "127.0.0.5");
	say(fd, &message);
	serve(1);
	CHECK(recv(fd, octets, sizeof octets, 0) == 28);
	close(fd);
	tear_down();
}

static int
caller_over_ipv6(int type)
{
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6,
		.sin6_port = htons(rig.port),
		.sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int fd = socket(AF_INET6, type | SOCK_CLOEXEC, 0);

	be_patient(fd);
	CHECK(connect(fd, (struct sockaddr *)&sin6, sizeof sin6) == 0);
	return fd;
}

static void
ipv6_callers_are_answered(void)
{
	struct message message = bare(7, 1, DRAC_PROC_ADD);
	unsigned char octets[64];
	int fds[2];

	if (open_front(16) == -1) {
		test_skipped = "no IPv6 here";
		CHECK(rmdir(rig.dir) == 0);
		return;
	}
	fds[0] = caller_over_ipv6(SOCK_DGRAM);
	fds[1] = caller_over_ipv6(SOCK_STREAM);
	say(fds[0], &message);
	serve(1);
	CHECK(drac_addr_scope(&rig.jobs[0].caller.addr) == DRAC_SCOPE_LOOPBACK);
	CHECK(rig.jobs[0].caller.addr.len == 16);
	CHECK(recv(fds[0], octets, sizeof octets, 0) == 28);
	say_call(fds[1], 8);
	serve(1);
	CHECK(rig.jobs[0].caller.addr.len == 16);
	hear_success(fds[1], 8);
	close(fds[0]);
	close(fds[1]);
	settle();
	tear_down();
}

/* Any first part of a call, with any of its words damaged. */
static void
answer_to_a_datagram_is_never_longer(void)
{
	struct message good = bare(9, 2, DRAC_PROC_ADD), message;
	unsigned char octets[1024];
	size_t answered = 0;
	int fd;

	set_up();
	fd = udp();
	for (size_t size = 0; size <= good.size; size += 4) {
		for (size_t word = 0; word < 10; word++) {
			ssize_t got;

			message = good;
			message.octets[4 * word + 3] ^= 0x07;
			message.size = size;
			say(fd, &message);
			CHECK(has_work(PATIENCE_MS));
			collect();
			answer();
			got = recv(fd, octets, sizeof octets, MSG_DONTWAIT);
			CHECK(got <= (ssize_t)size);
			answered += got > 0;
		}
	}
	CHECK(answered > 10);
	close(fd);
	tear_down();
}

/*
 * No reply to versions 1 and 2 is longer than the shortest good call today.
 * One that would be longer than its request, which may have a forged sender,
 * is not sent.
 */
static void
reply_longer_than_its_request_is_not_sent(void)
{
	static const struct {
		const char *name;
		size_t asked;
		ssize_t sent;
	} rows[] = { { "as long", 28, 28 }, { "longer", 27, -1 },
		{ "request of nothing", 0, -1 } };
	static struct drac_dgrams dgrams;
	struct sockaddr_in here = sockaddr("127.0.0.1", 0);
	socklen_t size = sizeof here;
	struct drac_sockets sockets = { .count = 1 };
	int fd;

	sockets.at[0] = (struct drac_socket){ .road = DRAC_ROAD_UDP,
		.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0) };
	CHECK(bind(sockets.at[0].fd, (struct sockaddr *)&here, size) == 0);
	CHECK(getsockname(sockets.at[0].fd, (struct sockaddr *)&here, &size) ==
	      0);
	rig.port = ntohs(here.sin_port);
	fd = udp();
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct message message = bare(11, 1, DRAC_PROC_ADD);
		unsigned char octets[64];
		bool more;

		say(fd, &message);
		CHECK(drac_dgram_collect(&dgrams, &sockets.at[0], rig.jobs, 0,
			  1, &more) == 1);
		CHECK(dgrams.back[0].asked == message.size);
		dgrams.back[0].asked = rows[i].asked;
		drac_dgram_answer(&dgrams, &sockets, rig.jobs, 1);
		CHECK_ROW(recv(fd, octets, sizeof octets, MSG_DONTWAIT) ==
			      rows[i].sent,
		    rows[i].name);
	}
	close(fd);
	close(sockets.at[0].fd);
}

static void
faulty_datagrams_are_counted(void)
{
	static const struct {
		const char *name;
		uint32_t version;
		uint32_t procedure;
		size_t cut;
		ssize_t answer;
		uint32_t status; /* of an accepted call (RFC 5531, 9) */
	} rows[] = {
		{ "version 3", 3, DRAC_PROC_ADD, 0, 32, 2 },
		{ "version 4", 4, DRAC_PROC_ADD, 0, 32, 2 },
		{ "no such procedure", 1, 7, 0, 24, 3 },
		{ "argument cut off", 1, DRAC_PROC_ADD, 4, 24, 4 },
		{ "header cut off", 1, DRAC_PROC_ADD, 36, -1, 0 },
		{ "empty", 1, DRAC_PROC_ADD, 44, -1, 0 },
	};
	int fd;

	set_up();
	fd = udp();
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct message message = bare(5, 1, DRAC_PROC_ADD);
		unsigned char octets[64];
		ssize_t got;

		message.octets[19] = (unsigned char)rows[i].version;
		message.octets[23] = (unsigned char)rows[i].procedure;
		message.size -= rows[i].cut;
		say(fd, &message);
		settle();
		got = recv(fd, octets, sizeof octets, MSG_DONTWAIT);
		CHECK_ROW(got == rows[i].answer, rows[i].name);
		if (got > 0)
			CHECK_ROW(word_at(octets, 5) == rows[i].status,
			    rows[i].name);
		CHECK_ROW(drac_stats.malformed == i + 1, rows[i].name);
	}
	close(fd);
	tear_down();
}

static void
datagram_longer_than_any_call_is_dropped(void)
{
	struct message message = bare(5, 1, DRAC_PROC_ADD);
	unsigned char octets[64];
	int fd;

	set_up();
	fd = udp();
	message.size = DRAC_CALL_MAX + 1;
	say(fd, &message);
	settle();
	CHECK(recv(fd, octets, sizeof octets, MSG_DONTWAIT) == -1);
	CHECK(drac_stats.malformed == 1);
	close(fd);
	tear_down();
}

/* Shares */

static void
flood_of_garbage_delays_no_call(void)
{
	struct message garbage = { .size = 400 };
	int flood, caller;

	set_up();
	flood = udp();
	caller = tcp_from("127.0.0.1");
	for (int i = 0; i < 150; i++)
		say(flood, &garbage);
	say_call(caller, 1);
	/* The first turn that finds it takes it, whatever else there is. */
	CHECK(wait_for(drac_front_fd(rig.front), POLLIN, PATIENCE_MS));
	serve(1);
	hear_success(caller, 1);
	settle();
	CHECK(drac_stats.malformed == 150);
	close(flood);
	close(caller);
	tear_down();
}

/* Of a turn for 64, a flood of calls gets half. */
static void
flood_of_calls_shares_the_turn(void)
{
	struct message datagram = bare(1, 1, DRAC_PROC_ADD);
	int flood, callers[10];
	size_t streams = 0;

	set_up();
	flood = udp();
	for (size_t i = 0; i < COUNT(callers); i++)
		callers[i] = tcp_from("127.0.0.1");
	settle();
	for (int i = 0; i < 100; i++)
		say(flood, &datagram);
	for (size_t i = 0; i < COUNT(callers); i++)
		say_call(callers[i], (uint32_t)i);
	rig.most = 64;
	CHECK(has_work(PATIENCE_MS));
	collect();
	CHECK(rig.count == 64);
	for (size_t i = 0; i < rig.count; i++)
		streams += rig.jobs[i].caller.road == DRAC_ROAD_TCP;
	CHECK(streams == COUNT(callers));
	answer();
	serve(46);
	for (size_t i = 0; i < COUNT(callers); i++) {
		hear_success(callers[i], (uint32_t)i);
		close(callers[i]);
	}
	settle();
	close(flood);
	tear_down();
}

/* What a turn has no room for is first in the next. */
static void
connections_take_turns(void)
{
	int callers[8];
	unsigned short ports[8];

	set_up();
	for (size_t i = 0; i < COUNT(callers); i++)
		callers[i] = tcp_from("127.0.0.1");
	settle();
	for (size_t i = 0; i < COUNT(callers); i++) {
		say_call(callers[i], 1);
		say_call(callers[i], 2);
	}
	rig.most = 1;
	for (size_t i = 0; i < COUNT(callers); i++) {
		CHECK(has_work(PATIENCE_MS));
		collect();
		CHECK(rig.count == 1);
		ports[i] = rig.jobs[0].caller.port;
		for (size_t j = 0; j < i; j++)
			CHECK(ports[i] != ports[j]);
		answer();
	}
	serve(COUNT(callers));
	for (size_t i = 0; i < COUNT(callers); i++) {
		hear_success(callers[i], 1);
		hear_success(callers[i], 2);
		close(callers[i]);
	}
	settle();
	tear_down();
}

/* Records */

static void
pipelined_calls_are_answered_in_order(void)
{
	struct message message = { 0 };
	int fd;

	set_up();
	fd = tcp_from("127.0.0.1");
	for (uint32_t i = 0; i < 100; i++) {
		struct message one = bare(i, 1, DRAC_PROC_ADD);

		append_record(&message, &one);
	}
	say(fd, &message);
	serve(100);
	for (uint32_t i = 0; i < 100; i++)
		hear_success(fd, i);
	close(fd);
	settle();
	tear_down();
}

static void
one_octet_at_a_time_makes_a_call(void)
{
	struct message message = record(3, 2, DRAC_PROC_ADD);
	int fd;

	set_up();
	fd = tcp_from("127.0.0.1");
	for (size_t i = 0; i < message.size; i++) {
		settle();
		CHECK(send(fd, message.octets + i, 1, 0) == 1);
	}
	serve(1);
	hear_success(fd, 3);
	close(fd);
	settle();
	tear_down();
}

/* The call in fragments of so many octets, with empty ones before it. */
static struct message
in_fragments(size_t share, size_t empty)
{
	struct message whole = bare(4, 2, DRAC_PROC_ADD), message = { 0 };
	size_t size;

	for (size_t i = 0; i < empty; i++)
		append_mark(&message, 0);
	for (size_t at = 0; at < whole.size; at += size) {
		size = whole.size - at < share ? whole.size - at : share;
		append_mark(&message,
		    (uint32_t)size |
			(at + size == whole.size ? DRAC_MARK_LAST : 0));
		append(&message, whole.octets + at, size);
	}
	return message;
}

static void
fragments_make_a_record(void)
{
	static const struct {
		const char *name;
		size_t share;
		size_t empty;
		bool good;
	} rows[] = {
		{ "one", 1000, 0, true },
		{ "of one octet each", 1, 0, true },
		{ "of seven octets", 7, 0, true },
		{ "after an empty one", 50, 1, true },
		{ "after many empty ones", 50, 16, true },
		{ "after too many empty ones", 50, 17, false },
	};

	set_up();
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct message message =
		    in_fragments(rows[i].share, rows[i].empty);
		int fd = tcp_from("127.0.0.1");

		say(fd, &message);
		if (rows[i].good) {
			serve(1);
			hear_success(fd, 4);
		} else {
			settle();
			CHECK_ROW(is_closed(fd), rows[i].name);
		}
		close(fd);
		settle();
	}
	tear_down();
}

static void
bad_records_close_the_connection(void)
{
	static const struct {
		const char *name;
		uint32_t first;  /* mark; followed by octets as it says */
		uint32_t second; /* 0: none */
	} rows[] = {
		{ "too long", DRAC_MARK_LAST | (DRAC_CALL_MAX + 1), 0 },
		{ "as long as it goes", 0xffffffff, 0 },
		{ "first fragment too long", DRAC_CALL_MAX + 1, 0 },
		{ "fragments too long together", 1000, 25 },
		{ "second one as long as it goes", 1, 0xffffffff },
		{ "empty record", DRAC_MARK_LAST, 0 },
		{ "no call", DRAC_MARK_LAST | 40, 0 },
		{ "no call, though of two", 40, DRAC_MARK_LAST | 4 },
	};
	unsigned char ones[DRAC_CALL_MAX];

	memset(ones, 0xff, sizeof ones);
	set_up();
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct message message = { 0 };
		uint32_t length = rows[i].first & ~DRAC_MARK_LAST;
		int fd = tcp_from("127.0.0.1");

		append_mark(&message, rows[i].first);
		append(&message, ones,
		    length < sizeof ones ? length : sizeof ones);
		if (rows[i].second != 0) {
			append_mark(&message, rows[i].second);
			append(&message, ones, 4);
		}
		say(fd, &message);
		CHECK(has_work(PATIENCE_MS));
		settle();
		CHECK_ROW(is_closed(fd), rows[i].name);
		CHECK_ROW(drac_stats.open == 0, rows[i].name);
		close(fd);
	}
	CHECK(drac_stats.malformed == 3);
	tear_down();
}

static void
longest_record_is_read(void)
{
	struct message message = { 0 };
	int fd;

	set_up();
	fd = tcp_from("127.0.0.1");
	append_mark(&message, DRAC_MARK_LAST | DRAC_CALL_MAX);
	message.octets[DRAC_MARK_SIZE + 11] = 2; /* RPC; not our program */
	message.size = DRAC_MARK_SIZE + DRAC_CALL_MAX;
	say(fd, &message);
	settle();
	CHECK(drac_stats.malformed == 1);
	CHECK(wait_for(fd, POLLIN, PATIENCE_MS));
	CHECK(!is_closed(fd));
	close(fd);
	settle();
	tear_down();
}

static void
half_a_record_delays_nobody(void)
{
	struct message whole = record(1, 1, DRAC_PROC_ADD), half = whole;
	int slow, other;

	set_up();
	slow = tcp_from("127.0.0.1");
	other = tcp_from("127.0.0.1");
	half.size = 20;
	say(slow, &half);
	settle();
	say_call(other, 2);
	serve(1);
	hear_success(other, 2);
	CHECK(send(slow, whole.octets + 20, whole.size - 20, 0) ==
	      (ssize_t)whole.size - 20);
	serve(1);
	hear_success(slow, 1);
	close(slow);
	close(other);
	settle();
	tear_down();
}

/* Versions */

static void
version_3_is_for_the_local_socket(void)
{
	struct message message = record(8, 3, DRAC_PROC_ADD);
	struct drac_call asked = call(8, 3, DRAC_PROC_ADD);
	struct drac_reply reply = { 0 };
	unsigned char octets[1024];
	ssize_t got;
	int remote, near;

	set_up();
	remote = tcp_from("127.0.0.1");
	near = local();
	say(remote, &message);
	settle();
	CHECK(recv(remote, octets, sizeof octets, 0) == 36);
	CHECK(word_at(octets, 6) == 2); /* PROG_MISMATCH, 1 to 2 */
	CHECK(word_at(octets, 7) == 1 && word_at(octets, 8) == 2);
	say_call(remote, 9); /* and it is still served */
	serve(1);
	hear_success(remote, 9);

	say(near, &message);
	serve(1);
	CHECK(rig.jobs[0].local);
	CHECK(rig.jobs[0].caller.road == DRAC_ROAD_LOCAL);
	CHECK(rig.jobs[0].caller.uid == geteuid());
	CHECK(rig.jobs[0].caller.pid == getpid());
	got = recv(near, octets, sizeof octets, 0);
	CHECK(got > 32);
	CHECK(drac_wire_read_reply(octets + DRAC_MARK_SIZE,
		  got > 4 ? (size_t)got - DRAC_MARK_SIZE : 0, &asked,
		  &reply) == 1);
	CHECK(reply.answer == DRAC_ANSWER_SUCCESS);

	say_call(near, 10); /* the old ones are served there too */
	serve(1);
	CHECK(!rig.jobs[0].local);
	hear_success(near, 10);
	close(remote);
	close(near);
	settle();
	tear_down();
}

/* Bounds */

static void
silence_closes_a_connection(void)
{
	struct message half = record(1, 1, DRAC_PROC_ADD);
	int silent, trickling, calling;

	set_up();
	half.size = 1;
	silent = tcp_from("127.0.0.1");
	trickling = tcp_from("127.0.0.1");
	calling = tcp_from("127.0.0.1");
	settle();
	rig.now_ms += IDLE_MS / 2;
	say(trickling, &half);
	settle();
	say_call(calling, 1);
	serve(1);
	hear_success(calling, 1);
	rig.now_ms += IDLE_MS / 2 - 1;
	collect();
	CHECK(is_open(silent) && is_open(trickling) && is_open(calling));
	say(trickling, &half);
	rig.now_ms += 1001;
	settle();
	collect();
	CHECK(is_closed(silent));
	CHECK(is_closed(trickling));
	CHECK(is_open(calling));
	CHECK(drac_stats.evicted == 2 && drac_stats.open == 1);
	rig.now_ms += IDLE_MS;
	collect();
	CHECK(is_closed(calling));
	CHECK(drac_stats.open == 0);
	close(silent);
	close(trickling);
	close(calling);
	tear_down();
}

/* Octets heard until nothing comes any more. */
static size_t
hear_all(int fd)
{
	static unsigned char octets[65536];
	size_t sum = 0;
	ssize_t got;

	while ((got = recv(fd, octets, sizeof octets, MSG_DONTWAIT)) > 0)
		sum += (size_t)got;
	return sum;
}

/* 32 lists are more than the kernel keeps for a reader. */
static void
ask_for_lists(int fd, uint32_t count)
{
	struct message message = { 0 };

	for (size_t i = 0; i < DRAC_LIST_MAX; i++)
		CHECK(drac_addr_parse("2001:db8::7", &rig.listed[i].addr) == 0);
	for (uint32_t i = 0; i < count; i++) {
		struct message one = bare(i, 3, DRAC_PROC_LIST);

		append_record(&message, &one);
	}
	say(fd, &message);
}

static size_t
serve_lists(void)
{
	size_t lists = 0;

	while (has_work(0)) {
		collect();
		lists += rig.count;
		answer();
	}
	return lists;
}

static void
slow_reader_is_waited_for(void)
{
	unsigned char octets[DRAC_REPLY_MAX];
	struct drac_reply reply = { .listed = rig.listed,
		.count = DRAC_LIST_MAX };
	size_t each, lists, heard = 0;
	int slow, other;

	set_up();
	slow = local();
	other = local();
	ask_for_lists(slow, 32);
	lists = serve_lists();
	CHECK(lists > 1 && lists < 32);
	say_call(other, 5); /* nobody else waits */
	serve(1);
	hear_success(other, 5);
	for (int i = 0; i < 100 && lists < 32; i++) {
		heard += hear_all(slow);
		lists += serve_lists();
	}
	heard += hear_all(slow);
	CHECK(lists == 32);
	each = 4 + drac_wire_reply(1, DRAC_PROC_LIST, &reply, octets);
	CHECK(heard == 32 * each);
	close(slow);
	close(other);
	settle();
	tear_down();
}

static void
reader_that_does_not_read_is_closed(void)
{
	size_t lists;
	int slow;

	set_up();
	slow = local();
	ask_for_lists(slow, 32);
	lists = serve_lists();
	CHECK(lists > 1 && lists < 32);
	rig.now_ms += IDLE_MS - 1;
	collect();
	CHECK(drac_stats.open == 1);
	rig.now_ms += 1001;
	collect();
	CHECK(drac_stats.open == 0 && drac_stats.evicted == 1);
	close(slow);
	tear_down();
}

static void
fill_up(int *fds, size_t count, const char *from)
{
	for (size_t i = 0; i < count; i++) {
		fds[i] = tcp_from(from);
		CHECK(has_work(PATIENCE_MS));
		settle();
		rig.now_ms++;
	}
}

static void
close_all(const int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
	settle();
}

/* Another caller has as many, and is silent for longer. */
static void
one_too_many_costs_its_own_caller(void)
{
	int fds[DRAC_CONNS_CALLER], others[DRAC_CONNS_CALLER], one_more;

	set_up();
	fill_up(others, COUNT(others), "127.0.0.2");
	fill_up(fds, COUNT(fds), "127.0.0.1");
	CHECK(drac_stats.open == 2 * DRAC_CONNS_CALLER);
	say_call(fds[0], 1); /* so that the next is longest idle */
	serve(1);
	hear_success(fds[0], 1);
	fill_up(&one_more, 1, "127.0.0.1");
	CHECK(is_closed(fds[1]));
	CHECK(drac_stats.open == 2 * DRAC_CONNS_CALLER);
	CHECK(drac_stats.evicted == 1);
	for (size_t i = 0; i < COUNT(fds); i++)
		CHECK(is_open(others[i]) && (i == 1 || is_open(fds[i])));
	CHECK(is_open(one_more));
	close(one_more);
	close_all(others, COUNT(others));
	close_all(fds, COUNT(fds));
	CHECK(drac_stats.open == 0);
	tear_down();
}

static void
unanswered_calls_are_not_closed(void)
{
	int fds[DRAC_CONNS_CALLER], one_more;
	struct drac_job held[DRAC_CONNS_CALLER];

	set_up();
	fill_up(fds, COUNT(fds), "127.0.0.1");
	for (size_t i = 0; i < COUNT(fds); i++)
		say_call(fds[i], (uint32_t)i);
	for (size_t got = 0; got < COUNT(fds); got += rig.count) {
		CHECK(has_work(PATIENCE_MS));
		collect();
		memcpy(held + got, rig.jobs, rig.count * sizeof *held);
	}
	one_more = tcp_from("127.0.0.1");
	CHECK(has_work(PATIENCE_MS));
	collect();
	CHECK(is_closed(one_more));
	memcpy(rig.jobs, held, sizeof held);
	rig.count = COUNT(fds);
	answer();
	for (size_t i = 0; i < COUNT(fds); i++)
		hear_success(fds[i], (uint32_t)i);
	close(one_more);
	close_all(fds, COUNT(fds));
	tear_down();
}

static void
local_users_have_a_bound_too(void)
{
	size_t most = geteuid() == 0 ? DRAC_CONNS_MAX / 2 : DRAC_CONNS_CALLER;
	int fds[DRAC_CONNS_MAX / 2 + 1];

	set_up();
	for (size_t i = 0; i <= most; i++) {
		fds[i] = local();
		settle();
		rig.now_ms++;
	}
	CHECK(drac_stats.open == most);
	CHECK(is_closed(fds[0]));
	CHECK(is_open(fds[1]) && is_open(fds[most]));
	close_all(fds, most + 1);
	tear_down();
}

/* One from each of two callers, all others from seven and a bit more. */
static void
full_house_costs_who_has_the_most(void)
{
	static int fds[DRAC_CONNS_MAX], one_more, most;
	char from[16];
	size_t made = 0;

	set_up();
	fill_up(fds, 1, "127.0.0.100");
	for (made = 1; made < DRAC_CONNS_MAX - 1; made++) {
		size_t host = made < 65 ? 1 : 2 + (made - 65) % 10;

		snprintf(from, sizeof from, "127.0.0.%zu", host);
		fill_up(fds + made, 1, from);
	}
	fill_up(fds + made, 1, "127.0.0.101");
	CHECK(drac_stats.open == DRAC_CONNS_MAX);
	fill_up(&one_more, 1, "127.0.0.102");
	CHECK(drac_stats.open == DRAC_CONNS_MAX);
	CHECK(drac_stats.evicted == 1);
	CHECK(is_open(fds[0]));
	CHECK(is_closed(fds[1]));
	CHECK(is_open(one_more));
	say_call(one_more, 1);
	serve(1);
	hear_success(one_more, 1);
	most = fds[COUNT(fds) - 1];
	say_call(most, 2);
	serve(1);
	hear_success(most, 2);
	close(one_more);
	close_all(fds, COUNT(fds));
	CHECK(drac_stats.open == 0);
	tear_down();
}

static void
calls_of_every_connection_fit_in_two_turns(void)
{
	static int fds[DRAC_CONNS_MAX];
	char from[16];

	set_up();
	for (size_t i = 0; i < COUNT(fds); i++) {
		snprintf(from, sizeof from, "127.0.0.%zu",
		    1 + i / DRAC_CONNS_CALLER);
		fill_up(fds + i, 1, from);
	}
	for (size_t i = 0; i < COUNT(fds); i++)
		say_call(fds[i], (uint32_t)i);
	for (size_t i = 0; i < COUNT(fds); i++)
		CHECK(wait_for(fds[i], POLLOUT, PATIENCE_MS));
	collect();
	CHECK(rig.count == DRAC_JOBS_MAX);
	answer();
	CHECK(drac_front_more(rig.front));
	serve(COUNT(fds) - DRAC_JOBS_MAX);
	for (size_t i = 0; i < COUNT(fds); i++)
		hear_success(fds[i], (uint32_t)i);
	close_all(fds, COUNT(fds));
	tear_down();
}

/* The next descriptor is one too many. */
static struct rlimit
use_up_descriptors(void)
{
	struct rlimit before, now;
	int next = dup(0);

	CHECK(next != -1);
	close(next);
	CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
	now = before;
	now.rlim_cur = (rlim_t)next;
	CHECK(setrlimit(RLIMIT_NOFILE, &now) == 0);
	return before;
}

static void
without_descriptors_accepting_pauses(void)
{
	struct rlimit before;
	int fd;

	set_up();
	fd = tcp_from("127.0.0.1");
	before = use_up_descriptors();
	CHECK(has_work(PATIENCE_MS));
	collect();
	CHECK(drac_stats.open == 0);
	CHECK(!has_work(0)); /* no spinning */
	CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
	say_call(fd, 1);
	rig.now_ms += 1000;
	collect();
	serve(rig.count == 0 ? 1 : 0);
	answer();
	hear_success(fd, 1);
	close(fd);
	settle();
	tear_down();
}

/* One, not all, though accepting fails again when nobody waits any more. */
static void
without_descriptors_one_idle_goes(void)
{
	struct rlimit before;
	int idle[2], fd;

	set_up();
	fill_up(idle, COUNT(idle), "127.0.0.1");
	fd = tcp_from("127.0.0.2");
	before = use_up_descriptors();
	say_call(fd, 1);
	serve(1);
	settle();
	CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
	hear_success(fd, 1);
	CHECK(is_closed(idle[0]));
	CHECK(is_open(idle[1]));
	CHECK(drac_stats.evicted == 1);
	close(fd);
	close_all(idle, COUNT(idle));
	tear_down();
}

/* What one caller's leaving does to the others: nothing. */
static void
leaving_early_harms_nobody(void)
{
	struct linger at_once = { .l_onoff = 1 };
	int leaving, staying;

	set_up();
	leaving = tcp_from("127.0.0.1");
	staying = tcp_from("127.0.0.1");
	say_call(leaving, 1);
	say_call(staying, 2);
	for (size_t got = 0; got < 2;) {
		CHECK(has_work(PATIENCE_MS));
		collect();
		got += rig.count;
		if (got < 2)
			answer();
	}
	CHECK(setsockopt(leaving, SOL_SOCKET, SO_LINGER, &at_once,
		  sizeof at_once) == 0);
	close(leaving);
	answer();
	hear_success(staying, 2);
	settle();
	CHECK(drac_stats.open == 1);
	close(staying);
	settle();
	tear_down();
}

static void
end_of_questions_is_not_end_of_answers(void)
{
	int fd;

	set_up();
	fd = tcp_from("127.0.0.1");
	say_call(fd, 1);
	say_call(fd, 2);
	CHECK(shutdown(fd, SHUT_WR) == 0);
	serve(2);
	hear_success(fd, 1);
	hear_success(fd, 2);
	settle();
	CHECK(is_closed(fd));
	close(fd);
	tear_down();
}

/* Both ends of every connection are ours. */
static bool
raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		return false;
	if (limit.rlim_cur < limit.rlim_max && limit.rlim_cur < 2048) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
	return limit.rlim_cur >= 2 * DRAC_CONNS_MAX + 64;
}

int
main(void)
{
	RUN(datagrams_are_answered);
	RUN(caller_is_who_sent_it);
	RUN(answer_leaves_from_the_address_asked);
	RUN(ipv6_callers_are_answered);
	RUN(answer_to_a_datagram_is_never_longer);
	RUN(reply_longer_than_its_request_is_not_sent);
	RUN(faulty_datagrams_are_counted);
	RUN(datagram_longer_than_any_call_is_dropped);
	RUN(flood_of_garbage_delays_no_call);
	RUN(flood_of_calls_shares_the_turn);
	RUN(connections_take_turns);
	RUN(pipelined_calls_are_answered_in_order);
	RUN(one_octet_at_a_time_makes_a_call);
	RUN(fragments_make_a_record);
	RUN(bad_records_close_the_connection);
	RUN(longest_record_is_read);
	RUN(half_a_record_delays_nobody);
	RUN(version_3_is_for_the_local_socket);
	RUN(silence_closes_a_connection);
	RUN(slow_reader_is_waited_for);
	RUN(reader_that_does_not_read_is_closed);
	RUN(one_too_many_costs_its_own_caller);
	RUN(unanswered_calls_are_not_closed);
	RUN(local_users_have_a_bound_too);
	if (raise_limit()) {
		RUN(full_house_costs_who_has_the_most);
		RUN(calls_of_every_connection_fit_in_two_turns);
	} else
		puts("skip full_house: too few descriptors");
	RUN(without_descriptors_accepting_pauses);
	RUN(without_descriptors_one_idle_goes);
	RUN(leaving_early_harms_nobody);
	RUN(end_of_questions_is_not_end_of_answers);
	return TEST_RESULT();
}
