/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A test with files of its own below /run and /etc, to be entered before
 * there are threads.
 */
#ifndef DRAC_TEST_APART_H
#define DRAC_TEST_APART_H

#include <sys/mount.h>

#include "../unit/namespace.h"
#include "login.h"

/*
 * An empty /run, for what is remembered of servers is there, and an /etc
 * with nothing but a hosts file. false: neither is to be had here. Then only
 * another user than root, who cannot write to /run, goes on.
 */
static inline bool
hide_files(const char *hosts)
{
	bool root = geteuid() == 0;
	FILE *file;

	if (!enter_namespaces(CLONE_NEWNS) ||
	    mount("none", "/", "none", MS_REC | MS_PRIVATE, "") == -1) {
		if (!root)
			return false;
		printf("skip %s: no mount namespace to be had\n",
		    program_invocation_short_name);
		exit(0);
	}
	if (mount("none", "/run", "tmpfs", 0, "mode=755") == -1 ||
	    mount("none", "/etc", "tmpfs", 0, "mode=755") == -1 ||
	    (file = fopen("/etc/hosts", "we")) == NULL ||
	    fputs(hosts, file) == EOF || fclose(file) != 0)
		die("/run and /etc of our own");
	return true;
}

#endif
