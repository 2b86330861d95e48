/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * users, deny_users and anonymous_reports on every road by which a login can
 * be recorded: the module's hooks and its arguments, drac-login alone and
 * with many logins; the administrator's own word is not asked for a user.
 */

#include "login.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static char names_path[64], build_path[PATH_MAX];

/* The rule that a row finds: in the file or as an argument of the module. */
static const char *rule;

__attribute__((format(printf, 1, 2))) static void
run(const char *format, ...)
{
	char command[3 * PATH_MAX];
	va_list ap;

	va_start(ap, format);
	vsnprintf(command, sizeof(command), format, ap);
	va_end(ap);
	fflush(stdout);
	if (system(command) == -1)
		die(command);
}

static void
log_in_as(const char *user, const char *addr, const char *letters)
{
	pam_handle_t *pamh = start(user, addr);

	(void)call(pamh, letters);
	pam_end(pamh, PAM_SUCCESS);
}

static void
write_rule(void)
{
	char line[200];

	snprintf(line, sizeof(line), "%s\n", rule);
	write_conf(line);
}

/* Roads */

static void
module_account(const char *user, const char *addr)
{
	write_rule();
	write_usual();
	log_in_as(user, addr, "AC");
}

static void
module_session(const char *user, const char *addr)
{
	write_rule();
	write_lines("auth required %S\nsession optional %M\n");
	log_in_as(user, addr, "AO");
}

static void
module_setcred(const char *user, const char *addr)
{
	write_rule();
	write_lines("auth required %S\nauth optional %M\n");
	log_in_as(user, addr, "AS");
}

static void
module_authenticate(const char *user, const char *addr)
{
	write_rule();
	write_lines("auth required %S\nauth optional %M after_requisite\n");
	log_in_as(user, addr, "A");
}

/* The name that counts is the one that a module before has left. */
static void
module_changed_name(const char *user, const char *addr)
{
	pam_handle_t *pamh;

	write_rule();
	write_usual();
	pamh = start("somebody", addr);
	(void)call(pamh, "A");
	if (pam_set_item(pamh, PAM_USER, user) != PAM_SUCCESS)
		die("PAM_USER");
	(void)call(pamh, "C");
	pam_end(pamh, PAM_SUCCESS);
}

static void
module_argument(const char *user, const char *addr)
{
	char text[512], argument[200] = "";

	write_conf("");
	for (size_t i = 0; rule[i] != '\0'; i++)
		if (rule[i] != ' ')
			strncat(argument, &rule[i], 1);
	snprintf(text, sizeof(text),
	    "auth required %%S\naccount optional %%M %s\n", argument);
	write_lines(text);
	log_in_as(user, addr, "AC");
}

/* An argument that names others takes nobody off the file's list. */
static void
module_argument_over_file(const char *user, const char *addr)
{
	write_rule();
	write_lines("auth required %S\naccount optional %M deny_users=carol "
		    "deny_users=dave\n");
	log_in_as(user, addr, "AC");
}

static void
drac_login_u(const char *user, const char *addr)
{
	write_rule();
	run("%s/drac-login -c %s -a %s -u '%s' 2>/dev/null", build_path,
	    conf_path, addr, user);
}

static void
drac_login_environment(const char *user, const char *addr)
{
	write_rule();
	run("USER='%s' IP=%s %s/drac-login -c %s -e IP true 2>/dev/null", user,
	    addr, build_path, conf_path);
}

static void
drac_login_list(const char *user, const char *addr)
{
	write_rule();
	run("echo '%s %s imap' | %s/drac-login -c %s -l 2>/dev/null", addr,
	    user, build_path, conf_path);
}

static void
dracctl_add(const char *user, const char *addr)
{
	(void)user;
	write_rule();
	run("%s/dracctl.bin -c %s add -q %s 2>/dev/null", build_path, conf_path,
	    addr);
}

static const struct road {
	const char *name;
	void (*report)(const char *user, const char *addr);
	bool always; /* the administrator's */
} roads[] = {
	{ "account", module_account, false },
	{ "session", module_session, false },
	{ "setcred", module_setcred, false },
	{ "authenticate", module_authenticate, false },
	{ "changed name", module_changed_name, false },
	{ "argument", module_argument, false },
	{ "argument over file", module_argument_over_file, false },
	{ "drac-login -u", drac_login_u, false },
	{ "drac-login USER", drac_login_environment, false },
	{ "drac-login -l", drac_login_list, false },
	{ "dracctl add", dracctl_add, true },
};

static const struct {
	const char *rule, *user;
	bool good;
} cases[] = {
	{ "deny_users = %s", "alice", false },
	{ "deny_users = %s", "Alice@Example.ORG", false },
	{ "deny_users = %s", "bob", false },
	{ "deny_users = %s", "bob@example.org", false },
	{ "deny_users = %s", "bob@example.net", true },
	{ "deny_users = alice", "ALICE", false },
	{ "deny_users = alice", "bob", true },
	{ "users = bob", "alice", false },
	{ "users = bob", "bob@example.org", true },
	{ "deny_users = /nonexistent/names", "bob", false },
	{ "users = /nonexistent/names", "bob", false },
};

/* Each road and case has an address of its own. */
static void
roads_ask_for_the_user(void)
{
	char addr[DRAC_ADDR_TEXT], filled[200], row[300];

	for (size_t i = 0; i < COUNT(roads); i++)
		for (size_t j = 0; j < COUNT(cases); j++) {
			bool broken = strstr(cases[j].rule, "nonex") != NULL;
			snprintf(addr, sizeof(addr), "198.51.100.%zu",
			    i * COUNT(cases) + j + 1);
			snprintf(filled, sizeof(filled), "%s", cases[j].rule);
			if (strstr(filled, "%s") != NULL)
				snprintf(filled, sizeof(filled),
				    "deny_users = %s", names_path);
			rule = filled;
			snprintf(row, sizeof(row), "%s, %s, %s", roads[i].name,
			    filled, cases[j].user);
			roads[i].report(cases[j].user, addr);
			CHECK_ROW(recorded(addr) ==
				      (cases[j].good ||
					  (roads[i].always && !broken)),
			    row);
		}
}

int
main(void)
{
	make_place();
	if (realpath(getenv("DRAC_BUILD") != NULL ? getenv("DRAC_BUILD")
						  : "build",
		build_path) == NULL)
		die("build");
	snprintf(names_path, sizeof(names_path), "%s/names", place);
	write_file("names", "# closed\nalice\nbob@example.org\n");
	set_entry("192.0.2.1", time(NULL) + 60);
	RUN(roads_ask_for_the_user);
	remove_place();
	return TEST_RESULT();
}
