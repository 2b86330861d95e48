/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Calls gone wrong, in great number, down every road; and what they were
 * worth. What is sent is read here as well, so that it is known which of it
 * was a call after all, what is to be answered, and what the map has to
 * hold at the end.
 *
 *	malformed SOCKET PORT PID LIFETIME FILE [SEED]
 *
 * The addresses that the map of the daemon with this PID has to hold are
 * written to FILE, one a line. Its clock is ours.
 */

#include <sys/socket.h>
#include <sys/un.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "../unit/test.h"
#include "client.h"
#include "wire.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

#define ROUNDS        100u
#define DGRAMS_ROUND  1000u
#define STREAMS_ROUND 1000u
#define STREAMS_LEAST 250u
#define ROUND_MS      300 /* then STREAMS_LEAST will do */
#define PATIENCE_MS   1000
#define RSS_GROWTH    1024 /* KiB */

#define DGRAM_MAX   65507u
#define BURST_SIZE  32768u /* octets sent before it is waited for */
#define BURST_COUNT 24u
#define STREAM_MAX  16384u
#define RECORDS_MAX 64u
#define ANSWERS_MAX (4u * (DRAC_REPLY_MAX + DRAC_MARK_SIZE))
#define IDLE        16u /* half records that stay open */

/* What the daemon takes; more of them and it hangs up. */
#define EMPTY_GOOD 3u
#define EMPTY_MAX  16u

static const char *local_path;
static struct sockaddr_in inet_at = { .sin_family = AF_INET };
static long daemon_pid;
static time_t lifetime;
static uint64_t seed;
static uint64_t random_state;

static int64_t
clock_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Below n; 0 when that is 0. */
static uint32_t
below(uint32_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return n == 0 ? 0 : (uint32_t)((random_state >> 16) % n);
}

/* What the map has to hold. */

#define MODEL_SLOTS (1u << 18)

static struct entry {
	struct drac_addr addr; /* len 0: a free slot */
	bool there;
	time_t expiry; /* as SET; 0: as an add has it, later than the end */
} model[MODEL_SLOTS];
static unsigned model_count;

static struct entry *
model_find(const struct drac_addr *addr)
{
	uint32_t slot = addr->len;

	for (unsigned i = 0; i < addr->len; i++)
		slot = (slot ^ addr->octet[i]) * 16777619u;
	slot ^= slot >> 15;
	for (;; slot++) {
		struct entry *entry = &model[slot % MODEL_SLOTS];

		if (entry->addr.len == 0) {
			if (++model_count > MODEL_SLOTS / 2)
				errx(2, "too many addresses");
			entry->addr = *addr;
			return entry;
		}
		if (drac_addr_equal(&entry->addr, addr))
			return entry;
	}
}

static void
model_add(struct entry *entry, time_t now)
{
	if (entry->there && entry->expiry > now + lifetime)
		return;
	entry->there = true;
	entry->expiry = 0;
}

static void
model_take_back(struct entry *entry, const struct drac_call *call)
{
	if (!entry->there || call->expiry <= 0 ||
	    entry->expiry != call->expiry || call->previous >= call->expiry)
		return;
	entry->there = call->previous != 0;
	entry->expiry = call->previous;
}

static void
model_clear(void)
{
	for (unsigned i = 0; i < MODEL_SLOTS; i++)
		model[i].there = false;
}

/* What a good call does. */
static void
model_do(const struct drac_call *call)
{
	bool recorded = drac_addr_scope(&call->addr) == DRAC_SCOPE_HOST;
	time_t now = time(NULL);

	if (call->procedure == DRAC_PROC_CLEAR)
		model_clear();
	if (call->procedure == DRAC_PROC_ADD && recorded)
		model_add(model_find(&call->addr), now);
	if (call->procedure == DRAC_PROC_SET && recorded && call->expiry > 0) {
		struct entry *entry = model_find(&call->addr);

		entry->there = true;
		entry->expiry = call->expiry;
	}
	if (call->procedure == DRAC_PROC_DROP)
		model_find(&call->addr)->there = false;
	if (call->procedure == DRAC_PROC_TAKE_BACK)
		model_take_back(model_find(&call->addr), call);
}

