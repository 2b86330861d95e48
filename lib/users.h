/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Lists of user names, as users and deny_users of drac.conf(5) hold them.
 * Names compare without case (ASCII). A name without a domain stands for
 * the user in every domain: `alice` is alice@example.org, on the list as at
 * the login; what stands after the first `@` is the domain. No groups: they
 * would be asked of NSS, which has no place in a login. A list owns its
 * memory; zero-initialised it is empty and not given.
 */
#ifndef DRAC_USERS_H
#define DRAC_USERS_H

#include <stdbool.h>
#include <stddef.h>

#include "why.h"

struct drac_users {
	bool given;  /* though there may be no name on the list */
	char *names; /* each with its NUL; size octets of them */
	size_t size;
	size_t room;
};

/*
 * Append a name of len octets. -1 with ENOMEM, or with EINVAL when it cannot
 * be the name of a user: empty, an octet that is a blank, a comma, a colon,
 * a slash or no printable character, a `@` or `%` at its start, a `@` at its
 * end. The list is then as it was.
 */
int drac_users_add(struct drac_users *users, const char *name, size_t len);

/*
 * Append the names of a file: one on a line, `#` at the start of a line or
 * after a blank starts a comment. The file must be there and be safe, as
 * lines.h says. -1 with errno and why, which begins with path, when any of
 * that is wrong; the list is then as it was.
 */
int drac_users_load(struct drac_users *users, const char *path,
    struct drac_why *why);

/* Append all that is on another list. -1 with ENOMEM: as it was. */
int drac_users_join(struct drac_users *users, const struct drac_users *more);

/* The name on the list that stands for this user, or NULL. */
const char *drac_users_find(const struct drac_users *users, const char *user);

/* Release what the list owns and make it empty. */
void drac_users_free(struct drac_users *users);

#endif
