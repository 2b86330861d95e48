/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * All ways that a login can take through a group of a stack. A step is what
 * _pam_dispatch_aux of Linux-PAM does with one line; where a module may
 * return one thing or another, both ways are gone.
 */

#include <stdint.h>
#include <string.h>

#include "pam_stack.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define STEPS_MAX    200000u
#define CODES_MAX    4 /* that one line can return */
#define KNOWN_MAX    24
#define BIT(code)    (UINT32_C(1) << (code))

/*
 * What is known of modules; those that know users stand among the first
 * KNOWN_MAX. The others are conditions: they may
 * refuse.
 */
enum sort {
	CONDITION,
	PASSWORD, /* knows users: their passwords, and when accounts end */
	SILENT,   /* has no say */
	PERMIT,
	DENY,
	LOCAL, /* is the user in the password file? */
	OURS
};

static const struct {
	const char *name;
	enum sort sort;
} modules[] = {
	{ "pam_drac", OURS },
	{ "pam_unix", PASSWORD },
	{ "pam_unix2", PASSWORD },
	{ "pam_unix_auth", PASSWORD },
	{ "pam_unix_acct", PASSWORD },
	{ "pam_sss", PASSWORD },
	{ "pam_ldap", PASSWORD },
	{ "pam_ldapd", PASSWORD },
	{ "pam_krb5", PASSWORD },
	{ "pam_winbind", PASSWORD },
	{ "pam_mysql", PASSWORD },
	{ "pam_pgsql", PASSWORD },
	{ "pam_sqlite3", PASSWORD },
	{ "pam_userdb", PASSWORD },
	{ "pam_pwdfile", PASSWORD },
	{ "pam_radius", PASSWORD },
	{ "pam_radius_auth", PASSWORD },
	{ "pam_tacplus", PASSWORD },
	{ "pam_systemd_home", PASSWORD },
	{ "pam_oath", PASSWORD },
	{ "pam_google_authenticator", PASSWORD },
	{ "pam_yubico", PASSWORD },
	{ "pam_imap", PASSWORD },
	{ "pam_env", SILENT },
	{ "pam_faildelay", SILENT },
	{ "pam_echo", SILENT },
	{ "pam_warn", SILENT },
	{ "pam_mail", SILENT },
	{ "pam_motd", SILENT },
	{ "pam_limits", SILENT },
	{ "pam_loginuid", SILENT },
	{ "pam_keyinit", SILENT },
	{ "pam_umask", SILENT },
	{ "pam_systemd", SILENT },
	{ "pam_cap", SILENT },
	{ "pam_lastlog", SILENT },
	{ "pam_permit", PERMIT },
	{ "pam_deny", DENY },
	{ "pam_localuser", LOCAL },
};

static size_t
find_module(const struct drac_pam_line *line)
{
	size_t i;

	for (i = 0; i < COUNT(modules); i++)
		if (drac_pam_is(line, modules[i].name))
			break;
	return i;
}

static enum sort
sort_of(const struct drac_pam_line *line)
{
	size_t i = find_module(line);

	return i < COUNT(modules) ? modules[i].sort : CONDITION;
}

/* What one that knows users may say of this login. */
static uint32_t
of_password(const struct drac_pam_line *line, enum drac_pam_login login)
{
	uint32_t codes = BIT(DRAC_PAM_SUCCESS);
	int i;

	switch (login) {
	case DRAC_PAM_WRONG:
		codes = BIT(DRAC_PAM_AUTH_ERR) | BIT(DRAC_PAM_USER_UNKNOWN) |
			BIT(DRAC_PAM_AUTHINFO_UNAVAIL);
		for (i = 0; i < line->arguments; i++)
			if (strncmp(line->argument[i], "ignore_", 7) == 0)
				codes |= BIT(DRAC_PAM_IGNORE);
		return codes;
	case DRAC_PAM_EXPIRED:
		codes = BIT(DRAC_PAM_ACCT_EXPIRED);
		break;
	case DRAC_PAM_CHANGE:
		codes = BIT(DRAC_PAM_NEW_AUTHTOK_REQD);
		break;
	case DRAC_PAM_REFUSED:
		codes |= BIT(DRAC_PAM_ACCT_EXPIRED);
		break;
	default:
		break;
	}
	return line->group == DRAC_PAM_ACCOUNT ? codes : BIT(DRAC_PAM_SUCCESS);
}

/*
 * The codes that a line may return. A stack with no module of a name that we
 * know for one that knows users has one all the same.
 */
