/* SPDX-License-Identifier: BSD-2-Clause */

/* Berkeley DB with its reads checked and its writes captured; see bdb.h. */

#include "bdb.h"

#include <sys/stat.h>

#include <db.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CACHE_CHANGE (256u * 1024)
#define CACHE_BUILD  (4u * 1024 * 1024)
#define HANDLE_ROOM  (256u * 1024)

/*
 * Berkeley DB opens no path of its own: the open function hands it our
 * file. Only the file's identity is asked of the name, so that is the
 * descriptor's number in this directory, where no DB_CONFIG can lie.
 */
#define HOME "/proc/self/fd"

struct drac_bdb {
	int fd;               /* the caller's */
	drac_page_read *read; /* NULL: the file itself, written to directly */
	void *arg;
	DB_ENV *env;
	DB *db;
	unsigned page_size;
	int io_errno; /* what a page read answered; 0 none */
	bool hooked;  /* Berkeley DB has come to us for the file */
	struct drac_images images;
};

/* The map that this thread's Berkeley DB call works on, if any. */
static _Thread_local struct drac_bdb *active;

/* The replaceable functions. Without an active map they only pass through. */

static int
hook_open(const char *path, int flags, ...)
{
	va_list ap;
	int mode;

	if (active != NULL) {
		int fd = fcntl(active->fd, F_DUPFD_CLOEXEC, 3);

		active->hooked = true;

		/* The meta page is first read at the file's own offset. */
		if (fd != -1)
			(void)lseek(fd, 0, SEEK_SET);
		return fd;
	}
	va_start(ap, flags);
	mode = va_arg(ap, int);
	va_end(ap);
	return open(path, flags, mode);
}

static int
hook_exists(const char *path, int *is_directory)
{
	struct stat st;

	if (active != NULL) {
		if (is_directory != NULL)
			*is_directory = 0;
		return 0;
	}
	if (stat(path, &st) == -1)
		return errno;
	if (is_directory != NULL)
		*is_directory = S_ISDIR(st.st_mode);
	return 0;
}

/* One page: what was captured, or what the caller vouches for. */
static ssize_t
read_checked(struct drac_bdb *bdb, void *buffer, size_t length, off_t offset)
{
	uint32_t pgno = (uint32_t)(offset / bdb->page_size);
	const unsigned char *image = drac_images_get(&bdb->images, pgno);

	if (length != bdb->page_size || offset % bdb->page_size != 0) {
		bdb->io_errno = errno = EBADMSG;
		return -1;
	}
	if (image != NULL) {
		memcpy(buffer, image, length);
		return (ssize_t)length;
	}
	if (bdb->read(bdb->arg, pgno, buffer) == -1) {
		bdb->io_errno = errno;
		/* Berkeley DB tries EAGAIN, EBUSY, EINTR and EIO again. */
		errno = EBADMSG;
		return -1;
	}
	return (ssize_t)length;
}

static ssize_t
hook_pread(int fd, void *buffer, size_t length, off_t offset)
{
	if (active == NULL || active->read == NULL)
		return pread(fd, buffer, length, offset);
	return read_checked(active, buffer, length, offset);
}

static ssize_t
hook_pwrite(int fd, const void *buffer, size_t length, off_t offset)
{
	struct drac_bdb *bdb = active;

	if (bdb == NULL || bdb->read == NULL)
		return pwrite(fd, buffer, length, offset);
	if (length != bdb->page_size || offset % bdb->page_size != 0) {
		bdb->io_errno = errno = EBADMSG;
		return -1;
	}
	if (drac_images_put(&bdb->images, (uint32_t)(offset / bdb->page_size),
		buffer) == -1) {
		bdb->io_errno = errno;
		return -1;
	}
	return (ssize_t)length;
}

static int
hook_fsync(int fd)
{
	return active != NULL ? 0 : fsync(fd);
}

static int
hook_ftruncate(int fd, off_t length)
{
	if (active == NULL || active->read == NULL)
		return ftruncate(fd, length);
	active->io_errno = errno = EPERM;
	return -1;
}

