/* SPDX-License-Identifier: BSD-2-Clause */

/* check: the frame. The rooms find, and here it is kept and said. */

#include "check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* Every finding there is, as dracctl(8) explains them. */
static const struct {
	const char *id;
	bool danger; /* somebody may relay who should not */
} kinds[] = {
	{ "conf", false },
	{ "pam-none", false },
	{ "pam-no-service", false },
	{ "pam-no-line", false },
	{ "pam-shared", true },
	{ "pam-module", false },
	{ "pam-argument", false },
	{ "pam-services", false },
	{ "pam-control", false },
	{ "pam-broken", false },
	{ "pam-auth", false },
	{ "pam-session", false },
	{ "pam-wrong-password", true },
	{ "pam-refused-account", false },
	{ "pam-not-reached", false },
	{ "dovecot-cache", false },
	{ "dovecot-service", false },
	{ "dovecot-refuses", true },
	{ "dovecot-worker", false },
	{ "unit", false },
	{ "postfix-none", false },
	{ "postfix-order", false },
	{ "postfix-type", false },
	{ "postfix-name", false },
	{ "postfix-keys", false },
	{ "postfix-readers", true },
	{ "postfix-socket", false },
	{ "sendmail-none", false },
	{ "sendmail-type", false },
	{ "sendmail-open-relay", true },
	{ "sendmail-keys", false },
	{ "exim-none", false },
	{ "exim-name", false },
	{ "exim-keys", false },
	{ "breaker", false },
	{ "map-lock", false },
	{ "predecessor", false },
	{ "map-missing", false },
	{ "map-unsafe", true },
	{ "map-owner", false },
	{ "map-unreadable", false },
	{ "map-name", false },
	{ "map-closed", false },
	{ "map-damaged", false },
	{ "map-own-address", true },
	{ "map-gateway", true },
	{ "map-left-out", false },
	{ "sweep", true },
	{ "daemon-silent", true },
	{ "daemon-socket", false },
	{ "daemon-mixed", false },
};

static bool
is_danger(const char *id)
{
	for (size_t i = 0; i < COUNT(kinds); i++)
		if (strcmp(kinds[i].id, id) == 0)
			return kinds[i].danger;
	return false;
}

/* What other people's files hold must not drive a terminal. */
static char *
harmless(char *text)
{
	if (text != NULL)
		drac_why_make_harmless(text);
	return text;
}

static bool
is_known(const struct drac_check *check, const char *id, const char *where)
{
	for (size_t i = 0; i < check->findings; i++)
		if (strcmp(check->finding[i].id, id) == 0 &&
		    strcmp(check->finding[i].where, where) == 0)
			return true;
	return false;
}

static void
free_finding(const struct drac_finding *finding)
{
	free(finding->where);
	free(finding->text);
	free(finding->advice);
}

static void
keep(struct drac_check *check, const struct drac_finding *finding)
{
	struct drac_finding *more = NULL;

	if (finding->where != NULL && finding->text != NULL &&
	    finding->advice != NULL)
		more = reallocarray(check->finding, check->findings + 1,
		    sizeof(*more));
	if (more == NULL) {
		check->no_memory = true;
		free_finding(finding);
		return;
	}
	check->finding = more;
	more[check->findings++] = *finding;
}

void
drac_check_find(struct drac_check *check, const char *id, const char *where,
    const char *advice, const char *format, ...)
{
	struct drac_finding finding = { .id = id, .danger = is_danger(id) };
	va_list ap;

	where = drac_below_name(check->ctl, where);
	if (is_known(check, id, where))
		return;
	va_start(ap, format);
	if (vasprintf(&finding.text, format, ap) == -1)
		finding.text = NULL;
	va_end(ap);
	finding.where = harmless(strdup(where));
	finding.advice = harmless(strdup(advice));
	(void)harmless(finding.text);
	keep(check, &finding);
}

void
drac_check_looked(struct drac_check *check, const char *format, ...)
{
	char **more =
	    reallocarray(check->looked, check->lookeds + 1, sizeof(*more));
	char *text;
	va_list ap;
	int length;

	if (more != NULL)
		check->looked = more;
	va_start(ap, format);
	length = vasprintf(&text, format, ap);
	va_end(ap);
	if (length != -1 && more != NULL)
		more[check->lookeds++] = harmless(text);
	else
		check->no_memory = true;
	if (length != -1 && more == NULL)
		free(text);
}

