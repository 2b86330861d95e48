/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Registration with rpcbind (RFC 1833) through libtirpc, which may block and
 * knows no deadline: so it happens in a child. What became of it is the
 * child's exit status, one bit for each kind of transport that failed, and
 * it writes the port that rpcbind names instead of ours.
 */

#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netconfig.h>
#include <poll.h>
#include <rpc/rpc.h>
#include <rpc/rpcb_clnt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dracd.h"
#include "sys.h"

#define RPCBIND_SOCKET "/run/rpcbind.sock"
#define PATIENCE_S     5u

/* It may be another one although the socket is the same file. */
#define ANEW_MS (10 * 60 * 1000)

/* rpcbind listens on loopback, whatever else it does. */
#define RPCBIND_HOST "127.0.0.1"

/* How long a daemon may take to answer that it is there; how many are asked. */
#define ALIVE_MS  1000
#define ALIVE_MAX 4u

/* rpcbind knows one address for each of these. */
static const struct kind {
	const char *netid;
	bool tcp;
	bool v6;
} kinds[] = {
	{ "udp", false, false },
	{ "tcp", true, false },
	{ "udp6", false, true },
	{ "tcp6", true, true },
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* The child at work; pid 0: none. */
static struct {
	pid_t pid;
	int fd; /* ends when the child does */
	int64_t began_ms;
	bool undo;
	bool clear; /* what others left, and not ours */
	bool again; /* told before, and nothing is known to have changed */
	unsigned short port;
} child;

static struct {
	dev_t dev;
	ino_t ino;  /* 0: it is to be told again */
	int failed; /* how the last child ended */
	int64_t when_ms;
} told;

/* In the child. */

/* The address that stands for all of a kind, or else its first. */
static const struct drac_bound *
choose(const struct kind *kind, const struct drac_bound *bound, size_t count)
{
	const struct drac_bound *first = NULL;

	for (size_t i = 0; i < count; i++) {
		if (bound[i].tcp != kind->tcp || bound[i].v6 != kind->v6)
			continue;
		if (first == NULL)
			first = &bound[i];
		if (drac_addr_scope(&bound[i].addr) == DRAC_SCOPE_UNSPECIFIED)
			return &bound[i];
	}
	return first;
}

/* What stands there for another address has to go first. */
static bool
set(rpcvers_t version, const struct netconfig *nconf,
    const struct netbuf *address)
{
	return rpcb_set(DRAC_PROGRAM, version, nconf, address) ||
	       (rpcb_unset(DRAC_PROGRAM, version, nconf) &&
		   rpcb_set(DRAC_PROGRAM, version, nconf, address));
}

static bool
tell(const struct kind *kind, const struct drac_bound *bound, bool undo)
{
	struct netconfig *nconf = getnetconfigent(kind->netid);
	struct sockaddr_storage ss;
	struct netbuf address = { .maxlen = sizeof(ss),
		.len = drac_addr_to_sockaddr(&bound->addr, bound->port, &ss),
		.buf = &ss };
	bool all = nconf != NULL;

	for (rpcvers_t version = DRAC_VERSION_V4;
	     nconf != NULL && version <= DRAC_VERSION_V6; version++)
		if (undo ? !rpcb_unset(DRAC_PROGRAM, version, nconf)
			 : !set(version, nconf, &address))
			all = false;
	if (nconf != NULL)
		freenetconfigent(nconf);
	return all;
}

/* The port of a universal address, 192.0.2.1.3.136; 0: it is none. */
static unsigned short
port_of(const char *address)
{
	const char *low = strrchr(address, '.'), *high;
	unsigned long port;

	if (low == NULL)
		return 0;
	high = memrchr(address, '.', (size_t)(low - address));
	if (high == NULL)
		return 0;
	port = strtoul(high + 1, NULL, 10) * 256 + strtoul(low + 1, NULL, 10);
	return port <= USHRT_MAX ? (unsigned short)port : 0;
}

/* The first port that rpcbind names for us and that is not ours; or 0. */
static unsigned short
find_foreign(unsigned short ours)
{
	struct netconfig *nconf = getnetconfigent("tcp");
	unsigned short port = 0;
	rpcblist *list;

	if (nconf == NULL)
		return 0;
	list = rpcb_getmaps(nconf, RPCBIND_HOST);
	freenetconfigent(nconf);
	for (; list != NULL && port == 0; list = list->rpcb_next) {
		if (list->rpcb_map.r_prog != DRAC_PROGRAM ||
		    list->rpcb_map.r_addr == NULL)
			continue;
		port = port_of(list->rpcb_map.r_addr);
		if (port == ours)
			port = 0;
	}
	return port;
}

/*
 * Where a universal address is, by its port; one that stands for every address
 * is asked at loopback, where rpcbind sends local callers, too.
 */
static bool
place_of(const struct kind *kind, const char *universal, struct drac_addr *addr,
    unsigned short *port)
{
	char text[INET6_ADDRSTRLEN + 1];
	const char *low = strrchr(universal, '.'), *high;

	*port = port_of(universal);
	if (*port == 0 ||
	    (high = memrchr(universal, '.', (size_t)(low - universal))) ==
		NULL ||
	    (size_t)(high - universal) >= sizeof(text))
		return false;
	memcpy(text, universal, (size_t)(high - universal));
	text[high - universal] = '\0';
	if (drac_addr_parse(text, addr) == -1)
		return false;
	if (drac_addr_scope(addr) == DRAC_SCOPE_UNSPECIFIED)
		(void)drac_addr_parse(kind->v6 ? "::1" : "127.0.0.1", addr);
	return true;
}

static bool
is_ready(int fd, short events, int64_t until_ms)
{
	struct pollfd pfd = { .fd = fd, .events = events };
	int64_t left_ms = until_ms - drac_sys_ms();

	return poll(&pfd, 1, left_ms > 0 ? (int)left_ms : 0) == 1;
}

/* The NULL procedure, and a reply that says that this is DRAC. */
static bool
converses(int fd, bool tcp, rpcvers_t version, int64_t until_ms)
{
	unsigned char octets[DRAC_MARK_SIZE + DRAC_CALL_MAX], *message;
	struct drac_call call = { .xid = (uint32_t)getpid(),
		.version = (uint32_t)version,
		.procedure = DRAC_PROC_NULL };
	struct drac_reply reply = { 0 };
	size_t mark_size = tcp ? DRAC_MARK_SIZE : 0, size;
	uint32_t mark;
	ssize_t got;

	message = octets + mark_size;
	size = drac_wire_call(&call, message);
	mark = htonl((uint32_t)size | DRAC_MARK_LAST);
	if (tcp)
		memcpy(octets, &mark, sizeof(mark));
	if (!is_ready(fd, POLLOUT, until_ms) ||
	    send(fd, octets, mark_size + size, MSG_NOSIGNAL) == -1 ||
	    !is_ready(fd, POLLIN, until_ms))
		return false;
	got = recv(fd, octets, sizeof(octets), 0);
	return got > (ssize_t)mark_size &&
	       drac_wire_read_reply(message, (size_t)got - mark_size, &call,
		   &reply) == 1;
}

static bool
is_alive(const struct kind *kind, rpcvers_t version, const char *universal)
{
	int64_t until_ms = drac_sys_ms() + ALIVE_MS;
	struct sockaddr_storage ss;
	struct drac_addr addr;
	unsigned short port;
	socklen_t size;
	bool alive;
	int fd;

	if (!place_of(kind, universal, &addr, &port))
		return false;
	fd = socket(kind->v6 ? AF_INET6 : AF_INET,
	    (kind->tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK |
		SOCK_CLOEXEC,
	    0);
	/* Without a way to ask nobody is known to be dead. */
	if (fd == -1)
		return true;
	size = drac_addr_to_sockaddr(&addr, port, &ss);
	alive = (connect(fd, (const struct sockaddr *)&ss, size) == 0 ||
		    errno == EINPROGRESS) &&
		converses(fd, kind->tcp, version, until_ms);
	(void)close(fd);
	return alive;
}

/* Who was asked already: one daemon has one port for everything. */
struct asked {
	unsigned count;
	struct {
		unsigned short port;
		bool tcp, alive;
	} at[ALIVE_MAX];
};

static bool
is_dead(struct asked *asked, const struct kind *kind, const rpcb *entry)
{
	unsigned short port = port_of(entry->r_addr);

	for (unsigned i = 0; i < asked->count; i++)
		if (asked->at[i].port == port && asked->at[i].tcp == kind->tcp)
			return !asked->at[i].alive;
	if (asked->count == ALIVE_MAX)
		return false;
	asked->at[asked->count].port = port;
	asked->at[asked->count].tcp = kind->tcp;
	asked->at[asked->count].alive =
	    is_alive(kind, entry->r_vers, entry->r_addr);
	return !asked->at[asked->count++].alive;
}

static bool
forget(const struct kind *kind, rpcvers_t version)
{
	struct netconfig *nconf = getnetconfigent(kind->netid);
	bool done = nconf != NULL && rpcb_unset(DRAC_PROGRAM, version, nconf);

	if (nconf != NULL)
		freenetconfigent(nconf);
	return done;
}

/*
 * Take away what stands at rpcbind for a daemon that is not there: the
 * original never took it away. How many there were, or UCHAR_MAX - 1: they
 * may not be taken away.
 */
static int
clear_dead(void)
{
	struct netconfig *nconf = getnetconfigent("tcp");
	struct asked asked = { 0 };
	rpcblist *list;
	int cleared = 0;

	if (nconf == NULL)
		return 0;
	list = rpcb_getmaps(nconf, RPCBIND_HOST);
	freenetconfigent(nconf);
	for (; list != NULL && cleared < 64; list = list->rpcb_next) {
		const rpcb *entry = &list->rpcb_map;

		if (entry->r_prog != DRAC_PROGRAM || entry->r_addr == NULL ||
		    entry->r_netid == NULL || entry->r_vers < DRAC_VERSION_V4 ||
		    entry->r_vers > DRAC_VERSION_V6)
			continue;
		for (size_t i = 0; i < KINDS; i++) {
			if (strcmp(kinds[i].netid, entry->r_netid) != 0 ||
			    !is_dead(&asked, &kinds[i], entry))
				continue;
			if (!forget(&kinds[i], entry->r_vers))
				return UCHAR_MAX - 1;
			cleared++;
		}
	}
	return cleared;
}

/* Nothing of the daemon's is to live on here: no file, no lock, no signal. */
static void
become_child(pid_t parent)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL,
		.sigev_signo = SIGKILL };
	const struct itimerspec patience = { .it_value.tv_sec = PATIENCE_S };
	sigset_t none;
	timer_t timer;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(UCHAR_MAX);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	/* libtirpc blocks every signal that can be blocked while it waits. */
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) == -1 ||
	    timer_settime(timer, 0, &patience, NULL) == -1)
		_exit(UCHAR_MAX);
}

