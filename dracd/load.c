/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The configuration: from its file and the command line, tested, and loaded
 * again. What is wrong is logged.
 */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "diag.h"
#include "dracd.h"
#include "lookups.h"

static void
report(const char *text, void *arg)
{
	int *errors = arg;

	(*errors)++;
	drac_say(LOG_ERR, "%s", text);
}

/* What the command line says counts more than the file. */
static int
override(struct drac_conf *conf, const char *key, const char *value,
    const char *unit)
{
	char argument[PATH_MAX + 32];
	struct drac_why why = { "" };

	if (value == NULL)
		return 0;
	snprintf(argument, sizeof(argument), "%s=%s%s", key, value, unit);
	if (drac_conf_argument(conf, argument, &why) == 0)
		return 0;
	drac_say(LOG_ERR, "command line: %s", why.text);
	return -1;
}

int
drac_load_conf(const struct drac_options *options, struct drac_conf *conf)
{
	const char *path =
	    options->conf_path != NULL ? options->conf_path : DRAC_CONF_PATH;
	struct drac_why why = { "" };
	int errors = 0;

	if (drac_conf_init(conf) == -1) {
		drac_say(LOG_ERR, "configuration: %s", strerror(errno));
		return -1;
	}
	if (drac_conf_load(conf, path, report, &errors) == -1 && errors == 0 &&
	    (errno != ENOENT || options->conf_path != NULL)) {
		drac_say(LOG_ERR, "%s: %s", path, strerror(errno));
		errors++;
	}
	if (override(conf, "lifetime", options->minutes, "m") == -1 ||
	    override(conf, "database", options->database, "") == -1)
		errors++;
	for (size_t i = 0; drac_conf_given_up(conf, &i, &why);)
		drac_say(LOG_WARNING, "%s", why.text);
	if (errors == 0 && drac_conf_check(conf, &why) == -1)
		report(why.text, &errors);
	return errors == 0 ? 0 : -1;
}

int
drac_load_gate(const struct drac_conf *conf, struct drac_gate **gate)
{
	int errors = 0;

	*gate = NULL;
	if (drac_gate_open(conf, report, &errors, gate) == -1)
		return -1;
	if (conf->allow_user_count > 0 && conf->listen_count > 0 &&
	    drac_diag_try() == -1)
		drac_say(LOG_WARNING,
		    "allow_users: the kernel does not tell who calls by UDP "
		    "or TCP, so only the local socket is open to them: %s",
		    strerror(errno));
	return 0;
}

static void
report_left_out(const char *text, void *arg)
{
	(void)arg;
	drac_say(LOG_WARNING, "%s (left out until a reload)", text);
}

void
drac_load_users(struct drac_conf *conf)
{
	drac_gate_leave_out(conf, report_left_out, NULL);
}

bool
drac_load_test(const struct drac_options *options)
{
	struct drac_conf conf = { 0 };
	struct drac_gate *gate = NULL;
	struct drac_user user;
	struct drac_why why = { "" };
	bool good = drac_load_conf(options, &conf) == 0;

	if (conf.user != NULL) {
		if (drac_load_gate(&conf, &gate) == -1)
			good = false;
		if (drac_start_user(conf.user, &user, &why) == -1) {
			drac_say(LOG_ERR, "%s", why.text);
			good = false;
		}
	}
	drac_gate_close(gate);
	drac_conf_free(&conf);
	return good;
}

/* Loading it again. */

static void
tell_restart(const char *key)
{
	drac_say(LOG_WARNING, "%s: changed, which counts after a restart", key);
}

static void
keep_string(const char *key, char **old, char **fresh)
{
	char *unused = *fresh;

	if (strcmp(*old, *fresh) == 0)
		return;
	tell_restart(key);
	*fresh = *old;
	*old = unused;
}

static void
keep_number(const char *key, unsigned old, unsigned fresh)
{
	if (old != fresh)
		tell_restart(key);
}

static bool
same_listen(const struct drac_conf *a, const struct drac_conf *b)
{
	if (a->listen_count != b->listen_count)
		return false;
	for (size_t i = 0; i < a->listen_count; i++)
		if (a->listen[i].port != b->listen[i].port ||
		    !drac_addr_equal(&a->listen[i].addr, &b->listen[i].addr))
			return false;
	return true;
}

