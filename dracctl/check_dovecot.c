/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Dovecot as doveconf tells it: whom it asks PAM for, and whether every
 * login comes to PAM at all. Versions 2.3 and 2.4 are understood.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "check.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

#define DOVECONF   "doveconf"
#define CONF_FILE  "/etc/dovecot/dovecot.conf"
#define PASSDB_MAX 8
#define DEPTH_MAX  16
#define TTL_S      3600 /* auth_cache_ttl, unless said otherwise */

struct passdb {
	const char *driver;
	char *service; /* as it is asked for: a name, *, %s */
	const char *cache_key;
	const char *refuses; /* a setting that may refuse after PAM's yes */
	bool session;
};

struct dovecot {
	bool new;            /* 2.4 */
	const char *cache;   /* auth_cache_size */
	unsigned long ttl_s; /* auth_cache_ttl */
	const char *protocols;
	const char *worker; /* the user of auth-worker */
	bool hook;          /* a post-login script that is ours */
	struct passdb passdb[PASSDB_MAX];
	size_t passdbs;
};

/* Sizes and times begin with a number: 10 M, 10485760, 1 hours, 600 secs. */
static bool
is_zero(const char *value)
{
	return value == NULL || strtoul(value, NULL, 10) == 0;
}

static unsigned long
read_time(const char *value)
{
	char *unit;
	unsigned long count = strtoul(value, &unit, 10);

	unit += strspn(unit, " ");
	switch (*unit) {
	case 'w':
		return count * 604800;
	case 'd':
		return count * 86400;
	case 'h':
		return count * 3600;
	case 'm':
		return unit[1] == 's' || strncmp(unit, "mil", 3) == 0
			   ? count / 1000
			   : count * 60;
	default:
		return count;
	}
}

static bool
is_yes(const char *value)
{
	return strcasecmp(value, "yes") == 0;
}

/* The arguments of 2.3: words, the last of which may be a service. */
static void
read_args(struct passdb *passdb, char *args)
{
	char *word;

	while ((word = strsep(&args, " \t")) != NULL) {
		if (strncmp(word, "cache_key=", 10) == 0)
			passdb->cache_key = word + 10;
		else if (strncmp(word, "session=", 8) == 0)
			passdb->session = is_yes(word + 8);
		else if (*word != '\0' && strchr(word, '=') == NULL)
			passdb->service = word;
	}
}

/* Is this a field of a user that lets Dovecot refuse, or pass on, a login? */
static const char *
refusing_field(const char *name)
{
	static const char *const fields[] = { "allow_nets", "nologin", "proxy",
		"proxy_maybe" };

	for (size_t i = 0; i < COUNT(fields); i++)
		if (strcmp(name, fields[i]) == 0)
			return fields[i];
	return NULL;
}

/* override_fields = allow_nets=192.0.2.0/24 proxy=y */
static void
read_fields(struct passdb *passdb, char *fields)
{
	char *word;

	while ((word = strsep(&fields, " \t")) != NULL) {
		word[strcspn(word, "=")] = '\0';
		if (passdb->refuses == NULL)
			passdb->refuses = refusing_field(word);
	}
}

/* The others say that the next passdb is asked, too. */
static bool
is_last_word(const char *result)
{
	return strcmp(result, "return-ok") == 0 ||
	       strcmp(result, "return") == 0;
}

/* In a block of a block, which is how 2.4 writes fields. */
static void
take_field(struct passdb *passdb, const char *name)
{
	if (passdb->refuses == NULL)
		passdb->refuses = refusing_field(name);
}

static void
take_passdb(struct passdb *passdb, const char *name, char *value)
{
	if (strcmp(name, "driver") == 0 || strcmp(name, "passdb_driver") == 0)
		passdb->driver = value;
	else if (strcmp(name, "args") == 0)
		read_args(passdb, value);
	else if (strcmp(name, "service_name") == 0 ||
		 strcmp(name, "passdb_pam_service_name") == 0)
		passdb->service = value;
	else if (strcmp(name, "session") == 0 ||
		 strcmp(name, "passdb_pam_session") == 0)
		passdb->session = is_yes(value);
	else if (strcmp(name, "override_fields") == 0 ||
		 strcmp(name, "default_fields") == 0)
		read_fields(passdb, value);
	else if ((strcmp(name, "result_success") == 0 ||
		     strcmp(name, "passdb_result_success") == 0) &&
		 *value != '\0' && !is_last_word(value))
		passdb->refuses = "result_success";
}

/* conf/dovecot/99-drac-postlogin.conf, or one of the admin's. */
static void
take_service(struct dovecot *dovecot, const char *name, const char *value)
{
	if (strcmp(name, "executable") == 0 &&
	    (strstr(value, "drac-postlogin") != NULL ||
		strstr(value, "drac-login") != NULL))
		dovecot->hook = true;
}

