/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The functions of 1998 over client.h; see drac.h. What a thread has, its
 * error text and its connections, hangs on a key of the thread and goes
 * with it. getaddrinfo(3) knows no deadline, so it runs in a thread of its
 * own, which may outlive the call: what both touch belongs to whoever is
 * the last to let go of it, and the library is never unloaded.
 */
#include <sys/socket.h>

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "addr.h"
#include "client.h"
#include "drac.h"
#include "sys.h"
#include "why.h"
#include "wire.h"

#define EXPORT __attribute__((visibility("default")))

/* One call, with the look-up of the name. */
#define TIMEOUT_MS 2000

/* Where the daemon of this host is, unless a path is given. */
#define SOCKET "/run/drac/dracd.sock"

/* `[HOST]:65535` with a name of the longest kind. */
#define HOST_MAX   256
#define SERVER_MAX (HOST_MAX + sizeof("[]:65535"))

/* Names that are looked up at the same time, forgotten ones included. */
#define LOOKUPS_MAX  8u
#define LOOKUP_STACK ((size_t)512 * 1024)

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS  "0123456789"

/* A server, and what is open to it. */
struct route {
	char server[SERVER_MAX];
	char host[SERVER_MAX];
	bool v6; /* what is to be sent */
	struct drac_ask ask;
	struct drac_conn *conn; /* NULL: none is open */
};

/* What a thread has. */
struct mine {
	struct drac_why why;
	struct route *routes[2]; /* of dracconn and dracconn6 */
};

/* One look-up, shared by the thread that does it and the one that waits. */
struct lookup {
	pthread_mutex_t mutex;
	pthread_cond_t answered;
	unsigned holders;
	bool done;
	int error; /* of getaddrinfo(3) */
	size_t count;
	struct drac_addr addrs[DRAC_HOSTS_MAX];
	char host[SERVER_MAX];
};

static char no_memory[] = "libdrac: out of memory";

static unsigned
left_until(int64_t deadline_ms)
{
	int64_t left = deadline_ms - drac_sys_ms();

	return left > 0 ? (unsigned)left : 0;
}

/* The server, as it was written. */

static bool
read_port(const char *text, unsigned short *port)
{
	size_t length = strlen(text);
	unsigned value = 0;

	if (length < 1 || length > 5 || strspn(text, DIGITS) != length)
		return false;
	for (; *text != '\0'; text++)
		value = value * 10 + (unsigned)(*text - '0');
	*port = (unsigned short)value;
	return value >= 1 && value <= 65535;
}

/* Take port and brackets off route->host. */
static bool
split_port(struct route *route)
{
	char *host = route->host;
	char *colon = strchr(host, ':'), *end = strchr(host, ']');

	if (*host == '[') {
		if (end == NULL || (end[1] != ':' && end[1] != '\0'))
			return false;
		colon = end[1] == ':' ? end + 1 : NULL;
		*end = '\0';
		memmove(host, host + 1, strlen(host));
		if (strchr(host, ':') == NULL)
			return false;
		if (colon != NULL)
			return read_port(colon + 1, &route->ask.port);
		return true;
	}
	if (colon == NULL || strchr(colon + 1, ':') != NULL)
		return true;
	*colon = '\0';
	return read_port(colon + 1, &route->ask.port);
}

/* What can be a name and is no mistyped address. */
static bool
is_name(const char *host)
{
	return strlen(host) < HOST_MAX &&
	       host[strspn(host, LETTERS DIGITS "-._")] == '\0' &&
	       strpbrk(host, LETTERS) != NULL;
}

static int
read_server(const char *server, struct route *route, struct drac_why *why)
{
	if (server == NULL || server[0] == '\0') {
		drac_why_set(why, "no server was named");
		return -1;
	}
	if (strlen(server) >= sizeof(route->server)) {
		drac_why_set(why, "%.40s...: not a server", server);
		return -1;
	}
	strcpy(route->server, server);
	strcpy(route->host, server);
	route->ask.name = route->server;
	if (server[0] == '/')
		route->ask.socket = route->server;
	else if (strcmp(server, "local") == 0)
		route->ask.socket = SOCKET;
	if (route->ask.socket != NULL)
		return 0;
	if (split_port(route)) {
		if (drac_addr_parse(route->host, &route->ask.hosts[0]) == 0)
			route->ask.host_count = 1;
		if (route->ask.host_count == 1 || is_name(route->host))
			return 0;
	}
	drac_why_set(why, "%s: not local, HOST or HOST:PORT", server);
	return -1;
}

