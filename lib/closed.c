/* SPDX-License-Identifier: BSD-2-Clause */

/* Addresses that are closed for some time; see closed.h. */

#include "closed.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NEW DRAC_CLOSED ".new"

/* "2001:db8:...:ffff/128 9223372036854775807\n", and the first line. */
#define LINE_MAX_ 80u
#define SIZE_MAX_ (LINE_MAX_ * (DRAC_CLOSED_MAX + 1))

#define HEAD  "drac closed 1 "
#define DAY_S 86400

void
drac_closed_free(struct drac_closed *closed)
{
	int saved = errno;

	free(closed->at);
	*closed = (struct drac_closed){ 0 };
	errno = saved;
}

int
drac_closed_copy(struct drac_closed *to, const struct drac_closed *from)
{
	*to = (struct drac_closed){ 0 };
	if (from->count == 0)
		return 0;
	to->at = calloc(from->count, sizeof(*to->at));
	if (to->at == NULL)
		return -1;
	memcpy(to->at, from->at, from->count * sizeof(*to->at));
	to->count = from->count;
	return 0;
}

/* Text. */

void
drac_closed_net_text(const struct drac_net *net, char text[DRAC_CLOSED_NET])
{
	char addr[DRAC_ADDR_TEXT];

	drac_addr_text(&net->addr, addr);
	if (net->bits == net->addr.len * 8)
		snprintf(text, DRAC_CLOSED_NET, "%s", addr);
	else
		snprintf(text, DRAC_CLOSED_NET, "%s/%d", addr, net->bits);
}

/* By arithmetic: gmtime_r(3) would make the C library read TZ. */
void
drac_closed_until_text(time_t until, time_t now, char text[DRAC_CLOSED_UNTIL])
{
	long long day = (long long)until / DAY_S, era, year;
	unsigned second = (unsigned)(until % DAY_S), of_era, of_year, month;
	char date[28] = "";

	if (until - now >= DAY_S) {
		/* Years begin in March, eras of 400 years with year 0. */
		day += 719468;
		era = day / 146097;
		of_era = (unsigned)(day % 146097);
		year = (of_era - of_era / 1460 + of_era / 36524 -
			   of_era / 146096) /
		       365;
		of_year = of_era - (unsigned)(365 * year + year / 4 -
						 year / 100);
		month = (5 * of_year + 2) / 153;
		snprintf(date, sizeof(date), "%lld-%02u-%02u ",
		    year + era * 400 + (month >= 10 ? 1 : 0),
		    month >= 10 ? month - 9 : month + 3,
		    of_year - (153 * month + 2) / 5 + 1);
	}
	snprintf(text, DRAC_CLOSED_UNTIL, "%s%02u:%02u:%02uZ", date,
	    second / 3600, second / 60 % 60, second % 60);
}

/* Reading. */

/* Plain decimal digits up to the end of the text. */
static bool
read_number(const char *text, uint64_t most, uint64_t *number)
{
	*number = 0;
	if (text[0] == '\0')
		return false;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9' ||
		    *number > (most - (uint64_t)(*text - '0')) / 10)
			return false;
		*number = *number * 10 + (uint64_t)(*text - '0');
	}
	return true;
}

/* line is written over. */
static bool
read_closing(char *line, struct drac_closing *closing)
{
	char *space = strchr(line, ' ');
	uint64_t until;

	if (space == NULL || strchr(line, '/') == NULL)
		return false;
	*space = '\0';
	if (drac_net_parse(line, &closing->net) == -1 ||
	    !read_number(space + 1, INT64_MAX, &until))
		return false;
	closing->until = (time_t)until;
	return true;
}

/* The next line as a string; false: there is no whole one of that length. */
static bool
next_line(const char **text, size_t *len, char line[LINE_MAX_])
{
	const char *end = memchr(*text, '\n', *len);
	size_t size;

	if (end == NULL || (size = (size_t)(end - *text)) >= LINE_MAX_ ||
	    memchr(*text, '\0', size) != NULL)
		return false;
	memcpy(line, *text, size);
	line[size] = '\0';
	*text += size + 1;
	*len -= size + 1;
	return true;
}