static void
take_global(struct dovecot *dovecot, const char *name, const char *value)
{
	if (strcmp(name, "auth_cache_size") == 0)
		dovecot->cache = value;
	else if (strcmp(name, "auth_cache_ttl") == 0)
		dovecot->ttl_s = read_time(value);
	else if (strcmp(name, "protocols") == 0)
		dovecot->protocols = value;
}

enum block {
	OUTSIDE,
	PASSDB,
	WORKER,
	SERVICE,
	OTHER
};

static enum block
open_block(struct dovecot *dovecot, char *header)
{
	char *name = header + strcspn(header, " {");

	header[strcspn(header, "{")] = '\0';
	if (strncmp(header, "service auth-worker", 19) == 0)
		return WORKER;
	if (strncmp(header, "service ", 8) == 0)
		return SERVICE;
	if (strncmp(header, "passdb", 6) != 0 || header + 6 != name ||
	    dovecot->passdbs == PASSDB_MAX)
		return OTHER;
	name += strspn(name, " ");
	name[strcspn(name, " ")] = '\0';
	dovecot->passdb[dovecot->passdbs++].driver = name;
	return PASSDB;
}

static void
take_setting(struct dovecot *dovecot, enum block block, const char *name,
    char *value)
{
	struct passdb *passdb =
	    block == PASSDB ? &dovecot->passdb[dovecot->passdbs - 1] : NULL;

	if (passdb != NULL)
		take_passdb(passdb, name, value);
	else if (block == WORKER && strcmp(name, "user") == 0)
		dovecot->worker = value;
	else if (block == SERVICE)
		take_service(dovecot, name, value);
}

/* Of blocks of blocks those of a passdb alone are of interest. */
static void
read_conf(struct dovecot *dovecot, char *text)
{
	enum block block = OUTSIDE;
	unsigned depth = 0;
	char *line, *value;

	dovecot->new = strncmp(text, "# 2.4", 5) == 0;
	while ((line = drac_below_line(&text)) != NULL) {
		size_t length = strlen(line);

		if (*line == '#' || length == 0)
			continue;
		if (line[length - 1] == '{') {
			if (depth++ == 0)
				block = open_block(dovecot, line);
			continue;
		}
		if (*line == '}') {
			depth -= depth > 0;
			continue;
		}
		value = strchr(line, '=');
		if (value == NULL)
			continue;
		*value++ = '\0';
		value += strspn(value, " ");
		line[strcspn(line, " ")] = '\0';
		if (depth == 0)
			take_global(dovecot, line, value);
		else if (depth == 1)
			take_setting(dovecot, block, line, value);
		else if (block == PASSDB)
			take_field(&dovecot->passdb[dovecot->passdbs - 1],
			    line);
	}
}

static void
keep_session(struct drac_check *check, const char *service)
{
	char **more = reallocarray(check->sessions, check->session_count + 1,
	    sizeof(*more));
	char *copy = strdup(service);

	if (more != NULL)
		check->sessions = more;
	if (more == NULL || copy == NULL) {
		free(copy);
		check->no_memory = true;
		return;
	}
	more[check->session_count++] = copy;
}

/*
 * PAM has said yes, our line has recorded the address, and then the client is
 * told no. The post-login hook comes after that.
 */
static void
check_refusals(struct drac_check *check, const struct passdb *passdb,
    const char *service)
{
	const char *setting = passdb->refuses;
	bool proxy;

	if (setting == NULL)
		return;
	proxy = strncmp(setting, "proxy", 5) == 0;
	drac_check_find(check, "dovecot-refuses", CONF_FILE,
	    proxy ? "Record on the server behind, by the post-login hook "
		    "there (conf/dovecot/99-drac-postlogin.conf), with this "
		    "host in its login_trusted_networks; and remove the line "
		    "with pam_drac.so here."
		  : "Record by the post-login hook alone: copy "
		    "conf/dovecot/99-drac-postlogin.conf and drac-postlogin, "
		    "and remove the line with pam_drac.so.",
	    "With %s in the passdb, Dovecot may refuse a login that PAM has "
	    "accepted for the service %s: the client is told no, and its "
	    "address may relay.",
	    setting, service);
}

static void
check_service(struct drac_check *check, const struct dovecot *dovecot,
    const struct passdb *passdb, const char *service)
{
	char *file;

	if (passdb->session)
		keep_session(check, service);
	if (drac_check_records(check, service)) {
		drac_check_looked(check, "Dovecot: asks PAM for %s.", service);
		check_refusals(check, passdb, service);
		return;
	}
	if (dovecot->hook)
		return;
	if (asprintf(&file, "/etc/pam.d/%s", service) == -1) {
		check->no_memory = true;
		return;
	}
	drac_check_find(check, "dovecot-service", file,
	    "Put `account optional pam_drac.so' at its end.",
	    "Dovecot asks PAM for the service %s, which has no line with "
	    "pam_drac.so, so its logins are not recorded.",
	    service);
	free(file);
}

