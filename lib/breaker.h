/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A server that does not answer is not asked at every login: after
 * DRAC_BREAKER_FAILURES failures in a row it is left alone for
 * DRAC_BREAKER_PAUSE_S, then one login tries it, and the others only once
 * that one was answered. Logins are in many processes, short and long
 * lived, so what is remembered is in a small file per server, in a
 * directory on a tmpfs that only root may write to. A file that cannot be
 * read or written means that the server is asked: the breaker saves time,
 * nothing else.
 */
#ifndef DRAC_BREAKER_H
#define DRAC_BREAKER_H

#include <stdbool.h>
#include <time.h>

#define DRAC_BREAKER_DIR      "/run/pam_drac"
#define DRAC_BREAKER_FAILURES 3
#define DRAC_BREAKER_PAUSE_S  30

/*
 * May the server called name be asked now? dir must be ours (or root's) and
 * not writable by others, or is not used. now: CLOCK_BOOTTIME seconds.
 * false: *wait_s says for how long not. The one who is let through after a
 * pause moves the end of the pause on, so that the others go on waiting.
 * Nobody waits here for a file that another process has locked: when the
 * pause is over, the server is asked. errno is kept, here and below.
 */
bool drac_breaker_may_ask(const char *dir, const char *name, time_t now,
    unsigned *wait_s);

/*
 * Tell what became of asking. A file that another process has locked is
 * waited for once, for a millisecond, then this is forgotten. The first
 * failure makes dir (0755) when it is missing and its parent is there.
 * *tripped: this failure was the one that makes the pause begin; *closed: this
 * answer ended one. The problem that keeps a failure from being remembered at
 * all is returned in words, or NULL.
 */
void drac_breaker_answered(const char *dir, const char *name, bool *closed);
const char *drac_breaker_failed(const char *dir, const char *name, time_t now,
    bool *tripped);

/* Would a failure be remembered? The problem in words, or NULL. */
const char *drac_breaker_problem(const char *dir);

#endif
