/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Whose a caller of this host is: answers of the kernel as octets, and the
 * kernel itself with callers that are honest, gone, or somebody else by now.
 * What takes two users needs root.
 */
#include "diag.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* Two users that are not us where we are root; uid 0 is of no use here. */
#define ALICE 1u
#define BOB   2u

/* Octets. */

static unsigned char octets[8192];
static size_t size;

static void
put(unsigned short type, const void *body, size_t len, uint32_t seq)
{
	struct nlmsghdr head = { .nlmsg_len = (uint32_t)(sizeof head + len),
		.nlmsg_type = type,
		.nlmsg_seq = seq,
		.nlmsg_pid = 77 };

	memset(octets + size, 0, NLMSG_ALIGN(head.nlmsg_len));
	memcpy(octets + size, &head, sizeof head);
	if (len > 0)
		memcpy(octets + size + sizeof head, body, len);
	size += NLMSG_ALIGN(head.nlmsg_len);
}

static struct inet_diag_msg
socket_of(uid_t uid, uint32_t inode, unsigned char state)
{
	struct inet_diag_msg body = { .idiag_family = AF_INET,
		.idiag_state = state,
		.id = { .idiag_sport = htons(4000), .idiag_dport = htons(900) },
		.idiag_uid = uid,
		.idiag_inode = inode };

	body.id.idiag_src[0] = body.id.idiag_dst[0] = htonl(INADDR_LOOPBACK);
	return body;
}

static void
put_socket(uid_t uid, uint32_t inode, unsigned char state)
{
	struct inet_diag_msg body = socket_of(uid, inode, state);

	put(SOCK_DIAG_BY_FAMILY, &body, sizeof body, 5);
}

static struct drac_diag
asked_for(bool tcp)
{
	return (struct drac_diag){ .seq = 5,
		.portid = 77,
		.tcp = tcp,
		.from = { 4, { 127, 0, 0, 1 } },
		.to = { 4, { 127, 0, 0, 1 } },
		.from_port = 4000,
		.to_port = 900 };
}

/* 1 and who, 0 not clear, -1 and errno; 2: there is more to come. */
static int
read_all(bool tcp, uid_t *uid)
{
	struct drac_diag asked = asked_for(tcp);
	struct drac_diag_told told = { 0 };
	int result = drac_diag_read(octets, size, &asked, &told);

	*uid = told.uid;
	if (result == 0)
		return 2;
	return result == 1 ? told.sockets > 0 && !told.unclear : -1;
}

