/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A PAM service that records, as check_pam.c finds it and check_line.c looks
 * at each line of ours in it.
 */
#ifndef DRAC_CHECK_PAM_H
#define DRAC_CHECK_PAM_H

#include "check.h"

#define DRAC_PAM_GOOD_LINE "`account optional pam_drac.so'"

struct drac_look {
	struct drac_check *check;
	const char *name;
	struct drac_pam_stack stack;
	struct drac_check_service service;
	bool counted; /* among services= of one line at least */
};

/* Everything about one line of ours; look->service is told of it. */
void drac_look_at_line(struct drac_look *look,
    const struct drac_pam_line *line);

/* The line stands in a file that every service includes? That is found. */
void drac_look_for_shared(struct drac_check *check,
    const struct drac_pam_line *line);

/* The name of such a file, with or without its directory? */
bool drac_look_is_shared(const char *path);

const char *drac_look_where(const struct drac_pam_line *line,
    char where[DRAC_CHECK_WHERE]);

#endif
