/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The map as a file: is it there, whose is it, who can read it, who keeps
 * it, and are those who have to write it able to?
 */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "breaker.h"
#include "check.h"
#include "holder.h"
#include "place.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

#define ELSEWHERE                                                          \
	"Leave the directory as it is, and keep the map in one of its "    \
	"own: set database = /var/lib/drac/dracd.db in drac.conf and run " \
	"dracctl "
#define OR_LINK                                                           \
	"; then change the mail server's line, or make the name that it " \
	"has a symbolic link to this map."

/* A sweep comes every minute; so late it does not come at all. */
#define LATE_S 300

/* The units of those that check passwords in front. */
static const char *const units[] = { "dovecot.service",
	"courier-authdaemon.service", "mailutils-pop3d.service",
	"mailutils-imap4d.service", "perdition.service", "popa3d.service",
	"solid-pop3d.service", "inetd.service", "xinetd.service",
	"saslauthd.service" };

struct map {
	struct drac_check *check;
	const char *path; /* with the root before it */
	char *dir_path;
	struct stat dir;
	struct stat file;
	bool has_dir;
	bool is_refused; /* as the store refuses it */
	bool has_file;
};

static const char *
init_advice(const struct drac_check *check)
{
	return check->by_daemon ? "Run dracctl init --daemon."
				: "Run dracctl init.";
}

/* Whose it must be; false after a finding. */
static bool
find_owner(struct map *map, uid_t *uid, const char **name)
{
	const char *user = map->check->ctl->conf.user;
	const struct passwd *entry;

	*uid = 0;
	*name = "root";
	if (!map->check->by_daemon)
		return true;
	entry = getpwnam(user);
	if (entry == NULL) {
		drac_check_find(map->check, "map-owner", map->path,
		    "Make the user (useradd --system --user-group --home-dir "
		    "/var/lib/drac --shell /usr/sbin/nologin NAME), then run "
		    "dracctl init --daemon.",
		    "There is no user %s, as whom rpc.dracd is to keep the "
		    "map.",
		    user);
		return false;
	}
	*uid = entry->pw_uid;
	*name = user;
	return true;
}

/* Below another root, what belongs to us is as good as root's. */
static bool
belongs(const struct map *map, const struct stat *st, uid_t uid)
{
	return st->st_uid == uid ||
	       (uid == 0 && map->check->ctl->root[0] != '\0' &&
		   st->st_uid == geteuid());
}

/* dracctl init takes no directory from a third user, such as sendmail's. */
static const char *
owner_advice(const struct map *map, bool bad_dir)
{
	const struct passwd *entry;

	if (!bad_dir || map->dir.st_uid == 0)
		return init_advice(map->check);
	entry = getpwnam(map->check->ctl->conf.user);
	if (entry != NULL && entry->pw_uid == map->dir.st_uid)
		return init_advice(map->check);
	return map->check->by_daemon ? ELSEWHERE "init --daemon" OR_LINK
				     : ELSEWHERE "init" OR_LINK;
}

static void
check_owner(struct map *map)
{
	bool bad_dir, bad_file;
	const char *name;
	uid_t uid;

	if (!find_owner(map, &uid, &name))
		return;
	bad_dir = !belongs(map, &map->dir, uid);
	bad_file = map->has_file && !belongs(map, &map->file, uid);
	if (bad_dir || bad_file)
		drac_check_find(map->check, "map-owner",
		    bad_dir ? map->dir_path : map->path,
		    owner_advice(map, bad_dir),
		    "It belongs to user %u, and must be %s's, because %s: "
		    "logins are not recorded.",
		    (unsigned)(bad_dir ? map->dir.st_uid : map->file.st_uid),
		    name,
		    map->check->by_daemon ? "rpc.dracd keeps the map"
					  : "logins write the map "
					    "themselves");
}

