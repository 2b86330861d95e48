/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Files that an administrator wrote, read safely and line by line. Every
 * error of a file is reported, not the first alone, as "NAME:LINE: what is
 * wrong" or "NAME: what is wrong". Sentences are printable ASCII: any other
 * octet of outside text is shown as `?`.
 */
#ifndef DRAC_LINES_H
#define DRAC_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include "why.h"

/* The largest file that is read, in octets. */
#define DRAC_LINES_SIZE_MAX 65536

/* What stands between words. */
#define DRAC_LINES_BLANKS "\t "

/* How much of a value a sentence about it shows. */
#define DRAC_LINES_SHOWN 120

/* Where errors go: one call per error, text without a newline. */
typedef void drac_lines_report(const char *text, void *arg);

/*
 * A line that is not empty, without its comment and without blanks on
 * either side; it may be written over. number counts from 1. 0, or -1 with
 * errno and why set.
 */
typedef int drac_lines_take(char *line, unsigned number, void *arg,
    struct drac_why *why);

/* One reading. The caller fills in the first half and zeroes the rest. */
struct drac_lines {
	const char *name; /* what sentences call the file */
	drac_lines_take *take;
	void *take_arg;
	drac_lines_report *report;
	drac_lines_report *warn; /* NULL: what it would be told is an error */
	void *report_arg;

	int error; /* errno of the first error, or 0 */
	unsigned line;
	bool crlf; /* said already */
};

/*
 * Read the file called name: a regular file (no symbolic link at its last
 * component), owned by root (or by the effective user), not writable by
 * group or others, at most DRAC_LINES_SIZE_MAX octets. Then as
 * drac_lines_parse, or -1 with errno ENOENT when there is no such file
 * (nothing is reported then), with EINVAL when it is not such a file, or
 * with the errno of open(2) or read(2), or ENOMEM.
 */
int drac_lines_load(struct drac_lines *lines);

/*
 * Hand each line of len octets to take. The octets are written over and
 * have room for one more. `#` at the start of a line or after a blank
 * starts a comment; a NUL is an error. A CR at the end of a line is an error, or a
 * warning where warn is set, and told once. 0 ok; -1 with the errno of the
 * first error, after reporting every one.
 */
int drac_lines_parse(struct drac_lines *lines, char *octets, size_t len);

/* Report what is wrong with the file as a whole; errno is the error. */
void drac_lines_tell(struct drac_lines *lines, const char *what);

/* Warn of the line that take is called for; lines->warn is not NULL. */
void drac_lines_warn(struct drac_lines *lines, const char *what);

#endif