static void
model_write(const char *path)
{
	FILE *file = fopen(path, "w");
	char text[DRAC_ADDR_TEXT];

	if (file == NULL)
		err(2, "%s", path);
	for (unsigned i = 0; i < MODEL_SLOTS; i++) {
		if (!model[i].there ||
		    (model[i].expiry != 0 && model[i].expiry <= time(NULL)))
			continue;
		drac_addr_text(&model[i].addr, text);
		fprintf(file, "%s\n", text);
	}
	if (fclose(file) != 0)
		err(2, "%s", path);
}

/* Calls, and how they go wrong. */

struct message {
	size_t size;
	unsigned char octets[DGRAM_MAX];
};

static void
put_word(unsigned char *octet, uint32_t word)
{
	word = htonl(word);
	memcpy(octet, &word, sizeof(word));
}

/* Captured from old callers; the word before the last two is the version. */
static const uint32_t captured_v4[] = { 0x70997039, 0, 2, 900101, 1, 1, 0, 0, 0,
	0, 0xc0000264 };
static const uint32_t captured_v6[] = { 0x38d303a1, 0, 2, 900101, 2, 1, 0, 0, 0,
	0, 0x20, 0x01, 0x0d, 0xffffffb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0xffffffb8 };

static void
make_captured(struct message *message, const uint32_t *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		put_word(message->octets + 4 * i, words[i]);
	message->size = 4 * count;
}

/* Our own; those with an expiry mean one that is far away. */
static void
make_own(struct message *message)
{
	static const struct drac_call calls[] = {
		{ .version = 1, .procedure = DRAC_PROC_NULL },
		{ .version = 2, .procedure = DRAC_PROC_NULL },
		{ .version = 3, .procedure = DRAC_PROC_NULL },
		{ .version = 3, .procedure = DRAC_PROC_ADD },
		{ .version = 3,
		    .procedure = DRAC_PROC_TAKE_BACK,
		    .expiry = 4102444800,
		    .previous = 4000000000 },
		{ .version = 3, .procedure = DRAC_PROC_GET },
		{ .version = 3,
		    .procedure = DRAC_PROC_SET,
		    .expiry = 4102444800 },
		{ .version = 3, .procedure = DRAC_PROC_SET, .expiry = 1000 },
		{ .version = 3, .procedure = DRAC_PROC_DROP },
		{ .version = 3, .procedure = DRAC_PROC_LIST, .count = 2 },
		{ .version = 3, .procedure = DRAC_PROC_SWEEP },
		{ .version = 3, .procedure = DRAC_PROC_STATUS },
	};
	struct drac_call call = calls[below(COUNT(calls))];

	(void)drac_addr_parse(below(2) == 0 ? "198.51.100.7" : "2001:db8::7",
	    &call.addr);
	call.addr.octet[call.addr.len - 1] = (unsigned char)below(256);
	call.xid = below(UINT32_MAX);
	message->size = drac_wire_call(&call, message->octets);
}

static void
flip_bits(struct message *message, uint32_t count)
{
	for (; count > 0 && message->size > 0; count--)
		message->octets[below((uint32_t)message->size)] ^=
		    (unsigned char)(1u << below(8));
}

/* With octets out of nowhere, up to size. */
static void
extend(struct message *message, size_t size)
{
	for (; message->size < size; message->size++)
		message->octets[message->size] = (unsigned char)below(256);
}