static int
tell_all(const struct drac_bound *bound, size_t count, bool undo)
{
	int failed = 0;

	for (size_t i = 0; i < KINDS; i++) {
		const struct drac_bound *chosen =
		    choose(&kinds[i], bound, count);

		if (chosen != NULL && !tell(&kinds[i], chosen, undo))
			failed |= 1 << i;
	}
	return failed;
}

/* Everything that the child is for; fd is for the foreign port. */
static void
work(const struct drac_bound *bound, size_t count, bool undo, int fd)
{
	int failed = tell_all(bound, count, undo);
	unsigned short foreign = 0;

	if (failed != 0 && !undo)
		foreign = find_foreign(bound[0].port);
	if (foreign != 0 && write(fd, &foreign, sizeof(foreign)) == -1)
		_exit(UCHAR_MAX);
	_exit(failed);
}

/* In the daemon. */

/* Is rpcbind there? Then remember which one. */
static bool
meet(void)
{
	struct stat st;

	if (stat(RPCBIND_SOCKET, &st) == -1 || !S_ISSOCK(st.st_mode))
		return false;
	child.again = told.ino == st.st_ino && told.dev == st.st_dev;
	told.dev = st.st_dev;
	told.ino = st.st_ino;
	told.when_ms = drac_sys_ms();
	return true;
}