static void
answers_are_understood(void)
{
	static const int32_t none = -ENOENT, refused = -EPERM, good = 0;
	static const struct {
		const char *name;
		bool tcp;
		struct {
			uid_t uid;
			uint32_t inode;
			unsigned char state;
		} sockets[2];
		bool done;
		int result;
	} rows[] = {
		{ "tcp", true, { { 8, 100, TCP_ESTABLISHED } }, false, 1 },
		{ "tcp, user 0", true, { { 0, 100, TCP_ESTABLISHED } }, false,
		    0 },
		{ "tcp, no inode", true, { { 8, 0, TCP_ESTABLISHED } }, false,
		    0 },
		{ "tcp, waits for the end", true, { { 8, 100, TCP_FIN_WAIT2 } },
		    false, 0 },
		{ "tcp, time-wait", true, { { 0, 0, TCP_TIME_WAIT } }, false,
		    0 },
		{ "tcp, a listener", true, { { 8, 100, TCP_LISTEN } }, false,
		    0 },
		{ "udp", false, { { 8, 100, TCP_CLOSE } }, true, 1 },
		{ "udp, connected", false, { { 8, 100, TCP_ESTABLISHED } },
		    true, 1 },
		{ "udp, nobody", false, { { 0 } }, true, 0 },
		{ "udp, no end", false, { { 8, 100, TCP_CLOSE } }, false, 2 },
		{ "udp, user 0", false, { { 0, 100, TCP_CLOSE } }, true, 0 },
		{ "udp, no inode", false, { { 8, 0, TCP_CLOSE } }, true, 0 },
		{ "udp, two of one user", false,
		    { { 8, 100, TCP_CLOSE }, { 8, 101, TCP_CLOSE } }, true, 1 },
		{ "udp, two users", false,
		    { { 8, 100, TCP_CLOSE }, { 9, 101, TCP_CLOSE } }, true, 0 },
		{ "udp, another and root", false,
		    { { 8, 100, TCP_CLOSE }, { 0, 101, TCP_CLOSE } }, true, 0 },
	};
	uid_t uid;

	for (size_t i = 0; i < COUNT(rows); i++) {
		size = 0;
		for (unsigned j = 0; j < 2; j++)
			if (rows[i].sockets[j].state != 0)
				put_socket(rows[i].sockets[j].uid,
				    rows[i].sockets[j].inode,
				    rows[i].sockets[j].state);
		if (rows[i].done)
			put(NLMSG_DONE, &good, sizeof good, 5);
		CHECK_ROW(read_all(rows[i].tcp, &uid) == rows[i].result,
		    rows[i].name);
		CHECK_ROW(rows[i].result != 1 || uid == 8, rows[i].name);
	}
	size = 0;
	put(NLMSG_ERROR, &(struct nlmsgerr){ .error = none },
	    sizeof(struct nlmsgerr), 5);
	CHECK(read_all(true, &uid) == 0);
	size = 0;
	put(NLMSG_ERROR, &(struct nlmsgerr){ .error = refused },
	    sizeof(struct nlmsgerr), 5);
	CHECK(read_all(true, &uid) == -1 && errno == EPERM);
}

static void
what_was_not_asked_for_does_not_count(void)
{
	static const char *const names[] = { "port", "other port", "address",
		"other address", "family" };
	uid_t uid;

	for (size_t i = 0; i < COUNT(names); i++) {
		struct inet_diag_msg body = socket_of(8, 100, TCP_ESTABLISHED);

		if (i == 0)
			body.id.idiag_sport = htons(4001);
		else if (i == 1)
			body.id.idiag_dport = htons(901);
		else if (i == 2)
			body.id.idiag_src[0] = htonl(0x7f000002);
		else if (i == 3)
			body.id.idiag_dst[0] = htonl(0x7f000002);
		else
			body.idiag_family = AF_UNIX;
		size = 0;
		put(SOCK_DIAG_BY_FAMILY, &body, sizeof body, 5);
		CHECK_ROW(read_all(true, &uid) == 0, names[i]);
	}
}

static void
nonsense_is_refused(void)
{
	static const char *const names[] = { "another sequence", "too short",
		"a length below the head", "a length beyond the end",
		"half a head", "another type", "error without a number" };
	uid_t uid;

	for (size_t i = 0; i < COUNT(names); i++) {
		uint32_t length = i == 2 ? 15 : 5000;

		size = 0;
		if (i == 0)
			put(NLMSG_DONE, NULL, 0, 6);
		else if (i == 1)
			put(SOCK_DIAG_BY_FAMILY, "abcd", 4, 5);
		else if (i < 5)
			put_socket(8, 100, TCP_ESTABLISHED);
		else if (i == 5)
			put(99, "abcd", 4, 5);
		else
			put(NLMSG_ERROR, "ab", 2, 5);
		if (i == 2 || i == 3)
			memcpy(octets, &length, sizeof length);
		if (i == 4)
			size = 12;
		errno = 0;
		CHECK_ROW(read_all(true, &uid) == -1 && errno == EBADMSG,
		    names[i]);
	}
}

/* The kernel. A caller is a process, so that it can be another user. */

struct caller {
	pid_t pid;
	int in, out; /* pipes: a word from us, a word to us */
};

struct at {
	int family;
	const char *address;
};

static const struct at v4 = { AF_INET, "127.0.0.1" };
static const struct at v6 = { AF_INET6, "::1" };
static const struct at mapped = { AF_INET6, "::ffff:127.0.0.1" };

