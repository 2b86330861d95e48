/* SPDX-License-Identifier: BSD-2-Clause */

/* Who has a map open; see holder.h. */

#include "holder.h"

#include <sys/stat.h>

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sys.h"

#define WALK_MS 1000

/* Longer than a login holds the file. */
#define AGAIN_US 100000

/* What the kernel puts behind the name of a file that was removed. */
#define REMOVED " (deleted)"

struct walk {
	const char *const *paths;
	size_t count;
	pid_t except;
	int64_t until_ms;
	struct drac_holder *holder;
};

/* Of fdinfo: `flags:` in octal. */
static bool
is_for_writing(const char *pid, const char *fd)
{
	char path[64], line[128];
	unsigned flags = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%.11s/fdinfo/%.11s", pid, fd);
	file = fopen(path, "re");
	if (file == NULL)
		return false;
	while (fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "flags: %o", &flags) == 1)
			break;
	(void)fclose(file);
	return (flags & O_ACCMODE) != O_RDONLY;
}

/*
 * What the kernel knows without asking the file system: one in user space,
 * which any user may mount, need not answer.
 */
static bool
is_same_file(const char *link, const char *path)
{
	struct statx a, b;

	return statx(AT_FDCWD, path, AT_STATX_DONT_SYNC, STATX_INO, &a) == 0 &&
	       statx(AT_FDCWD, link, AT_STATX_DONT_SYNC, STATX_INO, &b) == 0 &&
	       a.stx_ino == b.stx_ino && a.stx_dev_major == b.stx_dev_major &&
	       a.stx_dev_minor == b.stx_dev_minor;
}

/* Is link, where the descriptor points to, one of the paths? NULL: no. */
static const char *
path_of(const struct walk *walk, const char *link)
{
	char target[PATH_MAX];
	ssize_t length = readlink(link, target, sizeof(target) - 1);

	if (length == -1)
		return NULL;
	target[length] = '\0';
	for (size_t i = 0; i < walk->count; i++) {
		size_t size = strlen(walk->paths[i]);

		if (strncmp(target, walk->paths[i], size) == 0 &&
		    (target[size] == '\0' ||
			strcmp(target + size, REMOVED) == 0))
			return walk->paths[i];
		if (target[0] == '/' && is_same_file(link, walk->paths[i]))
			return walk->paths[i];
	}
	return NULL;
}

static bool
is_number(const char *name)
{
	return name[0] != '\0' && strlen(name) < 12 &&
	       name[strspn(name, "0123456789")] == '\0';
}

static bool
holds(const struct walk *walk, const char *pid)
{
	char path[64];
	const struct dirent *entry;
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%.11s/fd", pid);
	dir = opendir(path);
	if (dir == NULL)
		return false;
	while (!found && drac_sys_ms() < walk->until_ms &&
	       (entry = readdir(dir)) != NULL) {
		char link[96];
		const char *what;

		if (!is_number(entry->d_name))
			continue;
		snprintf(link, sizeof(link), "%s/%.11s", path, entry->d_name);
		what = path_of(walk, link);
		found = what != NULL && is_for_writing(pid, entry->d_name);
		if (found)
			walk->holder->path = what;
	}
	(void)closedir(dir);
	return found;
}

static void
read_name(const char *pid, char name[16])
{
	char path[64];
	size_t got = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%.11s/comm", pid);
	file = fopen(path, "re");
	if (file != NULL) {
		got = fread(name, 1, 15, file);
		(void)fclose(file);
	}
	name[got] = '\0';
	name[strcspn(name, "\n")] = '\0';
	for (char *at = name; *at != '\0'; at++)
		if (*at < ' ' || *at > '~')
			*at = '?';
}

/* The second look, after what a login needs. */
static bool
still_holds(const struct walk *walk, const char *pid)
{
	(void)usleep(AGAIN_US);
	return holds(walk, pid);
}

bool
drac_holder_find(const char *const *paths, size_t count, pid_t except,
    struct drac_holder *holder)
{
	const struct walk walk = { .paths = paths,
		.count = count,
		.except = except,
		.until_ms = drac_sys_ms() + WALK_MS,
		.holder = holder };
	const struct dirent *entry;
	DIR *dir = opendir("/proc");
	bool found = false;

	if (dir == NULL)
		return false;
	while (!found && drac_sys_ms() < walk.until_ms &&
	       (entry = readdir(dir)) != NULL) {
		pid_t pid;

		if (!is_number(entry->d_name))
			continue;
		pid = (pid_t)atol(entry->d_name);
		if (pid == getpid() || pid == except)
			continue;
		if (holds(&walk, entry->d_name) &&
		    still_holds(&walk, entry->d_name)) {
			holder->pid = pid;
			read_name(entry->d_name, holder->name);
			found = true;
		}
	}
	(void)closedir(dir);
	return found;
}