bool
drac_portmap_anew(void)
{
	struct stat st;

	return stat(RPCBIND_SOCKET, &st) == 0 && S_ISSOCK(st.st_mode) &&
	       (st.st_dev != told.dev || st.st_ino != told.ino ||
		   drac_sys_ms() - told.when_ms >= ANEW_MS);
}

/* In the child it does not return. */
static void
start_child(const struct drac_bound *bound, size_t count, bool undo)
{
	pid_t parent = getpid(), pid;
	int fds[2];

	drac_portmap_wait(true);
	if (pipe2(fds, O_CLOEXEC) == -1) {
		drac_say(LOG_WARNING, "rpcbind: %s", strerror(errno));
		return;
	}
	pid = fork();
	if (pid == 0) {
		become_child(parent);
		(void)close_range(3, (unsigned)fds[1] - 1, 0);
		(void)close_range((unsigned)fds[1] + 1, UINT_MAX, 0);
		if (count == 0)
			_exit(clear_dead());
		work(bound, count, undo, fds[1]);
	}
	(void)close(fds[1]);
	if (pid == -1) {
		drac_say(LOG_WARNING, "rpcbind: %s", strerror(errno));
		(void)close(fds[0]);
		return;
	}
	child.pid = pid;
	child.fd = fds[0];
	child.began_ms = drac_sys_ms();
	child.undo = undo;
	child.clear = count == 0;
	child.port = count == 0 ? 0 : bound[0].port;
}

