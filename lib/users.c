/* SPDX-License-Identifier: BSD-2-Clause */

/* Lists of user names; see users.h. */

#include "users.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lines.h"

static int
append(struct drac_users *users, const char *octets, size_t size)
{
	if (users->room - users->size < size) {
		size_t room = 2 * users->room + size;
		char *names = realloc(users->names, room);

		if (names == NULL)
			return -1;
		users->names = names;
		users->room = room;
	}
	memcpy(users->names + users->size, octets, size);
	users->size += size;
	return 0;
}

static bool
is_name(const char *name, size_t len)
{
	if (len == 0 || name[0] == '@' || name[0] == '%' ||
	    name[len - 1] == '@')
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)name[i];

		if (c <= ' ' || c == 0x7f || c == ',' || c == ':' || c == '/')
			return false;
	}
	return true;
}

int
drac_users_add(struct drac_users *users, const char *name, size_t len)
{
	size_t before = users->size;

	if (!is_name(name, len)) {
		errno = EINVAL;
		return -1;
	}
	if (append(users, name, len) == -1 || append(users, "", 1) == -1) {
		users->size = before;
		return -1;
	}
	return 0;
}

int
drac_users_join(struct drac_users *users, const struct drac_users *more)
{
	if (more->size > 0 && append(users, more->names, more->size) == -1)
		return -1;
	users->given = users->given || more->given;
	return 0;
}

/* Files */

static int
take_name(char *line, unsigned number, void *arg, struct drac_why *why)
{
	(void)number;
	if (drac_users_add(arg, line, strlen(line)) == 0)
		return 0;
	if (errno == ENOMEM)
		drac_why_set(why, "out of memory");
	else
		drac_why_set(why, "not the name of a user: %.*s",
		    DRAC_LINES_SHOWN, line);
	return -1;
}

/* The first error is enough: it says which line to look at. */
static void
keep_first(const char *text, void *arg)
{
	struct drac_why *why = arg;

	if (why->text[0] == '\0')
		drac_why_set(why, "%s", text);
}

int
drac_users_load(struct drac_users *users, const char *path,
    struct drac_why *why)
{
	size_t before = users->size;
	struct drac_lines lines = { .name = path,
		.take = take_name,
		.take_arg = users,
		.report = keep_first,
		.report_arg = why };

	why->text[0] = '\0';
	if (drac_lines_load(&lines) == 0)
		return 0;
	users->size = before;
	if (why->text[0] == '\0')
		drac_why_set(why, "%s: %s", path, strerrordesc_np(errno));
	return -1;
}

/* Comparing */

/* Not tolower(3): in some locales `I` is no capital `i`. */
static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool
same_user(const char *a, const char *b)
{
	bool domain = false;

	while (*a != '\0' && lower(*a) == lower(*b)) {
		domain = domain || *a == '@';
		a++;
		b++;
	}
	if (*a == '\0' && *b == '\0')
		return true;
	return !domain &&
	       ((*a == '\0' && *b == '@') || (*a == '@' && *b == '\0'));
}

const char *
drac_users_find(const struct drac_users *users, const char *user)
{
	for (size_t at = 0; at < users->size;
	     at += strlen(users->names + at) + 1)
		if (same_user(users->names + at, user))
			return users->names + at;
	return NULL;
}

void
drac_users_free(struct drac_users *users)
{
	free(users->names);
	*users = (struct drac_users){ 0 };
}
