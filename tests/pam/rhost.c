/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Where the address comes from and which addresses count. The program runs
 * in a network namespace of its own, with 192.0.2.0/24 and two addresses
 * of 2001:db8::/64 on its loopback interface, so that a client socket can
 * have a peer that is worth recording. Without root it needs a user
 * namespace for that; where there is none, the tests with sockets are
 * skipped.
 */

#include <sys/ioctl.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>

#include "apart.h"

/* Descriptors of a connection, and no more than two of them. */
struct connection {
	int client;
	int server;
};

static bool have_network;

static void
add_v4(int fd, const char *name, const char *text)
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	struct ifreq request = { 0 };

	strcpy(request.ifr_name, name);
	inet_pton(AF_INET, text, &addr.sin_addr);
	memcpy(&request.ifr_addr, &addr, sizeof(addr));
	if (ioctl(fd, SIOCSIFADDR, &request) == -1)
		die(text);
	inet_pton(AF_INET, "255.255.255.0", &addr.sin_addr);
	memcpy(&request.ifr_netmask, &addr, sizeof(addr));
	if (ioctl(fd, SIOCSIFNETMASK, &request) == -1)
		die("netmask");
}

/* struct in6_ifreq of <linux/ipv6.h>, which collides with <netinet/in.h>. */
static void
add_v6(const char *text)
{
	struct {
		struct in6_addr addr;
		uint32_t bits;
		int interface;
	} request = { .bits = 128, .interface = (int)if_nametoindex("lo") };
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET6, text, &request.addr);
	if (fd == -1 || ioctl(fd, SIOCSIFADDR, &request) == -1)
		die(text);
	close(fd);
}

static void
become_host(void)
{
	int fd;

	if (!enter_network())
		return;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		die("socket");
	add_v4(fd, "lo:1", "192.0.2.1");
	close(fd);
	add_v6("2001:db8::1");
	add_v6("2001:db8::7");
	have_network = true;
}

#define RUN_WITH_NETWORK(function)                                    \
	do {                                                          \
		if (have_network)                                     \
			RUN(function);                                \
		else                                                  \
			printf("skip " #function                      \
			       ": no network namespace to be had\n");  \
	} while (0)

static socklen_t
socket_address(const char *text, unsigned short port,
    struct sockaddr_storage *addr)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET,
		.sin_port = htons(port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
		.sin6_port = htons(port) };

	memset(addr, 0, sizeof(*addr));
	if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
		memcpy(addr, &v4, sizeof(v4));
		return sizeof(v4);
	}
	if (inet_pton(AF_INET6, text, &v6.sin6_addr) != 1)
		die(text);
	memcpy(addr, &v6, sizeof(v6));
	return sizeof(v6);
}

static int
bound_socket(int family, int type, const char *text, unsigned short port)
{
	struct sockaddr_storage addr;
	socklen_t len = socket_address(text, port, &addr);
	int fd = socket(family, type | SOCK_CLOEXEC, 0), one = 1;

	if (fd == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == -1 ||
	    bind(fd, (struct sockaddr *)&addr, len) == -1)
		die(text);
	return fd;
}

/*
 * A client comes from an address to a port of the server. A server that
 * listens on :: sees an IPv4 client mapped.
 */
static struct connection
connect_from(const char *from, const char *listen_on, const char *to,
    unsigned short port)
{
	int from_family = strchr(from, ':') != NULL ? AF_INET6 : AF_INET;
	int family = strchr(listen_on, ':') != NULL ? AF_INET6 : AF_INET;
	struct sockaddr_storage addr;
	socklen_t len = socket_address(to, port, &addr);
	struct connection made;
	int listener = bound_socket(family, SOCK_STREAM, listen_on, port);

	made.client = bound_socket(from_family, SOCK_STREAM, from, 0);
	if (listen(listener, 1) == -1 ||
	    connect(made.client, (struct sockaddr *)&addr, len) == -1)
		die("connect");
	made.server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (made.server == -1)
		die("accept");
	close(listener);
	return made;
}

static void
hang_up(const struct connection *connection)
{
	close(connection->client);
	close(connection->server);
}

