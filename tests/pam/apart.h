/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A test in namespaces of its own, so that it may have addresses, files
 * below /run and a hosts file that are nobody else's. To be entered before
 * there are threads. Without root this needs a user namespace; where there
 * is none, what needs it is skipped.
 */
#ifndef DRAC_TEST_APART_H
#define DRAC_TEST_APART_H

#include <sys/mount.h>

#include <sched.h>

#include "login.h"

static inline void
put(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0)
		die(path);
}

static inline void
map_to_root(const char *path, unsigned id)
{
	char text[32];

	snprintf(text, sizeof(text), "0 %u 1\n", id);
	put(path, text);
}

/* A user namespace in which we are root, unless we are. */
static inline int
leave(int flags)
{
	unsigned uid = geteuid(), gid = getegid();

	if (uid == 0)
		return unshare(flags);
	if (unshare(CLONE_NEWUSER | flags) == -1)
		return -1;
	map_to_root("/proc/self/uid_map", uid);
	put("/proc/self/setgroups", "deny\n");
	map_to_root("/proc/self/gid_map", gid);
	return 0;
}

/*
 * An empty /run, for what is remembered of servers is there, and a hosts
 * file. false: there is none; nobody but root could write there anyway.
 */
static inline bool
hide_files(const char *hosts)
{
	char path[PATH_MAX];
	bool root = geteuid() == 0;

	write_file("hosts", "%s", hosts);
	snprintf(path, sizeof(path), "%s/hosts", place);
	if (leave(CLONE_NEWNS) == 0 &&
	    mount("none", "/", "none", MS_REC | MS_PRIVATE, "") == 0 &&
	    mount("none", "/run", "tmpfs", 0, "mode=755") == 0 &&
	    mount(path, "/etc/hosts", "none", MS_BIND, "") == 0)
		return true;
	if (root)
		die("mount namespace");
	return false;
}

#endif