static int
damaged(struct drac_closed *closed, unsigned line, struct drac_why *why)
{
	drac_closed_free(closed);
	drac_why_set(why, "line %u is damaged", line);
	errno = EINVAL;
	return -1;
}

int
drac_closed_parse(struct drac_closed *closed, const char *text, size_t len,
    struct drac_why *why)
{
	const size_t head = sizeof(HEAD) - 1;
	char line[LINE_MAX_];
	uint64_t count;

	*closed = (struct drac_closed){ 0 };
	if (!next_line(&text, &len, line) || strncmp(line, HEAD, head) != 0 ||
	    !read_number(line + head, DRAC_CLOSED_MAX, &count))
		return damaged(closed, 1, why);
	closed->at = calloc(count + 1, sizeof(*closed->at));
	if (closed->at == NULL)
		return -1;
	while (closed->count < count) {
		if (!next_line(&text, &len, line) ||
		    !read_closing(line, &closed->at[closed->count]))
			return damaged(closed, (unsigned)closed->count + 2,
			    why);
		closed->count++;
	}
	return len == 0 ? 0 : damaged(closed, (unsigned)count + 2, why);
}

static int
read_file(int fd, char **text, size_t *len)
{
	ssize_t got = 1;

	*len = 0;
	*text = malloc(SIZE_MAX_ + 1);
	if (*text == NULL)
		return -1;
	while (got > 0 && *len <= SIZE_MAX_) {
		got = read(fd, *text + *len, SIZE_MAX_ + 1 - *len);
		if (got == -1 && errno == EINTR)
			got = 1;
		else if (got > 0)
			*len += (size_t)got;
	}
	if (got == -1)
		return -1;
	if (*len <= SIZE_MAX_)
		return 0;
	errno = EFBIG;
	return -1;
}

/* Whoever may write it could open the relay. */
static int
check_owner(const struct drac_place *place, uid_t keeper, int fd,
    struct drac_why *why)
{
	struct stat dir, st;

	if (fstat(place->dir, &dir) == -1 || fstat(fd, &st) == -1)
		return -1;
	if ((st.st_uid == 0 || st.st_uid == geteuid() ||
		st.st_uid == dir.st_uid || st.st_uid == keeper) &&
	    (st.st_mode & (S_IWGRP | S_IWOTH)) == 0)
		return 0;
	drac_why_set(why, "belongs to user %u with mode %04o",
	    (unsigned)st.st_uid, (unsigned)(st.st_mode & 07777));
	errno = EPERM;
	return -1;
}

static int
load(int fd, struct drac_closed *closed, struct drac_why *why)
{
	char *text = NULL;
	size_t len;
	int result = read_file(fd, &text, &len), saved;

	if (result == 0)
		result = drac_closed_parse(closed, text, len, why);
	saved = errno;
	free(text);
	errno = saved;
	return result;
}

int
drac_closed_load(const struct drac_place *place, uid_t keeper,
    struct drac_closed *closed, struct drac_why *why)
{
	struct drac_why inner = { "" };
	int fd, result, saved;

	*closed = (struct drac_closed){ 0 };
	fd = drac_place_file(place, DRAC_CLOSED, O_RDONLY, 0, why);
	if (fd == -1)
		return errno == ENOENT ? 0 : -1;
	result = check_owner(place, keeper, fd, &inner);
	if (result == 0)
		result = load(fd, closed, &inner);
	saved = errno;
	if (result == -1)
		drac_why_set(why,
		    "%s%s: %s: nothing is authorised while this list cannot "
		    "be read",
		    place->path, DRAC_CLOSED,
		    inner.text[0] != '\0' ? inner.text
					  : strerrordesc_np(saved));
	(void)close(fd);
	errno = saved;
	return result;
}

/* Writing. */

static int
write_list(FILE *file, const struct drac_closed *closed)
{
	fprintf(file, HEAD "%zu\n", closed->count);
	for (size_t i = 0; i < closed->count; i++) {
		char addr[DRAC_ADDR_TEXT];

		drac_addr_text(&closed->at[i].net.addr, addr);
		fprintf(file, "%s/%d %" PRId64 "\n", addr,
		    closed->at[i].net.bits, (int64_t)closed->at[i].until);
	}
	return fflush(file) == EOF || ferror(file) ? -1 : 0;
}

