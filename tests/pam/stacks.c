/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the module answers, and what that makes of a login: where in a
 * service file it may stand, under which control, and how the password
 * turned out. Our line must never change the result of a login, and only
 * what is written here may be recorded.
 */

#include "../../pam_drac.h"
#include "login.h"

static const char *const controls[] = { "required", "requisite", "sufficient",
	"optional" };

/* How a login turns out, by the answers of the module that knows. */
static const struct {
	const char *name;
	const char *answers;
	int result;
} turns[] = {
	{ "right password", "", PAM_SUCCESS },
	{ "wrong password", "auth=auth_err", PAM_AUTH_ERR },
	{ "unknown user", "auth=user_unknown", PAM_USER_UNKNOWN },
	{ "expired account", "account=acct_expired", PAM_ACCT_EXPIRED },
	{ "must change", "account=new_authtok_reqd", PAM_NEW_AUTHTOK_REQD },
};
#define TURNS (sizeof(turns) / sizeof(*turns))

/*
 * For each turn, R if the address stays recorded after a login by an
 * application that tells pam_end(3) how it went, and by one that always
 * claims success there.
 */
static const struct placement {
	const char *name;
	const char *text;
	const char *calls;
	const char *truthful;
	const char *liar;
} placements[] = {
	{ "auth after required",
	    "auth required %S\nauth %C %M\naccount required %S\n", "AC",
	    "-----", "-----" },
	{ "auth after requisite",
	    "auth requisite %S\nauth %C %M\naccount required %S\n", "AC",
	    "-----", "-----" },
	{ "auth before required",
	    "auth %C %M\nauth required %S\naccount required %S\n", "AC",
	    "-----", "-----" },
	{ "auth after required, vouched for in error",
	    "auth required %S\nauth %C %M after_requisite\n"
	    "account required %S\n",
	    "AC", "R----", "RRRRR" },
	{ "auth before required, vouched for in error",
	    "auth %C %M after_requisite\nauth required %S\n"
	    "account required %S\n",
	    "AC", "R----", "RRRRR" },
	{ "auth after sufficient, vouched for in error",
	    "auth sufficient %S\nauth required %S\n"
	    "auth %C %M after_requisite\naccount required %S\n",
	    "AC", "-----", "-RR--" },
	{ "auth after requisite, vouched for",
	    "auth requisite %S\nauth %C %M after_requisite\n"
	    "account required %S\n",
	    "AC", "R----", "R--RR" },
	{ "auth after Debian's common-auth, vouched for",
	    "auth [success=1 default=ignore] %S\nauth requisite %S\n"
	    "auth required pam_permit.so\nauth %C %M after_requisite\n"
	    "account required %S\n",
	    "AC", "R----", "R--RR" },
	{ "auth after required, credentials asked for",
	    "auth required %S\nauth %C %M\naccount required %S\n", "ASC",
	    "R----", "R--RR" },
	{ "auth before required, credentials asked for",
	    "auth %C %M\nauth required %S\naccount required %S\n", "ACS",
	    "R----", "R----" },
	{ "account after required",
	    "auth required %S\naccount required %S\naccount %C %M\n", "AC",
	    "R----", "R--RR" },
	{ "account after requisite",
	    "auth required %S\naccount requisite %S\naccount %C %M\n", "AC",
	    "R----", "R---R" },
	{ "account after Debian's common-account",
	    "auth required %S\n"
	    "account [success=1 new_authtok_reqd=done default=ignore] %S\n"
	    "account requisite %S\naccount required pam_permit.so\n"
	    "account %C %M\n",
	    "AC", "R----", "R----" },
	{ "account before required",
	    "auth required %S\naccount %C %M\naccount required %S\n", "AC",
	    "R----", "R--RR" },
	{ "account before sufficient",
	    "auth required %S\naccount %C %M\naccount sufficient %S\n"
	    "account required %S\n",
	    "AC", "R----", "R--RR" },
	{ "session after required",
	    "auth required %S\naccount required %S\nsession required %S\n"
	    "session %C %M\n",
	    "ACO", "R----", "R----" },
	{ "session alone",
	    "auth required %S\naccount required %S\nsession %C %M\n", "ACOX",
	    "R----", "R----" },
	{ "password",
	    "auth required %S\naccount required %S\n"
	    "password %C %M\nsession required %S\n",
	    "ACOX", "-----", "-----" },
};

