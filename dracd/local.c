/* SPDX-License-Identifier: BSD-2-Clause */

/* The socket of this host's processes. */

#include <errno.h>
#include <unistd.h>

#include "front.h"

/* Where others may connect, the gate looks at who it is. */
#define MODE_ALL 0666

static mode_t
mode_of(const struct drac_sockets *sockets, const struct drac_conf *conf)
{
	return drac_conf_takes_users(conf) ? MODE_ALL : sockets->closed;
}

int
drac_local_open(struct drac_sockets *sockets, const struct drac_conf *conf,
    struct drac_why *why)
{
	struct drac_socket made = { .road = DRAC_ROAD_LOCAL };
	struct drac_unix_opts opts = { .path = conf->socket,
		.user = conf->user };

	sockets->closed = drac_unix_closed();
	opts.mode = mode_of(sockets, conf);
	if (drac_unix_open(&sockets->local, &opts, why) == -1)
		return -1;
	made.fd = sockets->local.fd;
	return drac_sockets_add(sockets, &made);
}

int
drac_local_admit(const struct drac_sockets *sockets,
    const struct drac_conf *conf, struct drac_why *why)
{
	return drac_unix_admit(&sockets->local, mode_of(sockets, conf), why);
}