/* Nobody else may change what is in there, nor move it away. */
static void
check_parents(struct map *map)
{
	size_t root = strlen(map->check->ctl->root);
	char *path = strdup(map->dir_path), *slash;

	while (path != NULL && (slash = strrchr(path + root, '/')) != NULL &&
	       slash > path + root) {
		struct stat st;

		*slash = '\0';
		if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode) &&
		    (st.st_mode & 022) != 0 && (st.st_mode & S_ISVTX) == 0)
			drac_check_find(map->check, "map-unsafe", path,
			    "Take the right to write from group and others "
			    "(chmod go-w).",
			    "Others than its owner may write to this "
			    "directory (mode %04o) above the map, and put "
			    "another map in its place; sendmail does not open "
			    "a map there.",
			    (unsigned)(st.st_mode & 07777));
	}
	free(path);
}

static void
check_directory(struct map *map)
{
	struct drac_check *check = map->check;

	map->has_dir = lstat(map->dir_path, &map->dir) == 0;
	if (!map->has_dir) {
		drac_check_find(check, "map-missing", map->dir_path,
		    init_advice(check),
		    "The directory of the map is missing: no login is "
		    "recorded.");
	} else if (!S_ISDIR(map->dir.st_mode)) {
		drac_check_find(check, "map-unsafe", map->dir_path,
		    "Name the directory itself in drac.conf (database).",
		    "This is no directory; a symbolic link is not followed.");
		map->has_dir = false;
	} else {
		map->is_refused = (map->dir.st_mode & 022) != 0;
		if (map->is_refused)
			drac_check_find(check, "map-unsafe", map->dir_path,
			    "Take the right to write from group and others "
			    "(chmod go-w).",
			    "Others than its owner may write to the directory "
			    "of the map (mode %04o) and open the relay; "
			    "logins are not recorded, and sendmail does not "
			    "open the map.",
			    (unsigned)(map->dir.st_mode & 07777));
		check_parents(map);
	}
}

static bool
in_group(const struct stat *st, const char *name, mode_t bit)
{
	const struct group *group = getgrnam(name);

	return group != NULL && st->st_gid == group->gr_gid &&
	       (st->st_mode & bit) != 0;
}

/* What one that is not root can do. */
static bool
is_open(const struct map *map, const char *group)
{
	bool enter = (map->dir.st_mode & S_IXOTH) != 0 ||
		     (group != NULL && in_group(&map->dir, group, S_IXGRP));

	return enter &&
	       ((map->file.st_mode & S_IROTH) != 0 ||
		   (group != NULL && in_group(&map->file, group, S_IRGRP)));
}

/* Root itself, when it is sendmail, takes only what is its own or open. */
static bool
is_open_to_sendmail(const struct map *map)
{
	bool mine = map->file.st_uid == 0 && map->dir.st_uid == 0;

	return mine || is_open(map, NULL);
}

static void
check_readers(struct map *map)
{
	struct drac_check *check = map->check;
	const char *who = NULL;

	if (check->has_exim && !is_open(map, "Debian-exim"))
		who = "Exim, which opens it as its own user,";
	else if (check->has_proxy && !is_open(map, NULL))
		who = "Postfix' proxymap, which opens it as user postfix,";
	else if (check->has_sendmail && !is_open_to_sendmail(map))
		who = "sendmail, which takes no map of another user that is "
		      "not open to all,";
	if (who != NULL)
		drac_check_find(check, "map-unreadable", map->path,
		    "Set mode = 0644 in drac.conf, give the directory mode "
		    "0755, and run dracctl init.",
		    "%s cannot read the map (file %04o, directory %04o).", who,
		    (unsigned)(map->file.st_mode & 07777),
		    (unsigned)(map->dir.st_mode & 07777));
}