/* One service for all, or one for each protocol that fetches mail. */
static void
check_services(struct drac_check *check, const struct dovecot *dovecot,
    const struct passdb *passdb)
{
	static const char *const protocols[] = { "pop3", "imap" };
	const char *service = passdb->service;

	if (service == NULL || *service == '\0')
		service = "dovecot";
	if (strcmp(service, "*") != 0 && strncmp(service, "%", 1) != 0) {
		check_service(check, dovecot, passdb, service);
		return;
	}
	for (size_t i = 0; i < 2; i++)
		if (dovecot->protocols == NULL ||
		    strstr(dovecot->protocols, protocols[i]) != NULL)
			check_service(check, dovecot, passdb, protocols[i]);
}

/* A login from the cache makes no PAM call. */
static void
check_cache(struct drac_check *check, const struct dovecot *dovecot,
    const struct passdb *passdb)
{
	const char *key = passdb->cache_key;
	bool by_address = key != NULL && strstr(key, "%r") != NULL;

	if (dovecot->hook || is_zero(dovecot->cache) ||
	    (key == NULL && !dovecot->new))
		return;
	if (by_address && dovecot->ttl_s * 3 <= check->ctl->conf.lifetime_s)
		return;
	drac_check_find(check, "dovecot-cache", CONF_FILE,
	    "Set auth_cache_size = 0; or have cache_key=%u%r in the arguments "
	    "of the passdb and auth_cache_ttl of a third of the lifetime or "
	    "less (10 mins); or record by a post-login script, which calls "
	    "dracctl add.",
	    by_address
		? "Dovecot answers logins of %lu seconds from its cache%s, "
		  "and these are not recorded: an entry may run out although "
		  "the user logs in all the time."
		: "Dovecot answers logins of %lu seconds from its cache%s, "
		  "and these are not recorded, not even from another address.",
	    dovecot->ttl_s,
	    dovecot->new ? " (2.4 makes the key by itself)" : "");
}

static void
check_worker(struct drac_check *check, const struct dovecot *dovecot)
{
	const char *user = dovecot->worker;

	if (user == NULL || *user == '\0' || strcmp(user, "root") == 0 ||
	    strcmp(user, "$default_internal_user") == 0)
		return;
	if (check->tells_local && drac_conf_takes_any_user(&check->ctl->conf))
		return;
	for (size_t i = 0; i < check->ctl->conf.allow_user_count; i++)
		if (check->tells_local &&
		    strcmp(check->ctl->conf.allow_users[i], user) == 0)
			return;
	drac_check_find(check, "dovecot-worker", CONF_FILE,
	    "Remove `user' from service auth-worker; or let rpc.dracd keep the "
	    "map (server = local) and name the user in allow_users.",
	    "Dovecot runs PAM as user %s, who may not write the map.", user);
}

static void
check_all(struct drac_check *check, const struct dovecot *dovecot)
{
	size_t pams = 0;

	for (size_t i = 0; i < dovecot->passdbs; i++) {
		const struct passdb *passdb = &dovecot->passdb[i];

		if (passdb->driver == NULL ||
		    strcmp(passdb->driver, "pam") != 0)
			continue;
		pams++;
		check_services(check, dovecot, passdb);
		check_cache(check, dovecot, passdb);
	}
	check->has_hook = dovecot->hook;
	if (dovecot->hook)
		drac_check_looked(check,
		    "Dovecot: records by its post-login hook.");
	if (pams > 0)
		check_worker(check, dovecot);
	else
		drac_check_looked(check,
		    "Dovecot: no passdb with the driver "
		    "pam, so its logins do not come here.");
}

void
drac_check_dovecot(struct drac_check *check)
{
	struct drac_ctl *ctl = check->ctl;
	char *conf = drac_below(ctl, CONF_FILE);
	/* Without -P it hides a cache_key as if that were a password. */
	char name[] = DOVECONF, all[] = "-nP", with[] = "-c";
	char *argv[] = { name, all, with, conf, NULL };
	struct dovecot dovecot = { .ttl_s = TTL_S };
	char *text = conf == NULL ? NULL : drac_below_run(ctl, argv);

	if (text != NULL) {
		check->has_dovecot = true;
		read_conf(&dovecot, text);
		check_all(check, &dovecot);
	} else if (errno == ENOENT) {
		drac_check_looked(check, "Dovecot: not here.");
	} else {
		drac_check_looked(check,
		    "Dovecot: doveconf did not tell its settings: %s.",
		    errno == ECHILD ? "it failed" : strerror(errno));
	}
	free(text);
	free(conf);
}
