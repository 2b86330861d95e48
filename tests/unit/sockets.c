/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the daemon listens on: ports, the local socket and its directory,
 * sockets that systemd hands over, a host without IPv6.
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

#include "front.h"
#include "namespace.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

struct drac_stats drac_stats;

/* What a test has: a directory, a configuration, a front. */
static char dir[64];
static char path[80];
static struct drac_endpoint endpoints[4];
static struct drac_conf conf;
static struct drac_front *front;
static struct drac_why why;
static struct drac_bound bound[8];

static void
set_up(void)
{
	strcpy(dir, "/tmp/drac-sockets-XXXXXX");
	CHECK(mkdtemp(dir) != NULL);
	snprintf(path, sizeof path, "%s/sock", dir);
	conf = (struct drac_conf){ .listen = endpoints };
	front = NULL;
}

static void
tear_down(void)
{
	drac_front_close(front);
	CHECK(rmdir(dir) == 0);
}

static void
listen_on(const char *address, unsigned short port)
{
	struct drac_endpoint *endpoint = &endpoints[conf.listen_count++];

	CHECK(drac_addr_parse(address, &endpoint->addr) == 0);
	endpoint->port = port;
}

static int
open_front(void)
{
	return drac_front_open(&conf, &front, &why);
}

static void
close_front(void)
{
	drac_front_close(front);
	front = NULL;
}

/* Sockets bound; 0 when one has another port than the first. */
static size_t
count_with_one_port(void)
{
	size_t count = drac_front_bound(front, bound, COUNT(bound));

	for (size_t i = 1; i < count; i++) {
		if (bound[i].port != bound[0].port)
			return 0;
	}
	return count;
}

/* A socket on an address and port of its own; *port 0: any. */
static int
squat(int type, const char *address, unsigned short *port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_port = htons(*port) };
	socklen_t len = sizeof sin;
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	CHECK(inet_pton(AF_INET, address, &sin.sin_addr) == 1);
	CHECK(bind(fd, (struct sockaddr *)&sin, sizeof sin) == 0);
	if (type == SOCK_STREAM)
		CHECK(listen(fd, 1) == 0);
	CHECK(getsockname(fd, (struct sockaddr *)&sin, &len) == 0);
	*port = ntohs(sin.sin_port);
	return fd;
}

/* Ports */

static void
one_port_for_all(void)
{
	set_up();
	listen_on("127.0.0.1", 0);
	listen_on("127.0.0.2", 0);
	CHECK_ROW(open_front() == 0, why.text);
	CHECK(why.text[0] == '\0');
	CHECK(count_with_one_port() == 4);
	CHECK(bound[0].port != 0);
	if (geteuid() == 0)
		CHECK(bound[0].port >= 600 && bound[0].port < 1024);
	tear_down();
}