static void
check_file(struct map *map)
{
	struct drac_check *check = map->check;

	map->has_file = lstat(map->path, &map->file) == 0;
	if (!map->has_file) {
		drac_check_find(check, "map-missing", map->path,
		    init_advice(check),
		    "The map is missing: mail servers answer with errors "
		    "until it is there.");
		return;
	}
	if (!S_ISREG(map->file.st_mode)) {
		drac_check_find(check, "map-unsafe", map->path,
		    S_ISLNK(map->file.st_mode)
			? "Write the name of the file that it leads to into "
			  "drac.conf (database); mail servers may use the "
			  "link."
			: "Move it away and run dracctl init.",
		    "This is no regular file; a symbolic link is not "
		    "followed.");
		map->has_file = false;
		return;
	}
	if ((map->file.st_mode & 022) != 0)
		drac_check_find(check, "map-unsafe", map->path,
		    "Take the right to write from group and others (chmod "
		    "go-w).",
		    "Others than its owner may write to the map (mode %04o) "
		    "and open the relay.",
		    (unsigned)(map->file.st_mode & 07777));
	check_readers(map);
	if (check->adds_db && !check->ends_in_db)
		drac_check_find(check, "map-name", map->path,
		    "Give it a name that ends in .db (database in drac.conf).",
		    "The mail server adds .db to the name of a map, and this "
		    "one does not end so: it finds no map.");
}

/* Only where logins write by themselves. */
static void
check_units(struct drac_check *check)
{
	char where[DRAC_CHECK_WHERE];

	for (size_t i = 0; check->writes && i < COUNT(units); i++) {
		if (drac_unit_writes(check->ctl, units[i],
			check->ctl->conf.database, where) != 0)
			continue;
		drac_check_find(check, "unit", where,
		    "Keep the map in /var/lib/drac; or add a drop-in with "
		    "[Service] and ReadWritePaths=-DIRECTORY, with the dash.",
		    "%s may not write to the directory of %s, so its logins "
		    "are not recorded.",
		    units[i], check->ctl->conf.database);
	}
}

/* Servers that do not answer */

static bool
reports(const struct drac_check *check)
{
	for (size_t i = 0; i < check->services; i++)
		if (!check->service[i].writes)
			return true;
	return check->ctl->conf.server_count > 0;
}

/* Another user than root sees only its own rights. */
static void
check_breaker(struct drac_check *check)
{
	static const char advice[] =
	    "Run systemd-tmpfiles --create, so that root has it to itself, and "
	    "let the mail server write there (ReadWritePaths=-" DRAC_BREAKER_DIR
	    ").";
	char where[DRAC_CHECK_WHERE];
	char *dir = drac_below(check->ctl, DRAC_BREAKER_DIR);
	const char *problem = NULL;

	if (dir == NULL)
		check->no_memory = true;
	else if (geteuid() == 0 || check->ctl->root[0] != '\0')
		problem = drac_breaker_problem(dir);
	if (problem != NULL)
		drac_check_find(check, "breaker", DRAC_BREAKER_DIR, advice,
		    "A login cannot note here that a server does not answer "
		    "(%s): as long as one is dead, each login waits for it.",
		    problem);
	for (size_t i = 0; i < COUNT(units); i++)
		if (drac_unit_writes(check->ctl, units[i],
			DRAC_BREAKER_DIR "/file", where) == 0)
			drac_check_find(check, "breaker", where, advice,
			    "%s may not write to %s, so its logins cannot note "
			    "that a server does not answer: as long as one is "
			    "dead, each login waits for it.",
			    units[i], DRAC_BREAKER_DIR);
	free(dir);
}

/* Who keeps the map, and does it answer? */