/* Descriptor 0 becomes fd. */
static void
set_stdin(int fd)
{
	if (dup2(fd, 0) == -1)
		die("descriptor 0");
}

static void
null_stdin(void)
{
	int fd = open("/dev/null", O_RDWR);

	if (fd == -1)
		die("/dev/null");
	if (fd == 0)
		return;
	set_stdin(fd);
	close(fd);
}

/* PAM_RHOST */

static void
rhost_says_the_address(void)
{
	static const struct {
		const char *rhost;
		const char *recorded; /* NULL: nothing */
		int level;
		const char *line;
	} rows[] = {
		{ "192.0.2.7", "192.0.2.7", LOG_INFO, "authorised 192.0.2.7 " },
		{ "::ffff:192.0.2.7", "192.0.2.7", LOG_INFO,
		    "authorised 192.0.2.7 " },
		{ "2001:db8::7", "2001:db8::7", LOG_INFO,
		    "authorised 2001:db8::7 " },
		{ "2001:DB8:0:0::7", "2001:db8::7", LOG_INFO,
		    "authorised 2001:db8::7 " },
		{ NULL, NULL, LOG_INFO,
		    ": no remote host, and descriptor 0 is not a client "
		    "socket" },
		{ "", NULL, LOG_INFO,
		    ": no remote host, and descriptor 0 is not a client "
		    "socket" },
		{ "host.example.org", NULL, LOG_INFO,
		    ": remote host \"host.example.org\" is a name, and "
		    "descriptor 0 is not a client socket" },
		{ "127.0.0.1", NULL, LOG_INFO,
		    ": 127.0.0.1 is never recorded: loopback" },
		{ "::1", NULL, LOG_INFO, ": ::1 is never recorded: loopback" },
		{ "::ffff:127.0.0.1", NULL, LOG_INFO,
		    ": 127.0.0.1 is never recorded: loopback" },
		{ "0.0.0.0", NULL, LOG_INFO,
		    ": 0.0.0.0 is never recorded: unspecified" },
		{ "::", NULL, LOG_INFO, ": :: is never recorded: unspecified" },
		{ "169.254.1.1", NULL, LOG_INFO,
		    ": 169.254.1.1 is never recorded: link-local" },
		{ "fe80::1", NULL, LOG_INFO,
		    ": fe80::1 is never recorded: link-local" },
		{ "224.0.0.1", NULL, LOG_INFO,
		    ": 224.0.0.1 is never recorded: multicast" },
		{ "ff02::1", NULL, LOG_INFO,
		    ": ff02::1 is never recorded: multicast" },
		{ "255.255.255.255", NULL, LOG_INFO,
		    ": 255.255.255.255 is never recorded: reserved" },
	};

	write_usual();
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const char *row = rows[i].rhost == NULL ? "-" : rows[i].rhost;

		if (rows[i].recorded != NULL)
			set_entry(rows[i].recorded, 0);
		forget_log();
		CHECK_ROW(log_in(rows[i].rhost, "AC") == PAM_SUCCESS, row);
		CHECK_ROW(rows[i].recorded == NULL ||
			      recorded(rows[i].recorded),
		    row);
		CHECK_ROW(logged(rows[i].level, rows[i].line) == 1, row);
		CHECK_ROW(caught.count == 1, row);
	}
}

/* Neither an address nor a name: refused, wherever else one might look. */
static void
rhost_refuses_what_is_no_address(void)
{
	static const char *const rows[] = { "fe80::1%eth0", "[2001:db8::7]",
		"192.0.2.7:110", "192.0.2.7;110", "192.0.2.7 ", " 192.0.2.7",
		"127.1", "192.0.2", "192.0.2.07", "192.0.2.256", "3221225991",
		"2001:db8::7/128", "192.0.2.7/32", "192.0.2.7\n",
		"host example", "h\xc3\xb6st.example.org", "a\"b", "-", "." };
	char shown[128];

	set_entry("192.0.2.7", 0);
	set_entry("2001:db8::7", 0);
	write_usual();
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		forget_log();
		CHECK_ROW(log_in(rows[i], "AC") == PAM_SUCCESS, rows[i]);
		CHECK_ROW(logged(LOG_WARNING, "\" is not an address") == 1,
		    rows[i]);
		CHECK_ROW(caught.count == 1, rows[i]);
		snprintf(shown, sizeof(shown), "remote host \"%s\"", rows[i]);
		if (strpbrk(rows[i], " \n\"\xc3") == NULL)
			CHECK_ROW(logged(LOG_WARNING, shown) == 1, rows[i]);
	}
	CHECK(entry("192.0.2.7") == 0 && entry("2001:db8::7") == 0);
}