const char *
drac_check_at(const char *path, unsigned number, char where[DRAC_CHECK_WHERE])
{
	snprintf(where, DRAC_CHECK_WHERE, "%s:%u", path, number);
	return where;
}

static void
say_object(const struct drac_finding *finding, bool first)
{
	drac_ctl_say(first ? "\n{\"id\":" : ",\n{\"id\":");
	drac_ctl_say_string(finding->id);
	drac_ctl_say(",\"where\":");
	drac_ctl_say_string(finding->where);
	drac_ctl_say(",\"text\":");
	drac_ctl_say_string(finding->text);
	drac_ctl_say(",\"advice\":");
	drac_ctl_say_string(finding->advice);
	drac_ctl_say("}");
}

static void
say_paragraph(const struct drac_finding *finding, bool first)
{
	drac_ctl_say("%s%s%s: %s %s (%s)\n", first ? "" : "\n",
	    finding->danger ? "DANGER: " : "", finding->where, finding->text,
	    finding->advice, finding->id);
}

/* Those that open the relay come first. */
static void
say_findings(const struct drac_check *check)
{
	bool first = true;

	for (int turn = 0; turn < 2; turn++)
		for (size_t i = 0; i < check->findings; i++) {
			const struct drac_finding *finding = &check->finding[i];

			if (finding->danger != (turn == 0))
				continue;
			if (check->ctl->json)
				say_object(finding, first);
			else
				say_paragraph(finding, first);
			first = false;
		}
}

static void
say_all(const struct drac_check *check)
{
	if (check->ctl->json)
		drac_ctl_say("[");
	say_findings(check);
	if (check->ctl->json) {
		drac_ctl_say("\n]\n");
		return;
	}
	if (check->findings > 0)
		return;
	drac_ctl_say("Nothing to complain about.\n");
	for (size_t i = 0; i < check->lookeds; i++)
		drac_ctl_say("%s\n", check->looked[i]);
}

void
drac_check_free(struct drac_check *check)
{
	for (size_t i = 0; i < check->findings; i++)
		free_finding(&check->finding[i]);
	for (size_t i = 0; i < check->lookeds; i++)
		free(check->looked[i]);
	for (size_t i = 0; i < check->services; i++) {
		free(check->service[i].name);
		free(check->service[i].where);
	}
	for (size_t i = 0; i < check->session_count; i++)
		free(check->sessions[i]);
	free(check->finding);
	free(check->looked);
	free(check->service);
	free(check->sessions);
}

void
drac_check_prefix(struct drac_check *check, const char *id, const char *where,
    const char *server)
{
	const struct drac_conf *conf = &check->ctl->conf;

	if (conf->prefix4 < 32 || conf->prefix6 < 128)
		drac_check_find(check, id, where,
		    "Have it ask the lookup service of rpc.dracd, as drac(7) "
		    "tells; or take prefix4 and prefix6 out of drac.conf.",
		    "Logins open networks, and %s looks in the map for the "
		    "address itself: it finds whoever logged in and nobody "
		    "else of the network.",
		    server);
}

enum drac_ctl_status
drac_ctl_check(struct drac_ctl *ctl)
{
	static void (*const room[])(struct drac_check *) = { drac_check_conf,
		drac_check_dovecot, drac_check_pam, drac_check_postfix,
		drac_check_sendmail, drac_check_exim, drac_check_map,
		drac_check_entries };
	struct drac_check check = { .ctl = ctl };
	enum drac_ctl_status status = DRAC_CTL_FAILED;

	if (geteuid() != 0 && ctl->root[0] == '\0')
		drac_ctl_complain("warning: only root can read everything that "
				  "is to be looked at");
	for (size_t i = 0; i < COUNT(room) && !check.no_memory; i++)
		room[i](&check);
	if (check.no_memory) {
		drac_ctl_complain("out of memory");
	} else {
		say_all(&check);
		status = check.findings == 0 ? DRAC_CTL_YES : DRAC_CTL_NO;
	}
	drac_check_free(&check);
	return status;
}