static socklen_t
fill(struct sockaddr_storage *sa, const struct at *at, unsigned short port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_port = htons(port) };
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6,
		.sin6_port = htons(port) };

	memset(sa, 0, sizeof *sa);
	if (at->family == AF_INET) {
		(void)inet_pton(AF_INET, at->address, &sin.sin_addr);
		memcpy(sa, &sin, sizeof sin);
		return sizeof sin;
	}
	(void)inet_pton(AF_INET6, at->address, &sin6.sin6_addr);
	memcpy(sa, &sin6, sizeof sin6);
	return sizeof sin6;
}

static unsigned short
port_of(int fd)
{
	union {
		struct sockaddr sa;
		struct sockaddr_in sin;
		struct sockaddr_storage any;
	} name = { 0 };
	socklen_t len = sizeof name;

	(void)getsockname(fd, &name.sa, &len);
	return ntohs(name.sin.sin_port); /* where IPv6 has it, too */
}

/* A socket bound to port (0: any), and connected to peer unless that is 0. */
static int
open_at(int type, const struct at *at, unsigned short port, unsigned short peer)
{
	struct sockaddr_storage sa;
	socklen_t len = fill(&sa, at, port);
	const struct linger reset = { .l_onoff = 1 };
	const int on = 1;
	int fd = socket(at->family, type | SOCK_CLOEXEC, 0);

	if (fd == -1)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (type == SOCK_STREAM)
		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset,
		    sizeof reset);
	if (bind(fd, (struct sockaddr *)&sa, len) == 0) {
		len = fill(&sa, at, peer);
		if (peer == 0 || connect(fd, (struct sockaddr *)&sa, len) == 0)
			return fd;
	}
	(void)close(fd);
	return -1;
}

/* Obey: c close, s shut down the sending half; anything else ends it. */
static void
obey(int in, int out, int fd)
{
	char word;

	while (read(in, &word, 1) == 1) {
		if (word == 'c')
			(void)close(fd);
		else if (word == 's')
			(void)shutdown(fd, SHUT_WR);
		else
			break;
		(void)!write(out, &word, 1);
	}
	_exit(0);
}

/* false: there is no such address here, or no such user. */
static bool
start(struct caller *caller, uid_t uid, int type, const struct at *at,
    unsigned short *port, unsigned short peer)
{
	int in[2], out[2];
	ssize_t got;

	CHECK(pipe(in) == 0 && pipe(out) == 0);
	fflush(stdout);
	caller->pid = fork();
	if (caller->pid == 0) {
		int fd;

		(void)close(in[1]);
		(void)close(out[0]);
		if (geteuid() == 0 && uid != 0 && setuid(uid) == -1)
			_exit(1);
		fd = open_at(type, at, *port, peer);
		if (fd == -1)
			_exit(1);
		*port = port_of(fd);
		(void)!write(out[1], port, sizeof *port);
		obey(in[0], out[1], fd);
	}
	(void)close(in[0]);
	(void)close(out[1]);
	caller->in = in[1];
	caller->out = out[0];
	got = read(caller->out, port, sizeof *port);
	return got == (ssize_t)sizeof *port;
}

static void
tell(const struct caller *caller, char word)
{
	CHECK(write(caller->in, &word, 1) == 1);
	CHECK(read(caller->out, &word, 1) == 1);
}

static void
end(struct caller *caller)
{
	/* Another one may have our end of the pipe, too: no end of file. */
	(void)!write(caller->in, "e", 1);
	(void)close(caller->in);
	(void)close(caller->out);
	(void)waitpid(caller->pid, NULL, 0);
}

/* What a caller of ours is expected to be known as. */
static uid_t
me(void)
{
	return geteuid() == 0 ? ALICE : geteuid();
}

static int
listen_at(const struct at *at, unsigned short *port)
{
	int fd = open_at(SOCK_STREAM, at, 0, 0);

	if (fd == -1 || listen(fd, 8) == -1)
		return -1;
	*port = port_of(fd);
	return fd;
}