static void
rhost_in_excluded_network(void)
{
	static const struct {
		const char *exclude;
		const char *rhost;
		const char *line; /* NULL: recorded */
	} rows[] = {
		{ "exclude = 192.0.2.0/24\n", "192.0.2.7",
		    ": 192.0.2.7 is in 192.0.2.0/24, which is excluded" },
		{ "exclude = 192.0.2.0/24\n", "::ffff:192.0.2.7",
		    ": 192.0.2.7 is in 192.0.2.0/24, which is excluded" },
		{ "exclude = 198.51.100.0/24\nexclude = 192.0.2.7\n",
		    "192.0.2.7",
		    ": 192.0.2.7 is in 192.0.2.7/32, which is excluded" },
		{ "exclude = 2001:db8::/32\n", "2001:db8::7",
		    ": 2001:db8::7 is in 2001:db8::/32, which is excluded" },
		{ "exclude = 192.0.2.8\n", "192.0.2.7", NULL },
		{ "exclude = 192.0.2.0/24\n", "2001:db8::7", NULL },
	};

	write_usual();
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		set_entry("192.0.2.7", 0);
		set_entry("2001:db8::7", 0);
		write_conf(rows[i].exclude);
		forget_log();
		log_in(rows[i].rhost, "AC");
		if (rows[i].line == NULL) {
			CHECK_ROW(recorded(rows[i].rhost), rows[i].exclude);
			continue;
		}
		CHECK_ROW(logged(LOG_INFO, rows[i].line) == 1, rows[i].exclude);
		CHECK_ROW(entry("192.0.2.7") == 0, rows[i].exclude);
		CHECK_ROW(entry("2001:db8::7") == 0, rows[i].exclude);
	}
	write_conf("");
}

/* rhost_env= */

