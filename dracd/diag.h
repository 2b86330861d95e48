/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Which user of this host has a socket, as the kernel tells by NETLINK_SOCK_DIAG
 * (sock_diag(7)). The kernel calls it user 0 when it does not know: a socket
 * that was closed, or whose process is gone. So user 0 is never an answer
 * here, and no more is a socket without an inode.
 */
#ifndef DRACD_DIAG_H
#define DRACD_DIAG_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"

/*
 * Who sent a datagram from this port? Any socket on the port could have, from
 * whichever address of this host it likes, so all of them must belong to one
 * user. 1 and *uid; 0: nobody's, several users', or not to be told; -1 with
 * errno: the kernel could not be asked. Nothing waits.
 */
int drac_diag_udp(unsigned short port, uid_t *uid);

/*
 * Who is at the other end of fd, a connection from `from` and port? The same
 * results; 0 also when it is not, or no longer, established.
 */
int drac_diag_tcp(int fd, const struct drac_addr *from, unsigned short port,
    uid_t *uid);

/* Will the kernel answer? The first question may load modules. -1 with errno. */
int drac_diag_try(void);

/* What was asked; of UDP the port of `from` alone. */
struct drac_diag {
	uint32_t seq, portid; /* of the question */
	bool tcp;
	struct drac_addr from, to;
	unsigned short from_port, to_port; /* host order */
};

/* What was told so far; to begin with zeroes. */
struct drac_diag_told {
	unsigned sockets;
	bool unclear; /* one of them is not to be believed */
	uid_t uid;    /* whose they are, unless unclear */
};

/*
 * Read an answer of the kernel, len octets at a multiple of 4. 1 that was
 * all, 0 there is more to come, -1 with errno: the kernel's, or EBADMSG.
 * Pure: no calls, no state.
 */
int drac_diag_read(const void *octets, size_t len,
    const struct drac_diag *asked, struct drac_diag_told *told);

#endif
