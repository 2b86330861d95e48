/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * PAM stacks as they were run on Linux-PAM 1.5 with a module that tells
 * when it is called, and what we make of the same lines.
 */
#include <stdbool.h>
#include <stdlib.h>

#include "../../dracctl/pam_stack.h"
#include "../unit/test.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define M            "pam_drac.so"

static const struct {
	const char *name;
	const char *text;
} shared[] = {
	{ "common-auth",
	    "auth\t[success=1 default=ignore]\tpam_unix.so nullok\n"
	    "auth\trequisite\t\t\tpam_deny.so\n"
	    "auth\trequired\t\t\tpam_permit.so\n" },
	{ "common-account",
	    "account [success=1 new_authtok_reqd=done default=ignore] "
	    "pam_unix.so\n"
	    "account requisite pam_deny.so\naccount required pam_permit.so\n" },
	{ "common-account-sss",
	    "@include common-account\naccount sufficient pam_localuser.so\n"
	    "account [default=bad success=ok user_unknown=ignore] "
	    "pam_sss.so\n" },
	{ "minimal",
	    "auth required pam_env.so\nauth sufficient pam_unix.so\n"
	    "auth required pam_deny.so\naccount required pam_unix.so\n" },
	{ "sssd",
	    "auth required pam_env.so\nauth sufficient pam_unix.so\n"
	    "auth required pam_deny.so\naccount required pam_unix.so\n"
	    "account sufficient pam_localuser.so\n"
	    "account [default=bad success=ok user_unknown=ignore] pam_sss.so\n"
	    "account required pam_permit.so\n" },
	{ "loop", "auth include loop2\n" },
	{ "loop2", "@include loop\n" },
	{ "alone", "account optional " M "\n" },
};

/* arg: the text of the service `svc`. */
static int
read_file(const char *name, char **text, char **path, void *arg)
{
	const char *found = strcmp(name, "svc") == 0 ? arg : NULL;

	for (size_t i = 0; i < COUNT(shared); i++)
		if (strcmp(shared[i].name, name) == 0)
			found = shared[i].text;
	if (found == NULL)
		return 0;
	*text = strdup(found);
	*path = strdup(name);
	return *text == NULL || *path == NULL ? -1 : 1;
}

static void
load(struct drac_pam_stack *stack, const char *text)
{
	char copy[1024];

	snprintf(copy, sizeof copy, "%s", text);
	CHECK_ROW(drac_pam_load(stack, "svc", read_file, copy) == 1, text);
}

/* Our line of a group, else any line; NULL: the group is empty. */
static const struct drac_pam_line *
ours(const struct drac_pam_stack *stack, enum drac_pam_group group)
{
	const struct drac_pam_line *any = NULL;

	for (size_t i = 0; i < stack->count; i++) {
		if (stack->line[i].group != group)
			continue;
		if (drac_pam_is(&stack->line[i], "pam_drac"))
			return &stack->line[i];
		any = &stack->line[i];
	}
	return any;
}

/* Is M called in the group; goes the login on to the next one? */
static bool
meets(const struct drac_pam_stack *stack, enum drac_pam_group group,
    enum drac_pam_login login, bool *goes_on)
{
	const struct drac_pam_line *line = ours(stack, group);
	struct drac_pam_fate fate = { .ends_well = true };

	if (line != NULL)
		drac_pam_walk(stack, line, login, &fate);
	*goes_on = fate.ends_well;
	return fate.called && drac_pam_is(line, "pam_drac");
}

static void
calls(const struct drac_pam_stack *stack, enum drac_pam_login login,
    char text[3])
{
	bool wrong = login == DRAC_PAM_WRONG, goes_on;

	text[0] = '\0';
	if (meets(stack, DRAC_PAM_AUTH, wrong ? login : DRAC_PAM_LOCAL,
		&goes_on))
		strcat(text, "A");
	if (goes_on && meets(stack, DRAC_PAM_ACCOUNT, login, &goes_on))
		strcat(text, "C");
}

