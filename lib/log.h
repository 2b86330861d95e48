/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The log: the one room that writes to it, for the module and the programs.
 *
 * syslog(3) waits for as long as the log daemon does not read. Here a line
 * waits for room within wait_ms, then it is dropped and counted, and the
 * next line that is taken is preceded by the count. A line has no time of its
 * own: log daemons add the time of receipt, and to format one would
 * make the C library read TZ. What is not printable ASCII is written as `?`.
 * Levels and facilities are those of syslog(3). errno is kept.
 */
#ifndef DRAC_LOG_H
#define DRAC_LOG_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <syslog.h>

#define DRAC_LOG_SOCKET "/dev/log"

enum {
	DRAC_LOG_WAIT_MS = 100, /* all lines of one login together */
	DRAC_LOG_LINES = 8,     /* of one login */
	DRAC_LOG_TAG = 48,
	DRAC_LOG_RECORD = 6400 /* the longest line with all before it */
};
#define DRAC_LOG_NO_LIMIT UINT_MAX

/* Owned by the caller, who may set prefix, wait_ms and lines at any time. */
struct drac_log {
	const char *socket; /* NULL: standard error; borrowed */
	const char *prefix; /* before each text; borrowed */
	int facility;
	unsigned wait_ms; /* that the lines to come may wait, together */
	unsigned lines;   /* that may still be written, or no limit */

	/* log's own */
	char tag[DRAC_LOG_TAG];
	unsigned long left_out; /* beyond the limit */
	uint64_t lost;          /* not taken, and not reported yet */
	int fd;                 /* -1: not connected */
	bool stream;
	bool journal; /* standard error is the journal's */
};

/*
 * Nothing is opened before the first line. tag NULL: the name of the program
 * that this process runs. Waits for nothing, has no prefix and no limit of lines.
 */
void drac_log_init(struct drac_log *log, const char *socket, int facility,
    const char *tag);

/* One line; text has no newline. */
void drac_log_put(struct drac_log *log, int level, const char *text);

/* The same, but leaves one line of the limit for what is more important. */
void drac_log_put_detail(struct drac_log *log, int level, const char *text);

/* Report what was lost. Called by drac_log_put, too. */
void drac_log_flush(struct drac_log *log);

/* Report what was left out as `and N more`, and close. log can be used on. */
void drac_log_end(struct drac_log *log);

#endif
