/* SPDX-License-Identifier: BSD-2-Clause */

/* Daemons told instead of writing the map; see pam_drac_login.h. */

#include <errno.h>
#include <security/pam_ext.h>
#include <syslog.h>
#include <time.h>

#include "breaker.h"
#include "pam_drac_login.h"

#define HOSTS "/etc/hosts"

static void
log_breaker(const struct drac_login *login, const struct drac_told *told)
{
	if (told->tripped)
		pam_syslog(login->pamh, LOG_WARNING,
		    "%s has not answered %d logins in a row: left alone for "
		    "%d seconds",
		    told->name, DRAC_BREAKER_FAILURES, DRAC_BREAKER_PAUSE_S);
	if (told->closed)
		pam_syslog(login->pamh, LOG_INFO, "%s answers again",
		    told->name);
}

void
drac_servers_tell(struct drac_login *login, unsigned timeout_ms,
    struct drac_news *news)
{
	struct drac_tell tell = { .conf = &login->conf,
		.hosts = HOSTS,
		.breaker_dir = DRAC_BREAKER_DIR,
		.timeout_ms = timeout_ms };
	struct timespec boot;

	clock_gettime(CLOCK_BOOTTIME, &boot);
	tell.boot = boot.tv_sec;
	drac_tell(&tell, &login->addr, news);
	for (size_t i = 0; i < news->count; i++)
		log_breaker(login, &news->told[i]);
}

void
drac_servers_list(struct drac_login *login, const struct drac_news *news)
{
	for (size_t i = 0; i < news->count; i++)
		if (!news->told[i].kept)
			drac_text_add(login->servers, sizeof(login->servers),
			    "; ", news->told[i].why.text);
}

/* What an operator can mend is an error, a wait that was too long is not. */
static int
level_of(int error)
{
	switch (error) {
	case 0:
		return LOG_INFO;
	case ETIMEDOUT:
	case EAGAIN:
		return LOG_WARNING;
	default:
		return LOG_ERR;
	}
}

static int
worst_level(const struct drac_news *news)
{
	int worst = LOG_INFO;

	for (size_t i = 0; i < news->count; i++) {
		int level = level_of(news->told[i].error);

		/* Where another one did record it, this can wait. */
		if (news->kept > 0 && level == LOG_ERR &&
		    news->told[i].error != EPERM)
			level = LOG_WARNING;
		if (level < worst)
			worst = level;
	}
	return worst;
}

/* Only the local daemon tells until when; others have their own lifetime. */
static void
log_kept(struct drac_login *login, const struct drac_news *news)
{
	bool told_until = news->kept == 1 && news->grant.expiry != 0;
	char until[DRAC_CLOCK] = "", by[DRAC_LIST] = "";

	for (size_t i = 0; i < news->count; i++)
		if (news->told[i].kept)
			drac_text_add(by, sizeof(by), ", ", news->told[i].name);
	if (told_until)
		drac_text_clock(news->grant.expiry, until);
	login->logged = true;
	if (told_until && news->count == 1 && !news->grant.written) {
		if (login->conf.debug)
			pam_syslog(login->pamh, LOG_DEBUG,
			    "%s is already authorised until %s, for %s (%s) "
			    "too",
			    login->addr_text, until, login->user,
			    login->service);
		return;
	}
	pam_syslog(login->pamh, worst_level(news),
	    "authorised %s%s%s for %s (%s) by %s%s%s", login->addr_text,
	    told_until ? " until " : "", until, login->user, login->service, by,
	    login->servers[0] != '\0' ? "; not by " : "", login->servers);
}

static void
fill_mark(struct drac_mark *mark, const struct drac_news *news)
{
	mark->by_daemon = true;
	mark->grant = news->grant;
	for (size_t i = 0; i < news->count; i++)
		if (news->told[i].kept && !news->told[i].local)
			drac_text_add(mark->keepers, mark->keepers_room, ", ",
			    news->told[i].name);
}

enum drac_outcome
drac_servers_conclude(struct drac_login *login, struct drac_mark *mark,
    const struct drac_news *news)
{
	bool failed = news->kept + news->excluded < news->count;

	if (news->kept == 0) {
		login->level = worst_level(news);
		return failed ? DRAC_FAILED : DRAC_REFUSED;
	}
	fill_mark(mark, news);
	log_kept(login, news);
	return failed && login->conf.strict ? DRAC_FAILED : DRAC_RECORDED;
}