static uint32_t
codes_of(const struct drac_pam_line *line, enum drac_pam_login login,
    bool anonymous)
{
	uint32_t refusal = line->group == DRAC_PAM_AUTH
			       ? BIT(DRAC_PAM_AUTH_ERR)
			       : BIT(DRAC_PAM_PERM_DENIED);
	enum sort sort = sort_of(line);

	if (line->kind == DRAC_PAM_BROKEN)
		return BIT(DRAC_PAM_PERM_DENIED);
	if (anonymous && sort == CONDITION)
		sort = PASSWORD;
	switch (sort) {
	case PASSWORD:
		return of_password(line, login);
	case SILENT:
		return BIT(DRAC_PAM_SUCCESS) | BIT(DRAC_PAM_IGNORE);
	case PERMIT:
		return BIT(DRAC_PAM_SUCCESS);
	case DENY:
		return BIT(DRAC_PAM_AUTH_ERR);
	case OURS:
		return line->group == DRAC_PAM_SESSION ? BIT(DRAC_PAM_SUCCESS)
						       : BIT(DRAC_PAM_IGNORE);
	case LOCAL:
		if (login != DRAC_PAM_GOOD && login != DRAC_PAM_REFUSED)
			return BIT(DRAC_PAM_SUCCESS);
		return BIT(DRAC_PAM_SUCCESS) | refusal;
	default:
		return BIT(DRAC_PAM_SUCCESS) | BIT(DRAC_PAM_IGNORE) | refusal;
	}
}

enum impression {
	NONE,
	POSITIVE,
	NEGATIVE
};

struct state {
	enum impression impression;
	int status;
};

/* A login under way. */
struct way {
	size_t next;    /* line of the stack */
	unsigned level; /* of the line before */
	struct state now;
	struct state outside[DRAC_PAM_LEVELS + 2]; /* when it was entered */
	uint32_t said[KNOWN_MAX]; /* by those that know users, by name */
	bool called;
	bool refused; /* one that knows users said no */
	const struct drac_pam_line *refused_by;
	const struct drac_pam_line *ended_by;
};

struct walk {
	const struct drac_pam_stack *stack;
	const struct drac_pam_line *at;
	enum drac_pam_login login;
	bool anonymous;
	unsigned steps;
	struct drac_pam_fate *fate;
};

/* The line of our group from index on; NULL at the end. */
static const struct drac_pam_line *
line_from(const struct walk *walk, size_t index)
{
	const struct drac_pam_stack *stack = walk->stack;

	for (; index < stack->count; index++)
		if (stack->line[index].group == walk->at->group)
			return &stack->line[index];
	return NULL;
}

static const struct drac_pam_line *
line_after(const struct walk *walk, const struct drac_pam_line *line)
{
	return line_from(walk, (size_t)(line - walk->stack->line) + 1);
}

/* The line whose next line is the next one to be gone to. */
static void
leave_level(const struct walk *walk, struct way *way,
    const struct drac_pam_line *line)
{
	const struct drac_pam_line *next;
	unsigned level = line->level;

	while ((next = line_after(walk, line)) != NULL && next->level >= level)
		line = next;
	way->next = (size_t)(line - walk->stack->line) + 1;
}

/* Skip so many; more than there are is a refusal. */
static void
jump(const struct walk *walk, struct way *way, const struct drac_pam_line *line,
    int skip)
{
	unsigned level = line->level;
	const struct drac_pam_line *next;

	while (skip > 0 && (next = line_after(walk, line)) != NULL &&
	       next->level >= level) {
		line = next;
		while ((next = line_after(walk, line)) != NULL &&
		       next->level > level)
			line = next;
		skip--;
	}
	way->next = (size_t)(line - walk->stack->line) + 1;
	if (skip > 0)
		way->now = (struct state){ NEGATIVE, DRAC_PAM_PERM_DENIED };
}

static bool
is_clean(const struct state *state)
{
	return state->impression == NONE ||
	       (state->impression == POSITIVE &&
		   state->status == DRAC_PAM_SUCCESS);
}

static void
note_refusal(struct way *way, const struct drac_pam_line *line, int code)
{
	if (code == DRAC_PAM_SUCCESS)
		return;
	if (sort_of(line) == PASSWORD)
		way->refused = true;
	if (way->refused_by == NULL && code != DRAC_PAM_IGNORE)
		way->refused_by = line;
}

/* One line that returned code. */
static void
step(const struct walk *walk, struct way *way, const struct drac_pam_line *line,
    int code)
{
	int action = line->action[code];

	way->next = (size_t)(line - walk->stack->line) + 1;
	note_refusal(way, line, code);
	switch (action) {
	case DRAC_PAM_DO_IGNORE:
		return;
	case DRAC_PAM_DO_RESET:
		way->now = way->outside[line->level];
		return;
	case DRAC_PAM_DO_OK:
	case DRAC_PAM_DO_DONE:
		if (is_clean(&way->now))
			way->now = (struct state){ POSITIVE, code };
		if (action == DRAC_PAM_DO_OK || way->now.impression != POSITIVE)
			return;
		if (line->level == 0)
			way->ended_by = line;
		leave_level(walk, way, line);
		return;
	case DRAC_PAM_DO_BAD:
	case DRAC_PAM_DO_DIE:
		if (way->now.impression != NEGATIVE)
			way->now = (struct state){ NEGATIVE,
				code == DRAC_PAM_SUCCESS ? DRAC_PAM_PERM_DENIED
							 : code };
		if (action == DRAC_PAM_DO_DIE)
			leave_level(walk, way, line);
		return;
	default:
		jump(walk, way, line, action);
	}
}

