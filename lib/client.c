/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Calls to daemons; see client.h. What passes between us and one server is
 * a talk: maybe a question to its rpcbind, then the call. A server has as
 * many ways to it as it has addresses, times the transports; a talk tries
 * them in turn until one of them gets an answer that counts. All talks are
 * driven by one poll loop with one deadline, so none of them ever waits.
 */
#include "client.h"

#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "sys.h"

#define RPCBIND_PORT 111

/* A datagram is sent again after this, then after twice as long ... */
#define AGAIN_MS 200

/* A local socket with too many waiting refuses at once: knock again. */
#define KNOCK_MS 5

/* Reserved ports as bindresvport(3) takes them. */
#define RESERVED_FIRST 600u
#define RESERVED_LAST  1023u

/* Receives in one turn, so that nobody who talks much delays the others. */
#define PARTS_PER_TURN 16

/* The reply to an add with the longest verifier, or a port. */
#define REPLY_SMALL 1024u

enum phase {
	PHASE_IDLE, /* done, or not begun */
	PHASE_PORT, /* its rpcbind is asked */
	PHASE_CALL
};

/* A message on its way out; at..end is what has to go yet. */
struct outgoing {
	size_t at, end;
	unsigned char octets[DRAC_MARK_SIZE + DRAC_CALL_MAX];
};

/* A message coming in; from a stream, in fragments (RFC 5531, 11). */
struct incoming {
	unsigned char *octets;
	size_t room, size;
	size_t left; /* of this fragment */
	size_t marked;
	bool last;
	unsigned char mark[DRAC_MARK_SIZE];
};

struct talk {
	struct drac_ask *ask; /* whom, and what became of it */
	struct drac_call call;
	struct drac_reply *reply;
	bool dial_only; /* connect, do not call */
	bool kept;      /* the socket stays open when all went well */
	bool root;      /* the order of the ways */
	bool refused;   /* on one of the ways so far */
	size_t way;     /* the current one */
	size_t left;    /* how many may be tried, this one included */
	enum phase phase;
	int fd;      /* -1: none */
	pid_t owner; /* of fd */
	bool stream;
	bool connecting;
	unsigned short port;
	uint32_t xid; /* of this phase */
	unsigned timeout_ms;
	int64_t started_ms;
	int64_t until_ms; /* the next way's turn */
	int64_t again_ms; /* when to send or knock again; 0: never */
	int64_t pause_ms; /* and after that */
	struct outgoing out;
	struct incoming in;
	unsigned char octets[REPLY_SMALL];
};

struct place {
	socklen_t size;
	union {
		struct sockaddr any;
		struct sockaddr_storage host;
		struct sockaddr_un un;
	} at;
};

static void broken(struct talk *talk, int error);
static void begin_way(struct talk *talk);

/* Not to be guessed; early at boot, at least different each time. */
static uint32_t
random_word(void)
{
	struct timespec now;
	uint32_t word;

	if (getrandom(&word, sizeof(word), GRND_NONBLOCK) == sizeof(word))
		return word;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint32_t)now.tv_nsec * 2654435761u ^ (uint32_t)now.tv_sec ^
	       (uint32_t)getpid() << 16;
}

/* Ways: every address by one transport, then by the other. */

static size_t
count_ways(const struct talk *talk)
{
	const struct drac_ask *ask = talk->ask;

	if (ask->socket != NULL)
		return 1;
	return ask->transport == DRAC_TRANSPORT_ANY ? 2 * ask->host_count
						    : ask->host_count;
}

static bool
is_tcp(const struct talk *talk, size_t way)
{
	bool second = way >= talk->ask->host_count;

	if (talk->ask->transport != DRAC_TRANSPORT_ANY)
		return talk->ask->transport == DRAC_TRANSPORT_TCP;
	return talk->root ? second : !second;
}

static bool
by_tcp(const struct talk *talk)
{
	return is_tcp(talk, talk->way);
}

static const struct drac_addr *
host_of(const struct talk *talk)
{
	return &talk->ask->hosts[talk->way % talk->ask->host_count];
}

/*
 * A part of the time for this way, the same for each of the others. Root
 * asks by TCP only when UDP failed at once: nothing is kept for that.
 */