#define UNIX_AUTH "auth required pam_unix.so\n"
#define UNIX_ACCT "account required pam_unix.so\n"
#define AUTH_M    "auth optional " M "\n"
#define ACCT_M    "account optional " M "\n"

static void
walk_calls_as_linux_pam_does(void)
{
	static const struct {
		const char *name;
		const char *text;
		const char *good, *wrong, *expired, *change;
	} rows[] = {
		{ "required, optional M", UNIX_AUTH AUTH_M UNIX_ACCT, "A", "A",
		    "A", "A" },
		{ "account required, optional M", UNIX_AUTH UNIX_ACCT ACCT_M,
		    "C", "", "C", "C" },
		{ "requisite, optional M",
		    "auth requisite pam_unix.so\n" AUTH_M UNIX_ACCT, "A", "",
		    "A", "A" },
		{ "account requisite, optional M",
		    UNIX_AUTH "account requisite pam_unix.so\n" ACCT_M, "C", "",
		    "", "C" },
		{ "sufficient, deny, M",
		    "auth sufficient pam_unix.so\n"
		    "auth required pam_deny.so\n" AUTH_M UNIX_ACCT,
		    "", "A", "", "" },
		{ "@include common-auth, M",
		    "@include common-auth\n" AUTH_M UNIX_ACCT, "A", "", "A",
		    "A" },
		{ "@include common-account, M",
		    UNIX_AUTH "@include common-account\n" ACCT_M, "C", "", "",
		    "" },
		{ "M before both includes",
		    AUTH_M ACCT_M
		    "@include common-auth\n@include common-account\n",
		    "AC", "A", "AC", "AC" },
		{ "minimal, include",
		    "auth include minimal\n" AUTH_M
		    "account include minimal\n" ACCT_M,
		    "C", "A", "C", "C" },
		{ "sssd, include",
		    "auth include sssd\n" AUTH_M
		    "account include sssd\n" ACCT_M,
		    "", "A", "C", "" },
		{ "sssd, substack",
		    "auth substack sssd\n" AUTH_M
		    "account substack sssd\n" ACCT_M,
		    "AC", "A", "AC", "AC" },
		{ "account M before sssd",
		    "auth include sssd\n" ACCT_M "account include sssd\n", "C",
		    "", "C", "C" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct drac_pam_stack stack;
		char text[3];

		load(&stack, rows[i].text);
		calls(&stack, DRAC_PAM_LOCAL, text);
		CHECK_ROW(strcmp(text, rows[i].good) == 0, rows[i].name);
		calls(&stack, DRAC_PAM_WRONG, text);
		CHECK_ROW(strcmp(text, rows[i].wrong) == 0, rows[i].name);
		calls(&stack, DRAC_PAM_EXPIRED, text);
		CHECK_ROW(strcmp(text, rows[i].expired) == 0, rows[i].name);
		calls(&stack, DRAC_PAM_CHANGE, text);
		CHECK_ROW(strcmp(text, rows[i].change) == 0, rows[i].name);
		drac_pam_free(&stack);
	}
}

struct fate_row {
	const char *name;
	const char *text;
	enum drac_pam_group group;
	enum drac_pam_login login;
	bool in_vain, missed;
};

static void
check_fate(const struct fate_row *row)
{
	struct drac_pam_stack stack;
	struct drac_pam_fate fate;
	const struct drac_pam_line *line;

	load(&stack, row->text);
	line = ours(&stack, row->group);
	CHECK_ROW(line != NULL && drac_pam_is(line, "pam_drac"), row->name);
	if (line != NULL) {
		drac_pam_walk(&stack, line, row->login, &fate);
		CHECK_ROW(fate.in_vain == row->in_vain, row->name);
		CHECK_ROW(fate.missed == row->missed, row->name);
		CHECK_ROW(!fate.too_many, row->name);
	}
	drac_pam_free(&stack);
}

/* Reached by one who is refused, whichever way conditions turn out. */
static void
walk_finds_who_is_refused(void)
{
	static const struct fate_row rows[] = {
		{ "after common-auth", "@include common-auth\n" AUTH_M,
		    DRAC_PAM_AUTH, DRAC_PAM_WRONG, false, false },
		{ "after required", UNIX_AUTH AUTH_M, DRAC_PAM_AUTH,
		    DRAC_PAM_WRONG, true, false },
		{ "optional pam_unix", "auth optional pam_unix.so\n" AUTH_M,
		    DRAC_PAM_AUTH, DRAC_PAM_WRONG, true, false },
		{ "after requisite", "auth requisite pam_unix.so\n" AUTH_M,
		    DRAC_PAM_AUTH, DRAC_PAM_WRONG, false, false },
		{ "die", "auth [success=ok default=die] pam_unix.so\n" AUTH_M,
		    DRAC_PAM_AUTH, DRAC_PAM_WRONG, false, false },
		{ "die, but not when unavailable",
		    "auth [success=ok authinfo_unavail=ignore default=die] "
		    "pam_ldap.so\n" AUTH_M,
		    DRAC_PAM_AUTH, DRAC_PAM_WRONG, true, false },
		{ "two password modules",
		    "auth [success=2 default=ignore] pam_unix.so\n"
		    "auth [success=1 default=ignore] pam_sss.so\n"
		    "auth requisite pam_deny.so\n" AUTH_M,
		    DRAC_PAM_AUTH, DRAC_PAM_WRONG, false, false },
		{ "a jump one too far",
		    "auth [success=1 default=1] pam_unix.so\n"
		    "auth requisite pam_deny.so\n" AUTH_M,
		    DRAC_PAM_AUTH, DRAC_PAM_WRONG, true, false },
		{ "in front of the password",
		    "auth requisite pam_nologin.so\n" AUTH_M
		    "auth required pam_unix.so\n",
		    DRAC_PAM_AUTH, DRAC_PAM_WRONG, true, false },
		{ "ignored",
		    "auth requisite pam_sss.so ignore_unknown_user\n" AUTH_M,
		    DRAC_PAM_AUTH, DRAC_PAM_WRONG, true, false },
		{ "an unknown module decides",
		    "auth requisite pam_vendor.so\n" AUTH_M, DRAC_PAM_AUTH,
		    DRAC_PAM_WRONG, false, false },
		{ "an unknown module goes on",
		    "auth required pam_vendor.so\n" AUTH_M, DRAC_PAM_AUTH,
		    DRAC_PAM_WRONG, true, false },
		{ "an unknown one beside a known one",
		    "auth [success=2 default=ignore] pam_vendor.so\n"
		    "auth [success=1 default=ignore] pam_unix.so\n"
		    "auth requisite pam_deny.so\nauth required pam_permit.so\n" AUTH_M,
		    DRAC_PAM_AUTH, DRAC_PAM_WRONG, false, false },
		{ "account after common-account",
		    "@include common-account\n" ACCT_M, DRAC_PAM_ACCOUNT,
		    DRAC_PAM_REFUSED, false, false },
		{ "account after required", UNIX_ACCT ACCT_M, DRAC_PAM_ACCOUNT,
		    DRAC_PAM_REFUSED, true, false },
		{ "account first", ACCT_M "@include common-account\n",
		    DRAC_PAM_ACCOUNT, DRAC_PAM_REFUSED, true, false },
		{ "account after sssd of Debian",
		    "@include common-account-sss\n" ACCT_M, DRAC_PAM_ACCOUNT,
		    DRAC_PAM_REFUSED, true, true },
		{ "an access list in front",
		    "account required pam_access.so\n@include common-account\n" ACCT_M,
		    DRAC_PAM_ACCOUNT, DRAC_PAM_REFUSED, true, false },
		{ "a requisite one",
		    "account requisite pam_access.so\n"
		    "@include common-account\n" ACCT_M,
		    DRAC_PAM_ACCOUNT, DRAC_PAM_REFUSED, false, false },
		{ "one module says the same twice",
		    "account requisite pam_unix.so\n" ACCT_M
		    "account include minimal\n",
		    DRAC_PAM_ACCOUNT, DRAC_PAM_REFUSED, false, false },
		{ "another one may say otherwise",
		    "account requisite pam_unix.so\n" ACCT_M
		    "account required pam_sss.so\n",
		    DRAC_PAM_ACCOUNT, DRAC_PAM_REFUSED, true, false },
		{ "a substack that refuses",
		    "account substack minimal\n" ACCT_M, DRAC_PAM_ACCOUNT,
		    DRAC_PAM_REFUSED, true, false },
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		check_fate(&rows[i]);
}

static void
walk_finds_who_is_missed(void)
{
	static const struct fate_row rows[] = {
		{ "after common-account", "@include common-account\n" ACCT_M,
		    DRAC_PAM_ACCOUNT, DRAC_PAM_GOOD, false, false },
		{ "sssd, include", "account include sssd\n" ACCT_M,
		    DRAC_PAM_ACCOUNT, DRAC_PAM_LOCAL, false, true },
		{ "sssd, include, some users", "account include sssd\n" ACCT_M,
		    DRAC_PAM_ACCOUNT, DRAC_PAM_GOOD, false, true },
		{ "sssd, substack", "account substack sssd\n" ACCT_M,
		    DRAC_PAM_ACCOUNT, DRAC_PAM_GOOD, false, false },
		{ "sssd, before it", ACCT_M "account include sssd\n",
		    DRAC_PAM_ACCOUNT, DRAC_PAM_GOOD, false, false },
		{ "sssd of Debian", "@include common-account-sss\n" ACCT_M,
		    DRAC_PAM_ACCOUNT, DRAC_PAM_LOCAL, false, true },
		{ "jumped over",
		    "account [success=1 default=ignore] pam_unix.so\n" ACCT_M
		    "account required pam_permit.so\n",
		    DRAC_PAM_ACCOUNT, DRAC_PAM_GOOD, false, true },
		{ "auth after sufficient",
		    "auth sufficient pam_unix.so\n" AUTH_M, DRAC_PAM_AUTH,
		    DRAC_PAM_GOOD, false, true },
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		check_fate(&rows[i]);
}

static void
walk_says_who_did_it(void)
{
	struct drac_pam_stack stack;
	struct drac_pam_fate fate;

	load(&stack, "account include sssd\n" ACCT_M);
	drac_pam_walk(&stack, ours(&stack, DRAC_PAM_ACCOUNT), DRAC_PAM_LOCAL,
	    &fate);
	CHECK(fate.ended_by != NULL && fate.ended_by->number == 5);
	CHECK(
	    fate.ended_by != NULL && strcmp(fate.ended_by->file, "sssd") == 0);
	drac_pam_free(&stack);
	load(&stack, UNIX_ACCT ACCT_M);
	drac_pam_walk(&stack, ours(&stack, DRAC_PAM_ACCOUNT), DRAC_PAM_EXPIRED,
	    &fate);
	CHECK(fate.refused_by == &stack.line[0]);
	drac_pam_free(&stack);
}

/* Many modules of which nobody knows what they do, one after the other. */
static void
walk_ends(void)
{
	struct drac_pam_stack stack;
	struct drac_pam_fate fate;
	char text[8192] = "";
	unsigned length = 0;

	for (int i = 0; i < 100; i++)
		length +=
		    (unsigned)snprintf(text + length, sizeof text - length,
			"account [success=1 default=ignore] pam_x%d.so\n", i);
	snprintf(text + length, sizeof text - length, ACCT_M UNIX_ACCT);
	CHECK(drac_pam_load(&stack, "svc", read_file, text) == 1);
	drac_pam_walk(&stack, ours(&stack, DRAC_PAM_ACCOUNT), DRAC_PAM_GOOD,
	    &fate);
	CHECK(fate.too_many);
	drac_pam_free(&stack);
}

static void
lines_are_read_as_linux_pam_does(void)
{
	struct drac_pam_stack stack;
	const struct drac_pam_line *line;

	load(&stack,
	    "# a comment \\\n\n"
	    "-AUTH Required \\\n\tpam_unix.so  nullok # why\n"
	    "account [success=2 \\\n default=die] /lib/" M " [a=b c] d\n"
	    "session optional [/x/pam_\\]y.so]\n");
	CHECK(stack.count == 3);
	line = stack.line;
	CHECK(line->group == DRAC_PAM_AUTH && line->number == 3);
	CHECK(strcmp(line->module, "pam_unix.so") == 0);
	CHECK(line->arguments == 1 && strcmp(line->argument[0], "nullok") == 0);
	CHECK(line->action[DRAC_PAM_AUTH_ERR] == DRAC_PAM_DO_BAD);
	CHECK(line->action[DRAC_PAM_SUCCESS] == DRAC_PAM_DO_OK);
	line++;
	CHECK(line->group == DRAC_PAM_ACCOUNT && line->number == 5);
	CHECK(line->action[DRAC_PAM_SUCCESS] == 2);
	CHECK(line->action[DRAC_PAM_IGNORE] == DRAC_PAM_DO_DIE);
	CHECK(drac_pam_is(line, "pam_drac"));
	CHECK(!drac_pam_is(line, "pam_dra"));
	CHECK(line->arguments == 2 && strcmp(line->argument[0], "a=b c") == 0);
	line++;
	CHECK(line->number == 7);
	CHECK(strcmp(line->module, "/x/pam_]y.so") == 0);
	drac_pam_free(&stack);
}

static void
lines_that_make_no_sense_refuse(void)
{
	static const struct {
		const char *text;
		unsigned number;
	} rows[] = {
		{ "auht required pam_unix.so\n", 1 },
		{ "auth\n", 1 },
		{ "auth required\n", 1 },
		{ "auth include nowhere\n", 1 },
		{ "@include nowhere\n", 1 },
		{ "@include\n", 1 },
		{ "@include svc\n", 1 },
		{ "auth include loop\n", 1 },
		{ "auth substack loop\n", 1 },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct drac_pam_stack stack;
		size_t broken = 0;

		load(&stack, rows[i].text);
		for (size_t n = 0; n < stack.count; n++)
			if (stack.line[n].kind == DRAC_PAM_BROKEN) {
				CHECK_ROW(stack.line[n].fault != NULL,
				    rows[i].text);
				CHECK_ROW(stack.line[n].number ==
					      rows[i].number,
				    rows[i].text);
				broken++;
			}
		CHECK_ROW(broken == 1, rows[i].text);
		drac_pam_free(&stack);
	}
}

static void
an_include_of_a_group_takes_that_group(void)
{
	struct drac_pam_stack stack;

	load(&stack, "account include sssd\n@include alone\n");
	CHECK(stack.count == 5);
	CHECK(stack.count == 5 && strcmp(stack.line[4].file, "alone") == 0);
	drac_pam_free(&stack);
	CHECK(drac_pam_load(&stack, "nowhere", read_file, NULL) == 0);
	CHECK(stack.count == 0);
}

int
main(void)
{
	RUN(lines_are_read_as_linux_pam_does);
	RUN(lines_that_make_no_sense_refuse);
	RUN(an_include_of_a_group_takes_that_group);
	RUN(walk_calls_as_linux_pam_does);
	RUN(walk_finds_who_is_refused);
	RUN(walk_finds_who_is_missed);
	RUN(walk_says_who_did_it);
	RUN(walk_ends);
	return TEST_RESULT();
}
