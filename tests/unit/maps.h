/* SPDX-License-Identifier: BSD-2-Clause */

/* A map of its own for each test, and what the tests ask of it. */
#ifndef DRAC_TEST_MAPS_H
#define DRAC_TEST_MAPS_H

#include <sys/stat.h>

#include <dirent.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "entries.h"
#include "page.h"
#include "remap.h"
#include "store.h"
#include "test.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define NOW          ((time_t)1700000000)
#define SMALL_PAGES  2048u

static char base[64];
static char dir[80];
static char path[128];

static inline void
empty_dir(const char *name)
{
	DIR *d = opendir(name);
	struct dirent *entry;

	if (d == NULL)
		return;
	while ((entry = readdir(d)) != NULL)
		if (entry->d_name[0] != '.')
			(void)unlinkat(dirfd(d), entry->d_name, 0);
	(void)closedir(d);
}

/* Each test begins with an empty directory of its own. */
static inline void
fresh_dir(void)
{
	(void)chmod(dir, 0755);
	empty_dir(dir);
	(void)rmdir(dir);
	CHECK(mkdir(dir, 0755) == 0);
}

static inline struct drac_store_opts
options(void)
{
	struct drac_store_opts opts = { .path = path,
		.mode = 0644,
		.timeout_ms = 5000,
		.may_create = true };

	return opts;
}

static inline struct drac_store *
open_with(const struct drac_store_opts *opts)
{
	struct drac_store *store = NULL;
	struct drac_why why;

	if (drac_store_open(opts, &store, &why) == -1) {
		printf("  %s\n", why.text);
		CHECK(!"open");
		exit(1);
	}
	CHECK(why.text[0] == '\0');
	return store;
}

static inline struct drac_store *
open_new(void)
{
	struct drac_store_opts opts = options();

	fresh_dir();
	return open_with(&opts);
}

static inline struct drac_addr
addr(const char *text)
{
	struct drac_addr found = { 0 };

	CHECK_ROW(drac_addr_parse(text, &found) == 0, text);
	return found;
}

/* The n-th of many: long keys, in no order. */
static inline struct drac_addr
nth(unsigned n)
{
	struct drac_addr made = { .len = 16,
		.octet = { 0x20, 0x01, 0x0d, 0xb8 } };
	uint64_t mixed = drac_sum(&n, sizeof(n), 1);

	for (int i = 0; i < 8; i++)
		made.octet[4 + i] = (unsigned char)(mixed >> 8 * i | 0x10);
	for (int i = 0; i < 4; i++)
		made.octet[12 + i] = (unsigned char)(n >> (24 - 8 * i));
	return made;
}

static inline int
add(struct drac_store *store, const struct drac_addr *a, time_t expiry)
{
	struct drac_why why;
	int result = drac_store_add(store, a, NOW, expiry, 0, NULL, &why);

	if (result == -1 || why.text[0] != '\0')
		printf("  %s\n", why.text);
	CHECK(why.text[0] == '\0');
	return result;
}

/* -1 not there, otherwise the expiry. */
static inline time_t
expiry_of(struct drac_store *store, const struct drac_addr *a)
{
	time_t expiry = 0;
	int found = drac_store_get(store, a, &expiry, NULL);

	CHECK(found != -1);
	return found == 1 ? expiry : -1;
}

static inline struct drac_store_info
info_of(struct drac_store *store)
{
	struct drac_store_info info;

	CHECK(drac_store_info(store, &info, NULL) == 0);
	return info;
}

static inline bool
there(const char *suffix)
{
	char name[160];
	struct stat st;

	snprintf(name, sizeof(name), "%s%s", path, suffix);
	return lstat(name, &st) == 0;
}

static inline struct stat
stat_of(const char *suffix)
{
	char name[160];
	struct stat st = { 0 };

	snprintf(name, sizeof(name), "%s%s", path, suffix);
	CHECK(lstat(name, &st) == 0);
	return st;
}

/* An empty map of so many pages. */
static inline void
build_map(uint32_t pages)
{
	struct drac_place place;
	struct drac_remap remap = { .place = &place, .mode = 0644 };
	struct drac_entries none = { .count = 0 };

	fresh_dir();
	CHECK(drac_place_open(&place, path, NULL) == 0);
	CHECK(drac_remap_build(&remap, drac_entries_next, &none, pages, NULL) ==
	      0);
	drac_place_close(&place);
}

static inline void
begin(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(base, sizeof(base), "%.40s/drac.XXXXXX",
	    tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(base) == NULL)
		exit(1);
	snprintf(dir, sizeof(dir), "%s/map", base);
	snprintf(path, sizeof(path), "%s/dracd.db", dir);
}

static inline void
end(void)
{
	empty_dir(dir);
	(void)rmdir(dir);
	(void)rmdir(base);
}

#endif