/* Lengths, versions and the like that somebody might trip over. */
static void
set_word(struct message *message, uint32_t which)
{
	static const uint32_t words[] = { 0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 16, 17,
		400, 401, 404, 1024, 1025, 900101, 0x7fffffff, 0x80000000,
		0xfffffffc, 0xfffffffd, 0xffffffff };

	if (4 * which + 4 <= message->size)
		put_word(message->octets + 4 * which,
		    words[below(COUNT(words))]);
}

/* A credential or verifier of some length where there was none. */
static void
insert_auth(struct message *message, size_t at)
{
	uint32_t length = below(420), padded = (length + 3) & ~3u;

	if (message->size < at + 8 ||
	    message->size + padded > sizeof(message->octets))
		return;
	memmove(message->octets + at + 8 + padded, message->octets + at + 8,
	    message->size - at - 8);
	put_word(message->octets + at, below(8));
	put_word(message->octets + at + 4, length);
	memset(message->octets + at + 8, 'x', padded);
	message->size += padded;
}

static void
mutate(struct message *message)
{
	switch (below(8)) {
	case 0:
		flip_bits(message, 1 + below(4));
		break;
	case 1:
		message->size = below((uint32_t)message->size);
		break;
	case 2:
		extend(message, message->size + 1 + below(64));
		break;
	case 3:
		set_word(message, below((uint32_t)message->size / 4));
		break;
	case 4:
		set_word(message, below(2) == 0 ? 7 : 9);
		break;
	case 5:
		insert_auth(message, 24);
		break;
	case 6:
		insert_auth(message, 32);
		break;
	default:
		message->size = 0;
		extend(message, below(200));
		break;
	}
}

/* One in eight is left as it is. */
static void
make_message(struct message *message)
{
	switch (below(3)) {
	case 0:
		make_captured(message, captured_v4, COUNT(captured_v4));
		break;
	case 1:
		make_captured(message, captured_v6, COUNT(captured_v6));
		break;
	default:
		make_own(message);
		break;
	}
	if (below(8) == 0)
		return;
	mutate(message);
	if (below(4) == 0)
		mutate(message);
}

/* Datagrams. */

static int
open_inet(int type)
{
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	const struct linger at_once = { .l_onoff = 1 };

	if (fd == -1)
		err(2, "socket");
	/* Thousands of connections would else leave no port free. */
	if (type == SOCK_STREAM && setsockopt(fd, SOL_SOCKET, SO_LINGER,
				       &at_once, sizeof(at_once)) == -1)
		err(2, "SO_LINGER");
	if (connect(fd, (const struct sockaddr *)&inet_at, sizeof(inet_at)) ==
	    -1)
		err(2, "connect");
	return fd;
}

/* All datagrams before this one have been served when it is answered. */
static bool
barrier(int fd)
{
	struct drac_call call = { .version = DRAC_VERSION_V4,
		.xid = below(UINT32_MAX) };
	unsigned char octets[DRAC_CALL_MAX];
	struct drac_reply reply = { 0 };
	size_t size = drac_wire_call(&call, octets);
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	int64_t until = clock_ms() + PATIENCE_MS;

	if (send(fd, octets, size, MSG_NOSIGNAL) != (ssize_t)size)
		return false;
	while (clock_ms() < until &&
	       poll(&ready, 1, (int)(until - clock_ms())) == 1) {
		ssize_t got = recv(fd, octets, sizeof(octets), 0);

		if (got == -1)
			return false;
		if (drac_wire_read_reply(octets, (size_t)got, &call, &reply) ==
		    1)
			return true;
	}
	return false;
}

static void
send_dgram(int fd, struct message *message)
{
	struct drac_call call;
	enum drac_fault fault;

	make_message(message);
	if (below(32) == 0)
		extend(message,
		    below(4) == 0 ? below(DGRAM_MAX) : 1000 + below(50));
	if (send(fd, message->octets, message->size, MSG_NOSIGNAL) !=
	    (ssize_t)message->size) {
		CHECK(!"a datagram could be sent");
		return;
	}
	if (message->size <= DRAC_CALL_MAX &&
	    drac_wire_read_call(message->octets, message->size, DRAC_VERSION_V6,
		&call, &fault) == DRAC_CALL_GOOD)
		model_do(&call);
}

