/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Where the address may come from: the table of sources in
 * drac_source_locate. Names are never resolved.
 */

#include <sys/socket.h>

#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "pam_drac_parts.h"

/*
 * Could this be the name of a host? Nothing is done with it but to look
 * for the address elsewhere, so the test is a coarse one: letters, digits,
 * dots, hyphens and underscores, and a letter among them (not 127.1).
 */
static bool
is_name(const char *text)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

	if (strpbrk(text, letters) == NULL)
		return false;
	while (*text != '\0' && (strchr(letters, *text) != NULL ||
				    strchr("0123456789.-_", *text) != NULL))
		text++;
	return *text == '\0';
}

/*
 * A source looks in one place: 1 found, 0 nothing there, look further,
 * -1 something there that cannot be used; then why is set.
 */
static int
from_rhost(struct drac_attempt *attempt, struct drac_addr *addr)
{
	struct drac_login *login = &attempt->login;
	const char *rhost = drac_item(attempt->pamh, PAM_RHOST);
	char word[DRAC_LOGIN_WORD];

	if (*rhost == '\0') {
		drac_why_set(&login->why, "no remote host");
		return 0;
	}
	if (drac_addr_parse(rhost, addr) == 0)
		return 1;
	drac_login_word(rhost, word);
	if (is_name(rhost)) {
		drac_why_set(&login->why, "remote host \"%s\" is a name", word);
		return 0;
	}
	drac_why_set(&login->why, "remote host \"%s\" is not an address", word);
	login->level = DRAC_LOGIN_WARNING;
	return -1;
}

/* A variable that holds anything but an address was asked for in vain. */
static int
from_env(struct drac_attempt *attempt, struct drac_addr *addr)
{
	struct drac_login *login = &attempt->login;
	const char *name = attempt->conf.rhost_env, *value;
	char word[DRAC_LOGIN_WORD];

	if (name == NULL)
		return 0;
	value = pam_getenv(attempt->pamh, name);
	if (value == NULL)
		value = secure_getenv(name);
	if (value == NULL || *value == '\0')
		return 0;
	if (drac_addr_parse(value, addr) == 0)
		return 1;
	drac_login_word(value, word);
	drac_why_set(&login->why, "%s=\"%s\" is not an address", name, word);
	login->level = DRAC_LOGIN_WARNING;
	return -1;
}

/* The other end of a connected stream socket of the internet. */
static bool
client_of(int fd, struct drac_addr *addr)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer), type_len = sizeof(int);
	int type = 0;

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_len) == 0 &&
	       type == SOCK_STREAM &&
	       getpeername(fd, (struct sockaddr *)&peer, &len) == 0 &&
	       drac_addr_from_sockaddr((struct sockaddr *)&peer, len, addr) ==
		   0;
}

static int
from_stdin(struct drac_attempt *attempt, struct drac_addr *addr)
{
	(void)attempt;
	return client_of(0, addr) ? 1 : 0;
}

static bool
on_peer_port(const struct drac_conf *conf, int fd)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} local;
	socklen_t len = sizeof(local);
	in_port_t port;
	size_t i;

	memset(&local, 0, sizeof(local));
	if (getsockname(fd, &local.any, &len) == -1)
		return false;
	if (local.any.sa_family == AF_INET)
		port = local.v4.sin_port;
	else if (local.any.sa_family == AF_INET6)
		port = local.v6.sin6_port;
	else
		return false;
	for (i = 0; i < conf->peer_port_count; i++)
		if (conf->peer_ports[i] == ntohs(port))
			return true;
	return false;
}

/* How many clients, by address, are on the ports of peer=: 0, 1 or 2. */
static int
count_clients(const struct drac_conf *conf, DIR *dir, struct drac_addr *addr)
{
	struct drac_addr other;
	struct dirent *entry;
	int count = 0, fd;

	while (count < 2 && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		fd = atoi(entry->d_name);
		if (!on_peer_port(conf, fd) || !client_of(fd, &other))
			continue;
		if (count == 0 || !drac_addr_equal(addr, &other))
			count++;
		*addr = other;
	}
	return count;
}

static int
from_ports(struct drac_attempt *attempt, struct drac_addr *addr)
{
	struct drac_login *login = &attempt->login;
	DIR *dir;
	int count;

	if (attempt->conf.peer_port_count == 0)
		return 0;
	dir = opendir("/proc/self/fd");
	if (dir == NULL) {
		drac_why_set(&login->why, "/proc/self/fd: %s",
		    strerrordesc_np(errno));
		return -1;
	}
	count = count_clients(&attempt->conf, dir, addr);
	closedir(dir);
	if (count < 2)
		return count;
	drac_why_set(&login->why,
	    "clients of several addresses are connected to the ports of peer=");
	return -1;
}

int
drac_source_locate(struct drac_attempt *attempt)
{
	static int (*const source[])(struct drac_attempt *,
	    struct drac_addr *) = { from_rhost, from_env, from_stdin,
		from_ports };
	struct drac_why *why = &attempt->login.why, rhost;
	struct drac_addr addr;
	int found = 0;

	for (size_t i = 0; found == 0 && i < sizeof(source) / sizeof(*source);
	     i++)
		found = source[i](attempt, &addr);
	if (found == 1) {
		drac_login_found(&attempt->login, &addr);
		return 0;
	}
	if (found == 0) {
		rhost = *why;
		drac_why_set(why,
		    "%s, and descriptor 0 is not a client socket%s", rhost.text,
		    attempt->conf.peer_port_count == 0
			? ""
			: ", nor is a client connected to a port of peer=");
	}
	return -1;
}
