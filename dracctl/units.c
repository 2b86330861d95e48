/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What systemd lets a service write, by its unit and the drop-ins, as
 * systemd.exec(5) tells: the settings that make places read-only.
 */

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* The first counts, for units and for drop-ins of one name. */
static const char *const dirs[] = { "/etc/systemd/system",
	"/run/systemd/system", "/usr/lib/systemd/system",
	"/lib/systemd/system" };

enum protect {
	NOTHING,
	SYSTEM,
	FULL,
	STRICT
};

struct reading {
	const char *dir; /* that is asked for */
	enum protect protect;
	size_t allowed;   /* length of the longest path that may be written */
	size_t forbidden; /* and of the longest that may not */
	char *where;      /* of the latter */
	char *protect_where;
};

static const char *const *
protected_paths(enum protect protect)
{
	static const char *const nothing[] = { NULL };
	static const char *const system[] = { "/usr", "/boot", "/efi", NULL };
	static const char *const full[] = { "/usr", "/boot", "/efi", "/etc",
		NULL };
	static const char *const strict[] = { "/", NULL };
	static const char *const *const paths[] = { nothing, system, full,
		strict };

	return paths[protect];
}

/* The length of path when dir is it or is below it, else 0. */
static size_t
covers(const char *path, const char *dir)
{
	size_t length = strlen(path);

	while (length > 0 && path[length - 1] == '/')
		length--;
	if (strncmp(path, dir, length) != 0 ||
	    (dir[length] != '/' && dir[length] != '\0'))
		return 0;
	return length + 1;
}

static enum protect
read_protect(const char *value)
{
	if (strcmp(value, "strict") == 0)
		return STRICT;
	if (strcmp(value, "full") == 0)
		return FULL;
	return strchr("1yYtT", value[0]) != NULL && value[0] != '\0' ? SYSTEM
								     : NOTHING;
}

/* A list of paths, each below prefix; -PATH: it need not be there. */
static void
take_paths(struct reading *reading, const char *prefix, char *value,
    size_t *longest)
{
	char *word;

	while ((word = strsep(&value, " \t")) != NULL) {
		char path[DRAC_CHECK_WHERE];
		size_t length;

		word += strspn(word, "-+");
		if (*word == '\0')
			continue;
		snprintf(path, sizeof(path), "%s%s", prefix, word);
		length = covers(path, reading->dir);
		if (length > *longest)
			*longest = length;
	}
}

static void
take(struct reading *reading, const char *name, char *value, const char *where)
{
	size_t before = reading->forbidden;

	if (strcmp(name, "ProtectSystem") == 0) {
		reading->protect = read_protect(value);
		snprintf(reading->protect_where, DRAC_CHECK_WHERE, "%s", where);
	} else if (strcmp(name, "ReadWritePaths") == 0 ||
		   strcmp(name, "ReadWriteDirectories") == 0) {
		if (*value == '\0')
			reading->allowed = 0;
		take_paths(reading, "", value, &reading->allowed);
	} else if (strcmp(name, "StateDirectory") == 0) {
		take_paths(reading, "/var/lib/", value, &reading->allowed);
	} else if (strcmp(name, "RuntimeDirectory") == 0) {
		take_paths(reading, "/run/", value, &reading->allowed);
	} else if (strcmp(name, "ReadOnlyPaths") == 0 ||
		   strcmp(name, "ReadOnlyDirectories") == 0 ||
		   strcmp(name, "InaccessiblePaths") == 0) {
		take_paths(reading, "", value, &reading->forbidden);
		if (reading->forbidden > before)
			snprintf(reading->where, DRAC_CHECK_WHERE, "%s", where);
	}
}

static void
read_text(struct reading *reading, const char *path, char *text)
{
	char where[DRAC_CHECK_WHERE], *line, *value;
	unsigned number = 0;
	bool service = false;

	while ((line = drac_below_line(&text)) != NULL) {
		number++;
		if (*line == '[')
			service = strcmp(line, "[Service]") == 0;
		value = strchr(line, '=');
		if (!service || value == NULL || *line == '#' || *line == ';')
			continue;
		*value++ = '\0';
		line[strcspn(line, " \t")] = '\0';
		value += strspn(value, " \t");
		take(reading, line, value, drac_check_at(path, number, where));
	}
}

static bool
read_file(const struct drac_ctl *ctl, struct reading *reading, const char *path)
{
	char *text = drac_below_read(ctl, path);

	if (text != NULL)
		read_text(reading, path, text);
	free(text);
	return text != NULL;
}

static const char *
base_name(const char *path)
{
	return strrchr(path, '/') + 1;
}

static int
by_name(const void *a, const void *b)
{
	const char *const *left = a, *const *right = b;

	return strcmp(base_name(*left), base_name(*right));
}

/* In the order of their names, wherever they are. */
static void
read_drop_ins(const struct drac_ctl *ctl, struct reading *reading,
    const char *unit)
{
	glob_t found = { 0 };

	for (size_t i = 0; i < COUNT(dirs); i++) {
		char *pattern;

		if (asprintf(&pattern, "%s%s/%s.d/*.conf", ctl->root, dirs[i],
			unit) == -1)
			continue;
		(void)glob(pattern, i > 0 ? GLOB_APPEND : 0, NULL, &found);
		free(pattern);
	}
	if (found.gl_pathc > 0)
		qsort(found.gl_pathv, found.gl_pathc, sizeof(*found.gl_pathv),
		    by_name);
	for (size_t i = 0; i < found.gl_pathc; i++)
		(void)read_file(ctl, reading,
		    drac_below_name(ctl, found.gl_pathv[i]));
	globfree(&found);
}

static int
judge(struct reading *reading, char where[DRAC_CHECK_WHERE])
{
	const char *const *path = protected_paths(reading->protect);
	const char *by = reading->where;

	for (; *path != NULL; path++) {
		size_t length = covers(*path, reading->dir);

		if (length > reading->forbidden) {
			reading->forbidden = length;
			by = reading->protect_where;
		}
	}
	snprintf(where, DRAC_CHECK_WHERE, "%s", by);
	return reading->allowed >= reading->forbidden;
}

int
drac_unit_writes(const struct drac_ctl *ctl, const char *unit, const char *path,
    char where[DRAC_CHECK_WHERE])
{
	char limit[DRAC_CHECK_WHERE] = "", protect[DRAC_CHECK_WHERE] = "";
	struct reading reading = { .where = limit, .protect_where = protect };
	char file[DRAC_CHECK_WHERE], *dir = strdup(path);
	bool found = false;
	int result = -1;

	if (dir == NULL)
		return -1;
	*strrchr(dir, '/') = '\0';
	reading.dir = dir;
	for (size_t i = 0; !found && i < COUNT(dirs); i++) {
		snprintf(file, sizeof(file), "%s/%s", dirs[i], unit);
		found = read_file(ctl, &reading, file);
	}
	if (found) {
		read_drop_ins(ctl, &reading, unit);
		result = judge(&reading, where);
	}
	free(dir);
	return result;
}
