/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Who has a map open for writing and is not us: the original rpc.dracd goes on
 * writing a file that we have taken over, and what it is told is lost. A walk
 * through /proc, which only root sees all of; never part of a login.
 */
#ifndef DRAC_HOLDER_H
#define DRAC_HOLDER_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

/* Where the original kept its map. */
#define DRAC_HOLDER_OLD "/etc/mail/dracd.db"

struct drac_holder {
	pid_t pid;
	char name[16];    /* of the program, as the kernel has it; harmless */
	const char *path; /* which of the paths; borrowed from there */
};

/*
 * The first process that has one of count paths open for writing, whether the
 * file is still there or was renamed or removed. Processes that do so for a
 * moment, as each login, are not meant: it is looked at twice. except is a
 * process to leave out (0: none), besides this one. Ends after a second.
 */
bool drac_holder_find(const char *const *paths, size_t count, pid_t except,
    struct drac_holder *holder);

#endif
