/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A small server for tests, in a process of its own: versions 1 and 2 over
 * UDP on a port of the loopback interface, or version 3 on a local socket.
 * How it behaves, and what it has seen, is in memory shared with the test.
 */
#ifndef DRAC_TEST_SERVER_H
#define DRAC_TEST_SERVER_H

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "addr.h"
#include "test.h"
#include "wire.h"

#define SERVER_LIFETIME 1800
#define SERVER_RENEW    10
#define SERVER_SLOTS    64

enum manner {
	ANSWERS,
	SILENT,
	REFUSES,
	FAILS,
	EXCLUDES,     /* local: never recorded */
	HANGS_UP,     /* local: without an answer */
	DOES_NOT_SAY, /* local: records it and does not answer */
	IS_OLDER      /* local: knows no REPORT */
};

/* What server and test share. An entry has its slot, or takes it. */
struct served {
	_Atomic(int) manner;
	_Atomic(unsigned) adds; /* a repetition does not count */
	_Atomic(unsigned) backs;
	_Atomic(unsigned) undos;
	struct drac_report report; /* the last one */
	time_t previous;           /* what was there before */
	struct {
		struct drac_addr addr;
		_Atomic(time_t) expiry;
	} slot[SERVER_SLOTS];
};

struct server {
	pid_t pid;
	char name[64]; /* as in `server` */
	struct served *served;
};

_Noreturn static inline void
server_die(const char *what)
{
	printf("FAIL %s: %s\n", what, strerror(errno));
	fflush(stdout);
	_exit(1);
}

static inline _Atomic(time_t) *
served_slot(struct served *served, const struct drac_addr *addr)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < sizeof(addr->octet); i++)
		sum = sum * 31 + addr->octet[i];
	sum %= SERVER_SLOTS;
	if (!drac_addr_equal(&served->slot[sum].addr, addr)) {
		served->slot[sum].addr = *addr;
		served->slot[sum].expiry = 0;
	}
	return &served->slot[sum].expiry;
}

/* The expiry that a server has for an address; 0 for none. */
static inline time_t
served_expiry(struct server *server, const char *text)
{
	struct drac_addr addr = { 0 };

	CHECK_ROW(drac_addr_parse(text, &addr) == 0, text);
	return *served_slot(server->served, &addr);
}

static inline void
served_set(struct server *server, const char *text, time_t expiry)
{
	struct drac_addr addr = { 0 };

	CHECK_ROW(drac_addr_parse(text, &addr) == 0, text);
	*served_slot(server->served, &addr) = expiry;
}

static inline void
server_add(struct served *served, const struct drac_call *call,
    struct drac_reply *reply)
{
	_Atomic(time_t) *slot = served_slot(served, &call->addr);
	time_t expiry = time(NULL) + SERVER_LIFETIME;

	served->adds++;
	if (served->manner == EXCLUDES) {
		drac_why_set(&reply->why, "it is never recorded (excluded)");
		return;
	}
	if (served->manner != ANSWERS && served->manner != DOES_NOT_SAY &&
	    served->manner != IS_OLDER)
		return;
	reply->previous = served->previous = *slot;
	reply->expiry = *slot;
	if (*slot < expiry - SERVER_RENEW) {
		reply->flag = true;
		reply->expiry = expiry;
		*slot = expiry;
	}
}

static inline void
server_take_back(struct served *served, const struct drac_call *call,
    struct drac_reply *reply)
{
	_Atomic(time_t) *slot = served_slot(served, &call->addr);

	served->backs++;
	if (served->manner != ANSWERS || *slot != call->expiry)
		return;
	*slot = call->previous;
	reply->flag = true;
}

static inline void
server_undo(struct served *served, const struct drac_call *call)
{
	served->undos++;
	if (call->report.id == served->report.id)
		*served_slot(served, &call->addr) = served->previous;
}

static inline void
server_do(struct served *served, const struct drac_call *call,
    struct drac_reply *reply)
{
	switch (call->procedure) {
	case DRAC_PROC_REPORT:
		served->report = call->report;
		server_add(served, call, reply);
		break;
	case DRAC_PROC_ADD:
		server_add(served, call, reply);
		break;
	case DRAC_PROC_TAKE_BACK:
		server_take_back(served, call, reply);
		break;
	case DRAC_PROC_UNDO:
		server_undo(served, call);
		break;
	}
}

