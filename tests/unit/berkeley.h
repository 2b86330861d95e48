/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Berkeley DB as the judge of files that we write, and as a writer of files
 * that we read. Each file has a path of its own.
 */
#ifndef DRAC_TESTS_BERKELEY_H
#define DRAC_TESTS_BERKELEY_H

#include <db.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "page.h"

/* Is the file sound from end to end, every page accounted for? */
static inline bool
berkeley_verifies(const char *path)
{
	DB *db;
	int result;

	if (db_create(&db, NULL, 0) != 0)
		return false;
	db->set_errfile(db, stdout);
	result = db->verify(db, path, NULL, NULL, 0); /* closes it */
	return result == 0;
}

/* Call visit for every item in the order of the file. */
static inline bool
berkeley_walks(const char *path,
    void (*visit)(const struct drac_item *item, void *arg), void *arg)
{
	DBT key = { 0 }, value = { 0 };
	DBC *cursor;
	DB *db;
	int result;

	if (db_create(&db, NULL, 0) != 0)
		return false;
	result = db->open(db, NULL, path, NULL, DB_BTREE, DB_RDONLY, 0);
	if (result == 0)
		result = db->cursor(db, NULL, &cursor, 0);
	while (result == 0 &&
	       (result = cursor->get(cursor, &key, &value, DB_NEXT)) == 0) {
		const struct drac_item item = { .key = key.data,
			.key_len = key.size,
			.value = value.data,
			.value_len = value.size };

		visit(&item, arg);
	}
	(void)db->close(db, 0);
	return result == DB_NOTFOUND;
}

/* A new btree, where no file is yet, of the items that next gives. */
static inline bool
berkeley_builds(const char *path, int (*next)(void *, struct drac_item *),
    void *arg)
{
	struct drac_item item;
	DB *db;
	int result;

	if (db_create(&db, NULL, 0) != 0)
		return false;
	result = db->set_pagesize(db, DRAC_PAGE_SIZE);
	if (result == 0)
		result =
		    db->open(db, NULL, path, NULL, DB_BTREE, DB_CREATE, 0600);
	while (result == 0 && next(arg, &item) == 1) {
		DBT key = { .size = (u_int32_t)item.key_len };
		DBT value = { .size = (u_int32_t)item.value_len };

		memcpy(&key.data, &item.key, sizeof(item.key));
		memcpy(&value.data, &item.value, sizeof(item.value));
		result = db->put(db, NULL, &key, &value, 0);
	}
	return db->close(db, 0) == 0 && result == 0;
}

#endif
