/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Who may ask. The question whether an address is of this host comes before
 * the allow list, which may well contain it: any local user can call from
 * there. A reserved port tells root from the others, and the kernel tells the
 * others from each other.
 */

#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "diag.h"
#include "front.h"
#include "sys.h"

#define OWN_CACHED   64
#define OWN_CACHE_MS 1000

/* Nothing is ever sent there. */
#define DISCARD 9

#define UNPRIVILEGED "/proc/sys/net/ipv4/ip_unprivileged_port_start"

/* Questions to the kernel may take this much of a second. */
#define DIAG_US   100000
#define SECOND_US 1000000

/* For a line of the log: the host's own users, these at most, without NSS. */
#define PASSWD     "/etc/passwd"
#define PASSWD_MAX 4096u

struct own {
	struct drac_addr addr;
	int own;
	int64_t until_ms;
};

struct drac_gate {
	struct drac_nets allow;
	uid_t *users;
	size_t user_count;
	bool any;          /* every local user may */
	int64_t second_us; /* when this second of questions began */
	int64_t spent_us;  /* in it */
	unsigned reserved; /* ports below it are root's, for a second */
	int64_t reserved_until_ms;
	struct own cache[OWN_CACHED];
};

/* Opening */

static bool
is_number(const char *name, uid_t *uid)
{
	unsigned long value;

	if (name[0] == '\0' || name[strspn(name, "0123456789")] != '\0')
		return false;
	errno = 0;
	value = strtoul(name, NULL, 10);
	*uid = (uid_t)value;
	return errno == 0 && value < (uid_t)-1;
}

/* 0 or an error number, as getpwnam_r(3); *uid when it is 0. */
static int
find_user(const char *name, uid_t *uid)
{
	static const size_t room = 65536;
	struct passwd entry, *found = NULL;
	char *buffer = malloc(room);
	int error;

	if (buffer == NULL)
		return ENOMEM;
	error = getpwnam_r(name, &entry, buffer, room, &found);
	if (found == NULL && is_number(name, uid))
		error = getpwuid_r(*uid, &entry, buffer, room, &found);
	if (found != NULL)
		*uid = entry.pw_uid;
	else if (error == 0)
		error = ENOENT;
	free(buffer);
	return error;
}

static void
report_user(const char *name, int error, drac_conf_report *report, void *arg)
{
	struct drac_why why = { "" };

	drac_why_set(&why, "allow_users: %s: %s",
	    error == ENOENT ? "no such user" : strerror(error), name);
	report(why.text, arg);
}

void
drac_gate_leave_out(struct drac_conf *conf, drac_conf_report *report, void *arg)
{
	size_t kept = 0;
	uid_t uid;

	for (size_t i = 0; i < conf->allow_user_count; i++) {
		char *name = conf->allow_users[i];
		int error = find_user(name, &uid);

		if (error == 0) {
			conf->allow_users[kept++] = name;
			continue;
		}
		report_user(name, error, report, arg);
		free(name);
	}
	conf->allow_user_count = kept;
}

static int
find_users(struct drac_gate *gate, const struct drac_conf *conf,
    drac_conf_report *report, void *arg)
{
	int result = 0;

	for (size_t i = 0; i < conf->allow_user_count; i++) {
		const char *name = conf->allow_users[i];
		int error = find_user(name, &gate->users[gate->user_count]);

		if (error == 0) {
			gate->user_count++;
			continue;
		}
		report_user(name, error, report, arg);
		result = -1;
	}
	return result;
}

static void
warn_of_file(const char *text, void *arg)
{
	(void)arg;
	drac_say(LOG_WARNING, "%s", text);
}

static int
copy_allow(struct drac_gate *gate, const struct drac_conf *conf,
    drac_conf_report *report, void *arg)
{
	struct drac_allow_report file = { report, warn_of_file, arg };

	for (size_t i = 0; i < conf->allow.count; i++) {
		if (drac_nets_add(&gate->allow, &conf->allow.net[i]) == -1) {
			report("allow: out of memory", arg);
			return -1;
		}
	}
	if (conf->allow_file == NULL ||
	    drac_allow_load(&gate->allow, conf->allow_file, &file) == 0)
		return 0;
	return errno == ENOENT ? 0 : -1;
}