/* As many at a time as the daemon's socket has room for. */
static void
send_dgrams(void)
{
	static struct message message;
	int fd = open_inet(SOCK_DGRAM), good_fd = open_inet(SOCK_DGRAM);
	size_t burst = 0, count = 0;

	for (unsigned i = 0; i < DGRAMS_ROUND; i++) {
		send_dgram(fd, &message);
		burst += message.size;
		if (++count < BURST_COUNT && burst < BURST_SIZE &&
		    i + 1 < DGRAMS_ROUND)
			continue;
		if (!barrier(good_fd)) {
			CHECK(!"a good datagram is answered in a second");
			break;
		}
		burst = count = 0;
	}
	(void)close(fd);
	(void)close(good_fd);
}

/* Streams. */

struct stream {
	size_t size;
	unsigned char octets[STREAM_MAX];
};

static void
add_octets(struct stream *stream, const void *octets, size_t size)
{
	if (size > sizeof(stream->octets) - stream->size)
		size = sizeof(stream->octets) - stream->size;
	memcpy(stream->octets + stream->size, octets, size);
	stream->size += size;
}

static void
add_mark(struct stream *stream, uint32_t mark)
{
	unsigned char octet[DRAC_MARK_SIZE];

	put_word(octet, mark);
	add_octets(stream, octet, sizeof(octet));
}

/* As one record, in fragments of at most so many octets. */
static void
add_record(struct stream *stream, const struct message *message, size_t most)
{
	size_t at = 0, size;

	do {
		bool last = message->size - at <= most;

		size = last ? message->size - at : most;
		add_mark(stream, (uint32_t)size | (last ? DRAC_MARK_LAST : 0));
		add_octets(stream, message->octets + at, size);
		at += size;
	} while (at < message->size);
}

static void
add_empties(struct stream *stream, unsigned count)
{
	for (; count > 0; count--)
		add_mark(stream, 0);
}

static void
add_huge(struct stream *stream)
{
	static const uint32_t marks[] = { 0x7fffffff, 0xffffffff, 0x80000401,
		0x00000401, 0x80010000, 0xc0000000, 0x40000000 };

	add_mark(stream, marks[below(COUNT(marks))]);
	for (unsigned i = below(2000); i > 0; i--)
		add_octets(stream, "x", 1);
}

static void
make_stream(struct stream *stream)
{
	static struct message message;

	stream->size = 0;
	make_message(&message);
	if (below(32) == 0)
		extend(&message, 1000 + below(50));
	switch (below(8)) {
	case 0:
	case 1:
		add_record(stream, &message, DRAC_CALL_MAX + 100);
		break;
	case 2:
		for (unsigned more = 1 + below(6); more > 0; more--) {
			add_record(stream, &message, 100);
			make_message(&message);
		}
		break;
	case 3:
		add_record(stream, &message, 1 + below(16));
		break;
	case 4:
		add_empties(stream,
		    below(3) == 0 ? 100 : 1 + below(EMPTY_GOOD));
		add_record(stream, &message, 1000);
		break;
	case 5:
		if (below(2) == 0)
			add_record(stream, &message, 1000);
		add_huge(stream);
		break;
	case 6:
		add_record(stream, &message, 50);
		stream->size = below((uint32_t)stream->size);
		break;
	default:
		add_record(stream, &message, 1000);
		stream->octets[below((uint32_t)stream->size)] ^=
		    (unsigned char)(1u << below(8));
		break;
	}
}

/* What has to become of a stream (RFC 5531, 11). */
struct fate {
	unsigned count; /* of answers */
	struct drac_call call[RECORDS_MAX];
	enum drac_fault fault[RECORDS_MAX];
	bool refused; /* then the daemon hangs up by itself */
	bool acts;    /* one of the calls is good */
};