static int
write_new(const struct drac_place *place, const struct drac_closed *closed,
    mode_t mode, struct drac_why *why)
{
	int fd, result = -1, saved;
	FILE *file;

	drac_place_unlink(place, NEW);
	fd = drac_place_file(place, NEW, O_WRONLY | O_CREAT | O_EXCL, 0600,
	    why);
	if (fd == -1)
		return -1;
	file = fdopen(fd, "w");
	if (file == NULL) {
		(void)close(fd);
		return -1;
	}
	if (write_list(file, closed) == 0 && fchmod(fd, mode) == 0)
		result = fsync(fd);
	saved = errno;
	(void)fclose(file);
	errno = saved;
	return result;
}

static int
save(const struct drac_place *place, const struct drac_closed *closed,
    mode_t mode, struct drac_why *why)
{
	struct stat st;

	if (closed->count == 0) {
		if (drac_place_stat(place, DRAC_CLOSED, &st) == -1)
			return errno == ENOENT ? 0 : -1;
		drac_place_unlink(place, DRAC_CLOSED);
		if (drac_place_stat(place, DRAC_CLOSED, &st) == -1)
			return fsync(place->dir);
		errno = EACCES;
		return -1;
	}
	if (write_new(place, closed, mode, why) == -1 ||
	    drac_place_rename(place, NEW, DRAC_CLOSED) == -1) {
		drac_place_unlink(place, NEW);
		return -1;
	}
	return fsync(place->dir);
}

int
drac_closed_save(const struct drac_place *place,
    const struct drac_closed *closed, mode_t mode, struct drac_why *why)
{
	struct drac_why inner = { "" };
	int saved;

	if (save(place, closed, mode, &inner) == 0)
		return 0;
	saved = errno;
	drac_why_set(why, "%s%s: %s", place->path, DRAC_CLOSED,
	    inner.text[0] != '\0' ? inner.text : strerrordesc_np(saved));
	errno = saved;
	return -1;
}

/* The list. */

static bool
same_net(const struct drac_net *a, const struct drac_net *b)
{
	return a->bits == b->bits && drac_addr_equal(&a->addr, &b->addr);
}

/* One of them holds the other, or they have nothing in common. */
static bool
overlap(const struct drac_net *a, const struct drac_net *b)
{
	return drac_net_has(a, &b->addr) || drac_net_has(b, &a->addr);
}

const struct drac_closing *
drac_closed_find(const struct drac_closed *closed, const struct drac_net *net,
    time_t now)
{
	const struct drac_closing *found = NULL;

	for (size_t i = 0; i < closed->count; i++) {
		const struct drac_closing *closing = &closed->at[i];

		if (closing->until > now && overlap(&closing->net, net) &&
		    (found == NULL || closing->until > found->until))
			found = closing;
	}
	return found;
}

int
drac_closed_set(struct drac_closed *closed, const struct drac_net *net,
    time_t until)
{
	struct drac_closing *grown;
	size_t i = 0;

	while (i < closed->count && !same_net(&closed->at[i].net, net))
		i++;
	if (until == 0) {
		if (i < closed->count)
			closed->at[i] = closed->at[--closed->count];
		return 0;
	}
	if (i == DRAC_CLOSED_MAX) {
		errno = ENOSPC;
		return -1;
	}
	if (i == closed->count) {
		grown = reallocarray(closed->at, i + 1, sizeof(*grown));
		if (grown == NULL)
			return -1;
		closed->at = grown;
		closed->count++;
	}
	closed->at[i] = (struct drac_closing){ *net, until };
	return 0;
}

bool
drac_closed_prune(struct drac_closed *closed, time_t now)
{
	size_t kept = 0, count = closed->count;

	for (size_t i = 0; i < count; i++)
		if (closed->at[i].until > now)
			closed->at[kept++] = closed->at[i];
	closed->count = kept;
	return kept < count;
}