static void
env_counts_when_asked_for(void)
{
	static const struct {
		const char *name;
		const char *conf;
		const char *rhost;
		const char *pam_env; /* as in pam_putenv(3) */
		const char *env;     /* value of DRAC_PEER in the environment */
		const char *recorded;
		const char *refusal;
	} rows[] = {
		{ "environment", "rhost_env = DRAC_PEER\n", NULL, NULL,
		    "192.0.2.7", "192.0.2.7", NULL },
		{ "PAM environment first", "rhost_env = DRAC_PEER\n", NULL,
		    "DRAC_PEER=192.0.2.7", "192.0.2.8", "192.0.2.7", NULL },
		{ "mapped", "rhost_env = DRAC_PEER\n", NULL, NULL,
		    "::ffff:192.0.2.7", "192.0.2.7", NULL },
		{ "PAM_RHOST empty", "rhost_env = DRAC_PEER\n", "", NULL,
		    "192.0.2.7", "192.0.2.7", NULL },
		{ "PAM_RHOST a name", "rhost_env = DRAC_PEER\n",
		    "host.example.org", NULL, "192.0.2.7", "192.0.2.7", NULL },
		{ "PAM_RHOST wins", "rhost_env = DRAC_PEER\n", "192.0.2.7",
		    NULL, "192.0.2.8", "192.0.2.7", NULL },
		{ "PAM_RHOST loopback wins", "rhost_env = DRAC_PEER\n",
		    "127.0.0.1", NULL, "192.0.2.7", NULL, "loopback" },
		{ "not asked for", "", NULL, "DRAC_PEER=192.0.2.7", "192.0.2.7",
		    NULL, "no remote host" },
		{ "another asked for", "rhost_env = DRAC_OTHER\n", NULL,
		    "DRAC_PEER=192.0.2.7", "192.0.2.7", NULL,
		    "no remote host" },
		{ "a name", "rhost_env = DRAC_PEER\n", NULL, NULL,
		    "host.example.org", NULL,
		    "DRAC_PEER=\"host.example.org\" is not an address" },
		{ "zone", "rhost_env = DRAC_PEER\n", NULL, NULL, "fe80::1%lo",
		    NULL, "is not an address" },
		{ "empty", "rhost_env = DRAC_PEER\n", NULL, NULL, "", NULL,
		    "no remote host" },
		{ "loopback", "rhost_env = DRAC_PEER\n", NULL, NULL,
		    "127.0.0.1", NULL, "loopback" },
		{ "excluded", "rhost_env = DRAC_PEER\nexclude = 192.0.2.0/24\n",
		    NULL, NULL, "192.0.2.7", NULL, "excluded" },
	};
	pam_handle_t *pamh;

	write_usual();
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		set_entry("192.0.2.7", 0);
		set_entry("192.0.2.8", 0);
		write_conf(rows[i].conf);
		setenv("DRAC_PEER", rows[i].env, 1);
		forget_log();
		pamh = start("alice", rows[i].rhost);
		if (rows[i].pam_env != NULL)
			pam_putenv(pamh, rows[i].pam_env);
		CHECK_ROW(call(pamh, "AC") == PAM_SUCCESS, rows[i].name);
		pam_end(pamh, PAM_SUCCESS);
		CHECK_ROW(recorded("192.0.2.7") == (rows[i].recorded != NULL),
		    rows[i].name);
		CHECK_ROW(entry("192.0.2.8") == 0, rows[i].name);
		CHECK_ROW(rows[i].refusal == NULL ||
			      logged(LOG_INFO, rows[i].refusal) +
				      logged(LOG_WARNING, rows[i].refusal) ==
				  1,
		    rows[i].name);
	}
	unsetenv("DRAC_PEER");
	write_conf("");
}

/* Descriptor 0 */

static void
stdin_is_the_client(void)
{
	static const struct {
		const char *name;
		const char *from;
		const char *listen_on;
		const char *to;
		const char *rhost;
		const char *recorded;
		const char *refusal;
	} rows[] = {
		{ "v4", "192.0.2.7", "192.0.2.1", "192.0.2.1", NULL,
		    "192.0.2.7", NULL },
		{ "v6", "2001:db8::7", "2001:db8::1", "2001:db8::1", NULL,
		    "2001:db8::7", NULL },
		{ "mapped", "192.0.2.7", "::", "192.0.2.1", NULL, "192.0.2.7",
		    NULL },
		{ "PAM_RHOST empty", "192.0.2.7", "192.0.2.1", "192.0.2.1", "",
		    "192.0.2.7", NULL },
		{ "PAM_RHOST a name", "192.0.2.7", "192.0.2.1", "192.0.2.1",
		    "host.example.org", "192.0.2.7", NULL },
		{ "PAM_RHOST wins", "192.0.2.7", "192.0.2.1", "192.0.2.1",
		    "2001:db8::7", "2001:db8::7", NULL },
		{ "PAM_RHOST no address", "192.0.2.7", "192.0.2.1", "192.0.2.1",
		    "fe80::1%lo", NULL, "is not an address" },
		{ "loopback", "127.0.0.1", "127.0.0.1", "127.0.0.1", NULL, NULL,
		    ": 127.0.0.1 is never recorded: loopback" },
		{ "mapped loopback", "127.0.0.1", "::", "127.0.0.1", NULL, NULL,
		    ": 127.0.0.1 is never recorded: loopback" },
	};
	struct connection connection;

	write_usual();
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		bool v4 = rows[i].recorded != NULL &&
			  strcmp(rows[i].recorded, "192.0.2.7") == 0;
		bool v6 = rows[i].recorded != NULL && !v4;

		set_entry("192.0.2.7", 0);
		set_entry("2001:db8::7", 0);
		connection = connect_from(rows[i].from, rows[i].listen_on,
		    rows[i].to, 1110);
		set_stdin(connection.server);
		forget_log();
		CHECK_ROW(log_in(rows[i].rhost, "AC") == PAM_SUCCESS,
		    rows[i].name);
		null_stdin();
		hang_up(&connection);
		CHECK_ROW(recorded("192.0.2.7") == v4, rows[i].name);
		CHECK_ROW(recorded("2001:db8::7") == v6, rows[i].name);
		CHECK_ROW(rows[i].refusal == NULL ||
			      logged(LOG_INFO, rows[i].refusal) +
				      logged(LOG_WARNING, rows[i].refusal) ==
				  1,
		    rows[i].name);
	}
}

