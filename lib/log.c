/* SPDX-License-Identifier: BSD-2-Clause */

/* Lines to the log, each within its time; see log.h. */

#include "log.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sys.h"
#include "why.h"

/* How long a stream socket with a full backlog is left alone. */
#define PAUSE_MS 5

/* systemd.exec(5): device and inode of what systemd gave us as stderr. */
static bool
is_journal(int fd)
{
	const char *named = getenv("JOURNAL_STREAM");
	char text[64];
	struct stat st;

	if (named == NULL || fstat(fd, &st) == -1)
		return false;
	snprintf(text, sizeof(text), "%ju:%ju", (uintmax_t)st.st_dev,
	    (uintmax_t)st.st_ino);
	return strcmp(named, text) == 0;
}

/*
 * What ends a tag for a log daemon ends it here. The name of the program may
 * be anything: a daemon that changes its title writes over it.
 */
static void
set_tag(struct drac_log *log, const char *name)
{
	size_t length = 0;

	while (length < sizeof(log->tag) - 1 && name[length] > ' ' &&
	       name[length] < 127 && strchr(":[]<>", name[length]) == NULL)
		length++;
	if (length == 0) {
		name = "pam";
		length = 3;
	}
	memcpy(log->tag, name, length);
	log->tag[length] = '\0';
}

void
drac_log_init(struct drac_log *log, const char *socket, int facility,
    const char *tag)
{
	int saved = errno;

	*log = (struct drac_log){ .socket = socket,
		.prefix = "",
		.facility = facility,
		.lines = DRAC_LOG_NO_LIMIT,
		.fd = -1,
		.journal = socket == NULL && is_journal(STDERR_FILENO) };
	set_tag(log, tag != NULL ? tag : program_invocation_short_name);
	errno = saved;
}

/* Standard error */

static const char *
level_word(int level)
{
	return level <= LOG_ERR       ? "error"
	       : level == LOG_WARNING ? "warning"
	       : level == LOG_DEBUG   ? "debug"
				      : "info";
}

/* Without waiting. A pipe that polls as writable takes PIPE_BUF octets. */
static bool
put_stderr(struct drac_log *log, int level, const char *text)
{
	struct pollfd pfd = { .fd = STDERR_FILENO, .events = POLLOUT };
	char record[PIPE_BUF];
	int length;

	if (log->journal)
		length = snprintf(record, sizeof(record), "<%d>%s%s", level,
		    log->prefix, text);
	else
		length = snprintf(record, sizeof(record), "%s: %s: %s%s",
		    log->tag, level_word(level), log->prefix, text);
	if (length > PIPE_BUF - 1)
		length = PIPE_BUF - 1;
	drac_why_make_harmless(record);
	record[length++] = '\n';
	return poll(&pfd, 1, 0) == 1 && (pfd.revents & POLLOUT) != 0 &&
	       write(STDERR_FILENO, record, (size_t)length) == length;
}

/* The socket */

static void
disconnect(struct drac_log *log)
{
	int saved = errno;

	if (log->fd != -1)
		(void)close(log->fd);
	log->fd = -1;
	errno = saved;
}

static int
connect_as(struct drac_log *log, int type)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };

	snprintf(to.sun_path, sizeof(to.sun_path), "%s", log->socket);
	log->stream = type == SOCK_STREAM;
	log->fd = drac_sys_above_stderr(
	    socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
	if (log->fd != -1 &&
	    connect(log->fd, (const struct sockaddr *)&to, sizeof(to)) == 0)
		return 0;
	disconnect(log);
	return -1;
}

static int
left_ms(int64_t end_ms)
{
	int64_t left = end_ms - drac_sys_ms();

	return left > 0 ? (int)left : 0;
}

/* As syslog(3): a stream socket where there is one instead. */
static int
connect_log(struct drac_log *log, int64_t end_ms)
{
	if (connect_as(log, SOCK_DGRAM) == 0)
		return 0;
	if (errno != EPROTOTYPE)
		return -1;
	while (connect_as(log, SOCK_STREAM) == -1) {
		int left = left_ms(end_ms);

		if (errno != EAGAIN || left == 0)
			return -1;
		(void)poll(NULL, 0, left < PAUSE_MS ? left : PAUSE_MS);
	}
	return 0;
}

/* Is there time to wait for room? Then wait. */
static bool
await_room(struct drac_log *log, int64_t end_ms)
{
	struct pollfd pfd = { .fd = log->fd, .events = POLLOUT };
	int left = left_ms(end_ms);

	return left > 0 && poll(&pfd, 1, left) != 0;
}

/* Half a line in a stream must not become the beginning of another. */
static bool
send_record(struct drac_log *log, const char *record, size_t length,
    int64_t end_ms)
{
	size_t sent = 0;

	while (sent < length) {
		ssize_t n = send(log->fd, record + sent, length - sent,
		    MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n > 0) {
			sent += (size_t)n;
		} else if (errno != EAGAIN || !await_room(log, end_ms)) {
			if (sent > 0)
				disconnect(log);
			return false;
		}
	}
	return true;
}

/* A log daemon that was started again has another socket. */
static bool
put_socket(struct drac_log *log, int level, const char *text, int64_t end_ms)
{
	char record[DRAC_LOG_RECORD];
	size_t length;

	snprintf(record, sizeof(record), "<%d>%s[%jd]: %s%s",
	    log->facility | level, log->tag, (intmax_t)getpid(), log->prefix,
	    text);
	drac_why_make_harmless(record);
	length = strlen(record);
	for (int tries = 0; tries < 2; tries++) {
		if (log->fd == -1 && connect_log(log, end_ms) == -1)
			return false;
		if (send_record(log, record, length + (log->stream ? 1 : 0),
			end_ms))
			return true;
		if (errno == EAGAIN || errno == ENOBUFS || errno == EMSGSIZE)
			return false;
		disconnect(log);
	}
	return false;
}

/* Lines */

static bool
write_line(struct drac_log *log, int level, const char *text)
{
	int64_t end_ms = drac_sys_ms() + log->wait_ms;
	bool taken;

	taken = log->socket == NULL ? put_stderr(log, level, text)
				    : put_socket(log, level, text, end_ms);
	log->wait_ms = (unsigned)left_ms(end_ms);
	if (!taken)
		log->lost++;
	return taken;
}

/* The report itself may be lost, too, and counts no more for it. */
void
drac_log_flush(struct drac_log *log)
{
	uint64_t count = log->lost;
	int saved = errno;
	char text[96];

	if (count == 0)
		return;
	snprintf(text, sizeof(text),
	    "the log did not take %" PRIu64 " lines before this one", count);
	log->lost = write_line(log, LOG_WARNING, text) ? 0 : count;
	errno = saved;
}

void
drac_log_put(struct drac_log *log, int level, const char *text)
{
	int saved = errno;

	if (log->lines == 0) {
		log->left_out++;
		return;
	}
	if (log->lines != DRAC_LOG_NO_LIMIT)
		log->lines--;
	drac_log_flush(log);
	(void)write_line(log, level, text);
	errno = saved;
}

void
drac_log_put_detail(struct drac_log *log, int level, const char *text)
{
	if (log->lines <= 1)
		log->left_out++;
	else
		drac_log_put(log, level, text);
}

void
drac_log_end(struct drac_log *log)
{
	int saved = errno;
	char text[64];

	if (log->left_out > 0) {
		snprintf(text, sizeof(text), "and %lu more", log->left_out);
		log->left_out = 0;
		drac_log_flush(log);
		(void)write_line(log, LOG_WARNING, text);
	}
	disconnect(log);
	errno = saved;
}