void
drac_portmap(const struct drac_bound *bound, size_t count, bool undo)
{
	if (count == 0)
		return;
	if (!meet()) {
		if (!undo)
			drac_say(LOG_WARNING,
			    "rpcbind is not there: callers must know port %u",
			    bound[0].port);
		return;
	}
	start_child(bound, count, undo);
}

void
drac_portmap_clear(void)
{
	struct stat st;

	if (stat(RPCBIND_SOCKET, &st) == -1 || !S_ISSOCK(st.st_mode))
		return;
	start_child(NULL, 0, false);
	drac_portmap_wait(true);
}

static void
log_cleared(int status)
{
	int cleared = WIFEXITED(status) ? WEXITSTATUS(status) : UCHAR_MAX;

	if (cleared == UCHAR_MAX)
		drac_say(LOG_WARNING, "rpcbind did not answer: it may still "
				      "send callers to a daemon that is gone");
	else if (cleared == UCHAR_MAX - 1)
		drac_say(LOG_WARNING,
		    "rpcbind sends callers to a daemon that is gone, and "
		    "only root may change that");
	else if (cleared > 0)
		drac_say(LOG_NOTICE,
		    "rpcbind sends nobody any more to a daemon that is gone "
		    "(%d registrations)",
		    cleared);
}

static void
log_failed(int failed, unsigned short foreign)
{
	char netids[64] = "";

	for (size_t i = 0; i < KINDS; i++)
		if ((failed & 1 << i) != 0) {
			strcat(netids, " ");
			strcat(netids, kinds[i].netid);
		}
	if (child.undo)
		drac_say(LOG_WARNING, "rpcbind did not forget port %u for%s",
		    child.port, netids);
	else if (foreign != 0)
		drac_say(LOG_ERR,
		    "rpcbind did not register port %u for%s: it sends callers "
		    "to port %u, which somebody else registered; root gets "
		    "rid of that by `rpcinfo -d %u 1' and `rpcinfo -d %u 2'",
		    child.port, netids, foreign, DRAC_PROGRAM, DRAC_PROGRAM);
	else
		drac_say(LOG_WARNING,
		    "rpcbind did not register port %u for%s: what an older "
		    "daemon left there goes by `rpcinfo -d %u 1' and "
		    "`rpcinfo -d %u 2'",
		    child.port, netids, DRAC_PROGRAM, DRAC_PROGRAM);
}

/* A failure is tried again from time to time. What is known is not logged. */
static void
log_outcome(int status, unsigned short foreign)
{
	bool known = !child.undo && status == told.failed &&
		     (status != 0 || child.again);

	told.failed = status;
	if (status != 0)
		told.ino = 0;
	if (known)
		return;
	if (!WIFEXITED(status) || WEXITSTATUS(status) == UCHAR_MAX)
		drac_say(LOG_WARNING,
		    child.undo ? "rpcbind did not answer: it may still know "
				 "port %u"
			       : "rpcbind did not answer: callers must know "
				 "port %u",
		    child.port);
	else if (WEXITSTATUS(status) != 0)
		log_failed(WEXITSTATUS(status), foreign);
	else
		drac_say(LOG_INFO, "%s port %u with rpcbind",
		    child.undo ? "unregistered" : "registered", child.port);
}

void
drac_portmap_wait(bool block)
{
	struct pollfd pfd = { .fd = child.fd, .events = POLLIN };
	unsigned short foreign = 0;
	int64_t left_ms;
	int ready, status;

	if (child.pid == 0)
		return;
	left_ms = child.began_ms + PATIENCE_S * 1000 - drac_sys_ms();
	if (left_ms < 0)
		left_ms = 0;
	/* It writes and closes at its end only: ready means that this is it. */
	while ((ready = poll(&pfd, 1, block ? (int)left_ms : 0)) == -1 &&
	       errno == EINTR)
		continue;
	if (ready < 1 && left_ms > 0 && !block)
		return;
	if (ready < 1)
		(void)kill(child.pid, SIGKILL);
	while (waitpid(child.pid, &status, 0) == -1)
		if (errno != EINTR) {
			status = 0;
			break;
		}
	if (read(child.fd, &foreign, sizeof(foreign)) != sizeof(foreign))
		foreign = 0;
	if (child.clear)
		log_cleared(status);
	else
		log_outcome(status, foreign);
	(void)close(child.fd);
	child.pid = 0;
}