static int
unix_end(void)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == -1)
		die("socketpair");
	close(ends[1]);
	return ends[0];
}

static int
listening_end(void)
{
	int fd = bound_socket(AF_INET, SOCK_STREAM, "192.0.2.1", 1110);

	listen(fd, 1);
	return fd;
}

/* A datagram's sender is whoever it says it is. */
static int
udp_end(void)
{
	int fd = bound_socket(AF_INET, SOCK_DGRAM, "192.0.2.1", 1110);
	struct sockaddr_storage addr;
	socklen_t len = socket_address("192.0.2.7", 1111, &addr);

	if (connect(fd, (struct sockaddr *)&addr, len) == -1)
		die("connect");
	return fd;
}

static void
stdin_is_no_client(void)
{
	static const struct {
		const char *name;
		int (*make)(void);
	} rows[] = {
		{ "unix", unix_end },
		{ "listening", listening_end },
		{ "udp", udp_end },
	};
	int fd;

	set_entry("192.0.2.7", 0);
	write_usual();
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		fd = rows[i].make();
		set_stdin(fd);
		close(fd);
		forget_log();
		CHECK_ROW(log_in(NULL, "AC") == PAM_SUCCESS, rows[i].name);
		CHECK_ROW(logged(LOG_INFO,
			      "not recorded for alice (dovecot): no remote "
			      "host, and descriptor 0 is not a client "
			      "socket") == 1,
		    rows[i].name);
	}
	null_stdin();
	forget_log();
	CHECK(log_in(NULL, "AC") == PAM_SUCCESS);
	CHECK(logged(LOG_INFO, "descriptor 0 is not a client socket") == 1);
	close(0);
	forget_log();
	CHECK(log_in(NULL, "AC") == PAM_SUCCESS);
	CHECK(logged(LOG_INFO, "descriptor 0 is not a client socket") == 1);
	null_stdin();
	CHECK(entry("192.0.2.7") == 0);
}

static void
env_comes_before_stdin(void)
{
	struct connection connection;

	set_entry("192.0.2.7", 0);
	set_entry("192.0.2.8", 0);
	write_usual();
	write_conf("rhost_env = DRAC_PEER\n");
	connection = connect_from("192.0.2.7", "192.0.2.1", "192.0.2.1", 1110);
	set_stdin(connection.server);
	setenv("DRAC_PEER", "192.0.2.8", 1);
	CHECK(log_in(NULL, "AC") == PAM_SUCCESS);
	CHECK(entry("192.0.2.7") == 0 && recorded("192.0.2.8"));

	/* A variable that holds no address does not make way. */
	set_entry("192.0.2.8", 0);
	setenv("DRAC_PEER", "host.example.org", 1);
	CHECK(log_in(NULL, "AC") == PAM_SUCCESS);
	CHECK(entry("192.0.2.7") == 0 && entry("192.0.2.8") == 0);
	unsetenv("DRAC_PEER");
	CHECK(log_in(NULL, "AC") == PAM_SUCCESS);
	CHECK(recorded("192.0.2.7"));
	null_stdin();
	hang_up(&connection);
	write_conf("");
}

/* peer=port:LIST */

