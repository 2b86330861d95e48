/* SPDX-License-Identifier: BSD-2-Clause */

/* A UNIX socket to accept from, and the file that is its name. */
#ifndef DRACD_UNIX_H
#define DRACD_UNIX_H

#include <sys/types.h>

#include "why.h"

struct drac_unix_opts {
	const char *path;
	const char *user; /* whose it will be when root makes it; or NULL */
	mode_t mode;
};

struct drac_unix {
	int fd;
	char *path; /* of the file that was made; NULL: none */
	dev_t dev;
	ino_t ino;
};

/*
 * What shuts others out: root has to be let in by its group, since confined
 * it may lack the right to pass by a mode (CAP_DAC_OVERRIDE).
 */
mode_t drac_unix_closed(void);

/*
 * Make it: bound under another name, then renamed to its own, so that nobody
 * ever finds one that does not answer. Its directory must belong to root,
 * the user or us, and nobody else may write there. What is in its place and
 * is no socket (EEXIST), or answers (EADDRINUSE), stays. -1 with errno and
 * why, and nothing is left.
 */
int drac_unix_open(struct drac_unix *made, const struct drac_unix_opts *opts,
    struct drac_why *why);

/* Another mode, if the file is still the one that was made. -1: why. */
int drac_unix_admit(const struct drac_unix *made, mode_t mode,
    struct drac_why *why);

/* Remove the file if it is still the one that was made. fd stays open. */
void drac_unix_remove(struct drac_unix *made);

#endif