/* With room for all users; one more, since calloc may give NULL for none. */
static struct drac_gate *
new_gate(const struct drac_conf *conf)
{
	struct drac_gate *gate = calloc(1, sizeof *gate);

	if (gate == NULL)
		return NULL;
	gate->users = calloc(conf->allow_user_count + 1, sizeof *gate->users);
	if (gate->users == NULL) {
		free(gate);
		return NULL;
	}
	gate->any = drac_conf_takes_any_user(conf);
	return gate;
}

int
drac_gate_open(const struct drac_conf *conf, drac_conf_report *report,
    void *arg, struct drac_gate **gate)
{
	struct drac_gate *made = new_gate(conf);
	int users, allow;

	if (made == NULL) {
		report("out of memory", arg);
		return -1;
	}
	users = find_users(made, conf, report, arg);
	allow = copy_allow(made, conf, report, arg);
	if (users == -1 || allow == -1) {
		drac_gate_close(made);
		return -1;
	}
	*gate = made;
	return 0;
}

void
drac_gate_close(struct drac_gate *gate)
{
	if (gate == NULL)
		return;
	drac_nets_free(&gate->allow);
	free(gate->users);
	free(gate);
}

/* Asking. Questions answer 1 yes, 0 no, -1 cannot tell. */

static int
is_listed(const struct drac_addr *addr)
{
	struct ifaddrs *all;
	int found = 0;

	if (getifaddrs(&all) == -1)
		return -1;
	for (struct ifaddrs *one = all; one != NULL && found == 0;
	     one = one->ifa_next) {
		struct drac_addr of;
		const struct sockaddr *sa = one->ifa_addr;

		if (sa == NULL || drac_addr_from_sockaddr(sa,
				      sizeof(struct sockaddr_in6), &of) == -1)
			continue;
		found = drac_addr_equal(&of, addr);
	}
	freeifaddrs(all);
	return found;
}

/* It can be bound, but nothing is sent to it without SO_BROADCAST. */
static bool
is_broadcast(int fd, const struct drac_addr *addr)
{
	struct sockaddr_storage sa;
	socklen_t size = drac_addr_to_sockaddr(addr, DISCARD, &sa);

	return addr->len == 4 &&
	       connect(fd, (const struct sockaddr *)&sa, size) == -1 &&
	       errno == EACCES;
}