static struct drac_addr
addr(const char *text)
{
	struct drac_addr value = { 0 };

	CHECK_ROW(drac_addr_parse(text, &value) == 0, text);
	return value;
}

static bool
kernel_answers(void)
{
	if (drac_diag_try() == 0)
		return true;
	printf("skip diag_kernel: no answers about sockets: %s\n",
	    strerror(errno));
	return false;
}

static void
honest_callers_are_known(void)
{
	static const struct at *const ats[] = { &v4, &v6, &mapped };

	for (size_t i = 0; i < COUNT(ats); i++) {
		struct at any = { ats[i]->family,
			ats[i]->family == AF_INET ? "0.0.0.0" : "::" };
		struct drac_addr from = addr(ats[i]->address);
		unsigned short port = 0, peer = 0;
		struct caller caller;
		uid_t uid = 0;
		int listener, fd;

		if (ats[i] == &mapped)
			any.address = ats[i]->address;
		if (!start(&caller, me(), SOCK_DGRAM, &any, &port, 0)) {
			printf("skip diag_%s: not here\n", ats[i]->address);
			end(&caller);
			continue;
		}
		CHECK_ROW(drac_diag_udp(port, &uid) == 1 && uid == me(),
		    ats[i]->address);
		end(&caller);
		CHECK_ROW(drac_diag_udp(port, &uid) == 0, ats[i]->address);

		listener = listen_at(ats[i] == &mapped ? &v4 : ats[i], &peer);
		port = 0;
		CHECK_ROW(start(&caller, me(), SOCK_STREAM, ats[i], &port,
			      peer),
		    ats[i]->address);
		fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		uid = 0;
		CHECK_ROW(drac_diag_tcp(fd, &from, port, &uid) == 1 &&
			      uid == me(),
		    ats[i]->address);
		/* Not what is at another port, or at none. */
		CHECK_ROW(drac_diag_tcp(fd, &from, (unsigned short)(port ^ 1),
			      &uid) == 0,
		    ats[i]->address);
		end(&caller);
		CHECK_ROW(drac_diag_tcp(fd, &from, port, &uid) == 0,
		    ats[i]->address);
		(void)close(fd);
		(void)close(listener);
	}
	CHECK(drac_diag_udp(0, &(uid_t){ 0 }) == 0);
}

/* Closed, ended, or half shut: before anybody accepted, and after. */
static void
callers_that_left_are_nobody(void)
{
	static const char words[] = { 'c', 's', 'e' };

	for (unsigned i = 0; i < COUNT(words) * 2; i++) {
		struct drac_addr from = addr("127.0.0.1");
		char word = words[i / 2], name[3] = { word, i % 2 ? 'a' : 'b' };
		unsigned short port = 0, peer = 0;
		int listener = listen_at(&v4, &peer), fd = -1;
		struct caller caller;
		uid_t uid;

		CHECK(start(&caller, me(), SOCK_STREAM, &v4, &port, peer));
		if (i % 2 == 1)
			fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (word != 'e')
			tell(&caller, word);
		else
			end(&caller);
		if (i % 2 == 0)
			fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		CHECK_ROW(fd != -1 && drac_diag_tcp(fd, &from, port, &uid) == 0,
		    name);
		if (word != 'e')
			end(&caller);
		(void)close(fd);
		(void)close(listener);
	}
}

/* The next one on a port is not the one who called from there. */
static void
port_taken_over_is_nobodys(void)
{
	const uid_t heirs[] = { me(), BOB, 0 };

	for (unsigned i = 0; i < (geteuid() == 0 ? COUNT(heirs) : 1); i++) {
		struct drac_addr from = addr("127.0.0.1");
		unsigned short port = 0, peer = 0;
		int listener = listen_at(&v4, &peer), first, second;
		struct caller caller, heir;
		uid_t uid = 0;

		CHECK(start(&caller, me(), SOCK_STREAM, &v4, &port, peer));
		tell(&caller, 'c');
		CHECK(start(&heir, heirs[i], SOCK_STREAM, &v4, &port, peer));
		first = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		second = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		CHECK(drac_diag_tcp(first, &from, port, &uid) == 0);
		CHECK(drac_diag_tcp(second, &from, port, &uid) ==
		      (heirs[i] != 0));
		CHECK(heirs[i] == 0 || uid == heirs[i]);
		end(&caller);
		end(&heir);
		(void)close(first);
		(void)close(second);
		(void)close(listener);
	}
}