/* The answer to a message, in the same octets; 0: there is none. */
static inline size_t
server_answer(struct served *served, unsigned char *octets, size_t size)
{
	static uint32_t last;
	static bool any;
	struct drac_reply reply = { 0 };
	struct drac_call call = { 0 };
	enum drac_fault fault;

	if (drac_wire_read_call(octets, size, DRAC_VERSION_LOCAL, &call,
		&fault) != DRAC_CALL_GOOD)
		return 0;
	if (served->manner == REFUSES)
		reply.answer = DRAC_ANSWER_PERM;
	else if (served->manner == FAILS)
		reply.answer = DRAC_ANSWER_SYSERR;
	if (served->manner == IS_OLDER && call.procedure > DRAC_PROC_STATUS)
		return drac_wire_fault(call.xid, DRAC_FAULT_PROCEDURE,
		    DRAC_VERSION_LOCAL, octets);
	if (!any || call.xid != last)
		server_do(served, &call, &reply);
	any = true;
	last = call.xid;
	if (served->manner == SILENT || served->manner == DOES_NOT_SAY)
		return 0;
	return call.version == DRAC_VERSION_LOCAL
		   ? drac_wire_reply(call.xid, call.procedure, &reply, octets)
		   : drac_wire_answer(call.xid, (enum drac_answer)reply.answer,
			 octets);
}

static inline void
serve_datagrams(struct served *served, int fd)
{
	static unsigned char octets[DRAC_REPLY_MAX];
	struct sockaddr_storage from;
	socklen_t len;
	ssize_t size;

	for (;;) {
		len = sizeof(from);
		size = recvfrom(fd, octets, sizeof(octets), 0,
		    (struct sockaddr *)&from, &len);
		if (size < 0)
			continue;
		size = (ssize_t)server_answer(served, octets, (size_t)size);
		if (size > 0)
			(void)sendto(fd, octets, (size_t)size, 0,
			    (struct sockaddr *)&from, len);
	}
}

static inline bool
read_all(int fd, unsigned char *octets, size_t size)
{
	return recv(fd, octets, size, MSG_WAITALL) == (ssize_t)size;
}

static inline void
serve_connection(struct served *served, int fd)
{
	static unsigned char octets[DRAC_MARK_SIZE + DRAC_REPLY_MAX];
	uint32_t mark;
	size_t size;

	while (read_all(fd, octets, DRAC_MARK_SIZE)) {
		memcpy(&mark, octets, sizeof(mark));
		size = ntohl(mark) & ~DRAC_MARK_LAST;
		if (size > DRAC_CALL_MAX ||
		    !read_all(fd, octets + DRAC_MARK_SIZE, size))
			return;
		size = server_answer(served, octets + DRAC_MARK_SIZE, size);
		if (served->manner == HANGS_UP)
			return;
		mark = htonl((uint32_t)size | DRAC_MARK_LAST);
		memcpy(octets, &mark, sizeof(mark));
		if (size > 0 &&
		    send(fd, octets, DRAC_MARK_SIZE + size, MSG_NOSIGNAL) == -1)
			return;
	}
}

static inline void
serve_connections(struct served *served, int listener)
{
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd == -1)
			continue;
		serve_connection(served, fd);
		close(fd);
	}
}

/* It ends with us, whatever becomes of us. */
static inline void
server_start(struct server *server, int fd,
    void (*serve)(struct served *served, int fd))
{
	pid_t parent = getpid();

	server->served = mmap(NULL, sizeof(*server->served),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (server->served == MAP_FAILED)
		server_die("mmap");
	fflush(stdout);
	server->pid = fork();
	if (server->pid == -1)
		server_die("fork");
	if (server->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() == parent)
			serve(server->served, fd);
		_exit(1);
	}
	close(fd);
}

static inline void
server_stop(struct server *server)
{
	kill(server->pid, SIGKILL);
	waitpid(server->pid, NULL, 0);
	munmap(server->served, sizeof(*server->served));
}

/* A UDP socket on a free port of 127.0.0.1, and what `server` calls it. */
static inline int
bind_port(char name[64])
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd == -1 || bind(fd, (struct sockaddr *)&addr, len) == -1 ||
	    getsockname(fd, (struct sockaddr *)&addr, &len) == -1)
		server_die("bind");
	snprintf(name, 64, "127.0.0.1:%u", ntohs(addr.sin_port));
	return fd;
}

static inline int
bind_path(const char *where)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", where);
	unlink(where);
	if (fd == -1 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == -1)
		server_die(where);
	return fd;
}

static inline void
server_on_port(struct server *server)
{
	int fd = bind_port(server->name);

	server_start(server, fd, serve_datagrams);
}

static inline void
server_on_path(struct server *server, const char *where)
{
	int fd = bind_path(where);

	if (listen(fd, 64) == -1)
		server_die(where);
	strcpy(server->name, "local");
	server_start(server, fd, serve_connections);
}

/*
 * text with %A, %B ... replaced by the first, second ... word: names and
 * paths that are not known before the servers run.
 */
static inline void
expand(const char *text, const char *const *words, char *out, size_t room)
{
	size_t used = 0;

	for (; *text != '\0' && used + 1 < room; text++)
		if (text[0] == '%' && text[1] >= 'A' && text[1] <= 'Z')
			used += (size_t)snprintf(out + used, room - used, "%s",
			    words[*++text - 'A']);
		else
			out[used++] = *text;
	if (used >= room)
		server_die("expand");
	out[used] = '\0';
}

/* Back to the start: it answers, and has seen nothing. */
static inline void
server_reset(struct server *server)
{
	memset(server->served, 0, sizeof(*server->served));
}

#endif
