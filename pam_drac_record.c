/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What a login recorded hangs on the PAM handle. One handle is one login:
 * an address that a hook has recorded is not recorded again, and all of
 * them are taken back when the application ends the handle with a failure.
 * A refusal or a failure settles nothing: a later hook, or a second try on
 * the same handle, starts afresh.
 */

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pam_drac_parts.h"

#define DATA_NAME "pam_drac"

struct drac_memory {
	unsigned long spent_ms; /* waited, by all hooks so far */
	struct drac_log log;    /* what is left for it; not connected */
	struct drac_mark *marks;
};

/*
 * Whether the application reports a failed login to pam_end(3). A forked
 * child says PAM_DATA_SILENT and speaks for nobody; PAM_DATA_REPLACE comes
 * from pam_set_data(3). A negative status is no PAM code and has no flags:
 * it cannot mean success.
 */
static bool
reports_failure(int status)
{
	if (status < 0)
		return true;
	return (status & (PAM_DATA_SILENT | PAM_DATA_REPLACE)) == 0 &&
	       status != PAM_SUCCESS;
}

/* The clean-up of pam_set_data(3). The latest mark goes first. */
static void
forget(pam_handle_t *pamh, void *data, int status)
{
	struct drac_memory *memory = data;
	struct drac_attempt attempt = { .pamh = pamh,
		.hook = DRAC_HOOKS,
		.log = memory->log,
		.login = { .say = drac_say, .say_arg = &attempt } };
	struct drac_mark *mark;
	int saved = errno;

	drac_words(&attempt);
	attempt.log.lines = DRAC_LOG_LINES;
	while ((mark = memory->marks) != NULL) {
		memory->marks = mark->next;
		if (reports_failure(status))
			drac_login_take_back(&attempt.login, mark,
			    pam_strerror(pamh, status));
		free(mark);
	}
	drac_log_end(&attempt.log);
	free(memory);
	errno = saved;
}

/* The memory of this handle, made at need; NULL without memory. */
static struct drac_memory *
find_memory(pam_handle_t *pamh, const struct drac_log *log)
{
	const void *data = NULL;
	struct drac_memory *memory;

	if (pam_get_data(pamh, DATA_NAME, &data) == PAM_SUCCESS &&
	    data != NULL)
		return (struct drac_memory *)(uintptr_t)data; /* ours */
	memory = calloc(1, sizeof(*memory));
	if (memory == NULL)
		return NULL;
	memory->log = *log;
	if (pam_set_data(pamh, DATA_NAME, memory, forget) != PAM_SUCCESS) {
		free(memory);
		memory = NULL;
	}
	return memory;
}

void
drac_recall(struct drac_attempt *attempt)
{
	struct drac_log *log = &attempt->log;

	drac_log_init(log, DRAC_LOG_SOCKET, LOG_AUTHPRIV, NULL);
	log->wait_ms = DRAC_LOG_WAIT_MS;
	log->lines = DRAC_LOG_LINES;
	attempt->memory = find_memory(attempt->pamh, log);
	if (attempt->memory == NULL)
		return;
	*log = attempt->memory->log;
	attempt->login.spent_ms = attempt->memory->spent_ms;
}

/*
 * The descriptor is closed: until the next hook the application may give
 * its number to something else.
 */
void
drac_remember(struct drac_attempt *attempt)
{
	drac_log_end(&attempt->log);
	if (attempt->memory == NULL)
		return;
	attempt->memory->log = attempt->log;
	attempt->memory->spent_ms = attempt->login.spent_ms;
}

/* Recorded by this login already, at the same place? */
static bool
is_settled(const struct drac_memory *memory, const struct drac_mark *mark)
{
	const struct drac_mark *other;

	for (other = memory->marks; other != NULL; other = other->next)
		if (other->settled &&
		    drac_addr_equal(&other->addr, &mark->addr) &&
		    strcmp(other->where, mark->where) == 0)
			return true;
	return false;
}

/* Known to this login from now on. */
static enum drac_outcome
record(struct drac_attempt *attempt, struct drac_mark *mark)
{
	struct drac_memory *memory = attempt->memory;
	enum drac_outcome outcome = drac_login_record(&attempt->login, mark);

	mark->settled = outcome == DRAC_RECORDED;
	if (mark->settled || drac_login_is_marked(mark)) {
		mark->next = memory->marks;
		memory->marks = mark;
	} else {
		free(mark);
	}
	return outcome;
}

/*
 * Memory and mark are made first: once the map has the address, nothing
 * may fail that is needed to take it back.
 */
enum drac_outcome
drac_record(struct drac_attempt *attempt)
{
	struct drac_login *login = &attempt->login;
	struct drac_mark *mark =
	    attempt->memory == NULL ? NULL : drac_login_mark(login);
	char text[DRAC_ADDR_TEXT + 64];

	if (mark == NULL) {
		drac_why_set(&login->why, "out of memory");
		login->level = DRAC_LOGIN_ERR;
		return DRAC_FAILED;
	}
	if (!is_settled(attempt->memory, mark))
		return record(attempt, mark);
	free(mark);
	if (attempt->conf.debug) {
		snprintf(text, sizeof(text),
		    "%s is already authorised by this login",
		    login->addr_text);
		drac_say(DRAC_LOGIN_DEBUG, text, 0, attempt);
	}
	return DRAC_RECORDED;
}