/* Names. */

/*
 * The process in the upper half, for a child of fork(2) has none of its
 * parent's threads; in the lower one how many there are.
 */
static _Atomic uint64_t lookups;

static bool
enter_lookup(void)
{
	uint64_t process = (uint64_t)getpid() << 32;
	uint64_t old = atomic_load(&lookups), count;

	do {
		count = (old & ~(uint64_t)UINT32_MAX) == process
			    ? (old & UINT32_MAX)
			    : 0;
		if (count >= LOOKUPS_MAX)
			return false;
	} while (!atomic_compare_exchange_weak(&lookups, &old,
	    process | (count + 1)));
	return true;
}

static void
leave_lookup(void)
{
	atomic_fetch_sub(&lookups, 1);
}

static void
let_go(struct lookup *lookup)
{
	bool last;

	(void)pthread_mutex_lock(&lookup->mutex);
	last = --lookup->holders == 0;
	(void)pthread_mutex_unlock(&lookup->mutex);
	if (!last)
		return;
	(void)pthread_cond_destroy(&lookup->answered);
	(void)pthread_mutex_destroy(&lookup->mutex);
	free(lookup);
}

/* A link-local one would need its zone, which an address has not. */
static size_t
copy_addrs(const struct addrinfo *list, struct drac_addr addrs[DRAC_HOSTS_MAX])
{
	size_t count = 0;

	for (; list != NULL && count < DRAC_HOSTS_MAX; list = list->ai_next) {
		struct drac_addr *addr = &addrs[count];

		if (drac_addr_from_sockaddr(list->ai_addr, list->ai_addrlen,
			addr) == 0 &&
		    drac_addr_scope(addr) != DRAC_SCOPE_LINKLOCAL)
			count++;
	}
	return count;
}

static void *
look_up(void *arg)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_DGRAM };
	struct lookup *lookup = arg;
	struct drac_addr addrs[DRAC_HOSTS_MAX] = { 0 };
	struct addrinfo *list = NULL;
	int error = getaddrinfo(lookup->host, NULL, &hints, &list);
	size_t count = error == 0 ? copy_addrs(list, addrs) : 0;

	if (list != NULL)
		freeaddrinfo(list);
	(void)pthread_mutex_lock(&lookup->mutex);
	memcpy(lookup->addrs, addrs, sizeof(addrs));
	lookup->count = count;
	lookup->error = error;
	lookup->done = true;
	(void)pthread_cond_signal(&lookup->answered);
	(void)pthread_mutex_unlock(&lookup->mutex);
	let_go(lookup);
	leave_lookup();
	return NULL;
}

/* No signal of the program's is to end up in a thread of ours. */
static int
start_thread(struct lookup *lookup)
{
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t all;
	int error = pthread_attr_init(&attr);

	if (error != 0)
		return error;
	(void)sigfillset(&all);
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	(void)pthread_attr_setstacksize(&attr, LOOKUP_STACK);
	error = pthread_attr_setsigmask_np(&attr, &all);
	if (error == 0)
		error = pthread_create(&thread, &attr, look_up, lookup);
	(void)pthread_attr_destroy(&attr);
	return error;
}

static struct lookup *
new_lookup(const char *host)
{
	struct lookup *lookup = calloc(1, sizeof(*lookup));

	if (lookup == NULL)
		return NULL;
	(void)pthread_mutex_init(&lookup->mutex, NULL);
	(void)pthread_cond_init(&lookup->answered, NULL);
	lookup->holders = 1;
	strcpy(lookup->host, host);
	return lookup;
}

static struct lookup *
start_lookup(const struct route *route, struct drac_why *why)
{
	struct lookup *lookup;

	if (!enter_lookup()) {
		drac_why_set(why, "%s: too many names are being looked up",
		    route->server);
		return NULL;
	}
	lookup = new_lookup(route->host);
	if (lookup != NULL) {
		lookup->holders++;
		if (start_thread(lookup) == 0)
			return lookup;
		lookup->holders--;
		let_go(lookup);
	}
	leave_lookup();
	drac_why_set(why, "%s: its name cannot be looked up now",
	    route->server);
	return NULL;
}

