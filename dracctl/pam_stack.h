/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The stack of a PAM service as Linux-PAM 1.5 makes it of the files in
 * pam.d(5), and the ways a login can take through it. Pure: whoever calls
 * gives the contents of the files. What is copied here is the behaviour of
 * pam_handlers.c and pam_dispatch.c of Linux-PAM, and of Debian's @include.
 */
#ifndef DRAC_PAM_STACK_H
#define DRAC_PAM_STACK_H

#include <stdbool.h>
#include <stddef.h>

/* Nested includes and substacks; Linux-PAM takes no more either. */
#define DRAC_PAM_LEVELS 16u

/* More than this of one service: EFBIG. */
#define DRAC_PAM_LINES 2048u
#define DRAC_PAM_FILES 512u

/* What a module can return; the numbers are Linux-PAM's. */
enum drac_pam_code {
	DRAC_PAM_SUCCESS = 0,
	DRAC_PAM_PERM_DENIED = 6,
	DRAC_PAM_AUTH_ERR = 7,
	DRAC_PAM_AUTHINFO_UNAVAIL = 9,
	DRAC_PAM_USER_UNKNOWN = 10,
	DRAC_PAM_NEW_AUTHTOK_REQD = 12,
	DRAC_PAM_ACCT_EXPIRED = 13,
	DRAC_PAM_IGNORE = 25,
	DRAC_PAM_CODES = 32
};

/* What the control field makes of it; above 0: skip so many lines. */
enum drac_pam_action {
	DRAC_PAM_DO_IGNORE = 0,
	DRAC_PAM_DO_OK = -1,
	DRAC_PAM_DO_DONE = -2,
	DRAC_PAM_DO_BAD = -3,
	DRAC_PAM_DO_DIE = -4,
	DRAC_PAM_DO_RESET = -5
};

enum drac_pam_group {
	DRAC_PAM_AUTH,
	DRAC_PAM_ACCOUNT,
	DRAC_PAM_SESSION,
	DRAC_PAM_PASSWORD,
	DRAC_PAM_GROUPS
};

enum drac_pam_kind {
	DRAC_PAM_MODULE,
	DRAC_PAM_SUBSTACK, /* what follows one level deeper belongs to it */
	DRAC_PAM_BROKEN    /* refuses whoever comes by: fault says why */
};

/* One line, with the lines of included files in its place. */
struct drac_pam_line {
	enum drac_pam_group group;
	enum drac_pam_kind kind;
	unsigned level; /* of substacks */
	int action[DRAC_PAM_CODES];
	const char *control; /* as it was written */
	const char *module;  /* as it was written; NULL unless MODULE */
	char **argument;     /* NULL at the end */
	int arguments;
	const char *file; /* its path, and where it stands there */
	unsigned number;
	const char *fault; /* BROKEN */
};

struct drac_pam_stack {
	struct drac_pam_line *line;
	size_t count;
	struct drac_pam_text {
		char *path;
		char *text;
	} * text; /* what the lines point into */
	size_t texts;
};

/*
 * The contents of the file that a service or an include names: a NUL
 * terminated text and its path, both to be freed by who called. 1; 0 there
 * is none; -1 with errno.
 */
typedef int drac_pam_read(const char *name, char **text, char **path,
    void *arg);

/* Every line of a service. 1; 0 no such service; -1 with errno. */
int drac_pam_load(struct drac_pam_stack *stack, const char *service,
    drac_pam_read *read, void *arg);
void drac_pam_free(struct drac_pam_stack *stack);

/* The module of a line without directory and suffix is this one? */
bool drac_pam_is(const struct drac_pam_line *line, const char *name);

/* What sort of login comes by. */
enum drac_pam_login {
	DRAC_PAM_GOOD,    /* of a user in the password file or elsewhere */
	DRAC_PAM_LOCAL,   /* the same, in the password file */
	DRAC_PAM_WRONG,   /* the password is wrong, or there is no such user */
	DRAC_PAM_EXPIRED, /* a right password, an account that has expired */
	DRAC_PAM_CHANGE,  /* a right password that must be changed */
	DRAC_PAM_REFUSED  /* any module of the account group may refuse */
};

/*
 * What becomes of a login at a line: modules that are not known may do
 * whatever they like, so there are several ways.
 */
struct drac_pam_fate {
	bool ends_well;  /* a way through the group ends with success */
	bool ends_badly; /* and one with a refusal */
	bool called;     /* the line is reached on one of them */
	bool in_vain;    /* it is reached on one that ends with a refusal */
	bool missed;     /* it is not reached on one that ends with success */
	const struct drac_pam_line *refused_by; /* in_vain: the first to */
	const struct drac_pam_line *ended_by;   /* missed; NULL: skipped */
	bool too_many; /* ways: not all of them were gone */
};

/* at is a line of stack; its group is what is walked. */
void drac_pam_walk(const struct drac_pam_stack *stack,
    const struct drac_pam_line *at, enum drac_pam_login login,
    struct drac_pam_fate *fate);

#endif