/* 1: go on; 0: the daemon hangs up. */
static int
foresee_record(struct fate *fate, const unsigned char *record, size_t size,
    uint32_t highest)
{
	struct drac_call *call = &fate->call[fate->count];

	if (fate->count == RECORDS_MAX)
		errx(2, "too many records");
	switch (drac_wire_read_call(record, size, highest, call,
	    &fate->fault[fate->count])) {
	case DRAC_CALL_GOOD:
		fate->acts = true;
		fate->count++;
		return 1;
	case DRAC_CALL_FAULTY:
		fate->count++;
		return 1;
	default:
		return 0;
	}
}

static void
foresee(const struct stream *stream, uint32_t highest, struct fate *fate)
{
	unsigned char record[DRAC_CALL_MAX];
	size_t size = 0, at = 0;
	unsigned empty = 0;

	memset(fate, 0, sizeof(*fate));
	while (stream->size - at >= DRAC_MARK_SIZE) {
		uint32_t mark, length;

		memcpy(&mark, stream->octets + at, sizeof(mark));
		mark = ntohl(mark);
		length = mark & ~DRAC_MARK_LAST;
		at += DRAC_MARK_SIZE;
		fate->refused = length > sizeof(record) - size ||
				(mark == 0 && ++empty > EMPTY_MAX);
		if (fate->refused || length > stream->size - at)
			return;
		memcpy(record + size, stream->octets + at, length);
		size += length;
		at += length;
		if ((mark & DRAC_MARK_LAST) == 0)
			continue;
		fate->refused =
		    foresee_record(fate, record, size, highest) == 0;
		if (fate->refused)
			return;
		size = empty = 0;
	}
}

static int
open_local(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", local_path);
	if (fd == -1 ||
	    connect(fd, (const struct sockaddr *)&sun, sizeof(sun)) == -1)
		err(2, "%s", local_path);
	return fd;
}

/* In up to three pieces. false: it hung up before it had all. */
static bool
send_stream(int fd, const struct stream *stream)
{
	size_t at = 0, piece;

	for (unsigned pieces = 1 + below(3); at < stream->size; at += piece) {
		piece = stream->size - at;
		if (--pieces > 0)
			piece = 1 + below((uint32_t)piece);
		else
			pieces = 1;
		if (send(fd, stream->octets + at, piece, MSG_NOSIGNAL) !=
		    (ssize_t)piece)
			return false;
	}
	return true;
}

/* Everything until it hangs up. -1: it did not within a second. */
static ssize_t
receive_all(int fd, unsigned char *octets, size_t room)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	int64_t until = clock_ms() + PATIENCE_MS;
	size_t size = 0;

	while (clock_ms() < until &&
	       poll(&ready, 1, (int)(until - clock_ms())) == 1) {
		ssize_t got = recv(fd, octets + size, room - size, 0);

		if (got == 0 || (got == -1 && errno == ECONNRESET))
			return (ssize_t)size;
		if (got == -1)
			return -1;
		size += (size_t)got;
	}
	return -1;
}

static int
errno_of(enum drac_fault fault)
{
	static const int errors[] = { [DRAC_FAULT_RPC_VERSION] = EPROTO,
		[DRAC_FAULT_PROGRAM] = EPROTONOSUPPORT,
		[DRAC_FAULT_VERSION] = EPROTONOSUPPORT,
		[DRAC_FAULT_PROCEDURE] = ENOSYS,
		[DRAC_FAULT_ARGUMENTS] = EPROTO };

	return errors[fault];
}