/* false: not in time. */
static bool
wait_for(struct lookup *lookup, int64_t deadline_ms)
{
	const struct timespec until = { .tv_sec = (time_t)(deadline_ms / 1000),
		.tv_nsec = (long)(deadline_ms % 1000) * 1000000 };
	int error = 0;
	bool done;

	(void)pthread_mutex_lock(&lookup->mutex);
	while (!lookup->done && error == 0)
		error = pthread_cond_clockwait(&lookup->answered,
		    &lookup->mutex, CLOCK_MONOTONIC, &until);
	done = lookup->done;
	(void)pthread_mutex_unlock(&lookup->mutex);
	return done;
}

static int
find_addrs(struct route *route, int64_t deadline_ms, struct drac_why *why)
{
	struct lookup *lookup = start_lookup(route, why);

	if (lookup == NULL)
		return -1;
	if (!wait_for(lookup, deadline_ms)) {
		drac_why_set(why, "%s: its name was not resolved in time",
		    route->server);
	} else if (lookup->error != 0) {
		drac_why_set(why, "%s: %s", route->server,
		    gai_strerror(lookup->error));
	} else {
		route->ask.host_count = lookup->count;
		memcpy(route->ask.hosts, lookup->addrs,
		    sizeof(route->ask.hosts));
		if (lookup->count == 0)
			drac_why_set(why, "%s: its name has no address",
			    route->server);
	}
	let_go(lookup);
	return route->ask.host_count > 0 ? 0 : -1;
}

/* Routes. */

static void
close_route(struct route *route)
{
	if (route != NULL)
		drac_conn_close(route->conn);
	free(route);
}

/* Read the server's name and find its addresses. */
static struct route *
find_route(const char *server, bool v6, int64_t deadline_ms,
    struct drac_why *why)
{
	struct route *route = calloc(1, sizeof(*route));

	if (route == NULL) {
		drac_why_set(why, "%s", no_memory);
		return NULL;
	}
	route->v6 = v6;
	if (read_server(server, route, why) == -1) {
		close_route(route);
		return NULL;
	}
	if (route->ask.socket == NULL && route->ask.host_count == 0 &&
	    find_addrs(route, deadline_ms, why) == -1) {
		close_route(route);
		return NULL;
	}
	return route;
}

static int
open_route(struct route *route, int64_t deadline_ms, struct drac_why *why)
{
	if (route->conn != NULL ||
	    drac_conn_open(&route->ask, route->v6, left_until(deadline_ms),
		&route->conn) == 0)
		return 0;
	*why = route->ask.why;
	return -1;
}

/* As the public functions: 0, negative, or what the server said. */
static int
deliver(struct route *route, const struct drac_addr *addr, int64_t deadline_ms,
    struct drac_why *why)
{
	uint32_t answer;

	if (open_route(route, deadline_ms, why) == -1)
		return -1;
	if (drac_conn_add(route->conn, addr, left_until(deadline_ms)) == 0)
		return 0;
	*why = route->ask.why;
	answer = route->ask.reply.answer;
	if (answer == DRAC_ANSWER_SUCCESS)
		return -1;
	return answer < DRAC_ANSWER_UNKNOWN ? (int)answer : DRAC_ANSWER_UNKNOWN;
}

/* Threads. */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static bool has_key;

static void
free_mine(void *arg)
{
	struct mine *mine = arg;

	close_route(mine->routes[0]);
	close_route(mine->routes[1]);
	free(mine);
}

static void
make_key(void)
{
	has_key = pthread_key_create(&key, free_mine) == 0;
}

/* NULL: out of memory. */
static struct mine *
get_mine(void)
{
	struct mine *mine;

	(void)pthread_once(&once, make_key);
	if (!has_key)
		return NULL;
	mine = pthread_getspecific(key);
	if (mine != NULL)
		return mine;
	mine = calloc(1, sizeof(*mine));
	if (mine == NULL || pthread_setspecific(key, mine) != 0) {
		free(mine);
		return NULL;
	}
	return mine;
}

