/* SPDX-License-Identifier: BSD-2-Clause */

/* Our own configuration: every error is a finding, and the rest counts. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

#define MEND "Mend it: until then no login is recorded."

/* "PATH:LINE: what is wrong" or "PATH: what is wrong". */
void
drac_check_conf_error(const char *text, void *arg)
{
	struct drac_check *check = arg;
	const char *colon = strchr(text, ':'), *rest = colon;
	char where[DRAC_CHECK_WHERE];
	size_t digits;

	if (colon == NULL) {
		drac_check_find(check, "conf", "drac.conf", MEND, "%s.", text);
		return;
	}
	digits = strspn(colon + 1, "0123456789");
	if (digits > 0 && colon[1 + digits] == ':')
		rest = colon + 1 + digits;
	snprintf(where, sizeof(where), "%.*s", (int)(rest - text), text);
	drac_check_find(check, "conf", where, MEND, "%s.",
	    rest[1] == ' ' ? rest + 2 : rest + 1);
}

const char *
drac_check_conf_path(const struct drac_check *check)
{
	return check->ctl->conf_path != NULL ? check->ctl->conf_path
					     : DRAC_CONF_PATH;
}

static bool
ends_in_db(const char *path)
{
	size_t length = strlen(path);

	return length > 3 && strcmp(path + length - 3, ".db") == 0;
}

/* The default file may be missing, one that was named may not. */
void
drac_check_conf(struct drac_check *check)
{
	struct drac_ctl *ctl = check->ctl;
	bool named = ctl->conf_path != NULL;
	char *path =
	    named ? strdup(ctl->conf_path) : drac_below(ctl, DRAC_CONF_PATH);

	if (path == NULL) {
		check->no_memory = true;
		return;
	}
	if (drac_conf_load(&ctl->conf, path, drac_check_conf_error, check) == 0)
		drac_check_looked(check, "Configuration: %s.",
		    drac_below_name(ctl, path));
	else if (errno == ENOENT && named)
		drac_check_find(check, "conf", path,
		    "Name the right one behind -c.", "There is no such file.");
	else if (errno == ENOENT)
		drac_check_looked(check,
		    "Configuration: no %s, so the defaults apply.",
		    drac_below_name(ctl, path));
	free(path);
	check->ends_in_db = ends_in_db(ctl->conf.database);
	check->tells_local = drac_conf_tells_local(&ctl->conf);
	if (drac_below_map(ctl) == -1)
		check->no_memory = true;
}