/* Root finds the reserved ports of one address taken, and none is half had. */
static void
port_taken_on_one_address_is_no_choice(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	int squatters[424];

	set_up();
	CHECK(inet_pton(AF_INET, "127.0.0.2", &sin.sin_addr) == 1);
	for (unsigned i = 0; i < COUNT(squatters); i++) {
		sin.sin_port = htons((unsigned short)(600 + i));
		squatters[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (bind(squatters[i], (struct sockaddr *)&sin, sizeof sin) ==
		    0)
			CHECK(listen(squatters[i], 1) == 0);
	}
	listen_on("127.0.0.1", 0);
	listen_on("127.0.0.2", 0);
	CHECK_ROW(open_front() == 0, why.text);
	CHECK(count_with_one_port() == 4);
	CHECK(bound[0].port >= 1024);
	for (unsigned i = 0; i < COUNT(squatters); i++)
		close(squatters[i]);
	tear_down();
}

static void
named_ports_are_kept(void)
{
	unsigned short port = 0, other = 0;
	int first, second;

	set_up();
	first = squat(SOCK_STREAM, "127.0.0.1", &port);
	second = squat(SOCK_STREAM, "127.0.0.2", &other);
	close(first);
	close(second);
	listen_on("127.0.0.1", port);
	listen_on("127.0.0.2", 0);
	conf.port = other;
	CHECK_ROW(open_front() == 0, why.text);
	CHECK(drac_front_bound(front, bound, COUNT(bound)) == 4);
	CHECK(bound[0].port == port && !bound[0].tcp && !bound[0].v6);
	CHECK(bound[1].port == port && bound[1].tcp);
	CHECK(bound[2].port == other && !bound[2].tcp);
	CHECK(bound[3].port == other && bound[3].tcp);
	CHECK(bound[3].addr.octet[3] == 2);
	tear_down();
}

static void
taken_port_is_a_sentence(void)
{
	static const struct {
		const char *name;
		int type;
		const char *transport;
	} rows[] = {
		{ "tcp", SOCK_STREAM, "tcp" },
		{ "udp", SOCK_DGRAM, "udp" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		unsigned short port = 0;
		char sentence[128];
		int fd;

		set_up();
		fd = squat(rows[i].type, "127.0.0.1", &port);
		conf.port = port;
		listen_on("127.0.0.1", 0);
		CHECK_ROW(open_front() == -1 && errno == EADDRINUSE,
		    rows[i].name);
		snprintf(sentence, sizeof sentence,
		    "cannot listen on 127.0.0.1 port %u (%s): "
		    "somebody else has this port",
		    port, rows[i].transport);
		CHECK_ROW(strcmp(why.text, sentence) == 0, why.text);
		close(fd);
		tear_down();
	}
}

static void
foreign_address_is_a_sentence(void)
{
	set_up();
	conf.port = 40000;
	listen_on("203.0.113.213", 0);
	CHECK(open_front() == -1 && errno == EADDRNOTAVAIL);
	CHECK_ROW(strstr(why.text,
		      "cannot listen on 203.0.113.213 port 40000 (udp): ") ==
		      why.text,
	    why.text);
	tear_down();
}

static void
nothing_to_listen_on_is_fine(void)
{
	set_up();
	conf.socket = path;
	CHECK_ROW(open_front() == 0, why.text);
	CHECK(drac_front_bound(front, bound, COUNT(bound)) == 0);
	tear_down();
}

/* The local socket */

static int
connect_to(const char *where)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(sun.sun_path, sizeof sun.sun_path, "%s", where);
	if (connect(fd, (struct sockaddr *)&sun, sizeof sun) == 0)
		return fd;
	close(fd);
	return -1;
}

static int
listen_at(const char *where)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(sun.sun_path, sizeof sun.sun_path, "%s", where);
	CHECK(bind(fd, (struct sockaddr *)&sun, sizeof sun) == 0);
	CHECK(listen(fd, 1) == 0);
	return fd;
}

static mode_t
mode_of(const char *where)
{
	struct stat st;

	CHECK(lstat(where, &st) == 0 && S_ISSOCK(st.st_mode));
	return st.st_mode & 07777;
}

/* Root's group is let in, since that is how root gets in. */
static mode_t
closed(void)
{
	return geteuid() == 0 && getegid() == 0 ? 0660 : 0600;
}

static void
local_socket_has_its_mode_and_goes(void)
{
	const struct {
		const char *name;
		mode_t umask;
		size_t users;
		mode_t mode;
	} rows[] = {
		{ "nobody else", 0, 0, closed() },
		{ "allow_users", 077, 1, 0666 },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		mode_t before = umask(rows[i].umask);
		struct stat st;
		int fd;

		set_up();
		conf.socket = path;
		conf.allow_user_count = rows[i].users;
		CHECK_ROW(open_front() == 0, why.text);
		CHECK_ROW(umask(before) == rows[i].umask, rows[i].name);
		CHECK_ROW(mode_of(path) == rows[i].mode, rows[i].name);
		fd = connect_to(path);
		CHECK(fd != -1);
		close(fd);
		close_front();
		CHECK(lstat(path, &st) == -1 && errno == ENOENT);
		tear_down();
	}
}

static void
local_socket_is_given_to_the_user(void)
{
	static char user[] = "daemon";
	struct stat st;

	if (geteuid() != 0) {
		test_skipped = "needs root";
		return;
	}
	set_up();
	conf.socket = path;
	conf.user = user;
	CHECK_ROW(open_front() == 0, why.text);
	CHECK(lstat(path, &st) == 0 && st.st_uid == 1 && st.st_gid == 0);
	CHECK(mode_of(path) == closed());
	tear_down();
}