/* An address that no login has had before. */
static void
next_address(char text[DRAC_ADDR_TEXT])
{
	static unsigned count;

	count++;
	snprintf(text, DRAC_ADDR_TEXT, "2001:db8::%x", count);
}

static void
try_placement(const struct placement *placement, const char *control,
    size_t turn)
{
	struct stack stack = { placement->text, control, turns[turn].answers };
	char addr[DRAC_ADDR_TEXT], row[256];
	pam_handle_t *pamh;

	snprintf(row, sizeof(row), "%s, %s, %s", placement->name, control,
	    turns[turn].name);
	write_stack(&stack);
	next_address(addr);
	CHECK_ROW(log_in(addr, placement->calls) == turns[turn].result, row);
	CHECK_ROW(recorded(addr) == (placement->truthful[turn] == 'R'), row);

	next_address(addr);
	pamh = start("alice", addr);
	CHECK_ROW(call(pamh, placement->calls) == turns[turn].result, row);
	pam_end(pamh, PAM_SUCCESS);
	CHECK_ROW(recorded(addr) == (placement->liar[turn] == 'R'), row);
}

static void
each_placement_control_and_turn(void)
{
	for (size_t p = 0; p < sizeof(placements) / sizeof(*placements); p++)
		for (size_t c = 0; c < 4; c++)
			for (size_t t = 0; t < TURNS; t++)
				try_placement(&placements[p], controls[c], t);
}

/* Nothing but our line: it must not let anyone in. */
static void
alone_lets_nobody_in(void)
{
	static const struct {
		const char *text;
		const char *call;
		int result;
		bool recorded; /* while the handle lives */
	} rows[] = {
		{ "auth %C %M\n", "A", PAM_PERM_DENIED, false },
		{ "auth %C %M after_requisite\n", "A", PAM_PERM_DENIED, true },
		{ "auth %C %M\n", "S", PAM_PERM_DENIED, true },
		{ "auth %C %M\n", "D", PAM_PERM_DENIED, false },
		{ "account %C %M\n", "C", PAM_PERM_DENIED, true },
		{ "session %C %M\n", "O", PAM_SUCCESS, true },
		{ "session %C %M\n", "X", PAM_SUCCESS, false },
	};
	struct stack stack = { 0 };
	char addr[DRAC_ADDR_TEXT];
	pam_handle_t *pamh;
	int status;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		for (size_t c = 0; c < 4; c++) {
			stack.text = rows[i].text;
			stack.control = controls[c];
			write_stack(&stack);
			next_address(addr);
			pamh = start("alice", addr);
			status = call(pamh, rows[i].call);
			CHECK_ROW(status == rows[i].result, rows[i].text);
			CHECK_ROW(recorded(addr) == rows[i].recorded,
			    rows[i].text);
			pam_end(pamh, status);
			CHECK_ROW(recorded(addr) == (rows[i].recorded &&
							status == PAM_SUCCESS),
			    rows[i].text);
		}
}

/* With `strict` and a map that cannot be written, only a control that
 * minds makes the login fail, and only where an error can be told. */