static void
keep_listen(struct drac_conf *old, struct drac_conf *fresh)
{
	struct drac_endpoint *listen = fresh->listen;
	size_t count = fresh->listen_count;

	if (same_listen(old, fresh))
		return;
	tell_restart("listen");
	fresh->listen = old->listen;
	fresh->listen_count = old->listen_count;
	old->listen = listen;
	old->listen_count = count;
}

static bool
same_lookups(const struct drac_conf *a, const struct drac_conf *b)
{
	if (a->lookup_count != b->lookup_count)
		return false;
	for (size_t i = 0; i < a->lookup_count; i++) {
		const struct drac_lookup_at *x = &a->lookup[i];
		const struct drac_lookup_at *y = &b->lookup[i];

		if ((x->path == NULL) != (y->path == NULL) ||
		    (x->path != NULL && strcmp(x->path, y->path) != 0) ||
		    x->here.port != y->here.port ||
		    !drac_addr_equal(&x->here.addr, &y->here.addr))
			return false;
	}
	return true;
}

static void
keep_lookups(struct drac_conf *old, struct drac_conf *fresh)
{
	struct drac_lookup_at *lookup = fresh->lookup;
	size_t count = fresh->lookup_count;

	if (same_lookups(old, fresh))
		return;
	tell_restart("lookup");
	fresh->lookup = old->lookup;
	fresh->lookup_count = old->lookup_count;
	old->lookup = lookup;
	old->lookup_count = count;
}

/* What was decided at the start stays; old gets what is not needed. */
static void
keep_fixed(struct drac_conf *old, struct drac_conf *fresh)
{
	keep_string("database", &old->database, &fresh->database);
	keep_string("user", &old->user, &fresh->user);
	keep_string("socket", &old->socket, &fresh->socket);
	keep_number("key_style", old->key_style, fresh->key_style);
	keep_number("readers", old->readers, fresh->readers);
	keep_number("prefix4", old->prefix4, fresh->prefix4);
	keep_number("prefix6", old->prefix6, fresh->prefix6);
	keep_number("mode", old->mode, fresh->mode);
	keep_number("sync", old->sync, fresh->sync);
	keep_number("port", old->port, fresh->port);
	fresh->key_style = old->key_style;
	fresh->readers = old->readers;
	fresh->prefix4 = old->prefix4;
	fresh->prefix6 = old->prefix6;
	fresh->mode = old->mode;
	fresh->sync = old->sync;
	fresh->port = old->port;
	keep_listen(old, fresh);
	keep_lookups(old, fresh);
}

/* What of the sockets can follow. */
static void
admit(const struct drac_state *state)
{
	struct drac_why why = { "" };

	if (drac_front_admit(state->front, &state->conf, &why) == -1)
		drac_say(LOG_WARNING, "%s", why.text);
}

/* What is excluded now is no part of a network that logins open. */
static void
cover_again(struct drac_state *state)
{
	if (state->conf.prefix4 == 32 && state->conf.prefix6 == 128)
		return;
	if (drac_lookups_cover(state->lookups, &state->conf) == -1)
		drac_say(LOG_ERR, "exclude: %s", strerror(errno));
	drac_work_learn(state);
}

void
drac_load_again(struct drac_state *state, const struct drac_options *options)
{
	struct drac_conf fresh = { 0 };
	struct drac_gate *gate = NULL;
	bool good = drac_load_conf(options, &fresh) == 0;

	if (fresh.user != NULL && drac_load_gate(&fresh, &gate) == -1)
		good = false;
	if (!good) {
		drac_gate_close(gate);
		drac_conf_free(&fresh);
		drac_say(LOG_ERR, "the configuration stays as it was");
		return;
	}
	keep_fixed(&state->conf, &fresh);
	drac_gate_close(state->gate);
	state->gate = gate;
	drac_conf_free(&state->conf);
	state->conf = fresh;
	cover_again(state);
	admit(state);
	drac_say(LOG_INFO, "the configuration was loaded again");
}
