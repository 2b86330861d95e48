/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What a login recorded hangs on the PAM handle. One handle is one login:
 * an address that a hook has recorded is not recorded again, and all of
 * them are taken back when the application ends the handle with a failure.
 * A refusal or a failure settles nothing: a later hook, or a second try on
 * the same handle, starts afresh.
 */

#include <errno.h>
#include <security/pam_ext.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include "pam_drac_parts.h"

/* What hangs on the PAM handle. */
struct memory {
	unsigned long spent_ms; /* waited, by all hooks so far */
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
	struct drac_login login = { .say = drac_say_late, .say_arg = pamh };
	struct memory *memory = data;
	struct drac_mark *mark;
	int saved = errno;

	drac_words(&login, pamh);
	while ((mark = memory->marks) != NULL) {
		memory->marks = mark->next;
		if (reports_failure(status))
			drac_login_take_back(&login, mark,
			    pam_strerror(pamh, status));
		free(mark);
	}
	free(memory);
	errno = saved;
}

/* The memory of this handle, made at need; NULL without memory. */
static struct memory *
recall(pam_handle_t *pamh)
{
	const void *data = NULL;
	struct memory *memory;

	if (pam_get_data(pamh, DRAC_DATA_NAME, &data) == PAM_SUCCESS &&
	    data != NULL)
		return (struct memory *)(uintptr_t)data; /* ours, not const */
	memory = calloc(1, sizeof(*memory));
	if (memory != NULL &&
	    pam_set_data(pamh, DRAC_DATA_NAME, memory, forget) != PAM_SUCCESS) {
		free(memory);
		memory = NULL;
	}
	return memory;
}

/* Recorded by this login already, at the same place? */
static bool
is_settled(const struct memory *memory, const struct drac_mark *mark)
{
	const struct drac_mark *other;

	for (other = memory->marks; other != NULL; other = other->next)
		if (other->settled &&
		    drac_addr_equal(&other->addr, &mark->addr) &&
		    strcmp(other->where, mark->where) == 0)
			return true;
	return false;
}

/* Known to this login, with what is left of its time. */
static enum drac_outcome
record(struct drac_attempt *attempt, struct memory *memory,
    struct drac_mark *mark)
{
	struct drac_login *login = &attempt->login;
	enum drac_outcome outcome;

	login->spent_ms = memory->spent_ms;
	outcome = drac_login_record(login, mark);
	memory->spent_ms = login->spent_ms;
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
	struct memory *memory = recall(attempt->pamh);
	struct drac_mark *mark = memory == NULL ? NULL : drac_login_mark(login);

	if (mark == NULL) {
		drac_why_set(&login->why, "out of memory");
		login->level = DRAC_LOGIN_ERR;
		return DRAC_FAILED;
	}
	if (!is_settled(memory, mark))
		return record(attempt, memory, mark);
	free(mark);
	if (attempt->conf.debug)
		pam_syslog(attempt->pamh, LOG_DEBUG,
		    "%s is already authorised by this login", login->addr_text);
	return DRAC_RECORDED;
}