/* Only the file that was made here: another one in its place is not ours. */
static void
reload_changes_the_mode(void)
{
	char moved[80];
	int fd;

	set_up();
	conf.socket = path;
	CHECK_ROW(open_front() == 0, why.text);
	conf.allow_user_count = 1;
	CHECK(drac_front_admit(front, &conf, &why) == 0);
	CHECK(mode_of(path) == 0666);
	conf.allow_user_count = 0;
	CHECK(drac_front_admit(front, &conf, &why) == 0);
	CHECK(mode_of(path) == closed());
	snprintf(moved, sizeof moved, "%s/moved", dir);
	CHECK(rename(path, moved) == 0);
	fd = listen_at(path);
	CHECK(chmod(path, 0640) == 0);
	conf.allow_user_count = 1;
	CHECK(drac_front_admit(front, &conf, &why) == 0);
	CHECK(mode_of(path) == 0640 && mode_of(moved) == closed());
	close(fd);
	CHECK(unlink(path) == 0 && unlink(moved) == 0);
	tear_down();
}

static void
stale_socket_is_replaced(void)
{
	char aside[80];
	int fd;

	set_up();
	conf.socket = path;
	close(listen_at(path));
	snprintf(aside, sizeof aside, "%s/soc~", dir);
	close(listen_at(aside));
	CHECK(connect_to(path) == -1);
	CHECK_ROW(open_front() == 0, why.text);
	fd = connect_to(path);
	CHECK(fd != -1);
	close(fd);
	tear_down();
}

static void
answering_socket_is_left_alone(void)
{
	char sentence[128];
	int fd, caller;

	set_up();
	conf.socket = path;
	fd = listen_at(path);
	CHECK(open_front() == -1 && errno == EADDRINUSE);
	snprintf(sentence, sizeof sentence, "%s: another daemon answers there",
	    path);
	CHECK_ROW(strcmp(why.text, sentence) == 0, why.text);
	caller = connect_to(path);
	CHECK(caller != -1);
	close(caller);
	close(fd);
	CHECK(unlink(path) == 0);
	tear_down();
}

/* Whoever took the place meanwhile keeps it. */
static void
another_ones_socket_is_not_removed(void)
{
	char moved[80];
	int fd;

	set_up();
	conf.socket = path;
	CHECK_ROW(open_front() == 0, why.text);
	snprintf(moved, sizeof moved, "%s/moved", dir);
	CHECK(rename(path, moved) == 0);
	fd = listen_at(path);
	close_front();
	CHECK(unlink(path) == 0);
	CHECK(unlink(moved) == 0);
	close(fd);
	tear_down();
}

static void
file_in_the_way_is_left_alone(void)
{
	struct stat st;
	int fd;

	set_up();
	conf.socket = path;
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	CHECK(fd != -1 && close(fd) == 0);
	CHECK(open_front() == -1 && errno == EEXIST);
	CHECK_ROW(strstr(why.text, "is not a socket") != NULL, why.text);
	CHECK(lstat(path, &st) == 0 && S_ISREG(st.st_mode));
	CHECK(unlink(path) == 0);
	tear_down();
}