/* Is one answer what it has to be? */
static bool
right_answer(const struct fate *fate, unsigned which,
    const unsigned char *octets, size_t size)
{
	static struct drac_listed listed[DRAC_LIST_MAX];
	static char text[61441];
	struct drac_reply reply = { .listed = listed,
		.text = text,
		.text_room = sizeof(text) };
	const struct drac_call *call = &fate->call[which];
	enum drac_fault fault = fate->fault[which];

	errno = 0;
	if (fault != DRAC_FAULT_NONE)
		return drac_wire_read_reply(octets, size, call, &reply) == -1 &&
		       errno == errno_of(fault);
	if (drac_wire_read_reply(octets, size, call, &reply) != 1)
		return false;
	return call->procedure != DRAC_PROC_ADD ||
	       reply.answer == DRAC_ANSWER_SUCCESS;
}

static bool
right_answers(const struct fate *fate, const unsigned char *octets, size_t size)
{
	size_t at = 0;

	for (unsigned i = 0; i < fate->count; i++) {
		uint32_t mark;

		if (size - at < DRAC_MARK_SIZE)
			return false;
		memcpy(&mark, octets + at, sizeof(mark));
		mark = ntohl(mark);
		at += DRAC_MARK_SIZE;
		if ((mark & DRAC_MARK_LAST) == 0 ||
		    (mark & ~DRAC_MARK_LAST) > size - at ||
		    !right_answer(fate, i, octets + at, mark & ~DRAC_MARK_LAST))
			return false;
		at += mark & ~DRAC_MARK_LAST;
	}
	return at == size;
}

static void
complain(const char *what, const struct stream *stream)
{
	printf("  seed %ju: %s:", (uintmax_t)seed, what);
	for (size_t i = 0; i < stream->size && i < 400; i++)
		printf("%s%02x", i % 4 == 0 ? " " : "", stream->octets[i]);
	printf("\n");
}

/* Stays open for a while, as what somebody has forgotten. */
static void
abandon(int fd)
{
	static int idle[IDLE];
	static unsigned next;

	if (idle[next] > 0)
		(void)close(idle[next]);
	idle[next] = fd;
	next = (next + 1) % IDLE;
}

static void
send_one_stream(bool local)
{
	static unsigned char answers[ANSWERS_MAX];
	static struct stream stream;
	static struct fate fate;
	int fd = local ? open_local() : open_inet(SOCK_STREAM);
	ssize_t size;
	bool sent;

	make_stream(&stream);
	foresee(&stream, local ? DRAC_VERSION_LOCAL : DRAC_VERSION_V6, &fate);
	sent = send_stream(fd, &stream);
	if (!fate.acts && !fate.refused && below(2) == 0) {
		abandon(fd);
		return;
	}
	/* Who is refused need not say that there is no more. */
	if (!fate.refused || below(2) == 0)
		(void)shutdown(fd, SHUT_WR);
	size = receive_all(fd, answers, sizeof(answers));
	(void)close(fd);
	if (size == -1)
		complain("was not ended", &stream);
	else if (!sent && !fate.refused)
		complain("was not taken", &stream);
	else if (!right_answers(&fate, answers, (size_t)size))
		complain("was not answered right", &stream);
	else {
		for (unsigned i = 0; i < fate.count; i++)
			if (fate.fault[i] == DRAC_FAULT_NONE)
				model_do(&fate.call[i]);
		return;
	}
	test_failures++;
}

static unsigned
send_streams(int64_t until_ms)
{
	unsigned count = 0;

	while (count < STREAMS_LEAST ||
	       (count < STREAMS_ROUND && clock_ms() < until_ms)) {
		send_one_stream(count % 2 == 0);
		count++;
		if (test_failures > 20)
			break;
	}
	return count;
}

/* In between, and at the end. */

