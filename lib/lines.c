/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Files of lines: what may be trusted, lines, comments and sentences. No
 * locale: neither ctype.h nor strerror(3).
 */
#include "lines.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How much of a path one sentence shows. */
#define SHOWN_PATH 512

/* The place of it in front; line 0: the file as a whole. */
static void
tell_place(const struct drac_lines *t, drac_lines_report *report, unsigned line,
    const char *what)
{
	char sentence[SHOWN_PATH + sizeof(struct drac_why) + 16];

	if (line == 0)
		snprintf(sentence, sizeof sentence, "%.*s: %s", SHOWN_PATH,
		    t->name, what);
	else
		snprintf(sentence, sizeof sentence, "%.*s:%u: %s", SHOWN_PATH,
		    t->name, line, what);
	drac_why_make_harmless(sentence);
	report(sentence, t->report_arg);
}

/* errno says what kind of error it is. */
static void
tell_line(struct drac_lines *t, unsigned line, const char *what)
{
	if (t->error == 0)
		t->error = errno;
	tell_place(t, t->report, line, what);
}

void
drac_lines_warn(struct drac_lines *t, const char *what)
{
	tell_place(t, t->warn, t->line, what);
}

void
drac_lines_tell(struct drac_lines *t, const char *what)
{
	tell_line(t, 0, what);
}

static void
tell_invalid(struct drac_lines *t, unsigned line, const char *what)
{
	errno = EINVAL;
	tell_line(t, line, what);
}

/* Untranslated, whatever locale the process is in. */
static void
tell_errno(struct drac_lines *t)
{
	const char *what = strerrordesc_np(errno);

	drac_lines_tell(t, what != NULL ? what : "unknown error");
}

static int
result(const struct drac_lines *t)
{
	if (t->error == 0)
		return 0;
	errno = t->error;
	return -1;
}

/* Lines */

/* The line without its comment and without blanks on either side. */
static char *
trim(char *line)
{
	char *start = line + strspn(line, DRAC_LINES_BLANKS), *end = start;

	for (char *at = start; *at != '\0'; at++) {
		bool blank = *at == ' ' || *at == '\t';

		if (*at == '#' &&
		    (at == start || at[-1] == ' ' || at[-1] == '\t'))
			break;
		if (!blank)
			end = at + 1;
	}
	*end = '\0';
	return start;
}

/* Windows writes such lines. The first one is told. */
static void
tell_crlf(struct drac_lines *t)
{
	static const char what[] = "the line ends in CR LF, not in LF";

	if (t->crlf)
		return;
	t->crlf = true;
	if (t->warn != NULL)
		drac_lines_warn(t, what);
	else
		tell_invalid(t, t->line, what);
}

/* line has len octets and a NUL after them. */
static void
take_line(struct drac_lines *t, char *line, size_t len)
{
	struct drac_why why = { "" };

	t->line++;
	if (memchr(line, '\0', len) != NULL) {
		tell_invalid(t, t->line, "a NUL octet");
		return;
	}
	if (len > 0 && line[len - 1] == '\r') {
		line[len - 1] = '\0';
		tell_crlf(t);
	}
	line = trim(line);
	if (*line != '\0' && t->take(line, t->line, t->take_arg, &why) == -1)
		tell_line(t, t->line, why.text);
}

int
drac_lines_parse(struct drac_lines *t, char *octets, size_t len)
{
	while (len > 0) {
		char *end = memchr(octets, '\n', len);
		size_t size = end == NULL ? len : (size_t)(end - octets);

		octets[size] = '\0';
		take_line(t, octets, size);
		if (end == NULL)
			break;
		octets += size + 1;
		len -= size + 1;
	}
	return result(t);
}

/* The file */

/* What is wrong with the file, or NULL. */
static const char *
distrust(const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		return "not a regular file";
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return "owned neither by root nor by this user";
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return "writable by group or others";
	return NULL;
}

/* Up to size octets; -1 with the errno of read(2). */
static ssize_t
read_all(int fd, char *buffer, size_t size)
{
	size_t len = 0;

	while (len < size) {
		ssize_t got = read(fd, buffer + len, size - len);

		if (got == 0)
			break;
		if (got == -1 && errno != EINTR)
			return -1;
		if (got > 0)
			len += (size_t)got;
	}
	return (ssize_t)len;
}

static void
take_file(struct drac_lines *t, int fd, char *buffer)
{
	struct stat st;
	const char *what;
	ssize_t len;

	if (fstat(fd, &st) == -1) {
		tell_errno(t);
		return;
	}
	if ((what = distrust(&st)) != NULL) {
		tell_invalid(t, 0, what);
		return;
	}
	len = read_all(fd, buffer, DRAC_LINES_SIZE_MAX + 1);
	if (len == -1)
		tell_errno(t);
	else if (len > DRAC_LINES_SIZE_MAX)
		tell_invalid(t, 0, "larger than 64 KiB");
	else
		(void)drac_lines_parse(t, buffer, (size_t)len);
}

static int
load(struct drac_lines *t, int fd)
{
	char *buffer = malloc(DRAC_LINES_SIZE_MAX + 1);

	if (buffer == NULL)
		tell_errno(t);
	else
		take_file(t, fd, buffer);
	free(buffer);
	return result(t);
}

int
drac_lines_load(struct drac_lines *t)
{
	int fd, answer, saved;

	fd = open(t->name,
	    O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd == -1) {
		if (errno == ENOENT)
			return -1;
		if (errno == ELOOP)
			tell_invalid(t, 0, "a symbolic link");
		else
			tell_errno(t);
		return result(t);
	}
	answer = load(t, fd);
	saved = errno;
	close(fd);
	errno = saved;
	return answer;
}
