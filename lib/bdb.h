/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Berkeley DB at work on a map, with its hands held. It reads through the
 * caller's function, so it never parses a page that was not checked, and
 * what it writes is captured as page images instead of reaching the file.
 * The only room that includes <db.h>.
 *
 * Berkeley DB's replaceable I/O functions are process-wide. They are set
 * and never reset, and do nothing of their own unless this thread is
 * inside a call of this room: other users of Berkeley DB in the process
 * keep their files, their threads and their writes.
 */
#ifndef DRAC_BDB_H
#define DRAC_BDB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "images.h"
#include "page.h"
#include "why.h"

/* An opened map; the captured pages are visible to its own later reads. */
struct drac_bdb;

/*
 * fd is the map (a duplicate is what Berkeley DB gets to hold); read
 * yields checked pages and is called with arg until drac_bdb_close.
 * -1: EBADMSG the pages are not a btree, or what Berkeley DB says.
 */
int drac_bdb_open(int fd, drac_page_read *read, void *arg,
    struct drac_bdb **bdb, struct drac_why *why);

/* Store, replacing. */
int drac_bdb_put(struct drac_bdb *bdb, const void *key, size_t key_len,
    const void *value, size_t value_len, struct drac_why *why);

/*
 * The value under a key: 1, 0 not there, -1. *value_len: octets that value
 * has room for, then how many there are; 0 when there are more than fit.
 */
int drac_bdb_get(struct drac_bdb *bdb, const void *key, size_t key_len,
    void *value, size_t *value_len, struct drac_why *why);

/* Delete: 1 deleted, 0 not there, -1. */
int drac_bdb_delete(struct drac_bdb *bdb, const void *key, size_t key_len,
    struct drac_why *why);

/*
 * Everything changed since the open or the last take, as page images: they
 * take the place of what is in images.
 */
int drac_bdb_take(struct drac_bdb *bdb, struct drac_images *images,
    struct drac_why *why);

/* Close without writing anything. NULL is allowed. errno is kept. */
void drac_bdb_close(struct drac_bdb *bdb);

/*
 * Fill the empty file fd with a new btree of DRAC_PAGE_SIZE pages. next
 * gives the entries one by one: 1 an entry, 0 no more, -1 with errno. The
 * file is written in the ordinary way and is not synced.
 */
typedef int drac_bdb_next(void *arg, struct drac_item *item);
int drac_bdb_build(int fd, drac_bdb_next *next, void *arg,
    struct drac_why *why);

#endif