/* Both could have sent from either address. */
static void
twins_of_two_users_are_nobody(void)
{
	static const struct at second = { AF_INET, "127.0.0.2" };
	static const struct at all6 = { AF_INET6, "::1" };
	static const struct at *const ats[] = { &v4, &second, &all6 };
	static const uid_t uids[] = { BOB, 0, ALICE };

	for (unsigned i = 0; i < COUNT(ats) * COUNT(uids); i++) {
		uid_t other = uids[i % COUNT(uids)], uid = 0;
		const struct at *at = ats[i / COUNT(uids)];
		struct caller one, two;
		unsigned short port = 0;
		char name[64];

		snprintf(name, sizeof name, "%s of %u", at->address, other);
		if (geteuid() != 0 && other != ALICE)
			continue;
		CHECK(start(&one, me(), SOCK_DGRAM, &v4, &port, 0));
		if (start(&two, other == ALICE ? me() : other, SOCK_DGRAM, at,
			&port, 0))
			CHECK_ROW(drac_diag_udp(port, &uid) == (other == ALICE),
			    name);
		end(&two);
		CHECK_ROW(drac_diag_udp(port, &uid) == 1 && uid == me(), name);
		end(&one);
	}
	if (geteuid() != 0)
		printf("skip diag_twins: two users need root\n");
}

/* More than is read: nobody, and the next question is answered again. */
static void
crowd_on_one_port_is_nobody(void)
{
	enum {
		CROWD = 600
	};
	static int fds[CROWD];
	unsigned short port = 0;
	struct caller caller;
	uid_t uid = 0;

	CHECK(start(&caller, me(), SOCK_DGRAM, &v4, &port, 0));
	for (unsigned i = 0; i < CROWD; i++)
		fds[i] = open_at(SOCK_DGRAM, &v4, port, 0);
	CHECK(fds[CROWD - 1] != -1);
	CHECK(drac_diag_udp(port, &uid) == 0);
	for (unsigned i = 0; i < CROWD; i++)
		(void)close(fds[i]);
	CHECK(drac_diag_udp(port, &uid) == 1 && uid == me());
	end(&caller);
}

static void
root_is_never_told(void)
{
	unsigned short port = 0, peer = 0;
	int listener = listen_at(&v4, &peer), fd;
	struct drac_addr from = addr("127.0.0.1");
	struct caller caller;
	uid_t uid;

	if (geteuid() != 0) {
		(void)close(listener);
		printf("skip diag_root: needs root\n");
		return;
	}
	CHECK(start(&caller, 0, SOCK_DGRAM, &v4, &port, 0));
	CHECK(drac_diag_udp(port, &uid) == 0);
	end(&caller);
	port = 0;
	CHECK(start(&caller, 0, SOCK_STREAM, &v4, &port, peer));
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	CHECK(drac_diag_tcp(fd, &from, port, &uid) == 0);
	end(&caller);
	(void)close(fd);
	(void)close(listener);
}

int
main(void)
{
	(void)signal(SIGPIPE, SIG_IGN);
	RUN(answers_are_understood);
	RUN(what_was_not_asked_for_does_not_count);
	RUN(nonsense_is_refused);
	if (kernel_answers()) {
		RUN(honest_callers_are_known);
		RUN(callers_that_left_are_nobody);
		RUN(port_taken_over_is_nobodys);
		RUN(twins_of_two_users_are_nobody);
		RUN(crowd_on_one_port_is_nobody);
		RUN(root_is_never_told);
	}
	return TEST_RESULT();
}
