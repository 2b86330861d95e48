/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The verbs that change the map: init, add, drop and sweep. Each says in
 * one line what it did, unless asked to be quiet.
 */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dracctl.h"

#define DIRECTORY_MODE 0755

/* Whatever the umask is: the mail server must be able to search it. */
static int
set_directory_mode(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int result, saved;

	if (fd == -1)
		return -1;
	result = fchmod(fd, DIRECTORY_MODE);
	saved = errno;
	close(fd);
	errno = saved;
	return result;
}

/* The last component only: a missing parent is more likely a typing error. */
static int
make_directory(const struct drac_ctl *ctl, const char *dir)
{
	if (mkdir(dir, DIRECTORY_MODE) == -1) {
		if (errno == EEXIST)
			return 0;
	} else if (set_directory_mode(dir) == 0) {
		if (!ctl->quiet)
			drac_ctl_say("made the directory %s\n", dir);
		return 0;
	}
	drac_ctl_complain("%s: cannot make the directory: %s", dir,
	    strerror(errno));
	return -1;
}

static int
make_directory_of(const struct drac_ctl *ctl, const char *path)
{
	char *dir = strdup(path);
	char *slash;
	int result = 0;

	if (dir == NULL) {
		drac_ctl_complain("out of memory");
		return -1;
	}
	slash = strrchr(dir, '/');
	if (slash != NULL && slash != dir) {
		*slash = '\0';
		result = make_directory(ctl, dir);
	}
	free(dir);
	return result;
}

static enum drac_ctl_status
sweep(struct drac_ctl *ctl, struct drac_swept *swept)
{
	struct drac_why why = { "" };

	if (drac_store_sweep(ctl->store, ctl->now, ctl->limit, swept, &why) ==
	    -1)
		return drac_ctl_failed(&why);
	drac_ctl_warn(&why);
	return DRAC_CTL_YES;
}

/* A sweep repairs what is there; a new map needs none. */
enum drac_ctl_status
drac_ctl_init(struct drac_ctl *ctl)
{
	struct drac_swept swept;
	struct stat st;
	bool there;

	if (make_directory_of(ctl, ctl->opts.path) == -1)
		return DRAC_CTL_FAILED;
	there = lstat(ctl->opts.path, &st) == 0;
	ctl->opts.may_create = true;
	drac_ctl_be_patient(ctl);
	if (drac_ctl_open(ctl) == -1)
		return DRAC_CTL_FAILED;
	if (there && sweep(ctl, &swept) != DRAC_CTL_YES)
		return DRAC_CTL_FAILED;
	if (!ctl->quiet)
		drac_ctl_say(there ? "the map %s is there already\n"
				   : "made the map %s\n",
		    ctl->opts.path);
	return DRAC_CTL_YES;
}

/* What is never recorded is not recorded for an admin's typing error. */
static bool
may_add(const struct drac_ctl *ctl, const char *address)
{
	enum drac_scope scope = drac_addr_scope(&ctl->addr);

	if (scope != DRAC_SCOPE_HOST) {
		drac_ctl_complain("%s is never recorded (%s)", address,
		    drac_scope_word(scope));
		return false;
	}
	if (drac_nets_find(&ctl->conf.exclude, &ctl->addr) != NULL)
		drac_ctl_complain(
		    "warning: %s is excluded by the configuration: "
		    "no login would record it",
		    address);
	return true;
}

static void
say_added(const struct drac_ctl *ctl, const char *address,
    const struct drac_grant *grant)
{
	char instant[DRAC_CTL_INSTANT], span[DRAC_CTL_SPAN];

	if (ctl->quiet)
		return;
	drac_ctl_instant(grant->expiry, instant);
	drac_ctl_span((uint64_t)(grant->expiry - ctl->now), span);
	drac_ctl_say(grant->written
			 ? "%s is authorised until %s (%s)\n"
			 : "%s is authorised already until %s (%s)\n",
	    address, instant, span);
}

/* A lifetime on the command line is meant, be it shorter than the entry's. */
enum drac_ctl_status
drac_ctl_add(struct drac_ctl *ctl)
{
	bool exact = ctl->lifetime_s != 0;
	time_t expiry =
	    ctl->now + (exact ? ctl->lifetime_s : ctl->conf.lifetime_s);
	struct drac_grant grant = { .expiry = expiry, .written = true };
	struct drac_why why = { "" };
	char address[DRAC_ADDR_TEXT];
	int result;

	drac_addr_text(&ctl->addr, address);
	if (!may_add(ctl, address))
		return DRAC_CTL_NO;
	if (drac_ctl_open(ctl) == -1)
		return DRAC_CTL_FAILED;
	if (exact)
		result = drac_store_set(ctl->store, &ctl->addr, expiry, &why);
	else
		result = drac_store_add(ctl->store, &ctl->addr, ctl->now,
		    expiry, 0, &grant, &why);
	if (result == -1)
		return drac_ctl_failed(&why);
	say_added(ctl, address, &grant);
	drac_ctl_warn(&why);
	return DRAC_CTL_YES;
}

static enum drac_ctl_status
drop_all(struct drac_ctl *ctl)
{
	struct drac_why why = { "" };

	drac_ctl_be_patient(ctl);
	if (drac_ctl_open(ctl) == -1)
		return DRAC_CTL_FAILED;
	if (drac_store_clear(ctl->store, &why) == -1)
		return drac_ctl_failed(&why);
	if (!ctl->quiet)
		drac_ctl_say("removed every entry\n");
	drac_ctl_warn(&why);
	return DRAC_CTL_YES;
}

enum drac_ctl_status
drac_ctl_drop(struct drac_ctl *ctl)
{
	struct drac_why why = { "" };
	char address[DRAC_ADDR_TEXT];
	int dropped;

	if (ctl->all)
		return drop_all(ctl);
	if (drac_ctl_open(ctl) == -1)
		return DRAC_CTL_FAILED;
	dropped = drac_store_drop(ctl->store, &ctl->addr, &why);
	if (dropped == -1)
		return drac_ctl_failed(&why);
	drac_addr_text(&ctl->addr, address);
	if (!ctl->quiet)
		drac_ctl_say(dropped == 1 ? "removed %s\n"
					  : "%s was not in the map\n",
		    address);
	drac_ctl_warn(&why);
	return dropped == 1 ? DRAC_CTL_YES : DRAC_CTL_NO;
}

enum drac_ctl_status
drac_ctl_sweep(struct drac_ctl *ctl)
{
	struct drac_swept swept;
	enum drac_ctl_status status;

	drac_ctl_be_patient(ctl);
	if (drac_ctl_open(ctl) == -1)
		return DRAC_CTL_FAILED;
	status = sweep(ctl, &swept);
	if (status == DRAC_CTL_YES && !ctl->quiet)
		drac_ctl_say("removed %" PRIu64 ", kept %" PRIu64 "%s%s\n",
		    swept.removed, swept.kept,
		    swept.more ? ", more to remove" : "",
		    swept.enlarged ? ", replaced the map by a new copy" : "");
	return status;
}