/* The application is told success only by this. */
static bool
is_let_in(const struct way *way)
{
	return way->now.impression == POSITIVE &&
	       way->now.status == DRAC_PAM_SUCCESS;
}

static void
arrive(const struct walk *walk, const struct way *way)
{
	struct drac_pam_fate *fate = walk->fate;
	bool well = is_let_in(way);

	fate->ends_well = fate->ends_well || well;
	fate->ends_badly = fate->ends_badly || !well;
	fate->called = fate->called || way->called;
	if (well && !way->called) {
		if (!fate->missed || fate->ended_by == NULL)
			fate->ended_by = way->ended_by;
		fate->missed = true;
	}
	if (well || !way->called ||
	    (walk->login == DRAC_PAM_WRONG && !way->refused &&
		!walk->anonymous))
		return;
	if (!fate->in_vain)
		fate->refused_by = way->refused_by;
	fate->in_vain = true;
}

/* One that knows users says the same of a user each time. */
static uint32_t
codes_for(const struct walk *walk, const struct way *way,
    const struct drac_pam_line *line)
{
	uint32_t codes = codes_of(line, walk->login, walk->anonymous);
	size_t known = find_module(line);

	return known < KNOWN_MAX && (codes & way->said[known]) != 0
		   ? codes & way->said[known]
		   : codes;
}

static void
remember(struct way *way, const struct drac_pam_line *line, int code)
{
	size_t known = find_module(line);

	if (known < KNOWN_MAX && modules[known].sort == PASSWORD)
		way->said[known] = code == DRAC_PAM_SUCCESS
				       ? BIT(DRAC_PAM_SUCCESS)
				       : ~BIT(DRAC_PAM_SUCCESS);
}

/* From here on nothing can tell the two apart. */
static bool
is_same(const struct way *a, const struct way *b)
{
	return a->next == b->next && a->refused == b->refused &&
	       a->now.impression == b->now.impression &&
	       (a->now.status == DRAC_PAM_SUCCESS) ==
		   (b->now.status == DRAC_PAM_SUCCESS) &&
	       memcmp(a->said, b->said, sizeof(a->said)) == 0;
}

static void go(struct walk *walk, struct way *way);

/* Every way on from a line that the login has come to. */
static void
go_on(struct walk *walk, const struct way *way,
    const struct drac_pam_line *line)
{
	uint32_t codes = codes_for(walk, way, line);
	struct way other[CODES_MAX];
	size_t count = 0, i;

	for (int code = 0; code < DRAC_PAM_CODES && count < CODES_MAX; code++) {
		if ((codes & BIT(code)) == 0)
			continue;
		other[count] = *way;
		remember(&other[count], line, code);
		step(walk, &other[count], line, code);
		for (i = 0; i < count; i++)
			if (is_same(&other[i], &other[count]))
				break;
		count += i == count;
	}
	for (i = 0; i < count; i++)
		go(walk, &other[i]);
}

static void
go(struct walk *walk, struct way *way)
{
	const struct drac_pam_line *line = line_from(walk, way->next);

	if (line == NULL) {
		arrive(walk, way);
		return;
	}
	if (++walk->steps > STEPS_MAX) {
		walk->fate->too_many = true;
		return;
	}
	if (way->level < line->level)
		way->outside[line->level] = way->now;
	way->level = line->level;
	if (line->kind == DRAC_PAM_SUBSTACK) {
		way->next = (size_t)(line - walk->stack->line) + 1;
		go(walk, way);
		return;
	}
	way->called = way->called || line == walk->at;
	go_on(walk, way, line);
}

/* Nobody who knows users, as far as we know modules. */
static bool
has_no_password_module(const struct walk *walk)
{
	const struct drac_pam_line *line = line_from(walk, 0);

	for (; line != NULL; line = line_after(walk, line))
		if (sort_of(line) == PASSWORD)
			return false;
	return true;
}

void
drac_pam_walk(const struct drac_pam_stack *stack,
    const struct drac_pam_line *at, enum drac_pam_login login,
    struct drac_pam_fate *fate)
{
	struct walk walk = { .stack = stack,
		.at = at,
		.login = login,
		.fate = fate };
	struct way way = { 0 };

	*fate = (struct drac_pam_fate){ 0 };
	walk.anonymous = has_no_password_module(&walk);
	go(&walk, &way);
}
