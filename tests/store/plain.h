/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the tests of the store share: addresses, a child with a watchdog,
 * and Berkeley DB as an unmodified mail server uses it, by name and
 * without any of our rooms in between.
 */
#ifndef DRAC_TEST_PLAIN_H
#define DRAC_TEST_PLAIN_H

#include <sys/mman.h>
#include <sys/wait.h>

#include <db.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "addr.h"
#include "key.h"

static inline void
die(const char *what)
{
	perror(what);
	exit(2);
}

static inline int64_t
now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static inline void
pause_ms(long ms)
{
	struct timespec pause = { ms / 1000, ms % 1000 * 1000000 };

	(void)nanosleep(&pause, NULL);
}

/* Memory that children share with us, zeroed. */
static inline void *
shared_memory(size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		die("mmap");
	return at;
}

/* The i-th address of the tests: 600 of IPv4, then IPv6. */
static inline struct drac_addr
nth_addr(unsigned i)
{
	static const unsigned char net[3][3] = { { 192, 0, 2 },
		{ 198, 51, 100 }, { 203, 0, 113 } };
	struct drac_addr addr = { .len = i < 600 ? 4 : 16 };

	if (i < 600) {
		memcpy(addr.octet, net[i / 200], 3);
		addr.octet[3] = (unsigned char)(i % 200);
		return addr;
	}
	memcpy(addr.octet, "\x20\x01\x0d\xb8", 4);
	addr.octet[12] = (unsigned char)(i >> 24);
	addr.octet[13] = (unsigned char)(i >> 16);
	addr.octet[14] = (unsigned char)(i >> 8);
	addr.octet[15] = (unsigned char)i;
	return addr;
}

/*
 * Run work in a child: what it returned (0..99), 100 + N when signal N
 * ended it, -1 when it had to be killed after limit_ms.
 */
static inline int
in_child(int (*work)(void *), void *arg, int limit_ms)
{
	struct pollfd done = { .events = POLLIN };
	int fd[2];
	int status;
	int ready;
	pid_t pid = -1;

	fflush(stdout);
	if (pipe(fd) == -1 || (pid = fork()) == -1)
		die("fork");
	if (pid == 0) {
		(void)close(fd[0]);
		exit(work(arg));
	}
	(void)close(fd[1]);
	done.fd = fd[0];
	ready = poll(&done, 1, limit_ms);
	if (ready == 0)
		(void)kill(pid, SIGKILL);
	(void)close(fd[0]);
	if (waitpid(pid, &status, 0) == -1)
		die("waitpid");
	if (ready == 0)
		return -1;
	return WIFSIGNALED(status) ? 100 + WTERMSIG(status)
				   : WEXITSTATUS(status);
}

static inline void
plain_silent(const DB_ENV *env, const char *prefix, const char *text)
{
	(void)env;
	(void)prefix;
	(void)text;
}

/* The map as a mail server opens it, or NULL. */
static inline DB *
plain_open(const char *path)
{
	DB *db;

	if (db_create(&db, NULL, 0) != 0)
		return NULL;
	db->set_errcall(db, plain_silent);
	if (db->open(db, NULL, path, NULL, DB_BTREE, DB_RDONLY, 0) != 0) {
		(void)db->close(db, 0);
		return NULL;
	}
	return db;
}

static inline void
plain_close(DB *db)
{
	if (db != NULL)
		(void)db->close(db, 0);
}

/* 0, DB_NOTFOUND or another error; the value's seconds in *expiry. */
static inline int
plain_get(DB *db, const void *text, size_t length, time_t *expiry)
{
	DBT key;
	DBT value;
	int result;

	memset(&key, 0, sizeof(key));
	memset(&value, 0, sizeof(value));
	memcpy(&key.data, &text, sizeof(text));
	key.size = (u_int32_t)length;
	result = db->get(db, NULL, &key, &value, 0);
	if (result == 0 &&
	    drac_value_read(value.data, value.size, expiry) == -1)
		return EINVAL;
	return result;
}

static inline int
plain_get_addr(DB *db, const struct drac_addr *addr, time_t *expiry)
{
	char text[DRAC_ADDR_TEXT];

	drac_addr_text(addr, text);
	return plain_get(db, text, strlen(text), expiry);
}

static inline int
plain_verify(const char *path)
{
	DB *db;
	int result = db_create(&db, NULL, 0);

	if (result != 0)
		return result;
	db->set_errcall(db, plain_silent);
	(void)db->set_cachesize(db, 0, 4u << 20, 1); /* half the time */
	return db->verify(db, path, NULL, NULL, 0);
}

#endif
