/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Where a map lives: its directory, the files beside it, and the locks,
 * every wait of which ends at the caller's deadline.
 */
#ifndef DRAC_PLACE_H
#define DRAC_PLACE_H

#include <sys/stat.h>
#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "why.h"

#define DRAC_LOCK    ".lock"
#define DRAC_JOURNAL ".journal"
#define DRAC_NEW     ".new"

struct drac_place {
	int dir;             /* the directory, opened */
	char *path;          /* of the map */
	const char *name;    /* its last component, within path */
	int64_t deadline_ms; /* CLOCK_MONOTONIC */
};

/*
 * Open the directory of an absolute path: ours or root's, not writable by
 * group or others, itself not a symbolic link. -1: EINVAL, ENOENT,
 * ENOTDIR, ELOOP, EPERM; why says which and of what.
 */
int drac_place_open(struct drac_place *place, const char *path,
    struct drac_why *why);

/* The same, but the directory may be keeper's as well. */
int drac_place_open_kept(struct drac_place *place, const char *path,
    uid_t keeper, struct drac_why *why);

void drac_place_close(struct drac_place *place);

/* All waits from now on end in timeout_ms. */
void drac_place_start(struct drac_place *place, unsigned timeout_ms);

/* Milliseconds left, 0 when none. */
int drac_place_left(const struct drac_place *place);

/*
 * Open the map (suffix "") or a file beside it. Never follows a link,
 * never leaks into a child; only a regular file is taken. flags as for
 * open(2). -1 with errno and, unless it is ENOENT, why.
 */
int drac_place_file(const struct drac_place *place, const char *suffix,
    int flags, mode_t mode, struct drac_why *why);

/* fstatat, rename and unlink by suffix. 0 / -1 with errno. */
int drac_place_stat(const struct drac_place *place, const char *suffix,
    struct stat *st);
int drac_place_rename(const struct drac_place *place, const char *from,
    const char *to);
void drac_place_unlink(const struct drac_place *place, const char *suffix);

/*
 * Give the file a second name beside it, with the date and time of day
 * (UTC) appended to suffix; the whole name is put into name[64].
 */
int drac_place_keep(const struct drac_place *place, const char *suffix,
    char name[64]);

/*
 * The writers' lock: flock(2) on a file of its own, until until_ms
 * (CLOCK_MONOTONIC) at most, and a lock that says who has it. -1: ETIMEDOUT.
 * It counts if fd's file still has the lock's name afterwards.
 */
int drac_lock_writers(const struct drac_place *place, int fd, int64_t until_ms,
    struct drac_why *why);
void drac_unlock_writers(int fd);
bool drac_lock_is_named(const struct drac_place *place, int fd);

/*
 * The writers' lock cannot be had: where the process that took it is dead, and
 * a child of its keeps it (fork without exec), a new file takes the place of
 * old's. Returns that file, locked by us; -1 when the process lives, when
 * that is not known (as for a process of another PID namespace), when the map
 * has an owner, or when another recovers right now.
 */
int drac_lock_recover(const struct drac_place *place, int old);

/*
 * The owner's lock: a byte of the same file, held with an open file
 * description lock until fd is closed, and the owner's process id as its
 * text. To be asked and taken with the writers' lock held. own: -1 with
 * EBUSY when another has it. owned: by another? 1 and his process id, 0
 * when that is not known; 0; -1.
 */
int drac_lock_own(int fd);
int drac_lock_owned(int fd, long *pid);

/*
 * The readers' lock on the map, shared or exclusive: flock(2), which
 * sendmail and Postfix take, and for an exclusive one an open file
 * description lock as well, for readers that use fcntl(2). Waits wait_ms
 * at most. -1: ETIMEDOUT.
 */
int drac_lock_map(int fd, bool exclusive, int wait_ms);
void drac_unlock_map(int fd, bool exclusive);

#endif