static void
strict_fails_the_login_where_asked(void)
{
	static const struct {
		const char *text;
		const char *calls;
		const char *control;
		int result;
	} rows[] = {
		{ "account %C %M strict\n", "C", "required", PAM_SYSTEM_ERR },
		{ "account %C %M strict\n", "C", "requisite", PAM_SYSTEM_ERR },
		{ "account %C %M strict\n", "C", "optional", PAM_SUCCESS },
		{ "account %C %M\n", "C", "required", PAM_SUCCESS },
		{ "session %C %M strict\n", "O", "required", PAM_SESSION_ERR },
		{ "session %C %M strict\n", "O", "optional", PAM_SUCCESS },
		{ "session %C %M\n", "O", "required", PAM_SUCCESS },
		{ "session %C %M strict\n", "X", "required", PAM_SUCCESS },
		{ "auth %C %M strict after_requisite\n", "A", "required",
		    PAM_SUCCESS },
		{ "auth %C %M strict\n", "A", "required", PAM_SUCCESS },
		/* libpam goes by the answer of authenticate, IGNORE */
		{ "auth %C %M strict\n", "AS", "required", PAM_SUCCESS },
		{ "auth %C %M strict\n", "S", "required", PAM_SYSTEM_ERR },
		{ "auth %C %M strict\n", "D", "required", PAM_SUCCESS },
	};
	char text[256];

	write_file("drac.conf", "database = %s/missing/dracd.db\n", place);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct stack stack = { text, rows[i].control, "" };

		snprintf(text, sizeof(text),
		    "auth required %%S\naccount required %%S\n"
		    "session required %%S\n%s",
		    rows[i].text);
		write_stack(&stack);
		CHECK_ROW(log_in("192.0.2.7", rows[i].calls) == rows[i].result,
		    rows[i].text);
	}
	write_conf("");
}

/* A refusal by policy is no failure, however strict. */
static void
strict_accepts_a_refusal(void)
{
	write_lines("account required %S\naccount required %M strict\n"
		    "session required %M strict\n");
	CHECK(log_in("127.0.0.1", "CO") == PAM_SUCCESS);
	CHECK(log_in("not an address", "CO") == PAM_SUCCESS);
	CHECK(log_in(NULL, "CO") == PAM_SUCCESS);
}

/* A broken configuration is a failure, and `strict` counts all the same. */
static void
strict_fails_on_a_broken_configuration(void)
{
	write_conf("lifetime = never\n");
	write_lines("account required %S\naccount required %M strict\n"
		    "session required %M strict\n");
	CHECK(log_in("192.0.2.7", "C") == PAM_SYSTEM_ERR);
	CHECK(log_in("192.0.2.7", "O") == PAM_SESSION_ERR);
	write_conf("");
}

static void
answer_table(void)
{
	static const struct {
		enum drac_hook hook;
		int usual;
		int strict_failure;
	} rows[] = {
		{ DRAC_HOOK_AUTHENTICATE, PAM_IGNORE, PAM_IGNORE },
		{ DRAC_HOOK_SETCRED, PAM_IGNORE, PAM_SYSTEM_ERR },
		{ DRAC_HOOK_ACCT_MGMT, PAM_IGNORE, PAM_SYSTEM_ERR },
		{ DRAC_HOOK_OPEN_SESSION, PAM_SUCCESS, PAM_SESSION_ERR },
		{ DRAC_HOOK_CLOSE_SESSION, PAM_SUCCESS, PAM_SUCCESS },
		{ DRAC_HOOK_CHAUTHTOK, PAM_IGNORE, PAM_IGNORE },
	};

	CHECK(sizeof(rows) / sizeof(*rows) == DRAC_HOOKS);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		enum drac_hook hook = rows[i].hook;

		CHECK(drac_answer(hook, DRAC_RECORDED, false) == rows[i].usual);
		CHECK(drac_answer(hook, DRAC_REFUSED, false) == rows[i].usual);
		CHECK(drac_answer(hook, DRAC_FAILED, false) == rows[i].usual);
		CHECK(drac_answer(hook, DRAC_RECORDED, true) == rows[i].usual);
		CHECK(drac_answer(hook, DRAC_REFUSED, true) == rows[i].usual);
		CHECK(drac_answer(hook, DRAC_FAILED, true) ==
		      rows[i].strict_failure);
	}
}

int
main(void)
{
	make_place();
	RUN(answer_table);
	RUN(each_placement_control_and_turn);
	RUN(alone_lets_nobody_in);
	RUN(strict_fails_the_login_where_asked);
	RUN(strict_accepts_a_refusal);
	RUN(strict_fails_on_a_broken_configuration);
	remove_place();
	return TEST_RESULT();
}