static void
install_hooks(void)
{
	db_env_set_func_open(hook_open);
	db_env_set_func_exists(hook_exists);
	db_env_set_func_pread(hook_pread);
	db_env_set_func_pwrite(hook_pwrite);
	db_env_set_func_fsync(hook_fsync);
	db_env_set_func_ftruncate(hook_ftruncate);
}

/* Everything Berkeley DB would print is dropped; results say enough. */
static void
silent(const DB_ENV *env, const char *prefix, const char *text)
{
	(void)env;
	(void)prefix;
	(void)text;
}

/* Translate a Berkeley DB result once: -1 with errno and a sentence. */
static int
failed(struct drac_bdb *bdb, int result, const char *doing,
    struct drac_why *why)
{
	int error = bdb->io_errno;

	if (error == 0)
		error = result > 0 ? result : EBADMSG;
	drac_why_set(why, "%s: %s", doing,
	    result > 0 ? strerror(error) : db_strerror(result));
	errno = error;
	return -1;
}

static int
open_env(struct drac_bdb *bdb, unsigned cache)
{
	int result = db_env_create(&bdb->env, 0);

	if (result != 0)
		return result;
	bdb->env->set_errcall(bdb->env, silent);
	bdb->env->set_msgfile(bdb->env, NULL);
	bdb->env->set_tmp_dir(bdb->env, HOME);
	/* Or it asks /sys how many processors there are, at every open. */
	bdb->env->mutex_set_tas_spins(bdb->env, 1);
	result = bdb->env->set_cachesize(bdb->env, 0, cache, 1);
	if (result != 0)
		return result;
	return bdb->env->open(bdb->env, HOME,
	    DB_CREATE | DB_PRIVATE | DB_INIT_MPOOL, 0);
}

static int
open_db(struct drac_bdb *bdb, bool create)
{
	char name[16];
	int result = db_create(&bdb->db, bdb->env, 0);

	if (result != 0)
		return result;
	snprintf(name, sizeof(name), "%d", bdb->fd);
	if (create) {
		result = bdb->db->set_pagesize(bdb->db, DRAC_PAGE_SIZE);
	} else {
		/* Deletes change one leaf and never restructure the tree. */
		result = bdb->db->set_flags(bdb->db, DB_REVSPLITOFF);
	}
	if (result != 0)
		return result;
	return bdb->db->open(bdb->db, NULL, name, NULL, DB_BTREE,
	    create ? DB_CREATE : 0, 0);
}

/*
 * Berkeley DB 5.3 crashes when the memory for its handle is refused, and
 * complains to stderr before it can be told not to: see that there is some.
 */
static int
see_memory(unsigned cache)
{
	void *volatile room = malloc(cache + HANDLE_ROOM); /* not elided */

	free(room);
	return room != NULL ? 0 : ENOMEM;
}

static int
open_both(struct drac_bdb *bdb, unsigned cache, bool create)
{
	int result = see_memory(cache);

	active = bdb;
	if (result == 0)
		result = open_env(bdb, cache);
	if (result == 0)
		result = open_db(bdb, create);
	active = NULL;
	/* Its functions are somebody else's: nothing would be captured. */
	if (result == 0 && !bdb->hooked)
		result = EBUSY;
	return result;
}

static struct drac_bdb *
new_bdb(int fd, drac_page_read *read, void *arg)
{
	struct drac_bdb *bdb = calloc(1, sizeof(*bdb));

	if (bdb == NULL)
		return NULL;
	install_hooks();
	bdb->fd = fd;
	bdb->read = read;
	bdb->arg = arg;
	bdb->page_size = bdb->images.page_size = DRAC_PAGE_SIZE;
	return bdb;
}

int
drac_bdb_open(int fd, drac_page_read *read, void *arg, struct drac_bdb **out,
    struct drac_why *why)
{
	struct drac_bdb *bdb = new_bdb(fd, read, arg);
	int result;

	if (bdb == NULL)
		return -1;
	result = open_both(bdb, CACHE_CHANGE, false);
	if (result != 0) {
		(void)failed(bdb, result, "Berkeley DB", why);
		drac_bdb_close(bdb);
		return -1;
	}
	*out = bdb;
	return 0;
}

