/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What is logged in this process does not leave it: a connect(2) and a
 * send(2) of our own stand before the C library's. A socket that connects to
 * /dev/log is marked by its priority; what is sent there is given to
 * log_caught, which the file that includes this defines.
 */
#ifndef DRAC_TEST_LOG_TRAP_H
#define DRAC_TEST_LOG_TRAP_H

#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#define TRAP_MARK 5

/* When not 0, no line is taken, for this reason. */
static int log_errno;

/* The tag has no process number. */
static void log_caught(int priority, const char *tag, const char *text);

static inline void
trap_line(const char *record, size_t length)
{
	char line[8192], tag[64];
	int priority, begin = 0;

	if (length >= sizeof(line))
		abort();
	memcpy(line, record, length);
	line[length] = '\0';
	if (sscanf(line, "<%d>%63[^[][%*d]: %n", &priority, tag, &begin) != 2 ||
	    begin == 0)
		abort();
	log_caught(priority, tag, line + begin);
}

__attribute__((visibility("default"))) int
connect(int fd, __CONST_SOCKADDR_ARG address, socklen_t length)
{
	const struct sockaddr *to = address.__sockaddr__;
	const int mark = TRAP_MARK;
	struct sockaddr_un name = { 0 };

	if (to->sa_family == AF_UNIX && length <= sizeof(name)) {
		memcpy(&name, to, length);
		if (strcmp(name.sun_path, "/dev/log") == 0)
			return setsockopt(fd, SOL_SOCKET, SO_PRIORITY, &mark,
			    sizeof(mark));
	}
	return (int)syscall(SYS_connect, fd, to, length);
}

__attribute__((visibility("default"))) ssize_t
send(int fd, const void *octets, size_t length, int flags)
{
	socklen_t size = sizeof(int);
	int mark = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_PRIORITY, &mark, &size) == 0 &&
	    mark == TRAP_MARK) {
		if (log_errno != 0) {
			errno = log_errno;
			return -1;
		}
		trap_line(octets, length);
		return (ssize_t)length;
	}
	return syscall(SYS_sendto, fd, octets, length, flags, NULL, 0);
}

#endif
