/* SPDX-License-Identifier: BSD-2-Clause */

/* SIGXFSZ kept from the thread that writes; see sigguard.h. */

#include "sigguard.h"

#include <errno.h>
#include <time.h>

static void
set_of_one(sigset_t *set)
{
	(void)sigemptyset(set);
	(void)sigaddset(set, SIGXFSZ);
}

void
drac_sigguard_begin(struct drac_sigguard *guard)
{
	sigset_t ours, pending;
	int saved = errno;

	set_of_one(&ours);
	(void)pthread_sigmask(SIG_BLOCK, &ours, &guard->mask);
	(void)sigemptyset(&pending);
	(void)sigpending(&pending);
	guard->pending = sigismember(&pending, SIGXFSZ) == 1;
	errno = saved;
}

void
drac_sigguard_end(const struct drac_sigguard *guard)
{
	const struct timespec now = { 0 };
	int saved = errno;
	sigset_t ours;

	set_of_one(&ours);
	while (!guard->pending && sigtimedwait(&ours, NULL, &now) == -1 &&
	       errno == EINTR)
		continue;
	(void)pthread_sigmask(SIG_SETMASK, &guard->mask, NULL);
	errno = saved;
}