static void
directory_must_be_safe(void)
{
	static const struct {
		const char *name;
		mode_t mode;
		int error; /* 0: good */
		const char *sentence;
	} rows[] = {
		{ "ours alone", 0700, 0, "" },
		{ "readable by all", 0755, 0, "" },
		{ "writable by group", 0770, EPERM, "writable by group or" },
		{ "writable by others", 0757, EPERM, "writable by group or" },
		{ "sticky", 01777, EPERM, "writable by group or" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		set_up();
		conf.socket = path;
		CHECK(chmod(dir, rows[i].mode) == 0);
		if (rows[i].error == 0) {
			CHECK_ROW(open_front() == 0, rows[i].name);
		} else {
			CHECK_ROW(open_front() == -1 && errno == rows[i].error,
			    rows[i].name);
			CHECK_ROW(strstr(why.text, rows[i].sentence) != NULL,
			    why.text);
		}
		tear_down();
	}
}

static void
directory_must_be_there(void)
{
	set_up();
	snprintf(path, sizeof path, "%s/none/sock", dir);
	conf.socket = path;
	CHECK(open_front() == -1 && errno == ENOENT);
	CHECK_ROW(strstr(why.text, "/none: No such file") != NULL, why.text);
	tear_down();
}

static void
directory_of_another_user_is_refused(void)
{
	static char user[] = "daemon";

	if (geteuid() != 0) {
		test_skipped = "needs root";
		return;
	}
	set_up();
	conf.socket = path;
	CHECK(chown(dir, 1, 1) == 0);
	CHECK(open_front() == -1 && errno == EPERM);
	CHECK_ROW(strstr(why.text, "belongs to user 1") != NULL, why.text);
	conf.user = user; /* as whom the daemon will run */
	CHECK_ROW(open_front() == 0, why.text);
	tear_down();
}

static void
longest_path_is_taken(void)
{
	char longest[sizeof((struct sockaddr_un *)0)->sun_path];

	set_up();
	memset(longest, 'x', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	memcpy(longest, dir, strlen(dir));
	longest[strlen(dir)] = '/';
	conf.socket = longest;
	CHECK_ROW(open_front() == 0, why.text);
	tear_down();
}

/* Failing half way leaves nothing behind. */
static void
failure_leaves_nothing(void)
{
	unsigned short port = 0;
	struct stat st;
	int fd, before, after;

	set_up();
	conf.socket = path;
	fd = squat(SOCK_STREAM, "127.0.0.1", &port);
	listen_on("127.0.0.1", port);
	before = dup(0);
	close(before);
	CHECK(open_front() == -1);
	CHECK(lstat(path, &st) == -1 && errno == ENOENT);
	after = dup(0);
	close(after);
	CHECK(before == after);
	close(fd);
	tear_down();
}

/* Sockets handed over, in a child, whose descriptors are its own */

static void
set_number(const char *name, long number)
{
	char text[24];

	snprintf(text, sizeof text, "%ld", number);
	CHECK(setenv(name, text, 1) == 0);
}

/* Hand over these as descriptors 3 and up. */
static void
hand_over(const int *fds, int count)
{
	int copies[4];

	for (int i = 0; i < count; i++)
		copies[i] = fcntl(fds[i], F_DUPFD, 20);
	for (int i = 0; i < count; i++)
		CHECK(dup2(copies[i], 3 + i) == 3 + i);
	set_number("LISTEN_FDS", count);
	set_number("LISTEN_PID", getpid());
	CHECK(setenv("LISTEN_FDNAMES", "x", 1) == 0);
}

static void
all_kinds_in_child(void)
{
	unsigned short port = 0, other = 0;
	char elsewhere[80];
	struct stat st;
	int fds[3], caller;

	set_up();
	snprintf(elsewhere, sizeof elsewhere, "%s/other", dir);
	fds[0] = squat(SOCK_DGRAM, "127.0.0.1", &port);
	fds[1] = listen_at(elsewhere);
	fds[2] = squat(SOCK_STREAM, "127.0.0.1", &other);
	conf.socket = path;
	listen_on("127.0.0.2", 0);
	hand_over(fds, 3);
	CHECK_ROW(open_front() == 0, why.text);
	CHECK(getenv("LISTEN_PID") == NULL && getenv("LISTEN_FDS") == NULL);
	CHECK(getenv("LISTEN_FDNAMES") == NULL);
	CHECK(drac_front_bound(front, bound, COUNT(bound)) == 2);
	CHECK(!bound[0].tcp && bound[0].port == port);
	CHECK(bound[1].tcp && bound[1].port == other);
	CHECK(lstat(path, &st) == -1 && errno == ENOENT);
	for (int fd = 3; fd < 6; fd++) {
		CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
		CHECK((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
	}
	caller = connect_to(elsewhere);
	(void)drac_front_collect(front, 1, NULL, 0);
	CHECK(caller != -1);
	close_front();
	CHECK(lstat(elsewhere, &st) == 0); /* systemd's */
	CHECK(unlink(elsewhere) == 0);
	tear_down();
}

/* The name counts for UNIX sockets alone. */
static void
lookups_in_child(void)
{
	char paths[4][96];
	int fds[4], taken[DRAC_LOOKUP_MAX];
	unsigned short port = 0;

	set_up();
	for (size_t i = 0; i < 4; i++)
		snprintf(paths[i], sizeof paths[i], "%s/%zu", dir, i);
	fds[0] = listen_at(paths[0]);
	fds[1] = listen_at(paths[1]);
	fds[2] = squat(SOCK_STREAM, "127.0.0.1", &port);
	fds[3] = listen_at(paths[3]);
	hand_over(fds, 4);
	CHECK(setenv("LISTEN_FDNAMES", "lookup:lookups:lookup:lookup", 1) == 0);
	CHECK_ROW(open_front() == 0, why.text);
	CHECK(drac_front_lookups(front, taken) == 2);
	CHECK(taken[0] == 3 && taken[1] == 6);
	CHECK(drac_front_lookups(front, taken) == 0);
	CHECK(drac_front_bound(front, bound, COUNT(bound)) == 1);
	close_front();
	CHECK(fcntl(3, F_GETFD) != -1 && fcntl(6, F_GETFD) != -1);
	CHECK(fcntl(4, F_GETFD) == -1 && fcntl(5, F_GETFD) == -1);
	CHECK(unlink(paths[0]) == 0 && unlink(paths[1]) == 0 &&
	      unlink(paths[3]) == 0);
	tear_down();
}

static void
handed_lookup_sockets_are_apart(void)
{
	in_child(lookups_in_child);
}

static void
handed_sockets_are_recognised(void)
{
	in_child(all_kinds_in_child);
}

static void
local_alone_in_child(void)
{
	char elsewhere[80];
	int fd;

	set_up();
	snprintf(elsewhere, sizeof elsewhere, "%s/other", dir);
	fd = listen_at(elsewhere);
	listen_on("127.0.0.1", 0);
	hand_over(&fd, 1);
	CHECK_ROW(open_front() == 0, why.text);
	CHECK(count_with_one_port() == 2);
	CHECK(unlink(elsewhere) == 0);
	tear_down();
}

static void
handed_local_socket_leaves_listen_as_it_is(void)
{
	in_child(local_alone_in_child);
}

/* -1: no IPv6. */
static int
dual_stack(int type, unsigned short *port)
{
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6 };
	socklen_t len = sizeof sin6;
	int off = 0, fd = socket(AF_INET6, type | SOCK_CLOEXEC, 0);

	if (fd == -1 ||
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) == -1 ||
	    bind(fd, (struct sockaddr *)&sin6, sizeof sin6) == -1) {
		test_skipped = "no IPv6 here";
		return -1;
	}
	if (type == SOCK_STREAM)
		CHECK(listen(fd, 1) == 0);
	CHECK(getsockname(fd, (struct sockaddr *)&sin6, &len) == 0);
	*port = ntohs(sin6.sin6_port);
	return fd;
}

static void
dual_stack_in_child(void)
{
	static const int types[] = { SOCK_DGRAM, SOCK_STREAM };
	unsigned short port;

	for (size_t i = 0; i < COUNT(types); i++) {
		int fd = dual_stack(types[i], &port);

		if (fd == -1)
			return;
		set_up();
		hand_over(&fd, 1);
		CHECK(open_front() == -1);
		CHECK_ROW(
		    strstr(why.text,
			"descriptor 3 of LISTEN_FDS cannot be served: "
			"IPv4 and IPv6 at once; BindIPv6Only=ipv6-only") ==
			why.text,
		    why.text);
		close(fd);
		tear_down();
	}
}

static void
handed_dual_stack_socket_is_refused(void)
{
	in_child(dual_stack_in_child);
}

/* An ADD of version 1 to port of 127.0.0.1. */
static void
send_add(unsigned short port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct drac_call call = { .version = 1, .procedure = DRAC_PROC_ADD };
	unsigned char octets[DRAC_CALL_MAX];
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	CHECK(drac_addr_parse("192.0.2.7", &call.addr) == 0);
	CHECK(sendto(fd, octets, drac_wire_call(&call, octets), 0,
		  (struct sockaddr *)&sin, sizeof sin) == 44);
	close(fd);
}

static void
mapped_sender_is_noise(void)
{
	static struct drac_dgrams dgrams;
	struct drac_socket socket = { .road = DRAC_ROAD_UDP, .v6 = true };
	uint64_t malformed = drac_stats.malformed;
	struct drac_job jobs[2];
	unsigned short port;
	bool more;

	socket.fd = dual_stack(SOCK_DGRAM, &port);
	if (socket.fd == -1)
		return;
	send_add(port);
	for (int i = 0; i < 1000 && drac_stats.malformed == malformed; i++)
		CHECK(drac_dgram_collect(&dgrams, &socket, jobs, 0, 2, &more) ==
		      0);
	CHECK(drac_stats.malformed == malformed + 1);
	close(socket.fd);
}

static void
bad_ones_in_child(void)
{
	unsigned short port = 0;
	int fds[2];

	set_up();
	fds[0] = squat(SOCK_DGRAM, "127.0.0.1", &port);
	fds[1] = socket(AF_INET, SOCK_STREAM, 0);
	hand_over(fds, 2);
	CHECK(open_front() == -1);
	CHECK_ROW(strstr(why.text, "descriptor 4 of LISTEN_FDS") == why.text,
	    why.text);
	fds[1] = open("/dev/null", O_RDONLY);
	hand_over(fds, 2);
	CHECK(open_front() == -1);
	tear_down();
}

static void
handed_rubbish_is_refused(void)
{
	in_child(bad_ones_in_child);
}

static void
other_process_in_child(void)
{
	static const struct {
		const char *pid;
		const char *count;
	} rows[] = { { "1", "1" }, { "", "1" }, { "x", "1" }, { NULL, "0" },
		{ NULL, "-1" }, { NULL, "1x" },
		{ NULL, "99999999999999999999" } };

	for (size_t i = 0; i < COUNT(rows); i++) {
		set_up();
		conf.socket = path;
		set_number("LISTEN_PID", getpid());
		if (rows[i].pid != NULL)
			CHECK(setenv("LISTEN_PID", rows[i].pid, 1) == 0);
		CHECK(setenv("LISTEN_FDS", rows[i].count, 1) == 0);
		CHECK_ROW(open_front() == 0, why.text);
		CHECK(drac_front_bound(front, bound, COUNT(bound)) == 0);
		CHECK(getenv("LISTEN_FDS") == NULL);
		tear_down();
	}
}

static void
what_is_handed_to_others_is_ignored(void)
{
	in_child(other_process_in_child);
}

/* A host without IPv6: a network namespace */

static void
without_ipv6_in_child(void)
{
	if (!enter_network() ||
	    !write_text("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1")) {
		test_skipped = "no network without IPv6 to be had";
		return;
	}
	set_up();
	listen_on("127.0.0.1", 40000);
	listen_on("::1", 40000);
	CHECK_ROW(open_front() == 0, why.text);
	CHECK(drac_front_bound(front, bound, COUNT(bound)) == 2);
	CHECK_ROW(strstr(why.text, "cannot listen on ::1 port 40000 (tcp)") ==
		      why.text,
	    why.text);
	close_front();
	conf.listen_count = 0;
	listen_on("::1", 40000);
	CHECK(open_front() == -1 && errno == EADDRNOTAVAIL);
	tear_down();
}

static void
missing_family_is_left_out(void)
{
	in_child(without_ipv6_in_child);
}

int
main(void)
{
	RUN(one_port_for_all);
	RUN(port_taken_on_one_address_is_no_choice);
	RUN(named_ports_are_kept);
	RUN(taken_port_is_a_sentence);
	RUN(foreign_address_is_a_sentence);
	RUN(nothing_to_listen_on_is_fine);
	RUN(local_socket_has_its_mode_and_goes);
	RUN(local_socket_is_given_to_the_user);
	RUN(reload_changes_the_mode);
	RUN(stale_socket_is_replaced);
	RUN(answering_socket_is_left_alone);
	RUN(another_ones_socket_is_not_removed);
	RUN(file_in_the_way_is_left_alone);
	RUN(directory_must_be_safe);
	RUN(directory_must_be_there);
	RUN(directory_of_another_user_is_refused);
	RUN(longest_path_is_taken);
	RUN(failure_leaves_nothing);
	RUN(handed_lookup_sockets_are_apart);
	RUN(handed_sockets_are_recognised);
	RUN(handed_local_socket_leaves_listen_as_it_is);
	RUN(handed_dual_stack_socket_is_refused);
	RUN(mapped_sender_is_noise);
	RUN(handed_rubbish_is_refused);
	RUN(what_is_handed_to_others_is_ignored);
	RUN(missing_family_is_left_out);
	return TEST_RESULT();
}