/* The process that keeps it; 0: nobody; -1: it is not known which. */
static long
find_keeper(const struct map *map)
{
	char *lock;
	long pid = 0;
	int fd, owned = 0;

	if (asprintf(&lock, "%s%s", map->path, DRAC_LOCK) == -1)
		return 0;
	fd = open(lock, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	free(lock);
	if (fd == -1)
		return 0;
	owned = drac_lock_owned(fd, &pid);
	(void)close(fd);
	if (owned != 1)
		return 0;
	return pid > 0 ? pid : -1;
}

/* Does a daemon answer at the socket? */
static bool
answers(struct drac_check *check, struct drac_why *why)
{
	const struct drac_conf *conf = &check->ctl->conf;
	struct drac_call call = { .procedure = DRAC_PROC_NULL,
		.version = DRAC_VERSION_LOCAL };
	struct drac_reply reply = { 0 };
	struct drac_link *link = NULL;
	char *socket = drac_below(check->ctl, conf->socket);
	bool does =
	    socket != NULL &&
	    drac_link_open(socket, conf->timeout_ms, &link, why) == 0 &&
	    drac_link_call(link, &call, &reply, conf->timeout_ms, why) == 0;

	drac_link_close(link);
	free(socket);
	return does;
}

/* As systemd makes it, the local socket is for root alone. */
static void
check_socket(struct drac_check *check)
{
	const struct drac_conf *conf = &check->ctl->conf;
	char *path = drac_below(check->ctl, conf->socket);
	struct stat st;

	if (path == NULL)
		check->no_memory = true;
	else if (drac_conf_takes_users(conf) && stat(path, &st) == 0 &&
		 (st.st_mode & S_IWOTH) == 0)
		drac_check_find(check, "daemon-socket", conf->socket,
		    "Say SocketMode=0666 (systemctl edit dracd.socket; below "
		    "[Socket]), then stop and start dracd.socket and "
		    "dracd.service. The daemon still refuses all others.",
		    "The users of allow_users cannot open this socket, which "
		    "has mode %04o, so what they report is lost.",
		    (unsigned)st.st_mode & 07777);
	free(path);
}

/* Somebody who does not let go of a lock. */
static void
check_locks(const struct map *map)
{
	char name[DRAC_CHECK_HOLDER];
	char *lock;
	int fd = open(map->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd != -1 && drac_check_is_held(fd, true, name))
		drac_check_find(map->check, "map-lock", map->path,
		    "End it. mode = 0600 in drac.conf keeps other users from "
		    "the map; only an Exim has to read it.",
		    "Locked for a whole second: by %s. Mail servers see "
		    "what logins record late, and in a new file each time.",
		    name);
	if (fd != -1)
		(void)close(fd);
	if (asprintf(&lock, "%s%s", map->path, DRAC_LOCK) == -1)
		return;
	fd = open(lock, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd != -1 && drac_check_is_held(fd, false, name))
		drac_check_find(map->check, "map-lock", lock,
		    "End it, or look why it stands still.",
		    "Locked for a whole second: by %s. Logins are not "
		    "recorded meanwhile.",
		    name);
	if (fd != -1)
		(void)close(fd);
	free(lock);
}

/* Another program that writes the map, which the original never lets go. */
static void
check_predecessor(struct drac_check *check, const struct map *map)
{
	const char *const paths[] = { map->path, DRAC_HOLDER_OLD };
	long keeper = find_keeper(map);
	struct drac_holder holder;

	/* Processes are this host's, whatever root was named. */
	if (check->ctl->root[0] != '\0' ||
	    !drac_holder_find(paths, 2, keeper > 0 ? (pid_t)keeper : 0,
		&holder))
		return;
	drac_check_find(check, "predecessor", holder.path,
	    "End it, and see to it that it is not started again: what it is "
	    "told is lost.",
	    "Another program writes this file: %s, process %jd.", holder.name,
	    (intmax_t)holder.pid);
}

static void
check_daemon(struct drac_check *check)
{
	struct drac_why why = { "" };

	if (!check->by_daemon)
		return;
	check_socket(check);
	if (answers(check, &why)) {
		drac_check_looked(check, "rpc.dracd: answers at %s.",
		    check->ctl->conf.socket);
		return;
	}
	if (errno == EACCES) {
		drac_check_looked(check,
		    "rpc.dracd: this user may not ask it at %s.",
		    check->ctl->conf.socket);
		return;
	}
	drac_check_find(check, "daemon-silent", check->ctl->conf.socket,
	    "Start it (systemctl enable --now dracd.socket dracd.service) and "
	    "read its log; or, to do without it, remove server = local, listen "
	    "and allow and run dracctl init.",
	    "Logins are reported to rpc.dracd here, and it does not answer "
	    "(%s): nothing is recorded, and what has expired goes only "
	    "where the timer of dracctl sweep runs.",
	    why.text);
}

static void
check_mixture(struct drac_check *check, long keeper)
{
	for (size_t i = 0; i < check->services; i++) {
		const struct drac_check_service *service = &check->service[i];

		if (!service->writes || (keeper == 0 && !check->tells_local))
			continue;
		drac_check_find(check, "daemon-mixed", service->where,
		    "Set server = local in drac.conf, for all services alike; "
		    "or stop rpc.dracd for good and run dracctl init.",
		    "Logins of %s write the map themselves, but %s keeps it: "
		    "they are not recorded.",
		    service->name, "rpc.dracd");
	}
}

/*
 * The lock's time stamp is that of the latest sweep. One to come is from
 * before the clock was set back: nobody has swept since.
 */
static void
check_sweep(struct map *map)
{
	struct drac_check *check = map->check;
	time_t now = check->ctl->now;
	struct stat lock;
	char *path;

	if (asprintf(&path, "%s%s", map->path, DRAC_LOCK) == -1) {
		check->no_memory = true;
		return;
	}
	if (lstat(path, &lock) == -1 || lock.st_mtime < now - LATE_S ||
	    lock.st_mtime > now + LATE_S)
		drac_check_find(check, "sweep", map->path,
		    "Enable the timer (systemctl enable --now "
		    "drac-sweep.timer) or copy conf/cron.d/drac to "
		    "/etc/cron.d.",
		    "Nobody sweeps the map: %s",
		    check->waits_sweep
			? "the mail server does not compare the expiry with "
			  "the clock, so every address stays authorised for "
			  "ever."
			: "what has expired stays there.");
	else
		drac_check_looked(check, "Sweep: the map was swept lately.");
	free(path);
}

/* Where the map may not be looked at, another finding says so. */
static void
check_closed(const struct map *map)
{
	struct drac_closed closed;
	struct drac_place place;
	struct drac_why why = { "" };
	int result;

	if (drac_place_open_kept(&place, map->path, map->dir.st_uid, NULL) ==
	    -1)
		return;
	result = drac_closed_load(&place, 0, &closed, &why);
	drac_place_close(&place);
	if (result == -1 && errno != EACCES)
		drac_check_find(map->check, "map-closed", map->path,
		    "Remove the file, then close again what has to be closed "
		    "(dracctl drop ADDRESS --for TIME).",
		    "The list of closed addresses cannot be read (%s), so no "
		    "login is recorded.",
		    why.text);
	if (result == 0 && closed.count > 0)
		drac_check_looked(map->check,
		    "Closed: %zu (dracctl list --closed).", closed.count);
	drac_closed_free(&closed);
}

static void
check_all(struct map *map)
{
	struct drac_check *check = map->check;
	long keeper;

	check_directory(map);
	if (!map->has_dir)
		return;
	check_file(map);
	check_owner(map);
	if (!map->has_file)
		return;
	check->has_file = !map->is_refused;
	check_locks(map);
	keeper = find_keeper(map);
	check->kept = keeper != 0;
	check_mixture(check, keeper);
	check_closed(map);
	if (keeper == 0)
		check_sweep(map);
	drac_check_looked(check, "The map: %s, kept by %s.",
	    drac_below_name(check->ctl, map->path),
	    keeper != 0 ? "rpc.dracd" : "the logins themselves");
}

bool
drac_check_has_map(const struct drac_check *check)
{
	return check->tells_local || check->writes ||
	       (check->services == 0 && check->ctl->conf.server_count == 0);
}

char *
drac_map_base(const struct drac_ctl *ctl)
{
	char *base = strdup(ctl->conf.database);
	size_t length = base == NULL ? 0 : strlen(base);

	if (length > 3 && strcmp(base + length - 3, ".db") == 0)
		base[length - 3] = '\0';
	return base;
}

void
drac_check_map(struct drac_check *check)
{
	struct map map = { .check = check, .path = check->ctl->opts.path };

	if (reports(check))
		check_breaker(check);
	if (!drac_check_has_map(check)) {
		drac_check_looked(check, "The map: none here, for logins are "
					 "reported to other hosts.");
		return;
	}
	check_units(check);
	check_daemon(check);
	check_predecessor(check, &map);
	map.dir_path = strdup(map.path);
	if (map.dir_path == NULL) {
		check->no_memory = true;
		return;
	}
	*strrchr(map.dir_path, '/') = '\0';
	if (map.dir_path[0] != '\0')
		check_all(&map);
	free(map.dir_path);
}
