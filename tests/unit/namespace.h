/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Namespaces of a test's own. A process of one thread may enter them; where
 * none is to be had, as in many containers, the test is skipped.
 */
#ifndef DRAC_TEST_NAMESPACE_H
#define DRAC_TEST_NAMESPACE_H

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "test.h"

static inline bool
write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t written = -1;

	if (fd != -1)
		written = write(fd, text, strlen(text));
	(void)close(fd);
	return written == (ssize_t)strlen(text);
}

static inline bool
map_to_root(const char *path, unsigned id)
{
	char text[32];

	snprintf(text, sizeof(text), "0 %u 1\n", id);
	return write_text(path, text);
}

/* Without root, in a user namespace in which we are root. */
static inline bool
enter_namespaces(int flags)
{
	unsigned uid = geteuid(), gid = getegid();

	if (uid == 0)
		return unshare(flags) == 0;
	return unshare(CLONE_NEWUSER | flags) == 0 &&
	       map_to_root("/proc/self/uid_map", uid) &&
	       write_text("/proc/self/setgroups", "deny\n") &&
	       map_to_root("/proc/self/gid_map", gid);
}

/* A network with nothing in it but loopback. */
static inline bool
enter_network(void)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	bool up;
	int fd;

	if (!enter_namespaces(CLONE_NEWNET))
		return false;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	up = fd != -1 && ioctl(fd, SIOCSIFFLAGS, &lo) == 0;
	(void)close(fd);
	return up;
}

#define TEST_SKIPPED 77

/* The test in a child process. */
static inline void
in_child(void (*test)(void))
{
	pid_t pid;
	int status = -1;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		test_failures = 0;
		test_skipped = NULL;
		test();
		fflush(stdout);
		_exit(test_failures != 0     ? 1
		      : test_skipped == NULL ? 0
					     : TEST_SKIPPED);
	}
	CHECK(pid != -1 && waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && (WEXITSTATUS(status) == 0 ||
					   WEXITSTATUS(status) == TEST_SKIPPED));
	if (WIFEXITED(status) && WEXITSTATUS(status) == TEST_SKIPPED)
		test_skipped = "no network namespace to be had";
}

#endif
