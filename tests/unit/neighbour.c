/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Another user of Berkeley DB in the process of a login (a mail server with
 * databases of its own): before our first login, beside logins of another
 * thread, and after the last one its descriptors are close-on-exec, its
 * failures have the numbers that they have without us, and its data is its
 * own.
 */

#include <sys/stat.h>
#include <sys/syscall.h>

#include <db.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "store.h"
#include "test.h"

#define NOW    ((time_t)1900000000)
#define KEYS   500
#define ROUNDS 20

static char dir[] = "/tmp/drac-neighbour.XXXXXX";
static atomic_bool over;
static atomic_int logins;

/* A disk that fails, for the neighbour alone. */

static _Thread_local int sync_error;
static _Thread_local int cut_error;

static int
answer(int error)
{
	errno = error;
	return error == 0 ? 0 : -1;
}

__attribute__((visibility("default"))) int
fsync(int fd)
{
	(void)fd;
	return answer(sync_error);
}

__attribute__((visibility("default"))) int
fdatasync(int fd)
{
	(void)fd;
	return answer(sync_error);
}

__attribute__((visibility("default"))) int
ftruncate(int fd, off_t length)
{
	return cut_error != 0 ? answer(cut_error)
			      : (int)syscall(SYS_ftruncate, fd, length);
}

static void
silent(const DB_ENV *env, const char *prefix, const char *text)
{
	(void)env;
	(void)prefix;
	(void)text;
}

static DB *
new_db(void)
{
	DB *db = NULL;

	CHECK(db_create(&db, NULL, 0) == 0);
	db->set_errcall(db, silent);
	CHECK(db->set_cachesize(db, 0, 64 * 1024, 1) == 0);
	return db;
}

static DB *
open_db(const char *path, DBTYPE type)
{
	DB *db = new_db();
	int fd = -1;

	CHECK(db->open(db, NULL, path, NULL, type, DB_CREATE, 0600) == 0);
	CHECK(db->fd(db, &fd) == 0);
	CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	return db;
}

static DBT
text_of(char text[40], const char *what, int n)
{
	DBT dbt = { .data = text };

	dbt.size = (u_int32_t)snprintf(text, 40, "%s %06d", what, n);
	return dbt;
}

static void
put_all(DB *db, int round)
{
	char k[40], v[40];

	for (int i = 0; i < KEYS; i++) {
		DBT key = text_of(k, "key", i);
		DBT value = text_of(v, "value", i + round);

		CHECK(db->put(db, NULL, &key, &value, 0) == 0);
	}
}

static void
check_all(DB *db, int round)
{
	char k[40], v[40];

	for (int i = 0; i < KEYS; i++) {
		DBT key = text_of(k, "key", i);
		DBT want = text_of(v, "value", i + round);
		DBT value = { 0 };

		CHECK(db->get(db, NULL, &key, &value, 0) == 0);
		CHECK(value.size == want.size &&
		      memcmp(value.data, v, want.size) == 0);
	}
}

/* Without us Berkeley DB answers with the number of the error. */
static void
check_failures(DB *db)
{
	DB_COMPACT compact = { 0 };
	DB *none = new_db();
	char path[80];

	snprintf(path, sizeof(path), "%s/none/none.db", dir);
	CHECK(none->open(none, NULL, path, NULL, DB_BTREE, DB_CREATE, 0600) ==
	      ENOENT);
	(void)none->close(none, 0);
	put_all(db, 0);
	sync_error = EDQUOT;
	CHECK(db->sync(db, 0) == EDQUOT);
	sync_error = 0;
	CHECK(db->sync(db, 0) == 0);
	for (int i = 0; i < KEYS; i++) {
		char k[40];
		DBT key = text_of(k, "key", i);

		CHECK(db->del(db, NULL, &key, 0) == 0);
	}
	cut_error = ENOSPC;
	CHECK(db->compact(db, NULL, NULL, NULL, &compact, DB_FREE_SPACE,
		  NULL) == ENOSPC);
	cut_error = 0;
}

static void
use_both(int round)
{
	static const DBTYPE type[] = { DB_HASH, DB_BTREE };
	char path[80];

	for (int i = 0; i < 2; i++) {
		DB *db;

		snprintf(path, sizeof(path), "%s/own%d.db", dir, i);
		db = open_db(path, type[i]);
		put_all(db, round);
		check_all(db, round);
		CHECK(db->close(db, 0) == 0);
		db = open_db(path, type[i]);
		check_all(db, round);
		CHECK(db->close(db, 0) == 0);
		db = new_db();
		CHECK(db->verify(db, path, NULL, NULL, 0) == 0);
		snprintf(path, sizeof(path), "%s/failing%d.db", dir, round);
	}
	if (round % 10 == 0) {
		DB *db = open_db(path, DB_BTREE);

		check_failures(db);
		(void)db->close(db, DB_NOSYNC);
	}
}

static int
log_in(unsigned n)
{
	char path[80];
	struct drac_store_opts opts = { .path = path,
		.mode = 0644,
		.timeout_ms = 10000,
		.may_create = true };
	struct drac_addr addr = { .len = 4, .octet = { 192, 0, 2 } };
	struct drac_store *store;
	struct drac_why why;
	int result;

	snprintf(path, sizeof(path), "%s/dracd.db", dir);
	if (drac_store_open(&opts, &store, &why) == -1)
		return -1;
	addr.octet[3] = (unsigned char)n;
	result = drac_store_add(store, &addr, NOW + n, NOW + n + 1800, 10, NULL,
	    &why);
	drac_store_close(store);
	return result;
}

static void *
log_in_again_and_again(void *failed)
{
	while (!over)
		if (log_in((unsigned)++logins) == -1)
			*(int *)failed = 1;
	return NULL;
}

/* One database is open all the time. */
static DB *held;
static char held_path[80];

static void
before_the_first_login(void)
{
	snprintf(held_path, sizeof(held_path), "%s/held.db", dir);
	held = open_db(held_path, DB_BTREE);
	put_all(held, 1);
	use_both(0);
}

static void
beside_logins(void)
{
	pthread_t thread;
	int failed = 0;

	CHECK(pthread_create(&thread, NULL, log_in_again_and_again, &failed) ==
	      0);
	for (int round = 1; round <= ROUNDS || logins < 20; round++) {
		put_all(held, round);
		use_both(round);
		check_all(held, round);
	}
	over = true;
	CHECK(pthread_join(thread, NULL) == 0);
	CHECK(failed == 0);
}

static void
after_the_last_login(void)
{
	CHECK(log_in(1) == 0);
	put_all(held, 3);
	use_both(30);
	check_all(held, 3);
	CHECK(held->close(held, 0) == 0);
	held = open_db(held_path, DB_BTREE);
	check_all(held, 3);
	CHECK(held->close(held, 0) == 0);
}

int
main(void)
{
	char command[80];

	if (mkdtemp(dir) == NULL) {
		perror(dir);
		return 2;
	}
	RUN(before_the_first_login);
	RUN(beside_logins);
	RUN(after_the_last_login);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	CHECK(system(command) == 0);
	return TEST_RESULT();
}