/* Berkeley DB's DBT for octets that it only reads. */
static DBT
octets(const void *data, size_t length)
{
	DBT dbt;

	memset(&dbt, 0, sizeof(dbt));
	/* The member is not const, yet put and del only read it. */
	memcpy(&dbt.data, &data, sizeof(data));
	dbt.size = (u_int32_t)length;
	return dbt;
}

int
drac_bdb_get(struct drac_bdb *bdb, const void *key, size_t key_len, void *value,
    size_t *value_len, struct drac_why *why)
{
	DBT k = octets(key, key_len);
	DBT v = { .data = value,
		.ulen = (u_int32_t)*value_len,
		.flags = DB_DBT_USERMEM };
	int result;

	active = bdb;
	result = bdb->db->get(bdb->db, NULL, &k, &v, 0);
	active = NULL;
	*value_len = result == 0 ? v.size : 0;
	if (result == 0 || result == DB_BUFFER_SMALL)
		return 1;
	if (result == DB_NOTFOUND)
		return 0;
	return failed(bdb, result, "Berkeley DB get", why);
}

int
drac_bdb_put(struct drac_bdb *bdb, const void *key, size_t key_len,
    const void *value, size_t value_len, struct drac_why *why)
{
	DBT k = octets(key, key_len);
	DBT v = octets(value, value_len);
	int result;

	active = bdb;
	result = bdb->db->put(bdb->db, NULL, &k, &v, 0);
	active = NULL;
	return result == 0 ? 0 : failed(bdb, result, "Berkeley DB put", why);
}

int
drac_bdb_delete(struct drac_bdb *bdb, const void *key, size_t key_len,
    struct drac_why *why)
{
	DBT k = octets(key, key_len);
	int result;

	active = bdb;
	result = bdb->db->del(bdb->db, NULL, &k, 0);
	active = NULL;
	if (result == DB_NOTFOUND)
		return 0;
	return result == 0 ? 1 : failed(bdb, result, "Berkeley DB del", why);
}

int
drac_bdb_take(struct drac_bdb *bdb, struct drac_images *images,
    struct drac_why *why)
{
	int result;

	active = bdb;
	result = bdb->db->sync(bdb->db, 0);
	active = NULL;
	if (result != 0)
		return failed(bdb, result, "Berkeley DB sync", why);
	drac_images_clear(images);
	drac_images_swap(images, &bdb->images);
	return 0;
}

void
drac_bdb_close(struct drac_bdb *bdb)
{
	int saved = errno;

	if (bdb == NULL)
		return;
	active = bdb;
	if (bdb->db != NULL)
		(void)bdb->db->close(bdb->db, DB_NOSYNC);
	if (bdb->env != NULL)
		(void)bdb->env->close(bdb->env, 0);
	active = NULL;
	drac_images_free(&bdb->images);
	free(bdb);
	errno = saved;
}

static int
put_all(struct drac_bdb *bdb, drac_bdb_next *next, void *arg,
    struct drac_why *why)
{
	for (;;) {
		struct drac_item item;
		int more = next(arg, &item);

		if (more != 1)
			return more;
		if (drac_bdb_put(bdb, item.key, item.key_len, item.value,
			item.value_len, why) == -1)
			return -1;
	}
}

int
drac_bdb_build(int fd, drac_bdb_next *next, void *arg, struct drac_why *why)
{
	struct drac_bdb *bdb = new_bdb(fd, NULL, NULL);
	int status = -1;
	int result;

	if (bdb == NULL)
		return -1;
	result = open_both(bdb, CACHE_BUILD, true);
	if (result != 0) {
		(void)failed(bdb, result, "Berkeley DB create", why);
		drac_bdb_close(bdb);
		return -1;
	}
	if (put_all(bdb, next, arg, why) == 0) {
		active = bdb;
		result = bdb->db->sync(bdb->db, 0);
		active = NULL;
		status = result == 0
			     ? 0
			     : failed(bdb, result, "Berkeley DB sync", why);
	}
	drac_bdb_close(bdb);
	return status;
}
