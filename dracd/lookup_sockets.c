/* SPDX-License-Identifier: BSD-2-Clause */

/* What the lookup service listens on; see lookup_parts.h. */

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "front.h"
#include "lookup_parts.h"

/* A lookup tells yes or no for one address: every local user may ask. */
#define MODE_ALL 0666

static void
add(struct drac_lookups *lookups, const struct drac_unix *socket)
{
	lookups->sockets[lookups->socket_count++] = *socket;
}

static int
open_path(struct drac_lookups *lookups, const struct drac_conf *conf,
    const char *path, struct drac_why *why)
{
	const struct drac_unix_opts opts = { .path = path,
		.user = conf->user,
		.mode = MODE_ALL };
	struct drac_why inner = { "" };
	struct drac_unix made;

	if (drac_unix_open(&made, &opts, &inner) == -1) {
		drac_why_set(why, "lookup: %.300s", inner.text);
		return -1;
	}
	add(lookups, &made);
	return 0;
}

static int
listen_at(int fd, const struct drac_endpoint *at)
{
	int on = 1;

	if ((at->addr.len == 16 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY,
				       &on, sizeof on) == -1) ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == -1 ||
	    drac_bind(fd, &at->addr, at->port) == -1)
		return -1;
	return listen(fd, SOMAXCONN);
}

static int
open_endpoint(struct drac_lookups *lookups, const struct drac_endpoint *at,
    struct drac_why *why)
{
	struct drac_unix made = { 0 };
	char address[DRAC_ADDR_TEXT];
	int saved;

	made.fd = socket(at->addr.len == 4 ? AF_INET : AF_INET6,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (made.fd != -1 && listen_at(made.fd, at) == 0) {
		add(lookups, &made);
		return 0;
	}
	saved = errno;
	drac_addr_text(&at->addr, address);
	drac_why_set(why, "lookup: %s port %u: %s", address, at->port,
	    strerror(saved));
	if (made.fd != -1)
		(void)close(made.fd);
	errno = saved;
	return -1;
}

/* Has systemd handed over the socket of that path? */
static bool
is_handed(const struct drac_lookup_fds *handed, const char *path)
{
	for (size_t i = 0; i < handed->count; i++) {
		struct sockaddr_un sun = { 0 };
		socklen_t len = sizeof sun;

		if (getsockname(handed->fd[i], (struct sockaddr *)&sun, &len) ==
			0 &&
		    strncmp(sun.sun_path, path, sizeof sun.sun_path) == 0)
			return true;
	}
	return false;
}

static int
open_one(struct drac_lookups *lookups, const struct drac_conf *conf,
    const struct drac_lookup_at *at, struct drac_why *why)
{
	if (at->path == NULL)
		return open_endpoint(lookups, &at->here, why);
	if (open_path(lookups, conf, at->path, why) == 0)
		return 0;
	return drac_conf_is_given(conf, "lookup") ? -1 : 0;
}

int
drac_lookup_sockets_open(struct drac_lookups *lookups,
    const struct drac_conf *conf, const struct drac_lookup_fds *handed,
    struct drac_why *why)
{
	for (size_t i = 0; i < handed->count; i++) {
		const struct drac_unix theirs = { .fd = handed->fd[i] };

		add(lookups, &theirs);
	}
	for (size_t i = 0; i < conf->lookup_count; i++) {
		const struct drac_lookup_at *at = &conf->lookup[i];

		if (at->path != NULL && is_handed(handed, at->path))
			continue;
		if (open_one(lookups, conf, at, why) == -1)
			return -1;
	}
	return 0;
}

void
drac_lookup_sockets_close(struct drac_lookups *lookups)
{
	while (lookups->socket_count > 0) {
		struct drac_unix *socket =
		    &lookups->sockets[--lookups->socket_count];

		drac_unix_remove(socket);
		(void)close(socket->fd);
	}
}