static void
call_well(unsigned round)
{
	struct drac_ask asks[] = {
		{ .name = "unix", .socket = local_path },
		{ .name = "udp",
		    .port = ntohs(inet_at.sin_port),
		    .transport = DRAC_TRANSPORT_UDP },
		{ .name = "tcp",
		    .port = ntohs(inet_at.sin_port),
		    .transport = DRAC_TRANSPORT_TCP },
	};

	for (unsigned i = 0; i < COUNT(asks); i++) {
		struct drac_addr addr;

		(void)drac_addr_parse("2001:db8:77::", &addr);
		addr.octet[13] = (unsigned char)i;
		addr.octet[15] = (unsigned char)round;
		asks[i].hosts[0] = (struct drac_addr){ 4, { 127, 0, 0, 1 } };
		asks[i].host_count = 1;
		CHECK_ROW(drac_client_add(&asks[i], 1, &addr, PATIENCE_MS) == 1,
		    asks[i].name);
		model_add(model_find(&addr), time(NULL));
	}
}

/* KiB; 0: it is dead. */
static long
resident(void)
{
	char path[64], line[128];
	long kib = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%ld/status", daemon_pid);
	file = fopen(path, "r");
	if (file == NULL)
		return 0;
	while (kib == 0 && fgets(line, sizeof(line), file) != NULL)
		(void)sscanf(line, "VmRSS: %ld", &kib);
	(void)fclose(file);
	return kib;
}

static unsigned
descriptors(void)
{
	char path[64];
	unsigned count = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%ld/fd", daemon_pid);
	dir = opendir(path);
	while (dir != NULL && readdir(dir) != NULL)
		count++;
	if (dir != NULL)
		(void)closedir(dir);
	return count;
}

/* It learns of the last connections' end when it gets to them. */
static unsigned
settled_descriptors(void)
{
	const struct timespec pause = { 0, 10000000 };
	unsigned count = descriptors();

	for (unsigned same = 0, tries = 0; same < 20 && tries < 500; tries++) {
		unsigned now;

		(void)nanosleep(&pause, NULL);
		now = descriptors();
		same = now == count ? same + 1 : 0;
		count = now;
	}
	return count;
}

static unsigned streams_sent;
static long rss_first, rss_last;

static void
good_calls_are_answered(void)
{
	int64_t began = clock_ms();

	for (unsigned round = 0; round < ROUNDS; round++) {
		send_dgrams();
		streams_sent += send_streams(began + (round + 1) * ROUND_MS);
		call_well(round);
		if (round + 1 == ROUNDS / 10)
			rss_first = resident();
		if (test_failures > 20 || resident() == 0)
			break;
	}
	rss_last = resident();
}

static void
is_alive(void)
{
	CHECK(rss_last > 0);
}

static void
memory_does_not_grow(void)
{
	CHECK(rss_first > 0);
	CHECK(rss_last - rss_first < RSS_GROWTH);
	printf("  %ld KiB, at the end %ld KiB\n", rss_first, rss_last);
}

static unsigned descriptors_before;

static void
no_descriptor_stays_open(void)
{
	for (unsigned i = 0; i < IDLE; i++)
		abandon(-1);
	CHECK(settled_descriptors() <= descriptors_before);
}

int
main(int argc, char **argv)
{
	if (argc < 6)
		errx(2, "SOCKET PORT PID LIFETIME FILE [SEED]");
	local_path = argv[1];
	inet_at.sin_port = htons((unsigned short)atoi(argv[2]));
	inet_at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	daemon_pid = atol(argv[3]);
	lifetime = atol(argv[4]);
	seed = argc > 6 ? strtoull(argv[6], NULL, 10) : 1;
	random_state = seed * 0x9e3779b97f4a7c15u + 1;
	call_well(ROUNDS); /* the first one has the map opened */
	descriptors_before = settled_descriptors();
	RUN(good_calls_are_answered);
	RUN(is_alive);
	RUN(memory_does_not_grow);
	RUN(no_descriptor_stays_open);
	printf("  %u datagrams, %u streams, %u addresses\n",
	    ROUNDS * DGRAMS_ROUND, streams_sent, model_count);
	model_write(argv[5]);
	return TEST_RESULT();
}