static int
tell(int result, char *text, char **errmsg)
{
	if (result != 0 && errmsg != NULL)
		*errmsg = text;
	return result;
}

/* The verbs, for both families. */

static struct drac_addr
addr4(unsigned long userip)
{
	struct drac_addr addr = { .len = 4 };
	uint32_t word = (uint32_t)userip;

	memcpy(addr.octet, &word, sizeof(word));
	return addr;
}

/* len 0: none was given. */
static struct drac_addr
addr6(const unsigned char *userip6)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct drac_addr addr = { 0 };

	if (userip6 == NULL)
		return addr;
	memcpy(&in6.sin6_addr, userip6, sizeof(in6.sin6_addr));
	(void)drac_addr_from_sockaddr((const struct sockaddr *)&in6,
	    sizeof(in6), &addr);
	return addr;
}

static int
no_address(struct drac_why *why)
{
	drac_why_set(why, "no address was given");
	return -1;
}

static int
auth(const char *server, const struct drac_addr *addr, bool v6, char **errmsg)
{
	int64_t deadline_ms = drac_sys_ms() + TIMEOUT_MS;
	struct mine *mine = get_mine();
	struct route *route;
	int result = -1;

	if (mine == NULL)
		return tell(-1, no_memory, errmsg);
	if (addr->len == 0)
		return tell(no_address(&mine->why), mine->why.text, errmsg);
	route = find_route(server, v6, deadline_ms, &mine->why);
	if (route != NULL)
		result = deliver(route, addr, deadline_ms, &mine->why);
	close_route(route);
	return tell(result, mine->why.text, errmsg);
}

static int
conn(const char *server, bool v6, char **errmsg)
{
	int64_t deadline_ms = drac_sys_ms() + TIMEOUT_MS;
	struct mine *mine = get_mine();
	struct route *route;

	if (mine == NULL)
		return tell(-1, no_memory, errmsg);
	close_route(mine->routes[v6]);
	mine->routes[v6] = NULL;
	route = find_route(server, v6, deadline_ms, &mine->why);
	if (route == NULL || open_route(route, deadline_ms, &mine->why) == -1) {
		close_route(route);
		return tell(-1, mine->why.text, errmsg);
	}
	mine->routes[v6] = route;
	return 0;
}

static int
say(const struct drac_addr *addr, bool v6, char **errmsg)
{
	int64_t deadline_ms = drac_sys_ms() + TIMEOUT_MS;
	struct mine *mine = get_mine();
	int result = -1;

	if (mine == NULL)
		return tell(-1, no_memory, errmsg);
	if (addr->len == 0)
		(void)no_address(&mine->why);
	else if (mine->routes[v6] == NULL)
		drac_why_set(&mine->why, "not connected to a server");
	else
		result =
		    deliver(mine->routes[v6], addr, deadline_ms, &mine->why);
	return tell(result, mine->why.text, errmsg);
}

static int
disc(bool v6)
{
	struct mine *mine = get_mine();

	if (mine != NULL) {
		close_route(mine->routes[v6]);
		mine->routes[v6] = NULL;
	}
	return 0;
}

EXPORT int
dracauth(const char *server, unsigned long userip, char **errmsg)
{
	struct drac_addr addr = addr4(userip);

	return auth(server, &addr, false, errmsg);
}

EXPORT int
dracauth6(const char *server, const unsigned char *userip6, char **errmsg)
{
	struct drac_addr addr = addr6(userip6);

	return auth(server, &addr, true, errmsg);
}

EXPORT int
dracconn(const char *server, char **errmsg)
{
	return conn(server, false, errmsg);
}

EXPORT int
dracsend(unsigned long userip, char **errmsg)
{
	struct drac_addr addr = addr4(userip);

	return say(&addr, false, errmsg);
}

EXPORT int
dracdisc(char **errmsg)
{
	(void)errmsg;
	return disc(false);
}

EXPORT int
dracconn6(const char *server, char **errmsg)
{
	return conn(server, true, errmsg);
}

EXPORT int
dracsend6(const unsigned char *userip6, char **errmsg)
{
	struct drac_addr addr = addr6(userip6);

	return say(&addr, true, errmsg);
}

EXPORT int
dracdisc6(char **errmsg)
{
	(void)errmsg;
	return disc(true);
}