static int
can_bind(const struct drac_addr *addr)
{
	int fd = socket(addr->len == 4 ? AF_INET : AF_INET6,
	    SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int result, error;

	if (fd == -1)
		return -1;
	result = drac_bind(fd, addr, 0);
	error = errno;
	if (result == 0 && is_broadcast(fd, addr)) {
		result = -1;
		error = EADDRNOTAVAIL;
	}
	close(fd);
	if (result == 0)
		return 1;
	return error == EADDRNOTAVAIL ? 0 : -1;
}

/* With ip_nonlocal_bind any address can be bound, these two as well. */
static bool
can_bind_anything(const struct drac_addr *addr)
{
	static const struct drac_addr nobody4 = { 4, { 240, 0, 0, 1 } };
	static const struct drac_addr nobody6 = { 16, { 1, [15] = 1 } };

	return can_bind(addr->len == 4 ? &nobody4 : &nobody6) != 0;
}

/*
 * Binding knows more than the list of interfaces: whole networks may be
 * routed to this host. A link-local address cannot be bound without its
 * interface.
 */
static int
find_own(const struct drac_addr *addr)
{
	enum drac_scope scope = drac_addr_scope(addr);
	int bound;

	if (scope == DRAC_SCOPE_LOOPBACK)
		return 1;
	if (scope == DRAC_SCOPE_LINKLOCAL)
		return is_listed(addr);
	bound = can_bind(addr);
	if (bound == 1 && can_bind_anything(addr))
		return is_listed(addr);
	return bound;
}

static int
is_own(struct drac_gate *gate, const struct drac_addr *addr)
{
	int64_t now_ms = drac_sys_ms();
	unsigned sum = addr->len;
	struct own *known;

	for (size_t i = 0; i < addr->len; i++)
		sum = sum * 31 + addr->octet[i];
	known = &gate->cache[sum % OWN_CACHED];
	if (now_ms < known->until_ms && drac_addr_equal(&known->addr, addr))
		return known->own;
	known->addr = *addr;
	known->own = find_own(addr);
	known->until_ms = now_ms + OWN_CACHE_MS;
	return known->own;
}

static bool
is_user(const struct drac_gate *gate, uid_t uid)
{
	if (gate->any)
		return true;
	for (size_t i = 0; i < gate->user_count; i++) {
		if (gate->users[i] == uid)
			return true;
	}
	return false;
}

static enum drac_right
ask_user(const struct drac_gate *gate, uid_t uid, enum drac_refusal *refusal)
{
	if (uid == 0 || uid == geteuid())
		return DRAC_RIGHT_ADMIN;
	if (is_user(gate, uid))
		return DRAC_RIGHT_ADD;
	*refusal = DRAC_REFUSAL_USER;
	return DRAC_RIGHT_NONE;
}

static bool
is_datagram6(const struct drac_caller *caller)
{
	return caller->road == DRAC_ROAD_UDP && caller->addr.len == 16;
}

/*
 * Addresses of this host that prove nothing. The kernel takes an IPv6
 * datagram from outside that bears one of them, unless it is ::1; and a
 * neighbour may well have our link-local address on another link.
 */
static bool
is_forgeable(const struct drac_caller *caller)
{
	enum drac_scope scope = drac_addr_scope(&caller->addr);

	if (scope == DRAC_SCOPE_LINKLOCAL)
		return caller->addr.len == 16;
	return is_datagram6(caller) && scope != DRAC_SCOPE_LOOPBACK;
}

/*
 * The first port that any user may bind. 0 when that is not known: then no
 * port proves anything.
 */
static unsigned
read_reserved(void)
{
	char text[16];
	ssize_t len;
	int fd = open(UNPRIVILEGED, O_RDONLY | O_CLOEXEC);
	unsigned long start;

	if (fd == -1)
		return 0;
	len = read(fd, text, sizeof text - 1);
	close(fd);
	if (len <= 0)
		return 0;
	text[len] = '\0';
	start = strtoul(text, NULL, 10);
	return start < IPPORT_RESERVED ? (unsigned)start : IPPORT_RESERVED;
}

/* An administrator may give ports below 1024 away while the daemon runs. */
static bool
has_roots_port(struct drac_gate *gate, const struct drac_caller *caller)
{
	int64_t now_ms;

	if (gate->any)
		return true;
	if (caller->port == 0 || caller->port >= IPPORT_RESERVED)
		return false;
	now_ms = drac_sys_ms();
	if (now_ms >= gate->reserved_until_ms) {
		gate->reserved = read_reserved();
		gate->reserved_until_ms = now_ms + OWN_CACHE_MS;
	}
	return caller->port < gate->reserved;
}

static int64_t
clock_us(void)
{
	struct timespec now = { 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * SECOND_US + now.tv_nsec / 1000;
}

/*
 * Have the kernel tell whose the caller is. How long that takes any user can
 * decide, who may open as many sockets as he likes: so it has a tenth of each
 * second, and whoever calls beyond that is not known.
 */
static void
learn_user(struct drac_gate *gate, struct drac_caller *caller)
{
	int64_t start_us = clock_us();
	int result;

	if (caller->told)
		return;
	if (start_us - gate->second_us >= SECOND_US) {
		gate->second_us = start_us;
		gate->spent_us = 0;
	}
	if (gate->spent_us >= DIAG_US)
		return;
	result = caller->road == DRAC_ROAD_TCP
		     ? drac_diag_tcp(caller->fd, &caller->addr, caller->port,
			   &caller->uid)
		     : drac_diag_udp(caller->port, &caller->uid);
	caller->told = result == 1;
	gate->spent_us += clock_us() - start_us;
}

static enum drac_refusal
ask_own(struct drac_gate *gate, struct drac_caller *caller)
{
	if (is_forgeable(caller))
		return DRAC_REFUSAL_PORT;
	if (has_roots_port(gate, caller))
		return DRAC_REFUSAL_NONE;
	/*
	 * Who sent a datagram may be gone, and a socket of somebody else be on
	 * that port: over UDP no user counts.
	 */
	if (gate->user_count == 0 || caller->road == DRAC_ROAD_UDP)
		return DRAC_REFUSAL_PORT;
	learn_user(gate, caller);
	if (!caller->told)
		return DRAC_REFUSAL_PORT;
	return is_user(gate, caller->uid) ? DRAC_REFUSAL_NONE
					  : DRAC_REFUSAL_USER;
}

/*
 * Any local user can send an IPv6 datagram to ::1 from any address at all
 * (IPV6_FREEBIND), but not from a reserved port.
 */
static enum drac_refusal
ask_other(struct drac_gate *gate, const struct drac_caller *caller)
{
	if (drac_nets_find(&gate->allow, &caller->addr) == NULL)
		return DRAC_REFUSAL_HOST;
	return is_datagram6(caller) && !has_roots_port(gate, caller)
		   ? DRAC_REFUSAL_PORT
		   : DRAC_REFUSAL_NONE;
}

static enum drac_refusal
ask_host(struct drac_gate *gate, struct drac_caller *caller)
{
	enum drac_scope scope = drac_addr_scope(&caller->addr);
	int own;

	/* Nobody's, though some of them can be bound. */
	if (scope == DRAC_SCOPE_UNSPECIFIED || scope == DRAC_SCOPE_MULTICAST)
		return DRAC_REFUSAL_HOST;
	own = is_own(gate, &caller->addr);
	if (own == 1)
		return ask_own(gate, caller);
	return own == 0 ? ask_other(gate, caller) : DRAC_REFUSAL_HOST;
}

enum drac_right
drac_gate_ask(struct drac_gate *gate, struct drac_caller *caller,
    enum drac_refusal *refusal)
{
	*refusal = DRAC_REFUSAL_NONE;
	if (caller->road == DRAC_ROAD_LOCAL)
		return ask_user(gate, caller->uid, refusal);
	*refusal = ask_host(gate, caller);
	return *refusal == DRAC_REFUSAL_NONE ? DRAC_RIGHT_ADD : DRAC_RIGHT_NONE;
}

/* A user of /etc/passwd; "8" for one who is not there. */
static void
name_user(uid_t uid, char *text, size_t size)
{
	FILE *file = fopen(PASSWD, "re");
	char line[1024], name[33];
	unsigned found;

	snprintf(text, size, "%u", (unsigned)uid);
	if (file == NULL)
		return;
	for (unsigned i = 0;
	     i < PASSWD_MAX && fgets(line, sizeof line, file) != NULL; i++) {
		if (sscanf(line, "%32[^:]:%*[^:]:%u:", name, &found) == 2 &&
		    found == uid) {
			snprintf(text, size, "%s", name);
			break;
		}
	}
	(void)fclose(file);
}

void
drac_gate_advise(struct drac_gate *gate, struct drac_caller *caller,
    enum drac_refusal refusal, char text[DRAC_ADVICE_TEXT])
{
	char name[40];

	text[0] = '\0';
	if (refusal != DRAC_REFUSAL_USER && refusal != DRAC_REFUSAL_PORT)
		return;
	if (caller->road != DRAC_ROAD_LOCAL) {
		if (is_own(gate, &caller->addr) != 1 || is_forgeable(caller))
			return;
		learn_user(gate, caller);
		if (!caller->told)
			return;
	}
	name_user(caller->uid, name, sizeof name);
	if (caller->road == DRAC_ROAD_UDP)
		snprintf(text, DRAC_ADVICE_TEXT,
		    ", from user %s (uid %u): set allow_users = any, or let "
		    "it call by TCP",
		    name, (unsigned)caller->uid);
	else
		snprintf(text, DRAC_ADVICE_TEXT,
		    ", from user %s (uid %u): set allow_users = %s, or any",
		    name, (unsigned)caller->uid, name);
}

void
drac_caller_text(const struct drac_caller *caller, char text[DRAC_CALLER_TEXT])
{
	char address[DRAC_ADDR_TEXT];

	if (caller->road == DRAC_ROAD_LOCAL) {
		snprintf(text, DRAC_CALLER_TEXT, "user %u, process %d",
		    (unsigned)caller->uid, (int)caller->pid);
		return;
	}
	drac_addr_text(&caller->addr, address);
	snprintf(text, DRAC_CALLER_TEXT, "%s port %u (%s)", address,
	    caller->port, caller->road == DRAC_ROAD_UDP ? "udp" : "tcp");
}