static int64_t
share_ms(const struct talk *talk, int64_t now)
{
	int64_t end = talk->started_ms + talk->timeout_ms;
	size_t count = count_ways(talk), others = 0;

	for (size_t i = 1; i < talk->left; i++)
		others += !talk->root || !is_tcp(talk, (talk->way + i) % count);
	return end > now ? (end - now) / (int64_t)(1 + others) : 0;
}

/* Sockets. */

static int
place_local(const char *path, struct place *place)
{
	size_t length = strlen(path);

	if (length >= sizeof(place->at.un.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	place->at.un.sun_family = AF_UNIX;
	memcpy(place->at.un.sun_path, path, length);
	place->size = sizeof(place->at.un);
	return 0;
}

static void
place_host(const struct drac_addr *host, unsigned short port,
    struct place *place)
{
	place->size = drac_addr_to_sockaddr(host, port, &place->at.host);
}

/* Others may come to listen there, and be it only while we wait. */
static bool
belongs_to_a_service(unsigned port)
{
	static const unsigned short services[] = { 623, 631, 636, 664, 749, 750,
		853, 873, 921, 953, 989, 990, 991, 992, 993, 994, 995 };

	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++)
		if (services[i] == port)
			return true;
	return false;
}

/* Servers believe a reserved port. Whoever may not have one goes without. */
static void
bind_reserved(int fd, sa_family_t family)
{
	const unsigned count = RESERVED_LAST - RESERVED_FIRST + 1;
	unsigned first = random_word() % count;
	struct drac_addr any = { .len = family == AF_INET ? 4 : 16 };
	const int on = 1;

	if (family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on,
		    sizeof(on));
	for (unsigned i = 0; i < count; i++) {
		unsigned port = RESERVED_FIRST + (first + i) % count;
		struct place place = { 0 };

		if (belongs_to_a_service(port))
			continue;
		place_host(&any, (unsigned short)port, &place);
		if (bind(fd, &place.at.any, place.size) == 0 ||
		    errno != EADDRINUSE)
			return;
	}
}

/* A reserved port must not be kept from us by TIME_WAIT: end by a reset. */
static void
end_by_reset(int fd)
{
	const struct linger at_once = { .l_onoff = 1 };

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

static void
hang_up(struct talk *talk)
{
	if (talk->fd != -1)
		(void)close(talk->fd);
	talk->fd = -1;
	talk->connecting = false;
}

/* Outcomes. */

static void
finish(struct talk *talk, int error)
{
	talk->phase = PHASE_IDLE;
	talk->ask->error = error;
	talk->ask->took_ms = (unsigned)(drac_sys_ms() - talk->started_ms);
	if (error != 0)
		talk->way = 0;
	if (error != 0 || !talk->kept)
		hang_up(talk);
}

/* In English, whatever the locale. */
static const char *
describe(int error)
{
	const char *text = strerrordesc_np(error);

	return text == NULL ? "unknown error" : text;
}

static void
explain_port(struct talk *talk, int error)
{
	struct drac_why *why = &talk->ask->why;
	const char *name = talk->ask->name;

	if (error == ETIMEDOUT)
		drac_why_set(why, "%s: its rpcbind does not answer", name);
	else if (error == ENXIO)
		drac_why_set(why, "%s: not registered with its rpcbind", name);
	else if (error == EPROTONOSUPPORT || error == ENOSYS)
		drac_why_set(why, "%s: its rpcbind does not know our question",
		    name);
	else
		drac_why_set(why, "%s: its rpcbind: %s", name, describe(error));
}

static void
explain_call(struct talk *talk, int error)
{
	const struct drac_ask *ask = talk->ask;
	struct drac_why *why = &talk->ask->why;

	if (error == ETIMEDOUT)
		drac_why_set(why, "%s: no answer within %u ms", ask->name,
		    talk->timeout_ms);
	else if (error == EPROTONOSUPPORT)
		drac_why_set(why, "%s: does not serve DRAC version %u",
		    ask->name, (unsigned)talk->call.version);
	else if (error == EBADMSG)
		drac_why_set(why, "%s: its answer makes no sense", ask->name);
	else if (error == EPROTO)
		drac_why_set(why, "%s: did not understand us", ask->name);
	else if (error == ECONNRESET || error == EPIPE)
		drac_why_set(why, "%s: closed the connection", ask->name);
	else if (ask->socket != NULL && ask->socket != ask->name)
		drac_why_set(why, "%s: %s: %s", ask->name, ask->socket,
		    describe(error));
	else
		drac_why_set(why, "%s: %s", ask->name, describe(error));
}

static void
fail(struct talk *talk, int error)
{
	if (talk->phase == PHASE_PORT)
		explain_port(talk, error);
	else
		explain_call(talk, error);
	talk->reply->answer = DRAC_ANSWER_SUCCESS;
	finish(talk, error);
}

/* This way is of no use: the next one, or the end. */
static void
go_on(struct talk *talk, int error)
{
	if (talk->left > 1 &&
	    drac_sys_ms() < talk->started_ms + talk->timeout_ms) {
		talk->left--;
		talk->way = (talk->way + 1) % count_ways(talk);
		begin_way(talk);
		return;
	}
	if (!talk->refused) {
		fail(talk, error);
		return;
	}
	talk->reply->answer = DRAC_ANSWER_PERM;
	finish(talk, 0);
}

/*
 * The server answered; was it yes? A local socket that is closed to us is
 * its no.
 */
static void
judge(struct drac_ask *ask)
{
	const char *said = ask->reply.why.text;
	const char *what = "could not record it";

	if (ask->error == EACCES && ask->socket != NULL) {
		ask->error = 0;
		ask->reply.answer = DRAC_ANSWER_PERM;
	}
	if (ask->error != 0 || ask->reply.answer == DRAC_ANSWER_SUCCESS)
		return;
	ask->error = EIO;
	if (ask->reply.answer == DRAC_ANSWER_PERM) {
		ask->error = EPERM;
		what = "refused us";
		if (said[0] == '\0')
			said = "permission denied";
	} else if (said[0] == '\0') {
		said = ask->reply.answer == DRAC_ANSWER_SYSERR
			   ? "system error"
			   : "unknown error";
	}
	drac_why_set(&ask->why, "%s: %s (%s)", ask->name, what, said);
}

/* Sending. */

/* -1: there is nothing that could be said. */
static int
compose(struct talk *talk)
{
	unsigned char *message = talk->out.octets + DRAC_MARK_SIZE;
	uint32_t mark;
	size_t size;

	talk->xid = talk->call.xid = random_word();
	if (talk->phase == PHASE_PORT)
		size = drac_wire_ask_port(talk->xid, talk->call.version,
		    by_tcp(talk), host_of(talk)->len == 16, message);
	else
		size = drac_wire_call(&talk->call, message);
	if (size == 0) {
		errno = EINVAL;
		return -1;
	}
	mark = htonl((uint32_t)size | DRAC_MARK_LAST);
	memcpy(talk->out.octets, &mark, sizeof(mark));
	talk->out.at = talk->stream ? 0 : DRAC_MARK_SIZE;
	talk->out.end = DRAC_MARK_SIZE + size;
	return 0;
}

/* A datagram is over with as soon as it is sent, until it is time again. */
static void
datagram_sent(struct talk *talk)
{
	talk->out.at = talk->out.end;
	talk->again_ms = drac_sys_ms() + talk->pause_ms;
	talk->pause_ms *= 2;
}

static void
speak(struct talk *talk)
{
	struct outgoing *out = &talk->out;
	ssize_t sent = send(talk->fd, out->octets + out->at, out->end - out->at,
	    MSG_NOSIGNAL);

	if (sent == -1 && errno != EAGAIN && errno != EINTR)
		broken(talk, errno);
	else if (!talk->stream)
		datagram_sent(talk);
	else if (sent > 0)
		out->at += (size_t)sent;
}

/* Connected: now the message may go. */
static void
ready(struct talk *talk)
{
	if (talk->phase == PHASE_CALL && talk->dial_only)
		finish(talk, 0);
	else
		speak(talk);
}

static int
connect_to(struct talk *talk, const struct place *place)
{
	int result = connect(talk->fd, &place->at.any, place->size);

	if (result == 0)
		return 0;
	if (errno == EINPROGRESS || errno == EINTR) {
		talk->connecting = true;
		return 0;
	}
	if (errno == EAGAIN && place->at.any.sa_family == AF_UNIX) {
		hang_up(talk);
		talk->connecting = true;
		talk->again_ms = drac_sys_ms() + KNOCK_MS;
		return 0;
	}
	return -1;
}

static int
dial(struct talk *talk)
{
	const struct drac_ask *ask = talk->ask;
	struct place place = { 0 };
	sa_family_t family;

	if (ask->socket == NULL)
		place_host(host_of(talk), talk->port, &place);
	else if (place_local(ask->socket, &place) == -1)
		return -1;
	family = place.at.any.sa_family;
	talk->fd = drac_sys_above_stderr(socket(family,
	    (talk->stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK |
		SOCK_CLOEXEC,
	    0));
	if (talk->fd == -1)
		return -1;
	talk->owner = getpid();
	if (family != AF_UNIX && talk->phase == PHASE_CALL)
		bind_reserved(talk->fd, family);
	if (family != AF_UNIX && talk->stream)
		end_by_reset(talk->fd);
	return connect_to(talk, &place);
}

static void
rewind_in(struct talk *talk)
{
	talk->in.size = talk->in.left = talk->in.marked = 0;
	talk->in.last = false;
}

static void
start_phase(struct talk *talk, enum phase phase, bool stream)
{
	hang_up(talk);
	talk->phase = phase;
	talk->stream = stream;
	talk->again_ms = 0;
	talk->pause_ms = AGAIN_MS;
	talk->out.at = talk->out.end = 0;
	rewind_in(talk);
	if ((!talk->dial_only || phase == PHASE_PORT) && compose(talk) == -1)
		fail(talk, errno);
	else if (dial(talk) == -1)
		broken(talk, errno);
	else if (!talk->connecting)
		ready(talk);
}

static void
ask_port(struct talk *talk, bool stream)
{
	talk->port = RPCBIND_PORT;
	start_phase(talk, PHASE_PORT, stream);
}

static void
call_server(struct talk *talk)
{
	start_phase(talk, PHASE_CALL,
	    talk->ask->socket != NULL || by_tcp(talk));
}

/* Asked for an address, it gives the one for the way it is asked by. */
static void
begin_port(struct talk *talk)
{
	ask_port(talk, by_tcp(talk) && host_of(talk)->len == 16);
}

static void
begin_way(struct talk *talk)
{
	int64_t now = drac_sys_ms();

	talk->until_ms = now + share_ms(talk, now);
	talk->port = talk->ask->port;
	if (talk->ask->socket == NULL && talk->port == 0)
		begin_port(talk);
	else
		call_server(talk);
}

/* A rpcbind that is refused by UDP may be there for TCP. */
static void
broken(struct talk *talk, int error)
{
	if (talk->phase == PHASE_PORT && by_tcp(talk) && !talk->stream &&
	    error == ECONNREFUSED)
		ask_port(talk, true);
	else
		go_on(talk, error);
}

static void
again(struct talk *talk)
{
	if (talk->fd == -1) {
		call_server(talk);
		return;
	}
	talk->out.at = DRAC_MARK_SIZE;
	speak(talk);
}

/* Receiving. */

/* Nobody sends an empty fragment, unless to keep us busy. */
static int
begin_fragment(struct incoming *in)
{
	uint32_t mark;

	memcpy(&mark, in->mark, sizeof(mark));
	mark = ntohl(mark);
	in->last = (mark & DRAC_MARK_LAST) != 0;
	in->left = mark & ~DRAC_MARK_LAST;
	if (in->left > 0 && in->left <= in->room - in->size)
		return 0;
	errno = EBADMSG;
	return -1;
}

/* 1 the record is whole, 0 not yet, -1 with errno, EAGAIN among them. */
static int
take_part(int fd, struct incoming *in)
{
	bool marking = in->marked < DRAC_MARK_SIZE;
	unsigned char *at =
	    marking ? in->mark + in->marked : in->octets + in->size;
	ssize_t got =
	    recv(fd, at, marking ? DRAC_MARK_SIZE - in->marked : in->left, 0);

	if (got == 0)
		errno = ECONNRESET;
	if (got <= 0)
		return -1;
	if (marking) {
		in->marked += (size_t)got;
		return in->marked == DRAC_MARK_SIZE ? begin_fragment(in) : 0;
	}
	in->size += (size_t)got;
	in->left -= (size_t)got;
	if (in->left > 0)
		return 0;
	in->marked = 0;
	return in->last ? 1 : 0;
}

/* The same. What is too long for us is as good as empty: no reply. */
static int
take_datagram(int fd, struct incoming *in)
{
	ssize_t got = recv(fd, in->octets, in->room, MSG_TRUNC);

	if (got == -1)
		return -1;
	in->size = (size_t)got <= in->room ? (size_t)got : 0;
	return 1;
}

static int
read_message(struct talk *talk)
{
	const struct incoming *in = &talk->in;

	if (talk->phase == PHASE_PORT)
		return drac_wire_read_port(in->octets, in->size, talk->xid,
		    host_of(talk)->len == 16, &talk->port);
	return drac_wire_read_reply(in->octets, in->size, &talk->call,
	    talk->reply);
}

/* What the server answered counts, unless it let us in only elsewhere. */
static void
take_answer(struct talk *talk, int result)
{
	if (result == -1 && errno == ENOSYS &&
	    talk->call.procedure == DRAC_PROC_REPORT) {
		talk->call.procedure = DRAC_PROC_ADD; /* an older daemon */
		call_server(talk);
	} else if (result == -1) {
		fail(talk, errno);
	} else if (talk->reply->answer == DRAC_ANSWER_PERM && talk->left > 1) {
		talk->refused = true;
		go_on(talk, 0);
	} else {
		finish(talk, 0);
	}
}

static void
take_port(struct talk *talk, int result)
{
	if (result == -1)
		go_on(talk, errno);
	else if (talk->port == 0)
		go_on(talk, ENXIO);
	else
		call_server(talk);
}

/* false: wait for another one. */
static bool
understand(struct talk *talk)
{
	int result = read_message(talk);

	rewind_in(talk);
	if (result == 0)
		return false;
	if (talk->phase == PHASE_CALL)
		take_answer(talk, result);
	else
		take_port(talk, result);
	return true;
}

static void
hear(struct talk *talk)
{
	for (unsigned i = 0; i < PARTS_PER_TURN; i++) {
		int got = talk->stream ? take_part(talk->fd, &talk->in)
				       : take_datagram(talk->fd, &talk->in);

		if (got == -1) {
			if (errno != EAGAIN && errno != EINTR)
				broken(talk, errno);
			return;
		}
		if (got == 1 && understand(talk))
			return;
	}
}

/* The loop. */

static void
connected(struct talk *talk)
{
	socklen_t size = sizeof(int);
	int error = 0;

	if (getsockopt(talk->fd, SOL_SOCKET, SO_ERROR, &error, &size) == -1)
		error = errno;
	talk->connecting = false;
	if (error != 0)
		broken(talk, error);
	else
		ready(talk);
}

static bool
unsent(const struct talk *talk)
{
	return talk->stream && talk->out.at < talk->out.end;
}

static void
attend(struct talk *talk, short events)
{
	if (talk->connecting) {
		connected(talk);
		return;
	}
	if ((events & POLLOUT) != 0 && unsent(talk))
		speak(talk);
	if (talk->phase != PHASE_IDLE && !talk->connecting && talk->fd != -1)
		hear(talk);
}

static void
turn(struct talk *talk, short events)
{
	int64_t now = drac_sys_ms();

	if (talk->phase != PHASE_IDLE && events != 0)
		attend(talk, events);
	if (talk->phase == PHASE_IDLE)
		return;
	if (now >= talk->until_ms)
		go_on(talk, ETIMEDOUT);
	else if (talk->again_ms != 0 && now >= talk->again_ms)
		again(talk);
}

static short
events_of(const struct talk *talk)
{
	if (talk->connecting)
		return POLLOUT;
	return unsent(talk) ? POLLIN | POLLOUT : POLLIN;
}

/* Whom to wait for, and until when; 0: everybody is done. */
static int64_t
gather(const struct talk *talks, size_t count, struct pollfd *polled)
{
	int64_t until = 0;

	for (size_t i = 0; i < count; i++) {
		const struct talk *talk = &talks[i];
		int64_t next = talk->until_ms;

		polled[i] = (struct pollfd){ .fd = -1 };
		if (talk->phase == PHASE_IDLE)
			continue;
		polled[i].fd = talk->fd;
		polled[i].events = events_of(talk);
		if (talk->again_ms != 0 && talk->again_ms < next)
			next = talk->again_ms;
		if (until == 0 || next < until)
			until = next;
	}
	return until;
}

static int
left_until(int64_t until_ms)
{
	int64_t left = until_ms - drac_sys_ms();

	if (left < 0)
		return 0;
	return left < 60000 ? (int)left : 60000;
}

/* Until each of them is idle. */
static void
converse(struct talk *talks, size_t count)
{
	struct pollfd polled[DRAC_ASKS_MAX];
	int64_t until;

	while ((until = gather(talks, count, polled)) != 0) {
		int got = poll(polled, (nfds_t)count, left_until(until));
		int error = got == -1 && errno != EINTR ? errno : 0;

		for (size_t i = 0; i < count; i++) {
			if (error == 0)
				turn(&talks[i],
				    got > 0 ? polled[i].revents : 0);
			else if (talks[i].phase != PHASE_IDLE)
				fail(&talks[i], error);
		}
	}
}

/* Talks. */

static void
init_talk(struct talk *talk, struct drac_ask *ask)
{
	memset(talk, 0, sizeof(*talk));
	talk->ask = ask;
	talk->reply = &ask->reply;
	talk->fd = -1;
	talk->in.octets = talk->octets;
	talk->in.room = sizeof(talk->octets);
}

static void
set_add(struct talk *talk, const struct drac_addr *addr)
{
	talk->call = (struct drac_call){ .procedure = DRAC_PROC_ADD,
		.addr = *addr,
		.version = addr->len == 4 ? DRAC_VERSION_V4 : DRAC_VERSION_V6 };
	if (talk->ask->socket == NULL)
		return;
	talk->call.version = DRAC_VERSION_LOCAL;
	if (talk->ask->report != NULL) {
		talk->call.procedure = DRAC_PROC_REPORT;
		talk->call.report = *talk->ask->report;
	}
}

/* Nothing is to be read between calls, unless that the peer has left. */
static bool
still_there(const struct talk *talk)
{
	char octet;

	if (talk->fd == -1 || talk->owner != getpid())
		return false;
	return !talk->stream ||
	       (recv(talk->fd, &octet, 1, MSG_PEEK) == -1 && errno == EAGAIN);
}

static void
begin(struct talk *talk, unsigned timeout_ms)
{
	struct drac_ask *ask = talk->ask;

	talk->started_ms = drac_sys_ms();
	talk->timeout_ms = timeout_ms;
	talk->root = geteuid() == 0;
	talk->refused = false;
	talk->left = count_ways(talk);
	ask->error = 0;
	ask->why.text[0] = '\0';
	if (talk->left == 0) {
		fail(talk, EADDRNOTAVAIL);
		return;
	}
	if (talk->fd != -1 && still_there(talk)) {
		talk->until_ms =
		    talk->started_ms + share_ms(talk, talk->started_ms);
		talk->phase = PHASE_CALL;
		talk->pause_ms = AGAIN_MS;
		rewind_in(talk);
		if (compose(talk) == -1)
			fail(talk, errno);
		else
			ready(talk);
		return;
	}
	begin_way(talk);
}

static void
add_all(struct talk *talks, size_t count, const struct drac_addr *addr,
    unsigned timeout_ms)
{
	for (size_t i = 0; i < count; i++) {
		set_add(&talks[i], addr);
		begin(&talks[i], timeout_ms);
	}
	converse(talks, count);
	for (size_t i = 0; i < count; i++)
		judge(talks[i].ask);
}

static void
fail_ask(struct drac_ask *ask, int error)
{
	ask->error = error;
	drac_why_set(&ask->why, "%s: %s", ask->name, describe(error));
}

size_t
drac_client_add(struct drac_ask *asks, size_t count,
    const struct drac_addr *addr, unsigned timeout_ms)
{
	size_t asked = count < DRAC_ASKS_MAX ? count : DRAC_ASKS_MAX;
	struct talk *talks = calloc(asked, sizeof(*talks));
	size_t acknowledged = 0;
	int saved = errno;

	for (size_t i = 0; i < count; i++) {
		if (talks != NULL && i < asked)
			init_talk(&talks[i], &asks[i]);
		else
			fail_ask(&asks[i], talks == NULL ? ENOMEM : E2BIG);
	}
	if (talks != NULL)
		add_all(talks, asked, addr, timeout_ms);
	for (size_t i = 0; i < count; i++)
		acknowledged += asks[i].error == 0;
	free(talks);
	errno = saved;
	return acknowledged;
}

/* One server, several addresses. */

struct drac_conn {
	struct talk talk;
};

/* 0, or -1 with errno. */
static int
outcome(const struct talk *talk, int saved)
{
	errno = talk->ask->error != 0 ? talk->ask->error : saved;
	return talk->ask->error != 0 ? -1 : 0;
}

int
drac_conn_open(struct drac_ask *ask, bool v6, unsigned timeout_ms,
    struct drac_conn **conn)
{
	struct drac_addr some = { .len = v6 ? 16 : 4 };
	struct drac_conn *fresh = malloc(sizeof(*fresh));
	int saved = errno;

	if (fresh == NULL) {
		fail_ask(ask, ENOMEM);
		errno = ENOMEM;
		return -1;
	}
	init_talk(&fresh->talk, ask);
	fresh->talk.kept = true;
	set_add(&fresh->talk, &some);
	fresh->talk.dial_only = true;
	begin(&fresh->talk, timeout_ms);
	converse(&fresh->talk, 1);
	judge(ask);
	fresh->talk.dial_only = false;
	if (ask->error != 0)
		drac_conn_close(fresh);
	else
		*conn = fresh;
	errno = ask->error != 0 ? ask->error : saved;
	return ask->error != 0 ? -1 : 0;
}

int
drac_conn_add(struct drac_conn *conn, const struct drac_addr *addr,
    unsigned timeout_ms)
{
	int saved = errno;

	add_all(&conn->talk, 1, addr, timeout_ms);
	return outcome(&conn->talk, saved);
}

void
drac_conn_close(struct drac_conn *conn)
{
	int saved = errno;

	if (conn != NULL)
		hang_up(&conn->talk);
	free(conn);
	errno = saved;
}

/* The local daemon. */

struct drac_link {
	struct talk talk;
	struct drac_ask ask;
	struct place place;
	unsigned char octets[DRAC_REPLY_MAX];
};

static int
link_outcome(const struct drac_link *link, struct drac_why *why, int saved)
{
	if (link->ask.error != 0)
		drac_why_set(why, "%s", link->ask.why.text);
	return outcome(&link->talk, saved);
}

static struct drac_link *
new_link(const char *path, struct drac_why *why)
{
	struct drac_link *link = calloc(1, sizeof(*link));

	if (link == NULL || place_local(path, &link->place) == -1) {
		drac_why_set(why, "%s: %s", path, describe(errno));
		drac_link_close(link);
		return NULL;
	}
	init_talk(&link->talk, &link->ask);
	link->talk.kept = true;
	link->talk.in.octets = link->octets;
	link->talk.in.room = sizeof(link->octets);
	link->ask.socket = link->ask.name = link->place.at.un.sun_path;
	return link;
}

int
drac_link_open(const char *socket, unsigned timeout_ms, struct drac_link **link,
    struct drac_why *why)
{
	int saved = errno;
	struct drac_link *fresh = new_link(socket, why);
	int result;

	if (fresh == NULL)
		return -1;
	fresh->talk.dial_only = true;
	begin(&fresh->talk, timeout_ms);
	converse(&fresh->talk, 1);
	fresh->talk.dial_only = false;
	result = link_outcome(fresh, why, saved);
	if (result == 0)
		*link = fresh;
	else
		drac_link_close(fresh);
	return result;
}

int
drac_link_call(struct drac_link *link, struct drac_call *call,
    struct drac_reply *reply, unsigned timeout_ms, struct drac_why *why)
{
	int saved = errno;

	if (link->talk.fd == -1) {
		drac_why_set(why, "%s: %s", link->ask.name, describe(ENOTCONN));
		errno = ENOTCONN;
		return -1;
	}
	link->talk.call = *call;
	link->talk.reply = reply;
	begin(&link->talk, timeout_ms);
	converse(&link->talk, 1);
	call->xid = link->talk.call.xid;
	return link_outcome(link, why, saved);
}

static int
post(const char *path, const unsigned char *octets, size_t size)
{
	struct place place = { 0 };
	int fd, result = -1, error;

	if (place_local(path, &place) == -1)
		return -1;
	fd = drac_sys_above_stderr(
	    socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
	if (fd == -1)
		return -1;
	if (connect(fd, &place.at.any, place.size) == 0 &&
	    send(fd, octets, size, MSG_NOSIGNAL) == (ssize_t)size)
		result = 0;
	error = errno;
	(void)close(fd);
	errno = error;
	return result;
}

int
drac_link_post(const char *socket, struct drac_call *call, struct drac_why *why)
{
	unsigned char octets[DRAC_MARK_SIZE + DRAC_CALL_MAX];
	int saved = errno;
	uint32_t mark;
	size_t size;

	call->xid = random_word();
	size = drac_wire_call(call, octets + DRAC_MARK_SIZE);
	mark = htonl((uint32_t)size | DRAC_MARK_LAST);
	memcpy(octets, &mark, sizeof(mark));
	errno = EINVAL;
	if (size == 0 || post(socket, octets, DRAC_MARK_SIZE + size) == -1) {
		drac_why_set(why, "%s: %s", socket, describe(errno));
		return -1;
	}
	errno = saved;
	return 0;
}

void
drac_link_close(struct drac_link *link)
{
	int saved = errno;

	if (link != NULL && link->talk.ask != NULL)
		hang_up(&link->talk);
	free(link);
	errno = saved;
}

/* Names. */

/* Does a line of hosts(5), without its address, have the name? */
static bool
has_name(char *names, const char *name)
{
	char *rest = names, *word;

	while ((word = strsep(&rest, " \t\r\n")) != NULL)
		if (strcasecmp(word, name) == 0)
			return true;
	return false;
}

static bool
line_gives(char *line, const char *name, struct drac_addr *addr)
{
	char *names;

	line[strcspn(line, "#")] = '\0';
	line += strspn(line, " \t");
	names = line + strcspn(line, " \t\r\n");
	if (names == line || *names == '\0')
		return false;
	*names++ = '\0';
	return has_name(names, name) && drac_addr_parse(line, addr) == 0;
}

static FILE *
open_hosts(const char *path)
{
	int fd = drac_sys_above_stderr(
	    open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK));
	FILE *file = fd == -1 ? NULL : fdopen(fd, "r");

	if (file == NULL && fd != -1)
		(void)close(fd);
	return file;
}

int
drac_client_hosts(const char *path, const char *name,
    struct drac_addr addrs[DRAC_HOSTS_MAX])
{
	int saved = errno, found = 0;
	FILE *file = open_hosts(path);
	char *line = NULL;
	size_t size = 0;

	if (file == NULL)
		return -1;
	while (found < DRAC_HOSTS_MAX && getline(&line, &size, file) != -1)
		found +=
		    name[0] != '\0' && line_gives(line, name, &addrs[found]);
	free(line);
	(void)fclose(file);
	errno = saved;
	return found;
}

int
drac_client_find(const char *hosts, const char *host, struct drac_ask *ask,
    struct drac_why *why)
{
	int found = 1;

	if (drac_addr_parse(host, &ask->hosts[0]) == -1)
		found = drac_client_hosts(hosts, host, ask->hosts);
	if (found > 0) {
		ask->host_count = (size_t)found;
		return 0;
	}
	if (found == 0)
		drac_why_set(why, "%s: neither an address nor in %s", ask->name,
		    hosts);
	else
		drac_why_set(why, "%s: not an address, and %s: %s", ask->name,
		    hosts, describe(errno));
	errno = EADDRNOTAVAIL;
	return -1;
}
