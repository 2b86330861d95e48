/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * To be preloaded: Berkeley DB that does what BROKEN_DB says as soon as it is
 * to read a file in memory, which is what a child of lib/import has.
 */

#include <db.h>
#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int
in_child(void)
{
	char target[64] = "";

	return readlink("/proc/self/fd/0", target, sizeof(target) - 1) > 0 &&
	       strstr(target, "memfd:drac-import") != NULL;
}

static void
babble(void)
{
	/* An entry, then a record that is longer than what comes. */
	static const char text[] = "\x09\x0a"
				   "192.0.2.704102444800"
				   "\xff\xff";

	_exit(write(1, text, sizeof(text) - 1) > 0 ? 0 : 1);
}

__attribute__((visibility("default"))) int
db_env_create(DB_ENV **env, u_int32_t flags)
{
	int (*real)(DB_ENV **, u_int32_t);
	const char *how = getenv("BROKEN_DB");

	*(void **)&real = dlsym(RTLD_NEXT, "db_env_create");
	if (how != NULL && in_child()) {
		if (strcmp(how, "crash") == 0)
			(void)raise(SIGSEGV);
		else if (strcmp(how, "babble") == 0)
			babble();
		else if (strcmp(how, "quiet") == 0)
			_exit(0);
		else
			for (;;)
				(void)pause();
	}
	return real(env, flags);
}