static void
port_finds_the_one_client(void)
{
	static const struct {
		const char *name;
		const char *conf;
		unsigned short port[2]; /* of up to two connections, 0 none */
		const char *from[2];
		bool records; /* 192.0.2.7 */
		const char *refusal;
	} rows[] = {
		{ "one client", "peer = port:1110\n", { 1110 }, { "192.0.2.7" },
		    true, NULL },
		{ "second port", "peer = port:1143,1110\n", { 1110 },
		    { "192.0.2.7" }, true, NULL },
		{ "one client twice", "peer = port:1110,1143\n", { 1110, 1143 },
		    { "192.0.2.7", "192.0.2.7" }, true, NULL },
		{ "two clients", "peer = port:1110,1143\n", { 1110, 1143 },
		    { "192.0.2.7", "192.0.2.8" }, false,
		    ": clients of several addresses are connected to the "
		    "ports of peer=" },
		{ "another on another port", "peer = port:1110\n",
		    { 1110, 1143 }, { "192.0.2.7", "192.0.2.8" }, true, NULL },
		{ "another port", "peer = port:1143\n", { 1110 },
		    { "192.0.2.7" }, false,
		    ": no remote host, and descriptor 0 is not a client "
		    "socket, nor is a client connected to a port of peer=" },
		{ "no connection", "peer = port:1110\n", { 0 }, { NULL }, false,
		    "nor is a client connected to a port of peer=" },
		{ "not asked for", "", { 1110 }, { "192.0.2.7" }, false,
		    "descriptor 0 is not a client socket" },
		{ "excluded", "peer = port:1110\nexclude = 192.0.2.7\n",
		    { 1110 }, { "192.0.2.7" }, false, "excluded" },
	};
	struct connection made[2];

	write_usual();
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		set_entry("192.0.2.7", 0);
		set_entry("192.0.2.8", 0);
		write_conf(rows[i].conf);
		for (size_t k = 0; k < 2 && rows[i].port[k] != 0; k++)
			made[k] = connect_from(rows[i].from[k], "192.0.2.1",
			    "192.0.2.1", rows[i].port[k]);
		forget_log();
		CHECK_ROW(log_in(NULL, "AC") == PAM_SUCCESS, rows[i].name);
		for (size_t k = 0; k < 2 && rows[i].port[k] != 0; k++)
			hang_up(&made[k]);
		CHECK_ROW(recorded("192.0.2.7") == rows[i].records,
		    rows[i].name);
		CHECK_ROW(entry("192.0.2.8") == 0, rows[i].name);
		CHECK_ROW(rows[i].refusal == NULL ||
			      logged(LOG_INFO, rows[i].refusal) == 1,
		    rows[i].name);
	}
	write_conf("");
}

/* An IPv6 client, a mapped one, and descriptor 0 before the ports. */
static void
port_finds_v6_and_yields_to_stdin(void)
{
	struct connection first, second;

	write_usual();
	write_conf("peer = port:1110\n");
	set_entry("2001:db8::7", 0);
	first = connect_from("2001:db8::7", "::", "2001:db8::1", 1110);
	CHECK(log_in(NULL, "AC") == PAM_SUCCESS);
	CHECK(recorded("2001:db8::7"));
	hang_up(&first);

	set_entry("192.0.2.7", 0);
	first = connect_from("192.0.2.7", "::", "192.0.2.1", 1110);
	CHECK(log_in("host.example.org", "AC") == PAM_SUCCESS);
	CHECK(recorded("192.0.2.7"));

	set_entry("192.0.2.7", 0);
	set_entry("192.0.2.8", 0);
	second = connect_from("192.0.2.8", "192.0.2.1", "192.0.2.1", 1143);
	set_stdin(second.server);
	CHECK(log_in(NULL, "AC") == PAM_SUCCESS);
	null_stdin();
	CHECK(entry("192.0.2.7") == 0 && recorded("192.0.2.8"));
	hang_up(&first);
	hang_up(&second);
	write_conf("");
}

int
main(void)
{
	become_host();
	null_stdin();
	make_place();
	RUN(rhost_says_the_address);
	RUN(rhost_refuses_what_is_no_address);
	RUN(rhost_in_excluded_network);
	RUN(env_counts_when_asked_for);
	RUN_WITH_NETWORK(stdin_is_the_client);
	RUN_WITH_NETWORK(stdin_is_no_client);
	RUN_WITH_NETWORK(env_comes_before_stdin);
	RUN_WITH_NETWORK(port_finds_the_one_client);
	RUN_WITH_NETWORK(port_finds_v6_and_yields_to_stdin);
	remove_place();
	return TEST_RESULT();
}
