/* SPDX-License-Identifier: BSD-2-Clause */

/* Files of Berkeley DB, read by itself; see berkeley.h. */

#include "berkeley.h"

#include <db.h>
#include <errno.h>

/* Where no temporary file can be made. */
#define NO_TMP "/proc/self/fd"

static void
silent(const DB_ENV *env, const char *prefix, const char *text)
{
	(void)env;
	(void)prefix;
	(void)text;
}

/* With room to verify a large file without a temporary one. */
#define CACHE_DUMP (64u * 1024 * 1024)

static int
open_dump_env(DB_ENV **env)
{
	int result = db_env_create(env, 0);

	if (result != 0)
		return result;
	(*env)->set_errcall(*env, silent);
	(*env)->set_msgfile(*env, NULL);
	result = (*env)->set_tmp_dir(*env, NO_TMP);
	if (result == 0)
		result = (*env)->set_cachesize(*env, 0, CACHE_DUMP, 1);
	if (result != 0)
		return result;
	return (*env)->open(*env, NULL, DB_CREATE | DB_PRIVATE | DB_INIT_MPOOL,
	    0);
}

static int
verify(DB_ENV *env, const char *path)
{
	DB *db = NULL;
	int result = db_create(&db, env, 0);

	/* It closes the handle, whatever comes of it. */
	return result != 0 ? result : db->verify(db, path, NULL, NULL, 0);
}

static int
dump_items(DB *db, drac_berkeley_put *put, void *arg)
{
	DBT key = { .data = NULL }, value = { .data = NULL };
	DBC *cursor = NULL;
	int result = db->cursor(db, NULL, &cursor, 0);

	while (result == 0 &&
	       (result = cursor->get(cursor, &key, &value, DB_NEXT)) == 0) {
		struct drac_item item = { .key = key.data,
			.key_len = key.size,
			.value = value.data,
			.value_len = value.size };

		result = put(arg, &item);
	}
	if (cursor != NULL)
		(void)cursor->close(cursor);
	return result == DB_NOTFOUND ? 0 : result;
}

static int
dump(DB_ENV *env, const char *path, drac_berkeley_put *put, void *arg)
{
	DBTYPE type = DB_UNKNOWN;
	DB *db = NULL;
	int result = db_create(&db, env, 0);

	if (result != 0)
		return result;
	result = db->open(db, NULL, path, NULL, DB_UNKNOWN, DB_RDONLY, 0);
	if (result == 0)
		result = db->get_type(db, &type);
	if (result == 0 && type != DB_HASH && type != DB_BTREE)
		result = EBADMSG;
	if (result == 0)
		result = dump_items(db, put, arg);
	(void)db->close(db, DB_NOSYNC);
	return result;
}

int
drac_berkeley_dump(const char *path, drac_berkeley_put *put, void *arg)
{
	DB_ENV *env = NULL;
	int result = open_dump_env(&env);

	if (result == 0)
		result = verify(env, path);
	if (result == 0)
		result = dump(env, path, put, arg);
	if (env != NULL)
		(void)env->close(env, 0);
	errno = result == 0 || result == ENOMEM ? result : EBADMSG;
	return result == 0 ? 0 : -1;
}
